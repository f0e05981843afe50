r"""Point sources in an unbounded homogeneous isotropic elastic solid.

The fields hold the near, intermediate and far terms of Aki & Richards (2002),
equations 4.23 (point force) and 4.29 (moment tensor). They are evaluated
through the radial derivatives of the Green's tensor, which gives the same
terms and extends to strain. Only the near term needs quadrature.

Axes: x East, y North, z down. Units: SI. Source time functions are vectorised
callables, smooth and zero or negligible before ``start`` (t = 0).

References
----------
Aki, K. & Richards, P. G. (2002). Quantitative Seismology, 2nd ed. University
Science Books. ISBN 978-0-935702-96-5.
"""

import numpy as np
from numpy.typing import ArrayLike

from ._history import (
    Array,
    TimeFunction,
    antiderivative,
    as_times,
    derivative,
    difference_step,
    even_edges,
    history_integral,
)
from ._radial import Radial, check_force, check_medium, check_moment, check_offset


def _near(f: TimeFunction, t: Array, delays: tuple[float, float], power: int, step: float) -> Array:
    """Return the integral of tau^power f(t - tau) between the two delays."""
    integrals = history_integral(
        f,
        t,
        even_edges(delays[0], delays[1], step),
        lambda tau: tau,
        lambda tau: np.asarray((tau**power)[None, :]),
        step,
    )
    return np.asarray(integrals[0])


def _scalars(source: list[Array], speed: float, distance: float) -> list[Array]:
    """Return A, DA, D^2 A of A = X(t - r/c) / (4 pi c^2 r).

    ``source`` holds X and its time derivatives at the retarded time, as many
    as the derivatives of A wanted.
    """
    r, c = distance, speed
    out = [source[0] / r]
    if len(source) > 1:
        out.append(-source[0] / r**3 - source[1] / (c * r**2))
    if len(source) > 2:
        far = source[2] / (c**2 * r**3) + 3.0 * source[1] / (c * r**4)
        out.append(far + 3.0 * source[0] / r**5)
    return [term / (4.0 * np.pi * c**2) for term in out]


def _history_of_moment(rate: TimeFunction, retarded: Array, start: float, step: float) -> list[Array]:
    """Return the integral of the rate from start, the rate, and its derivative."""
    moved = antiderivative(rate, retarded, start, step)
    return [moved, rate(retarded), derivative(rate, step)(retarded)]


def _force_radial(
    t: Array,
    x: Array,
    signature: TimeFunction,
    medium: tuple[float, float, float],
    step: float,
    rated: bool,
) -> Radial:
    """Return the radial parts for X = signature, or its derivative if rated."""
    vp, vs, rho = medium
    check_medium(vp, vs, rho)
    r = float(np.sqrt(x @ x))
    a, b = r / vp, r / vs
    if rated:
        slope = derivative(signature, step)
        sources = slope(t - a), slope(t - b)
        near = a * signature(t - a) - b * signature(t - b)
        near = near + _near(signature, t, (a, b), 0, step)
    else:
        sources = signature(t - a), signature(t - b)
        near = _near(signature, t, (a, b), 1, step)
    return Radial(
        x,
        rho,
        _scalars([sources[0]], vp, r),
        _scalars([sources[1]], vs, r),
        -near / (4.0 * np.pi * r**3),
    )


def force_displacement(
    t: ArrayLike,
    offset: ArrayLike,
    force: ArrayLike,
    signature: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
) -> Array:
    r"""Return the displacement of a point force in a full space.

    u_n = F_p [ (3 g_n g_p - d_np) / r^3 * I
    + g_n g_p f(t - r/vp) / (vp^2 r) - (g_n g_p - d_np) f(t - r/vs) / (vs^2 r) ]
    / (4 pi rho), with g = offset / r and I the integral of tau f(t - tau) from
    r/vp to r/vs (Aki & Richards, 2002, eq. 4.23).

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (3,)
        Receiver minus source (dx, dy, dz), m.
    force : array_like, shape (3,)
        Force vector, N.
    signature : callable
        Time function f(t) that multiplies the force.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Time f is smooth on, s; a quarter of the spacing of t by default.

    Returns
    -------
    ndarray, shape (3, nt)
        Displacement, m.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eq. 4.23.
    """
    times, x = as_times(t), check_offset(offset, 3)
    h = difference_step(times, step)
    radial = _force_radial(times, x, signature, (vp, vs, rho), h, rated=False)
    return radial.force_field(check_force(force, 3))


def force_velocity(
    t: ArrayLike,
    offset: ArrayLike,
    force: ArrayLike,
    signature: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
) -> Array:
    r"""Return the particle velocity of a point force in a full space.

    Time derivative of ``force_displacement``: f becomes df/dt, by the
    tenth-order central difference; the near term is integrated by parts, so
    that it holds f alone.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (3,)
        Receiver minus source (dx, dy, dz), m.
    force : array_like, shape (3,)
        Force vector, N.
    signature : callable
        Time function f(t) that multiplies the force.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Step of the difference, s; a quarter of the spacing of t by default.

    Returns
    -------
    ndarray, shape (3, nt)
        Velocity, m/s.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eq. 4.23.
    """
    times, x = as_times(t), check_offset(offset, 3)
    h = difference_step(times, step)
    radial = _force_radial(times, x, signature, (vp, vs, rho), h, rated=True)
    return radial.force_field(check_force(force, 3))


def moment_tensor_velocity(
    t: ArrayLike,
    offset: ArrayLike,
    moment: ArrayLike,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
) -> Array:
    r"""Return the particle velocity of a point moment tensor in a full space.

    Aki & Richards (2002), eq. 4.29, with M_pq(t) replaced by moment * rate:
    v_n = M_pq [ (15 ggg - 3 g_n d_pq - 3 g_p d_nq - 3 g_q d_np) I / r^4
    + (6 ggg - g_n d_pq - g_p d_nq - g_q d_np) s(t - r/vp) / (vp^2 r^2)
    - (6 ggg - g_n d_pq - g_p d_nq - 2 g_q d_np) s(t - r/vs) / (vs^2 r^2)
    + ggg s'(t - r/vp) / (vp^3 r) - (ggg - d_np g_q) s'(t - r/vs) / (vs^3 r) ]
    / (4 pi rho), with ggg = g_n g_p g_q, g = offset / r and I the integral of
    tau s(t - tau) from r/vp to r/vs.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (3,)
        Receiver minus source (dx, dy, dz), m.
    moment : array_like, shape (3, 3)
        Symmetric moment tensor in (x, y, z), N m.
    rate : callable
        Moment-rate function s(t) of unit integral, 1/s.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Step of the difference, s; a quarter of the spacing of t by default.

    Returns
    -------
    ndarray, shape (3, nt)
        Velocity, m/s.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eq. 4.29.
    """
    times, x = as_times(t), check_offset(offset, 3)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    a, b = r / vp, r / vs
    slope = derivative(rate, h)
    radial = Radial(
        x,
        rho,
        _scalars([rate(times - a), slope(times - a)], vp, r),
        _scalars([rate(times - b), slope(times - b)], vs, r),
        -_near(rate, times, (a, b), 1, h) / (4.0 * np.pi * r**3),
    )
    return radial.moment_field(check_moment(moment, 3))


def moment_tensor_strain(
    t: ArrayLike,
    offset: ArrayLike,
    moment: ArrayLike,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
    start: float = 0.0,
) -> Array:
    r"""Return the strain of a point moment tensor in a full space.

    e_nm = (d_m u_n + d_n u_m) / 2 with u_n = -M_pq d_q G_np * S and S the
    integral of the rate from ``start``; the spatial derivatives are analytic.
    The near term, the integral of tau S(t - tau), is integrated by parts.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (3,)
        Receiver minus source (dx, dy, dz), m.
    moment : array_like, shape (3, 3)
        Symmetric moment tensor in (x, y, z), N m.
    rate : callable
        Moment-rate function s(t) of unit integral, 1/s.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Step of the difference, s; a quarter of the spacing of t by default.
    start : float, optional
        Time before which the rate is negligible, s.

    Returns
    -------
    ndarray, shape (3, 3, nt)
        Strain, away from the source.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eqs 4.23 and 4.29.
    """
    times, x = as_times(t), check_offset(offset, 3)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    near = 0.5 * _near(rate, times, (r / vp, r / vs), 2, h)
    scalars = []
    for speed, sign in ((vp, -1.0), (vs, 1.0)):
        history = _history_of_moment(rate, times - r / speed, start, h)
        near += sign * 0.5 * (r / speed) ** 2 * history[0]
        scalars.append(_scalars(history, speed, r))
    radial = Radial(x, rho, scalars[0], scalars[1], -near / (4.0 * np.pi * r**3))
    gradient = radial.moment_gradient(check_moment(moment, 3))
    return np.asarray(0.5 * (gradient + gradient.swapaxes(0, 1)))


def moment_tensor_pressure(
    t: ArrayLike,
    offset: ArrayLike,
    moment: ArrayLike,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
    start: float = 0.0,
) -> Array:
    r"""Return the pressure of a point moment tensor in a full space.

    p = -(s_xx + s_yy + s_zz) / 3 = -kappa div u, with kappa = rho (vp^2 -
    4 vs^2 / 3) and div u = -M_pq d_p d_q [S(t - r/vp) / (4 pi rho vp^2 r)],
    the divergence of eq. 4.29; S is the integral of the rate from ``start``.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (3,)
        Receiver minus source (dx, dy, dz), m.
    moment : array_like, shape (3, 3)
        Symmetric moment tensor in (x, y, z), N m.
    rate : callable
        Moment-rate function s(t) of unit integral, 1/s.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Step of the difference, s; a quarter of the spacing of t by default.
    start : float, optional
        Time before which the rate is negligible, s.

    Returns
    -------
    ndarray, shape (nt,)
        Pressure, Pa, positive in compression, away from the source.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eq. 4.29.
    """
    times, x = as_times(t), check_offset(offset, 3)
    check_medium(vp, vs, rho)
    m = check_moment(moment, 3)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    history = _history_of_moment(rate, times - r / vp, start, h)
    scalars = _scalars(history, vp, r)
    bulk = rho * (vp**2 - 4.0 * vs**2 / 3.0)
    double = np.trace(m) * scalars[1] + float(x @ m @ x) * scalars[2]
    return np.asarray(bulk * double / rho)
