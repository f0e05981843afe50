"""From sources and receivers to the kernels' sparse maps."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from seiskern.grid import AXES, offset
from seiskern.kernels.elastic import Points, surface_norms
from seiskern.kernels.elastic.plan import FIELD_NUMBER
from seiskern.media.model import Medium
from seiskern.media.staggered import surface_shares
from seiskern.wave.interpolation import Weights, interpolate
from seiskern.wave.plan import Plan

# By axis in array order and number of the field.
OFFSETS = {
    ndim: torch.tensor(
        [[offset(field, axis) for field in FIELD_NUMBER] for axis in axes], dtype=torch.float64
    )
    for ndim, axes in AXES.items()
}


@dataclass(frozen=True)
class Entries:
    """Places on the padded grid: see `Points.build`.

    Attributes
    ----------
    shot : Tensor, shape (n,), or None
        None: all are of every shot.
    field, series, weight : Tensor, shape (n,)
        Number of the field, time series, and what multiplies the weights along the axes.
    along : dict of Weights
        Nodes and weights by axis.
    factor : Tensor, shape (n,), or None
        Which values at the nodes multiply the weights; -1: none.
    """

    shot: Tensor | None
    field: Tensor
    series: Tensor
    weight: Tensor
    along: dict[str, Weights]
    factor: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence["Entries"]) -> "Entries":
        """All entries of several, of one grid."""
        if len(parts) == 1:
            return parts[0]

        def cat(values: Iterable[Tensor | None]) -> Any:
            given = [value for value in values if value is not None]
            return torch.cat(given) if given else None

        along = {}
        for axis in parts[0].along:
            pieces = [part.along[axis] for part in parts]
            along[axis] = Weights(
                *(cat(getattr(p, name) for p in pieces) for name in ("first", "value", "slope"))
            )
        names = ("shot", "field", "series", "weight", "factor")
        return cls(along=along, **{name: cat(getattr(part, name) for part in parts) for name in names})

    def points(self, plan: Plan, data: Tensor, factors: Tensor | None = None) -> Points:
        """For the kernels."""
        return Points.build(
            plan.problem,
            data,
            self.shot,
            {axis: weights.first for axis, weights in self.along.items()},
            self.field,
            self.series,
            self.weight,
            {axis: weights.value for axis, weights in self.along.items()},
            self.factor,
            factors,
        )


def entries(
    medium: Medium,
    plan: Plan,
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
    medium, plan
        The grid.
    place : Tensor, shape (ndim, n), m
        Coordinates in array order.
    field, shot, series, weight
        As in `Entries`; ``weight`` multiplies the weights of interpolation.
    derivative : str, optional
        Axis along which the fields are differentiated.

    Returns
    -------
    Entries
        One for each place. Near a free surface the slope of vz there helps to interpolate it. As szz
        vanishes, the slope is -lam / (lam + 2 mu) times the divergence of the horizontal velocities: they
        have entries there too.
    """
    near_surface = plan.problem.free_surface and derivative not in ("x", "y")
    slope = field == FIELD_NUMBER["vz"] if near_surface else None
    positions = _positions(medium, plan, place, field)
    along = {}
    for number, axis in enumerate(medium.axes):
        known = slope if axis == "z" else None
        along[axis] = interpolate(positions[number], plan.problem.shape[number], axis == derivative, known)
        if axis == derivative:
            along[axis] = replace(along[axis], value=along[axis].value / medium.spacing[number])
    found = Entries(shot, field, series, weight, along)
    if slope is None or not bool(along["z"].slope.any()):
        return found
    near = torch.nonzero(along["z"].slope).flatten()
    there = place[:, near]
    there[0] = medium.origin[0]
    # The weight is that of a slope per node distance; a derivative was per node distance as well.
    scale = along["z"].slope[near] * (1.0 if derivative == "z" else medium.spacing[0])
    scale = -scale * weight[near]
    shot = None if shot is None else shot[near]
    parts = [found]
    for axis, plane in surface_shares(medium).items():
        share = _on_plane(medium, plane, there, shot)
        across = torch.full_like(near, FIELD_NUMBER[f"v{axis}"])
        parts.append(entries(medium, plan, there, across, shot, series[near], scale * share, axis))
    return Entries.join(parts)


def _positions(medium: Medium, plan: Plan, place: Tensor, field: Tensor) -> Tensor:
    """In units of the node distance from the first node of the field, (ndim, n)."""
    before = tuple(before for before, _ in plan.pad())
    origin, step, first = _columns((medium.origin, medium.spacing, before))
    return (place - origin) / step + (first - OFFSETS[medium.ndim][:, field])


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


def as_density(plan: Plan, found: Entries) -> Entries:
    """Weights of a delta function: over the volume of a cell and the norms near a free surface."""
    along = found.along
    if plan.problem.free_surface:
        norms, z = _norms(plan.problem.order), along["z"]
        half = (OFFSETS[plan.problem.ndim][0, found.field] > 0).to(torch.int64)
        near = norms[half[:, None], z.index.clamp(max=norms.shape[1] - 1)]
        along = along | {"z": replace(z, value=z.value / near)}
    return replace(found, weight=found.weight / math.prod(plan.problem.spacing), along=along)


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
        That do the same, with the number of the axis as the factor where the share of the axis,
        lam / (lam + 2 mu) or what stands for it, is still to be multiplied.
    """
    z = found.along["z"]
    top = (z.index == 0) & (found.field == FIELD_NUMBER["szz"])[:, None]
    rest, moved = (replace(z, value=z.value.where(mask, 0.0)) for mask in (~top, top))
    parts = [replace(found, along=found.along | {"z": rest}, factor=torch.full_like(found.field, -1))]
    for number, axis in enumerate(axes):
        field = torch.full_like(found.field, FIELD_NUMBER[f"s{axis}{axis}"])
        factor = torch.full_like(field, number)
        along = found.along | {"z": moved}
        parts.append(replace(found, field=field, weight=-found.weight, along=along, factor=factor))
    return Entries.join(parts)
