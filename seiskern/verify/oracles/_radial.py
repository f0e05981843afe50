r"""Cartesian derivatives of radial functions, shared by the 2-D and 3-D oracles.

With D = (1/r) d/dr, a function h(r) has the derivatives h_,i = x_i Dh,
h_,ij = delta_ij Dh + x_i x_j D^2 h, and so on. The Green's tensor of the full
space of n dimensions is (Kausel, 2006, doi:10.1017/CBO9780511546112)

    rho G_np = delta_np A_s + d_n d_p (psi_p - psi_s),

where A_c solves the scalar wave equation of speed c and psi_c is its double
time integral over c^2, so that the Laplacian of psi_c is A_c off the source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Radial:
    """Radial parts of a Green's tensor at one offset, each of shape (nt,).

    Parameters
    ----------
    offset : ndarray, shape (n,)
        Receiver minus source, m.
    rho : float
        Density, kg/m^3.
    scalar_p, scalar_s : list of ndarray
        A_c, D A_c, D^2 A_c, as many as the derivative sought needs.
    potential : ndarray
        D(psi_p - psi_s).
    """

    offset: Array
    rho: float
    scalar_p: list[Array]
    scalar_s: list[Array]
    potential: Array

    def ladder(self) -> list[Array]:
        """Return D^k (psi_p - psi_s) for k = 1, 2, ... (first entry k = 1).

        Applying D^k to the wave equation r^2 D^2 psi + n D psi = A gives
        r^2 D^(k+2) psi + (n + 2k) D^(k+1) psi = D^k A.
        """
        size, squared = self.offset.size, float(self.offset @ self.offset)
        rungs = [self.potential]
        for k, (a_p, a_s) in enumerate(zip(self.scalar_p, self.scalar_s, strict=True)):
            rungs.append((a_p - a_s - (size + 2 * k) * rungs[k]) / squared)
        return rungs

    def force_field(self, force: Array) -> Array:
        """Return G_np F_p, shape (n, nt), for a force vector of shape (n,)."""
        x, rungs = self.offset, self.ladder()
        along = x * (x @ force)
        field = np.multiply.outer(force, self.scalar_s[0] + rungs[0])
        return np.asarray((field + np.multiply.outer(along, rungs[1])) / self.rho)

    def moment_field(self, moment: Array) -> Array:
        """Return -M_pq d_q G_np, shape (n, nt), for a symmetric moment tensor."""
        x, rungs = self.offset, self.ladder()
        pulled = moment @ x
        triple = 2.0 * pulled + x * np.trace(moment)
        field = np.multiply.outer(pulled, self.scalar_s[1])
        field += np.multiply.outer(triple, rungs[1])
        field += np.multiply.outer(x * (x @ pulled), rungs[2])
        return np.asarray(-field / self.rho)

    def moment_gradient(self, moment: Array) -> Array:
        """Return d_m of moment_field's component n, shape (n, n, nt), [n, m]."""
        x, rungs = self.offset, self.ladder()
        eye, trace = np.eye(x.size), float(np.trace(moment))
        pulled = moment @ x
        quad, outer = float(x @ pulled), np.outer(x, x)
        two = 2.0 * moment + eye * trace
        three = 2.0 * (np.outer(pulled, x) + np.outer(x, pulled))
        three += eye * quad + outer * trace
        field = np.multiply.outer(moment, self.scalar_s[1])
        field += np.multiply.outer(np.outer(pulled, x), self.scalar_s[2])
        field += np.multiply.outer(two, rungs[1])
        field += np.multiply.outer(three, rungs[2])
        field += np.multiply.outer(outer * quad, rungs[3])
        return np.asarray(-field / self.rho)


def check_offset(offset: ArrayLike, size: int) -> Array:
    """Return the offset as an array of shape (size,), refusing a zero distance."""
    x = np.asarray(offset, dtype=np.float64)
    if x.shape != (size,):
        raise ValueError(f"offset must have shape ({size},), got {x.shape}")
    if not float(x @ x) > 0.0:
        raise ValueError("the receiver is at the source")
    return x


def check_moment(moment: ArrayLike, size: int) -> Array:
    """Return the moment tensor, refusing a wrong shape or an asymmetric one."""
    m = np.asarray(moment, dtype=np.float64)
    if m.shape != (size, size):
        raise ValueError(f"moment must have shape ({size}, {size}), got {m.shape}")
    if not np.allclose(m, m.T, rtol=1e-12, atol=0.0):
        raise ValueError("moment must be symmetric")
    return m


def check_force(force: ArrayLike, size: int) -> Array:
    """Return the force as an array of shape (size,), refusing another shape."""
    f = np.asarray(force, dtype=np.float64)
    if f.shape != (size,):
        raise ValueError(f"force must have shape ({size},), got {f.shape}")
    return f


def check_medium(vp: float, vs: float, rho: float) -> None:
    """Refuse a medium whose bulk modulus or shear modulus is not positive."""
    if not (rho > 0.0 and vs > 0.0 and 3.0 * vp**2 > 4.0 * vs**2):
        raise ValueError(f"not a stable solid: vp={vp}, vs={vs}, rho={rho}")
