"""Checks of the oracle of a layer over a half-space by means independent of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from seiskern.verify import layers
from seiskern.verify._data import data_folder
from seiskern.verify.oracles import full_space_3d, garvin_2d, plane_wave
from seiskern.verify.oracles.compare import relative_l2
from seiskern.verify.oracles.layered_3d import Solid, moment_tensor_velocity, surface_response

Array = NDArray[np.float64]

ROCK = Solid(3000.0, 1700.0, 2000.0)
SOFT = Solid(2000.0, 1000.0, 1800.0)
TIMES = 0.008 * np.arange(125, dtype=np.float64)
MOMENT = np.array([[1.0, 0.3, -0.5], [0.3, -2.0, 0.7], [-0.5, 0.7, 0.4]]) * 1e12
X, DEPTH = 400.0, 300.0  # m, of the receiver and of the source
PITCH = 120.0  # along a line of receivers, m; the shortest wave is 190 m long
DIFFERENCE = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}


def ricker(t: Array) -> Array:
    """Return a Ricker pulse of 3 Hz delayed by 0.6 s, 1e-13 at t = 0."""
    u = (3.0 * np.pi * (t - 0.6)) ** 2
    return np.asarray((1.0 - 2.0 * u) * np.exp(-u))


def ricker_integral(t: Array) -> Array:
    """Return the integral of that pulse."""
    return np.asarray((t - 0.6) * np.exp(-((3.0 * np.pi * (t - 0.6)) ** 2)))


def difference(actual: Array, expected: Array) -> float:
    """Return the largest difference over the largest expected value."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def velocity(
    offset: tuple[float, float], moment: Array = MOMENT, layer: Solid = ROCK, thickness: float = 150.0
) -> Array:
    """Return the velocity at an offset."""
    return moment_tensor_velocity(TIMES, offset, DEPTH, moment, ricker, layer, ROCK, thickness)


@pytest.mark.parametrize("layer", [SOFT, ROCK], ids=["layer", "half-space"])
def test_vertical_incidence_rings_in_the_layer(layer: Solid) -> None:
    """At k = 0 the surface moves as a layer under a wave from below does."""
    k, omega, thickness = np.array([1e-9 + 0j]), 20.0 - 2.0j, 150.0
    psv, sh = surface_response(k, omega, layer, ROCK, thickness)
    for found, name in ((psv[0, 1, 0] / ROCK.rates(k, omega)[0][0], "vp"), (sh[0], "vs")):
        speed, below = getattr(layer, name), getattr(ROCK, name)
        ratio = layer.rho * speed / (ROCK.rho * below)
        phase = omega * thickness / speed
        assert abs(found * (np.cos(phase) + 1j * ratio * np.sin(phase)) / 2.0 - 1.0) < 1e-9


@pytest.mark.parametrize("p", [1e-5, 1.5e-4, 3e-4])
@pytest.mark.parametrize("incident", ["P", "S"])
def test_the_interface_transmits_as_plane_waves_say(incident: Literal["P", "S"], p: float) -> None:
    """With a damping that leaves nothing of multiples, the layer adds the transmission coefficients."""
    omega = 20.0 - 150.0j  # with twice as much, rounding would leave 1e-5
    k = np.array([omega * p])
    surface, _ = surface_response(k, omega, SOFT, SOFT, 150.0)
    both, _ = surface_response(k, omega, SOFT, ROCK, 150.0)
    passed = np.abs(np.linalg.solve(surface[0], both[0]))
    incoming, beyond = (plane_wave.Medium(solid.vp, solid.vs, solid.rho) for solid in (ROCK, SOFT))
    out = plane_wave.interface_coefficients(p, incoming, beyond, incident)
    column = "PS".index(incident)
    speed = (ROCK.vp, ROCK.vs)[column]
    expected = [abs(out.transmitted_p) * SOFT.vp / speed, abs(out.transmitted_s) * SOFT.vs / speed]
    np.testing.assert_allclose(passed[:, column], expected, rtol=1e-7)


def test_attenuation_delays_and_weakens() -> None:
    """S waves straight up through one solid lose exp(-omega time / 2 Q) and lag behind their frequency."""
    solid, omega = replace(ROCK, quality=50.0, frequency=10.0), 2.0 * np.pi * 2.0 - 1e-9j
    _, sh = surface_response(np.array([0j]), omega, solid, solid, 1000.0)
    time = 1000.0 / ROCK.vs
    assert abs(sh[0]) / 2.0 == pytest.approx(np.exp(-omega.real * time / 100.0), rel=0.03)
    lag = time * np.log(5.0) / (50.0 * np.pi)
    assert np.angle(sh[0] * np.exp(1j * omega * (time + lag))) == pytest.approx(0.0, abs=0.02)


@pytest.mark.slow
@pytest.mark.skipif(data_folder("loh1") is None, reason="no data set loh1")
def test_the_published_loh1_attenuates() -> None:
    """It is no elastic solution: Q of 2000 with the speeds at the highest frequency of its samples fits."""
    folder = data_folder("loh1")
    assert folder is not None
    t, published = layers.loh1_published(folder)
    dt, exact = float(t[1]), layers.loh1_exact(t)
    misfits = [
        [
            relative_l2(*(layers.in_band(v, dt, 0.4, 3.0) for v in pair))
            for pair in zip(found, published, strict=True)
        ]
        for found in (exact, exact + layers.loh1_attenuation(dt, len(t)))
    ]
    assert min(misfits[0]) > 0.025
    assert max(misfits[1]) < 0.01


def test_an_interface_between_equal_solids_does_nothing() -> None:
    assert difference(velocity((X, 250.0), thickness=40.0), velocity((X, 250.0), thickness=230.0)) < 1e-7


def test_turning_everything_turns_the_motion() -> None:
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    x, y, _ = turn @ np.array([X, 250.0, 0.0])
    found = velocity((x, y), turn @ MOMENT @ turn.T, SOFT)
    assert difference(found, turn @ velocity((X, 250.0), layer=SOFT)) < 1e-9


def line(function: Callable[[float], Array]) -> Array:
    """Return the sum of a velocity along a line of receivers across the plane of x and z, m times m/s."""
    return np.asarray(PITCH * sum(function(float(y)) for y in PITCH * np.arange(-22, 23)))


def couples(moment: Array) -> Array:
    """Return the velocity due to couples of line forces, (component, nt)."""

    def force(direction: int, shift: Array) -> Array:
        strength = (float(direction == 0), float(direction == 1))
        place = (X - shift[0], DEPTH + shift[1])
        return garvin_2d.buried_force_velocity(
            TIMES, *place, strength, ricker_integral, ROCK.vp, ROCK.vs, ROCK.rho
        )

    def slope(direction: int, along: int) -> Array:
        shift = 5.0 * np.eye(2)[along]
        terms = (
            w * (force(direction, n * shift) - force(direction, -n * shift)) for n, w in DIFFERENCE.items()
        )
        return np.asarray(sum(terms) / 5.0)

    return np.asarray(sum(moment[i, j] * slope(i, j) for i in range(2) for j in range(2)))


def image(moment: Array, y: float) -> Array:
    """Return the motion across the plane due to a source in a full space and its image."""
    mirrored = moment * np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]])
    rock = (ROCK.vp, ROCK.vs, ROCK.rho)
    one, other = (
        full_space_3d.moment_tensor_velocity(TIMES, (X, y, z), m, ricker, *rock)
        for m, z in ((moment, -DEPTH), (mirrored, DEPTH))
    )
    return np.asarray(one[1] + other[1])


@pytest.mark.slow
def test_a_line_is_the_half_space_in_two_dimensions() -> None:
    """P and SV are those of couples of line forces, SH those of a source and its image."""
    found = line(lambda y: velocity((X, y)))
    assert difference(found[::2], couples(MOMENT[::2, ::2])) < 1e-5
    assert difference(found[1], line(partial(image, MOMENT))) < 1e-5


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"t": TIMES + 1.0}, "start at 0"), ({"thickness": 400.0}, "depth"), ({"thickness": 0.0}, "depth")],
)
def test_wrong_arguments_are_refused(wrong: dict[str, object], match: str) -> None:
    right: dict[str, object] = {
        "t": TIMES, "offset": (X, 0.0), "depth": DEPTH, "moment": MOMENT, "rate": ricker,
        "layer": SOFT, "below": ROCK, "thickness": 150.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=match):
        moment_tensor_velocity(**(right | wrong))  # type: ignore[arg-type]
