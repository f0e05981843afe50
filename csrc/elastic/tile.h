// Order of work that keeps the wavefield in cache over several time steps.
//
// A half step (velocity or stress) reads at most `reach` rows to either side of what it writes. So a block of
// rows may run through many half steps while it is in cache if each half step ends `reach` rows earlier than
// the one before:
//
//   z ->   0 ......... E(0,h) ......... E(1,h) ......... nz        E(b, h) = E(0, 0) + b * block - h * reach
//
// Half step h of block b writes [E(b-1,h), E(b,h)). It needs half step h - 1 of blocks <= b, so blocks run
// one after the other: a sweep. Threads take turns at the blocks, each at least a half step behind the one
// ahead of it; or at the sweeps, each some blocks behind the one before; or they have ranges of blocks, each
// about a sweep behind the one above: later to begin, but what a row needs then stays with one thread.
//
// Planes that are too large for the cache are cut into strips along y, a sweep for each. In the plane of y
// and time the strips are diamonds (Malas et al. 2015, doi:10.1137/140991133), which load each row once
// for as many half steps as possible:
//
//   y ->  \      /\      /\      /        a strip widens by `reach` rows on either side with every half step
//          \    /  \    /  \    /         while its neighbours narrow; when these have come to their ends, it
//           \  /    \  /    \  /          narrows and they widen anew
//
// Within one half step the rows of a plane, and the planes of a row, are always finished in ascending order:
// sums over them are the same to the last bit whatever the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/parallel.h"
#include "elastic/task.h"

namespace seiskern {

enum class Share { kBlocks, kSweeps, kRanges };  // what each of the threads takes

struct Tiling {
  int64_t block;      // rows or planes along z
  int64_t strips;     // along y
  int64_t halfsteps;  // per sweep, even
  Share share;
  bool ahead = false;  // whether rows are fetched ahead
  int64_t lag = 0;     // blocks that a sweep stays behind the one before, beyond those it must
};

// One axis cut into skewed blocks, equal on the average of the half steps. Rows [0, first) always lie in
// block 0.
struct SkewedAxis {
  int64_t n, block, reach, offset, count;

  SkewedAxis(int64_t n_, int64_t block_, int64_t reach_, int64_t halfsteps, int64_t first)
      : n(n_), block(block_), reach(reach_) {
    const int64_t skew = (halfsteps - 1) * reach;
    offset = std::max(skew / 2, first + skew - block);
    // The last one reaches to the end whatever its size.
    count = std::max<int64_t>(1, (n - offset + skew / 2 + block / 2) / block);
  }
  int64_t end(int64_t b, int64_t h) const {
    return b + 1 == count ? n : std::clamp<int64_t>(offset + (b + 1) * block - h * reach, 0, n);
  }
  int64_t begin(int64_t b, int64_t h) const { return b == 0 ? 0 : end(b - 1, h); }
  // How many blocks of the sweep before, beyond its own index, overlap a block of the next sweep.
  int64_t lookahead(int64_t halfsteps) const { return (halfsteps * reach + block - 1) / block; }
};

// Where strips begin and end: their edges run to and fro by reach * half / 2 rows about equal distances.
struct ZigzagAxis {
  int64_t n, count, reach, half;  // half: half steps for which a strip widens

  // Rows that a strip must have on the average, lest its edges cross where it is narrowest.
  static int64_t least(int64_t reach, int64_t half) { return 2 * ((reach * half + 1) / 2); }

  int64_t begin(int64_t strip, int64_t halfstep) const {
    if (strip == 0) return 0;
    const int64_t phase = halfstep % (2 * half), widened = phase < half ? phase : 2 * half - phase;
    const int64_t shift = reach * widened - reach * half / 2;
    return std::clamp<int64_t>(strip * n / count + (strip % 2 ? shift : -shift), 0, n);
  }
  int64_t end(int64_t strip, int64_t halfstep) const {
    return strip + 1 == count ? n : begin(strip + 1, halfstep);
  }
};

// Half steps [first, last) of all blocks of a strip.
struct Sweep {
  int64_t strip, first, last;
};

// In the order of their dependencies: even strips start to widen at half steps 0, 2 half, 4 half, ..., odd
// ones at half, 3 half, ...
inline std::vector<Sweep> make_sweeps(const Tiling& tiling, int64_t halfsteps) {
  std::vector<Sweep> sweeps;
  const int64_t half = tiling.halfsteps / 2;
  for (int64_t start = -half, odd = 1; start < halfsteps; start += half, odd = 1 - odd) {
    for (int64_t strip = odd; strip < tiling.strips; strip += 2) {
      sweeps.push_back({strip, std::max<int64_t>(0, start), std::min(halfsteps, start + 2 * half)});
    }
  }
  return sweeps;
}

// Runs work(thread, task) for half steps [first, last), in an order that respects every dependency.
template <class Work>
void run_tiles(int64_t nz, int64_t ny, int64_t reach_z, int64_t reach_y, int64_t closure_rows,
               const Tiling& tiling, int64_t first, int64_t last, int threads, const Work& work) {
  const SkewedAxis z(nz, tiling.block, reach_z, tiling.halfsteps, closure_rows);
  const ZigzagAxis y{ny, tiling.strips, reach_y, tiling.halfsteps / 2};
  const std::vector<Sweep> sweeps = make_sweeps(tiling, last - first);
  threads = static_cast<int>(std::min<int64_t>(threads, z.count));
  std::vector<Progress> progress(threads);  // half steps that a thread is through with, of its tasks in order

  run_threads(threads, [&](int thread, int team) {
    const auto mark = [&](int64_t item, int64_t halfsteps) { return item * tiling.halfsteps + halfsteps; };
    const auto owner_of = [&](int64_t item) {
      switch (tiling.share) {
        case Share::kBlocks:
          return static_cast<int>(item % team);
        case Share::kSweeps:
          return static_cast<int>(item / z.count % team);
        default:
          return static_cast<int>(item % z.count * team / z.count);
      }
    };
    const auto wait = [&](int64_t item, int64_t halfsteps) {
      const int owner = owner_of(item);
      if (owner != thread) progress[owner].wait_for(mark(item, halfsteps));
    };
    const auto ahead = [&](const Sweep& sweep, int64_t block, int64_t h) -> Ahead {
      if (!tiling.ahead || block + 1 == z.count) return {0, 0, 0, 1};
      const auto reached = [&](int64_t end) { return std::min(nz, end + reach_z); };
      return {reached(z.end(block, 0)), reached(z.end(block + 1, 0)), h, sweep.last - sweep.first};
    };
    for (int64_t item = 0; item < static_cast<int64_t>(sweeps.size()) * z.count; ++item) {
      if (owner_of(item) != thread) continue;
      const Sweep& sweep = sweeps[static_cast<size_t>(item / z.count)];
      const int64_t block = item % z.count,
                    before = item - block - z.count;  // first item of the sweep before
      if (before >= 0) {
        const int64_t needed = std::min(z.count - 1, block + z.lookahead(tiling.halfsteps) + tiling.lag);
        wait(before + needed, tiling.halfsteps);
      }
      for (int64_t n = sweep.first; n < sweep.last; ++n) {
        const int64_t h = n - sweep.first;
        if (block > 0) wait(item - 1, h + 1);
        const int64_t k0 = z.begin(block, h), k1 = z.end(block, h);
        const int64_t j0 = y.begin(sweep.strip, n), j1 = y.end(sweep.strip, n);
        if (k0 < k1 && j0 < j1) work(thread, Task{first + n, k0, k1, j0, j1, ahead(sweep, block, h)});
        progress[thread].publish(mark(item, h + 1));
      }
      progress[thread].publish(mark(item, tiling.halfsteps));
    }
  });
}

}  // namespace seiskern
