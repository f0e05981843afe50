// The only file that knows Python. Tensors come as addresses; seiskern/kernels checks them before.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <tuple>

#include "common/parallel.h"
#include "elastic/device_run.h"
#include "seiskern.h"

namespace py = pybind11;

namespace {

void check(int status) {
  if (status == SK_NO_MEMORY) throw std::bad_alloc();
  if (status != SK_OK) throw std::invalid_argument(sk_error());
}

template <class T = void>
T* pointer(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

using Lengths = std::array<double, 3>;
using Counts = std::array<int64_t, 3>;

sk_elastic_grid make_grid(int ndim, int order, int itemsize, bool free_surface, bool orthorhombic, Counts n,
                          double dt, Lengths h, Counts low, Counts high) {
  sk_elastic_grid g{};
  g.ndim = ndim, g.order = order, g.itemsize = itemsize, g.free_surface = free_surface,
  g.orthorhombic = orthorhombic;
  g.nx = n[0], g.ny = n[1], g.nz = n[2], g.dt = dt;
  for (int axis = 0; axis < 3; ++axis)
    g.h[axis] = h[axis], g.pml_low[axis] = low[axis], g.pml_high[axis] = high[axis];
  return g;
}

py::dict layout(const sk_elastic_grid& grid) {
  sk_elastic_layout_t l{};
  check(sk_elastic_layout(&grid, &l));
  using namespace py::literals;
  return py::dict("stride_y"_a = l.stride_y, "stride_z"_a = l.stride_z, "origin"_a = l.origin,
                  "array_size"_a = l.array_size, "pml_size"_a = l.pml_size, "profile_size"_a = l.profile_size,
                  "n_media"_a = l.n_media, "filter_size"_a = l.filter_size, "n_images"_a = l.n_images,
                  "n_tangents"_a = l.n_tangents, "first"_a = l.first);
}

// Address, then the strides of medium, z, y and x.
using Values = std::pair<std::uintptr_t, std::array<int64_t, 4>>;

sk_elastic_values make_values(const Values& v) {
  return {pointer(v.first), v.second[0], v.second[1], v.second[2], v.second[3]};
}

sk_elastic_model make_model(int ndim, int itemsize, Counts n, int64_t n_models, const Values& vp,
                            const Values& vs, const Values& rho, bool moduli) {
  return {ndim,  itemsize, n[0], n[1], n[2], n_models, make_values(vp), make_values(vs), make_values(rho),
          moduli};
}

py::dict survey(const sk_elastic_model& model, int threads) {
  sk_elastic_ranges r{};
  check(sk_elastic_survey(&model, threads, &r));
  using namespace py::literals;
  const auto pair = [](const double (&range)[2]) { return py::make_tuple(range[0], range[1]); };
  return py::dict("vp"_a = pair(r.vp), "vs"_a = pair(r.vs), "rho"_a = pair(r.rho), "ratio"_a = r.ratio,
                  "slowest"_a = r.slowest, "speed"_a = r.speed, "finite"_a = r.finite != 0);
}

void stagger(const sk_elastic_grid& grid, const sk_elastic_model& model, int threads, std::uintptr_t medium) {
  int status = SK_OK;
  {
    const py::gil_scoped_release release;
    status = sk_elastic_stagger(&grid, &model, threads, pointer(medium));
  }
  check(status);
}

sk_elastic_points make_points(std::uintptr_t row_start, std::uintptr_t offset, std::uintptr_t field,
                              std::uintptr_t series, std::uintptr_t weight, std::uintptr_t data,
                              int64_t n_series, int64_t n_steps) {
  return {pointer<int64_t>(row_start),
          pointer<int64_t>(offset),
          pointer<int32_t>(field),
          pointer<int32_t>(series),
          pointer(weight),
          pointer(data),
          n_series,
          n_steps};
}

// Addresses of shot, k, j, i, field, series, factor and weight; address and taps along x, y and z; addresses
// of row_start, offset, field, series and weight. Returns how many nodes there are.
int64_t sort(const sk_elastic_grid& grid, int64_t n_shots, int64_t n_series, int64_t n,
             const std::array<std::uintptr_t, 8>& in,
             const std::array<std::pair<std::uintptr_t, int64_t>, 3>& along, int64_t n_factors,
             const Values& factors, const std::array<std::uintptr_t, 5>& out) {
  sk_elastic_entries entries{};
  entries.n = n, entries.n_factors = n_factors, entries.factors = make_values(factors);
  const int64_t** const columns[] = {&entries.shot,  &entries.k,      &entries.j,     &entries.i,
                                     &entries.field, &entries.series, &entries.factor};
  for (size_t c = 0; c < std::size(columns); ++c) *columns[c] = pointer<int64_t>(in[c]);
  entries.weight = pointer<double>(in.back());
  for (int axis = 0; axis < SK_AXES; ++axis)
    entries.along[axis] = pointer<double>(along[axis].first), entries.taps[axis] = along[axis].second;
  int64_t* const row_start = pointer<int64_t>(out[0]);
  check(sk_elastic_sort(&grid, n_shots, n_series, &entries, row_start, pointer<int64_t>(out[1]),
                        pointer<int32_t>(out[2]), pointer<int32_t>(out[3]), pointer(out[4])));
  return row_start[n_shots * (grid.nz + 1) - 1];
}

sk_elastic make_run(const sk_elastic_grid& grid, int64_t n_shots, std::uintptr_t fields,
                    std::uintptr_t medium, int64_t medium_shot_stride, std::uintptr_t pml,
                    std::uintptr_t profiles, int64_t profiles_shot_stride,
                    const std::array<sk_elastic_points, 4>& points, bool at_rest, std::uintptr_t history,
                    int64_t history_first, int64_t history_last, int history_bits, bool history_boundary) {
  return {grid,
          n_shots,
          pointer(fields),
          pointer(medium),
          medium_shot_stride,
          pointer(pml),
          pointer(profiles),
          profiles_shot_stride,
          points[0],
          points[1],
          points[2],
          points[3],
          at_rest,
          pointer(history),
          history_first,
          history_last,
          history_bits,
          history_boundary};
}

void run(const sk_elastic& problem, int64_t first, int64_t last, int threads) {
  int status = SK_OK;
  {
    const py::gil_scoped_release release;
    status = sk_elastic_run(&problem, first, last, threads);
  }
  check(status);
}

// Addresses of data and weights, and the stride of weights from shot to shot.
using Gradient = std::tuple<std::uintptr_t, std::uintptr_t, int64_t>;

void run_adjoint(const sk_elastic& run, const std::array<Gradient, 4>& gradients, std::uintptr_t images,
                 std::uintptr_t strain, std::uintptr_t wavefield, int64_t first, int64_t last, int threads) {
  const auto gradient = [&](int n) -> sk_elastic_gradient {
    const auto& [data, weight, stride] = gradients[n];
    return {pointer(data), pointer(weight), stride};
  };
  const sk_elastic_adjoint problem{run,         gradient(0),     gradient(1),     gradient(2),
                                   gradient(3), pointer(images), pointer(strain), pointer(wavefield)};
  int status = SK_OK;
  {
    const py::gil_scoped_release release;
    status = sk_elastic_run_adjoint(&problem, first, last, threads);
  }
  check(status);
}

// `scattered` holds fields, memory and points of that wavefield.
void run_born(const sk_elastic& run, const sk_elastic& scattered, std::uintptr_t medium,
              int64_t medium_shot_stride, std::uintptr_t pml_again, int64_t first, int64_t last,
              int threads) {
  const sk_elastic_born problem{run,
                                scattered.fields,
                                scattered.pml,
                                pointer(medium),
                                medium_shot_stride,
                                pointer(pml_again),
                                scattered.velocity_sources,
                                scattered.stress_sources,
                                scattered.velocity_receivers,
                                scattered.stress_receivers};
  int status = SK_OK;
  {
    const py::gil_scoped_release release;
    status = sk_elastic_run_born(&problem, first, last, threads);
  }
  check(status);
}

// Addresses of sources, targets and the permutation.
void assign(int64_t n_pairs, int64_t n, std::uintptr_t sources, std::uintptr_t targets, int threads,
            std::uintptr_t permutation) {
  int status = SK_OK;
  {
    const py::gil_scoped_release release;
    status = sk_transport_assign(n_pairs, n, pointer<double>(sources), pointer<double>(targets), threads,
                                 pointer<int64_t>(permutation));
  }
  check(status);
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "Compiled kernels; see csrc/seiskern.h.";
  py::class_<sk_elastic_grid>(m, "ElasticGrid")
      .def(py::init(&make_grid), py::arg("ndim"), py::arg("order"), py::arg("itemsize"),
           py::arg("free_surface"), py::arg("orthorhombic"), py::arg("n"), py::arg("dt"), py::arg("h"),
           py::arg("pml_low"), py::arg("pml_high"))
      .def("layout", &layout)
      .def("history_size",
           [](const sk_elastic_grid& grid, int bits, bool boundary, int64_t steps) {
             const int64_t size = sk_elastic_history_size(&grid, bits, boundary, steps);
             if (size == 0) check(SK_INVALID);
             return size;
           })
      .def("profiles", [](const sk_elastic_grid& grid, double vmax, double frequency, double reflection,
                          double multiaxial, std::uintptr_t out) {
        check(sk_elastic_profiles(&grid, vmax, frequency, reflection, multiaxial, pointer(out)));
      });
  py::class_<sk_elastic_points>(m, "ElasticPoints").def(py::init(&make_points));
  py::class_<sk_elastic_model>(m, "ElasticModel").def(py::init(&make_model));
  m.def("elastic_survey", &survey);
  m.def("elastic_stagger", &stagger);
  m.def("elastic_sort", &sort);
  py::class_<sk_elastic>(m, "ElasticRun").def(py::init(&make_run));
  m.def("elastic_run", &run);
  m.def("elastic_run_adjoint", &run_adjoint);
  m.def("elastic_run_born", &run_born);
  m.def("elastic_closure", [](const sk_elastic_grid& grid) {
    const seiskern::elastic::Closure c = seiskern::elastic::make_closure(grid);
    return std::make_tuple(c.planes, c.taps, c.weights);
  });
  m.def("elastic_room", &seiskern::elastic::room_of);
  m.def("elastic_edge_nodes", &seiskern::elastic::edge_nodes);
  // Arguments of GPU kernels, and their tiles.
  using seiskern::elastic::Blocks;
  py::class_<Blocks>(m, "ElasticBlocks")
      .def(py::init([](const std::array<int32_t, 3>& threads, int32_t lanes, int32_t planes) {
        return Blocks{threads, lanes, planes};
      }));
  py::class_<seiskern::elastic::DeviceRun>(m, "ElasticDevice")
      .def_property_readonly(
          "content",
          [](const seiskern::elastic::DeviceRun& d) { return py::bytes(d.bytes.data(), d.bytes.size()); })
      .def_readonly("inside", &seiskern::elastic::DeviceRun::inside)
      .def_readonly("edges", &seiskern::elastic::DeviceRun::edges)
      .def_readonly("begin", &seiskern::elastic::DeviceRun::begin)
      .def_readonly("end", &seiskern::elastic::DeviceRun::end);
  m.def("elastic_device", [](const sk_elastic& run, const Blocks& edges, const Blocks& inside,
                             const std::array<int64_t, 3>& margin, std::uintptr_t closure,
                             std::uintptr_t twos, std::uintptr_t written, int64_t itemsize, bool keeper) {
    return seiskern::elastic::make_device_run(run, {edges, inside, margin}, pointer(closure), pointer(twos),
                                              {pointer(written), itemsize}, keeper);
  });
  m.def("elastic_adjoint_device", [](const sk_elastic& run, const Blocks& blocks, std::uintptr_t closure,
                                     std::uintptr_t twos, std::uintptr_t images, std::uintptr_t strain,
                                     std::uintptr_t wavefield, int64_t begin, int64_t end) {
    sk_elastic_adjoint problem{};
    problem.run = run, problem.images = pointer(images), problem.strain = pointer(strain);
    problem.wavefield = pointer(wavefield);
    return seiskern::elastic::make_adjoint_device(problem, {blocks, blocks, {}}, pointer(closure),
                                                  pointer(twos), begin, end);
  });
  m.def("elastic_max_dt", [](int ndim, int order, Lengths h, double speed) {
    const double limit = sk_elastic_max_dt(ndim, order, h.data(), speed);
    if (limit == 0) throw std::invalid_argument(sk_error());
    return limit;
  });
  m.def("elastic_surface_norms", [](int order, bool half) {
    std::array<double, 16> norms{};
    const int n = sk_elastic_surface_norms(order, half, norms.data());
    if (n == 0) throw std::invalid_argument(sk_error());
    return std::vector<double>(norms.begin(), norms.begin() + n);
  });
  m.def("transport_assign", &assign);
  m.def("handover", &seiskern::handover);
  m.def("version", &sk_version);
  m.def("isa", &sk_isa);
  m.def("compiled_isas", [] { return std::string(sk_compiled_isas()); });
}
