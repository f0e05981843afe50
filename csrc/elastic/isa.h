// The compiled kernels of the instruction set in use.
#pragma once

#include "elastic/view.h"
#include "seiskern.h"

namespace seiskern::elastic {

// Of a half step, and of one of the adjoint.
Advance* choose_kernel(const sk_elastic_grid& g);
Advance* choose_adjoint(const sk_elastic_grid& g);

}  // namespace seiskern::elastic
