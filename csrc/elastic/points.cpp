// Sparse sources and receivers: sorted for the kernels, and checked.
#include "elastic/points.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/check.h"

namespace seiskern::elastic {
namespace {

bool has_field(const sk_elastic_grid& g, int64_t field) {
  constexpr unsigned in_2d = 1u << SK_VX | 1u << SK_VZ | 1u << SK_SXX | 1u << SK_SZZ | 1u << SK_SXZ;
  return field >= 0 && field < SK_FIELDS && (g.ndim == 3 || (in_2d >> field & 1u) != 0);
}

int fail_field(const sk_elastic_grid& g, int64_t got) {
  return fail("`field` must be one of sk_field that " + std::to_string(g.ndim) + "-D problems have, got " +
              std::to_string(got));
}

int fail_range(const std::string& name, int64_t end, int64_t got) {
  return fail("`" + name + "` must be >= 0 and < " + std::to_string(end) + ", got " + std::to_string(got));
}

int fail_node(char axis, int64_t end, int64_t got) {
  return fail("points must lie on nodes 0 to " + std::to_string(end - 1) + " along " + axis + ", got " +
              std::to_string(got));
}

bool inside(int64_t value, int64_t end) { return value >= 0 && value < end; }

int64_t taps(const sk_elastic_entries& in, int axis) { return in.along[axis] ? in.taps[axis] : 1; }

double along(const sk_elastic_entries& in, int axis, int64_t e, int64_t tap) {
  return in.along[axis] ? in.along[axis][e * in.taps[axis] + tap] : 1.0;
}

int check_entries(const sk_elastic_entries& in, const sk_elastic_grid& g, int64_t n_shots, int64_t n_series) {
  if (in.n < 0) return fail("n must be >= 0, got " + std::to_string(in.n));
  if (in.n > 0 && (!in.k || !in.i || !in.field || !in.series || !in.weight || (g.ndim == 3 && !in.j)))
    return fail("k, j (in 3-D), i, field, series and weight must not be NULL");
  if (in.factor && in.n_factors > 0 && !in.factors.data) return fail("factors must not be NULL");
  const int64_t nodes[] = {g.nx, g.ny, g.nz};
  const int64_t* const first[] = {in.i, g.ndim == 3 ? in.j : nullptr, in.k};
  for (int axis = 0; axis < SK_AXES; ++axis) {
    const int64_t n_taps = taps(in, axis);
    if (n_taps < 1) return fail("taps must be >= 1, got " + std::to_string(n_taps));
    for (int64_t e = 0; first[axis] && e < in.n; ++e) {
      const int64_t begin = first[axis][e], end = nodes[axis] - n_taps + 1;
      if (!inside(begin, end))
        return fail_node("xyz"[axis], nodes[axis], begin < 0 ? begin : begin + n_taps - 1);
    }
  }
  for (int64_t e = 0; e < in.n; ++e) {
    if (in.shot && !inside(in.shot[e], n_shots)) return fail_range("shot", n_shots, in.shot[e]);
    if (!has_field(g, in.field[e])) return fail_field(g, in.field[e]);
    if (!inside(in.series[e], n_series)) return fail_range("series", n_series, in.series[e]);
    if (in.factor && in.factor[e] != -1 && !inside(in.factor[e], in.n_factors))
      return fail_range("factor", in.n_factors, in.factor[e]);
  }
  return SK_OK;
}

// One node of an entry; planes are counted through all shots.
struct Node {
  int64_t plane, j, i;
  int32_t field, series;
  double weight;
};

template <class T>
std::vector<Node> nodes_of(const sk_elastic_entries& in, const sk_elastic_grid& g) {
  std::vector<Node> nodes;
  nodes.reserve(static_cast<size_t>(in.n));
  const sk_elastic_values& values = in.factors;
  for (int64_t e = 0; e < in.n; ++e) {
    const int64_t first_j = g.ndim == 3 ? in.j[e] : 0, shot = in.shot ? in.shot[e] : 0;
    const int64_t factor = in.factor ? in.factor[e] : -1;
    const T* data = factor < 0 ? nullptr : static_cast<const T*>(values.data) + factor * values.stride_model;
    const auto add = [&](int64_t k, int64_t j, int64_t i, double weight) {
      if (data) weight *= data[k * values.stride_z + j * values.stride_y + i * values.stride_x];
      nodes.push_back({shot * g.nz + k, j, i, static_cast<int32_t>(in.field[e]),
                       static_cast<int32_t>(in.series[e]), weight});
    };
    for (int64_t c = 0; c < taps(in, SK_Z); ++c) {
      const double z = along(in, SK_Z, e, c);
      for (int64_t b = 0; z != 0 && b < taps(in, SK_Y); ++b) {
        const double y = along(in, SK_Y, e, b);
        for (int64_t a = 0; y != 0 && a < taps(in, SK_X); ++a) {
          const double x = along(in, SK_X, e, a);
          if (x != 0) add(in.k[e] + c, first_j + b, in.i[e] + a, in.weight[e] * z * y * x);
        }
      }
    }
  }
  return nodes;
}

// Sorts numbers of nodes by key(number) in [0, n_keys), equal ones as they came; returns the first of each
// key.
template <class Key>
std::vector<int64_t> sort_by(const Key& key, int64_t n_keys, std::vector<int64_t>& order) {
  std::vector<int64_t> start(static_cast<size_t>(n_keys + 1)), sorted(order.size());
  for (const int64_t e : order) ++start[key(e) + 1];
  for (int64_t k = 0; k < n_keys; ++k) start[k + 1] += start[k];
  std::vector<int64_t> next = start;
  for (const int64_t e : order) sorted[next[key(e)]++] = e;
  order.swap(sorted);
  return start;
}

template <class T>
void sort_entries(const sk_elastic_entries& in, const sk_elastic_grid& g, int64_t stride_y, int64_t n_shots,
                  int64_t* row_start, int64_t* offset, int32_t* field, int32_t* series, T* weight) {
  const std::vector<Node> nodes = nodes_of<T>(in, g);
  std::vector<int64_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0);
  sort_by([&](int64_t n) { return nodes[n].i; }, g.nx, order);
  if (g.ndim == 3) sort_by([&](int64_t n) { return nodes[n].j; }, g.ny, order);
  const auto plane = [&](int64_t n) { return nodes[n].plane; };
  const std::vector<int64_t> start = sort_by(plane, (in.shot ? n_shots : 1) * g.nz, order);
  for (int64_t shot = 0; shot < n_shots; ++shot) {
    std::copy_n(start.begin() + (in.shot ? shot * g.nz : 0), g.nz + 1, row_start + shot * (g.nz + 1));
  }
  for (const int64_t n : order) {
    *offset++ = nodes[n].i + nodes[n].j * stride_y;
    *field++ = nodes[n].field, *series++ = nodes[n].series, *weight++ = T(nodes[n].weight);
  }
}

}  // namespace

int check_points(const sk_elastic_points& p, const sk_elastic_grid& g, const sk_elastic_layout_t& l,
                 int64_t n_shots) {
  if (p.n_series < 0 || p.n_steps < 0) return fail("n_series and n_steps must be >= 0");
  if (p.n_series == 0) return SK_OK;
  if (!p.row_start || !p.data) return fail("row_start and data must not be NULL where n_series > 0");
  const int64_t plane_size = (g.ny - 1) * l.stride_y + g.nx;
  for (int64_t row = 0; row < n_shots * (g.nz + 1); ++row) {
    if (row % (g.nz + 1) == g.nz) continue;  // the end of a shot
    const int64_t begin = p.row_start[row], end = p.row_start[row + 1];
    if (begin < 0 || end < begin) return fail("row_start must be >= 0 and not decrease within a shot");
    if (begin < end && !(p.offset && p.field && p.series && p.weight))
      return fail("offset, field, series and weight must not be NULL where there are entries");
    for (int64_t e = begin; e < end; ++e) {
      if (!inside(p.offset[e], plane_size)) return fail_range("offset", plane_size, p.offset[e]);
      if (p.offset[e] % l.stride_y >= g.nx)
        return fail("offset must be that of a node, got " + std::to_string(p.offset[e]) +
                    " between rows of " + std::to_string(g.nx));
      if (e > begin && p.offset[e] < p.offset[e - 1])
        return fail("offset must not decrease within a plane: see sk_elastic_sort()");
      if (!has_field(g, p.field[e])) return fail_field(g, p.field[e]);
      if (!inside(p.series[e], p.n_series)) return fail_range("series", p.n_series, p.series[e]);
    }
  }
  return SK_OK;
}

}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" int sk_elastic_sort(const sk_elastic_grid* grid, int64_t n_shots, int64_t n_series,
                               const sk_elastic_entries* entries, int64_t* row_start, int64_t* offset,
                               int32_t* field, int32_t* series, void* weight) {
  if (!grid || !entries || !row_start) return fail("grid, entries and row_start must not be NULL");
  sk_elastic_layout_t l{};
  if (const int status = sk_elastic_layout(grid, &l)) return status;
  if (n_shots < 1) return fail("n_shots must be >= 1, got " + std::to_string(n_shots));
  if (const int status = check_entries(*entries, *grid, n_shots, n_series)) return status;
  if (entries->n > 0 && !(offset && field && series && weight))
    return fail("offset, field, series and weight must not be NULL");
  return guarded_as(grid->itemsize, [&](auto zero) {
    using T = decltype(zero);
    sort_entries(*entries, *grid, l.stride_y, n_shots, row_start, offset, field, series,
                 static_cast<T*>(weight));
  });
}
