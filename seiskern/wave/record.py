"""What a simulation returns."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.grid import VELOCITY, offset
from seiskern.media.model import Medium
from seiskern.wave.interpolation import interpolate
from seiskern.wave.plan import Plan
from seiskern.wave.timing import EXTRA, half_sample


@dataclass(frozen=True)
class Snapshots:
    """Which wavefields to keep.

    Parameters
    ----------
    every : int
        Samples (of ``dt``) from one to the next, starting with sample 0.
    stride : int or one per axis in array order
        Nodes from one to the next along each axis.
    quantity : {"velocity", "pressure"}
        Of what, in m/s or Pa.
    """

    every: int
    stride: int | Sequence[int] = 1
    quantity: str = "velocity"

    def __post_init__(self) -> None:
        """Check."""
        _checks.count("every", self.every, 1)
        _checks.one_of("quantity", self.quantity, ("velocity", "pressure"))

    def strides(self, ndim: int) -> tuple[int, ...]:
        """One per axis."""
        values = [self.stride] * ndim if not isinstance(self.stride, Sequence) else list(self.stride)
        if len(values) != ndim:
            raise ValueError(f"`stride` must be one number or {ndim}, got {len(values)}")
        return tuple(_checks.count("stride", value, 1) for value in values)


@dataclass(frozen=True)
class Wavefields:
    """Snapshots on the nodes of the medium.

    Attributes
    ----------
    data : Tensor, shape (shot, component, time, nz, [ny,] nx)
        Every ``stride``-th node of the medium, absorbing layers left out.
    times : Tensor, shape (time,), s
        When.
    components : tuple of str
        Names.
    quantity : {"velocity", "pressure"}
        Of what.
    """

    data: Tensor
    times: Tensor
    components: tuple[str, ...]
    quantity: str = "velocity"

    def __repr__(self) -> str:
        """Components, shape and times; not the numbers."""
        shape, last = tuple(self.data.shape), float(self.times[-1])
        return f"Wavefields({', '.join(self.components)}; shape {shape}, 0 to {last:g} s)"


@dataclass(frozen=True)
class Seismograms:
    """Records of a simulation.

    Attributes
    ----------
    data : Tensor, shape (shot, component, receiver, nt)
        Sample i is at i ``dt``.
    components : tuple of str
        Names: ``x``, ``y``, ``z``; ``p`` of pressure; ``xx`` ... of strain.
    dt : float, s
        Sampling.
    quantity : str
        What was recorded.
    snapshots : Wavefields or None
        If they were asked for.
    """

    data: Tensor
    components: tuple[str, ...]
    dt: float
    quantity: str = "velocity"
    snapshots: Wavefields | None = None

    def __repr__(self) -> str:
        """Quantity, components, shape and sampling; not the numbers."""
        what = f"{self.quantity} {', '.join(self.components)}; shape {tuple(self.data.shape)}"
        waves = "" if self.snapshots is None else f", {self.snapshots!r}"
        return f"Seismograms({what}, dt {self.dt:g} s{waves})"

    def component(self, name: str) -> Tensor:
        """Records of one component, (shot, receiver, nt)."""
        return self.data[:, self.components.index(_checks.one_of("name", name, self.components))]

    @property
    def times(self) -> Tensor:
        """Times of the samples, s."""
        return torch.arange(self.data.shape[-1], dtype=torch.float64) * self.dt


class SnapshotWriter:
    """Collects snapshots while the steps are made."""

    def __init__(self, wanted: Snapshots, medium: Medium, decided: Plan, n_shots: int) -> None:
        self.plan, self.stride = decided, wanted.strides(medium.ndim)
        self.pressure = wanted.quantity == "pressure"
        self.samples = range(0, decided.clock.nt, wanted.every)
        self.components = ("p",) if self.pressure else tuple(name[1] for name in VELOCITY[medium.ndim])
        self.axes, self.shape = medium.axes, medium.shape
        self.nodes = [
            torch.arange(0, n, step) + before
            for n, step, (before, _) in zip(medium.shape, self.stride, decided.pad(), strict=True)
        ]
        self.weights = [  # of half nodes around the nodes
            interpolate(nodes.double() - 0.5, n)
            for nodes, n in zip(self.nodes, decided.problem.shape, strict=True)
        ]
        self.data = torch.zeros(
            n_shots,
            len(self.components),
            len(self.samples),
            *(len(nodes) for nodes in self.nodes),
            dtype=decided.problem.dtype,
        )
        # Step -> the snapshots it enters and its weight there: velocities lie half a step off.
        self.needed: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self.last: dict[int, int] = {}  # step of each snapshot
        self.sums: dict[int, Tensor] = {}  # over steps so far, of snapshots that are not complete
        for slot, sample in enumerate(self.samples):
            at = sample * decided.clock.ratio
            weights = [1.0] if self.pressure else half_sample().tolist()
            first = at - 1 if self.pressure else at - EXTRA
            for tap, weight in enumerate(weights):
                if first + tap >= 0:
                    self.needed[first + tap].append((slot, weight))
                    self.last[slot] = first + tap

    def wants(self, step: int) -> bool:
        """Whether the step enters a snapshot."""
        return step in self.needed

    def take(self, step: int, fields: Tensor) -> None:
        """Add the wavefield after ``step`` to the snapshots it belongs to."""
        n = len(self.axes)  # fields are the velocities, the normal stresses, and the others
        parts = -fields[:, n : 2 * n].mean(dim=1, keepdim=True) if self.pressure else fields[:, :n]
        for slot, weight in self.needed.get(step, ()):
            so_far = self.sums.pop(slot, None)
            so_far = weight * parts if so_far is None else so_far.add_(parts, alpha=weight)
            if step < self.last[slot]:
                self.sums[slot] = so_far
                continue
            for component, name in enumerate(("sxx",) if self.pressure else VELOCITY[n]):
                self.data[:, component, slot] = self._on_nodes(so_far[:, component], name)

    def _on_nodes(self, field: Tensor, name: str) -> Tensor:
        """Field at the wanted nodes, interpolated along the axis where it is staggered."""
        staggered = [n for n, axis in enumerate(self.axes) if offset(name, axis) > 0]
        for n, nodes in enumerate(self.nodes):
            if n not in staggered:
                field = field.index_select(n + 1, nodes.to(field.device))
        for n in staggered:
            w = self.weights[n]
            shape = [1] * field.ndim
            shape[n + 1] = -1
            value, index = w.value.to(field), w.index.to(field.device)
            field = sum(  # type: ignore[assignment]
                value[:, tap].reshape(shape) * field.index_select(n + 1, index[:, tap])
                for tap in range(value.shape[1])
            )
        return field

    def result(self) -> Wavefields:
        """All of them."""
        times = torch.tensor([sample * self.plan.clock.dt for sample in self.samples], dtype=torch.float64)
        quantity = "pressure" if self.pressure else "velocity"
        return Wavefields(self.data, times, self.components, quantity)
