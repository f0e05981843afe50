"""Simulation of elastic waves."""

from seiskern.kernels.elastic import BoundarySaved, Checkpointed, Full
from seiskern.wave.elastic import simulate
from seiskern.wave.estimate import MemoryEstimate, estimate_memory
from seiskern.wave.gauss_newton import GaussNewton
from seiskern.wave.plan import Plan, plan
from seiskern.wave.record import Seismograms, Snapshots, Wavefields
from seiskern.wave.source import Explosion, Force, MomentTensor, Receivers, double_couple
from seiskern.wave.wavelets import brune, gaussian, ricker

__all__ = [
    "BoundarySaved",
    "Checkpointed",
    "Explosion",
    "Force",
    "Full",
    "GaussNewton",
    "MemoryEstimate",
    "MomentTensor",
    "Plan",
    "Receivers",
    "Seismograms",
    "Snapshots",
    "Wavefields",
    "brune",
    "double_couple",
    "estimate_memory",
    "gaussian",
    "plan",
    "ricker",
    "simulate",
]
