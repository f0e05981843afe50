// Derivatives at a node that may be in absorbing layers or below a free surface, for a thread of a GPU. They
// hold where they are, and no more: registers are scarce.
#pragma once

#include <cstdint>

#include "common/simd.h"
#include "elastic/adjoint_view.h"
#include "elastic/derivatives.h"
#include "elastic/device.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

// Column c of row (k, j) along an axis.
template <class T, int kAxis>
struct Spot {
  using B = Block<T, 1>;
  int32_t number;     // of the node along it
  bool layer;         // whether it is in one; then
  Index row, column;  // of its memory variables

  SK_INLINE Spot(const View<T>& view, int32_t k, int32_t j, int32_t c)
      : number(kAxis == SK_X   ? c
               : kAxis == SK_Y ? j
                               : k) {
    const Layer<T>& l = view.layer[kAxis];
    layer = number < l.low || number >= l.high;
    row = static_cast<Index>(layer_row(view, kAxis, k, j));
    column = static_cast<Index>(kAxis == SK_X && c >= l.low ? c - (l.high - l.low) : c);
  }
  SK_INLINE Index element(int64_t pitch) const { return row * static_cast<Index>(pitch) + column; }

  SK_INLINE B of(const T* profile) const {
    return B::all(kAxis == SK_X ? Simd<T>::each(profile + number) : Simd<T>::all(profile[number]));
  }
};

// Without layers.
template <class T, bool kVelocity, int kAxis>
class Bare {
  using B = Block<T, 1>;
  using S = Simd<T>;
  using D = Along<SK_RADIUS, T, kVelocity, kAxis>;

 public:
  template <int kN>
  static constexpr bool half = D::template plus<kN>;  // where it lands

  SK_INLINE Bare(const Device<T>& device, const View<T>& view, int32_t number)
      : d(along<SK_DIM, SK_RADIUS, kVelocity, kAxis>(view).template rows<1>(0)),
        device_(device),
        number_(number) {}

  template <int kN>
  SK_INLINE B at(Index i, Index c) {
    if (kAxis == SK_Z && number_ < device_.closed) return closed<kN>(i);
    return d.template at<kN>(i, c);
  }

  typename D::template Slice<1> d;

 private:
  template <int kN>
  SK_INLINE B closed(Index i) const {
    const T* c = device_.closure + ((2 * half<kN> + (kN == SK_Z)) * device_.closed + number_) * device_.taps;
    const Field<T>* u = d.u[kN] + (i - number_ * d.stride);
    B sum = B::all(S::all(0));
    for (int tap = 0; tap < device_.taps; ++tap, u += d.stride) {
      sum = sum + B::all(S::all(c[tap])) * B::load(u, 0);
    }
    return sum;
  }

  const Device<T>& device_;
  int32_t number_;
};

// Forward: stretched in layers.
template <class T, bool kVelocity, int kAxis>
class Edge {
  using B = Block<T, 1>;

 public:
  SK_INLINE Edge(const Device<T>& device, const View<T>& view, int32_t k, int32_t j, int32_t c)
      : view_(view), spot_(view, k, j, c), bare_(device, view, spot_.number) {}

  template <int kN>
  SK_INLINE B at(Index i, Index c) {
    constexpr bool half = Bare<T, kVelocity, kAxis>::template half<kN>;
    const B g = bare_.template at<kN>(i, c);
    if (!spot_.layer) return g;
    const Profile<T>& p = view_.profile[kAxis];
    const Layer<T>& l = view_.layer[kAxis];
    T* const psi = l.memory[kN + (kVelocity ? 0 : 3)] + spot_.element(l.pitch);
    return stretch(g, spot_.of(p.a[half]), spot_.of(p.b[half]), psi, 0);
  }

 private:
  const View<T>& view_;
  Spot<T, kAxis> spot_;
  Bare<T, kVelocity, kAxis> bare_;
};

// In the adjoint: of fields with their memory variables. Along y and z they are kept so, where differences
// reach into a layer; along x they are put together here.
template <class T, bool kVelocity, int kAxis>
class Joint {
  using B = Block<T, 1>;
  using S = Simd<T>;

 public:
  SK_INLINE Joint(const Device<T>& device, const View<T>& view, const Filter<T>& filter, int32_t k, int32_t j)
      : view_(view),
        bare_(device, view, kAxis == SK_Y ? j : k),
        row_(static_cast<Index>(layer_row(view, SK_X, k, j) * view.layer[SK_X].pitch)) {
    const FilterLayout& l = filter.l;
    const int32_t number = kAxis == SK_Y ? j : k;
    const bool low = number < l.low;
    if (kAxis == SK_X || (!low && number < l.high)) return;
    const int64_t skip = k * (l.plane - view.stride[SK_Z]) - (low ? 0 : l.shift);
    for (int n = 0; n < 3; ++n) {
      const int there = SK_DIM == 2 && n == SK_Y ? SK_X : n;
      bare_.d.u[n] = (kVelocity ? filter.stress : filter.velocity)[there] + skip;
    }
  }

  template <int kN>
  SK_INLINE B at(Index i, Index c) {
    if constexpr (kAxis == SK_X) {
      const Layer<T>& l = view_.layer[SK_X];
      if (c < l.low + kReach || c >= l.high - kReach) return across<kN>(i, static_cast<int32_t>(c));
    }
    return bare_.template at<kN>(i, c);
  }

 private:
  static constexpr int kReach = SK_RADIUS + SK_LANES;  // and no less

  template <int kN>
  SK_INLINE B across(Index i, int32_t c) const {
    constexpr int plus = Bare<T, kVelocity, kAxis>::template half<kN>;
    B sum = B::all(S::all(0));
    for (int m = 0; m < SK_RADIUS; ++m) {
      B term = B::all(S::all(0));
      for (int n = 0; n < SK_LANES; ++n) {
        const int after = n + m + plus, before = n - m - 1 + plus;
        term.row[0].of[n] = value<kN>(i + after, c + after) - value<kN>(i + before, c + before);
      }
      sum = sum + B::all(bare_.d.c[m]) * term;
    }
    return sum;
  }
  template <int kN>
  SK_INLINE T value(Index i, int32_t c) const {
    const Layer<T>& l = view_.layer[SK_X];
    const T u = bare_.d.u[kN][i];
    const bool low = c >= 0 && c < l.low, high = c >= l.high && c < view_.nx;
    if (!low && !high) return u;
    return u + l.memory[kN + (kVelocity ? 0 : 3)][row_ + (low ? c : c - (l.high - l.low))];
  }

  const View<T>& view_;
  Bare<T, kVelocity, kAxis> bare_;
  Index row_;
};

}  // namespace seiskern::elastic::SK_ISA
