"""The compiled time step equals its definition, and is the same however the work is cut."""

from dataclasses import replace

import pytest
import torch
from random_runs import DTYPES, EPS, ORDERS, ROUNDINGS_PER_STEP, SPEED, random_run

from seiskern import _ext
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference

ISAS = _ext.require().compiled_isas().split()

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
    medium = dict(reference.where_they_act(run.medium, ndim))
    twin = replace(run, problem=replace(run.problem, orthorhombic=True), medium=medium)
    lam, mu2 = twin.medium.pop("lam"), twin.medium.pop("mu2")
    for name in twin.problem.coefficients:
        if name[0] == "c":
            twin.medium[name] = lam + mu2 if name[1] == name[2] else lam
    for value, wanted in zip(twin.kernel()[:3], run.kernel()[:3], strict=True):
        torch.testing.assert_close(value, wanted, rtol=0, atol=1e-12 * float(wanted.abs().max()))


@pytest.mark.parametrize("order", [2, 8])
def test_fluid_nodes_bear_no_shear(order, rng, surfaces):
    """In 3-D kernels read 1/mu, which is infinite there."""
    depth = surfaces[order].depth
    shape = (depth + 9, 9, 21)
    run = random_run(rng, shape, order, absorbing=layers("unequal", shape, depth), depth=depth)
    fluid = torch.rand(shape, generator=rng) < 0.3
    run.medium["compliance"][:, fluid] = torch.inf
    assert_equal_to_reference(run, surfaces[order].closure)
    assert (reference.where_they_act(run.medium, 3)["mxy"][:, fluid] == 0).all()


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


# How threads share the work: turns at blocks, ranges of them, turns at sweeps in a second cache.
SHARES = {"blocks": ("1", "0"), "ranges": ("0", "0"), "sweeps": ("0", "1200000")}


@pytest.fixture(params=SHARES)
def shared_work(request, monkeypatch):
    turns, second_cache = SHARES[request.param]
    monkeypatch.setenv("SEISKERN_TURNS", turns)
    monkeypatch.setenv("SEISKERN_L2", second_cache)


@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("shape", [(301, 300), (60, 211, 100)], ids=str)
@pytest.mark.usefixtures("shared_work")
def test_pieces_change_no_bit_of_records_across_blocks(shape, order, rng):
    # Large enough to be cut along y too. Many entries make one sum, and their order counts.
    run = random_run(rng, shape, order, n_steps=12, entries=300)
    whole = run.kernel()
    assert_same_bits(whole, run.kernel(cuts=[5, 12]))
    assert_same_bits(whole, run.kernel(cuts=list(range(1, 13))))  # no time for an edge to move
    for threads in (2, 3):
        assert_same_bits(whole, run.kernel(threads=threads))


@pytest.mark.parametrize("second_cache", ["0", "1000000"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_strips_of_any_width_change_no_bit(order, dtype, second_cache, rng, monkeypatch):
    monkeypatch.setenv("SEISKERN_L2", second_cache)
    # Long rows, so that the cache holds few: strips are as narrow as they may be.
    for ny in range(14, 44):
        run = random_run(rng, (8, ny, 430), order, dtype, n_steps=8)
        assert_same_bits(run.kernel(), run.kernel(cuts=list(range(1, 9))))


@pytest.mark.parametrize("orthorhombic", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_pairs_of_planes_change_no_bit(order, dtype, orthorhombic, rng, surfaces, monkeypatch):
    for depth in (0, surfaces[order].depth):
        for first in WIDTHS:  # absorbing layers of odd and of even width
            shape = (depth + 11, 9, 21)
            run = random_run(
                rng, shape, order, dtype, layers(first, shape, depth), depth, orthorhombic=orthorhombic
            )
            results = []
            for pairs in ("0", "1"):
                monkeypatch.setenv("SEISKERN_PAIRS", pairs)
                results.append(run.kernel())
            assert_same_bits(*results)
            assert torch.isfinite(results[0][0]).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("order", [2, 8])
def test_long_rows_are_cut(order, dtype, rng, surfaces, monkeypatch):
    monkeypatch.setenv("SEISKERN_L2", "0")
    depth = surfaces[order].depth
    for nx in (641, 1301):
        for first, planes in [("unequal", 0), ("after", depth)]:
            shape = (depth + 4, nx)
            run = random_run(rng, shape, order, dtype, layers(first, shape, planes), planes)
            assert_equal_to_reference(run, surfaces[order].closure if planes else None)


@pytest.mark.usefixtures("shared_work")
def test_long_sweeps_and_looks_at_threads_change_no_bit(rng):
    # Too large for the cache as a whole, and more steps than between two looks at where the threads run.
    run = random_run(rng, (1501, 300), 4, n_steps=120)
    whole = run.kernel()
    assert torch.isfinite(whole[0]).all()
    assert_same_bits(whole, run.kernel(cuts=[40, 120]))
    assert_same_bits(whole, run.kernel(threads=2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.usefixtures("shared_work")
def test_many_blocks_of_work(order, rng, surfaces):
    # Larger than any block of the order of work, and more steps than one sweep.
    for shape in [(211, 19), (67, 41, 5)]:
        run = random_run(rng, shape, order, depth=surfaces[order].depth, n_steps=21)
        assert_equal_to_reference(run, surfaces[order].closure, threads=3)


@pytest.mark.parametrize("shape", [(1, 40), (40, 3), (3, 1, 3)], ids=str)
def test_more_threads_than_rows(shape, rng):
    run = random_run(rng, shape, 2)
    assert_same_bits(run.kernel(threads=1), run.kernel(threads=16))


def assert_rest_needs_no_zeros(run, threads):
    """What runs make of arrays that hold anything."""
    rest = elastic.State.at_start(run.problem, run.n_shots)
    rest.fields.fill_(torch.nan), rest.memory.fill_(torch.nan)
    zeros = elastic.State.zeros(run.problem, run.n_shots)
    cuts = [0, 2, run.n_steps]
    assert_same_bits(run.kernel(cuts, state=zeros), run.kernel(cuts, threads, rest))
    assert_same_bits([zeros.memory], [rest.memory])
    assert not rest.at_rest
    assert torch.isfinite(rest.fields).all()


@pytest.mark.parametrize("first", WIDTHS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("surface", [0, 1])
@pytest.mark.parametrize("shape", [(13, 37), (5, 19, 67)], ids=str)
def test_what_is_at_rest_may_hold_anything(shape, surface, order, first, rng, surfaces):
    depth = surface * surfaces[order].depth
    shape = (shape[0] + depth, *shape[1:])
    run = random_run(rng, shape, order, absorbing=layers(first, shape, depth), depth=depth, n_shots=3)
    for threads in (1, 2):
        assert_rest_needs_no_zeros(run, threads)


@pytest.mark.parametrize("shape", [(601, 300), (60, 211, 100)], ids=str)
@pytest.mark.usefixtures("shared_work")
def test_what_is_at_rest_may_hold_anything_across_blocks(shape, rng):
    run = random_run(rng, shape, 8, absorbing=layers("unequal", shape), n_steps=5)
    for threads in (1, 2, 3):
        assert_rest_needs_no_zeros(run, threads)


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
    names = ("bz", "lam", "mxz") if ndim == 2 else run.problem.coefficients

    def record(weight, data, *values):
        medium = run.medium | dict(zip(names, values, strict=True))
        scheme = reference.Scheme(run.problem, medium, profiles, surface.closure)
        scheme.rest(1)
        sources = (replace(series[0], weight=weight), replace(series[1], data=data))
        return scheme.run(sources, (series[2], series[3]), 0, 2)

    inputs = [series[0].weight, series[1].data, *(run.medium[name] for name in names)]
    inputs = [value.clone().requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(record, inputs, fast_mode=True)
