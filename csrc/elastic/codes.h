// Numbers as integers of fewer bits: of kScaled, the largest in size is the largest integer.
#pragma once

#include <cstdint>

namespace seiskern::elastic {

// Values that share a scale.
constexpr int64_t kScaled = 64;

template <class T>
struct Numbers;
template <>
struct Numbers<float> {
  using Integer = int32_t;
  // Where the last bit is 1, so that a sum with it is rounded and ends with the integer in two's complement.
  static constexpr float shift = 12582912.0f, least = 1e-30f;
};
template <>
struct Numbers<double> {
  using Integer = int64_t;
  static constexpr double shift = 6755399441055744.0, least = 1e-290;
};

// Codes of so many bytes.
template <class T, int kBytes>
struct Coding {
  using Integer = typename Numbers<T>::Integer;
  static constexpr T limit = kBytes == 1 ? 127 : 32767;
  // Of a value, without its sign, as an integer: in the order of the values, and NaN beyond all.
  static constexpr Integer size = ~(Integer(1) << (8 * sizeof(Integer) - 1));
};

}  // namespace seiskern::elastic
