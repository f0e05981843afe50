// The differences of the fields of a view, by axis and place.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/derivatives.h"
#include "elastic/surface.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

template <int kDim, int kRadius, class T>
class Differences {
  using S = Surface<kRadius>;

 public:
  // Planes below a free surface that are closed.
  static constexpr int64_t kClosed = S::plus_rows > S::minus_rows ? S::plus_rows : S::minus_rows;

  // `buffer` holds three rows.
  Differences(const View<T>& view, T* buffer) : v_(view), buffer_(buffer) {}

  template <bool kVelocity, int kAxis>
  SK_INLINE auto along() const {
    constexpr int stresses[3][3] = {
        {SK_SXX, SK_SXY, SK_SXZ}, {SK_SXY, SK_SYY, SK_SYZ}, {SK_SXZ, SK_SYZ, SK_SZZ}};
    Along<kRadius, T, kVelocity, kAxis> d;
    for (int n = 0; n < 3; ++n) {
      const int there = kDim == 2 && n == SK_Y ? SK_X : n;  // in 2-D y has the place of x, and no use
      d.u[n] = v_.field[kVelocity ? stresses[kAxis][there] : SK_VX + there];
    }
    d.stride = v_.stride[kAxis], d.below = v_.stride[SK_Z];
    for (int m = 0; m < kRadius; ++m) d.c[m] = Simd<T>::all(v_.c[kAxis][m]);
    return d;
  }

  // The z derivatives of row k of a free surface's closure, from those of rows inside; `row` is where that
  // row starts.
  template <class D>
  Buffered<T> closed(const D& d, int64_t k, int64_t row) const {
    close<D::template plus<SK_X>>(d.u[SK_X], Pair::kShear, k, row, buffer_);
    if (kDim == 3) close<D::template plus<SK_Y>>(d.u[SK_Y], Pair::kShear, k, row, buffer_ + v_.nx);
    close<D::template plus<SK_Z>>(d.u[SK_Z], Pair::kNormal, k, row, buffer_ + 2 * v_.nx);
    return {buffer_, v_.nx};
  }

  SK_INLINE void fill(T* row, T value) const {
    for (int64_t x = 0; x < v_.nx; x += Simd<T>::lanes) Simd<T>::store(row + x, Simd<T>::all(value));
  }

 private:
  // On the surface itself the moduli are those of plane stress: the strain along z drops out and szz is zero,
  // whatever is put there.
  template <bool kPlus>
  void close(const T* u, Pair pair, int64_t k, int64_t row, T* out) const {
    constexpr int rows = kPlus ? S::plus_rows : S::minus_rows, taps = kPlus ? S::plus_taps : S::minus_taps;
    fill(out, 0);
    if (!kPlus && pair == Pair::kNormal && k == 0) return;
    const int p = static_cast<int>(pair);
    const double* c = k >= rows ? nullptr : kPlus ? S::plus[p][k] : S::minus[p][k];
    const int64_t first = c ? 0 : k - kRadius + kPlus;
    for (int tap = 0; tap < (c ? taps : 2 * kRadius); ++tap) {
      const double weight = c ? c[tap] * v_.scale[SK_Z] : inner(tap);
      if (weight == 0 || (kPlus && pair == Pair::kNormal && first + tap == 0)) continue;
      const auto w = Simd<T>::all(T(weight));
      const T* from = u + row + (first + tap - k) * v_.stride[SK_Z];
      for (int64_t x = 0; x < v_.nx; x += Simd<T>::lanes) {
        Simd<T>::store(out + x, Simd<T>::load(out + x) + w * Simd<T>::load(from + x));
      }
    }
  }

  // Coefficient of the `tap`th of the 2 kRadius rows of the staggered stencil.
  SK_INLINE double inner(int tap) const {
    return tap < kRadius ? -v_.c[SK_Z][kRadius - 1 - tap] : v_.c[SK_Z][tap - kRadius];
  }

  const View<T>& v_;
  T* buffer_;  // three rows
};

}  // namespace seiskern::elastic::SK_ISA
