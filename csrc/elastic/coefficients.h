// Coefficients of the medium at the vectors of rows: read, each from an array of its own, or averaged here
// from what stands at nodes. In 3-D arrays cost more than arithmetic, in 2-D less.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Both kinds are asked for what they have at element i of the arrays, which is column x.

// An array for each.
template <class T, int kRows>
struct Stored {
  using B = Block<T, kRows>;
  const View<T>& v;

  SK_INLINE B at(int medium, int64_t i) const { return B::load(v.medium[medium] + i, v.stride[SK_Z]); }

  template <int kAxis>
  SK_INLINE B buoyancy(int64_t i, int64_t) const {
    return at(SK_BX + kAxis, i);
  }
  template <int kA, int kB>
  SK_INLINE B mu(int64_t i, int64_t) const {
    return at(SK_MXY + kA + kB - 1, i);
  }
  SK_INLINE B lam(int64_t i) const { return at(SK_LAM, i); }
  SK_INLINE B mu2(int64_t i, int64_t) const { return at(SK_MU2, i); }
};

// Isotropic: density by the arithmetic mean of two nodes, mu by the harmonic mean of four. The numerators are
// zero in columns of padding, so that nothing moves there.
template <class T, int kRows>
struct Averaged {
  using B = Block<T, kRows>;
  const View<T>& v;

  SK_INLINE B at(int medium, int64_t i) const { return B::load(v.medium[medium] + i, v.stride[SK_Z]); }
  SK_INLINE B two(int64_t x) const { return B::all(Simd<T>::load(v.twos + x)); }
  template <int kAxis>
  SK_INLINE B pair(int medium, int64_t i) const {
    return at(medium, i) + at(medium, i + (kAxis == SK_X ? 1 : v.stride[kAxis]));
  }

  template <int kAxis>
  SK_INLINE B buoyancy(int64_t i, int64_t x) const {
    return two(x) / pair<kAxis>(SK_RHO, i);
  }
  template <int kA, int kB>
  SK_INLINE B mu(int64_t i, int64_t x) const {
    return (two(x) + two(x)) / (pair<kA>(SK_COMPLIANCE, i) + pair<kA>(SK_COMPLIANCE, i + v.stride[kB]));
  }
  SK_INLINE B lam(int64_t i) const { return at(SK_LAM, i); }
  SK_INLINE B mu2(int64_t i, int64_t x) const { return two(x) / at(SK_COMPLIANCE, i); }
};

}  // namespace seiskern::elastic::SK_ISA
