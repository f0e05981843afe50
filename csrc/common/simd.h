// Vectors of the instruction set this file is compiled for, and the floating-point mode the loops run in.
#pragma once

#include <cstdint>

#if defined(SK_CUDA)  // nvcc, NVRTC, or what stands in for them
#include "common/lanes.h"
#elif defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef SK_INDEX  // of elements of an array
#define SK_INDEX int64_t
#endif

#ifndef SK_INLINE  // with sanitizers compilers take too long over it
#define SK_INLINE inline __attribute__((always_inline))
#define SK_INLINE_LAMBDA __attribute__((always_inline))
#endif

// Each instruction set has its own copy of every inline function: the linker must not merge them.
#ifndef SK_ISA
#define SK_ISA baseline
#endif

namespace seiskern {

using Index = SK_INDEX;

#ifndef SK_CUDA

// How fields are stored.
template <class T>
using Field = T;

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
  // Aliases T, but nothing else: pointers stay in registers across stores.
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T))));

  static SK_INLINE Vector load(const T* p) { return *reinterpret_cast<const Unaligned*>(p); }
  static SK_INLINE void store(T* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }
  // An element further on.
  static SK_INLINE Vector next(const T* p) { return load(p + 1); }
  static SK_INLINE Vector all(T value) { return value - Vector{}; }
};

// The same value, of which the compiler knows nothing: else it keeps a pointer to every row a stencil reads,
// of which there are more than registers.
template <class P>
SK_INLINE P opaque(P p) {
  asm("" : "+r"(p));
  return p;
}

// Slides along a row and gives the vectors that start a few elements before or after the one in the middle. A
// 64-byte load that crosses cache lines costs two, so they are cut from aligned ones, each loaded once, where
// registers can be shifted.
template <class T>
class Window {
  using V = typename Simd<T>::Vector;

 public:
#if defined(__AVX512F__)
  SK_INLINE void start(const T* p) {
    middle_ = Simd<T>::load(p - Simd<T>::lanes);
    after_ = Simd<T>::load(p);
  }
  // To p: where it started, or a vector further than before.
  SK_INLINE void slide(const T* p) {
    before_ = middle_;
    middle_ = after_;
    after_ = Simd<T>::load(p + Simd<T>::lanes);
  }

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
  SK_INLINE void start(const T*) {}
  SK_INLINE void slide(const T* p) { p_ = p; }

  template <int kShift>
  SK_INLINE V at() const {
    return Simd<T>::load(p_ + kShift);
  }

 private:
  const T* p_;
#endif
};

}  // namespace SK_ISA

#endif  // SK_CUDA

inline namespace SK_ISA {

// Vectors of kRows rows, one below the other.
template <class T, int kRows>
struct Block {
  using V = typename Simd<T>::Vector;
  V row[kRows];

  template <class P>
  static SK_INLINE Block load(const P* p, int64_t step) {
    Block b;
    p = opaque(p);
    for (int r = 0; r < kRows; ++r) b.row[r] = Simd<T>::load(p + r * step);
    return b;
  }
  template <class P>
  SK_INLINE void store(P* p, int64_t step) const {
    p = opaque(p);
    for (int r = 0; r < kRows; ++r) Simd<T>::store(p + r * step, row[r]);
  }
  static SK_INLINE Block next(const T* p, int64_t step) {
    Block b;
    p = opaque(p);
    for (int r = 0; r < kRows; ++r) b.row[r] = Simd<T>::next(p + r * step);
    return b;
  }
  static SK_INLINE Block all(V v) {
    Block b;
    for (int r = 0; r < kRows; ++r) b.row[r] = v;
    return b;
  }
  friend SK_INLINE Block operator+(Block a, const Block& b) {
    for (int r = 0; r < kRows; ++r) a.row[r] += b.row[r];
    return a;
  }
  friend SK_INLINE Block operator*(Block a, const Block& b) {
    for (int r = 0; r < kRows; ++r) a.row[r] *= b.row[r];
    return a;
  }
  friend SK_INLINE Block operator/(Block a, const Block& b) {
    for (int r = 0; r < kRows; ++r) a.row[r] /= b.row[r];
    return a;
  }
};

}  // namespace SK_ISA
}  // namespace seiskern
