"""Independent checks of the full-space oracles."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from seiskern.verify.oracles import full_space_2d as two
from seiskern.verify.oracles import full_space_3d as three

Array = NDArray[np.float64]
Field = Callable[[Array, Array], Array]

VP, VS, RHO = 5000.0, 2900.0, 2600.0
SOLID = (VP, VS, RHO)
MU = RHO * VS**2
LAM = RHO * VP**2 - 2.0 * MU
WIDTH, DELAY = 0.05, 0.45
FORCE = np.array([1.0e6, -2.0e6, 3.0e6])
MOMENT = np.array([[1.0, 0.3, -0.5], [0.3, -2.0, 0.7], [-0.5, 0.7, 0.4]]) * 1e9
PLANE = [0, 2]


def gaussian(t: Array) -> Array:
    """Return a Gaussian of unit integral, negligible (3e-18) at t = 0."""
    u = (np.asarray(t) - DELAY) / WIDTH
    return np.asarray(np.exp(-0.5 * u**2) / (WIDTH * np.sqrt(2.0 * np.pi)))


def ramp(t: Array) -> Array:
    """Return a smooth step from 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.tanh((np.asarray(t) - DELAY) / (0.4 * WIDTH)))


def ramp_rate(t: Array) -> Array:
    """Return the exact derivative of ramp."""
    return np.asarray(0.5 / np.cosh((np.asarray(t) - DELAY) / (0.4 * WIDTH)) ** 2) / (0.4 * WIDTH)


def misfit(test: Array, reference: Array) -> float:
    """Return the largest difference over the largest reference value."""
    return float(np.abs(test - reference).max() / np.abs(reference).max())


FIRST = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
SECOND = {0: -205 / 72, 1: 8 / 5, 2: -1 / 5, 3: 8 / 315, 4: -1 / 560}


def gradient(field: Callable[[Array], Array], x: Array, h: float) -> Array:
    """Return d field / d x_m, the derivative index last but the time."""
    parts = []
    for e in np.eye(x.size) * h:
        pairs = ((w, field(x + k * e) - field(x - k * e)) for k, w in FIRST.items())
        parts.append(sum(w * d for w, d in pairs) / h)
    return np.stack(parts, axis=-2)


def curvature(field: Callable[[float], Array], h: float) -> Array:
    """Return the second derivative at zero by the eighth-order difference."""
    total = SECOND[0] * field(0.0)
    for k, w in SECOND.items():
        if k:
            total = total + w * (field(k * h) + field(-k * h))
    return total / h**2


SOURCES: dict[str, Field] = {
    "3-D force": lambda t, x: three.force_velocity(t, x, FORCE, gaussian, *SOLID, step=0.005),
    "3-D force displacement": lambda t, x: three.force_displacement(
        t, x, FORCE, gaussian, *SOLID, step=0.005
    ),
    "3-D moment": lambda t, x: three.moment_tensor_velocity(t, x, MOMENT, gaussian, *SOLID, step=0.005),
    "2-D force": lambda t, x: two.force_velocity(t, x, FORCE[PLANE], gaussian, *SOLID, step=0.005),
    "2-D moment": lambda t, x: two.moment_tensor_velocity(
        t, x, MOMENT[np.ix_(PLANE, PLANE)], gaussian, *SOLID, step=0.005
    ),
    "2-D explosion": lambda t, x: two.explosion_velocity(t, x, 1e9, gaussian, *SOLID, step=0.005),
}


@pytest.mark.parametrize("name", SOURCES)
def test_field_satisfies_the_elastodynamic_equation(name: str) -> None:
    """Rho u_tt = (lambda + mu) grad div u + mu laplacian u off the source."""
    source = SOURCES[name]
    x = np.array([260.0, -150.0, 330.0])[: 3 if name.startswith("3") else 2]
    t, h = DELAY + np.linspace(-0.1, 0.4, 21), 9.0

    def divergence(y: Array) -> Array:
        slopes = gradient(lambda z: source(t, z), y, h)
        return np.asarray(np.einsum("nnt->t", slopes))

    grad_div = gradient(divergence, x, h)
    axes = np.eye(x.size)
    laplacian = sum(
        curvature(lambda s, e=e: source(t, x + s * e), h)  # type: ignore[misc]
        for e in axes
    )
    inertia = RHO * curvature(lambda s: source(t + s, x), WIDTH / 10.0)
    assert misfit((LAM + MU) * grad_div + MU * laplacian, inertia) < 1e-6


def kelvin(x: Array) -> Array:
    """Return the static displacement tensor of a unit force (Kelvin)."""
    r = float(np.linalg.norm(x))
    nu = LAM / (2.0 * (LAM + MU))
    tensor = (3.0 - 4.0 * nu) * np.eye(3) + np.outer(x, x) / r**2
    return np.asarray(tensor / (16.0 * np.pi * MU * (1.0 - nu) * r))


def static_moment(x: Array) -> Array:
    """Return the static displacement of MOMENT from Kelvin's tensor."""
    slopes = gradient(lambda y: kelvin(y)[..., None], x, 0.01 * float(np.abs(x).max()))
    return -np.asarray(np.einsum("npqt,pq->nt", slopes, MOMENT))[:, 0]


def test_late_force_displacement_is_kelvin() -> None:
    """A force that stays on leaves Kelvin's static displacement."""
    x, t = np.array([210.0, -120.0, 300.0]), np.arange(0.0, 2.0, 0.004)
    velocity = three.force_velocity(t, x, FORCE, ramp, *SOLID)
    expected = kelvin(x) @ FORCE
    assert misfit(velocity.sum(axis=1) * 0.004, expected) < 1e-8
    late = three.force_displacement(np.array([3.0]), x, FORCE, ramp, *SOLID, step=0.005)
    assert misfit(late[:, 0], expected) < 1e-10


def test_late_moment_fields_are_static() -> None:
    """A dislocation leaves the static displacement and strain of its moment."""
    x, t = np.array([210.0, -120.0, 300.0]), np.arange(0.0, 2.0, 0.01)
    velocity = three.moment_tensor_velocity(t, x, MOMENT, gaussian, *SOLID)
    assert misfit(velocity.sum(axis=1) * 0.01, static_moment(x)) < 1e-8
    slope = gradient(lambda y: static_moment(y)[:, None], x, 3.0)[..., 0]
    strain = three.moment_tensor_strain(t, x, MOMENT, gaussian, *SOLID)
    assert misfit(strain[..., -1], 0.5 * (slope + slope.T)) < 1e-7


def test_strain_rate_is_the_velocity_gradient() -> None:
    """The time derivative of the strain is the symmetric velocity gradient."""
    x, t, h = np.array([260.0, -150.0, 330.0]), np.arange(0.3, 0.9, 0.025), 0.004
    slope = gradient(lambda y: SOURCES["3-D moment"](t, y), x, 7.0)
    rate = np.zeros_like(slope)
    for k, w in FIRST.items():
        for sign in (1.0, -1.0):
            strain = three.moment_tensor_strain(t + sign * k * h, x, MOMENT, gaussian, *SOLID, step=0.005)
            rate += sign * w * strain / h
    assert misfit(rate, 0.5 * (slope + slope.swapaxes(0, 1))) < 1e-6


def test_pressure_is_minus_bulk_modulus_times_dilatation() -> None:
    """The pressure from the P potential is that of the full strain tensor."""
    x, t = np.array([260.0, -150.0, 330.0]), np.arange(0.0, 1.5, 0.01)
    strain = three.moment_tensor_strain(t, x, MOMENT, gaussian, *SOLID)
    pressure = three.moment_tensor_pressure(t, x, MOMENT, gaussian, *SOLID)
    dilatation = np.einsum("nnt->t", strain)
    assert misfit(pressure, -(LAM + 2.0 * MU / 3.0) * dilatation) < 1e-12


def test_strain_counts_the_moment_from_start() -> None:
    """A start in mid-pulse takes off the static strain of the moment before it."""
    x, t = np.array([260.0, -150.0, 330.0]), np.arange(0.0, 2.0, 0.01)
    whole, half = (
        three.moment_tensor_strain(t, x, MOMENT, gaussian, *SOLID, start=start) for start in (0.0, DELAY)
    )
    assert misfit(whole - half, 0.5 * whole[..., -1:] * np.ones(t.size)) < 1e-10


def test_far_field_of_a_double_couple() -> None:
    """Far P and S pulses have the radiation pattern of a double couple."""
    angle, r, h = np.deg2rad(25.0), 4.0e6, 1e-4
    x = r * np.array([np.cos(angle), np.sin(angle), 0.0])
    along, across = x / r, np.array([-np.sin(angle), np.cos(angle), 0.0])
    moment = np.zeros((3, 3))
    moment[0, 1] = moment[1, 0] = 1e15
    shift = np.linspace(-0.15, 0.15, 31) + DELAY
    slope = (gaussian(shift + h) - gaussian(shift - h)) / (2.0 * h)
    cases = ((VP, along, np.sin(2 * angle)), (VS, across, np.cos(2 * angle)))
    for speed, direction, pattern in cases:
        field = three.moment_tensor_velocity(shift + r / speed, x, moment, gaussian, *SOLID, step=0.005)
        expected = 1e15 * pattern * slope / (4.0 * np.pi * RHO * speed**3 * r)
        assert misfit(direction @ field, expected) < 1e-3
        sideways = field - np.outer(direction, direction @ field)
        assert np.abs(sideways).max() < 1e-3 * np.abs(expected).max()


def along_the_line(field: Callable[[Array], Array], x: Array) -> Array:
    """Return the integral of a field of (dx, y, dz) over y, the sum exact here.

    The fields vanish smoothly beyond the reach of the waves, so the trapezoidal
    rule converges faster than any power of its spacing.
    """
    heights, spacing = np.linspace(-4800.0, 4800.0, 193, retstep=True)
    return np.asarray(sum(field(np.array([x[0], y, x[1]])) for y in heights) * spacing)


def test_line_of_point_sources_is_a_line_source() -> None:
    """Three-dimensional fields summed along y are the two-dimensional ones."""
    x, t = np.array([250.0, -320.0]), np.linspace(0.4, 1.0, 25)
    force = FORCE * np.array([1.0, 0.0, 1.0])
    summed = along_the_line(lambda y: three.force_velocity(t, y, force, gaussian, *SOLID, step=0.005), x)
    assert misfit(summed[PLANE], SOURCES["2-D force"](t, x)) < 1e-7
    moment = np.zeros((3, 3))
    moment[np.ix_(PLANE, PLANE)] = MOMENT[np.ix_(PLANE, PLANE)]
    summed = along_the_line(
        lambda y: three.moment_tensor_velocity(t, y, moment, gaussian, *SOLID, step=0.005),
        x,
    )
    assert misfit(summed[PLANE], SOURCES["2-D moment"](t, x)) < 1e-7


def test_line_of_explosions_gives_the_plane_pressure() -> None:
    """The in-plane pressure is (lambda + mu) / kappa of the line's pressure."""
    x, t = np.array([250.0, -320.0]), np.linspace(0.4, 1.0, 25)
    moment = np.diag([1e9, 0.0, 1e9])
    summed = along_the_line(
        lambda y: three.moment_tensor_pressure(t, y, moment, gaussian, *SOLID, step=0.005),
        x,
    )
    plane = two.explosion_pressure(t, x, 1e9, gaussian, *SOLID, step=0.005)
    assert misfit(plane, (LAM + MU) / (LAM + 2.0 * MU / 3.0) * summed) < 1e-7


def test_plane_explosion_is_the_isotropic_moment_tensor() -> None:
    """The P-only explosion formula agrees with the general moment tensor."""
    x, t = np.array([250.0, -320.0]), np.linspace(0.4, 1.0, 61)
    general = two.moment_tensor_velocity(t, x, 1e9 * np.eye(2), gaussian, *SOLID, step=0.005)
    assert misfit(SOURCES["2-D explosion"](t, x), general) < 1e-10


@pytest.mark.parametrize(("module", "size"), [(two, 2), (three, 3)])
def test_reciprocity_of_forces(module: object, size: int) -> None:
    """G_np(x) = G_pn(x) = G_np(-x)."""
    x, t = np.array([260.0, -150.0, 330.0])[:size], np.linspace(0.4, 1.0, 31)

    def tensor(y: Array) -> Array:
        fields = [
            module.force_velocity(t, y, e, gaussian, *SOLID)  # type: ignore[attr-defined]
            for e in np.eye(size)
        ]
        return np.stack(fields, axis=1)

    here = tensor(x)
    assert misfit(here.swapaxes(0, 1), here) < 1e-12
    assert misfit(tensor(-x), here) < 1e-12


@pytest.mark.parametrize(("module", "size"), [(two, 2), (three, 3)])
def test_moment_tensor_is_a_set_of_couples(module: object, size: int) -> None:
    """A moment tensor of rate ramp' is -M_pq d_q of forces of signature ramp."""
    x, t = np.array([260.0, -150.0, 330.0])[:size], np.linspace(0.4, 1.0, 31)
    moment = MOMENT[:size, :size]
    field = module.moment_tensor_velocity(  # type: ignore[attr-defined]
        t, x, moment, ramp_rate, *SOLID, step=0.002
    )
    couples = np.zeros_like(field)
    for p, e in enumerate(np.eye(size)):
        slopes = gradient(
            lambda y, e=e: module.force_velocity(  # type: ignore[attr-defined, misc]
                t, y, e, ramp, *SOLID, step=0.002
            ),
            x,
            3.0,
        )
        couples -= np.einsum("nqt,q->nt", slopes, moment[p])
    assert misfit(field, couples) < 1e-6


def test_refuses_what_it_cannot_answer() -> None:
    """A zero offset, a rough source and an asymmetric moment raise."""
    t, x = np.arange(0.0, 1.0, 0.01), np.array([260.0, -150.0, 330.0])
    with pytest.raises(ValueError, match="at the source"):
        three.force_velocity(t, np.zeros(3), FORCE, gaussian, *SOLID)
    with pytest.raises(ValueError, match="not smooth"):
        three.force_displacement(t, x, FORCE, lambda s: np.where(s > 0.3, 1.0, 0.0), *SOLID)
    with pytest.raises(ValueError, match="symmetric"):
        three.moment_tensor_velocity(t, x, np.triu(MOMENT), gaussian, *SOLID)
    with pytest.raises(ValueError, match="step"):
        three.force_velocity(t[:1], x, FORCE, gaussian, *SOLID)
