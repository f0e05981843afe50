// Vectors of the instruction set this file is compiled for, and the floating-point mode the loops run in.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SK_INLINE inline __attribute__((always_inline))

// Each instruction set has its own copy of every inline function: the linker must not merge them.
#ifndef SK_ISA
#define SK_ISA baseline
#endif

namespace seiskern {

// Flushes denormal numbers to zero while it lives: the decaying tails ahead of a wave front would otherwise
// cost a hundred cycles each.
class FlushDenormals {
#if defined(__x86_64__)
 public:
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#endif
};

inline namespace SK_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct Simd {
  static constexpr int lanes = kVectorBytes / static_cast<int>(sizeof(T));
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));

  static SK_INLINE Vector load(const T* p) { return *reinterpret_cast<const Unaligned*>(p); }
  static SK_INLINE void store(T* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }
  static SK_INLINE Vector all(T value) { return value - Vector{}; }
};

// Vectors that start a few elements before or after an aligned address. A 64-byte load that crosses cache
// lines costs two, so they are cut from aligned ones where registers can be shifted (1.3 times faster in 2-D
// at order 4, Zen 5).
template <class T>
class Window {
  using V = typename Simd<T>::Vector;

 public:
#if defined(__AVX512F__)
  explicit SK_INLINE Window(const T* p)
      : before_(Simd<T>::load(p - Simd<T>::lanes)),
        middle_(Simd<T>::load(p)),
        after_(Simd<T>::load(p + Simd<T>::lanes)) {}

  template <int kShift>
  SK_INLINE V at() const {
    if constexpr (kShift == 0) return middle_;
    if constexpr (kShift > 0) return joined<kShift>(middle_, after_);
    if constexpr (kShift < 0) return joined<Simd<T>::lanes + kShift>(before_, middle_);
  }

 private:
  // Elements kFrom ... of the two vectors laid end to end.
  template <int kFrom>
  static SK_INLINE V joined(V first, V second) {
    const auto low = reinterpret_cast<__m512i>(first), high = reinterpret_cast<__m512i>(second);
    if constexpr (sizeof(T) == 4) {
      return reinterpret_cast<V>(_mm512_alignr_epi32(high, low, kFrom));
    } else {
      return reinterpret_cast<V>(_mm512_alignr_epi64(high, low, kFrom));
    }
  }
  V before_, middle_, after_;
#else
  explicit SK_INLINE Window(const T* p) : p_(p) {}

  template <int kShift>
  SK_INLINE V at() const {
    return Simd<T>::load(p_ + kShift);
  }

 private:
  const T* p_;
#endif
};

}  // namespace SK_ISA
}  // namespace seiskern
