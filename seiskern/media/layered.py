"""Layered media at the nodes of a grid."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.media.effective import layer_shares, layered
from seiskern.media.model import Medium

GARDNER = 310.0  # kg/m^3 (m/s)^(-1/4)


def gardner_density(vp: Tensor) -> Tensor:
    r"""Density of sedimentary and crystalline rock from its P-wave speed.

    .. math:: \rho = 310 \, v_P^{1/4}

    Parameters
    ----------
    vp : Tensor, any shape, m/s
        P-wave speed.

    Returns
    -------
    Tensor, shape of ``vp``, kg/m^3
        Density.

    References
    ----------
    Gardner et al. (1974), Geophysics 39(6), 770-780, doi:10.1190/1.1440465.
    """
    return GARDNER * vp.pow(0.25)


def layered_crust(
    shape: Sequence[int],
    spacing: float | Sequence[float],
    tops: Sequence[float],
    vs: Sequence[float],
    vp_vs: float | Sequence[float] = 1.7,
    rho: Sequence[float] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Flat homogeneous layers over a half-space.

    Parameters
    ----------
    shape : (nz, nx) or (nz, ny, nx)
        Number of nodes; node k lies ``k * dz`` below the top of the grid.
    spacing : float or one per axis, m
        Distance between nodes, in array order.
    tops : sequence of float, m
        Depth of the top of each layer, increasing from 0. A node on an interface belongs to the lower layer.
    vs : sequence of float, m/s
        S-wave speed of each layer.
    vp_vs : float or one per layer
        Ratio of the P- to the S-wave speed.
    rho : sequence of float, kg/m^3, optional
        Density of each layer; by default `gardner_density`.

    Returns
    -------
    vp, vs, rho : Tensor, shape ``shape``, float32, m/s, m/s, kg/m^3
        Medium at the nodes.

    Raises
    ------
    ValueError
        If the numbers of layers differ, or the tops do not increase from 0.
    """
    ratios = [float(vp_vs)] * len(vs) if isinstance(vp_vs, int | float) else list(vp_vs)
    lengths = {"vs": len(vs), "vp_vs": len(ratios), "rho": len(vs if rho is None else rho)}
    _check_layers(tops, lengths)

    dz = _checks.per_axis("spacing", spacing, len(shape))[0]
    depth = dz * torch.arange(shape[0], dtype=torch.float64)
    # A node meant to lie on an interface must not miss it by rounding.
    layer = torch.bucketize(depth + 1e-9 * dz, torch.tensor(tops, dtype=torch.float64), right=True) - 1
    vs_layers = torch.tensor(vs, dtype=torch.float64)
    vp_layers = vs_layers * torch.tensor(ratios, dtype=torch.float64)
    rho_layers = gardner_density(vp_layers) if rho is None else torch.tensor(rho, dtype=torch.float64)

    def spread(values: Tensor) -> Tensor:
        column = values[layer].float().reshape(-1, *[1] * (len(shape) - 1))
        return column.expand(*shape).clone()

    return spread(vp_layers), spread(vs_layers), spread(rho_layers)


def layered_medium(
    shape: Sequence[int],
    spacing: float | Sequence[float],
    tops: Sequence[float],
    vp: Sequence[float],
    vs: Sequence[float],
    rho: Sequence[float],
    *,
    dtype: torch.dtype = torch.float32,
) -> Medium:
    r"""Flat homogeneous layers over a half-space, with interfaces anywhere between the nodes.

    Cells that an interface cuts are transversely isotropic, as a stack of thin layers is [1]_.

    Parameters
    ----------
    shape : (nz, nx) or (nz, ny, nx)
        Number of nodes.
    spacing : float or one per axis, m
        Distance between nodes, in array order.
    tops : sequence of float, m
        Depth of the top of each layer, increasing from 0.
    vp, vs : sequence of float, m/s
        Wave speeds of each layer; ``vs`` is 0 in a fluid.
    rho : sequence of float, kg/m^3
        Density of each layer.
    dtype : torch.dtype
        Of the medium.

    Returns
    -------
    Medium
        For `seiskern.simulate`, with ``effective`` coefficients; its origin is 0. At the nodes ``rho`` is the
        arithmetic mean over the cell, the moduli that ``vp`` and ``vs`` stand for are harmonic means.

    Raises
    ------
    ValueError
        If the numbers of layers differ, the tops do not increase from 0, or no rock has such values.

    Notes
    -----
    The error of waves is of second order in the spacing wherever the interface lies, with a constant that
    hardly depends on where, see `seiskern.media.effective.layered`. Where a fluid is near, or moduli jump by
    more than about 7, the means are those over the cell, with a constant some times larger.

    References
    ----------
    .. [1] Backus (1962), J. Geophys. Res. 67(11), 4427-4440, doi:10.1029/JZ067i011p04427.
    """
    _check_layers(tops, {"vp": len(vp), "vs": len(vs), "rho": len(rho)})
    dz = _checks.per_axis("spacing", spacing, len(shape))[0]
    alpha, beta, density = (torch.tensor([float(v) for v in u], dtype=torch.float64) for u in (vp, vs, rho))
    Medium(alpha[None], beta[None], density[None], 1.0)  # refuses layers that means would hide
    share = layer_shares(shape[0], dz, tops, half=False, smooth=False)
    mean_density = share @ density
    modulus = 1 / (share @ (1 / (density * alpha.square())))
    mu = density * beta.square()
    fluid = (share[:, mu == 0] > 0).any(dim=1)
    shear = torch.where(fluid, 0, 1 / (share @ torch.where(mu > 0, 1 / mu, 0)).clamp(min=1e-300))

    def spread(column: Tensor) -> Tensor:
        return column.to(dtype).reshape(-1, *[1] * (len(shape) - 1)).expand(*shape).clone()

    columns = layered(shape[0], dz, tops, alpha, beta, density, len(shape))
    return Medium(
        spread((modulus / mean_density).sqrt()),
        spread((shear / mean_density).sqrt()),
        spread(mean_density),
        spacing,
        effective={name: spread(column) for name, column in columns.items()},
    )


def _check_layers(tops: Sequence[float], lengths: dict[str, int]) -> None:
    for name, length in lengths.items():
        if length != len(tops):
            raise ValueError(f"`{name}` must have one value per layer ({len(tops)}), got {length}")
    if not tops or tops[0] != 0 or any(a >= b for a, b in itertools.pairwise(tops)):
        raise ValueError(f"`tops` must increase strictly from 0, got {list(tops)}")
