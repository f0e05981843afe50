// What a half step of the velocity-stress scheme adds to the fields at some nodes (Virieux 1986,
// doi:10.1190/1.1442147; Levander 1988, doi:10.1190/1.1442422), for all backends.
//
//   rho dt v_n  = sum_a D_a s_na          s_nn: D+, else D-
//   dt s_nn     = lam sum_a D-_a v_a + 2 mu D-_n v_n
//   dt s_nt     = mu (D+_t v_n + D+_n v_t)
//
// and dt s_nn = sum_a c_na D-_a v_a in an orthorhombic medium.
#pragma once

#include "common/simd.h"
#include "elastic/coefficients.h"
#include "elastic/derivatives.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Whether a field lies on half nodes along an axis.
SK_INLINE constexpr bool on_half(int field, int axis) {
  switch (field) {
    case SK_SXY:
      return axis != SK_Z;
    case SK_SXZ:
      return axis != SK_Y;
    case SK_SYZ:
      return axis != SK_X;
    default:
      return field == SK_VX + axis;
  }
}

// To the arrays themselves.
template <class T>
struct Adding {
  const View<T>& v;

  template <class B>
  SK_INLINE void add(int field, Index i, const B& value) const {
    Field<T>* const out = v.field[field] + i;
    const int64_t below = v.stride[SK_Z];
    (B::load(out, below) + value).store(out, below);
  }
};

// At element i of the arrays, which is column c, and in the rows below that a block has. x, y, z are
// derivatives along these axes; `out` is told what is added to which field.
template <int kDim, class Out>
struct Nodes {
  Out out;

  template <class M, class X, class Y, class Z>
  SK_INLINE void add_velocity(Index i, Index c, const M& medium, X& x, Y& y, Z& z) {
    out.add(SK_VX, i, medium.template buoyancy<SK_X>(i, c) * sum<SK_X>(i, c, x, y, z));
    if constexpr (kDim == 3)
      out.add(SK_VY, i, medium.template buoyancy<SK_Y>(i, c) * sum<SK_Y>(i, c, x, y, z));
    out.add(SK_VZ, i, medium.template buoyancy<SK_Z>(i, c) * sum<SK_Z>(i, c, x, y, z));
  }

  template <bool kOrthorhombic, class M, class X, class Y, class Z>
  SK_INLINE void add_stress(Index i, Index c, const M& medium, X& x, Y& y, Z& z) {
    const auto exx = x.template at<SK_X>(i, c), ezz = z.template at<SK_Z>(i, c);
    if constexpr (kDim == 2) {
      normal_stress<kOrthorhombic>(i, c, medium, exx, ezz);
    } else {
      normal_stress<kOrthorhombic>(i, c, medium, exx, y.template at<SK_Y>(i, c), ezz);
      const auto exy = x.template at<SK_Y>(i, c) + y.template at<SK_X>(i, c);
      out.add(SK_SXY, i, medium.template mu<SK_X, SK_Y>(i, c) * exy);
      const auto eyz = y.template at<SK_Z>(i, c) + z.template at<SK_Y>(i, c);
      out.add(SK_SYZ, i, medium.template mu<SK_Y, SK_Z>(i, c) * eyz);
    }
    const auto exz = x.template at<SK_Z>(i, c) + z.template at<SK_X>(i, c);
    out.add(SK_SXZ, i, medium.template mu<SK_X, SK_Z>(i, c) * exz);
  }

 private:
  // Normal stresses from the strain rates along x, (y,) z.
  template <bool kOrthorhombic, class M, class B>
  SK_INLINE void normal_stress(Index i, Index c, const M& m, const B& x, const B& z) {
    if constexpr (kOrthorhombic) {
      const B xz = m.at(SK_CXZ, i);
      out.add(SK_SXX, i, m.at(SK_CXX, i) * x + xz * z);
      out.add(SK_SZZ, i, m.at(SK_CZZ, i) * z + xz * x);
    } else {
      const B mean = m.lam(i) * (x + z), twice = m.mu2(i, c);
      out.add(SK_SXX, i, mean + twice * x);
      out.add(SK_SZZ, i, mean + twice * z);
    }
  }
  template <bool kOrthorhombic, class M, class B>
  SK_INLINE void normal_stress(Index i, Index c, const M& m, const B& x, const B& y, const B& z) {
    if constexpr (kOrthorhombic) {
      const B xy = m.at(SK_CXY, i), xz = m.at(SK_CXZ, i), yz = m.at(SK_CYZ, i);
      out.add(SK_SXX, i, m.at(SK_CXX, i) * x + xy * y + xz * z);
      out.add(SK_SYY, i, xy * x + m.at(SK_CYY, i) * y + yz * z);
      out.add(SK_SZZ, i, xz * x + yz * y + m.at(SK_CZZ, i) * z);
    } else {
      const B mean = m.lam(i) * (x + y + z), twice = m.mu2(i, c);
      out.add(SK_SXX, i, mean + twice * x);
      out.add(SK_SYY, i, mean + twice * y);
      out.add(SK_SZZ, i, mean + twice * z);
    }
  }

  template <int kN, class X, class Y, class Z>
  SK_INLINE auto sum(Index i, Index c, X& x, Y& y, Z& z) {
    const auto plane = x.template at<kN>(i, c) + z.template at<kN>(i, c);
    if constexpr (kDim == 3) {
      return plane + y.template at<kN>(i, c);
    } else {
      return plane;
    }
  }
};

}  // namespace seiskern::elastic::SK_ISA
