// How the arrays of a grid lie in memory.
#pragma once

#include <cstdint>
#include <type_traits>

#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Absorbing rows of one axis. Along x they are widened to whole vectors; the profiles are zero in the
// surplus.
struct Extent {
  int64_t low, high, width;
};

Extent extent(const sk_elastic_grid& g, int axis);

// Columns, rows or planes of the arrays, without halo.
int64_t count(const sk_elastic_grid& g, int axis);

// Empty columns before node 0 that let the absorbing layers along x fill whole vectors as well as they can.
int64_t first_column(const sk_elastic_grid& g);

// Elements of one memory variable of an axis.
int64_t memory_size(const sk_elastic_grid& g, int axis);

// See FilterLayout.
FilterLayout filter_layout(const sk_elastic_grid& g, const sk_elastic_layout_t& l, int axis);

// Whether the medium of a grid has an array, by sk_medium.
bool has_medium(const sk_elastic_grid& g, int m);

// Whether the tangent of a medium has it; see sk_elastic_born.
bool has_tangent(const sk_elastic_grid& g, int m);

// Planes below a free surface that its closure needs.
int closure_depth(int order);

// Refuses a grid that cannot be; see sk_elastic_grid.
int check(const sk_elastic_grid& g);

// Or a history; see sk_elastic.
int check_bits(int bits);

sk_elastic_layout_t make_layout(const sk_elastic_grid& g);

// Where the profiles of an axis are in those of all.
template <class T>
Profile<std::remove_const_t<T>> profile_of(const sk_elastic_grid& g, int axis, T* profiles) {
  for (int a = 0; a < axis; ++a) profiles += 6 * count(g, a);
  const int64_t n = count(g, axis);
  return {
      {profiles, profiles + n}, {profiles + 2 * n, profiles + 3 * n}, {profiles + 4 * n, profiles + 5 * n}};
}

}  // namespace seiskern::elastic
