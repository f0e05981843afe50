// Velocities of a step, packed: rows of nodes one after the other, as they are or as integers of fewer bits,
// without those that can be made again from the rest.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "elastic/codes.h"
#include "elastic/layout.h"
#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// Writes n values of a row, and reads them.
struct Codec {
  void (*encode)(const void* row, int64_t n, void* packed);
  void (*decode)(const void* packed, int64_t n, void* row);
};

#define SK_DECLARE_KERNELS(isa)        \
  namespace isa {                      \
  Codec codec(int itemsize, int bits); \
  }
SK_DECLARE_KERNELS(baseline)
SK_DECLARE_KERNELS(avx2)
SK_DECLARE_KERNELS(avx512)
#undef SK_DECLARE_KERNELS

// That of the instruction set in use. `bits`: 8, 16, or 0 for values as they are.
Codec choose_codec(int itemsize, int bits);

// Nodes [begin, end) along each axis.
struct Region {
  int64_t begin[3], end[3];
};

// Where the velocity along an axis can be made from that of the next step, backwards in time: its stencil
// finds stresses outside the layers, whose own stencils find velocities that are kept or made.
inline Region reversible(const sk_elastic_grid& g, int velocity) {
  const int64_t n[] = {g.nx, g.ny, g.nz}, radius = g.order / 2;
  Region box{};
  for (int axis = 0; axis < 3; ++axis) {
    const int64_t low = g.pml_low[axis], high = g.pml_high[axis], half = axis == velocity;
    box.begin[axis] = low > 0 ? low + radius - half : 0;
    box.end[axis] = high > 0 ? n[axis] - high - radius + 1 - half : n[axis];
    if (box.begin[axis] >= box.end[axis]) return {};
  }
  return box;
}

// Row (k, j) is whole or, in the box, without the columns between the two ends. Sizes are elements.
struct PackedRows {
  Region left_out;
  int64_t whole, ends, first_end;  // of a row, of both ends of one, of the first of them
  int64_t size;                    // of all rows

  int64_t rows() const { return left_out.end[SK_Y] - left_out.begin[SK_Y]; }
  int64_t planes() const { return left_out.end[SK_Z] - left_out.begin[SK_Z]; }
  bool has(int axis, int64_t n) const { return left_out.begin[axis] <= n && n < left_out.end[axis]; }
  static int64_t before(int64_t n, int64_t begin, int64_t end) { return std::clamp(n, begin, end) - begin; }
};

struct PackedLayout {
  std::array<PackedRows, 3> of;  // velocity
  int64_t size = 0;              // of a slice

  PackedLayout(const sk_elastic_grid& g, int bits, bool boundary) {
    const auto packed = [&](int64_t n) {
      return bits == 0 ? n : (n + kScaled - 1) / kScaled + (n * bits / 8 + g.itemsize - 1) / g.itemsize;
    };
    for (int axis = 0; axis < 3; ++axis) {
      if (g.ndim == 2 && axis == SK_Y) continue;
      PackedRows& r = of[axis];
      r.left_out = boundary ? reversible(g, axis) : Region{};
      r.whole = packed(g.nx), r.first_end = packed(r.left_out.begin[SK_X]);
      r.ends = r.first_end + packed(g.nx - r.left_out.end[SK_X]);
      r.size = g.nz * g.ny * r.whole - r.planes() * r.rows() * (r.whole - r.ends);
      size += r.size;
    }
    size = std::max<int64_t>(size, 1);  // without layers too: what is kept has an address
  }
};

template <class T>
class Packed {
 public:
  Packed(const sk_elastic_grid& g, int bits, bool boundary, T* data)
      : l_(g, bits, boundary), codec_(choose_codec(g.itemsize, bits)), data_(data), nx_(g.nx), ny_(g.ny) {}

  // At rest.
  void clear_first() const { std::fill_n(data_, l_.size, T(0)); }

  // Rows of a task, as slice `n`.
  void keep(const View<T>& v, const Task& task, int64_t n) const {
    each_piece(v, task, n, [&](T* row, int64_t columns, T* packed) { codec_.encode(row, columns, packed); });
  }
  // And back; what is left out stays as it is.
  void put(const View<T>& v, const Task& task, int64_t n) const {
    each_piece(v, task, n, [&](T* row, int64_t columns, T* packed) { codec_.decode(packed, columns, row); });
  }

 private:
  template <class Body>
  void each_piece(const View<T>& v, const Task& task, int64_t n, const Body& body) const {
    T* slice = data_ + n * l_.size;
    for (int axis = 0; axis < 3; ++axis) {
      T* const field = v.field[SK_VX + axis];
      if (!field) continue;
      const PackedRows& r = l_.of[axis];
      const Region& b = r.left_out;
      for (int64_t k = task.k0; k < task.k1; ++k) {
        const int64_t left_out = r.before(k, b.begin[SK_Z], b.end[SK_Z]) * r.rows();
        for (int64_t j = task.j0; j < task.j1; ++j) {
          T* const row = field + k * v.stride[SK_Z] + j * v.stride[SK_Y] + v.first;
          const int64_t here = r.has(SK_Z, k) ? r.before(j, b.begin[SK_Y], b.end[SK_Y]) : 0;
          T* const packed = slice + (k * ny_ + j) * r.whole - (left_out + here) * (r.whole - r.ends);
          if (r.has(SK_Z, k) && r.has(SK_Y, j)) {
            body(row, b.begin[SK_X], packed);
            body(row + b.end[SK_X], nx_ - b.end[SK_X], packed + r.first_end);
          } else {
            body(row, nx_, packed);
          }
        }
      }
      slice += r.size;
    }
  }

  PackedLayout l_;
  Codec codec_;
  T* data_;
  int64_t nx_, ny_;
};

}  // namespace seiskern::elastic
