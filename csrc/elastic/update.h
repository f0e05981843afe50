// Row updates of the isotropic velocity-stress scheme (Virieux 1986, doi:10.1190/1.1442147; Levander 1988,
// doi:10.1190/1.1442422), one template for dimension, order and type.
//
//   rho dt v_n  = sum_a D_a s_na          s_nn: D+, else D-
//   dt s_nn     = lam sum_a D-_a v_a + 2 mu D-_n v_n
//   dt s_nt     = mu (D+_t v_n + D+_n v_t)
//
// Every update is `field += coefficient * (sum of derivatives)`. What a derivative is depends on where it is
// taken:
//
//   Difference   inside: the staggered stencil
//   Stretched    in an absorbing layer (Komatitsch & Martin 2007, doi:10.1190/1.2757586): with g the plain
//   derivative,
//                psi <- b psi + a g,  derivative = g + psi
//   Buffered     in the first rows below a free surface: the closure of surface.h, summed beforehand into a
//   row
//
// with_dx, with_dy and with_dz cut a run of rows into the parts where each kind holds; the loops themselves
// have no branch.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "common/stencil.h"
#include "elastic/surface.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// A derivative is asked for a row first, by its number along the axis of the rows, then for vectors of it:
// operator()(i, x) for element i of the arrays, which is column x.

// In 3-D the rows come from the outer caches; asking for them this many rows before is 1.2 times faster (Zen
// 5, 148^3).
constexpr int64_t kAhead = 2;

// D+ or D- along the axis with that stride; c holds the coefficients times dt / h.
template <bool kPlus, int kRadius, class T>
struct Difference {
  const T* u;
  int64_t stride;
  typename Simd<T>::Vector c[kRadius];

  SK_INLINE const Difference& row(int64_t) const { return *this; }
  SK_INLINE void prefetch(int64_t i) const { __builtin_prefetch(u + i + (kRadius - 1 + kPlus) * stride); }
  SK_INLINE auto operator()(int64_t i, int64_t) const {
    const T* v = u + i + (kPlus ? stride : 0);
    auto sum = c[0] * (Simd<T>::load(v) - Simd<T>::load(v - stride));
#pragma GCC unroll 4
    for (int m = 1; m < kRadius; ++m) {
      sum += c[m] * (Simd<T>::load(v + m * stride) - Simd<T>::load(v - (m + 1) * stride));
    }
    return sum;
  }
};

// The same along x.
template <bool kPlus, int kRadius, class T>
struct DifferenceX {
  const T* u;
  typename Simd<T>::Vector c[kRadius];

  SK_INLINE const DifferenceX& row(int64_t) const { return *this; }
  SK_INLINE void prefetch(int64_t i) const { __builtin_prefetch(u + i); }
  SK_INLINE auto operator()(int64_t i, int64_t) const { return sum<0>(Window<T>(u + i)); }

  template <int kTerm>
  SK_INLINE auto sum(const Window<T>& window) const {
    constexpr int right = kPlus ? kTerm + 1 : kTerm, left = right - 2 * kTerm - 1;
    const auto term = c[kTerm] * (window.template at<right>() - window.template at<left>());
    if constexpr (kTerm + 1 < kRadius) {
      return term + sum<kTerm + 1>(window);
    } else {
      return term;
    }
  }
};

// A row computed beforehand.
template <class T>
struct Buffered {
  const T* u;
  SK_INLINE const Buffered& row(int64_t) const { return *this; }
  SK_INLINE void prefetch(int64_t) const {}
  SK_INLINE auto operator()(int64_t, int64_t x) const { return Simd<T>::load(u + x); }
};

// Absorbing profiles along x ...
template <class T>
struct AlongRow {
  const T *a_, *b_;
  SK_INLINE const AlongRow& row(int64_t) const { return *this; }
  SK_INLINE auto a(int64_t x) const { return Simd<T>::load(a_ + x); }
  SK_INLINE auto b(int64_t x) const { return Simd<T>::load(b_ + x); }
};

// ... or of whole rows; step 0 if all rows of the run share them.
template <class T>
struct PerRow {
  const T *a_, *b_;
  int64_t step;
  struct Row {
    typename Simd<T>::Vector a_, b_;
    SK_INLINE auto a(int64_t) const { return a_; }
    SK_INLINE auto b(int64_t) const { return b_; }
  };
  SK_INLINE Row row(int64_t n) const { return {Simd<T>::all(a_[n * step]), Simd<T>::all(b_[n * step])}; }
};

// A derivative in an absorbing layer; psi is its memory variable, `width` elements a row.
template <class T, class D, class P>
struct Stretched {
  D d;
  P profile;
  T* psi;
  int64_t width;

  template <class DRow, class PRow>
  struct Row {
    DRow d;
    PRow p;
    T* psi;
    SK_INLINE void prefetch(int64_t i) const { d.prefetch(i); }
    SK_INLINE auto operator()(int64_t i, int64_t x) const {
      const auto g = d(i, x);
      const auto memory = p.b(x) * Simd<T>::load(psi + x) + p.a(x) * g;
      Simd<T>::store(psi + x, memory);
      return memory + g;
    }
  };
  SK_INLINE auto row(int64_t n) const {
    return Row<decltype(d.row(n)), decltype(profile.row(n))>{d.row(n), profile.row(n), psi + n * width};
  }
};

// Rows [begin, end) along z in 2-D, of plane k along y in 3-D; columns [x0, x1), whole vectors. Row n starts
// at element start + n step.
struct Run {
  int64_t k, begin, end, start, step, x0, x1;

  SK_INLINE Run rows(int64_t first, int64_t last) const { return {k, first, last, start, step, x0, x1}; }
  SK_INLINE Run columns(int64_t first, int64_t last) const {
    return {k, begin, end, start, step, first, last};
  }
};

// out += coefficient * (sum of derivatives)
template <class T>
struct AddTo {
  T* out;
  const T* coefficient;

  SK_INLINE void prefetch(int64_t i) const {
    __builtin_prefetch(out + i);
    __builtin_prefetch(coefficient + i);
  }
  template <class... V>
  SK_INLINE void operator()(int64_t i, V... d) const {
    Simd<T>::store(out + i, Simd<T>::load(out + i) + Simd<T>::load(coefficient + i) * (d + ...));
  }
};

// Normal stresses from the strain rates along x, (y,) z.
template <class T>
struct AddNormal {
  T *sxx, *syy, *szz;
  const T *lam, *mu2;

  SK_INLINE void prefetch(int64_t i) const {
    __builtin_prefetch(sxx + i);
    __builtin_prefetch(syy + i);
    __builtin_prefetch(szz + i);
    __builtin_prefetch(lam + i);
    __builtin_prefetch(mu2 + i);
  }
  template <class V>
  SK_INLINE void operator()(int64_t i, V x, V z) const {
    const V mean = Simd<T>::load(lam + i) * (x + z), twice = Simd<T>::load(mu2 + i);
    Simd<T>::store(sxx + i, Simd<T>::load(sxx + i) + (mean + twice * x));
    Simd<T>::store(szz + i, Simd<T>::load(szz + i) + (mean + twice * z));
  }
  template <class V>
  SK_INLINE void operator()(int64_t i, V x, V y, V z) const {
    const V mean = Simd<T>::load(lam + i) * (x + y + z), twice = Simd<T>::load(mu2 + i);
    Simd<T>::store(sxx + i, Simd<T>::load(sxx + i) + (mean + twice * x));
    Simd<T>::store(syy + i, Simd<T>::load(syy + i) + (mean + twice * y));
    Simd<T>::store(szz + i, Simd<T>::load(szz + i) + (mean + twice * z));
  }
};

template <int kDim, int kRadius, class T>
class Rows {
 public:
  Rows(const View<T>& view, T* buffer) : v_(view), buffer_(buffer) {}

  void velocity(const Run& run) const {
    velocity_component<SK_X, SK_SXX, SK_SXY, SK_SXZ>(run);
    if constexpr (kDim == 3) velocity_component<SK_Y, SK_SXY, SK_SYY, SK_SYZ>(run);
    velocity_component<SK_Z, SK_SXZ, SK_SYZ, SK_SZZ>(run);
  }

  void stress(const Run& run) const {
    normal_stress(run);
    shear_stress<SK_SXZ, SK_MXZ, SK_VX, SK_Z, SK_VZ, SK_X>(run);
    if constexpr (kDim == 3) {
      shear_stress<SK_SYZ, SK_MYZ, SK_VY, SK_Z, SK_VZ, SK_Y>(run);
      shear_stress<SK_SXY, SK_MXY, SK_VX, SK_Y, SK_VY, SK_X>(run);
    }
  }

  // What all axes of a multiaxial layer have in common: a factor on velocities or stresses. See README.md.
  void damp(bool stress, const Run& run) const {
    const int first = stress ? SK_SXX : SK_VX, last = stress ? SK_FIELDS : SK_SXX;
    for (int f = first; f < last; ++f) {
      if (kDim == 2 && (f == SK_VY || f == SK_SYY || f == SK_SXY || f == SK_SYZ)) continue;
      const T *x = factor(f, SK_X), *y = factor(f, SK_Y), *z = factor(f, SK_Z);
      for (int64_t n = run.begin; n < run.end; ++n) {
        const T rows = kDim == 2 ? z[n] : z[run.k] * y[n];
        T* row = v_.field[f] + run.start + n * run.step;
        if (rows != T(1)) {
          damp_columns(row, rows, x, 0, v_.nx);
        } else {
          damp_columns(row, rows, x, 0, v_.layer[SK_X].low);
          damp_columns(row, rows, x, v_.layer[SK_X].high, v_.nx);
        }
      }
    }
  }

 private:
  // Factors of a field along an axis.
  SK_INLINE const T* factor(int field, int axis) const {
    const bool shear = field == SK_SXY || field == SK_SXZ || field == SK_SYZ;
    const int without = field == SK_SXY   ? SK_Z
                        : field == SK_SXZ ? SK_Y
                                          : SK_X;  // a shear stress's other axis
    const bool half = shear ? axis != without : field == SK_VX + axis;
    return v_.profile[axis].g[half];
  }

  static SK_INLINE void damp_columns(T* row, T rows, const T* columns, int64_t x0, int64_t x1) {
    for (int64_t x = x0; x < x1; x += Simd<T>::lanes) {
      const auto factor = Simd<T>::all(rows) * Simd<T>::load(columns + x);
      Simd<T>::store(row + x, Simd<T>::load(row + x) * factor);
    }
  }

  // Calls add(element, derivatives...) for all vectors of a run.
  template <class Add, class... D>
  static SK_INLINE void for_each(const Run& run, const Add& add, const D&... d) {
    for (int64_t n = run.begin; n < run.end; ++n) for_row(run, run.start + n * run.step, add, d.row(n)...);
  }
  template <class Add, class... D>
  static SK_INLINE void for_row(const Run& run, int64_t start, const Add& add, const D&... d) {
    const int64_t ahead = start + kAhead * run.step;
    for (int64_t x = run.x0; x < run.x1; x += Simd<T>::lanes) {
      if constexpr (kDim == 3) {
        add.prefetch(ahead + x);
        (d.prefetch(ahead + x), ...);
      }
      add(start + x, d(start + x, x)...);
    }
  }

  template <bool kPlus>
  SK_INLINE Difference<kPlus, kRadius, T> difference(int field, int axis) const {
    Difference<kPlus, kRadius, T> d{v_.field[field], v_.stride[axis], {}};
    for (int m = 0; m < kRadius; ++m) d.c[m] = Simd<T>::all(v_.c[axis][m]);
    return d;
  }

  template <class D, class P>
  SK_INLINE Stretched<T, D, P> stretched(const D& d, const P& profile, T* psi, int64_t width) const {
    return {d, profile, psi, width};
  }

  void clear(T* row) const {
    for (int64_t x = 0; x < v_.nx; x += Simd<T>::lanes) Simd<T>::store(row + x, Simd<T>::all(0));
  }

  // z derivative of `field` in row k of a free surface's closure; `row` is where that row starts.
  template <bool kPlus>
  Buffered<T> closure(int field, Pair pair, int64_t k, int64_t row) const {
    using S = Surface<kRadius>;
    const double* c = kPlus ? S::plus[static_cast<int>(pair)][k] : S::minus[static_cast<int>(pair)][k];
    const T* u = v_.field[field] + row - k * v_.stride[SK_Z];
    clear(buffer_);
    for (int tap = 0; tap < (kPlus ? S::plus_taps : S::minus_taps); ++tap, u += v_.stride[SK_Z]) {
      if (c[tap] == 0) continue;
      const auto w = Simd<T>::all(T(c[tap] * v_.scale[SK_Z]));
      for (int64_t x = 0; x < v_.nx; x += Simd<T>::lanes) {
        Simd<T>::store(buffer_ + x, Simd<T>::load(buffer_ + x) + w * Simd<T>::load(u + x));
      }
    }
    return {buffer_};
  }

  // The memory variable of a derivative along an axis: D s_nA has the number of v_n, D v_n comes after those.
  static constexpr int of_stress(int n) { return n; }
  static constexpr int of_velocity(int n) { return 3 + n; }
  // D+ lands on half nodes, D- on nodes.
  template <bool kPlus>
  SK_INLINE PerRow<T> per_row(int axis, int64_t first, int64_t step) const {
    const Profile<T>& p = v_.profile[axis];
    return {p.a[kPlus] + first, p.b[kPlus] + first, step};
  }

  // Calls body(part of the run, derivative of `field` along x).
  template <bool kPlus, class Body>
  SK_INLINE void with_dx(int field, int memory, const Run& run, const Body& body) const {
    const Layer<T>& layer = v_.layer[SK_X];
    const Profile<T>& p = v_.profile[SK_X];
    DifferenceX<kPlus, kRadius, T> d{v_.field[field], {}};
    for (int m = 0; m < kRadius; ++m) d.c[m] = Simd<T>::all(v_.c[SK_X][m]);
    const AlongRow<T> profile = {p.a[kPlus], p.b[kPlus]};
    const int64_t width = layer.low + v_.nx - layer.high;
    T* psi = layer.memory[memory] + (kDim == 3 ? run.k * v_.ny * width : 0);
    if (layer.low > 0) body(run.columns(0, layer.low), stretched(d, profile, psi, width));
    if (layer.high > layer.low) body(run.columns(layer.low, layer.high), d);
    if (v_.nx > layer.high) {
      body(run.columns(layer.high, v_.nx), stretched(d, profile, psi + layer.low - layer.high, width));
    }
  }

  // The same along the axis of the rows: z in 2-D, y in 3-D.
  template <int kAxis, bool kPlus, class Body>
  SK_INLINE void along_rows(int field, int memory, const Run& run, const Body& body) const {
    const Layer<T>& layer = v_.layer[kAxis];
    const auto d = difference<kPlus>(field, kAxis);
    const auto profile = per_row<kPlus>(kAxis, 0, 1);
    const auto clip = [&](int64_t n) { return n < run.begin ? run.begin : n > run.end ? run.end : n; };
    const int64_t low = clip(layer.low), high = clip(layer.high);
    T* psi = layer.memory[memory] + (kAxis == SK_Y ? run.k * (layer.low + v_.ny - layer.high) * v_.nx : 0);
    if (run.begin < low) body(run.rows(run.begin, low), stretched(d, profile, psi, v_.nx));
    if (low < high) body(run.rows(low, high), d);
    if (high < run.end) {
      body(run.rows(high, run.end), stretched(d, profile, psi + (layer.low - layer.high) * v_.nx, v_.nx));
    }
  }

  // And across the rows of a plane in 3-D.
  template <bool kPlus, class Body>
  SK_INLINE void across_plane(int field, int memory, const Run& run, const Body& body) const {
    const Layer<T>& layer = v_.layer[SK_Z];
    const auto d = difference<kPlus>(field, SK_Z);
    if (run.k >= layer.low && run.k < layer.high) return body(run, d);
    const int64_t slab = run.k < layer.low ? run.k : run.k - layer.high + layer.low;
    body(run,
         stretched(d, per_row<kPlus>(SK_Z, run.k, 0), layer.memory[memory] + slab * v_.ny * v_.nx, v_.nx));
  }

  template <bool kPlus, class Body>
  SK_INLINE void with_dz(int field, int memory, Pair pair, Run run, const Body& body) const {
    constexpr int64_t closed = kPlus ? Surface<kRadius>::plus_rows : Surface<kRadius>::minus_rows;
    if (v_.free_surface && (kDim == 2 ? run.begin : run.k) < closed) {
      const int64_t end = kDim == 3 || run.end < closed ? run.end : closed;
      for (int64_t n = run.begin; n < end; ++n) {
        body(run.rows(n, n + 1),
             closure<kPlus>(field, pair, kDim == 2 ? n : run.k, run.start + n * run.step));
      }
      run = run.rows(end, run.end);
    }
    if (run.begin == run.end) return;
    if constexpr (kDim == 2) {
      along_rows<SK_Z, kPlus>(field, memory, run, body);
    } else {
      across_plane<kPlus>(field, memory, run, body);
    }
  }

  template <int kAxis, bool kPlus, class Body>
  SK_INLINE void with_derivative(int field, int memory, const Run& run, const Body& body) const {
    if constexpr (kAxis == SK_X) with_dx<kPlus>(field, memory, run, body);
    if constexpr (kAxis == SK_Y) along_rows<SK_Y, kPlus>(field, memory, run, body);
    if constexpr (kAxis == SK_Z) with_dz<kPlus>(field, memory, Pair::kShear, run, body);
  }

  template <int kAxis, int kSx, int kSy, int kSz>
  void velocity_component(const Run& run) const {
    constexpr Pair pair = kAxis == SK_Z ? Pair::kNormal : Pair::kShear;
    constexpr int memory = of_stress(kAxis);
    const AddTo<T> add = {v_.field[SK_VX + kAxis], v_.medium[SK_BX + kAxis]};
    with_dz<kAxis == SK_Z>(kSz, memory, pair, run, [&](const Run& plane, const auto& dz) {
      if constexpr (kDim == 2) {
        with_dx<kAxis == SK_X>(kSx, memory, plane,
                               [&](const Run& part, const auto& dx) { for_each(part, add, dx, dz); });
      } else {
        along_rows<SK_Y, kAxis == SK_Y>(kSy, memory, plane, [&](const Run& strip, const auto& dy) {
          with_dx<kAxis == SK_X>(kSx, memory, strip,
                                 [&](const Run& part, const auto& dx) { for_each(part, add, dx, dy, dz); });
        });
      }
    });
  }

  // dt s = mu (D+ along kA of field kFieldA + D+ along kB of field kFieldB)
  template <int kStress, int kMu, int kFieldA, int kA, int kFieldB, int kB>
  void shear_stress(const Run& run) const {
    const AddTo<T> add = {v_.field[kStress], v_.medium[kMu]};
    with_derivative<kA, true>(kFieldA, of_velocity(kFieldA), run, [&](const Run& plane, const auto& da) {
      with_derivative<kB, true>(kFieldB, of_velocity(kFieldB), plane,
                                [&](const Run& part, const auto& db) { for_each(part, add, da, db); });
    });
  }

  void normal_stress(const Run& run) const {
    const int64_t end = kDim == 3 ? run.end : run.begin + 1;
    if (!v_.free_surface || (kDim == 2 ? run.begin : run.k) > 0) return normal_stress_below(run);
    for (int64_t n = run.begin; n < end; ++n) surface_stress(run.rows(n, n + 1));
    if (end < run.end) normal_stress_below(run.rows(end, run.end));
  }

  void normal_stress_below(const Run& run) const {
    with_dz<false>(SK_VZ, of_velocity(SK_Z), Pair::kNormal, run,
                   [&](const Run& plane, const auto& ez) { normal_stress_rows(plane, ez); });
  }

  // One row on the free surface: lam is the plane-stress modulus there, the strain along z drops out and szz
  // stays zero.
  void surface_stress(const Run& row) const {
    clear(buffer_);
    normal_stress_rows(row, Buffered<T>{buffer_});
    clear(v_.field[SK_SZZ] + row.start + row.begin * row.step);
  }

  template <class D>
  SK_INLINE void normal_stress_rows(const Run& plane, const D& ez) const {
    const AddNormal<T> add = {v_.field[SK_SXX], v_.field[SK_SYY], v_.field[SK_SZZ], v_.medium[SK_LAM],
                              v_.medium[SK_MU2]};
    if constexpr (kDim == 2) {
      with_dx<false>(SK_VX, of_velocity(SK_VX), plane,
                     [&](const Run& part, const auto& ex) { for_each(part, add, ex, ez); });
    } else {
      along_rows<SK_Y, false>(SK_VY, of_velocity(SK_VY), plane, [&](const Run& strip, const auto& ey) {
        with_dx<false>(SK_VX, of_velocity(SK_VX), strip,
                       [&](const Run& part, const auto& ex) { for_each(part, add, ex, ey, ez); });
      });
    }
  }

  const View<T>& v_;
  T* buffer_;  // one row
};

}  // namespace seiskern::elastic::SK_ISA
