r"""Line sources in plane strain in an unbounded homogeneous isotropic solid.

Every field is a history integral over the two-dimensional Green's function
H(t - r/c) / (2 pi sqrt(t^2 - r^2/c^2)) of Eason, Fulton & Sneddon (1956). The
substitution tau = (r/c) cosh(theta) removes its square-root singularity:

    <k, X>_c = 1/(2 pi c^2) * integral_0^inf k(theta) X(t - (r/c) cosh theta).

With X the source history, A_c = <1, X>, the radial derivative of the double
time integral psi_c is psi_c' / r = -<sinh^2, X>, and A_c' = -<cosh, dX/dt> / c.

Axes: x East, z down, nothing depends on y. Units: SI, sources per metre of
line. Source time functions are vectorised callables, smooth and zero or
negligible before ``start`` (t = 0).

References
----------
Eason, G., Fulton, J. & Sneddon, I. N. (1956). The generation of waves in an
infinite elastic solid by variable body forces. Philosophical Transactions of
the Royal Society A 248, 575-607. doi:10.1098/rsta.1956.0010.
Kausel, E. (2006). Fundamental Solutions in Elastodynamics. Cambridge
University Press. doi:10.1017/CBO9780511546112.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ._history import (
    Array,
    TimeFunction,
    as_times,
    derivative,
    difference_step,
    even_edges,
    history_integral,
)
from ._radial import Radial, check_force, check_medium, check_moment, check_offset

_WIDEST_PANEL = 0.5


def _one(theta: Array) -> Array:
    """Return the kernel 1."""
    return np.ones_like(theta)


def _sinh_squared(theta: Array) -> Array:
    """Return the kernel sinh^2."""
    return np.asarray(np.sinh(theta) ** 2)


def _line_integrals(
    f: TimeFunction,
    t: Array,
    delay: float,
    kernels: tuple[Callable[[Array], Array], ...],
    step: float,
    start: float,
) -> Array:
    """Return the integrals of k(theta) f(t - delay cosh theta), shape (nk, nt).

    Panels end where the argument of f falls below ``start`` for every t; they
    are at most 32 steps of time and 0.5 of theta wide before refinement.
    """
    latest = float(t.max()) - start
    if latest <= delay:
        return np.zeros((len(kernels), t.size))
    by_time = np.arccosh(np.maximum(even_edges(delay, latest, step) / delay, 1.0))
    end = float(by_time[-1])
    by_angle = np.linspace(0.0, end, int(np.ceil(end / _WIDEST_PANEL)) + 1)
    return history_integral(
        f,
        t,
        np.unique(np.concatenate([by_time, by_angle])),
        lambda theta: np.asarray(delay * np.cosh(theta)),
        lambda theta: np.stack([kernel(theta) for kernel in kernels]),
        step,
    )


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
    start: float = 0.0,
) -> Array:
    r"""Return the particle velocity of a line force in plane strain.

    v_n = F_p [d_np A_s + d_n d_p (psi_p - psi_s)] / rho with X = df/dt (see
    the module), the line integral of the three-dimensional solution.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (2,)
        Receiver minus source (dx, dz), m.
    force : array_like, shape (2,)
        Force per metre of line (fx, fz), N/m.
    signature : callable
        Time function f(t) that multiplies the force.
    vp, vs, rho : float
        Speeds, m/s, and density, kg/m^3.
    step : float, optional
        Step of the difference, s; a quarter of the spacing of t by default.
    start : float, optional
        Time before which the signature is negligible, s.

    Returns
    -------
    ndarray, shape (2, nt)
        Velocity (vx, vz), m/s.

    References
    ----------
    Eason, Fulton & Sneddon (1956), doi:10.1098/rsta.1956.0010.
    """
    times, x = as_times(t), check_offset(offset, 2)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    slope = derivative(signature, h)
    scalars, radials = [], []
    for c in (vp, vs):
        parts = _line_integrals(slope, times, r / c, (_one, _sinh_squared), h, start)
        parts /= 2.0 * np.pi * c**2
        scalars.append([parts[0]])
        radials.append(-parts[1])
    radial = Radial(x, rho, scalars[0], scalars[1], radials[0] - radials[1])
    return radial.force_field(check_force(force, 2))


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
    start: float = 0.0,
) -> Array:
    r"""Return the particle velocity of a line moment tensor in plane strain.

    v_n = -M_pq d_q [d_np A_s + d_n d_p (psi_p - psi_s)] / rho with X = s(t)
    (see the module).

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (2,)
        Receiver minus source (dx, dz), m.
    moment : array_like, shape (2, 2)
        Symmetric moment tensor in (x, z) per metre of line, N m/m.
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
    ndarray, shape (2, nt)
        Velocity (vx, vz), m/s.

    References
    ----------
    Eason, Fulton & Sneddon (1956), doi:10.1098/rsta.1956.0010.
    """
    times, x = as_times(t), check_offset(offset, 2)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    slope = derivative(rate, h)
    scalars, radials = [], []
    for c in (vp, vs):
        delay, scale = r / c, 1.0 / (2.0 * np.pi * c**2)
        parts = _line_integrals(rate, times, delay, (_one, _sinh_squared), h, start)
        far = _line_integrals(slope, times, delay, (np.cosh,), h, start)[0]
        scalars.append([scale * parts[0], -scale * far / (c * r)])
        radials.append(-scale * parts[1])
    radial = Radial(x, rho, scalars[0], scalars[1], radials[0] - radials[1])
    return radial.moment_field(check_moment(moment, 2))


def explosion_velocity(
    t: ArrayLike,
    offset: ArrayLike,
    moment: float,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
    start: float = 0.0,
) -> Array:
    r"""Return the particle velocity of an isotropic line source.

    v = M g / (2 pi rho vp^3) * integral_0^inf cosh(theta)
    s'(t - (r/vp) cosh theta) dtheta, with g = offset / r, for the moment
    tensor diag(M, M) in (x, z); vs does not enter but to check the medium.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (2,)
        Receiver minus source (dx, dz), m.
    moment : float
        Moment per metre of line M, N m/m.
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
    ndarray, shape (2, nt)
        Velocity (vx, vz), m/s.

    References
    ----------
    Eason, Fulton & Sneddon (1956), doi:10.1098/rsta.1956.0010.
    """
    times, x = as_times(t), check_offset(offset, 2)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    slope = derivative(rate, h)
    far = _line_integrals(slope, times, r / vp, (np.cosh,), h, start)[0]
    scale = float(moment) / (2.0 * np.pi * rho * vp**3)
    return np.asarray(np.multiply.outer(scale * x / r, far))


def explosion_pressure(
    t: ArrayLike,
    offset: ArrayLike,
    moment: float,
    rate: TimeFunction,
    vp: float,
    vs: float,
    rho: float,
    *,
    step: float | None = None,
    start: float = 0.0,
) -> Array:
    r"""Return the in-plane pressure of an isotropic line source.

    p = -(s_xx + s_zz) / 2 = -(lambda + mu) div u = M (vp^2 - vs^2) /
    (2 pi vp^4) * integral_0^inf s'(t - (r/vp) cosh theta) dtheta, away from
    the source. s_yy is left out: this is not the three-dimensional pressure.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    offset : array_like, shape (2,)
        Receiver minus source (dx, dz), m.
    moment : float
        Moment per metre of line M, N m/m.
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
        Pressure, Pa, positive in compression.

    References
    ----------
    Eason, Fulton & Sneddon (1956), doi:10.1098/rsta.1956.0010.
    """
    times, x = as_times(t), check_offset(offset, 2)
    check_medium(vp, vs, rho)
    h, r = difference_step(times, step), float(np.sqrt(x @ x))
    slope = derivative(rate, h)
    wake = _line_integrals(slope, times, r / vp, (_one,), h, start)[0]
    scale = float(moment) * (vp**2 - vs**2) / (2.0 * np.pi * vp**4)
    return np.asarray(scale * wake)
