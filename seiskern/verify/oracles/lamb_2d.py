"""Lamb's problem in two dimensions: a line force on the surface of a half-space.

With a = 1/vp, b = 1/vs, xi = sqrt(a^2 - p^2), eta = sqrt(b^2 - p^2),
m = b^2 - 2 p^2 and R = m^2 + 4 p^2 xi eta, the displacement due to the force
f(t) is, in the Laplace domain,

    u = 1/(2 pi i mu) int [ P exp(-s (p x + xi z)) + S exp(-s (p x + eta z)) ] dp f(s)

    vertical force:    P = (p, xi) m / R,          S = -(eta, -p) 2 p xi / R
    horizontal force:  P = (p, xi) 2 p eta / R,    S = (eta, -p) m / R

and is brought to the time domain by Cagniard's method as modified by de Hoop.
On the surface the path is the real axis, p = t / x, approached from above: the
Rayleigh pole contributes a principal value, taken by nodes symmetric about the
pole, and a delta function, which gives a term in f'(t - x / c_R).

Quadrature and interpolation errors are below 1e-6 of the peak velocity for a
signature sampled eight times or more per shortest period.  Below the surface
P and S grow with time while their sum decays; vs t / distance is limited to
1000, where 1e-5 is left.

References
----------
Lamb, H. (1904). On the propagation of tremors over the surface of an elastic
solid. Philosophical Transactions A 203, 1-42. doi:10.1098/rsta.1904.0013
de Hoop, A. T. (1960). Applied Scientific Research B 8, 349-356.
doi:10.1007/BF02920068
"""

import numpy as np
from numpy.typing import ArrayLike

from ._cagniard import LATEST_TWO_RAYS, Path, check_late, single_leg, sum_rays, window
from ._half_space import HalfSpace, half_space
from ._quadrature import (
    Array,
    ComplexArray,
    TimeFunction,
    convolve,
    gauss_panels,
    graded_edges,
    split_edges,
)

__all__ = ["horizontal_force_velocity", "vertical_force_velocity"]


def _kernels(path: Path, medium: HalfSpace) -> tuple[ComplexArray, ComplexArray]:
    """Return the surface kernels of a vertical and a horizontal unit force."""
    m = medium.b**2 - 2.0 * path.p**2
    scale = 1.0 / (medium.mu * path.rayleigh(medium))
    cross = path.p * (m - 2.0 * path.xi * path.eta) * scale
    diagonal = medium.b**2 * scale
    vertical = np.array([cross, path.xi * diagonal])
    horizontal = np.array([path.eta * diagonal, -cross])
    return vertical, horizontal


def _surface_path(medium: HalfSpace, x: float, tmax: float, width: float) -> Path:
    """Return nodes on the real axis of p, symmetric about the Rayleigh pole."""
    a, b, pole = medium.a, medium.b, medium.rayleigh
    reach, end = pole - b, tmax / x

    def panels(edges: Array) -> tuple[Array, Array]:
        return gauss_panels(split_edges(edges, lambda p: p * x, width))

    body, dbody = panels(graded_edges(a, b))
    near, dnear = panels(graded_edges(0.0, reach, left=False))
    parts = [body, pole - near, pole + near]
    steps = [dbody, dnear, dnear]
    if end > pole + reach:
        late, dlate = panels(graded_edges(pole + reach, end, right=False))
        parts.append(late)
        steps.append(dlate)
    p = np.concatenate(parts)
    xi = -1j * np.sqrt((p - a) * (p + a))
    eta = np.sqrt(((b - p) * (b + p)).astype(np.complex128))
    eta = eta.real - 1j * eta.imag
    return Path(p * x, p.astype(np.complex128), xi, eta, np.concatenate(steps).astype(np.complex128))


def _pole_weights(medium: HalfSpace) -> tuple[Array, Array]:
    """Return the delta functions at the Rayleigh pole, Im[kernel dp] / pi.

    Im[1 / (p + i0 - p_R)] = -pi delta(p - p_R), with dR/dp at the pole.
    """
    p, a, b = medium.rayleigh, medium.a, medium.b
    xi, eta = np.sqrt(p**2 - a**2), np.sqrt(p**2 - b**2)
    m = b**2 - 2.0 * p**2
    slope = -8.0 * p * m - 8.0 * p * xi * eta
    slope -= 4.0 * p**3 * (eta / xi + xi / eta)
    cross = -p * (m + 2.0 * xi * eta) / (slope * medium.mu)
    return np.array([cross, 0.0]), np.array([0.0, -cross])


def _surface_velocity(
    t: ArrayLike, x: float, signature: TimeFunction, medium: HalfSpace, column: int
) -> Array:
    """Return the velocity on the surface at x > 0 for a unit force."""
    wanted = window(t, signature)
    path = _surface_path(medium, x, wanted.tmax, wanted.width)
    weights = np.imag(_kernels(path, medium)[column] * path.dp) / np.pi
    pole = _pole_weights(medium)[column]
    tau = np.append(path.tau, medium.rayleigh * x)
    weights = np.concatenate([weights, pole[:, None]], axis=1)
    return convolve(tau, weights, signature, t, 1)


def _buried_velocity(
    t: ArrayLike,
    x: float,
    depth: float,
    signature: TimeFunction,
    medium: HalfSpace,
    column: int,
) -> Array:
    """Return the velocity at depth and x >= 0 for a unit force on the surface."""
    wanted = window(t, signature)
    check_late(medium, float(np.hypot(x, depth)), wanted, LATEST_TWO_RAYS)
    rays = []
    for wave in ("P", "S"):
        path = single_leg(medium, wave, x, depth, wanted.tmax, wanted.width)
        p, xi, eta = path.p, path.xi, path.eta
        m = medium.b**2 - 2.0 * p**2
        if wave == "P":
            polar, scale = np.array([p, xi]), (m, 2.0 * p * eta)[column]
        else:
            polar, scale = np.array([eta, -p]), (-2.0 * p * xi, m)[column]
        rays.append((path, polar * scale / (medium.mu * path.rayleigh(medium))))
    return sum_rays(rays, signature, t)


def _velocity(
    t: ArrayLike,
    x: float,
    depth: float,
    signature: TimeFunction,
    medium: HalfSpace,
    column: int,
) -> Array:
    """Return the velocity for a unit vertical (0) or horizontal (1) force."""
    if depth < 0.0 or (depth == 0.0 and x == 0.0):
        raise ValueError("the receiver must lie in the half-space, off the source")
    if depth == 0.0:
        result = _surface_velocity(t, abs(x), signature, medium, column)
    else:
        result = _buried_velocity(t, abs(x), depth, signature, medium, column)
    if x < 0.0:
        result[column] *= -1.0
    return result


def vertical_force_velocity(
    t: ArrayLike,
    x: float,
    force: float,
    signature: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    depth: float = 0.0,
) -> Array:
    """Return the velocity due to a vertical line force on the surface.

    On the surface v = force / (pi x mu) Im[g(t / x + i0)] * signature', with
    g_x = p (m - 2 xi eta) / R and g_z = b^2 xi / R (see the module).

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    x : float
        Horizontal position of the receiver relative to the force in m, signed.
    force : float
        Force per length of the line in N/m, positive down.
    signature : callable
        Time function f(t) of the force, smooth and negligible for t < 0.
    vp, vs : float
        P and S velocity in m/s.
    rho : float
        Density in kg/m^3.
    depth : float
        Depth of the receiver in m; zero is the free surface.

    Returns
    -------
    ndarray, shape (2, nt)
        Horizontal and vertical (down) particle velocity in m/s.

    References
    ----------
    Lamb (1904), doi:10.1098/rsta.1904.0013; de Hoop (1960),
    doi:10.1007/BF02920068.
    """
    medium = half_space(vp, vs, rho)
    return force * _velocity(t, x, depth, signature, medium, 0)


def horizontal_force_velocity(
    t: ArrayLike,
    x: float,
    force: float,
    signature: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    depth: float = 0.0,
) -> Array:
    """Return the velocity due to a horizontal line force on the surface.

    On the surface v = force / (pi x mu) Im[g(t / x + i0)] * signature', with
    g_x = b^2 eta / R and g_z = -p (m - 2 xi eta) / R (see the module).

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    x : float
        Horizontal position of the receiver relative to the force in m, signed.
    force : float
        Force per length of the line in N/m, positive towards positive x.
    signature : callable
        Time function f(t) of the force, smooth and negligible for t < 0.
    vp, vs : float
        P and S velocity in m/s.
    rho : float
        Density in kg/m^3.
    depth : float
        Depth of the receiver in m; zero is the free surface.

    Returns
    -------
    ndarray, shape (2, nt)
        Horizontal and vertical (down) particle velocity in m/s.

    References
    ----------
    Lamb (1904), doi:10.1098/rsta.1904.0013; de Hoop (1960),
    doi:10.1007/BF02920068.
    """
    medium = half_space(vp, vs, rho)
    return force * _velocity(t, x, depth, signature, medium, 1)
