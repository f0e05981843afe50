"""Axes of a grid, in the one order used everywhere: ``[..., z, x]`` in 2-D and ``[..., z, y, x]`` in 3-D.

x points East, y North, z down. Node (k, j, i) lies at origin + (k dz, j dy, i dx).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

AXES = {2: ("z", "x"), 3: ("z", "y", "x")}
"""Names of the axes in array order."""

VELOCITY = {2: ("vx", "vz"), 3: ("vx", "vy", "vz")}
"""Velocity fields, in the order of components."""

STRESS = {2: ("sxx", "szz", "sxz"), 3: ("sxx", "syy", "szz", "sxy", "sxz", "syz")}
"""Stress fields, in the order of the kernels."""


def offset(field: str, axis: str) -> float:
    """How far, in cells, a field of the staggered grid lies beyond the node of the same index.

    Velocities lie half a cell along their own axis, shear stresses along both of theirs, normal stresses on
    nodes.
    """
    if field[0] == "v":
        return 0.5 if field[1] == axis else 0.0
    first, second = field[1], field[2]
    return 0.5 if first != second and axis in (first, second) else 0.0


def replicate(value: Tensor, pad: Sequence[tuple[int, int]]) -> Tensor:
    """Values with nodes added before and after each of the last axes, that equal those on the edge."""
    for number, (before, after) in enumerate(pad):
        axis = number - len(pad)
        n = value.shape[axis]
        if before or after:
            nodes = torch.arange(-before, n + after, device=value.device)
            value = value.index_select(axis, nodes.clamp(0, n - 1))
    return value
