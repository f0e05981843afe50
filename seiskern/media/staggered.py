"""Effective coefficients at the staggered positions (Moczo et al. 2002, doi:10.1785/0120010167)."""

from collections.abc import Sequence

import torch
from torch import Tensor


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


def fastest(vp: Tensor, rho: Tensor, ndim: int) -> float:
    r"""Speed that bounds the stable step, m/s.

    The largest :math:`\sqrt{(\lambda + 2 \mu) b}` over nodes and the buoyancies :math:`b` at the
    velocities beside them.

    Parameters
    ----------
    vp, rho : Tensor, shape (..., nz, [ny,] nx)
        Medium at the nodes.
    ndim : int
        2 or 3.

    Returns
    -------
    float
        The speed.
    """
    lightest = rho
    for axis in range(-ndim, 0):
        n = rho.shape[axis]
        before = torch.cat([rho.narrow(axis, 0, 1), rho.narrow(axis, 0, n - 1)], dim=axis)
        beside = (rho + torch.minimum(before, _next(rho, axis))) / 2
        lightest = torch.minimum(lightest, beside)
    return float((rho / lightest * vp.square()).max().sqrt())
