// The differences of the fields of a view, by axis and place.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/closure.h"
#include "elastic/derivatives.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

template <int kDim, int kRadius, class T>
class Differences {
 public:
  // Planes below a free surface that are closed.
  static constexpr int64_t kClosed = kClosedPlanes<kRadius>;

  // `buffer` holds three rows.
  Differences(const View<T>& view, T* buffer) : v_(view), buffer_(buffer) {}

  template <bool kVelocity, int kAxis>
  SK_INLINE auto along() const {
    return SK_ISA::along<kDim, kRadius, kVelocity, kAxis>(v_);
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
  template <bool kPlus>
  void close(const T* u, Pair pair, int64_t k, int64_t row, T* out) const {
    fill(out, 0);
    const ClosedRow<kRadius, kPlus> closed(k);
    for (int64_t plane = closed.begin; plane < closed.end; ++plane) {
      const double weight = closed.weight(pair, plane) * v_.scale[SK_Z];
      if (weight == 0) continue;
      const auto w = Simd<T>::all(T(weight));
      const T* from = u + row + (plane - k) * v_.stride[SK_Z];
      for (int64_t x = 0; x < v_.nx; x += Simd<T>::lanes) {
        Simd<T>::store(out + x, Simd<T>::load(out + x) + w * Simd<T>::load(from + x));
      }
    }
  }

  const View<T>& v_;
  T* buffer_;  // three rows
};

}  // namespace seiskern::elastic::SK_ISA
