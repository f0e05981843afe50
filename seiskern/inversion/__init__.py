"""Inversion of waveforms."""

from seiskern.inversion.misfit import (
    L2,
    Envelope,
    GraphSpaceTransport,
    Misfit,
    NormalizedCorrelation,
    SlicedWasserstein,
)

__all__ = [
    "L2",
    "Envelope",
    "GraphSpaceTransport",
    "Misfit",
    "NormalizedCorrelation",
    "SlicedWasserstein",
]
