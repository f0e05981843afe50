// Half steps of a range of rows. Compiled once per instruction set (SK_ISA), so it uses no inline function of
// the standard library: the linker would keep one copy of those, for the wrong processor perhaps.
#include "elastic/update.h"
#include "elastic/visit.h"

namespace seiskern::elastic::SK_ISA {
namespace {

// Rows of a plane, or of two, before those of the next, which reads some of them again: they stay in the
// second cache.
constexpr int64_t kRowsOfPiece = 8, kRowsOfPair = 16;

template <int kDim, int kRadius, class T>
void advance(const void* shot_pointer, void* buffer, const Task& task) {
  const auto& shot = *static_cast<const Shot<T>*>(shot_pointer);
  const int64_t half = task.half, k0 = task.k0, k1 = task.k1, j0 = task.j0, j1 = task.j1;
  const int kind = static_cast<int>(half % 2);
  const View<T>& v = shot.view;
  Fetch<T> fetch(v, task.ahead);
  const Rows<kDim, kRadius, T> rows(v, static_cast<T*>(buffer), fetch);
  const auto update = [&](const Run& run) { kind == 0 ? rows.velocity(run) : rows.stress(run); };
  if (half == shot.rest) {
    // Without stresses velocities stay zero.
  } else if constexpr (kDim == 2) {
    for (int64_t x0 = 0; x0 < v.nx; x0 += v.piece) {
      update({0, 1, k0, k1, 0, v.stride[SK_Z], x0, x0 + v.piece < v.nx ? x0 + v.piece : v.nx});
    }
    if (v.damped) rows.damp(kind == 1, 0, k0, k1);
  } else {
    const int64_t piece = v.paired ? kRowsOfPair : kRowsOfPiece;
    for (int64_t j = j0; j < j1; j += piece) {
      const int64_t end = j + piece < j1 ? j + piece : j1;
      for (int64_t k = k0, planes; k < k1; k += planes) {
        planes = k + 1 < k1 && rows.paired(k) ? 2 : 1;
        update({k, planes, j, end, k * v.stride[SK_Z], v.stride[SK_Y], 0, v.nx});
      }
    }
    for (int64_t k = k0; v.damped && k < k1; ++k) rows.damp(kind == 1, k, j0, j1);
  }
  const Points<T>&sources = shot.sources[kind], &receivers = shot.receivers[kind];
  for (int64_t k = k0; k < k1; ++k) {
    visit(v, sources, half / 2, k, j0, j1, [&](int64_t e, int64_t i, T series) {
      v.field[sources.field[e]][i] += sources.weight[e] * series;
    });
    visit(v, receivers, half / 2, k, j0, j1, [&](int64_t e, int64_t i, T& series) {
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
