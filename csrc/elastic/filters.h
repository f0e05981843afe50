// Where fields are kept with the memory variables of the adjoint.
#pragma once

#include <cstdint>
#include <utility>

#include "elastic/adjoint_view.h"
#include "elastic/layout.h"
#include "seiskern.h"

namespace seiskern::elastic {

// In the memory of one shot, after its memory variables.
template <class T>
void make_filters(const sk_elastic_grid& g, const sk_elastic_layout_t& l, T* memory, Filter<T> (&filter)[3]) {
  memory += l.pml_size;
  const auto next = [&](int64_t size) { return std::exchange(memory, memory + size); };
  for (int axis = 0; axis < 3; ++axis) {
    Filter<T>& f = filter[axis];
    f.l = filter_layout(g, l, axis);
    for (T** of : {f.stress, f.velocity}) {
      for (int n = 0; n < 3; ++n) {
        if (g.ndim == 3 || n != SK_Y) of[n] = next(f.l.size) + f.l.lead;
      }
    }
    f.trace = next(memory_size(g, axis));
    f.pitch = axis == SK_X ? extent(g, axis).width : count(g, SK_X);
  }
}

}  // namespace seiskern::elastic
