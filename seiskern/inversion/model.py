"""A medium by the numbers that an inversion changes."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seiskern import _checks
from seiskern.media.model import Medium

NAMES = ("vp", "vs", "rho", "vp_vs")
FASTEST_VS = math.sqrt(3 / 4)  # of vp: the bulk modulus must not be negative
EDGE = 1e-3  # share of the range between bounds that a start keeps from them


class Model(nn.Module):
    r"""A medium as a module of torch: its parameters are dimensionless, and zero at the start.

    A change of 0.01 changes a speed by about one per cent:

    .. math:: v = v_0 + \bar v_0 x, \quad v = v_0 e^x, \quad
        v = a + \frac{b - a}{1 + e^{-(x_0 + 4 \bar v_0 x / (b - a))}}

    if the scale is linear, logarithmic, or with bounds a and b, which are never left.

    Parameters
    ----------
    start : Medium
        One isotropic medium.
    parameters : sequence of {"vp", "vs", "rho", "vp_vs"}
        What may change: speeds, density, and the ratio of the speeds, which takes the place of ``vp``.
    scale : {"log", "linear"}
        Of those without bounds.
    bounds : mapping of str to (float, float), optional
        Least and greatest value by parameter, in its unit.
    density : callable, optional
        Density from the tensor of ``vp``, kg/m3, instead of that of ``start``.
    fixed : array_like of bool, shape of the medium, optional
        Nodes that keep the values of ``start``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> model = Model(start, parameters=("vs", "vp_vs"), bounds={"vp_vs": (1.5, 2.5)})
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    >>> medium = model()  # differentiable
    """

    def __init__(
        self,
        start: Medium,
        *,
        parameters: Sequence[str] = ("vp", "vs"),
        scale: str = "log",
        bounds: Mapping[str, tuple[float, float]] | None = None,
        density: Callable[[Tensor], Tensor] | None = None,
        fixed: Any = None,
    ) -> None:
        super().__init__()
        _checks.instance("start", start, Medium)
        if start.batched or start.effective is not None:
            raise ValueError("`start` must be one isotropic medium, without `effective` coefficients")
        self.names = _names(parameters, density)
        self.scale = _checks.one_of("scale", scale, ("log", "linear"))
        self.bounds = _bounds(bounds or {}, self.names)
        self.density, self.start = density, start
        self.fixed = None if fixed is None else _mask(fixed, start)
        at_start = {"vp": start.vp, "vs": start.vs, "rho": start.rho, "vp_vs": start.vp / start.vs}
        for name in self.names:
            if not bool(torch.isfinite(at_start[name])[self._free].all()):
                raise ValueError(f"`start` must have vs > 0 where `{name}` may change")
            self.register_buffer(f"start_{name}", at_start[name].detach().clone())
        self.changes = nn.ParameterDict({name: torch.zeros_like(start.vp) for name in self.names})

    @property
    def _free(self) -> Tensor:
        """Nodes that may change."""
        shape = self.start.vp.shape
        return torch.ones(shape, dtype=torch.bool) if self.fixed is None else ~self.fixed

    def values(self) -> dict[str, Tensor]:
        """What the parameters stand for, by name, in their units."""
        return {name: self._value(name) for name in self.names}

    def forward(self) -> Medium:
        """The medium; S waves faster than a positive bulk modulus allows are slowed down to that."""
        values = self.values()
        vs = values.get("vs", self.start.vs)
        vp = vs * values["vp_vs"] if "vp_vs" in values else values.get("vp", self.start.vp)
        if "vp_vs" in values and self.fixed is not None:
            vp = torch.where(self.fixed, self.start.vp, vp)
        vs = torch.minimum(vs, FASTEST_VS * vp)
        rho = values.get("rho", self.start.rho)
        if self.density is not None:
            rho = self.density(vp)
            rho = rho if self.fixed is None else torch.where(self.fixed, self.start.rho, rho)
        return Medium(vp, vs, rho, self.start.spacing, origin=self.start.origin)

    def _value(self, name: str) -> Tensor:
        start, change = self.get_buffer(f"start_{name}"), self.changes[name]
        free = start[self._free]
        if self.fixed is not None:
            change = torch.where(self.fixed, 0, change)
        if name in self.bounds:
            low, high = self.bounds[name]
            share = ((start - low) / (high - low)).clamp(EDGE, 1 - EDGE)
            value = low + (high - low) * torch.sigmoid(
                torch.logit(share) + 4 * free.mean() / (high - low) * change
            )
        elif self.scale == "log":
            value = start * torch.exp(change)
        else:
            value = start + free.mean() * change
        return value if self.fixed is None else torch.where(self.fixed, start, value)


def _names(parameters: Sequence[str], density: Callable[[Tensor], Tensor] | None) -> tuple[str, ...]:
    names = tuple(parameters)
    if not names or len(set(names)) < len(names) or not set(names) <= set(NAMES):
        raise ValueError(f"`parameters` must be some of {', '.join(NAMES)}, once each, got {names}")
    if {"vp", "vp_vs"} <= set(names):
        raise ValueError("`parameters` must not hold both 'vp' and 'vp_vs': one follows from the other")
    if density is not None and "rho" in names:
        raise ValueError("`density` must be None where 'rho' is a parameter")
    return names


def _bounds(
    given: Mapping[str, tuple[float, float]], names: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    result = {}
    for name, (low, high) in given.items():
        _checks.one_of("bounds", name, names)
        low, high = _checks.real(f"bounds[{name!r}]", low), _checks.real(f"bounds[{name!r}]", high)
        if not 0 <= low < high:
            raise ValueError(f"`bounds[{name!r}]` must be two numbers, 0 <= low < high, got {low}, {high}")
        result[name] = (low, high)
    return result


def _mask(fixed: Any, start: Medium) -> Tensor:
    mask = torch.as_tensor(fixed)
    if mask.dtype != torch.bool or mask.shape != start.vp.shape:
        raise ValueError(
            f"`fixed` must be bool of shape {tuple(start.vp.shape)}, got {mask.dtype} {tuple(mask.shape)}"
        )
    return mask
