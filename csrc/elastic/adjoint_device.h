// All shots of an adjoint run as the kernels of a GPU see them, see adjoint.cu.
#pragma once

#include <cstdint>

#include "elastic/adjoint_view.h"
#include "elastic/device.h"
#include "elastic/view.h"

namespace seiskern::elastic {

// Pointers are those of shot 0.
template <class T>
struct AdjointDevice {
  Device<T> run;  // the adjoint wavefield; the first box has no node that layers reach
  Filter<T> filter[3];

  T* strain[SK_FIELDS];  // adjoint strains, in the planes [begin, end); or nullptr
  int64_t strains;       // elements from shot to shot
  int32_t begin, end;

  // With SK_REVERSED the wavefield of the run, which goes back as well. Around the first of these boxes it is
  // not made but found in the history, which has nothing else.
  T* past[SK_FIELDS];
  int64_t pasts;  // elements from shot to shot
  Box kept[kBoxes];

  T* image[SK_IMAGES];  // or nullptr
  int64_t images;       // elements from shot to shot
};

}  // namespace seiskern::elastic
