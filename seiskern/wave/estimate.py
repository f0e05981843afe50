"""What a gradient will cost in memory, decided before it runs."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seiskern import _checks, _ext
from seiskern.grid import STRESS
from seiskern.kernels import elastic
from seiskern.kernels.memory import whole_pages
from seiskern.media.model import Medium
from seiskern.wave.plan import Plan, plan
from seiskern.wave.quantity import QUANTITIES
from seiskern.wave.source import Force, Receivers, Source, as_shots

NODES = 10
"""Arrays of nodes that `medium_gradient` and `stagger_gradient` hold at a time, besides their results."""
NEAR = 8
"""Nodes below a free surface in which the medium there takes part in the weights of moments."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Peak of a simulation and the gradient of its medium.

    Attributes
    ----------
    memory : int, bytes
        At the peak, above what was held before.
    disk : int, bytes
        In files.
    parts : dict
        Bytes of ``memory`` by what takes them.
    """

    memory: int
    disk: int
    parts: dict[str, int]

    def __repr__(self) -> str:
        """In MiB."""
        parts = ", ".join(f"{name} {size / 2**20:.3g}" for name, size in self.parts.items())
        return f"MemoryEstimate({self.memory / 2**20:.3g} MiB, on disk {self.disk / 2**20:.3g} MiB: {parts})"


def estimate_memory(
    medium: Medium,
    shots: Any,
    receivers: Receivers,
    *,
    dt: float,
    nt: int,
    quantity: str = "velocity",
    free_surface: bool = True,
    absorbing: int = 20,
    order: int = 8,
    dispersion_correction: bool = True,
    adjoint: elastic.Strategy | None = None,
) -> MemoryEstimate:
    """Tell how much memory `simulate` and the gradient of its medium take, without running.

    Within 10 % of the peak of a process above what it held before, where that is some 100 MB; not counted is
    what is done with records outside. The gradient of a moment, its rate or place takes an array for each
    stress more: tensors that require one tell, and moments near a free surface, whose weights are made from
    the medium.

    Parameters
    ----------
    medium, shots, receivers, dt, nt, quantity, free_surface, absorbing, order, dispersion_correction, adjoint
        As for `simulate`.

    Returns
    -------
    MemoryEstimate
        Bytes in memory and on disk.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    """
    _checks.instance("receivers", receivers, Receivers)
    strategy = elastic.checked(adjoint)
    groups = as_shots(shots)
    decided = plan(
        medium,
        dt=dt,
        nt=nt,
        order=order,
        absorbing=absorbing,
        free_surface=free_surface,
        dispersion_correction=dispersion_correction,
        quantity=quantity,
        n_shots=len(groups),
    )
    series = len(QUANTITIES[quantity].parts(medium.ndim)) * receivers.coordinates(medium.axes).shape[1]
    n_media = len(medium.rho) if medium.batched else 1
    parts, disk = _parts(decided, len(groups), n_media, strategy)
    itemsize = medium.rho.dtype.itemsize
    parts["records"] = 2 * len(groups) * decided.steps * series * itemsize
    if any(_moves_stress(medium, source, free_surface) for sources in groups for source in sources):
        stresses = len(STRESS[medium.ndim]) * decided.problem.layout["array_size"]
        parts["adjoint"] += len(groups) * stresses * itemsize
    return MemoryEstimate(sum(parts.values()), disk, parts)


def _parts(
    decided: Plan, n_shots: int, n_media: int, strategy: elastic.Strategy
) -> tuple[dict[str, int], int]:
    """Bytes in memory but for records, and on disk."""
    problem, layout = decided.problem, decided.problem.layout
    array, itemsize = layout["array_size"], problem.dtype.itemsize
    stored, beside = strategy.sizes(problem, decided.steps)
    two = 0  # slices of each shot that runs, see csrc/elastic/past.h
    if strategy.bits or isinstance(strategy, elastic.BoundarySaved):
        two = 2 * problem.ndim * math.prod(n + problem.order // 2 for n in problem.shape)
    per_shot = {
        "adjoint": [(len(problem.fields) + layout["n_images"]) * array, layout["filter_size"]],
        "layers": [layout["pml_size"]],
        "strategy": [*beside, *([] if strategy.where == "disk" else stored)],
    }
    parts = {
        name: sum(whole_pages(n_shots * size * itemsize) for size in sizes)
        for name, sizes in per_shot.items()
    }
    parts["strategy"] += min(n_shots, _ext.threads()) * two * itemsize
    parts["medium"] = n_media * (2 * layout["n_media"] * array + NODES * decided.cells) * itemsize
    return parts, n_shots * sum(stored) * itemsize if strategy.where == "disk" else 0


def _moves_stress(medium: Medium, source: Source, free_surface: bool) -> bool:
    """Whether weights or series of a source of stress want a gradient: those near the surface always do."""
    if isinstance(source, Force):
        return False
    given = source.moment, source.rate, source.x, source.y, source.z
    near = free_surface and float(source.z) < medium.origin[0] + NEAR * medium.spacing[0]
    return near or any(isinstance(value, Tensor) and value.requires_grad for value in given)
