"""What the cases against closed forms share: pulses, media, misfits.

Numbers are those of a soil or rock; what counts is their ratio to the shortest wavelength. That is the S
speed over 2.5 ``f0``, where the spectrum of a Ricker wavelet has fallen to 3 % of its peak.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

import seiskern as sk
from seiskern.verify.oracles.compare import relative_l2

Array = NDArray[np.float64]

WAVELENGTH = 60.0  # m, the shortest
VS, RHO = 1000.0, 2000.0  # m/s, kg/m^3
HIGHEST = VS / WAVELENGTH  # Hz
DT = 0.005  # s


@dataclass(frozen=True)
class Ricker:
    """Ricker wavelet with its integral and its slope, peak at ``t0`` = 1.5 / ``f0``."""

    f0: float = HIGHEST / 2.5

    @property
    def t0(self) -> float:
        """Time of the peak, s."""
        return 1.5 / self.f0

    def _scaled(self, t: Array) -> Array:
        return np.pi * self.f0 * (t - self.t0)

    def __call__(self, t: Array) -> Array:
        """Its values."""
        u = self._scaled(t)
        return np.asarray((1 - 2 * u**2) * np.exp(-(u**2)))

    def integral(self, t: Array) -> Array:
        """Its integral from the beginning of time."""
        return np.asarray((t - self.t0) * np.exp(-(self._scaled(t) ** 2)))

    def slope(self, t: Array) -> Array:
        """Its time derivative."""
        u = self._scaled(t)
        return np.asarray(np.pi * self.f0 * (4 * u**3 - 6 * u) * np.exp(-(u**2)))


@contextmanager
def coarse_on_purpose() -> Iterator[None]:
    """No warning that a grid is too coarse for its source."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the source reaches")
        yield


def times(last: float, dt: float = DT) -> Array:
    """Samples from 0 until ``last``, s."""
    return dt * np.arange(int(last / dt) + 1, dtype=np.float64)


def homogeneous(
    shape: Sequence[int], spacing: float, vp: float, vs: float = VS, rho: float = RHO, *, double: bool = False
) -> sk.Medium:
    """The same medium everywhere."""
    dtype = torch.float64 if double else torch.float32
    alpha, beta, density = (torch.full(tuple(shape), value, dtype=dtype) for value in (vp, vs, rho))
    return sk.Medium(alpha, beta, density, spacing)


def worst(records: Array, references: Array) -> float:
    """Largest relative L2 misfit of a receiver.

    Parameters
    ----------
    records : ndarray, shape (component, receiver, nt)
        Of the solver.
    references : ndarray, shape (receiver, component, nt)
        Of an oracle.

    Returns
    -------
    float
        Misfit, all components of a receiver together.
    """
    return max(relative_l2(records[:, number], reference) for number, reference in enumerate(references))
