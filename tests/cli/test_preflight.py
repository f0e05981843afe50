import math

import pytest
import torch

from seiskern.cli.preflight import POINTS_PER_WAVELENGTH, STENCILS, describe, estimate


def plan(shape=(11, 12, 13), vp=3000.0, vs=1500.0, spacing=(10.0, 20.0, 20.0), **options):
    medium = torch.full(shape, vp), torch.full(shape, vs)
    return estimate(*medium, spacing, **({"dt": 0.01, "nt": 101} | options))


@pytest.mark.parametrize("order", STENCILS)
def test_stencils_are_exact_to_their_order(order):
    coefficients = STENCILS[order]
    for power in range(1, order, 2):
        # d/dx of x^power at 0 from x = +-(k + 1/2)
        got = sum(2 * c * (k + 0.5) ** power for k, c in enumerate(coefficients))
        assert got == pytest.approx(1.0 if power == 1 else 0.0, abs=1e-12)


def test_cells_count_the_absorbing_layers():
    assert plan(absorbing=5).cells == (11 + 5) * (12 + 10) * (13 + 10)
    assert plan(absorbing=5, free_surface=False).cells == (11 + 10) * (12 + 10) * (13 + 10)
    assert plan((11, 13), spacing=(10.0, 10.0), absorbing=0).cells == 143


def test_substep_divides_the_sampling_and_is_stable():
    got = plan(order=4)
    limit = 1 / (3000 * math.sqrt(1 / 100 + 2 / 400) * (9 / 8 + 1 / 24))
    assert got.substep < limit
    assert round(0.01 / got.substep) == pytest.approx(0.01 / got.substep)
    assert got.steps * got.substep == pytest.approx(1.0)


def test_resolution_is_that_of_the_slowest_wave_and_the_widest_spacing():
    assert plan(order=8).frequency == pytest.approx(1500 / (POINTS_PER_WAVELENGTH[8] * 20))
    assert plan(order=8, vs=0.0).frequency == pytest.approx(3000 / (POINTS_PER_WAVELENGTH[8] * 20))


def test_unknown_order_is_refused():
    with pytest.raises(ValueError, match="`order` must be one of 2, 4, 6, 8, got 3"):
        plan(order=3)


def test_description_names_what_matters():
    assert [name for name, _ in describe(plan())] == ["cells", "steps", "memory", "resolved"]
