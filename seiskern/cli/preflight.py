"""What a run will cost and resolve, before it starts."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import seiskern as sk

# Coefficients of the staggered first derivative by order of accuracy (Fornberg 1988).
STENCILS = {
    2: (1.0,),
    4: (9 / 8, -1 / 24),
    6: (75 / 64, -25 / 384, 3 / 640),
    8: (1225 / 1024, -245 / 3072, 49 / 5120, -5 / 7168),
}
# Nodes per shortest S wavelength that keep the error of a record at about 1 % over tens of wavelengths.
POINTS_PER_WAVELENGTH = {2: 20.0, 4: 10.0, 6: 7.0, 8: 6.0}
COURANT = 0.95  # share of the exact stability limit that the estimate assumes
# Arrays of a shot: 9 fields and 8 of the medium in 3-D, 5 and 5 in 2-D.
ARRAYS = {2: 10, 3: 17}
# Nodes along each axis of the trial that measures the speed: larger than the caches of a core.
TRIAL_NODES = {2: 512, 3: 72}
TRIAL_SAMPLES = 9


@dataclass(frozen=True)
class Estimate:
    """Cost and accuracy of a run.

    Attributes
    ----------
    cells : int
        Nodes, those of the absorbing layers included.
    steps : int
        Sub-steps of the solver.
    substep : float, s
        Length of a sub-step.
    memory : float, bytes
        Of fields and medium.
    frequency : float, Hz
        Highest frequency that the grid resolves.
    points : float
        Nodes per shortest S wavelength at that frequency.
    """

    cells: int
    steps: int
    substep: float
    memory: float
    frequency: float
    points: float


def estimate(
    vp: Tensor,
    vs: Tensor,
    spacing: Sequence[float],
    *,
    dt: float,
    nt: int,
    order: int = 8,
    absorbing: int = 20,
    free_surface: bool = True,
) -> Estimate:
    """Estimate what a run will cost and resolve.

    Parameters
    ----------
    vp, vs : Tensor, shape (nz, nx) or (nz, ny, nx), m/s
        Medium. Where Vs is 0, the shortest wavelength is that of P.
    spacing : sequence of float, m
        Per axis, in array order.
    dt, nt, order, absorbing, free_surface
        As for ``simulate``.

    Returns
    -------
    Estimate
        The estimate.
    """
    if order not in STENCILS:
        raise ValueError(f"`order` must be one of {', '.join(map(str, STENCILS))}, got {order}")
    sides = [2] * vp.ndim
    sides[0] -= int(free_surface)
    cells = math.prod(n + side * absorbing for n, side in zip(vp.shape, sides, strict=True))
    inverse = math.sqrt(sum(step**-2 for step in spacing))
    limit = 1 / (float(vp.max()) * inverse * sum(map(abs, STENCILS[order])))
    per_sample = math.ceil(dt / (COURANT * limit))
    slowest = float(vs.where(vs > 0, vp).min())
    points = POINTS_PER_WAVELENGTH[order]
    return Estimate(
        cells=cells,
        steps=per_sample * (nt - 1),
        substep=dt / per_sample,
        memory=ARRAYS[vp.ndim] * cells * vp.element_size(),
        frequency=slowest / (points * max(spacing)),
        points=points,
    )


def measure_speed(ndim: int, order: int, dtype: torch.dtype) -> float:
    """Cells a second that the solver does on this machine, from a trial of a fraction of a second."""
    shape, spacing = (TRIAL_NODES[ndim],) * ndim, 10.0
    vp = torch.full(shape, 2000.0, dtype=dtype)
    dt = 0.01
    options: dict[str, Any] = {"order": order, "absorbing": 10, "free_surface": True}
    plan = estimate(vp, vp / 2, (spacing,) * ndim, dt=dt, nt=TRIAL_SAMPLES, **options)
    middle = spacing * shape[0] / 2
    place = dict.fromkeys("xyz" if ndim == 3 else "xz", middle)
    rate = torch.ones(TRIAL_SAMPLES, dtype=dtype)
    source = sk.Explosion(**place, moment=1.0, rate=rate)
    receivers = sk.Receivers(**{axis: torch.tensor([middle]) for axis in place})
    medium = sk.Medium(vp, vp / 2, vp, spacing)
    best = math.inf
    for _ in range(2):  # the first also loads and warms
        start = time.perf_counter()
        sk.simulate(medium, source, receivers, dt=dt, nt=TRIAL_SAMPLES, **options)
        best = min(best, time.perf_counter() - start)
    return plan.cells * plan.steps / best


def describe(plan: Estimate) -> list[tuple[str, str]]:
    """Rows for a table: what and how much."""
    return [
        ("cells", f"{plan.cells:,} with absorbing layers"),
        ("steps", f"{plan.steps:,} of {1e3 * plan.substep:.3g} ms"),
        ("memory", f"about {plan.memory / 2**20:,.0f} MiB"),
        ("resolved", f"{plan.frequency:.2f} Hz at {plan.points:g} points per shortest S wavelength"),
    ]
