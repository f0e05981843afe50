// The way back of half steps on a GPU, for all shots at a time; adjoint.h has the equations. Compiled for one
// problem as step.cu is, and by SK_REVERSED, 1 if velocities of the run are kept at edges only: then the run
// goes back in time beside, by the same step taken from its fields, for sources and layers see README.md.
//
// Before an update gradients of records are injected, by `inject` of step.cu: a sum is the same whatever its
// order. After it those of sources are sampled, by `record`. So an update does all else at once: it damps,
// advances the memory variables, keeps fields with them, and adds to the image.
#include <cstdint>

#include "elastic/adjoint_device.h"
#include "elastic/edge.h"
#include "elastic/series.h"
#include "elastic/thread.h"
#include "elastic/view.h"

namespace seiskern::elastic::SK_ISA {

using V = typename Simd<T>::Vector;

SK_INLINE constexpr int stress_of(int a, int b) { return a == b ? SK_SXX + a : SK_SXY + a + b - 1; }

// Moduli that are one, or zero beside the nodes: what stresses are then are strains.
struct Unit {
  const View<T>& v;

  SK_INLINE B one(Index x) const { return B::all(Simd<T>::load(v.twos + x) * Simd<T>::all(T(0.5))); }
  SK_INLINE B at(int medium, Index) const { return B::all(Simd<T>::all(medium <= SK_CZZ ? T(1) : T(0))); }
  template <int kA, int kB>
  SK_INLINE B mu(Index, Index x) const {
    return one(x);
  }
};

// A view of the run: its fields, or the velocities of a slice of those at hand.
SK_INLINE View<T> run_of(const AdjointDevice<T>& d, const View<T>& like, int64_t shot, int64_t slice) {
  View<T> v = like;
  if constexpr (SK_REVERSED) {
    for (int f = 0; f < SK_FIELDS; ++f) v.field[f] = d.past[f] + shot * d.pasts;
  } else {
    for (int n = 0; n < 3; ++n) {
      v.field[SK_VX + n] = d.run.history[n] + shot * d.run.histories + slice * d.run.slices;
    }
  }
  return v;
}

SK_INLINE Filter<T> filter_of(const AdjointDevice<T>& d, int axis, int64_t shot) {
  Filter<T> f = d.filter[axis];
  for (int n = 0; n < 3; ++n) f.stress[n] += shot * d.run.memory, f.velocity[n] += shot * d.run.memory;
  f.trace += shot * d.run.memory;
  return f;
}

SK_INLINE void add_to(T* array, Index i, const B& value) {
  (B::load(array + i, 0) + value).store(array + i, 0);
}

// One axis at a node: its memory variables advance, and fields are kept with them.
template <bool kVelocity, int kAxis>
class Follow {
 public:
  SK_INLINE Follow(const AdjointDevice<T>& d, const View<T>& v, int32_t shot, int32_t k, int32_t j, int32_t c)
      : v_(v), filter_(filter_of(d, kAxis, shot)), spot_(v, k, j, c) {
    const FilterLayout& l = filter_.l;
    const int64_t row = k * l.plane + (SK_DIM == 2 ? 0 : j * v.stride[SK_Y]) + c;
    kept_ = static_cast<Index>(row - (spot_.number < l.kept_low ? 0 : l.shift));
  }

  // psi <- b psi + a u for the fields u that differences along the axis read.
  SK_INLINE void fields(Pending<kVelocity>& u) const {
    for (int n = 0; n < 3; ++n) {
      if (SK_DIM == 2 && n == SK_Y) continue;
      field(u, n, kVelocity == (n == kAxis));
    }
  }
  // The same for the trace of the stresses, of which there is no difference.
  SK_INLINE void trace(const B& u) const {
    if (spot_.layer) advance(filter_.trace + spot_.element(filter_.pitch), false, u);
  }

  // What differences along the axis see of a trace, or of the stress on plane n.
  SK_INLINE B seen_trace(const B& u) const {
    return spot_.layer ? u + B::load(filter_.trace + spot_.element(filter_.pitch), 0) : u;
  }
  SK_INLINE B seen(int n, const B& u) const {
    const Layer<T>& l = v_.layer[kAxis];
    return spot_.layer ? u + B::load(l.memory[n] + spot_.element(l.pitch), 0) : u;
  }

 private:
  SK_INLINE void field(Pending<kVelocity>& u, int n, bool half) const {
    const Layer<T>& l = v_.layer[kAxis];
    B value = u.of(kVelocity ? SK_VX + n : stress_of(kAxis, n));
    if (spot_.layer) {
      value = value + advance(l.memory[n + (kVelocity ? 3 : 0)] + spot_.element(l.pitch), half, value);
    }
    if (kAxis != SK_X && filter_.l.keeps(spot_.number)) {
      value.store((kVelocity ? filter_.velocity : filter_.stress)[n] + kept_, 0);
    }
  }
  SK_INLINE B advance(T* psi, bool half, const B& u) const {
    const Profile<T>& p = v_.profile[kAxis];
    const B next = spot_.of(p.b[half]) * B::load(psi, 0) + spot_.of(p.a[half]) * u;
    next.store(psi, 0);
    return next;
  }

  const View<T>& v_;
  Filter<T> filter_;
  Spot<T, kAxis> spot_;
  Index kept_;
};

// Inside nothing follows, nothing is damped, and all is seen as it is.
struct Nothing {
  template <class U>
  SK_INLINE void fields(U&) const {}
  SK_INLINE void trace(const B&) const {}
  SK_INLINE B seen_trace(const B& u) const { return u; }
  SK_INLINE B seen(int, const B& u) const { return u; }
};

template <class Of>
constexpr bool kInside = false;
template <>
constexpr bool kInside<Nothing> = true;

// Of the stress on two planes, along whose axes A and B are strain rates.
template <int kA, int kB, class A, class C, class OfA, class OfB>
SK_INLINE B image_shear(const B& t, Index i, Index c, A& a, C& b, const OfA& of_a, const OfB& of_b) {
  if constexpr (kInside<OfA>) return (a.template at<kB>(i, c) + b.template at<kA>(i, c)) * t;
  return a.template at<kB>(i, c) * of_a.seen(kB, t) + b.template at<kA>(i, c) * of_b.seen(kA, t);
}

// Adds to the images of stresses, X, Y and Z being strain rates of the run and what of layers is seen.
template <class X, class Y, class Z, class OfX, class OfY, class OfZ>
SK_INLINE void image_strains(T* const (&image)[SK_IMAGES], Pending<false>& t, Index i, Index c, X& x, Y& y,
                             Z& z, const OfX& of_x, const OfY& of_y, const OfZ& of_z) {
  const B exx = x.template at<SK_X>(i, c), ezz = z.template at<SK_Z>(i, c);
  const B txx = t.of(SK_SXX), tzz = t.of(SK_SZZ), txz = t.of(SK_SXZ);
  if constexpr (SK_DIM == 2) {
    const B trace = txx + tzz;
    add_to(image[SK_IMAGE_TRACE], i, exx * of_x.seen_trace(trace) + ezz * of_z.seen_trace(trace));
    add_to(image[SK_IMAGE_DIAGONAL], i, exx * of_x.seen(SK_X, txx) + ezz * of_z.seen(SK_Z, tzz));
  } else {
    const B eyy = y.template at<SK_Y>(i, c), tyy = t.of(SK_SYY), trace = txx + tyy + tzz;
    add_to(image[SK_IMAGE_TRACE], i,
           exx * of_x.seen_trace(trace) + eyy * of_y.seen_trace(trace) + ezz * of_z.seen_trace(trace));
    add_to(image[SK_IMAGE_DIAGONAL], i,
           exx * of_x.seen(SK_X, txx) + eyy * of_y.seen(SK_Y, tyy) + ezz * of_z.seen(SK_Z, tzz));
    add_to(image[SK_IMAGE_XY], i, image_shear<SK_X, SK_Y>(t.of(SK_SXY), i, c, x, y, of_x, of_y));
    add_to(image[SK_IMAGE_YZ], i, image_shear<SK_Y, SK_Z>(t.of(SK_SYZ), i, c, y, z, of_y, of_z));
  }
  add_to(image[SK_IMAGE_XZ], i, image_shear<SK_X, SK_Z>(txz, i, c, x, z, of_x, of_z));
}

SK_INLINE void images_of_shot(const AdjointDevice<T>& d, int64_t shot, T* (&image)[SK_IMAGES]) {
  for (int n = 0; n < SK_IMAGES; ++n) image[n] = d.image[n] + shot * d.images;
}

SK_INLINE B trace_of(Pending<false>& t) {
  const B plane = t.of(SK_SXX) + t.of(SK_SZZ);
  if constexpr (SK_DIM == 3) return plane + t.of(SK_SYY);
  return plane;
}

// The same differences of the adjoint strains, in a medium of unit moduli.
template <class X, class Y, class Z>
SK_INLINE void add_strains(const AdjointDevice<T>& d, const View<T>& v, int32_t k, const Place& p, Index i,
                           X& x, Y& y, Z& z) {
  if (!d.strain[SK_SXX] || k < d.begin || k >= d.end) return;
  View<T> e = v;
  for (int f = SK_SXX; f < SK_FIELDS; ++f) e.field[f] = d.strain[f] + p.shot * d.strains;
  Pending<false> pending(e);
  const Unit unit{v};
  Nodes<SK_DIM, Pending<false>&>{pending}.template add_stress<true>(i, p.c, unit, x, y, z);
  pending.damp(k, p.j, p.c);
  pending.write(i);
}

// Derivatives of the run along an axis.
template <bool kPlain, bool kVelocity, int kAxis>
SK_INLINE auto of_run(const AdjointDevice<T>& d, const View<T>& run, int32_t number) {
  if constexpr (kPlain) {
    return along<SK_DIM, SK_RADIUS, kVelocity, kAxis>(run).template rows<1>(0);
  } else {
    return Bare<T, kVelocity, kAxis>(d.run, run, number);
  }
}

// The same at one node, taken once.
template <class D>
class Taken {
 public:
  SK_INLINE Taken(D d, Index i, Index c) {
    of_[SK_X] = d.template at<SK_X>(i, c), of_[SK_Z] = d.template at<SK_Z>(i, c);
    if constexpr (SK_DIM == 3) of_[SK_Y] = d.template at<SK_Y>(i, c);
  }
  template <int kN>
  SK_INLINE B at(Index, Index) const {
    return of_[kN];
  }

 private:
  B of_[3];
};
template <bool kPlain, int kAxis>
SK_INLINE auto rates(const AdjointDevice<T>& d, const View<T>& run, int32_t number, Index i, Index c) {
  const auto lazy = of_run<kPlain, false, kAxis>(d, run, number);
  if constexpr (SK_REVERSED && (SK_DIM == 3 || kAxis != SK_Y)) {
    return Taken(lazy, i, c);
  } else {
    return lazy;
  }
}

template <class X, class Y, class Z, class OfX, class OfY, class OfZ>
SK_INLINE void stress_back(const AdjointDevice<T>& d, const View<T>& v, const View<T>& run, int32_t k,
                           const Place& p, X x, Y y, Z z, const OfX& of_x, const OfY& of_y, const OfZ& of_z) {
  const Index i = element(v, k, p);
  constexpr bool kPlain = kInside<OfX>;
  add_strains(d, v, k, p, i, x, y, z);
  auto rate_x = rates<kPlain, SK_X>(d, run, p.c, i, p.c);
  auto rate_y = rates<kPlain, SK_Y>(d, run, p.j, i, p.c);
  auto rate_z = rates<kPlain, SK_Z>(d, run, k, i, p.c);
  if constexpr (SK_REVERSED) {
    Pending<false, true> s(run);
    add<false>(s, run, i, p.c, rate_x, rate_y, rate_z);
    if constexpr (!kPlain) s.free(k);
    s.write(i);
  }
  Pending<false> t(v);
  add<false>(t, v, i, p.c, x, y, z);
  if constexpr (!kPlain) t.damp(k, p.j, p.c);
  of_x.fields(t), of_z.fields(t);
  if constexpr (SK_DIM == 3) of_y.fields(t);
  t.write(i);
  if (SK_ORTHORHOMBIC || !d.image[SK_IMAGE_TRACE]) return;  // images are those of isotropic media
  const B trace = trace_of(t);
  of_x.trace(trace), of_z.trace(trace);
  if constexpr (SK_DIM == 3) of_y.trace(trace);
  T* image[SK_IMAGES];
  images_of_shot(d, p.shot, image);
  image_strains(image, t, i, p.c, rate_x, rate_y, rate_z, of_x, of_y, of_z);
}

// What is kept in place of what is made.
SK_INLINE void find(const AdjointDevice<T>& d, int32_t k, const Place& p, int64_t slice,
                    Pending<true, true>& last) {
  for (int32_t lane = 0; lane < SK_LANES; ++lane) {
    const int box = box_of(d.kept, k, p.j, p.c + lane);
    if (box == 0) continue;
    const int64_t number = number_in(d.kept[box], k, p.j, p.c + lane);
    for (int n = 0; n < 3; ++n) {
      if (SK_DIM == 2 && n == SK_Y) continue;
      const T* const kept = d.run.history[n] + p.shot * d.run.histories + slice * d.run.slices;
      last.of(SK_VX + n).row[0].of[lane] = kept[number];
    }
  }
}

// Velocities of the run before a step; `after` become those after it, but for what sources added.
template <bool kPlain>
SK_INLINE void bring(const AdjointDevice<T>& d, const View<T>& run, int32_t k, const Place& p, Index i,
                     int64_t slice, Pending<true, true>& last, B (&after)[3]) {
  for (int n = 0; n < 3; ++n) {
    if (SK_DIM == 2 && n == SK_Y) continue;
    after[n] = B::load(run.field[SK_VX + n] + (SK_REVERSED ? 0 : d.run.slices) + i, 0);
    if constexpr (!SK_REVERSED) last.of(SK_VX + n) = B::load(run.field[SK_VX + n] + i, 0);
  }
  if constexpr (SK_REVERSED) {
    auto x = of_run<kPlain, true, SK_X>(d, run, p.c);
    auto y = of_run<kPlain, true, SK_Y>(d, run, p.j);
    auto z = of_run<kPlain, true, SK_Z>(d, run, k);
    add<true>(last, run, i, p.c, x, y, z);
    if constexpr (!kPlain) find(d, k, p, slice, last);
    last.write(i);
  }
}

template <class X, class Y, class Z, class OfX, class OfY, class OfZ>
SK_INLINE void velocity_back(const AdjointDevice<T>& d, const View<T>& v, const View<T>& run, int64_t slice,
                             int32_t k, const Place& p, X x, Y y, Z z, const OfX& of_x, const OfY& of_y,
                             const OfZ& of_z) {
  constexpr bool kPlain = kInside<OfX>;
  const Index i = element(v, k, p);
  const bool imaged = !SK_ORTHORHOMBIC && d.image[SK_IMAGE_VX];
  // In place of the velocities before the step those that damping left of them.
  Pending<true, true> last(run);
  B after[3];
  if (SK_REVERSED || imaged) bring<kPlain>(d, run, k, p, i, slice, last, after);
  Pending<true> w(v), undamped(v);
  add<true>(w, v, i, p.c, x, y, z);
  for (int n = 0; n < 3; ++n) undamped.of(SK_VX + n) = w.of(SK_VX + n);
  if constexpr (!kPlain) w.damp(k, p.j, p.c), last.damp(k, p.j, p.c);
  of_x.fields(w), of_z.fields(w);
  if constexpr (SK_DIM == 3) of_y.fields(w);
  w.write(i);
  if (!imaged) return;
  T* image[SK_IMAGES];
  images_of_shot(d, p.shot, image);
  for (int n = 0; n < 3; ++n) {
    if (SK_DIM == 2 && n == SK_Y) continue;
    const B& kept = last.of(SK_VX + n);
    add_to(image[SK_IMAGE_VX + n], i, undamped.of(SK_VX + n) * B::all(after[n].row[0] - kept.row[0]));
  }
}

template <bool kVelocity, bool kEdges>
SK_INLINE void back(const AdjointDevice<T>& d, int64_t slice) {
  Place p;
  if (!find_place(d.run, kEdges ? 1 : 0, kEdges ? kBoxes : 1, p)) return;
  const View<T> v = of_shot(d.run, p.shot);
  const View<T> run = run_of(d, v, p.shot, kVelocity ? slice : slice + 1);
  const auto advance = [&](int32_t k, auto x, auto y, auto z, const auto& of_x, const auto& of_y,
                           const auto& of_z) {
    if constexpr (kVelocity) {
      velocity_back(d, v, run, slice, k, p, x, y, z, of_x, of_y, of_z);
    } else {
      stress_back(d, v, run, k, p, x, y, z, of_x, of_y, of_z);
    }
  };
  for (int32_t k = p.k; k < p.end[SK_Z]; ++k) {
    if constexpr (kEdges) {
      const Filter<T> fx = filter_of(d, SK_X, p.shot), fy = filter_of(d, SK_Y, p.shot),
                      fz = filter_of(d, SK_Z, p.shot);
      advance(
          k, Joint<T, kVelocity, SK_X>(d.run, v, fx, k, p.j), Joint<T, kVelocity, SK_Y>(d.run, v, fy, k, p.j),
          Joint<T, kVelocity, SK_Z>(d.run, v, fz, k, p.j), Follow<kVelocity, SK_X>(d, v, p.shot, k, p.j, p.c),
          Follow<kVelocity, SK_Y>(d, v, p.shot, k, p.j, p.c),
          Follow<kVelocity, SK_Z>(d, v, p.shot, k, p.j, p.c));
    } else {
      advance(k, along<SK_DIM, SK_RADIUS, kVelocity, SK_X>(v).template rows<1>(0),
              along<SK_DIM, SK_RADIUS, kVelocity, SK_Y>(v).template rows<1>(0),
              along<SK_DIM, SK_RADIUS, kVelocity, SK_Z>(v).template rows<1>(0), Nothing{}, Nothing{},
              Nothing{});
    }
  }
}

using Back = const AdjointDevice<T>;

extern "C" {

// The step is that of the clock and n.
__global__ void __launch_bounds__(SK_THREADS, sizeof(T) == 4 ? 2 : 1)
    stress_back_inside(const __grid_constant__ Back d, const Clock* clock, int32_t n) {
  back<false, false>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, 1)
    stress_back_edges(const __grid_constant__ Back d, const Clock* clock, int32_t n) {
  back<false, true>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, sizeof(T) == 4 ? 0 : 1)
    velocity_back_inside(const __grid_constant__ Back d, const Clock* clock, int32_t n) {
  back<true, false>(d, Step(clock, n).slice);
}
__global__ void __launch_bounds__(SK_THREADS, sizeof(T) == 4 && !SK_REVERSED ? 2 : 1)
    velocity_back_edges(const __grid_constant__ Back d, const Clock* clock, int32_t n) {
  back<true, true>(d, Step(clock, n).slice);
}

}  // extern "C"
}  // namespace seiskern::elastic::SK_ISA
