// From a medium at nodes to the coefficients of the kernels, row by row;
// seiskern/kernels/elastic/reference.py defines both functions. No loop along x has a branch, so compilers
// vectorise them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/parallel.h"
#include "seiskern.h"

namespace seiskern::elastic {
namespace {

constexpr int64_t kSerial = 1 << 20;  // bytes that are done before a second thread has started

int check(const sk_elastic_model& m, int threads) {
  if (threads < 1) return fail("threads must be >= 1, got " + std::to_string(threads));
  if (m.ndim != 2 && m.ndim != 3) return fail("ndim must be 2 or 3, got " + std::to_string(m.ndim));
  if (m.itemsize != 4 && m.itemsize != 8)
    return fail("itemsize must be 4 or 8, got " + std::to_string(m.itemsize));
  if (m.nx < 1 || m.ny < 1 || m.nz < 1 || m.n_models < 1) return fail("nx, ny, nz and n_models must be >= 1");
  if (m.ndim == 2 && m.ny != 1) return fail("ny must be 1 in 2-D, got " + std::to_string(m.ny));
  for (const auto* values : {&m.vp, &m.vs, &m.rho}) {
    if (!values->data) return fail("vp, vs and rho must not be NULL");
    if (values->stride_x != 0 && values->stride_x != 1) {
      return fail("stride_x of vp, vs and rho must be 0 or 1, got " + std::to_string(values->stride_x));
    }
  }
  return SK_OK;
}

// Writes row (k, j) of a model, its first and last value repeated `before` and `after` times.
template <class T>
void spread(const sk_elastic_model& m, const sk_elastic_values& values, int64_t model, int64_t k, int64_t j,
            int64_t before, int64_t after, T* out) {
  const T* row = static_cast<const T*>(values.data) + model * values.stride_model + k * values.stride_z +
                 j * values.stride_y;
  T* inside = std::fill_n(out, before, *row);
  if (values.stride_x == 1) {
    std::memcpy(inside, row, m.nx * sizeof(T));
  } else {
    std::fill_n(inside, m.nx, *row);
  }
  std::fill_n(inside + m.nx, after, inside[m.nx - 1]);
}

// Calls work(thread, begin, end) for shares of n rows or planes.
template <class Work>
void share(int threads, int64_t bytes, int64_t n, const Work& work) {
  if (bytes < kSerial) threads = 1;
  run_threads(threads, [&](int t, int team) { work(t, n * t / team, n * (t + 1) / team); });
}

// Coefficients at the nodes of one row of the padded grid, and at the one after its last.
template <class T>
struct Row {
  int64_t model = -1, k = -1, j = -1;
  std::vector<T> rho, lam, mu, compliance;

  // A row of a layer is often that which is here already.
  void load(const sk_elastic_model& m, const sk_elastic_grid& g, int64_t model_, int64_t k_, int64_t j_) {
    if (model == model_ && k == k_ && j == j_) return;
    model = model_, k = k_, j = j_;
    const int64_t n = g.nx + 1, before = g.pml_low[SK_X], after = g.pml_high[SK_X] + 1;
    for (auto* values : {&rho, &lam, &mu, &compliance}) values->resize(static_cast<size_t>(n));
    spread(m, m.rho, model, k, j, before, after, rho.data());
    spread(m, m.vs, model, k, j, before, after, mu.data());
    spread(m, m.vp, model, k, j, before, after, lam.data());
    for (int64_t i = 0; i < n; ++i) mu[i] = rho[i] * (mu[i] * mu[i]);
    for (int64_t i = 0; i < n; ++i) lam[i] = rho[i] * (lam[i] * lam[i]) - 2 * mu[i];
    for (int64_t i = 0; i < n; ++i) compliance[i] = 1 / mu[i];  // infinite in a fluid
  }
};

// The stress normal to a free surface vanishes: plane stress.
template <class T>
void surface_lam(const Row<T>& row, int64_t n, T* out) {
  const T *lam = row.lam.data(), *mu = row.mu.data();
  for (int64_t i = 0; i < n; ++i) out[i] = 2 * lam[i] * mu[i] / (lam[i] + 2 * mu[i]);
}

// Buoyancy between two nodes.
template <class T>
void buoyancy(const T* a, const T* b, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = 2 / (a[i] + b[i]);
}

// Harmonic mean of mu over four nodes: zero where a compliance is infinite.
template <class T>
void harmonic(const T* a, const T* b, const T* c, const T* d, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = 4 / ((a[i] + b[i]) + (c[i] + d[i]));
}

// Planes [first, last) of all media, counted through.
template <class T>
void stagger(const sk_elastic_grid& g, const sk_elastic_layout_t& l, const sk_elastic_model& m, int64_t first,
             int64_t last, T* medium) {
  std::array<std::array<Row<T>, 2>, 2> rows;  // neighbours differ in the parity of k or j
  const auto row = [&](int64_t model, int64_t k, int64_t j) -> const Row<T>& {
    k = std::clamp<int64_t>(k - g.pml_low[SK_Z], 0, m.nz - 1);
    j = std::clamp<int64_t>(j - (g.ndim == 3 ? g.pml_low[SK_Y] : 0), 0, m.ny - 1);
    Row<T>& found = rows[k % 2][j % 2];
    found.load(m, g, model, k, j);
    return found;
  };
  const int64_t n = g.nx, n_media = g.ndim == 2 ? 5 : int64_t{SK_MEDIA};
  for (int64_t plane = first; plane < last; ++plane) {
    const int64_t model = plane / g.nz, k = plane % g.nz;
    for (int64_t j = 0; j < g.ny; ++j) {
      T* out = medium + model * n_media * l.array_size + l.origin + k * l.stride_z + j * l.stride_y;
      const auto next = [&] { return std::exchange(out, out + l.array_size); };
      const Row<T>&here = row(model, k, j), &below = row(model, k + 1, j);
      const Row<T>&beside = row(model, k, j + 1), &across = row(model, k + 1, j + 1);
      const T *c = here.compliance.data(), *c_below = below.compliance.data();
      const T *c_beside = beside.compliance.data(), *c_across = across.compliance.data();
      buoyancy(here.rho.data(), here.rho.data() + 1, n, next());
      if (g.ndim == 3) buoyancy(here.rho.data(), beside.rho.data(), n, next());
      buoyancy(here.rho.data(), below.rho.data(), n, next());
      if (g.free_surface && k == 0) {
        surface_lam(here, n, next());
      } else {
        std::copy_n(here.lam.data(), n, next());
      }
      std::transform(here.mu.data(), here.mu.data() + n, next(), [](T mu) { return 2 * mu; });
      if (g.ndim == 3) harmonic(c, c + 1, c_beside, c_beside + 1, n, next());
      harmonic(c, c + 1, c_below, c_below + 1, n, next());
      if (g.ndim == 3) harmonic(c, c_beside, c_below, c_across, n, next());
    }
  }
}

// Ranges of a model, one per column of it, so that no loop along x has to reduce.
template <class T>
class Survey {
 public:
  explicit Survey(const sk_elastic_model& model) : model_(model) {
    for (auto& column : low_) column.assign(size(), std::numeric_limits<T>::max());
    for (auto& column : high_) column.assign(size(), std::numeric_limits<T>::lowest());
    for (auto& row : rows_) row.resize(size() + 2);
    zero_.assign(size(), T(0));
  }

  void add(int64_t model, int64_t k, int64_t j) {
    const T *vp = row(0, model_.vp, model, k, j), *vs = row(1, model_.vs, model, k, j);
    const T *rho = row(2, model_.rho, model, k, j), *before = row(3, model_.rho, model, k, j - 1),
            *after = row(4, model_.rho, model, k, j + 1), *above = row(5, model_.rho, model, k - 1, j),
            *below = row(6, model_.rho, model, k + 1, j);
    const int64_t n = model_.nx;
    T* derived = rows_[7].data();
    track(vp, kVp), track(vs, kVs), track(rho, kRho);
    for (int64_t i = 0; i < n; ++i) zero_[i] += 0 * vp[i] + 0 * vs[i] + 0 * rho[i];
    for (int64_t i = 0; i < n; ++i) derived[i] = vs[i] > 0 ? vs[i] : vp[i];
    track(derived, kWave);
    for (int64_t i = 0; i < n; ++i) derived[i] = vs[i] / vp[i];
    track(derived, kRatio);
    for (int64_t i = 0; i < n; ++i) {
      const T along = least(rho[i - 1], rho[i + 1]), across = least(before[i], after[i]);
      const T lightest = (rho[i] + least(least(rho[i], along), least(across, least(above[i], below[i])))) / 2;
      derived[i] = rho[i] / lightest * (vp[i] * vp[i]);
    }
    track(derived, kBound);
  }

  sk_elastic_ranges ranges() const {
    const auto low = [this](Kind kind) { return *std::min_element(low_[kind].begin(), low_[kind].end()); };
    const auto high = [this](Kind kind) { return *std::max_element(high_[kind].begin(), high_[kind].end()); };
    sk_elastic_ranges r{};
    r.vp[0] = low(kVp), r.vs[0] = low(kVs), r.rho[0] = low(kRho);
    r.vp[1] = high(kVp), r.vs[1] = high(kVs), r.rho[1] = high(kRho);
    r.ratio = high(kRatio), r.slowest = low(kWave), r.speed = std::sqrt(high(kBound));
    r.finite = std::all_of(zero_.begin(), zero_.end(), [](T zero) { return zero == 0; });
    return r;
  }

 private:
  enum Kind { kVp, kVs, kRho, kWave, kRatio, kBound, kKinds };

  static T least(T a, T b) { return a < b ? a : b; }
  size_t size() const { return static_cast<size_t>(model_.nx); }

  // Row with its first and last value repeated once beyond its ends.
  const T* row(int number, const sk_elastic_values& values, int64_t model, int64_t k, int64_t j) {
    k = std::clamp<int64_t>(k, 0, model_.nz - 1), j = std::clamp<int64_t>(j, 0, model_.ny - 1);
    spread(model_, values, model, k, j, 1, 1, rows_[number].data());
    return rows_[number].data() + 1;
  }

  void track(const T* value, Kind kind) {
    T *low = low_[kind].data(), *high = high_[kind].data();
    for (int64_t i = 0; i < model_.nx; ++i) {
      low[i] = value[i] < low[i] ? value[i] : low[i];
      high[i] = value[i] > high[i] ? value[i] : high[i];
    }
  }

  const sk_elastic_model& model_;
  std::array<std::vector<T>, kKinds> low_, high_;
  std::array<std::vector<T>, 8> rows_;
  std::vector<T> zero_;  // no longer zero where something was not finite
};

sk_elastic_ranges joined(const sk_elastic_ranges& a, const sk_elastic_ranges& b) {
  const auto both = [](const double (&x)[2], const double (&y)[2], double (&out)[2]) {
    out[0] = std::min(x[0], y[0]), out[1] = std::max(x[1], y[1]);
  };
  sk_elastic_ranges r{};
  both(a.vp, b.vp, r.vp), both(a.vs, b.vs, r.vs), both(a.rho, b.rho, r.rho);
  r.ratio = std::max(a.ratio, b.ratio), r.slowest = std::min(a.slowest, b.slowest);
  r.speed = std::max(a.speed, b.speed), r.finite = a.finite && b.finite;
  return r;
}

template <class T>
sk_elastic_ranges survey(const sk_elastic_model& m, int threads) {
  const int64_t rows = m.n_models * m.nz * m.ny;
  std::vector<Survey<T>> surveys(std::min<size_t>(threads, rows), Survey<T>(m));
  share(surveys.size(), 3 * rows * m.nx * m.itemsize, rows, [&](int thread, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) surveys[thread].add(r / m.ny / m.nz, r / m.ny % m.nz, r % m.ny);
  });
  sk_elastic_ranges all = surveys[0].ranges();
  for (const auto& one : surveys) all = joined(all, one.ranges());
  return all;
}

}  // namespace
}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" {

int sk_elastic_survey(const sk_elastic_model* model, int32_t threads, sk_elastic_ranges* ranges) {
  if (!model || !ranges) return fail("model and ranges must not be NULL");
  if (const int status = check(*model, threads)) return status;
  return guarded_as(model->itemsize, [&](auto zero) { *ranges = survey<decltype(zero)>(*model, threads); });
}

int sk_elastic_stagger(const sk_elastic_grid* grid, const sk_elastic_model* model, int32_t threads,
                       void* medium) {
  if (!grid || !model || !medium) return fail("grid, model and medium must not be NULL");
  if (const int status = check(*model, threads)) return status;
  const sk_elastic_grid& g = *grid;
  sk_elastic_layout_t l{};
  if (const int status = sk_elastic_layout(grid, &l)) return status;
  if (g.ndim != model->ndim || g.itemsize != model->itemsize) {
    return fail("grid and model must have the same ndim and itemsize");
  }
  if (g.orthorhombic) return fail("the grid must be isotropic: what is made here is");
  const int64_t grid_n[] = {g.nx, g.ny, g.nz}, model_n[] = {model->nx, model->ny, model->nz};
  for (int axis = 0; axis < 3; ++axis) {
    if (g.ndim == 2 && axis == SK_Y) continue;
    const int64_t inside = grid_n[axis] - g.pml_low[axis] - g.pml_high[axis];
    if (inside != model_n[axis]) {
      return fail(std::string("the model must have the ") + std::to_string(inside) + " nodes along " +
                  "xyz"[axis] + " that the absorbing layers of the grid leave, got " +
                  std::to_string(model_n[axis]));
    }
  }
  return guarded_as(g.itemsize, [&](auto zero) {
    using T = decltype(zero);
    const int64_t planes = model->n_models * g.nz;
    share(
        threads, planes * l.stride_z * g.itemsize * (g.ndim == 2 ? 5 : SK_MEDIA), planes,
        [&](int, int64_t begin, int64_t end) { stagger(g, l, *model, begin, end, static_cast<T*>(medium)); });
  });
}

}  // extern "C"
