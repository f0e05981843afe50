// What simd.h is for a thread of a GPU: vectors are SK_LANES elements side by side, loaded and stored at
// once.
#pragma once

#define SK_INLINE __device__ __forceinline__
#define SK_INLINE_LAMBDA
#define SK_ISA cuda

// Shared memory of a block, of the size that its launch asks for.
#ifndef SK_DYNAMIC_SHARED
#define SK_DYNAMIC_SHARED(name) extern __shared__ __align__(16) char name[]
#endif

// The same address in the shared memory of another block of the cluster, and a barrier for all of its
// threads.
#ifndef SK_CLUSTERS
#define SK_CLUSTERS(n) __cluster_dims__(n, 1, 1)
namespace seiskern {
template <class P>
SK_INLINE P* in_block(P* p, int rank) {
  P* there;
  asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(p), "r"(rank));
  return there;
}
SK_INLINE void sync_cluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
}  // namespace seiskern
#endif

#ifdef SK_HALF
#include "common/half.h"
#endif

namespace seiskern {
inline namespace SK_ISA {

// How fields are stored.
#ifdef SK_HALF
template <class T>
using Field = Half;
#else
template <class T>
using Field = T;
#endif

template <class T, int kLanes>
struct alignas(kLanes * sizeof(T)) Pack {
  T of[kLanes];

  SK_INLINE Pack& operator+=(const Pack& b) {
    for (int n = 0; n < kLanes; ++n) of[n] += b.of[n];
    return *this;
  }
  SK_INLINE Pack& operator*=(const Pack& b) {
    for (int n = 0; n < kLanes; ++n) of[n] *= b.of[n];
    return *this;
  }
  SK_INLINE Pack& operator/=(const Pack& b) {
    for (int n = 0; n < kLanes; ++n) of[n] /= b.of[n];
    return *this;
  }
  friend SK_INLINE Pack operator+(Pack a, const Pack& b) { return a += b; }
  friend SK_INLINE Pack operator*(Pack a, const Pack& b) { return a *= b; }
  friend SK_INLINE Pack operator-(Pack a, const Pack& b) {
    for (int n = 0; n < kLanes; ++n) a.of[n] -= b.of[n];
    return a;
  }
};

template <class T>
struct Simd {
  static constexpr int lanes = SK_LANES;
  using Vector = Pack<T, lanes>;

  // p is so many elements from the beginning of a row that it is aligned.
  static SK_INLINE Vector load(const T* p) { return *reinterpret_cast<const Vector*>(p); }
  static SK_INLINE void store(T* p, Vector v) { *reinterpret_cast<Vector*>(p) = v; }
#ifdef SK_HALF
  static SK_INLINE Vector load(const Half* p) {
    const auto stored = *reinterpret_cast<const Pack<Half, lanes>*>(p);
    Vector v;
    for (int n = 0; n < lanes; ++n) v.of[n] = stored.of[n];
    return v;
  }
  static SK_INLINE void store(Half* p, Vector v) {
    Pack<Half, lanes> stored;
    for (int n = 0; n < lanes; ++n) stored.of[n] = v.of[n];
    *reinterpret_cast<Pack<Half, lanes>*>(p) = stored;
  }
#endif
  // At any p.
  static SK_INLINE Vector each(const T* p) {
    Vector v;
    for (int n = 0; n < lanes; ++n) v.of[n] = p[n];
    return v;
  }
  // An element further on.
  static SK_INLINE Vector next(const T* p) { return each(p + 1); }
  static SK_INLINE Vector all(T value) {
    Vector v;
    for (int n = 0; n < lanes; ++n) v.of[n] = value;
    return v;
  }
};

template <class P>
SK_INLINE P opaque(P p) {
  return p;
}

// The vectors that start a few elements before or after the one at p, from aligned ones around it. Compilers
// leave out those that no shift needs.
template <class T>
class Window {
  using S = Simd<T>;
  static constexpr int kReach = 4, kBeside = (kReach + S::lanes - 1) / S::lanes;

 public:
  SK_INLINE void start(const Field<T>*) {}
  SK_INLINE void slide(const Field<T>* p) {
    for (int n = 0; n < 2 * kBeside + 1; ++n) around_[n] = S::load(p + (n - kBeside) * S::lanes);
  }

  template <int kShift>
  SK_INLINE typename S::Vector at() const {
    typename S::Vector v;
    for (int n = 0; n < S::lanes; ++n) {
      const int element = kBeside * S::lanes + kShift + n;
      v.of[n] = around_[element / S::lanes].of[element % S::lanes];
    }
    return v;
  }

 private:
  typename S::Vector around_[2 * kBeside + 1];
};

}  // namespace SK_ISA
}  // namespace seiskern
