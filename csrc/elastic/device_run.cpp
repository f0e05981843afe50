// What the kernels of a GPU take, made on the host.
#include "elastic/device_run.h"

#include <algorithm>
#include <cstring>

#include "elastic/adjoint_device.h"
#include "elastic/closure.h"
#include "elastic/device.h"
#include "elastic/filters.h"
#include "elastic/layout.h"
#include "elastic/shot.h"

namespace seiskern::elastic {
namespace {

template <int kRadius, bool kPlus>
void add_rows(double scale, int64_t taps, std::vector<double>& weights) {
  for (const Pair pair : {Pair::kShear, Pair::kNormal}) {
    for (int64_t k = 0; k < kClosedPlanes<kRadius>; ++k) {
      const ClosedRow<kRadius, kPlus> row(k);
      for (int64_t plane = 0; plane < taps; ++plane) {
        const bool read = row.begin <= plane && plane < row.end;
        weights.push_back(read ? row.weight(pair, plane) * scale : 0);
      }
    }
  }
}

template <int kRadius>
Closure closure(double scale) {
  Closure c{kClosedPlanes<kRadius>, 0, {}};
  for (int64_t k = 0; k < c.planes; ++k) {
    c.taps = std::max({c.taps, ClosedRow<kRadius, true>(k).end, ClosedRow<kRadius, false>(k).end});
  }
  add_rows<kRadius, false>(scale, c.taps, c.weights);
  add_rows<kRadius, true>(scale, c.taps, c.weights);
  return c;
}

Box make_box(const std::array<int64_t, 3>& begin, const std::array<int64_t, 3>& end, const Blocks& blocks,
             int64_t& tiles) {
  Box box{};
  const int64_t size[] = {blocks.threads[0] * blocks.lanes, blocks.threads[1],
                          blocks.threads[2] * blocks.planes};
  int64_t count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t n = std::max<int64_t>(0, (end[axis] - begin[axis] + size[axis] - 1) / size[axis]);
    box.begin[axis] = static_cast<int32_t>(begin[axis]), box.end[axis] = static_cast<int32_t>(end[axis]);
    box.tiles[axis] = static_cast<int32_t>(n);
    count *= n;
  }
  box.first = static_cast<int32_t>(tiles);
  tiles += count;
  return box;
}

// All nodes are in [begin, end), those inside in [low, high).
struct Bounds {
  std::array<int64_t, 3> begin, low, high, end;

  template <class T>
  explicit Bounds(const View<T>& v) : begin{0, 0, 0}, low{}, high{}, end{v.nx, v.ny, v.nz} {}
};

int64_t nodes_of(const Box& box) {
  int64_t n = 1;
  for (int axis = 0; axis < 3; ++axis) n *= std::max(0, box.end[axis] - box.begin[axis]);
  return n;
}

constexpr Cut kNodes{{{1, 1, 1}, 1, 1}, {{1, 1, 1}, 1, 1}, {}};

// The nodes inside, then what is before and after them along z, y and x.
int64_t add_boxes(Bounds b, const Cut& cut, Box (&box)[kBoxes], DeviceRun& run) {
  for (int axis = 0; axis < 3; ++axis) {
    b.low[axis] += cut.margin[axis], b.high[axis] -= cut.margin[axis];
    if (b.low[axis] > b.high[axis]) b.low[axis] = b.high[axis] = b.end[axis];
  }
  box[0] = make_box(b.low, b.high, cut.inside, run.inside);
  for (int axis = 0; axis < 3; ++axis) {
    run.begin[axis] = box[0].begin[axis], run.end[axis] = box[0].end[axis];
  }
  int64_t nodes = 0;
  const auto add = [&](int n, const auto& begin, const auto& end) {
    box[n] = make_box(begin, end, cut.edges, run.edges);
    box[n].before = nodes;
    nodes += nodes_of(box[n]);
  };
  int n = 1;
  for (int axis = SK_Z; axis >= SK_X; --axis) {
    auto before = b.end, after = b.begin;
    before[axis] = b.low[axis], after[axis] = b.high[axis];
    add(n++, b.begin, before), add(n++, after, b.end);
    b.begin[axis] = b.low[axis], b.end[axis] = b.high[axis];
  }
  return nodes;
}

// Of nodes that no layer reaches, and that are not closed.
template <class T>
Bounds inside_of(const Device<T>& d) {
  Bounds b(d.view);
  for (int axis = 0; axis < 3; ++axis) {
    b.low[axis] = d.view.layer[axis].low, b.high[axis] = d.view.layer[axis].high;
  }
  b.low[SK_Z] = std::max<int64_t>(b.low[SK_Z], d.closed);
  return b;
}

// Of nodes whose velocities can be made from those of the next step: differences find stresses outside the
// layers, as those of these stresses find velocities that are made or kept.
template <class T>
Bounds reversible(const sk_elastic_grid& g, const View<T>& v) {
  Bounds b(v);
  const int64_t n[] = {g.nx, g.ny, g.nz}, radius = g.order / 2;
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t first = axis == SK_X ? v.first : 0, low = g.pml_low[axis], high = g.pml_high[axis];
    b.low[axis] = b.begin[axis], b.high[axis] = b.end[axis];
    if (low > 0) b.begin[axis] = first, b.low[axis] = first + low + radius;
    if (high > 0) b.end[axis] = first + n[axis], b.high[axis] = b.end[axis] - high - radius;
  }
  return b;
}

template <class T>
DeviceRun bytes_of(const T& device, DeviceRun run) {
  run.bytes.resize(sizeof device);
  std::memcpy(run.bytes.data(), &device, sizeof device);
  return run;
}

// Pointers to column 0 of row (0, 0) of the arrays that there are.
template <class T, class Has>
void list_arrays(const sk_elastic_layout_t& l, void* arrays, int first, int last, const Has& has, T** out) {
  T* array = static_cast<T*>(arrays) + (arrays ? l.origin - l.first : 0);
  for (int n = first; arrays && n < last; ++n) {
    if (has(n)) out[n] = array, array += l.array_size;
  }
}

template <class T>
Device<T> make_device(const sk_elastic& p, const void* closure, const void* twos) {
  const sk_elastic_layout_t l = make_layout(p.grid);
  Device<T> d{};
  d.view = make_view<T>(p, l, 0);
  d.view.twos = static_cast<const T*>(twos);
  d.fields = (p.grid.ndim == 2 ? 5 : int{SK_FIELDS}) * l.array_size;
  d.memory = l.pml_size, d.medium = p.medium_shot_stride, d.profiles = p.profiles_shot_stride;
  d.n_shots = p.n_shots, d.nodes = static_cast<int32_t>(p.grid.nx);
  if (p.grid.free_surface) {
    const Closure c = make_closure(p.grid);
    d.closure = static_cast<const T*>(closure);
    d.closed = static_cast<int32_t>(c.planes), d.taps = static_cast<int32_t>(c.taps);
  }
  return d;
}

template <class T>
void add_history(const sk_elastic& p, Device<T>& d) {
  const auto velocity = [&](int f) { return d.view.field[f] != nullptr; };
  d.histories = p.grid.ndim;
  if (p.history_boundary) {
    const int64_t nodes = edge_nodes(p.grid);
    T* next = static_cast<T*>(p.history);
    for (int f = SK_VX; f <= SK_VZ; ++f) {
      if (velocity(f)) d.history[f] = next, next += nodes;
    }
    d.histories *= nodes;
  } else {
    const sk_elastic_layout_t l = make_layout(p.grid);
    list_arrays(l, p.history, SK_VX, SK_VZ + 1, velocity, d.history);
    d.histories *= l.array_size;
  }
  d.slices = p.n_shots * d.histories;
}

// The same of numbers of so many bytes, for pointers to others.
template <class T, class Has>
void list_fields(const sk_elastic_layout_t& l, void* arrays, int64_t itemsize, const Has& has, T** out) {
  if (itemsize == sizeof(T)) return list_arrays(l, arrays, SK_VX, SK_FIELDS, has, out);
  uint16_t* halves[SK_FIELDS]{};
  list_arrays(l, arrays, SK_VX, SK_FIELDS, has, halves);
  for (int f = 0; f < SK_FIELDS; ++f) out[f] = reinterpret_cast<T*>(halves[f]);
}

template <class T>
DeviceRun make(const sk_elastic& p, const Cut& cut, const void* closure, const void* twos,
               const Written& written, bool keeper) {
  Device<T> d = make_device<T>(p, closure, twos);
  const sk_elastic_layout_t l = make_layout(p.grid);
  bool has[SK_FIELDS];
  for (int f = 0; f < SK_FIELDS; ++f) has[f] = d.view.field[f] != nullptr;
  const auto field = [&](int f) { return has[f]; };
  list_fields(l, p.fields, written.itemsize, field, d.view.field);
  list_fields(l, written.fields ? written.fields : p.fields, written.itemsize, field, d.next);
  if (keeper || !p.history_boundary) add_history(p, d);
  DeviceRun run{};
  add_boxes(keeper ? reversible(p.grid, d.view) : inside_of(d), cut, d.box, run);
  return bytes_of(d, run);
}

// Of nodes that no filter reaches either.
template <class T>
Bounds inside_of(const sk_elastic_grid& g, const AdjointDevice<T>& d) {
  Bounds b(d.run.view);
  for (int axis = 0; axis < 3; ++axis) {
    const Extent e = extent(g, axis);
    b.low[axis] = axis == SK_X ? e.low + (e.low > 0 ? kRowAlign : 0) : d.filter[axis].l.kept_low;
    b.high[axis] =
        axis == SK_X ? e.high - (e.high < b.end[axis] ? kRowAlign : 0) : d.filter[axis].l.kept_high;
  }
  b.low[SK_Z] = std::max<int64_t>(b.low[SK_Z], d.run.closed);
  return b;
}

// With the run itself, of which edges are kept.
template <class T>
void add_past(const sk_elastic_adjoint& p, const sk_elastic_layout_t& l, Bounds& inside,
              AdjointDevice<T>& d) {
  const auto field = [&](int f) { return d.run.view.field[f] != nullptr; };
  list_arrays(l, p.wavefield, SK_VX, SK_FIELDS, field, d.past);
  d.pasts = d.run.fields;
  const Bounds made = reversible(p.run.grid, d.run.view);
  DeviceRun unused{};
  add_boxes(made, kNodes, d.kept, unused);
  for (int axis = 0; axis < 3; ++axis) {
    inside.low[axis] = std::max(inside.low[axis], made.low[axis]);
    inside.high[axis] = std::min(inside.high[axis], made.high[axis]);
  }
}

template <class T>
DeviceRun make_adjoint(const sk_elastic_adjoint& p, const Cut& cut, const void* closure, const void* twos,
                       int64_t begin, int64_t end) {
  const sk_elastic_grid& g = p.run.grid;
  const sk_elastic_layout_t l = make_layout(g);
  AdjointDevice<T> d{};
  d.run = make_device<T>(p.run, closure, twos);
  add_history(p.run, d.run);
  d.run.memory = l.filter_size;
  make_filters(g, l, static_cast<T*>(p.run.pml), d.filter);
  const View<T>& v = d.run.view;
  const auto field = [&](int f) { return v.field[f] != nullptr; };
  const auto image = [&](int n) {
    return g.ndim == 3 || (n != SK_IMAGE_VY && n != SK_IMAGE_XY && n != SK_IMAGE_YZ);
  };
  list_arrays(l, p.strain, SK_SXX, SK_FIELDS, field, d.strain);
  d.strains = (g.ndim == 2 ? 3 : 6) * l.array_size;
  d.begin = static_cast<int32_t>(begin), d.end = static_cast<int32_t>(end);
  list_arrays(l, p.images, SK_IMAGE_VX, SK_IMAGES, image, d.image);
  d.images = l.n_images * l.array_size;
  Bounds inside = inside_of(g, d);
  if (p.wavefield) add_past(p, l, inside, d);
  DeviceRun run{};
  add_boxes(inside, cut, d.run.box, run);
  return bytes_of(d, run);
}

}  // namespace

Closure make_closure(const sk_elastic_grid& g) {
  const double scale = g.dt / g.h[SK_Z];
  switch (g.order) {
    case 2:
      return closure<1>(scale);
    case 4:
      return closure<2>(scale);
    case 6:
      return closure<3>(scale);
    default:
      return closure<4>(scale);
  }
}

int64_t room_of(const sk_elastic_grid& g, int64_t blocks) {
  const int64_t radius = g.order / 2, first = first_column(g), end = first + g.nx;
  const Extent x = extent(g, SK_X), z = extent(g, SK_Z);
  const int64_t columns =
      std::max<int64_t>(0, std::min(x.low, end) - first) + std::max<int64_t>(0, end - x.high);
  const int64_t rows = (g.nz + blocks - 1) / blocks, reach = g.free_surface ? make_closure(g).taps : radius;
  if (blocks > 1 && g.nz / blocks < std::max(reach, radius)) return -1;
  int64_t layered = 0;  // rows in layers of z, of a block at most
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first_row = g.nz * block / blocks, last_row = g.nz * (block + 1) / blocks;
    const int64_t low = std::clamp(z.low, first_row, last_row) - first_row;
    layered = std::max(layered, low + last_row - std::clamp(std::max(z.low, z.high), first_row, last_row));
  }
  const int64_t field = (rows + 2 * radius) * (g.nx + radius) + radius;
  return (5 * field + 4 * (rows * columns + layered * g.nx)) * g.itemsize;
}

DeviceRun make_adjoint_device(const sk_elastic_adjoint& p, const Cut& cut, const void* closure,
                              const void* twos, int64_t begin, int64_t end) {
  return p.run.grid.itemsize == 4 ? make_adjoint<float>(p, cut, closure, twos, begin, end)
                                  : make_adjoint<double>(p, cut, closure, twos, begin, end);
}

DeviceRun make_device_run(const sk_elastic& p, const Cut& cut, const void* closure, const void* twos,
                          const Written& written, bool keeper) {
  return p.grid.itemsize == 4 ? make<float>(p, cut, closure, twos, written, keeper)
                              : make<double>(p, cut, closure, twos, written, keeper);
}

int64_t edge_nodes(const sk_elastic_grid& g) {
  View<float> v{};
  v.first = first_column(g), v.nx = count(g, SK_X), v.ny = g.ny, v.nz = g.nz;
  Box box[kBoxes];
  DeviceRun unused{};
  return add_boxes(reversible(g, v), kNodes, box, unused);
}

}  // namespace seiskern::elastic
