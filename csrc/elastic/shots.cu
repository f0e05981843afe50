// All steps of shots in 2-D on a GPU, each by one block of threads, which has the wavefield and the memory
// variables of the layers in its shared memory: for grids that it has room for. Device memory is read for the
// medium, which all shots share in caches, and for sources, and written for records. Compiled as step.cu is.
#include <cstdint>

#include "elastic/device.h"
#include "elastic/edge.h"
#include "elastic/series.h"
#include "elastic/thread.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

static_assert(SK_LANES == 1 && SK_PLANES == 1);

// Coefficients of the medium at one element, whichever is asked for: arrays lie otherwise than fields.
template <class M>
struct Fixed {
  M medium;
  Index element;

  SK_INLINE B at(int array, Index) const { return medium.at(array, element); }
  template <int kAxis>
  SK_INLINE B buoyancy(Index, Index c) const {
    return medium.template buoyancy<kAxis>(element, c);
  }
  template <int kA, int kB>
  SK_INLINE B mu(Index, Index c) const {
    return medium.template mu<kA, kB>(element, c);
  }
  SK_INLINE B lam(Index) const { return medium.lam(element); }
  SK_INLINE B mu2(Index, Index c) const { return medium.mu2(element, c); }
};

// Columns are counted as in device memory, from `first` on; rows are as close as differences allow.
class Resident {
 public:
  SK_INLINE Resident(const Device<T>& device, int64_t shot, T* room)
      : d_(device), there_(of_shot(device, shot)), here_(there_), room_(room) {
    first_ = static_cast<int32_t>(there_.first), n_ = device.nodes;
    nz_ = static_cast<int32_t>(there_.nz);
    pitch_ = n_ + SK_RADIUS;
    size_ = (nz_ + 2 * SK_RADIUS) * pitch_ + SK_RADIUS;
    for (int f = 0; f < SK_FIELDS; ++f) here_.field[f] = field(f);
    here_.stride[SK_Z] = here_.stride[SK_Y] = pitch_;
    T* memory = room + 5 * size_;
    for (int axis = SK_X; axis <= SK_Z; axis += 2) {
      Layer<T>& l = here_.layer[axis];
      const int32_t rows = axis == SK_X ? nz_ : nz_ - static_cast<int32_t>(l.high - l.low);
      l.pitch = axis == SK_X ? columns_in_layers(l) : n_;
      for (int m = 0; m < 6; ++m) {
        if (m % 3 == SK_Y) continue;
        l.memory[m] = memory - (l.low > 0 || axis == SK_Z ? first_ : 0);
        memory += rows * l.pitch;
      }
    }
    end_ = memory;
  }

  // From device memory.
  SK_INLINE void load() {
    for (T* p = room_ + threadIdx.x; p < end_; p += blockDim.x) *p = 0;
    __syncthreads();
    copy(there_, here_);
    __syncthreads();
  }
  SK_INLINE void store() { copy(here_, there_); }

  template <bool kVelocity>
  SK_INLINE void update() {
    each_node([&](int32_t k, int32_t c) {
      Pending<kVelocity> pending(here_);
      const Index i = k * pitch_ + c;
      if (inside(k, c)) {
        auto x = along<2, SK_RADIUS, kVelocity, SK_X>(here_).template rows<1>(0);
        auto z = along<2, SK_RADIUS, kVelocity, SK_Z>(here_).template rows<1>(0);
        add<kVelocity>(pending, k, c, i, x, z);
      } else {
        Edge<T, kVelocity, SK_X> x(d_, here_, k, 0, c);
        Edge<T, kVelocity, SK_Z> z(d_, here_, k, 0, c);
        add<kVelocity>(pending, k, c, i, x, z);
        pending.damp(k, 0, c);
      }
      pending.write(i);
    });
  }

  SK_INLINE void inject(const Entries& e, int64_t shot, int64_t step) {
    each_group(e, shot, step, [&](int32_t begin, int32_t end, T* data) {
      for (int32_t n = begin; n < end; ++n) *value(e, n) += e.weight[n] * data[e.series[n]];
    });
  }
  SK_INLINE void record(const Entries& e, int64_t shot, int64_t step) {
    each_group(e, shot, step, [&](int32_t begin, int32_t end, T* data) {
      T sum = 0;
      for (int32_t n = begin; n < end; ++n) sum += e.weight[n] * *value(e, n);
      data[e.series[begin]] += sum;
    });
  }

 private:
  SK_INLINE int32_t columns_in_layers(const Layer<T>& l) const {
    const int32_t end = first_ + n_, low = static_cast<int32_t>(l.low), high = static_cast<int32_t>(l.high);
    const int32_t before = low < end ? low : end;
    return (before > first_ ? before - first_ : 0) + (high < end ? end - high : 0);
  }

  // In the order vx, vz, sxx, szz, sxz; column 0 of row 0.
  SK_INLINE T* field(int f) const {
    const int slot = f == SK_VX ? 0 : f == SK_VZ ? 1 : f == SK_SXX ? 2 : f == SK_SZZ ? 3 : 4;
    return room_ + slot * size_ + SK_RADIUS * pitch_ + SK_RADIUS - first_;
  }
  SK_INLINE T* value(const Entries& e, int32_t n) const {
    const int32_t node = static_cast<int32_t>(e.node[n]), stride = static_cast<int32_t>(there_.stride[SK_Z]);
    return field(e.field[n]) + node / stride * pitch_ + node % stride;
  }

  template <class Body>
  SK_INLINE void each_node(const Body& body) const {
    const int32_t down = blockDim.x / n_, right = blockDim.x % n_;
    int32_t k = threadIdx.x / n_, c = threadIdx.x % n_;
    while (k < nz_) {
      body(k, c + first_);
      k += down, c += right;
      if (c >= n_) c -= n_, ++k;
    }
  }
  template <class Body>
  SK_INLINE void each_group(const Entries& e, int64_t shot, int64_t step, const Body& body) const {
    T* const data = e.data + (shot * e.n_steps + step) * e.n_series;
    for (int32_t g = e.range[2 * shot] + threadIdx.x; g < e.range[2 * shot + 1]; g += blockDim.x) {
      body(e.start[g], e.start[g + 1], data);
    }
  }

  SK_INLINE bool inside(int32_t k, int32_t c) const {
    const Box& box = d_.box[0];
    return box.begin[SK_X] <= c && c < box.end[SK_X] && box.begin[SK_Z] <= k && k < box.end[SK_Z];
  }

  template <bool kVelocity, class X, class Z>
  SK_INLINE void add(Pending<kVelocity>& pending, int32_t k, int32_t c, Index i, X& x, Z& z) const {
    Absent y;
    const Fixed<Stored<T, 1>> medium{{there_}, static_cast<Index>(k * there_.stride[SK_Z] + c)};
    Nodes<2, Pending<kVelocity>&> nodes{pending};
    if constexpr (kVelocity) {
      nodes.add_velocity(i, c, medium, x, y, z);
    } else {
      nodes.template add_stress<SK_ORTHORHOMBIC>(i, c, medium, x, y, z);
    }
  }

  // The nodes of fields and memory variables.
  SK_INLINE void copy(const View<T>& from, const View<T>& to) const {
    each_node([&](int32_t k, int32_t c) {
      for (int f = 0; f < SK_FIELDS; ++f) {
        if (f == SK_VY || f == SK_SYY || f == SK_SXY || f == SK_SYZ) continue;
        to.field[f][k * to.stride[SK_Z] + c] = from.field[f][k * from.stride[SK_Z] + c];
      }
      copy_memory<SK_X>(from, to, k, c);
      copy_memory<SK_Z>(from, to, k, c);
    });
  }
  template <int kAxis>
  SK_INLINE void copy_memory(const View<T>& from, const View<T>& to, int32_t k, int32_t c) const {
    const Spot<T, kAxis> spot(from, k, 0, c);
    if (!spot.layer) return;
    const Layer<T>&a = from.layer[kAxis], &b = to.layer[kAxis];
    for (int m = 0; m < 6; ++m) {
      if (m % 3 != SK_Y) b.memory[m][spot.element(b.pitch)] = a.memory[m][spot.element(a.pitch)];
    }
  }

  const Device<T>& d_;
  View<T> there_, here_;
  T *room_, *end_;
  int32_t first_, n_, nz_, pitch_, size_;
};

extern "C" __global__ void __launch_bounds__(SK_THREADS, 1)
    shots(const __grid_constant__ Device<T> d, const Entries velocity_sources, const Entries stress_sources,
          const Entries velocity_receivers, const Entries stress_receivers, int64_t first, int64_t last) {
  SK_DYNAMIC_SHARED(room);
  const int64_t shot = blockIdx.x;
  Resident wavefield(d, shot, reinterpret_cast<T*>(room));
  wavefield.load();
  for (int64_t step = first; step < last; ++step) {
    wavefield.update<true>();
    __syncthreads();
    wavefield.inject(velocity_sources, shot, step);
    __syncthreads();
    wavefield.record(velocity_receivers, shot, step);
    wavefield.update<false>();
    __syncthreads();
    wavefield.inject(stress_sources, shot, step);
    __syncthreads();
    wavefield.record(stress_receivers, shot, step);
  }
  wavefield.store();
}

}  // namespace seiskern::elastic::SK_ISA
