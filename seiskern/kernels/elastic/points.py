"""Sources and receivers as the kernels take them."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks, _ext
from seiskern.grid import AXES
from seiskern.kernels.elastic.plan import Problem


@dataclass
class Points:
    """Sparse linear maps between the wavefield and time series, sorted by plane.

    Attributes
    ----------
    row_start : Tensor, shape (n_shots, nz + 1), int64
        First entry of each plane.
    offset : Tensor, shape (n,), int64
        Element within the plane.
    number : Tensor, shape (n,), int32
        Field, by ``FIELD_NUMBER``.
    series : Tensor, shape (n,), int32
        Time series.
    weight : Tensor, shape (n,)
        Weight.
    data : Tensor, shape (n_shots, n_steps, n_series)
        The series.
    """

    row_start: Tensor
    offset: Tensor
    number: Tensor
    series: Tensor
    weight: Tensor
    data: Tensor

    def __post_init__(self) -> None:
        """Check."""
        if not all(tensor.is_contiguous() for tensor in self._tensors()):
            raise ValueError("`Points` must hold contiguous tensors")

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.row_start, self.offset, self.number, self.series, self.weight, self.data

    @cached_property
    def native(self) -> Any:
        """The addresses for the compiled module; the tensors stay alive with this object."""
        n_steps, n_series = self.data.shape[1:]
        return _ext.require().ElasticPoints(*(t.data_ptr() for t in self._tensors()), n_series, n_steps)

    def to(self, device: torch.device) -> "Points":
        """The same on a device."""
        return Points(*(tensor.to(device) for tensor in self._tensors()))

    @classmethod
    @lru_cache(maxsize=4)
    def none(cls, problem: Problem, n_shots: int, n_steps: int) -> "Points":
        """Without entries and series; shared by all who ask, and not to be changed."""
        integers, weight = torch.empty(0, dtype=torch.int32), torch.empty(0, dtype=problem.dtype)
        row_start = torch.zeros(n_shots, problem.shape[0] + 1, dtype=torch.int64)
        return cls(
            row_start, integers.long(), integers, integers, weight, weight.new_empty(n_shots, n_steps, 0)
        )

    @classmethod
    def build(
        cls,
        problem: Problem,
        data: Tensor,
        shot: Tensor | None,
        index: dict[str, Tensor],
        number: Tensor,
        series: Tensor,
        weight: Tensor,
        along: dict[str, Tensor] | None = None,
        factor: Tensor | None = None,
        factors: Tensor | None = None,
    ) -> "Points":
        """Sort entries, each given by its shot, its first node per axis, its field and its series.

        Those at one node keep their order.

        Parameters
        ----------
        problem : Problem
            The grid they are on.
        data : Tensor, shape (n_shots, n_steps, n_series)
            The series.
        shot : Tensor, shape (n,), or None
            Per entry; None: all entries are of every shot.
        index : dict of Tensor, shape (n,)
            Node per axis.
        number, series, weight : Tensor, shape (n,)
            Per entry.
        along : dict of Tensor, shape (n, taps), optional
            Per axis, weights of the nodes from ``index`` on, which are multiplied; nodes with a zero are left
            out. An axis that is not given has one node, of weight 1.
        factor : Tensor, shape (n,), optional
            Which of ``factors`` multiplies the weights as well; -1: none.
        factors : Tensor, shape (1 or n_shots, n_factors, nz, [ny,] nx), optional
            Values at the nodes.

        Returns
        -------
        Points
            For `run`. Its weights are differentiable in ``weight``, ``along`` and ``factors``.
        """
        n, n_shots, n_series = len(number), len(data), data.shape[2]
        flat = None if factors is None else factors.flatten(0, 1)  # maybe a copy, which must outlive the sort
        if any(map(_checks.moves, (weight, factors, *(along or {}).values()))):
            nodes = _each_node(problem, shot, index, number, series, weight, along or {}, factor, factors)
            return cls._of_nodes(problem, data, *nodes)
        if factor is not None and factors is not None and len(factors) > 1 and shot is not None:
            factor = torch.where(factor < 0, -1, factor + shot * factors.shape[1])
        given = (shot, *map(index.get, "zyx"), number, series, factor)
        columns = [*(_column(value, n, torch.int64) for value in given), _column(weight, n, torch.float64)]
        taps = {axis: value.to(torch.float64).contiguous() for axis, value in (along or {}).items()}
        if any(value.ndim != 2 or len(value) != n or value.shape[1] < 1 for value in taps.values()):
            raise ValueError(f"`along` must have one row of weights per entry, {n}")
        size = n * math.prod(value.shape[1] for value in taps.values())
        row_start = torch.empty(n_shots, problem.shape[0] + 1, dtype=torch.int64)
        types = (torch.int64, torch.int32, torch.int32, problem.dtype)
        made = [torch.empty(size, dtype=dtype) for dtype in types]
        found = _ext.require().elastic_sort(
            problem.native,
            n_shots,
            n_series,
            n,
            [0 if value is None else value.data_ptr() for value in columns],
            [(taps[a].data_ptr(), taps[a].shape[1]) if a in taps else (0, 1) for a in "xyz"],
            *_values(problem, flat),
            [value.data_ptr() for value in (row_start, *made)],
        )
        offset, fields, numbers, weights = (value[:found] for value in made)
        return cls(row_start, offset, fields, numbers, weights, data)

    @classmethod
    def _of_nodes(
        cls,
        problem: Problem,
        data: Tensor,
        shot: Tensor | None,
        index: dict[str, Tensor],
        number: Tensor,
        series: Tensor,
        weight: Tensor,
    ) -> "Points":
        """`build` for entries of one node each, by differentiable steps."""
        n_shots, nz = len(data), problem.shape[0]
        place = torch.zeros_like(number) if shot is None else shot
        for axis, n in zip(AXES[problem.ndim], problem.shape, strict=True):
            place = place * n + index[axis]
        order = torch.argsort(place, stable=True)
        plane = index["z"] if shot is None else index["z"] + shot * nz
        counts = torch.bincount(plane, minlength=nz * (1 if shot is None else n_shots))
        start = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        row_start = start.unfold(0, nz + 1, nz).expand(n_shots, -1).contiguous()
        offset = index["x"] + index["y"] * problem.layout["stride_y"] if "y" in index else index["x"]
        fields, numbers = (value[order].to(torch.int32) for value in (number, series))
        return cls(row_start, offset[order], fields, numbers, weight[order].to(problem.dtype), data)


def _each_node(
    problem: Problem,
    shot: Tensor | None,
    index: dict[str, Tensor],
    number: Tensor,
    series: Tensor,
    weight: Tensor,
    along: dict[str, Tensor],
    factor: Tensor | None,
    factors: Tensor | None,
) -> tuple[Tensor | None, dict[str, Tensor], Tensor, Tensor, Tensor]:
    """Entries of `Points.build` node by node, (shot, index, number, series, weight), by differentiable steps.

    Nodes of weight zero are left out, unless their weights move.
    """
    axes = AXES[problem.ndim]
    taps = {a: along[a].double() if a in along else weight.new_ones(len(number), 1) for a in axes}
    shape = (len(number), *(taps[a].shape[1] for a in axes))

    def spread(value: Tensor, axis: str | None = None) -> Tensor:
        rest = [-1 if a == axis else 1 for a in axes]
        return value.reshape(len(number), *rest).expand(shape)

    nodes = {a: spread(index[a][:, None] + torch.arange(taps[a].shape[1]), a) for a in axes}
    total = spread(weight.double())
    for axis in axes:
        total = total * spread(taps[axis], axis)
    if factor is not None and factors is not None:
        media = torch.zeros_like(number) if shot is None or len(factors) == 1 else shot
        which = (media, factor.clamp(min=0), *(nodes[a].flatten(1).T for a in axes))
        total = total * torch.where(spread(factor) < 0, 1.0, factors[which].T.reshape(shape).double())
    moving = any(map(_checks.moves, along.values()))
    kept = torch.ones(shape, dtype=torch.bool) if moving else total.detach() != 0
    flat = [None if value is None else spread(value)[kept] for value in (shot, number, series)]
    return flat[0], {a: nodes[a][kept] for a in axes}, flat[1], flat[2], total[kept]  # type: ignore[return-value]


def _column(value: Tensor | None, n: int, dtype: torch.dtype) -> Tensor | None:
    """As the compiled module takes it."""
    if value is not None and value.shape != (n,):
        raise ValueError(f"entries must have one value each of everything, {n}")
    return None if value is None else value.to(dtype).contiguous()


def _values(problem: Problem, flat: Tensor | None) -> tuple[int, tuple[int, tuple[int, ...]]]:
    """How many arrays of values at nodes there are, and their address and strides."""
    if flat is None:
        return 0, (0, (0, 0, 0, 0))
    if flat.dtype != problem.dtype or flat.shape[1:] != problem.shape:
        got = f"{tuple(flat.shape)} {flat.dtype}"
        raise ValueError(f"`factors` must be (..., {problem.shape}) {problem.dtype}, got {got}")
    along = flat.stride()
    return len(flat), (flat.data_ptr(), (*along[:2], along[2] if problem.ndim == 3 else 0, along[-1]))
