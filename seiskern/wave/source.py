"""Point sources and receivers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks

Components = dict[str, float | Tensor]  # by field; tensors where derivatives go through them


def double_couple(strike: float, dip: float, rake: float, m0: float) -> Tensor:
    r"""Moment tensor of a shear dislocation.

    Parameters
    ----------
    strike, dip, rake : float, degrees
        Strike clockwise from North, dip from the horizontal down to the right of strike, rake from strike up
        the plane.
    m0 : float, N m
        Scalar moment.

    Returns
    -------
    Tensor, shape (3, 3), float64, N m
        Symmetric, in (x, y, z) = (East, North, down).

    References
    ----------
    Aki & Richards (2002), Quantitative Seismology, box 4.4.
    """
    angles = (math.radians(_checks.real(n, v)) for n, v in (("strike", strike), ("dip", dip), ("rake", rake)))
    s, d, r = angles
    m0 = _checks.real("m0", m0)
    sd, cd, s2d, c2d = math.sin(d), math.cos(d), math.sin(2 * d), math.cos(2 * d)
    ss, cs, s2s, c2s = math.sin(s), math.cos(s), math.sin(2 * s), math.cos(2 * s)
    sr, cr = math.sin(r), math.cos(r)
    nn = -(sd * cr * s2s + s2d * sr * ss * ss)
    ee = sd * cr * s2s - s2d * sr * cs * cs
    dd = s2d * sr
    ne = sd * cr * c2s + 0.5 * s2d * sr * s2s
    nd = -(cd * cr * cs + c2d * sr * ss)
    ed = -(cd * cr * ss - c2d * sr * cs)
    return m0 * torch.tensor([[ee, ne, ed], [ne, nn, nd], [ed, nd, dd]], dtype=torch.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class MomentTensor:
    r"""Point moment tensor: stress glut :math:`M_{ij} s(t)` at one place.

    Parameters
    ----------
    x, y, z : float, m
        Place; no ``y`` in 2-D. It need not be a node.
    moment : array_like, (3, 3) N m in (x, y, z), or (2, 2) N m per m of line in (x, z)
        Symmetric.
    rate : array_like, shape (nt,), 1/s
        Moment-rate function, sampled like the records from t = 0; integrates to 1.
    """

    x: float
    z: float
    moment: Any
    rate: Any = field(repr=False)
    y: float | None = None

    def components(self, ndim: int) -> Components:
        """Moments by the stress field they act on, N m."""
        moment = _checks.as_tensor("moment", self.moment)
        _checks.finite("moment", moment)
        if moment.shape != (ndim, ndim):
            raise ValueError(f"`moment` must have shape ({ndim}, {ndim}), got {tuple(moment.shape)}")
        largest = float(moment.detach().abs().max())
        if not torch.allclose(moment, moment.T, rtol=1e-6, atol=1e-9 * largest):
            raise ValueError("`moment` must be symmetric")
        names = "xz" if ndim == 2 else "xyz"
        if _checks.moves(moment):
            moment = (moment + moment.T) / 2  # for a symmetric gradient
            return {f"s{names[i]}{names[j]}": moment[i, j] for i in range(ndim) for j in range(i, ndim)}
        return {f"s{names[i]}{names[j]}": float(moment[i, j]) for i in range(ndim) for j in range(i, ndim)}

    @property
    def series(self) -> Any:
        """Its time function."""
        return self.rate


@dataclass(frozen=True, eq=False, kw_only=True)
class Explosion:
    """Isotropic point source: a moment tensor with ``moment`` (N m, in 2-D N m per m) on its diagonal.

    See `MomentTensor` for the other parameters.
    """

    x: float
    z: float
    moment: float
    rate: Any = field(repr=False)
    y: float | None = None

    def components(self, ndim: int) -> Components:
        """Moments by the stress field they act on, N m."""
        moment = _checks.scalar("moment", self.moment)
        return {f"s{a}{a}": moment for a in ("xz" if ndim == 2 else "xyz")}

    @property
    def series(self) -> Any:
        """Its time function."""
        return self.rate


@dataclass(frozen=True, eq=False, kw_only=True)
class Force:
    r"""Point force :math:`F_i s(t)`.

    Parameters
    ----------
    x, y, z : float, m
        Place; no ``y`` in 2-D. It need not be a node and may lie on the free surface.
    force : sequence of float, (fx, fy, fz) N, or (fx, fz) N per m of line
        Force.
    signature : array_like, shape (nt,), 1
        Time function, sampled like the records from t = 0.
    """

    x: float
    z: float
    force: Sequence[float]
    signature: Any = field(repr=False)
    y: float | None = None

    def components(self, ndim: int) -> Components:
        """Forces by the velocity field they act on, N."""
        force = _checks.as_tensor("force", self.force)
        _checks.finite("force", force)
        if force.shape != (ndim,):
            raise ValueError(f"`force` must have {ndim} components, got shape {tuple(force.shape)}")
        given = force if _checks.moves(force) else force.tolist()
        return {f"v{a}": f for a, f in zip("xz" if ndim == 2 else "xyz", given, strict=True)}

    @property
    def series(self) -> Any:
        """Its time function."""
        return self.signature


Source = MomentTensor | Explosion | Force


def as_shots(shots: Any) -> list[list[Source]]:
    """A source, a list of sources (one shot each) or a list of lists, as the last."""
    if isinstance(shots, Source):
        return [[shots]]
    if not isinstance(shots, Sequence) or len(shots) == 0:
        raise TypeError(f"`shots` must be a source, a list of sources or a list of lists, got {shots!r}")
    result = [list(shot) if isinstance(shot, Sequence) else [shot] for shot in shots]
    for number, shot in enumerate(result):
        for source in shot:
            if not isinstance(source, Source):
                raise TypeError(f"`shots[{number}]` must hold sources, got {type(source).__name__}")
    return result


@dataclass(frozen=True, eq=False, kw_only=True)
class Receivers:
    """Places where the wavefield is recorded.

    Parameters
    ----------
    x, y, z : array_like, shape (n,), m
        Coordinates; no ``y`` in 2-D. They need not be nodes. A scalar holds for all.
    """

    x: Any
    z: Any
    y: Any = None

    def coordinates(self, axes: Sequence[str]) -> Tensor:
        """Coordinates, float64, shape (axis, n)."""
        values = []
        for axis in axes:
            value = getattr(self, axis)
            if value is None:
                raise ValueError(f"`receivers.{axis}` must be given in {len(axes)}-D")
            name = f"receivers.{axis}"
            place = _checks.as_tensor(name, value, torch.float64)
            values.append(_checks.finite(name, place).reshape(-1))
        if "y" not in axes and self.y is not None:
            raise ValueError("`receivers.y` must not be given in 2-D")
        counts = [value.shape[0] for value in values]
        n = max(counts)
        if n == 0:
            raise ValueError("`receivers` must hold at least one place, got none")
        for axis, count in zip(axes, counts, strict=True):
            if count not in (1, n):
                raise ValueError(f"`receivers.{axis}` must have 1 or {n} values, got {count}")
        return torch.stack([value.expand(n) for value in values])
