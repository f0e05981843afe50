// Whole steps inside a grid in one pass. Blocks march along z: each makes the velocities of a plane of its
// tile, and of as many nodes around it as stresses need, keeps those of some planes in shared memory, and
// makes the stresses of the plane in the middle. A step reads the fields of the one before and writes others,
// for blocks do not wait for each other. Compiled as step.cu is, whose kernels do the rest, and by
//
//   SK_CHUNK                    planes that a block makes
//   SK_TILE                     threads of a block, at most
#include "elastic/step.cu"

namespace seiskern::elastic::SK_ISA {

static_assert(SK_LANES == 1);

constexpr int kBeside = SK_DIM == 3 ? SK_RADIUS : 0;  // nodes of a tile around it, along y
constexpr int kRing = 2 * SK_RADIUS + 2;              // planes: another one than is read may be written

// Velocities of the last planes, by component and plane and as the threads of the block lie.
class Ring {
 public:
  SK_INLINE explicit Ring(char* room) : room_(reinterpret_cast<T*>(room)), plane_(blockDim.x * blockDim.y) {}

  // Of so many planes after k0 of a component, from which the nodes of a row lie side by side.
  SK_INLINE T* at(int n, int32_t plane, int32_t thread) const {
    const int component = SK_DIM == 2 && n == SK_Z ? 1 : n;
    return room_ + (component * kRing + plane % kRing) * plane_ + thread;
  }

 private:
  T* room_;
  int32_t plane_;
};

// Their derivatives, for a thread.
template <int kAxis>
class Ringed {
  template <int kN>
  static constexpr int plus = Along<SK_RADIUS, T, false, kAxis>::template plus<kN>;

 public:
  SK_INLINE Ringed(const View<T>& v, const Ring& ring, int32_t plane, int32_t thread)
      : c_(v.c[kAxis]), ring_(ring), plane_(plane), thread_(thread) {}

  template <int kN>
  SK_INLINE B at(Index, Index) const {
    T sum = 0;
    for (int m = 0; m < SK_RADIUS; ++m)
      sum += c_[m] * (value<kN>(m + plus<kN>) - value<kN>(plus<kN> - 1 - m));
    return B::all(Simd<T>::all(sum));
  }

 private:
  template <int kN>
  SK_INLINE T value(int32_t step) const {
    if constexpr (kAxis == SK_Z) return *ring_.at(kN, plane_ + step, thread_);
    return ring_.at(kN, plane_, thread_)[step * (kAxis == SK_X ? 1 : static_cast<int32_t>(blockDim.x))];
  }

  const T* c_;
  const Ring& ring_;
  int32_t plane_, thread_;
};

// Derivatives of stresses along z in a column, plane after plane: each value is loaded once.
class Column {
  using D = Along<SK_RADIUS, T, true, SK_Z>;

 public:
  SK_INLINE Column(const View<T>& v, Index i) : d_(along<SK_DIM, SK_RADIUS, true, SK_Z>(v)) {
    each([&](int n, int plus) {
      for (int m = 1; m < 2 * SK_RADIUS; ++m) value_[n][m] = load(n, i, m - 1 - SK_RADIUS + plus);
    });
  }
  // To the plane of element i, which follows that of the last one.
  SK_INLINE void advance(Index i) {
    each([&](int n, int plus) {
      for (int m = 1; m < 2 * SK_RADIUS; ++m) value_[n][m - 1] = value_[n][m];
      value_[n][2 * SK_RADIUS - 1] = load(n, i, SK_RADIUS - 1 + plus);
    });
  }
  template <int kN>
  SK_INLINE B at(Index, Index) const {
    T sum = 0;
    for (int m = 0; m < SK_RADIUS; ++m) {
      sum += d_.c[m].of[0] * (value_[kN][SK_RADIUS + m] - value_[kN][SK_RADIUS - 1 - m]);
    }
    return B::all(Simd<T>::all(sum));
  }

 private:
  template <class Body>
  SK_INLINE void each(const Body& body) {
    body(SK_X, D::template plus<SK_X>);
    if constexpr (SK_DIM == 3) body(SK_Y, D::template plus<SK_Y>);
    body(SK_Z, D::template plus<SK_Z>);
  }
  SK_INLINE T load(int n, Index i, int step) const { return d_.u[n][i + step * d_.stride]; }

  D d_;
  T value_[3][2 * SK_RADIUS];
};

// What a thread has of a tile.
struct Marcher {
  Place p;         // its column, and where planes begin and end
  int32_t x0, y0;  // column and row of the first thread
  int32_t thread;
  bool mine;  // whether stresses are made, not velocities alone

  SK_INLINE explicit Marcher(const Device<T>& d) {
    const int32_t n_shots = static_cast<int32_t>(d.n_shots), tile = blockIdx.x / n_shots;
    const Box& box = d.box[0];
    p.shot = blockIdx.x % n_shots, p.box = 0;
    const int32_t tx = tile % box.tiles[SK_X], rest = tile / box.tiles[SK_X];
    const int32_t ty = rest % box.tiles[SK_Y], tz = rest / box.tiles[SK_Y];
    const int32_t x = threadIdx.x, y = threadIdx.y, nx = blockDim.x, ny = blockDim.y;
    x0 = box.begin[SK_X] + tx * (nx - 2 * SK_RADIUS) - SK_RADIUS;
    y0 = box.begin[SK_Y] + ty * (ny - 2 * kBeside) - kBeside;
    p.k = box.begin[SK_Z] + tz * SK_CHUNK;
    for (int axis = 0; axis < 3; ++axis) p.end[axis] = box.end[axis];
    if (p.k + SK_CHUNK < p.end[SK_Z]) p.end[SK_Z] = p.k + SK_CHUNK;
    // Threads beyond the last node that is needed make that one as well, and nobody reads it.
    p.c = least(x0 + x, box.end[SK_X] + SK_RADIUS - 1), p.j = least(y0 + y, box.end[SK_Y] + kBeside - 1);
    mine = within(x, y);
    thread = y * nx + x;
  }
  // Whether stresses are made at column x and row y of the tile.
  SK_INLINE bool within(int32_t x, int32_t y) const {
    const int32_t nx = blockDim.x, ny = blockDim.y;
    return x >= SK_RADIUS && x < nx - SK_RADIUS && x0 + x < p.end[SK_X] && y >= kBeside && y < ny - kBeside &&
           y0 + y < p.end[SK_Y];
  }

 private:
  static SK_INLINE int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
};

// Sources of velocity in a plane. `planes`: groups of plane k of a shot, or of all, are [planes[k], planes[k
// + 1]).
SK_INLINE void add_sources(const Device<T>& d, const Entries& e, const int32_t* planes, const Step& step,
                           const Marcher& m, int32_t k, const Ring& ring, int32_t plane) {
  const View<T>& v = d.view;
  if (e.shot_of) planes += m.p.shot * (v.nz + 1);
  const int32_t nx = blockDim.x, ny = blockDim.y, n_threads = nx * ny;
  for (int32_t n = planes[k] + m.thread; n < planes[k + 1]; n += n_threads) {
    const Index node = e.node[e.start[n]], within = node - static_cast<Index>(k * v.stride[SK_Z]);
    const int32_t j = SK_DIM == 3 ? static_cast<int32_t>(within / v.stride[SK_Y]) : 0;
    const int32_t x = static_cast<int32_t>(within - (SK_DIM == 3 ? j * v.stride[SK_Y] : 0)) - m.x0;
    const int32_t y = j - m.y0;
    if (x < 0 || x >= nx || y < 0 || y >= ny) continue;
    const bool inside = m.within(x, y) && k >= m.p.k && k < m.p.end[SK_Z];
    const T* const data = e.data + (m.p.shot * e.n_steps + step.number) * e.n_series;
    for (int32_t entry = e.start[n]; entry < e.start[n + 1]; ++entry) {
      T& value = *ring.at(e.field[entry], plane, y * nx + x);
      value += e.weight[entry] * data[e.series[entry]];
      if (inside) d.next[e.field[entry]][m.p.shot * d.fields + node] = value;
    }
  }
}

extern "C" __global__ void __launch_bounds__(SK_TILE, 1)
    step_inside(const __grid_constant__ Device<T> d, const Clock* clock, int32_t n, const Entries sources,
                const int32_t* planes) {
  SK_DYNAMIC_SHARED(room);
  const Step step(clock, n);
  const Marcher m(d);
  const Place& p = m.p;
  const View<T> v = of_shot(d, p.shot);
  const Ring ring(room);
  const Index stride = static_cast<Index>(v.stride[SK_Z]);
  Index i = element(v, p.k - SK_RADIUS, p);
  auto x = along<SK_DIM, SK_RADIUS, true, SK_X>(v).template rows<1>(0);
  auto y = along<SK_DIM, SK_RADIUS, true, SK_Y>(v).template rows<1>(0);
  Column z(v, i);
  for (int32_t k = p.k - SK_RADIUS, plane = 0; k < p.end[SK_Z] + SK_RADIUS; ++k, ++plane, i += stride) {
    z.advance(i);
    Pending<true> u(v);
    add<true>(u, v, i, p.c, x, y, z);
    for (int a = 0; a < 3; ++a) {
      if (SK_DIM == 3 || a != SK_Y) *ring.at(a, plane, m.thread) = u.of(SK_VX + a).row[0].of[0];
    }
    if (m.mine && k >= p.k && k < p.end[SK_Z]) {
      u.write(d.next, p.shot * d.fields, i);
      keep(d, u, p.shot, step.slice, i);
    }
    if (sources.n_groups > 0) {
      __syncthreads();
      add_sources(d, sources, planes, step, m, k, ring, plane);
    }
    __syncthreads();
    if (!m.mine || plane < 2 * SK_RADIUS) continue;
    const int32_t middle = plane - SK_RADIUS;
    const Index there = i - SK_RADIUS * stride;
    const Ringed<SK_X> of_x(v, ring, middle, m.thread);
    const Ringed<SK_Y> of_y(v, ring, middle, m.thread);
    const Ringed<SK_Z> of_z(v, ring, middle, m.thread);
    Pending<false> s(v);
    add<false>(s, v, there, p.c, of_x, of_y, of_z);
    s.write(d.next, p.shot * d.fields, there);
  }
}

}  // namespace seiskern::elastic::SK_ISA
