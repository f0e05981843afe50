// Runs orders of work of elastic/tile.h with tasks that only keep account of what is done: every half step of
// a row must find the half step before done in all rows that it reads, and none of the half step after in
// them. Tasks are delayed at random, lest luck hides a wait that is missing. Prints the number of cases.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "elastic/tile.h"

using namespace seiskern;

struct Case {
  int64_t nz, ny, reach, closure, halfsteps;
  Tiling tiling;
  int threads;
};

class Account {
 public:
  explicit Account(const Case& c) : c_(c), done_(static_cast<size_t>(c.nz * c.ny)) {}

  void take(const Task& task) {
    const int64_t n = task.half, k0 = task.k0, k1 = task.k1, j0 = task.j0, j1 = task.j1;
    const Ahead& ahead = task.ahead;
    const bool within = 0 <= ahead.begin && ahead.begin <= ahead.end && ahead.end <= c_.nz;
    require(within && 0 <= ahead.part && ahead.part < ahead.parts, "ahead within the grid", n, k0, j0);
    check(n, k0, k1, j0, j1);
    if ((n * 31 + k0 * 17 + j0 * 7) % 11 == 0) std::this_thread::sleep_for(std::chrono::microseconds(30));
    check(n, k0, k1, j0, j1);
    for (int64_t k = k0; k < k1; ++k) {
      for (int64_t j = j0; j < j1; ++j) at(k, j).store(n + 1, std::memory_order_release);
    }
  }

  void check(int64_t n, int64_t k0, int64_t k1, int64_t j0, int64_t j1) {
    for (int64_t k = k0; k < k1; ++k) {
      for (int64_t j = j0; j < j1; ++j) {
        require(at(k, j).load() == n, "done once, in turn", n, k, j);
        for (int64_t d = -c_.reach; d <= c_.reach; ++d) {
          if (k + d >= 0 && k + d < c_.nz) neighbour(n, k + d, j);
          if (j + d >= 0 && j + d < c_.ny) neighbour(n, k, j + d);
        }
      }
    }
  }

  void neighbour(int64_t n, int64_t k, int64_t j) {
    const int64_t there = at(k, j).load(std::memory_order_acquire);
    require(there == n || there == n + 1, "read in time", n, k, j);
  }

  void finish() {
    for (int64_t k = 0; k < c_.nz; ++k) {
      for (int64_t j = 0; j < c_.ny; ++j) require(at(k, j).load() == c_.halfsteps, "done at all", -1, k, j);
    }
  }

 private:
  std::atomic<int64_t>& at(int64_t k, int64_t j) { return done_[static_cast<size_t>(k * c_.ny + j)]; }

  void require(bool holds, const char* what, int64_t n, int64_t k, int64_t j) const {
    if (holds) return;
    const Tiling& t = c_.tiling;
    std::printf("not %s: half step %d of row %d, %d; %d x %d, reach %d; block %d, %d strips, %d half steps; ",
                what, int(n), int(k), int(j), int(c_.nz), int(c_.ny), int(c_.reach), int(t.block),
                int(t.strips), int(t.halfsteps));
    std::printf("share %d among %d\n", int(t.share), c_.threads);
    std::fflush(stdout);
    std::_Exit(1);
  }

  const Case& c_;
  std::vector<std::atomic<int64_t>> done_;
};

int main() {
  int cases = 0;
  for (const Share share : {Share::kBlocks, Share::kSweeps, Share::kRanges}) {
    for (const int threads : {1, 2, 3}) {
      for (const int64_t reach : {1, 2, 4}) {
        for (const int64_t block : {3, 6, 8}) {
          for (const int64_t halfsteps : {2, 6, 12}) {
            for (const int64_t strips : {1, 2, 5}) {
              const int64_t ny = strips == 1 ? 1 : strips * (ZigzagAxis::least(reach, halfsteps / 2) + 1);
              const Case c{83, ny, reach, 4, 26, {block, strips, halfsteps, share, true, block % 3}, threads};
              Account account(c);
              run_tiles(c.nz, c.ny, reach, ny > 1 ? reach : 0, c.closure, c.tiling, 0, c.halfsteps, threads,
                        [&](int, const Task& task) { account.take(task); });
              account.finish();
              ++cases;
            }
          }
        }
      }
    }
  }
  std::printf("%d cases\n", cases);
  return 0;
}
