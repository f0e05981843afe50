"""Properties of a homogeneous elastic half-space and its Rayleigh wave."""

from dataclasses import dataclass

import numpy as np

from ._quadrature import ComplexArray


@dataclass(frozen=True)
class HalfSpace:
    """Slownesses and density of a homogeneous elastic half-space.

    Attributes
    ----------
    a, b : float
        P and S slowness in s/m.
    rho : float
        Density in kg/m^3.
    rayleigh : float
        Slowness of the Rayleigh wave in s/m.
    """

    a: float
    b: float
    rho: float
    rayleigh: float

    @property
    def mu(self) -> float:
        """Shear modulus in Pa."""
        return self.rho / self.b**2


def half_space(vp: float, vs: float, rho: float) -> HalfSpace:
    """Return the half-space of given velocities and density.

    Parameters
    ----------
    vp, vs : float
        P and S velocity in m/s, vp / vs above sqrt(4 / 3).
    rho : float
        Density in kg/m^3.

    Returns
    -------
    HalfSpace
        Its slownesses, with that of the Rayleigh wave.

    Raises
    ------
    ValueError
        If no elastic solid has these properties.
    """
    if not (rho > 0.0 and vs > 0.0 and 3.0 * vp**2 > 4.0 * vs**2):
        raise ValueError("need rho > 0, vs > 0 and vp > sqrt(4/3) vs")
    return HalfSpace(1.0 / vp, 1.0 / vs, rho, 1.0 / rayleigh_speed(vp, vs))


def rayleigh_cubic_roots(ratio: float) -> ComplexArray:
    """Return the roots X = (p / b)^2 of the rationalised Rayleigh function.

    (1 - 2X)^4 = 16 X^2 (X - k)(X - 1) with k = (vs / vp)^2, a cubic because the
    fourth powers cancel: -16 (1 - k) X^3 + (24 - 16 k) X^2 - 8 X + 1 = 0.

    Parameters
    ----------
    ratio : float
        Velocity ratio vp / vs.

    Returns
    -------
    ndarray of complex, shape (3,)
        The roots; the last is the Rayleigh root, real and above one.
    """
    k = ratio**-2
    roots = np.roots([-16.0 * (1.0 - k), 24.0 - 16.0 * k, -8.0, 1.0])
    roots = roots.astype(np.complex128)
    return roots[np.argsort(np.where(roots.real > 1.0, 1.0, 0.0), kind="stable")]


def rayleigh_speed(vp: float, vs: float) -> float:
    """Return the velocity of the Rayleigh wave of a half-space.

    The root c < vs of (2 - c^2/vs^2)^2 = 4 sqrt(1 - c^2/vp^2) sqrt(1 - c^2/vs^2).

    Parameters
    ----------
    vp, vs : float
        P and S velocity in m/s.

    Returns
    -------
    float
        Velocity in m/s.
    """
    root = float(rayleigh_cubic_roots(vp / vs)[-1].real)
    k = (vs / vp) ** 2
    for _ in range(3):
        value = -16.0 * (1.0 - k) * root**3 + (24.0 - 16.0 * k) * root**2
        value += 1.0 - 8.0 * root
        slope = -48.0 * (1.0 - k) * root**2 + (48.0 - 32.0 * k) * root - 8.0
        root -= value / slope
    return vs / float(np.sqrt(root))
