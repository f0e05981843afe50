/* An explosion below a free surface, simulated from C: needs csrc/seiskern.h and the compiled core, nothing
 * else.
 *
 * The medium is homogeneous, so the direct wave is known: with the moment M0 m(t), at distance r,
 *
 *   v_r(t) = M0 / (4 pi rho vp^2) (m'(t - r/vp) / r^2 + m''(t - r/vp) / (vp r))
 *
 * Usage: embed [file]; the file receives the whole seismogram.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "seiskern.h"

static const double pi = 3.14159265358979323846;

/* Medium, m/s and kg/m^3; grid; source. */
static const double vp = 4000, vs = 2300, rho = 2500;
static const double spacing = 50, dt = 0.005; /* m, s */
enum { NODES = 41, ABSORBING = 10, STEPS = 240, THREADS = 2 };
static const double moment = 1e15, f0 = 3, onset = 0.5; /* N m, Hz, s */
enum {
  SOURCE_I = 10,
  SOURCE_J = 20,
  SOURCE_K = 30,
  RECEIVER_I = 25
}; /* nodes of the model, without absorbing layers */

static void check(int status) {
  if (status == SK_OK) return;
  fprintf(stderr, "seiskern: %s\n", sk_error());
  exit(EXIT_FAILURE);
}

static void* zeros(int64_t n) {
  void* memory = calloc((size_t)n, sizeof(double));
  if (memory == NULL) {
    fprintf(stderr, "out of memory\n");
    exit(EXIT_FAILURE);
  }
  return memory;
}

/* m''(t), a Ricker wavelet of peak frequency f0, and its integral m'(t), the moment rate. */
static double moment_acceleration(double t) {
  const double a = pow(pi * f0 * (t - onset), 2);
  return (1 - 2 * a) * exp(-a);
}
static double moment_rate(double t) { return (t - onset) * exp(-pow(pi * f0 * (t - onset), 2)); }

static double exact_velocity(double r, double t) {
  const double late = t - r / vp;
  return moment / (4 * pi * rho * vp * vp) *
         (moment_rate(late) / (r * r) + moment_acceleration(late) / (vp * r));
}

static sk_elastic_grid make_grid(void) {
  sk_elastic_grid grid = {0};
  grid.ndim = 3, grid.order = 8, grid.itemsize = sizeof(double), grid.free_surface = 1;
  grid.nx = grid.ny = NODES + 2 * ABSORBING, grid.nz = NODES + ABSORBING;
  grid.dt = dt;
  for (int axis = 0; axis < SK_AXES; ++axis) {
    grid.h[axis] = spacing;
    grid.pml_low[axis] = axis == SK_Z ? 0 : ABSORBING; /* the free surface is on top */
    grid.pml_high[axis] = ABSORBING;
  }
  return grid;
}

/* A homogeneous model: strides of zero repeat one number. */
static sk_elastic_model make_model(void) {
  sk_elastic_model model = {0};
  model.ndim = 3, model.itemsize = sizeof(double);
  model.nx = model.ny = model.nz = NODES, model.n_models = 1;
  model.vp.data = &vp, model.vs.data = &vs, model.rho.data = &rho;
  return model;
}

/* Sorted entries of one shot and one series, and their samples. */
typedef struct {
  int64_t *row_start, *offset;
  int32_t *field, *series;
  double *weight, *data;
} points_memory;

static sk_elastic_points make_points(const sk_elastic_grid* grid, const sk_elastic_entries* entries,
                                     points_memory* p) {
  p->row_start = zeros(grid->nz + 1), p->offset = zeros(entries->n);
  p->field = zeros(entries->n), p->series = zeros(entries->n);
  p->weight = zeros(entries->n), p->data = zeros(STEPS);
  check(sk_elastic_sort(grid, 1, 1, entries, p->row_start, p->offset, p->field, p->series, p->weight));
  return (sk_elastic_points){p->row_start, p->offset, p->field, p->series, p->weight, p->data, 1, STEPS};
}

static void free_points(points_memory* p) {
  free(p->row_start), free(p->offset), free(p->field), free(p->series), free(p->weight), free(p->data);
}

/* Prints the first wave beside the exact one; the surface answers later. */
static void report(const double* velocity, double r) {
  const double reflected = hypot(2 * SOURCE_K * spacing, r) / vp;
  double peak = 0, exact_peak = 0, time = 0, exact_time = 0;
  for (int n = 0; (n + 0.5) * dt < onset + reflected - 0.5 / f0; ++n) {
    const double t = (n + 0.5) * dt, exact = exact_velocity(r, t);
    if (fabs(velocity[n]) > fabs(peak)) peak = velocity[n], time = t;
    if (fabs(exact) > fabs(exact_peak)) exact_peak = exact, exact_time = t;
  }
  printf("r / vp         %.4f s\n", r / vp);
  printf("arrival        %.4f s (exact %.4f s), after the onset of the source\n", time - onset,
         exact_time - onset);
  printf("peak velocity  %.4e m/s (exact %.4e m/s, error %.2f %%)\n", peak, exact_peak,
         100 * (peak / exact_peak - 1));
}

int main(int argc, char** argv) {
  const sk_elastic_grid grid = make_grid();
  sk_elastic_layout_t layout;
  check(sk_elastic_layout(&grid, &layout));
  const sk_elastic_model model = make_model();
  sk_elastic_ranges ranges;
  check(sk_elastic_survey(&model, THREADS, &ranges));
  const double limit = sk_elastic_max_dt(grid.ndim, grid.order, grid.h, ranges.speed);
  printf("seiskern core %s, %s; step %g s, stable up to %.4g s\n", sk_version(), sk_isa(), dt, limit);

  double* fields = zeros(SK_FIELDS * layout.array_size); /* the wavefield at rest */
  double* medium = zeros(layout.n_media * layout.array_size);
  double* pml = zeros(layout.pml_size);
  double* profiles = zeros(layout.profile_size);
  const double dominant = f0 * sqrt(2 / pi); /* mean frequency of the power of m' */
  check(sk_elastic_stagger(&grid, &model, THREADS, medium));
  check(sk_elastic_profiles(&grid, ranges.speed, dominant, 1e-5, 0, profiles));

  /* The explosion takes moment rate / volume from each normal stress: three entries at one node. */
  const int64_t k[3] = {SOURCE_K, SOURCE_K, SOURCE_K};
  const int64_t j[3] = {SOURCE_J + ABSORBING, SOURCE_J + ABSORBING, SOURCE_J + ABSORBING};
  const int64_t i[3] = {SOURCE_I + ABSORBING, SOURCE_I + ABSORBING, SOURCE_I + ABSORBING};
  const int64_t normal[3] = {SK_SXX, SK_SYY, SK_SZZ}, series[3] = {0, 0, 0};
  const double amount = -dt * moment / (spacing * spacing * spacing);
  const double weight[3] = {amount, amount, amount};
  const sk_elastic_entries source = {
      .n = 3, .k = k, .j = j, .i = i, .field = normal, .series = series, .weight = weight};

  /* The receiver reads vx, which lies half a cell beyond its node. */
  const int64_t receiver_i[1] = {RECEIVER_I + ABSORBING}, vx[1] = {SK_VX};
  const double one[1] = {1};
  const sk_elastic_entries receiver = {
      .n = 1, .k = k, .j = j, .i = receiver_i, .field = vx, .series = series, .weight = one};
  const double r = (RECEIVER_I + 0.5 - SOURCE_I) * spacing;

  points_memory sources, receivers;
  sk_elastic problem = {0};
  problem.grid = grid, problem.n_shots = 1;
  problem.fields = fields, problem.medium = medium, problem.pml = pml, problem.profiles = profiles;
  problem.stress_sources = make_points(&grid, &source, &sources);
  problem.velocity_receivers = make_points(&grid, &receiver, &receivers);
  for (int n = 0; n < STEPS; ++n) {
    sources.data[n] = moment_rate((n + 0.5) * dt); /* midway between two stresses */
  }
  check(sk_elastic_run(&problem, 0, STEPS, THREADS));

  const double* velocity = receivers.data;
  report(velocity, r);
  if (argc > 1) {
    FILE* file = fopen(argv[1], "w");
    if (file == NULL) return perror(argv[1]), EXIT_FAILURE;
    for (int n = 0; n < STEPS; ++n) fprintf(file, "%.17g %.17g\n", (n + 0.5) * dt, velocity[n]);
    if (fclose(file) != 0) return perror(argv[1]), EXIT_FAILURE;
  }
  free(fields), free(medium), free(pml), free(profiles);
  free_points(&sources), free_points(&receivers);
  return EXIT_SUCCESS;
}
