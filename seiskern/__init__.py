"""Kernels for seismic waves: elastic finite differences on PyTorch tensors."""

from importlib.metadata import PackageNotFoundError, version

from seiskern import inversion, ops
from seiskern.media import Medium, layered_medium, upscale
from seiskern.wave import (
    BoundarySaved,
    Checkpointed,
    Explosion,
    Force,
    Full,
    GaussNewton,
    MemoryEstimate,
    MomentTensor,
    Plan,
    Receivers,
    Seismograms,
    Snapshots,
    Wavefields,
    brune,
    double_couple,
    estimate_memory,
    gaussian,
    plan,
    ricker,
    simulate,
)

try:
    __version__ = version("seiskern")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

__all__ = [
    "BoundarySaved",
    "Checkpointed",
    "Explosion",
    "Force",
    "Full",
    "GaussNewton",
    "Medium",
    "MemoryEstimate",
    "MomentTensor",
    "Plan",
    "Receivers",
    "Seismograms",
    "Snapshots",
    "Wavefields",
    "__version__",
    "brune",
    "double_couple",
    "estimate_memory",
    "gaussian",
    "inversion",
    "layered_medium",
    "ops",
    "plan",
    "ricker",
    "simulate",
    "upscale",
]
