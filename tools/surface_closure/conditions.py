r"""What a closure must satisfy: accuracy and summation by parts, all of it linear.

Node j lies at depth j, half node k at k + 1/2, the surface at node 0. With the norms Hp of nodes and Hm of
half nodes and a matrix Q, the differences are

    D+ = Hm^-1 Q  (nodes to half nodes),   D- = -Hp^-1 Q^T  (back),

so that Hp D- = -(Hm D+)^T holds by construction. There are two pairs. ``shear`` serves vx and sxz: sxz
vanishes at the surface, which D- may use. ``normal`` serves szz and vz: szz vanishes there and is not
advanced, so column 0 is left out of Q and row 0 of D- does not exist. Both share the norms, which the energy
needs.

Unknown are the first ``plus_rows`` x ``minus_rows`` block of both Q and as many norms; all beyond is
interior.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

Array = npt.NDArray[np.float64]

TAYLOR = {
    2: (Fraction(1),),
    4: (Fraction(9, 8), Fraction(-1, 24)),
    6: (Fraction(75, 64), Fraction(-25, 384), Fraction(3, 640)),
    8: (Fraction(1225, 1024), Fraction(-245, 3072), Fraction(49, 5120), Fraction(-5, 7168)),
}


@dataclass(frozen=True)
class Size:
    """Order inside, degree of polynomials exact at the surface, and rows of D+ and D- that differ."""

    order: int
    degree: int
    plus_rows: int
    minus_rows: int


def interior(order: int, half: int, node: int) -> Fraction:
    """Coefficient of D+ inside."""
    c, distance = TAYLOR[order], node - half
    if 1 <= distance <= len(c):
        return c[distance - 1]
    if 0 <= -distance < len(c):
        return -c[-distance]
    return Fraction(0)


def accuracy(size: Size, degree: int) -> tuple[Array, Array, Array]:
    """Conditions that polynomials up to ``degree`` are differentiated exactly.

    Returns the degree of each condition, their matrix and their right-hand side. Powers are scaled to 1 at
    the last node of the block.
    """
    nr, nc, reach = size.plus_rows, size.minus_rows, size.order
    n_shear, n_normal = nr * nc, nr * (nc - 1)
    node_norm, half_norm = n_shear + n_normal, n_shear + n_normal + nc
    degrees: list[int] = []
    rows: list[Array] = []
    right: list[float] = []

    def add(m: int, entries: Mapping[int, Fraction], known: Fraction, norm: int, slope: Fraction) -> None:
        scale = Fraction(1, nc**m)
        row = np.zeros(half_norm + nr)
        for column, value in entries.items():
            row[column] = float(value * scale)
        if m > 0:
            row[norm] = -float(slope * scale)
        degrees.append(m)
        rows.append(row)
        right.append(float(known * scale))

    def slope_at(x: Fraction, m: int) -> Fraction:
        return m * x ** (m - 1) if m else Fraction(0)

    for k in range(nr):
        x = Fraction(2 * k + 1, 2)
        for m in range(degree + 1):
            beyond = range(nc, nc + k + reach)
            known = -sum((interior(size.order, k, j) * Fraction(j) ** m for j in beyond), Fraction(0))
            slope, norm = slope_at(x, m), half_norm + k
            add(m, {k * nc + j: Fraction(j) ** m for j in range(nc)}, known, norm, slope)
            if m > 0:  # szz = 0 at node 0 leaves no constant
                entries = {n_shear + k * (nc - 1) + j - 1: Fraction(j) ** m for j in range(1, nc)}
                add(m, entries, known, norm, slope)
    for j in range(nc):
        for m in range(degree + 1):
            powers = [Fraction(2 * k + 1, 2) ** m for k in range(nr + j + reach)]
            beyond = range(nr, nr + j + reach)
            known = sum((interior(size.order, k, j) * powers[k] for k in beyond), Fraction(0))
            slope, norm = slope_at(Fraction(j), m), node_norm + j
            if m > 0:  # sxz = 0 at the surface leaves no constant
                add(m, {k * nc + j: -powers[k] for k in range(nr)}, known, norm, slope)
            if j > 0:
                entries = {n_shear + k * (nc - 1) + j - 1: -powers[k] for k in range(nr)}
                add(m, entries, known, norm, slope)
    return np.array(degrees), np.array(rows), np.array(right)


class Family:
    """All closures of one size: ``particular + null @ y`` for any y."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.c = np.array([float(v) for v in TAYLOR[size.order]])
        self.norm_limit = 2 * float(np.abs(self.c).sum())
        _, self.matrix, self.right = accuracy(size, size.degree)
        self.n = self.matrix.shape[1]
        degrees, matrix, right = accuracy(size, size.degree + 1)
        leading = degrees == size.degree + 1
        self.truncation, self.truncation_right = matrix[leading], right[leading]
        singular, vectors = np.linalg.svd(self.matrix)[1:]
        self.null = vectors[int((singular > 1e-10 * singular[0]).sum()) :].T
        self.particular = np.linalg.lstsq(self.matrix, self.right, rcond=1e-11)[0]

    @property
    def n_norms(self) -> int:
        """Unknown norms, the last entries of the unknowns."""
        return self.size.plus_rows + self.size.minus_rows

    def unknowns(self, y: Array) -> Array:
        """Unknowns that satisfy the conditions."""
        return self.particular + self.null @ y

    def polished(self, x: Array) -> Array:
        """Unknowns with the rounding errors of the conditions removed."""
        fault = self.matrix @ x - self.right
        return x - np.linalg.lstsq(self.matrix, fault, rcond=1e-11)[0]

    def split(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Blocks of Q of the shear and of the normal pair, norms of nodes and of half nodes."""
        nr, nc = self.size.plus_rows, self.size.minus_rows
        shear, normal = nr * nc, nr * (nc - 1)
        block = np.c_[np.zeros(nr), x[shear : shear + normal].reshape(nr, nc - 1)]
        norms = x[shear + normal :]
        return x[:shear].reshape(nr, nc), block, norms[:nc], norms[nc:]

    def join(self, shear: Array, normal: Array, node_norm: Array, half_norm: Array) -> Array:
        """Inverse of `split`; column 0 of the normal pair is dropped."""
        return np.concatenate([shear.ravel(), normal[:, 1:].ravel(), node_norm, half_norm])

    def toeplitz(self, rows: int, columns: int) -> Array:
        """Q of the interior."""
        result = np.zeros((rows, columns))
        for m, c in enumerate(self.c):
            result += c * (np.eye(rows, columns, k=m + 1) - np.eye(rows, columns, k=-m))
        return result

    def operators(self, x: Array, n: int) -> tuple[Array, Array, Array, Array]:
        """Q of both pairs and the norms, on n nodes."""
        shear_block, normal_block, node_norm, half_norm = self.split(x)
        nr, nc = shear_block.shape
        shear = self.toeplitz(n, n)
        normal = shear.copy()
        shear[:nr, :nc] = shear_block
        normal[:nr, :nc] = normal_block
        normal[:, 0] = 0
        return shear, normal, np.r_[node_norm, np.ones(n - nc)], np.r_[half_norm, np.ones(n - nr)]

    @cached_property
    def start(self) -> Array:
        """The y whose closure has norms >= 0.3 and is nearest to the interior (sum of absolute values)."""
        least = 0.3
        nr, nc = self.size.plus_rows, self.size.minus_rows
        block = self.toeplitz(nr, nc)
        near = self.join(block, block, np.ones(nc), np.ones(nr))
        near[self.n - self.n_norms] = 0.4  # the first node owns about half a cell
        below = [(0, None)] * (2 * self.n - self.n_norms)
        below += [(0, value - least) for value in near[self.n - self.n_norms :]]
        found = linprog(
            np.ones(2 * self.n),
            A_eq=np.hstack([self.matrix, -self.matrix]),
            b_eq=self.right - self.matrix @ near,
            bounds=below,
        )
        more, less = found.x[: self.n], found.x[self.n :]
        return self.null.T @ (near + more - less - self.particular)

    def dispersion(self, wavenumber: float) -> float:
        """Relative error of the interior at a wavenumber (radians per node)."""
        return abs(self._effective(complex(wavenumber)).real / wavenumber - 1)

    def discrete(self, squared: float) -> tuple[complex, complex]:
        """Wavenumber of that square, and the one that the interior turns into it (Newton's method)."""
        wanted = np.sqrt(complex(squared))
        z = wanted
        for _ in range(30):
            slope = 2 * sum(c * (m + 0.5) * np.cos((m + 0.5) * z) for m, c in enumerate(self.c))
            change = (self._effective(z) - wanted) / slope
            z -= change
            if abs(change) < 1e-14:
                break
        return wanted, z

    def _effective(self, z: complex) -> complex:
        return complex(2 * sum(c * np.sin((m + 0.5) * z) for m, c in enumerate(self.c)))
