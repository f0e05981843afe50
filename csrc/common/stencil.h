// Staggered finite-difference coefficients, shared by every backend.
//
//   (D+ u)_{i+1/2} = sum_m c_m (u_{i+m} - u_{i-m+1})      (D- w)_i = sum_m c_m (w_{i+m-1/2} - w_{i-m+1/2})
//
// Taylor coefficients of order 2 kRadius (Fornberg 1988, doi:10.1090/S0025-5718-1988-0935077-0), derived in
// tests/kernels/test_stencil.py.
#pragma once

namespace seiskern {

template <int kRadius>
struct Taylor;

template <>
struct Taylor<1> {
  static constexpr double c[1] = {1.0};
};
template <>
struct Taylor<2> {
  static constexpr double c[2] = {9.0 / 8, -1.0 / 24};
};
template <>
struct Taylor<3> {
  static constexpr double c[3] = {75.0 / 64, -25.0 / 384, 3.0 / 640};
};
template <>
struct Taylor<4> {
  static constexpr double c[4] = {1225.0 / 1024, -245.0 / 3072, 49.0 / 5120, -5.0 / 7168};
};

// Largest eigenvalue of the first difference on a unit grid: 2 sum |c_m|.
template <int kRadius>
constexpr double difference_norm() {
  double sum = 0;
  for (double c : Taylor<kRadius>::c) sum += c < 0 ? -c : c;
  return 2 * sum;
}

inline double taylor(int order, int m) {
  switch (order) {
    case 2:
      return Taylor<1>::c[m];
    case 4:
      return Taylor<2>::c[m];
    case 6:
      return Taylor<3>::c[m];
    default:
      return Taylor<4>::c[m];
  }
}

inline double difference_norm(int order) {
  switch (order) {
    case 2:
      return difference_norm<1>();
    case 4:
      return difference_norm<2>();
    case 6:
      return difference_norm<3>();
    default:
      return difference_norm<4>();
  }
}

}  // namespace seiskern
