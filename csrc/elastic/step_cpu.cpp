// Half steps of a range of rows. Compiled once per instruction set (SK_ISA), so it uses no inline function of
// the standard library: the linker would keep one copy of those, for the wrong processor perhaps.
#include "elastic/update.h"

namespace seiskern::elastic::SK_ISA {
namespace {

// Rows of a plane, or of two, before those of the next, which reads some of them again: they stay in the
// second cache.
constexpr int64_t kRowsOfPiece = 8, kRowsOfPair = 16;

// First entry in [begin, end) whose offset is not below `value`.
int64_t lower_bound(const int64_t* offset, int64_t begin, int64_t end, int64_t value) {
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (offset[middle] < value) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

// Calls body(field value, weight, series value) for the entries of row k between x-rows j0 and j1.
template <class T, class Body>
void visit(const View<T>& v, const Points<T>& points, int64_t n, int64_t k, int64_t j0, int64_t j1,
           const Body& body) {
  if (points.n_series == 0 || points.row_start[k] == points.row_start[k + 1]) return;
  const int64_t first = points.row_start[k], last = points.row_start[k + 1];
  const int64_t begin = lower_bound(points.offset, first, last, j0 * v.stride[SK_Y]);
  const int64_t end = lower_bound(points.offset, begin, last, j1 * v.stride[SK_Y]);
  T* series = points.data + n * points.n_series;
  for (int64_t e = begin; e < end; ++e) {
    T* plane = v.field[points.field[e]] + v.first + k * v.stride[SK_Z];
    body(plane[points.offset[e]], points.weight[e], series[points.series[e]]);
  }
}

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
  for (int64_t k = k0; k < k1; ++k) {
    const auto inject = [](T& field, T weight, T& series) { field += weight * series; };
    const auto sample = [](T& field, T weight, T& series) { series += weight * field; };
    visit(v, shot.sources[kind], half / 2, k, j0, j1, inject);
    visit(v, shot.receivers[kind], half / 2, k, j0, j1, sample);
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
