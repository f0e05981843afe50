"""The quickest blocks of threads are found, kept, and used."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from cuda_host import HostKernels
from random_runs import SPEED, random_run
from test_cuda import tiles

from seiskern.kernels import elastic, gpu
from seiskern.kernels.elastic import cuda, cuda_tuning

HERE = torch.device("cpu")
PROBLEM = elastic.Problem((1, 1), (1.0, 1.0), 1.0, 2, torch.float64)


@pytest.fixture
def card(tmp_path, monkeypatch):
    """Kernels on the host, small grids, an empty cache, and no others than these blocks."""
    monkeypatch.setenv("SEISKERN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        gpu,
        "Loaded",
        lambda device, source, defines: HostKernels(tmp_path, f"{Path(source).stem}_host.cpp", defines),
    )
    monkeypatch.setattr(cuda_tuning, "SHAPES", {2: (31, 61)})
    found = [cuda.Blocks((4, 1, 2)), cuda.Blocks((8, 1, 1)), tiles(2, 0, 2)]
    monkeypatch.setattr(cuda_tuning, "candidates", lambda problem, way: found[: 3 if way == "forward" else 2])
    cuda_tuning._kept.cache_clear()
    yield found
    cuda_tuning._kept.cache_clear()


def tuned(monkeypatch, seconds):
    """As if candidates had taken so long."""
    clock = iter(seconds)
    monkeypatch.setattr(cuda_tuning, "_seconds", lambda run, device: next(clock))
    told = []
    cuda_tuning.tune(HERE, [PROBLEM], lambda *given: told.append(given))
    return told


def test_the_quickest_is_kept(card, monkeypatch):
    told = tuned(monkeypatch, [3, 3, 3, 2, 9, 2, 4, 1, 4, 5, 5, 5, 6, 6, 6])
    assert [blocks for _, blocks, _ in told] == [*card, *card[:2]]
    assert [speed for *_, speed in told] == [32 * 31 * 61 / best for best in (3, 2, 1, 5, 6)]
    for _ in range(2):
        assert cuda_tuning.chosen(PROBLEM, "forward", HERE) == card[2]
        assert cuda_tuning.chosen(PROBLEM, "back", HERE) == card[0]
        cuda_tuning._kept.cache_clear()  # from the file
    other = elastic.Problem((1, 1), (1.0, 1.0), 1.0, 4, torch.float64)
    assert cuda_tuning.chosen(other, "forward", HERE) == cuda.Blocks.of(other)


def test_what_a_card_cannot_do_is_not_chosen(card, monkeypatch):
    def refuse(problem, blocks, device):
        if blocks is card[0]:
            raise RuntimeError("too many resources requested for launch")
        return lambda first, last: None

    monkeypatch.setattr(cuda_tuning, "_forward", refuse)
    told = tuned(monkeypatch, itertools.count(1))
    assert told[0][2] == 0
    assert cuda_tuning.chosen(PROBLEM, "forward", HERE) == card[1]


@pytest.mark.parametrize("content", ["", "[]", '{"forward 2-D order 2 float64 isotropic": {"nonsense": 1}}'])
def test_a_file_that_is_not_understood_is_as_none(content, card):
    path = cuda_tuning._path(HERE)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert cuda_tuning.chosen(PROBLEM, "forward", HERE) == cuda.Blocks.of(PROBLEM)


@pytest.mark.parametrize("ndim", [2, 3])
def test_candidates_differ_and_fit_a_block(ndim):
    problem = elastic.Problem((1,) * ndim, (1.0,) * ndim, 1.0, 8)
    for way in cuda_tuning.WAYS:
        found = list(cuda_tuning.candidates(problem, way))
        assert len(found) == len(set(found)) > 4
        assert found[0] == cuda.Blocks.of(problem)
        assert all(blocks.all <= 1024 for blocks in found)
        assert any(isinstance(blocks, cuda.Tiles) for blocks in found) == (way == "forward")


def test_runs_use_what_was_chosen(card, monkeypatch, rng):
    tuned(monkeypatch, [3] * 6 + [1] * 3 + [5] * 6)
    run = random_run(rng, (31, 61), 2, torch.float64, ((2, 3), (3, 2)))
    state = elastic.State.zeros(run.problem, 1)
    none = [elastic.Points.none(run.problem, 1, 3)] * 2
    given = run.problem.pack(run.medium), run.problem.profiles(SPEED, 0.1, 1e-3), none, none, None
    assert isinstance(cuda_tuning.stepper(run.problem, state, *given), cuda.Fused)

    def full(*_, **__):
        raise torch.cuda.OutOfMemoryError("no room for a second wavefield")

    monkeypatch.setattr(cuda, "Fused", full)
    assert type(cuda_tuning.stepper(run.problem, state, *given)) is cuda.Stepper
    assert set(json.loads(cuda_tuning._path(HERE).read_text())) == {
        f"{way} 2-D order 2 float64 isotropic" for way in cuda_tuning.WAYS
    }
