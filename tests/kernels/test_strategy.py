"""What is remembered for a gradient changes its cost, not its bits."""

import gc
import math
import os
import signal
import subprocess
import sys
import weakref
from functools import cache

import pytest
import torch
from random_runs import EPS, ORDERS, ROUNDINGS_PER_STEP, SPEED, random_run
from test_elastic import ISAS, WIDTHS, layers

from seiskern import _ext
from seiskern.kernels import elastic, memory
from seiskern.kernels.elastic.strategy import Back, BoundarySaved, Checkpointed, Forward, Full, schedule

STRATEGIES = {
    "full": Full(),
    "full-disk": Full(where="disk"),
    "root": Checkpointed(),
    "each": Checkpointed(segment=1),
    "one": Checkpointed(wavefields=1, segment=2),
    "two": Checkpointed(2, 1),
    "disk": Checkpointed(3, 2, where="disk"),
    "longer": Checkpointed(segment=100),
}
# Of the same bits as one of them, whatever they cost.
PACKED = {
    torch.int16: [Full(dtype=torch.int16, where="disk"), Checkpointed(2, 3, dtype=torch.int16)],
    torch.int8: [Checkpointed(dtype=torch.int8), Checkpointed(1, dtype=torch.int8, where="disk")],
}
# A step of the integers that velocities are kept as, by the largest of 64 columns. Each is off by half of one
# at most, so 64 together by 4 of their root mean square, which is an eighth of the largest at least; in a
# gradient, what differences of them cancel may make that twice as much.
STEP = {torch.int16: 1 / 32767, torch.int8: 1 / 127}


def propagation(run, strategy, look=lambda step: None):
    """A run from rest, and what wants a gradient."""
    problem = run.problem
    points = [
        elastic.Points.build(problem, data.clone(), node[:, 0], index, number, series, weight)
        for _, node, index, number, series, weight, data in run.points
    ]
    inputs = [problem.pack(run.medium), *(p.data for p in points[:2]), *(p.weight for p in points[:3])]
    for value in inputs:
        value.requires_grad_()
    what = elastic.Propagation(
        problem,
        elastic.State.at_start(problem, run.n_shots),
        problem.profiles(SPEED, 0.1, 1e-3, 0.2),
        (points[0], points[1]),
        (points[2], points[3]),
        (4, run.n_steps),
        look,
        strategy,
    )
    return what, inputs


def gradients(run, strategy, times=1):
    """Of everything, by autograd; the last of so many."""
    looked = []
    what, inputs = propagation(run, strategy, looked.append)
    records = what.records(inputs[0])
    assert looked == [4, run.n_steps]
    loss = sum(record.square().sum() for record in records)
    for _ in range(times):
        found = torch.autograd.grad(loss, inputs, retain_graph=True)
    assert looked == [4, run.n_steps]  # steps that are made again are nobody's business
    return [*(record.detach() for record in records), *found]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(17, 37), (14, 5, 19)], ids=str)
def test_all_give_the_same_bits(shape, dtype, rng):
    absorbing = ((0, 4), *((3, 2),) * (len(shape) - 1))
    run = random_run(rng, shape, 4, dtype, absorbing, 7, n_shots=2, n_steps=13)
    expected = gradients(run, Full())
    assert all(float(value.abs().max()) > 0 for value in expected)
    for name, strategy in STRATEGIES.items():
        for times in (1, 2):
            for one, other in zip(gradients(run, strategy, times), expected, strict=True):
                assert torch.equal(one, other), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(17, 37), (14, 5, 19)], ids=str)
@pytest.mark.parametrize("packed", PACKED, ids=str)
def test_all_of_a_type_give_the_same_bits(packed, shape, dtype, rng):
    absorbing = ((0, 4), *((3, 2),) * (len(shape) - 1))
    run = random_run(rng, shape, 4, dtype, absorbing, 7, n_shots=2, n_steps=13)
    expected = gradients(run, Full(dtype=packed))
    for strategy in PACKED[packed]:
        for times in (1, 2):
            for one, other in zip(gradients(run, strategy, times), expected, strict=True):
                assert torch.equal(one, other)


def assert_near_full(run, strategy, bound, times=1):
    """Records to the last bit, gradients to ``bound`` (relative L2)."""
    expected, found = gradients(run, Full()), gradients(run, strategy, times)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert torch.isfinite(one).all()
        assert float((one - other).norm()) <= bound * float(other.norm())
        assert number >= 2 or torch.equal(one, other)


def with_fluid(run, rng):
    """The same where some nodes have no shear modulus."""
    shape = next(iter(run.medium.values())).shape
    fluid = torch.rand(shape, generator=rng) < 0.2
    for name, value in {"mu2": 0.0, "mxz": 0.0, "compliance": torch.inf}.items():
        if name in run.medium:
            run.medium[name][fluid] = value
    return run


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("surface", [False, True])
@pytest.mark.parametrize("shape", [(9, 47), (9, 20, 13), (5, 1, 3)], ids=str)
def test_boundaries(shape, surface, order, dtype, rng, surfaces):
    """All kinds of layers, some with nothing between them; two media; sources and fluid anywhere."""
    depth = surfaces[order].depth if surface else 0
    shape = (depth + shape[0], *shape[1:])
    for first in WIDTHS:
        run = random_run(
            rng, shape, order, dtype, layers(first, shape, depth), depth, n_shots=2, n_media=2, n_steps=20
        )
        bound = EPS[dtype] * ROUNDINGS_PER_STEP * run.n_steps
        assert_near_full(with_fluid(run, rng), BoundarySaved(), bound)
        assert_near_full(run, BoundarySaved(where="disk"), bound, times=2)


@pytest.mark.parametrize("packed", STEP, ids=str)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(18, 97), (18, 11, 13)], ids=str)
@pytest.mark.parametrize("kind", [Full, BoundarySaved])
def test_packed(kind, shape, order, packed, rng, surfaces):
    depth = surfaces[order].depth
    absorbing = ((0, 4), *((3, 2),) * (len(shape) - 1))
    for dtype in (torch.float32, torch.float64):
        run = random_run(rng, shape, order, dtype, absorbing, depth, n_shots=2, n_steps=40)
        assert_near_full(with_fluid(run, rng), kind(dtype=packed), 8 * STEP[packed])


@pytest.mark.parametrize("scale", [1e-20, 1, 1e20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("packed", STEP, ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_what_packing_costs_each_velocity(isa, packed, dtype, scale, rng, monkeypatch):
    """Half a step of the largest of its 64 columns. A gradient of weights shows velocities, one by one."""
    monkeypatch.setenv("SEISKERN_ISA", isa)
    if _ext.require().isa() != isa:
        pytest.skip(f"this processor has no {isa}")
    run = random_run(rng, (4, 150), 4, dtype, n_steps=3)
    problem, none = run.problem, elastic.Points.none(run.problem, 1, 3)
    z, x = (index.flatten() for index in torch.meshgrid(*map(torch.arange, problem.shape), indexing="ij"))
    one, zero = torch.ones(len(x)), torch.zeros(len(x), dtype=torch.int64)
    points = elastic.Points.build(
        problem, torch.zeros(1, 3, 1, dtype=dtype), zero, {"z": z, "x": x}, zero, zero, one
    )
    medium, profiles, found = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3), []
    given = elastic.PointGradient.zeros(points, False, True)
    given.data = torch.zeros(1, 3, 1, dtype=dtype)
    given.data[0, 1] = 1
    for bits in (0, 8 * packed.itemsize):
        state = elastic.State.zeros(problem, 1)
        problem.view(state.fields)[:] = run.start * scale
        history = elastic.History.empty(problem, 1, 0, 3, bits=bits)
        elastic.run(problem, state, medium, profiles, (none, none), (points, none), 0, 3, 1, history)
        given.weight = torch.zeros(len(x), dtype=dtype)
        gradients = [elastic.PointGradient()] * 2 + [given, elastic.PointGradient(none.data)]
        back = elastic.AdjointState.zeros(problem, 1, False, False)
        elastic.run_adjoint(
            problem, back, medium, profiles, (none, none), (points, none), gradients, history, 0, 3, 1
        )
        found.append(given.weight.reshape(4, 150))
    for exact, got in zip(*(value.split(64, dim=1) for value in found), strict=True):
        largest = exact.abs().amax(1, keepdim=True)
        assert (largest > 0).all()
        rounding = 2 * EPS[dtype]  # of the scale and the product
        assert ((got - exact).abs() <= largest * (STEP[packed] / 2 + rounding)).all()
    assert not torch.equal(*found)


@cache
def fewest(segments, slots):
    """Segments that must be made to take all back, besides each once with its history."""
    if segments == 1:
        return 0
    if slots == 0:
        return segments * (segments - 1) // 2
    return min(
        split + fewest(segments - split, slots - 1) + fewest(split, slots) for split in range(1, segments)
    )


@pytest.mark.parametrize("slots", [0, 1, 2, 3, 5, 30])
@pytest.mark.parametrize("segments", [1, 2, 3, 4, 7, 10, 31])
def test_schedule(segments, slots):
    kept, made, back = {0}, 0, []
    for action in schedule(0, segments, slots):
        if isinstance(action, Forward):
            assert action.first in kept
            kept.add(action.last)
            made += action.last - action.first
        else:
            assert isinstance(action, Back)
            assert action.segment in kept
            if action.segment > 0:
                kept.remove(action.segment)
            back.append(action.segment)
        assert len(kept) <= slots + 2  # that at rest, and one for the segment that is taken back
    assert back == list(range(segments))[::-1]
    assert made == fewest(segments, slots)
    repeats = next(r for r in range(99) if math.comb(slots + 1 + r, r) >= segments)
    assert made <= repeats * segments


def test_cost_of_the_default():
    """Wavefields and velocities take the same memory, which grows with the root of the steps."""
    problem = elastic.Problem((60, 70), (1.0, 1.0), 0.1, 4)
    layout = problem.layout
    wavefield = 5 * layout["array_size"] + layout["pml_size"]
    for steps in (100, 400, 1600):
        cuts = Checkpointed().cuts(problem, steps)
        assert cuts[0] == 0
        assert cuts[-1] == steps
        velocities = problem.history_size(cuts[1]) - problem.history_size(0)
        ratio = (len(cuts) - 2) * wavefield / velocities
        assert 0.5 < ratio < 2


def test_bad_arguments():
    for make, message in [
        (lambda: Full(where="tape"), r"^`where` must be one of 'memory', 'host', 'disk', got 'tape'"),
        (lambda: Full(path="/"), r"^`path` must be None unless `where` is 'disk'"),
        (
            lambda: Full(dtype=torch.float16),
            r"^`dtype` must be one of None, torch.int16, torch.int8, got ",
        ),
        (lambda: Checkpointed(0), r"^`wavefields` must be >= 1, got 0"),
        (lambda: Checkpointed(segment=0), r"^`segment` must be >= 1, got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("name", [*STRATEGIES, "boundary"])
@pytest.mark.parametrize("back", [False, True])
def test_nothing_outlives_the_records(back, name, rng, monkeypatch):
    """Memory is free as soon as nobody can ask for the gradient, without the garbage collector."""
    made = []

    def remember(original):
        def make(*arguments, **options):
            result = original(*arguments, **options)
            made.append(weakref.ref(result))
            return result

        return make

    monkeypatch.setattr(elastic.History, "empty", remember(elastic.History.empty))
    monkeypatch.setattr(elastic.State, "copied", remember(elastic.State.copied))
    run = random_run(rng, (17, 37), 4, depth=7, n_steps=13)
    gc.collect()
    gc.disable()
    try:
        what, inputs = propagation(run, STRATEGIES.get(name, BoundarySaved()))
        records = what.records(inputs[0])
        if back:
            torch.autograd.grad(sum(record.sum() for record in records), inputs)
        assert made
        del what, inputs, records
        assert not [1 for reference in made if reference() is not None]
    finally:
        gc.enable()


def test_too_little_memory_is_said_before(monkeypatch):
    assert memory.available() > 1e6
    monkeypatch.setattr(memory, "available", lambda: 5e8)
    Full().array((1000, 1000), torch.float64)
    message = r"needs 0.8 GB at once and 0.5 GB are free; `adjoint=Checkpointed\(\)` takes less"
    with pytest.raises(MemoryError, match=message):
        Full().array((100, 1000, 1000), torch.float64)


def test_disk_is_freed_with_the_array(tmp_path):
    array = Full(where="disk", path=tmp_path).array((1000, 1000), torch.float64)
    array[:] = 1
    assert list(tmp_path.iterdir()) == []  # it has no name
    maps = f"/proc/{os.getpid()}/maps"
    with open(maps) as file:
        assert str(tmp_path) in file.read()
    del array
    gc.collect()
    with open(maps) as file:
        assert str(tmp_path) not in file.read()


@pytest.mark.parametrize("name", ["Full", "BoundarySaved"])
def test_a_killed_process_leaves_nothing_on_disk(name, tmp_path):
    code = f"""
import os, signal
from seiskern.kernels.elastic.plan import Problem
from seiskern.kernels.elastic.strategy import {name}
problem = Problem((100, 100), (1.0, 1.0), 0.1, 4, absorbing=((10, 10), (10, 10)))
{name}(where="disk", path={str(tmp_path)!r}).history(problem, 1, 0, 100).data[:] = 1
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert list(tmp_path.iterdir()) == []
