// The kernels of adjoint.cu, on the host.
#include "cuda_host.h"
#include "elastic/adjoint.cu"

using namespace seiskern::elastic::SK_ISA;
HOST_KERNEL(velocity_back_inside, false)
HOST_KERNEL(velocity_back_edges, false)
HOST_KERNEL(stress_back_inside, false)
HOST_KERNEL(stress_back_edges, false)
HOST_KERNEL(inject, false)
HOST_KERNEL(record, true)
HOST_KERNEL(weigh, false)
HOST_KERNEL(correct, false)
HOST_KERNEL(tick, false)
