// Half steps of one shot, or of many, on threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/parallel.h"
#include "elastic/layout.h"
#include "elastic/tile.h"
#include "elastic/tuning.h"
#include "elastic/view.h"

namespace seiskern::elastic {

// What the kernels need besides arrays: a buffer for each thread, of three rows for derivatives and, in the
// adjoint, six with room around them for fields; and the columns of twos.
template <class T>
class Workspace {
 public:
  Workspace(View<T>& view, const sk_elastic_grid& g, int threads)
      : rows_(3 * view.nx + 6 * (view.nx + 2 * kRowAlign)),
        data_(static_cast<size_t>(threads * rows_ + view.nx + kRowAlign)) {
    void* first = data_.data();
    size_t room = data_.size() * sizeof(T);
    first_ = static_cast<T*>(std::align(64, sizeof(T), first, room));  // rows are whole cache lines
    T* const twos = first_ + threads * rows_;
    std::fill_n(twos + view.first, g.nx, T(2));
    view.twos = twos;
  }
  T* rows(int thread) { return first_ + thread * rows_; }

 private:
  int64_t rows_;
  std::vector<T> data_;
  T* first_;
};

// Runs work(thread, task) for the half steps of steps [first, last). Threads are moved, so a long run looks
// again where they are; no bit depends on where it is cut.
template <class Work>
void run_steps(const sk_elastic_grid& g, const Arrays& arrays, int64_t first, int64_t last, int threads,
               int sharers, const Work& work) {
  const int64_t radius = g.order / 2, reach_y = g.ndim == 3 ? radius : 0;
  const int64_t between = std::max(kStepsBetweenLooks, kUpdatesBetweenLooks / (g.nx * g.ny * g.nz));
  for (int64_t step = first; step < last; step += between) {
    const int64_t steps = std::min(last - step, between);
    run_tiles(g.nz, g.ny, radius, reach_y, g.free_surface ? closure_depth(g.order) : 0,
              make_tiling(g, arrays, steps, threads, sharers, take_turns(threads)), 2 * step,
              2 * (step + steps), threads, work);
  }
}

// Many shots: each thread takes the next one. Few: all threads work on each in turn. Calls
// run(shot, threads, sharers).
template <class Run>
void run_shots(int64_t n_shots, int threads, const Run& run) {
  if (n_shots < threads) {
    for (int64_t shot = 0; shot < n_shots; ++shot) run(shot, threads, 1);
    return;
  }
  std::atomic<int64_t> next{0};
  run_threads(threads, [&](int, int team) {
    for (int64_t shot; (shot = next.fetch_add(1)) < n_shots;) run(shot, 1, team);
  });
}

}  // namespace seiskern::elastic
