// The C interface of tangents: a run and the wavefield that its tangents scatter, in the same tiles.
//
// A half step is linear in the fields and in the coefficients, so that of the scattered wavefield is two of
// the forward kernel: in the medium from the scattered fields, and in the tangent of the medium from those of
// the run. See seiskern/kernels/elastic/README.md.
#include <algorithm>
#include <string>
#include <vector>

#include "common/check.h"
#include "elastic/isa.h"
#include "elastic/rest.h"
#include "elastic/row_sums.h"
#include "elastic/shot.h"
#include "elastic/steps.h"
#include "seiskern.h"

namespace seiskern::elastic {
namespace {

// The scattered wavefield as a run of its own.
sk_elastic scattered_run(const sk_elastic_born& p) {
  sk_elastic s = p.run;
  s.fields = p.fields, s.pml = p.pml;
  s.velocity_sources = p.velocity_sources, s.stress_sources = p.stress_sources;
  s.velocity_receivers = p.velocity_receivers, s.stress_receivers = p.stress_receivers;
  return s;
}

int check(const sk_elastic_born& p, const sk_elastic_layout_t& l, int64_t first, int64_t last,
          int32_t threads) {
  if (p.run.history) return fail("history must be NULL in a run with tangents");
  if (p.medium && l.pml_size > 0 && !p.pml_again)
    return fail("pml_again must not be NULL where the medium has a tangent");
  const int64_t tangent = l.n_tangents * l.array_size;
  if (p.medium_shot_stride != 0 && p.medium_shot_stride < tangent)
    return fail("medium_shot_stride of the tangent must be 0 or >= " + std::to_string(tangent));
  for (const sk_elastic& run : {p.run, scattered_run(p)}) {
    if (const int status = elastic::check(run)) return status;
    if (const int status = check_steps(run, first, last, threads)) return status;
  }
  return SK_OK;
}

template <class T>
class BornRun {
 public:
  BornRun(const sk_elastic_born& p, const sk_elastic_layout_t& l, int64_t shot, int64_t first)
      : g_(p.run.grid), l_(l), changed_(p.medium != nullptr) {
    run_ = make_shot<T>(p.run, l, shot), scattered_ = make_shot<T>(scattered_run(p), l, shot);
    run_.rest = scattered_.rest = p.run.at_rest ? 2 * first : -1;
    scattered_.view.n_arrays -= l.n_media;  // fetched ahead with those of the run
    if (!changed_) return;
    sk_elastic again = p.run;  // the memory variables of the run, which a second kernel advances as well
    again.pml = p.pml_again;
    again_ = make_shot<T>(again, l, shot).view;
    for (T*& field : again_.field) field = nullptr;
    for (int kind = 0; kind < 2; ++kind) add_change(p, shot, kind);
  }

  void run(int64_t first, int64_t last, int threads, int sharers) {
    Workspace<T> work(run_.view, g_, threads);
    for (Shot<T>* shot : {&scattered_, &change_[0], &change_[1]}) shot->view.twos = run_.view.twos;
    Points<T>* const points[] = {&run_.receivers[0], &run_.receivers[1], &scattered_.receivers[0],
                                 &scattered_.receivers[1]};
    std::vector<RowSums<T>> sums;
    for (const auto* p : points) sums.emplace_back(*p, g_, l_.stride_y, first, last);
    for (int n = 0; n < 4; ++n) *points[n] = sums[n].apart();
    const Rest<T> rests[] = {{run_.view, g_, l_}, {scattered_.view, g_, l_}, {again_, g_, l_}};
    Advance* const advance = choose_kernel(g_);
    run_steps(g_, arrays(), first, last, threads, sharers, [&](int thread, const Task& task) {
      if (task.half == run_.rest) {
        for (int n = 0; n < 2 + changed_; ++n) rests[n].clear(task);
      }
      T* const rows = work.rows(thread);
      // Neither changes what the other reads: a half step changes velocities, or it changes stresses.
      advance(&run_, rows, task);
      if (changed_) advance(&change_[task.half % 2], rows, task);
      advance(&scattered_, rows, task);  // damps all of them, then injects and samples
    });
    for (const auto& sum : sums) sum.join();
  }

 private:
  // What updates scattered velocities (0) or stresses (1) from the fields of the run.
  void add_change(const sk_elastic_born& p, int64_t shot, int kind) {
    Shot<T>& change = change_[kind];
    change.rest = run_.rest;
    View<T>& v = change.view = again_;
    for (int f = 0; f < SK_FIELDS; ++f) {
      const bool updated = (f >= SK_SXX) == (kind == 1);
      v.field[f] = (updated ? scattered_ : run_).view.field[f];
    }
    std::fill(std::begin(v.medium), std::end(v.medium), nullptr);
    const T* array = static_cast<const T*>(p.medium) + shot * p.medium_shot_stride + l_.origin - v.first;
    v.n_arrays = 0;
    for (int m = 0; m < SK_MEDIA; ++m) {
      if (!has_tangent(g_, m)) continue;
      v.medium[m] = v.array[v.n_arrays++] = array;
      array += l_.array_size;
    }
    if (g_.ndim == 3 && !g_.orthorhombic) {  // two arrays stand for six
      for (const int m : {SK_CYY, SK_CZZ}) v.medium[m] = v.medium[SK_CXX];
      for (const int m : {SK_CXZ, SK_CYZ}) v.medium[m] = v.medium[SK_CXY];
      v.orthorhombic = true;
    }
    v.damped = false;
  }

  // What a half step of both has to do with.
  Arrays arrays() const {
    Arrays a = arrays_of(g_, l_);
    const double layers = double(l_.pml_size) / double(l_.array_size), fields = g_.ndim == 2 ? 5 : SK_FIELDS;
    a.count += fields + layers + (changed_ ? double(l_.n_tangents) + layers : 0);
    return a;
  }

  const sk_elastic_grid& g_;
  const sk_elastic_layout_t& l_;
  bool changed_;
  Shot<T> run_, scattered_, change_[2]{};
  View<T> again_{};
};

}  // namespace

}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" int sk_elastic_run_born(const sk_elastic_born* problem, int64_t first, int64_t last,
                                   int32_t threads) {
  if (!problem) return fail("problem must not be NULL");
  sk_elastic_layout_t layout{};
  if (const int status = sk_elastic_layout(&problem->run.grid, &layout)) return status;
  if (const int status = check(*problem, layout, first, last, threads)) return status;
  return guarded_as(problem->run.grid.itemsize, [&](auto zero) {
    run_shots(problem->run.n_shots, threads, [&](int64_t shot, int team, int sharers) {
      BornRun<decltype(zero)>(*problem, layout, shot, first).run(first, last, team, sharers);
    });
  });
}
