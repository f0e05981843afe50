r"""What is asked of a medium besides that it explains the data: terms that are added to a misfit.

Each is called with a `Medium` and returns a number; any callable that does can stand beside them. Fields are
taken relative to the mean :math:`\bar v`, so that weights hold for speeds and densities alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.media.model import Medium

FIELDS = ("vp", "vs", "rho")


@dataclass(frozen=True, kw_only=True)
class _OfFields(ABC):
    """Of which fields."""

    fields: Sequence[str] = ("vp", "vs")

    def __post_init__(self) -> None:
        """Check."""
        _checks.positive("weight", self.weight)  # type: ignore[attr-defined]
        for name in self.fields:
            _checks.one_of("fields", name, FIELDS)

    def __call__(self, medium: Medium) -> Tensor:
        """Sum over the fields."""
        return torch.stack([self._of(name, medium) for name in self.fields]).sum()

    @abstractmethod
    def _of(self, name: str, medium: Medium) -> Tensor:
        """Of one field."""


@dataclass(frozen=True)
class Damping(_OfFields):
    r"""Tikhonov regularization of order 0: the distance from a reference.

    .. math:: \frac w 2 \, \mathrm{mean} \Bigl(\frac{v - v_{ref}}{\bar v_{ref}}\Bigr)^2

    Parameters
    ----------
    weight : float
        w.
    reference : Medium
        Where it is zero.
    fields : sequence of {"vp", "vs", "rho"}
        Which, summed.

    References
    ----------
    Tikhonov & Arsenin (1977), Solutions of Ill-posed Problems, Winston.
    """

    weight: float
    reference: Medium

    def _of(self, name: str, medium: Medium) -> Tensor:
        given = getattr(self.reference, name).detach()
        return self.weight / 2 * ((getattr(medium, name) - given) / given.mean()).square().mean()


@dataclass(frozen=True)
class Roughness(_OfFields):
    r"""Tikhonov regularization of order 1: the gradient in space.

    .. math:: \frac w 2 \, \mathrm{mean} \, \Bigl| \frac{\nabla v}{\bar v} \Bigr|^2

    Parameters
    ----------
    weight : float, m2
        w.
    fields : sequence of {"vp", "vs", "rho"}
        Which, summed.
    """

    weight: float

    def _of(self, name: str, medium: Medium) -> Tensor:
        parts = [d.square().mean() for d in _differences(getattr(medium, name), medium)]
        return self.weight / 2 * torch.stack(parts).sum()


@dataclass(frozen=True)
class TotalVariation(_OfFields):
    r"""Total variation: it allows steps, where `Roughness` smears them.

    .. math:: w \, \mathrm{mean} \Bigl( \sqrt{|\nabla v / \bar v|^2 + \epsilon^2} - \epsilon \Bigr)

    Parameters
    ----------
    weight : float, m
        w.
    smooth : float, 1/m
        :math:`\epsilon`: slopes below it count as in `Roughness`; one part in 10,000 per metre by default.
    fields : sequence of {"vp", "vs", "rho"}
        Which, summed.

    References
    ----------
    Rudin, Osher & Fatemi (1992), Physica D 60, 259-268, doi:10.1016/0167-2789(92)90242-F.
    """

    weight: float
    smooth: float = 1e-4

    def __post_init__(self) -> None:
        """Check."""
        super().__post_init__()
        _checks.positive("smooth", self.smooth)

    def _of(self, name: str, medium: Medium) -> Tensor:
        inner = tuple(slice(n - 1) for n in medium.shape)
        slopes = _differences(getattr(medium, name), medium)
        # Forward differences at the nodes that have one along every axis.
        squares = torch.stack([slope[inner].square() for slope in slopes]).sum(0)
        return self.weight * ((squares + self.smooth**2).sqrt() - self.smooth).mean()


def _differences(values: Tensor, medium: Medium) -> list[Tensor]:
    """Slopes along each axis, relative to the mean, 1/m."""
    mean = values.detach().mean()
    return [values.diff(dim=axis) / (step * mean) for axis, step in enumerate(medium.spacing)]
