"""Time steps of the elastic velocity-stress scheme on staggered grids.

`Problem` fixes grid, order and boundaries; `stagger` makes its medium; `State` holds its arrays; `run`
advances them, `run_adjoint` takes gradients back, and `run_born` advances a run with its tangent;
`Propagation` does all for autograd. `reference` is the definition; README.md has the equations, the closure
of the free surface and the cost.
"""

from seiskern.kernels.elastic.adjoint import AdjointState, PointGradient, medium_gradient, run_adjoint
from seiskern.kernels.elastic.autograd import Propagation, stagger
from seiskern.kernels.elastic.born import BornState, medium_tangent, run_born
from seiskern.kernels.elastic.medium import Ranges, survey
from seiskern.kernels.elastic.plan import History, Problem, State, max_dt, surface_norms
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import run
from seiskern.kernels.elastic.strategy import BoundarySaved, Checkpointed, Full, Strategy, checked

__all__ = [
    "AdjointState",
    "BornState",
    "BoundarySaved",
    "Checkpointed",
    "Full",
    "History",
    "PointGradient",
    "Points",
    "Problem",
    "Propagation",
    "Ranges",
    "State",
    "Strategy",
    "checked",
    "max_dt",
    "medium_gradient",
    "medium_tangent",
    "run",
    "run_adjoint",
    "run_born",
    "stagger",
    "surface_norms",
    "survey",
]
