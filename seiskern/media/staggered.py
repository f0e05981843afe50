"""Effective coefficients at the staggered positions (Moczo et al. 2002, doi:10.1785/0120010167)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seiskern.media.model import Medium


def coefficients(medium: Medium, pad: Sequence[tuple[int, int]], free_surface: bool) -> dict[str, Tensor]:
    """Coefficients of the staggered scheme: `stagger`, or those that the medium has.

    Parameters
    ----------
    medium : Medium
        The medium.
    pad : sequence of (int, int)
        Nodes to add before and after each axis, in array order; they equal those on the edge.
    free_surface : bool
        Whether the first plane is a free surface, where moduli along it are those of plane stress.

    Returns
    -------
    dict of Tensor, shape (..., nz, [ny,] nx)
        Padded, by the names in ``COEFFICIENTS`` or ``ORTHORHOMBIC``.
    """
    if medium.effective is None:
        return stagger(medium.vp, medium.vs, medium.rho, pad, free_surface)
    result = {name: _replicate(value, pad) for name, value in medium.effective.items()}
    if free_surface:
        top = {name: value.narrow(-medium.ndim, 0, 1) for name, value in result.items() if name[0] == "c"}
        for name in [name for name in top if "z" not in name]:
            a, b = (top[f"c{axis}z"] for axis in name[1:])
            rest = result[name].narrow(-medium.ndim, 1, result[name].shape[-medium.ndim] - 1)
            result[name] = torch.cat([top[name] - a * b / top["czz"], rest], dim=-medium.ndim)
    return result


def surface_shares(medium: Medium) -> dict[str, Tensor]:
    r"""Strain along z per strain along x or y, but for its sign, where :math:`\sigma_{zz} = 0`.

    :math:`\lambda / (\lambda + 2 \mu)` of the first plane, or :math:`c_{az} / c_{zz}`; 1 in a fluid.

    Parameters
    ----------
    medium : Medium
        The medium.

    Returns
    -------
    dict of Tensor, shape (..., [ny,] nx)
        By the axis a.
    """
    top = -medium.ndim
    if medium.effective is None:
        share = 1 - 2 * (medium.vs.select(top, 0) / medium.vp.select(top, 0)).double().square()
        return dict.fromkeys(medium.axes[1:], share)
    c = {name: value.select(top, 0).double() for name, value in medium.effective.items()}
    return {a: c[f"c{a}z"] / c["czz"] for a in medium.axes[1:]}


def stagger(
    vp: Tensor, vs: Tensor, rho: Tensor, pad: Sequence[tuple[int, int]], free_surface: bool
) -> dict[str, Tensor]:
    r"""Coefficients of the staggered scheme, with absorbing layers around.

    Density is averaged arithmetically over the two nodes beside a velocity, :math:`\mu` harmonically over the
    four nodes around a shear stress; one fluid node among them makes it zero. Nodes beyond the edge equal
    those on it.

    Parameters
    ----------
    vp, vs, rho : Tensor, shape (..., nz, [ny,] nx)
        Medium at the nodes.
    pad : sequence of (int, int)
        Nodes to add before and after each axis, in array order.
    free_surface : bool
        Whether the first plane is a free surface. There ``lam`` becomes
        :math:`2 \lambda \mu / (\lambda + 2 \mu)`, which is what :math:`\sigma_{zz} = 0` leaves of it.

    Returns
    -------
    dict of Tensor
        Padded coefficients by the names in ``COEFFICIENTS``.
    """
    ndim = len(pad)
    vp, vs, rho = (_replicate(value, pad) for value in (vp, vs, rho))
    mu = rho * vs.square()
    lam = rho * vp.square() - 2 * mu
    if free_surface:
        top = -ndim
        first, rest = lam.narrow(top, 0, 1), lam.narrow(top, 1, lam.shape[top] - 1)
        mu_top = mu.narrow(top, 0, 1)
        lam = torch.cat([2 * first * mu_top / (first + 2 * mu_top), rest], dim=top)
    axis = {"z": -ndim, "y": -2, "x": -1}
    names = ("x", "z") if ndim == 2 else ("x", "y", "z")
    result = {f"b{a}": 2 / (rho + _next(rho, axis[a])) for a in names}
    result |= {"lam": lam, "mu2": 2 * mu}
    pairs = (("x", "z"),) if ndim == 2 else (("x", "y"), ("x", "z"), ("y", "z"))
    return result | {f"m{a}{b}": _harmonic(mu, axis[a], axis[b]) for a, b in pairs}


def _replicate(value: Tensor, pad: Sequence[tuple[int, int]]) -> Tensor:
    for number, (before, after) in enumerate(pad):
        axis = number - len(pad)
        n = value.shape[axis]
        if before or after:
            value = value.index_select(axis, torch.arange(-before, n + after).clamp(0, n - 1))
    return value


def _next(value: Tensor, axis: int) -> Tensor:
    """Value at the following node, the last one repeated."""
    n = value.shape[axis]
    return torch.cat([value.narrow(axis, 1, n - 1), value.narrow(axis, n - 1, 1)], dim=axis)


def _harmonic(mu: Tensor, first: int, second: int) -> Tensor:
    """Harmonic mean over four nodes, zero where one of them is."""
    if bool((mu > 0).all()):
        total = 1 / mu
        for axis in (first, second):
            total = total + _next(total, axis)
        return 4 / total
    dry = mu == 0  # kept apart from the sums: gradients through infinities are not numbers
    total = torch.where(dry, 0, 1 / torch.where(dry, 1, mu))
    for axis in (first, second):
        total, dry = total + _next(total, axis), dry | _next(dry, axis)
    return torch.where(dry, 0, 4 / torch.where(dry, 1, total))


def fastest(medium: Medium) -> float:
    r"""Speed that bounds the stable step, m/s.

    The largest :math:`\sqrt{c b}` over nodes, with c the largest of the moduli of compression,
    :math:`\lambda + 2 \mu` if isotropic, and the buoyancies :math:`b` at the velocities beside them.

    Parameters
    ----------
    medium : Medium
        The medium.

    Returns
    -------
    float
        The speed.
    """
    effective, ndim = medium.effective, medium.ndim
    if effective is None:
        stiffest, lightest = medium.rho * medium.vp.square(), 1 / medium.rho
    else:
        stiffest = torch.stack([effective[f"c{a}{a}"] for a in medium.axes]).amax(0)
        lightest = torch.zeros_like(stiffest)
    for axis, name in zip(range(-ndim, 0), medium.axes, strict=True):
        after = effective[f"b{name}"] if effective else 2 / (medium.rho + _next(medium.rho, axis))
        n = after.shape[axis]
        before = torch.cat([after.narrow(axis, 0, 1), after.narrow(axis, 0, n - 1)], dim=axis)
        lightest = torch.maximum(lightest, torch.maximum(before, after))
    return float((stiffest * lightest).max().sqrt())
