"""The cases of laws, bounds and data, each a test; and that their measures can fail."""

import numpy as np
import pytest
import torch

import seiskern as sk
from seiskern.kernels import elastic
from seiskern.kernels.elastic.reference import stagger
from seiskern.verify import bounds, data, laws

CASES = [*laws.CASES, *bounds.CASES, *data.CASES]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.full else []) for case in CASES],
)
def test_case(case):
    if not case.possible:
        pytest.skip(f"no {case.data} here")
    row = case.check()
    assert row.passed, f"{row.note}: {row.error:.3g} > {row.bound:.3g}"


def test_names_differ():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_energy_sees_a_change_of_one_stress():
    problem = elastic.Problem((20, 18), (10.0, 10.0), 1e-3, 4, torch.float64, True, ((0, 0), (0, 0)))
    medium = laws.random_medium((20, 18), 0, torch.float64)
    energy = bounds.Energy(problem, stagger(medium.vp, medium.vs, medium.rho, ((0, 0), (0, 0)), True))
    fields = torch.ones(5, 20, 18, dtype=torch.float64)
    changed = fields.clone()
    changed[2, 7, 7] += 1.0
    assert energy(changed, changed) > energy(fields, fields)


@pytest.mark.parametrize("ndim", [2, 3])
def test_energy_of_a_uniform_strain(ndim):
    """Stress lam tr e + 2 mu e holds the energy e : s / 2 in each node."""
    shape, e = (20, 19, 18)[:ndim], torch.tensor([1.0, 2.0, 3.0][:ndim], dtype=torch.float64)
    problem = elastic.Problem(shape, (1.0,) * ndim, 1e-3, 2, torch.float64)
    medium = sk.Medium(torch.full(shape, 2.0, dtype=torch.float64), 1.0, 1.0, (1.0,) * ndim)
    energy = bounds.Energy(problem, stagger(medium.vp, medium.vs, medium.rho, ((0, 0),) * ndim, False))
    s = 2.0 * e.sum() + 2.0 * e  # rho = 1: mu = 1, lam = 2
    fields = torch.zeros(len(problem.fields), *shape, dtype=torch.float64)
    for number, name in enumerate(problem.fields):
        if name[0] == "s" and name[1] == name[2]:
            fields[number] = s["xz".index(name[1]) if ndim == 2 else "xyz".index(name[1])]
    assert energy(fields, fields) == pytest.approx(0.5 * float(e @ s) * np.prod(shape))


def test_a_stiff_lid_of_noise_does_not_come_to_rest():
    """Without absorbing layers the measure of stability sees that waves stay."""
    assert bounds.growth("homogeneous", 1.73, 4, 0, 3000, (64, 64)) > 0.05


def test_multiaxial_layers_hold_what_grows_in_pure_ones():
    """A pure C-PML blows up beside fluctuations of Vs; the default keeps the same run bounded."""
    pure, default = (
        bounds.growth("random", 3.0, 8, 20, 4000, (64, 64), multiaxial) for multiaxial in (0.0, 0.035)
    )
    assert default < 0.05 < 0.5 < pure
