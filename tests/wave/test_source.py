import math

import pytest
import torch

import seiskern as sk
from seiskern.wave.source import as_shots

EAST, NORTH, DOWN = 0, 1, 2


def by_hand(strike, dip, rake):
    """Slip u of the hanging wall on a plane with normal n towards it: u n + n u, in (East, North, down)."""
    s, d, r = (math.radians(angle) for angle in (strike, dip, rake))
    along = torch.tensor([math.sin(s), math.cos(s), 0.0], dtype=torch.float64)
    down_dip = torch.tensor(
        [math.cos(s) * math.cos(d), -math.sin(s) * math.cos(d), math.sin(d)], dtype=torch.float64
    )
    normal = torch.tensor(
        [math.cos(s) * math.sin(d), -math.sin(s) * math.sin(d), -math.cos(d)], dtype=torch.float64
    )
    slip = math.cos(r) * along - math.sin(r) * down_dip
    return torch.outer(slip, normal) + torch.outer(normal, slip)


@pytest.mark.parametrize(
    ("angles", "entries"),
    [
        ((0, 90, 0), {(EAST, NORTH): 1}),  # vertical strike slip, left-lateral
        ((0, 90, 180), {(EAST, NORTH): -1}),  # right-lateral
        ((90, 90, 0), {(EAST, NORTH): -1}),
        ((45, 90, 0), {(EAST, EAST): 1, (NORTH, NORTH): -1}),
        ((0, 45, 90), {(EAST, EAST): -1, (DOWN, DOWN): 1}),  # thrust
        ((0, 45, -90), {(EAST, EAST): 1, (DOWN, DOWN): -1}),  # normal fault
        ((0, 90, 90), {(EAST, DOWN): -1}),  # vertical dip slip, East side up
    ],
)
def test_simple_faults(angles, entries):
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for (i, j), value in entries.items():
        expected[i, j] = expected[j, i] = value
    torch.testing.assert_close(sk.double_couple(*angles, 1.0), expected, atol=1e-15, rtol=0)


def test_any_fault():
    generator = torch.Generator().manual_seed(0)
    for angles in (torch.rand(20, 3, generator=generator, dtype=torch.float64) * 360).tolist():
        moment = sk.double_couple(*angles, 3.0)
        torch.testing.assert_close(moment, 3 * by_hand(*angles), atol=1e-14, rtol=0)
        eigenvalues = torch.linalg.eigvalsh(moment)
        torch.testing.assert_close(
            eigenvalues, torch.tensor([-3.0, 0, 3], dtype=torch.float64), atol=1e-14, rtol=0
        )


def test_shots_are_a_source_a_list_or_a_list_of_lists(force):
    a, b, c = force(), force(), force()
    assert as_shots(a) == [[a]]
    assert as_shots([a, b]) == [[a], [b]]
    assert as_shots([[a, b], [c]]) == [[a, b], [c]]
    assert as_shots([a, [b, c]]) == [[a], [b, c]]


@pytest.mark.parametrize("shots", [None, [], 3])
def test_other_shots_are_refused(shots):
    with pytest.raises(
        TypeError, match=r"^`shots` must be a source, a list of sources or a list of lists, got"
    ):
        as_shots(shots)


def test_a_shot_holds_sources_only(force):
    with pytest.raises(TypeError, match=r"^`shots\[1\]` must hold sources, got float$"):
        as_shots([force(), [1.0]])


def rate():
    return torch.ones(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sk.double_couple("n", 0, 0, 1), "`strike` must be a number, got 'n'"),
        (lambda: sk.double_couple(0, 0, math.nan, 1), "`rake` must be finite, got nan"),
        (
            lambda: sk.MomentTensor(x=0, z=0, moment=torch.eye(3), rate=rate()).components(2),
            r"`moment` must have shape \(2, 2\), got \(3, 3\)",
        ),
        (
            lambda: sk.MomentTensor(x=0, z=0, moment=[[0.0, 1], [2, 0]], rate=rate()).components(2),
            "`moment` must be symmetric",
        ),
        (
            lambda: sk.Force(x=0, z=0, force=(1.0,), signature=rate()).components(2),
            r"`force` must have 2 components, got shape \(1,\)",
        ),
        (
            lambda: sk.Force(x=0, z=0, force=(1.0, math.inf), signature=rate()).components(2),
            "`force` must be finite, got 1 NaN or infinite values",
        ),
        (
            lambda: sk.Explosion(x=0, z=0, moment=None, rate=rate()).components(2),
            "`moment` must be a number, got None",
        ),
        (lambda: sk.Receivers(x=0.0, z=0.0).coordinates("zyx"), "`receivers.y` must be given in 3-D"),
        (
            lambda: sk.Receivers(x=0.0, y=0.0, z=0.0).coordinates("zx"),
            "`receivers.y` must not be given in 2-D",
        ),
        (
            lambda: sk.Receivers(x=[0.0, 1, 2], z=[0.0, 1]).coordinates("zx"),
            "`receivers.z` must have 1 or 3 values, got 2",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        call()


def test_a_coordinate_of_receivers_may_be_shared():
    places = sk.Receivers(x=[0.0, 1, 2], z=5.0).coordinates("zx")
    assert places[0].tolist() == [5, 5, 5]


def test_numbers_of_python_are_double():
    places = sk.Receivers(x=[0.1, 1234567.89], z=0.1).coordinates("zx")
    assert places.tolist() == [[0.1, 0.1], [0.1, 1234567.89]]
    parts = sk.Force(x=0.0, z=0.0, force=[0.1, 0.2], signature=torch.zeros(3)).components(2)
    assert sorted(float(value) for value in parts.values()) == [0.1, 0.2]
