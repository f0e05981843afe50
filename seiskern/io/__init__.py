"""Files in, plain dicts of arrays out, and back. Knows no class of the package; units convert here only."""

from seiskern.io.hdf5 import Simulation, read_simulation, write_simulation
from seiskern.io.hemew3d import Hemew3dSample, load_hemew3d
from seiskern.io.inversion import (
    InversionResult,
    read_inversion,
    read_state,
    write_inversion,
    write_state,
)
from seiskern.io.medium import read_medium

__all__ = [
    "Hemew3dSample",
    "InversionResult",
    "Simulation",
    "load_hemew3d",
    "read_inversion",
    "read_medium",
    "read_simulation",
    "read_state",
    "write_inversion",
    "write_simulation",
    "write_state",
]
