// What is chosen for the machine: how much work at a time, in which order. No bit of a result depends on it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/parallel.h"
#include "elastic/tile.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// Whether two planes at a time pay in 3-D: they share rows, but read more of them side by side than a small
// first cache holds. 0.93 of the time on a Zen 5 (48 KiB), 1.27 on a Zen 4 (32 KiB). SEISKERN_PAIRS decides
// for it.
inline bool pairs_pay() {
  if (const char* asked = std::getenv("SEISKERN_PAIRS")) return std::strcmp(asked, "0") != 0;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  return sysconf(_SC_LEVEL1_DCACHE_SIZE) >= 48 << 10;
#else
  return false;
#endif
}

// Columns at a time of 2-D rows of n columns: of long rows, what the next two read again would not stay in
// the first cache. Pieces of about 1 KiB take 0.92 of the time of whole rows of 4 KiB.
inline int64_t piece_of(int64_t n, int64_t itemsize) {
  const int64_t bytes = n * itemsize, pieces = bytes > 2560 ? (bytes + 1023) / 1024 : 1;
  return (n + pieces * kRowAlign - 1) / (pieces * kRowAlign) * kRowAlign;
}

// Virtual machines tell the size of a cache that they share with others, so no more than 32 MB is believed.
inline int64_t cache_size() {
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
#else
  const long size = 0;
#endif
  return std::clamp<int64_t>(size, 8 << 20, 32 << 20);
}

// Tiles that stay in the outer cache, of which runs of `sharers` shots at the same time have equal parts.
// What passes through it between a row's first use in a sweep and its last is about
//
//   2-D   workers * block + skew                                           rows, skew = halfsteps * reach
//   3-D   skew * strip + (workers * block + 2 reach) * (strip + skew / 2)  rows of all planes
//
// where all threads share it if they take turns; if not, each has one to itself, and there are at least two
// caches for them. A third of the cache is the best share on a Zen 4 with 32 MB that neighbours use as well;
// undisturbed, 3/8 is no worse. The numbers below are from scans on a Zen 4 and a Zen 5.
inline Tiling make_tiling(const sk_elastic_grid& g, const sk_elastic_layout_t& l, int64_t steps, int threads,
                          int sharers, bool turns) {
  const int64_t reach = g.order / 2, workers = turns ? threads : 1;
  const int64_t windows = turns ? sharers : sharers * ((threads + 1) / 2);
  // A row of all arrays, with what the layers remember on the average.
  const double arrays =
      (g.ndim == 2 ? 5 : int{SK_FIELDS}) + l.n_media + double(l.pml_size) / double(l.array_size);
  const double row = double(l.stride_y * g.itemsize) * arrays;
  const auto rows = static_cast<int64_t>(double(cache_size() / 3 / windows) / row);
  if (g.ndim == 2) {
    const bool kept = g.nz / (turns ? 1 : threads) <= rows;
    // Enough blocks for threads to work on at the same time, on small grids as well.
    const int64_t block = std::clamp<int64_t>(g.nz / (2 * threads), 4, kept ? 24 : turns ? 16 : 12);
    // A sweep over what does not stay in cache as a whole does more, for it has more to fetch. If all stays,
    // a longer one would only wait for a third block of the sweep before: 14 % at 64 x 64. Without turns it
    // is shorter, for a range waits while the one above makes its first.
    const int64_t longest = !kept ? (turns ? 6 : 4) : turns ? 2 : 1;
    const int64_t skew = std::min(longest * block, rows - workers * block);
    // Sweeps of equal length, in steps; a quarter longer rather than one more where each fetches all anew.
    const int64_t most = std::max<int64_t>(1, skew / reach / 2), limit = kept ? most : most * 5 / 4;
    const int64_t sweeps = (steps + limit - 1) / limit;
    return {block, 1, 2 * ((steps + sweeps - 1) / sweeps), turns};
  }
  Tiling best{turns ? 2 + reach : 8, 1, 2, turns};  // longer blocks take less from other threads
  double least = 1e30;
  for (int64_t length = 2; length * reach <= 24; length += 2) {
    const int64_t skew = length * reach, beside = workers * best.block + 2 * reach;
    const int64_t most = (rows - beside * skew / 2) / (skew + beside);  // rows of a strip
    if (most < std::max<int64_t>(4, skew / 2)) continue;
    const int64_t strips = (g.ny + most - 1) / most, strip = g.ny / strips;
    if (strips > 1 && strip < ZigzagAxis::least(reach, length / 2)) continue;
    const double traffic = double(strip + (strips > 1 ? skew / 2 + 2 * reach : 0)) / double(strip * length);
    if (traffic < least) least = traffic, best.strips = strips, best.halfsteps = length;
  }
  return best;
}

constexpr double kNear = 120;  // ns that a word takes between threads below one cache, at most
// Between two looks at where the threads run there are at least so many steps, and updates of cells: a look
// takes as long as two steps of 64 x 64 nodes, 10 us.
constexpr int64_t kStepsBetweenLooks = 100, kUpdatesBetweenLooks = 1 << 24;

// Whether threads should take turns at blocks, which hands on what they have in cache: slow from one outer
// cache to another. SEISKERN_TURNS decides for them.
inline bool take_turns(int threads) {
  if (const char* asked = std::getenv("SEISKERN_TURNS")) return std::strcmp(asked, "0") != 0;
  return threads == 1 || handover(threads) < kNear;
}

}  // namespace seiskern::elastic
