// The C interface of the elastic solver: checks, array layout, absorbing profiles, threads.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "common/check.h"
#include "common/stencil.h"
#include "elastic/points.h"
#include "elastic/rest.h"
#include "elastic/row_sums.h"
#include "elastic/surface.h"
#include "elastic/tile.h"
#include "elastic/tuning.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern {
namespace {
thread_local std::string last_error;
}

int fail(const std::string& message, int status) {
  last_error = message;
  return status;
}
}  // namespace seiskern

namespace seiskern::elastic {
namespace {

constexpr int kFields2[] = {SK_VX, SK_VZ, SK_SXX, SK_SZZ, SK_SXZ};

bool has_medium(const sk_elastic_grid& g, int m) {
  const bool at_nodes = m == SK_RHO || m == SK_COMPLIANCE;
  const bool modulus = m == SK_LAM || m == SK_MU2, stiffness = m >= SK_CXX;
  const bool along_y = m == SK_BY || m == SK_MXY || m == SK_MYZ || m == SK_CYY || m == SK_CXY || m == SK_CYZ;
  if (g.ndim == 3) return g.orthorhombic ? !at_nodes && !modulus : at_nodes || m == SK_LAM;
  return !at_nodes && !along_y && !(g.orthorhombic ? modulus : stiffness);
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

template <int kRadius>
int surface_norms(bool half, double* out) {
  using S = Surface<kRadius>;
  if (half) return static_cast<int>(std::copy(std::begin(S::half_norm), std::end(S::half_norm), out) - out);
  return static_cast<int>(std::copy(std::begin(S::node_norm), std::end(S::node_norm), out) - out);
}

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Absorbing rows of one axis. Along x they are widened to whole vectors; the profiles are zero in the
// surplus.
struct Extent {
  int64_t low, high, width;
};

// Along x, of n columns of which the nodes begin at column `first`.
Extent columns(const sk_elastic_grid& g, int64_t first, int64_t n) {
  const int64_t low = g.pml_low[SK_X] > 0 ? round_up(first + g.pml_low[SK_X], kRowAlign) : 0;
  const int64_t high = g.pml_high[SK_X] > 0 ? (first + g.nx - g.pml_high[SK_X]) / kRowAlign * kRowAlign : n;
  if (low > high) return {n, n, n};  // the two meet: one layer
  return {low, high, low + n - high};
}

// Empty columns before node 0 that let the absorbing layers along x fill whole vectors as well as they can; a
// vector of a layer takes about 1.7 times as long as another one.
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

// Elements of one memory variable of an axis.
int64_t memory_size(const sk_elastic_grid& g, int axis) {
  const int64_t width = extent(g, axis).width;
  if (axis == SK_X) return g.nz * g.ny * width;
  return (axis == SK_Y ? g.nz : g.ny) * width * count(g, SK_X);
}

bool positive(double value) { return value > 0 && std::isfinite(value); }

int check_order(int order) {
  if (order >= 2 && order <= 8 && order % 2 == 0) return SK_OK;
  return fail("order must be 2, 4, 6 or 8, got " + std::to_string(order));
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

sk_elastic_layout_t make_layout(const sk_elastic_grid& g) {
  const int64_t radius = g.order / 2, halo_y = g.ndim == 3 ? radius : 0;
  sk_elastic_layout_t l{};
  l.stride_y = count(g, SK_X) + kRowAlign;  // the gap is the halo of this row and of the next
  if (l.stride_y * g.itemsize % 1024 == 0)
    l.stride_y += kRowAlign;  // rows must not all fall on the same cache sets
  l.stride_z = l.stride_y * (g.ny + 2 * halo_y);
  l.origin = radius * l.stride_z + halo_y * l.stride_y + kRowAlign + first_column(g);
  const int64_t page = 4096 / g.itemsize;
  l.array_size =
      round_up((g.nz + 2 * radius) * l.stride_z + kRowAlign, page) + 5 * kRowAlign;  // nor must arrays
  for (int axis = 0; axis < 3; ++axis) l.pml_size += 2 * g.ndim * memory_size(g, axis);
  l.profile_size = 6 * (count(g, SK_X) + g.ny + g.nz);
  for (int m = 0; m < SK_MEDIA; ++m) l.n_media += has_medium(g, m);
  return l;
}

std::array<const sk_elastic_points*, 4> all_points(const sk_elastic& p) {
  return {&p.velocity_sources, &p.stress_sources, &p.velocity_receivers, &p.stress_receivers};
}

int check(const sk_elastic& p) {
  if (const int status = check(p.grid)) return status;
  const sk_elastic_layout_t l = make_layout(p.grid);
  if (p.n_shots < 1) return fail("n_shots must be >= 1, got " + std::to_string(p.n_shots));
  if (!p.fields || !p.medium || !p.profiles || (l.pml_size > 0 && !p.pml))
    return fail("fields, medium, pml and profiles must not be NULL");
  const int64_t medium = l.n_media * l.array_size;
  if (p.medium_shot_stride != 0 && p.medium_shot_stride < medium)
    return fail("medium_shot_stride must be 0 or >= " + std::to_string(medium));
  if (p.profiles_shot_stride != 0 && p.profiles_shot_stride < l.profile_size)
    return fail("profiles_shot_stride must be 0 or >= " + std::to_string(l.profile_size));
  for (const auto* points : all_points(p)) {
    if (const int status = check_points(*points, p.grid, l, p.n_shots)) return status;
  }
  return SK_OK;
}

template <class T>
Profile<std::remove_const_t<T>> profile_of(const sk_elastic_grid& g, int axis, T* profiles) {
  for (int a = 0; a < axis; ++a) profiles += 6 * count(g, a);
  const int64_t n = count(g, axis);
  return {
      {profiles, profiles + n}, {profiles + 2 * n, profiles + 3 * n}, {profiles + 4 * n, profiles + 5 * n}};
}

template <class T>
Points<T> make_points(const sk_elastic_points& p, const sk_elastic_grid& g, int64_t shot) {
  T* data = static_cast<T*>(p.data) + shot * p.n_steps * p.n_series;
  return {p.row_start + shot * (g.nz + 1), p.offset, p.field,   p.series,
          static_cast<const T*>(p.weight), data,     p.n_series};
}

template <class T>
Shot<T> make_shot(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot) {
  const sk_elastic_grid& g = p.grid;
  Shot<T> s{};
  View<T>& v = s.view;
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
    const T* factor = v.profile[axis].g[0];  // and those of half nodes after them
    v.damped =
        v.damped || std::any_of(factor, factor + 2 * count(g, axis), [](T value) { return value != T(1); });
    const int64_t size = memory_size(g, axis), apart = axis == SK_X ? e.width : size;
    v.layer[axis].pitch = axis == SK_X ? g.ndim * e.width : v.nx;
    for (int m = 0; m < 6; ++m) {
      const int turn = g.ndim == 3 ? m % 3 : m % 3 == SK_Z;  // in 2-D y has the place of x, and is not read
      v.layer[axis].memory[m] = memory + m / 3 * g.ndim * size + turn * apart;
    }
    memory += 2 * g.ndim * size;
  }
  s.sources[0] = make_points<T>(p.velocity_sources, g, shot),
  s.sources[1] = make_points<T>(p.stress_sources, g, shot);
  s.receivers[0] = make_points<T>(p.velocity_receivers, g, shot);
  s.receivers[1] = make_points<T>(p.stress_receivers, g, shot);
  return s;
}

enum class Isa { kBaseline, kAvx2, kAvx512 };

Isa detect_isa() {
  Isa best = Isa::kBaseline;
#if defined(__x86_64__) && defined(SK_X86)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::kAvx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    best = Isa::kAvx512;
  }
#endif
  const char* asked = std::getenv("SEISKERN_ISA");
  const Isa limit = !asked                            ? Isa::kAvx512
                    : !std::strcmp(asked, "baseline") ? Isa::kBaseline
                    : !std::strcmp(asked, "avx2")     ? Isa::kAvx2
                                                      : Isa::kAvx512;
  return std::min(best, limit);
}

Advance* choose_kernel(const sk_elastic_grid& g) {
  switch (detect_isa()) {
#if defined(SK_X86)
    case Isa::kAvx512:
      return avx512::kernel(g.ndim, g.order, g.itemsize);
    case Isa::kAvx2:
      return avx2::kernel(g.ndim, g.order, g.itemsize);
#endif
    default:
      return baseline::kernel(g.ndim, g.order, g.itemsize);
  }
}

template <class T>
void run_shot(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot, int64_t first, int64_t last,
              int threads, int sharers) {
  const sk_elastic_grid& g = p.grid;
  Shot<T> s = make_shot<T>(p, l, shot);
  RowSums<T> velocities(s.receivers[0], g, l.stride_y, first, last),
      stresses(s.receivers[1], g, l.stride_y, first, last);
  s.receivers[0] = velocities.apart(), s.receivers[1] = stresses.apart();
  Advance* const advance = choose_kernel(g);
  const int64_t radius = g.order / 2, reach_y = g.ndim == 3 ? radius : 0;
  const int64_t row_buffer = 3 * s.view.nx;
  std::vector<T> rows(static_cast<size_t>(threads * row_buffer + s.view.nx));
  T* const twos = rows.data() + threads * row_buffer;
  std::fill_n(twos + s.view.first, g.nx, T(2));
  s.view.twos = twos;
  s.rest = p.at_rest ? 2 * first : -1;
  const Rest<T> rest(s.view, g, l);
  // Threads are moved, so a long run looks again where they are; no bit depends on where it is cut.
  const int64_t between = std::max(kStepsBetweenLooks, kUpdatesBetweenLooks / (g.nx * g.ny * g.nz));
  for (int64_t step = first; step < last; step += between) {
    const int64_t steps = std::min(last - step, between);
    run_tiles(g.nz, g.ny, radius, reach_y, g.free_surface ? closure_depth(g.order) : 0,
              make_tiling(g, l, steps, threads, sharers, take_turns(threads)), 2 * step, 2 * (step + steps),
              threads, [&](int thread, const Task& task) {
                if (task.half == s.rest) rest.clear(task);
                advance(&s, rows.data() + thread * row_buffer, task);
              });
  }
  velocities.join(), stresses.join();
}

// Many shots: each thread takes the next one. Few: all threads work on each in turn.
template <class T>
void run_shots(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t first, int64_t last, int threads) {
  if (p.n_shots < threads) {
    for (int64_t s = 0; s < p.n_shots; ++s) run_shot<T>(p, l, s, first, last, threads, 1);
    return;
  }
  std::atomic<int64_t> next{0};
  run_threads(threads, [&](int, int team) {
    for (int64_t s; (s = next.fetch_add(1)) < p.n_shots;) run_shot<T>(p, l, s, first, last, 1, team);
  });
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
}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" {

const char* sk_version(void) { return SK_VERSION; }

const char* sk_error(void) { return last_error.c_str(); }

const char* sk_isa(void) {
  switch (detect_isa()) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    default:
      return "baseline";
  }
}

const char* sk_compiled_isas(void) {
#if defined(SK_X86)
  return "baseline avx2 avx512";
#else
  return "baseline";
#endif
}

int sk_elastic_layout(const sk_elastic_grid* grid, sk_elastic_layout_t* layout) {
  if (!grid || !layout) return fail("grid and layout must not be NULL");
  if (const int status = check(*grid)) return status;
  *layout = make_layout(*grid);
  return SK_OK;
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

int sk_elastic_run(const sk_elastic* problem, int64_t first, int64_t last, int32_t threads) {
  if (!problem) return fail("problem must not be NULL");
  if (const int status = check(*problem)) return status;
  if (threads < 1) return fail("threads must be >= 1, got " + std::to_string(threads));
  if (first < 0 || last < first) return fail("first must be >= 0 and last >= first");
  for (const auto* p : all_points(*problem)) {
    if (p->n_series > 0 && last > p->n_steps) return fail("first and last must lie within n_steps");
  }
  const sk_elastic_grid& g = problem->grid;
  const sk_elastic_layout_t layout = make_layout(g);
  return guarded_as(g.itemsize,
                    [&](auto zero) { run_shots<decltype(zero)>(*problem, layout, first, last, threads); });
}

}  // extern "C"
