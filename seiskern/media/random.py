"""Random media: von Karman fields, and a layered crust that carries one."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from seiskern import _checks
from seiskern.media.layered import gardner_density, layered_crust

# The crust of `random_layered_crust`.
VS_RANGE = (2000.0, 4000.0)  # m/s
VP_OVER_VS = 1.7
N_LAYERS = (4, 8)  # fewest, most
VARIATION = 0.05  # standard deviation of ln vs within a layer
CORRELATION_LENGTH = (800.0, 2400.0)  # m, vertical and horizontal
HURST = 0.3


def von_karman(
    shape: Sequence[int],
    spacing: float | Sequence[float],
    correlation_length: float | Sequence[float],
    hurst: float,
    generator: Generator,
) -> Tensor:
    r"""Gaussian random field with a von Karman spectrum, zero mean and unit variance.

    .. math:: P(\mathbf k) \propto \Bigl(1 + \sum_d (a_d k_d)^2\Bigr)^{-(H + D/2)}

    Parameters
    ----------
    shape : sequence of int
        Nodes along each of the D axes.
    spacing : float or one per axis, m
        Distance between nodes.
    correlation_length : float or one per axis, m
        :math:`a_d`, > 0.
    hurst : float
        :math:`H`, in (0, 1]; small is rough. 0.5 is the exponential covariance.
    generator : Generator
        Source of the randomness; the same state gives the same field.

    Returns
    -------
    Tensor, shape ``shape``, float64
        The field. It is periodic over a box twice as long, not over ``shape``. Mean 0 and variance 1 are
        those of the ensemble; one field has them the better the more correlation lengths it spans.

    References
    ----------
    Klimes (2002), Pure Appl. Geophys. 159, 1811-1831, doi:10.1007/s00024-002-8710-2.
    """
    ndim = len(shape)
    steps = _checks.per_axis("spacing", spacing, ndim)
    lengths = _checks.per_axis("correlation_length", correlation_length, ndim)
    if min(lengths) <= 0:
        raise ValueError(f"`correlation_length` must be > 0, got {correlation_length}")
    if not 0 < hurst <= 1:
        raise ValueError(f"`hurst` must lie in (0, 1], got {hurst}")

    box = [2 * n for n in shape]  # twice the grid, so that opposite faces are not neighbours
    scaled = torch.zeros([1] * ndim, dtype=torch.float64)
    for axis, (n, step, length) in enumerate(zip(box, steps, lengths, strict=True)):
        frequency = torch.fft.rfftfreq if axis == ndim - 1 else torch.fft.fftfreq
        k = 2 * math.pi * frequency(n, step, dtype=torch.float64)
        scaled = scaled + (length * k).square().reshape([-1 if d == axis else 1 for d in range(ndim)])
    amplitude = (1 + scaled).pow(-(hurst + ndim / 2) / 2)
    amplitude[(0,) * ndim] = 0  # no mean

    # Unit variance: the mean of P over all wavenumbers, those that rfft leaves out included.
    weight = torch.full((box[-1] // 2 + 1,), 2.0, dtype=torch.float64)
    weight[0] = weight[-1] = 1.0
    variance = (weight * amplitude.square()).sum() / math.prod(box)
    noise = torch.randn(box, dtype=torch.float64, generator=generator)
    field = torch.fft.irfftn(torch.fft.rfftn(noise) * amplitude / variance.sqrt(), s=box)
    return field[tuple(slice(n) for n in shape)].contiguous()


def random_layered_crust(
    shape: Sequence[int], spacing: float | Sequence[float], seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Crust of random flat layers, faster with depth, with von Karman fluctuations inside.

    Parameters
    ----------
    shape : (nz, nx) or (nz, ny, nx)
        Number of nodes.
    spacing : float or one per axis, m
        Distance between nodes, in array order.
    seed : int
        Seed of the layers and of the fluctuations.

    Returns
    -------
    vp, vs, rho : Tensor, shape ``shape``, float32, m/s, m/s, kg/m^3
        Medium at the nodes: Vs between 2000 and 4000 m/s, Vp = 1.7 Vs, density by `gardner_density`.

    Notes
    -----
    The fluctuations depend on the grid: another spacing with the same seed gives the same layers with other
    fluctuations.
    """
    generator = Generator().manual_seed(seed)
    ndim = len(shape)
    steps = _checks.per_axis("spacing", spacing, ndim)
    slowest, fastest = VS_RANGE
    n_layers = int(torch.randint(N_LAYERS[0], N_LAYERS[1] + 1, (), generator=generator))
    jitter = torch.rand(n_layers, dtype=torch.float64, generator=generator)
    speeds = (torch.arange(n_layers) + jitter) / n_layers  # in (0, 1), faster with depth
    thickness = 0.5 + torch.rand(n_layers, dtype=torch.float64, generator=generator)
    tops = torch.cumsum(thickness, 0) - thickness
    depth = steps[0] * max(shape[0] - 1, 1)
    tops = tops / thickness.sum() * depth
    _, vs, _ = layered_crust(
        shape, steps, tops.tolist(), (slowest + (fastest - slowest) * (0.1 + 0.8 * speeds)).tolist()
    )
    vertical, horizontal = CORRELATION_LENGTH
    fluctuation = von_karman(shape, steps, [vertical] + [horizontal] * (ndim - 1), HURST, generator)
    vs = (vs * torch.exp(VARIATION * fluctuation)).clamp(slowest, fastest).float()
    vp = VP_OVER_VS * vs
    return vp, vs, gardner_density(vp)
