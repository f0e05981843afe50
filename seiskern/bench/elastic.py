"""The elastic solver beside deepwave and Devito.

All contenders take the same medium (3000 m/s, Poisson's ratio 0.25), grid, order, number of steps, step,
absorbing width and single precision, with an explosion in the middle and a line of pressure receivers, all on
nodes. Cells are counted with their absorbing layers. Before anything is timed, the records must agree with
deepwave's.

Devito has no C-PML: it runs bare on a grid of the same number of cells, the easier task.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import seiskern as sk
from seiskern import _ext
from seiskern._remember import forget
from seiskern.bench.harness import Timing, triad, turn_by_turn
from seiskern.grid import AXES
from seiskern.kernels import elastic

VP, VS, RHO, SPACING = 3000.0, 3000.0 / 3**0.5, 2500.0, 10.0
COURANT = 0.57  # of deepwave's stable step at order 2: every contender takes one step per sample
# Bytes per cell of a step in two plain passes, nothing staying in cache between them: 20 and 30 numbers, each
# array counted once per pass in which it is used (seiskern/kernels/elastic/README.md, section 8).
BYTES = {2: 4 * 20, 3: 4 * 30}
IN_CACHE = {2: (24, 256), 3: (8, 8, 64)}  # grids of which a core's own caches hold all arrays
IN_CACHE_STEPS = 2000
SHORT = 1.5e8  # cell updates below which a problem is given three times as many turns


@dataclass(frozen=True)
class Problem:
    """One row of the table.

    Attributes
    ----------
    n : int
        Nodes per axis without absorbing layers.
    ndim, steps, shots, order, absorbing : int
        As they say.
    new : bool
        Whether places and source functions are new to the solver at each call; else what it made of them is
        remembered from the first.
    surface : bool
        Whether the first plane is a free surface.
    """

    n: int
    ndim: int
    steps: int
    shots: int = 1
    order: int = 4
    absorbing: int = 10
    new: bool = False
    surface: bool = False

    @property
    def name(self) -> str:
        """Shape, order and shots."""
        shape, shots = "x".join([str(self.n)] * self.ndim), f"{self.shots} shot" + "s" * (self.shots > 1)
        bare, new = "" if self.absorbing else ", no layers", ", new places" if self.new else ""
        surface = ", free surface" if self.surface else ""
        return f"{shape}, order {self.order}, {self.steps} steps, {shots}{bare}{new}{surface}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per axis."""
        return (self.n,) * self.ndim

    @property
    def updates(self) -> int:
        """Cell updates, absorbing layers included."""
        side = self.n + 2 * self.absorbing
        planes = side - self.absorbing * self.surface
        return planes * side ** (self.ndim - 1) * self.steps * self.shots

    @property
    def dt(self) -> float:
        """Step, s."""
        return COURANT * SPACING / (VP * math.sqrt(self.ndim))

    @property
    def wavelet(self) -> Tensor:
        """Time function before the first step and after each, (steps + 1,)."""
        f0 = VS / (20 * SPACING)
        return sk.ricker(f0, self.dt, self.steps + 1, 1.2 / f0).float()


@dataclass(frozen=True)
class Row:
    """Outcome of one problem.

    Attributes
    ----------
    problem : str
        Which.
    ms : float
        Median time of this package.
    mcells : float
        Million cell updates per second.
    bandwidth : float
        Share of the triad bandwidth that the bytes of two plain passes per step would need; above 1 where the
        wavefield stays in cache over several steps.
    in_cache : float
        Share of the speed of the same kernel where each core has a small grid, without layers, in caches of
        its own: what arithmetic and inner caches allow.
    bytes_per_cell : float
        Of medium, wavefield and absorbing layers.
    peers : dict
        Median time in ms by name.
    ratios : dict
        By peer: median, least and greatest ratio of its time to ours, turn by turn.
    correlation : float
        Of the records with deepwave's; NaN where it was not run.
    """

    problem: str
    ms: float
    mcells: float
    bandwidth: float
    in_cache: float
    bytes_per_cell: float
    peers: dict[str, float]
    ratios: dict[str, tuple[float, float, float]]
    correlation: float


FULL = [
    Problem(64, 2, 400),
    Problem(64, 2, 400, new=True),
    Problem(64, 2, 400, shots=8),
    Problem(512, 2, 400),
    Problem(1024, 2, 100),
    Problem(128, 3, 60),
    Problem(64, 2, 400, order=8),
    Problem(512, 2, 400, order=8),
    Problem(1024, 2, 100, order=8),
    Problem(128, 3, 60, order=8),
    Problem(148, 3, 60, absorbing=0),  # as Devito has it
    Problem(148, 3, 60, absorbing=0, order=8),
]
TOY = [Problem(32, 2, 100), Problem(32, 2, 100, shots=2), Problem(24, 3, 60)]


def run_bench(peers: bool, toy: bool = False, turns: int = 5) -> Iterator[Row]:
    """Time all problems.

    Parameters
    ----------
    peers : bool
        Beside deepwave and Devito (extra ``seiskern[bench]``).
    toy : bool
        Tiny sizes, to see that it works.
    turns : int
        Turns per contender; three times as many for short problems.

    Yields
    ------
    Row
        As each problem ends.
    """
    reference = triad(16 if toy else 512)
    for problem in TOY if toy else FULL:
        short = problem.updates < SHORT and not toy
        yield _measure(problem, peers, 3 * turns if short else turns, reference)


def _measure(problem: Problem, peers: bool, turns: int, reference: float) -> Row:
    with warnings.catch_warnings():  # the few steps may cut the wavelet, which no grid resolves
        warnings.filterwarnings("ignore", message="the source reaches")
        times, correlation = _times(problem, peers, turns)
    own = times.pop("seiskern")
    rate = problem.updates / own.median
    return Row(
        problem=problem.name,
        ms=1e3 * own.median,
        mcells=rate / 1e6,
        bandwidth=rate * BYTES[problem.ndim] / reference,
        in_cache=rate / _in_cache_rate(problem, turns),
        bytes_per_cell=_bytes_per_cell(problem),
        peers={name: 1e3 * timing.median for name, timing in times.items()},
        ratios={name: ratios(timing, own) for name, timing in times.items()},
        correlation=correlation,
    )


def _times(problem: Problem, peers: bool, turns: int) -> tuple[dict[str, Timing], float]:
    """Times of all contenders, and the correlation of the records with deepwave's."""
    contenders: dict[str, Callable[[], object]] = {"seiskern": seiskern_run(problem)}
    correlation = math.nan
    if peers:
        from seiskern.bench import peers as others

        contenders |= others.contenders(problem)
        correlation = _correlation(contenders["seiskern"](), contenders["deepwave"]())
        if not correlation > 0.99:
            raise RuntimeError(
                f"records of {problem.name} do not agree with deepwave's: correlation {correlation:.4f}"
            )
    return turn_by_turn(contenders, turns), correlation


def ratios(peer: Timing, own: Timing) -> tuple[float, float, float]:
    """Of the times, turn by turn: median, least and greatest."""
    found = sorted(a / b for a, b in zip(peer.seconds, own.seconds, strict=True))
    return found[len(found) // 2], found[0], found[-1]


def _correlation(own: object, peer: object) -> float:
    a, b = (torch.as_tensor(x).double().flatten() for x in (own, peer))
    return float((a * b).sum() / (a.norm() * b.norm()))


def _medium(problem: Problem) -> sk.Medium:
    vp = torch.full(problem.shape, VP)
    return sk.Medium(vp, VS, RHO, SPACING)


def explosion_and_line(problem: Problem) -> tuple[sk.Explosion, sk.Receivers]:
    """The source in the middle, and receivers along x."""
    axes, middle = AXES[problem.ndim], SPACING * (problem.n // 2)
    source = sk.Explosion(**dict.fromkeys(axes, middle), moment=SPACING**problem.ndim, rate=problem.wavelet)
    line = {axis: torch.full((problem.n,), middle) for axis in axes}
    return source, sk.Receivers(**line | {"x": torch.arange(problem.n) * SPACING})


def simulate_options(problem: Problem) -> dict[str, Any]:
    """What `simulate` is asked for."""
    return {
        "dt": problem.dt,
        "nt": problem.steps + 1,
        "quantity": "pressure",
        "free_surface": problem.surface,
        "absorbing": problem.absorbing,
        "order": problem.order,
        "dispersion_correction": False,
    }


def seiskern_run(problem: Problem) -> Callable[[], Tensor]:
    """One simulation by this package; returns the records after each step, (shot, receiver, steps)."""
    medium = _medium(problem)
    source, receivers = explosion_and_line(problem)

    def run() -> Tensor:
        if problem.new:
            forget()
        return sk.simulate(
            medium,
            [source] * problem.shots,
            receivers,
            **simulate_options(problem),
        ).component("p")[..., 1:]

    return run


def _in_cache_rate(problem: Problem, turns: int) -> float:
    """Cell updates per second of all threads, each on a grid in caches of its own."""
    shape, threads = IN_CACHE[problem.ndim], _ext.threads()
    grid = elastic.Problem(shape, (SPACING,) * problem.ndim, problem.dt, problem.order)
    vp, vs, rho = (torch.full(shape, value) for value in (VP, VS, RHO))
    medium, profiles = elastic.stagger(grid, vp, vs, rho), grid.profiles(VP, 1.0, 1e-5, 0.0)
    state, none = elastic.State.zeros(grid, threads), elastic.Points.none(grid, threads, IN_CACHE_STEPS)

    def run() -> None:
        elastic.run(grid, state, medium, profiles, (none, none), (none, none), 0, IN_CACHE_STEPS)

    best = turn_by_turn({"in cache": run}, turns)["in cache"].best
    return math.prod(shape) * threads * IN_CACHE_STEPS / best


def _bytes_per_cell(problem: Problem) -> float:
    plan = sk.plan(
        _medium(problem),
        dt=problem.dt,
        nt=problem.steps + 1,
        order=problem.order,
        absorbing=problem.absorbing,
        free_surface=False,
        quantity="pressure",
        n_shots=problem.shots,
    )
    return plan.memory / (plan.cells * problem.shots)


def machine() -> dict[str, object]:
    """What the figures hold for."""
    return {
        "threads": _ext.threads(),
        "isa": _ext.describe()["isa"],
        "torch": torch.__version__,
        "handover_ns": round(_ext.handover()),
    }
