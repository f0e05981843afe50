"""Values of a grid function between nodes, as weights of the nodes around."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from seiskern import _checks

TAPS = 8  # nodes of a point, per axis
BAND = 0.5  # weights fit wavenumbers up to this share of Nyquist's best: 4 nodes per wavelength ...
DEGREE = 3  # ... and are exact for polynomials of this degree
RIDGE = 1e-9  # for the sake of rounding
# Near an end weights are kept small as well, as if values had an error of 1 %: the closure of a free surface
# makes some.
END_RIDGE = 1e-4
# Where the slope at the surface is known: nearer than this to it, so many nodes and polynomials of that
# degree.
CLOSE, CLOSE_TAPS, CLOSE_DEGREE = 1.5, 5, 4
SURFACE = -0.5  # where a line of half nodes meets a free surface


@dataclass(frozen=True)
class Weights:
    """Weights of nodes, one row per point.

    Attributes
    ----------
    first : Tensor, shape (n,), int64
        First node.
    value : Tensor, shape (n, taps), float64
        Weights of it and those after it; a node that does not count has zero.
    slope : Tensor, shape (n,), float64
        Weight of the slope at the surface, per node distance; zero where it is not used.
    """

    first: Tensor
    value: Tensor
    slope: Tensor

    @property
    def index(self) -> Tensor:
        """Nodes, (n, taps)."""
        return self.first[:, None] + torch.arange(self.value.shape[1])


def interpolate(position: Tensor, n: int, derivative: bool = False, slope: Tensor | None = None) -> Weights:
    r"""Weights that give a function, or its derivative, between the nodes of a line.

    The weights :math:`w_j` of the 8 nearest nodes :math:`x_j` are those of least squares over a band of
    wavenumbers,

    .. math:: \int_0^{\pi/2} \Bigl| e^{ikp} - \sum_j w_j e^{ikx_j} \Bigr|^2 dk \to \min,

    among all that are exact for cubic polynomials. The error is below 0.07 % down to 5 nodes per wavelength
    and falls with the fourth power of the node distance; a sinc windowed by Kaiser's function over the same
    nodes [1]_ has 0.1 % on average grids too, but does not get better on fine ones. Near an end (a free
    surface) nothing is assumed about the field beyond, where mirroring it would bend its slope.

    Parameters
    ----------
    position : Tensor, shape (n_points,), float64
        Places, in units of the node distance, from node 0.
    n : int
        Nodes on the line.
    derivative : bool
        Weights of the derivative, per node distance.
    slope : Tensor, shape (n_points,), bool, optional
        Whether the slope half a node before node 0, on a free surface, is known and may get a weight.

    Returns
    -------
    Weights
        For each point.

    References
    ----------
    .. [1] Hicks (2002), Geophysics 67(1), 156-165, doi:10.1190/1.1451454.
    """
    taps = min(TAPS, n)
    first = torch.floor(position).to(torch.int64) - TAPS // 2 + 1
    inside = first.clamp(0, n - taps)
    local = position - inside
    nearest = local.round().clamp(0, taps - 1)
    value = (torch.arange(taps) == nearest[:, None]).double()
    at_surface = torch.zeros_like(position)
    between = ((local - nearest).abs() >= 1e-9) | derivative  # others have the nearest node only
    moving = between | _checks.moves(position)  # whose weights have slopes all the same
    if not bool(moving.any()):
        return Weights(inside, value, at_surface)
    near = torch.zeros_like(between) if slope is None else (first < 0) & slope
    close = near & (position - SURFACE < CLOSE) & (taps > CLOSE_TAPS)
    centred = (first == inside) & (taps == TAPS)
    for chosen, fit in (
        (centred, (taps, DEGREE, RIDGE)),
        (~centred & ~near, (taps, DEGREE, END_RIDGE)),
        (near & ~close, (taps, DEGREE, END_RIDGE, True)),
        (close, (CLOSE_TAPS, CLOSE_DEGREE, END_RIDGE, True)),
    ):
        rows = torch.nonzero(chosen & moving).flatten()
        if len(rows) > 0:
            found = _Fit.of(*fit).weights(local[rows], derivative)
            on_node = ~between[rows]
            found = torch.where(on_node[:, None], found - found.detach(), found)
            fitted = torch.nn.functional.pad(found[:, : fit[0]], (0, taps - fit[0]))
            value[rows] = fitted + torch.where(on_node[:, None], value[rows], 0.0)
            if len(fit) > 3:
                at_surface[rows] = found[:, -1]
    return Weights(inside, value, at_surface)


@dataclass(frozen=True)
class _Fit:
    """Least squares over a band of wavenumbers, exact for low polynomials.

    The data are the values at the first nodes and, last, maybe the slope at the surface.
    """

    place: Tensor
    slopes: Tensor
    power: Tensor
    middle: float  # powers are taken from here, for the sake of rounding
    factors: tuple[Tensor, Tensor]

    @classmethod
    @lru_cache
    def of(cls, count: int, degree: int, ridge: float, slope: bool = False) -> "_Fit":
        node = torch.arange(count, dtype=torch.float64)
        place = torch.cat([node, node.new_full((int(slope),), SURFACE)])
        slopes = torch.arange(len(place)) >= count
        power = torch.arange(min(degree, len(place) - 1) + 1)
        middle = (count - 1) / 2
        gram = _covariance(place, slopes, place, slopes) + ridge * torch.eye(len(place), dtype=torch.float64)
        exact = _powers(place - middle, slopes, power)
        zero = torch.zeros(len(power), len(power), dtype=torch.float64)
        matrix = torch.cat([torch.cat([gram, exact], 1), torch.cat([exact.T, zero], 1)])
        return cls(place, slopes, power, middle, torch.linalg.lu_factor(matrix))

    def weights(self, position: Tensor, derivative: bool) -> Tensor:
        """Of the data, one row per position; solved once per distinct one."""
        distinct, inverse = position, torch.arange(len(position))
        if not _checks.moves(position):
            distinct, inverse = torch.unique(position, return_inverse=True)
        sought = torch.full(distinct.shape, derivative)
        covariance = _covariance(distinct, sought, self.place, self.slopes)
        target = torch.cat([covariance, _powers(distinct - self.middle, sought, self.power)], 1)
        return torch.linalg.lu_solve(*self.factors, target.T).T[inverse, : len(self.place)]


def _covariance(a: Tensor, a_slope: Tensor, b: Tensor, b_slope: Tensor) -> Tensor:
    """Between values or slopes, at a and b, of functions with all wavenumbers of the band alike."""
    x = BAND * (a[:, None] - b)
    far = x.abs() > 1e-4
    safe = torch.where(far, x, 1.0)
    sinc, turn = torch.sinc(x), torch.cos(torch.pi * x) - torch.sinc(x)
    first = BAND * torch.where(far, turn / safe, -(torch.pi**2) / 3 * x)
    second = BAND**2 * torch.where(far, -(torch.pi**2) * sinc - 2 * turn / safe.square(), -(torch.pi**2) / 3)
    of_slope = torch.where(b_slope, -second, first)
    return torch.where(a_slope[:, None], of_slope, torch.where(b_slope, -first, sinc))


def _powers(x: Tensor, slope: Tensor, power: Tensor) -> Tensor:
    """Powers, or their slopes."""
    down = power * x[:, None] ** (power - 1).clamp(min=0)
    return torch.where(slope[:, None], down, x[:, None] ** power)
