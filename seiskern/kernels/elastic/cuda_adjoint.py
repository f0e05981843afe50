"""The way back of a run on a GPU: what csrc/elastic/adjoint.cu is given, and in which order it runs."""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import AXES, STRESS, VELOCITY, offset
from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda, cuda_points
from seiskern.kernels.elastic.adjoint import AdjointState, PointGradient
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.medium import total
from seiskern.kernels.elastic.plan import FIELD_NUMBER, Problem, State, surface_norms
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import native_run


def defines(problem: Problem, blocks: cuda.Blocks, history: GpuHistory) -> dict[str, Any]:
    """Macros of the kernels."""
    return cuda.defines(problem, blocks) | {"SK_REVERSED": int(history.boundary)}


class Places:
    """The scheme at entries of points: coefficients, norms and damping.

    Parameters
    ----------
    problem : Problem
        Grid and scheme.
    medium, profiles : Tensor
        As for `run`.
    entries : Flat
        Where.
    """

    def __init__(self, problem: Problem, medium: Tensor, profiles: Tensor, entries: cuda_points.Flat) -> None:
        self.problem, self.medium, self.entries = problem, medium, entries
        self.profiles = profiles if profiles.ndim == 2 else profiles[None]
        layout, node = problem.layout, entries.node
        self.shot = torch.zeros_like(node) if entries.shot is None else entries.shot
        self.element = node + layout["origin"] - layout["first"]
        self.k = node // layout["stride_z"]
        within = node - self.k * layout["stride_z"]
        self.j = within // layout["stride_y"] if problem.ndim == 3 else torch.zeros_like(node)
        self.column = within - self.j * layout["stride_y"] if problem.ndim == 3 else within
        self.strides = {"x": 1, "y": layout["stride_y"], "z": layout["stride_z"]}

    def coefficient(self, name: str, skip: int = 0) -> Tensor:
        """Of the medium, so many elements further on."""
        number = self.problem.coefficients.index(name)
        return self.medium[self.shot.clamp(max=len(self.medium) - 1), number, self.element + skip]

    def buoyancy(self, axis: str) -> Tensor:
        """At the velocities along an axis."""
        if "rho" in self.problem.coefficients:
            return 2 / (self.coefficient("rho") + self.coefficient("rho", self.strides[axis]))
        return self.coefficient(f"b{axis}")

    def modulus(self, a: str, b: str) -> Tensor:
        """Of the normal stress along an axis and the strain along another."""
        if self.problem.orthorhombic:
            return self.coefficient("c" + "".join(sorted(a + b)))
        lam = self.coefficient("lam")
        if a != b:
            return lam
        if "mu2" in self.problem.coefficients:
            return lam + self.coefficient("mu2")
        return lam + 2 / self.coefficient("compliance")

    def mu(self, pair: str) -> Tensor:
        """At a shear stress."""
        if "compliance" not in self.problem.coefficients:
            return self.coefficient(f"m{pair}")
        a, b = (self.strides[axis] for axis in pair)
        return 4 / total(self.coefficient("compliance", skip) for skip in (0, a, b, a + b))

    def on_half(self, axis: str) -> Tensor:
        """Whether the fields lie on half nodes along an axis."""
        halves = torch.tensor([offset(name, axis) > 0 for name in FIELD_NUMBER])
        return halves.to(self.k.device)[self.entries.field.long()]

    def norm(self) -> Tensor:
        """Of the free surface's closure."""
        if not self.problem.free_surface:
            return torch.ones_like(self.entries.weight)
        tables = [surface_norms(self.problem.order, half).to(self.entries.weight) for half in (False, True)]
        nodes, halves = (torch.cat([t, t.new_ones(1)])[self.k.clamp(max=len(t))] for t in tables)
        return torch.where(self.on_half("z"), halves, nodes)

    def damping(self) -> Tensor:
        """What a half step leaves of the fields in multiaxial layers."""
        shape = self.problem.shape
        n_y, n_z = shape[-2] if self.problem.ndim == 3 else 1, shape[0]
        columns = len(self.profiles[0]) // 6 - n_y - n_z
        shot = self.shot.clamp(max=len(self.profiles) - 1)
        total, begin = torch.ones_like(self.entries.weight), 0
        for axis, place, n in (("x", self.column, columns), ("y", self.j, n_y), ("z", self.k, n_z)):
            if axis in AXES[self.problem.ndim]:
                # Profiles of an axis: a, b and the damping, of nodes and of half nodes each.
                total = total * self.profiles[shot, begin + (4 + self.on_half(axis).long()) * n + place]
            begin += 6 * n
        return total


class AdjointStepper:
    """Takes the adjoint wavefield back on a GPU, in place.

    Parameters
    ----------
    problem, state, medium, profiles, sources, receivers, gradients
        As for `run_adjoint`, on the GPU; points may be elsewhere.
    history : GpuHistory
        What `cuda.Stepper` kept. Its ``wavefield``, if it has one, goes back with the adjoint.
    kernels : Kernels, optional
        Those of the GPU.
    blocks : Blocks, optional
        What they are compiled for.
    """

    def __init__(
        self,
        problem: Problem,
        state: AdjointState,
        medium: Tensor,
        profiles: Tensor,
        sources: Sequence[Points],
        receivers: Sequence[Points],
        gradients: Sequence[PointGradient],
        history: GpuHistory,
        kernels: gpu.Kernels | None = None,
        blocks: cuda.Blocks | None = None,
    ) -> None:
        device, n_shots = state.fields.device, len(state.fields)
        self._blocks = blocks or cuda.Blocks.of(problem)
        self._kernels = kernels or gpu.Loaded(device, cuda.ADJOINT, defines(problem, self._blocks, history))
        self._problem, self._medium, self._profiles = problem, medium, profiles.to(device)
        self._state, self._gradients = state, gradients
        # Media or layers that differ make different weights of entries that shots share.
        self._alike = len(medium) == 1 and self._profiles.ndim == 1
        self._sources = [p.to(device) for p in sources]
        self._receivers = [p.to(device) for p in receivers]
        self._planes = self._strained()

        def fields(arrays: Tensor | None, names: Sequence[str]) -> Any:
            return None if arrays is None else cuda_points.fields_of(problem, arrays, names)

        self._fields = fields(state.fields, problem.fields)
        self._strain = fields(state.strain, STRESS[problem.ndim])
        self._images = fields(state.images, VELOCITY[problem.ndim])
        self._past = fields(history.wavefield, problem.fields)
        self._after = cuda_points.slots_of(problem, history) if self._past is None else self._past
        self._before = [
            [*self._inject_velocities(), *self._weigh_receivers(), *self._take_back(0)],
            [*self._inject_stresses(), *self._take_back(1)],
        ]
        self._then = [[*self._correct(), *self._sample(0)], self._sample(1)]
        tables = cuda.closure_of(problem, device), cuda.twos_of(problem, device)
        # What kernels have the addresses of.
        self._history, self._kept = history, tables
        none = [Points.none(problem, n_shots, 0)] * 2
        arrays = State(state.fields, state.memory)
        native = native_run(problem, arrays, medium, self._profiles, none, none, 0, 0, history, "filter_size")
        made = _ext.require().elastic_adjoint_device(
            native,
            self._blocks.native,
            *(table.data_ptr() for table in tables),
            0 if state.images is None else state.images.data_ptr(),
            0 if state.strain is None else state.strain.data_ptr(),
            0 if history.wavefield is None else history.wavefield.data_ptr(),
            *self._planes,
        )
        self._run, self._tiles = cuda.arguments_of(made, n_shots)
        self._clock = cuda.Clock(device)
        me = weakref.proxy(self)
        self._many = self._kernels.record(lambda: me._steps(cuda.STEPS))

    def run(self, first: int, last: int) -> None:
        """Go from step ``last`` back to step ``first``."""
        for begin, end in reversed(list(self._history.pieces(first, last))):
            self._clock.set(end - 1, self._history.back(end))
            many, rest = divmod(end - begin, cuda.STEPS)
            for _ in range(many):
                self._many()
            self._steps(rest)
        self._many.finish()

    def _steps(self, n: int) -> None:
        """Take so many back, the first of which is that of the counter."""
        for number in range(n):
            step = self._clock.address, np.int32(-number)
            for kind, fields in ((1, "stress"), (0, "velocity")):
                for name, grouped, there, *more in self._before[kind]:
                    cuda_points.launch_points(self._kernels, name, grouped, there, *step, *more)
                for part, tiles in self._tiles.items():
                    if tiles:
                        name = f"{fields}_back_{part}"
                        self._kernels.launch(name, tiles, self._blocks.threads, self._run, *step)
                for name, grouped, there, *more in self._then[kind]:
                    cuda_points.launch_points(self._kernels, name, grouped, there, *step, *more)
        if n:
            self._kernels.launch("tick", 1, (1, 1, 1), self._clock.address, np.int32(-n))

    def _strained(self) -> tuple[int, int]:
        """Planes of the sources of stress, [begin, end)."""
        entries = self._sources[1].row_start.diff(dim=1).sum(0).tolist()
        planes = [k for k, n in enumerate(entries) if n]
        if self._state.strain is None or not planes:
            return 0, 0
        return planes[0], planes[-1] + 1

    def _entries(self, points: Points) -> tuple[cuda_points.Flat, Places]:
        entries = cuda_points.Flat.of(self._problem, points, self._alike)
        return entries, Places(self._problem, self._medium, self._profiles, entries)

    def _grouped(
        self, entries: cuda_points.Flat, data: Tensor, by_node: bool, weight: Tensor | None = None
    ) -> cuda_points.Grouped:
        if weight is not None:
            entries = replace(entries, weight=weight.to(entries.weight.dtype).contiguous())
        return cuda_points.Grouped(self._problem, entries, data, by_node)

    def _buoyancies(self, places: Places) -> Tensor:
        """At the velocities of entries."""
        result = torch.ones_like(places.entries.weight)
        for axis in AXES[self._problem.ndim]:
            mine = places.entries.field == FIELD_NUMBER[f"v{axis}"]
            result = torch.where(mine, places.buoyancy(axis), result)
        return result

    # Launches: a kernel, its entries, what they act on, and what else it takes.

    def _inject_velocities(self) -> list[Any]:
        """Gradients of records: -b / H of them."""
        data = self._gradients[2].data
        if data is None or data.numel() == 0:
            return []
        entries, places = self._entries(self._receivers[0])
        weight = -self._buoyancies(places) / places.norm() * entries.weight
        return [("inject", self._grouped(entries, data, True, weight), self._fields)]

    def _inject_stresses(self) -> list[Any]:
        """Gradients of records: C / H of them, and 1 / H to the strains."""
        data = self._gradients[3].data
        if data is None or data.numel() == 0:
            return []
        entries, places = self._entries(self._receivers[1])
        weight = entries.weight / places.norm()
        below = ~((places.k == 0) & self._problem.free_surface)
        parts = []

        def acts(on: str, gradient: str, modulus: Tensor, where: Tensor | None = None) -> None:
            mine = entries.field == FIELD_NUMBER[gradient]
            moved = replace(
                entries, weight=weight * modulus, field=torch.full_like(entries.field, FIELD_NUMBER[on])
            )
            parts.append(moved.chosen(mine if where is None else mine & where))

        for name in STRESS[self._problem.ndim]:
            if name[1] != name[2]:
                acts(name, name, places.mu(name[1:]))
        for a, b in product(AXES[self._problem.ndim], repeat=2):
            acts(f"s{b}{b}", f"s{a}{a}", places.modulus(a, b), below if "z" in (a, b) else None)
        launches = [("inject", self._grouped(self._together(parts), data, True), self._fields)]
        if self._strain is not None:
            begin, end = self._planes
            near = (places.k >= begin) & (places.k < end)
            strained = replace(entries, weight=weight).chosen(near)
            launches.append(("inject", self._grouped(strained, data, True), self._strain))
        return launches

    def _together(self, parts: Sequence[cuda_points.Flat]) -> cuda_points.Flat:
        """Sorted by shot and node."""
        shots = [part.shot for part in parts if part.shot is not None]
        names = ("node", "field", "series", "weight", "number")
        rest = [torch.cat([getattr(part, name) for part in parts]) for name in names]
        joined = cuda_points.Flat(torch.cat(shots) if shots else None, *rest)
        key = joined.node
        if joined.shot is not None:
            key = key + joined.shot * self._problem.layout["array_size"]
        return joined.chosen(key.argsort(stable=True))

    def _weigh_receivers(self) -> list[Any]:
        """Gradients of their weights: velocities of the run times those of the records."""
        gradient, data = self._gradients[2].weight, self._gradients[2].data
        if gradient is None or data is None or data.numel() == 0:
            return []
        entries, _ = self._entries(self._receivers[0])
        grouped = self._grouped(entries, data, True, torch.ones_like(entries.weight))
        return [self._weighing(grouped, self._after, gradient)]

    @staticmethod
    def _weighing(grouped: cuda_points.Grouped, fields: Any, gradient: Tensor) -> Any:
        apart = gradient.stride(0) if gradient.ndim > 1 else 0
        more = np.uint64(grouped.number.data_ptr()), np.uint64(gradient.data_ptr()), np.int64(apart)
        return "weigh", grouped, fields, *more

    def _take_back(self, kind: int) -> list[Any]:
        """What sources injected, from the run that goes back."""
        points = self._sources[kind]
        if self._past is None or points.data.numel() == 0:
            return []
        entries, _ = self._entries(points)
        return [("inject", self._grouped(entries, points.data, True, -entries.weight), self._past)]

    def _correct(self) -> list[Any]:
        """What sources inject is no part of the change that buoyancies make."""
        points = self._sources[0]
        if self._images is None or self._past is not None or points.data.numel() == 0:
            return []
        entries, places = self._entries(points)
        grouped = self._grouped(entries, points.data, True, entries.weight / places.damping())
        return [("correct", grouped, self._fields, self._images)]

    def _sample(self, kind: int) -> list[Any]:
        """Gradients of sources: -H / b of the velocities, H of the strains, before they were damped."""
        points, gradient = self._sources[kind], self._gradients[kind]
        if points.data.numel() == 0 or (gradient.data is None and gradient.weight is None):
            return []
        entries, places = self._entries(points)
        factor = places.norm() / places.damping()
        if kind == 0:
            factor = -factor / self._buoyancies(places)
        fields = self._strain if kind else self._fields
        launches: list[Any] = []
        if gradient.data is not None:
            grouped = self._grouped(entries, gradient.data, False, factor * entries.weight)
            launches.append(("record", grouped, fields))
        if gradient.weight is not None:
            grouped = self._grouped(entries, points.data, True, factor)
            launches.append(self._weighing(grouped, fields, gradient.weight))
        return launches
