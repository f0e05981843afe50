// Order of work that keeps the wavefield in cache over several time steps.
//
// A half step (velocity or stress) reads at most `reach` rows to either side of what it writes. So a block of
// rows may run through many half steps while it is in cache if each half step ends `reach` rows earlier than
// the one before:
//
//   z ->   0 ......... E(0,h) ......... E(1,h) ......... nz        E(b, h) = E(0, 0) + b * block - h * reach
//
// Half step h of block b writes [E(b-1,h), E(b,h)). It needs half step h - 1 of blocks <= b, so blocks run
// one after the other, or on several threads, each half a step or more behind its left neighbour. The same
// skew along y cuts planes that are too large for the cache into strips. Within one half step rows are always
// finished in ascending z, whatever the number of threads: sums over rows are the same to the last bit.
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

// One axis cut into skewed blocks. Blocks start so late that rows [0, first) always lie in block 0.
struct SkewedAxis {
  int64_t n, block, reach, offset, count;

  SkewedAxis(int64_t n_, int64_t block_, int64_t reach_, int64_t halfsteps, int64_t first)
      : n(n_), block(block_), reach(reach_), offset(first + (halfsteps - 1) * reach_) {
    if (block >= n) {
      offset += n;  // one block: no cut at all
      count = 1;
    } else {
      // As many as fit on the average of the half steps; the last one reaches to the end whatever its size.
      count = std::max<int64_t>(1, (n - first - (halfsteps - 1) * reach / 2 + block / 2) / block);
    }
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
  const int64_t chunks = (last - first + halfsteps - 1) / halfsteps;
  const int64_t blocks = chunks * y.count * z.count;
  threads = static_cast<int>(std::min<int64_t>(threads, std::max<int64_t>(1, z.count - 1)));
  std::vector<Progress> progress(threads);
  const auto wait = [&](int64_t g, int64_t done) {  // until `done` half steps of block g are finished
    if (threads > 1) progress[g % threads].wait_for(g * (halfsteps + 1) + done);
  };

  run_threads(threads, [&](int thread) {
    for (int64_t g = thread; g < blocks; g += threads) {
      const int64_t bz = g % z.count, by = g / z.count % y.count, chunk = g / (z.count * y.count);
      const int64_t start = first + chunk * halfsteps;
      const int64_t steps = std::min(halfsteps, last - start);
      const int64_t touched = std::min(z.count - 1, bz + z.lookahead(halfsteps));
      const int64_t before = g - bz - z.count + touched;  // in the sweep before this one
      if (g >= z.count && threads > 1) wait(before, halfsteps);
      for (int64_t h = 0; h < steps; ++h) {
        if (bz > 0) wait(g - 1, h + 1);
        const int64_t k0 = z.begin(bz, h), k1 = z.end(bz, h), j0 = y.begin(by, h), j1 = y.end(by, h);
        if (k0 < k1 && j0 < j1) task(thread, start + h, k0, k1, j0, j1);
        progress[thread].publish(g * (halfsteps + 1) + h + 1);
      }
      progress[thread].publish(g * (halfsteps + 1) + halfsteps);
    }
  });
}

}  // namespace seiskern
