"""Time steps on a GPU: what csrc/elastic/step.cu is compiled for and given, and in which order it runs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

SOURCE, SHOTS, ADJOINT = "elastic/step.cu", "elastic/shots.cu", "elastic/adjoint.cu"

STEPS = 16
"""Of a graph."""

THREADS = 128
"""Of a block of sources or receivers."""


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
    }


def specialisations(source: str = SOURCE) -> Iterator[dict[str, Any]]:
    """All that may be asked for of `SOURCE`, `SHOTS` or `ADJOINT`."""
    for order, dtype, orthorhombic in product((2, 4, 6, 8), (torch.float32, torch.float64), (False, True)):
        for ndim in (2,) if source == SHOTS else (2, 3):
            problem = Problem((1,) * ndim, (1.0,) * ndim, 1.0, order, dtype, orthorhombic=orthorhombic)
            blocks = Resident.blocks(problem) if source == SHOTS else Blocks.of(problem)
            for index in ("int32_t",) if source == SHOTS else ("int32_t", "int64_t"):
                made = defines(problem, blocks) | {"SK_INDEX": index}
                yield from ({**made, "SK_REVERSED": n} for n in (0, 1)) if source == ADJOINT else [made]


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


def arguments_of(made: tuple[bytes, int, int], n_shots: int) -> tuple[Any, dict[str, int]]:
    """What kernels take, and their blocks by the part of the nodes, from what the compiled module made."""
    content, *tiles = made
    blocks = {part: n * n_shots for part, n in zip(("inside", "edges"), tiles, strict=True)}
    if max(blocks.values()) >= 2**31:
        raise ValueError(f"`shots` must be fewer for one run on a GPU, got {n_shots}")
    return np.frombuffer(content, dtype=f"V{len(content)}"), blocks


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
    blocks : Blocks, optional
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
        blocks: Blocks | None = None,
    ) -> None:
        device, n_shots = state.fields.device, len(state.fields)
        self._blocks = blocks or self.blocks(problem)
        self._kernels = kernels or gpu.Loaded(device, self.source, defines(problem, self._blocks))
        points = [p.to(device) for p in (*sources, *receivers)]
        self._points = [
            Grouped(problem, Flat.of(problem, p), p.data, by_node=n < 2) for n, p in enumerate(points)
        ]
        self._fields = fields_of(problem, state.fields, problem.fields)
        tables = closure_of(problem, device), twos_of(problem, device)
        # What kernels have the addresses of.
        self._kept = state, medium, profiles.to(device), history, tables
        none = [Points.none(problem, n_shots, 0)] * 2
        native = native_run(problem, state, medium, self._kept[2], none, none, 0, 0, history)

        def arguments(keeper: bool) -> tuple[Any, dict[str, int]]:
            given = self._blocks.threads, self._blocks.lanes, self._blocks.planes
            addresses = (table.data_ptr() for table in tables)
            return arguments_of(_ext.require().elastic_device(native, *given, *addresses, keeper), n_shots)

        self._run, self._tiles = arguments(False)
        self._clock = Clock(device)
        self._problem, self._n_shots = problem, n_shots
        self._history, self._velocities = history, state.fields[:, : problem.ndim]
        edges = history is not None and history.boundary
        self._keeper = arguments(True) if edges else None
        self._slots = None if history is None or edges else slots_of(problem, history)

    def run(self, first: int, last: int) -> None:
        """Make steps from ``first`` to ``last``."""
        if self._history is None:
            self._advance(first, last, 0)
            return
        for begin, end in self._history.pieces(first, last):
            origin = self._history.enter(begin)
            if begin == self._history.first:
                self._start(origin)
            self._advance(begin, end, origin)
            self._history.leave(end)

    def _start(self, origin: int) -> None:
        """Keep the velocities before the first step."""
        if self._keeper is None:
            self._history.data[0].copy_(self._velocities.flatten(1))
            return
        self._clock.set(origin, origin)
        self._keep(-1)

    def _advance(self, first: int, last: int, origin: int) -> None:
        """Make steps; ``origin`` is that of the first slot at hand."""
        self._clock.set(first, origin)
        many, rest = divmod(last - first, STEPS)
        self._kernels.repeat(many, lambda: self._steps(STEPS))
        self._steps(rest)

    def _keep(self, number: int) -> None:
        """What is kept at edges, after a step."""
        if self._keeper is not None and self._keeper[1]["edges"]:
            arguments, tiles = self._keeper
            step = self._clock.address, np.int32(number)
            name = "keep_velocities"
            self._kernels.launch(name, tiles["edges"], self._blocks.threads, arguments, *step)

    def _steps(self, n: int) -> None:
        """Make so many, the first of which is that of the counter."""
        for number in range(n):
            step = self._clock.address, np.int32(number)
            for kind, fields in enumerate(("velocity", "stress")):
                for part, tiles in self._tiles.items():
                    if tiles:
                        name = f"{fields}_{part}"
                        self._kernels.launch(name, tiles, self._blocks.threads, self._run, *step)
                source, receiver = self._points[kind], self._points[2 + kind]
                launch_points(self._kernels, "inject", source, self._fields, *step)
                if kind == 0 and self._slots is not None:
                    launch_points(self._kernels, "inject", source, self._slots, *step)
                if kind == 0:
                    self._keep(number)
                launch_points(self._kernels, "record", receiver, self._fields, *step)
        if n:
            self._kernels.launch("tick", 1, (1, 1, 1), self._clock.address, np.int32(n))


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
        self._kernels.launch(
            "shots", self._n_shots, self._blocks.threads, self._run, *points, *steps, shared=room
        )


def stepper(problem: Problem, state: State, *given: Any) -> Stepper:
    """That which is quicker for a run; of what `Stepper` takes, the history the last."""
    kind = Stepper
    if problem.ndim == 2 and given[-1] is None:
        room = _ext.require().elastic_room(problem.native)
        kind = Resident if room <= gpu.shared_memory(state.fields.device) else Stepper
    return kind(problem, state, *given)
