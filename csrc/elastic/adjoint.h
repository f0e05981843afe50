// Rows of the adjoint. The scheme is its own transpose: with H the norms of a free surface's closure, the
// wavefields
//
//   w = -buoyancy / H times the gradient of v,   t = moduli / H times the gradient of s
//
// are updated as v and s are, the stresses before the velocities. Different are the layers, where memory
// variables are taken of the fields before they are differentiated,
//
//   psi <- b psi + a u,   D (u + psi),
//
// and what a half step does after its update: it injects the gradients of records, samples those of sources,
// adds to the image, damps, and advances the memory variables. See seiskern/kernels/elastic/README.md.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/adjoint_view.h"
#include "elastic/coefficients.h"
#include "elastic/differences.h"
#include "elastic/single.h"
#include "elastic/spread.h"
#include "elastic/update.h"
#include "elastic/visit.h"

namespace seiskern::elastic::SK_ISA {

template <int kDim, int kRadius, class T>
class Adjoint {
  using S = Simd<T>;
  using V = typename S::Vector;
  using B = Block<T, 1>;

 public:
  Adjoint(const AdjointShot<T>& shot, T* buffer) : a_(shot), v_(shot.view), buffer_(buffer) {}

  void stresses(const Task& task, int64_t step) const {
    update(task, 1);
    const View<T> velocities = slice(step + 1);
    for (int64_t k = task.k0; k < task.k1; ++k) {
      visit(v_, a_.receiver[1].points, step, k, task.j0, task.j1,
            [&](int64_t e, int64_t i, T gradient) { inject_stress(e, k, i, gradient); });
      visit(v_, a_.sources[1], step, k, task.j0, task.j1, [&](int64_t e, int64_t i, T series) {
        const int field = a_.sources[1].field[e];
        sample(1, e, step, norm(field, k) * a_.strain.view.field[field][i], series);
      });
    }
    damp(task, true);
    follow<false>(task);
    if (!a_.image[SK_IMAGE_TRACE]) return;
    image_strains(task, velocities, slice(step));
  }

  void velocities(const Task& task, int64_t step) const {
    update(task, 0);
    const View<T> after = slice(step + 1), before = slice(step);
    const Single<T> medium{v_};
    for (int64_t k = task.k0; k < task.k1; ++k) {
      const auto& receiver = a_.receiver[0];
      visit(v_, receiver.points, step, k, task.j0, task.j1, [&](int64_t e, int64_t i, T gradient) {
        const int field = receiver.points.field[e];
        v_.field[field][i] += a_.injected[e] * gradient;
        if (receiver.weight) receiver.weight[e] += gradient * *at(after, field, k, i);
      });
      visit(v_, a_.sources[0], step, k, task.j0, task.j1, [&](int64_t e, int64_t i, T series) {
        const int field = a_.sources[0].field[e];
        const T factor = norm(field, k) / medium.buoyancy(field - SK_VX, i), w = v_.field[field][i];
        sample(0, e, step, -factor * w, series);
        // What is injected is no part of the change that buoyancies make.
        if (T* const image = a_.image[field]) image[i] -= w * a_.sources[0].weight[e] * series;
      });
    }
    if (a_.image[SK_IMAGE_VX]) {
      each_row(task, [&](int64_t k, int64_t j) { image_changes(before, after, k, j); });
    }
    damp(task, false);
    follow<true>(task);
  }

 private:
  // Calls body(k, j) for the rows of a task.
  template <class Body>
  SK_INLINE void each_row(const Task& task, const Body& body) const {
    for (int64_t k = task.k0; k < task.k1; ++k) {
      for (int64_t j = kDim == 2 ? 0 : task.j0; j < (kDim == 2 ? 1 : task.j1); ++j) body(k, j);
    }
  }
  SK_INLINE int64_t row_of(const View<T>& v, int64_t k, int64_t j) const {
    return k * v.stride[SK_Z] + (kDim == 2 ? 0 : j * v.stride[SK_Y]);
  }

  // Velocities before a step.
  View<T> slice(int64_t step) const {
    View<T> v = a_.history;
    for (int n = SK_VX; n <= SK_VZ; ++n) {
      if (v.field[n]) v.field[n] += (a_.by_turns ? step % 2 : step) * a_.slice_size;
    }
    return v;
  }

  // A field of another view at element i of this one, in plane k.
  SK_INLINE const T* at(const View<T>& other, int field, int64_t k, int64_t i) const {
    const int64_t within = i - k * v_.stride[SK_Z];
    const int64_t j = kDim == 2 ? 0 : within / v_.stride[SK_Y];
    return other.field[field] + row_of(other, k, j) + within - (kDim == 2 ? 0 : j * v_.stride[SK_Y]);
  }

  SK_INLINE T norm(int field, int64_t k) const {
    const bool half = field == SK_VZ || field == SK_SXZ || field == SK_SYZ;
    return a_.norm[half][k];
  }

  static constexpr int stress_of(int a, int b) { return a == b ? SK_SXX + a : SK_SXY + a + b - 1; }

  // ---- the half step itself: as forward, and what the memory variables add

  void update(const Task& task, int kind) const {
    Task plain = task;
    plain.half = kind;
    update(a_.plain, plain);
    if (kind == 1 && strains(plain)) update(a_.strain, plain);
  }
  void update(const Shot<T>& shot, const Task& task) const {
    if constexpr (kDim == 2) {
      Fetch<T> fetch(shot.view, task.ahead);
      const Spreading<kRadius, T> layers(v_, a_.filter);
      Rows<kDim, kRadius, T, Spreading<kRadius, T>>(shot.view, layers, buffer_, fetch)
          .update(task.half == 1, task);
    } else {
      a_.advance(&shot, buffer_, task);
      each_row(task, [&](int64_t k, int64_t j) {
        task.half == 0 ? spread<true>(shot.view, k, j) : spread<false>(shot.view, k, j);
      });
    }
  }

  // Cuts a task to the planes whose strains are made; false if there are none.
  bool strains(Task& task) const {
    if (task.k0 < a_.strain_begin) task.k0 = a_.strain_begin;
    if (task.k1 > a_.strain_end) task.k1 = a_.strain_end;
    return task.k0 < task.k1;
  }

  template <bool kVelocity>
  SK_INLINE void spread(const View<T>& v, int64_t k, int64_t j) const {
    if (v.orthorhombic) {
      spread_axes<kVelocity>(v, Stored<T, 1>{v}, k, j);
    } else {
      spread_axes<kVelocity>(v, Averaged<T, 1>{v}, k, j);
    }
    if (!kVelocity && v.free_surface && k == 0)  // szz stays zero there
      Differences<kDim, kRadius, T>(v, buffer_).fill(v.field[SK_SZZ] + row_of(v, k, j), 0);
  }

  template <bool kVelocity, class M>
  SK_INLINE void spread_axes(const View<T>& v, const M& medium, int64_t k, int64_t j) const {
    touched<SK_X>(k, j, S::lanes, [&](const FilterRow& row) { spread_row<kVelocity, SK_X>(v, medium, row); });
    touched<SK_Y>(k, j, kRadius, [&](const FilterRow& row) { spread_row<kVelocity, SK_Y>(v, medium, row); });
    touched<SK_Z>(k, j, kRadius, [&](const FilterRow& row) { spread_row<kVelocity, SK_Z>(v, medium, row); });
  }

  // Columns [x0, x1) of a row, which starts at `start` in the fields and at `filter` in memory variables.
  struct FilterRow {
    int64_t k, j, start, filter, x0, x1;
  };

  // Calls body(row) for what is within `reach` nodes of the layers of an axis in row (k, j).
  template <int kAxis, class Body>
  SK_INLINE void touched(int64_t k, int64_t j, int64_t reach, const Body& body) const {
    const FilterLayout& l = a_.filter[kAxis].l;
    const int64_t n = kAxis == SK_X ? v_.nx : kAxis == SK_Y ? v_.ny : v_.nz;
    const int64_t left = l.low > 0 ? l.low + reach : 0, right = l.high < n ? l.high - reach : n;
    const int64_t start = row_of(v_, k, j), filter = k * l.stride[SK_Z] + j * l.stride[SK_Y];
    if constexpr (kAxis == SK_X) {
      if (left > 0) body(FilterRow{k, j, start, filter, 0, left < n ? left : n});
      if (right < n) body(FilterRow{k, j, start, filter - l.shift, right, n});
    } else {
      const int64_t at = kAxis == SK_Y ? j : k;
      if (at < left) body(FilterRow{k, j, start, filter, 0, v_.nx});
      if (at >= right) body(FilterRow{k, j, start, filter - l.shift, 0, v_.nx});
    }
  }

  // A difference along an axis of elements `stride` apart.
  template <bool kPlus, int kAxis>
  SK_INLINE B along(const T* u, int64_t stride) const {
    V c[kRadius];
    for (int m = 0; m < kRadius; ++m) c[m] = S::all(v_.c[kAxis][m]);
    return {{difference<kPlus>(c, u, stride)}};
  }

  static SK_INLINE void add(T* out, const B& value) { (B::load(out, 0) + value).store(out, 0); }

  template <bool kVelocity, int kAxis, class M>
  SK_INLINE void spread_row(const View<T>& v, const M& medium, const FilterRow& row) const {
    const Filter<T>& f = a_.filter[kAxis];
    const int64_t stride = f.l.stride[kAxis];
    constexpr int others[2] = {kAxis == SK_X ? SK_Y : SK_X, kAxis == SK_Z ? SK_Y : SK_Z};
    for (int64_t x = row.x0; x < row.x1; x += S::lanes) {
      const int64_t i = row.start + x, p = row.filter + x;
      if constexpr (kVelocity) {
        const auto one = [&](auto n) SK_INLINE_LAMBDA {
          constexpr int kN = decltype(n)::value;
          const B d = along<kN == kAxis, kAxis>(f.stress[kN] + p, stride);
          add(v.field[SK_VX + kN] + i, medium.template buoyancy<kN>(i, x) * d);
        };
        one(Axis<SK_X>{}), one(Axis<SK_Y>{}), one(Axis<SK_Z>{});
      } else {
        const B d = along<false, kAxis>(f.velocity[kAxis] + p, stride);
        add_normal<kAxis>(v, medium, i, x, d);
        const auto one = [&](auto n) SK_INLINE_LAMBDA {
          constexpr int kN = decltype(n)::value;
          const B slip = along<true, kAxis>(f.velocity[kN] + p, stride);
          add(v.field[stress_of(kAxis, kN)] + i, medium.template mu<kAxis, kN>(i, x) * slip);
        };
        one(Axis<others[0]>{}), one(Axis<others[1]>{});
      }
    }
  }

  template <int kAxis>
  struct Axis {
    static constexpr int value = kAxis;
  };

  // Normal stresses from the strain rate along an axis.
  template <int kAxis, class M>
  SK_INLINE void add_normal(const View<T>& v, const M& medium, int64_t i, int64_t x, const B& rate) const {
    if (v.orthorhombic) {
      for (int n = 0; n < 3; ++n) {
        const int modulus = n == kAxis ? SK_CXX + n : SK_CXY + n + kAxis - 1;
        add(v.field[SK_SXX + n] + i, B::load(v.medium[modulus] + i, 0) * rate);
      }
    } else {
      const B mean = medium.lam(i) * rate;
      for (int n = 0; n < 3; ++n) {
        add(v.field[SK_SXX + n] + i, n == kAxis ? mean + medium.mu2(i, x) * rate : mean);
      }
    }
  }

  // ---- sources and receivers

  void inject_stress(int64_t e, int64_t k, int64_t i, T gradient) const {
    const auto& points = a_.receiver[1].points;
    const Single<T> medium{v_};
    const int field = points.field[e];
    const T value = points.weight[e] * gradient / norm(field, k);
    if (a_.strain_begin <= k && k < a_.strain_end) a_.strain.view.field[field][i] += value;
    if (field >= SK_SXY) {
      v_.field[field][i] += medium.mu(field - SK_SXY, i) * value;
      return;
    }
    const auto zero = [&](int axis) { return v_.free_surface && k == 0 && axis == SK_Z; };
    const int a = field - SK_SXX;
    for (int b = 0; b < 3; ++b) {
      if ((kDim == 2 && b == SK_Y) || zero(a) || zero(b)) continue;
      v_.field[SK_SXX + b][i] += medium.modulus(a, b, i) * value;
    }
  }

  // Gradients of source entry e of velocity or stress, that of the field being `value`.
  SK_INLINE void sample(int kind, int64_t e, int64_t step, T value, T series) const {
    const auto& source = a_.source[kind];
    const Points<T>& p = source.points;
    if (p.data) p.data[step * p.n_series + p.series[e]] += p.weight[e] * value;
    if (source.weight) source.weight[e] += value * series;
  }

  // ---- layers

  void damp(const Task& task, bool stress) const {
    if (!v_.damped) return;
    damp(v_, task, stress);
    Task cut = task;
    if (!stress || !strains(cut)) return;
    View<T> strain = a_.strain.view;
    strain.damped = true;
    for (int axis = 0; axis < 3; ++axis) strain.layer[axis] = v_.layer[axis];
    damp(strain, cut, true);
  }
  void damp(const View<T>& v, const Task& task, bool stress) const {
    Fetch<T> fetch(v, {0, 0, 0, 1});
    const Stretching<kDim, T> layers(v);
    Rows<kDim, kRadius, T>(v, layers, buffer_, fetch).damp(stress, task);
  }

  // Advances the memory variables of the velocities or the stresses.
  template <bool kVelocity>
  void follow(const Task& task) const {
    each_row(task, [&](int64_t k, int64_t j) {
      follow_axis<kVelocity, SK_X>(k, j);
      if constexpr (kDim == 3) follow_axis<kVelocity, SK_Y>(k, j);
      follow_axis<kVelocity, SK_Z>(k, j);
    });
  }

  template <bool kVelocity, int kAxis>
  SK_INLINE void follow_axis(int64_t k, int64_t j) const {
    const Filter<T>& f = a_.filter[kAxis];
    const Profile<T>& profile = v_.profile[kAxis];
    const int64_t at = kAxis == SK_Y ? j : k;
    touched<kAxis>(k, j, 0, [&](const FilterRow& row) {
      const auto advance = [&](T* psi, bool half, const auto& field) SK_INLINE_LAMBDA {
        for (int64_t x = row.x0; x < row.x1; x += S::lanes) {
          const auto of = [&](const T* p) { return kAxis == SK_X ? S::load(p + x) : S::all(p[at]); };
          T* const memory = psi + row.filter + x;
          S::store(memory,
                   of(profile.b[half]) * S::load(memory) + of(profile.a[half]) * field(row.start + x));
        }
      };
      for (int n = 0; n < 3; ++n) {
        if (kDim == 2 && n == SK_Y) continue;
        const T* const u = v_.field[kVelocity ? SK_VX + n : stress_of(kAxis, n)];
        advance(kVelocity ? f.velocity[n] : f.stress[n], kVelocity == (n == kAxis),
                [u](int64_t i) SK_INLINE_LAMBDA { return S::load(u + i); });
      }
      if (!kVelocity && a_.image[SK_IMAGE_TRACE]) {
        advance(f.trace, false, [this](int64_t i) SK_INLINE_LAMBDA { return trace(i).row[0]; });
      }
    });
  }

  // ---- images

  SK_INLINE B trace(int64_t i) const {
    const auto stress = [&](int field) SK_INLINE_LAMBDA { return B::load(v_.field[field] + i, 0); };
    const B plane = stress(SK_SXX) + stress(SK_SZZ);
    if constexpr (kDim == 3) {
      return plane + stress(SK_SYY);
    } else {
      return plane;
    }
  }

  // Asks for row (k, j) of velocities that the next half step reads first, from memory.
  SK_INLINE void fetch(const View<T>& velocities, int64_t k, int64_t j) const {
    if (k < 0) return;
    for (int n = SK_VX; n <= SK_VZ; ++n) {
      if (kDim == 2 && n == SK_VY) continue;
      const T* const row = velocities.field[n] + row_of(velocities, k, j);
      for (int64_t x = 0; x < v_.nx; x += 64 / static_cast<int>(sizeof(T))) __builtin_prefetch(row + x, 0, 2);
    }
  }

  void image_strains(const Task& task, const View<T>& velocities, const View<T>& before) const {
    const Differences<kDim, kRadius, T> of(velocities, buffer_);
    const auto along_x = of.template along<false, SK_X>();
    const auto along_z = of.template along<false, SK_Z>();
    each_row(task, [&](int64_t k, int64_t j) {
      const int64_t there = row_of(velocities, k, j);
      fetch(before, k - kRadius, j);
      const auto with_z = [&](const auto& z) SK_INLINE_LAMBDA {
        auto x = along_x.template rows<1>(0);
        x.start(there);
        auto z_rows = z.template rows<1>(k);
        if constexpr (kDim == 2) {
          image_row(k, j, there, x, Absent{}, z_rows);
        } else {
          const auto along_y = of.template along<false, SK_Y>();
          auto y = along_y.template rows<1>(j);
          image_row(k, j, there, x, y, z_rows);
        }
      };
      if (v_.free_surface && k < of.kClosed) {
        with_z(of.template closed<false>(k, there));
      } else {
        with_z(along_z);
      }
    });
  }

  SK_INLINE T* image(int number, int64_t i) const { return a_.image[number] + i; }

  template <class X, class Y, class Z>
  SK_INLINE void image_row(int64_t k, int64_t j, int64_t there, X& x, Y&& y, Z& z) const {
    const int64_t start = row_of(v_, k, j);
    const Seen<SK_X> of_x(a_, k, j);
    const Seen<SK_Y> of_y(a_, k, j);
    const Seen<SK_Z> of_z(a_, k, j);
    for (int64_t c = 0; c < v_.nx; c += S::lanes) {
      const int64_t i = start + c, h = there + c;
      const auto stress = [&](int field) SK_INLINE_LAMBDA { return B::load(v_.field[field] + i, 0); };
      const B exx = x.template at<SK_X>(h, c), ezz = z.template at<SK_Z>(h, c);
      const B txx = stress(SK_SXX), tzz = stress(SK_SZZ), txz = stress(SK_SXZ);
      if constexpr (kDim == 2) {
        const B trace = txx + tzz;
        add(image(SK_IMAGE_TRACE, i), exx * of_x.trace(trace, c) + ezz * of_z.trace(trace, c));
        add(image(SK_IMAGE_DIAGONAL, i), exx * of_x.stress(SK_X, txx, c) + ezz * of_z.stress(SK_Z, tzz, c));
      } else {
        const B eyy = y.template at<SK_Y>(h, c), tyy = stress(SK_SYY), trace = txx + tyy + tzz;
        add(image(SK_IMAGE_TRACE, i),
            exx * of_x.trace(trace, c) + eyy * of_y.trace(trace, c) + ezz * of_z.trace(trace, c));
        add(image(SK_IMAGE_DIAGONAL, i), exx * of_x.stress(SK_X, txx, c) + eyy * of_y.stress(SK_Y, tyy, c) +
                                             ezz * of_z.stress(SK_Z, tzz, c));
        const B txy = stress(SK_SXY), tyz = stress(SK_SYZ);
        add(image(SK_IMAGE_XY, i), x.template at<SK_Y>(h, c) * of_x.stress(SK_Y, txy, c) +
                                       y.template at<SK_X>(h, c) * of_y.stress(SK_X, txy, c));
        add(image(SK_IMAGE_YZ, i), y.template at<SK_Z>(h, c) * of_y.stress(SK_Z, tyz, c) +
                                       z.template at<SK_Y>(h, c) * of_z.stress(SK_Y, tyz, c));
      }
      add(image(SK_IMAGE_XZ, i), x.template at<SK_Z>(h, c) * of_x.stress(SK_Z, txz, c) +
                                     z.template at<SK_X>(h, c) * of_z.stress(SK_X, txz, c));
    }
  }

  // Stresses of the columns from x on as derivatives along an axis see them, in row (k, j): with the memory
  // variables of its layers.
  template <int kAxis>
  class Seen {
   public:
    SK_INLINE Seen(const AdjointShot<T>& a, int64_t k, int64_t j) : f_(a.filter[kAxis]) {
      const FilterLayout& l = f_.l;
      row_ = k * l.stride[SK_Z] + j * l.stride[SK_Y], low_ = l.low, high_ = l.high;
      if constexpr (kAxis != SK_X) {
        const int64_t n = kAxis == SK_Y ? a.view.ny : a.view.nz, at = kAxis == SK_Y ? j : k;
        const bool beyond = l.high < n && at >= l.high;
        if (beyond) row_ -= l.shift;
        low_ = at < l.low || beyond ? a.view.nx : 0, high_ = a.view.nx;
      }
    }
    SK_INLINE B trace(const B& value, int64_t x) const { return with(f_.trace, value, x); }
    SK_INLINE B stress(int n, const B& value, int64_t x) const { return with(f_.stress[n], value, x); }

   private:
    SK_INLINE B with(const T* psi, const B& value, int64_t x) const {
      if (__builtin_expect(x >= low_ && x < high_, 1)) return value;
      return value + B::load(psi + row_ + (kAxis == SK_X && x >= low_ ? x - f_.l.shift : x), 0);
    }

    const Filter<T>& f_;
    int64_t row_, low_, high_;  // in the layers are columns [0, low) and [high, nx)
  };

  // w times the change of v, without what damping takes from it.
  SK_INLINE void image_changes(const View<T>& before, const View<T>& after, int64_t k, int64_t j) const {
    const int64_t start = row_of(v_, k, j), there = row_of(after, k, j);
    for (int n = 0; n < 3; ++n) {
      if (kDim == 2 && n == SK_Y) continue;
      const T *w = v_.field[SK_VX + n] + start, *next = after.field[SK_VX + n] + there,
              *last = before.field[SK_VX + n] + there;
      T* const out = image(SK_IMAGE_VX + n, start);
      const auto factor = [&](int axis) { return v_.profile[axis].g[n == axis]; };
      const T rows = factor(SK_Z)[k] * (kDim == 2 ? T(1) : factor(SK_Y)[j]);
      for (int64_t x = 0; x < v_.nx; x += S::lanes) {
        const V kept = v_.damped ? S::all(rows) * S::load(factor(SK_X) + x) : S::all(T(1));
        S::store(out + x, S::load(out + x) + S::load(w + x) * (S::load(next + x) - kept * S::load(last + x)));
      }
    }
  }

  const AdjointShot<T>& a_;
  const View<T>& v_;
  T* buffer_;  // three rows
};

}  // namespace seiskern::elastic::SK_ISA
