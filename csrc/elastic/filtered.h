// Layers in the adjoint, where memory variables are taken of the fields before they are differentiated:
// D (u + psi). Rows in reach of a layer of y or z are differenced where u + psi is kept, those along x where
// it is put together for each row. The loops know nothing of it: what differs is what they read.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/adjoint_view.h"
#include "elastic/derivatives.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Derivatives along x of whole rows, of u + psi: d are those of u. Parts in reach of the layers are put
// together in `buffer`, which has two rows, and a margin before and after each, for as many quantities as
// there are axes.
template <int kDim, class T, class D>
struct Joined {
  const D& d;
  const T* psi[3];
  T* buffer;
  int64_t low, high, nx, pitch, below;

  template <int kRows>
  struct Slice {
    using S = Simd<T>;
    static constexpr int64_t kMargin = S::lanes > 4 ? S::lanes : 4;  // whole vectors, no less than any reach
    typename D::template Slice<kRows> d;
    const T* psi[3];
    T* buffer;
    int64_t low, high, nx, below;

    template <class Body>
    SK_INLINE void parts(int64_t row, int64_t x0, int64_t x1, const Body& body) {
      const auto plain = d;
      const int64_t left = low > 0 ? low + kMargin : 0, right = high < nx ? high - kMargin : nx;
      const int64_t ends[] = {left, right, nx};
      for (int part = 0; part < 3; ++part) {
        const int64_t end = ends[part] < x1 ? ends[part] : x1;
        if (x0 >= end) continue;
        if (part == 1) {
          for (int n = 0; n < 3; ++n) d.u[n] = plain.u[n];
          d.below = plain.below;
        } else {
          join(plain, row, x0 - kMargin, end + kMargin);
        }
        d.parts(row, x0, end, body);
        x0 = end;
      }
    }
    template <int kN>
    SK_INLINE Block<T, kRows> at(int64_t i, int64_t x) {
      return d.template at<kN>(i, x);
    }

   private:
    // Columns [x0, x1) of u + psi.
    template <class Plain>
    SK_INLINE void join(const Plain& plain, int64_t row, int64_t x0, int64_t x1) {
      const int64_t width = nx + 2 * kMargin;
      T* const to = buffer + kMargin;
      const auto put = [&](int64_t end, bool layer, int64_t gap) SK_INLINE_LAMBDA {
        for (; x0 < end && x0 < x1; x0 += S::lanes) {
          for (int n = 0; n < 3; ++n) {
            if (kDim == 2 && n == SK_Y) continue;
            for (int r = 0; r < kRows; ++r) {
              auto value = S::load(plain.u[n] + row + r * plain.below + x0);
              if (layer) value += S::load(psi[n] + r * below + x0 - gap);
              S::store(to + (2 * n + r) * width + x0, value);
            }
          }
        }
      };
      put(0, false, 0), put(low, true, 0), put(high, false, 0), put(nx, true, high - low), put(x1, false, 0);
      for (int n = 0; n < 3; ++n) d.u[n] = to + 2 * n * width - row;
      d.below = width;
    }
  };
  template <int kRows>
  SK_INLINE Slice<kRows> rows(int64_t n) const {
    const int64_t at = n * pitch;
    return {d.template rows<kRows>(n), {psi[0] + at, psi[1] + at, psi[2] + at}, buffer, low, high, nx, below};
  }
};

// As Stretching. `view` is with its layers.
template <int kDim, class T>
class Filtering {
 public:
  static constexpr bool kBeyond = true;

  // `buffer`: see Joined.
  Filtering(const View<T>& view, const Filter<T> (&filter)[3], T* buffer)
      : v_(view), filter_(filter), buffer_(buffer) {}

  SK_INLINE int64_t low(int axis) const { return filter_[axis].l.low; }
  SK_INLINE int64_t high(int axis) const { return filter_[axis].l.high; }

  template <bool kVelocity, class D>
  SK_INLINE Joined<kDim, T, D> columns(const D& d, int64_t k) const {
    const Layer<T>& layer = v_.layer[SK_X];
    const int64_t plane = v_.ny * layer.pitch, skip = k * plane;
    T* const* const psi = layer.memory + (kVelocity ? 0 : 3);
    return {d,           {psi[0] + skip, psi[1] + skip, psi[2] + skip},
            buffer_,     layer.low,
            layer.high,  v_.nx,
            layer.pitch, plane};
  }

  // Of two planes as well, along z.
  template <bool kVelocity, int kAxis, class D>
  SK_INLINE D rows(const D& d, int64_t k, bool high) const {
    const FilterLayout& l = filter_[kAxis].l;
    T* const* const u = kVelocity ? filter_[kAxis].stress : filter_[kAxis].velocity;
    const int64_t skip = k * (l.plane - v_.stride[SK_Z]) - (high ? l.shift : 0);
    D result = d;
    for (int n = 0; n < 3; ++n) result.u[n] = u[kDim == 2 && n == SK_Y ? SK_X : n] + skip;
    return result;
  }

 private:
  const View<T>& v_;
  const Filter<T> (&filter_)[3];
  T* buffer_;
};

}  // namespace seiskern::elastic::SK_ISA
