// The C interface of the adjoint: checks, views, threads.
#include <algorithm>
#include <utility>
#include <vector>

#include "common/check.h"
#include "elastic/adjoint_view.h"
#include "elastic/filters.h"
#include "elastic/isa.h"
#include "elastic/past.h"
#include "elastic/row_sums.h"
#include "elastic/shot.h"
#include "elastic/single.h"
#include "elastic/steps.h"
#include "seiskern.h"

namespace seiskern::elastic {
namespace {

int check(const sk_elastic_adjoint& p) {
  if (const int status = elastic::check(p.run)) return status;
  if (!p.run.history) return fail("the run must have a history");
  if (p.run.history_boundary && !p.wavefield)
    return fail("wavefield must not be NULL where the history is that of boundaries");
  if (p.images && p.run.grid.orthorhombic) return fail("the medium of a run with images must be isotropic");
  if (!p.strain && (p.stress_sources.data || p.stress_sources.weight) && p.run.stress_sources.n_series > 0)
    return fail("strain must not be NULL where gradients of stress sources are wanted");
  if (p.stress_receivers.weight) return fail("weights of stress receivers must not want a gradient");
  if ((p.run.velocity_receivers.n_series > 0 && !p.velocity_receivers.data) ||
      (p.run.stress_receivers.n_series > 0 && !p.stress_receivers.data)) {
    return fail("gradients of the records must not be NULL");
  }
  return SK_OK;
}

// What all shots have in common.
template <class T>
struct Common {
  std::vector<T> norm[2];
  std::vector<T> ones, zeros;  // medium arrays of unit moduli

  explicit Common(const sk_elastic_adjoint& p) {
    const sk_elastic_grid& g = p.run.grid;
    for (int half = 0; half < 2; ++half) {
      norm[half].assign(static_cast<size_t>(std::max<int64_t>(g.nz, 16)), T(1));
      double norms[16];
      const int n = g.free_surface ? sk_elastic_surface_norms(g.order, half, norms) : 0;
      std::copy_n(norms, n, norm[half].begin());
    }
    if (!p.strain) return;
    const sk_elastic_layout_t l = make_layout(g);
    ones.assign(static_cast<size_t>(l.array_size), T(0));
    zeros = ones;
    for (int64_t row = 0; row < g.nz * g.ny; ++row) {
      std::fill_n(ones.begin() + l.origin + row / g.ny * l.stride_z + row % g.ny * l.stride_y, g.nx, T(1));
    }
  }
};

// Entries of one shot lie in the planes [begin, end).
struct Planes {
  int64_t begin, end;
};
Planes planes_of(const sk_elastic_points& p, const sk_elastic_grid& g, int64_t shot) {
  if (p.n_series == 0) return {0, 0};
  const int64_t* const start = p.row_start + shot * (g.nz + 1);
  Planes planes{g.nz, 0};
  for (int64_t k = 0; k < g.nz; ++k) {
    if (start[k] < start[k + 1]) planes = {std::min(planes.begin, k), k + 1};
  }
  return planes;
}

template <class T>
class AdjointRun {
 public:
  AdjointRun(const sk_elastic_adjoint& p, const sk_elastic_layout_t& l, const Common<T>& common, int64_t shot,
             int64_t first, int64_t last)
      : g_(p.run.grid), l_(l), past_(p, l, shot, last), number_(shot), first_(first), last_(last) {
    sk_elastic run = p.run;
    run.pml = static_cast<T*>(run.pml) + shot * (l.filter_size - l.pml_size);
    s_.view = make_shot<T>(run, l, shot).view;
    s_.plain = s_.view;
    for (int kind = 0; kind < 2; ++kind) s_.norm[kind] = common.norm[kind].data();
    s_.last = last;
    s_.history = past_.view(s_.view), s_.slice_size = SliceLayout(g_).size, s_.by_turns = past_.by_turns();
    add_points(p);
    add_injected();
    add_images(p);
    make_filters(g_, l_, static_cast<T*>(p.run.pml) + number_ * l_.filter_size, s_.filter);
    if (p.strain) add_strain(p, common);
    without_layers(s_.plain), without_layers(s_.strain);
  }

  void run(int threads, int sharers) {
    Workspace<T> work(s_.view, g_, threads);
    s_.plain.twos = s_.strain.twos = s_.view.twos;
    Arrays arrays = arrays_of(g_, l_);
    arrays.count += double(l_.filter_size - l_.pml_size) / double(l_.array_size);
    arrays.count += (s_.image[SK_IMAGE_VX] ? double(l_.n_images) + 2 * g_.ndim : 0) + past_.arrays(g_);
    past_.start(s_.view, s_.view.twos);
    RowSums<T> velocities(s_.source[0].points, g_, l_.stride_y, first_, last_),
        stresses(s_.source[1].points, g_, l_.stride_y, first_, last_);
    s_.source[0].points = velocities.apart(), s_.source[1].points = stresses.apart();
    Advance* const retreat = choose_adjoint(g_);
    run_steps(g_, arrays, 0, last_ - first_, threads, sharers, [&](int thread, const Task& task) {
      past_.retreat(s_.view, task, work.rows(thread));
      retreat(&s_, work.rows(thread), task);
    });
    velocities.join(), stresses.join();
  }

 private:
  void add_points(const sk_elastic_adjoint& p) {
    const sk_elastic_points* const points[] = {&p.run.velocity_sources, &p.run.stress_sources,
                                               &p.run.velocity_receivers, &p.run.stress_receivers};
    const sk_elastic_gradient* const gradients[] = {&p.velocity_sources, &p.stress_sources,
                                                    &p.velocity_receivers, &p.stress_receivers};
    for (int n = 0; n < 4; ++n) {
      sk_elastic_points series = *points[n];
      series.data = gradients[n]->data;
      if (!series.data) series.n_series = 0;
      PointGradient<T>& gradient = n < 2 ? s_.source[n] : s_.receiver[n - 2];
      gradient.points = make_points<T>(series, g_, number_);
      gradient.weight = static_cast<T*>(gradients[n]->weight);
      if (gradient.weight) gradient.weight += number_ * gradients[n]->weight_shot_stride;
      if (n >= 2) continue;
      s_.sources[n] = make_points<T>(*points[n], g_, number_);
      if (!series.data && !gradient.weight && (n == 1 || !p.images)) s_.sources[n].n_series = 0;
    }
  }

  // Divided once for all steps: receivers may be at every node.
  void add_injected() {
    const Points<T>& points = s_.receiver[0].points;
    if (points.n_series == 0) return;
    const View<T>& v = s_.view;
    const SK_ISA::Single<T> medium{v};
    const int64_t first = points.row_start[0];
    injected_.resize(static_cast<size_t>(points.row_start[v.nz] - first));
    s_.injected = injected_.data() - first;
    for (int64_t k = 0; k < v.nz; ++k) {
      for (int64_t e = points.row_start[k]; e < points.row_start[k + 1]; ++e) {
        const int field = points.field[e];
        const int64_t i = v.first + k * v.stride[SK_Z] + points.offset[e];
        const T w = medium.buoyancy(field - SK_VX, i) / s_.norm[field == SK_VZ][k];
        injected_[static_cast<size_t>(e - first)] = -w * points.weight[e];
      }
    }
  }

  void add_images(const sk_elastic_adjoint& p) {
    if (!p.images) return;
    T* image = static_cast<T*>(p.images) + number_ * l_.n_images * l_.array_size + l_.origin - s_.view.first;
    for (int n = 0; n < SK_IMAGES; ++n) {
      if (g_.ndim == 2 && (n == SK_IMAGE_VY || n == SK_IMAGE_XY || n == SK_IMAGE_YZ)) continue;
      s_.image[n] = image;
      image += l_.array_size;
    }
  }

  void add_strain(const sk_elastic_adjoint& p, const Common<T>& common) {
    s_.strain = s_.plain;
    View<T>& v = s_.strain;
    const int64_t n_stresses = g_.ndim == 2 ? 3 : 6, before = l_.origin - v.first;
    T* strain = static_cast<T*>(p.strain) + number_ * n_stresses * l_.array_size + before;
    for (int field = SK_SXX; field < SK_FIELDS; ++field) {
      if (v.field[field]) v.field[field] = strain, strain += l_.array_size;
    }
    for (int m = 0; m < SK_MEDIA; ++m) {
      v.medium[m] = (m >= SK_MXY && m <= SK_CZZ ? common.ones : common.zeros).data() + before;
    }
    v.orthorhombic = true;
    const Planes planes = planes_of(p.run.stress_sources, g_, number_);
    s_.strain_begin = planes.begin, s_.strain_end = planes.end;
  }

  const sk_elastic_grid& g_;
  const sk_elastic_layout_t& l_;
  AdjointShot<T> s_{};
  Past<T> past_;
  std::vector<T> injected_;
  int64_t number_, first_, last_;
};

}  // namespace
}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" int sk_elastic_run_adjoint(const sk_elastic_adjoint* problem, int64_t first, int64_t last,
                                      int32_t threads) {
  if (!problem) return fail("problem must not be NULL");
  if (const int status = check(*problem)) return status;
  if (const int status = check_steps(problem->run, first, last, threads)) return status;
  const sk_elastic_layout_t layout = make_layout(problem->run.grid);
  return guarded_as(problem->run.grid.itemsize, [&](auto zero) {
    using T = decltype(zero);
    const Common<T> common(*problem);
    run_shots(problem->run.n_shots, threads, [&](int64_t shot, int team, int sharers) {
      AdjointRun<T>(*problem, layout, common, shot, first, last).run(team, sharers);
    });
  });
}
