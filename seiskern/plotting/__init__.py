"""Figures from arrays. Each function returns a matplotlib ``Figure`` and neither shows nor saves it."""

from seiskern.plotting.fields import medium_section, snapshots
from seiskern.plotting.misfits import misfit_curves
from seiskern.plotting.models import convergence, model_comparison
from seiskern.plotting.records import record_section, trace_comparison, velocity_map

__all__ = [
    "convergence",
    "medium_section",
    "misfit_curves",
    "model_comparison",
    "record_section",
    "snapshots",
    "trace_comparison",
    "velocity_map",
]
