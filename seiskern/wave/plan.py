"""What a run will cost and resolve, decided before it starts."""

import math
from dataclasses import dataclass
from functools import lru_cache

from seiskern import _checks
from seiskern.kernels import elastic
from seiskern.media.model import Medium
from seiskern.media.staggered import fastest
from seiskern.wave.quantity import QUANTITIES
from seiskern.wave.timing import Clock

ORDERS = (2, 4, 6, 8)
POINTS_PER_WAVELENGTH = {2: 20.0, 4: 10.0, 6: 7.0, 8: 6.0}
"""Nodes per shortest wavelength that keep a record within about 1 % over ten wavelengths."""
COURANT = 0.98
"""Share of the stability limit that is used."""
SAFE_STEPS = 2000
"""Steps in which what grows from rounding in a pure C-PML is not seen yet."""
MULTIAXIAL = 0.035
"""Share of the damping along all axes that holds it down for good, reached at three times as many steps."""


@dataclass(frozen=True)
class Plan:
    """Cost and accuracy of a run.

    Attributes
    ----------
    problem : Problem
        Grid and scheme of the kernels.
    clock : Clock
        Samples and steps.
    speed : float, m/s
        That bounds the step.
    frequency : float, Hz
        Highest frequency that the grid resolves.
    points : float
        Nodes per shortest wavelength at that frequency.
    memory : int, bytes
        Of medium, wavefield and absorbing layers, all shots.
    """

    problem: elastic.Problem
    clock: Clock
    speed: float
    frequency: float
    points: float
    memory: int

    def __repr__(self) -> str:
        """Cost and what is resolved."""
        cost = f"{self.cells:,} cells, {self.steps:,} steps of {1e3 * self.substep:.3g} ms"
        return f"Plan({cost}, {self.memory / 2**20:.3g} MiB, up to {self.frequency:.3g} Hz)"

    @property
    def cells(self) -> int:
        """Nodes, absorbing layers included."""
        return math.prod(self.problem.shape)

    @property
    def steps(self) -> int:
        """Steps of the scheme."""
        return self.clock.steps

    @property
    def substep(self) -> float:
        """Length of a step, s."""
        return self.clock.step

    @property
    def multiaxial(self) -> float:
        """Share of the layers' damping along all axes: the more steps, the more waves could grow."""
        return MULTIAXIAL * min(1.0, max(0.0, self.steps / SAFE_STEPS - 1) / 2)

    def pad(self) -> tuple[tuple[int, int], ...]:
        """Absorbing nodes before and after each axis, in array order."""
        return self.problem.absorbing


def plan(
    medium: Medium,
    *,
    dt: float,
    nt: int,
    order: int = 8,
    absorbing: int = 20,
    free_surface: bool = True,
    dispersion_correction: bool = True,
    quantity: str = "velocity",
    n_shots: int = 1,
) -> Plan:
    """Decide grid and step of a run and tell its cost, without running it.

    Parameters
    ----------
    medium : Medium
        The medium.
    dt, nt, order, absorbing, free_surface, dispersion_correction, quantity
        As for `simulate`.
    n_shots : int
        Shots at a time.

    Returns
    -------
    Plan
        The decisions.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    _checks.instance("medium", medium, Medium)
    dt, nt = _checks.positive("dt", dt), _checks.count("nt", nt, 1)
    order = _checks.one_of("order", order, ORDERS)
    quantity = _checks.one_of("quantity", quantity, tuple(QUANTITIES))
    absorbing = _checks.count("absorbing", absorbing, 0)
    pad = tuple((0 if free_surface and axis == 0 else absorbing, absorbing) for axis in range(medium.ndim))
    least = 16 if free_surface else 1
    if medium.shape[0] < least:
        raise ValueError(f"`medium` must have >= {least} planes below a free surface, got {medium.shape[0]}")
    ranges = medium.check()
    speed = ranges.speed if medium.effective is None else fastest(medium)
    limit = COURANT * elastic.max_dt(medium.ndim, order, medium.spacing, speed)
    ratio = max(1, math.ceil(dt / limit * (1 - 1e-12)))
    problem = _problem(
        tuple(n + before + after for n, (before, after) in zip(medium.shape, pad, strict=True)),
        medium.spacing,
        dt / ratio,
        order,
        medium.rho.dtype,
        bool(free_surface),
        pad,
        medium.effective is not None,
    )
    points = POINTS_PER_WAVELENGTH[order]
    return Plan(
        problem=problem,
        clock=Clock(dt, nt, ratio, dispersion_correction, whole=not QUANTITIES[quantity].half),
        speed=speed,
        frequency=ranges.slowest / (points * max(medium.spacing)),
        points=points,
        memory=_memory(problem, n_shots, len(medium.rho) if medium.batched else 1),
    )


# The same one again for the same grid: it keeps its layout.
_problem = lru_cache(maxsize=16)(elastic.Problem)


def _memory(problem: elastic.Problem, n_shots: int, n_media: int) -> int:
    layout, itemsize = problem.layout, problem.dtype.itemsize
    per_shot = len(problem.fields) * layout["array_size"] + layout["pml_size"]
    return itemsize * (n_shots * per_shot + n_media * layout["n_media"] * layout["array_size"])
