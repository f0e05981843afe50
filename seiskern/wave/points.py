"""From sources and receivers to entries of the kernels' sparse maps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern.grid import offset
from seiskern.kernels.elastic import Points, surface_norms
from seiskern.kernels.elastic.plan import FIELD_NUMBER
from seiskern.media.model import Medium
from seiskern.media.staggered import surface_shares
from seiskern.wave.interpolation import Weights, interpolate
from seiskern.wave.plan import Plan


@dataclass
class Entries:
    """Entries of one or more points: see `Points`. Indices are those of the padded grid."""

    shot: Tensor
    index: dict[str, Tensor]
    number: Tensor
    series: Tensor
    weight: Tensor

    @classmethod
    def join(cls, parts: Sequence["Entries"], axes: Sequence[str]) -> "Entries":
        """All entries of several."""
        integers = torch.zeros(0, dtype=torch.int64)
        none = cls(integers, dict.fromkeys(axes, integers), integers, integers, integers.double())
        parts = [none, *parts]
        return cls(
            torch.cat([p.shot for p in parts]),
            {axis: torch.cat([p.index[axis] for p in parts]) for axis in axes},
            torch.cat([p.number for p in parts]),
            torch.cat([p.series for p in parts]),
            torch.cat([p.weight for p in parts]),
        )

    def points(self, plan: Plan, data: Tensor) -> Points:
        """For the kernels."""
        return Points.build(plan.problem, data, self.shot, self.index, self.number, self.series, self.weight)


def entries(
    medium: Medium,
    plan: Plan,
    place: dict[str, Tensor],
    field: str,
    shot: Tensor,
    series: Tensor,
    weight: Tensor,
    derivative: str | None = None,
) -> Entries:
    """Weights of one field around each of n places.

    Parameters
    ----------
    medium, plan
        The grid.
    place : dict of Tensor, shape (n,), m
        Coordinates by axis.
    field : str
        ``vx`` ... ``syz``.
    shot, series, weight : Tensor, shape (n,)
        Per place; ``weight`` multiplies the weights of interpolation.
    derivative : str, optional
        Axis along which the field is differentiated.

    Returns
    -------
    Entries
        One for each node with a weight. Near a free surface the slope of vz there helps to interpolate it. As
        szz vanishes, the slope is -lam / (lam + 2 mu) times the divergence of the horizontal velocities:
        their nodes have entries too.
    """
    across = derivative in ("x", "y")
    slope = plan.problem.free_surface and field == "vz" and not across
    weights = [_along(medium, plan, place, field, axis, derivative, slope) for axis in medium.axes]
    found = [_outer(medium.axes, weights, field, shot, series, weight)]
    if slope and bool(weights[0].slope.any()):
        near = torch.nonzero(weights[0].slope).flatten()
        there = {axis: value.expand(len(shot))[near] for axis, value in place.items()}
        there["z"] = torch.full_like(there["z"], medium.origin[0])
        # The weight is that of a slope per node distance; a derivative was per node distance as well.
        scale = weights[0].slope[near] * (1.0 if derivative == "z" else medium.spacing[0])
        scale = -scale * weight[near]
        for axis, plane in surface_shares(medium).items():
            share = _on_plane(medium, plane, there, shot[near])
            along = [_along(medium, plan, there, f"v{axis}", a, axis, False) for a in medium.axes]
            found.append(_outer(medium.axes, along, f"v{axis}", shot[near], series[near], scale * share))
    return Entries.join(found, medium.axes)


def _along(
    medium: Medium,
    plan: Plan,
    place: dict[str, Tensor],
    field: str,
    axis: str,
    derivative: str | None,
    slope: bool,
) -> Weights:
    """Weights along one axis."""
    number = medium.axes.index(axis)
    before, step = plan.pad()[number][0], medium.spacing[number]
    position = (place[axis] - medium.origin[number]) / step + before - offset(field, axis)
    found = interpolate(position, plan.problem.shape[number], axis == derivative, slope and axis == "z")
    return Weights(found.index, found.value / step, found.slope) if axis == derivative else found


def _outer(
    axes: Sequence[str], along: Sequence[Weights], field: str, shot: Tensor, series: Tensor, weight: Tensor
) -> Entries:
    """Products of the weights along the axes."""
    total = weight[:, None]
    for one in along:
        total = (total[:, :, None] * one.value[:, None, :]).flatten(1)
    sizes = [one.value.shape[1] for one in along]
    index = {}
    for number, axis in enumerate(axes):
        shape = [1] * len(sizes)
        shape[number] = sizes[number]
        index[axis] = along[number].index.reshape(-1, *shape).expand(-1, *sizes).flatten(1)
    keep = total != 0
    spread = torch.arange(len(weight))[:, None].expand_as(total)[keep]
    return Entries(
        shot[spread],
        {axis: value[keep] for axis, value in index.items()},
        torch.full((len(spread),), FIELD_NUMBER[field]),
        series[spread],
        total[keep],
    )


def _on_plane(medium: Medium, plane: Tensor, place: dict[str, Tensor], shot: Tensor) -> Tensor:
    """Values of the first plane at places, interpolated linearly."""
    plane = plane if medium.batched else plane[None]
    batch = shot if len(plane) > 1 else torch.zeros_like(shot)
    corners = [([batch], torch.ones_like(place["x"]))]
    for number, axis in enumerate(medium.axes[1:], start=1):
        last = medium.shape[number] - 1
        position = ((place[axis] - medium.origin[number]) / medium.spacing[number]).clamp(0, last)
        low = position.floor().clamp(max=max(last - 1, 0)).to(torch.int64)
        share = position - low
        corners = [
            ([*index, (low + step).clamp(max=last)], weight * (share if step else 1 - share))
            for index, weight in corners
            for step in (0, 1)
        ]
    return torch.stack([plane[tuple(index)] * weight for index, weight in corners]).sum(0)


def as_density(plan: Plan, found: Entries) -> Entries:
    """Weights of a delta function: over the volume of a cell and the norms near a free surface."""
    weight = found.weight / math.prod(plan.problem.spacing)
    if plan.problem.free_surface:
        for field in plan.problem.fields:
            norms = surface_norms(plan.problem.order, half=offset(field, "z") > 0)
            near = (found.index["z"] < len(norms)) & (found.number == FIELD_NUMBER[field])
            weight = torch.where(near, weight / norms[found.index["z"].clamp(max=len(norms) - 1)], weight)
    return Entries(found.shot, found.index, found.number, found.series, weight)


def on_surface(shares: dict[str, Tensor], found: Entries) -> list[Entries]:
    """Move what acts on szz in the surface plane, where it stays zero, to the horizontal normal stresses.

    With szz = 0 the strain along z follows from the others, and a moment m_zz there acts on sxx and syy as
    -lam / (lam + 2 mu) m_zz.

    Parameters
    ----------
    shares : dict of Tensor, shape (n,)
        lam / (lam + 2 mu), or what stands for it along x and y, at each entry.
    found : Entries
        Of szz.

    Returns
    -------
    list of Entries
        That together do the same.
    """
    top = found.index["z"] == 0

    def part(mask: Tensor, number: Tensor, weight: Tensor) -> Entries:
        index = {axis: value[mask] for axis, value in found.index.items()}
        return Entries(found.shot[mask], index, number[mask], found.series[mask], weight[mask])

    result = [part(~top, found.number, found.weight)]
    for axis, share in shares.items():
        number = torch.full_like(found.number, FIELD_NUMBER[f"s{axis}{axis}"])
        result.append(part(top, number, -found.weight * share))
    return result
