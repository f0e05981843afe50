"""Time steps on a GPU: what csrc/elastic/step.cu is compiled for and given, and in which order it runs."""

import math
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seiskern import _ext
from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda_points
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.cuda_units import Units
from seiskern.kernels.elastic.plan import Problem, State
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import native_run

SOURCE, FUSED, SHOTS = "elastic/step.cu", "elastic/fused.cu", "elastic/shots.cu"
ADJOINT = "elastic/adjoint.cu"

STEPS = 16
"""Of a graph."""


@dataclass(frozen=True)
class Blocks:
    """How a block of threads lies on the nodes.

    Attributes
    ----------
    threads : (int, int, int)
        Along x, y, z.
    lanes, planes : int
        Nodes of a thread along x, which are loaded at once, and along z.
    """

    threads: tuple[int, int, int]
    lanes: int = 1
    planes: int = 1

    @classmethod
    def of(cls, problem: Problem) -> "Blocks":
        """For a problem."""
        return cls((32, 1, 8)) if problem.ndim == 2 else cls((32, 4, 2))

    @property
    def all(self) -> int:
        """Threads."""
        return math.prod(self.threads)

    @property
    def more(self) -> dict[str, Any]:
        """Further macros."""
        return {}

    @property
    def native(self) -> Any:
        """As the compiled module takes them."""
        return _ext.require().ElasticBlocks(self.threads, self.lanes, self.planes)


def here(array: Tensor) -> bool:
    """Whether these kernels are to work on it."""
    return array.device.type != "cpu"


def defines(problem: Problem, blocks: Blocks) -> dict[str, Any]:
    """Macros of `SOURCE`, `SHOTS` and, but for one, `ADJOINT`."""
    return {
        "SK_DIM": problem.ndim,
        "SK_RADIUS": problem.order // 2,
        "SK_REAL": "float" if problem.dtype == torch.float32 else "double",
        "SK_ORTHORHOMBIC": int(problem.orthorhombic),
        "SK_INDEX": "int32_t" if cuda_points.index_type(problem) == torch.int32 else "int64_t",
        "SK_LANES": blocks.lanes,
        "SK_PLANES": blocks.planes,
        "SK_THREADS": max(cuda_points.THREADS, blocks.all),  # of any kernel in a file
        **({} if problem.stored is None else {"SK_HALF": 1}),
        **blocks.more,
    }


def specialisations(source: str = SOURCE) -> Iterator[dict[str, Any]]:
    """All that may be asked for of a source: no card has memory for long indices in an adjoint."""
    kinds: dict[str, type[Blocks]] = {FUSED: Tiles, SHOTS: Cluster}
    for order, dtype, orthorhombic in product((2, 4, 6, 8), (torch.float32, torch.float64), (False, True)):
        for ndim in (2,) if source == SHOTS else (2, 3):
            problem = Problem((1,) * ndim, (1.0,) * ndim, 1.0, order, dtype, orthorhombic=orthorhombic)
            blocks = kinds.get(source, Blocks).of(problem)
            for index in ("int32_t",) if source in (SHOTS, ADJOINT) else ("int32_t", "int64_t"):
                made = defines(problem, blocks) | {"SK_INDEX": index}
                if source == ADJOINT:
                    yield from ({**made, "SK_REVERSED": n} for n in (0, 1))
                    continue
                yield made
                if source == SHOTS:
                    yield from (made | {"SK_CLUSTER": size} for size in CLUSTERS[1:])
                if source != SHOTS and dtype == torch.float32:
                    yield made | {"SK_HALF": 1}


@lru_cache(maxsize=16)
def closure_of(problem: Problem, device: torch.device) -> Tensor:
    """Coefficients below a free surface."""
    _, _, weights = _ext.require().elastic_closure(problem.native)
    return torch.tensor(weights, dtype=torch.float64).to(device, problem.dtype)


@lru_cache(maxsize=16)
def twos_of(problem: Problem, device: torch.device) -> Tensor:
    """Of the columns of a row: two on nodes, zero beside them."""
    first, n = problem.layout["first"], problem.shape[-1]
    columns = torch.zeros(-(-(first + n) // 16) * 16, dtype=problem.dtype)
    columns[first : first + n] = 2
    return columns.to(device)


class Clock:
    """The number of a step, and of that of the first slot at hand, where kernels find them."""

    def __init__(self, device: torch.device) -> None:
        self._numbers = torch.zeros(2, dtype=torch.int64, device=device)
        self.address = np.uint64(self._numbers.data_ptr())

    def set(self, step: int, first: int) -> None:
        """To numbers."""
        self._numbers[0].fill_(step), self._numbers[1].fill_(first)


def arguments_of(made: Any, n_shots: int) -> tuple[Any, dict[str, int]]:
    """What kernels take, and their blocks by the part of the nodes, from what the compiled module made."""
    blocks = {"inside": made.inside * n_shots, "edges": made.edges * n_shots}
    if max(blocks.values()) >= 2**31:
        raise ValueError(f"`shots` must be fewer for one run on a GPU, got {n_shots}")
    return np.frombuffer(made.content, dtype=f"V{len(made.content)}"), blocks


@dataclass
class _Turn:
    """A step from some fields to others, or the same.

    Attributes
    ----------
    run : structured scalar
        Argument of the kernels.
    tiles : dict
        Their blocks by the part of the nodes.
    inside : (n, n, n), (n, n, n)
        Where nodes inside begin and end along x, y, z.
    written : structured scalar
        The fields that are written, for sources and receivers.
    keeper : (structured scalar, int), or None
        Argument and blocks of what keeps velocities at edges.
    """

    run: Any
    tiles: dict[str, int]
    inside: tuple[Sequence[int], Sequence[int]]
    written: Any
    keeper: tuple[Any, int] | None


class Stepper:
    """Advances a run on a GPU, in place.

    Parameters
    ----------
    problem : Problem
        Grid and scheme.
    state : State
        On the GPU.
    medium, profiles, sources, receivers
        As for `run`. The medium, and data of receivers, are on the GPU.
    history : GpuHistory, optional
        Keeps the velocities of these steps, for `cuda_adjoint`.
    kernels : Kernels, optional
        Those of the GPU.
    blocks : Blocks or Tiles, optional
        What they are compiled for.

    Raises
    ------
    RuntimeError
        If there is no GPU, or what kernels need is not installed; see `seiskern.kernels.gpu.why_not`.
    ValueError
        If an array does not fit the problem.
    """

    source = SOURCE
    blocks = Blocks.of

    def __init__(
        self,
        problem: Problem,
        state: State,
        medium: Tensor,
        profiles: Tensor,
        sources: Sequence[Points],
        receivers: Sequence[Points],
        history: GpuHistory | None = None,
        kernels: gpu.Kernels | None = None,
        blocks: Any = None,
    ) -> None:
        device, n_shots = state.fields.device, len(state.fields)
        self._blocks = blocks or self.blocks(problem)
        self._kernels = kernels or gpu.Loaded(device, self.source, defines(problem, self._blocks))
        self._problem, self._n_shots, self._history, self._state = problem, n_shots, history, state
        points = [p.to(device) for p in (*sources, *receivers)]
        self._fields, self._units = state.fields, None
        if problem.stored is not None:
            if history is not None:
                raise ValueError("`problem.stored` must be None where a history is kept")
            self._units = Units.of(problem, medium, points[:2])
            self._fields = torch.zeros_like(state.fields, dtype=problem.stored)
            medium = self._units.medium(problem, medium)
            points = [self._units.points(n, p) for n, p in enumerate(points)]
        self._points = [
            cuda_points.Grouped(problem, cuda_points.Flat.of(problem, p), p.data, by_node=n < 2)
            for n, p in enumerate(points)
        ]
        self._velocity_source = points[0]
        # What kernels have the addresses of.
        self._kept = medium, profiles.to(device), closure_of(problem, device), twos_of(problem, device)
        self._clock = Clock(device)
        self._turns, self._turn = self._make_turns(), 0
        me = weakref.proxy(self)  # what holds itself keeps its memory until a collector comes
        # To begin with each turn.
        self._many = [self._kernels.record(lambda: me._steps(STEPS)) for _ in self._turns]
        self._slots = None
        if history is not None and not history.boundary:
            self._slots = cuda_points.slots_of(problem, history)

    def _make_turns(self) -> list[_Turn]:
        """The steps that are made one after the other, again and again."""
        return [self._step(self._fields, self._fields, self._blocks, (0, 0, 0))]

    def _step(self, fields: Tensor, written: Tensor, inside: Blocks, margin: Sequence[int]) -> _Turn:
        """From fields to those that are written; nodes inside stay away from layers by a margin."""
        medium, profiles, *tables = self._kept
        none = [Points.none(self._problem, self._n_shots, 0)] * 2

        def made(state: State, keeper: bool) -> Any:
            native = native_run(
                self._problem, state, medium, profiles, none, none, 0, 0, history=self._history
            )
            addresses = (t.data_ptr() for t in (*tables, written))
            cut = self._blocks.native, inside.native, (0, 0, 0) if keeper else margin
            return _ext.require().elastic_device(native, *cut, *addresses, written.element_size(), keeper)

        device = made(State(fields, self._state.memory), False)
        keeper = None
        if self._history is not None and self._history.boundary:
            run, tiles = arguments_of(made(State(written, self._state.memory), True), self._n_shots)
            keeper = (run, tiles["edges"]) if tiles["edges"] else None
        names = self._problem.fields
        return _Turn(
            *arguments_of(device, self._n_shots),
            (device.begin, device.end),
            cuda_points.fields_of(self._problem, written, names),
            keeper,
        )

    def run(self, first: int, last: int) -> None:
        """Make steps from ``first`` to ``last``."""
        if self._units is None:
            self._run(first, last)
            return
        pairs = list(zip(self._units.fields(self._problem), self._fields.unbind(1), strict=True))
        for field, (unit, stored) in zip(self._state.fields.unbind(1), pairs, strict=True):
            stored.copy_(field * unit)
        self._run(first, last)
        for field, (unit, stored) in zip(self._state.fields.unbind(1), pairs, strict=True):
            field.copy_(stored).mul_(1 / unit)

    def _run(self, first: int, last: int) -> None:
        pieces = [(first, last)] if self._history is None else self._history.pieces(first, last)
        for begin, end in pieces:
            origin = 0 if self._history is None else self._enter(begin)
            self._clock.set(begin, origin)
            many, rest = divmod(end - begin, STEPS)
            for _ in range(many):
                self._many[self._turn]()
            self._steps(rest)
            if self._history is not None:
                self._history.leave(end)
        for recorded in self._many:
            recorded.finish()

    def _enter(self, step: int) -> int:
        """Make room in the history; returns the step of the first slot at hand."""
        assert self._history is not None
        origin = self._history.enter(step)
        if step == self._history.first:  # what is before the first step
            if self._history.boundary:
                self._clock.set(step, origin)
                self._keep(self._turns[-1], -1)
            else:
                self._history.data[0].copy_(self._state.fields[:, : self._problem.ndim].flatten(1))
        return origin

    def _keep(self, turn: _Turn, number: int) -> None:
        """Keep velocities at edges, after a step."""
        if turn.keeper is not None:
            run, blocks = turn.keeper
            step = self._clock.address, np.int32(number)
            self._kernels.launch("keep_velocities", blocks, self._blocks.threads, run, *step)

    def _steps(self, n: int) -> None:
        """Make so many, the first of which is that of the clock."""
        for number in range(n):
            step = self._clock.address, np.int32(number)
            turn = self._turns[(self._turn + number) % len(self._turns)]
            self._velocities(turn, step)
            if self._slots is not None:
                cuda_points.launch_points(self._kernels, "inject", self._points[0], self._slots, *step)
            self._keep(turn, number)
            cuda_points.launch_points(self._kernels, "record", self._points[2], turn.written, *step)
            self._stresses(turn, step)
            cuda_points.launch_points(self._kernels, "inject", self._points[1], turn.written, *step)
            cuda_points.launch_points(self._kernels, "record", self._points[3], turn.written, *step)
        if n:
            self._kernels.launch("tick", 1, (1, 1, 1), self._clock.address, np.int32(n))
        self._turn = (self._turn + n) % len(self._turns)

    def _velocities(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        """Their update, with sources."""
        for part in turn.tiles:
            self._update(turn, f"velocity_{part}", step)
        cuda_points.launch_points(self._kernels, "inject", self._points[0], turn.written, *step)

    def _stresses(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        """Their update."""
        for part in turn.tiles:
            self._update(turn, f"stress_{part}", step)

    def _update(self, turn: _Turn, name: str, step: tuple[Any, Any]) -> None:
        """A kernel of some nodes."""
        if tiles := turn.tiles[name.split("_")[1]]:
            self._kernels.launch(name, tiles, self._blocks.threads, turn.run, *step)


@dataclass(frozen=True)
class Tiles(Blocks):
    """Blocks of threads of the nodes at edges, and tiles of those inside, whose steps are made in one pass.

    Attributes
    ----------
    tile : (int, int)
        Threads of a tile along x and y, with those around it that make velocities only.
    chunk : int
        Planes that a block makes.
    """

    tile: tuple[int, int] = (256, 1)
    chunk: int = 64

    @property
    def more(self) -> dict[str, Any]:
        """Further macros."""
        return {"SK_TILE": math.prod(self.tile), "SK_CHUNK": self.chunk}

    @classmethod
    def of(cls, problem: Problem) -> "Tiles":
        """For a problem."""
        blocks = Blocks.of(problem)
        return cls(blocks.threads, tile=(256, 1) if problem.ndim == 2 else (32, 16))


class Fused(Stepper):
    """The same in one pass inside the grid, which moves 84 bytes a cell and step in 3-D and not 120.

    Steps go to and fro between the state and a second wavefield.
    """

    source = FUSED
    blocks = Tiles.of

    def _make_turns(self) -> list[_Turn]:
        problem, tiles = self._problem, self._tiles
        radius = problem.order // 2
        margin = radius, radius if problem.ndim == 3 else 0, radius
        x, y = (n - 2 * m for n, m in zip(tiles.tile, margin, strict=False))
        inside = Blocks((x, y, 1), planes=tiles.chunk)
        here, self._other = self._fields, torch.zeros_like(self._fields)
        turns = [self._step(*pair, inside, margin) for pair in ((here, self._other), (self._other, here))]
        self._room = problem.ndim * (problem.order + 2) * math.prod(tiles.tile) * problem.dtype.itemsize
        self._split(turns[0].inside)
        return turns

    @property
    def _tiles(self) -> Tiles:
        assert isinstance(self._blocks, Tiles)
        return self._blocks

    def _split(self, inside: tuple[Sequence[int], Sequence[int]]) -> None:
        """Sources of velocity: those outside, and where groups of a plane begin."""
        problem, points = self._problem, self._velocity_source
        entries = cuda_points.Flat.of(problem, points)
        layout, rows = problem.layout, problem.shape[0] + 1
        k = entries.node // layout["stride_z"]
        rest = entries.node - k * layout["stride_z"]
        j = rest // layout["stride_y"] if problem.ndim == 3 else torch.zeros_like(rest)
        i = rest - j * layout["stride_y"]
        outside = torch.zeros_like(k, dtype=torch.bool)
        for place, begin, end in zip((i, j, k), *inside, strict=True):
            outside |= (place < begin) | (place >= end)
        self._outside = cuda_points.Grouped(problem, entries.chosen(outside), points.data, by_node=True)
        shot = torch.zeros_like(k) if entries.shot is None else entries.shot
        key = shot * layout["array_size"] + entries.node
        groups = torch.unique_consecutive(key)
        # Group n of a shot is in the planes before k if its node is.
        shots = 1 if entries.shot is None else self._n_shots
        edges = torch.arange(shots, device=k.device)[:, None] * layout["array_size"]
        edges = edges + torch.arange(rows, device=k.device) * layout["stride_z"]
        self._planes = torch.searchsorted(groups, edges.flatten()).to(torch.int32)

    def _run(self, first: int, last: int) -> None:
        super()._run(first, last)
        if self._turn == 1:
            self._fields.copy_(self._other)
            self._turn = 0

    def _velocities(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        self._update(turn, "velocity_edges", step)
        cuda_points.launch_points(self._kernels, "inject", self._outside, turn.written, *step)
        if tiles := turn.tiles["inside"]:
            sources = self._points[0].native, np.uint64(self._planes.data_ptr())
            threads = (*self._tiles.tile, 1)
            self._kernels.launch("step_inside", tiles, threads, turn.run, *step, *sources, shared=self._room)

    def _stresses(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        self._update(turn, "stress_edges", step)


@dataclass(frozen=True)
class Cluster(Blocks):
    """Blocks of threads, so many for a shot.

    Attributes
    ----------
    size : int
        Blocks.
    """

    size: int = 1

    @property
    def more(self) -> dict[str, Any]:
        """Further macros."""
        return {"SK_CLUSTER": self.size}

    @classmethod
    def of(cls, problem: Problem, size: int = 1) -> "Cluster":
        """For a problem: as many threads as registers allow."""
        return cls((512 if problem.dtype == torch.float32 else 256, 1, 1), size=size)

    @classmethod
    def fitting(cls, problem: Problem, device: torch.device) -> "Cluster | None":
        """The least whose shared memory has room for a shot, or None."""
        for size in CLUSTERS if gpu.clusters(device) else CLUSTERS[:1]:
            if 0 <= _ext.require().elastic_room(problem.native, size) <= gpu.shared_memory(device):
                return cls.of(problem, size)
        return None


CLUSTERS = 1, 2, 4, 8
"""Blocks of a cluster; all cards that have clusters allow eight."""


class Resident(Stepper):
    """The same for shots in 2-D that few multiprocessors have room for: all steps of a run are one launch."""

    source = SHOTS
    blocks = Cluster.of

    def run(self, first: int, last: int) -> None:
        """Make steps from ``first`` to ``last``."""
        points = (grouped.native for grouped in self._points)
        steps = np.int64(first), np.int64(last)
        assert isinstance(self._blocks, Cluster)
        size = self._blocks.size
        room = _ext.require().elastic_room(self._problem.native, size)
        (turn,) = self._turns
        self._kernels.launch(
            "shots", self._n_shots * size, self._blocks.threads, turn.run, *points, *steps, shared=room
        )
