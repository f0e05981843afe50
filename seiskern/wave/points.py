"""From sources and receivers to entries of the kernels' sparse maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern.grid import offset
from seiskern.kernels.elastic import Points, surface_norms
from seiskern.kernels.elastic.plan import FIELD_NUMBER
from seiskern.media.model import Medium
from seiskern.wave.interpolation import interpolate
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
        One for each node with a weight.
    """
    nodes, weights = [], []
    for number, axis in enumerate(medium.axes):
        before = plan.pad()[number][0]
        position = (place[axis] - medium.origin[number]) / medium.spacing[number] + before - offset(field, axis)
        w = interpolate(position, plan.problem.shape[number], derivative=axis == derivative)
        nodes.append(w.index)
        weights.append(w.value / medium.spacing[number] if axis == derivative else w.value)
    total = weight[:, None]
    for value in weights:
        total = (total[:, :, None] * value[:, None, :]).flatten(1)
    sizes = [value.shape[1] for value in weights]
    index = {}
    for number, axis in enumerate(medium.axes):
        shape = [1] * len(sizes)
        shape[number] = sizes[number]
        index[axis] = nodes[number].reshape(-1, *shape).expand(-1, *sizes).flatten(1)
    keep = total != 0
    spread = torch.arange(len(weight))[:, None].expand_as(total)[keep]
    return Entries(
        shot[spread],
        {axis: value[keep] for axis, value in index.items()},
        torch.full((len(spread),), FIELD_NUMBER[field]),
        series[spread],
        total[keep],
    )


def as_density(plan: Plan, field: str, found: Entries) -> Entries:
    """Weights of a delta function: divided by the volume of a cell, and by the norm of the planes near a free surface."""
    volume = 1.0
    for h in plan.problem.spacing:
        volume *= h
    weight = found.weight / volume
    if plan.problem.free_surface:
        norms = surface_norms(plan.problem.order, half=offset(field, "z") > 0)
        near = found.index["z"] < len(norms)
        weight = torch.where(near, weight / norms[found.index["z"].clamp(max=len(norms) - 1)], weight)
    return Entries(found.shot, found.index, found.number, found.series, weight)


def on_surface(ndim: int, share: Tensor, found: Entries) -> list[Entries]:
    """Move what acts on szz in the surface plane, where it stays zero, to the horizontal normal stresses.

    With szz = 0 the strain along z follows from the others, and a moment m_zz there acts on sxx and syy as
    -lam / (lam + 2 mu) m_zz.

    Parameters
    ----------
    ndim : int
        2 or 3.
    share : Tensor, shape (n,)
        lam / (lam + 2 mu) at each entry.
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
    for name in ("sxx",) if ndim == 2 else ("sxx", "syy"):
        number = torch.full_like(found.number, FIELD_NUMBER[name])
        result.append(part(top, number, -found.weight * share))
    return result
