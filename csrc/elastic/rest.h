// A wavefield at rest, made tile by tile where it is used first: rows cleared beforehand would have left the
// cache by then.
#pragma once

#include <algorithm>
#include <cstdint>

#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// Clears rows of all fields, with the padding beside them, and of what the layers remember. The gap after a
// row is that before the next one, and belongs to the former.
template <class T>
class Rest {
 public:
  Rest(const View<T>& view, const sk_elastic_grid& g, const sk_elastic_layout_t& l)
      : v_(view), g_(g), size_(l.array_size), before_(l.origin - view.first) {}

  void clear(const Task& task) const {
    const int64_t k0 = task.k0, k1 = task.k1, j0 = task.j0, j1 = task.j1;
    for (T* field : v_.field) {
      if (field) clear_field(field, task);
    }
    const Layer<T>&x = v_.layer[SK_X], &y = v_.layer[SK_Y], &z = v_.layer[SK_Z];
    for (int64_t k = k0; k < k1; ++k) {
      for (const int m : {0, 3}) fill(x.memory[m] + (k * v_.ny + j0) * x.pitch, (j1 - j0) * x.pitch);
      in_layers(y, j0, j1, [&](T* memory, int64_t first, int64_t n) {
        fill(memory + (k * (y.low + v_.ny - y.high) + first) * y.pitch, n * y.pitch);
      });
    }
    in_layers(z, k0, k1, [&](T* memory, int64_t first, int64_t n) {
      for (int64_t k = first; k < first + n; ++k)
        fill(memory + (k * v_.ny + j0) * z.pitch, (j1 - j0) * z.pitch);
    });
  }

 private:
  static void fill(T* begin, int64_t n) { std::fill_n(begin, n, T(0)); }

  void clear_field(T* field, const Task& task) const {
    const int64_t k0 = task.k0, k1 = task.k1, j0 = task.j0, j1 = task.j1;
    const int64_t halo = g_.order / 2, halo_y = g_.ndim == 3 ? halo : 0;
    const bool first = k0 == 0, last = k1 == v_.nz;
    const int64_t top = j0 == 0 ? -halo_y : j0, bottom = j1 == v_.ny ? v_.ny + halo_y : j1;
    T* const array = field - before_;
    if (first && j0 == 0) fill(array, kRowAlign);
    for (int64_t k = first ? -halo : k0; k < (last ? v_.nz + halo : k1); ++k) {
      fill(field + k * v_.stride[SK_Z] + top * v_.stride[SK_Y], (bottom - top) * v_.stride[SK_Y]);
    }
    T* const end = field + (v_.nz + halo) * v_.stride[SK_Z] - halo_y * v_.stride[SK_Y];
    if (last && j1 == v_.ny) fill(end, array + size_ - end);
  }

  // Calls body(memory, first, n) for the rows of [begin, end) that are in the two layers of an axis, counted
  // within them, and each of its memory variables.
  template <class Body>
  void in_layers(const Layer<T>& layer, int64_t begin, int64_t end, const Body& body) const {
    const int64_t low = std::min(end, layer.low), high = std::max(begin, layer.high);
    for (int m = 0; m < 6; ++m) {
      if (g_.ndim == 2 && m % 3 == SK_Y) continue;
      if (begin < low) body(layer.memory[m], begin, low - begin);
      if (high < end) body(layer.memory[m], high - layer.high + layer.low, end - high);
    }
  }

  const View<T>& v_;
  const sk_elastic_grid& g_;
  int64_t size_, before_;  // elements of an array, and of it before column 0 of row (0, 0)
};

}  // namespace seiskern::elastic
