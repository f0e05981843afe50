"""The adjoint is the transpose of the compiled steps, and its images are the gradient of the reference."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from random_runs import DTYPES, EPS, ORDERS, SPEED, random_run
from test_elastic import BELOW_SURFACE, ISAS, SHAPES, WIDTHS, layers

from seiskern import _ext
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.adjoint import stagger_gradient
from seiskern.kernels.elastic.plan import AVERAGED

# Rounding of sums over time and space in double precision; the largest seen is 4e-15.
EXACT = 1e-12


class Backward:
    """A run from rest, the gradient of its records, and what the adjoint makes of it."""

    def __init__(self, run, rng, cuts=(), threads=1):
        self.run, problem = run, run.problem
        self.points = [
            elastic.Points.build(
                problem, data.clone(), None if node is None else node[:, 0], index, number, series, weight
            )
            for _, node, index, number, series, weight, data in run.points
        ]
        self.medium = problem.pack(run.medium)
        profiles = problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        state = elastic.State.at_start(problem, run.n_shots)
        state.fields.fill_(torch.nan)
        history = elastic.History.empty(problem, run.n_shots, 0, run.n_steps)
        history.data.fill_(torch.nan)
        ends = [0, *cuts, run.n_steps]
        pairs = tuple(self.points[:2]), tuple(self.points[2:])
        for first, last in pairwise(ends):
            elastic.run(problem, state, self.medium, profiles, *pairs, first, last, threads, history)
        wanted = [
            torch.randn(p.data.shape, generator=rng, dtype=torch.float64).to(problem.dtype)
            for p in self.points[2:]
        ]
        self.of_records = wanted
        self.gradients = [elastic.PointGradient.zeros(p, n < 2, n < 3) for n, p in enumerate(self.points)]
        for gradient, record in zip(self.gradients[2:], wanted, strict=True):
            gradient.data = record
        self.state = elastic.AdjointState.zeros(problem, run.n_shots, not problem.orthorhombic, True)
        for last, first in zip(ends[:0:-1], ends[-2::-1], strict=True):
            elastic.run_adjoint(
                problem,
                self.state,
                self.medium,
                profiles,
                *pairs,
                self.gradients,
                history,
                first,
                last,
                threads,
            )

    def of_medium(self):
        """Gradients of the coefficients at nodes, by name."""
        problem = self.run.problem
        packed = elastic.medium_gradient(problem, self.medium, self.state.images)
        result = {}
        for n, name in enumerate(problem.coefficients):
            value = problem.view(packed[:, n], beyond=int(name in AVERAGED))
            for axis in range(1, value.ndim) if name in AVERAGED else ():  # beyond the edge: that on it
                inner, last = value.narrow(axis, 0, value.shape[axis] - 1), value.narrow(axis, -1, 1)
                value = inner.clone()
                value.narrow(axis, -1, 1).add_(last)
            result[name] = value
        return result

    def all(self):
        """Everything that came out."""
        found = [g for gradient in self.gradients[:3] for g in (gradient.data, gradient.weight)]
        return found if self.run.problem.orthorhombic else [*found, *self.of_medium().values()]


def by_autograd(backward, closure):
    """Gradients of medium, sources and weights through the reference, in double precision."""
    run = backward.run
    problem = replace(run.problem, dtype=torch.float64)
    medium = {name: value.double().requires_grad_() for name, value in run.medium.items()}
    scheme = reference.Scheme(problem, medium, reference.profiles(problem, SPEED, 0.1, 1e-3, 0.2), closure)
    scheme.rest(run.n_shots)
    series = [
        reference.Series(
            names, node, s, weight.double().requires_grad_(), data.double().clone().requires_grad_()
        )
        for names, node, _, _, s, weight, data in run.points
    ]
    records = scheme.run(tuple(series[:2]), tuple(series[2:]), 0, run.n_steps)
    sum((r * g.double()).sum() for r, g in zip(records, backward.of_records, strict=True)).backward()
    return {name: value.grad for name, value in medium.items()}, series


def error(got, wanted):
    """Largest difference, as a share of the largest value, or of 1, the size of what goes into its sums."""
    if wanted.numel() == 0:
        return 0.0
    return float((got.double() - wanted).abs().max()) / max(1.0, float(wanted.abs().max()))


def assert_gradients(run, rng, closure=None, bound=EXACT, **options):
    backward = Backward(run, rng, **options)
    medium, series = by_autograd(backward, closure)
    for n, gradient in enumerate(backward.gradients[:3]):
        if n < 2:
            assert error(gradient.data, series[n].data.grad) <= bound
        # Sorted by place: compared as a whole.
        got, wanted = (value.double().sort().values for value in (gradient.weight, series[n].weight.grad))
        assert error(got, wanted) <= bound
    if not run.problem.orthorhombic:
        for name, value in backward.of_medium().items():
            assert error(value, medium[name]) <= bound, name
    return backward


def dot_product(backward):
    """<records, gradient of records> - <sources, gradient of sources>, as a share of the norms."""
    left = sum((p.data * g).sum() for p, g in zip(backward.points[2:], backward.of_records, strict=True))
    pairs = [(p.data, g.data) for p, g in zip(backward.points[:2], backward.gradients[:2], strict=True)]
    right, norms = sum((p * g).sum() for p, g in pairs), sum(p.norm() * g.norm() for p, g in pairs)
    return float((left - right).abs() / norms) if norms > 0 else float(left.abs())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_those_of_the_reference(shape, order, rng):
    turn = (ORDERS.index(order) + SHAPES.index(shape)) % 2  # the reference takes its time
    for first in ("unequal", *("none", "before") * turn, *("meeting", "after") * (1 - turn)):
        assert first in WIDTHS
        backward = assert_gradients(random_run(rng, shape, order, absorbing=layers(first, shape)), rng)
        assert dot_product(backward) <= EXACT


@pytest.mark.parametrize("orthorhombic", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planes", BELOW_SURFACE, ids=str)
def test_gradients_below_a_free_surface(planes, order, orthorhombic, rng, surfaces):
    depth = surfaces[order].depth
    shape = (depth + planes[0], *planes[1:])
    for first in ("after",) if orthorhombic else ("none", "after"):
        absorbing = layers(first, shape, depth)
        run = random_run(rng, shape, order, absorbing=absorbing, depth=depth, orthorhombic=orthorhombic)
        backward = assert_gradients(run, rng, surfaces[order].closure)
        assert dot_product(backward) <= EXACT


@pytest.mark.parametrize("n_media", [1, 3])
@pytest.mark.parametrize("shape", [(17, 37), (14, 3, 19)], ids=str)
@pytest.mark.parametrize("threads", [2, 4])  # fewer threads than shots, and more
def test_shots_and_media(threads, shape, n_media, rng, surfaces):
    absorbing = layers("after", shape, 7)
    run = random_run(rng, shape, 4, absorbing=absorbing, depth=7, n_shots=3, n_media=n_media)
    assert_gradients(run, rng, surfaces[4].closure, threads=threads)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets(isa, order, rng, surfaces, monkeypatch):
    monkeypatch.setenv("SEISKERN_ISA", isa)
    if _ext.require().isa() != isa:
        pytest.skip(f"this processor has no {isa}")
    depth = surfaces[order].depth
    for shape in [(depth + 9, 83), (depth + 3, 7, 37)]:
        run = random_run(rng, shape, order, absorbing=layers("after", shape, depth), depth=depth)
        assert_gradients(run, rng, surfaces[order].closure)
        # In single precision 9 steps of some hundred roundings each, which mostly cancel.
        single = random_run(rng, shape, order, torch.float32, layers("unequal", shape))
        assert_gradients(single, rng, bound=1e-5)


@pytest.mark.parametrize("order", [2, 8])
def test_fluid_nodes(order, rng, surfaces):
    """Where mu is zero it has no gradient, as the reference has it, and nothing is infinite."""
    depth = surfaces[order].depth
    shape = (depth + 5, 7, 21)
    run = random_run(rng, shape, order, absorbing=layers("unequal", shape, depth), depth=depth)
    fluid = torch.rand(shape, generator=rng) < 0.3
    run.medium["compliance"][:, fluid] = torch.inf
    backward = Backward(run, rng)
    values = backward.of_medium()
    assert all(torch.isfinite(value).all() for value in values.values())
    assert (values["compliance"][:, fluid] == 0).all()
    assert dot_product(backward) <= EXACT


def assert_same_bits(first, second):
    for one, other in zip(first.all(), second.all(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("depth", [0, 12])
@pytest.mark.parametrize("shape", [(61, 83), (37, 11, 19)], ids=str)
def test_pieces_and_threads_change_no_bit(shape, depth, dtype, rng, monkeypatch):
    absorbing = layers("after", shape, depth)
    run = random_run(rng, shape, 8, dtype, absorbing, depth, n_shots=2, n_media=2, n_steps=20)
    state = rng.get_state()

    def again(**options):
        rng.set_state(state)
        return Backward(run, rng, **options)

    whole = again()
    assert_same_bits(whole, again(cuts=(7, 11)))
    assert_same_bits(whole, again(cuts=range(1, 20), threads=2))
    for threads in (2, 3):
        for turns, second in (("0", "0"), ("1", "0"), ("0", "200000")):
            monkeypatch.setenv("SEISKERN_TURNS", turns)
            monkeypatch.setenv("SEISKERN_L2", second)
            assert_same_bits(whole, again(threads=threads))


def test_shared_entries_gather_the_gradients_of_all_shots(rng):
    run = random_run(rng, (21, 33), 4, n_shots=3)
    _, _, index, number, series, weight, data = run.points[2]
    n = len(number)
    found = []
    for shots in (None, torch.arange(3).repeat(n)):  # all entries of every shot; three of each
        each = 1 if shots is None else 3

        def build(value, each=each):
            return value.repeat_interleave(each)

        points = elastic.Points.build(
            run.problem,
            data,
            shots,
            {axis: build(value) for axis, value in index.items()},
            *map(build, (number, series, weight)),
        )
        found.append(gradient_of_weights(run, points, torch.Generator().manual_seed(1)))
    shared, apart = found
    total = apart.reshape(3, n).sum(0)  # a shot after the other
    torch.testing.assert_close(shared, total, rtol=1e-12, atol=1e-12)


def gradient_of_weights(run, points, rng):
    """Of receivers of velocity, with the sources of the run and no other receivers."""
    problem, none = run.problem, elastic.Points.none(run.problem, run.n_shots, run.n_steps)
    sources = tuple(
        elastic.Points.build(problem, data, node[:, 0], index, number, series, weight)
        for _, node, index, number, series, weight, data in run.points[:2]
    )
    medium, profiles = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    history = elastic.History.empty(problem, run.n_shots, 0, run.n_steps)
    arguments = problem, elastic.State.at_start(problem, run.n_shots), medium, profiles, sources
    elastic.run(*arguments, (points, none), 0, run.n_steps, 2, history)
    wanted = torch.randn(points.data.shape, generator=rng, dtype=torch.float64)
    given = elastic.PointGradient.zeros(points, False, True)
    given.data = wanted
    nothing = elastic.PointGradient()
    state = elastic.AdjointState.zeros(problem, run.n_shots, False, False)
    elastic.run_adjoint(
        problem,
        state,
        medium,
        profiles,
        sources,
        (points, none),
        [nothing, nothing, given, elastic.PointGradient(none.data)],
        history,
        0,
        run.n_steps,
    )
    return given.of_weights


@pytest.mark.parametrize("depth", [0, 12])
@pytest.mark.parametrize("shape", [(14, 9), (13, 5, 6)], ids=str)
@pytest.mark.parametrize("n_media", [1, 2])
def test_gradient_of_the_means(n_media, shape, depth, rng):
    """`stagger` against autograd through its definition; some nodes are fluid."""
    pad = ((0 if depth else 2, 3),) + ((1, 2),) * (len(shape) - 1)
    problem = elastic.Problem(
        shape=tuple(n + sum(p) for n, p in zip(shape, pad, strict=True)),
        spacing=(1.0,) * len(shape),
        dt=0.1,
        order=8,
        dtype=torch.float64,
        free_surface=depth > 0,
        absorbing=pad,
    )
    vp, vs, rho = (1 + torch.rand(n_media, *shape, generator=rng, dtype=torch.float64) for _ in range(3))
    vs = torch.where(torch.rand(vs.shape, generator=rng) < 0.2, 0.0, vs / 3)
    values = [value.clone().requires_grad_() for value in (vp, vs, rho)]
    rho_n, lam, mu = reference.nodes(*values, pad, problem.free_surface)
    gradient = torch.zeros(n_media, len(problem.coefficients), problem.layout["array_size"]).double()
    loss = 0.0
    if len(shape) == 2:
        for n, value in enumerate(reference.average(rho_n, lam, mu, 2).values()):
            given = torch.randn(value.shape, generator=rng, dtype=torch.float64)
            problem.view(gradient[:, n])[:] = given
            loss = loss + (given * value).sum()
    else:
        solid = mu > 0
        nodes = {"rho": rho_n, "lam": lam, "compliance": torch.where(solid, 1 / mu.where(solid, 1), 0.0)}
        for n, (name, value) in enumerate(nodes.items()):
            given = torch.randn(value.shape, generator=rng, dtype=torch.float64)
            if name == "compliance":
                given = given * solid
            problem.view(gradient[:, n])[:] = given
            loss = loss + (given * value).sum()
    loss.backward()
    got = stagger_gradient(problem, vp, vs, rho, gradient)
    for value, given in zip(values, got, strict=True):
        assert error(given, value.grad) <= EXACT


def test_wrong_arrays_are_refused(rng):
    run = random_run(rng, (9, 11), 4)
    backward = Backward(run, rng)
    problem, points = run.problem, backward.points
    profiles = problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    pairs = tuple(points[:2]), tuple(points[2:])
    history = elastic.History.empty(problem, 1, 2, run.n_steps)

    def go(state=None, gradients=None, history=history, first=2):
        elastic.run_adjoint(
            problem,
            state or elastic.AdjointState.zeros(problem, 1, True, True),
            backward.medium,
            profiles,
            *pairs,
            gradients or backward.gradients,
            history,
            first,
            run.n_steps,
        )

    with pytest.raises(ValueError, match=r"within the history"):
        go(first=0)
    with pytest.raises(ValueError, match=r"^strain must not be NULL"):
        go(elastic.AdjointState.zeros(problem, 1, True, False))
    with pytest.raises(ValueError, match=r"^gradients of the records"):
        go(gradients=[*backward.gradients[:3], elastic.PointGradient()])
    stress = elastic.PointGradient(backward.of_records[1], torch.zeros_like(points[3].weight))
    with pytest.raises(ValueError, match=r"^weights of stress receivers"):
        go(gradients=[*backward.gradients[:3], stress])
    state = elastic.AdjointState.zeros(problem, 1, True, True)
    state.images = state.images[:, 1:]
    with pytest.raises(ValueError, match=r"^`images` must be"):
        go(state)
    with pytest.raises(ValueError, match=r"^`history` must be"):
        go(history=replace(history, last=run.n_steps + 1))
    with pytest.raises(ValueError, match=r"^`gradients` must be"):
        go(gradients=[elastic.PointGradient(torch.zeros(1, 2, 3)), *backward.gradients[1:]])
    twin = random_run(rng, (9, 11), 4, orthorhombic=True)
    wide = Backward(twin, rng)
    with pytest.raises(ValueError, match=r"must be isotropic"):
        elastic.run_adjoint(
            twin.problem,
            elastic.AdjointState.zeros(twin.problem, 1, True, True),
            wide.medium,
            profiles,
            tuple(wide.points[:2]),
            tuple(wide.points[2:]),
            wide.gradients,
            elastic.History.empty(twin.problem, 1, 0, run.n_steps),
            0,
            run.n_steps,
        )
    assert EPS[problem.dtype] < EXACT
