// Rows of velocities as integers: of kScaled columns, the largest in size is the largest integer. Compiled
// once per instruction set, see step_cpu.cpp.
#include <cstring>

#include "common/simd.h"
#include "elastic/codes.h"
#include "elastic/packed.h"

namespace seiskern::elastic::SK_ISA {
namespace {

template <class T, class Code>
struct Rows {
  using S = Simd<T>;
  using V = typename S::Vector;
  using C = Coding<T, sizeof(Code)>;
  using I = typename C::Integer;
  typedef I Integers __attribute__((vector_size(kVectorBytes)));
  typedef Code Codes __attribute__((vector_size(S::lanes * sizeof(Code)), aligned(1)));

  static void encode(const void* from, int64_t n, void* to) {
    const T* row = static_cast<const T*>(from);
    T* scale = static_cast<T*>(to);
    Code* code = reinterpret_cast<Code*>(scale + (n + kScaled - 1) / kScaled);
    for (; n > 0; n -= kScaled, row += kScaled, code += kScaled) {
      const int64_t columns = n < kScaled ? n : kScaled;
      const T size = largest(row, columns);
      *scale++ = size / C::limit;
      block(row, columns, size < Numbers<T>::least ? T(0) : C::limit / size, code);
    }
  }

  static void decode(const void* from, int64_t n, void* to) {
    T* row = static_cast<T*>(to);
    const T* scale = static_cast<const T*>(from);
    const Code* code = reinterpret_cast<const Code*>(scale + (n + kScaled - 1) / kScaled);
    for (; n > 0; n -= kScaled, row += kScaled, code += kScaled, ++scale) {
      const int64_t columns = n < kScaled ? n : kScaled;
      int64_t i = 0;
      for (; i + S::lanes <= columns; i += S::lanes) {
        const auto integers = __builtin_convertvector(*reinterpret_cast<const Codes*>(code + i), Integers);
        S::store(row + i, __builtin_convertvector(integers, V) * S::all(*scale));
      }
      for (; i < columns; ++i) row[i] = T(code[i]) * *scale;
    }
  }

 private:
  static SK_INLINE I bits_of(T value) {
    I bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  static SK_INLINE T largest(const T* row, int64_t n) {
    Integers most{};
    int64_t i = 0;
    for (; i + S::lanes <= n; i += S::lanes) {
      const auto size = reinterpret_cast<Integers>(S::load(row + i)) & C::size;
      most = size > most ? size : most;
    }
    I found = 0;
    for (int lane = 0; lane < S::lanes; ++lane) found = most[lane] > found ? most[lane] : found;
    for (; i < n; ++i) {
      const I size = bits_of(row[i]) & C::size;
      found = size > found ? size : found;
    }
    T value;
    std::memcpy(&value, &found, sizeof value);
    return value;
  }

  static SK_INLINE void block(const T* row, int64_t n, T factor, Code* code) {
    constexpr T shift = Numbers<T>::shift;
    int64_t i = 0;
    for (; i + S::lanes <= n; i += S::lanes) {
      const V shifted = S::load(row + i) * S::all(factor) + S::all(shift);
      *reinterpret_cast<Codes*>(code + i) =
          __builtin_convertvector(reinterpret_cast<Integers>(shifted), Codes);
    }
    for (; i < n; ++i) code[i] = static_cast<Code>(bits_of(row[i] * factor + shift));
  }
};

// As they are.
template <class T>
struct Rows<T, T> {
  static void encode(const void* from, int64_t n, void* to) { std::memcpy(to, from, n * sizeof(T)); }
  static constexpr auto decode = encode;
};

template <class T>
Codec of_bits(int bits) {
  switch (bits) {
    case 8:
      return {Rows<T, int8_t>::encode, Rows<T, int8_t>::decode};
    case 16:
      return {Rows<T, int16_t>::encode, Rows<T, int16_t>::decode};
    default:
      return {Rows<T, T>::encode, Rows<T, T>::decode};
  }
}

}  // namespace

Codec codec(int itemsize, int bits) { return itemsize == 4 ? of_bits<float>(bits) : of_bits<double>(bits); }

}  // namespace seiskern::elastic::SK_ISA
