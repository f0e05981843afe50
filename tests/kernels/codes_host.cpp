// The kernels of codes.cu, on the host.
#include "cuda_host.h"
#include "elastic/codes.cu"

using namespace seiskern::elastic::SK_ISA;
HOST_KERNEL(encode, true)
HOST_KERNEL(decode, false)
