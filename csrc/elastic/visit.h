// Sparse sources and receivers in a half step.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// First entry in [begin, end) whose offset is not below `value`.
inline int64_t lower_bound(const int64_t* offset, int64_t begin, int64_t end, int64_t value) {
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

// Calls body(entry, element of the fields, series value) for the entries of plane k between x-rows j0 and j1.
template <class T, class Body>
void visit(const View<T>& v, const Points<T>& points, int64_t n, int64_t k, int64_t j0, int64_t j1,
           const Body& body) {
  if (points.n_series == 0 || points.row_start[k] == points.row_start[k + 1]) return;
  const int64_t first = points.row_start[k], last = points.row_start[k + 1];
  const int64_t begin = lower_bound(points.offset, first, last, j0 * v.stride[SK_Y]);
  const int64_t end = lower_bound(points.offset, begin, last, j1 * v.stride[SK_Y]);
  T* const series = points.data + n * points.n_series;
  const int64_t plane = v.first + k * v.stride[SK_Z];
  for (int64_t e = begin; e < end; ++e) body(e, plane + points.offset[e], series[points.series[e]]);
}

}  // namespace seiskern::elastic::SK_ISA
