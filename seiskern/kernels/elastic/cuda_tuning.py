"""Blocks of threads for a card: those that were quickest when they were measured there, or plausible ones."""

import contextlib
import dataclasses
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda
from seiskern.kernels.elastic.adjoint import AdjointState, PointGradient
from seiskern.kernels.elastic.cuda_adjoint import AdjointStepper
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.plan import Problem, State, max_dt
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.strategy import Full

WAYS = ("forward", "back")

SHAPES = {2: (2048, 2048), 3: (256, 256, 256)}
"""Of the grids that are measured, layers included: no cache holds them."""

LAYER = 10
"""Nodes, on all sides."""

ROUNDS = 3
"""Of which the quickest counts."""

_STEPS = 2 * cuda.STEPS


def candidates(problem: Problem, way: str) -> Iterator[cuda.Blocks]:
    """What is measured; the plausible one first."""
    yield cuda.Blocks.of(problem)
    if problem.ndim == 2:
        yield from (cuda.Blocks((64, 1, 4)), cuda.Blocks((128, 1, 2)), cuda.Blocks((32, 1, 4), planes=2))
        yield cuda.Blocks((32, 1, 8), lanes=2)
        tiles = [(256, 1), (128, 1)]
    else:
        yield from (cuda.Blocks((32, 8, 1)), cuda.Blocks((64, 2, 2)), cuda.Blocks((32, 4, 1), planes=4))
        yield cuda.Blocks((16, 8, 2), lanes=2)
        tiles = [(32, 16), (64, 8), (32, 24)]
    if way == "forward":
        for tile in tiles:
            for chunk in (32, 128):
                yield replace(cuda.Tiles.of(problem), tile=tile, chunk=chunk)


def chosen(problem: Problem, way: str, device: torch.device) -> cuda.Blocks:
    """The quickest on a card if it has been tuned, else plausible ones."""
    found = _kept(device).get(_key(problem, way))
    return found or cuda.Blocks.of(problem)


def stepper(
    problem: Problem,
    state: State,
    medium: Tensor,
    profiles: Tensor,
    sources: Sequence[Points],
    receivers: Sequence[Points],
    history: GpuHistory | None,
) -> cuda.Stepper:
    """That which is quickest for a run; see `cuda.Stepper`."""
    device = state.fields.device
    given = problem, state, medium, profiles, sources, receivers, history
    small = problem.ndim == 2 and history is None and problem.stored is None
    if small and (cluster := cuda.Cluster.fitting(problem, device)):
        return cuda.Resident(*given, blocks=cluster)
    blocks = chosen(problem, "forward", device)
    if isinstance(blocks, cuda.Tiles):
        with contextlib.suppress(torch.cuda.OutOfMemoryError):  # of a second wavefield
            return cuda.Fused(*given, blocks=blocks)
        blocks = cuda.Blocks.of(problem)
    return cuda.Stepper(*given, blocks=blocks)


def tune(
    device: torch.device, problems: Sequence[Problem], report: Callable[[str, cuda.Blocks, float], None]
) -> None:
    """Measure all candidates for some kinds of problems, and keep the quickest.

    Parameters
    ----------
    device : torch.device
        A GPU.
    problems : sequence of Problem
        Of which dimensions, order, type and medium count.
    report : callable
        Told each kind, candidate, and its cells per second; 0 if the card cannot do it.
    """
    best = dict(_kept(device))
    for problem, way in product(problems, WAYS):
        speeds = {}
        for blocks in candidates(problem, way):
            speeds[blocks] = _speed(problem, way, blocks, device)
            report(_key(problem, way), blocks, speeds[blocks])
        best[_key(problem, way)] = max(speeds, key=lambda blocks: speeds[blocks])
    content = {key: dataclasses.asdict(blocks) for key, blocks in best.items()}
    gpu.write(_path(device), json.dumps(content, indent=1).encode())
    _kept.cache_clear()


def _speed(problem: Problem, way: str, blocks: cuda.Blocks, device: torch.device) -> float:
    """Cells per second; 0 if the card cannot do it."""
    measured = replace(problem, **_measured(problem))
    try:
        run = (_forward if way == "forward" else _back)(measured, blocks, device)
        run(0, _STEPS)
        seconds = [_seconds(run, device) for _ in range(ROUNDS)]
    except RuntimeError:  # too many registers, too much shared memory, or no memory
        return 0.0
    return _STEPS * math.prod(measured.shape) / min(seconds)


def _seconds(run: Callable[[int, int], None], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    start = time.perf_counter()
    run(0, _STEPS)
    wait()
    return time.perf_counter() - start


def _measured(problem: Problem) -> dict[str, Any]:
    """What of a problem does not count."""
    shape = SHAPES[problem.ndim]
    spacing, layers = (1.0,) * len(shape), ((LAYER, LAYER),) * len(shape)
    dt = 0.5 * max_dt(problem.ndim, problem.order, spacing, 1.0)
    return {"shape": shape, "spacing": spacing, "dt": dt, "absorbing": layers, "free_surface": False}


def _given(problem: Problem, device: torch.device) -> tuple[Any, ...]:
    """Medium, layers, sources and receivers: fields are zero, and stay so."""
    ones = torch.ones((1, *problem.shape), dtype=problem.dtype, device=device)
    medium = problem.pack(dict.fromkeys(problem.coefficients, ones))
    none = [Points.none(problem, 1, _STEPS)] * 2
    return medium, problem.profiles(1.0, 0.1, 1e-3), none, none


def _forward(problem: Problem, blocks: cuda.Blocks, device: torch.device) -> Callable[[int, int], None]:
    kind = cuda.Fused if isinstance(blocks, cuda.Tiles) else cuda.Stepper
    state = State.at_start(problem, 1, device)
    medium, profiles, sources, receivers = _given(problem, device)
    return kind(problem, state, medium, profiles, sources, receivers, blocks=blocks).run


def _back(problem: Problem, blocks: cuda.Blocks, device: torch.device) -> Callable[[int, int], None]:
    state = AdjointState.zeros(problem, 1, not problem.orthorhombic, False, device)
    history = GpuHistory(problem, 1, 0, _STEPS, Full(), device)
    history.enter(0)
    medium, profiles, sources, receivers = _given(problem, device)
    gradients = [PointGradient()] * 4
    given = problem, state, medium, profiles, sources, receivers, gradients, history
    return AdjointStepper(*given, blocks=blocks).run


def _key(problem: Problem, way: str) -> str:
    medium = "orthorhombic" if problem.orthorhombic else "isotropic"
    return f"{way} {problem.ndim}-D order {problem.order} {str(problem.dtype)[6:]} {medium}"


def _path(device: torch.device) -> Path:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return gpu.cache() / f"tuned-{re.sub('[^a-z0-9]+', '-', name.lower())}.json"


@lru_cache(maxsize=16)
def _kept(device: torch.device) -> dict[str, cuda.Blocks]:
    """By kind; nothing if there is no such file, or if it is not one of this version."""
    try:
        content = json.loads(_path(device).read_text(encoding="utf-8"))
        return {key: _blocks(**values) for key, values in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _blocks(threads: list[int], tile: list[int] | None = None, **more: int) -> cuda.Blocks:
    if tile is None:
        return cuda.Blocks((threads[0], threads[1], threads[2]), **more)
    return cuda.Tiles((threads[0], threads[1], threads[2]), tile=(tile[0], tile[1]), **more)
