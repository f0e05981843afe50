// Derivatives of rows, one template for dimension, order and type.
//
// A half step needs, along each axis a, the differences of three quantities: of s_xa, s_ya, s_za for the
// velocities, of vx, vy, vz for the stresses. Those of one axis are taken by one object, whose kind depends
// on where the rows are:
//
//   Along        inside: the staggered stencil
//   Stretched    in an absorbing layer of y or z (Komatitsch & Martin 2007, doi:10.1190/1.2757586): with g
//                the plain derivative, psi <- b psi + a g,  derivative = g + psi
//   Bordered     along x: inside but for the columns of the layers at both ends
//   Buffered     in the first rows below a free surface: the closure of surface.h, summed beforehand into
//                rows
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// A kind is asked for rows first, by the number of the first along their axis; that of x then for the parts
// of columns [x0, x1) of the row that starts at element `row`, which it gives to body(first, end); and each,
// vector by vector, for at<n>(i, x): the derivative of quantity n (SK_X, SK_Y, SK_Z) at element i of the
// arrays, which is column x, and in the kRows - 1 rows below it (along z): rows are taken two at a time where
// that pays.

template <int kRadius, class T, bool kVelocity, int kAxis>
struct Along {
  using V = typename Simd<T>::Vector;
  template <int kN>
  static constexpr bool plus = (kN == kAxis) == kVelocity;  // D+ or D-

  const Field<T>* u[3];
  Index stride, below;  // from node to node along the axis, and along z
  V c[kRadius];         // coefficients times dt / h

  template <int kRows>
  struct Slice {
    const Field<T>* u[3];
    Index stride, below;
    V c[kRadius];
    Window<T> window[3][kRows];

    template <class Body>
    SK_INLINE void parts(int64_t row, int64_t x0, int64_t x1, const Body& body) {
      for (int n = 0; n < 3; ++n)
        for (int r = 0; r < kRows; ++r) window[n][r].start(u[n] + row + x0 + r * below);
      body(x0, x1);
    }

    template <int kN>
    SK_INLINE Block<T, kRows> at(Index i, Index) {
      Block<T, kRows> result;
      const Field<T>* p = opaque(u[kN] + i);
      if constexpr (kAxis == SK_X) {
        for (int r = 0; r < kRows; ++r) {
          window[kN][r].slide(p + r * below);
          result.row[r] = across<plus<kN>, 0>(window[kN][r]);
        }
      } else if constexpr (kAxis == SK_Z) {
        V v[2 * kRadius + kRows - 1];
        for (int m = 0; m < 2 * kRadius + kRows - 1; ++m)
          v[m] = Simd<T>::load(p + (m - kRadius + plus<kN>)*stride);
        for (int r = 0; r < kRows; ++r) {
          result.row[r] = c[0] * (v[r + kRadius] - v[r + kRadius - 1]);
          for (int m = 1; m < kRadius; ++m)
            result.row[r] += c[m] * (v[r + kRadius + m] - v[r + kRadius - 1 - m]);
        }
      } else {
        for (int r = 0; r < kRows; ++r) {
          const Field<T>* v = p + r * below + (plus<kN> ? stride : 0);
          result.row[r] = c[0] * (Simd<T>::load(v) - Simd<T>::load(v - stride));
          for (int m = 1; m < kRadius; ++m)
            result.row[r] += c[m] * (Simd<T>::load(v + m * stride) - Simd<T>::load(v - (m + 1) * stride));
        }
      }
      return result;
    }

   private:
    template <bool kPlus, int kTerm>
    SK_INLINE V across(const Window<T>& w) const {
      constexpr int right = kPlus ? kTerm + 1 : kTerm, left = right - 2 * kTerm - 1;
      const V term = c[kTerm] * (w.template at<right>() - w.template at<left>());
      if constexpr (kTerm + 1 < kRadius) {
        return term + across<kPlus, kTerm + 1>(w);
      } else {
        return term;
      }
    }
  };
  // Member by member: a copy of the whole would stay in memory.
  template <int kRows>
  SK_INLINE Slice<kRows> rows(int64_t) const {
    Slice<kRows> s;
    for (int n = 0; n < 3; ++n) s.u[n] = u[n];
    for (int m = 0; m < kRadius; ++m) s.c[m] = c[m];
    s.stride = stride, s.below = below;
    return s;
  }
};

// Those that velocities or stresses need along an axis.
template <int kDim, int kRadius, bool kVelocity, int kAxis, class T>
SK_INLINE Along<kRadius, T, kVelocity, kAxis> along(const View<T>& v) {
  constexpr int stresses[3][3] = {
      {SK_SXX, SK_SXY, SK_SXZ}, {SK_SXY, SK_SYY, SK_SYZ}, {SK_SXZ, SK_SYZ, SK_SZZ}};
  Along<kRadius, T, kVelocity, kAxis> d;
  for (int n = 0; n < 3; ++n) {
    const int there = kDim == 2 && n == SK_Y ? SK_X : n;  // in 2-D y has the place of x, and no use
    d.u[n] = v.field[kVelocity ? stresses[kAxis][there] : SK_VX + there];
  }
  d.stride = static_cast<Index>(v.stride[kAxis]), d.below = static_cast<Index>(v.stride[SK_Z]);
  for (int m = 0; m < kRadius; ++m) d.c[m] = Simd<T>::all(v.c[kAxis][m]);
  return d;
}

// Rows computed beforehand, one per quantity.
template <class T>
struct Buffered {
  const T* u;
  int64_t width;

  template <int kN>
  SK_INLINE Block<T, 1> at(Index, Index x) const {
    return Block<T, 1>::load(u + kN * width + x, 0);
  }
  template <int kRows>
  SK_INLINE Buffered rows(int64_t) const {
    return *this;
  }
};

// No derivative: y in 2-D.
struct Absent {
  template <int kRows>
  SK_INLINE Absent rows(int64_t) const {
    return {};
  }
};

// Derivatives in a layer from plain ones: psi are the memory variables, `below` from row to row.
template <class B, class T>
SK_INLINE B stretch(const B& g, const B& a, const B& b, T* psi, int64_t below) {
  const B memory = b * B::load(psi, below) + a * g;
  memory.store(psi, below);
  return memory + g;
}

// Derivatives in a layer of y or z. The profiles are those of row `first`, and `step` further for each row
// after it; step 0 if the rows share them. `pitch` elements of psi from row to row.
template <class T, class D>
struct Stretched {
  const D& d;
  const Profile<T>& profile;
  int64_t first, step;
  T* psi[3];
  int64_t pitch;

  template <int kRows>
  struct Slice {
    using B = Block<T, 1>;
    static_assert(kRows == 1);
    typename D::template Slice<1> d;
    B a[2], b[2];
    T* psi[3];

    template <int kN>
    SK_INLINE B at(Index i, Index x) {
      constexpr bool half = D::template plus<kN>;  // D+ lands on half nodes
      return stretch(d.template at<kN>(i, x), a[half], b[half], psi[kN] + x, 0);
    }
  };
  template <int kRows>
  SK_INLINE Slice<kRows> rows(int64_t n) const {
    const int64_t m = first + n * step, at = n * pitch;
    const auto all = [m](const T* p) { return Block<T, 1>::all(Simd<T>::all(p[m])); };
    return {d.template rows<1>(n),
            {all(profile.a[0]), all(profile.a[1])},
            {all(profile.b[0]), all(profile.b[1])},
            {psi[0] + at, psi[1] + at, psi[2] + at}};
  }
};

// Derivatives along x of whole rows: in the layers left of column `low` and from low + inside on, and between
// them. The memory variables of the two lie side by side, `pitch` elements from row to row and `below` along
// z.
template <class T, class D>
struct Bordered {
  const D& d;
  const T *a[2], *b[2];
  T* psi[3];
  int64_t low, inside, pitch, below;

  template <int kRows>
  struct Slice {
    using B = Block<T, kRows>;
    typename D::template Slice<kRows> d;
    const T *a[2], *b[2];
    T* psi[3];
    int64_t low, inside, below;

    template <class Body>
    SK_INLINE void parts(int64_t row, int64_t x0, int64_t x1, const Body& body) {
      d.parts(row, x0, x1, body);
    }
    template <int kN>
    SK_INLINE B at(Index i, Index x) {
      constexpr bool half = D::template plus<kN>;
      const B g = d.template at<kN>(i, x);
      const bool layer = static_cast<uint64_t>(x - low) >= static_cast<uint64_t>(inside);
      if (__builtin_expect(!layer, 1)) return g;
      const auto profile = [x](const T* p) SK_INLINE_LAMBDA { return B::all(Simd<T>::load(p + x)); };
      return stretch(g, profile(a[half]), profile(b[half]), psi[kN] + (x < low ? x : x - inside), below);
    }
  };
  template <int kRows>
  SK_INLINE Slice<kRows> rows(int64_t n) const {
    const int64_t at = n * pitch;
    return {d.template rows<kRows>(n),
            {a[0], a[1]},
            {b[0], b[1]},
            {psi[0] + at, psi[1] + at, psi[2] + at},
            low,
            inside,
            below};
  }
};

}  // namespace seiskern::elastic::SK_ISA
