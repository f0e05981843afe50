"""Sources and receivers as the kernels of csrc/elastic/series.h take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seiskern.grid import VELOCITY
from seiskern.kernels import gpu
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.plan import FIELD_NUMBER, Problem
from seiskern.kernels.elastic.points import Points

THREADS = 128
"""Of a block."""


def index_type(problem: Problem) -> torch.dtype:
    """That counts the elements of any array."""
    largest = max(problem.layout[name] for name in ("array_size", "pml_size"))
    return torch.int32 if largest < 2**31 else torch.int64


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
