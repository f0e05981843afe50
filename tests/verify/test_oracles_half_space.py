"""Checks of the half-space reference solutions by means independent of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seiskern.verify.oracles import _half_space, garvin_2d, lamb_2d, lamb_3d

Array = NDArray[np.float64]
RHO = 2000.0
VP = 3000.0
RATIOS = (1.5, 3.0**0.5, 3.0, 10.0)
TIMES = 0.008 * np.arange(250, dtype=np.float64)


def ricker(t: Array) -> Array:
    """Return a Ricker pulse of 3 Hz delayed by 0.6 s, 1e-13 at t = 0."""
    u = (3.0 * np.pi * (t - 0.6)) ** 2
    return (1.0 - 2.0 * u) * np.exp(-u)


def bump(t: Array) -> Array:
    """Return a smooth pulse that is zero outside 0 < t < 0.2."""
    inside = np.clip(t / 0.2, 0.0, 1.0)
    return np.asarray(np.sin(np.pi * inside) ** 8)


def smooth_step(t: Array) -> Array:
    """Return a step from 0 to 1 over 0 < t < 0.2, of continuous derivatives."""
    s = np.clip(t / 0.2, 0.0, 1.0)
    return np.asarray(s**5 * (126 - 420 * s + 540 * s**2 - 315 * s**3 + 70 * s**4))


def difference(actual: Array, expected: Array) -> float:
    """Return the largest difference over the largest expected value."""
    return float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))


class PlaneWaveSum:
    """Half-space response by brute force over frequency and wavenumber.

    For each complex frequency and wavenumber, six plane waves (four above the
    source, two below) are fitted numerically to the free surface and to the
    jumps at the source; no reflection coefficient is written down.
    """

    def __init__(self, vs: float, source: float, receiver: float, t: Array):
        dt, self.size = float(t[1] - t[0]), 4 * t.size
        self.dt, self.nt = dt, t.size
        self.damping = 16.0 / (self.size * dt)
        count = int(12.0 * self.size * dt)
        omega = 2.0 * np.pi * np.arange(count) / (self.size * dt)
        self.s = (self.damping + 1j * omega)[:, None]
        self.period = 2.2 * VP * t[-1] + 2000.0
        top = 2.0 * np.pi * 12.0 / vs + 25.0 / abs(source - receiver)
        number = int(top * self.period / (2.0 * np.pi))
        self.k = 2.0 * np.pi / self.period * np.arange(-number, number + 1)[None, :]
        self.mu = RHO * vs**2
        self.lam = RHO * VP**2 - 2.0 * self.mu
        self.rates = [np.sqrt(self.k**2 + (self.s / c) ** 2) for c in (VP, vs)]
        self.source, self.receiver = source, receiver

    def wave(self, kind: int, sign: float) -> NDArray[np.complex128]:
        """Return (ux, uz, sxz, szz) of a wave varying as exp(i k x + nu z)."""
        nu, ik = sign * self.rates[kind], 1j * self.k + 0.0 * self.s
        size = np.abs(self.s)
        ux, uz = (ik / size, nu / size) if kind == 0 else (nu / size, -ik / size)
        sxz = self.mu * (nu * ux + ik * uz)
        szz = self.lam * ik * ux + (self.lam + 2.0 * self.mu) * nu * uz
        return np.stack([ux, uz, sxz, szz], axis=-1)

    def solve(self, force: tuple[float, float], moment: float) -> NDArray[np.complex128]:
        """Return the transformed displacement at the receiver depth."""
        h, z = self.source, self.receiver
        waves = [self.wave(c, d) for d in (-1.0, 1.0) for c in (0, 1)]
        decay = [np.exp(-rate * h)[..., None] for rate in self.rates]
        matrix = np.zeros((*waves[0].shape[:2], 6, 6), dtype=np.complex128)
        for c in (0, 1):
            matrix[..., :2, c] = waves[c][..., 2:]
            matrix[..., :2, c + 2] = waves[c + 2][..., 2:] * decay[c]
            matrix[..., 2:, c] = -waves[c] * decay[c]
            matrix[..., 2:, c + 2] = -waves[c + 2]
            matrix[..., 2:, c + 4] = waves[c]
        jump = np.zeros((*matrix.shape[:3], 1), dtype=np.complex128)
        modulus = self.lam + 2.0 * self.mu
        jump[..., 3, 0] = moment / modulus
        jump[..., 4, 0] = 2.0j * self.k * moment * self.mu / modulus - force[0]
        jump[..., 5, 0] = -force[1]
        scale = np.array([1.0, 1.0, self.mu, self.mu])
        rows = np.concatenate([scale[2:], scale])
        amplitude = np.linalg.solve(matrix / rows[:, None], jump / rows[:, None])
        amplitude = amplitude[..., 0]
        total = np.zeros((*matrix.shape[:2], 2), dtype=np.complex128)
        for c, rate in enumerate(self.rates):
            if z <= h:
                down, up = np.exp(-rate * z), np.exp(-rate * (h - z))
                first, second = amplitude[..., c] * down, amplitude[..., c + 2] * up
                total += first[..., None] * waves[c][..., :2]
                total += second[..., None] * waves[c + 2][..., :2]
            else:
                down = amplitude[..., c + 4] * np.exp(-rate * (z - h))
                total += down[..., None] * waves[c][..., :2]
        return total

    def velocity(self, x: float, force: tuple[float, float] = (0.0, 0.0), moment: float = 0.0) -> Array:
        """Return the velocity for the Ricker pulse as force or moment rate."""
        phase = np.exp(1j * self.k * x)[..., None]
        field = np.sum(self.solve(force, moment) * phase, axis=1) / self.period
        time = self.dt * np.arange(self.size, dtype=np.float64)
        pulse = np.fft.rfft(ricker(time) * np.exp(-self.damping * time))
        spectrum = np.zeros((pulse.size, 2), dtype=np.complex128)
        field = field if moment else field * self.s
        spectrum[: field.shape[0]] = field * pulse[: field.shape[0], None]
        trace = np.fft.irfft(spectrum, self.size, axis=0).T
        return np.asarray((trace * np.exp(self.damping * time))[:, : self.nt])


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("source", "receiver"), [(300.0, 0.0), (300.0, 450.0)])
def test_explosion_against_plane_waves(ratio: float, source: float, receiver: float) -> None:
    """Garvin's solution is the brute-force sum of plane waves."""
    vs = VP / ratio
    expected = PlaneWaveSum(vs, source, receiver, TIMES).velocity(-400.0, moment=3e9)
    actual = garvin_2d.explosion_velocity(TIMES, -400.0, source, 3e9, ricker, VP, vs, RHO, receiver)
    assert difference(actual, expected) < 1e-5


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("source", "receiver"), [(0.0, 250.0), (400.0, 150.0)])
def test_force_against_plane_waves(ratio: float, source: float, receiver: float) -> None:
    """Forces on and below the surface give the brute-force sum of plane waves."""
    vs, force = VP / ratio, (1e6, 2e6)
    expected = PlaneWaveSum(vs, source, receiver, TIMES).velocity(700.0, force)
    actual = garvin_2d.buried_force_velocity(TIMES, 700.0, source, force, ricker, VP, vs, RHO, receiver)
    assert difference(actual, expected) < 1e-5


def test_plane_waves_can_tell() -> None:
    """A change of vs by 0.1 % exceeds the tolerance a hundredfold."""
    expected = PlaneWaveSum(1500.0, 300.0, 450.0, TIMES).velocity(400.0, moment=1.0)
    actual = garvin_2d.explosion_velocity(TIMES, 400.0, 300.0, 1.0, ricker, VP, 1501.5, RHO, 450.0)
    assert difference(actual, expected) > 1e-3


@pytest.mark.parametrize("ratio", RATIOS)
def test_line_of_point_forces_is_line_force(ratio: float) -> None:
    """The 3-D solution integrated along y is the 2-D solution on the surface."""
    x, vs, t = 600.0, VP / ratio, np.arange(60) * 0.02
    expected = lamb_2d.vertical_force_velocity(t, x, 1e6, ricker, VP, vs, RHO)
    edge = np.sqrt((VP * t[-1]) ** 2 - x**2) * np.linspace(0.0, 1.0, 13) ** 1.5
    node, weight = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edge)[:, None]
    y = (0.5 * (edge[1:] + edge[:-1])[:, None] + half * node).ravel()
    total = np.zeros_like(expected)
    for distance, w in zip(np.hypot(x, y), (half * weight).ravel(), strict=True):
        v = lamb_3d.vertical_force_velocity(t, distance, 1e6, ricker, VP, vs, RHO)
        total += 2.0 * w * np.array([v[0] * x / distance, v[1]])
    assert difference(total, expected) < 1e-5


@pytest.mark.parametrize("ratio", RATIOS)
def test_point_force_tends_to_boussinesq(ratio: float) -> None:
    """The final displacement under a steady force is the static solution."""
    vs, r = VP / ratio, 300.0
    end = 60.0 * r / vs
    t = np.linspace(0.0, end, int(end / 0.01) + 1)
    v = lamb_3d.vertical_force_velocity(t, r, 5e6, smooth_step, VP, vs, RHO)
    history = np.cumsum(v, axis=1) * (t[1] - t[0])
    displacement = (4.0 * history[:, -1] - history[:, t.size // 2]) / 3.0  # what is left goes as 1 / t^2
    mu = RHO * vs**2
    poisson = 0.5 * (ratio**2 - 2.0) / (ratio**2 - 1.0)
    scale = 5e6 / (2.0 * np.pi * mu * r)
    assert displacement[1] == pytest.approx(scale * (1.0 - poisson), rel=1e-5)
    assert displacement[0] == pytest.approx(-scale * (0.5 - poisson), rel=1e-3)


def test_point_force_is_pekeris() -> None:
    """The vertical step response is Pekeris's closed form for vp = sqrt(3) vs."""
    medium = _half_space.half_space(3.0**0.5, 1.0, 1.0)
    tau = np.array([0.51, 0.6, 0.8, 0.95, 1.01, 1.05, 1.08, 1.1, 2.0])
    root3 = 3.0**0.5
    with np.errstate(invalid="ignore"):
        pole = np.sqrt((3.0 * root3 + 5.0) / (0.75 + 0.25 * root3 - tau**2))
        first = 6.0 - np.sqrt(3.0 / (tau**2 - 0.25)) - pole
        first += np.sqrt((3.0 * root3 - 5.0) / (tau**2 + 0.25 * root3 - 0.75))
    rayleigh = 0.5 * np.sqrt(3.0 + root3)
    expected = np.select(
        [tau < 1.0 / root3, tau < 1.0, tau < rayleigh],
        [0.0 * tau, first / 32.0, (6.0 - pole) / 16.0],
        3.0 / 8.0,
    )
    gap = rayleigh**2 - tau**2
    actual = lamb_3d._vertical_step(tau, gap, medium) / np.pi
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_surface_is_limit_of_depth(ratio: float) -> None:
    """The solution through the Rayleigh pole is the limit from below."""
    vs, x = VP / ratio, 500.0
    for source in (lamb_2d.vertical_force_velocity, lamb_2d.horizontal_force_velocity):
        surface = source(TIMES, x, 1e6, ricker, VP, vs, RHO)
        near = source(TIMES, x, 1e6, ricker, VP, vs, RHO, 1e-3)
        assert difference(near, surface) < 1e-4
        deep = source(TIMES, x, 1e6, ricker, VP, vs, RHO, 100.0)
        assert difference(deep, surface) > 1e-2


@pytest.mark.parametrize("ratio", RATIOS)
def test_reciprocity(ratio: float) -> None:
    """Exchanging force and receiver transposes the response."""
    vs, x = VP / ratio, 450.0
    units = ((1.0, 0.0), (0.0, 1.0))
    for low, high in ((0.0, 120.0), (80.0, 200.0)):
        there, back = (
            np.array(
                [
                    garvin_2d.buried_force_velocity(TIMES, shift, h, unit, ricker, VP, vs, RHO, z)
                    for unit in units
                ]
            )
            for shift, h, z in ((x, low, high), (-x, high, low))
        )
        assert difference(there, back.transpose(1, 0, 2)) < 1e-7
    down = lamb_2d.vertical_force_velocity(TIMES, x, 1.0, ricker, VP, vs, RHO)
    across = lamb_2d.horizontal_force_velocity(TIMES, x, 1.0, ricker, VP, vs, RHO)
    np.testing.assert_allclose(down[0], -across[1], atol=1e-12 * np.abs(down).max())


def test_explosion_is_pair_of_dipoles() -> None:
    """An explosion is the divergence of forces with respect to their place."""
    vs, x, h, z, step = 1700.0, 350.0, 200.0, 60.0, 0.05

    def rate(t: Array) -> Array:
        return np.asarray((ricker(t + 1e-5) - ricker(t - 1e-5)) / 2e-5)

    expected = np.zeros((2, TIMES.size))
    for sign in (1.0, -1.0):
        shift = sign * step
        for position, depth, force in ((x - shift, h, (1, 0)), (x, h + shift, (0, 1))):
            v = garvin_2d.buried_force_velocity(TIMES, position, depth, force, ricker, VP, vs, RHO, z)
            expected += sign * v / (2.0 * step)
    actual = garvin_2d.explosion_velocity(TIMES, x, h, 1.0, rate, VP, vs, RHO, z)
    assert difference(actual, expected) < 1e-5


def test_rayleigh_speed() -> None:
    """The Rayleigh velocity has its closed form and satisfies its equation."""
    closed = float(np.sqrt(2.0 - 2.0 / 3.0**0.5))
    assert _half_space.rayleigh_speed(3.0**0.5, 1.0) == pytest.approx(closed, rel=1e-13)
    for ratio in (1.2, 1.42, 1.5, 1.77, 3.0, 10.0, 1e4):
        c = _half_space.rayleigh_speed(ratio, 1.0)
        right = 4.0 * np.sqrt((1.0 - (c / ratio) ** 2) * (1.0 - c**2))
        assert 0.6 < c < 0.956
        assert (2.0 - c**2) ** 2 == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_rayleigh_pulse_travels_unchanged(ratio: float) -> None:
    """Far away the pulse moves at the Rayleigh velocity and keeps its shape."""
    vs = VP / ratio
    speed = _half_space.rayleigh_speed(VP, vs)
    window = np.arange(-125, 125) * 0.004 + 0.6
    pulses = [
        lamb_2d.vertical_force_velocity(window + x / speed, x, 1.0, ricker, VP, vs, RHO) for x in (40e3, 80e3)
    ]
    late = lamb_2d.vertical_force_velocity(window + 80e3 / (0.999 * speed), 80e3, 1.0, ricker, VP, vs, RHO)
    assert difference(pulses[1], pulses[0]) < 5e-3
    assert difference(late, pulses[0]) > 5e-2


@pytest.mark.parametrize("ratio", RATIOS)
def test_first_arrival_is_causal(ratio: float) -> None:
    """Nothing moves before P; soon after it something does."""
    vs, x, h = VP / ratio, 900.0, 250.0
    traces = [
        (lamb_2d.vertical_force_velocity(TIMES, x, 1.0, bump, VP, vs, RHO), x),
        (lamb_2d.horizontal_force_velocity(TIMES, x, 1.0, bump, VP, vs, RHO), x),
        (lamb_3d.vertical_force_velocity(TIMES, x, 1.0, bump, VP, vs, RHO), x),
        (
            garvin_2d.explosion_velocity(TIMES, x, h, 1.0, bump, VP, vs, RHO),
            np.hypot(x, h),
        ),
        (
            garvin_2d.explosion_velocity(TIMES, x, h, 1.0, bump, VP, vs, RHO, 350.0),
            np.hypot(x, 100.0),
        ),
    ]
    for trace, distance in traces:
        peak = np.max(np.abs(trace))
        before = distance / VP - 0.012 > TIMES
        soon = distance / VP + 0.2 > TIMES
        assert np.max(np.abs(trace[:, before])) < 1e-9 * peak
        assert np.max(np.abs(trace[:, soon])) > 1e-5 * peak


def test_mirror_symmetry() -> None:
    """Changing the sign of x changes that of the odd component alone."""
    flip = np.array([[-1.0], [1.0]])
    medium = (VP, 1500.0, RHO)
    for depth in (0.0, 90.0):
        for source, sign in (
            (lamb_2d.vertical_force_velocity, 1.0),
            (lamb_2d.horizontal_force_velocity, -1.0),
        ):
            left = source(TIMES, -300.0, 1.0, ricker, *medium, depth)
            right = source(TIMES, 300.0, 1.0, ricker, *medium, depth)
            assert np.array_equal(left, sign * flip * right)


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (lamb_2d.vertical_force_velocity, (TIMES, 0.0, 1.0, ricker, VP, 1500.0, RHO), "off the source"),
        (lamb_2d.vertical_force_velocity, (TIMES, 9.0, 1.0, ricker, VP, VP, RHO), "need rho"),
        (lamb_2d.vertical_force_velocity, (TIMES**2, 9.0, 1.0, ricker, VP, 1500.0, RHO), "uniform"),
        (lamb_3d.vertical_force_velocity, (TIMES, 0.0, 1.0, ricker, VP, 1500.0, RHO), "off the force"),
        (garvin_2d.explosion_velocity, (TIMES, 9.0, 0.0, 1.0, ricker, VP, 1500.0, RHO), "not defined"),
        (
            garvin_2d.explosion_velocity,
            (TIMES, 0.0, 9.0, 1.0, ricker, VP, 1500.0, RHO, 9.0),
            "off the source",
        ),
        (
            lamb_2d.vertical_force_velocity,
            (TIMES, 1.0, 1.0, ricker, VP, 1500.0, RHO, 1.0),
            "too late",
        ),
        (
            garvin_2d.buried_force_velocity,
            (TIMES, 1.0, 5.0, (1.0, 0.0), ricker, VP, 1500.0, RHO, 2.0),
            "too late",
        ),
    ],
)
def test_bad_arguments_are_refused(source, arguments, message) -> None:  # type: ignore[no-untyped-def]
    """Positions on the source, impossible solids and uneven times raise."""
    with pytest.raises(ValueError, match=message):
        source(*arguments)
