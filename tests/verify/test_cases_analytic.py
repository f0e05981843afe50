"""The cases against closed forms, and proof that they can fail."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from seiskern.verify import _data, full_space, half_space, layers
from seiskern.verify.case import Case
from seiskern.verify.cases import iter_cases
from seiskern.verify.problems import RHO, Ricker, times

CASES = [*full_space.CASES, *half_space.CASES, *layers.CASES]


def marked(case):
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.full else [])


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_case(case):
    if not case.possible:
        pytest.skip(f"no data set {case.data}")
    row = case.check()
    assert row.error <= row.bound


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("run", [full_space.force_2d, full_space.moment_2d], ids=["force", "moment"])
@pytest.mark.parametrize("wrong", [{"shift": 0.5}, {"rho": 1.02 * RHO}], ids=["half a cell", "density"])
def test_full_space_notices(run, wrong):
    assert run(full_space.Setting(2, **wrong)) > full_space.BOUND


def test_full_space_in_3d_notices_half_a_cell():
    assert full_space.force_3d(full_space.Setting(3, (2.0,), shift=0.5)) > full_space.BOUND


@pytest.mark.parametrize("source", half_space.SOURCES)
def test_half_space_notices_half_a_cell(source):
    assert half_space.Setting(source, 3**0.5, points=8, shift=0.5).error() > 0.02


@pytest.mark.parametrize(("wave", "rocks"), [("S", layers.SOLID), ("P", layers.SOLID), ("P", layers.SEABED)])
def test_crossing_notices_a_misplaced_interface(wave, rocks):
    right = layers.Crossing(wave, rocks, offset=0.5)
    wrong = dataclasses.replace(right, misplaced=0.5)
    assert right.errors()[0] < 0.03 < wrong.errors()[0]


@pytest.mark.slow
def test_below_a_layer_notices_a_misplaced_interface():
    assert layers.BelowLayer(6, misplaced=0.5).error() > 0.03


def test_ricker_agrees_with_its_integral_and_slope():
    pulse, t = Ricker(), times(0.6, 1e-4)
    np.testing.assert_allclose(np.gradient(pulse.integral(t), t)[1:-1], pulse(t)[1:-1], atol=1e-4)
    np.testing.assert_allclose(np.gradient(pulse(t), t)[1:-1], pulse.slope(t)[1:-1], atol=1e-3 * 80)


def test_error_table_holds_each_order(monkeypatch):
    monkeypatch.setattr(half_space, "TABLE_ORDERS", (4, 8))
    monkeypatch.setattr(half_space, "TABLE_POINTS", (6, 8))
    rows = list(half_space.error_table(("vertical",)))
    assert [(name, order) for name, order, _ in rows] == [("lamb-2d/vertical", 4), ("lamb-2d/vertical", 8)]
    coarse, fine = zip(*(errors for _, _, errors in rows), strict=True)
    assert coarse[0] > fine[0] > fine[1]
    assert coarse[0] > coarse[1] > fine[1]


def test_data_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SEISKERN_DATA", str(tmp_path))
    assert _data.data_folder("loh1") is None
    (tmp_path / "loh1").mkdir()
    assert _data.data_folder("loh1") == tmp_path / "loh1"


def test_a_case_without_its_data_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("SEISKERN_DATA", str(tmp_path))
    case = Case("a/b", "", 1.0, partial(float, 0), data="loh1")
    monkeypatch.setattr("seiskern.verify.cases.CASES", [case, Case("a/c", "", 1.0, partial(float, 0))])
    assert [row.name for row in iter_cases()] == ["a/c"]
    with pytest.raises(FileNotFoundError, match="SEISKERN_DATA"):
        layers.loh1_error(layers.Loh1(500.0), "radial")
