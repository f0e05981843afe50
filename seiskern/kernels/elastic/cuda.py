"""Time steps on a GPU: what csrc/elastic/step.cu is compiled for and given, and in which order it runs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import VELOCITY
from seiskern.kernels import gpu
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.plan import FIELD_NUMBER, Problem, State
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import native_run

SOURCE, FUSED, SHOTS = "elastic/step.cu", "elastic/fused.cu", "elastic/shots.cu"
ADJOINT = "elastic/adjoint.cu"

STEPS = 16
"""Of a graph."""

THREADS = 128
"""Of a block of sources or receivers."""

LARGEST = 2.0**13
"""Of numbers in half precision, which end at 65,504."""


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


def index_type(problem: Problem) -> torch.dtype:
    """That counts the elements of any array."""
    largest = max(problem.layout[name] for name in ("array_size", "pml_size"))
    return torch.int32 if largest < 2**31 else torch.int64


def defines(problem: Problem, blocks: Blocks) -> dict[str, Any]:
    """Macros of `SOURCE`, `SHOTS` and, but for one, `ADJOINT`."""
    return {
        "SK_DIM": problem.ndim,
        "SK_RADIUS": problem.order // 2,
        "SK_REAL": "float" if problem.dtype == torch.float32 else "double",
        "SK_ORTHORHOMBIC": int(problem.orthorhombic),
        "SK_INDEX": "int32_t" if index_type(problem) == torch.int32 else "int64_t",
        "SK_LANES": blocks.lanes,
        "SK_PLANES": blocks.planes,
        "SK_THREADS": max(THREADS, blocks.all),  # of any kernel in a file
        **({} if problem.stored is None else {"SK_HALF": 1}),
        **blocks.more,
    }


def specialisations(source: str = SOURCE) -> Iterator[dict[str, Any]]:
    """All that may be asked for of a source: no card has memory for long indices in an adjoint."""
    for order, dtype, orthorhombic in product((2, 4, 6, 8), (torch.float32, torch.float64), (False, True)):
        for ndim in (2,) if source == SHOTS else (2, 3):
            problem = Problem((1,) * ndim, (1.0,) * ndim, 1.0, order, dtype, orthorhombic=orthorhombic)
            blocks = {FUSED: Tiles.of, SHOTS: Resident.blocks}.get(source, Blocks.of)(problem)
            for index in ("int32_t",) if source in (SHOTS, ADJOINT) else ("int32_t", "int64_t"):
                made = defines(problem, blocks) | {"SK_INDEX": index}
                if source == ADJOINT:
                    yield from ({**made, "SK_REVERSED": n} for n in (0, 1))
                    continue
                yield made
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


@dataclass
class Flat:
    """Entries of points, one after the other.

    Attributes
    ----------
    shot : Tensor, shape (n,), or None
        Of each; None: all are of every shot.
    node : Tensor, shape (n,)
        Element of a field, counted from the first column of the first row.
    field, series, weight, number : Tensor, shape (n,)
        Number of the field, time series, weight, and the number among the entries of the points.
    """

    shot: Tensor | None
    node: Tensor
    field: Tensor
    series: Tensor
    weight: Tensor
    number: Tensor

    @classmethod
    def of(cls, problem: Problem, points: Points, alike: bool = True) -> "Flat":
        """Entries of points; ``alike``: those that shots share may stay so."""
        rows, n_shots = points.row_start, len(points.row_start)
        shared = n_shots > 1 and bool((rows == rows[:1]).all())
        if shared and alike:
            rows = rows[:1]
        per_plane = rows.diff(dim=1)
        planes = torch.arange(per_plane.shape[1], device=rows.device).expand(per_plane.shape)
        plane = planes.flatten().repeat_interleave(per_plane.flatten())
        shot = torch.arange(len(rows), device=rows.device).repeat_interleave(per_plane.sum(1))
        number = int(rows[0, 0]) + torch.arange(len(plane), device=rows.device)
        if shared:
            number = number - shot * int(per_plane[0].sum())  # the same entries
        node = problem.layout["first"] + plane * problem.layout["stride_z"] + points.offset[number]
        columns = (points.number[number], points.series[number], points.weight[number])
        return cls(None if shared and alike else shot, node, *columns, number)

    def chosen(self, which: Tensor) -> "Flat":
        """Some, by index or mask, in that order."""
        shot = None if self.shot is None else self.shot[which]
        rest = (self.node, self.field, self.series, self.weight, self.number)
        return Flat(shot, *(value[which] for value in rest))


class Grouped:
    """Entries in groups, by node or by series, as a kernel takes them.

    Parameters
    ----------
    problem : Problem
        The grid.
    entries : Flat
        Sorted by shot and node.
    data : Tensor, shape (n_shots, n_steps, n_series)
        The series.
    by_node : bool
        Whether a group is all of a node, or all of a series; both of one shot, or of every one.
    """

    def __init__(self, problem: Problem, entries: Flat, data: Tensor, by_node: bool) -> None:
        n_shots, n_steps, n_series = data.shape
        shot = torch.zeros_like(entries.node) if entries.shot is None else entries.shot
        key = shot * (problem.layout["array_size"] if by_node else n_series)
        key = key + (entries.node if by_node else entries.series)
        if not by_node:
            key, order = key.sort(stable=True)
            entries, shot = entries.chosen(order), shot[order]
        counts = torch.unique_consecutive(key, return_counts=True)[1]
        start = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        self.count = len(counts) * (n_shots if entries.shot is None else 1)
        self.width = 1
        if not by_node and len(counts):
            self.width = min(32, 1 << max(0, (int(counts.max()) - 1).bit_length() - 1))
        self.number = entries.number.to(torch.int32)
        self._kept: list[Tensor | None] = [
            start.to(torch.int32),
            None if entries.shot is None else shot[start[:-1]].to(torch.int32),
            self._ranges(shot[start[:-1]], entries.shot is None, n_shots),
            entries.node.to(index_type(problem)),
            entries.field.to(torch.int32),
            entries.series.to(torch.int32),
            entries.weight,
            data,
        ]
        addresses = [0 if value is None else value.data_ptr() for value in self._kept]
        self.native = gpu.packed([*addresses, len(counts), n_series, n_steps])

    @staticmethod
    def _ranges(shot: Tensor, alike: bool, n_shots: int) -> Tensor:
        """Groups of each shot, [begin, end)."""
        if alike:
            return torch.tensor([[0, len(shot)]] * n_shots, dtype=torch.int32).to(shot.device)
        end = torch.bincount(shot, minlength=n_shots).cumsum(0)
        begin = torch.nn.functional.pad(end[:-1], (1, 0))
        return torch.stack([begin, end], dim=1).to(torch.int32).contiguous()


def fields_of(problem: Problem, arrays: Tensor, names: Sequence[str], slices: int = 0) -> Any:
    """Fields as kernels of sources and receivers take them.

    Parameters
    ----------
    problem : Problem
        The grid.
    arrays : Tensor, shape (n_shots, ...)
        Padded arrays of each shot, in the order of ``names``.
    slices : int
        Elements from those of a slot to those of the next; 0: there is one.
    """
    size, skip = problem.layout["array_size"], problem.layout["origin"] - problem.layout["first"]
    addresses = [0] * len(FIELD_NUMBER)
    for number, name in enumerate(names):
        element = number * size + skip
        addresses[FIELD_NUMBER[name]] = arrays.data_ptr() + element * arrays.element_size()
    return gpu.packed([*addresses, len(arrays), arrays[0].numel(), slices])


def slots_of(problem: Problem, history: GpuHistory) -> Any:
    """Velocities after each step, as kernels of sources and receivers take them."""
    return fields_of(problem, history.data[1], VELOCITY[problem.ndim], history.data[0].numel())


def launch_points(
    kernels: gpu.Kernels, name: str, grouped: Grouped, fields: Any, counter: Any, step: Any, *more: Any
) -> None:
    """A kernel of series.h, of all groups."""
    if grouped.count == 0:
        return
    blocks = -(-grouped.count * grouped.width // THREADS)
    width = (np.int32(grouped.width),) if name == "record" else ()
    kernels.launch(name, blocks, (THREADS, 1, 1), fields, grouped.native, counter, step, *width, *more)


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


@dataclass(frozen=True)
class Units:
    """In which a wavefield is stored in half precision, so that none of its values is too large or small.

    Both are powers of two, by which numbers of single precision are scaled to the bit.

    Attributes
    ----------
    velocity, stress : float
        What those of SI are multiplied by.
    """

    velocity: float
    stress: float

    @classmethod
    def of(cls, problem: Problem, medium: Tensor, sources: Sequence[Points]) -> "Units":
        """For the velocities and stresses that sources make.

        At a node no value exceeds the sum of what is injected there, by much; that is to be `LARGEST`. In a
        plane wave stresses are velocities times an impedance, and equally large by these units.
        """
        arrays = dict(zip(problem.coefficients, problem.view(medium).unbind(1), strict=True))
        density = arrays["rho"].mean() if "rho" in arrays else 1 / arrays["bx"].mean()
        modulus = arrays["cxx"] if problem.orthorhombic else arrays["lam"].abs()
        if "mu2" in arrays:
            modulus = modulus + arrays["mu2"]
        elif "compliance" in arrays:
            modulus = modulus + 2 / arrays["compliance"]
        impedance = 2.0 ** round(math.log2(float((density * modulus.mean()).sqrt())))
        peak = max(cls._peak(problem, sources[0]), cls._peak(problem, sources[1]) / impedance)
        velocity = 2.0 ** math.floor(math.log2(LARGEST / peak)) if peak > 0 else 1.0
        return cls(velocity, velocity / impedance)

    @staticmethod
    def _peak(problem: Problem, points: Points) -> float:
        """Sum over time of what is injected at a node, in absolute values."""
        if points.data.numel() == 0 or len(points.weight) == 0:
            return 0.0
        entries, total = Flat.of(problem, points, alike=False), points.data.abs().sum(1)
        shot = torch.zeros_like(entries.node) if entries.shot is None else entries.shot
        place = torch.unique(shot * problem.layout["array_size"] + entries.node, return_inverse=True)[1]
        strength = entries.weight.abs() * total[shot, entries.series]
        return float(torch.zeros_like(strength).index_add(0, place, strength).max())

    def fields(self, problem: Problem) -> list[float]:
        """Of each field."""
        return [self.velocity if name[0] == "v" else self.stress for name in problem.fields]

    def medium(self, problem: Problem, medium: Tensor) -> Tensor:
        """Coefficients between velocities and stresses of these units."""
        ratio = self.stress / self.velocity
        inverse = [name[0] == "b" or name == "compliance" for name in problem.coefficients]
        factors = torch.tensor([1 / ratio if inverted else ratio for inverted in inverse], dtype=medium.dtype)
        return medium * factors.to(medium.device)[:, None]

    def points(self, number: int, points: Points) -> Points:
        """Sources of velocity or stress, then receivers of both."""
        factor = (self.velocity, self.stress, 1 / self.velocity, 1 / self.stress)[number]
        return replace(points, weight=points.weight * factor)


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
            Grouped(problem, Flat.of(problem, p), p.data, by_node=n < 2) for n, p in enumerate(points)
        ]
        self._velocity_source = points[0]
        # What kernels have the addresses of.
        self._kept = medium, profiles.to(device), closure_of(problem, device), twos_of(problem, device)
        self._clock = Clock(device)
        self._turns, self._turn = self._make_turns(), 0
        self._slots = None
        if history is not None and not history.boundary:
            self._slots = slots_of(problem, history)

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
            fields_of(self._problem, written, names),
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
            self._kernels.repeat(many, lambda: self._steps(STEPS))
            self._steps(rest)
            if self._history is not None:
                self._history.leave(end)

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
                launch_points(self._kernels, "inject", self._points[0], self._slots, *step)
            self._keep(turn, number)
            launch_points(self._kernels, "record", self._points[2], turn.written, *step)
            self._stresses(turn, step)
            launch_points(self._kernels, "inject", self._points[1], turn.written, *step)
            launch_points(self._kernels, "record", self._points[3], turn.written, *step)
        if n:
            self._kernels.launch("tick", 1, (1, 1, 1), self._clock.address, np.int32(n))
        self._turn = (self._turn + n) % len(self._turns)

    def _velocities(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        """Their update, with sources."""
        for part in turn.tiles:
            self._update(turn, f"velocity_{part}", step)
        launch_points(self._kernels, "inject", self._points[0], turn.written, *step)

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
        entries = Flat.of(problem, points)
        layout, rows = problem.layout, problem.shape[0] + 1
        k = entries.node // layout["stride_z"]
        rest = entries.node - k * layout["stride_z"]
        j = rest // layout["stride_y"] if problem.ndim == 3 else torch.zeros_like(rest)
        i = rest - j * layout["stride_y"]
        outside = torch.zeros_like(k, dtype=torch.bool)
        for place, begin, end in zip((i, j, k), *inside, strict=True):
            outside |= (place < begin) | (place >= end)
        self._outside = Grouped(problem, entries.chosen(outside), points.data, by_node=True)
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
        launch_points(self._kernels, "inject", self._outside, turn.written, *step)
        if tiles := turn.tiles["inside"]:
            sources = self._points[0].native, np.uint64(self._planes.data_ptr())
            threads = (*self._tiles.tile, 1)
            self._kernels.launch("step_inside", tiles, threads, turn.run, *step, *sources, shared=self._room)

    def _stresses(self, turn: _Turn, step: tuple[Any, Any]) -> None:
        self._update(turn, "stress_edges", step)


class Resident(Stepper):
    """The same for shots in 2-D that a multiprocessor has room for: all steps of a run are one launch."""

    source = SHOTS

    @staticmethod
    def blocks(problem: Problem) -> Blocks:
        """As many threads as registers allow."""
        return Blocks((512 if problem.dtype == torch.float32 else 256, 1, 1))

    def run(self, first: int, last: int) -> None:
        """Make steps from ``first`` to ``last``."""
        points = (grouped.native for grouped in self._points)
        steps = np.int64(first), np.int64(last)
        room = _ext.require().elastic_room(self._problem.native)
        (turn,) = self._turns
        self._kernels.launch(
            "shots", self._n_shots, self._blocks.threads, turn.run, *points, *steps, shared=room
        )
