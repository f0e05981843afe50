"""What the kernels work on: grid, arrays and their layout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import AXES, STRESS, VELOCITY, replicate
from seiskern.kernels.memory import CPU, empty, zeros

COEFFICIENTS = {
    2: ("bx", "bz", "lam", "mu2", "mxz"),
    3: ("rho", "lam", "compliance"),
}
"""Arrays of an isotropic medium in the order of the kernels."""

AVERAGED = ("rho", "compliance")
"""Those whose nodes the kernels average with the following ones, beyond the last node too: rho and 1 / mu."""

ORTHORHOMBIC = {
    2: ("bx", "bz", "mxz", "cxx", "czz", "cxz"),
    3: ("bx", "by", "bz", "mxy", "mxz", "myz", "cxx", "cyy", "czz", "cxy", "cxz", "cyz"),
}
"""Those of an orthorhombic medium."""

# Numbers of the fields in csrc/seiskern.h.
FIELD_NUMBER = {
    name: number for number, name in enumerate(("vx", "vy", "vz", "sxx", "syy", "szz", "sxy", "sxz", "syz"))
}


@dataclass(frozen=True)
class Problem:
    """Grid and scheme.

    Attributes
    ----------
    shape : tuple of int
        Nodes per axis in array order, absorbing layers included.
    spacing : tuple of float, m
        Per axis in array order.
    dt : float, s
        Step.
    order : {2, 4, 6, 8}
        Of the differences in space.
    dtype : torch.dtype
        float32 or float64.
    free_surface : bool
        Whether the first plane is a free surface.
    absorbing : tuple of (int, int)
        Absorbing nodes before and after each axis, in array order.
    orthorhombic : bool
        Whether the medium is orthorhombic along the axes, or isotropic.
    stored : torch.dtype, optional
        Of the wavefield in memory, if it is not ``dtype``: float16, on a GPU.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    dt: float
    order: int
    dtype: torch.dtype = torch.float32
    free_surface: bool = False
    absorbing: tuple[tuple[int, int], ...] = ()
    orthorhombic: bool = False
    stored: torch.dtype | None = None

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return len(self.shape)

    @property
    def fields(self) -> tuple[str, ...]:
        """Field arrays in the order of the kernels."""
        return VELOCITY[self.ndim] + STRESS[self.ndim]

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Arrays of the medium in the order of the kernels."""
        return (ORTHORHOMBIC if self.orthorhombic else COEFFICIENTS)[self.ndim]

    @cached_property
    def native(self) -> Any:
        """The grid as the compiled module knows it; also checks it."""

        def xyz(values: Sequence[Any], absent: Any) -> list[Any]:
            by_axis = dict(zip(AXES[self.ndim], values, strict=True))
            return [by_axis.get(axis, absent) for axis in "xyz"]

        absorbing = self.absorbing or ((0, 0),) * self.ndim
        return _ext.require().ElasticGrid(
            ndim=self.ndim,
            order=self.order,
            itemsize=self.dtype.itemsize,
            free_surface=self.free_surface,
            orthorhombic=self.orthorhombic,
            n=xyz(self.shape, 1),
            dt=self.dt,
            h=xyz(self.spacing, 1.0),
            pml_low=xyz([before for before, _ in absorbing], 0),
            pml_high=xyz([after for _, after in absorbing], 0),
        )

    @cached_property
    def layout(self) -> dict[str, int]:
        """Strides and sizes in elements, see ``sk_elastic_layout_t`` in csrc/seiskern.h."""
        return dict(self.native.layout())

    def history_size(self, steps: int, bits: int = 0, boundary: bool = False) -> int:
        """Elements of one shot in a `History`."""
        return int(self.native.history_size(bits, boundary, steps))

    def view(self, arrays: Tensor, beyond: int = 0) -> Tensor:
        """Nodes of padded arrays: (..., array_size) as (..., nz, [ny,] nx), without a copy.

        Each axis goes on for as many nodes ``beyond`` its last.
        """
        strides = {"z": self.layout["stride_z"], "y": self.layout["stride_y"], "x": 1}
        batch = arrays.shape[:-1]
        return arrays.as_strided(
            (*batch, *(n + beyond for n in self.shape)),
            (*arrays.stride()[:-1], *(strides[axis] for axis in AXES[self.ndim])),
            arrays.storage_offset() + self.layout["origin"],
        )

    def profiles(self, speed: float, frequency: float, reflection: float, multiaxial: float = 0.0) -> Tensor:
        """Profiles of the absorbing layers (Komatitsch & Martin 2007, doi:10.1190/1.2757586).

        Parameters
        ----------
        speed : float, m/s
            Fastest wave.
        frequency : float, Hz
            Dominant frequency; the layers absorb best above it.
        reflection : float
            Theoretical reflection at normal incidence.
        multiaxial : float
            Share of the damping that acts along all axes, 0 to 1 (Meza-Fajardo & Papageorgiou 2008,
            doi:10.1785/0120070223).

        Returns
        -------
        Tensor
            For `run`.
        """
        profiles = torch.empty(self.layout["profile_size"], dtype=self.dtype)
        self.native.profiles(speed, frequency, reflection, multiaxial, profiles.data_ptr())
        return profiles

    def pack(self, coefficients: dict[str, Tensor]) -> Tensor:
        """Coefficients of the medium, (batch, nz, [ny,] nx) each, as one padded array for `run`."""
        names = self.coefficients
        first = coefficients[names[0]]
        batch = first.shape[: first.ndim - self.ndim] or (1,)
        size = self.layout["array_size"]
        packed = zeros((*batch, len(names), size), self.dtype, first.device)
        for number, name in enumerate(names):
            array, value = packed[:, number], coefficients[name].to(self.dtype)
            if name in AVERAGED:
                array[:] = 1
                self.view(array, beyond=1)[:] = replicate(value, ((0, 1),) * self.ndim)
            else:
                self.view(array)[:] = value
        return packed


@dataclass
class State:
    """Wavefield and memory variables of all shots.

    Attributes
    ----------
    fields : Tensor, shape (n_shots, n_fields, array_size)
        In the order of ``Problem.fields``.
    memory : Tensor, shape (n_shots, pml_size)
        Of the absorbing layers.
    at_rest : bool
        Whether all is zero, whatever the arrays hold: the next `run` fills them.
    """

    fields: Tensor
    memory: Tensor
    at_rest: bool = False

    @classmethod
    def zeros(cls, problem: Problem, n_shots: int) -> "State":
        """A wavefield at rest."""
        return cls(*_arrays(zeros, problem, n_shots))

    def copied(self, make: Callable[[Tensor], Tensor]) -> "State":
        """The same in arrays that ``make`` makes for them."""
        fields, memory = (make(t).copy_(t) for t in (self.fields, self.memory))
        return State(fields, memory, self.at_rest)

    @classmethod
    def at_start(cls, problem: Problem, n_shots: int, device: torch.device = CPU) -> "State":
        """A wavefield at rest, on the CPU in arrays of any values: quicker than `zeros`."""
        if device.type != "cpu":
            return cls(*_arrays(partial(zeros, device=device), problem, n_shots))
        return cls(*_arrays(empty, problem, n_shots), at_rest=True)


def _arrays(make: Callable[..., Tensor], problem: Problem, n_shots: int) -> tuple[Tensor, Tensor]:
    """Of a state."""
    fields = n_shots, len(problem.fields), problem.layout["array_size"]
    return make(fields, problem.dtype), make((n_shots, problem.layout["pml_size"]), problem.dtype)


@dataclass
class History:
    """Velocities before step ``first`` and after each one up to ``last``: what `run_adjoint` needs of a run.

    Attributes
    ----------
    data : Tensor, shape (n_shots, size)
        See ``history`` in csrc/seiskern.h.
    first, last : int
        Steps.
    bits : {0, 8, 16}
        Of integers, or 0: as they are.
    boundary : bool
        Whether only those in the layers and beside them are kept.
    wavefield : Tensor, shape (n_shots, n_fields, array_size), or None
        With ``boundary``, that after ``last``; `run_adjoint` takes it back.
    """

    data: Tensor
    first: int
    last: int
    bits: int = 0
    boundary: bool = False
    wavefield: Tensor | None = None

    def shape(self, problem: Problem, n_shots: int) -> tuple[int, ...]:
        """What that of ``data`` must be."""
        return n_shots, problem.history_size(self.last - self.first, self.bits, self.boundary)

    @property
    def native(self) -> tuple[int, int, int, int, bool]:
        """As the compiled module takes it."""
        return self.data.data_ptr(), self.first, self.last, self.bits, self.boundary

    @classmethod
    def empty(
        cls,
        problem: Problem,
        n_shots: int,
        first: int,
        last: int,
        make: Callable[..., Tensor] = empty,
        bits: int = 0,
        boundary: bool = False,
    ) -> "History":
        """Of any values, in an array that ``make`` makes, for `run` to fill."""
        size = problem.history_size(last - first, bits, boundary)
        return cls(make((n_shots, size), problem.dtype), first, last, bits, boundary)


def max_dt(ndim: int, order: int, spacing: Sequence[float], speed: float) -> float:
    r"""Stability limit of the step, s.

    .. math:: \delta t \le \frac{1}{c \sum_m |c_m| \sqrt{\sum_a h_a^{-2}}}

    Parameters
    ----------
    ndim, order, spacing
        Of the grid; spacing in array order, m.
    speed : float, m/s
        Fastest wave.

    Returns
    -------
    float
        The limit. The closures of the free surface keep it to 0.05 %.
    """
    by_axis = dict(zip(AXES[ndim], spacing, strict=True))
    return float(_ext.require().elastic_max_dt(ndim, order, [by_axis.get(a, 1.0) for a in "xyz"], speed))


def surface_norms(order: int, half: bool) -> Tensor:
    """Weights of the first (half) nodes below a free surface in the discrete energy; later ones are 1."""
    return torch.tensor(_ext.require().elastic_surface_norms(order, half), dtype=torch.float64)
