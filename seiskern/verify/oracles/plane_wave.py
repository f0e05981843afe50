r"""Plane waves at a plane interface, at a free surface, and in two layers.

Axes: x horizontal along propagation, z down. A wave is a displacement
A d exp(i w (p x + q z - t)) with ray parameter p >= 0, vertical slowness
q = +cos / c when it goes down and -cos / c when it goes up, and unit
polarisation d = (d_x, d_z), with i and j the angles of P and SV from z:

    P down (sin i, cos i)     P up (sin i, -cos i)
    S down (cos j, -sin j)    S up (cos j, sin j)

so P moves along its propagation and SV has d_x > 0, the convention of Aki &
Richards (2002), section 5.2. Coefficients are ratios of displacement (or
velocity) amplitudes A; they are real below every critical angle.

References
----------
Aki, K. & Richards, P. G. (2002). Quantitative Seismology, 2nd ed. University
Science Books. ISBN 978-0-935702-96-5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TimeFunction = Callable[[Array], Array]
WaveType = Literal["P", "S"]


@dataclass(frozen=True)
class Medium:
    """Homogeneous half-space on one side of an interface.

    Parameters
    ----------
    vp, vs : float
        Speeds, m/s; vs = 0 is a fluid.
    rho : float
        Density, kg/m^3.
    """

    vp: float
    vs: float
    rho: float

    def __post_init__(self) -> None:
        """Refuse a medium whose bulk modulus is not positive."""
        stable = 3.0 * self.vp**2 > 4.0 * self.vs**2
        if not (self.rho > 0.0 and self.vs >= 0.0 and stable):
            raise ValueError(f"not a stable medium: {self}")


@dataclass(frozen=True)
class Scattering:
    """Displacement amplitudes for a unit incident amplitude.

    Parameters
    ----------
    reflected_p, reflected_s, transmitted_p, transmitted_s : float
        Coefficients in the polarisation convention of the module; 0 for a
        wave that does not exist (S in a fluid, transmission at a free surface).
    """

    reflected_p: float
    reflected_s: float
    transmitted_p: float
    transmitted_s: float


def vertical_slowness(speed: float, ray_parameter: float) -> float:
    """Return sqrt(1 / speed^2 - p^2), refusing a ray parameter at or past critical.

    Parameters
    ----------
    speed : float
        Wave speed, m/s.
    ray_parameter : float
        Horizontal slowness p, s/m.

    Returns
    -------
    float
        Vertical slowness, s/m.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, section 5.2.
    """
    if not 0.0 <= ray_parameter * speed < 1.0:
        raise ValueError(f"p = {ray_parameter} s/m is not below 1/{speed} m/s")
    sine = ray_parameter * speed
    return float(np.sqrt((1.0 - sine) * (1.0 + sine))) / speed


def boundary_vector(medium: Medium, wave: WaveType, down: bool, ray_parameter: float) -> Array:
    """Return the displacement and traction at z = 0 of a unit plane wave.

    Traction on a plane of constant z over i w: s_xz = mu (q d_x + p d_z),
    s_zz = lambda p d_x + (lambda + 2 mu) q d_z.

    Parameters
    ----------
    medium : Medium
        Medium of the wave.
    wave : {"P", "S"}
        Wave type.
    down : bool
        Whether the wave goes down.
    ray_parameter : float
        Horizontal slowness p, s/m.

    Returns
    -------
    ndarray, shape (4,)
        (u_x, u_z, s_xz, s_zz), the displacement without unit, the stress in
        Pa s/m.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, section 5.2.
    """
    speed = medium.vp if wave == "P" else medium.vs
    q = vertical_slowness(speed, ray_parameter) * (1.0 if down else -1.0)
    sine, cosine = ray_parameter * speed, q * speed
    dx, dz = (sine, cosine) if wave == "P" else (abs(cosine), -sine)
    if wave == "S" and not down:
        dz = sine
    mu = medium.rho * medium.vs**2
    lam = medium.rho * medium.vp**2 - 2.0 * mu
    shear = mu * (q * dx + ray_parameter * dz)
    normal = lam * ray_parameter * dx + (lam + 2.0 * mu) * q * dz
    return np.array([dx, dz, shear, normal])


def _conditions(above: Medium, below: Medium) -> tuple[Array, Array]:
    """Return the row selectors of the boundary conditions for each side.

    Row k says rows_above[k] . (vector above) = rows_below[k] . (vector below).
    """
    eye, none = np.eye(4), np.zeros(4)
    pairs = [(eye[1], eye[1]), (eye[3], eye[3])]
    if above.vs > 0.0 and below.vs > 0.0:
        pairs += [(eye[0], eye[0]), (eye[2], eye[2])]
    elif above.vs > 0.0:
        pairs += [(eye[2], none)]
    elif below.vs > 0.0:
        pairs += [(none, eye[2])]
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def _incident_exists(medium: Medium, incident: WaveType) -> None:
    """Refuse an unknown wave type, or S in a fluid."""
    if incident not in ("P", "S"):
        raise ValueError(f"incident must be 'P' or 'S', got {incident!r}")
    if incident == "S" and medium.vs == 0.0:
        raise ValueError("a fluid carries no S wave")


def interface_coefficients(
    ray_parameter: float, above: Medium, below: Medium, incident: WaveType = "P"
) -> Scattering:
    r"""Return the reflection and transmission coefficients of an interface.

    Solves the linear system of continuity for a wave that comes down on z = 0:
    displacement and traction at a welded solid-solid contact; u_z, s_zz and
    zero s_xz where one side is a fluid (vs = 0); u_z and s_zz between fluids.
    Unknowns are P and S going up above and going down below.

    Parameters
    ----------
    ray_parameter : float
        Horizontal slowness p, s/m, below 1 / c of every wave present.
    above, below : Medium
        Media of the incident and of the transmitted waves.
    incident : {"P", "S"}
        Type of the incident wave.

    Returns
    -------
    Scattering
        Displacement amplitudes in the convention of the module.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eqs 5.33-5.40.
    """
    _incident_exists(above, incident)
    waves: tuple[WaveType, ...] = ("P", "S")
    up = [w for w in waves if w == "P" or above.vs > 0.0]
    down = [w for w in waves if w == "P" or below.vs > 0.0]
    rows_above, rows_below = _conditions(above, below)
    columns = [rows_above @ boundary_vector(above, w, False, ray_parameter) for w in up]
    columns += [-rows_below @ boundary_vector(below, w, True, ray_parameter) for w in down]
    source = rows_above @ boundary_vector(above, incident, True, ray_parameter)
    matrix = np.array(columns).T
    scale = np.abs(matrix).max(axis=1)
    found = np.linalg.solve(matrix / scale[:, None], -source / scale)
    reflected = dict(zip(up, found[: len(up)], strict=True))
    transmitted = dict(zip(down, found[len(up) :], strict=True))
    return Scattering(
        float(reflected["P"]),
        float(reflected.get("S", 0.0)),
        float(transmitted["P"]),
        float(transmitted.get("S", 0.0)),
    )


def free_surface_coefficients(ray_parameter: float, medium: Medium, incident: WaveType = "P") -> Scattering:
    r"""Return the reflection coefficients of a wave that comes up on z = 0.

    With a = 1/vs^2 - 2 p^2, b = 4 p^2 q_p q_s and D = a^2 + b:
    PP = (b - a^2) / D, PS = 4 (vp/vs) p q_p a / D,
    SP = 4 (vs/vp) p q_s a / D, SS = (a^2 - b) / D.
    In a fluid PP = -1.

    Parameters
    ----------
    ray_parameter : float
        Horizontal slowness p, s/m, below 1 / vp.
    medium : Medium
        Medium below the surface.
    incident : {"P", "S"}
        Type of the incident wave.

    Returns
    -------
    Scattering
        Displacement amplitudes in the convention of the module; the
        transmitted ones are 0.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eqs 5.27-5.32.
    """
    _incident_exists(medium, incident)
    p, vp, vs = ray_parameter, medium.vp, medium.vs
    q_p = vertical_slowness(vp, p)
    if vs == 0.0:
        return Scattering(-1.0, 0.0, 0.0, 0.0)
    q_s = vertical_slowness(vs, p)
    a, b = 1.0 / vs**2 - 2.0 * p**2, 4.0 * p**2 * q_p * q_s
    total = a**2 + b
    if incident == "P":
        converted = 4.0 * (vp / vs) * p * q_p * a / total
        return Scattering((b - a**2) / total, converted, 0.0, 0.0)
    converted = 4.0 * (vs / vp) * p * q_s * a / total
    return Scattering(converted, (a**2 - b) / total, 0.0, 0.0)


def layered_normal_incidence(
    t: ArrayLike,
    depths: ArrayLike,
    speeds: tuple[float, float],
    densities: tuple[float, float],
    incident: TimeFunction,
    interface: float,
    *,
    start: float = 0.0,
    surface: float | None = None,
) -> Array:
    r"""Return the velocity of a plane wave going down across an interface.

    Above: f(t - (z - start)/c1) + R f(t - (2 z_i - z - start)/c1); below:
    T f(t - (z_i - start)/c1 - (z - z_i)/c2), with Z = rho c, R = (Z1 - Z2)/(Z1 + Z2)
    and T = 2 Z1/(Z1 + Z2), for velocity along a fixed axis (v_z for P, v_x for S).
    With a free ``surface`` at z_s each round trip in the upper layer adds the
    same terms times R, delayed by 2 (z_i - z_s)/c1.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Times, s.
    depths : array_like, shape (nz,)
        Depths z, m, none above the surface.
    speeds, densities : tuple of two floats
        P or S speeds, m/s, and densities, kg/m^3, above and below.
    incident : callable
        Velocity f(t) of the incident wave at depth ``start``, zero for t < 0.
    interface : float
        Depth z_i of the interface, m.
    start : float, optional
        Depth that the incident wave reaches at t = 0, m.
    surface : float, optional
        Depth z_s of a free surface, m; none by default.

    Returns
    -------
    ndarray, shape (nz, nt)
        Velocity, in the unit of f.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, eq. 5.40 at p = 0.
    """
    times, z = np.asarray(t, dtype=np.float64)[None, :], np.asarray(depths, dtype=np.float64)[:, None]
    _check_layers(z, start, interface, surface)
    (c1, c2), (rho1, rho2) = speeds, densities
    reflected = (rho1 * c1 - rho2 * c2) / (rho1 * c1 + rho2 * c2)
    transmitted = 1.0 + reflected
    down = times - (z - start) / c1
    up = times - (2.0 * interface - z - start) / c1
    through = times - (interface - start) / c1 - (z - interface) / c2
    field = np.zeros((z.size, times.size))
    for n, lag in enumerate(_round_trips(float(times.max()), interface, surface, c1)):
        upper = incident(down - lag) + reflected * incident(up - lag)
        lower = transmitted * incident(through - lag)
        field += reflected**n * np.where(z < interface, upper, lower)
    return field


@dataclass(frozen=True)
class ObliqueIncidence:
    r"""A plane wave that comes down on an interface at an angle, with all it makes.

    Parameters
    ----------
    above, below : Medium
        Media on either side.
    interface : float
        Depth z_i, m.
    incident : {"P", "S"}
        Type of the wave.
    ray_parameter : float
        Horizontal slowness p, s/m, below 1 / c of every wave present.
    pulse : callable
        Velocity f(t) of the incident wave along its polarisation at x = 0, z = ``start``.
    start : float
        Depth, m.

    References
    ----------
    Aki & Richards (2002), ISBN 978-0-935702-96-5, section 5.2.
    """

    above: Medium
    below: Medium
    interface: float
    incident: WaveType
    ray_parameter: float
    pulse: TimeFunction
    start: float

    def velocity(self, t: ArrayLike, x: float, z: float) -> tuple[Array, Array]:
        """Return the incident wave at (x, z), zero below the interface, and all others.

        Parameters
        ----------
        t : array_like, shape (nt,)
            Times, s.
        x, z : float
            Place, m.

        Returns
        -------
        tuple of ndarray, shape (2, nt)
            (v_x, v_z) of the incident and of the scattered waves.
        """
        p, shallow = self.ray_parameter, z < self.interface
        found = interface_coefficients(p, self.above, self.below, self.incident)
        down = self._slowness(self.above, self.incident)
        local = np.asarray(t, dtype=np.float64) - p * x
        arrival = down * (self.interface - self.start)
        side = self.above if shallow else self.below
        amplitudes = {"P": found.reflected_p, "S": found.reflected_s}
        if not shallow:
            amplitudes = {"P": found.transmitted_p, "S": found.transmitted_s}
        scattered = np.zeros((2, local.size))
        waves: tuple[WaveType, ...] = ("P", "S")
        for wave in waves:
            if wave == "P" or side.vs > 0.0:
                delay = arrival + self._slowness(side, wave) * abs(self.interface - z)
                direction = boundary_vector(side, wave, not shallow, p)[:2]
                scattered += amplitudes[wave] * direction[:, None] * self.pulse(local - delay)
        direction = boundary_vector(self.above, self.incident, True, p)[:2]
        arriving = direction[:, None] * self.pulse(local - down * (z - self.start))
        return (arriving if shallow else np.zeros_like(arriving)), scattered

    def _slowness(self, medium: Medium, wave: WaveType) -> float:
        return vertical_slowness(medium.vp if wave == "P" else medium.vs, self.ray_parameter)


def _round_trips(latest: float, interface: float, surface: float | None, speed: float) -> list[float]:
    """Return the delays of the round trips in the layer up to the latest time."""
    if surface is None:
        return [0.0]
    trip = 2.0 * (interface - surface) / speed
    return [n * trip for n in range(1 + max(0, int(np.ceil(latest / trip))))]


def _check_layers(z: Array, start: float, interface: float, surface: float | None) -> None:
    """Refuse a start below the interface, or depths above the surface."""
    if start > interface:
        raise ValueError("the incident wave must start above the interface")
    if surface is not None and not (surface < interface and z.min() >= surface):
        raise ValueError("depths and interface must lie below the surface")
