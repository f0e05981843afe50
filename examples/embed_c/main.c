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

/* Fills the nodes of all medium arrays and leaves the padding zero. */
static double* make_medium(const sk_elastic_grid* grid, const sk_elastic_layout_t* layout) {
  const double mu = rho * vs * vs, lam = rho * vp * vp - 2 * mu;
  const double value[SK_MEDIA] = {1 / rho, 1 / rho, 1 / rho, lam, 2 * mu, mu, mu, mu};
  double* medium = zeros(SK_MEDIA * layout->array_size);
  for (int m = 0; m < SK_MEDIA; ++m) {
    for (int64_t k = 0; k < grid->nz; ++k) {
      const double here = m == SK_LAM && k == 0 ? 2 * lam * mu / (lam + 2 * mu) : value[m];
      for (int64_t j = 0; j < grid->ny; ++j) {
        double* row =
            medium + m * layout->array_size + layout->origin + k * layout->stride_z + j * layout->stride_y;
        for (int64_t i = 0; i < grid->nx; ++i) row[i] = here;
      }
    }
  }
  return medium;
}

/* Marks n entries, all in plane k. */
static int64_t* in_plane(const sk_elastic_grid* grid, int64_t k, int64_t n) {
  int64_t* row_start = zeros(grid->nz + 1);
  for (int64_t later = k + 1; later <= grid->nz; ++later) row_start[later] = n;
  return row_start;
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
  const double limit = sk_elastic_max_dt(grid.ndim, grid.order, grid.h, vp);
  printf("seiskern core, %s; step %g s, stable up to %.4g s\n", sk_isa(), dt, limit);

  double* fields = zeros(SK_FIELDS * layout.array_size);
  double* medium = make_medium(&grid, &layout);
  double* pml = zeros(layout.pml_size);
  double* profiles = zeros(layout.profile_size);
  const double dominant = f0 * sqrt(2 / pi); /* mean frequency of the power of m' */
  check(sk_elastic_profiles(&grid, vp, dominant, 1e-5, 0, profiles));

  /* The explosion takes moment rate / volume from each normal stress: three entries at one node. */
  const int64_t source_row = (SOURCE_J + ABSORBING) * layout.stride_y;
  const int64_t source_offset[3] = {source_row + SOURCE_I + ABSORBING, source_row + SOURCE_I + ABSORBING,
                                    source_row + SOURCE_I + ABSORBING};
  const int32_t source_field[3] = {SK_SXX, SK_SYY, SK_SZZ}, source_series[3] = {0, 0, 0};
  const double amount = -dt * moment / (spacing * spacing * spacing);
  const double source_weight[3] = {amount, amount, amount};
  int64_t* source_rows = in_plane(&grid, SOURCE_K, 3);
  double* rate = zeros(STEPS);
  for (int n = 0; n < STEPS; ++n) rate[n] = moment_rate((n + 0.5) * dt); /* midway between two stresses */

  /* The receiver reads vx, which lies half a cell beyond its node. */
  const int64_t receiver_offset[1] = {source_row + RECEIVER_I + ABSORBING};
  const int32_t receiver_field[1] = {SK_VX}, receiver_series[1] = {0};
  const double receiver_weight[1] = {1};
  int64_t* receiver_rows = in_plane(&grid, SOURCE_K, 1);
  double* velocity = zeros(STEPS);
  const double r = (RECEIVER_I + 0.5 - SOURCE_I) * spacing;

  sk_elastic problem = {0};
  problem.grid = grid, problem.n_shots = 1;
  problem.fields = fields, problem.medium = medium, problem.pml = pml, problem.profiles = profiles;
  problem.stress_sources = (sk_elastic_points){
      source_rows, source_offset, source_field, source_series, source_weight, rate, 1, STEPS};
  problem.velocity_receivers = (sk_elastic_points){
      receiver_rows, receiver_offset, receiver_field, receiver_series, receiver_weight, velocity, 1, STEPS};
  check(sk_elastic_run(&problem, 0, STEPS, THREADS));

  report(velocity, r);
  if (argc > 1) {
    FILE* file = fopen(argv[1], "w");
    if (file == NULL) return perror(argv[1]), EXIT_FAILURE;
    for (int n = 0; n < STEPS; ++n) fprintf(file, "%.17g %.17g\n", (n + 0.5) * dt, velocity[n]);
    if (fclose(file) != 0) return perror(argv[1]), EXIT_FAILURE;
  }
  free(fields), free(medium), free(pml), free(profiles);
  free(source_rows), free(rate), free(receiver_rows), free(velocity);
  return EXIT_SUCCESS;
}
