// From the C structures to one shot as the kernels see it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/stencil.h"
#include "elastic/layout.h"
#include "elastic/tuning.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

constexpr int kFields2[] = {SK_VX, SK_VZ, SK_SXX, SK_SZZ, SK_SXZ};

inline std::array<const sk_elastic_points*, 4> all_points(const sk_elastic& p) {
  return {&p.velocity_sources, &p.stress_sources, &p.velocity_receivers, &p.stress_receivers};
}

// Refuses a problem that cannot be run; see sk_elastic.
int check(const sk_elastic& p);
int check_steps(const sk_elastic& p, int64_t first, int64_t last, int32_t threads);

template <class T>
Points<T> make_points(const sk_elastic_points& p, const sk_elastic_grid& g, int64_t shot) {
  T* data = static_cast<T*>(p.data) + shot * p.n_steps * p.n_series;
  return {p.row_start + shot * (g.nz + 1), p.offset, p.field,   p.series,
          static_cast<const T*>(p.weight), data,     p.n_series};
}

// Of one shot. Nothing that pointers of the problem point to is read.
template <class T>
View<T> make_view(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot) {
  const sk_elastic_grid& g = p.grid;
  View<T> v{};
  v.first = first_column(g), v.nx = count(g, SK_X), v.ny = g.ny, v.nz = g.nz;
  v.stride[SK_X] = 1, v.stride[SK_Y] = l.stride_y, v.stride[SK_Z] = l.stride_z;
  v.free_surface = g.free_surface != 0, v.orthorhombic = g.orthorhombic != 0;
  v.paired = g.ndim == 3 && pairs_pay();
  v.piece = piece_of(v.nx, g.itemsize);
  const int n_fields = g.ndim == 2 ? 5 : int{SK_FIELDS};
  T* field = static_cast<T*>(p.fields) + shot * n_fields * l.array_size + l.origin - v.first;
  for (int f = 0; f < n_fields; ++f) v.field[g.ndim == 2 ? kFields2[f] : f] = field + f * l.array_size;
  const T* medium = static_cast<const T*>(p.medium) + shot * p.medium_shot_stride + l.origin - v.first;
  for (int m = 0; m < SK_MEDIA; ++m) {
    if (!has_medium(g, m)) continue;
    v.medium[m] = medium;
    medium += l.array_size;
  }
  const auto list = [&](const T* array) {
    if (array) v.array[v.n_arrays++] = array;
  };
  std::for_each(std::begin(v.field), std::end(v.field), list);
  std::for_each(std::begin(v.medium), std::end(v.medium), list);
  const T* profiles = static_cast<const T*>(p.profiles) + shot * p.profiles_shot_stride;
  T* memory = static_cast<T*>(p.pml) + shot * l.pml_size;
  for (int axis = 0; axis < 3; ++axis) {
    const Extent e = extent(g, axis);
    v.layer[axis].low = e.low, v.layer[axis].high = e.high;
    v.scale[axis] = g.dt / g.h[axis];
    for (int m = 0; m < g.order / 2; ++m) v.c[axis][m] = T(taylor(g.order, m) * v.scale[axis]);
    v.profile[axis] = profile_of<const T>(g, axis, profiles);
    const int64_t size = memory_size(g, axis), apart = axis == SK_X ? e.width : size;
    v.layer[axis].pitch = axis == SK_X ? g.ndim * e.width : v.nx;
    for (int m = 0; m < 6; ++m) {
      const int turn = g.ndim == 3 ? m % 3 : m % 3 == SK_Z;  // in 2-D y has the place of x, and is not read
      v.layer[axis].memory[m] = memory + m / 3 * g.ndim * size + turn * apart;
    }
    memory += 2 * g.ndim * size;
  }
  return v;
}

template <class T>
Shot<T> make_shot(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot) {
  const sk_elastic_grid& g = p.grid;
  Shot<T> s{};
  s.view = make_view<T>(p, l, shot);
  for (int axis = 0; axis < 3; ++axis) {
    const T* factor = s.view.profile[axis].g[0];  // and those of half nodes after them
    s.view.damped = s.view.damped ||
                    std::any_of(factor, factor + 2 * count(g, axis), [](T value) { return value != T(1); });
  }
  s.sources[0] = make_points<T>(p.velocity_sources, g, shot),
  s.sources[1] = make_points<T>(p.stress_sources, g, shot);
  s.receivers[0] = make_points<T>(p.velocity_receivers, g, shot);
  s.receivers[1] = make_points<T>(p.stress_receivers, g, shot);
  return s;
}

// As if there were no layers.
template <class T>
void without_layers(View<T>& v) {
  const int64_t n[] = {v.nx, v.ny, v.nz};
  for (int axis = 0; axis < 3; ++axis) v.layer[axis].low = 0, v.layer[axis].high = n[axis];
  v.damped = false;
}

}  // namespace seiskern::elastic
