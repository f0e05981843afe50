// The assignment between two clouds of points in the plane that has the least sum of squared distances.
#pragma once

#include <cstdint>
#include <vector>

#include "common/simd.h"

namespace seiskern::transport {

// Shortest augmenting paths with prices; seiskern/kernels/transport/README.md has the derivation and says
// what the names mean. Keeps its memory, O(n), from one pair of clouds to the next.
class Assignment {
 public:
  explicit Assignment(int64_t n);

  // `sources` and `targets` are (n, 2); target permutation[i] becomes that of source i.
  void solve(const double* sources, const double* targets, int64_t* permutation);

 private:
  struct Settled {
    int64_t target;
    double distance;
  };

  void load(const double* sources, const double* targets);
  double cost(int64_t source, int64_t target) const;
  int64_t nearest(int64_t source) const;
  void augment(int64_t source);
  void begin_search(int64_t target, int64_t source, double distance);
  void scan(int64_t source, double distance, double bound);
  int64_t closest() const;
  void settle(int64_t target);
  void find_least(int64_t block);

  int64_t n_, n_blocks_;
  std::vector<double> source_x_, source_y_, target_x_, target_y_;  // targets are sorted by x
  std::vector<int64_t> order_, home_;  // numbers of the sorted targets; of sources: block of the nearest
  std::vector<double> gain_, price_;   // of sources, of targets
  std::vector<int64_t> target_of_, source_of_, free_;  // -1: none; targets without a source
  // The search: per target its distance so far, infinite once it is settled, and the source before it; the
  // price, infinite once it is settled; per block of targets the least distance of each lane.
  std::vector<double> reach_, toll_, least_;
  std::vector<int64_t> before_;
  std::vector<Settled> settled_;
  int64_t first_ = 0, last_ = 0;  // blocks that the search has touched
};

}  // namespace seiskern::transport
