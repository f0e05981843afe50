// Half steps of a range of rows. Compiled once per instruction set (SK_ISA), so it uses no inline function of
// the standard library: the linker would keep one copy of those, for the wrong processor perhaps.
#include "elastic/update.h"
#include "elastic/visit.h"

namespace seiskern::elastic::SK_ISA {
namespace {

template <int kDim, int kRadius, class T>
void advance(const void* shot_pointer, void* buffer, const Task& task) {
  const auto& shot = *static_cast<const Shot<T>*>(shot_pointer);
  const int64_t half = task.half;
  const bool stress = half % 2 == 1;
  const View<T>& v = shot.view;
  if (half != shot.rest) {  // without stresses velocities stay zero
    Fetch<T> fetch(v, task.ahead);
    const Stretching<kDim, T> layers(v);
    const Rows<kDim, kRadius, T> rows(v, layers, static_cast<T*>(buffer), fetch);
    rows.update(stress, task);
    rows.damp(stress, task);
  }
  const Points<T>&sources = shot.sources[stress], &receivers = shot.receivers[stress];
  for (int64_t k = task.k0; k < task.k1; ++k) {
    visit(v, sources, half / 2, k, task.j0, task.j1, [&](int64_t e, int64_t i, T series) {
      v.field[sources.field[e]][i] += sources.weight[e] * series;
    });
    visit(v, receivers, half / 2, k, task.j0, task.j1, [&](int64_t e, int64_t i, T& series) {
      series += receivers.weight[e] * v.field[receivers.field[e]][i];
    });
  }
}

template <int kDim, class T>
Advance* of_order(int order) {
  switch (order) {
    case 2:
      return advance<kDim, 1, T>;
    case 4:
      return advance<kDim, 2, T>;
    case 6:
      return advance<kDim, 3, T>;
    default:
      return advance<kDim, 4, T>;
  }
}

}  // namespace

Advance* kernel(int ndim, int order, int itemsize) {
  if (itemsize == 4) return ndim == 2 ? of_order<2, float>(order) : of_order<3, float>(order);
  return ndim == 2 ? of_order<2, double>(order) : of_order<3, double>(order);
}

}  // namespace seiskern::elastic::SK_ISA
