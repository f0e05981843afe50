// Velocities as integers of SK_BITS bits, on a GPU: as packed_cpu.cpp makes them, but of all numbers in a
// row.
#include <cstdint>

#include "common/simd.h"
#include "elastic/codes.h"

namespace seiskern::elastic::SK_ISA {

using T = SK_REAL;

template <int kBits>
struct Codes;
template <>
struct Codes<8> {
  using Type = int8_t;
};
template <>
struct Codes<16> {
  using Type = int16_t;
};
using Code = Codes<SK_BITS>::Type;
using C = Coding<T, sizeof(Code)>;
using Integer = C::Integer;

SK_INLINE Integer bits_of(T value) {
  union {
    T value;
    Integer bits;
  } both{value};
  return both.bits;
}
SK_INLINE T value_of(Integer bits) {
  union {
    Integer bits;
    T value;
  } both{bits};
  return both.value;
}

extern "C" {

__global__ void __launch_bounds__(SK_THREADS) encode(const T* values, int64_t n, T* scale, Code* code) {
  __shared__ Integer size[SK_THREADS];
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int32_t mine = threadIdx.x, within = mine % kScaled;
  const T value = i < n ? values[i] : T(0);
  size[mine] = bits_of(value) & C::size;
  for (int32_t apart = kScaled / 2; apart > 0; apart /= 2) {
    __syncthreads();
    if (within < apart && size[mine + apart] > size[mine]) size[mine] = size[mine + apart];
  }
  __syncthreads();
  if (i >= n) return;
  const T largest = value_of(size[mine - within]);
  if (within == 0) scale[i / kScaled] = largest / C::limit;
  const T factor = largest < Numbers<T>::least ? T(0) : C::limit / largest;
  code[i] = static_cast<Code>(bits_of(value * factor + Numbers<T>::shift));
}

__global__ void __launch_bounds__(SK_THREADS) decode(T* values, int64_t n, const T* scale, const Code* code) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) values[i] = T(code[i]) * scale[i / kScaled];
}

}  // extern "C"
}  // namespace seiskern::elastic::SK_ISA
