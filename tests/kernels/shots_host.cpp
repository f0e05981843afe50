// The kernel of shots.cu, on the host.
#include "cuda_host.h"
#include "elastic/shots.cu"

using namespace seiskern::elastic::SK_ISA;
HOST_KERNEL(shots, true)
