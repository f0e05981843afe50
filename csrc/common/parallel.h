// Threads without a runtime library: a few std::thread per call and one progress counter each.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

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

// Calls work(0) ... work(threads - 1) at the same time; the caller is thread 0. If some throw, so does this.
template <class Work>
void run_threads(int threads, const Work& work) {
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  std::vector<std::exception_ptr> failures(threads);
  const auto run = [&](int t) noexcept {
    const FlushDenormals flush;
    try {
      work(t);
    } catch (...) {
      failures[t] = std::current_exception();
    }
  };
  for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& thread : others) thread.join();
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace seiskern
