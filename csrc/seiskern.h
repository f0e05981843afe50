/* C interface of the seiskern CPU core: plain C, no Python, no torch. Every pointer is caller-owned memory.
 *
 * A shot lives on a staggered grid of nz x ny x nx nodes, absorbing layers included (ny = 1 in 2-D). Half
 * positions carry the index of the node before them: vx(k, j, i) lies at i + 1/2, sxz(k, j, i) at k + 1/2 and
 * i + 1/2. Arrays are padded; sk_elastic_layout() tells the strides. The padding must be zero and stays zero.
 */
#ifndef SEISKERN_H_
#define SEISKERN_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Order of the field and medium arrays; 2-D problems use the ones marked *. */
enum sk_field {
  SK_VX /* * */,
  SK_VY,
  SK_VZ /* * */,
  SK_SXX /* * */,
  SK_SYY,
  SK_SZZ /* * */,
  SK_SXY,
  SK_SXZ /* * */,
  SK_SYZ,
  SK_FIELDS
};
enum sk_medium {
  SK_BX /* * buoyancy 1/rho at vx */,
  SK_BY,
  SK_BZ /* * */,
  SK_LAM /* * at nodes; on a free surface 2 lam mu / (lam + 2 mu) */,
  SK_MU2 /* * 2 mu at nodes */,
  SK_MXY,
  SK_MXZ /* * mu at sxz */,
  SK_MYZ,
  SK_MEDIA
};
enum sk_axis { SK_X, SK_Y, SK_Z, SK_AXES };

/* Return codes. sk_error() has the words. */
enum sk_status { SK_OK = 0, SK_INVALID = 1, SK_NO_MEMORY = 2 };

typedef struct {
  int32_t ndim;         /* 2 or 3 */
  int32_t order;        /* 2, 4, 6 or 8 */
  int32_t itemsize;     /* 4: float, 8: double */
  int32_t free_surface; /* 1: the plane k = 0 is a free surface */
  int64_t nx, ny, nz;   /* nodes, absorbing layers included */
  double dt;            /* s, the step of the scheme */
  double h[SK_AXES];    /* m, spacing along x, y, z */
  /* Absorbing layers: nodes [0, low) and [n - high, n) of each axis; 0: none. */
  int64_t pml_low[SK_AXES], pml_high[SK_AXES];
} sk_elastic_grid;

typedef struct {
  int64_t stride_y, stride_z; /* elements from row to row and from plane to plane */
  int64_t origin;             /* elements from the start of an array to node (0, 0, 0) */
  int64_t array_size;         /* elements of one field or medium array */
  int64_t pml_size;           /* elements of all memory variables of one shot */
  int64_t profile_size;       /* elements of the absorbing profiles, see sk_elastic_profiles() */
} sk_elastic_layout_t;

/* Sparse linear maps between the wavefield and time series. Entry e of shot s adds weight * series to a field
 * (sources) or weight * field to a series (receivers). Entries of a shot are sorted by k, those of a plane by
 * offset; row_start has nz + 1 marks per shot: entries [row_start[k], row_start[k + 1]) lie in plane k. */
typedef struct {
  const int64_t* row_start; /* (n_shots, nz + 1) */
  const int64_t* offset;    /* (entries) element offset from node (k, 0, 0) within its plane */
  const int32_t* field;     /* (entries) sk_field */
  const int32_t* series;    /* (entries) which time series */
  const void* weight;       /* (entries) float or double */
  void* data;               /* (n_shots, n_steps, n_series) float or double */
  int64_t n_series, n_steps;
} sk_elastic_points;

typedef struct {
  sk_elastic_grid grid;
  int64_t n_shots;
  void* fields; /* (n_shots, SK_FIELDS or 5 in 2-D, array_size) in the order of sk_field, unused ones left out
                 */
  const void* medium;         /* (n_shots or 1, SK_MEDIA or 5 in 2-D, array_size) */
  int64_t medium_shot_stride; /* elements from the medium of one shot to the next; 0: one medium for all */
  void* pml;                  /* (n_shots, pml_size), zero at the start */
  const void* profiles;       /* (profile_size) */
  sk_elastic_points velocity_sources, stress_sources, velocity_receivers, stress_receivers;
} sk_elastic;

/* Sizes and strides of the arrays of `grid`. */
int sk_elastic_layout(const sk_elastic_grid* grid, sk_elastic_layout_t* layout);

/* Fills the C-PML profiles of Komatitsch & Martin (2007, doi:10.1190/1.2757586) for the fastest wave speed
 * vmax (m/s), the dominant frequency (Hz) and the theoretical reflection coefficient at normal incidence
 * (1e-5, say). `multiaxial` is the share of the damping that acts along all axes (Meza-Fajardo & Papageorgiou
 * 2008, doi:10.1785/0120070223), 0.035, say: without it (0) waves grow in the layers of heterogeneous media.
 * `profiles` has profile_size elements of itemsize bytes. */
int sk_elastic_profiles(const sk_elastic_grid* grid, double vmax, double frequency, double reflection,
                        double multiaxial, void* profiles);

/* Largest stable step (s) for the largest ratio `speed` = sqrt((lam + 2 mu) / rho) between neighbouring
 * positions. */
double sk_elastic_max_dt(int32_t ndim, int32_t order, const double h[SK_AXES], double speed);

/* Weights of the planes below a free surface in the discrete energy, on nodes or half nodes: a source there
 * is divided by them. Fills `norms` (at most 16) and returns how many; all later ones are 1. */
int sk_elastic_surface_norms(int32_t order, int32_t half, double* norms);

/* Advances all shots from step `first` to step `last` (exclusive) with `threads` threads. Step n makes
 * velocities at (n + 1/2) dt from stresses at n dt, then stresses at (n + 1) dt. Velocity series are read and
 * written at index n, and so are stress series: index n of a stress receiver holds the stress at (n + 1) dt.
 */
int sk_elastic_run(const sk_elastic* problem, int64_t first, int64_t last, int32_t threads);

/* Message of the last error in this thread. */
const char* sk_error(void);

/* Instruction set in use: "avx512", "avx2" or "baseline". SEISKERN_ISA in the environment asks for a lower
 * one. */
const char* sk_isa(void);

/* Those compiled in, separated by blanks. */
const char* sk_compiled_isas(void);

#ifdef __cplusplus
}
#endif
#endif /* SEISKERN_H_ */
