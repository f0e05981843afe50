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

// Bytes of a core's second cache if it is large, else 0. Intel's servers since 2023 have 2 MB before a slow
// outer cache, and tiles that stay there take 0.76 to 1 of the time; on a Zen 4, with 1 MB, up to 1.5 of it.
// What virtual machines make up, 4 MB and more, is not believed. SEISKERN_L2 decides for it.
inline int64_t second_cache() {
  if (const char* asked = std::getenv("SEISKERN_L2")) return std::max<int64_t>(0, std::atoll(asked));
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const int64_t size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return size >= 2 << 20 && size <= 3 << 20 ? size : 0;
#else
  return 0;
#endif
}

// Columns at a time of 2-D rows of n columns: of long rows, what the next two read again would not stay in
// the first cache. Pieces of about 1 KiB take 0.92 of the time of whole rows of 4 KiB on a Zen 5; a large
// second cache serves whole rows better, 0.87 to 1.
inline int64_t piece_of(int64_t n, int64_t itemsize) {
  const int64_t bytes = n * itemsize;
  const int64_t pieces = bytes > 2560 && second_cache() == 0 ? (bytes + 1023) / 1024 : 1;
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

// What a half step has to do with, in arrays of the size of a field, and the elements of a row of one.
struct Arrays {
  double count;  // with what the layers remember on the average
  int64_t row;
};

// Those of a run.
inline Arrays arrays_of(const sk_elastic_grid& g, const sk_elastic_layout_t& l) {
  const double layers = double(l.pml_size) / double(l.array_size);
  return {double((g.ndim == 2 ? 5 : int{SK_FIELDS}) + l.n_media) + layers, l.stride_y};
}

// What tiles are made for. Of the outer cache runs of `sharers` shots at the same time have equal parts,
// which all threads share if they take turns at blocks; if not, each has one to itself, and there are at
// least two caches for them. A third of the cache is the best share on a Zen 4 with 32 MB that neighbours use
// as well; undisturbed, 3/8 is no worse. The numbers below are from scans on a Zen 4, a Zen 5 and an Intel
// server with second caches of 2 MB.
struct Room {
  int64_t threads, workers, reach;  // workers: threads in one window
  bool turns;
  double arrays;
  double outer, second;  // rows of all arrays in a share of the outer cache, and of the second or 0

  Room(const sk_elastic_grid& g, const Arrays& a, int64_t threads_, int64_t sharers, bool turns_)
      : threads(threads_),
        workers(turns_ ? threads_ : 1),
        reach(g.order / 2),
        turns(turns_),
        arrays(a.count) {
    const int64_t windows = turns ? sharers : sharers * ((threads + 1) / 2);
    const double row = double(a.row * g.itemsize) * arrays;
    outer = double(cache_size() / 3 / windows) / row;
    second = workers == 1 ? 0.65 * double(second_cache()) / row : 0;
  }

  // How threads share tiles: sweeps if each has its window in a second cache, where nothing stays for the
  // next sweep, and there are blocks enough between one and the next.
  Share share(int64_t nz, int64_t block, int64_t halfsteps, bool inner) const {
    if (turns) return Share::kBlocks;
    const int64_t behind = (halfsteps * reach + block - 1) / block + 2;
    return inner && threads * behind * block <= nz ? Share::kSweeps : Share::kRanges;
  }
};

// Steps of a sweep, `most` or fewer, so that threads that take turns at sweeps end together; one costs as
// much as half a step more than its steps.
inline int64_t length_of_sweeps(int64_t steps, int64_t most, int64_t threads) {
  const auto cost = [&](int64_t length) {
    const int64_t sweeps = (steps + length - 1) / length, rounds = (sweeps + threads - 1) / threads;
    return double(rounds) * (double(length) + 0.5);
  };
  int64_t best = most;
  for (int64_t length = most - 1; 2 * length >= most; --length) {
    if (cost(length) < cost(best)) best = length;
  }
  return best;
}

// A block and the skew of a sweep, halfsteps * reach rows, fit in the window together: so many rows pass
// through it between a row's first use and its last.
inline Tiling make_tiling_2d(const Room& room, int64_t nz, int64_t steps) {
  const int64_t reach = room.reach;
  const bool inner = room.second >= double(4 + 5 * reach);  // else a sweep there would be too short
  const auto rows = static_cast<int64_t>(inner ? room.second : room.outer);
  const bool kept = nz / (room.turns ? 1 : room.threads) <= rows;
  // Most rows of a block and of the skew. A sweep over what does not stay in cache as a whole does more, for
  // it has more to fetch. If all stays, a longer one would only wait for a third block of the sweep before:
  // 14 % at 64 x 64. Of ranges it is shorter, for one waits while that above makes its first.
  int64_t widest = room.turns ? 16 : 12, longest = room.turns ? 96 : 48;
  if (kept) {
    widest = 24, longest = room.turns ? 48 : 24;
  } else if (inner) {
    longest = 40, widest = std::clamp<int64_t>(rows / 5 & ~1, 4, 8);  // there is room for the next block
  }
  // Enough blocks for threads to work on at the same time, on small grids as well.
  const int64_t block = std::clamp<int64_t>(nz / (2 * room.threads), 4, widest);
  const int64_t skew = std::min(longest * block / widest, rows - room.workers * block);
  const int64_t most = std::max<int64_t>(1, skew / reach / 2);
  const Share share = room.share(nz, block, 2 * most, inner && !kept);
  if (inner && !kept && share != Share::kRanges) {
    const int64_t halfsteps = 2 * length_of_sweeps(steps, most, room.threads);
    // Rows are quicker from the outer cache than from that of another core, which must have let go of them;
    // fetched ahead from there they would take 1.4 of the time.
    const int64_t spare = nz / block / (2 * room.threads) - (halfsteps * reach + block - 1) / block;
    const int64_t lag = std::clamp<int64_t>(spare, 0, 8);
    return {block, 1, halfsteps, share, room.threads == 1 || lag >= 4, lag};
  }
  // Of equal length; a quarter longer rather than one more where each fetches all anew.
  const int64_t limit = kept || inner ? most : most * 5 / 4, sweeps = (steps + limit - 1) / limit;
  return {block, 1, 2 * ((steps + sweeps - 1) / sweeps), share};
}

// Most rows of a strip: through the outer cache pass, of all planes,
//
//   skew * strip + (workers * block + 2 reach) * (strip + skew / 2)  rows,
//
// and a half step of a block that shall find in the second cache what the one before left there needs, apart
// from the block, the 2 reach - 1 rows and planes beside it of three of the arrays along each axis.
inline int64_t strip_of(const Room& room, int64_t block, int64_t skew, bool inner) {
  const int64_t beside = room.workers * block + 2 * room.reach;
  const double outer = (room.outer - double(beside * skew) / 2) / double(skew + beside);
  const double halo = 3.0 * double(2 * room.reach - 1) / room.arrays;
  const double second = (room.second - halo * double(block)) / (double(block) + halo);
  return static_cast<int64_t>(std::max(0.0, inner ? std::min(outer, second) : outer));
}

// The tiling with the least traffic: the rows read from memory for one that is updated, and a third, by the
// time that takes, of those read from the outer cache: all, or the planes that a block in the second cache
// moves on by.
inline Tiling make_tiling_3d(const Room& room, int64_t nz, int64_t ny) {
  const int64_t reach = room.reach, usual = room.turns ? 2 + reach : 8;  // long ones take less from others
  Tiling best{usual, 1, 2, room.share(nz, usual, 2, false)};
  double least = 1e30;
  const auto consider = [&](int64_t block, int64_t length, bool inner) {
    const int64_t skew = length * reach, most = strip_of(room, block, skew, inner);
    if (most < std::max<int64_t>(4, skew / 2)) return;
    const int64_t strips = (ny + most - 1) / most, strip = ny / strips;
    if (strips > 1 && strip < ZigzagAxis::least(reach, length / 2) * (inner ? 11 : 10) / 10) return;
    const double memory = double(strip + (strips > 1 ? skew / 2 + 2 * reach : 0)) / double(strip * length);
    const double traffic = memory + (inner ? std::min(1.0, 1.2 * double(reach) / double(block)) : 1.0) / 3;
    if (traffic >= least) return;
    least = traffic, best = {block, strips, length, room.share(nz, block, length, inner)};
  };
  for (int64_t length = 2; length * reach <= 24; length += 2) {
    consider(usual, length, false);
    if (room.second > 0) {
      for (const int64_t block : {4, 6, 8}) consider(block, length, true);
    }
  }
  return best;
}

inline Tiling make_tiling(const sk_elastic_grid& g, const Arrays& arrays, int64_t steps, int threads,
                          int sharers, bool turns) {
  const Room room(g, arrays, threads, sharers, turns);
  return g.ndim == 2 ? make_tiling_2d(room, g.nz, steps) : make_tiling_3d(room, g.nz, g.ny);
}

constexpr double kNear = 120;  // ns that a word takes between threads below one cache, at most
// Between two looks at where the threads run there are at least so many steps, and updates of cells: a look
// takes as long as two steps of 64 x 64 nodes, 10 us.
constexpr int64_t kStepsBetweenLooks = 100, kUpdatesBetweenLooks = 1 << 24;

// Whether threads should take turns at blocks, which hands on what they have in cache: slow from one outer
// cache to another, and of no use where each has a large second cache, 1.08 to 1.3 of the time of ranges.
// SEISKERN_TURNS decides for them.
inline bool take_turns(int threads) {
  if (const char* asked = std::getenv("SEISKERN_TURNS")) return std::strcmp(asked, "0") != 0;
  return threads == 1 || (second_cache() == 0 && handover(threads) < kNear);
}

}  // namespace seiskern::elastic
