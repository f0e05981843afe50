// One shot as the kernels see it: raw pointers and strides.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/task.h"
#include "seiskern.h"

namespace seiskern::elastic {

constexpr int kRowAlign = 16;  // elements: rows are whole 64-byte vectors in single precision

// Absorbing profiles of one axis, on nodes (0) and half nodes (1).
template <class T>
struct Profile {
  const T* a[2];
  const T* b[2];
  const T* g[2];  // factor of a half step
};

// Where one axis is absorbing, in nodes, and where its memory variables are: first the low layer, then the
// high one. Those of x have short rows, so the rows of all that a half step needs are interleaved, row 0 of
// each, then row 1: one stream through memory.
template <class T>
struct Layer {
  int64_t low, high;  // absorbing: [0, low) and [high, n)
  T* memory[6];       // of D s_nA for n = x, y, z, then of D v_n
  int64_t pitch;      // elements from row to row
};

// One shot: pointers to column 0 of row (0, 0).
template <class T>
struct View {
  int64_t nx, ny, nz;  // columns, whole vectors; rows; planes
  int64_t first;       // column of node 0
  int64_t stride[3];   // x, y, z
  Field<T>* field[SK_FIELDS];
  const T* medium[SK_MEDIA];
  const T* twos;  // columns: 2, in padding 0
  Layer<T> layer[3];
  Profile<T> profile[3];
  double scale[3];  // dt / h along x, y, z
  T c[3][4];        // stencil coefficients times scale
  bool free_surface, orthorhombic;
  bool damped;                           // whether a factor of the profiles is not 1
  bool paired;                           // whether two planes at a time are taken in 3-D
  int64_t piece;                         // columns at a time in 2-D
  const T* array[SK_FIELDS + SK_MEDIA];  // fields and media that there are
  int64_t n_arrays;
};

// Number of row (k, j), which is in a layer of an axis, among the rows of its memory variables.
template <class T>
SK_INLINE int64_t layer_row(const View<T>& v, int axis, int64_t k, int64_t j) {
  const Layer<T>& l = v.layer[axis];
  const int64_t at = axis == SK_Y ? j : k, gap = at < l.low ? 0 : l.high - l.low;
  if (axis == SK_Y) return k * (v.ny - (l.high - l.low)) + j - gap;
  return (axis == SK_Z ? k - gap : k) * v.ny + j;
}

// Rows or planes of an array that the adjoint keeps with what the memory variables of an axis, y or z, add:
// where differences along it reach into a layer, and what these differences read. Rows lie apart as those of
// the array. Layers too near to each other are one; x has none.
struct FilterLayout {
  int64_t low, high;            // [0, low) and [high, n) have differences of what is kept,
  int64_t kept_low, kept_high;  // [0, kept_low) and [kept_high, n), with zeros around
  int64_t lead, plane, size;    // elements before the first; from plane to plane; in all
  int64_t shift;                // elements that rows of the high layer lie earlier than those of the array

  SK_INLINE bool keeps(int64_t row) const { return row < kept_low || row >= kept_high; }
};

// Sparse sources or receivers of one shot, see sk_elastic_points.
template <class T>
struct Points {
  const int64_t* row_start;
  const int64_t* offset;
  const int32_t* field;
  const int32_t* series;
  const T* weight;
  T* data;  // (n_steps, n_series)
  int64_t n_series;
};

template <class T>
struct Shot {
  View<T> view;
  Points<T> sources[2], receivers[2];  // of velocity, of stress
  int64_t rest;                        // half step, even, before which all is at rest; -1: none
};

// A half step: of velocity if it is even, of stress if odd. `buffer`: see Workspace.
using Advance = void(const void* shot, void* buffer, const Task& task);

// The compiled kernels, one table per instruction set.
#define SK_DECLARE_KERNELS(isa)                       \
  namespace isa {                                     \
  Advance* kernel(int ndim, int order, int itemsize); \
  }
SK_DECLARE_KERNELS(baseline)
SK_DECLARE_KERNELS(avx2)
SK_DECLARE_KERNELS(avx512)
#undef SK_DECLARE_KERNELS

}  // namespace seiskern::elastic
