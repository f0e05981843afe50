"""What `estimate_memory` says is what a gradient takes."""

import warnings

import pytest
import torch

import seiskern as sk
from seiskern.bench import adjoint as bench
from seiskern.bench.elastic import RHO, SPACING, VP, VS, Problem, explosion_and_line, simulate_options


def estimate(problem, strategy):
    source, receivers = explosion_and_line(problem)
    medium = sk.Medium(*(torch.full(problem.shape, value) for value in (VP, VS, RHO)), SPACING)
    options = simulate_options(problem)
    return sk.estimate_memory(medium, [source] * problem.shots, receivers, **options, adjoint=strategy)


FLAT, DEEP = Problem(200, 2, 800, shots=2), Problem(50, 3, 60)
QUICK = [(FLAT, "BoundarySaved()"), (DEEP, "Full()")]  # each takes a process


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        pytest.param(problem, name, marks=() if (problem, name) in QUICK else pytest.mark.slow)
        for problem in (FLAT, DEEP)
        for name in bench.STRATEGIES
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_within_a_tenth_of_what_is_used(problem, name):
    """Peak of a process of its own."""
    told = estimate(problem, bench.STRATEGIES[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        used = bench.peak_memory(problem, name) * 2**20
    assert used > 60e6
    assert told.memory == pytest.approx(used, rel=0.1)
    assert told.memory == sum(told.parts.values())
    assert told.disk == 0


@pytest.mark.parametrize("kind", [sk.Full, sk.Checkpointed, sk.BoundarySaved])
def test_disk(kind, tmp_path):
    problem = Problem(100, 2, 400)
    memory, disk = estimate(problem, kind()), estimate(problem, kind(where="disk", path=tmp_path))
    assert memory.disk == 0
    assert disk.disk > 0
    assert memory.memory - disk.memory == pytest.approx(disk.disk, rel=0.1)
    assert "on disk" in repr(disk)


def test_gradients_of_moments_take_more():
    problem = Problem(40, 2, 50)
    medium = sk.Medium(torch.full(problem.shape, VP), VS, RHO, SPACING)
    receivers = sk.Receivers(x=[100.0], z=[100.0])
    options = simulate_options(problem) | {"free_surface": True}

    def memory(z, moment, kind=sk.Explosion):
        amount = {"force": (moment, 0.0), "signature": problem.wavelet} if kind is sk.Force else {}
        amount = amount or {"moment": moment, "rate": problem.wavelet}
        return sk.estimate_memory(medium, kind(x=200.0, z=z, **amount), receivers, **options).memory

    deep = memory(300.0, 1.0)
    assert memory(300.0, torch.tensor(1.0, requires_grad=True)) > deep
    assert memory(20.0, 1.0) > deep
    assert memory(20.0, 1.0, sk.Force) == deep


def test_bad_arguments():
    problem = Problem(40, 2, 50)
    with pytest.raises(TypeError, match=r"^`adjoint` must be Full, Checkpointed or BoundarySaved, got str"):
        estimate(problem, "full")
