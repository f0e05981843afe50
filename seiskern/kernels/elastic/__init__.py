"""Time steps of the elastic velocity-stress scheme on staggered grids.

`Problem` fixes grid, order and boundaries; `State` holds its arrays; `run` advances them. `reference` is the
definition of a step; README.md has the equations, the closure of the free surface and the cost.
"""

from seiskern.kernels.elastic.plan import Points, Problem, State, max_dt, surface_norms
from seiskern.kernels.elastic.run import run

__all__ = ["Points", "Problem", "State", "max_dt", "run", "surface_norms"]
