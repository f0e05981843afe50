"""Units of a wavefield in half precision."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seiskern.kernels.elastic.cuda_points import Flat
from seiskern.kernels.elastic.plan import Problem
from seiskern.kernels.elastic.points import Points

LARGEST = 2.0**13
"""Of numbers in half precision, which end at 65,504."""


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
