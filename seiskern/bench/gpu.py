"""The elastic solver and its gradient on a GPU, beside the bound of memory and deepwave on the same card.

The problems are like those of `seiskern.bench.elastic`. A step in two plain passes moves so many bytes a
cell; by the bandwidth of a copy, measured beside, that bounds the cells per second.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import seiskern as sk
from seiskern.bench.elastic import (
    BYTES,
    RHO,
    SPACING,
    VP,
    VS,
    Problem,
    explosion_and_line,
    ratios,
    simulate_options,
)
from seiskern.bench.harness import turn_by_turn
from seiskern.kernels import gpu
from seiskern.kernels.elastic import Strategy
from seiskern.media.random import random_layered_crust

FORWARD = [
    Problem(472, 3, 60, absorbing=20, surface=True),  # 512 with layers, and 20 planes less below a surface
    Problem(472, 3, 60, absorbing=20, surface=True, order=8),
    Problem(472, 3, 60, absorbing=20),  # as deepwave has it
    Problem(472, 3, 60, absorbing=20, order=8),
    Problem(1024, 2, 400, shots=16),
    Problem(64, 2, 400, shots=4096),
]
GRADIENT = [Problem(216, 3, 60, absorbing=20), Problem(200, 2, 500, shots=16)]
TOY_FORWARD = [Problem(24, 2, 40, shots=2), Problem(18, 3, 20, absorbing=4, surface=True)]
TOY_GRADIENT = [Problem(24, 2, 40)]


@dataclass(frozen=True)
class Row:
    """Outcome of one problem.

    Attributes
    ----------
    problem, what : str
        Which; records, or records and gradient, by which strategy.
    ms : float
        Median time.
    gcells : float
        Cell updates of records, in 1e9 per second.
    of_bound : float
        That, over the bound.
    of_forward : float
        Time over that of records alone; NaN of records.
    shots_per_s : float
        Simulations per second.
    peers : dict
        Median time in ms by name.
    ratios : dict
        By peer: median, least and greatest ratio of its time to ours, turn by turn.
    """

    problem: str
    what: str
    ms: float
    gcells: float
    of_bound: float
    of_forward: float
    shots_per_s: float
    peers: dict[str, float]
    ratios: dict[str, tuple[float, float, float]]


def run_bench(
    families: Sequence[str],
    peers: bool,
    toy: bool = False,
    turns: int = 5,
    device: torch.device | None = None,
) -> Iterator[Row]:
    """Time all problems of ``families``, "elastic" or "adjoint", on a GPU.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    if device is None:
        if reason := gpu.why_not():
            raise RuntimeError(f"`--device cuda` cannot be used: {reason}")
        device = torch.device("cuda", torch.cuda.current_device())
    bandwidth = copy_bandwidth(device, 2**20 if toy else 2**30)
    with warnings.catch_warnings():  # the few steps may cut the wavelet, which no grid resolves
        warnings.filterwarnings("ignore", message="the source reaches")
        if "elastic" in families:
            for problem in TOY_FORWARD if toy else FORWARD:
                yield _forward(problem, peers and not problem.surface, turns, device, bandwidth)
            yield _sample(toy, turns, device, bandwidth)
        if "adjoint" in families:
            for problem in TOY_GRADIENT if toy else GRADIENT:
                yield from _gradient(problem, turns, device, bandwidth)


def copy_bandwidth(device: torch.device, size: int) -> float:
    """Bytes per second that a copy reads and writes."""
    a, b = (torch.zeros(size, dtype=torch.float32, device=device) for _ in range(2))
    copied = turn_by_turn({"copy": lambda: _done(b.copy_(a))}, 5)["copy"]
    return 8 * size / copied.best


def _done(value: Tensor) -> Tensor:
    """The same, when it is there."""
    if value.device.type == "cuda":
        torch.cuda.synchronize(value.device)
    return value


def _sample(toy: bool, turns: int, device: torch.device, bandwidth: float) -> Row:
    """A simulation like those of HEMEW-3D, to 5 Hz: a random crust of 9.6 km, 256 sensors, 6.4 s."""
    n, dt, nt = (17, 0.02, 20) if toy else (129, 0.02, 320)
    spacing = 9600.0 / (n - 1)
    vp, vs, rho = (value.to(device) for value in random_layered_crust((n, n, n), spacing, 0))
    medium = sk.Medium(vp, vs, rho, spacing)
    rate = sk.gaussian(0.1, dt, nt, 0.4)
    moment = sk.double_couple(48.0, 45.0, 88.0, 2.47e16)
    source = sk.MomentTensor(x=4800.0, y=4800.0, z=8400.0, moment=moment, rate=rate)
    x, y = torch.meshgrid(*[torch.linspace(150.0, 9450.0, 16)] * 2, indexing="xy")
    receivers = sk.Receivers(x=x.flatten(), y=y.flatten(), z=torch.zeros(256))
    options: dict[str, Any] = {"dt": dt, "nt": nt, "free_surface": True, "order": 8}
    updates = (lambda plan: plan.cells * plan.steps)(sk.plan(medium, **options))

    def run() -> Tensor:
        return _done(sk.simulate(medium, source, receivers, **options).data)

    seconds = turn_by_turn({"seiskern": run}, turns)["seiskern"].median
    rate_of = updates / seconds
    return Row(
        problem=f"like HEMEW-3D, {n}x{n}x{n} at {spacing:g} m, {dt * nt:g} s",
        what="records",
        ms=1e3 * seconds,
        gcells=rate_of / 1e9,
        of_bound=rate_of * BYTES[3] / bandwidth,
        of_forward=math.nan,
        shots_per_s=1 / seconds,
        peers={},
        ratios={},
    )


def _run(problem: Problem, device: torch.device, strategy: Strategy | None) -> Callable[[], Tensor]:
    """Records, or with a strategy the gradient of vp."""
    source, receivers = explosion_and_line(problem)
    vp = torch.full(problem.shape, VP, device=device, requires_grad=strategy is not None)
    vs, rho = (torch.full(problem.shape, value, device=device) for value in (VS, RHO))

    def run() -> Tensor:
        medium = sk.Medium(vp, vs, rho, SPACING)
        options = simulate_options(problem)
        data = sk.simulate(medium, [source] * problem.shots, receivers, adjoint=strategy, **options).data
        if strategy is not None:
            (data,) = torch.autograd.grad(data, vp, data.detach())
        return _done(data)

    return run


def _forward(problem: Problem, peers: bool, turns: int, device: torch.device, bandwidth: float) -> Row:
    own_run = _run(problem, device, None)
    contenders: dict[str, Callable[[], object]] = {"seiskern": own_run}
    if peers:
        deepwave = _deepwave(problem, device)
        contenders["deepwave"] = deepwave
        own, other = own_run()[:, 0, :, 1:].double(), deepwave().double()
        correlation = float((own * other).sum() / (own.norm() * other.norm()))
        if not correlation > 0.99:
            raise RuntimeError(
                f"records of {problem.name} do not agree with deepwave's: correlation {correlation:.4f}"
            )
    times = turn_by_turn(contenders, turns)
    own_time = times.pop("seiskern")
    return _row(
        problem,
        "records",
        own_time.median,
        own_time.median,
        bandwidth,
        {name: 1e3 * timing.median for name, timing in times.items()},
        {name: ratios(timing, own_time) for name, timing in times.items()},
    )


def _gradient(problem: Problem, turns: int, device: torch.device, bandwidth: float) -> Iterator[Row]:
    kept = sk.Full(), sk.Full(dtype=torch.int16), sk.Full(where="host")
    kinds: tuple[Strategy, ...] = (*kept, sk.BoundarySaved(), sk.Checkpointed())
    strategies = {_name(strategy): strategy for strategy in kinds}
    contenders: dict[str, Callable[[], object]] = {"forward": _run(problem, device, None)}
    contenders |= {name: _run(problem, device, strategy) for name, strategy in strategies.items()}
    times = turn_by_turn(contenders, turns)
    forward = times["forward"].median
    for name in strategies:
        yield _row(problem, name, times[name].median, forward, bandwidth, {}, {})


def _name(strategy: Strategy) -> str:
    """As it is made."""
    chosen = {name: getattr(strategy, name) for name in ("dtype", "where")}
    default = {"dtype": None, "where": "memory"}
    words = (f"{name}={value!r}" for name, value in chosen.items() if value != default[name])
    return f"{type(strategy).__name__}({', '.join(words)})"


def _row(
    problem: Problem,
    what: str,
    seconds: float,
    forward: float,
    bandwidth: float,
    peers: dict[str, float],
    found: dict[str, tuple[float, float, float]],
) -> Row:
    rate = problem.updates / forward
    return Row(
        problem=problem.name,
        what=what,
        ms=1e3 * seconds,
        gcells=rate / 1e9,
        of_bound=rate * BYTES[problem.ndim] / bandwidth,
        of_forward=seconds / forward if what != "records" else math.nan,
        shots_per_s=problem.shots / seconds,
        peers=peers,
        ratios=found,
    )


def _deepwave(problem: Problem, device: torch.device) -> Callable[[], Tensor]:
    from seiskern.bench import peers

    run = peers.deepwave_problem(problem, device=device)[-1]
    return lambda: _done(run())


def machine(device: torch.device | None = None) -> dict[str, object]:
    """What the figures hold for."""
    device = device or torch.device("cuda", torch.cuda.current_device())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "none"
    return {
        "card": name,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "nvrtc": gpu.nvrtc_version(),
    }
