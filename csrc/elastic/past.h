// Velocities of a run, step by step backwards, beside its adjoint.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "elastic/history.h"
#include "elastic/isa.h"
#include "elastic/shot.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// A wavefield that goes backwards in time. Without layers a step of v and s is undone by the same step of
// -dt, the stresses first, and sources by what they inject. In the layers this is not so: what it makes there
// is put right, as far as it is of use, by velocities that were kept.
template <class T>
class Reversed {
 public:
  Reversed(const sk_elastic& run, const sk_elastic_layout_t& l, int64_t shot)
      : shot_(make_shot<T>(run, l, shot)), advance_(choose_kernel(run.grid)) {
    without_layers(shot_.view);
    View<T>& v = shot_.view;
    for (int axis = 0; axis < 3; ++axis) {
      v.scale[axis] = -v.scale[axis];
      for (T& c : v.c[axis]) c = -c;
    }
    for (int kind = 0; kind < 2; ++kind) {
      shot_.receivers[kind].n_series = 0;
      Points<T>& sources = shot_.sources[kind];
      if (sources.n_series == 0) continue;
      const int64_t begin = sources.row_start[0], end = sources.row_start[v.nz];
      weight_[kind].resize(static_cast<size_t>(end));
      std::transform(sources.weight + begin, sources.weight + end, weight_[kind].begin() + begin,
                     [](T weight) { return -weight; });
      sources.weight = weight_[kind].data();
    }
    shot_.rest = -1;
  }

  // `twos`: see Workspace.
  void use(const T* twos) { shot_.view.twos = twos; }
  const View<T>& view() const { return shot_.view; }

  // Rows of a half step of a step.
  void retreat(const Task& task, int64_t step, bool velocities, T* buffer) const {
    advance_(&shot_, buffer, {2 * step + !velocities, task.k0, task.k1, task.j0, task.j1, {0, 0, 0, 1}});
  }

 private:
  Shot<T> shot_;
  Advance* advance_;
  std::vector<T> weight_[2];
};

// Where the adjoint finds velocities. If they are not kept as they are, two slices hold those of two steps in
// turn: tiles of the adjoint, which reach as far as those of the wavefield, find both where they are.
template <class T>
class Past {
 public:
  Past(const sk_elastic_adjoint& p, const sk_elastic_layout_t& l, int64_t shot, int64_t last)
      : history_(p.run.grid, p.run, shot), last_(last) {
    if (!History<T>::is_packed(p.run)) return;
    const SliceLayout slice(p.run.grid);
    two_.assign(static_cast<size_t>(slice.lead + 2 * slice.size), T(0));
    slices_.emplace(p.run.grid, two_.data() + slice.lead, 2);
    if (!p.run.history_boundary) return;
    sk_elastic run = p.run;
    run.fields = p.wavefield, run.pml = nullptr;
    reversed_.emplace(run, l, shot);
  }

  // Slices are those of all steps or, by turns, of odd and even ones.
  bool by_turns() const { return slices_.has_value(); }
  // Velocities before step 0, whether they are kept or not.
  View<T> view(const View<T>& like) const {
    return by_turns() ? slices_->view(like, 0) : history_.view(like, 0);
  }
  // Arrays of the size of a field that are used beside it.
  int arrays(const sk_elastic_grid& g) const {
    return (by_turns() ? 2 * g.ndim : 0) + (reversed_ ? g.ndim == 2 ? 5 : int{SK_FIELDS} : 0);
  }

  // Velocities after the last step.
  void start(const View<T>& like, const T* twos) {
    if (reversed_) reversed_->use(twos);
    if (by_turns()) bring(like, History<T>::all_of(like), last_);
  }

  // What half steps of the adjoint, see AdjointShot, find when they come to these rows.
  void retreat(const View<T>& like, const Task& task, T* buffer) const {
    if (!by_turns()) return;
    const int64_t step = last_ - 1 - task.half / 2;
    const bool velocities = task.half % 2 == 1;
    if (reversed_) reversed_->retreat(task, step, velocities, buffer);
    if (velocities) bring(like, task, step);
  }

 private:
  // Velocities before a step.
  void bring(const View<T>& like, const Task& task, int64_t step) const {
    if (!reversed_) return history_.put(slices_->view(like, step % 2), task, step);
    if (step < last_) history_.put(reversed_->view(), task, step);
    slices_->keep(reversed_->view(), task, step % 2);
  }

  History<T> history_;
  int64_t last_;
  std::vector<T> two_;
  std::optional<Slices<T>> slices_;
  std::optional<Reversed<T>> reversed_;
};

}  // namespace seiskern::elastic
