// The C interface of the elastic solver: checks, array layout, absorbing profiles, threads.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/stencil.h"
#include "elastic/surface.h"
#include "elastic/tile.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {
namespace {

thread_local std::string last_error;

int fail(const std::string& message) {
  last_error = message;
  return SK_INVALID;
}

constexpr int kFields2[] = {SK_VX, SK_VZ, SK_SXX, SK_SZZ, SK_SXZ};
constexpr int kMedia2[] = {SK_BX, SK_BZ, SK_LAM, SK_MU2, SK_MXZ};

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
int64_t padded_nx(const sk_elastic_grid& g) { return round_up(g.nx, kRowAlign); }
int64_t count(const sk_elastic_grid& g, int axis) {
  return axis == SK_X ? padded_nx(g) : axis == SK_Y ? g.ny : g.nz;
}

// Absorbing rows of one axis. Along x they are widened to whole vectors; the profiles are zero in the
// surplus.
struct Extent {
  int64_t low, high, width;
};
Extent extent(const sk_elastic_grid& g, int axis) {
  const int64_t n = count(g, axis);
  if (axis == SK_Y && g.ndim == 2) return {0, n, 0};
  const int64_t nodes = axis == SK_X ? g.nx : n, align = axis == SK_X ? kRowAlign : 1;
  const int64_t low = round_up(g.pml_low[axis], align);
  const int64_t first = nodes - g.pml_high[axis] - 1;  // its half node is inside
  const int64_t high = g.pml_high[axis] > 0 ? std::max<int64_t>(0, first) / align * align : n;
  if (low > high) return {n, n, n};  // the two meet: one layer
  return {low, high, low + n - high};
}

// Elements of one memory variable of an axis.
int64_t memory_size(const sk_elastic_grid& g, int axis) {
  const int64_t width = extent(g, axis).width;
  if (axis == SK_X) return g.nz * g.ny * width;
  return (axis == SK_Y ? g.nz : g.ny) * width * padded_nx(g);
}

int check(const sk_elastic_grid& g) {
  if (g.ndim != 2 && g.ndim != 3) return fail("ndim must be 2 or 3, got " + std::to_string(g.ndim));
  if (g.order < 2 || g.order > 8 || g.order % 2)
    return fail("order must be 2, 4, 6 or 8, got " + std::to_string(g.order));
  if (g.itemsize != 4 && g.itemsize != 8)
    return fail("itemsize must be 4 or 8, got " + std::to_string(g.itemsize));
  if (g.ndim == 2 && g.ny != 1) return fail("ny must be 1 in 2-D, got " + std::to_string(g.ny));
  if (g.nx < 1 || g.ny < 1 || g.nz < 1) return fail("nx, ny and nz must be positive");
  if (!(g.dt > 0)) return fail("dt must be > 0");
  const int64_t n[] = {g.nx, g.ny, g.nz};
  for (int axis = 0; axis < 3; ++axis) {
    if (!(g.h[axis] > 0)) return fail("h must be > 0");
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
  l.stride_y = padded_nx(g) + kRowAlign;  // the gap is the halo of this row and of the next
  if (l.stride_y * g.itemsize % 1024 == 0)
    l.stride_y += kRowAlign;  // rows must not all fall on the same cache sets
  l.stride_z = l.stride_y * (g.ny + 2 * halo_y);
  l.origin = radius * l.stride_z + halo_y * l.stride_y + kRowAlign;
  const int64_t page = 4096 / g.itemsize;
  l.array_size =
      round_up((g.nz + 2 * radius) * l.stride_z + kRowAlign, page) + 5 * kRowAlign;  // nor must arrays
  for (int axis = 0; axis < 3; ++axis) l.pml_size += 2 * g.ndim * memory_size(g, axis);
  l.profile_size = 6 * (count(g, SK_X) + g.ny + g.nz);
  return l;
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
  v.nx = padded_nx(g), v.ny = g.ny, v.nz = g.nz;
  v.stride[SK_X] = 1, v.stride[SK_Y] = l.stride_y, v.stride[SK_Z] = l.stride_z;
  v.free_surface = g.free_surface != 0;
  const int n_fields = g.ndim == 2 ? 5 : int{SK_FIELDS}, n_media = g.ndim == 2 ? 5 : int{SK_MEDIA};
  T* field = static_cast<T*>(p.fields) + shot * n_fields * l.array_size + l.origin;
  for (int f = 0; f < n_fields; ++f) v.field[g.ndim == 2 ? kFields2[f] : f] = field + f * l.array_size;
  const T* medium = static_cast<const T*>(p.medium) + shot * p.medium_shot_stride + l.origin;
  for (int m = 0; m < n_media; ++m) v.medium[g.ndim == 2 ? kMedia2[m] : m] = medium + m * l.array_size;
  T* memory = static_cast<T*>(p.pml) + shot * l.pml_size;
  for (int axis = 0; axis < 3; ++axis) {
    const Extent e = extent(g, axis);
    v.layer[axis].low = e.low, v.layer[axis].high = e.high;
    v.scale[axis] = g.dt / g.h[axis];
    for (int m = 0; m < g.order / 2; ++m) v.c[axis][m] = T(taylor(g.order, m) * v.scale[axis]);
    v.profile[axis] = profile_of<const T>(g, axis, static_cast<const T*>(p.profiles));
    const T* factor = v.profile[axis].g[0];  // and those of half nodes after them
    v.damped =
        v.damped || std::any_of(factor, factor + 2 * count(g, axis), [](T value) { return value != T(1); });
    for (int m = 0; m < 6; ++m) {
      const bool absent = g.ndim == 2 && m % 3 == SK_Y;
      v.layer[axis].memory[m] = absent ? nullptr : memory;
      if (!absent) memory += memory_size(g, axis);
    }
  }
  s.sources[0] = make_points<T>(p.velocity_sources, g, shot),
  s.sources[1] = make_points<T>(p.stress_sources, g, shot);
  s.receivers[0] = make_points<T>(p.velocity_receivers, g, shot);
  s.receivers[1] = make_points<T>(p.stress_receivers, g, shot);
  return s;
}

constexpr int64_t kSmall = 64 << 10;  // bytes of one array that a core keeps in its own cache

// Virtual machines tell the size of a cache that they share with others, so no more than 32 MB is believed.
int64_t cache_size() {
  const long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return std::clamp<int64_t>(size, 8 << 20, 32 << 20);
}

// Blocks of rows (2-D) or planes (3-D) and strips of rows (3-D) that stay in the outer cache for `halfsteps`
// half steps. The window of a strip is (strip + skew) x (two blocks per thread + skew) rows. Its share of the
// cache, and the block sizes, are the best of a scan on a Zen 5 with 32 MB.
Tiling make_tiling(const sk_elastic_grid& g, const sk_elastic_layout_t& l, int threads) {
  const int64_t radius = g.order / 2;
  if (g.ndim == 2) {
    if (g.nz * l.stride_y * g.itemsize <
        kSmall * threads) {  // one block per thread, which then keeps its rows in its own cache
      const int64_t halfsteps = std::clamp<int64_t>(g.nz / (4 * radius * threads) / 2 * 2, 2, 16);
      return {std::max<int64_t>(1, g.nz / threads - halfsteps * radius / 2), 1, halfsteps};
    }
    return {16, 1, std::max<int64_t>(4, 32 / radius / 2 * 2)};
  }
  const int64_t block = 2, row = l.stride_y * g.itemsize * (SK_FIELDS + SK_MEDIA),
                share = cache_size() * 3 / 8;
  Tiling best{block, g.ny, 2};
  double least = 1e30;
  for (int64_t halfsteps = 2; halfsteps * radius <= 16; halfsteps += 2) {
    const int64_t skew = halfsteps * radius, planes = 2 * block + skew;
    const int64_t strip = std::min<int64_t>(g.ny, share / (row * planes) - skew);
    const double traffic = double(strip + skew) / double(std::max<int64_t>(strip, 1) * halfsteps);
    if (strip >= 8 && traffic < least) least = traffic, best = {block, strip, halfsteps};
  }
  return best;
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

// Receivers of one shot whose rows are summed apart. Blocks of two strips may sample the same receiver at the
// same half step, so every row along x of every series has a sum of its own, which one block at a time adds
// to, in ascending z. They are joined in ascending y afterwards: records do not depend on threads, strips or
// the steps at which a run is cut.
template <class T>
class RowSums {
 public:
  RowSums(const Points<T>& points, int64_t nz, int64_t stride_y, int64_t first, int64_t last)
      : points_(points), first_(first), last_(last) {
    if (points.n_series == 0) return;
    const int64_t begin = points.row_start[0], n = points.row_start[nz] - begin;
    std::vector<std::pair<int32_t, int64_t>> keys(static_cast<size_t>(n));
    for (int64_t e = 0; e < n; ++e) keys[e] = {points.series[begin + e], points.offset[begin + e] / stride_y};
    sums_ = keys;
    std::sort(sums_.begin(), sums_.end());
    sums_.erase(std::unique(sums_.begin(), sums_.end()), sums_.end());
    number_.resize(keys.size());
    for (int64_t e = 0; e < n; ++e) {
      number_[e] =
          static_cast<int32_t>(std::lower_bound(sums_.begin(), sums_.end(), keys[e]) - sums_.begin());
    }
    data_.assign(sums_.size() * static_cast<size_t>(last - first), T(0));
  }

  // What the kernels write to.
  Points<T> apart() {
    Points<T> p = points_;
    if (p.n_series == 0) return p;
    p.n_series = static_cast<int64_t>(sums_.size());
    p.series = number_.data() - p.row_start[0];
    p.data = data_.data() - first_ * p.n_series;
    return p;
  }

  void join() const {
    for (int64_t n = first_; n < last_; ++n) {
      const T* row = data_.data() + (n - first_) * static_cast<int64_t>(sums_.size());
      for (size_t s = 0; s < sums_.size(); ++s) points_.data[n * points_.n_series + sums_[s].first] += row[s];
    }
  }

 private:
  Points<T> points_;
  int64_t first_, last_;
  std::vector<std::pair<int32_t, int64_t>> sums_;  // series and row of each, sorted
  std::vector<int32_t> number_;                    // sum of each entry
  std::vector<T> data_;                            // (last - first, sums)
};

template <class T>
void run_shot(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot, int64_t first, int64_t last,
              int threads) {
  const sk_elastic_grid& g = p.grid;
  Shot<T> s = make_shot<T>(p, l, shot);
  RowSums<T> velocities(s.receivers[0], g.nz, l.stride_y, first, last),
      stresses(s.receivers[1], g.nz, l.stride_y, first, last);
  s.receivers[0] = velocities.apart(), s.receivers[1] = stresses.apart();
  Advance* const advance = choose_kernel(g);
  const int64_t radius = g.order / 2, reach_y = g.ndim == 3 ? radius : 0;
  std::vector<T> rows(static_cast<size_t>(threads * s.view.nx));
  run_tiles(g.nz, g.ny, radius, reach_y, g.free_surface ? closure_depth(g.order) : 0,
            make_tiling(g, l, threads), 2 * first, 2 * last, threads,
            [&](int thread, int64_t half, int64_t k0, int64_t k1, int64_t j0, int64_t j1) {
              advance(&s, rows.data() + thread * s.view.nx, half, k0, k1, j0, j1);
            });
  velocities.join(), stresses.join();
}

// Many shots: each thread takes the next one. Few: all threads work on each in turn.
template <class T>
void run_shots(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t first, int64_t last, int threads) {
  if (p.n_shots < threads) {
    for (int64_t s = 0; s < p.n_shots; ++s) run_shot<T>(p, l, s, first, last, threads);
    return;
  }
  std::atomic<int64_t> next{0};
  run_threads(threads, [&](int) {
    for (int64_t s; (s = next.fetch_add(1)) < p.n_shots;) run_shot<T>(p, l, s, first, last, 1);
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
    for (int half = 0; half < 2; ++half) {
      for (int64_t i = 0; i < nodes; ++i) {
        const double x = i + 0.5 * half;
        const double low = g.pml_low[axis], high = g.pml_high[axis];
        const double from_low = low - x, from_high = x - (nodes - 1 - high);
        const double depth = low > 0 && from_low > 0     ? from_low / low
                             : high > 0 && from_high > 0 ? from_high / high
                                                         : 0;
        if (depth <= 0) continue;
        const double thickness = (low > 0 && from_low > 0 ? low : high) * g.h[axis];
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

using namespace seiskern::elastic;

extern "C" {

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
  if (const int status = check(*grid)) return status;
  *layout = make_layout(*grid);
  return SK_OK;
}

int sk_elastic_profiles(const sk_elastic_grid* grid, double vmax, double frequency, double reflection,
                        double multiaxial, void* profiles) {
  if (const int status = check(*grid)) return status;
  if (!(vmax > 0 && frequency >= 0 && reflection > 0 && reflection < 1 && multiaxial >= 0 &&
        multiaxial <= 1)) {
    return fail("vmax must be > 0, frequency >= 0, 0 < reflection < 1 and 0 <= multiaxial <= 1");
  }
  if (grid->itemsize == 4) {
    fill_profiles(*grid, vmax, frequency, reflection, multiaxial, static_cast<float*>(profiles));
  } else {
    fill_profiles(*grid, vmax, frequency, reflection, multiaxial, static_cast<double*>(profiles));
  }
  return SK_OK;
}

double sk_elastic_max_dt(int32_t ndim, int32_t order, const double h[SK_AXES], double speed) {
  double sum = 0;
  for (int axis = 0; axis < 3; ++axis) {
    if (axis == SK_Y && ndim == 2) continue;
    sum += 1 / (h[axis] * h[axis]);
  }
  return 2 / (speed * seiskern::difference_norm(order) * std::sqrt(sum));
}

int sk_elastic_surface_norms(int32_t order, int32_t half, double* norms) {
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
  const sk_elastic_grid& g = problem->grid;
  if (const int status = check(g)) return status;
  if (threads < 1) return fail("threads must be >= 1, got " + std::to_string(threads));
  for (const auto* p : {&problem->velocity_sources, &problem->stress_sources, &problem->velocity_receivers,
                        &problem->stress_receivers}) {
    if (p->n_series > 0 && (first < 0 || last > p->n_steps))
      return fail("first and last must lie within n_steps");
  }
  const sk_elastic_layout_t layout = make_layout(g);
  try {
    if (g.itemsize == 4) {
      run_shots<float>(*problem, layout, first, last, threads);
    } else {
      run_shots<double>(*problem, layout, first, last, threads);
    }
  } catch (const std::bad_alloc&) {
    last_error = "out of memory";
    return SK_NO_MEMORY;
  }
  return SK_OK;
}

}  // extern "C"
