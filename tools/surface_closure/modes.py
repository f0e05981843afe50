r"""Waves at the closure and how far they are from those of an ideal one, with exact gradients.

In a homogeneous medium (rho = mu = 1, lam = (vp/vs)^2 - 2), with the horizontal wavenumber k, the discrete
equations are

    K u = omega^2 M u,   u = (U on nodes, W on half nodes),   vx = i U,

K symmetric, M the norms. The horizontal derivative is exact, so an ideal closure gives the continuous modes
with the vertical wavenumbers of the interior stencil: what differs is the closure's own error. For an
eigenvector u, the gradient of omega^2 is that of the quadratic form u^T (K - omega^2 M) u; that of u itself
follows from first-order perturbation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sl
from scipy.optimize import brentq

from .conditions import Array, Family

Residual = tuple[float, Array]  # value, gradient with respect to the unknowns
Split = Callable[[Array], tuple[Array, Array]]

FLOOR = 1e-5  # errors are weighted by 1 / (dispersion inside + FLOOR)
FIELD_WEIGHT = 0.03  # of errors of amplitude ...
BELOW = 0.4  # ... and of those below the surface
FREQUENCY_WEIGHT = 0.3  # of phase errors of plate modes, in wavelengths per reflection
FIELD_NODES = 5
PERIOD = 2 * np.pi


@dataclass(frozen=True)
class Waves:
    """The equations of one wavenumber: strain along z, derivative of U, and K."""

    family: Family
    k: float
    lam: float
    slope: sp.csr_matrix
    strain: sp.csr_matrix
    stiffness: sp.csr_matrix

    @classmethod
    def build(
        cls,
        family: Family,
        operators: tuple[Array, Array, Array, Array],
        k: float,
        lam: float,
        surfaces: Sequence[int] = (0,),
    ) -> "Waves":
        """From Q of both pairs and the norms; ``surfaces`` are the nodes on a free surface, where szz = 0."""
        shear, normal, node_norm, half_norm = operators
        modulus = lam + 2
        slope = sp.diags(1 / half_norm) @ sp.csr_matrix(shear)
        strain = -(sp.diags(1 / node_norm) @ sp.csr_matrix(normal).T)
        along = modulus * k * k * node_norm
        along[list(surfaces)] *= 1 - (lam / modulus) ** 2
        half, node = sp.diags(half_norm), sp.diags(node_norm)
        mixed = -lam * k * (node @ strain) + k * (slope.T @ half)
        upper = sp.diags(along) + slope.T @ half @ slope
        lower = modulus * (strain.T @ node @ strain) + k * k * half
        stiffness = sp.bmat([[upper, mixed], [mixed.T, lower]]).tocsr()
        return cls(family, k, lam, slope.tocsr(), strain.tocsr(), stiffness)

    def gradient(self, u: Array, w: Array, omega2: float) -> Array:
        """Of u^T (K - omega2 M) u, with respect to the unknowns."""
        nr, nc = self.family.size.plus_rows, self.family.size.minus_rows
        k, lam, modulus = self.k, self.lam, self.lam + 2
        strain, slip = (self.strain @ w)[:nc], (self.slope @ u + k * w)[:nr]
        u, w = u[:nc], w[:nr]
        szz = modulus * strain - lam * k * u
        szz[0] = 0
        node = (modulus * k * k - omega2) * u**2 - modulus * strain**2
        node[0] = ((modulus - lam**2 / modulus) * k * k - omega2) * u[0] ** 2
        half = (k * k - omega2) * w**2 - (slip - k * w) ** 2
        return self.family.join(2 * np.outer(slip, u), -2 * np.outer(w, szz), node, half)

    def mixed_gradient(self, first: Array, second: Array, omega2: float, split: Split) -> Array:
        """The same of first^T (K - omega2 M) second."""
        scale = float(np.linalg.norm(first)) / max(float(np.linalg.norm(second)), 1e-30)
        plus, minus = (self.gradient(*split(first + sign * scale * second), omega2) for sign in (1, -1))
        return (plus - minus) / 4 / scale


def rayleigh_speed(ratio: float) -> float:
    """Of a half-space with vp/vs = ``ratio``, in units of vs."""

    def secular(c: float) -> float:
        return float((2 - c * c) ** 2 - 4 * np.sqrt(1 - c * c) * np.sqrt(1 - (c / ratio) ** 2))

    return float(brentq(secular, 0.5, 0.99999))


class Rayleigh:
    """A Rayleigh wave: its speed, and its motion at the surface relative to that below the closure.

    Parameters
    ----------
    family : Family
        Closures to judge.
    nodes : float
        Per wavelength of S.
    ratio : float
        vp/vs.
    """

    def __init__(self, family: Family, nodes: float, ratio: float) -> None:
        speed = rayleigh_speed(ratio)
        self.family, self.lam, self.omega2 = family, ratio**2 - 2, (PERIOD / nodes) ** 2
        self.k = k = PERIOD / (nodes * speed)
        self.weight = 1 / (family.dispersion(PERIOD / nodes) + FLOOR)
        self.judges_motion = ratio in (1.73, 3.0) and nodes <= 15
        p, q = k * np.sqrt(1 - (speed / ratio) ** 2), k * np.sqrt(1 - speed**2)
        self.n = min(int(12 / q), 1100) + family.size.plus_rows + 12
        p_inside, q_inside = (abs(family.discrete(-v * v)[1]) for v in (p, q))
        share, z = 2 * p * k / (q * q + k * k), np.arange(self.n)
        u = np.exp(-p_inside * z) - q / k * share * np.exp(-q_inside * z)
        w = -p / k * np.exp(-p_inside * (z + 0.5)) + share * np.exp(-q_inside * (z + 0.5))
        self.ideal = np.c_[u, w].ravel()  # U and W alternate: K is banded
        self.vector = self.ideal.copy()

    @staticmethod
    def _split(v: Array) -> tuple[Array, Array]:
        return v[0::2], v[1::2]

    def residuals(self, x: Array) -> list[Residual]:
        """Weighted errors of the closure with unknowns x."""
        operators = self.family.operators(x, self.n)
        waves = Waves.build(self.family, operators, self.k, self.lam)
        order = np.arange(2 * self.n).reshape(2, self.n).T.ravel()
        stiffness = waves.stiffness[order][:, order]
        mass = np.c_[operators[2], operators[3]].ravel()
        shifted = stiffness - self.omega2 * (1 - 1e-7) * sp.diags(mass)
        solver = sl.splu(shifted.tocsc(), permc_spec="NATURAL", diag_pivot_thresh=0.1)
        v = self._eigenvector(solver, mass)
        omega2 = float(v @ (stiffness @ v))
        error = np.sqrt(omega2 / self.omega2) - 1
        gradient = waves.gradient(*self._split(v), omega2) / (2 * omega2)
        result = [(self.weight * error, self.weight * gradient)]
        if not self.judges_motion:
            return result
        below = 2 * (self.family.size.minus_rows + 4) + 1
        scale = self.ideal[below] / v[below]
        for i in range(2 * FIELD_NODES):
            weight = FIELD_WEIGHT * self.weight * (1 if i < 2 else BELOW) / self.ideal[0]
            right = np.zeros(2 * self.n)
            right[i] = scale
            right[below] -= v[i] * scale / v[below]
            adjoint = np.zeros(2 * self.n)
            for _ in range(2):  # once more refines
                change = solver.solve(right - (stiffness @ adjoint - omega2 * mass * adjoint))
                adjoint += change - v * (v @ (mass * change))
            gradient = -weight * waves.mixed_gradient(v, adjoint, omega2, self._split)
            result.append((weight * (v[i] * scale - self.ideal[i]), gradient))
        return result

    def _eigenvector(self, solver: "sl.SuperLU", mass: Array) -> Array:
        """Inverse iteration, from where the last call ended."""
        for _ in range(6):
            v = solver.solve(mass * self.vector)
            v /= np.sqrt(v @ (mass * v))
            change = min(np.abs(v - self.vector).max(), np.abs(v + self.vector).max())
            self.vector = v
            if change < 1e-9:
                break
        return self.vector
