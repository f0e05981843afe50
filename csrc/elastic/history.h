// Velocities of all steps of a run, kept for its adjoint.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/simd.h"
#include "elastic/layout.h"
#include "elastic/tuning.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// One slice a step: planes of rows of each velocity, followed by zeros that stencils may read beyond the last
// row, plane and column; the first slice has such zeros before it as well.
struct SliceLayout {
  int64_t pitch, plane, component, size, lead;  // elements

  explicit SliceLayout(const sk_elastic_grid& g) {
    const int64_t radius = g.order / 2, halo_y = g.ndim == 3 ? radius : 0, columns = count(g, SK_X);
    pitch = columns - g.nx >= radius ? columns : columns + kRowAlign;
    plane = pitch * (g.ny + halo_y);
    component = plane * (g.nz + radius);
    size = component * g.ndim;
    lead = radius * plane + kRowAlign;
  }
};

template <class T>
class History {
 public:
  History(const sk_elastic_grid& g, const sk_elastic& p, int64_t shot)
      : l_(g), radius_(g.order / 2), first_(p.history_first) {
    const int64_t slices = p.history_last - p.history_first + 1;
    past_ = slices * l_.size * g.itemsize > cache_size() / 4;
    if (p.history) data_ = static_cast<T*>(p.history) + shot * (l_.lead + slices * l_.size) + l_.lead;
  }

  bool kept() const { return data_ != nullptr; }

  // A view of the velocities before a step, otherwise like that of the wavefield.
  View<T> view(const View<T>& like, int64_t step) const {
    View<T> v = like;
    v.stride[SK_Y] = l_.pitch, v.stride[SK_Z] = l_.plane;
    for (int n = 0, number = 0; n < 3; ++n) {
      if (like.field[SK_VX + n])
        v.field[SK_VX + n] = data_ + (step - first_) * l_.size + number++ * l_.component;
    }
    return v;
  }

  // Velocities before a run from step `first` on.
  void start(const View<T>& v, int64_t first, bool at_rest) const {
    if (first != first_) return;  // they are there
    std::fill_n(data_ - l_.lead, l_.lead, T(0));
    if (at_rest) {
      std::fill_n(data_, l_.size, T(0));
    } else {
      keep(v, {0, 0, v.nz, 0, v.ny, {}}, first);
    }
  }

  // Rows of a task, as velocities before a step.
  void keep(const View<T>& v, const Task& task, int64_t step) const {
    const View<T> to = view(v, step);
    for (int n = SK_VX; n <= SK_VZ; ++n) {
      if (!v.field[n]) continue;
      for (int64_t k = task.k0; k < task.k1; ++k) {
        T* const plane = to.field[n] + k * l_.plane;
        for (int64_t j = task.j0; j < task.j1; ++j) {
          T* const row = plane + j * l_.pitch;
          copy(v.field[n] + k * v.stride[SK_Z] + j * v.stride[SK_Y], v.nx, row);
          std::fill(row + v.nx, row + l_.pitch, T(0));
        }
        if (task.j1 == v.ny) std::fill(plane + v.ny * l_.pitch, plane + l_.plane, T(0));
      }
      if (task.k1 == v.nz && task.j1 == v.ny) {
        std::fill_n(to.field[n] + v.nz * l_.plane, radius_ * l_.plane, T(0));
      }
    }
  }

 private:
  // What will have left the cache before it is read again goes past it: 0.8 of the time of a run on a Zen 3.
  void copy(const T* from, int64_t n, T* to) const {
#if defined(__x86_64__)
    if (past_) {
      for (int64_t i = 0; i < n; i += 16 / static_cast<int64_t>(sizeof(T))) {
        const auto value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), value);
      }
      return;
    }
#endif
    std::memcpy(to, from, n * sizeof(T));
  }

  SliceLayout l_;
  bool past_;
  int ndim_;
  int64_t radius_, first_;
  T* data_ = nullptr;
};

}  // namespace seiskern::elastic
