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
#include "elastic/filtered.h"
#include "elastic/single.h"
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
        sample(1, e, step, norm(field, k) * a_.strain.field[field][i], series);
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
  void update(const View<T>& view, const Task& task) const {
    Fetch<T> fetch(view, task.ahead);
    const Filtering<kDim, T> layers(v_, a_.filter, buffer_ + 3 * v_.nx);
    Rows<kDim, kRadius, T, Filtering<kDim, T>>(view, layers, buffer_, fetch).update(task.half == 1, task);
  }

  // Cuts a task to the planes whose strains are made; false if there are none.
  bool strains(Task& task) const {
    if (task.k0 < a_.strain_begin) task.k0 = a_.strain_begin;
    if (task.k1 > a_.strain_end) task.k1 = a_.strain_end;
    return task.k0 < task.k1;
  }

  // ---- sources and receivers

  void inject_stress(int64_t e, int64_t k, int64_t i, T gradient) const {
    const auto& points = a_.receiver[1].points;
    const Single<T> medium{v_};
    const int field = points.field[e];
    const T value = points.weight[e] * gradient / norm(field, k);
    if (a_.strain_begin <= k && k < a_.strain_end) a_.strain.field[field][i] += value;
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
    View<T> strain = a_.strain;
    strain.damped = true;
    for (int axis = 0; axis < 3; ++axis) strain.layer[axis] = v_.layer[axis];
    damp(strain, cut, true);
  }
  void damp(const View<T>& v, const Task& task, bool stress) const {
    Fetch<T> fetch(v, {0, 0, 0, 1});
    const Filtering<kDim, T> layers(v, a_.filter, buffer_);
    Rows<kDim, kRadius, T, Filtering<kDim, T>>(v, layers, buffer_, fetch).damp(stress, task);
  }

  // Advances the memory variables of the velocities or the stresses, and what is kept with them.
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
    const Layer<T>& layer = v_.layer[kAxis];
    const int64_t at = kAxis == SK_Y ? j : k, gap = layer.high - layer.low;
    if constexpr (kAxis == SK_X) {
      advance<kVelocity, SK_X>(k, j, at, 0, layer.low, 0);
      advance<kVelocity, SK_X>(k, j, at, layer.high, v_.nx, gap);
    } else if (at < layer.low || at >= layer.high) {
      advance<kVelocity, kAxis>(k, j, at, 0, v_.nx, 0);
    } else if (a_.filter[kAxis].l.keeps(at)) {
      keep<kVelocity, kAxis>(k, j, at);
    }
  }

  // psi <- b psi + a u in columns [x0, x1) of row (k, j), which is number `at` along the axis and whose
  // memory variables lie `gap` columns earlier; u + psi is kept.
  template <bool kVelocity, int kAxis>
  SK_INLINE void advance(int64_t k, int64_t j, int64_t at, int64_t x0, int64_t x1, int64_t gap) const {
    const Profile<T>& p = v_.profile[kAxis];
    const int64_t start = row_of(v_, k, j), row = layer_row(v_, kAxis, k, j);
    const int64_t first = row * v_.layer[kAxis].pitch - gap;
    T* const* const memory = v_.layer[kAxis].memory + (kVelocity ? 3 : 0);
    T* const trace_memory = a_.filter[kAxis].trace + row * a_.filter[kAxis].pitch - gap;
    const bool with_trace = !kVelocity && a_.image[SK_IMAGE_TRACE];
    T* const* const sums = kVelocity ? a_.filter[kAxis].velocity : a_.filter[kAxis].stress;
    const int64_t there = kept(a_.filter[kAxis].l, k, j, at);
    for (int64_t x = x0; x < x1; x += S::lanes) {
      const auto of = [&](const T* f)
                          SK_INLINE_LAMBDA { return kAxis == SK_X ? S::load(f + x) : S::all(f[at]); };
      const V a[] = {of(p.a[0]), of(p.a[1])}, b[] = {of(p.b[0]), of(p.b[1])};
      const auto next = [&](T* psi, bool half, const V& u) SK_INLINE_LAMBDA {
        const V value = b[half] * S::load(psi) + a[half] * u;
        return S::store(psi, value), value;
      };
      for (int n = 0; n < 3; ++n) {
        if (kDim == 2 && n == SK_Y) continue;
        const V u = S::load(followed<kVelocity, kAxis>(n) + start + x);
        const V psi = next(memory[n] + first + x, kVelocity == (n == kAxis), u);
        if (kAxis != SK_X) S::store(sums[n] + there + x, u + psi);
      }
      if (with_trace) next(trace_memory + x, false, trace(start + x).row[0]);
    }
  }

  // As it is, without memory variables.
  template <bool kVelocity, int kAxis>
  SK_INLINE void keep(int64_t k, int64_t j, int64_t at) const {
    T* const* const sums = kVelocity ? a_.filter[kAxis].velocity : a_.filter[kAxis].stress;
    const int64_t start = row_of(v_, k, j), there = kept(a_.filter[kAxis].l, k, j, at);
    for (int n = 0; n < 3; ++n) {
      if (kDim == 2 && n == SK_Y) continue;
      const T* const u = followed<kVelocity, kAxis>(n) + start;
      for (int64_t x = 0; x < v_.nx; x += S::lanes) S::store(sums[n] + there + x, S::load(u + x));
    }
  }

  // The `n`th field of which there are memory variables along an axis.
  template <bool kVelocity, int kAxis>
  SK_INLINE const T* followed(int n) const {
    return v_.field[kVelocity ? SK_VX + n : stress_of(kAxis, n)];
  }

  // Where row (k, j), number `at` along an axis, is kept with what memory variables add.
  SK_INLINE int64_t kept(const FilterLayout& l, int64_t k, int64_t j, int64_t at) const {
    return k * l.plane + (kDim == 2 ? 0 : j * v_.stride[SK_Y]) - (at < l.kept_low ? 0 : l.shift);
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

  // Rows (k, j) of velocities that the next half step reads first, from memory.
  template <int kRows>
  class Coming {
   public:
    SK_INLINE Coming(const Adjoint& adjoint, const View<T>& before, int64_t k, int64_t j) {
      for (int r = 0; r < kRows; ++r) {
        const int64_t row = adjoint.row_of(before, k + r < 0 ? 0 : k + r, j);
        for (int n = 0; n < kDim; ++n) at_[r][n] = before.field[SK_VX + (kDim == 2 ? 2 * n : n)] + row;
      }
    }
    SK_INLINE void fetch(int64_t x) const {
      for (int r = 0; r < kRows; ++r)
        for (int n = 0; n < kDim; ++n) __builtin_prefetch(at_[r][n] + x, 0, 2);
    }

   private:
    const T* at_[kRows][kDim];
  };

  void image_strains(const Task& task, const View<T>& velocities, const View<T>& before) const {
    const Differences<kDim, kRadius, T> of(velocities, buffer_);
    const auto along_z = of.template along<false, SK_Z>();
    int64_t rows = 1;
    for (int64_t k = task.k0; k < task.k1; k += rows) {
      const bool closed = v_.free_surface && k < of.kClosed;
      rows = kDim == 2 && !closed && k + 1 < task.k1 && alike(k) ? 2 : 1;
      for (int64_t j = kDim == 2 ? 0 : task.j0; j < (kDim == 2 ? 1 : task.j1); ++j) {
        if (closed) {
          image_rows<1>(k, j, of, of.closed(along_z, k, row_of(velocities, k, j)), velocities, before);
        } else if (rows == 1) {
          image_rows<1>(k, j, of, along_z, velocities, before);
        } else if constexpr (kDim == 2) {
          image_rows<2>(k, j, of, along_z, velocities, before);
        }
      }
    }
  }

  // Whether rows k and k + 1 of 2-D are in the same layer along z or in none.
  SK_INLINE bool alike(int64_t k) const {
    const Layer<T>& layer = v_.layer[SK_Z];
    return k + 1 != layer.low && k + 1 != layer.high;
  }

  template <int kRows, class D, class Z>
  SK_INLINE void image_rows(int64_t k, int64_t j, const D& of, const Z& along_z, const View<T>& velocities,
                            const View<T>& before) const {
    const Coming<kRows> coming(*this, before, k - kRadius, j);
    const auto along_x = of.template along<false, SK_X>();
    auto x = along_x.template rows<kRows>(0);
    auto z = along_z.template rows<kRows>(k);
    const int64_t there = row_of(velocities, k, j);
    if constexpr (kDim == 2) {
      image_row<kRows>(k, j, there, x, Absent{}, z, coming);
    } else {
      const auto along_y = of.template along<false, SK_Y>();
      auto y = along_y.template rows<1>(j);
      image_row<kRows>(k, j, there, x, y, z, coming);
    }
  }

  SK_INLINE T* image(int number, int64_t i) const { return a_.image[number] + i; }

  // To row i, and to the one below if there are two.
  template <int kRows>
  SK_INLINE void add(T* out, const Block<T, kRows>& value) const {
    (Block<T, kRows>::load(out, v_.stride[SK_Z]) + value).store(out, v_.stride[SK_Z]);
  }

  template <int kRows, class X, class Y, class Z>
  SK_INLINE void image_row(int64_t k, int64_t j, int64_t there, X& x, Y&& y, Z& z,
                           const Coming<kRows>& coming) const {
    using B = Block<T, kRows>;
    const int64_t start = row_of(v_, k, j);
    const Seen<SK_X> of_x(a_, k, j);
    const Seen<SK_Y> of_y(a_, k, j);
    const Seen<SK_Z> of_z(a_, k, j);
    x.parts(there, 0, v_.nx, [&](int64_t first, int64_t end) SK_INLINE_LAMBDA {
      for (int64_t c = first; c < end; c += S::lanes) {
        const int64_t i = start + c, h = there + c;
        coming.fetch(c);
        const auto stress = [&](int field)
                                SK_INLINE_LAMBDA { return B::load(v_.field[field] + i, v_.stride[SK_Z]); };
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
    });
  }

  // Stresses of the columns from x on as derivatives along an axis see them, in row (k, j): with the memory
  // variables of its layers.
  template <int kAxis>
  class Seen {
   public:
    SK_INLINE Seen(const AdjointShot<T>& a, int64_t k, int64_t j)
        : filter_(a.filter[kAxis]), layer_(a.view.layer[kAxis]), row_(layer_row(a.view, kAxis, k, j)) {
      low_ = layer_.low, high_ = layer_.high;
      if constexpr (kAxis != SK_X) {
        const int64_t at = kAxis == SK_Y ? j : k;
        low_ = at < low_ || at >= high_ ? a.view.nx : 0, high_ = a.view.nx;
      }
    }
    template <int kRows>
    SK_INLINE Block<T, kRows> trace(const Block<T, kRows>& value, int64_t x) const {
      return with(filter_.trace, filter_.pitch, value, x);
    }
    template <int kRows>
    SK_INLINE Block<T, kRows> stress(int n, const Block<T, kRows>& value, int64_t x) const {
      return with(layer_.memory[n], layer_.pitch, value, x);
    }

   private:
    template <int kRows>
    SK_INLINE Block<T, kRows> with(const T* psi, int64_t pitch, const Block<T, kRows>& value,
                                   int64_t x) const {
      if (__builtin_expect(x >= low_ && x < high_, 1)) return value;
      const int64_t column = kAxis == SK_X && x >= low_ ? x - (high_ - low_) : x;
      return value + Block<T, kRows>::load(psi + row_ * pitch + column, pitch);
    }

    const Filter<T>& filter_;
    const Layer<T>& layer_;
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
  T* buffer_;  // see Workspace
};

}  // namespace seiskern::elastic::SK_ISA
