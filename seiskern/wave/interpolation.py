"""Values of a grid function between nodes, as weights of the nodes around."""

from dataclasses import dataclass

import torch
from torch import Tensor

HALF_WIDTH = 4
KAISER_B = 6.31  # of half-width 4 in Hicks (2002), table 1
BAND = 0.5  # one-sided weights are fitted up to this share of the Nyquist wavenumber (4 nodes per wavelength)
DEGREE = 3  # ... and exact for polynomials of this degree


@dataclass(frozen=True)
class Weights:
    """Weights of nodes, one row per point.

    Attributes
    ----------
    index : Tensor, shape (n, taps), int64
        Nodes.
    value : Tensor, shape (n, taps), float64
        Weights; a node that does not count has zero.
    """

    index: Tensor
    value: Tensor


def interpolate(position: Tensor, n: int, derivative: bool = False) -> Weights:
    r"""Weights that give a function, or its derivative, between the nodes of a line.

    Away from the ends a sinc windowed by Kaiser's function [1]_,
    :math:`w_j = \mathrm{sinc}(p - j)\, I_0(b \sqrt{1 - ((p - j)/r)^2}) / I_0(b)`, is used; its error is below 0.1 % down to
    4 nodes per wavelength. Where that would reach past an end (a free surface), the nodes inside are weighted so that they
    fit all wavelengths above 4 nodes best while they are exact for cubic polynomials: nothing is assumed about the field
    beyond, where mirroring it would bend its slope. Derivatives take such weights everywhere.

    Parameters
    ----------
    position : Tensor, shape (n_points,), float64
        Places, in units of the node distance, from node 0.
    n : int
        Nodes on the line.
    derivative : bool
        Weights of the derivative, per node distance.

    Returns
    -------
    Weights
        For each point.

    References
    ----------
    .. [1] Hicks (2002), Geophysics 67(1), 156-165, doi:10.1190/1.1451454.
    """
    taps = min(2 * HALF_WIDTH, n)
    first = torch.floor(position).to(torch.int64) - HALF_WIDTH + 1
    inside = first.clamp(0, n - taps)
    offset = torch.arange(taps)
    local = position - inside
    value = _fitted(local, taps, derivative)
    if not derivative and taps == 2 * HALF_WIDTH:
        value = torch.where((first == inside)[:, None], _kaiser_sinc(local[:, None] - offset), value)
    value = torch.where(value.abs() < 1e-13, 0, value)
    return Weights(inside[:, None] + offset, value)


def _kaiser_sinc(distance: Tensor) -> Tensor:
    window = torch.special.i0(KAISER_B * (1 - (distance / HALF_WIDTH).square()).clamp(min=0).sqrt())
    window = window / torch.special.i0(torch.tensor(KAISER_B, dtype=distance.dtype))
    return torch.where(distance.abs() < HALF_WIDTH, torch.sinc(distance) * window, 0)


def _fitted(position: Tensor, taps: int, derivative: bool) -> Tensor:
    """Least squares over a band of wavenumbers, exact for low polynomials; solved once per distinct position."""
    distinct, inverse = torch.unique(position, return_inverse=True)
    node = torch.arange(taps, dtype=torch.float64)
    degree = torch.arange(min(DEGREE, taps - 1) + 1)
    middle = (taps - 1) / 2  # powers are taken from here, for the sake of rounding
    gram = torch.sinc(BAND * (node[:, None] - node)) + 1e-9 * torch.eye(taps, dtype=torch.float64)
    powers = (node[:, None] - middle) ** degree
    zero = torch.zeros(len(degree), len(degree), dtype=torch.float64)
    matrix = torch.cat([torch.cat([gram, powers], 1), torch.cat([powers.T, zero], 1)])
    x = BAND * (distinct[:, None] - node)
    p = distinct[:, None] - middle
    if derivative:
        slope = torch.where(x == 0, 0, (torch.cos(torch.pi * x) - torch.sinc(x)) / torch.where(x == 0, 1, x))
        target = torch.cat([BAND * slope, degree * p ** (degree - 1).clamp(min=0)], 1)
    else:
        target = torch.cat([torch.sinc(x), p**degree], 1)
    return torch.linalg.solve(matrix, target.T).T[inverse, :taps]
