// Kernels of sources and receivers, on a GPU.
#pragma once

#include <cstdint>

#include "elastic/thread.h"

namespace seiskern::elastic::SK_ISA {

// What entries act on or read.
struct Fields {
  Field<T>* field[SK_FIELDS];  // of shot 0, and the first that are at hand
  int64_t n_shots;
  int64_t apart, slices;  // elements from shot to shot and from step to step
};

// Entries of sources or receivers, in groups: those of a node, or of a series. With `shot_of` groups are of
// one shot each, without of every shot.
struct Entries {
  const int32_t *start, *shot_of;  // (groups + 1), (groups)
  const int32_t* range;            // (n_shots, 2): the groups of each, [begin, end)
  const Index* node;               // element of a field
  const int32_t *field, *series;
  const T* weight;
  T* data;  // (n_shots, n_steps, n_series)
  int64_t n_groups, n_series, n_steps;
};

struct Group {
  int64_t shot, slice;
  int32_t begin, end;
  T* data;  // of the step
};

SK_INLINE bool find_group(const Fields& f, const Entries& e, int64_t number, const Step& step, Group& group) {
  const int64_t n = number % e.n_groups;
  group.shot = e.shot_of ? e.shot_of[n] : number / e.n_groups;
  if (number >= e.n_groups * (e.shot_of ? 1 : f.n_shots)) return false;
  group.slice = step.slice;
  group.begin = e.start[n], group.end = e.start[n + 1];
  group.data = e.data + (group.shot * e.n_steps + step.number) * e.n_series;
  return true;
}

SK_INLINE int64_t thread_number() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }

SK_INLINE Field<T>& value_of(const Fields& f, const Entries& e, const Group& group, int32_t entry) {
  Field<T>* const field = f.field[e.field[entry]] + group.shot * f.apart + group.slice * f.slices;
  return field[e.node[entry]];
}

extern "C" {

// Adds series to fields: a thread has all entries of a node, in their order.
__global__ void __launch_bounds__(SK_THREADS)
    inject(const __grid_constant__ Fields f, const Entries e, const Clock* clock, int32_t n) {
  Group group;
  if (!find_group(f, e, thread_number(), Step(clock, n), group)) return;
  for (int32_t entry = group.begin; entry < group.end; ++entry) {
    value_of(f, e, group, entry) += e.weight[entry] * group.data[e.series[entry]];
  }
}

// Adds fields to series: `width` threads have one, a power of two.
__global__ void __launch_bounds__(SK_THREADS)
    record(const __grid_constant__ Fields f, const Entries e, const Clock* clock, int32_t n, int32_t width) {
  __shared__ T part[SK_THREADS];
  const int32_t lane = threadIdx.x % width;
  Group group{};
  const bool mine = find_group(f, e, thread_number() / width, Step(clock, n), group);
  T sum = 0;
  for (int32_t entry = group.begin + lane; mine && entry < group.end; entry += width) {
    sum += e.weight[entry] * value_of(f, e, group, entry);
  }
  part[threadIdx.x] = sum;
  __syncthreads();
  if (!mine || lane > 0) return;
  for (int32_t other = 1; other < width; ++other) sum += part[threadIdx.x + other];
  group.data[e.series[group.begin]] += sum;
}

// Adds to the gradients of weights: field times series of each entry, times what is its weight here. Entry e
// of a shot has the gradient numbered number[e] there, `weights` elements from shot to shot.
__global__ void __launch_bounds__(SK_THREADS)
    weigh(const __grid_constant__ Fields f, const Entries e, const Clock* clock, int32_t n,
          const int32_t* number, T* gradient, int64_t weights) {
  Group group;
  if (!find_group(f, e, thread_number(), Step(clock, n), group)) return;
  for (int32_t entry = group.begin; entry < group.end; ++entry) {
    gradient[group.shot * weights + number[entry]] +=
        e.weight[entry] * value_of(f, e, group, entry) * group.data[e.series[entry]];
  }
}

// Adds to an image what its velocities took from sources: -weight w series, in the order of entries of a
// node.
__global__ void __launch_bounds__(SK_THREADS)
    correct(const __grid_constant__ Fields f, const Entries e, const Clock* clock, int32_t n,
            const __grid_constant__ Fields image) {
  Group group;
  if (!find_group(f, e, thread_number(), Step(clock, n), group)) return;
  for (int32_t entry = group.begin; entry < group.end; ++entry) {
    value_of(image, e, group, entry) -=
        e.weight[entry] * value_of(f, e, group, entry) * group.data[e.series[entry]];
  }
}

__global__ void tick(Clock* clock, int32_t n) { clock->step += n; }

}  // extern "C"
}  // namespace seiskern::elastic::SK_ISA
