// One shot of the adjoint as its kernels see it.
#pragma once

#include <cstdint>

#include "elastic/view.h"

namespace seiskern::elastic {

// What derivatives along one axis A see in its layers: fields with their memory variables, which are those of
// the view. Along x they are put together when they are needed.
template <class T>
struct Filter {
  FilterLayout l;
  T* stress[3];    // s_xA, s_yA, s_zA
  T* velocity[3];  // vx, vy, vz
  T* trace;        // the memory variable of the trace of the stresses,
  int64_t pitch;   // elements from row to row
};

// Where gradients of sources or receivers go. Those of sources are sums, numbered like `data` of Points.
template <class T>
struct PointGradient {
  Points<T> points;  // sources: sums; receivers: the gradient of their records
  T* weight;         // of entry e, or nullptr
};

template <class T>
struct AdjointShot {
  // The adjoint wavefield, and the same without layers.
  View<T> view, plain;
  Filter<T> filter[3];

  // Adjoint strains: the stresses of a medium of unit moduli. They are made in the planes [begin, end), for
  // the gradients of stress sources.
  View<T> strain;
  int64_t strain_begin, strain_end;

  View<T> history;     // velocities before step 0, whether it was kept or not
  int64_t slice_size;  // elements from there to those before the next step,
  bool by_turns;       // which has its place in common with that of every other one
  int64_t last;        // the steps end before this one

  Points<T> sources[2];  // as they ran, of velocity, of stress
  PointGradient<T> source[2], receiver[2];
  const T* injected;  // what entry e of the velocity receivers adds to w for a gradient of 1
  const T* norm[2];   // of planes, on nodes and half nodes
  T* image[SK_IMAGES];
};

// Half step 0 is that of the stresses of the last step, 1 that of its velocities. `buffer`: see Workspace.
#define SK_DECLARE_KERNELS(isa)                        \
  namespace isa {                                      \
  Advance* adjoint(int ndim, int order, int itemsize); \
  }
SK_DECLARE_KERNELS(baseline)
SK_DECLARE_KERNELS(avx2)
SK_DECLARE_KERNELS(avx512)
#undef SK_DECLARE_KERNELS

}  // namespace seiskern::elastic
