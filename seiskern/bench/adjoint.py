"""Records and the gradient of the medium, beside deepwave.

The problems are those of `seiskern.bench.elastic`; the loss is half the sum of squares of the records. Before
anything is timed, gradients must agree with deepwave's. Memory is the peak of a process of its own that
computes the gradient once, above what it held before.
"""

import contextlib
import math
import multiprocessing
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd import forward_ad

import seiskern as sk
from seiskern.bench.elastic import RHO, SPACING, VP, VS, Problem, explosion_and_line, ratios, simulate_options
from seiskern.bench.harness import turn_by_turn

FULL = [
    Problem(64, 2, 400, shots=14),
    Problem(200, 2, 500, shots=4),
    Problem(64, 3, 100),
    Problem(200, 2, 2000),
]
TOY = [Problem(32, 2, 60, shots=2)]
STRATEGIES: dict[str, sk.Full | sk.Checkpointed | sk.BoundarySaved] = {
    "Full()": sk.Full(),
    "Full(int16)": sk.Full(dtype=torch.int16),
    "Full(int8)": sk.Full(dtype=torch.int8),
    "Checkpointed()": sk.Checkpointed(),
    "BoundarySaved()": sk.BoundarySaved(),
    "BoundarySaved(int16)": sk.BoundarySaved(dtype=torch.int16),
}


@dataclass(frozen=True)
class Row:
    """Outcome of one strategy, or of a peer, on one problem.

    Attributes
    ----------
    problem, name : str
        Which, and whose.
    ms : float
        Median time of records and gradient.
    of_forward : float
        That time over that of records alone, by this package.
    backward : float
        Time of the way back, over that of records alone; NaN of what is no strategy.
    ratio : (float, float, float)
        Median, least and greatest ratio of its time to that of `Full`, turn by turn.
    memory : float
        Peak in MiB; NaN of the tangent.
    error : float
        Of the gradients of vp, vs and rho in a rough medium, the largest: relative L2, by those of `Full`;
        NaN of a peer.
    correlation : float
        Of the gradients of a peer with those of `Full`; NaN of a strategy.
    """

    problem: str
    name: str
    ms: float
    of_forward: float
    backward: float
    ratio: tuple[float, float, float]
    memory: float
    error: float
    correlation: float


def run_bench(peers: bool, toy: bool = False, turns: int = 5) -> Iterator[Row]:
    """Time all problems; see `seiskern.bench.elastic.run_bench`."""
    for problem in TOY if toy else FULL:
        with warnings.catch_warnings():  # the few steps may cut the wavelet, which no grid resolves
            warnings.filterwarnings("ignore", message="the source reaches")
            yield from _measure(problem, peers, turns)


def _measure(problem: Problem, peers: bool, turns: int) -> Iterator[Row]:
    contenders: dict[str, Callable[[], object]] = {
        "forward": seiskern_run(problem, None),
        "tangent": tangent_run(problem),
        **{f"{name}, forward": seiskern_run(problem, name, False) for name in STRATEGIES},
        **{name: seiskern_run(problem, name) for name in STRATEGIES},
    }
    correlation, others = math.nan, ["deepwave"] if peers else []
    if peers:
        contenders["deepwave"] = deepwave_run(problem)
        correlation = _correlation(contenders["Full()"](), contenders["deepwave"]())
        if not correlation > 0.99:
            raise RuntimeError(
                f"gradients of {problem.name} do not agree with deepwave's: correlation {correlation:.4f}"
            )
    found = errors(problem)
    times = turn_by_turn(contenders, turns)
    forward = times["forward"].median
    for name in (*STRATEGIES, "tangent", *others):
        own, ms = name in STRATEGIES, times[name].median
        yield Row(
            problem=problem.name,
            name=name,
            ms=1e3 * ms,
            of_forward=ms / forward,
            backward=(ms - times[f"{name}, forward"].median) / forward if own else math.nan,
            ratio=ratios(times[name], times["Full()"]),
            memory=math.nan if name == "tangent" else peak_memory(problem, name),
            error=found.get(name, math.nan),
            correlation=correlation if name in others else math.nan,
        )


def errors(problem: Problem) -> dict[str, float]:
    """Of the gradients, by strategy: relative L2 to those of `Full`, in a medium that is rough to 10 %."""
    exact = seiskern_run(problem, "Full()", rough=0.1)()
    result = {}
    for name in STRATEGIES:
        both = zip(seiskern_run(problem, name, rough=0.1)(), exact, strict=True)
        result[name] = max(float((a - b).norm() / b.norm()) for a, b in both)
    return result


def seiskern_run(
    problem: Problem, strategy: str | None, backward: bool = True, rough: float = 0.0
) -> Callable[[], Tensor]:
    """One run by this package; returns the gradients of vp, vs and rho, (3, nz, [ny,] nx), or records."""
    source, receivers = explosion_and_line(problem)
    rng = torch.Generator().manual_seed(1)
    shape = problem.shape if rough else (1,) * problem.ndim
    scale = 1 - rough * torch.rand(3, *shape, generator=rng)  # no faster: the step stays what it is

    def run() -> Tensor:
        vp, vs, rho = (
            (torch.full(problem.shape, value) * factor).requires_grad_(strategy is not None)
            for value, factor in zip((VP, VS, RHO), scale, strict=True)
        )
        data = sk.simulate(
            sk.Medium(vp, vs, rho, SPACING),
            [source] * problem.shots,
            receivers,
            **simulate_options(problem),
            adjoint=STRATEGIES[strategy] if strategy else None,
        ).data
        if strategy is None or not backward:
            return data
        return torch.stack(torch.autograd.grad(data, (vp, vs, rho), data.detach()))

    return run


def tangent_run(problem: Problem) -> Callable[[], Tensor]:
    """One run by this package with its tangent along the medium itself; returns that."""
    source, receivers = explosion_and_line(problem)

    def run() -> Tensor:
        with forward_ad.dual_level():
            values = [torch.full(problem.shape, value) for value in (VP, VS, RHO)]
            vp, vs, rho = (forward_ad.make_dual(value, value) for value in values)
            medium = sk.Medium(vp, vs, rho, SPACING)
            options = simulate_options(problem)
            data = sk.simulate(medium, [source] * problem.shots, receivers, **options).data
            return torch.as_tensor(forward_ad.unpack_dual(data).tangent)

    return run


def deepwave_run(problem: Problem) -> Callable[[], Tensor]:
    """One run by deepwave, as it stands out of the box; its gradients as those of vp and vs."""
    from seiskern.bench import peers

    lamb, mu, buoyancy, forward = peers.deepwave_problem(problem, gradient=True)

    def run() -> Tensor:
        records = forward()
        of_lamb, of_mu, _ = torch.autograd.grad(records, (lamb, mu, buoyancy), records.detach())
        return torch.stack([2 * RHO * VP * of_lamb, 2 * RHO * VS * (of_mu - 2 * of_lamb)])

    return run


def _correlation(own: object, peer: object) -> float:
    """Of gradients, without what is within three nodes of the source, where they are largest, or of an edge.

    Sources and receivers of the two are spread differently over the staggered grid.
    """
    a, b = (torch.as_tensor(x).double()[:2] for x in (own, peer))
    inside = torch.zeros_like(a)
    inside[(slice(None), *(slice(3, n - 3) for n in a.shape[1:]))] = 1
    middle = a.shape[-1] // 2
    rows = (slice(middle - 3, middle + 4),) * (a.ndim - 2)
    inside[(slice(None), *rows)] = 0  # the line of receivers, on which the source lies
    a, b = a * inside, b * inside
    return float((a * b).sum() / (a.norm() * b.norm()))


def peak_memory(problem: Problem, name: str) -> float:
    """Peak of one run above what its process held before, MiB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return float(pool.apply(_peak, (problem, name)))


def _peak(problem: Problem, name: str) -> float:
    warnings.simplefilter("ignore")
    made = deepwave_run(problem) if name == "deepwave" else seiskern_run(problem, name)
    small = Problem(16, problem.ndim, 2, absorbing=2)  # loads all code
    (deepwave_run(small) if name == "deepwave" else seiskern_run(small, name))()
    with contextlib.suppress(OSError):  # else what loading it took counts as held before
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _high_water()
    made()
    return (_high_water() - before) / 1024


def _high_water() -> int:
    """Most memory that this process has held, KiB; that of getrusage may be its parent's."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(line)
