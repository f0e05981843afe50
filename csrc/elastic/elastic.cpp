// The C interface of the elastic solver: checks, threads.
#include <string>

#include "common/check.h"
#include "elastic/history.h"
#include "elastic/isa.h"
#include "elastic/points.h"
#include "elastic/rest.h"
#include "elastic/row_sums.h"
#include "elastic/shot.h"
#include "elastic/steps.h"
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
  if (const int status = check_bits(p.history_bits)) return status;
  for (const auto* points : all_points(p)) {
    if (const int status = check_points(*points, p.grid, l, p.n_shots)) return status;
  }
  return SK_OK;
}

int check_steps(const sk_elastic& problem, int64_t first, int64_t last, int32_t threads) {
  if (threads < 1) return fail("threads must be >= 1, got " + std::to_string(threads));
  if (first < 0 || last < first) return fail("first must be >= 0 and last >= first");
  if (problem.history && (first < problem.history_first || last > problem.history_last))
    return fail("first and last must lie within the history");
  for (const auto* p : all_points(problem)) {
    if (p->n_series > 0 && last > p->n_steps) return fail("first and last must lie within n_steps");
  }
  return SK_OK;
}

namespace {

template <class T>
void run_shot(const sk_elastic& p, const sk_elastic_layout_t& l, int64_t shot, int64_t first, int64_t last,
              int threads, int sharers) {
  const sk_elastic_grid& g = p.grid;
  Shot<T> s = make_shot<T>(p, l, shot);
  RowSums<T> velocities(s.receivers[0], g, l.stride_y, first, last),
      stresses(s.receivers[1], g, l.stride_y, first, last);
  s.receivers[0] = velocities.apart(), s.receivers[1] = stresses.apart();
  Workspace<T> work(s.view, g, threads);
  s.rest = p.at_rest ? 2 * first : -1;
  const Rest<T> rest(s.view, g, l);
  const History<T> history(g, p, shot);
  if (history.kept() && first < last) history.start(s.view, first, p.at_rest);
  Advance* const advance = choose_kernel(g);
  run_steps(g, arrays_of(g, l), first, last, threads, sharers, [&](int thread, const Task& task) {
    if (task.half == s.rest) rest.clear(task);
    advance(&s, work.rows(thread), task);
    if (history.kept() && task.half % 2 == 0) history.keep(s.view, task, task.half / 2 + 1);
  });
  velocities.join(), stresses.join();
}

}  // namespace
}  // namespace seiskern::elastic

using namespace seiskern;
using namespace seiskern::elastic;

extern "C" {

const char* sk_version(void) { return SK_VERSION; }

const char* sk_error(void) { return last_error.c_str(); }

int sk_elastic_run(const sk_elastic* problem, int64_t first, int64_t last, int32_t threads) {
  if (!problem) return fail("problem must not be NULL");
  if (const int status = check(*problem)) return status;
  if (const int status = check_steps(*problem, first, last, threads)) return status;
  const sk_elastic_layout_t layout = make_layout(problem->grid);
  return guarded_as(problem->grid.itemsize, [&](auto zero) {
    run_shots(problem->n_shots, threads, [&](int64_t shot, int team, int sharers) {
      run_shot<decltype(zero)>(*problem, layout, shot, first, last, team, sharers);
    });
  });
}

}  // extern "C"
