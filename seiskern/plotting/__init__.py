"""Figures from arrays. Each function returns a matplotlib ``Figure`` and neither shows nor saves it."""

from seiskern.plotting.fields import medium_section, snapshots
from seiskern.plotting.misfits import misfit_curves
from seiskern.plotting.records import record_section, trace_comparison, velocity_map

__all__ = [
    "medium_section",
    "misfit_curves",
    "record_section",
    "snapshots",
    "trace_comparison",
    "velocity_map",
]
