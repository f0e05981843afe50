/* C interface of the seiskern CPU core: plain C, no Python, no torch. Every pointer is caller-owned memory.
 *
 * A shot lives on a staggered grid of nz x ny x nx nodes, absorbing layers included (ny = 1 in 2-D). Half
 * positions carry the index of the node before them: vx(k, j, i) lies at i + 1/2, sxz(k, j, i) at k + 1/2 and
 * i + 1/2. Arrays are padded; sk_elastic_layout() tells the strides. The padding must be zero and stays zero,
 * but that of SK_RHO and SK_COMPLIANCE must be positive, and beyond the last node of each axis, where they
 * are averaged with it, as sk_elastic_stagger() makes it.
 *
 * Functions that return int return an sk_status. Grids, pointers and entries are checked before anything is
 * written; how long arrays are cannot be. All functions may be called from several threads at a time, on
 * different arrays.
 */
#ifndef SEISKERN_H_
#define SEISKERN_H_

#include <stdint.h>

#define SK_VERSION "0.1.0" /* of this header; sk_version() is that of the compiled core */

#ifdef __cplusplus
extern "C" {
#endif

/* Order of the field arrays; 2-D problems use the ones marked *. */
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
/* Order of the medium arrays. A medium has those of its kind only: an isotropic one in 3-D (i), of values at
 * nodes that are averaged while they are used, an isotropic one in 2-D (2), or an orthorhombic one (o; in 2-D
 * those marked *), of coefficients where they act. */
enum sk_medium {
  SK_RHO /* i: density at nodes */,
  SK_BX /* 2, o*: buoyancy, 1 / density, at vx */,
  SK_BY /* o */,
  SK_BZ /* 2, o* */,
  SK_LAM /* i, 2: lam at nodes; on a free surface 2 lam mu / (lam + 2 mu) */,
  SK_MU2 /* 2: 2 mu at nodes */,
  SK_COMPLIANCE /* i: 1 / mu at nodes, infinite in a fluid */,
  SK_MXY /* o: mu at sxy */,
  SK_MXZ /* 2, o* */,
  SK_MYZ /* o */,
  /* Stress s_aa per strain e_bb at nodes; on a free surface xx, yy and xy are c_ab - c_az c_bz / c_zz. */
  SK_CXX /* o* */,
  SK_CYY /* o */,
  SK_CZZ /* o* */,
  SK_CXY /* o */,
  SK_CXZ /* o* */,
  SK_CYZ /* o */,
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
  int32_t orthorhombic; /* 1: the medium is orthorhombic along the axes */
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
  int64_t n_media;            /* arrays of a medium: 3 (2-D: 5), or 12 (6) if orthorhombic */
  int64_t filter_size;        /* elements of those of the adjoint, and of fields kept with them */
  int64_t n_images;           /* arrays of an image, see sk_image */
  int64_t n_tangents;         /* arrays of the tangent of a medium, see sk_elastic_born */
  int64_t first;              /* empty columns before node 0 of a row: it begins with whole vectors */
} sk_elastic_layout_t;

/* Sparse linear maps between the wavefield and time series. Entry e of shot s adds weight * series to a field
 * (sources) or weight * field to a series (receivers). Entries of a shot are sorted by k, those of a plane by
 * offset; row_start has nz + 1 marks per shot: entries [row_start[k], row_start[k + 1]) lie in plane k. Shots
 * may share entries. */
typedef struct {
  const int64_t* row_start; /* (n_shots, nz + 1) */
  const int64_t* offset;    /* (entries) element offset from node (k, 0, 0) within its plane */
  const int32_t* field;     /* (entries) sk_field */
  const int32_t* series;    /* (entries) which time series */
  const void* weight;       /* (entries) float or double */
  void* data;               /* (n_shots, n_steps, n_series) float or double */
  int64_t n_series, n_steps;
} sk_elastic_points;

/* Values at the nodes of a model: those of node (k, j, i) of model m are at
 * data[m * stride_model + k * stride_z + j * stride_y + i * stride_x]. Strides count elements; 0 repeats a
 * value, so four zeros make one number a homogeneous model. stride_x is 1 or 0. */
typedef struct {
  const void* data; /* float or double */
  int64_t stride_model, stride_z, stride_y, stride_x;
} sk_elastic_values;

/* Entries in any order. Entry e acts on or reads nodes (k[e] + c, j[e] + b, i[e] + a) of shot[e] with
 *
 *   weight[e] * along[SK_Z][e, c] * along[SK_Y][e, b] * along[SK_X][e, a] * (factor[e] of `factors` there)
 *
 * Nodes where an `along` is 0 are left out. With zeros after `weight` each entry is one node. */
typedef struct {
  int64_t n;
  const int64_t* shot;      /* NULL: all are of every shot */
  const int64_t *k, *j, *i; /* first nodes; j: not read in 2-D */
  const int64_t *field, *series;
  const double* weight;
  const double* along[SK_AXES]; /* (n, taps[axis]) along x, y, z; NULL: one node, 1 */
  int64_t taps[SK_AXES];
  const int64_t* factor; /* which model of `factors`, -1: 1; NULL: 1 for all */
  int64_t n_factors;
  sk_elastic_values factors; /* on the nodes of the grid: buoyancies for forces, say */
} sk_elastic_entries;

typedef struct {
  sk_elastic_grid grid;
  int64_t n_shots;
  void* fields; /* (n_shots, SK_FIELDS or 5 in 2-D, array_size) in the order of sk_field, unused ones left out
                 */
  const void* medium; /* (n_shots or 1, n_media of the layout, array_size) in the order of sk_medium */
  int64_t medium_shot_stride;   /* elements from the medium of one shot to the next; 0: one medium for all */
  void* pml;                    /* (n_shots, pml_size), zero at the start unless `at_rest` */
  const void* profiles;         /* (n_shots or 1, profile_size) */
  int64_t profiles_shot_stride; /* as medium_shot_stride */
  sk_elastic_points velocity_sources, stress_sources, velocity_receivers, stress_receivers;
  int32_t at_rest; /* not 0: the run starts from rest, whatever `fields` and `pml` hold; 0: from these */
  /* (n_shots, sk_elastic_history_size()) or NULL. A run of steps between the two keeps in it the velocities
   * after each of its steps, and if it begins with the first those before: all that its adjoint must know of
   * them. */
  void* history;
  int64_t history_first, history_last;
  /* How: as they are (0), or as integers of 16 or 8 bits that are off by half of 1 / 32767 or 1 / 127 of the
   * largest of 64 columns at most. */
  int32_t history_bits;
  /* 1: only what lies in absorbing layers and some nodes before them, from which the rest is made again by
   * steps backwards in time. */
  int32_t history_boundary;
} sk_elastic;

/* Order of the arrays of an image: sums over time of products of the wavefields forward and back, from which
 * the gradients of the medium follow. With w the adjoint velocities, t the adjoint stresses, e the strain
 * rates, v the velocities and d their change in a step:
 *
 *   SK_IMAGE_VX ...  w_x d_x, ...                 SK_IMAGE_TRACE     (t_xx + t_yy + t_zz) (e_xx + e_yy +
 * e_zz) SK_IMAGE_XY ...  t_xy e_xy, ...               SK_IMAGE_DIAGONAL  t_xx e_xx + t_yy e_yy + t_zz e_zz
 *
 * 2-D images have those marked *. */
enum sk_image {
  SK_IMAGE_VX /* * */,
  SK_IMAGE_VY,
  SK_IMAGE_VZ /* * */,
  SK_IMAGE_TRACE /* * */,
  SK_IMAGE_DIAGONAL /* * */,
  SK_IMAGE_XY,
  SK_IMAGE_XZ /* * */,
  SK_IMAGE_YZ,
  SK_IMAGES
};

/* Gradients of the points of a run. Of sources `data`, (n_shots, n_steps, n_series), is added to; of
 * receivers it is read: the gradient of their records. `weight` is added to: that of entry e of shot s is
 * weight[s * weight_shot_stride + e]; NULL: not wanted. Weights of stress receivers have none. */
typedef struct {
  void* data;
  void* weight;
  int64_t weight_shot_stride; /* 0: shots have entries of their own */
} sk_elastic_gradient;

/* The transpose of a run. */
typedef struct {
  /* As it ran, with its history, but: `fields` and `pml`, (n_shots, filter_size), are those of the adjoint
   * wavefield, zero before the last step; data of sources are read, data of receivers are not used. */
  sk_elastic run;
  sk_elastic_gradient velocity_sources, stress_sources, velocity_receivers, stress_receivers;
  void* images; /* (n_shots, n_images, array_size), added to; NULL: no gradient of the medium is wanted */
  /* (n_shots, 6 or 3 in 2-D, array_size), zero before the last step: adjoint strains in the order of
   * stresses. Needed if gradients of stress sources are wanted, else NULL. */
  void* strain;
  /* As `fields` of a run: the wavefield after step `last`, taken back to that before step `first`; what is in
   * layers is lost. Needed if the history is that of boundaries, else NULL. */
  void* wavefield;
} sk_elastic_adjoint;

/* A run and its tangent: the derivative of its wavefield and records along one direction of its medium,
 * series and weights. With u the wavefield, S the sources, R the receivers and d that direction, the
 * scattered wavefield du takes the steps of u, with dS added to it; its records are R du. */
typedef struct {
  sk_elastic run;     /* without history */
  void *fields, *pml; /* of the scattered wavefield, as those of the run */
  /* (n_shots, n_tangents of the layout, array_size), or one for all: d of the arrays of the medium, and in
   * 3-D of an isotropic one those of an orthorhombic one, of which SK_CXX stands for all of one axis, SK_CXY
   * for all of two. The padding is zero. NULL: the medium has no tangent. */
  const void* medium;
  int64_t medium_shot_stride;
  void* pml_again; /* as run.pml, and always of the same values; not used if the medium has no tangent */
  /* Of the scattered wavefield. */
  sk_elastic_points velocity_sources, stress_sources, velocity_receivers, stress_receivers;
} sk_elastic_born;

/* Media at nodes, without absorbing layers. */
typedef struct {
  int32_t ndim, itemsize; /* as in sk_elastic_grid */
  int64_t nx, ny, nz;     /* nodes of the model; ny = 1 in 2-D */
  int64_t n_models;
  sk_elastic_values vp, vs, rho; /* m/s, m/s, kg/m^3; vs = 0: a fluid */
  int32_t moduli;                /* 1: vp and vs are lam and mu, Pa, in their place; 0: they are speeds */
} sk_elastic_model;

typedef struct {
  double vp[2], vs[2], rho[2]; /* least and largest */
  double ratio;                /* largest vs / vp; above sqrt(3/4) the bulk modulus is negative */
  double slowest;              /* least speed of a wave, m/s: S, or P in a fluid */
  double speed;                /* for sk_elastic_max_dt(), m/s */
  int32_t finite;              /* 0: some value is NaN or infinite, and the rest means nothing */
} sk_elastic_ranges;

/* Ranges of media. */
int sk_elastic_survey(const sk_elastic_model* model, int32_t threads, sk_elastic_ranges* ranges);

/* Fills the medium arrays of `grid`, (n_models, n_media of the layout, array_size). What is averaged, here or
 * while it is used, is density over the two nodes beside a velocity, and mu, harmonically, over the four
 * around a shear stress (Moczo et al. 2002, doi:10.1785/0120010167). The model goes on into the absorbing
 * layers, and one node further, as it is at its edge. The padding is filled as well. */
int sk_elastic_stagger(const sk_elastic_grid* grid, const sk_elastic_model* model, int32_t threads,
                       void* medium);

/* Sizes and strides of the arrays of `grid`. */
int sk_elastic_layout(const sk_elastic_grid* grid, sk_elastic_layout_t* layout);

/* Elements of one shot in a history of so many steps, see `history_bits` and `history_boundary` of
 * sk_elastic; 0 if an argument is out of range. */
int64_t sk_elastic_history_size(const sk_elastic_grid* grid, int32_t bits, int32_t boundary, int64_t steps);

/* Fills the C-PML profiles of Komatitsch & Martin (2007, doi:10.1190/1.2757586) for the fastest wave speed
 * vmax (m/s), the dominant frequency (Hz) and the theoretical reflection coefficient at normal incidence
 * (1e-5, say). `multiaxial` is the share of the damping that acts along all axes (Meza-Fajardo & Papageorgiou
 * 2008, doi:10.1785/0120070223), 0.035, say: without it (0) waves grow in the layers of heterogeneous media.
 * `profiles` has profile_size elements of itemsize bytes. */
int sk_elastic_profiles(const sk_elastic_grid* grid, double vmax, double frequency, double reflection,
                        double multiaxial, void* profiles);

/* Sorts the nodes of entries as sk_elastic_points wants them, those at one place as they came. Fills
 * row_start, (n_shots, nz + 1), and as many elements as its last mark says, at most n times the taps along
 * each axis, of offset, field, series and weight (of itemsize bytes). */
int sk_elastic_sort(const sk_elastic_grid* grid, int64_t n_shots, int64_t n_series,
                    const sk_elastic_entries* entries, int64_t* row_start, int64_t* offset, int32_t* field,
                    int32_t* series, void* weight);

/* Largest stable step (s) for the largest ratio `speed` = sqrt((lam + 2 mu) / rho) between neighbouring
 * positions (sk_elastic_survey() finds it); 0 if an argument is out of range. */
double sk_elastic_max_dt(int32_t ndim, int32_t order, const double h[SK_AXES], double speed);

/* Weights of the planes below a free surface in the discrete energy, on nodes or half nodes: a source there
 * is divided by them. Fills `norms` (at most 16) and returns how many; all later ones are 1. 0 if an argument
 * is out of range. */
int sk_elastic_surface_norms(int32_t order, int32_t half, double* norms);

/* Advances all shots from step `first` to step `last` (exclusive) with `threads` threads. Step n makes
 * velocities at (n + 1/2) dt from stresses at n dt, then stresses at (n + 1) dt. Velocity series are read and
 * written at index n, and so are stress series: index n of a stress receiver holds the stress at (n + 1) dt.
 *
 * The order of work is chosen for the caches; the environment may decide for it. SEISKERN_L2: bytes of a
 * second cache that tiles should stay in, 0 for none; else the cache itself, if it is large. SEISKERN_TURNS,
 * 0 or 1: whether threads of one shot share a window of the outer cache; else they measure whether they can.
 * SEISKERN_PAIRS, 0 or 1: whether two planes at a time are taken in 3-D; else where the first cache is large.
 * The result is the same to the last bit.
 */
int sk_elastic_run(const sk_elastic* problem, int64_t first, int64_t last, int32_t threads);

/* Takes the adjoint wavefield back from step `last` to step `first`, those of the run, and adds to the
 * gradients. With H the norms of sk_elastic_surface_norms() at each field, w and t are -buoyancy / H times
 * the gradient of the velocities and moduli / H times that of the stresses: these run by the scheme itself.
 * The medium of a run with images must be isotropic. */
int sk_elastic_run_adjoint(const sk_elastic_adjoint* problem, int64_t first, int64_t last, int32_t threads);

/* Advances a run and its tangent. The run is that of sk_elastic_run() to the last bit. */
int sk_elastic_run_born(const sk_elastic_born* problem, int64_t first, int64_t last, int32_t threads);

/* Of `n_pairs` pairs of clouds of n points in the plane: source i of a pair goes to its target
 * permutation[i], so that the sum of the squared distances is least. `sources` and `targets` are (n_pairs, n,
 * 2), permutation is (n_pairs, n). The result does not depend on the threads, which share the pairs. */
int sk_transport_assign(int64_t n_pairs, int64_t n, const double* sources, const double* targets,
                        int32_t threads, int64_t* permutation);

/* Version of the compiled core. */
const char* sk_version(void);

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
