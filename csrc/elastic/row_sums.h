// Sums of the receivers of a shot, the same whatever the order of work.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "elastic/view.h"

namespace seiskern::elastic {

// Receivers of one shot whose rows are summed apart. Blocks of two strips may sample the same receiver at the
// same half step, so every row along x of every series has a sum of its own, which one block at a time adds
// to, in ascending z. They are joined in ascending y afterwards: records do not depend on threads, strips or
// the steps at which a run is cut. Planes of one row, as all are in 2-D, need none of this.
template <class T>
class RowSums {
 public:
  RowSums(const Points<T>& points, const sk_elastic_grid& g, int64_t stride_y, int64_t first, int64_t last)
      : points_(points), apart_(points.n_series > 0 && g.ny > 1), first_(first), last_(last) {
    if (!apart_) return;
    const int64_t begin = points.row_start[0], n = points.row_start[g.nz] - begin;
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
    if (!apart_) return p;
    p.n_series = static_cast<int64_t>(sums_.size());
    p.series = number_.data() - p.row_start[0];
    p.data = data_.data() - first_ * p.n_series;
    return p;
  }

  void join() const {
    if (!apart_) return;
    for (int64_t n = first_; n < last_; ++n) {
      const T* row = data_.data() + (n - first_) * static_cast<int64_t>(sums_.size());
      for (size_t s = 0; s < sums_.size(); ++s) points_.data[n * points_.n_series + sums_[s].first] += row[s];
    }
  }

 private:
  Points<T> points_;
  bool apart_;
  int64_t first_, last_;
  std::vector<std::pair<int32_t, int64_t>> sums_;  // series and row of each, sorted
  std::vector<int32_t> number_;                    // sum of each entry
  std::vector<T> data_;                            // (last - first, sums)
};

}  // namespace seiskern::elastic
