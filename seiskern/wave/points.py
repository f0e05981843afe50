"""From sources and receivers to the kernels' sparse maps."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern._remember import remembered
from seiskern.grid import AXES, VELOCITY, offset
from seiskern.kernels.elastic import Points, Problem, surface_norms
from seiskern.kernels.elastic.plan import FIELD_NUMBER
from seiskern.media.model import Medium
from seiskern.media.staggered import surface_shares
from seiskern.wave.interpolation import Weights, interpolate
from seiskern.wave.quantity import Quantity

# By axis in array order and number of the field.
OFFSETS = {
    ndim: torch.tensor(
        [[offset(field, axis) for field in FIELD_NUMBER] for axis in axes], dtype=torch.float64
    )
    for ndim, axes in AXES.items()
}


@dataclass(frozen=True, eq=False)
class Entries:
    """Places on the padded grid: see `Points.build`.

    Attributes
    ----------
    place : Tensor, shape (ndim, n), m
        Coordinates in array order.
    shot : Tensor, shape (n,), or None
        None: all are of every shot.
    field, series, weight : Tensor, shape (n,)
        Number of the field, time series, and what multiplies the weights along the axes.
    along : dict of Weights
        Nodes and weights by axis.
    factor : Tensor, shape (n,), or None
        Which values at the nodes multiply the weights; -1: none.
    share : Tensor, shape (n,), or None
        Index in array order of the axis whose `surface_shares`, at the place, multiplies the weight; -1:
        none.
    """

    place: Tensor
    shot: Tensor | None
    field: Tensor
    series: Tensor
    weight: Tensor
    along: dict[str, Weights]
    factor: Tensor | None = None
    share: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence["Entries"]) -> "Entries":
        """All entries of several, of one grid."""
        if len(parts) == 1:
            return parts[0]

        def cat(values: Iterable[Tensor | None]) -> Any:
            given = [value for value in values if value is not None]
            return torch.cat(given, -1) if given else None

        along = {}
        for axis in parts[0].along:
            pieces = [part.along[axis] for part in parts]
            along[axis] = Weights(
                *(torch.cat([getattr(p, name) for p in pieces]) for name in ("first", "value", "slope"))
            )
        share = None
        if any(part.share is not None for part in parts):
            share = cat(torch.full_like(p.field, -1) if p.share is None else p.share for p in parts)
        names = ("place", "shot", "field", "series", "weight", "factor")
        columns = {name: cat(getattr(part, name) for part in parts) for name in names}
        return cls(along=along, share=share, **columns)

    def points(self, problem: Problem, medium: Medium, data: Tensor, factors: Tensor | None = None) -> Points:
        """For the kernels, in a medium."""
        if factors is not None or _checks.moves(self.place):
            return self._build(problem, self._shared(medium), data, factors)
        if self.share is None:  # any medium does
            return replace(_sorted(self, problem, *data.shape[::2]), data=data)
        nodes = _sorted(self._units, problem, len(data), len(self.series))
        weight = nodes.weight * self._shared(medium)[nodes.series]
        series = self.series.to(torch.int32)[nodes.series]
        return replace(nodes, series=series, weight=weight.to(problem.dtype), data=data)

    @cached_property
    def _units(self) -> "Entries":
        """The same with weights of one, and its own number as the series of each."""
        number = torch.arange(len(self.series))
        return replace(self, series=number, weight=torch.ones_like(self.weight), share=None)

    def _shared(self, medium: Medium) -> Tensor:
        """Weights with the shares multiplied."""
        if self.share is None:
            return self.weight
        weight = self.weight.clone()
        for axis, plane in surface_shares(medium).items():
            mine = torch.nonzero(self.share == medium.axes.index(axis)).flatten()
            shot = None if self.shot is None else self.shot[mine]
            weight[mine] *= _on_plane(medium, plane, self.place[:, mine], shot)
        return weight

    def _build(self, problem: Problem, weight: Tensor, data: Tensor, factors: Tensor | None) -> Points:
        return Points.build(
            problem,
            data,
            self.shot,
            {axis: weights.first for axis, weights in self.along.items()},
            self.field,
            self.series,
            weight,
            {axis: weights.value for axis, weights in self.along.items()},
            self.factor,
            factors,
        )


@remembered
def _sorted(found: Entries, problem: Problem, n_shots: int, n_series: int) -> Points:
    """Of entries that remain, by identity; without data."""
    empty = torch.empty(n_shots, 0, n_series, dtype=problem.dtype)
    return found._build(problem, found.weight, empty, None)


@remembered
def of_receivers(
    problem: Problem, origin: tuple[float, ...], place: Tensor, shots: int, quantity: Quantity
) -> Entries:
    """Entries that read every component of a quantity at every place; series of a component lie together.

    Parameters
    ----------
    problem, origin
        The grid, and its first node that is not absorbing, m.
    place : Tensor, shape (ndim, n), m
        Coordinates in array order.
    shots : int
        1: the entries are of every shot. More: each shot has its own.
    quantity : Quantity
        What is read.

    Returns
    -------
    Entries
        For media of any values.
    """
    components = quantity.parts(problem.ndim).values()
    terms = [(number, *term) for number, terms in enumerate(components) for term in terms]
    parts = []
    for derivative, group in groupby(terms, key=lambda term: term[3]):
        numbers, fields, factors, _ = zip(*group, strict=True)
        shape = (shots, len(fields), place.shape[1])

        def spread(values: Tensor, shape: tuple[int, ...] = shape) -> Tensor:
            return values.expand(shape).flatten()

        series = place.shape[1] * torch.tensor(numbers)[:, None] + torch.arange(place.shape[1])
        parts.append(
            entries(
                problem,
                origin,
                place[:, None, None].expand(-1, *shape).flatten(1),
                spread(torch.tensor([FIELD_NUMBER[field] for field in fields])[:, None]),
                None if shots == 1 else spread(torch.arange(shots)[:, None, None]),
                spread(series),
                spread(torch.tensor(factors, dtype=torch.float64)[:, None]),
                derivative,
            )
        )
    return Entries.join(parts)


@remembered
def of_sources(
    problem: Problem,
    origin: tuple[float, ...],
    place: Tensor,
    acting: tuple[tuple[Any, ...], ...],
    stress: bool,
) -> Entries:
    """Entries that act on stresses or on velocities.

    Parameters
    ----------
    problem, origin, place
        As for `of_receivers`.
    acting : tuple of (int, int, int, int)
        What acts: number of the source, of the field, of the shot and of the series. Series are in N or N m.
    stress : bool
        Whether it acts on stresses.

    Returns
    -------
    Entries
        For media of any values. ``factor`` is the number of a buoyancy, in the order of velocities,
        as forces accelerate the lighter node more; for stresses it is that of `on_surface`.
    """
    source, field, shot, series = torch.tensor(acting).T
    weight = torch.full(field.shape, problem.dt * (-1 if stress else 1), dtype=torch.float64)
    found = as_density(problem, entries(problem, origin, place[:, source], field, shot, series, weight))
    axes = AXES[problem.ndim]
    if stress:
        return on_surface(axes[1:], found) if problem.free_surface else found
    moving = VELOCITY[problem.ndim]
    buoyancy = [moving.index(f"v{axis}") if axis in axes else -1 for axis in "xyz"]
    return replace(found, factor=torch.tensor(buoyancy)[found.field])


def entries(
    problem: Problem,
    origin: tuple[float, ...],
    place: Tensor,
    field: Tensor,
    shot: Tensor | None,
    series: Tensor,
    weight: Tensor,
    derivative: str | None = None,
) -> Entries:
    """Weights of fields around each of n places.

    Parameters
    ----------
    problem, origin, place
        As for `of_receivers`.
    field, shot, series, weight
        As in `Entries`; ``weight`` multiplies the weights of interpolation.
    derivative : str, optional
        Axis along which the fields are differentiated.

    Returns
    -------
    Entries
        One for each place. Near a free surface the slope of vz there helps to interpolate it. As szz
        vanishes, the slope is -lam / (lam + 2 mu) times the divergence of the horizontal velocities: they
        have entries there too, to be multiplied by that ``share``.
    """
    axes = AXES[problem.ndim]
    near_surface = problem.free_surface and derivative not in ("x", "y")
    slope = field == FIELD_NUMBER["vz"] if near_surface else None
    positions = _positions(problem, origin, place, field)
    along = {}
    for number, axis in enumerate(axes):
        known = slope if axis == "z" else None
        along[axis] = interpolate(positions[number], problem.shape[number], axis == derivative, known)
        if axis == derivative:
            along[axis] = replace(along[axis], value=along[axis].value / problem.spacing[number])
    found = Entries(place, shot, field, series, weight, along)
    if slope is None:
        return found
    used = along["z"].slope != 0
    if _checks.moves(along["z"].slope):
        used |= slope
    near = torch.nonzero(used).flatten()
    if len(near) == 0:
        return found
    there = place[:, near]
    there[0] = origin[0]
    # The weight is that of a slope per node distance; a derivative was per node distance as well.
    scale = along["z"].slope[near] * (1.0 if derivative == "z" else problem.spacing[0])
    scale = -scale * weight[near]
    shot = None if shot is None else shot[near]
    parts = [found]
    for number, axis in enumerate(axes[1:], start=1):
        across = torch.full_like(near, FIELD_NUMBER[f"v{axis}"])
        part = entries(problem, origin, there, across, shot, series[near], scale, axis)
        parts.append(replace(part, share=torch.full_like(near, number)))
    return Entries.join(parts)


def _positions(problem: Problem, origin: tuple[float, ...], place: Tensor, field: Tensor) -> Tensor:
    """In units of the node distance from the first node of the field, (ndim, n)."""
    before = tuple(before for before, _ in problem.absorbing)
    start, step, first = _columns((origin, problem.spacing, before))
    return (place - start) / step + (first - OFFSETS[problem.ndim][:, field])


@lru_cache
def _columns(rows: tuple[tuple[float, ...], ...]) -> tuple[Tensor, ...]:
    """Rows as columns."""
    return torch.tensor(rows, dtype=torch.float64)[..., None].unbind()


def _on_plane(medium: Medium, plane: Tensor, place: Tensor, shot: Tensor | None) -> Tensor:
    """Values of the first plane at places, interpolated linearly."""
    plane = plane if medium.batched else plane[None]
    batch = torch.zeros(place.shape[1], dtype=torch.int64) if shot is None or len(plane) == 1 else shot
    corners = [([batch], torch.ones_like(place[0]))]
    for number in range(1, medium.ndim):
        last = medium.shape[number] - 1
        position = ((place[number] - medium.origin[number]) / medium.spacing[number]).clamp(0, last)
        low = position.floor().clamp(max=max(last - 1, 0)).to(torch.int64)
        share = position - low
        corners = [
            ([*index, (low + step).clamp(max=last)], weight * (share if step else 1 - share))
            for index, weight in corners
            for step in (0, 1)
        ]
    return torch.stack([plane[tuple(index)] * weight for index, weight in corners]).sum(0)


@lru_cache
def _norms(order: int) -> Tensor:
    """Of nodes and half nodes below a free surface, (2, n); the last one holds for all that follow."""
    norms = [surface_norms(order, half) for half in (False, True)]
    size = 1 + max(len(n) for n in norms)
    return torch.stack([torch.cat([n, n.new_ones(size - len(n))]) for n in norms])


def as_density(problem: Problem, found: Entries) -> Entries:
    """Weights of a delta function: over the volume of a cell and the norms near a free surface."""
    along = found.along
    if problem.free_surface:
        norms, z = _norms(problem.order), along["z"]
        half = (OFFSETS[problem.ndim][0, found.field] > 0).to(torch.int64)
        near = norms[half[:, None], z.index.clamp(max=norms.shape[1] - 1)]
        along = along | {"z": replace(z, value=z.value / near)}
    return replace(found, weight=found.weight / math.prod(problem.spacing), along=along)


def on_surface(axes: Sequence[str], found: Entries) -> Entries:
    """Move what acts on szz in the surface plane, where it stays zero, to the horizontal normal stresses.

    With szz = 0 the strain along z follows from the others, and a moment m_zz there acts on sxx and syy as
    -lam / (lam + 2 mu) m_zz.

    Parameters
    ----------
    axes : sequence of str
        Horizontal ones.
    found : Entries
        Of stresses.

    Returns
    -------
    Entries
        That do the same. What was moved has as its factor the index in ``axes`` of the axis whose share,
        lam / (lam + 2 mu) or what stands for it, is still to be multiplied; without factor nothing was.
    """
    z = found.along["z"]
    top = (z.index == 0) & (found.field == FIELD_NUMBER["szz"])[:, None]
    if not bool(top.any()):
        return found
    rest, moved = (replace(z, value=z.value.where(mask, 0.0)) for mask in (~top, top))
    parts = [replace(found, along=found.along | {"z": rest}, factor=torch.full_like(found.field, -1))]
    for number, axis in enumerate(axes):
        field = torch.full_like(found.field, FIELD_NUMBER[f"s{axis}{axis}"])
        factor = torch.full_like(field, number)
        along = found.along | {"z": moved}
        parts.append(replace(found, field=field, weight=-found.weight, along=along, factor=factor))
    return Entries.join(parts)
