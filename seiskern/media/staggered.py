"""Effective coefficients at the staggered positions (Moczo et al. 2002, doi:10.1785/0120010167)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor



def stagger(
    vp: Tensor, vs: Tensor, rho: Tensor, pad: Sequence[tuple[int, int]], free_surface: bool
) -> dict[str, Tensor]:
    r"""Coefficients of the staggered scheme, with absorbing layers around.

    Density is averaged arithmetically over the two nodes beside a velocity, :math:`\mu` harmonically over the four nodes
    around a shear stress; one fluid node among them makes it zero. Nodes beyond the edge equal those on it.

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
    shape = value.shape
    flat = [n for before_after in reversed(pad) for n in before_after]
    value = value.reshape(-1, 1, *shape[-len(pad) :])
    value = F.pad(value, flat, mode="replicate")
    return value.reshape(*shape[: -len(pad)], *value.shape[2:])


def _next(value: Tensor, axis: int) -> Tensor:
    """Value at the following node, the last one repeated."""
    n = value.shape[axis]
    return torch.cat([value.narrow(axis, 1, n - 1), value.narrow(axis, n - 1, 1)], dim=axis)


def _harmonic(mu: Tensor, first: int, second: int) -> Tensor:
    """Harmonic mean over four nodes, zero where one of them is."""
    fluid = mu == 0
    inverse = torch.where(fluid, 0, 1 / torch.where(fluid, 1, mu))
    total, dry = inverse, fluid
    for axis in (first, second):
        total, dry = total + _next(total, axis), dry | _next(dry, axis)
    return torch.where(dry, 0, 4 / torch.where(dry, 1, total))


def fastest(coefficients: dict[str, Tensor]) -> float:
    r"""Speed that bounds the stable step, m/s.

    The largest :math:`\sqrt{(\lambda + 2 \mu) b}` over nodes and the buoyancies :math:`b` beside them.
    """
    modulus = coefficients["lam"] + coefficients["mu2"]
    ndim = 3 if "by" in coefficients else 2
    largest = torch.zeros_like(modulus)
    for name, axis in (("bx", -1), ("by", -2), ("bz", -ndim)):
        if name in coefficients:
            b = coefficients[name]
            n = b.shape[axis]
            before = torch.cat([b.narrow(axis, 0, 1), b.narrow(axis, 0, n - 1)], dim=axis)
            largest = torch.maximum(largest, torch.maximum(b, before))
    return float((modulus * largest).max().sqrt())
