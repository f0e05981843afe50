"""Independent checks of the plane-wave oracles and of the measures of misfit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seiskern.verify.oracles import compare, plane_wave

Array = NDArray[np.float64]

WIDTH, DELAY = 0.05, 0.45


def gaussian(t: Array) -> Array:
    """Return a Gaussian of unit peak, negligible (3e-18) at t = 0."""
    return np.asarray(np.exp(-0.5 * ((np.asarray(t) - DELAY) / WIDTH) ** 2))


def misfit(test: Array, reference: Array) -> float:
    """Return the largest difference over the largest reference value."""
    return float(np.abs(test - reference).max() / np.abs(reference).max())


UPPER = plane_wave.Medium(3000.0, 1600.0, 2200.0)
LOWER = plane_wave.Medium(4500.0, 2600.0, 2500.0)
WATER = plane_wave.Medium(1500.0, 0.0, 1000.0)
OIL = plane_wave.Medium(1300.0, 0.0, 800.0)


def flux(medium: plane_wave.Medium, p: float, a_p: float, a_s: float) -> float:
    """Return rho c cos |A|^2 summed over P and S."""
    total = medium.rho * medium.vp * np.sqrt(1.0 - (p * medium.vp) ** 2) * a_p**2
    total += medium.rho * medium.vs * np.sqrt(1.0 - (p * medium.vs) ** 2) * a_s**2
    return float(total)


@pytest.mark.parametrize("p", [0.0, 5e-5, 1.5e-4, 2.1e-4])
@pytest.mark.parametrize(
    ("above", "below"),
    [(UPPER, LOWER), (LOWER, UPPER), (WATER, LOWER), (LOWER, WATER), (WATER, OIL)],
)
def test_interface_conserves_energy(above: plane_wave.Medium, below: plane_wave.Medium, p: float) -> None:
    """The flux that comes in goes out again, for P and for SV."""
    for incident in ("P", "S") if above.vs > 0.0 else ("P",):
        out = plane_wave.interface_coefficients(p, above, below, incident)
        back = flux(above, p, out.reflected_p, out.reflected_s)
        on = flux(below, p, out.transmitted_p, out.transmitted_s)
        came = flux(above, p, float(incident == "P"), float(incident == "S"))
        assert abs((back + on) / came - 1.0) < 1e-12


@pytest.mark.parametrize(("above", "below"), [(UPPER, LOWER), (WATER, LOWER), (LOWER, WATER), (WATER, OIL)])
def test_interface_meets_its_boundary_conditions(above: plane_wave.Medium, below: plane_wave.Medium) -> None:
    """Welded solids share u and traction; a fluid lets u_x slip and holds no s_xz."""
    p, vector = 1.5e-4, plane_wave.boundary_vector
    for incident in ("P", "S") if above.vs > 0.0 else ("P",):
        out = plane_wave.interface_coefficients(p, above, below, incident)
        top = vector(above, incident, True, p) + out.reflected_p * vector(above, "P", False, p)
        bottom = out.transmitted_p * vector(below, "P", True, p)
        if above.vs > 0.0:
            top = top + out.reflected_s * vector(above, "S", False, p)
        if below.vs > 0.0:
            bottom = bottom + out.transmitted_s * vector(below, "S", True, p)
        scale = np.array([1.0, 1.0, 1e7, 1e7])
        jump = np.abs(top - bottom) / scale
        assert jump[[1, 2, 3]].max() < 1e-13
        if above.vs > 0.0 and below.vs > 0.0:
            assert jump[0] < 1e-13
        else:
            assert abs(top[2]) / 1e7 < 1e-13


def test_interface_matches_the_closed_form() -> None:
    """PP agrees with Aki & Richards (2002), eqs 5.38-5.40, and with p = 0."""
    p = 1.2e-4
    u, w = UPPER, LOWER
    ci1, cj1 = (np.sqrt(1 / c**2 - p**2) for c in (u.vp, u.vs))
    ci2, cj2 = (np.sqrt(1 / c**2 - p**2) for c in (w.vp, w.vs))
    g1, g2 = 1.0 - 2.0 * (u.vs * p) ** 2, 1.0 - 2.0 * (w.vs * p) ** 2
    a = w.rho * g2 - u.rho * g1
    b = w.rho * g2 + 2.0 * u.rho * (u.vs * p) ** 2
    c = u.rho * g1 + 2.0 * w.rho * (w.vs * p) ** 2
    d = 2.0 * (w.rho * w.vs**2 - u.rho * u.vs**2)
    e, f = b * ci1 + c * ci2, b * cj1 + c * cj2
    g, h = a - d * ci1 * cj2, a - d * ci2 * cj1
    total = e * f + g * h * p**2
    pp = ((b * ci1 - c * ci2) * f - (a + d * ci1 * cj2) * h * p**2) / total
    ps = -2.0 * ci1 * (a * b + c * d * ci2 * cj2) * p * u.vp / (u.vs * total)
    found = plane_wave.interface_coefficients(p, u, w, "P")
    np.testing.assert_allclose(
        [found.reflected_p, found.reflected_s, found.transmitted_p],
        [pp, ps, 2.0 * u.rho * ci1 * f * u.vp / (w.vp * total)],
        rtol=1e-12,
    )
    z1, z2 = u.rho * u.vs, w.rho * w.vs
    normal = plane_wave.interface_coefficients(0.0, u, w, "S")
    assert abs(normal.reflected_s - (z1 - z2) / (z1 + z2)) < 1e-14
    assert abs(normal.transmitted_s - 2.0 * z1 / (z1 + z2)) < 1e-14


@pytest.mark.parametrize("p", [0.0, 1e-4, 2e-4])
def test_fluid_is_the_limit_of_a_soft_solid(p: float) -> None:
    """Coefficients tend to the fluid's as vs of the upper medium goes to 0."""
    exact = plane_wave.interface_coefficients(p, WATER, LOWER)
    soft = plane_wave.Medium(WATER.vp, 0.01, WATER.rho)
    near = plane_wave.interface_coefficients(p, soft, LOWER)
    for name in ("reflected_p", "transmitted_p", "transmitted_s"):
        assert abs(getattr(near, name) - getattr(exact, name)) < 1e-4


@pytest.mark.parametrize("incident", ["P", "S"])
def test_free_surface_has_no_traction_and_keeps_energy(
    incident: plane_wave.WaveType,
) -> None:
    """Incident plus reflected waves leave the surface free of traction."""
    p, vector = 1.5e-4, plane_wave.boundary_vector
    out = plane_wave.free_surface_coefficients(p, LOWER, incident)
    total = vector(LOWER, incident, False, p)
    scale = np.abs(total).max()
    total = total + out.reflected_p * vector(LOWER, "P", True, p)
    total = total + out.reflected_s * vector(LOWER, "S", True, p)
    assert np.abs(total[2:]).max() < 1e-13 * scale
    came = flux(LOWER, p, float(incident == "P"), float(incident == "S"))
    assert abs(flux(LOWER, p, out.reflected_p, out.reflected_s) / came - 1) < 1e-12


def test_boundary_vector_is_the_traction_of_a_plane_wave() -> None:
    """Stress from Hooke's law with a differentiated plane-wave displacement."""
    p, h = 1.5e-4, 1e-3
    for wave, down in (("P", True), ("P", False), ("S", True), ("S", False)):
        vector = plane_wave.boundary_vector(LOWER, wave, down, p)  # type: ignore[arg-type]
        speed = LOWER.vp if wave == "P" else LOWER.vs
        q = np.sqrt(1.0 / speed**2 - p**2) * (1.0 if down else -1.0)
        # Real travelling ramp u = d (p x + q z - t): its gradient is d (p, q).
        moved = [vector[:2] * (p * x + q * z) for x, z in ((h, 0.0), (0.0, h))]
        grad = np.stack(moved, axis=1) / h
        mu = LOWER.rho * LOWER.vs**2
        lam = LOWER.rho * LOWER.vp**2 - 2.0 * mu
        stress = mu * (grad + grad.T) + lam * np.trace(grad) * np.eye(2)
        np.testing.assert_allclose(vector[2:], stress[:, 1], rtol=1e-12, atol=1e-8)
        direction = np.array([p, q]) * speed
        aligned = float(vector[:2] @ direction)
        assert abs(aligned - (wave == "P")) < 1e-12
        assert vector[0] > 0.0


def test_critical_angle_is_refused() -> None:
    """A ray parameter past critical raises instead of returning a number."""
    with pytest.raises(ValueError, match="not below"):
        plane_wave.interface_coefficients(1.0 / LOWER.vp, UPPER, LOWER)


def test_layered_response_matches_exact_time_stepping() -> None:
    """A staggered grid at Courant number 1 in both layers is exact in 1-D."""
    speeds, rho, dt = (2000.0, 3500.0), (1900.0, 2600.0), 0.002
    cells = (100, 200)
    c = np.repeat(speeds, cells)
    modulus, width = np.repeat(rho, cells) * c**2, c * dt
    centre = np.cumsum(width) - 0.5 * width
    edge = np.concatenate([[0.0], np.cumsum(width)])
    # Velocity on edges (the surface is edge 0), stress on centres.
    mass = np.concatenate([np.repeat(rho, cells) * width, [0.0]])
    mass = 0.5 * (mass + np.concatenate([[0.0], mass[:-1]]))

    def pulse(t: Array) -> Array:
        return np.asarray(np.exp(-0.5 * ((t - 0.06) / 0.004) ** 2))

    start, steps = 200.0, 300
    velocity = pulse(-(edge - start) / speeds[0]) * (edge < 400.0)
    late = 0.5 * dt - (centre - start) / speeds[0]
    stress = -rho[0] * speeds[0] * pulse(late) * (centre < 400.0)
    record = [velocity.copy()]
    for _ in range(steps):
        force = np.diff(np.concatenate([[0.0], stress, [0.0]]))
        velocity = velocity + dt * force / mass
        stress = stress + dt * modulus * np.diff(velocity) / width
        record.append(velocity.copy())
    picks = [0, 50, 99, 100, 101, 180]
    exact = plane_wave.layered_normal_incidence(
        np.arange(steps + 1) * dt, edge[picks], speeds, rho, pulse, 400.0,
        start=start, surface=0.0,
    )  # fmt: skip
    assert misfit(np.array(record).T[picks], exact) < 1e-12


def test_layered_response_without_surface() -> None:
    """Velocity and traction are continuous; the amplitudes are R and T."""
    t, media = np.linspace(0.0, 2.0, 2001), ((2000.0, 3500.0), (1900.0, 2600.0))
    z, tiny = 700.0, 1e-9
    field = plane_wave.layered_normal_incidence(t, [0.0, z - tiny, z, 1050.0], *media, gaussian, z)
    assert misfit(field[1], field[2]) < 1e-9
    impedance = [c * r for c, r in zip(*media, strict=True)]
    reflected = (impedance[0] - impedance[1]) / sum(impedance)
    assert abs(field[0, t > 0.9].min() / reflected - 1.0) < 1e-12
    assert abs(field[3].max() / (1.0 + reflected) - 1.0) < 1e-12


@pytest.mark.parametrize("incident", ["P", "S"])
def test_oblique_records_are_continuous_and_solve_the_wave_equation(incident: plane_wave.WaveType) -> None:
    """Velocity does not jump at the interface; above and below, its two parts obey Navier's equation."""
    t, z = np.linspace(0.0, 2.0, 2001), 700.0
    exact = plane_wave.ObliqueIncidence(UPPER, LOWER, z, incident, 1.5e-4, gaussian, 100.0)
    above, below = (sum(exact.velocity(t, 40.0, z + side)) for side in (-1e-9, 0.0))
    assert misfit(above, below) < 1e-9
    step = 1.0  # m, and 1e-5 s
    for medium, depth in ((UPPER, 500.0), (LOWER, 900.0)):

        def at(dt: float, dx: float, dz: float, depth: float = depth) -> Array:
            return np.asarray(sum(exact.velocity(t + dt * 1e-5, 40.0 + dx, depth + dz)))

        def second(i: int, j: int) -> Array:
            e = step * np.eye(3)
            if i == j:
                return (at(*e[i]) - 2 * at(0, 0, 0) + at(*-e[i])) / step**2
            corners = at(*(e[i] + e[j])) - at(*(e[i] - e[j])) - at(*(e[j] - e[i])) + at(*-(e[i] + e[j]))
            return corners / (4 * step**2)

        vp2, vs2 = medium.vp**2, medium.vs**2
        xx, zz, xz, tt = second(1, 1), second(2, 2), second(1, 2), second(0, 0) / 1e-10
        force_x = vp2 * xx[0] + vs2 * zz[0] + (vp2 - vs2) * xz[1]
        force_z = vs2 * xx[1] + vp2 * zz[1] + (vp2 - vs2) * xz[0]
        assert misfit(np.array([force_x, force_z]), tt) < 1e-3


@pytest.mark.parametrize(
    ("incident", "row", "speeds"), [("P", 1, (3000.0, 4500.0)), ("S", 0, (1600.0, 2600.0))]
)
def test_oblique_records_hold_normal_incidence(
    incident: plane_wave.WaveType, row: int, speeds: tuple[float, float]
) -> None:
    """Without slowness along the interface they are those of `layered_normal_incidence`."""
    t = np.linspace(0.0, 2.0, 2001)
    exact = plane_wave.ObliqueIncidence(UPPER, LOWER, 700.0, incident, 0.0, gaussian, 100.0)
    depths = [400.0, 900.0]
    wanted = plane_wave.layered_normal_incidence(
        t, depths, speeds, (UPPER.rho, LOWER.rho), gaussian, 700.0, start=100.0
    )
    for z, trace in zip(depths, wanted, strict=True):
        found = np.asarray(sum(exact.velocity(t, 0.0, z)))
        assert misfit(found[row], trace) < 1e-12
        assert np.abs(found[1 - row]).max() < 1e-12


def test_relative_l2() -> None:
    """The misfit is the ratio of norms and refuses a zero reference."""
    reference = np.array([[3.0, 0.0], [0.0, 4.0]])
    assert compare.relative_l2(1.1 * reference, reference) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="zero"):
        compare.relative_l2(reference, 0.0 * reference)
    with pytest.raises(ValueError, match="shapes"):
        compare.relative_l2(reference, reference[0])


def test_lowpass_gain_phase_and_padding() -> None:
    """Gain 1/2 at the corner, no phase shift and no wrap around the ends."""
    dt, corner = 0.001, 20.0
    t = np.arange(4000) * dt
    middle = slice(1500, 2500)
    for ratio in (0.5, 1.0, 2.0):
        wave = np.sin(2.0 * np.pi * ratio * corner * t)
        out = compare.lowpass(wave, dt, corner)
        gain = 1.0 / (1.0 + ratio**8)
        assert np.abs(out - gain * wave)[middle].max() < 2e-3
    spike = np.zeros((2, 401))
    spike[0, 200] = spike[1, 0] = 1.0
    out = compare.lowpass(spike, dt, corner)
    np.testing.assert_allclose(out[0], out[0, ::-1], atol=1e-14)
    assert np.abs(out[1, 200:]).max() < 1e-4 * out[1, 0]


def test_mean_correlation() -> None:
    """Scale does not matter, sign does, and dead traces are left out."""
    rng = np.random.default_rng(4)
    a = rng.standard_normal((3, 50)) * 1e-200
    assert compare.mean_correlation(a, 7.0 * a) == pytest.approx(1.0)
    assert compare.mean_correlation(a, a * [[1.0], [1.0], [-1.0]]) == pytest.approx(1 / 3)
    dead = a * [[1.0], [0.0], [1.0]]
    assert compare.mean_correlation(dead, dead) == pytest.approx(1.0)
    assert compare.mean_correlation(a, dead) == pytest.approx(2 / 3)
