"""Cagniard-de Hoop paths and plane-wave coefficients of an elastic half-space.

Fields are superpositions of exp(-s (p x + q z)) in the Laplace domain, s being
the Laplace variable, p the horizontal slowness and q the vertical one:
xi = sqrt(a^2 - p^2) for P waves, eta = sqrt(b^2 - p^2) for S waves, a = 1/vp,
b = 1/vs, real parts not negative.  Along the path where the exponent is -s tau
with tau real, the time-domain field is Im[kernel(p) dp/dtau] / pi.  The path of
a ray with one type of wave is p = c sin(w), c its slowness, w complex.

References
----------
de Hoop, A. T. (1960). A modification of Cagniard's method for solving seismic
pulse problems. Applied Scientific Research B 8, 349-356.
doi:10.1007/BF02920068
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ._half_space import HalfSpace
from ._quadrature import (
    DYADIC_LEVELS,
    PANEL_SAMPLES,
    Array,
    ComplexArray,
    TimeFunction,
    convolve,
    gauss_panels,
    graded_edges,
    horizon,
    sampling,
    split_edges,
)

# Largest vs t / distance at which the sum of one P and one S ray keeps 1e-5.
LATEST_TWO_RAYS = 1000.0


def vertical_slowness(slow: float, p: ComplexArray) -> ComplexArray:
    """Return sqrt(slow^2 - p^2) for p in the first quadrant or just above its edge.

    Parameters
    ----------
    slow : float
        Slowness of the wave in s/m.
    p : ndarray of complex
        Horizontal slowness, real and imaginary part not negative.

    Returns
    -------
    ndarray of complex
        The root of real part not negative and imaginary part not positive.
    """
    root = np.asarray(np.sqrt((slow - p) * (slow + p)), dtype=np.complex128)
    return root.real - 1j * np.abs(root.imag)


def _slowness(slow: float, w: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Return the horizontal and vertical slowness slow sin(w) and slow cos(w)."""
    p = np.asarray(slow * np.sin(w), dtype=np.complex128)
    q = np.asarray(slow * np.cos(w), dtype=np.complex128)
    return p, q.real - 1j * np.abs(q.imag)


@dataclass(frozen=True)
class Path:
    """Nodes on a Cagniard-de Hoop path.

    Attributes
    ----------
    tau : ndarray, shape (n,)
        Delays in seconds.
    p, xi, eta : ndarray of complex, shape (n,)
        Horizontal slowness, vertical slowness of P and of S waves.
    dp : ndarray of complex, shape (n,)
        Quadrature weights times dp along the path.
    """

    tau: Array
    p: ComplexArray
    xi: ComplexArray
    eta: ComplexArray
    dp: ComplexArray

    def rayleigh(self, medium: HalfSpace) -> ComplexArray:
        """Return (b^2 - 2 p^2)^2 + 4 p^2 xi eta at the nodes."""
        m = medium.b**2 - 2.0 * self.p**2
        return m**2 + 4.0 * self.p**2 * self.xi * self.eta


def _branch_edges(start: float, stops: list[float], end: float, levels: int = DYADIC_LEVELS) -> Array:
    """Return graded edges from start to end with breaks at the stops between."""
    inner = sorted(s for s in stops if start < s < end)
    points = [start, *inner, end]
    parts = [graded_edges(u, v, levels=levels) for u, v in pairwise(points)]
    return np.unique(np.concatenate(parts))


def single_leg(
    medium: HalfSpace,
    wave: str,
    x: float,
    depth: float,
    tmax: float,
    width: float,
    head: bool = True,
) -> Path:
    """Return nodes on the path of a ray with one type of wave.

    p = c sin(w), tau = c r cos(w - phi), tan(phi) = x / depth: w is real from
    asin(a / c) to phi on the head wave of an S ray, then w = phi + i theta.

    Parameters
    ----------
    medium : HalfSpace
        The half-space.
    wave : {"P", "S"}
        Type of wave.
    x, depth : float
        Horizontal and total vertical distance travelled in m, not negative.
    tmax : float
        Largest delay wanted in seconds.
    width : float
        Delay per panel in seconds.
    head : bool
        Whether the kernel has the branch point of the head wave.

    Returns
    -------
    Path
        Nodes; none if the ray arrives after tmax.
    """
    slow = medium.a if wave == "P" else medium.b
    r, phi = float(np.hypot(x, depth)), float(np.arctan2(x, depth))
    parts_w: list[ComplexArray] = [np.zeros(0, dtype=np.complex128)]
    parts_dw: list[ComplexArray] = [np.zeros(0, dtype=np.complex128)]
    critical = float(np.arcsin(min(1.0, medium.a / slow)))
    if head and wave == "S" and phi > critical:
        edges = _branch_edges(critical, [], phi)
        edges = split_edges(edges, lambda w: slow * r * np.cos(w - phi), width)
        angle, dangle = gauss_panels(edges)
        parts_w.append(angle.astype(np.complex128))
        parts_dw.append(dangle.astype(np.complex128))
    if slow * r < tmax:
        end = float(np.arccosh(tmax / (slow * r)))
        breaks = [s / slow for s in (medium.b, medium.rayleigh) if s > slow]
        edges = _branch_edges(0.0, [float(np.arccosh(v)) for v in breaks], end)
        edges = split_edges(edges, lambda v: slow * r * np.cosh(v), width)
        theta, dtheta = gauss_panels(edges)
        parts_w.append((phi + 1j * theta).astype(np.complex128))
        parts_dw.append((1j * dtheta).astype(np.complex128))
    w, dw = np.concatenate(parts_w), np.concatenate(parts_dw)
    p, own = _slowness(slow, w)
    xi = own if wave == "P" else vertical_slowness(medium.a, p)
    eta = own if wave == "S" else vertical_slowness(medium.b, p)
    tau = slow * r * np.cos(w - phi).real
    return Path(tau, p, xi, eta, own * dw)


def _converted_delay(
    medium: HalfSpace, legs: tuple[float, float, float], w: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """Return T = p x + xi d_p + eta d_s and dT/dw at p = a sin(w)."""
    x, d_p, d_s = legs
    p, xi = _slowness(medium.a, w)
    eta = vertical_slowness(medium.b, p)
    return p * x + xi * d_p + eta * d_s, xi * (x - p * d_s / eta) - p * d_p


def _converted_angle(medium: HalfSpace, legs: tuple[float, float, float], v: Array) -> ComplexArray:
    """Return w = u + i v on the path, where Im T = 0, for v > 0.

    Im T changes sign between u = 0 and u = atan(x / d_p); bisection, then
    Newton's method kept within the bracket.
    """
    low = np.zeros_like(v)
    high = np.full_like(v, np.arctan2(legs[0], legs[1]))
    u = 0.5 * (low + high)
    for step in range(24):
        delay, slope = _converted_delay(medium, legs, u + 1j * v)
        above = delay.imag > 0.0
        low, high = np.where(above, u, low), np.where(above, high, u)
        middle = 0.5 * (low + high)
        if step < 14:
            u = middle
        else:
            newton = u - delay.imag / np.where(slope.imag == 0.0, 1.0, slope.imag)
            u = np.where((newton >= low) & (newton <= high), newton, middle)
    return u + 1j * v


def converted_leg(medium: HalfSpace, x: float, d_p: float, d_s: float, tmax: float, width: float) -> Path:
    """Return nodes on the path of a ray converted between P and S.

    p = a sin(u + i v), v being the variable of integration and u(v) the root of
    Im T = 0, T = p x + xi d_p + eta d_s; the delay is T.

    Parameters
    ----------
    medium : HalfSpace
        The half-space.
    x, d_p, d_s : float
        Horizontal distance and vertical distances travelled as P and as S, in m.
    tmax : float
        Largest delay wanted in seconds.
    width : float
        Delay per panel in seconds.

    Returns
    -------
    Path
        Nodes; none if the ray arrives after tmax.
    """
    legs = (x, d_p, d_s)

    def delay(v: Array) -> Array:
        w = _converted_angle(medium, legs, np.maximum(v, 1e-12))
        return _converted_delay(medium, legs, w)[0].real

    if float(delay(np.zeros(1))[0]) >= tmax:
        none, empty = np.zeros(0, dtype=np.complex128), np.zeros(0)
        return Path(empty, none, none, none, none)
    end = 0.25
    while float(delay(np.array([end]))[0]) < tmax:
        end += 0.25
    breaks = [float(np.arccosh(s / medium.a)) for s in (medium.b, medium.rayleigh)]
    edges = _branch_edges(0.0, breaks, end, levels=18)
    v, dv = gauss_panels(split_edges(edges, delay, width))
    w = _converted_angle(medium, legs, v)
    tau, slope = _converted_delay(medium, legs, w)
    p, xi = _slowness(medium.a, w)
    dw = (1j - slope.real / slope.imag) * dv
    return Path(tau.real, p, xi, vertical_slowness(medium.b, p), xi * dw)


@dataclass(frozen=True)
class Window:
    """Extent and panel width of the delays that a trace needs.

    Attributes
    ----------
    tmax : float
        Largest delay in seconds.
    width : float
        Delay per quadrature panel in seconds.
    """

    tmax: float
    width: float


def window(t: ArrayLike, signature: TimeFunction) -> Window:
    """Return the delays needed for a trace.

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    signature : callable
        Source signature f(t).

    Returns
    -------
    Window
        Largest delay and width of a panel.
    """
    times, dt = sampling(t)
    margin = 4.0 * PANEL_SAMPLES * dt
    return Window(horizon(times, signature) + margin, PANEL_SAMPLES * dt)


def check_late(medium: HalfSpace, distance: float, wanted: Window, latest: float) -> None:
    """Refuse times so late that the cancellation between rays costs the accuracy.

    Parameters
    ----------
    medium : HalfSpace
        The half-space.
    distance : float
        Distance along the reflected ray in m.
    wanted : Window
        Delays that the trace needs.
    latest : float
        Largest delay, in units of distance / vs.

    Raises
    ------
    ValueError
        If the delays go beyond that.
    """
    if wanted.tmax > latest * medium.b * distance:
        raise ValueError(
            f"too late for so short a distance: vs t must stay below {latest:g} times {distance:g} m"
        )


def sum_rays(rays: list[tuple[Path, ComplexArray]], signature: TimeFunction, t: ArrayLike) -> Array:
    """Return the velocity of a set of rays, Im[kernel dp/dtau] / pi * f'.

    Parameters
    ----------
    rays : list of (Path, ndarray of complex, shape (2, n))
        Paths with the kernels of both components at their nodes.
    signature : callable
        Source signature f(t), of which the first derivative is taken.
    t : ndarray, shape (nt,)
        Uniform times in seconds.

    Returns
    -------
    ndarray, shape (2, nt)
        Horizontal and vertical velocity in m/s.
    """
    tau = np.concatenate([path.tau for path, _ in rays])
    weights = [np.imag(kernel * path.dp) / np.pi for path, kernel in rays]
    return convolve(tau, np.concatenate(weights, axis=1), signature, t, 1)
