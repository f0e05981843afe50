// Checks of sparse sources and receivers.
#pragma once

#include "seiskern.h"

namespace seiskern::elastic {

// Refuses entries that the kernels must not follow: outside the grid, unsorted, of no field or series.
int check_points(const sk_elastic_points& points, const sk_elastic_grid& grid,
                 const sk_elastic_layout_t& layout, int64_t n_shots);

}  // namespace seiskern::elastic
