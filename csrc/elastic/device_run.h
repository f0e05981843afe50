// From the C structures to what the kernels of a GPU take.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "seiskern.h"

namespace seiskern::elastic {

// How a block of threads lies on the nodes.
struct Blocks {
  std::array<int32_t, 3> threads;  // along x, y, z
  int32_t lanes, planes;           // nodes of a thread along x and z
};

// Coefficients of differences along z below a free surface, see Device.
struct Closure {
  int64_t planes, taps;
  std::vector<double> weights;
};
Closure make_closure(const sk_elastic_grid& g);

// How a run is cut into boxes: the nodes inside keep away from layers and the surface by a margin, and have
// blocks of their own.
struct Cut {
  Blocks edges, inside;
  std::array<int64_t, 3> margin;
};

// Where a step writes, or NULL: to the fields of the run; and how many bytes a number in fields has.
struct Written {
  void* fields;
  int64_t itemsize;
};

// The bytes of a Device, the tiles of the nodes inside and of the others, and where those inside begin and
// end along x, y, z.
struct DeviceRun {
  std::vector<char> bytes;
  int64_t inside, edges;
  std::array<int32_t, 3> begin, end;
};

// Bytes for the wavefield of a shot in 2-D and the memory variables of its layers in each of so many blocks,
// see shots.cu; -1: a block would have too few rows.
int64_t room_of(const sk_elastic_grid& g, int64_t blocks);

// Elements of a velocity that are kept at edges: those of all boxes around where it can be made from the next
// step.
int64_t edge_nodes(const sk_elastic_grid& g);

// All pointers are those of the GPU, points are left out. `twos`: as in View. The history is
// (slices, n_shots, dimensions, array_size or edge_nodes), of velocities before a step and before those that
// follow it; those of edges are not kept by the run itself. `keeper`: boxes are those that are kept at edges.
DeviceRun make_device_run(const sk_elastic& p, const Cut& cut, const void* closure, const void* twos,
                          const Written& written, bool keeper);

// The bytes of an AdjointDevice. Strains are made in planes [begin, end).
DeviceRun make_adjoint_device(const sk_elastic_adjoint& p, const Cut& cut, const void* closure,
                              const void* twos, int64_t begin, int64_t end);

}  // namespace seiskern::elastic
