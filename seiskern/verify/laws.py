"""Laws that hold in any medium: convergence, reciprocity, independence of place, batches and machine."""

import functools
import math
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import seiskern as sk
from seiskern import _ext
from seiskern.kernels import elastic
from seiskern.media.random import von_karman
from seiskern.verify.case import Case
from seiskern.wave.plan import POINTS_PER_WAVELENGTH

ORDERS = (2, 4, 6, 8)
SPACING = 10.0  # m
VS = 1000.0  # m/s
RESOLVED = 2.5  # a Ricker wavelet reaches this multiple of its peak frequency


def relative(value: Tensor, reference: Tensor) -> float:
    """Relative difference in the L2 norm."""
    return float((value.double() - reference.double()).norm() / reference.double().norm())


def random_medium(
    shape: tuple[int, ...], seed: int, dtype: torch.dtype, variation: float = 0.15, vp_vs: float = 1.73
) -> sk.Medium:
    """Von Karman fluctuations of Vs, Vp and density, each its own."""
    generator = torch.Generator().manual_seed(seed)
    fields = [von_karman(shape, SPACING, 8 * SPACING, 0.3, generator).clamp(-2, 2) for _ in range(3)]
    vs, vp, rho = (torch.exp(variation * f) for f in fields)
    vp = torch.maximum(vp_vs * VS * vp, 1.3 * VS * vs)
    return sk.Medium(vp.to(dtype), (VS * vs).to(dtype), (2000.0 * rho).to(dtype), SPACING)


def wavelet(dt: float, nt: int, points: float = 8.0) -> Tensor:
    """Ricker wavelet that reaches ``points`` nodes per wavelength of Vs."""
    return sk.ricker(VS / (RESOLVED * points * SPACING), dt, nt)


# Convergence


def space_order(order: int) -> float:
    """Shortfall of the observed order: three grids, one step, coefficients exact at staggered positions."""
    n, dt, steps = 48, 1 / 1000, 100
    fields = [_smooth_run(n * 2**level, order, dt, steps)[:: 2**level, :: 2**level] for level in range(3)]
    ratio = (fields[0] - fields[1]).norm() / (fields[1] - fields[2]).norm()
    return order - math.log2(float(ratio))


def _smooth_run(n: int, order: int, dt: float, steps: int) -> Tensor:
    """Pressure pulse in a smooth medium on the unit square; sxx + szz at the nodes."""
    problem = elastic.Problem((n, n), (1 / n, 1 / n), dt, order, torch.float64)
    node = torch.arange(n, dtype=torch.float64) / n
    half = node + 0.5 / n

    def wave(z: Tensor, x: Tensor, phase: float) -> Tensor:
        return 1 + 0.3 * torch.sin(5 * x + phase)[None, :] * torch.cos(4 * z - phase)[:, None]

    coefficients = {
        "bx": 1 / wave(node, half, 0.3),
        "bz": 1 / wave(half, node, 0.3),
        "lam": 0.4 * wave(node, node, 1.1),
        "mu2": 0.6 * wave(node, node, 2.0),
        "mxz": 0.3 * wave(half, half, 2.0),
    }
    state = elastic.State.zeros(problem, 1)
    view = problem.view(state.fields)[0]
    distance = (node[:, None] - 0.5).square() + (node - 0.5).square()
    for name in ("sxx", "szz"):
        view[problem.fields.index(name)] = torch.exp(-distance / (2 * 0.05**2))
    advance(problem, state, problem.pack(coefficients), 0, steps)
    return view[problem.fields.index("sxx")] + view[problem.fields.index("szz")]


def advance(
    problem: elastic.Problem,
    state: elastic.State,
    medium: Tensor,
    first: int,
    last: int,
    threads: int | None = None,
) -> None:
    """Steps without sources, receivers and absorbing layers."""
    none = no_points(problem, len(state.fields))
    elastic.run(problem, state, medium, problem.profiles(1.0, 0.0, 0.5), none, none, first, last, threads)


def no_points(problem: elastic.Problem, n_shots: int) -> tuple[elastic.Points, elastic.Points]:
    """Neither sources nor receivers."""
    empty = elastic.Points.none(problem, n_shots, 1)
    return empty, empty


def _explosion(dt: float, nt: int, corrected: bool = False) -> Tensor:
    """Records of an explosion and a force in a homogeneous medium."""
    medium = sk.Medium(torch.full((48, 48), 1.73 * VS, dtype=torch.float64), VS, 2000.0, SPACING)
    shots = [
        sk.Explosion(x=203.0, z=217.0, moment=1e9, rate=wavelet(dt, nt)),
        sk.Force(x=203.0, z=217.0, force=(1e6, 2e6), signature=wavelet(dt, nt)),
    ]
    receivers = sk.Receivers(x=[304.0, 102.0], z=[151.0, 307.0])
    return sk.simulate(
        medium, shots, receivers, dt=dt, nt=nt, dispersion_correction=corrected, free_surface=False
    ).data


STEP, SAMPLES = 0.0025, 301  # below the limit of stability: one step per sample


def time_order() -> float:
    """Shortfall of the observed order in time: steps of dt, dt / 2 and dt / 4 on one grid."""
    records = [_explosion(STEP / 2**k, 2**k * (SAMPLES - 1) + 1)[..., :: 2**k] for k in range(3)]
    ratio = (records[0] - records[1]).norm() / (records[1] - records[2]).norm()
    return 2 - math.log2(float(ratio))


def time_correction() -> float:
    """Error in time with the correction of dispersion, as a share of the error without it."""
    exact = _explosion(STEP / 4, 4 * (SAMPLES - 1) + 1, corrected=True)[..., ::4]
    plain, corrected = (_explosion(STEP, SAMPLES, flag) for flag in (False, True))
    return relative(corrected, exact) / relative(plain, exact)


# Symmetry


def reciprocity(ndim: int, free_surface: bool) -> float:
    """Force a at A seen as velocity b at B, against force b at B seen as velocity a at A, all a and b."""
    shape = (44, 52) if ndim == 2 else (22, 24, 26)
    medium = random_medium(shape, 3, torch.float64)
    dt, nt = 0.006, 80
    axes = "xz" if ndim == 2 else "xyz"
    top = 4.0 if free_surface else 54.0  # clear of the absorbing layer, where a source is not reciprocal
    places = ({"x": 103.0, "y": 87.0, "z": top}, {"x": 174.0, "y": 151.0, "z": 131.0})
    first, second = ({axis: p[axis] for axis in axes} for p in places)

    def green(source: dict[str, float], receiver: dict[str, float]) -> Tensor:
        """(force, velocity, nt)."""
        unit = torch.eye(ndim, dtype=torch.float64).tolist()
        shots = [sk.Force(**source, force=f, signature=wavelet(dt, nt)) for f in unit]
        return sk.simulate(
            medium, shots, sk.Receivers(**receiver), dt=dt, nt=nt, free_surface=free_surface, absorbing=8
        ).data[:, :, 0]

    return relative(green(first, second), green(second, first).transpose(0, 1))


def subcell_shift() -> float:
    """Largest change when source and receivers move together by fractions of a cell in a full space."""
    medium = sk.Medium(torch.full((56, 56), 1.73 * VS, dtype=torch.float64), VS, 2000.0, SPACING)
    dt, nt = 0.003, 170
    points = POINTS_PER_WAVELENGTH[8]

    def records(shift_x: float, shift_z: float) -> Tensor:
        x, z = 250.0 + shift_x * SPACING, 250.0 + shift_z * SPACING
        sources: list[Any] = [
            sk.MomentTensor(x=x, z=z, moment=[[1e9, 5e8], [5e8, -3e8]], rate=wavelet(dt, nt, points)),
            sk.Force(x=x, z=z, force=(1e6, 5e5), signature=wavelet(dt, nt, points)),
        ]
        receivers = sk.Receivers(x=[x + 180.0, x - 60.0], z=[z + 40.0, z - 170.0])
        return sk.simulate(medium, sources, receivers, dt=dt, nt=nt, free_surface=False).data

    reference = records(0.0, 0.0)
    return max(relative(records(*shift), reference) for shift in ((0.5, 0.0), (0.25, 0.4), (0.5, 0.5)))


# Batches and machines: the same numbers however the work is cut


def _shots(dt: float = 0.008, nt: int = 240) -> list[sk.Force]:
    return [
        sk.Force(x=80.0 + 60.0 * n, z=55.0, force=(1e6, 2e6), signature=wavelet(dt, nt, 8.0 * 2**n))
        for n in range(3)
    ]


def _record(medium: sk.Medium, shots: Any, dt: float = 0.008, nt: int = 240) -> Tensor:
    receivers = sk.Receivers(x=[33.0, 211.0, 300.0], z=[0.0, 10.0, 107.0])
    return sk.simulate(medium, shots, receivers, dt=dt, nt=nt, absorbing=10).data


def shot_batch() -> float:
    """Largest difference between shots run together and one by one."""
    medium, shots = random_medium((37, 41), 5, torch.float32), _shots()
    single = torch.cat([_record(medium, shot) for shot in shots])
    return float((_record(medium, shots) - single).abs().max())


def medium_batch() -> float:
    """Largest difference between media run together and one by one, at the step of the batch."""
    media, shots = [random_medium((37, 41), seed, torch.float32) for seed in range(3)], _shots()
    vp, vs, rho = (torch.stack([getattr(m, n) for m in media]) for n in ("vp", "vs", "rho"))
    joined = sk.Medium(vp, vs, rho, (SPACING, SPACING))
    together = _record(joined, shots)
    worst = 0.0
    for n in range(3):  # the others change nothing but the step, so keep all three
        order = [n, *(m for m in range(3) if m != n)]
        turned = sk.Medium(vp[order], vs[order], rho[order], (SPACING, SPACING))
        first = _record(turned, [shots[m] for m in order])[0]
        worst = max(worst, float((first - together[n]).abs().max()))
    return worst


def single_precision() -> float:
    """Relative difference between fp32 and fp64 over 2000 steps."""
    records = []
    for dtype in (torch.float64, torch.float32):
        double = random_medium((48, 48), 7, torch.float64)
        medium = sk.Medium(double.vp.to(dtype), double.vs.to(dtype), double.rho.to(dtype), SPACING)
        records.append(_record(medium, _shots(0.015, 400), 0.015, 400))
    return relative(records[1], records[0])


def threads(ndim: int) -> float:
    """Largest difference between 1 and 2 threads."""
    shape = (70, 60) if ndim == 2 else (40, 36, 34)
    return float((noise_run(shape, 1) - noise_run(shape, 2)).abs().max())


def noise_run(shape: tuple[int, ...], n_threads: int, steps: int = 41) -> Tensor:
    """Fields after some steps from random velocities, with free surface and absorbing layers."""
    medium = random_medium(shape, 11, torch.float32)
    decided = sk.plan(medium, dt=0.001, nt=2, absorbing=6)
    packed = packed_medium(medium, decided.problem)
    state = elastic.State.zeros(decided.problem, 1)
    generator = torch.Generator().manual_seed(1)
    view = decided.problem.view(state.fields)
    view[:, : len(shape)] = torch.randn(view[:, : len(shape)].shape, generator=generator)
    none = no_points(decided.problem, 1)
    profiles = decided.problem.profiles(decided.speed, 10.0, 1e-5)
    elastic.run(decided.problem, state, packed, profiles, none, none, 0, steps, n_threads)
    return view.clone()


def packed_medium(medium: sk.Medium, problem: elastic.Problem) -> Tensor:
    """Coefficients for the kernels."""
    return elastic.stagger(problem, medium.vp, medium.vs, medium.rho)


def instruction_sets() -> float:
    """Relative difference between the instruction sets that are compiled in and run here."""
    before, results = os.environ.get("SEISKERN_ISA"), []
    try:
        for isa in _ext.describe()["isas"]:
            os.environ["SEISKERN_ISA"] = isa
            used = _ext.describe()["isa"]
            fields = [noise_run(shape, 1) for shape in ((40, 50), (22, 24, 26))]
            results.append((used, torch.cat([field.flatten() for field in fields])))
    finally:
        os.environ.pop("SEISKERN_ISA")
        if before is not None:
            os.environ["SEISKERN_ISA"] = before
    return max((relative(value, results[0][1]) for _, value in results[1:]), default=0.0)


def _case(
    name: str, note: str, bound: float, run: Callable[..., float], *arguments: Any, full: bool = False
) -> Case:
    return Case(f"laws/{name}", note, bound, functools.partial(run, *arguments), full)


# Bounds. Orders: what the next term of the error leaves on these grids. Reciprocity: rounding, 1e-16, times
# the steps and the cancellation between large near and small far values. fp32: 6e-8 times the root of 2000
# steps times the same.
CASES = [
    *(
        _case(f"space-order-{order}", "shortfall of the observed order in space", 0.3, space_order, order)
        for order in ORDERS
    ),
    _case("time-order", "shortfall of the observed order in time", 0.1, time_order),
    _case("time-correction", "error in time with the correction over that without", 0.02, time_correction),
    *(
        _case(
            f"reciprocity-{ndim}d{'-surface' * surface}",
            "relative difference of reciprocal records, fp64",
            1e-12,
            reciprocity,
            ndim,
            surface,
        )
        for ndim in (2, 3)
        for surface in (False, True)
    ),
    _case(
        "subcell-shift", "relative change when source and receivers move within a cell", 0.01, subcell_shift
    ),
    _case("shot-batch", "largest difference to single shots", 0.0, shot_batch),
    _case("medium-batch", "largest difference when the media of a batch change places", 0.0, medium_batch),
    _case("fp32", "relative difference of fp32 and fp64 after 2000 steps", 1e-4, single_precision),
    *(_case(f"threads-{n}d", "largest difference between 1 and 2 threads", 0.0, threads, n) for n in (2, 3)),
    _case("instruction-sets", "relative difference between instruction sets, fp32", 1e-5, instruction_sets),
]
