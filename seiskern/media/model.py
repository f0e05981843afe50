"""The medium: wave speeds and density on the nodes of a grid."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from seiskern import _checks
from seiskern.grid import AXES
from seiskern.kernels import elastic
from seiskern.kernels.elastic.plan import ORTHORHOMBIC


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
        self.vp = _checks.as_tensor("vp", vp)
        dtype = self.vp.dtype
        self.vs, self.rho = (
            _checks.as_tensor(name, value, dtype) for name, value in (("vs", vs), ("rho", rho))
        )
        if self.vs.ndim == 0:
            self.vs = self.vs.expand(self.vp.shape)
        if self.rho.ndim == 0:
            self.rho = self.rho.expand(self.vp.shape)
        self.ndim = self._dimensions(spacing)
        self.spacing = tuple(
            _checks.positive("spacing", h) for h in _checks.per_axis("spacing", spacing, self.ndim)
        )
        self.origin = _checks.per_axis("origin", origin, self.ndim)
        self.check()
        self.effective = None if effective is None else self._coefficients(effective)

    def _coefficients(self, given: Mapping[str, Any]) -> dict[str, Tensor]:
        names = ORTHORHOMBIC[self.ndim]
        if set(given) != set(names):
            raise ValueError(f"`effective` must hold {', '.join(names)}, got {', '.join(given)}")
        result = {}
        for name in names:
            value = _checks.as_tensor(f"effective[{name!r}]", given[name], self.vp.dtype)
            if value.shape != self.vp.shape:
                raise ValueError(
                    f"`effective[{name!r}]` must have the shape of `vp`, {tuple(self.vp.shape)}, "
                    f"got {tuple(value.shape)}"
                )
            result[name] = _checks.finite(f"effective[{name!r}]", value)
            if name[0] == "b" or name[1] == name[2]:
                _checks.positive(f"effective[{name!r}]", float(value.detach().min()))
        return result

    def _dimensions(self, spacing: float | Sequence[float]) -> int:
        for name in ("vs", "rho"):
            if getattr(self, name).shape != self.vp.shape:
                got = tuple(getattr(self, name).shape)
                raise ValueError(f"`{name}` must have the shape of `vp`, {tuple(self.vp.shape)}, got {got}")
        ndim = self.vp.ndim
        if hasattr(spacing, "__len__") and len(spacing) in (2, 3) and ndim == len(spacing) + 1:
            return len(spacing)  # a leading shot axis
        if ndim not in (2, 3):
            hint = "; with a leading shot axis give `spacing` one number per axis" if ndim == 4 else ""
            raise ValueError(
                f"`vp` must have shape (nz, nx) or (nz, ny, nx), got {tuple(self.vp.shape)}{hint}"
            )
        return ndim

    def check(self) -> elastic.Ranges:
        """Ranges of the values, which may have changed since the medium was made.

        Raises
        ------
        ValueError
            As on construction.
        """
        ranges = elastic.survey(self.vp, self.vs, self.rho, self.ndim)
        if not ranges.finite:
            for name in ("vp", "vs", "rho"):
                _checks.finite(name, getattr(self, name))
        for name, (least, _) in (("vp", ranges.vp), ("rho", ranges.rho)):
            if least <= 0:
                raise ValueError(f"`{name}` must be > 0, got {least}")
        if ranges.vs[0] < 0:
            raise ValueError(f"`vs` must be >= 0, got {ranges.vs[0]}")
        if ranges.ratio > (3 / 4) ** 0.5 * (1 + 1e-6):
            raise ValueError(
                f"`vs` must be <= 0.866 `vp` (positive bulk modulus), got {ranges.ratio:.3f} `vp`"
            )
        return ranges

    @property
    def batched(self) -> bool:
        """Whether there is one medium per shot."""
        return bool(self.vp.ndim > self.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per axis, in array order."""
        return tuple(self.vp.shape[-self.ndim :])

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
        ranges = elastic.survey(self.vp, self.vs, self.rho, self.ndim)
        return (
            f"Medium(shape={tuple(self.vp.shape)}, spacing={self.spacing} m, "
            f"vp {ranges.vp[0]:.0f}-{ranges.vp[1]:.0f} m/s, vs {ranges.vs[0]:.0f}-{ranges.vs[1]:.0f} m/s)"
        )
