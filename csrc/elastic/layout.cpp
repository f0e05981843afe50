// Array layout, absorbing profiles, checks of grids.
#include "elastic/layout.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/stencil.h"
#include "elastic/history.h"
#include "elastic/surface.h"

namespace seiskern::elastic {
namespace {

template <int kRadius>
int surface_norms(bool half, double* out) {
  using S = Surface<kRadius>;
  if (half) return static_cast<int>(std::copy(std::begin(S::half_norm), std::end(S::half_norm), out) - out);
  return static_cast<int>(std::copy(std::begin(S::node_norm), std::end(S::node_norm), out) - out);
}

// Along x, of n columns of which the nodes begin at column `first`.
Extent columns(const sk_elastic_grid& g, int64_t first, int64_t n) {
  const int64_t low = g.pml_low[SK_X] > 0 ? round_up(first + g.pml_low[SK_X], kRowAlign) : 0;
  const int64_t high = g.pml_high[SK_X] > 0 ? (first + g.nx - g.pml_high[SK_X]) / kRowAlign * kRowAlign : n;
  if (low > high) return {n, n, n};  // the two meet: one layer
  return {low, high, low + n - high};
}

// Elements of an array that needs so many: the next one must not fall on the same cache sets.
int64_t apart(int64_t elements, int64_t itemsize) {
  return round_up(elements, 4096 / itemsize) + 5 * kRowAlign;
}

bool positive(double value) { return value > 0 && std::isfinite(value); }

int check_order(int order) {
  if (order >= 2 && order <= 8 && order % 2 == 0) return SK_OK;
  return fail("order must be 2, 4, 6 or 8, got " + std::to_string(order));
}

template <class T>
void fill_profiles(const sk_elastic_grid& g, double vmax, double frequency, double reflection,
                   double multiaxial, T* out) {
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t n = count(g, axis), nodes = axis == SK_X ? g.nx : n;
    T* p = out;
    out += 6 * n;
    std::fill(p, p + 4 * n, T(0));
    std::fill(p + 4 * n, p + 6 * n, T(1));
    if (axis == SK_X) p += first_column(g);
    for (int half = 0; half < 2; ++half) {
      for (int64_t i = 0; i < nodes; ++i) {
        const double x = i + 0.5 * half, low = g.pml_low[axis] - 0.5, high = g.pml_high[axis] - 0.5;
        const double into_low = low - x, into_high = x - (nodes - 1 - high),
                     into = std::max(into_low, into_high);
        const double width = into_low > into_high ? low : high;
        if (width <= 0 || into <= 0) continue;
        const double depth = into / width, thickness = width * g.h[axis];
        const double all = -1.5 * vmax * std::log(reflection) / thickness * depth * depth;
        const double common = multiaxial * all, d = all - common;
        const double alpha = 3.14159265358979323846 * frequency * std::max(0.0, 1 - depth) + common;
        const double b = std::exp(-(d + alpha) * g.dt);
        p[half * n + i] = T(d > 0 ? d / (d + alpha) * (b - 1) : 0);
        p[(2 + half) * n + i] = T(b);
        p[(4 + half) * n + i] = T(std::exp(-common * g.dt));
      }
    }
  }
}

}  // namespace

bool has_medium(const sk_elastic_grid& g, int m) {
  const bool at_nodes = m == SK_RHO || m == SK_COMPLIANCE;
  const bool modulus = m == SK_LAM || m == SK_MU2, stiffness = m >= SK_CXX;
  const bool along_y = m == SK_BY || m == SK_MXY || m == SK_MYZ || m == SK_CYY || m == SK_CXY || m == SK_CYZ;
  if (g.ndim == 3) return g.orthorhombic ? !at_nodes && !modulus : at_nodes || m == SK_LAM;
  return !at_nodes && !along_y && !(g.orthorhombic ? modulus : stiffness);
}

bool has_tangent(const sk_elastic_grid& g, int m) {
  if (g.ndim == 2 || g.orthorhombic) return has_medium(g, m);
  return (m >= SK_BX && m <= SK_BZ) || (m >= SK_MXY && m <= SK_CXX) || m == SK_CXY;
}

int closure_depth(int order) {
  switch (order) {
    case 2:
      return surface_depth<1>();
    case 4:
      return surface_depth<2>();
    case 6:
      return surface_depth<3>();
    default:
      return surface_depth<4>();
  }
}

// A vector of a layer takes about 1.7 times as long as another one.
int64_t first_column(const sk_elastic_grid& g) {
  int64_t best = 0, least = INT64_MAX;
  for (int64_t first = 0; first < kRowAlign; ++first) {
    const int64_t n = round_up(first + g.nx, kRowAlign), cost = 10 * n + 7 * columns(g, first, n).width;
    if (cost < least) least = cost, best = first;
  }
  return best;
}

int64_t count(const sk_elastic_grid& g, int axis) {
  return axis == SK_X ? round_up(first_column(g) + g.nx, kRowAlign) : axis == SK_Y ? g.ny : g.nz;
}

Extent extent(const sk_elastic_grid& g, int axis) {
  const int64_t n = count(g, axis);
  if (axis == SK_X) return columns(g, first_column(g), n);
  if (axis == SK_Y && g.ndim == 2) return {0, n, 0};
  const int64_t high = n - g.pml_high[axis];
  return {g.pml_low[axis], high, g.pml_low[axis] + n - high};
}

int64_t memory_size(const sk_elastic_grid& g, int axis) {
  const int64_t width = extent(g, axis).width;
  if (axis == SK_X) return g.nz * g.ny * width;
  return (axis == SK_Y ? g.nz : g.ny) * width * count(g, SK_X);
}

int check(const sk_elastic_grid& g) {
  if (g.ndim != 2 && g.ndim != 3) return fail("ndim must be 2 or 3, got " + std::to_string(g.ndim));
  if (const int status = check_order(g.order)) return status;
  if (g.itemsize != 4 && g.itemsize != 8)
    return fail("itemsize must be 4 or 8, got " + std::to_string(g.itemsize));
  if (g.ndim == 2 && g.ny != 1) return fail("ny must be 1 in 2-D, got " + std::to_string(g.ny));
  if (g.nx < 1 || g.ny < 1 || g.nz < 1) return fail("nx, ny and nz must be positive");
  if (double(g.nx) * double(g.ny) * double(g.nz) > 1e15) return fail("the grid must have < 1e15 nodes");
  if (!positive(g.dt)) return fail("dt must be > 0 and finite");
  const int64_t n[] = {g.nx, g.ny, g.nz};
  for (int axis = 0; axis < 3; ++axis) {
    if (!positive(g.h[axis])) return fail("h must be > 0 and finite");
    if (g.pml_low[axis] < 0 || g.pml_high[axis] < 0 || g.pml_low[axis] + g.pml_high[axis] > n[axis]) {
      return fail("pml_low and pml_high must be >= 0 and fit into the axis");
    }
  }
  if (g.free_surface && (g.pml_low[SK_Z] > 0 || g.nz - g.pml_high[SK_Z] < closure_depth(g.order))) {
    return fail("a free surface needs no absorbing layer above it and " +
                std::to_string(closure_depth(g.order)) + " planes below it");
  }
  return SK_OK;
}

int check_bits(int bits) {
  if (bits == 0 || bits == 8 || bits == 16) return SK_OK;
  return fail("history_bits must be 0, 8 or 16, got " + std::to_string(bits));
}

sk_elastic_layout_t make_layout(const sk_elastic_grid& g) {
  const int64_t radius = g.order / 2, halo_y = g.ndim == 3 ? radius : 0;
  sk_elastic_layout_t l{};
  l.stride_y = count(g, SK_X) + kRowAlign;  // the gap is the halo of this row and of the next
  if (l.stride_y * g.itemsize % 1024 == 0)
    l.stride_y += kRowAlign;  // rows must not all fall on the same cache sets
  l.stride_z = l.stride_y * (g.ny + 2 * halo_y);
  l.first = first_column(g);
  l.origin = radius * l.stride_z + halo_y * l.stride_y + kRowAlign + l.first;
  l.array_size = apart((g.nz + 2 * radius) * l.stride_z + kRowAlign, g.itemsize);
  for (int axis = 0; axis < 3; ++axis) l.pml_size += 2 * g.ndim * memory_size(g, axis);
  l.profile_size = 6 * (count(g, SK_X) + g.ny + g.nz);
  for (int m = 0; m < SK_MEDIA; ++m) l.n_media += has_medium(g, m), l.n_tangents += has_tangent(g, m);
  l.filter_size = l.pml_size;
  for (int axis = 0; axis < 3; ++axis)
    l.filter_size += 2 * g.ndim * filter_layout(g, l, axis).size + memory_size(g, axis);
  l.n_images = g.ndim == 3 ? int{SK_IMAGES} : 5;
  return l;
}

FilterLayout filter_layout(const sk_elastic_grid& g, const sk_elastic_layout_t& l, int axis) {
  const int64_t n = count(g, axis), reach = g.order / 2;
  const Extent e = extent(g, axis);
  FilterLayout f{};
  f.high = f.kept_high = n;
  if (axis == SK_X || e.width == 0) return f;
  if (e.low > 0) f.low = e.low + reach, f.kept_low = f.low + reach;
  if (e.high < n) f.high = e.high - reach, f.kept_high = f.high - reach;
  const bool closed = axis == SK_Z && g.free_surface && f.high < closure_depth(g.order);
  if (f.kept_low > f.kept_high || closed) f.low = f.high = f.kept_low = f.kept_high = n;
  const int64_t rows = f.kept_low + n - f.kept_high + 2 * reach;
  const int64_t stride = axis == SK_Y ? l.stride_y : l.stride_z;
  f.lead = reach * stride, f.plane = axis == SK_Y ? rows * stride : stride;
  f.shift = (f.kept_high - f.kept_low) * stride;
  f.size = apart((axis == SK_Y ? g.nz : rows) * f.plane, g.itemsize);
  return f;
}

}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" {

int sk_elastic_layout(const sk_elastic_grid* grid, sk_elastic_layout_t* layout) {
  if (!grid || !layout) return fail("grid and layout must not be NULL");
  if (const int status = check(*grid)) return status;
  *layout = make_layout(*grid);
  return SK_OK;
}

int64_t sk_elastic_history_size(const sk_elastic_grid* grid, int32_t bits, int32_t boundary, int64_t steps) {
  if (!grid) return fail("grid must not be NULL"), 0;
  if (check(*grid) != SK_OK || check_bits(bits) != SK_OK) return 0;
  if (steps < 0) return fail("steps must be >= 0, got " + std::to_string(steps)), 0;
  return history_size(*grid, bits, boundary, steps);
}

int sk_elastic_profiles(const sk_elastic_grid* grid, double vmax, double frequency, double reflection,
                        double multiaxial, void* profiles) {
  if (!grid || !profiles) return fail("grid and profiles must not be NULL");
  if (const int status = check(*grid)) return status;
  if (!(vmax > 0 && frequency >= 0 && reflection > 0 && reflection < 1 && multiaxial >= 0 &&
        multiaxial <= 1)) {
    return fail("vmax must be > 0, frequency >= 0, 0 < reflection < 1 and 0 <= multiaxial <= 1");
  }
  return guarded_as(grid->itemsize, [&](auto zero) {
    fill_profiles(*grid, vmax, frequency, reflection, multiaxial, static_cast<decltype(zero)*>(profiles));
  });
}

double sk_elastic_max_dt(int32_t ndim, int32_t order, const double h[SK_AXES], double speed) {
  if (!h) return fail("h must not be NULL"), 0;
  if (check_order(order) != SK_OK) return 0;
  if (ndim != 2 && ndim != 3) return fail("ndim must be 2 or 3, got " + std::to_string(ndim)), 0;
  if (!positive(speed)) return fail("speed must be > 0 and finite"), 0;
  double sum = 0;
  for (int axis = 0; axis < 3; ++axis) {
    if (axis == SK_Y && ndim == 2) continue;
    if (!positive(h[axis])) return fail("h must be > 0 and finite"), 0;
    sum += 1 / (h[axis] * h[axis]);
  }
  return 2 / (speed * seiskern::difference_norm(order) * std::sqrt(sum));
}

int sk_elastic_surface_norms(int32_t order, int32_t half, double* norms) {
  if (!norms) return fail("norms must not be NULL"), 0;
  if (check_order(order) != SK_OK) return 0;
  switch (order) {
    case 2:
      return surface_norms<1>(half, norms);
    case 4:
      return surface_norms<2>(half, norms);
    case 6:
      return surface_norms<3>(half, norms);
    default:
      return surface_norms<4>(half, norms);
  }
}

}  // extern "C"
