"""The compiled time step equals its definition, keeps its energy, and is the same however the work is cut."""

from dataclasses import dataclass, replace

import pytest
import torch

from seiskern import _ext
from seiskern.grid import AXES, STRESS, VELOCITY, offset
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.plan import FIELD_NUMBER

ORDERS = (2, 4, 6, 8)
DTYPES = (torch.float32, torch.float64)
ISAS = _ext.require().compiled_isas().split()
EPS = {dtype: torch.finfo(dtype).eps for dtype in DTYPES}
# What one step rounds a field by, in eps of the largest value of all fields: each of two half steps rounds
# the field (half an eps) and its change (up to 1.5: a sum of 3 derivatives times rounded coefficients, at a
# Courant number below 1). A stable step does not amplify it.
ROUNDINGS_PER_STEP = 4
# Speed that bounds the random media below: lam, 2 mu and 1/rho lie in [0.5, 1]; in orthorhombic ones the
# moduli of compression in [1, 2], their couplings in [0.2, 0.4].
SPEED = 2**0.5
STEPS = 9

# Nodes: single, shorter than the stencil, primes, one plane of y, more than one vector along x.
SHAPES = [
    (1, 1),
    (3, 2),
    (5, 7),
    (13, 37),
    (31, 83),
    (1, 1, 1),
    (2, 1, 3),
    (7, 5, 11),
    (13, 1, 37),
    (5, 19, 67),
]
# The same below a free surface: planes beyond those that the closure needs, then the other axes.
BELOW_SURFACE = [(0, 5), (1, 37), (19, 83), (0, 1, 5), (1, 1, 19), (1, 7, 3), (13, 5, 37)]
# Widths of absorbing layers before and after n nodes; each axis takes the next one in the list.
WIDTHS = {
    "none": lambda n: (0, 0),
    "unequal": lambda n: (n // 3, n // 5),
    "meeting": lambda n: (n // 2, n - n // 2),
    "after": lambda n: (0, n // 2),
    "before": lambda n: (n, 0),
}


@dataclass
class Run:
    """A random problem with its sources and receivers, ready for the kernel and for the reference."""

    problem: elastic.Problem
    medium: dict[str, torch.Tensor]
    start: torch.Tensor
    points: list[tuple]
    n_steps: int
    n_shots: int

    def kernel(self, cuts=None, threads=1):
        """Fields and records after all steps, made in pieces that end at ``cuts``."""
        state = elastic.State.zeros(self.problem, self.n_shots)
        self.problem.view(state.fields)[:] = self.start
        built = [
            elastic.Points.build(self.problem, data.clone(), node[:, 0], index, number, series, weight)
            for _, node, index, number, series, weight, data in self.points
        ]
        medium, done = self.problem.pack(self.medium), 0
        profiles = self.problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        for last in cuts or [self.n_steps]:
            pairs = (built[0], built[1]), (built[2], built[3])
            elastic.run(self.problem, state, medium, profiles, *pairs, done, last, threads)
            done = last
        return self.problem.view(state.fields), built[2].data, built[3].data, state.fields

    def reference(self, closure):
        """The same by the reference, in double precision, and the largest value seen."""
        problem = replace(self.problem, dtype=torch.float64)
        medium = {name: value.double() for name, value in self.medium.items()}
        scheme = reference.Scheme(
            problem, medium, reference.profiles(problem, SPEED, 0.1, 1e-3, 0.2), closure
        )
        scheme.rest(self.n_shots)
        scheme.fields = dict(zip(problem.fields, self.start.double().unbind(1), strict=True))
        series = [
            reference.Series(names, node, series, weight.double(), data.double())
            for names, node, _, _, series, weight, data in self.points
        ]
        largest = 1.0
        records = [s.data for s in series[2:]]
        for n in range(self.n_steps):
            receivers = tuple(replace(s, data=r) for s, r in zip(series[2:], records, strict=True))
            records = scheme.run((series[0], series[1]), receivers, n, n + 1)
            largest = max(largest, *(float(u.abs().max()) for u in scheme.fields.values()))
        fields = torch.stack([scheme.fields[name] for name in problem.fields], dim=1)
        return fields, records[0], records[1], largest


def random_points(n, problem, n_shots, n_steps, rng, fields, source):
    """As many entries between random nodes and three series."""
    nodes = [torch.randint(0, m, (n,), generator=rng) for m in (n_shots, *problem.shape)]
    names = tuple(fields[i] for i in torch.randint(0, len(fields), (n,), generator=rng).tolist())
    index = dict(zip(AXES[problem.ndim], nodes[1:], strict=True))
    number = torch.tensor([FIELD_NUMBER[name] for name in names])
    series = torch.randint(0, 3, (n,), generator=rng)
    weight = torch.randn(n, generator=rng).to(problem.dtype)
    data = torch.randn(n_shots, n_steps, 3, generator=rng).to(problem.dtype)
    return names, torch.stack(nodes, dim=1), index, number, series, weight, data * source


def random_run(
    rng,
    shape,
    order,
    dtype=torch.float64,
    absorbing=(),
    depth=0,
    n_shots=1,
    n_media=1,
    n_steps=STEPS,
    entries=12,
    orthorhombic=False,
):
    """A run with random fields in a random medium; ``depth`` planes of a free surface's closure, or none."""
    ndim, spacing = len(shape), (1.1, 0.9, 1.0)[: len(shape)]
    problem = elastic.Problem(
        shape=shape,
        spacing=spacing,
        dt=0.9 * elastic.max_dt(ndim, order, spacing, SPEED),
        order=order,
        dtype=dtype,
        free_surface=depth > 0,
        absorbing=absorbing,
        orthorhombic=orthorhombic,
    )
    scale = {"cxx": 2, "cyy": 2, "czz": 2, "cxy": 0.4, "cxz": 0.4, "cyz": 0.4}
    medium = {
        name: (scale.get(name, 1) * (0.5 + 0.5 * torch.rand(n_media, *shape, generator=rng))).to(dtype)
        for name in problem.coefficients
    }
    start = torch.randn(n_shots, len(problem.fields), *shape, generator=rng).to(dtype)
    kinds = [(VELOCITY[ndim], 1), (STRESS[ndim], 1), (VELOCITY[ndim], 0), (STRESS[ndim], 0)]
    points = [random_points(entries, problem, n_shots, n_steps, rng, *kind) for kind in kinds]
    return Run(problem, medium, start, points, n_steps, n_shots)


def layers(first, shape, depth=0):
    """Absorbing widths of all axes, starting with those named ``first``."""
    names = list(WIDTHS)
    at = names.index(first)
    widths = [WIDTHS[names[(at + axis) % len(names)]](n) for axis, n in enumerate(shape)]
    if depth:
        widths[0] = (0, min(widths[0][1], shape[0] - depth))
    if first == "none":
        return ()
    return tuple(widths)


def assert_equal_to_reference(run, closure=None, threads=1):
    *got, padded = run.kernel(threads=threads)
    *expected, largest = run.reference(closure)
    bound = EPS[run.problem.dtype] * ROUNDINGS_PER_STEP * run.n_steps * largest
    # A record sums up to 12 weighted values, weights being of size 1.
    for value, wanted, share in zip(got, expected, (1, 12, 12), strict=True):
        assert torch.isfinite(value).all()
        assert (value.double() - wanted).abs().max() <= bound * share
    run.problem.view(padded).zero_()
    assert not padded.any()  # nothing but nodes was written


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_reference(shape, order, dtype, rng):
    for first in WIDTHS:
        assert_equal_to_reference(random_run(rng, shape, order, dtype, layers(first, shape)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planes", BELOW_SURFACE, ids=str)
def test_equals_reference_below_a_free_surface(planes, order, dtype, rng, surfaces):
    depth = surfaces[order].depth
    shape = (depth + planes[0], *planes[1:])
    for first in ("none", "meeting", "after"):
        run = random_run(rng, shape, order, dtype, layers(first, shape, depth), depth)
        assert_equal_to_reference(run, surfaces[order].closure)


@pytest.mark.parametrize("n_media", [1, 3])
@pytest.mark.parametrize("shape", [(17, 37), (14, 3, 19)], ids=str)
@pytest.mark.parametrize("threads", [2, 4])  # fewer threads than shots, and more
def test_shots_and_media(threads, shape, n_media, rng, surfaces):
    run = random_run(rng, shape, 4, absorbing=layers("after", shape, 7), depth=7, n_shots=3, n_media=n_media)
    assert_equal_to_reference(run, surfaces[4].closure, threads)


@pytest.mark.parametrize("orthorhombic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets(isa, order, dtype, orthorhombic, rng, surfaces, monkeypatch):
    monkeypatch.setenv("SEISKERN_ISA", isa)
    if _ext.require().isa() != isa:
        pytest.skip(f"this processor has no {isa}")
    depth = surfaces[order].depth
    for shape in [(depth + 9, 83), (depth, 3), (depth + 3, 7, 37), (depth, 1, 1)]:
        for first, planes in [("unequal", 0), ("after", depth)]:
            absorbing = layers(first, shape, planes)
            run = random_run(rng, shape, order, dtype, absorbing, planes, orthorhombic=orthorhombic)
            assert_equal_to_reference(run, surfaces[order].closure if planes else None)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("depth", [0, 12])
def test_an_isotropic_medium_may_be_given_as_orthorhombic(depth, ndim, rng):
    run = random_run(rng, (23, 5, 7)[:ndim], 8, depth=depth)
    twin = replace(run, problem=replace(run.problem, orthorhombic=True), medium=dict(run.medium))
    lam, mu2 = twin.medium.pop("lam"), twin.medium.pop("mu2")
    for name in twin.problem.coefficients:
        if name[0] == "c":
            twin.medium[name] = lam + mu2 if name[1] == name[2] else lam
    for value, wanted in zip(twin.kernel()[:3], run.kernel()[:3], strict=True):
        torch.testing.assert_close(value, wanted, rtol=0, atol=1e-12 * float(wanted.abs().max()))


def assert_same_bits(first, second):
    for one, other in zip(first[:3], second[:3], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("depth", [0, 12])
@pytest.mark.parametrize("shape", [(61, 83), (37, 11, 19)], ids=str)
def test_pieces_and_threads_change_no_bit(shape, depth, dtype, rng):
    absorbing = layers("after", shape, depth)
    run = random_run(rng, shape, 8, dtype, absorbing, depth, n_shots=2, n_media=2, n_steps=20)
    whole = run.kernel()
    assert_same_bits(whole, run.kernel(cuts=[7, 20]))
    assert_same_bits(whole, run.kernel(cuts=list(range(1, 21))))
    for threads in (2, 3):
        assert_same_bits(whole, run.kernel(threads=threads))
        assert_same_bits(whole, run.kernel(cuts=[7, 20], threads=threads))


@pytest.mark.parametrize("turns", ["0", "1"])
@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("shape", [(301, 300), (21, 211, 100)], ids=str)
def test_pieces_change_no_bit_of_records_across_blocks(shape, order, turns, rng, monkeypatch):
    monkeypatch.setenv("SEISKERN_TURNS", turns)
    # Large enough to be cut along y too. Many entries make one sum, and their order counts.
    run = random_run(rng, shape, order, n_steps=12, entries=300)
    whole = run.kernel()
    assert_same_bits(whole, run.kernel(cuts=[5, 12]))
    assert_same_bits(whole, run.kernel(cuts=list(range(1, 13))))  # no time for an edge to move
    assert_same_bits(whole, run.kernel(threads=2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_strips_of_any_width_change_no_bit(order, dtype, rng):
    # Long rows, so that the cache holds few: strips are as narrow as they may be.
    for ny in range(14, 44):
        run = random_run(rng, (8, ny, 430), order, dtype, n_steps=8)
        assert_same_bits(run.kernel(), run.kernel(cuts=list(range(1, 9))))


@pytest.mark.parametrize("turns", ["0", "1"])
def test_long_sweeps_and_looks_at_threads_change_no_bit(turns, rng, monkeypatch):
    monkeypatch.setenv("SEISKERN_TURNS", turns)
    # Too large for the cache as a whole, and more steps than between two looks at where the threads run.
    run = random_run(rng, (1501, 300), 4, n_steps=120)
    whole = run.kernel()
    assert torch.isfinite(whole[0]).all()
    assert_same_bits(whole, run.kernel(cuts=[40, 120]))
    assert_same_bits(whole, run.kernel(threads=2))


@pytest.mark.parametrize("turns", ["0", "1"])
@pytest.mark.parametrize("order", ORDERS)
def test_many_blocks_of_work(order, turns, rng, surfaces, monkeypatch):
    monkeypatch.setenv("SEISKERN_TURNS", turns)
    # Larger than any block of the order of work, and more steps than one sweep.
    for shape in [(211, 19), (67, 41, 5)]:
        run = random_run(rng, shape, order, depth=surfaces[order].depth, n_steps=21)
        assert_equal_to_reference(run, surfaces[order].closure, threads=3)


@pytest.mark.parametrize("shape", [(1, 40), (40, 3), (3, 1, 3)], ids=str)
def test_more_threads_than_rows(shape, rng):
    run = random_run(rng, shape, 2)
    assert_same_bits(run.kernel(threads=1), run.kernel(threads=16))


def test_steps_that_are_none_change_nothing(rng):
    run = random_run(rng, (5, 7), 4)
    fields = run.kernel(cuts=[0])[0]
    assert torch.equal(fields, run.start)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("ndim", [2, 3])
def test_reference_is_differentiable(ndim, free_surface, order, rng, surfaces):
    surface = surfaces[order]
    shape = (surface.depth, *(2, 3)[-(ndim - 1) :])
    absorbing = ((0, 0), *((1, 1),) * (ndim - 1))
    run = random_run(rng, shape, order, absorbing=absorbing, depth=surface.depth * free_surface, n_steps=2)
    series = [reference.Series(names, node, s, w, data) for names, node, _, _, s, w, data in run.points]
    profiles = reference.profiles(run.problem, SPEED, 0.1, 1e-3, 0.2)
    names = ("bz", "lam", "mxz")

    def record(weight, data, *values):
        medium = run.medium | dict(zip(names, values, strict=True))
        scheme = reference.Scheme(run.problem, medium, profiles, surface.closure)
        scheme.rest(1)
        sources = (replace(series[0], weight=weight), replace(series[1], data=data))
        return scheme.run(sources, (series[2], series[3]), 0, 2)

    inputs = [series[0].weight, series[1].data, *(run.medium[name] for name in names)]
    inputs = [value.clone().requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(record, inputs, fast_mode=True)


def plane_weights(problem, surface, name):
    """Norm of each plane in the discrete energy, shaped to multiply a field."""
    weight = torch.ones(problem.shape[0], dtype=torch.float64)
    if problem.free_surface:
        norm = surface.half_norm if offset(name, "z") else surface.node_norm
        weight[: len(norm)] = norm
    return weight.reshape(-1, *(1,) * (problem.ndim - 1))


def normal_moduli(problem, medium):
    """Stress aa per strain bb, (..., a, b); in a free surface szz and the strain along z do not count."""
    axes = [name[1] for name in STRESS[problem.ndim] if name[1] == name[2]]

    def modulus(a, b):
        if problem.orthorhombic:
            return medium["c" + min(a, b) + max(a, b)]
        return medium["lam"] + medium["mu2"] if a == b else medium["lam"]

    moduli = torch.stack([torch.stack([modulus(a, b) for b in axes], -1) for a in axes], -2)
    if problem.free_surface:
        moduli[0, ..., -1, :] = moduli[0, ..., :, -1] = 0
        moduli[0, ..., -1, -1] = 1
    return moduli


def strain_of(problem, medium, stress):
    """Strain that belongs to a stress (shear: engineering strain)."""
    normal = [name for name in STRESS[problem.ndim] if name[1] == name[2]]
    trace = torch.stack([stress[name] for name in normal], -1)
    if problem.free_surface:
        trace[0, ..., -1] = 0
    strain = torch.linalg.solve(normal_moduli(problem, medium), trace[..., None])[..., 0]
    result = dict(zip(normal, strain.unbind(-1), strict=True))
    return result | {name: stress[name] / medium["m" + name[1:]] for name in stress if name not in normal}


def energies(run, surface, n_steps):
    """Energy after each step, per volume of a cell: half of v(n+1/2) rho v(n+1/2) + s(n) C s(n+1)."""
    problem = run.problem
    state = elastic.State.zeros(problem, 1)
    view, start = problem.view(state.fields), run.start.clone()
    if problem.free_surface:
        start[:, problem.fields.index("szz"), 0] = 0
    view[:] = start
    empty = elastic.Points.build(
        problem, torch.zeros(1, n_steps, 0, dtype=problem.dtype), *no_entries(problem), torch.zeros(0)
    )
    medium = {name: value[0] for name, value in run.medium.items()}
    packed, profiles = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    result = []
    for n in range(n_steps):
        before = dict(zip(problem.fields, view[0].clone(), strict=True))
        elastic.run(problem, state, packed, profiles, (empty, empty), (empty, empty), n, n + 1)
        after = dict(zip(problem.fields, view[0], strict=True))
        strain = strain_of(problem, medium, {name: before[name] for name in STRESS[problem.ndim]})
        energy = sum((plane_weights(problem, surface, s) * strain[s] * after[s]).sum() for s in strain)
        for v in VELOCITY[problem.ndim]:
            energy += (plane_weights(problem, surface, v) * after[v].square() / medium["b" + v[1]]).sum()
        result.append(0.5 * float(energy))
    return result


def no_entries(problem):
    none = torch.zeros(0, dtype=torch.int64)
    return none, dict.fromkeys(AXES[problem.ndim], none), none, none


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("rest", [(23,), (5, 7)], ids=str)
@pytest.mark.parametrize("orthorhombic", [False, True])
def test_energy_is_conserved(orthorhombic, rest, free_surface, order, rng, surfaces):
    surface, steps = surfaces[order], 200
    shape = (surface.depth + 9, *rest)
    run = random_run(rng, shape, order, depth=surface.depth * free_surface, orthorhombic=orthorhombic)
    energy = torch.tensor(energies(run, surface, steps), dtype=torch.float64)
    assert energy[0] > 0
    # An error of a value counts twice in its square.
    bound = 2 * ROUNDINGS_PER_STEP * steps * EPS[torch.float64] * energy[0]
    assert (energy - energy[0]).abs().max() <= bound


def half_steps(run, **given):
    """Velocities that stresses make, or stresses that velocities make, in one step from the other at rest."""
    problem = run.problem
    still = replace(run, start=torch.zeros_like(run.start), points=[(*p[:-1], 0 * p[-1]) for p in run.points])
    for name, value in given.items():
        still.start[0, problem.fields.index(name)] = value
    fields = still.kernel(cuts=[1])[0][0]
    return dict(zip(problem.fields, fields, strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("rest", [(23,), (5, 7)], ids=str)
def test_differences_are_adjoint(rest, free_surface, order, rng, surfaces):
    # <v, D s> = -<D^T v, s> in the norms of the closure: D as the velocities see it, D^T as the strains do.
    surface = surfaces[order]
    shape = (surface.depth + 4, *rest)
    run = random_run(rng, shape, order, depth=surface.depth * free_surface, n_steps=1)
    problem = run.problem
    medium = {name: value[0] for name, value in run.medium.items()}
    start = dict(zip(problem.fields, run.start[0], strict=True))
    if free_surface:
        start["szz"][0] = 0
    velocity = {name: start[name] for name in VELOCITY[problem.ndim]}
    stress = {name: start[name] for name in STRESS[problem.ndim]}
    made = half_steps(run, **stress)
    strain = strain_of(problem, medium, {s: half_steps(run, **velocity)[s] for s in stress})
    parts = [
        plane_weights(problem, surface, v) * velocity[v] * made[v] / medium["b" + v[1]] for v in velocity
    ]
    parts += [plane_weights(problem, surface, s) * stress[s] * strain[s] for s in stress]
    size = torch.stack([part.abs().sum() for part in parts]).sum()
    assert abs(sum(part.sum() for part in parts)) <= ROUNDINGS_PER_STEP * EPS[torch.float64] * size
    assert size > 0
