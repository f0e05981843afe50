// All shots of a run as the kernels of a GPU see them, see step.cu.
#pragma once

#include <cstdint>

#include "elastic/view.h"

namespace seiskern::elastic {

// Columns, rows and planes [begin, end), cut into tiles, of which each has a block of threads.
struct Box {
  int32_t begin[3], end[3], tiles[3];
  int32_t first;   // number of its first tile
  int64_t before;  // nodes of boxes before it, but for those of the first
};

// The nodes of a shot: the first box has none that are in layers or in the closure of a free surface.
constexpr int kBoxes = 7;

template <class T>
struct Device {
  View<T> view;                              // of shot 0
  int64_t fields, memory, medium, profiles;  // elements from those of a shot to those of the next
  int64_t n_shots;
  int32_t nodes;              // along x
  Field<T>* next[SK_FIELDS];  // where a step writes: to the fields of the view, or to others
  const T* closure;  // coefficients (half, pair, plane, tap) times dt / h, of planes from the surface on
  int32_t closed, taps;
  Box box[kBoxes];

  T* history[3];              // velocities before the first step of those at hand, or nullptr
  int64_t histories, slices;  // elements from shot to shot and from step to step
};

// Where kernels find it: a step, and the first step of those whose velocities are at hand.
struct Clock {
  int64_t step, first;
};

}  // namespace seiskern::elastic
