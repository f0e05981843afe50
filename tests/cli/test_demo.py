import h5py
import numpy as np
import pytest
import torch

import seiskern as sk
from seiskern.cli import demo
from seiskern.io import read_simulation
from seiskern.media.random import VP_OVER_VS, VS_RANGE

pytest.importorskip("matplotlib")
COARSE = ("--spacing", "600")


def test_writes_figures_data_and_a_summary(cli, solver, tmp_path):
    code, summary, err = cli("demo", *COARSE, "--out", tmp_path / "demo", "--json")
    assert (code, err) == (0, "")
    names = {"demo.h5", "seismograms.png", "peak-velocity.png", "snapshots.png", "medium.png"}
    assert {path.name for path in (tmp_path / "demo").iterdir()} == names
    assert len(summary["files"]) == len(names)
    assert summary["cells"] == (17 + 20) * (17 + 40) ** 2
    assert summary["mcells_per_second"] > 0
    assert 0 <= summary["energy_above_resolved"] <= 1
    record = read_simulation(tmp_path / "demo" / "demo.h5")
    assert record["traces"].shape == (1, 3, 256, 400)
    assert record["medium"]["vs"].shape == (17, 17, 17)
    assert record["sources"][0]["moment"].shape == (3, 3)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(demo, "save_figures", lambda *_: [])
    monkeypatch.setattr(demo, "draw_comparison", lambda *_: "comparison.png")


@pytest.mark.usefixtures("no_figures")
def test_the_solver_gets_an_earthquake_under_a_free_surface(cli, solver, tmp_path):
    cli("demo", *COARSE, "--out", tmp_path)
    (call,) = solver.calls
    assert (call.free_surface, call.absorbing, call.order, call.dt) == (True, 20, 8, 0.02)
    assert call.shots.z == 8400
    assert set(call.receivers.z.tolist()) == {0.0}
    assert call.shots.rate.sum().item() * call.dt == pytest.approx(1.0, abs=1e-3)


def test_the_source_is_as_short_as_the_grid_resolves(solver):
    problem = demo.crust_problem(600.0, 0)
    plan = demo.plan_of(problem)
    spectrum = np.abs(np.fft.rfft(problem.rate.numpy(), 1 << 16)) * demo.DT
    frequency = np.fft.rfftfreq(1 << 16, demo.DT)
    assert np.interp(plan.frequency, frequency, spectrum) == pytest.approx(0.01, rel=0.05)


@pytest.mark.usefixtures("no_figures")
def test_text_sums_up_cost_and_accuracy(cli, solver, tmp_path):
    code, out, err = cli("demo", *COARSE, "--out", tmp_path)
    assert code == 0
    assert "double couple, random layered crust, seed 0" in err
    for word in ("cells", "Mcell/s", "Hz at 6 points", "energy of the seismograms", "demo.h5"):
        assert word in out


def test_seed_changes_the_crust_alone(solver):
    first, second = (demo.crust_problem(600.0, seed) for seed in (0, 1))
    assert not torch.equal(first.medium.vs, second.medium.vs)
    assert torch.equal(first.moment, second.moment)


def test_no_step_needs_multiaxial_layers():
    vs = torch.full((16, 16, 16), VS_RANGE[1])  # the fastest crust that there may be
    medium = sk.Medium(VP_OVER_VS * vs, vs, vs, 75.0)
    nt = demo.crust_problem(600.0, 0).nt
    assert sk.plan(medium, dt=demo.DT, nt=nt, order=demo.ORDER).multiaxial == 0


def test_spacing_must_fit(cli, solver, tmp_path):
    code, _, err = cli("demo", "--spacing", "70", "--out", tmp_path / "demo")
    assert code == 2
    assert err == "seiskern: error: `--spacing` must divide 9600 m, got 70\n"
    assert not (tmp_path / "demo").exists()


@pytest.fixture
def hemew_file(tmp_path):
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "sample.h5", "w") as file:
        file["a"] = rng.uniform(1500, 4000, (32, 32, 32)).astype(np.float32)
        for key in ("uE", "uN", "uZ"):
            file[key] = rng.normal(size=(16, 16, 320)).repeat(2, 0).repeat(2, 1).astype(np.float32)
    return tmp_path / "sample.h5"


def test_a_sample_is_compared_with_its_recording(cli, solver, hemew_file, tmp_path):
    code, summary, _ = cli("demo", "--hemew", hemew_file, *COARSE, "--out", tmp_path / "out", "--json")
    assert code == 0
    (call,) = solver.calls
    assert call.nt == 369  # up to 7.36 s
    assert set(call.receivers.z.tolist()) == {1.0}
    assert [band["highest"] for band in summary["bands"]] == [2.0, 5.0]
    for band in summary["bands"]:
        assert abs(band["mean"]) < 0.1  # noise against noise
        assert len(band["correlation"]) == len(band["amplitude"]) == 3
    assert (tmp_path / "out" / "comparison.png").is_file()


@pytest.mark.usefixtures("no_figures")
def test_a_sample_is_scored_in_text(cli, solver, hemew_file, tmp_path):
    _, out, _ = cli("demo", "--hemew", hemew_file, *COARSE, "--out", tmp_path / "out")
    assert "<= 2 Hz" in out
    assert "correlation" in out
    assert "attenuated and low-passed like the recorded ones" in out


def test_energy_above_counts_what_is_above():
    t = 0.02 * np.arange(1000)
    traces = (np.sin(2 * np.pi * t) + 0.5 * np.sin(2 * np.pi * 10 * t))[None, None]
    assert demo.energy_above(traces, 0.02, 5.0) == pytest.approx(0.2, rel=1e-6)
    assert demo.energy_above(np.zeros((1, 1, 8)), 0.02, 5.0) == 0
