// Which instruction set is in use: the best one that the processor has and SEISKERN_ISA allows.
#include "elastic/isa.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "elastic/adjoint_view.h"
#include "elastic/packed.h"

namespace seiskern::elastic {
namespace {

enum class Isa { kBaseline, kAvx2, kAvx512 };

Isa detect_isa() {
  Isa best = Isa::kBaseline;
#if defined(__x86_64__) && defined(SK_X86)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = Isa::kAvx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    best = Isa::kAvx512;
  }
#endif
  const char* asked = std::getenv("SEISKERN_ISA");
  const Isa limit = !asked                            ? Isa::kAvx512
                    : !std::strcmp(asked, "baseline") ? Isa::kBaseline
                    : !std::strcmp(asked, "avx2")     ? Isa::kAvx2
                                                      : Isa::kAvx512;
  return std::min(best, limit);
}

}  // namespace

Advance* choose_kernel(const sk_elastic_grid& g) {
  switch (detect_isa()) {
#if defined(SK_X86)
    case Isa::kAvx512:
      return avx512::kernel(g.ndim, g.order, g.itemsize);
    case Isa::kAvx2:
      return avx2::kernel(g.ndim, g.order, g.itemsize);
#endif
    default:
      return baseline::kernel(g.ndim, g.order, g.itemsize);
  }
}

Advance* choose_adjoint(const sk_elastic_grid& g) {
  switch (detect_isa()) {
#if defined(SK_X86)
    case Isa::kAvx512:
      return avx512::adjoint(g.ndim, g.order, g.itemsize);
    case Isa::kAvx2:
      return avx2::adjoint(g.ndim, g.order, g.itemsize);
#endif
    default:
      return baseline::adjoint(g.ndim, g.order, g.itemsize);
  }
}

Codec choose_codec(int itemsize, int bits) {
  switch (detect_isa()) {
#if defined(SK_X86)
    case Isa::kAvx512:
      return avx512::codec(itemsize, bits);
    case Isa::kAvx2:
      return avx2::codec(itemsize, bits);
#endif
    default:
      return baseline::codec(itemsize, bits);
  }
}

}  // namespace seiskern::elastic

using namespace seiskern::elastic;

extern "C" {

const char* sk_isa(void) {
  switch (detect_isa()) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    default:
      return "baseline";
  }
}

const char* sk_compiled_isas(void) {
#if defined(SK_X86)
  return "baseline avx2 avx512";
#else
  return "baseline";
#endif
}

}  // extern "C"
