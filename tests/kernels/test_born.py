"""The tangent of a run is the derivative of the reference, and the transpose of the adjoint."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from random_runs import DTYPES, ORDERS, SPEED, random_run
from test_elastic import BELOW_SURFACE, ISAS, SHAPES, WIDTHS, layers
from test_strategy import propagation
from torch.autograd import forward_ad

from seiskern import _ext
from seiskern.grid import replicate
from seiskern.kernels import elastic
from seiskern.kernels.elastic import born, reference
from seiskern.kernels.elastic.plan import AVERAGED
from seiskern.kernels.memory import zeros

# Rounding of sums over time and space in double precision; the largest seen is 4e-15.
EXACT = 1e-12
ALL = ("medium", "data", "weight")
STEPS = 5  # forward differentiation of the reference takes its time


class Direction:
    """A random direction of what a run is made from; None where it is zero."""

    def __init__(self, run, rng, what=ALL):
        def random(value):
            return torch.randn(value.shape, generator=rng, dtype=torch.float64).to(value.dtype)

        medium = {name: value * random(value) for name, value in run.medium.items()}
        self.medium = medium if "medium" in what else {}
        self.data = [random(points[-1]) if "data" in what else None for points in run.points[:2]]
        self.weight = [random(points[-2]) if "weight" in what else None for points in run.points]

    def packed(self, problem):
        """That of the medium, as an array like it; zero in the padding."""
        if not self.medium:
            return None
        n_media = len(next(iter(self.medium.values())))
        shape = n_media, len(problem.coefficients), problem.layout["array_size"]
        packed = zeros(shape, problem.dtype)
        for number, name in enumerate(problem.coefficients):
            beyond = int(name in AVERAGED)
            value = replicate(self.medium[name], ((0, beyond),) * problem.ndim)
            problem.view(packed[:, number], beyond)[:] = value
        return packed


class Born:
    """A run from rest and its tangent, in pieces that end at ``cuts``."""

    def __init__(self, run, direction, cuts=(), threads=1):
        self.run, self.direction, problem = run, direction, run.problem
        points, weights = zip(*map(self.points, run.points, direction.weight), strict=True)
        acting = [
            born.source_tangent(*of) for of in zip(points[:2], direction.data, weights[:2], strict=True)
        ]
        looking = [
            p if weight is None else born.twice(p, weight, p.data.repeat(1, 1, 2))
            for p, weight in zip(points[2:], weights[2:], strict=True)
        ]
        scattered = [replace(p, data=p.data.clone()) for p in points[2:]]
        self.state = born.BornState.at_start(problem, elastic.State.at_start(problem, run.n_shots), True)
        for array in (self.state.again, *(vars(self.state.run) | vars(self.state.scattered)).values()):
            if isinstance(array, torch.Tensor):
                array.fill_(torch.nan)
        medium, packed = problem.pack(run.medium), direction.packed(problem)
        tangent = None if packed is None else born.medium_tangent(problem, medium, packed)
        profiles = problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        pairs = (points[:2], acting), (looking, scattered)
        for first, last in pairwise([0, *cuts, run.n_steps]):
            born.run_born(problem, self.state, medium, tangent, profiles, *pairs, first, last, threads)
        self.records, more = zip(*(p.data.tensor_split([3], 2) for p in looking), strict=True)
        self.tangents = [
            p.data + of_weight if of_weight.numel() else p.data
            for p, of_weight in zip(scattered, more, strict=True)
        ]

    def points(self, given, tangent):
        """As the kernels want them, and tangents of weights in the order that they are sorted to."""
        _, node, index, number, series, weight, data = given
        weight, sorted_tangent = (
            elastic.Points.build(self.run.problem, data.clone(), node[:, 0], index, number, series, value)
            for value in (weight, weight if tangent is None else tangent)
        )
        return weight, None if tangent is None else sorted_tangent.weight

    def all(self):
        """Everything that came out."""
        view = self.run.problem.view
        return [view(self.state.scattered.fields), *self.tangents, view(self.state.run.fields), *self.records]


def by_reference(run, direction, closure):
    """What `Born.all` should be, by forward differentiation of the reference in double precision."""
    problem = replace(run.problem, dtype=torch.float64)
    profiles = reference.profiles(problem, SPEED, 0.1, 1e-3, 0.2)
    with forward_ad.dual_level():

        def dual(value, tangent):
            value = value.double()
            return value if tangent is None else forward_ad.make_dual(value, tangent.double())

        medium = {name: dual(value, direction.medium.get(name)) for name, value in run.medium.items()}
        scheme = reference.Scheme(problem, medium, profiles, closure)
        scheme.rest(run.n_shots)
        series = [
            reference.Series(names, node, s, dual(weight, of_weight), dual(data, of_data))
            for (names, node, _, _, s, weight, data), of_weight, of_data in zip(
                run.points, direction.weight, [*direction.data, None, None], strict=True
            )
        ]
        records = scheme.run(tuple(series[:2]), tuple(series[2:]), 0, run.n_steps)
        values = torch.stack([scheme.fields[name] for name in problem.fields], 1), *records
        pairs = [forward_ad.unpack_dual(value) for value in values]
        return [pair.tangent for pair in pairs] + [pair.primal for pair in pairs]


def error(got, wanted):
    """Largest difference, as a share of the largest value, or of 1, the size of what goes into its sums."""
    return float((got.double() - wanted).abs().max()) / max(1.0, float(wanted.abs().max()))


def assert_tangents(run, rng, closure=None, bound=EXACT, what=ALL, **options):
    direction = Direction(run, rng, what)
    found = Born(run, direction, **options)
    for number, pair in enumerate(zip(found.all(), by_reference(run, direction, closure), strict=True)):
        assert error(*pair) <= bound, number
    padded = found.state.scattered.fields.clone()
    run.problem.view(padded).zero_()
    assert not padded.any()  # nothing but nodes was written
    return found


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_tangents_are_those_of_the_reference(shape, order, rng):
    first = list(WIDTHS)[(ORDERS.index(order) + SHAPES.index(shape)) % len(WIDTHS)]
    assert_tangents(random_run(rng, shape, order, absorbing=layers(first, shape), n_steps=STEPS), rng)


@pytest.mark.parametrize("orthorhombic", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planes", BELOW_SURFACE, ids=str)
def test_tangents_below_a_free_surface(planes, order, orthorhombic, rng, surfaces):
    depth = surfaces[order].depth
    shape = (depth + planes[0], *planes[1:])
    first = "none" if (ORDERS.index(order) + BELOW_SURFACE.index(planes)) % 3 == 2 else "after"
    absorbing = layers(first, shape, depth)
    options = {"absorbing": absorbing, "depth": depth, "orthorhombic": orthorhombic, "n_steps": STEPS}
    assert_tangents(random_run(rng, shape, order, **options), rng, surfaces[order].closure)


@pytest.mark.parametrize("n_media", [1, 3])
@pytest.mark.parametrize("shape", [(17, 37), (14, 3, 19)], ids=str)
@pytest.mark.parametrize("threads", [2, 4])  # fewer threads than shots, and more
def test_shots_and_media(threads, shape, n_media, rng, surfaces):
    absorbing = layers("after", shape, 7)
    run = random_run(rng, shape, 4, absorbing=absorbing, depth=7, n_shots=3, n_media=n_media)
    assert_tangents(run, rng, surfaces[4].closure, threads=threads)


@pytest.mark.parametrize("what", [("medium",), ("data",), ("weight",), ("medium", "data")], ids="-".join)
@pytest.mark.parametrize("shape", [(17, 37), (14, 3, 19)], ids=str)
def test_what_does_not_move(shape, what, rng, surfaces):
    run = random_run(rng, shape, 4, absorbing=layers("after", shape, 7), depth=7)
    assert_tangents(run, rng, surfaces[4].closure, what=what)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("isa", ISAS)
def test_instruction_sets(isa, order, rng, surfaces, monkeypatch):
    monkeypatch.setenv("SEISKERN_ISA", isa)
    if _ext.require().isa() != isa:
        pytest.skip(f"this processor has no {isa}")
    depth = surfaces[order].depth
    for shape in [(depth + 9, 83), (depth + 3, 7, 37)]:
        absorbing = layers("after", shape, depth)
        run = random_run(rng, shape, order, absorbing=absorbing, depth=depth, n_steps=STEPS)
        assert_tangents(run, rng, surfaces[order].closure)
        # In single precision 5 steps of some hundred roundings each, which mostly cancel.
        single = random_run(rng, shape, order, torch.float32, layers("unequal", shape), n_steps=STEPS)
        assert_tangents(single, rng, bound=1e-5)


def assert_same_bits(first, second):
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("depth", [0, 12])
@pytest.mark.parametrize("shape", [(61, 83), (37, 11, 19)], ids=str)
def test_pieces_and_threads_change_no_bit(shape, depth, dtype, rng, monkeypatch):
    absorbing = layers("after", shape, depth)
    run = random_run(rng, shape, 8, dtype, absorbing, depth, n_shots=2, n_media=2, n_steps=20)
    direction = Direction(run, rng)
    whole = Born(run, direction).all()
    assert_same_bits(whole, Born(run, direction, cuts=(7, 11)).all())
    assert_same_bits(whole, Born(run, direction, cuts=range(1, 20), threads=2).all())
    for threads in (2, 3):
        for turns, second in (("0", "0"), ("1", "0"), ("0", "200000")):
            monkeypatch.setenv("SEISKERN_TURNS", turns)
            monkeypatch.setenv("SEISKERN_L2", second)
            assert_same_bits(whole, Born(run, direction, threads=threads).all())
    alone = run.kernel(state=elastic.State.at_start(run.problem, run.n_shots))
    assert_same_bits(whole[3:], alone[:3])  # the run is that without tangents


@pytest.mark.parametrize("shape", [(21, 37), (14, 3, 19)], ids=str)
def test_tangents_are_linear(shape, rng, surfaces):
    run = random_run(rng, shape, 4, absorbing=layers("after", shape, 7), depth=7)
    one, other, both = (Direction(run, rng) for _ in range(3))
    both.medium = {name: 2 * value - 3 * other.medium[name] for name, value in one.medium.items()}
    for name in ("data", "weight"):
        pairs = zip(getattr(one, name), getattr(other, name), strict=True)
        setattr(both, name, [2 * a - 3 * b for a, b in pairs])
    found = [Born(run, direction).all()[:3] for direction in (one, other, both)]
    for a, b, total in zip(*found, strict=True):
        assert error(total, 2 * a - 3 * b) <= EXACT


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(21, 37), (5, 4, 19)], ids=str)
def test_tangents_are_the_transpose_of_gradients(shape, order, depth, rng, surfaces):
    """<J m, d> = <m, J' d> through autograd, for all inputs at once; some nodes are fluid."""
    depth = depth * surfaces[order].depth
    shape = (shape[0] + depth, *shape[1:])
    run = random_run(rng, shape, order, absorbing=layers("after", shape, depth), depth=depth, n_shots=2)
    if len(shape) == 3:
        run.medium["compliance"][:, torch.rand(shape, generator=rng) < 0.2] = torch.inf
    what, inputs = propagation(run, elastic.Full())
    stresses = what.receivers[1].weight.requires_grad_()
    records = what.records(inputs[0])
    wanted = [torch.randn(r.shape, generator=rng, dtype=torch.float64) for r in records]
    inputs.append(stresses)
    gradients = torch.autograd.grad(records, inputs, wanted)
    direction = [torch.randn(v.shape, generator=rng, dtype=torch.float64) for v in inputs[1:]]
    of_medium = Direction(run, rng)
    if len(shape) == 3:
        of_medium.medium["compliance"][run.medium["compliance"] == torch.inf] = 0
    direction.insert(0, of_medium.packed(run.problem))
    with forward_ad.dual_level(), torch.no_grad():
        what, _ = propagation(run, elastic.Full())
        dual = [forward_ad.make_dual(*pair) for pair in zip(inputs, direction, strict=True)]
        what = what.with_inputs(dual[1:3], dual[3:6])
        what = replace(what, receivers=(what.receivers[0], replace(what.receivers[1], weight=dual[6])))
        tangents = [forward_ad.unpack_dual(r).tangent for r in what.records(dual[0])]
    left = sum(float((t * w).sum()) for t, w in zip(tangents, wanted, strict=True))
    right = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
    norms = sum(float(t.norm() * w.norm()) for t, w in zip(tangents, wanted, strict=True))
    assert abs(left - right) <= EXACT * norms


@pytest.mark.parametrize("depth", [0, 12])
@pytest.mark.parametrize("shape", [(14, 9), (13, 5, 6)], ids=str)
@pytest.mark.parametrize("n_media", [1, 2])
def test_tangent_of_the_means(n_media, shape, depth, rng):
    """Against forward differentiation of their definition; some nodes are fluid."""
    pad = ((0 if depth else 2, 3),) + ((1, 2),) * (len(shape) - 1)
    padded = tuple(n + sum(p) for n, p in zip(shape, pad, strict=True))
    problem = elastic.Problem(
        padded, (1.0,) * len(shape), 0.1, 8, torch.float64, free_surface=depth > 0, absorbing=pad
    )
    vp, vs, rho = (1 + torch.rand(n_media, *shape, generator=rng, dtype=torch.float64) for _ in range(3))
    values = vp, torch.where(torch.rand(vs.shape, generator=rng) < 0.2, 0.0, vs / 3), rho
    tangents = [torch.randn(vp.shape, generator=rng, dtype=torch.float64) for _ in range(3)]
    with forward_ad.dual_level():
        dual = [forward_ad.make_dual(*pair) for pair in zip(values, tangents, strict=True)]
        expected = reference.stagger(*dual, pad, problem.free_surface)
        expected = {name: forward_ad.unpack_dual(value).tangent for name, value in expected.items()}
        medium, packed = forward_ad.unpack_dual(elastic.stagger(problem, *dual))
    names = problem.coefficients if len(shape) == 2 else born.TANGENTS
    if len(shape) == 3:
        expected |= {"cxx": expected["lam"] + expected["mu2"], "cxy": expected["lam"]}
    found = born.medium_tangent(problem, medium, packed)
    for number, name in enumerate(names):
        assert error(problem.view(found[:, number]), expected[name]) <= EXACT, name
    problem.view(found).zero_()
    assert not found.any()


def test_wrong_arrays_are_refused(rng):
    run = random_run(rng, (9, 11), 4)
    problem = run.problem
    medium, profiles = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    tangent, none = torch.zeros_like(medium), elastic.Points.none(problem, 1, run.n_steps)

    def go(tangent=tangent, last=run.n_steps, **changed):
        state = born.BornState.at_start(problem, elastic.State.zeros(problem, 1), True)
        state.scattered = elastic.State.zeros(problem, 1)
        pairs = ((none, none),) * 2
        born.run_born(problem, replace(state, **changed), medium, tangent, profiles, pairs, pairs, 0, last)

    go()
    with pytest.raises(ValueError, match=r"^`tangent` must be contiguous"):
        go(tangent[:, 1:])
    with pytest.raises(ValueError, match=r"^`tangent` must hold 1 or 1 media, got 2"):
        go(tangent.repeat(2, 1, 1))
    with pytest.raises(ValueError, match=r"^`state` must hold the memory variables again"):
        go(again=None)
    with pytest.raises(ValueError, match=r"^`state` must hold two wavefields at rest"):
        go(scattered=elastic.State.at_start(problem, 1))
    with pytest.raises(ValueError, match=r"^`fields` must be contiguous"):
        go(scattered=elastic.State.zeros(replace(problem, dtype=torch.float32), 1))
    go(tangent=None, again=None)
