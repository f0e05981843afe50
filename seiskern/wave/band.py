"""Frequencies that time functions hold."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seiskern._remember import remembered

# A source is said to reach the frequency where its spectrum falls below this share of its peak.
LEVEL = 0.05


@dataclass(frozen=True)
class Band:
    """Frequencies of a shot's sources: where they are strongest and up to where they reach, Hz."""

    dominant: float
    highest: float

    @property
    def octave(self) -> float:
        """The power of two at or below the dominant frequency.

        Layers made for it do not change when a source function changes a little, so that records are linear
        in it.
        """
        return 2.0 ** math.floor(math.log2(self.dominant)) if self.dominant > 0 else 0.0


@remembered
def band_of(series: Tensor, dt: float) -> Band:
    """Band of time functions together, (n, nt), sampled at dt, s."""
    n = 4 * series.shape[-1]
    spectrum = np.fft.rfft(series.numpy(), n)
    power = (spectrum.real**2 + spectrum.imag**2).sum(0)
    if not power.max() > 0:
        return Band(0.0, 0.0)
    strong = np.flatnonzero(power >= LEVEL**2 * power.max())
    unit = 1 / (n * dt)
    return Band(float(np.arange(len(power)) @ power / power.sum()) * unit, float(strong[-1]) * unit)
