// Coefficients of the medium at one element.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

template <class T>
struct Single {
  const View<T>& v;

  SK_INLINE T buoyancy(int axis, int64_t i) const {
    if (const T* stored = v.medium[SK_BX + axis]) return stored[i];
    return T(2) / (v.medium[SK_RHO][i] + v.medium[SK_RHO][i + v.stride[axis]]);
  }
  // Of normal stress a and strain b.
  SK_INLINE T modulus(int a, int b, int64_t i) const {
    if (v.orthorhombic) return v.medium[a == b ? SK_CXX + a : SK_CXY + a + b - 1][i];
    const T lam = v.medium[SK_LAM][i];
    if (a != b) return lam;
    return lam + (v.medium[SK_MU2] ? v.medium[SK_MU2][i] : T(2) / v.medium[SK_COMPLIANCE][i]);
  }
  // Of a shear stress, counted xy, xz, yz.
  SK_INLINE T mu(int pair, int64_t i) const {
    if (const T* stored = v.medium[SK_MXY + pair]) return stored[i];
    const T* const c = v.medium[SK_COMPLIANCE] + i;
    const int64_t a = v.stride[pair == 2 ? SK_Y : SK_X], b = v.stride[pair == 0 ? SK_Y : SK_Z];
    return T(4) / ((c[0] + c[a]) + (c[b] + c[a + b]));
  }
};

}  // namespace seiskern::elastic::SK_ISA
