// Half steps on a GPU, for all shots at a time. Compiled for one problem by what is defined for it:
//
//   SK_CUDA                     always
//   SK_DIM, SK_RADIUS           dimensions, half the order
//   SK_REAL                     float or double
//   SK_ORTHORHOMBIC             1 or 0
//   SK_INDEX                    int32_t while all indices of an array fit, or int64_t
//   SK_LANES, SK_PLANES         nodes of a thread along x and along z
//   SK_THREADS                  of a block, at most
//
// An update has two kernels: of the nodes inside, without a word of layers and surfaces, and of all others.
#include <cstdint>

#include "elastic/device.h"
#include "elastic/edge.h"
#include "elastic/series.h"
#include "elastic/thread.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Velocities go to the history, if there is one. Sources that follow are added there as well.
template <bool kVelocity>
SK_INLINE void keep(const Device<T>& d, Pending<kVelocity>& pending, int32_t shot, int64_t slice, Index i) {
  if constexpr (kVelocity) {
    if (!d.history[SK_X]) return;
    for (int n = 0; n < 3; ++n) {
      if (SK_DIM == 2 && n == SK_Y) continue;
      T* const after = d.history[n] + shot * d.histories + (slice + 1) * d.slices;
      pending.of(SK_VX + n).store(after + i, 0);
    }
  }
}

// Stresses are made from velocities that have been written.
template <bool kVelocity>
SK_INLINE View<T> updated(const Device<T>& d, int64_t shot) {
  View<T> v = of_shot(d, shot);
  for (int f = SK_VX; !kVelocity && f <= SK_VZ; ++f) v.field[f] = d.next[f] + shot * d.fields;
  return v;
}

template <bool kVelocity>
SK_INLINE void update_inside(const Device<T>& d, int64_t slice) {
  Place p;
  if (!find_place(d, 0, 1, p)) return;
  const View<T> v = updated<kVelocity>(d, p.shot);
  auto x = along<SK_DIM, SK_RADIUS, kVelocity, SK_X>(v).template rows<1>(0);
  auto y = along<SK_DIM, SK_RADIUS, kVelocity, SK_Y>(v).template rows<1>(0);
  auto z = along<SK_DIM, SK_RADIUS, kVelocity, SK_Z>(v).template rows<1>(0);
  for (int32_t k = p.k; k < p.end[SK_Z]; ++k) {
    const Index i = element(v, k, p);
    Pending<kVelocity> pending(v);
    add<kVelocity>(pending, v, i, p.c, x, y, z);
    pending.write(d.next, p.shot * d.fields, i);
    keep(d, pending, p.shot, slice, i);
  }
}

template <bool kVelocity>
SK_INLINE void update_edges(const Device<T>& d, int64_t slice) {
  Place p;
  if (!find_place(d, 1, kBoxes, p)) return;
  const View<T> v = updated<kVelocity>(d, p.shot);
  for (int32_t k = p.k; k < p.end[SK_Z]; ++k) {
    Edge<T, kVelocity, SK_X> x(d, v, k, p.j, p.c);
    Edge<T, kVelocity, SK_Y> y(d, v, k, p.j, p.c);
    Edge<T, kVelocity, SK_Z> z(d, v, k, p.j, p.c);
    const Index i = element(v, k, p);
    Pending<kVelocity> pending(v);
    add<kVelocity>(pending, v, i, p.c, x, y, z);
    pending.damp(k, p.j, p.c);
    pending.write(d.next, p.shot * d.fields, i);
    keep(d, pending, p.shot, slice, i);
  }
}

// Velocities in the boxes around the first one go to the history.
SK_INLINE void keep_edges(const Device<T>& d, int64_t slice) {
  Place p;
  if (!find_place(d, 1, kBoxes, p)) return;
  const View<T> v = of_shot(d, p.shot);
  const int64_t after = p.shot * d.histories + (slice + 1) * d.slices;
  for (int32_t k = p.k; k < p.end[SK_Z]; ++k) {
    const Index i = element(v, k, p);
    for (int32_t lane = 0; lane < SK_LANES && p.c + lane < p.end[SK_X]; ++lane) {
      const int64_t number = after + number_in(d.box[p.box], k, p.j, p.c + lane);
      for (int n = 0; n < 3; ++n) {
        if (SK_DIM == 3 || n != SK_Y) d.history[n][number] = v.field[SK_VX + n][i + lane];
      }
    }
  }
}

using Run = const Device<T>;

extern "C" {

// The step is that of the clock and n.
__global__ void __launch_bounds__(SK_THREADS, sizeof(T) == 4 ? 0 : 1)
    velocity_inside(const __grid_constant__ Run d, const Clock* clock, int32_t n) {
  update_inside<true>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, 2)
    velocity_edges(const __grid_constant__ Run d, const Clock* clock, int32_t n) {
  update_edges<true>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, sizeof(T) == 4 ? 0 : 1)
    stress_inside(const __grid_constant__ Run d, const Clock* clock, int32_t n) {
  update_inside<false>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, 2)
    stress_edges(const __grid_constant__ Run d, const Clock* clock, int32_t n) {
  update_edges<false>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS)
    keep_velocities(const __grid_constant__ Run d, const Clock* clock, int32_t n) {
  keep_edges(d, Step(clock, n).slice);
}

}  // extern "C"
}  // namespace seiskern::elastic::SK_ISA
