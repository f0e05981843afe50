"""Energy, absorbing layers, and stability over 100,000 steps."""

import functools
import math
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import seiskern as sk
from seiskern.grid import AXES, offset
from seiskern.kernels import elastic
from seiskern.kernels.elastic.reference import stagger
from seiskern.verify.case import Case
from seiskern.verify.laws import RESOLVED, SPACING, VS, advance, packed_medium, random_medium
from seiskern.wave.plan import COURANT, POINTS_PER_WAVELENGTH

ORDERS = (2, 4, 6, 8)
RATIOS = (1.5, 1.73, 3.0, 10.0)

# Discrete energy


class Energy:
    r"""Energy that the scheme conserves where nothing absorbs, at the time of the velocities.

    .. math:: E^{n+1/2} = \tfrac12 \langle \rho v^{n+1/2}, v^{n+1/2} \rangle
        + \tfrac12 \langle \sigma^n, C^{-1} \sigma^{n+1} \rangle

    The products carry the norms of the planes below a free surface; on it the compliance is that of plane
    stress.
    """

    def __init__(self, problem: elastic.Problem, coefficients: dict[str, Tensor]) -> None:
        self.problem, self.c = problem, coefficients
        self.normal = [f"s{a}{a}" for a in reversed(AXES[problem.ndim])]

    def __call__(self, before: Tensor, after: Tensor) -> float:
        """Energy between two states of the fields, (n_fields, nz, [ny,] nx)."""
        names = self.problem.fields
        old, new = ({name: fields[n] for n, name in enumerate(names)} for fields in (before, after))
        total = 0.0
        for name in names:
            if name[0] == "v":
                total += self._sum(name, new[name].square() / self.c["b" + name[1]])
            elif name not in self.normal:
                mu = self.c["m" + name[1:]]
                product = old[name] * new[name]
                total += self._sum(name, torch.where(mu > 0, product / mu.where(mu > 0, 1.0), 0.0))
        return 0.5 * (total + self._normal(old, new))

    def _normal(self, old: dict[str, Tensor], new: dict[str, Tensor]) -> float:
        """Sum over the normal stresses of s_n e_n with e = C^-1 s."""
        lam, mu2 = self.c["lam"], self.c["mu2"]
        parts = torch.full_like(lam, float(self.problem.ndim))
        if self.problem.free_surface:
            parts[0] -= 1  # szz is zero there and no longer counts
        trace_old, trace_new = (sum(f[n] for n in self.normal) for f in (old, new))
        bulk = mu2 + parts * lam  # C^-1 s = (s - lam / bulk tr s) / mu2
        solid = mu2 > 0
        product = sum(old[n] * new[n] for n in self.normal)
        mean = trace_old * trace_new
        shear = (product - lam / bulk.where(bulk > 0, 1.0) * mean) / mu2.where(solid, 1.0)
        fluid = torch.where(bulk > 0, mean / (parts.square() * lam).where(lam > 0, 1.0), 0.0)
        return self._sum("sxx", torch.where(solid, shear, fluid))

    def _sum(self, field: str, density: Tensor) -> float:
        if self.problem.free_surface:
            norms = elastic.surface_norms(self.problem.order, half=offset(field, "z") > 0)
            weights = torch.ones(self.problem.shape[0], dtype=torch.float64)
            weights[: len(norms)] = norms
            density = density * weights.reshape(-1, *[1] * (density.ndim - 1))
        return float(density.sum())


def conservation(ndim: int, order: int, free_surface: bool, water: bool = False) -> float:
    """Largest relative change of the energy over 1000 steps in a random medium with rigid sides."""
    shape = (33, 35) if ndim == 2 else (19, 17, 18)
    medium = random_medium(shape, order, torch.float64, variation=0.3)
    if water:
        medium.vs[2:9, 5:20] = 0
        medium.vs[0, 20:] = 0
    pad = ((0, 0),) * ndim
    dt = sk.plan(medium, dt=1e-3, nt=2, order=order, absorbing=0, free_surface=free_surface).substep
    problem = elastic.Problem(shape, medium.spacing, dt, order, torch.float64, free_surface, pad)
    coefficients = stagger(medium.vp, medium.vs, medium.rho, pad, free_surface)
    energy, state = Energy(problem, coefficients), elastic.State.zeros(problem, 1)
    view = problem.view(state.fields)[0]
    generator = torch.Generator().manual_seed(order)
    view[:ndim] = torch.randn(ndim, *shape, generator=generator, dtype=torch.float64)
    packed, values, done = packed_medium(medium, problem), [], 0
    for last in (1, 2, 3, 500, 1000):
        advance(problem, state, packed, done, last - 1)
        before = view.clone()
        advance(problem, state, packed, last - 1, last)
        values.append(energy(before, view))
        done = last
    return max(abs(value / values[0] - 1) for value in values)


# Absorbing layers


@dataclass(frozen=True)
class Reflection:
    """Setting of a measurement: source three S wavelengths before the layer, receiver half a one, in 2-D."""

    order: int
    absorbing: int
    multiaxial: float = 0.035
    vp_vs: float = 1.73

    def shots(self, extend: int, absorbing: int) -> Tensor:
        """Records (wave, component, receiver, nt) with the sides ``extend`` nodes farther away."""
        points = POINTS_PER_WAVELENGTH[self.order]
        wavelength = RESOLVED * points * SPACING
        speed = self.vp_vs * VS
        dt = 0.4 * SPACING / speed
        nt = round((3 * wavelength / VS + 8 * wavelength / VS) / dt)
        nz, nx = round(4 * wavelength / SPACING), round(8 * wavelength / SPACING)
        shape = (nz + 2 * extend, nx + 2 * extend)
        medium = sk.Medium(torch.full(shape, speed, dtype=torch.float64), VS, 2000.0, SPACING)
        shift = extend * SPACING
        x, bottom = nx * SPACING / 2 + shift, (nz - 1) * SPACING + shift
        signature = sk.ricker(VS / wavelength, dt, nt)
        sources: list[Any] = [
            sk.Force(x=x, z=bottom - 3 * wavelength, force=force, signature=signature)
            for force in ((0.0, 1.0), (1.0, 0.0))
        ]
        across = torch.tensor([0.0, 2.0, 3.0], dtype=torch.float64)
        receivers = sk.Receivers(x=x + across * wavelength, z=bottom - wavelength / 2)
        return sk.simulate(
            medium,
            sources,
            receivers,
            dt=dt,
            nt=nt,
            order=self.order,
            absorbing=absorbing,
            multiaxial=self.multiaxial,
            free_surface=False,
            dispersion_correction=False,
        ).data

    def measure(self) -> dict[str, float]:
        """Reflection in dB: P and S at normal incidence, both waves together at 39 and 50 degrees."""
        window = 11 * RESOLVED * POINTS_PER_WAVELENGTH[self.order]  # nodes that S runs through in the record
        reference = self.shots(round(0.5 * self.vp_vs * window) + 20, 0)
        error = (self.shots(0, self.absorbing) - reference).abs().amax(-1)
        peak = reference.abs().amax(-1)
        ratio = {"P": error[0, 1, 0] / peak[0, 1, 0], "S": error[1, 0, 0] / peak[1, 0, 0]}
        ratio |= {name: error[:, :, n].max() / peak[:, :, n].max() for n, name in ((1, "39"), (2, "50"))}
        return {name: 20 * math.log10(float(value)) for name, value in ratio.items()}


@functools.cache
def _measured(order: int, absorbing: int, multiaxial: float) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wavelet is at the edge of what the grid resolves
        return Reflection(order, absorbing, multiaxial).measure()


def reflection(order: int, absorbing: int, multiaxial: float, wave: str) -> float:
    """Reflection of a wave, dB."""
    return _measured(order, absorbing, multiaxial)[wave]


# Stability


def medium_of(kind: str, vp_vs: float, shape: tuple[int, ...]) -> sk.Medium:
    """Homogeneous, two layers, a stack of layers, von Karman fluctuations, or water above rock; fp32."""
    if kind == "random":
        return random_medium(shape, 1, torch.float32, vp_vs=vp_vs)
    generator = torch.Generator().manual_seed(2)
    n = shape[0]
    factor = torch.ones(n)
    if kind == "layers":
        factor[: n // 3] = 0.5
    if kind == "stack":
        factor = (0.5 + torch.rand(-(-n // 8), generator=generator)).repeat_interleave(8)[:n]
    vs = (VS * factor).reshape(-1, *[1] * (len(shape) - 1)).expand(shape).clone()
    vp, rho = vp_vs * vs, 2000 * (vs / VS).sqrt()
    if kind == "water":
        vs[: n // 5], vp[: n // 5], rho[: n // 5] = 0, 1.5 * VS, 1000.0
    return sk.Medium(vp, vs, rho, SPACING)


def growth(
    kind: str,
    vp_vs: float,
    order: int,
    absorbing: int,
    steps: int,
    shape: tuple[int, ...],
    multiaxial: float = 0.035,
) -> float:
    """Velocity at the end over its largest value, after an explosion and, in rock, a force at the surface."""
    medium = medium_of(kind, vp_vs, shape)
    limit = elastic.max_dt(medium.ndim, order, medium.spacing, sk.plan(medium, dt=1e-3, nt=2).speed)
    dt = 0.9999 * COURANT * limit
    slowest = medium.slowest / (POINTS_PER_WAVELENGTH[order] * SPACING)
    signature = sk.ricker(slowest / RESOLVED, dt, steps)
    middle = {axis: 0.43 * (n - 1) * SPACING for axis, n in zip(AXES[medium.ndim], shape, strict=True)}
    shot: list[Any] = [sk.Explosion(**middle, moment=1e9, rate=signature)]
    if kind != "water":  # in water a force leaves a vortex that never ends
        shot.append(sk.Force(**middle | {"z": 3.0}, force=[1e6] * medium.ndim, signature=signature))
    places = [[0.05, 0.5, 0.95]] * medium.ndim  # a grid of receivers that reaches into every corner
    grid = torch.cartesian_prod(*(torch.tensor(p, dtype=torch.float64) for p in places))
    coordinates = {
        a: grid[:, i] * (n - 1) * SPACING
        for i, (a, n) in enumerate(zip(AXES[medium.ndim], shape, strict=True))
    }
    try:
        seis = sk.simulate(
            medium,
            [shot],
            sk.Receivers(**coordinates),
            dt=dt,
            nt=steps,
            order=order,
            absorbing=absorbing,
            multiaxial=multiaxial,
            dispersion_correction=False,
        )
    except FloatingPointError:
        return math.inf
    late = seis.data[..., -steps // 50 :].abs().max()
    return float(late / seis.data.abs().max())


def stability(kind: str, absorbing: int, steps: int, ndim: int = 2) -> float:
    """Largest growth over orders and Vp/Vs."""
    shape = (64, 64) if ndim == 2 else (20, 18, 19)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # grids this small are coarse on purpose
        return max(
            growth(kind, ratio, order, absorbing, steps, shape) for ratio in RATIOS for order in ORDERS
        )


def _energy_cases() -> list[Case]:
    cases = []
    for ndim, order, surface, water in [
        *((2, order, surface, False) for order in ORDERS for surface in (False, True)),
        *((2, order, True, True) for order in ORDERS),
        *((3, order, True, False) for order in (4, 8)),
    ]:
        name = f"energy/{ndim}d-order-{order}{'-surface' * surface}{'-water' * water}"
        # Rounding: 1e-16 in each of 1000 steps, times ten for stresses that nearly cancel in the compliance.
        run = functools.partial(conservation, ndim, order, surface, water)
        cases.append(Case(name, "largest relative change in 1000 steps, fp64, rigid sides", 1e-12, run))
    return cases


def _reflection_cases() -> list[Case]:
    cases = []
    for order, absorbing, multiaxial, normal, slanting in (
        (8, 20, 0.0, -80.0, -80.0),  # 1.3 wavelengths of S at the peak of the spectrum
        (8, 10, 0.0, -40.0, -40.0),
        (4, 20, 0.0, -60.0, -40.0),
        (2, 20, 0.0, -60.0, -40.0),
        (8, 20, 0.035, -60.0, -45.0),
        (8, 10, 0.035, -40.0, -30.0),  # 0.7 wavelengths
        (4, 20, 0.035, -45.0, -35.0),  # 0.8 wavelengths
        (2, 20, 0.035, -35.0, -25.0),  # 0.4 wavelengths
    ):
        for wave in ("P", "S", "39", "50"):
            what = f"{wave} at normal incidence" if wave in "PS" else f"at {wave} degrees"
            kind = "" if multiaxial else "pure-"
            name = f"absorbing/{kind}order-{order}-{absorbing}-cells-{wave}"
            note = f"reflection of {absorbing} cells, {what}, dB; multiaxial {multiaxial:g}"
            bound = normal if wave in "PS" else slanting
            run = functools.partial(reflection, order, absorbing, multiaxial, wave)
            cases.append(Case(name, note, bound, run, full=order < 8))
    return cases


# What is left in the end is the rounding of fp32 stresses, 6e-8 of their peak, and slow waves of the grid.
STILL = 1e-4
NOTE = "velocity in the last 2 % of {} steps over its peak; orders 2-8, Vp/Vs 1.5-10, fp32"

CASES = [
    *_energy_cases(),
    *_reflection_cases(),
    *(
        Case(
            f"stability/{kind}-{absorbing}-cells",
            NOTE.format("100,000"),
            STILL,
            functools.partial(stability, kind, absorbing, 100_000),
            full=True,
        )
        for kind in ("homogeneous", "layers", "stack", "random", "water")
        for absorbing in (10, 20)
    ),
    Case(
        "stability/3d",
        NOTE.format("20,000"),
        STILL,
        functools.partial(stability, "layers", 10, 20_000, 3),
        full=True,
    ),
]
