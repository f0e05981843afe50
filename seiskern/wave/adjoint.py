"""What a simulation remembers for its gradient."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Full:
    """Keep the velocities of every step: 2 numbers per node and step in 2-D, 3 in 3-D.

    The gradient needs nothing else of the wavefield. No step is made twice.
    """


Adjoint = Full
