"""Time steps of the elastic velocity-stress scheme on staggered grids.

`Problem` fixes grid, order and boundaries; `stagger` makes its medium; `State` holds its arrays; `run`
advances them. `reference` is the definition; README.md has the equations, the closure of the free surface
and the cost.
"""

from seiskern.kernels.elastic.medium import Ranges, stagger, survey
from seiskern.kernels.elastic.plan import Points, Problem, State, max_dt, surface_norms
from seiskern.kernels.elastic.run import run

__all__ = ["Points", "Problem", "Ranges", "State", "max_dt", "run", "stagger", "surface_norms", "survey"]
