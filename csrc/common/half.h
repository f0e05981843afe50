// Numbers of half precision in memory: arithmetic is done in single precision.
#pragma once

#include <cstdint>

namespace seiskern {
inline namespace SK_ISA {

class Half {
 public:
  SK_INLINE Half(float value) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits_) : "f"(value));
#else
    const _Float16 rounded = static_cast<_Float16>(value);
    __builtin_memcpy(&bits_, &rounded, sizeof bits_);
#endif
  }
  SK_INLINE operator float() const {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits_));
    return value;
#else
    _Float16 value;
    __builtin_memcpy(&value, &bits_, sizeof bits_);
    return static_cast<float>(value);
#endif
  }
  SK_INLINE Half& operator+=(float value) { return *this = Half(float(*this) + value); }
  SK_INLINE Half& operator-=(float value) { return *this += -value; }
  Half() = default;

 private:
  uint16_t bits_;
};

}  // namespace SK_ISA
}  // namespace seiskern
