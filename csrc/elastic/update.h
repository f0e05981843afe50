// Row updates of the velocity-stress scheme, one template for dimension, order and type. nodes.h has the
// equations.
//
// The differences are taken by the kinds of derivatives.h, in absorbing layers by those that layers.h makes
// of them; with_z and with_y cut a run of rows into the parts where each kind holds. The loops read every
// array once; their only branch is that of the columns, for rows cut where layers along x begin cost more.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/coefficients.h"
#include "elastic/differences.h"
#include "elastic/layers.h"
#include "elastic/nodes.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Columns [x0, x1) of rows [begin, end) along z in 2-D, along y of plane k, or of planes k and k + 1, in 3-D.
// Row n starts at element start + n step.
struct Run {
  int64_t k, planes, begin, end, start, step, x0, x1;

  SK_INLINE Run rows(int64_t first, int64_t last) const {
    return {k, planes, first, last, start, step, x0, x1};
  }
  SK_INLINE Run plane(int64_t number, int64_t stride) const {
    return {k + number, 1, begin, end, start + number * stride, step, x0, x1};
  }
};

// Whether two rows, one below the other, may be taken at a time: inside, where they share the rows that their
// differences along z read.
template <class D>
constexpr bool kPaired = true;
template <class T>
constexpr bool kPaired<Buffered<T>> = false;
template <class T, class D>
constexpr bool kPaired<Stretched<T, D>> = false;

// Asks for rows from memory, two while two others are updated: all arrays of one row after the other.
template <class T>
class Fetch {
 public:
  Fetch(const View<T>& view, const Ahead& ahead) : v_(view) {
    const int64_t first = ahead.begin * view.n_arrays, all = ahead.end * view.n_arrays - first;
    next_ = first + all * ahead.part / ahead.parts;
    end_ = first + all * (ahead.part + 1) / ahead.parts;
  }

  SK_INLINE bool more() const { return next_ != end_; }

  // The next row, or if there is none the last.
  SK_INLINE const T* row() {
    const int64_t n = more() ? next_++ : next_ - 1;
    return v_.array[n % v_.n_arrays] + n / v_.n_arrays * v_.stride[SK_Z];
  }

 private:
  const View<T>& v_;
  int64_t next_, end_;
};

template <int kDim, int kRadius, class T, class Layers = Stretching<kDim, T>>
class Rows {
  static constexpr int64_t kClosed = Differences<kDim, kRadius, T>::kClosed;
  // Rows of a plane, or of two, before those of the next, which reads some of them again: they stay in the
  // second cache.
  static constexpr int64_t kRowsOfPiece = 8, kRowsOfPair = 16;

 public:
  // `buffer` holds three rows.
  Rows(const View<T>& view, const Layers& layers, T* buffer, Fetch<T>& fetch)
      : v_(view), layers_(layers), of_(view, buffer), fetch_(fetch) {}

  // The rows of a task, of velocity or of stress.
  void update(bool stress, const Task& task) const {
    if constexpr (kDim == 2) {
      for (int64_t x0 = 0; x0 < v_.nx; x0 += v_.piece) {
        const int64_t x1 = x0 + v_.piece < v_.nx ? x0 + v_.piece : v_.nx;
        update(stress, Run{0, 1, task.k0, task.k1, 0, v_.stride[SK_Z], x0, x1});
      }
    } else {
      const int64_t piece = v_.paired ? kRowsOfPair : kRowsOfPiece;
      for (int64_t j = task.j0; j < task.j1; j += piece) {
        const int64_t end = j + piece < task.j1 ? j + piece : task.j1;
        for (int64_t k = task.k0, planes; k < task.k1; k += planes) {
          planes = k + 1 < task.k1 && paired(k) ? 2 : 1;
          update(stress, Run{k, planes, j, end, k * v_.stride[SK_Z], v_.stride[SK_Y], 0, v_.nx});
        }
      }
    }
  }

  // What all axes of a multiaxial layer have in common: a factor on velocities or stresses. See README.md.
  void damp(bool stress, const Task& task) const {
    if (!v_.damped) return;
    if constexpr (kDim == 2) {
      damp(stress, 0, task.k0, task.k1);
    } else {
      for (int64_t k = task.k0; k < task.k1; ++k) damp(stress, k, task.j0, task.j1);
    }
  }

 private:
  // Whether planes k and k + 1 may be one run.
  SK_INLINE bool paired(int64_t k) const {
    return v_.paired && k >= (v_.free_surface ? kClosed : layers_.low(SK_Z)) && k + 1 < layers_.high(SK_Z);
  }

  void update(bool stress, const Run& run) const {
    if (!stress) return advance<true>(run);
    advance<false>(run);
    if (v_.free_surface && (kDim == 2 ? run.begin : run.k) == 0) clear_surface(run);
  }

  void damp(bool stress, int64_t k, int64_t begin, int64_t end) const {
    const int first = stress ? SK_SXX : SK_VX, last = stress ? SK_FIELDS : SK_SXX;
    for (int f = first; f < last; ++f) {
      if (kDim == 2 && (f == SK_VY || f == SK_SYY || f == SK_SXY || f == SK_SYZ)) continue;
      const T *x = factor(f, SK_X), *y = factor(f, SK_Y), *z = factor(f, SK_Z);
      for (int64_t n = begin; n < end; ++n) {
        const T rows = kDim == 2 ? z[n] : z[k] * y[n];
        T* row = v_.field[f] + k * v_.stride[SK_Z] + n * v_.stride[kDim == 2 ? SK_Z : SK_Y];
        if (rows != T(1)) {
          damp_columns(row, rows, x, 0, v_.nx);
        } else {
          damp_columns(row, rows, x, 0, v_.layer[SK_X].low);
          damp_columns(row, rows, x, v_.layer[SK_X].high, v_.nx);
        }
      }
    }
  }

  // Factors of a field along an axis.
  SK_INLINE const T* factor(int field, int axis) const { return v_.profile[axis].g[on_half(field, axis)]; }

  static SK_INLINE void damp_columns(T* row, T rows, const T* columns, int64_t x0, int64_t x1) {
    for (int64_t x = x0; x < x1; x += Simd<T>::lanes) {
      const auto factor = Simd<T>::all(rows) * Simd<T>::load(columns + x);
      Simd<T>::store(row + x, Simd<T>::load(row + x) * factor);
    }
  }

  template <bool kVelocity>
  void advance(const Run& run) const {
    with_z<kVelocity>(run, [&](const Run& rows, const auto& z) {
      with_y<kVelocity>(rows, [&](const Run& strip, const auto& y) { add<kVelocity>(strip, y, z); });
    });
  }

  template <bool kVelocity, class Y, class Z>
  SK_INLINE void add(const Run& run, const Y& y, const Z& z) const {
    const auto d = of_.template along<kVelocity, SK_X>();
    const auto x = layers_.template columns<kVelocity>(d, run.k);
    int64_t n = run.begin;
    if constexpr (kPaired<Y> && kPaired<Z>) {
      if (kDim == 2) {
        for (; n + 1 < run.end; n += 2) add_rows<kVelocity, 2>(run, n, x, y, z);
      } else if (run.planes == 2) {
        for (; n < run.end; ++n) add_rows<kVelocity, 2>(run, n, x, y, z);
      }
    }
    for (; n < run.end; ++n) add_rows<kVelocity, 1>(run, n, x, y, z);
  }

  template <bool kVelocity, int kRows, class X, class Y, class Z>
  SK_INLINE void add_rows(const Run& run, int64_t n, const X& along_x, const Y& along_y,
                          const Z& along_z) const {
    auto x = along_x.template rows<kRows>(n);
    auto y = along_y.template rows<kRows>(n);
    auto z = along_z.template rows<kRows>(n);
    const int64_t start = run.start + n * run.step;
    if constexpr (kDim == 2 && kVelocity) {
      add_fields<true, false>(run, start, Stored<T, kRows>{v_}, x, y, z);
    } else if (v_.orthorhombic) {
      add_fields<kVelocity, true>(run, start, Stored<T, kRows>{v_}, x, y, z);
    } else if constexpr (kDim == 2) {
      add_fields<false, false>(run, start, Stored<T, kRows>{v_}, x, y, z);
    } else {
      add_fields<kVelocity, false>(run, start, Averaged<T, kRows>{v_}, x, y, z);
    }
  }

  template <bool kVelocity, bool kOrthorhombic, class M, class X, class Y, class Z>
  SK_INLINE void add_fields(const Run& run, int64_t start, const M& medium, X& x, Y& y, Z& z) const {
    Nodes<kDim, Adding<T>> nodes{{v_}};
    const auto update = [&](int64_t c) SK_INLINE_LAMBDA {
      if constexpr (kVelocity) {
        nodes.add_velocity(start + c, c, medium, x, y, z);
      } else {
        nodes.template add_stress<kOrthorhombic>(start + c, c, medium, x, y, z);
      }
    };
    const bool fetch = kDim == 2 && fetch_.more();
    const T* const ahead[] = {fetch ? fetch_.row() : nullptr, fetch ? fetch_.row() : nullptr};
    x.parts(start, run.x0, run.x1, [&](int64_t first, int64_t end) SK_INLINE_LAMBDA {
      if (fetch) {
        for (int64_t c = first; c < end; c += Simd<T>::lanes) {
          for (const T* row : ahead) __builtin_prefetch(row + c, 0, 2);  // into the second cache
          update(c);
        }
      } else {
        for (int64_t c = first; c < end; c += Simd<T>::lanes) update(c);
      }
    });
  }

  template <bool kVelocity, class Body>
  SK_INLINE void with_y(const Run& run, const Body& body) const {
    if constexpr (kDim == 2) {
      body(run, Absent{});
    } else {
      along_rows<kVelocity, SK_Y>(run, body);
    }
  }

  // Derivatives along the axis of the rows: z in 2-D, y in 3-D.
  template <bool kVelocity, int kAxis, class Body>
  SK_INLINE void along_rows(const Run& run, const Body& body) const {
    const auto d = of_.template along<kVelocity, kAxis>();
    const auto clip = [&](int64_t n) { return n < run.begin ? run.begin : n > run.end ? run.end : n; };
    const auto in_layer = [&](int64_t begin, int64_t end, bool high) {
      if (begin >= end) return;
      for (int64_t p = 0; p < run.planes; ++p) {
        const Run plane = run.rows(begin, end).plane(p, v_.stride[SK_Z]);
        body(plane, layers_.template rows<kVelocity, kAxis>(d, plane.k, high));
      }
    };
    const int64_t low = clip(layers_.low(kAxis)), high = clip(layers_.high(kAxis));
    in_layer(run.begin, low, false);
    if (low < high) body(run.rows(low, high), d);
    in_layer(high, run.end, true);
  }

  template <bool kVelocity, class Body>
  SK_INLINE void with_z(const Run& run, const Body& body) const {
    int64_t below = run.begin;
    if (v_.free_surface && (kDim == 2 ? run.begin : run.k) < kClosed) {
      below = kDim == 3 || run.end < kClosed ? run.end : kClosed;
      for (int64_t n = run.begin; n < below; ++n) with_closed<kVelocity>(run.rows(n, n + 1), body);
    }
    if (below == run.end) return;
    if constexpr (kDim == 2) {
      along_rows<kVelocity, SK_Z>(run.rows(below, run.end), body);
    } else {
      across_planes<kVelocity>(run, body);
    }
  }

  // Derivatives along z of a row below a free surface.
  template <bool kVelocity, class Body>
  SK_INLINE void with_closed(const Run& row, const Body& body) const {
    const int64_t k = kDim == 2 ? row.begin : row.k;
    auto d = of_.template along<kVelocity, SK_Z>();
    if constexpr (Layers::kBeyond) {
      if (k < layers_.low(SK_Z)) d = layers_.template rows<kVelocity, SK_Z>(d, row.k, false);
    }
    body(row, of_.closed(d, k, row.start + row.begin * row.step));
  }

  // Derivatives across the rows of a plane in 3-D.
  template <bool kVelocity, class Body>
  SK_INLINE void across_planes(const Run& run, const Body& body) const {
    const auto d = of_.template along<kVelocity, SK_Z>();
    const bool low = run.k < layers_.low(SK_Z), high = run.k >= layers_.high(SK_Z);
    if (!low && !high) return body(run, d);
    body(run, layers_.template rows<kVelocity, SK_Z>(d, run.k, high && !low));
  }

  void clear_surface(const Run& run) const {
    const int64_t end = kDim == 2 ? 1 : run.end;
    for (int64_t n = run.begin; n < end; ++n) of_.fill(v_.field[SK_SZZ] + run.start + n * run.step, 0);
  }

  const View<T>& v_;
  const Layers& layers_;
  const Differences<kDim, kRadius, T> of_;
  Fetch<T>& fetch_;
};

}  // namespace seiskern::elastic::SK_ISA
