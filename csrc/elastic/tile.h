// Order of work that keeps the wavefield in cache over several time steps.
//
// A half step (velocity or stress) reads at most `reach` rows to either side of what it writes. So a block of
// rows may run through many half steps while it is in cache if each half step ends `reach` rows earlier than
// the one before:
//
//   z ->   0 ......... E(0,h) ......... E(1,h) ......... nz        E(b, h) = E(0, 0) + b * block - h * reach
//
// Half step h of block b writes [E(b-1,h), E(b,h)). It needs half step h - 1 of blocks <= b, so blocks run
// one after the other. The same skew along y cuts planes that are too large for the cache into strips: one
// sweep through all blocks for each strip and each run of half steps. Every thread has its own range of
// blocks, which stays in its own cache, and is about a sweep behind the thread above. Within one half step
// rows are always finished in ascending z, whatever the number of threads: sums over rows are the same to the
// last bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/parallel.h"

namespace seiskern {

struct Tiling {
  int64_t block_z;    // rows or planes per block
  int64_t block_y;    // rows per strip; ny: one strip
  int64_t halfsteps;  // half steps per sweep, even
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

// Runs task(thread, half step, k0, k1, j0, j1) for half steps [first, last), in an order that respects every
// dependency.
template <class Task>
void run_tiles(int64_t nz, int64_t ny, int64_t reach_z, int64_t reach_y, int64_t closure_rows,
               const Tiling& tiling, int64_t first, int64_t last, int threads, const Task& task) {
  const int64_t halfsteps = tiling.halfsteps;
  const SkewedAxis z(nz, tiling.block_z, reach_z, halfsteps, closure_rows);
  const SkewedAxis y(ny, tiling.block_y, reach_y, halfsteps, 0);
  const int64_t sweeps = (last - first + halfsteps - 1) / halfsteps * y.count;
  threads = static_cast<int>(std::min<int64_t>(threads, z.count));
  std::vector<Progress> progress(threads);

  run_threads(threads, [&](int thread, int team) {
    const auto wait = [&](int64_t sweep, int64_t bz, int64_t done) {  // until `done` half steps are finished
      const int owner = static_cast<int>(bz * team / z.count);
      if (owner != thread) progress[owner].wait_for((sweep * z.count + bz) * (halfsteps + 1) + done);
    };
    for (int64_t sweep = 0; sweep < sweeps; ++sweep) {
      const int64_t by = sweep % y.count, start = first + sweep / y.count * halfsteps;
      const int64_t steps = std::min(halfsteps, last - start);
      for (int64_t bz = 0; bz < z.count; ++bz) {
        if (bz * team / z.count != thread) continue;
        if (sweep > 0) wait(sweep - 1, std::min(z.count - 1, bz + z.lookahead(halfsteps)), halfsteps);
        const int64_t mark = (sweep * z.count + bz) * (halfsteps + 1);
        for (int64_t h = 0; h < steps; ++h) {
          if (bz > 0) wait(sweep, bz - 1, h + 1);
          const int64_t k0 = z.begin(bz, h), k1 = z.end(bz, h), j0 = y.begin(by, h), j1 = y.end(by, h);
          if (k0 < k1 && j0 < j1) task(thread, start + h, k0, k1, j0, j1);
          progress[thread].publish(mark + h + 1);
        }
        progress[thread].publish(mark + halfsteps);
      }
    }
  });
}

}  // namespace seiskern
