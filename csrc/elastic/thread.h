// A thread of a GPU: where it is, and what it changes.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/coefficients.h"
#include "elastic/device.h"
#include "elastic/nodes.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

using T = SK_REAL;
using B = Block<T, 1>;

// The first node of a thread, its box, and where its tile ends.
struct Place {
  int32_t shot, k, j, c, box, end[3];
};

// A step, and its number among those whose velocities are at hand.
struct Step {
  int64_t number, slice;

  SK_INLINE Step(const Clock* clock, int32_t n) : number(clock->step + n), slice(number - clock->first) {}
};

// Tiles are counted through the boxes [first, last), shots within a tile: they share a medium.
SK_INLINE bool find_place(const Device<T>& d, int first, int last, Place& p) {
  const int32_t n_shots = static_cast<int32_t>(d.n_shots), number = blockIdx.x / n_shots;
  p.shot = blockIdx.x % n_shots;
  int n = first;
  while (n + 1 < last && number >= d.box[n + 1].first) ++n;
  p.box = n;
  const Box& box = d.box[n];
  const int32_t tile = number - box.first;
  const int32_t tx = tile % box.tiles[SK_X], rest = tile / box.tiles[SK_X];
  const int32_t ty = rest % box.tiles[SK_Y], tz = rest / box.tiles[SK_Y];
  p.c = box.begin[SK_X] + (tx * blockDim.x + threadIdx.x) * SK_LANES;
  p.j = box.begin[SK_Y] + ty * blockDim.y + threadIdx.y;
  p.k = box.begin[SK_Z] + (tz * blockDim.z + threadIdx.z) * SK_PLANES;
  for (int axis = 0; axis < 3; ++axis) p.end[axis] = box.end[axis];
  if (p.k + SK_PLANES < p.end[SK_Z]) p.end[SK_Z] = p.k + SK_PLANES;
  return p.c < p.end[SK_X] && p.j < p.end[SK_Y] && p.k < p.end[SK_Z];
}

// Which of the boxes around the first one has a node; 0: none.
SK_INLINE int box_of(const Box* box, int32_t k, int32_t j, int32_t c) {
  const int32_t at[] = {c, j, k};
  for (int n = kBoxes - 1; n > 0; --n) {
    bool within = true;
    for (int axis = 0; axis < 3; ++axis) {
      within = within && box[n].begin[axis] <= at[axis] && at[axis] < box[n].end[axis];
    }
    if (within) return n;
  }
  return 0;
}
// Its number among the nodes of all of them.
SK_INLINE int64_t number_in(const Box& box, int32_t k, int32_t j, int32_t c) {
  const int64_t row = int64_t(k - box.begin[SK_Z]) * (box.end[SK_Y] - box.begin[SK_Y]) + j - box.begin[SK_Y];
  return box.before + row * (box.end[SK_X] - box.begin[SK_X]) + c - box.begin[SK_X];
}

SK_INLINE View<T> of_shot(const Device<T>& d, int64_t shot) {
  View<T> v = d.view;
  for (int f = 0; f < SK_FIELDS; ++f) v.field[f] += shot * d.fields;
  for (int m = 0; m < SK_MEDIA; ++m) v.medium[m] += shot * d.medium;
  for (int axis = 0; axis < 3; ++axis) {
    for (int n = 0; n < 6; ++n) v.layer[axis].memory[n] += shot * d.memory;
    Profile<T>& p = v.profile[axis];
    for (int half = 0; half < 2; ++half) {
      p.a[half] += shot * d.profiles, p.b[half] += shot * d.profiles, p.g[half] += shot * d.profiles;
    }
  }
  return v;
}

// Changes of velocities or stresses, written when all have been made: loads need not wait for stores.
// `kBack`: what is added is taken from them.
template <bool kVelocity, bool kBack = false>
class Pending {
  static constexpr int kFirst = kVelocity ? SK_VX : SK_SXX, kLast = kVelocity ? SK_SXX : SK_FIELDS;

 public:
  SK_INLINE explicit Pending(const View<T>& v) : v_(v) {}

  SK_INLINE void add(int field, Index i, const B& value) {
    const B now = B::load(v_.field[field] + i, 0);
    of(field) = kBack ? B::all(now.row[0] - value.row[0]) : now + value;
  }
  SK_INLINE B& of(int field) { return next_[field - kFirst]; }

  // On the surface szz is zero.
  SK_INLINE void free(int32_t k) {
    if (!kVelocity && k == 0 && v_.free_surface) of(SK_SZZ) = B::all(Simd<T>::all(0));
  }
  // What all axes of a multiaxial layer have in common, and the surface.
  SK_INLINE void damp(int32_t k, int32_t j, int32_t c) {
    for (int f = kFirst; f < kLast; ++f) {
      if (!has(f)) continue;
      const auto factor = [&](int axis) { return v_.profile[axis].g[on_half(f, axis)]; };
      const T rows = SK_DIM == 2 ? factor(SK_Z)[k] : factor(SK_Z)[k] * factor(SK_Y)[j];
      of(f) = of(f) * B::all(Simd<T>::all(rows) * Simd<T>::each(factor(SK_X) + c));
    }
    free(k);
  }
  SK_INLINE void write(Index i) { write(v_.field, 0, i); }
  // To other fields, of which the shot's are so many elements further on.
  SK_INLINE void write(Field<T>* const (&field)[SK_FIELDS], int64_t apart, Index i) {
    for (int f = kFirst; f < kLast; ++f) {
      if (has(f)) of(f).store(field[f] + apart + i, 0);
    }
  }

 private:
  static SK_INLINE bool has(int f) {
    return SK_DIM == 3 || (f != SK_VY && f != SK_SYY && f != SK_SXY && f != SK_SYZ);
  }
  const View<T>& v_;
  B next_[kLast - kFirst];
};

template <bool kVelocity, class Out, class X, class Y, class Z>
SK_INLINE void add(Out& out, const View<T>& v, Index i, Index c, X& x, Y& y, Z& z) {
  Nodes<SK_DIM, Out&> nodes{out};
  const Stored<T, 1> stored{v};
  const Averaged<T, 1> averaged{v};
  if constexpr (kVelocity) {
    if constexpr (SK_DIM == 3 && !SK_ORTHORHOMBIC) return nodes.add_velocity(i, c, averaged, x, y, z);
    nodes.add_velocity(i, c, stored, x, y, z);
  } else {
    if constexpr (SK_DIM == 3 && !SK_ORTHORHOMBIC) {
      return nodes.template add_stress<false>(i, c, averaged, x, y, z);
    }
    nodes.template add_stress<SK_ORTHORHOMBIC>(i, c, stored, x, y, z);
  }
}

SK_INLINE Index element(const View<T>& v, int32_t k, const Place& p) {
  return static_cast<Index>(k * v.stride[SK_Z] + p.j * v.stride[SK_Y] + p.c);
}

}  // namespace seiskern::elastic::SK_ISA
