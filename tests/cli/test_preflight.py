import json

import pytest
import torch

import seiskern as sk
from seiskern.cli.preflight import describe, measure_speed, numbers


@pytest.fixture(scope="module")
def plan():
    vp = torch.full((21, 12, 13), 3000.0)
    return sk.plan(sk.Medium(vp, vp / 2, vp, (10.0, 20.0, 20.0)), dt=0.01, nt=101, absorbing=5)


def test_numbers_are_those_of_the_plan(plan):
    got = json.loads(json.dumps(numbers(plan)))
    assert got["cells"] == (21 + 5) * (12 + 10) * (13 + 10)
    assert got["substep"] * round(0.01 / got["substep"]) == pytest.approx(0.01)
    assert got["steps"] * got["substep"] >= 1.0
    assert got["frequency"] == pytest.approx(1500 / (got["points"] * 20))
    assert got["memory"] > 12 * 4 * got["cells"]  # 9 fields and 3 coefficients, fp32


def test_description_names_what_matters(plan):
    assert [name for name, _ in describe(plan)] == ["cells", "steps", "memory", "resolved"]


@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("effective", [False, True])
def test_the_trial_measures_and_warns_of_nothing(order, effective):
    assert 1e5 < measure_speed(2, order, torch.float32, effective=effective) < 1e12
