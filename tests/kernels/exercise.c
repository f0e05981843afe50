/* Calls every function of the C interface on grids of all kinds, in arrays of exactly the promised size, for
 * the sanitizers of the compiler (test_sanitizers.py). Fails if padding is written to, if threads change a
 * bit, if something is not finite, if the adjoint is no transpose, or if bad input is let through. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seiskern.h"

enum { STEPS = 7, SERIES = 3, ENTRIES = 40 };

static void require(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "%s (last error: %s)\n", what, sk_error());
  exit(EXIT_FAILURE);
}

static void* zeros(int64_t n, int64_t itemsize) {
  void* memory = calloc((size_t)n, (size_t)itemsize);
  require(memory != NULL || n == 0, "out of memory");
  return memory;
}

static int64_t below(int64_t n) { return rand() % n; }
static double uniform(void) { return rand() / (double)RAND_MAX; }

static double get(const void* array, int itemsize, int64_t n) {
  return itemsize == 4 ? ((const float*)array)[n] : ((const double*)array)[n];
}
static void* filled(int64_t n, int itemsize, double least, double span) {
  void* memory = zeros(n, itemsize);
  for (int64_t e = 0; e < n; ++e) {
    const double value = least + span * uniform();
    if (itemsize == 4) ((float*)memory)[e] = (float)value;
    if (itemsize == 8) ((double*)memory)[e] = value;
  }
  return memory;
}

typedef struct {
  int64_t *row_start, *offset;
  int32_t *field, *series;
  void *weight, *data;
  sk_elastic_points points;
} sparse;

static sparse make_sparse(const sk_elastic_grid* g, int64_t n_shots, int stress, double amplitude) {
  static const int64_t fields[2][2][6] = {
      {{SK_VX, SK_VZ}, {SK_SXX, SK_SZZ, SK_SXZ}},
      {{SK_VX, SK_VY, SK_VZ}, {SK_SXX, SK_SYY, SK_SZZ, SK_SXY, SK_SXZ, SK_SYZ}}};
  const int64_t n_fields = g->ndim == 2 ? 2 + stress : 3 + 3 * stress;
  int64_t node[6][ENTRIES];
  double weight[ENTRIES];
  for (int e = 0; e < ENTRIES; ++e) {
    node[0][e] = below(n_shots), node[1][e] = below(g->nz), node[2][e] = below(g->ny);
    node[3][e] = below(g->nx), node[4][e] = fields[g->ndim - 2][stress][below(n_fields)];
    node[5][e] = below(SERIES), weight[e] = uniform() - 0.5;
  }
  const sk_elastic_entries entries = {.n = ENTRIES,
                                      .shot = node[0],
                                      .k = node[1],
                                      .j = g->ndim == 2 ? NULL : node[2],
                                      .i = node[3],
                                      .field = node[4],
                                      .series = node[5],
                                      .weight = weight};
  sparse s;
  s.row_start = zeros(n_shots * (g->nz + 1), sizeof(int64_t)), s.offset = zeros(ENTRIES, sizeof(int64_t));
  s.field = zeros(ENTRIES, sizeof(int32_t)), s.series = zeros(ENTRIES, sizeof(int32_t));
  s.weight = zeros(ENTRIES, g->itemsize);
  s.data = filled(n_shots * STEPS * SERIES, g->itemsize, -amplitude, 2 * amplitude);
  require(sk_elastic_sort(g, n_shots, SERIES, &entries, s.row_start, s.offset, s.field, s.series, s.weight) ==
              SK_OK,
          "sort");
  require(s.row_start[n_shots * (g->nz + 1) - 1] == ENTRIES, "an entry was lost");
  s.points = (sk_elastic_points){s.row_start, s.offset, s.field, s.series, s.weight, s.data, SERIES, STEPS};
  return s;
}

/* One entry in every shot, over all nodes but those of one plane, times a factor at each. */
static void spread(const sk_elastic_grid* g, int64_t n_shots) {
  const int64_t planes = n_shots * (g->nz + 1), n = g->nx * g->ny * g->nz, zero = 0, field = SK_SXX;
  const double weight = 2;
  double* along = filled(g->nx + g->ny + g->nz, 8, 1, 1);
  void* factors = filled(n, g->itemsize, 1, 1);
  along[0] = 0;
  const sk_elastic_entries entries = {.n = 1,
                                      .k = &zero,
                                      .j = &zero,
                                      .i = &zero,
                                      .field = &field,
                                      .series = &zero,
                                      .weight = &weight,
                                      .along = {along + g->nz, along + g->nz + g->nx, along},
                                      .taps = {g->nx, g->ny, g->nz},
                                      .factor = &zero,
                                      .n_factors = 1,
                                      .factors = {factors, 0, g->nx * g->ny, g->nx, 1}};
  int64_t *row_start = zeros(planes, sizeof(int64_t)), *offset = zeros(n, sizeof(int64_t));
  int32_t *fields = zeros(n, sizeof(int32_t)), *series = zeros(n, sizeof(int32_t));
  void* weights = zeros(n, g->itemsize);
  require(sk_elastic_sort(g, n_shots, 1, &entries, row_start, offset, fields, series, weights) == SK_OK,
          "sort of a product");
  require(row_start[planes - 1] == n - g->nx * g->ny && row_start[planes - g->nz] == 0, "nodes were lost");
  for (int64_t e = 0; e < row_start[planes - 1]; ++e)
    require(get(weights, g->itemsize, e) >= 2, "a weight is too small");
  free(along), free(factors), free(row_start), free(offset), free(fields), free(series), free(weights);
}

static void free_sparse(sparse* s) {
  free(s->row_start), free(s->offset), free(s->field), free(s->series), free(s->weight), free(s->data);
}

/* Whether element n of an array is a node. */
static int is_node(const sk_elastic_grid* g, const sk_elastic_layout_t* l, int64_t n) {
  const int64_t from = n - l->origin;
  if (from < 0) return 0;
  const int64_t k = from / l->stride_z, j = from % l->stride_z / l->stride_y, i = from % l->stride_y;
  return k < g->nz && j < g->ny && i < g->nx;
}

static void require_clean(const sk_elastic_grid* g, const sk_elastic_layout_t* l, const void* arrays,
                          int64_t n_arrays, const char* what) {
  for (int64_t n = 0; n < n_arrays * l->array_size; ++n) {
    const double value = get(arrays, g->itemsize, n);
    require(isfinite(value) && (value == 0 || is_node(g, l, n % l->array_size)), what);
  }
}

/* In 3-D density and compliance, the first and the last of three arrays, are positive everywhere. */
static void require_medium(const sk_elastic_grid* g, const sk_elastic_layout_t* l, const void* media,
                           int64_t n_media) {
  for (int64_t a = 0; a < n_media; ++a) {
    const void* array = (const char*)media + a * l->array_size * g->itemsize;
    if (g->ndim == 2 || a % l->n_media == 1) {
      require_clean(g, l, array, 1, "padding of the medium");
    } else {
      for (int64_t n = 0; n < l->array_size; ++n) require(get(array, g->itemsize, n) > 0, "what is averaged");
    }
  }
}

static double dot(const void* a, const void* b, int itemsize, int64_t n) {
  double sum = 0;
  for (int64_t e = 0; e < n; ++e) sum += get(a, itemsize, e) * get(b, itemsize, e);
  return sum;
}

/* The adjoint of a run, in two pieces, for records as their own gradients: <sources, their gradients> must be
 * <records, records>. */
static void transpose(const sk_elastic* run, const sk_elastic_layout_t* l, int threads) {
  const sk_elastic_grid* g = &run->grid;
  const int64_t n_fields = g->ndim == 2 ? 5 : SK_FIELDS, n_series = run->n_shots * STEPS * SERIES;
  sk_elastic_adjoint p = {0};
  p.run = *run;
  p.run.fields = zeros(run->n_shots * n_fields * l->array_size, g->itemsize);
  p.run.pml = zeros(run->n_shots * l->filter_size, g->itemsize);
  p.images = zeros(run->n_shots * l->n_images * l->array_size, g->itemsize);
  p.strain = zeros(run->n_shots * (n_fields - g->ndim) * l->array_size, g->itemsize);
  sk_elastic_gradient* const sources[] = {&p.velocity_sources, &p.stress_sources};
  for (int kind = 0; kind < 2; ++kind) {
    sources[kind]->data = zeros(n_series, g->itemsize);
    sources[kind]->weight = zeros(ENTRIES, g->itemsize);
  }
  p.velocity_receivers.data = run->velocity_receivers.data;
  p.velocity_receivers.weight = zeros(ENTRIES, g->itemsize);
  p.stress_receivers.data = run->stress_receivers.data;
  if (run->history_boundary) {
    require(sk_elastic_run_adjoint(&p, 3, STEPS, threads) == SK_INVALID, "adjoint took no wavefield");
    p.wavefield = run->fields;
  }
  require(sk_elastic_run_adjoint(&p, 3, STEPS, threads) == SK_OK, "adjoint");
  require(sk_elastic_run_adjoint(&p, 0, 3, threads) == SK_OK, "adjoint");
  require_clean(g, l, p.run.fields, run->n_shots * n_fields, "padding of the adjoint");
  double given = 0, found = 0;
  given += dot(run->velocity_receivers.data, run->velocity_receivers.data, g->itemsize, n_series);
  given += dot(run->stress_receivers.data, run->stress_receivers.data, g->itemsize, n_series);
  found += dot(run->velocity_sources.data, p.velocity_sources.data, g->itemsize, n_series);
  found += dot(run->stress_sources.data, p.stress_sources.data, g->itemsize, n_series);
  require(fabs(given - found) <= (g->itemsize == 4 ? 1e-3 : 1e-11) * given, "the adjoint is no transpose");
  for (int kind = 0; kind < 2; ++kind) free(sources[kind]->data), free(sources[kind]->weight);
  free(p.run.fields), free(p.run.pml), free(p.images), free(p.strain), free(p.velocity_receivers.weight);
}

/* The tangent of a run along its own sources, which is the run itself, and along these and its medium. */
static void tangent(const sk_elastic* run, const sk_elastic_layout_t* l, int threads) {
  const sk_elastic_grid* g = &run->grid;
  const int64_t n_fields = run->n_shots * (g->ndim == 2 ? 5 : SK_FIELDS),
                n_series = run->n_shots * STEPS * SERIES;
  sk_elastic_born p = {0};
  p.run = *run, p.run.at_rest = 1, p.run.history = NULL;
  p.velocity_sources = run->velocity_sources, p.stress_sources = run->stress_sources;
  p.velocity_receivers = run->velocity_receivers, p.stress_receivers = run->stress_receivers;
  void** const pml[] = {&p.run.pml, &p.pml, &p.pml_again};
  for (int n = 0; n < 3; ++n) *pml[n] = filled(run->n_shots * l->pml_size, g->itemsize, 1, 1);
  p.run.fields = filled(n_fields * l->array_size, g->itemsize, 1, 1);
  p.fields = filled(n_fields * l->array_size, g->itemsize, 1, 1);
  void** const data[] = {&p.run.velocity_receivers.data, &p.velocity_receivers.data,
                         &p.run.stress_receivers.data, &p.stress_receivers.data};
  char* medium = filled(l->n_tangents * l->array_size, g->itemsize, -1e-4, 2e-4);
  for (int64_t n = 0; n < l->n_tangents * l->array_size; ++n) {
    if (!is_node(g, l, n % l->array_size)) memset(medium + n * g->itemsize, 0, (size_t)g->itemsize);
  }
  for (int changed = 0; changed < 2; ++changed) {
    for (int n = 0; n < 4; ++n) *data[n] = zeros(n_series, g->itemsize);
    p.medium = changed ? medium : NULL;
    require(sk_elastic_run_born(&p, 0, STEPS, threads) == SK_OK, "tangent");
    require_clean(g, l, p.fields, n_fields, "padding of the tangent");
    require_clean(g, l, p.run.fields, n_fields, "padding of a run with a tangent");
    for (int n = 0; n < 4; n += 2) {
      const size_t bytes = (size_t)(n_series * g->itemsize);
      const void* alone = n == 0 ? run->velocity_receivers.data : run->stress_receivers.data;
      require(memcmp(*data[n], alone, bytes) == 0, "a tangent changes the run");
      require(changed || memcmp(*data[n + 1], alone, bytes) == 0,
              "the tangent along the sources is not the run");
      free(*data[n]), free(*data[n + 1]);
    }
  }
  require(sk_elastic_run_born(NULL, 0, STEPS, threads) == SK_INVALID, "run_born took NULL");
  p.run.history = medium;
  require(sk_elastic_run_born(&p, 0, 0, threads) == SK_INVALID, "run_born took a history");
  for (int n = 0; n < 3; ++n) free(*pml[n]);
  free(p.run.fields), free(p.fields), free(medium);
}

/* How velocities are kept: each way in turn, the same for both runs of a case. */
static void set_history(sk_elastic* p, int way) {
  static const int32_t bits[] = {0, 8, 16};
  p->history_bits = bits[way % 3], p->history_boundary = way / 3 % 2;
  p->history_last = STEPS;
  const int64_t size = sk_elastic_history_size(&p->grid, p->history_bits, p->history_boundary, STEPS);
  require(size > 0, "history_size");
  p->history = filled(p->n_shots * size, p->grid.itemsize, 1, 1);
}

/* One run; returns the wavefield and, in `records`, both records. */
static void* simulate(const sk_elastic_grid* g, int64_t n_shots, int64_t n_models, int threads, int way,
                      void** records) {
  sk_elastic_layout_t l;
  require(sk_elastic_layout(g, &l) == SK_OK, "layout");
  const int64_t n_fields = g->ndim == 2 ? 5 : SK_FIELDS, n_media = l.n_media;
  sk_elastic_model m = {0};
  m.ndim = g->ndim, m.itemsize = g->itemsize, m.n_models = n_models;
  m.nx = g->nx - g->pml_low[SK_X] - g->pml_high[SK_X];
  m.ny = g->ny - g->pml_low[SK_Y] - g->pml_high[SK_Y];
  m.nz = g->nz - g->pml_low[SK_Z] - g->pml_high[SK_Z];
  const int64_t plane = m.nx * m.ny, nodes = plane * m.nz;
  m.vp = (sk_elastic_values){filled(n_models * nodes, g->itemsize, 2000, 1000), nodes, plane, m.nx, 1};
  m.vs = (sk_elastic_values){filled(n_models, g->itemsize, 0, 1500), 1, 0, 0, 0};
  m.rho = (sk_elastic_values){filled(m.nz, g->itemsize, 1000, 1500), 0, 1, 0, 0};
  sk_elastic_ranges ranges;
  m.moduli = 1;
  require(sk_elastic_survey(&m, threads, &ranges) == SK_OK && ranges.finite, "survey of moduli");
  m.moduli = 0;
  require(sk_elastic_survey(&m, threads, &ranges) == SK_OK && ranges.finite, "survey");
  sk_elastic_grid grid = *g;
  grid.dt = 0.9 * sk_elastic_max_dt(g->ndim, g->order, g->h, ranges.speed);

  sk_elastic p = {0};
  p.grid = grid, p.n_shots = n_shots, p.medium_shot_stride = n_models == 1 ? 0 : n_media * l.array_size;
  const int64_t n_profiles = n_models; /* of each shot, or of all */
  p.profiles_shot_stride = n_profiles == 1 ? 0 : l.profile_size;
  void *medium = filled(n_models * n_media * l.array_size, g->itemsize, 1, 1),
       *profiles = zeros(n_profiles * l.profile_size, g->itemsize);
  require(sk_elastic_stagger(&grid, &m, threads, medium) == SK_OK, "stagger");
  require_medium(g, &l, medium, n_models * n_media);
  for (int64_t n = 0; n < n_profiles; ++n) {
    void* const own = (char*)profiles + n * l.profile_size * g->itemsize;
    require(sk_elastic_profiles(&grid, ranges.speed, 10, 1e-5, 0.1 * (double)(n_shots % 2), own) == SK_OK,
            "profiles");
  }
  p.medium = medium, p.profiles = profiles;
  p.fields = filled(n_shots * n_fields * l.array_size, g->itemsize, 1, 1);
  p.pml = filled(n_shots * l.pml_size, g->itemsize, 1, 1);
  p.at_rest = 1;
  set_history(&p, way);
  sparse points[4];
  for (int s = 0; s < 4; ++s) points[s] = make_sparse(&grid, n_shots, s % 2, s < 2);
  p.velocity_sources = points[0].points, p.stress_sources = points[1].points;
  p.velocity_receivers = points[2].points, p.stress_receivers = points[3].points;
  require(sk_elastic_run(&p, 0, 3, threads) == SK_OK, "run");
  p.at_rest = 0;
  require(sk_elastic_run(&p, 3, STEPS, threads) == SK_OK, "run");
  require_clean(g, &l, p.fields, n_shots * n_fields, "padding of the fields");
  transpose(&p, &l, threads);
  tangent(&p, &l, threads);
  const size_t bytes = (size_t)(n_shots * STEPS * SERIES * g->itemsize);
  *records = zeros(2 * (int64_t)bytes, 1);
  memcpy(*records, points[2].data, bytes), memcpy((char*)*records + bytes, points[3].data, bytes);
  for (int s = 0; s < 4; ++s) free_sparse(&points[s]);
  free((void*)m.vp.data), free((void*)m.vs.data), free((void*)m.rho.data);
  free(medium), free(profiles), free(p.pml), free(p.history);
  return p.fields;
}

static void exercise(const sk_elastic_grid* g, int64_t n_shots, int64_t n_models) {
  static int way = 0;
  sk_elastic_layout_t l;
  require(sk_elastic_layout(g, &l) == SK_OK, "layout");
  spread(g, n_shots);
  void *fields[2], *records[2];
  for (int run = 0; run < 2; ++run) {
    srand(1);
    fields[run] = simulate(g, n_shots, n_models, 1 + 2 * run, way, &records[run]);
  }
  ++way;
  const int64_t n = n_shots * (g->ndim == 2 ? 5 : SK_FIELDS) * l.array_size * g->itemsize;
  require(memcmp(fields[0], fields[1], (size_t)n) == 0, "threads change the wavefield");
  require(memcmp(records[0], records[1], (size_t)(2 * n_shots * STEPS * SERIES * g->itemsize)) == 0,
          "threads change the records");
  for (int run = 0; run < 2; ++run) free(fields[run]), free(records[run]);
}

static void refuse(void) {
  sk_elastic_grid g = {2, 4, 4, 0, 0, 8, 1, 8, 1e-3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
  sk_elastic_layout_t l;
  float one[1] = {1};
  int64_t row_start[9];
  double norms[16];
  sk_elastic_ranges ranges;
  const sk_elastic_entries none = {0};
  require(sk_elastic_layout(NULL, &l) == SK_INVALID && strstr(sk_error(), "NULL"), "layout took NULL");
  require(sk_elastic_layout(&g, NULL) == SK_INVALID, "layout took NULL");
  require(sk_elastic_history_size(NULL, 0, 0, 1) == 0, "history_size took NULL");
  require(sk_elastic_history_size(&g, 4, 0, 1) == 0 && strstr(sk_error(), "0, 8 or 16"),
          "history_size: bits");
  require(sk_elastic_history_size(&g, 8, 1, -1) == 0, "history_size took -1 steps");
  require(sk_elastic_profiles(NULL, 1, 1, 0.1, 0, one) == SK_INVALID, "profiles took NULL");
  require(sk_elastic_profiles(&g, 1, 1, 0.1, 0, NULL) == SK_INVALID, "profiles took NULL");
  require(sk_elastic_survey(NULL, 1, &ranges) == SK_INVALID, "survey took NULL");
  const sk_elastic_model model = {2, 4, 8, 1, 8, 1, {one, 0, 0, 0, 0}, {one, 0, 0, 0, 0}, {one, 0, 0, 0, 0},
                                  0};
  sk_elastic_model bad = model;
  require(sk_elastic_survey(&model, 1, NULL) == SK_INVALID, "survey took NULL");
  require(sk_elastic_survey(&model, 0, &ranges) == SK_INVALID, "survey took 0 threads");
  bad.vs.data = NULL;
  require(sk_elastic_survey(&bad, 1, &ranges) == SK_INVALID, "survey took NULL");
  bad = model, bad.vp.stride_x = 2;
  require(sk_elastic_survey(&bad, 1, &ranges) == SK_INVALID, "survey took a stride of 2");
  require(sk_elastic_stagger(&g, NULL, 1, one) == SK_INVALID, "stagger took NULL");
  require(sk_elastic_stagger(&g, &model, 1, NULL) == SK_INVALID, "stagger took NULL");
  require(sk_elastic_max_dt(2, 4, NULL, 1) == 0, "max_dt took NULL");
  require(sk_elastic_max_dt(2, 5, g.h, 1) == 0 && sk_elastic_max_dt(4, 4, g.h, 1) == 0, "max_dt took 5 or 4");
  require(sk_elastic_max_dt(2, 4, g.h, -1) == 0 && sk_elastic_max_dt(2, 4, g.h, NAN) == 0, "max_dt: speed");
  require(sk_elastic_surface_norms(4, 0, NULL) == 0, "surface_norms took NULL");
  require(sk_elastic_surface_norms(5, 0, norms) == 0, "surface_norms took order 5");
  require(sk_elastic_surface_norms(8, 1, norms) > 0, "surface_norms");
  require(sk_elastic_sort(&g, 1, 1, &none, row_start, NULL, NULL, NULL, NULL) == SK_OK, "no entries");
  const double weight = 1;
  const int64_t zero = 0;
  sk_elastic_entries no_taps = {
      .n = 1, .k = &zero, .i = &zero, .field = &zero, .series = &zero, .weight = &weight};
  no_taps.along[SK_X] = &weight;
  require(sk_elastic_sort(&g, 1, 1, &no_taps, row_start, row_start, NULL, NULL, NULL) == SK_INVALID &&
              strstr(sk_error(), "taps"),
          "sort took no taps");
  require(sk_elastic_sort(&g, 1, 1, NULL, row_start, NULL, NULL, NULL, NULL) == SK_INVALID, "sort took NULL");
  require(sk_elastic_sort(&g, 0, 1, &none, row_start, NULL, NULL, NULL, NULL) == SK_INVALID,
          "sort: no shots");
  require(sk_elastic_run(NULL, 0, 0, 1) == SK_INVALID, "run took NULL");
  require(strcmp(sk_version(), SK_VERSION) == 0, "header and core differ");
}

/* Whether sk_elastic_run refuses a receiver with one entry. */
static int run_refuses(int64_t begin, int64_t end, int64_t offset, int32_t field, int32_t series) {
  const sk_elastic_grid g = {2, 4, 4, 0, 0, 8, 1, 1, 1e-3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
  sk_elastic_layout_t l;
  require(sk_elastic_layout(&g, &l) == SK_OK, "layout");
  const int64_t row_start[2] = {begin, end}, offsets[2] = {offset, 2};
  const int32_t fields[2] = {field, SK_VX}, numbers[2] = {series, 0};
  const float weight[2] = {1, 1};
  float data[1] = {0};
  sk_elastic p = {0};
  p.grid = g, p.n_shots = 1;
  p.fields = zeros(5 * l.array_size, 4);
  void *medium = zeros(5 * l.array_size, 4), *profiles = zeros(l.profile_size, 4);
  p.medium = medium, p.profiles = profiles;
  p.velocity_receivers = (sk_elastic_points){row_start, offsets, fields, numbers, weight, data, 1, 1};
  const int status = sk_elastic_run(&p, 0, 1, 1);
  free(p.fields), free(medium), free(profiles);
  return status == SK_INVALID;
}

static void refuse_entries(void) {
  require(!run_refuses(0, 2, 1, SK_VX, 0), "right entries were refused");
  require(run_refuses(1, 0, 1, SK_VX, 0), "row_start may not decrease");
  require(run_refuses(-1, 1, 1, SK_VX, 0), "row_start may not be negative");
  require(run_refuses(0, 2, -1, SK_VX, 0) && run_refuses(0, 2, 8, SK_VX, 0), "offset outside the plane");
  require(run_refuses(0, 2, 3, SK_VX, 0), "unsorted offsets");
  require(run_refuses(0, 2, 1, SK_VY, 0) && run_refuses(0, 2, 1, SK_FIELDS, 0), "absent field");
  require(run_refuses(0, 2, 1, SK_VX, 1) && run_refuses(0, 2, 1, SK_VX, -1), "absent series");
}

static void refuse_strides(void) {
  sk_elastic p = {0};
  p.grid = (sk_elastic_grid){2, 4, 4, 0, 0, 8, 1, 1, 1e-3, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
  sk_elastic_layout_t l;
  require(sk_elastic_layout(&p.grid, &l) == SK_OK, "layout");
  void *fields = zeros(2 * 5 * l.array_size, 4), *medium = zeros(2 * 5 * l.array_size, 4),
       *profiles = zeros(2 * l.profile_size, 4);
  p.n_shots = 2, p.fields = fields, p.medium = medium, p.profiles = profiles;
  p.medium_shot_stride = 5 * l.array_size, p.profiles_shot_stride = l.profile_size;
  require(sk_elastic_run(&p, 0, 1, 1) == SK_OK, "right strides were refused");
  p.medium_shot_stride -= 1;
  require(sk_elastic_run(&p, 0, 1, 1) == SK_INVALID, "media of two shots may not overlap");
  p.medium_shot_stride += 1, p.grid.orthorhombic = 1;
  require(sk_elastic_run(&p, 0, 1, 1) == SK_INVALID, "orthorhombic media have more arrays");
  p.grid.orthorhombic = 0, p.medium_shot_stride = 0, p.profiles_shot_stride -= 1;
  require(sk_elastic_run(&p, 0, 1, 1) == SK_INVALID, "profiles of two shots may not overlap");
  free(fields), free(medium), free(profiles);
}

/* Points on a grid, so with ties, by two threads; each target is taken once. */
static void assign(int64_t n) {
  enum { PAIRS = 3 };
  double *sources = zeros(2 * PAIRS * n, 8), *targets = zeros(2 * PAIRS * n, 8);
  int64_t *permutation = zeros(PAIRS * n, 8), *taken = zeros(PAIRS * n, 8);
  for (int64_t c = 0; c < 2 * PAIRS * n; ++c) sources[c] = c * 7 % 5, targets[c] = c * 11 % 6;
  require(sk_transport_assign(PAIRS, n, sources, targets, 2, permutation) == SK_OK, "assignment");
  for (int64_t i = 0; i < PAIRS * n; ++i) taken[i / n * n + permutation[i]] += 1;
  for (int64_t i = 0; i < PAIRS * n; ++i) require(taken[i] == 1, "not a permutation");
  targets[n] = NAN;
  require(sk_transport_assign(PAIRS, n, sources, targets, 1, permutation) == SK_INVALID, "NaN was accepted");
  free(sources), free(targets), free(permutation), free(taken);
}

int main(void) {
  int cases = 0;
  refuse(), refuse_entries(), refuse_strides();
  assign(1), assign(16), assign(53);
  for (int ndim = 2; ndim <= 3; ++ndim) {
    for (int order = 2; order <= 8; order += 2) {
      for (int variant = 0; variant < 8; ++variant) {
        const int surface = variant % 2, layers = variant / 2 % 2, large = variant / 4;
        sk_elastic_grid g = {0};
        g.ndim = ndim, g.order = order, g.itemsize = (variant + order / 2) % 2 ? 4 : 8;
        g.free_surface = surface, g.dt = 1e-3;
        g.nx = large ? 37 : 1 + 2 * layers, g.ny = ndim == 2 ? 1 : large ? 11 : 1 + 2 * layers;
        g.nz = (surface ? 16 : 1) + 7 * large + 2 * layers;
        for (int axis = 0; axis < SK_AXES; ++axis) {
          g.h[axis] = 10 + axis;
          if (!layers || (axis == SK_Y && ndim == 2)) continue;
          g.pml_low[axis] = axis == SK_Z && surface ? 0 : 1 + large;
          g.pml_high[axis] = 1 + 2 * large;
        }
        exercise(&g, 1, 1), exercise(&g, 4, 1), exercise(&g, 2, 2), cases += 3;
      }
    }
  }
  printf("%s, %d cases\n", sk_isa(), cases);
  return EXIT_SUCCESS;
}
