"""The medium: wave speeds and density on the nodes of a grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.grid import AXES
from seiskern.kernels import elastic
from seiskern.kernels.elastic.plan import ORTHORHOMBIC

LARGEST_RATIO = (3 / 4) ** 0.5 * (1 + 1e-6)
"""Of vs / vp, where the bulk modulus is zero; a little more, for rounding."""


class Medium:
    r"""Isotropic elastic medium on a grid.

    Parameters
    ----------
    vp, vs : array_like, shape (nz, nx) or (nz, ny, nx), m/s
        Speeds of P and S waves at the nodes. ``vs`` may be zero (fluid). A leading axis holds one medium per
        shot; ``spacing`` must have one number per axis then, to tell a plane from a volume.
    rho : array_like, same shape, kg/m3
        Density. Scalars are spread over the grid.
    spacing : float or one per axis in array order, m
        Distance of nodes.
    origin : float or one per axis in array order, m, default 0
        Coordinates of node (0, 0, 0).
    qp, qs : optional
        Quality factors, for attenuation; not used yet.
    effective : mapping of str to array_like, each of the shape of ``vp``, optional
        Coefficients of an orthorhombic medium at the positions of the staggered grid, in place of averages of
        ``vp``, ``vs`` and ``rho``, which then say what waves the grid resolves. Buoyancies ``bx``, ``by``,
        ``bz`` (m3/kg) are those half a cell beyond the node along their axis; ``cxx``, ``cyy``, ``czz``,
        ``cxy``, ``cxz``, ``cyz`` (Pa, stress aa per strain bb) at the node; ``mxy``, ``mxz``, ``myz`` (Pa)
        half a cell beyond it along both axes. In 2-D those without y.

    Raises
    ------
    TypeError, ValueError
        If shapes differ, a value is not finite, ``vp`` or ``rho`` is not positive, ``vs`` is negative, or
        :math:`V_P / V_S` is below :math:`\sqrt{4/3}` (negative bulk modulus).

    Notes
    -----
    A node stands for the cell around it, and interfaces of such a medium lie midway between nodes: there the
    solver averages density arithmetically and :math:`\mu` harmonically [1]_. Interfaces elsewhere make a cell
    anisotropic: see `layered_medium` for flat ones and `upscale` for any.

    References
    ----------
    .. [1] Moczo et al. (2002), Bull. Seismol. Soc. Am. 92(8), 3042-3066, doi:10.1785/0120010167.
    """

    def __init__(
        self,
        vp: Any,
        vs: Any,
        rho: Any,
        spacing: float | Sequence[float],
        qp: Any = None,
        qs: Any = None,
        *,
        origin: float | Sequence[float] = 0.0,
        effective: Mapping[str, Any] | None = None,
    ) -> None:
        if qp is not None or qs is not None:
            raise ValueError("`qp` and `qs` must be None: attenuation is not part of this version")
        self._make((vp, vs, rho), spacing, origin)
        self.effective = None if effective is None else self._coefficients(effective)

    @classmethod
    def from_moduli(
        cls,
        lam: Any,
        mu: Any,
        rho: Any,
        spacing: float | Sequence[float],
        *,
        origin: float | Sequence[float] = 0.0,
    ) -> "Medium":
        r"""Medium of Lamé's parameters, which gradients reach directly.

        Nothing is converted: the scheme is made of :math:`\lambda`, :math:`\mu` and density. Where
        :math:`\mu` is zero the gradient of :math:`\lambda` and density is as exact as elsewhere, that of
        :math:`\mu` is given as zero.

        Parameters
        ----------
        lam, mu : array_like, shape (nz, nx) or (nz, ny, nx), Pa
            At the nodes. ``mu`` may be zero (fluid).
        rho, spacing, origin
            As for `Medium`.

        Returns
        -------
        Medium
            The medium; its ``vp`` and ``vs`` are worked out when they are asked for.

        Raises
        ------
        TypeError, ValueError
            If shapes differ, a value is not finite, ``rho`` is not positive, ``mu`` is negative, or ``lam``
            is not above :math:`-2/3\,\mu` (negative bulk modulus).
        """
        medium = cls.__new__(cls)
        medium._make((lam, mu, rho), spacing, origin, moduli=True)
        medium.effective = None
        return medium

    def _make(
        self,
        values: tuple[Any, Any, Any],
        spacing: float | Sequence[float],
        origin: float | Sequence[float],
        moduli: bool = False,
    ) -> None:
        self.moduli = moduli
        names = self.names
        first = _checks.any_tensor(names[0], values[0])
        others = [self._beside(first, name, value) for name, value in zip(names[1:], values[1:], strict=True)]
        second, rho = (value.expand(first.shape) if value.ndim == 0 else value for value in others)
        self.values = first, second, rho
        self.ndim = self._dimensions(spacing)
        self.spacing = tuple(
            _checks.positive("spacing", h) for h in _checks.per_axis("spacing", spacing, self.ndim)
        )
        self.origin = _checks.per_axis("origin", origin, self.ndim)
        if not _checks.traced():
            self.check()

    @staticmethod
    def _beside(first: Tensor, name: str, value: Any) -> Tensor:
        """Of the same type and on the same device."""
        tensor = _checks.any_tensor(name, value, first.dtype)
        if tensor.ndim == 0:
            return tensor.to(first.device)
        if tensor.device != first.device:
            raise ValueError(f"`{name}` must be on {first.device}, got {tensor.device}")
        return tensor

    def _coefficients(self, given: Mapping[str, Any]) -> dict[str, Tensor]:
        names = ORTHORHOMBIC[self.ndim]
        if set(given) != set(names):
            raise ValueError(f"`effective` must hold {', '.join(names)}, got {', '.join(given)}")
        result = {}
        for name in names:
            value = self._beside(self.rho, f"effective[{name!r}]", given[name])
            if value.shape != self.rho.shape:
                raise ValueError(
                    f"`effective[{name!r}]` must have the shape of `vp`, {tuple(self.rho.shape)}, "
                    f"got {tuple(value.shape)}"
                )
            result[name] = _checks.finite(f"effective[{name!r}]", value)
            if (name[0] == "b" or name[1] == name[2]) and not _checks.traced():
                _checks.positive(f"effective[{name!r}]", float(value.detach().min()))
        return result

    def _dimensions(self, spacing: float | Sequence[float]) -> int:
        first, shape = self.names[0], self.values[0].shape
        for name, value in zip(self.names, self.values, strict=True):
            if value.shape != shape:
                raise ValueError(
                    f"`{name}` must have the shape of `{first}`, {tuple(shape)}, got {tuple(value.shape)}"
                )
        ndim = len(shape)
        if hasattr(spacing, "__len__") and len(spacing) in (2, 3) and ndim == len(spacing) + 1:
            return len(spacing)  # a leading shot axis
        if ndim not in (2, 3):
            hint = "; with a leading shot axis give `spacing` one number per axis" if ndim == 4 else ""
            raise ValueError(f"`{first}` must have shape (nz, nx) or (nz, ny, nx), got {tuple(shape)}{hint}")
        return ndim

    def check(self) -> elastic.Ranges:
        """Ranges of the values, which may have changed since the medium was made.

        Raises
        ------
        ValueError
            As on construction.
        """
        ranges = elastic.survey(*self.values, self.ndim, moduli=self.moduli)
        if not ranges.finite:
            for name, value in zip(self.names, self.values, strict=True):
                _checks.finite(name, value)
        first, second, rho = self.names
        if ranges.rho[0] <= 0:
            raise ValueError(f"`{rho}` must be > 0, got {ranges.rho[0]}")
        if ranges.vp[0] <= 0 and not self.moduli:
            raise ValueError(f"`{first}` must be > 0, got {ranges.vp[0]}")
        if ranges.vs[0] < 0:
            raise ValueError(f"`{second}` must be >= 0, got {float(self.values[1].detach().min())}")
        if self.moduli and (ranges.vp[0] <= 0 or ranges.ratio > LARGEST_RATIO):
            raise ValueError("`lam` must be > -2/3 `mu` (positive bulk modulus), got less")
        if ranges.ratio > LARGEST_RATIO:
            raise ValueError(
                f"`vs` must be <= 0.866 `vp` (positive bulk modulus), got {ranges.ratio:.3f} `vp`"
            )
        return ranges

    @property
    def names(self) -> tuple[str, str, str]:
        """Of `values`."""
        return ("lam", "mu", "rho") if self.moduli else ("vp", "vs", "rho")

    @property
    def vp(self) -> Tensor:
        """Speed of P waves, m/s."""
        first, second, rho = self.values
        return torch.sqrt((first + 2 * second) / rho) if self.moduli else first

    @property
    def vs(self) -> Tensor:
        """Speed of S waves, m/s."""
        _, second, rho = self.values
        return torch.sqrt(second / rho) if self.moduli else second

    @property
    def rho(self) -> Tensor:
        """Density, kg/m3."""
        return self.values[2]

    @property
    def device(self) -> torch.device:
        """Where it is: on the CPU or a GPU."""
        return self.rho.device

    @property
    def batched(self) -> bool:
        """Whether there is one medium per shot."""
        return bool(self.rho.ndim > self.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per axis, in array order."""
        return tuple(self.rho.shape[-self.ndim :])

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes in array order."""
        return AXES[self.ndim]

    @property
    def slowest(self) -> float:
        """Lowest speed of the waves it carries, m/s: S, or P where there is no S."""
        return self.check().slowest

    def __repr__(self) -> str:
        """Shape, spacing and range of the speeds."""
        ranges = elastic.survey(*self.values, self.ndim, moduli=self.moduli)
        return (
            f"Medium(shape={tuple(self.rho.shape)}, spacing={self.spacing} m, "
            f"vp {ranges.vp[0]:.0f}-{ranges.vp[1]:.0f} m/s, vs {ranges.vs[0]:.0f}-{ranges.vs[1]:.0f} m/s)"
        )
