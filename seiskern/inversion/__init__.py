"""Full-waveform inversion: misfits, models, regularization, preconditioning, and the loop."""

from seiskern.inversion.invert import Inversion, Iteration, Stage, invert
from seiskern.inversion.misfit import (
    L2,
    Envelope,
    GraphSpaceTransport,
    Misfit,
    NormalizedCorrelation,
    SlicedWasserstein,
)
from seiskern.inversion.model import Model
from seiskern.inversion.precondition import Illumination, Mute, Smooth, illumination
from seiskern.inversion.regularization import Damping, Roughness, TotalVariation
from seiskern.inversion.survey import Survey, add_noise, lowpass, random_code

__all__ = [
    "L2",
    "Damping",
    "Envelope",
    "GraphSpaceTransport",
    "Illumination",
    "Inversion",
    "Iteration",
    "Misfit",
    "Model",
    "Mute",
    "NormalizedCorrelation",
    "Roughness",
    "SlicedWasserstein",
    "Smooth",
    "Stage",
    "Survey",
    "TotalVariation",
    "add_noise",
    "illumination",
    "invert",
    "lowpass",
    "random_code",
]
