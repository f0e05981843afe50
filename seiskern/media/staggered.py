"""Coefficients of media that bring their own: padded, and what the scheme asks of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seiskern.grid import replicate
from seiskern.media.model import Medium


def pad_effective(medium: Medium, pad: Sequence[tuple[int, int]], free_surface: bool) -> dict[str, Tensor]:
    """Effective coefficients of a medium with absorbing layers around.

    Parameters
    ----------
    medium : Medium
        With ``effective`` coefficients.
    pad : sequence of (int, int)
        Nodes to add before and after each axis, in array order; they equal those on the edge.
    free_surface : bool
        Whether the first plane is a free surface, where moduli along it are those of plane stress.

    Returns
    -------
    dict of Tensor, shape (..., nz, [ny,] nx)
        By the names in ``ORTHORHOMBIC``.
    """
    assert medium.effective is not None  # the caller's choice
    result = {name: replicate(value, pad) for name, value in medium.effective.items()}
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
        By the axis a; on the CPU.
    """
    top = -medium.ndim

    def first(value: Tensor) -> Tensor:
        return value.select(top, 0).cpu().double()

    if medium.moduli:
        lam, mu = map(first, medium.values[:2])
        mu = torch.where(mu == 0, mu.detach(), mu)  # as in the scheme: of none no gradient
        return dict.fromkeys(medium.axes[1:], lam / (lam + 2 * mu))
    if medium.effective is None:
        vp, vs = (value.select(top, 0).cpu() for value in medium.values[:2])
        share = 1 - 2 * (vs / vp).double().square()
        return dict.fromkeys(medium.axes[1:], share)
    c = {name: first(value) for name, value in medium.effective.items()}
    return {a: c[f"c{a}z"] / c["czz"] for a in medium.axes[1:]}


def fastest(medium: Medium) -> float:
    r"""Speed that bounds the stable step, m/s.

    The largest :math:`\sqrt{c b}` over nodes, with c the largest of the moduli of compression and the
    buoyancies :math:`b` at the velocities beside them.

    Parameters
    ----------
    medium : Medium
        With ``effective`` coefficients.

    Returns
    -------
    float
        The speed.
    """
    effective = medium.effective
    assert effective is not None  # the caller's choice
    stiffest = torch.stack([effective[f"c{a}{a}"] for a in medium.axes]).amax(0)
    lightest = torch.zeros_like(stiffest)
    for axis, name in zip(range(-medium.ndim, 0), medium.axes, strict=True):
        after = effective[f"b{name}"]
        n = after.shape[axis]
        before = torch.cat([after.narrow(axis, 0, 1), after.narrow(axis, 0, n - 1)], dim=axis)
        lightest = torch.maximum(lightest, torch.maximum(before, after))
    return float((stiffest * lightest).detach().max().sqrt())
