// Differences along z below a free surface, row by row.
#pragma once

#include <cstdint>

#include "common/stencil.h"
#include "elastic/surface.h"

namespace seiskern::elastic {

// Rows that are not those of the scheme inside.
template <int kRadius, bool kPlus>
constexpr int64_t kClosedRows = kPlus ? Surface<kRadius>::plus_rows : Surface<kRadius>::minus_rows;

// Planes in which a row of D+ or D- is closed.
template <int kRadius>
constexpr int64_t kClosedPlanes =
    kClosedRows<kRadius, true> > kClosedRows<kRadius, false> ? kClosedRows<kRadius, true>
                                                             : kClosedRows<kRadius, false>;

// Row k of D+ or D- reads the planes [begin, end).
template <int kRadius, bool kPlus>
struct ClosedRow {
  using S = Surface<kRadius>;
  int64_t k, begin, end;

  explicit ClosedRow(int64_t k_) : k(k_), begin(0), end(kPlus ? S::plus_taps : S::minus_taps) {
    if (k < kClosedRows<kRadius, kPlus>) return;
    begin = k - kRadius + kPlus, end = begin + 2 * kRadius;
  }

  // Of a plane, times h. On the surface itself the moduli are those of plane stress: the strain along z drops
  // out and szz is zero, whatever is put there.
  double weight(Pair pair, int64_t plane) const {
    if (pair == Pair::kNormal && (kPlus ? plane : k) == 0) return 0;
    const int p = static_cast<int>(pair);
    if (k < kClosedRows<kRadius, kPlus>) return kPlus ? S::plus[p][k][plane] : S::minus[p][k][plane];
    const int64_t tap = plane - begin;
    return tap < kRadius ? -Taylor<kRadius>::c[kRadius - 1 - tap] : Taylor<kRadius>::c[tap - kRadius];
  }
};

}  // namespace seiskern::elastic
