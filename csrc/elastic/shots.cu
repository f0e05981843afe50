// All steps of shots in 2-D on a GPU, each by a block of threads, which has the wavefield and the memory
// variables of the layers in its shared memory, or by a cluster of SK_CLUSTER blocks, of which each has some
// rows: for grids that they have room for. Device memory is read for the medium, which all shots share in
// caches, and for sources, and written for records. Compiled as step.cu is.
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

// Rows and columns are counted as in device memory, columns from `first` on; rows are as close as differences
// allow, and so are those of the blocks before and after, as far as differences reach.
class Resident {
 public:
  SK_INLINE Resident(const Device<T>& device, int64_t shot, int32_t rank, T* room)
      : d_(device), there_(of_shot(device, shot)), here_(there_), room_(room), rank_(rank) {
    first_ = static_cast<int32_t>(there_.first), n_ = device.nodes;
    nz_ = static_cast<int32_t>(there_.nz);
    k0_ = begin_of(rank), k1_ = begin_of(rank + 1);
    pitch_ = n_ + SK_RADIUS;
    size_ = ((nz_ + SK_CLUSTER - 1) / SK_CLUSTER + 2 * SK_RADIUS) * pitch_ + SK_RADIUS;
    for (int f = 0; f < SK_FIELDS; ++f) here_.field[f] = field(f, rank);
    here_.stride[SK_Z] = here_.stride[SK_Y] = pitch_;
    T* memory = room + 5 * size_;
    for (int axis = SK_X; axis <= SK_Z; axis += 2) {
      Layer<T>& l = here_.layer[axis];
      const int32_t rows = axis == SK_X ? k1_ - k0_ : layer_rows(l, k1_) - layer_rows(l, k0_);
      const int32_t before = axis == SK_X ? k0_ : layer_rows(l, k0_);
      l.pitch = axis == SK_X ? columns_in_layers(l) : n_;
      for (int m = 0; m < 6; ++m) {
        if (m % 3 == SK_Y) continue;
        l.memory[m] = memory - before * l.pitch - (l.low > 0 || axis == SK_Z ? first_ : 0);
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
    meet();
    border<true>(), border<false>();
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

  // All of the shot are here before the others go on.
  SK_INLINE void meet() const {
    if constexpr (SK_CLUSTER > 1) {
      sync_cluster();
    } else {
      __syncthreads();
    }
  }
  // Takes from the blocks beside what differences along z reach.
  template <bool kVelocity>
  SK_INLINE void border() {
    if constexpr (SK_CLUSTER == 1) return;
    border(kVelocity ? SK_VX : SK_SZZ), border(kVelocity ? SK_VZ : SK_SXZ);
  }

  SK_INLINE void inject(const Entries& e, int64_t shot, int64_t step) {
    each_group(e, shot, step, 0, 1, [&](int32_t begin, int32_t end, T* data) {
      const int32_t k = row_of(e, begin);
      if (k < k0_ || k >= k1_) return;
      for (int32_t n = begin; n < end; ++n) *value(e, n) += e.weight[n] * data[e.series[n]];
    });
  }
  SK_INLINE void record(const Entries& e, int64_t shot, int64_t step) {
    each_group(e, shot, step, rank_, SK_CLUSTER, [&](int32_t begin, int32_t end, T* data) {
      T sum = 0;
      for (int32_t n = begin; n < end; ++n) sum += e.weight[n] * *value(e, n);
      data[e.series[begin]] += sum;
    });
  }

 private:
  // Rows of a block, and which has a row.
  SK_INLINE int32_t begin_of(int32_t rank) const { return nz_ * rank / SK_CLUSTER; }
  SK_INLINE int32_t rank_of(int32_t k) const { return ((k + 1) * SK_CLUSTER - 1) / nz_; }
  // Of layers of z, before row k.
  static SK_INLINE int32_t layer_rows(const Layer<T>& l, int32_t k) {
    const int32_t low = static_cast<int32_t>(l.low), high = static_cast<int32_t>(l.high);
    return k < low ? k : k < high ? low : low + k - high;
  }
  SK_INLINE int32_t columns_in_layers(const Layer<T>& l) const {
    const int32_t end = first_ + n_, low = static_cast<int32_t>(l.low), high = static_cast<int32_t>(l.high);
    const int32_t before = low < end ? low : end;
    return (before > first_ ? before - first_ : 0) + (high < end ? end - high : 0);
  }

  // In the order vx, vz, sxx, szz, sxz, in a block; column 0 of row 0, from where its own rows are found.
  SK_INLINE T* field(int f, int32_t rank) const {
    const int slot = f == SK_VX ? 0 : f == SK_VZ ? 1 : f == SK_SXX ? 2 : f == SK_SZZ ? 3 : 4;
    T* const room = SK_CLUSTER == 1 || rank == rank_ ? room_ : in_block(room_, rank);
    return room + slot * size_ + (SK_RADIUS - begin_of(rank)) * pitch_ + SK_RADIUS - first_;
  }
  SK_INLINE int32_t row_of(const Entries& e, int32_t n) const {
    return static_cast<int32_t>(e.node[n]) / static_cast<int32_t>(there_.stride[SK_Z]);
  }
  SK_INLINE T* value(const Entries& e, int32_t n) const {
    const int32_t k = row_of(e, n), stride = static_cast<int32_t>(there_.stride[SK_Z]);
    return field(e.field[n], rank_of(k)) + k * pitch_ + static_cast<int32_t>(e.node[n]) - k * stride;
  }
  SK_INLINE void border(int f) const {
    if (rank_ > 0) copy_rows(f, rank_ - 1, k0_ - SK_RADIUS);
    if (rank_ + 1 < SK_CLUSTER) copy_rows(f, rank_ + 1, k1_);
  }
  // As many rows from k on as differences reach, of a block beside.
  SK_INLINE void copy_rows(int f, int32_t rank, int32_t k) const {
    const T* const from = field(f, rank) + k * pitch_ + first_;
    T* const to = field(f, rank_) + k * pitch_ + first_;
    for (int32_t n = threadIdx.x; n < SK_RADIUS * pitch_; n += blockDim.x) to[n] = from[n];
  }

  template <class Body>
  SK_INLINE void each_node(const Body& body) const {
    const int32_t down = blockDim.x / n_, right = blockDim.x % n_;
    int32_t k = k0_ + threadIdx.x / n_, c = threadIdx.x % n_;
    while (k < k1_) {
      body(k, c + first_);
      k += down, c += right;
      if (c >= n_) c -= n_, ++k;
    }
  }
  // Groups of a shot, one in so many, from one on.
  template <class Body>
  SK_INLINE void each_group(const Entries& e, int64_t shot, int64_t step, int32_t from, int32_t of,
                            const Body& body) const {
    T* const data = e.data + (shot * e.n_steps + step) * e.n_series;
    for (int32_t g = e.range[2 * shot] + threadIdx.x * of + from; g < e.range[2 * shot + 1];
         g += blockDim.x * of) {
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
  int32_t rank_, first_, n_, nz_, k0_, k1_, pitch_, size_;
};

#if SK_CLUSTER == 1
#undef SK_CLUSTERS
#define SK_CLUSTERS(n)
#endif

template <bool kVelocity>
SK_INLINE void half_step(Resident& wavefield, const Entries& sources, const Entries& receivers, int64_t shot,
                         int64_t step) {
  wavefield.update<kVelocity>();
  __syncthreads();
  wavefield.inject(sources, shot, step);
  wavefield.meet();
  wavefield.border<kVelocity>();
  wavefield.record(receivers, shot, step);
  if constexpr (SK_CLUSTER > 1) __syncthreads();
}

extern "C" __global__ void __launch_bounds__(SK_THREADS, 1) SK_CLUSTERS(SK_CLUSTER)
    shots(const __grid_constant__ Device<T> d, const Entries velocity_sources, const Entries stress_sources,
          const Entries velocity_receivers, const Entries stress_receivers, int64_t first, int64_t last) {
  SK_DYNAMIC_SHARED(room);
  const int64_t shot = blockIdx.x / SK_CLUSTER;
  Resident wavefield(d, shot, blockIdx.x % SK_CLUSTER, reinterpret_cast<T*>(room));
  wavefield.load();
  for (int64_t step = first; step < last; ++step) {
    half_step<true>(wavefield, velocity_sources, velocity_receivers, shot, step);
    half_step<false>(wavefield, stress_sources, stress_receivers, shot, step);
  }
  wavefield.store();
  wavefield.meet();  // others may still read what is here
}

}  // namespace seiskern::elastic::SK_ISA
