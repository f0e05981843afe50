"""Modes of a free plate with the closure at both faces: their phase is that of reflected body waves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from .conditions import Array, Family
from .modes import BELOW, FIELD_WEIGHT, FLOOR, FREQUENCY_WEIGHT, PERIOD, Residual, Waves

CELLS = 24
HIGHEST = PERIOD / 4.5  # frequency up to which modes are judged, and ...
HIGHEST_MOTION = PERIOD / 5  # ... their motion
CLIP = 1e3


@dataclass(frozen=True)
class Modes:
    """All modes of a plate; a class holds those that cannot mix."""

    omega2: Array
    vector: Array
    kind: list[bool]  # symmetric, or at k = 0: of U
    group: list[tuple[bool, ...]]


class Plate:
    """Modes of one wavenumber.

    Parameters
    ----------
    family : Family
        Closures to judge.
    k : float
        Horizontal wavenumber, radians per node.
    ratio : float
        vp/vs.
    """

    def __init__(self, family: Family, k: float, ratio: float) -> None:
        self.family, self.k, self.ratio, self.lam = family, k, ratio, ratio**2 - 2
        self._roots: dict[bool, list[float]] = {}
        self._lengths: tuple[int, int] | None = None

    def _wavenumbers(self, omega: float) -> tuple[complex, complex, complex, complex]:
        """Vertical wavenumbers of P and S, each with that of the interior."""
        p = self.family.discrete(omega**2 / self.ratio**2 - self.k**2 + 1e-30)
        return *p, *self.family.discrete(omega**2 - self.k**2 + 1e-30)

    def secular(self, omega: float, kind: bool) -> float:
        """Rayleigh-Lamb function with the phases of the interior: zero where an ideal closure has modes."""
        p, p_inside, q, q_inside = self._wavenumbers(omega)
        k, h = self.k, CELLS / 2
        if k == 0:
            return float(np.sin((q_inside if kind else p_inside) * CELLS).real)
        sin_p, cos_p, sin_q, cos_q = (f(v * h) for v in (p_inside, q_inside) for f in (np.sin, np.cos))
        squared = (q * q - k * k) ** 2
        if kind:
            return float((squared * cos_p * sin_q / q + 4 * k * k * p * sin_p * cos_q).real)
        return float((squared * sin_p / p * cos_q + 4 * k * k * q * cos_p * sin_q).real)

    def roots(self, kind: bool) -> list[float]:
        """Frequencies of an ideal closure."""
        if kind not in self._roots:
            grid = np.linspace(1e-3, HIGHEST * 1.15, 3001)
            values = [self.secular(omega, kind) for omega in grid]
            self._roots[kind] = [
                float(brentq(self.secular, grid[i], grid[i + 1], args=(kind,), xtol=1e-14))
                for i in range(len(grid) - 1)
                if values[i] * values[i + 1] < 0
            ]
        return self._roots[kind]

    def ideal(self, omega: float, kind: bool) -> Array:
        """Motion of an ideal closure."""
        k, h = self.k, CELLS / 2
        z, half = np.arange(CELLS + 1) - h, np.arange(CELLS) + 0.5 - h
        p, p_inside, q, q_inside = self._wavenumbers(omega)
        if k == 0:
            if kind:
                return np.r_[np.cos(q_inside.real * (z + h)), 0 * half]
            return np.r_[0 * z, np.cos(p_inside.real * (half + h))]
        if kind:
            share = 2 * p * np.sin(p_inside * h) / ((k - q * q / k) * np.sin(q_inside * h))
            u = np.cos(p_inside * z) + share * q / k * np.cos(q_inside * z)
            w = -p / k * np.sin(p_inside * half) + share * np.sin(q_inside * half)
            return np.asarray(np.r_[u, w].real)
        share = -2 * p * np.cos(p_inside * h) / ((k - q * q / k) * np.cos(q_inside * h))
        u = np.sin(p_inside * z) - share * q / k * np.sin(q_inside * z)
        w = p / k * np.cos(p_inside * half) + share * np.cos(q_inside * half)
        phase = u[np.argmax(np.abs(u))]
        return np.asarray((np.r_[u, w] / phase * abs(phase)).real)

    @staticmethod
    def _split(v: Array) -> tuple[Array, Array]:
        return v[: CELLS + 1], v[CELLS + 1 :]

    def _operators(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Q of both pairs and the norms, the closure mirrored at the far face."""
        shear_block, normal_block, node_norm, half_norm = self.family.split(x)
        nr, nc = shear_block.shape
        shear = self.family.toeplitz(CELLS, CELLS + 1)
        normal = shear.copy()
        for matrix, block in ((shear, shear_block), (normal, normal_block)):
            matrix[:nr, :nc] = block
            matrix[CELLS - nr :, CELLS + 1 - nc :] = -block[::-1, ::-1]
        normal[:, [0, -1]] = 0
        nodes = np.r_[node_norm, np.ones(CELLS + 1 - 2 * nc), node_norm[::-1]]
        halves = np.r_[half_norm, np.ones(CELLS - 2 * nr), half_norm[::-1]]
        return shear, normal, nodes, halves

    def _modes(self, waves: Waves, mass: Array) -> Modes:
        root = np.sqrt(mass)
        omega2, vector = np.linalg.eigh(waves.stiffness.toarray() / np.outer(root, root))
        vector = vector / root[:, None]
        parts = [self._split(v) for v in vector.T]
        even = [bool(u @ u[::-1] - w @ w[::-1] > 0) for u, w in parts]
        sideways = [bool(np.abs(u).max() > np.abs(w).max()) for u, w in parts]
        if self.k == 0:
            return Modes(omega2, vector, sideways, list(zip(sideways, even, strict=True)))
        return Modes(omega2, vector, even, [(value,) for value in even])

    def residuals(self, x: Array) -> list[Residual]:
        """Weighted errors of the closure with unknowns x, as many in every call."""
        operators = self._operators(x)
        waves = Waves.build(self.family, operators, self.k, self.lam, surfaces=(0, -1))
        modes = self._modes(waves, np.r_[operators[2], operators[3]])
        found = {True: 0, False: 0}
        phases: list[Residual] = []
        motions: list[Residual] = []
        for i, omega2 in enumerate(modes.omega2):
            if not 1e-8 < omega2 < HIGHEST**2:
                continue
            kind = modes.kind[i]
            found[kind] += 1
            if found[kind] > len(self.roots(kind)):
                continue
            wanted, omega = self.roots(kind)[found[kind] - 1], float(np.sqrt(omega2))
            weight = 1 / (self.family.dispersion(omega) + FLOOR)
            scale = weight * FREQUENCY_WEIGHT * CELLS / 2 / PERIOD
            gradient = waves.gradient(*self._split(modes.vector[:, i]), omega2) / omega
            phases.append((scale * (omega - wanted), scale * gradient))
            motions += self._motion(waves, modes, i, wanted, weight)
        self._lengths = self._lengths or (len(phases), len(motions))
        nothing = (0.0, np.zeros(self.family.n))
        phases, motions = (
            (part + [nothing] * n)[:n] for part, n in zip((phases, motions), self._lengths, strict=True)
        )
        return [(float(np.clip(value, -CLIP, CLIP)), gradient) for value, gradient in phases + motions]

    def _motion(self, waves: Waves, modes: Modes, i: int, wanted: float, weight: float) -> Iterator[Residual]:
        """Errors of the motion at the face, relative to that in the middle of the plate."""
        omega2 = modes.omega2[i]
        others = [j for j, group in enumerate(modes.group) if j != i and group == modes.group[i]]
        distance = modes.omega2[others] - omega2
        if np.sqrt(omega2) > HIGHEST_MOTION or self.k > 0.9 or min(abs(distance)) < 0.002 * omega2:
            return
        v, ideal = modes.vector[:, i], self.ideal(wanted, modes.kind[i])
        middle = np.r_[CELLS // 2 - 2 : CELLS // 2 + 3, 3 * CELLS // 2 - 2 : 3 * CELLS // 2 + 4]
        measure = np.zeros(2 * CELLS + 1)
        measure[middle] = ideal[middle] / (ideal[middle] @ ideal[middle])
        amplitude = measure @ v
        for depth in range(3):
            for node in (depth, CELLS + 1 + depth):
                if abs(ideal[node]) < 1e-13:
                    continue
                right = -v[node] * measure / amplitude**2
                right[node] += 1 / amplitude
                adjoint = modes.vector[:, others] @ ((modes.vector[:, others].T @ right) / distance)
                scale = FIELD_WEIGHT * weight * (1 if depth == 0 else BELOW) / np.abs(ideal).max()
                gradient = -2 * scale * waves.mixed_gradient(v, adjoint, omega2, self._split)
                yield scale * (v[node] / amplitude - ideal[node]), gradient
