// Where absorbing layers are, and which kinds of derivatives hold there.
//
// Rows (update.h) ask for those of rows in a layer of y or z, and for those of whole rows along x, with the
// columns of layers at their ends. Forward, derivatives are stretched inside a layer; filtered.h is the
// same for the adjoint.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/derivatives.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

template <int kDim, class T>
class Stretching {
 public:
  static constexpr bool kBeyond = false;  // whether they reach beyond their own nodes

  explicit Stretching(const View<T>& view) : v_(view) {}

  // Rows [0, low) and [high, n).
  SK_INLINE int64_t low(int axis) const { return v_.layer[axis].low; }
  SK_INLINE int64_t high(int axis) const { return v_.layer[axis].high; }

  // Of all columns of the rows of plane k.
  template <bool kVelocity, class D>
  SK_INLINE Bordered<T, D> columns(const D& d, int64_t k) const {
    const Layer<T>& layer = v_.layer[SK_X];
    const Profile<T>& p = v_.profile[SK_X];
    const int64_t inside = layer.high - layer.low, plane = v_.ny * layer.pitch, skip = k * plane;
    T* const* psi = memory<SK_X, kVelocity>();
    return {d,         {p.a[0], p.a[1]}, {p.b[0], p.b[1]}, {psi[0] + skip, psi[1] + skip, psi[2] + skip},
            layer.low, inside,           layer.pitch,      plane};
  }

  // Of the rows of plane k in the low or the high layer of y or z.
  template <bool kVelocity, int kAxis, class D>
  SK_INLINE Stretched<T, D> rows(const D& d, int64_t k, bool high) const {
    constexpr bool across = kDim == 3 && kAxis == SK_Z;  // all rows of a plane have the same profile
    const Layer<T>& layer = v_.layer[kAxis];
    const int64_t gap = high ? layer.high - layer.low : 0;
    const int64_t width = across ? v_.ny : layer.low + v_.ny - layer.high;  // rows of a plane
    const int64_t skip = (across ? (k - gap) * width : (kDim == 3 ? k * width : 0) - gap) * layer.pitch;
    T* const* psi = memory<kAxis, kVelocity>();
    return {d,
            v_.profile[kAxis],
            across ? k : 0,
            across ? 0 : 1,
            {psi[0] + skip, psi[1] + skip, psi[2] + skip},
            layer.pitch};
  }

 private:
  template <int kAxis, bool kVelocity>
  SK_INLINE T* const* memory() const {
    return v_.layer[kAxis].memory + (kVelocity ? 0 : 3);
  }

  const View<T>& v_;
};

}  // namespace seiskern::elastic::SK_ISA
