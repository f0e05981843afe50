"""What is done to a gradient before a step: callables from a tensor on the grid to another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.inversion.survey import Survey
from seiskern.media.model import Medium
from seiskern.wave.record import Snapshots


@dataclass(frozen=True)
class Mute:
    """Nothing changes within a radius of given places, and all beyond twice that; between them smoothly.

    The gradient is singular at sources and receivers.

    Parameters
    ----------
    medium : Medium
        The grid.
    places : Tensor, shape (axis, n), m
        In array order, as `Survey.places` gives them.
    radius : float, m
        Of what is muted.
    """

    medium: Medium
    places: Tensor
    radius: float
    weight: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check, and make the weights."""
        radius, medium = _checks.positive("radius", self.radius), self.medium
        if self.places.ndim != 2 or len(self.places) != medium.ndim:
            raise ValueError(f"`places` must be ({medium.ndim}, n), got {tuple(self.places.shape)}")
        weight = torch.ones(medium.shape, dtype=torch.float64)
        axes = [
            start + step * torch.arange(n, dtype=torch.float64)
            for start, step, n in zip(medium.origin, medium.spacing, medium.shape, strict=True)
        ]
        for place in self.places.double().T.unique(dim=0):
            near = [(axis - x).abs() <= 2 * radius for axis, x in zip(axes, place, strict=True)]
            if not all(bool(mask.any()) for mask in near):
                continue
            box = tuple(slice(int(m.nonzero()[0]), int(m.nonzero()[-1]) + 1) for m in near)
            grids = torch.meshgrid(*(axis[part] for axis, part in zip(axes, box, strict=True)), indexing="ij")
            squares = torch.stack([(grid - x).square() for grid, x in zip(grids, place, strict=True)])
            beyond = (squares.sum(0).sqrt() / radius - 1).clamp(0, 1)
            weight[box] = torch.minimum(weight[box], (torch.pi / 2 * beyond).sin().square())
        object.__setattr__(self, "weight", weight.to(medium.vp.dtype))

    def __call__(self, gradient: Tensor) -> Tensor:
        """Apply."""
        return gradient * self.weight


@dataclass(frozen=True)
class Smooth:
    """A Gaussian filter; what it takes beyond an edge comes back as from a mirror, so it is symmetric.

    Parameters
    ----------
    length : float, m
        Standard deviation.
    spacing : sequence of float, m
        Of the grid, in array order.
    """

    length: float
    spacing: Sequence[float]

    def __post_init__(self) -> None:
        """Check."""
        _checks.positive("length", self.length)

    def __call__(self, gradient: Tensor) -> Tensor:
        """Apply."""
        for axis, step in enumerate(self.spacing):
            matrix = _mirrored_gaussian(gradient.shape[axis], self.length / step).to(gradient.dtype)
            gradient = torch.tensordot(matrix, gradient, dims=([1], [axis])).movedim(0, axis)
        return gradient


def _mirrored_gaussian(n: int, width: float) -> Tensor:
    """Symmetric (n, n), of sum 1: cos(k (i + 1/2)), k = pi m / n, is multiplied by exp(-(width k)^2 / 2)."""
    m, i = torch.arange(n, dtype=torch.float64), torch.arange(n, dtype=torch.float64) + 0.5
    waves = torch.cos(torch.pi / n * m[:, None] * i)
    waves *= math.sqrt(2 / n)
    waves[0] /= math.sqrt(2)
    gain = torch.exp(-0.5 * (width * torch.pi * m / n).square())
    return waves.T @ (gain[:, None] * waves)


@dataclass(frozen=True)
class Illumination:
    r"""Divide by the energy of the waves that were there, a diagonal that stands for the Hessian's.

    .. math:: g \to \frac{g}{E / E_{max} + \epsilon}

    Parameters
    ----------
    energy : Tensor, on the grid
        E, as `illumination` makes it.
    damping : float
        :math:`\epsilon`.

    References
    ----------
    Shin, Jang & Min (2001), Geophys. Prospect. 49(5), 592-606, doi:10.1046/j.1365-2478.2001.00279.x.
    """

    energy: Tensor
    damping: float = 0.01

    def __post_init__(self) -> None:
        """Check."""
        _checks.positive("damping", self.damping)
        if not float(self.energy.max()) > 0:
            raise ValueError("`energy` must be > 0 somewhere")

    def __call__(self, gradient: Tensor) -> Tensor:
        """Apply."""
        return gradient / (self.energy / self.energy.max() + self.damping)


def illumination(survey: Survey, medium: Medium, every: int = 4) -> Tensor:
    """Sum over shots and times of the square of the velocity at each node.

    Parameters
    ----------
    survey : Survey
        Its shots.
    medium : Medium
        Where they are fired.
    every : int
        Samples from one time to the next.

    Returns
    -------
    Tensor, on the grid
        Not negative.
    """
    energy = torch.zeros(medium.shape, dtype=medium.vp.dtype)
    for shot in range(len(survey)):
        snapshots = survey.subset([shot]).wavefields(medium, Snapshots(every=every))
        energy += snapshots.data.square().sum(dim=(0, 1, 2))
    return energy
