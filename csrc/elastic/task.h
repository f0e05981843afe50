// What a thread does next.
#pragma once

#include <cstdint>

namespace seiskern {

// Rows [begin, end) along z that the block after this one starts with, and the share of them, `part` of
// `parts`, that may be fetched from memory meanwhile.
struct Ahead {
  int64_t begin, end, part, parts;
};

// A half step of rows [k0, k1) along z and [j0, j1) along y.
struct Task {
  int64_t half, k0, k1, j0, j1;
  Ahead ahead;
};

}  // namespace seiskern
