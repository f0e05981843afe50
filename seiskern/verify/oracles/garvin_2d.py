"""Buried line sources in a half-space: Garvin's explosion and a line force.

Same notation as lamb_2d: a = 1/vp, b = 1/vs, xi = sqrt(a^2 - p^2),
eta = sqrt(b^2 - p^2), m = b^2 - 2 p^2, R = m^2 + 4 p^2 xi eta.  A source at
depth h sends up P waves of polarisation (p, -xi) and S waves of polarisation
(eta, p); waves going down have (p, xi) and (eta, -p).  Amplitudes:

    explosion    P = M a^2 / (2 rho xi)
    force F      P = F.(p, -xi) / (2 rho xi),   S = F.(eta, p) / (2 rho eta)

The free surface returns, per unit wave going up,

    PP = (4 p^2 xi eta - m^2) / R     PS = 4 p xi m / R
    SP = 4 p eta m / R                SS = (m^2 - 4 p^2 xi eta) / R

and moves, with the wave going up included, as

    from P: (4 p xi eta, -2 xi m) b^2 / R     from S: (2 eta m, 4 p xi eta) b^2 / R

Each ray is brought to the time domain by Cagniard's method as modified by de
Hoop; converted rays are followed numerically.  Errors are below 1e-6 of the
peak velocity for a signature sampled eight times or more per shortest period.
With source and receiver both buried, the rays grow with time while their sum
decays: a force loses digits as (vs t / d)^6, d = hypot(x, source depth +
receiver depth), and still has 1e-4 at the limit of 100 that is enforced (an
explosion: at 300; a force seen at the surface, made of two rays: at 1000).

References
----------
Garvin, W. W. (1956). Exact transient solution of the buried line source
problem. Proceedings of the Royal Society A 234, 528-541.
doi:10.1098/rspa.1956.0053
de Hoop, A. T. (1960). Applied Scientific Research B 8, 349-356.
doi:10.1007/BF02920068
"""

import numpy as np
from numpy.typing import ArrayLike

from . import lamb_2d
from ._cagniard import LATEST_TWO_RAYS, Path, Window, check_late, converted_leg, single_leg, sum_rays, window
from ._half_space import HalfSpace, half_space
from ._quadrature import Array, ComplexArray, TimeFunction

__all__ = ["buried_force_velocity", "explosion_velocity"]

Rays = list[tuple[Path, ComplexArray]]

LATEST_FORCE = 100.0
LATEST_EXPLOSION = 300.0


def _check(x: float, source_depth: float, receiver_depth: float) -> None:
    """Raise ValueError unless source and receiver lie apart in the half-space."""
    if source_depth < 0.0 or receiver_depth < 0.0:
        raise ValueError("source and receiver must lie in the half-space")
    if x == 0.0 and source_depth == receiver_depth:
        raise ValueError("the receiver must lie off the source")


def _up_p(path: Path, force: tuple[float, float]) -> ComplexArray:
    """Return the amplitude of the P wave that a force sends up, times rho."""
    return (force[0] * path.p - force[1] * path.xi) / (2.0 * path.xi)


def _up_s(path: Path, force: tuple[float, float]) -> ComplexArray:
    """Return the amplitude of the S wave that a force sends up, times rho."""
    return (force[0] * path.eta + force[1] * path.p) / (2.0 * path.eta)


def _surface_motion(path: Path, medium: HalfSpace, wave: str) -> ComplexArray:
    """Return the motion of the free surface per unit wave going up."""
    p, xi, eta = path.p, path.xi, path.eta
    m = medium.b**2 - 2.0 * p**2
    cross = 4.0 * p * xi * eta
    pair = [cross, -2.0 * xi * m] if wave == "P" else [2.0 * eta * m, cross]
    return np.array(pair) * medium.b**2 / path.rayleigh(medium)


def _reflected(path: Path, medium: HalfSpace, kind: str) -> ComplexArray:
    """Return the reflected wave, with polarisation, per unit wave going up."""
    p, xi, eta = path.p, path.xi, path.eta
    m = medium.b**2 - 2.0 * p**2
    same = 4.0 * p**2 * xi * eta - m**2
    coefficient = {
        "PP": same,
        "PS": 4.0 * p * xi * m,
        "SP": 4.0 * p * eta * m,
        "SS": -same,
    }[kind]
    polar = np.array([p, xi]) if kind[1] == "P" else np.array([eta, -p])
    return polar * coefficient / path.rayleigh(medium)


def _explosion_rays(x: float, h: float, z: float, medium: HalfSpace, wanted: Window) -> Rays:
    """Return the rays of a unit explosion at depth h received at depth z."""
    span = wanted.tmax, wanted.width
    scale = medium.a**2 / (2.0 * medium.rho)
    up = single_leg(medium, "P", x, abs(z - h), *span)
    if z == 0.0:
        return [(up, scale / up.xi * _surface_motion(up, medium, "P"))]
    sign = 1.0 if z > h else -1.0
    direct = np.array([up.p, sign * up.xi]) * scale / up.xi
    pp = single_leg(medium, "P", x, z + h, *span)
    ps = converted_leg(medium, x, h, z, *span)
    return [
        (up, direct),
        (pp, scale / pp.xi * _reflected(pp, medium, "PP")),
        (ps, scale / ps.xi * _reflected(ps, medium, "PS")),
    ]


def _force_rays(
    x: float,
    h: float,
    z: float,
    force: tuple[float, float],
    medium: HalfSpace,
    wanted: Window,
) -> Rays:
    """Return the rays of a buried force at depth h received at depth z."""
    span = wanted.tmax, wanted.width
    rays: Rays = []
    if z == 0.0:
        p_up = single_leg(medium, "P", x, h, *span)
        s_up = single_leg(medium, "S", x, h, *span)
        rays.append((p_up, _up_p(p_up, force) * _surface_motion(p_up, medium, "P")))
        rays.append((s_up, _up_s(s_up, force) * _surface_motion(s_up, medium, "S")))
    else:
        sign = 1.0 if z > h else -1.0
        towards = (force[0], -sign * force[1])
        p_up = single_leg(medium, "P", x, abs(z - h), *span)
        s_up = single_leg(medium, "S", x, abs(z - h), *span, head=False)
        p_polar = np.array([p_up.p, sign * p_up.xi])
        s_polar = np.array([s_up.eta, -sign * s_up.p])
        rays.append((p_up, _up_p(p_up, towards) * p_polar))
        rays.append((s_up, _up_s(s_up, towards) * s_polar))
        for kind in ("PP", "PS", "SP", "SS"):
            if kind[0] == kind[1]:
                path = single_leg(medium, kind[0], x, z + h, *span)
            else:
                d_p, d_s = (h, z) if kind == "PS" else (z, h)
                path = converted_leg(medium, x, d_p, d_s, *span)
            amplitude = (_up_p if kind[0] == "P" else _up_s)(path, force)
            rays.append((path, amplitude * _reflected(path, medium, kind)))
    return [(path, kernel / medium.rho) for path, kernel in rays]


def explosion_velocity(
    t: ArrayLike,
    x: float,
    source_depth: float,
    moment: float,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    receiver_depth: float = 0.0,
) -> Array:
    """Return the velocity due to a buried isotropic line source (Garvin).

    On the surface v = moment a^2 b^2 / (pi rho) Im[g dp/dt] * rate', with
    g = (2 p eta, -m) / R and p = (x t + i h sqrt(t^2 - a^2 r^2)) / r^2.

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    x : float
        Horizontal position of the receiver relative to the source in m, signed.
    source_depth : float
        Depth h of the source in m, positive.
    moment : float
        Moment m of the tensor diag(m, m) per length of the line, in N (N m/m).
    rate : callable
        Normalised moment rate in 1/s (its integral is one for a total moment
        m), smooth and negligible for t < 0.
    vp, vs : float
        P and S velocity in m/s.
    rho : float
        Density in kg/m^3.
    receiver_depth : float
        Depth of the receiver in m; zero is the free surface.

    Returns
    -------
    ndarray, shape (2, nt)
        Horizontal and vertical (down) particle velocity in m/s.

    References
    ----------
    Garvin (1956), doi:10.1098/rspa.1956.0053; de Hoop (1960),
    doi:10.1007/BF02920068.
    """
    _check(x, source_depth, receiver_depth)
    if source_depth == 0.0:
        raise ValueError("an explosion on the free surface is not defined")
    medium = half_space(vp, vs, rho)
    wanted = window(t, rate)
    if receiver_depth > 0.0:
        distance = float(np.hypot(x, source_depth + receiver_depth))
        check_late(medium, distance, wanted, LATEST_EXPLOSION)
    rays = _explosion_rays(abs(x), source_depth, receiver_depth, medium, wanted)
    result = moment * sum_rays(rays, rate, t)
    if x < 0.0:
        result[0] *= -1.0
    return result


def buried_force_velocity(
    t: ArrayLike,
    x: float,
    source_depth: float,
    force: tuple[float, float],
    signature: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    receiver_depth: float = 0.0,
) -> Array:
    """Return the velocity due to a buried line force.

    v = sum over rays of Im[kernel dp/dt] / pi * signature', the rays being the
    direct P and S, PP, PS, SP and SS, with the head wave of S where there is one.

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    x : float
        Horizontal position of the receiver relative to the force in m, signed.
    source_depth : float
        Depth of the force in m; zero is the free surface.
    force : tuple of float
        Horizontal and vertical (down) force per length of the line in N/m.
    signature : callable
        Time function f(t) of the force, smooth and negligible for t < 0.
    vp, vs : float
        P and S velocity in m/s.
    rho : float
        Density in kg/m^3.
    receiver_depth : float
        Depth of the receiver in m; zero is the free surface.

    Returns
    -------
    ndarray, shape (2, nt)
        Horizontal and vertical (down) particle velocity in m/s.

    References
    ----------
    de Hoop (1960), doi:10.1007/BF02920068; Lamb (1904),
    doi:10.1098/rsta.1904.0013.
    """
    _check(x, source_depth, receiver_depth)
    h, z = source_depth, receiver_depth
    if h == 0.0:
        across = lamb_2d.horizontal_force_velocity(t, x, force[0], signature, vp, vs, rho, z)
        return across + lamb_2d.vertical_force_velocity(t, x, force[1], signature, vp, vs, rho, z)
    medium, wanted = half_space(vp, vs, rho), window(t, signature)
    check_late(medium, float(np.hypot(x, h + z)), wanted, LATEST_FORCE if z > 0.0 else LATEST_TWO_RAYS)
    side = -1.0 if x < 0.0 else 1.0
    towards = (side * force[0], force[1])
    rays = _force_rays(abs(x), h, z, towards, medium, wanted)
    result = sum_rays(rays, signature, t)
    result[0] *= side
    return result
