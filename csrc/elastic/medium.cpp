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

template <class T>
const T* row_of(const sk_elastic_values& values, int64_t model, int64_t k, int64_t j) {
  return static_cast<const T*>(values.data) + model * values.stride_model + k * values.stride_z +
         j * values.stride_y;
}

// Writes a row of n values, the first and the last repeated `before` and `after` times.
template <class T>
void spread(const T* row, int64_t stride, int64_t n, int64_t before, int64_t after, T* out) {
  T* const inside = std::fill_n(out, before, *row);
  if (stride == 1) {
    std::memcpy(inside, row, n * sizeof(T));
  } else {
    std::fill_n(inside, n, *row);
  }
  std::fill_n(inside + n, after, inside[n - 1]);
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
    const auto read = [&](const sk_elastic_values& values, std::vector<T>& out) {
      spread(row_of<T>(values, model, k, j), values.stride_x, m.nx, before, after, out.data());
    };
    read(m.rho, rho), read(m.vs, mu), read(m.vp, lam);
    if (!m.moduli) {
      for (int64_t i = 0; i < n; ++i) {
        mu[i] = rho[i] * (mu[i] * mu[i]);
        lam[i] = rho[i] * (lam[i] * lam[i]) - 2 * mu[i];
      }
    }
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

// Fills the padding of plane k of an array: its own, and that above the first or below the last.
template <class T>
void fill_padding(const sk_elastic_grid& g, const sk_elastic_layout_t& l, int64_t k, T value, T* array) {
  const int64_t halo = g.order / 2;
  T* begin = array + (k > 0 ? (halo + k) * l.stride_z : 0);
  for (int64_t j = 0; j < g.ny; ++j) {
    T* const row = array + l.origin + k * l.stride_z + j * l.stride_y;
    std::fill(begin, row, value);
    begin = row + g.nx;
  }
  std::fill(begin, array + (k + 1 < g.nz ? (halo + k + 1) * l.stride_z : l.array_size), value);
}

// Makes planes of the medium arrays of a grid from a model at nodes.
template <class T>
class Stagger {
 public:
  Stagger(const sk_elastic_grid& grid, const sk_elastic_layout_t& layout, const sk_elastic_model& model)
      : g_(grid), l_(layout), m_(model) {}

  // Planes [first, last) of all media, counted through.
  void planes(int64_t first, int64_t last, T* media) {
    for (int64_t plane = first; plane < last; ++plane) {
      T* const arrays = media + plane / g_.nz * l_.n_media * l_.array_size;
      if (g_.ndim == 2) {
        coefficients(plane / g_.nz, plane % g_.nz, arrays);
      } else {
        nodes(plane / g_.nz, plane % g_.nz, arrays);
      }
    }
  }

 private:
  // 2-D: bx, bz, lam, 2 mu, mu at sxz.
  void coefficients(int64_t model, int64_t k, T* arrays) {
    const int64_t n = g_.nx;
    for (int64_t a = 0; a < l_.n_media; ++a) fill_padding(g_, l_, k, T(0), arrays + a * l_.array_size);
    T* out = arrays + l_.origin + k * l_.stride_z;
    const auto next = [&] { return std::exchange(out, out + l_.array_size); };
    const Row<T>&here = row(model, k, 0), &below = row(model, k + 1, 0);
    const T *c = here.compliance.data(), *c_below = below.compliance.data();
    buoyancy(here.rho.data(), here.rho.data() + 1, n, next());
    buoyancy(here.rho.data(), below.rho.data(), n, next());
    copy_lam(here, k, next());
    std::transform(here.mu.data(), here.mu.data() + n, next(), [](T mu) { return 2 * mu; });
    harmonic(c, c + 1, c_below, c_below + 1, n, next());
  }

  // 3-D: rho, lam, 1 / mu; those that are averaged go on for one node, and any positive padding will do.
  void nodes(int64_t model, int64_t k, T* arrays) {
    const T padding[] = {1, 0, 1};
    for (int64_t a = 0; a < l_.n_media; ++a) fill_padding(g_, l_, k, padding[a], arrays + a * l_.array_size);
    for (int64_t plane = k; plane <= (k + 1 < g_.nz ? k : g_.nz); ++plane) {
      for (int64_t j = 0; j <= g_.ny; ++j) {
        T* const out = arrays + l_.origin + plane * l_.stride_z + j * l_.stride_y;
        const Row<T>& here = row(model, plane, j);
        std::copy_n(here.rho.data(), g_.nx + 1, out);
        if (plane < g_.nz && j < g_.ny) copy_lam(here, plane, out + l_.array_size);
        std::copy_n(here.compliance.data(), g_.nx + 1, out + 2 * l_.array_size);
      }
    }
  }

  void copy_lam(const Row<T>& row, int64_t k, T* out) const {
    if (g_.free_surface && k == 0) {
      surface_lam(row, g_.nx, out);
    } else {
      std::copy_n(row.lam.data(), g_.nx, out);
    }
  }

  // Row of the grid, or beyond its edge that on it.
  const Row<T>& row(int64_t model, int64_t k, int64_t j) {
    k = std::clamp<int64_t>(k - g_.pml_low[SK_Z], 0, m_.nz - 1);
    j = std::clamp<int64_t>(j - (g_.ndim == 3 ? g_.pml_low[SK_Y] : 0), 0, m_.ny - 1);
    Row<T>& found = rows_[k % 2];
    found.load(m_, g_, model, k, j);
    return found;
  }

  const sk_elastic_grid& g_;
  const sk_elastic_layout_t& l_;
  const sk_elastic_model& m_;
  std::array<Row<T>, 2> rows_;  // neighbours differ in the parity of k
};

// Rows that the ranges at the nodes of one of them depend on: those of rho have neighbours on all sides.
template <class T>
struct Neighbourhood {
  const T *vp, *vs, *rho, *before, *after, *above, *below;
};

// Ranges of what stands at several nodes side by side, a range a lane: reductions are not vectorised else. Of
// moduli squares of the speeds are tracked, and the roots taken of the ranges.
template <class T, int kLanes, bool kModuli>
class Ranges {
  typedef T Vector __attribute__((vector_size(kLanes * sizeof(T))));

 public:
  Ranges() {
    for (auto& low : low_) low = Vector{} + std::numeric_limits<T>::max();
    for (auto& high : high_) high = Vector{} + std::numeric_limits<T>::lowest();
  }

  void add(const Neighbourhood<T>& rows, int64_t i) {
    const Vector rho = load(rows.rho + i);
    Vector vp = load(rows.vp + i), vs = load(rows.vs + i);
    if (kModuli) vs /= rho, vp = vp / rho + 2 * vs;
    const Vector along = least(load(rows.rho + i - 1), load(rows.rho + i + 1));
    const Vector across = least(load(rows.before + i), load(rows.after + i));
    const Vector vertical = least(load(rows.above + i), load(rows.below + i));
    const Vector lightest = (rho + least(least(rho, along), least(across, vertical))) / 2;
    track(kVp, vp), track(kVs, vs), track(kRho, rho);
    track(kSlowest, vs > T(0) ? vs : vp);
    track(kRatio, vs / vp);
    track(kSquaredSpeed, rho / lightest * (kModuli ? vp : vp * vp));
    zero_ += 0 * vp + 0 * vs + 0 * rho;
  }

  // Widens r.
  void join(sk_elastic_ranges& r) const {
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto value = [&](const Vector(&range)[kKinds], Kind kind) -> double {
        const T found = range[kind][lane];
        return kModuli && kind != kRho ? std::copysign(std::sqrt(std::abs(found)), found) : found;
      };
      const auto lower = [&](double& low, Kind kind) { low = std::min(low, value(low_, kind)); };
      const auto raise = [&](double& high, Kind kind) { high = std::max(high, value(high_, kind)); };
      lower(r.vp[0], kVp), lower(r.vs[0], kVs), lower(r.rho[0], kRho), lower(r.slowest, kSlowest);
      raise(r.vp[1], kVp), raise(r.vs[1], kVs), raise(r.rho[1], kRho), raise(r.ratio, kRatio);
      r.speed = std::max<double>(r.speed, std::sqrt(std::max<T>(0, high_[kSquaredSpeed][lane])));
      r.finite = r.finite && zero_[lane] == 0;
    }
  }

 private:
  enum Kind { kVp, kVs, kRho, kSlowest, kRatio, kSquaredSpeed, kKinds };

  static Vector load(const T* p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static Vector least(Vector a, Vector b) { return a < b ? a : b; }
  void track(Kind kind, Vector value) {
    low_[kind] = value < low_[kind] ? value : low_[kind];
    high_[kind] = value > high_[kind] ? value : high_[kind];
  }

  Vector low_[kKinds], high_[kKinds], zero_{};  // no longer zero where something was not finite
};

// Of whole vectors, and of the nodes that remain of a row.
template <class T, bool kModuli>
struct Survey {
  static constexpr int kLanes = 16 / sizeof(T);
  Ranges<T, kLanes, kModuli> many;
  Ranges<T, 1, kModuli> single;
};

// Rows [first, last) of all media, counted through.
template <class T, bool kModuli>
Survey<T, kModuli> survey_rows(const sk_elastic_model& m, int64_t first, int64_t last) {
  Survey<T, kModuli> survey;
  std::array<std::vector<T>, 7> copies;
  std::array<const T*, 7> copied{};  // rows that the copies are of
  for (auto& copy : copies) copy.resize(static_cast<size_t>(m.nx + 2));
  const auto copy = [&](int number, const sk_elastic_values& values, int64_t model, int64_t k, int64_t j,
                        int64_t around) -> const T* {
    const T* from = row_of<T>(values, model, k, j);
    T* const to = copies[number].data();
    if (copied[number] != from) spread(from, values.stride_x, m.nx, around, around, to);
    copied[number] = from;
    return to + around;
  };
  for (int64_t count = first; count < last; ++count) {
    const int64_t model = count / m.ny / m.nz, k = count / m.ny % m.nz, j = count % m.ny;
    const auto row = [&](int number, const sk_elastic_values& values, int64_t dk, int64_t dj) -> const T* {
      const int64_t near_k = std::clamp<int64_t>(k + dk, 0, m.nz - 1),
                    near_j = std::clamp<int64_t>(j + dj, 0, m.ny - 1);
      if (values.stride_x == 1) return row_of<T>(values, model, near_k, near_j);
      return copy(number, values, model, near_k, near_j, 0);
    };
    const Neighbourhood<T> rows = {row(0, m.vp, 0, 0),   row(1, m.vs, 0, 0),  copy(6, m.rho, model, k, j, 1),
                                   row(2, m.rho, 0, -1), row(3, m.rho, 0, 1), row(4, m.rho, -1, 0),
                                   row(5, m.rho, 1, 0)};
    int64_t i = 0;
    for (; i + survey.kLanes <= m.nx; i += survey.kLanes) survey.many.add(rows, i);
    for (; i < m.nx; ++i) survey.single.add(rows, i);
  }
  return survey;
}

template <class T, bool kModuli>
sk_elastic_ranges survey(const sk_elastic_model& m, int threads) {
  const int64_t rows = m.n_models * m.nz * m.ny;
  std::vector<Survey<T, kModuli>> parts(static_cast<size_t>(threads));
  share(threads, 3 * rows * m.nx * m.itemsize, rows, [&](int thread, int64_t begin, int64_t end) {
    parts[thread] = survey_rows<T, kModuli>(m, begin, end);
  });
  constexpr double kMost = std::numeric_limits<double>::max();
  sk_elastic_ranges r{{kMost, -kMost}, {kMost, -kMost}, {kMost, -kMost}, -kMost, kMost, 0, 1};
  for (const auto& part : parts) part.many.join(r), part.single.join(r);
  return r;
}

}  // namespace
}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" {

int sk_elastic_survey(const sk_elastic_model* model, int32_t threads, sk_elastic_ranges* ranges) {
  if (!model || !ranges) return fail("model and ranges must not be NULL");
  if (const int status = check(*model, threads)) return status;
  return guarded_as(model->itemsize, [&](auto zero) {
    using T = decltype(zero);
    *ranges = model->moduli ? survey<T, true>(*model, threads) : survey<T, false>(*model, threads);
  });
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
    share(threads, planes * l.stride_z * g.itemsize * l.n_media, planes,
          [&](int, int64_t begin, int64_t end) {
            Stagger<T>(g, l, *model).planes(begin, end, static_cast<T*>(medium));
          });
  });
}

}  // extern "C"
