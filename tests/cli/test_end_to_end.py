"""The command line with the real solver, at toy size."""

import json

import numpy as np
import pytest

import seiskern
from seiskern.cli.app import main
from seiskern.io import read_simulation

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.skipif(not hasattr(seiskern, "simulate"), reason="the solver is not there yet")


@pytest.mark.filterwarnings("default")  # a grid this coarse warns
def test_the_ground_above_a_thrust_first_moves_up(tmp_path, capsys):
    assert main(["demo", "--spacing", "600", "--out", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["energy_above_resolved"] < 0.05
    record = read_simulation(tmp_path / "demo.h5")
    assert np.isfinite(record["traces"]).all()
    distance = np.hypot(record["receivers"]["x"] - 4800, record["receivers"]["y"] - 4800)
    vertical = record["traces"][0, record["components"].index("z"), distance.argmin()]
    onset = np.flatnonzero(np.abs(vertical) > 0.2 * np.abs(vertical).max())[0]
    assert vertical[onset] < 0  # z points down


def test_an_explosion_in_two_layers(tmp_path, config_file, capsys):
    path = config_file(
        ("nt = 40", "nt = 240\n[snapshots]\nevery = 20\nstride = 2"),
        ("f0 = 10.0, t0 = 0.1", "f0 = 6.0, t0 = 0.22"),  # what 10 m resolve at 1000 m/s
    )
    assert main(["simulate", str(path), "-o", str(tmp_path / "out.h5"), "--json"]) == 0
    capsys.readouterr()
    record = read_simulation(tmp_path / "out.h5")
    assert record["traces"].shape == (1, 2, 4, 240)
    # Symmetric about the source at x = 150: vz alike, vx opposite.
    vx, vz = record["traces"][0]
    tolerance = 2e-5 * np.abs(record["traces"]).max()  # fp32, over a few hundred steps
    np.testing.assert_allclose(vz[0], vz[3], atol=tolerance)
    np.testing.assert_allclose(vx[0], -vx[3], atol=tolerance)
    assert np.abs(record["snapshots"]["data"][0, :, -1]).max() > 0
