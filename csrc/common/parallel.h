// Threads, and counters by which they wait for each other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/simd.h"

namespace seiskern {

constexpr int kSpins = 1 << 20;

// How far one thread has come; alone on its cache line.
struct alignas(128) Progress {
  std::atomic<int64_t> mark{-1};

  void publish(int64_t value) { mark.store(value, std::memory_order_release); }

  // Spins, for waits are far shorter than a system call, and without the pause instruction, which a virtual
  // machine traps (7 times slower on two cores of one); yields only after about a millisecond, for then the
  // core is lost for a time slice.
  void wait_for(int64_t value) const {
    for (int spins = 0; mark.load(std::memory_order_acquire) < value; ++spins) {
      if (spins > kSpins) std::this_thread::yield();
    }
  }
};

// Calls work(0, n) ... work(n - 1, n) at the same time, n <= threads; the caller is thread 0. If some throw,
// so does this. The threads are OpenMP's: those of a host program that uses it too, torch for one, spin for a
// while after each of its loops and would take a core from any other threads.
template <class Work>
void run_threads(int threads, const Work& work) {
  std::exception_ptr failure;
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    try {
#ifdef _OPENMP
      work(omp_get_thread_num(), omp_get_num_threads());
#else
      work(0, 1);
#endif
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// Nanoseconds that a word takes from one thread to the next, on the average of `threads` of them. Measured on
// a Zen 4: 24 on one core, 55 below one outer cache, 245 between two. Of more threads than there are cores it
// is not measured, for some of them would have to be woken: infinite.
inline double handover(int threads) {
  if (static_cast<unsigned>(threads) > std::thread::hardware_concurrency()) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr int64_t kRounds = 16;
  std::vector<Progress> at(threads);
  double result = 0;
  run_threads(threads, [&](int thread, int team) {
    auto start = std::chrono::steady_clock::now();
    for (int64_t round = 0; round < 2 * kRounds; ++round) {  // the first half to wake all up
      if (round == kRounds) start = std::chrono::steady_clock::now();
      if (thread > 0) at[thread - 1].wait_for(round);
      if (thread == 0 && round > 0) at[team - 1].wait_for(round - 1);
      at[thread].publish(round);
    }
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    if (thread == 0) result = time.count() / static_cast<double>(kRounds * team);
  });
  return result;
}

}  // namespace seiskern
