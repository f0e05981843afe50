// The kernels of fused.cu, on the host.
#include "cuda_host.h"
#include "elastic/fused.cu"

using namespace seiskern::elastic::SK_ISA;
HOST_KERNEL(step_inside, true)
HOST_KERNEL(velocity_inside, false)
HOST_KERNEL(velocity_edges, false)
HOST_KERNEL(stress_inside, false)
HOST_KERNEL(stress_edges, false)
HOST_KERNEL(keep_velocities, false)
HOST_KERNEL(inject, false)
HOST_KERNEL(record, true)
HOST_KERNEL(tick, false)
