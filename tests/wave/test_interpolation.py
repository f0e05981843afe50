import math

import pytest
import torch

from seiskern.wave.interpolation import interpolate

N = 40


def at(position, function, **options):
    """Interpolated values of a function on nodes 0 ... N - 1."""
    weights = interpolate(position, N, **options)
    return (weights.value * function(weights.index.double())).sum(1)


def positions(first, last, n=97):
    return torch.linspace(first, last, n, dtype=torch.float64)


def test_on_a_node_only_that_node_counts():
    node = torch.arange(N, dtype=torch.float64)
    weights = interpolate(node, N)
    for n in range(N):
        assert weights.value[n][weights.index[n] == n].item() == 1
        assert weights.value[n].abs().sum() == 1


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize(
    ("first", "last"), [(5.0, 34.0), (-0.5, 4.0), (35.0, 39.0)], ids=["inside", "top", "end"]
)
def test_cubic_polynomials_are_exact(first, last, derivative):
    place = positions(first, last)
    for power in range(4):

        def function(x, power=power):
            return ((x - 20) / 20) ** power

        exact = power * ((place - 20) / 20) ** max(power - 1, 0) / 20 if derivative else function(place)
        # Rounding times the size of the weights outside the nodes.
        torch.testing.assert_close(at(place, function, derivative=derivative), exact, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("points", "inside", "end"),
    # Nodes per wavelength, and errors relative to the largest value: inside, and one-sided near an end.
    [(16.0, 1.5e-4, 2e-3), (8.0, 7e-4, 1e-2), (5.0, 7e-4, 1.5e-2)],
)
def test_waves_in_the_band(points, inside, end):
    k = 2 * math.pi / points
    for phase in (0.0, 0.9):

        def wave(x, phase=phase):
            return torch.cos(k * x + phase)

        for place, bound in (
            (positions(4.0, 35.0), inside),
            (positions(0.0, 3.0), end),
            (positions(36.0, 39.0), end),
        ):
            assert float((at(place, wave) - wave(place)).abs().max()) < bound


def test_slopes_of_waves_in_the_band():
    k = 2 * math.pi / 8
    place = positions(4.0, 35.0)
    slope = at(place, lambda x: torch.sin(k * x), derivative=True)
    assert float((slope - k * torch.cos(k * place)).abs().max()) < 5e-3 * k


def test_the_error_falls_with_the_fourth_power():
    errors = []
    for points in (20.0, 40.0):
        k = 2 * math.pi / points
        place = positions(10.0, 30.0)
        errors.append(float((at(place, lambda x, k=k: torch.cos(k * x)) - torch.cos(k * place)).abs().max()))
    assert math.log2(errors[0] / errors[1]) > 3.5


def test_few_nodes_still_interpolate_a_line():
    for n in (1, 2, 3, 5):
        weights = interpolate(torch.tensor([0.0, (n - 1) / 2], dtype=torch.float64), n)
        assert weights.index.max() < n
        torch.testing.assert_close(weights.value.sum(1), torch.ones(2, dtype=torch.float64))


def test_a_known_slope_at_the_surface_is_used():
    """Half nodes below a surface half a node above: a quadratic whose slope there is given."""
    place = torch.tensor([-0.5, -0.2, 0.3], dtype=torch.float64)
    weights = interpolate(place, N, slope=torch.ones(3, dtype=torch.bool))
    assert bool((weights.slope != 0).all())

    def function(x):
        return 2 + 0.3 * (x + 0.5) + 0.1 * (x + 0.5) ** 2

    value = (weights.value * function(weights.index.double())).sum(1) + weights.slope * 0.3
    torch.testing.assert_close(value, function(place), atol=1e-9, rtol=0)
