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

  SK_INLINE B at(int medium, Index i) const { return B::load(v.medium[medium] + i, v.stride[SK_Z]); }

  template <int kAxis>
  SK_INLINE B buoyancy(Index i, Index) const {
    return at(SK_BX + kAxis, i);
  }
  template <int kA, int kB>
  SK_INLINE B mu(Index i, Index) const {
    return at(SK_MXY + kA + kB - 1, i);
  }
  SK_INLINE B lam(Index i) const { return at(SK_LAM, i); }
  SK_INLINE B mu2(Index i, Index) const { return at(SK_MU2, i); }
};

// Isotropic: density by the arithmetic mean of two nodes, mu by the harmonic mean of four. The numerators are
// zero in columns of padding, so that nothing moves there.
template <class T, int kRows>
struct Averaged {
  using B = Block<T, kRows>;
  const View<T>& v;

  SK_INLINE B at(int medium, Index i) const { return B::load(v.medium[medium] + i, v.stride[SK_Z]); }
  SK_INLINE B two(Index x) const { return B::all(Simd<T>::load(v.twos + x)); }
  // Of the nodes at i and beside them along an axis.
  template <int kAxis>
  SK_INLINE B pair(int medium, Index i) const {
    if constexpr (kAxis == SK_X) {
      return at(medium, i) + B::next(v.medium[medium] + i, v.stride[SK_Z]);
    } else {
      return at(medium, i) + at(medium, i + static_cast<Index>(v.stride[kAxis]));
    }
  }

  template <int kAxis>
  SK_INLINE B buoyancy(Index i, Index x) const {
    return two(x) / pair<kAxis>(SK_RHO, i);
  }
  template <int kA, int kB>
  SK_INLINE B mu(Index i, Index x) const {
    const Index other = i + static_cast<Index>(v.stride[kB]);
    return (two(x) + two(x)) / (pair<kA>(SK_COMPLIANCE, i) + pair<kA>(SK_COMPLIANCE, other));
  }
  SK_INLINE B lam(Index i) const { return at(SK_LAM, i); }
  SK_INLINE B mu2(Index i, Index x) const { return two(x) / at(SK_COMPLIANCE, i); }
};

}  // namespace seiskern::elastic::SK_ISA
