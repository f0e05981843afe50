r"""Effective medium of a staggered grid: what a cell that holds several rocks is like as a whole.

A stack of thin layers moves as one homogeneous medium does that is transversely isotropic about its normal
(Backus 1962, doi:10.1029/JZ067i011p04427): stresses on the layers and strains along them are continuous, so
compliances add up for the former and stiffnesses for the latter. Applied to one axis after the other this
makes any medium orthorhombic along the axes of the grid (compare Kristek et al. 2017, Geophysics 82(3),
T117-T126; Moczo et al. 2014, doi:10.1017/CBO9781139236911).
"""

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.grid import AXES
from seiskern.media.model import Medium

Mean = Callable[[Tensor], Tensor]
Moduli = dict[str, Tensor]

OVERSHOOT = 0.75
"""Least ratio of a smooth mean to that over the cell: moduli rise by a third, the step falls by an eighth."""


def effective(vp: Tensor, vs: Tensor, rho: Tensor, ndim: int, mean: Callable[[str, bool], Mean]) -> Moduli:
    """Coefficients at each position of the staggered grid, averaged over the cell around it.

    Parameters
    ----------
    vp, vs, rho : Tensor, m/s, m/s, kg/m3
        Isotropic parts.
    ndim : int
        2 or 3.
    mean : callable
        ``mean(axis, half)`` averages along an axis, around nodes or half a cell beyond them.

    Returns
    -------
    dict of Tensor
        By the names that `Medium` lists.
    """
    axes = AXES[ndim]
    mu, plane = rho * vs.square(), rho * vp.square()
    names = list(combinations_with_replacement(sorted(axes), 2))
    result = {f"c{a}{b}": plane if a == b else plane - 2 * mu for a, b in names}
    for axis in axes:
        result = laminate(result, axis, mean(axis, False))
    for a, b in names:
        if a != b:
            shear = mu
            for axis in axes:
                across = axis in (a, b)
                shear = _harmonic(shear, mean(axis, True)) if across else mean(axis, False)(shear)
            result[f"m{a}{b}"] = shear
    for a in axes:
        density = rho
        for axis in axes:
            density = mean(axis, axis == a)(density)
        result[f"b{a}"] = 1 / density
    return result


def laminate(moduli: Moduli, normal: str, mean: Mean) -> Moduli:
    r"""Moduli of layers normal to an axis, taken together.

    .. math::

        c_{nn} = \langle c_{nn}^{-1} \rangle^{-1}, \quad
        c_{an} = c_{nn} \langle c_{an} / c_{nn} \rangle, \quad
        c_{ab} = \langle c_{ab} - c_{an} c_{bn} / c_{nn} \rangle + c_{an} c_{bn} / c_{nn}

    for axes a, b other than the normal n.

    Parameters
    ----------
    moduli : dict of Tensor, Pa
        Of the layers: ``cab`` is stress aa per strain bb.
    normal : {"x", "y", "z"}
        Across the layers.
    mean : callable
        Average over the layers.

    Returns
    -------
    dict of Tensor, Pa
        Of the whole.

    References
    ----------
    Backus (1962), J. Geophys. Res. 67(11), 4427-4440, doi:10.1029/JZ067i011p04427.
    """

    def across(a: str) -> str:
        return "c" + "".join(sorted(a + normal))

    layer = moduli[across(normal)]
    whole = {across(normal): 1 / mean(1 / layer)}
    along = [name for name in moduli if normal not in name]
    for a in sorted({name[1] for name in along}):
        whole[across(a)] = whole[across(normal)] * mean(moduli[across(a)] / layer)
    for name in along:
        a, b = across(name[1]), across(name[2])
        bound = mean(moduli[name] - moduli[a] * moduli[b] / layer)
        whole[name] = bound + whole[a] * whole[b] / whole[across(normal)]
    return whole


def _harmonic(value: Tensor, mean: Mean) -> Tensor:
    """Harmonic mean, zero where it holds any fluid; no infinity that a gradient would run into."""
    wet = value == 0
    if not bool(wet.any()):
        return 1 / mean(1 / value)
    zero = mean(wet.to(value.dtype)) != 0
    return torch.where(zero, 0, 1 / torch.where(zero, 1, mean(1 / torch.where(wet, 1, value))))


def cubic_share(x: Tensor) -> Tensor:
    """Integral from minus infinity to x of the kernel of cubic convolution (Keys 1981), support (-2, 2)."""
    a = x.abs().clamp(max=2)
    inner = a - 5 / 6 * a**3 + 3 / 8 * a**4
    outer = 1 / 2 + (2 - a) ** 3 * (3 * a - 2) / 24
    return 0.5 + torch.sign(x) * torch.where(a < 1, inner, outer)


def layer_shares(n: int, dz: float, tops: Sequence[float], half: bool, *, smooth: bool) -> Tensor:
    r"""Weights of layers in means around each of n (half) nodes; the medium is mirrored at the top.

    Parameters
    ----------
    n : int
        Nodes.
    dz : float, m
        Distance between them.
    tops : sequence of float, m
        Top of each layer, increasing from 0.
    half : bool
        Whether the means are around nodes or half a cell below them.
    smooth : bool
        Whether layers count by the kernel of cubic convolution [1]_ or by their share of the cell.

    Returns
    -------
    Tensor, shape (n, layers), float64
        Rows add up to 1. Smooth ones are a little below 0 for a layer 1 to 2 cells away.

    References
    ----------
    .. [1] Keys (1981), IEEE Trans. Acoust. 29(6), 1153-1160, doi:10.1109/TASSP.1981.1163711.
    """
    node = torch.arange(n, dtype=torch.float64)[:, None] + 0.5 * half
    top = torch.tensor([float(t) for t in tops], dtype=torch.float64) / dz
    share = cubic_share if smooth else lambda x: (x + 0.5).clamp(0, 1)
    above = share(top - node) - share(-top - node)
    below = torch.cat([above, torch.ones_like(node)], dim=1)
    weight = below.diff(dim=1)
    return torch.where(weight.abs() < 1e-9, 0, weight)  # an interface meant to lie on the edge of a cell


def layered(
    n: int, dz: float, tops: Sequence[float], vp: Tensor, vs: Tensor, rho: Tensor, ndim: int
) -> Moduli:
    """Columns of the effective medium of flat layers.

    Parameters
    ----------
    n, dz, tops
        As for `layer_shares`.
    vp, vs, rho : Tensor, shape (layers,)
        Of the layers.
    ndim : int
        2 or 3.

    Returns
    -------
    dict of Tensor, shape (n,)
        By the names that `Medium` lists.

    Notes
    -----
    Shares of cells, summed over the nodes, keep the place of an interface, but its second moment depends on
    where in a cell it lies: an error of second order. The kernel of cubic convolution keeps that moment too,
    which leaves about a tenth of the error. It is a little negative 1 to 2 cells away, so it is used only
    where no fluid is that near and moduli overshoot by a third at most.
    """
    mu, plane = rho * vs.square(), rho * vp.square()
    # Positive means of these make a stable medium.
    guarded = [rho, 1 / plane, mu, mu * (3 - 4 * mu / plane), 1 / torch.where(mu > 0, mu, torch.inf)]

    def mean(axis: str, half: bool) -> Mean:
        if axis != "z":
            return lambda value: value
        sharp, smooth = (layer_shares(n, dz, tops, half, smooth=kind) for kind in (False, True))
        good = (smooth[:, mu == 0] == 0).all(dim=1)
        for value in guarded:
            good &= smooth @ value >= OVERSHOOT * (sharp @ value)
        weight = torch.where(good[:, None], smooth, sharp)
        return lambda value: weight @ value

    return effective(vp, vs, rho, ndim, mean)


def upscale(
    vp: Any,
    vs: Any,
    rho: Any,
    spacing: float | Sequence[float],
    factor: int,
    *,
    origin: float | Sequence[float] = 0.0,
) -> Medium:
    r"""Coarser medium that carries the waves of a fine one.

    Moduli and densities of the coarse grid are averages over its cells, at each position of the staggered
    grid over the cell around it: of density arithmetic, of moduli those of `laminate` along z, then y,
    then x. Interfaces between coarse nodes thus keep their place, and media with details finer than a cell
    keep their speeds, which depend on the direction then.

    Parameters
    ----------
    vp, vs, rho : array_like, shape (nz, nx) or (nz, ny, nx), m/s, m/s, kg/m3
        Fine medium, as for `Medium`. Numbers of nodes must be one more than multiples of ``factor``: coarse
        nodes are every ``factor``-th fine one. 4 to 8 fine nodes per coarse one are enough.
    spacing : float or one per axis in array order, m
        Distance of the fine nodes.
    factor : int
        Fine nodes per coarse one, along each axis.
    origin : float or one per axis in array order, m
        Coordinates of the first node.

    Returns
    -------
    Medium
        With ``spacing * factor``; its ``vp``, ``vs`` and ``rho`` are those of the fine medium at its nodes.

    Raises
    ------
    TypeError, ValueError
        If arrays do not fit.

    Notes
    -----
    Gradients pass through to ``vp``, ``vs`` and ``rho``.

    References
    ----------
    Backus (1962), J. Geophys. Res. 67(11), 4427-4440, doi:10.1029/JZ067i011p04427.

    Moczo et al. (2014), The Finite-Difference Modelling of Earthquake Motions, Cambridge University Press,
    doi:10.1017/CBO9781139236911.
    """
    fine = Medium(vp, vs, rho, spacing, origin=origin)
    factor = _checks.count("factor", factor, 1)
    for axis, n in zip(fine.axes, fine.shape, strict=True):
        if (n - 1) % factor:
            raise ValueError(f"`vp` must have 1 + a multiple of {factor} nodes along {axis}, got {n}")
    coefficients = effective(
        fine.vp,
        fine.vs,
        fine.rho,
        fine.ndim,
        lambda axis, half: _cell_mean(fine.axes.index(axis) - fine.ndim, factor, half),
    )
    nodes: tuple[Any, ...] = (..., *(slice(None, None, factor) for _ in fine.axes))
    return Medium(
        fine.vp[nodes],
        fine.vs[nodes],
        fine.rho[nodes],
        [h * factor for h in fine.spacing],
        origin=fine.origin,
        effective=coefficients,
    )


def _cell_mean(axis: int, factor: int, half: bool) -> Mean:
    """Mean over cells of ``factor`` fine nodes, around every ``factor``-th one or half a cell beyond it.

    The medium is mirrored at the first node and goes on beyond the last one.
    """
    ends = half or factor % 2 == 0  # fine nodes on the edge of the cell, which count by half
    weight = torch.ones(factor + ends, dtype=torch.float64)
    if ends:
        weight[0] = weight[-1] = 0.5

    def mean(value: Tensor) -> Tensor:
        n = value.shape[axis]
        first = 0 if half else -(factor // 2)
        place = torch.arange(0, n, factor)[:, None] + first + torch.arange(len(weight))
        place = place.abs().clamp(max=n - 1)
        total = torch.zeros((), dtype=value.dtype)
        for column, share in zip(place.T, (weight / weight.sum()).tolist(), strict=True):
            total = total + share * value.index_select(axis, column)
        return total

    return mean
