// Velocities of all steps of a run, kept for its adjoint.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "common/simd.h"
#include "elastic/layout.h"
#include "elastic/packed.h"
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

// Slices that are read as they are.
template <class T>
class Slices {
 public:
  // `data`: of the first slice, after its lead. Those of `count` slices are kept before one is read again.
  Slices(const sk_elastic_grid& g, T* data, int64_t count)
      : l_(g), radius_(g.order / 2), data_(data), past_(count * l_.size * g.itemsize > cache_size() / 4) {}

  // A view of slice `n`, otherwise like that of the wavefield.
  View<T> view(const View<T>& like, int64_t n) const {
    View<T> v = like;
    v.stride[SK_Y] = l_.pitch, v.stride[SK_Z] = l_.plane;
    for (int field = SK_VX, number = 0; field <= SK_VZ; ++field) {
      if (like.field[field]) v.field[field] = data_ + n * l_.size + number++ * l_.component;
    }
    return v;
  }

  // At rest, with what is before the first slice.
  void clear_first() const { std::fill_n(data_ - l_.lead, l_.lead + l_.size, T(0)); }

  // Rows of a task, as slice `n`.
  void keep(const View<T>& v, const Task& task, int64_t n) const {
    const View<T> to = view(v, n);
    for (int field = SK_VX; field <= SK_VZ; ++field) {
      if (!v.field[field]) continue;
      for (int64_t k = task.k0; k < task.k1; ++k) {
        T* const plane = to.field[field] + k * l_.plane;
        for (int64_t j = task.j0; j < task.j1; ++j) {
          T* const row = plane + j * l_.pitch;
          copy(v.field[field] + k * v.stride[SK_Z] + j * v.stride[SK_Y], v.nx, row);
          std::fill(row + v.nx, row + l_.pitch, T(0));
        }
        if (task.j1 == v.ny) std::fill(plane + v.ny * l_.pitch, plane + l_.plane, T(0));
      }
      if (task.k1 == v.nz && task.j1 == v.ny) {
        std::fill_n(to.field[field] + v.nz * l_.plane, radius_ * l_.plane, T(0));
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
  int64_t radius_;
  T* data_;
  bool past_;
};

// Elements of one shot, of the velocities before so many steps and after the last.
inline int64_t history_size(const sk_elastic_grid& g, int bits, bool boundary, int64_t steps) {
  if (bits != 0 || boundary) return (steps + 1) * PackedLayout(g, bits, boundary).size;
  const SliceLayout l(g);
  return l.lead + (steps + 1) * l.size;
}

// Of one shot: slices as they are, or packed.
template <class T>
class History {
 public:
  History(const sk_elastic_grid& g, const sk_elastic& p, int64_t shot) : first_(p.history_first) {
    if (!p.history) return;
    const int64_t steps = p.history_last - p.history_first;
    T* const data =
        static_cast<T*>(p.history) + shot * history_size(g, p.history_bits, p.history_boundary != 0, steps);
    if (is_packed(p)) {
      packed_.emplace(g, p.history_bits, p.history_boundary != 0, data);
    } else {
      slices_.emplace(g, data + SliceLayout(g).lead, steps + 1);
    }
  }

  static bool is_packed(const sk_elastic& p) { return p.history_bits != 0 || p.history_boundary; }

  bool kept() const { return slices_ || packed_; }

  // Velocities before a step, of slices that are not packed.
  View<T> view(const View<T>& like, int64_t step) const { return slices_->view(like, step - first_); }

  // Velocities before a run from step `first` on.
  void start(const View<T>& v, int64_t first, bool at_rest) const {
    if (first != first_) return;  // they are there
    packed_ ? packed_->clear_first() : slices_->clear_first();
    if (!at_rest) keep(v, all_of(v), first);
  }

  // Rows of a task, as velocities before a step.
  void keep(const View<T>& v, const Task& task, int64_t step) const {
    packed_ ? packed_->keep(v, task, step - first_) : slices_->keep(v, task, step - first_);
  }

  // The rows of a task of the velocities before a step, as far as they are packed.
  void put(const View<T>& v, const Task& task, int64_t step) const { packed_->put(v, task, step - first_); }

  static Task all_of(const View<T>& v) { return {0, 0, v.nz, 0, v.ny, {}}; }

 private:
  int64_t first_;
  std::optional<Slices<T>> slices_;
  std::optional<Packed<T>> packed_;
};

}  // namespace seiskern::elastic
