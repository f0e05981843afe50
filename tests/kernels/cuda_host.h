// Runs CUDA kernels on the host: blocks one after the other, the threads of each as fibers that take turns at
// barriers. It stands in for what nvcc knows by itself.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(...)

#define SK_DYNAMIC_SHARED(name) char* const name = host::shared[host::rank].data()
#define SK_CLUSTERS(n)
#ifndef SK_CLUSTER
#define SK_CLUSTER 1
#endif

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
inline dim3 blockIdx, threadIdx, blockDim, gridDim;

namespace host {

inline std::vector<char> shared[SK_CLUSTER];  // of the blocks that run: a cluster
inline unsigned rank = 0;                     // of the block in it

constexpr size_t kStack = 256 << 10;

// The threads of a cluster of blocks, from block `first` on. One runs at a time: until it ends, or waits at a
// barrier for all others.
class Block {
 public:
  void run(unsigned first, unsigned n, void (*body)(void*), void* arguments) {
    body_ = body, arguments_ = arguments;
    threads_.resize(n * SK_CLUSTER);
    for (Thread& t : threads_) prepare(t);
    for (bool any = true; any;) {
      any = false;
      for (unsigned number = 0; number < threads_.size(); ++number) {
        if (threads_[number].done) continue;
        any = true;
        const unsigned t = number % n;
        rank = number / n, blockIdx = {first + rank, 0, 0};
        threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
        resume(threads_[number]);
      }
    }
    rank = 0;
  }
  void wait() {
    leave(false);
    swapcontext(&current_->context, &scheduler_);
    arrive();
  }
  static Block& here() {
    static Block block;
    return block;
  }

 private:
  struct Thread {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
    void* fake;  // what the sanitizer keeps for it
  };

  void prepare(Thread& t) {
    t.stack.resize(kStack), t.done = false, t.fake = nullptr;
    getcontext(&t.context);
    t.context.uc_stack.ss_sp = t.stack.data(), t.context.uc_stack.ss_size = kStack;
    t.context.uc_link = &scheduler_;
    makecontext(&t.context, &Block::enter, 0);
  }
  void resume(Thread& t) {
    current_ = &t;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, t.stack.data(), kStack);
    swapcontext(&scheduler_, &t.context);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    swapcontext(&scheduler_, &t.context);
#endif
  }
  static void enter() {
    Block& b = here();
    b.arrive();
    b.body_(b.arguments_);
    b.current_->done = true;
    b.leave(true);
  }
  void arrive() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(current_->fake, &bottom_, &size_);
#endif
  }
  void leave(bool forever) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(forever ? nullptr : &current_->fake, bottom_, size_);
#endif
    static_cast<void>(forever);
  }

  std::vector<Thread> threads_;
  ucontext_t scheduler_;
  Thread* current_ = nullptr;
  void (*body_)(void*);
  void* arguments_;
  const void* bottom_ = nullptr;  // stack of the scheduler
  size_t size_ = 0;
};

template <class... A, size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}

// All blocks of a launch. Without barriers threads need no fibers.
template <class... A>
void launch(void (*kernel)(A...), bool barriers, unsigned blocks, const unsigned* threads, size_t room,
            void** arguments) {
  gridDim = {blocks, 1, 1}, blockDim = {threads[0], threads[1], threads[2]};
  const auto indices = std::index_sequence_for<A...>{};
  struct Call {
    void (*kernel)(A...);
    void** arguments;
  } bound{kernel, arguments};
  for (unsigned b = 0; b < blocks; b += barriers ? SK_CLUSTER : 1) {
    blockIdx = {b, 0, 0};
    // What is read before it is written is not a number.
    for (auto& memory : shared) memory.assign(room, char(0xff));
    const unsigned n = threads[0] * threads[1] * threads[2];
    if (barriers) {
      Block::here().run(
          b, n,
          [](void* p) {
            const Call& c = *static_cast<Call*>(p);
            call(c.kernel, c.arguments, std::index_sequence_for<A...>{});
          },
          &bound);
      continue;
    }
    for (unsigned t = 0; t < n; ++t) {
      threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
      call(kernel, arguments, indices);
    }
  }
}

}  // namespace host

inline void __syncthreads() { host::Block::here().wait(); }

namespace seiskern {
inline void sync_cluster() { __syncthreads(); }
template <class P>
P* in_block(P* p, int rank) {
  const auto from = reinterpret_cast<uintptr_t>(host::shared[host::rank].data());
  return reinterpret_cast<P*>(reinterpret_cast<uintptr_t>(p) - from +
                              reinterpret_cast<uintptr_t>(host::shared[rank].data()));
}
}  // namespace seiskern

#define HOST_KERNEL(name, barriers)                                              \
  extern "C" __attribute__((visibility("default"))) void host_##name(            \
      unsigned blocks, const unsigned* threads, size_t room, void** arguments) { \
    host::launch(name, barriers, blocks, threads, room, arguments);              \
  }
