"""A folded and faulted medium."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from seiskern import _checks

N_LAYERS = 12.0  # in the mean, from top to bottom
FOLD = 0.12  # standard deviation of the folds, of the depth of the model
N_FAULTS = (1, 3)  # fewest, most
THROW = (0.05, 0.15)  # of the depth
DIP = (45.0, 75.0)  # degrees
TREND = 0.5  # share of the range that grows with depth; the rest differs from layer to layer


def folded_faulted(shape: Sequence[int], generator: Generator) -> Tensor:
    """Layers of random values, folded, then cut by dipping faults; values grow with depth, by and large.

    Parameters
    ----------
    shape : (nz, nx) or (nz, ny, nx)
        Nodes. Folds and faults do not depend on y.
    generator : Generator
        Source of the randomness; the same state gives the same field.

    Returns
    -------
    Tensor, shape ``shape``, float64
        From 0 to 1, both reached.
    """
    sizes = [_checks.count("shape", n, 2) for n in shape]
    nz, nx = sizes[0], sizes[-1]

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))

    z = torch.arange(nz, dtype=torch.float64)[:, None] / (nz - 1)
    x = torch.arange(nx, dtype=torch.float64)[None, :] / (nx - 1)
    depth = z.expand(nz, nx).clone()  # of a node before faults and folds
    for _ in range(int(uniform(N_FAULTS[0], N_FAULTS[1] + 1))):
        slope = math.tan(math.radians(uniform(*DIP))) * (1 if uniform(-1, 1) > 0 else -1) * nx / nz
        hanging = slope * (x - uniform(0.2, 0.8)) > z - 0.5
        depth -= uniform(*THROW) * hanging
    for waves in (1, 2, 3):
        height = FOLD * math.sqrt(2) * uniform(0.5, 1.5) / waves**1.5
        depth += height * torch.sin(2 * math.pi * (waves * x + uniform(0, 1))) * (0.4 + 0.6 * z)
    layer = torch.floor((depth - depth.min()) * N_LAYERS).to(torch.int64)
    steps = torch.rand(int(layer.max()) + 1, generator=generator, dtype=torch.float64)
    trend = torch.linspace(0, 1, len(steps), dtype=torch.float64)
    values = (TREND * trend + (1 - TREND) * steps)[layer]
    values = (values - values.min()) / (values.max() - values.min())
    return values if len(sizes) == 2 else values[:, None].expand(sizes).clone()
