// Layers in the adjoint, where memory variables are taken of the fields before they are differentiated:
// D (u + psi). In 2-D; in 3-D, where loops are short of registers as they are, a pass of its own over what is
// in reach of a layer takes 0.85 of the time on a Zen 3 (adjoint.h).
#pragma once

#include <cstdint>
#include <utility>

#include "common/simd.h"
#include "elastic/adjoint_view.h"
#include "elastic/derivatives.h"
#include "elastic/update.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// The staggered difference of u, whose nodes are `stride` apart; c are the coefficients.
template <bool kPlus, int kRadius, class V, class T>
SK_INLINE V difference(const V (&c)[kRadius], const T* u, int64_t stride) {
  using S = Simd<T>;
  const T* const p = u + (kPlus ? stride : 0);
  V sum = c[0] * (S::load(p) - S::load(p - stride));
  for (int m = 1; m < kRadius; ++m) sum += c[m] * (S::load(p + m * stride) - S::load(p - (m + 1) * stride));
  return sum;
}

// Rows below a free surface, with the coefficients of those that are not.
template <int kRadius, class T>
struct Closed : Buffered<T> {
  typename Simd<T>::Vector c[kRadius];

  template <int kRows>
  SK_INLINE Closed rows(int64_t) const {
    return *this;
  }
};

// Derivatives of rows in reach of a layer, from those without it. Along x of whole rows: psi are zero from
// column `low` to column `high`, and there and beyond lie `shift` elements earlier.
template <bool kVelocity, int kAxis, int kRadius, class T, class D>
struct Spread {
  const D& d;
  const T* psi[3];
  int64_t pitch, low, high, shift;  // pitch: elements of psi from row to row

  template <int kRows>
  struct Slice {
    decltype(std::declval<const D&>().template rows<kRows>(0)) d;
    const T* psi[3];
    int64_t pitch, low, inside, shift;

    SK_INLINE void start(int64_t i) { d.start(i); }
    template <int kN>
    SK_INLINE Block<T, kRows> at(int64_t i, int64_t x) {
      constexpr bool plus = (kN == kAxis) == kVelocity;
      Block<T, kRows> g = d.template at<kN>(i, x);
      const T* p = psi[kN] + x;
      if constexpr (kAxis == SK_X) {
        const bool layer = static_cast<uint64_t>(x - low) >= static_cast<uint64_t>(inside);
        if (__builtin_expect(!layer, 1)) return g;
        if (x >= low) p -= shift;
      }
      p = opaque(p);
      for (int r = 0; r < kRows; ++r) {
        g.row[r] += difference<plus>(d.c, p + r * pitch, kAxis == SK_X ? 1 : pitch);
      }
      return g;
    }
  };
  template <int kRows>
  SK_INLINE Slice<kRows> rows(int64_t n) const {
    const int64_t at = n * pitch;
    return {
        d.template rows<kRows>(n), {psi[0] + at, psi[1] + at, psi[2] + at}, pitch, low, high - low, shift};
  }
};

template <bool kVelocity, int kAxis, int kRadius, class T, class D>
constexpr bool kPaired<Spread<kVelocity, kAxis, kRadius, T, D>> = kPaired<D>;
template <int kRadius, class T>
constexpr bool kPaired<Closed<kRadius, T>> = false;

// As Stretching.
template <int kRadius, class T>
class Spreading {
 public:
  static constexpr bool kBeyond = true;

  Spreading(const View<T>& view, const Filter<T> (&filter)[3]) : v_(view), filter_(filter) {}

  SK_INLINE int64_t low(int axis) const {
    const FilterLayout& l = filter_[axis].l;
    const int64_t low = l.low == 0 ? 0 : l.low + reach(axis), n = nodes(axis);
    return low < n ? low : n;
  }
  SK_INLINE int64_t high(int axis) const {
    const FilterLayout& l = filter_[axis].l;
    return l.high == nodes(axis) ? l.high : l.high - reach(axis);
  }

  SK_INLINE Closed<kRadius, T> closed(const Buffered<T>& rows) const {
    Closed<kRadius, T> result{rows, {}};
    for (int m = 0; m < kRadius; ++m) result.c[m] = Simd<T>::all(v_.c[SK_Z][m]);
    return result;
  }

  template <bool kVelocity, class D>
  SK_INLINE auto columns(const D& d, int64_t) const {
    return spread<kVelocity, SK_X>(d, 0);
  }
  template <bool kVelocity, int kAxis, class D>
  SK_INLINE auto rows(const D& d, int64_t, bool high) const {
    return spread<kVelocity, kAxis>(d, high ? filter_[kAxis].l.shift : 0);
  }

 private:
  static SK_INLINE int64_t reach(int axis) { return axis == SK_X ? Simd<T>::lanes : kRadius; }
  SK_INLINE int64_t nodes(int axis) const { return axis == SK_X ? v_.nx : v_.nz; }

  template <bool kVelocity, int kAxis, class D>
  SK_INLINE Spread<kVelocity, kAxis, kRadius, T, D> spread(const D& d, int64_t less) const {
    const FilterLayout& l = filter_[kAxis].l;
    T* const* const psi = kVelocity ? filter_[kAxis].stress : filter_[kAxis].velocity;
    const T *const x = psi[SK_X] - less, *const z = psi[SK_Z] - less;
    return {d, {x, x, z}, l.stride[SK_Z], low(kAxis), high(kAxis), l.shift};  // y has the place of x
  }

  const View<T>& v_;
  const Filter<T> (&filter_)[3];
};

}  // namespace seiskern::elastic::SK_ISA
