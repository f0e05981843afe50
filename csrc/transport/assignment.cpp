#include "transport/assignment.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "common/check.h"
#include "common/parallel.h"
#include "seiskern.h"

namespace seiskern::transport {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = 1e150;  // of coordinates: their squares add up without overflow
constexpr int64_t kBlock = 16;      // targets whose distances have a minimum in common, for each lane

using Doubles = Simd<double>;
using Integers = Simd<int64_t>;
constexpr int kLanes = Doubles::lanes;

double square(double value) { return value * value; }

}  // namespace

Assignment::Assignment(int64_t n) : n_(n), n_blocks_((n + kBlock - 1) / kBlock) {
  const auto points = static_cast<size_t>(n), padded = static_cast<size_t>(n_blocks_ * kBlock);
  for (auto* values : {&source_x_, &source_y_, &gain_}) values->resize(points);
  for (auto* values : {&target_x_, &target_y_, &price_, &reach_, &toll_}) values->resize(padded);
  for (auto* numbers : {&order_, &home_, &target_of_}) numbers->resize(points);
  for (auto* numbers : {&source_of_, &before_}) numbers->resize(padded);
  least_.resize(static_cast<size_t>(n_blocks_ * kLanes));
  std::fill(price_.begin() + n, price_.end(), kInfinity);  // nobody goes to the padding
}

void Assignment::solve(const double* sources, const double* targets, int64_t* permutation) {
  load(sources, targets);
  for (int64_t i = 0; i < n_; ++i) {
    const int64_t j = nearest(i);
    gain_[i] = cost(i, j), home_[i] = j / kBlock;
    if (source_of_[j] < 0) source_of_[j] = i, target_of_[i] = j;
  }
  for (int64_t j = 0; j < n_; ++j) {
    if (source_of_[j] < 0) free_.push_back(j);
  }
  for (int64_t i = 0; i < n_; ++i) {
    if (target_of_[i] < 0) augment(i);
  }
  for (int64_t i = 0; i < n_; ++i) permutation[i] = order_[target_of_[i]];
}

void Assignment::load(const double* sources, const double* targets) {
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](int64_t a, int64_t b) { return targets[2 * a] < targets[2 * b]; });
  for (int64_t i = 0; i < n_; ++i) {
    source_x_[i] = sources[2 * i], source_y_[i] = sources[2 * i + 1];
    target_x_[i] = targets[2 * order_[i]], target_y_[i] = targets[2 * order_[i] + 1];
  }
  std::fill_n(price_.begin(), n_, 0.0);
  std::fill(target_of_.begin(), target_of_.end(), -1);
  std::fill(source_of_.begin(), source_of_.end(), -1);
  free_.clear();
}

double Assignment::cost(int64_t source, int64_t target) const {
  return square(source_x_[source] - target_x_[target]) + square(source_y_[source] - target_y_[target]);
}

// From the source's place to both sides, until x alone is farther.
int64_t Assignment::nearest(int64_t source) const {
  const double x = source_x_[source];
  const auto end = target_x_.begin() + n_;
  const int64_t middle = std::lower_bound(target_x_.begin(), end, x) - target_x_.begin();
  int64_t best = -1;
  double least = kInfinity;
  const auto look = [&](int64_t j) {
    if (square(x - target_x_[j]) >= least) return false;
    if (const double found = cost(source, j); found < least) least = found, best = j;
    return true;
  };
  for (int64_t j = middle; j < n_ && look(j); ++j) continue;
  for (int64_t j = middle - 1; j >= 0 && look(j); --j) continue;
  return best;
}

// Dijkstra's search from a source without a target to the closest target without a source.
void Assignment::augment(int64_t source) {
  double bound = kInfinity;  // distance of the target that is closest by a direct way
  int64_t target = -1;
  for (const int64_t j : free_) {
    const double direct = cost(source, j) + price_[j] - gain_[source];
    if (direct < bound) bound = direct, target = j;
  }
  begin_search(target, source, bound);
  double distance = 0;
  for (int64_t i = source;;) {
    scan(i, distance, bound);
    target = closest();
    distance = reach_[target];
    i = source_of_[target];
    if (i < 0) break;
    settle(target);
  }
  gain_[source] += distance;
  for (const Settled& s : settled_) {
    gain_[source_of_[s.target]] += distance - s.distance;
    price_[s.target] += distance - s.distance;
  }
  free_.erase(std::find(free_.begin(), free_.end(), target));
  for (int64_t i = -1; i != source;) {  // back along the path, each source takes the target after it
    i = source_of_[target] = before_[target];
    std::swap(target, target_of_[i]);
  }
}

void Assignment::begin_search(int64_t target, int64_t source, double distance) {
  std::fill(reach_.begin(), reach_.end(), kInfinity);
  std::fill(least_.begin(), least_.end(), kInfinity);
  std::copy(price_.begin(), price_.end(), toll_.begin());
  settled_.clear();
  reach_[target] = distance, before_[target] = source;
  first_ = target / kBlock, last_ = first_ + 1;
  find_least(first_);
}

// Targets that may be closer than `bound` by way of this source: no price is below zero, so the rest lies
// outside a window in x around the block where its nearest target is.
void Assignment::scan(int64_t source, double distance, double bound) {
  const double base = distance - gain_[source], x = source_x_[source];
  const double radius = std::sqrt(std::max(0.0, bound - base));  // below zero by rounding only
  int64_t first = home_[source], last = first + 1;
  while (first > 0 && target_x_[first * kBlock - 1] >= x - radius) --first;
  while (last < n_blocks_ && target_x_[last * kBlock] <= x + radius) ++last;
  first_ = std::min(first_, first), last_ = std::max(last_, last);
  const auto xs = Doubles::all(x), ys = Doubles::all(source_y_[source]), bases = Doubles::all(base);
  const auto sources = Integers::all(source);
  for (int64_t block = first; block < last; ++block) {
    auto least = Doubles::all(kInfinity);
    for (int64_t j = block * kBlock; j < (block + 1) * kBlock; j += kLanes) {
      const auto dx = xs - Doubles::load(&target_x_[j]), dy = ys - Doubles::load(&target_y_[j]);
      const auto way = (dx * dx + dy * dy) + (Doubles::load(&toll_[j]) + bases);
      auto reach = Doubles::load(&reach_[j]);
      const auto shorter = way < reach;
      reach = shorter ? way : reach;
      Doubles::store(&reach_[j], reach);
      Integers::store(&before_[j], shorter ? sources : Integers::load(&before_[j]));
      least = reach < least ? reach : least;
    }
    Doubles::store(&least_[block * kLanes], least);
  }
}

// Of several that are equally close one without a source, if there is one.
int64_t Assignment::closest() const {
  auto lanes = Doubles::all(kInfinity);
  for (int64_t block = first_; block < last_; ++block) {
    const auto least = Doubles::load(&least_[block * kLanes]);
    lanes = least < lanes ? least : lanes;
  }
  double least = lanes[0];
  for (int lane = 1; lane < kLanes; ++lane) least = std::min<double>(least, lanes[lane]);
  int64_t found = -1;
  for (int64_t block = first_; block < last_; ++block) {
    const double* const begin = &least_[block * kLanes];
    if (std::find(begin, begin + kLanes, least) == begin + kLanes) continue;
    for (int64_t j = block * kBlock; j < (block + 1) * kBlock; ++j) {
      if (reach_[j] != least) continue;
      if (source_of_[j] < 0) return j;
      found = j;
    }
  }
  return found;
}

void Assignment::settle(int64_t target) {
  settled_.push_back({target, reach_[target]});
  reach_[target] = toll_[target] = kInfinity;  // no way is shorter than that any more
  find_least(target / kBlock);
}

void Assignment::find_least(int64_t block) {
  auto least = Doubles::all(kInfinity);
  for (int64_t j = block * kBlock; j < (block + 1) * kBlock; j += kLanes) {
    const auto reach = Doubles::load(&reach_[j]);
    least = reach < least ? reach : least;
  }
  Doubles::store(&least_[block * kLanes], least);
}

namespace {

int check(int64_t n_pairs, int64_t n, const double* sources, const double* targets, int32_t threads,
          const int64_t* permutation) {
  if (threads < 1) return fail("threads must be >= 1, got " + std::to_string(threads));
  if (n_pairs < 0) return fail("n_pairs must be >= 0, got " + std::to_string(n_pairs));
  if (n < 1) return fail("n must be >= 1, got " + std::to_string(n));
  if (n_pairs > 0 && (!sources || !targets || !permutation))
    return fail("sources, targets and permutation must not be NULL");
  for (const double* points : {sources, targets}) {
    for (int64_t c = 0; c < 2 * n * n_pairs; ++c) {
      if (!(std::abs(points[c]) <= kLargest))  // NaN as well
        return fail("coordinates must be within 1e150 of zero, got " + std::to_string(points[c]));
    }
  }
  return SK_OK;
}

}  // namespace
}  // namespace seiskern::transport

using namespace seiskern;

extern "C" int sk_transport_assign(int64_t n_pairs, int64_t n, const double* sources, const double* targets,
                                   int32_t threads, int64_t* permutation) {
  if (const int status = transport::check(n_pairs, n, sources, targets, threads, permutation)) return status;
  return guarded([&] {
    std::atomic<int64_t> next{0};  // pairs differ in what they cost
    const auto team = static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(threads, n_pairs)));
    run_threads(team, [&](int, int) {
      transport::Assignment assignment(n);
      for (int64_t pair; (pair = next.fetch_add(1)) < n_pairs;)
        assignment.solve(sources + 2 * n * pair, targets + 2 * n * pair, permutation + n * pair);
    });
  });
}
