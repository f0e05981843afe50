// Half steps of the adjoint of a range of rows. Compiled once per instruction set, see step_cpu.cpp.
#include "elastic/adjoint.h"

namespace seiskern::elastic::SK_ISA {
namespace {

template <int kDim, int kRadius, class T>
void retreat(const void* shot_pointer, void* buffer, const Task& task) {
  const auto& shot = *static_cast<const AdjointShot<T>*>(shot_pointer);
  const Adjoint<kDim, kRadius, T> rows(shot, static_cast<T*>(buffer));
  const int64_t step = shot.last - 1 - task.half / 2;
  task.half % 2 == 0 ? rows.stresses(task, step) : rows.velocities(task, step);
}

template <int kDim, class T>
Advance* of_order(int order) {
  switch (order) {
    case 2:
      return retreat<kDim, 1, T>;
    case 4:
      return retreat<kDim, 2, T>;
    case 6:
      return retreat<kDim, 3, T>;
    default:
      return retreat<kDim, 4, T>;
  }
}

}  // namespace

Advance* adjoint(int ndim, int order, int itemsize) {
  if (itemsize == 4) return ndim == 2 ? of_order<2, float>(order) : of_order<3, float>(order);
  return ndim == 2 ? of_order<2, double>(order) : of_order<3, double>(order);
}

}  // namespace seiskern::elastic::SK_ISA
