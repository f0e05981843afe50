import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from seiskern.cli import fwi, fwi_config
from seiskern.cli.tables import ConfigError
from seiskern.io import read_inversion, read_medium

CONFIG = """
[grid]
shape = [16, 20]
spacing = 50.0

[medium]
uniform = {vp = 2700, vs = 1500, rho = 2200}

[[source]]
kind = "explosion"
x = [150, 800]
z = 700
moment = 1e9
wavelet = {kind = "ricker", f0 = 1.4, t0 = 0.8}

[receivers]
x = {start = 100, stop = 850, count = 8}
z = 50

[simulation]
dt = 0.02
nt = 80
absorbing = 6
dtype = "float64"
dispersion_correction = false

[observed]
medium.layers = [
    {top = 0, vp = 2700, vs = 1500, rho = 2200},
    {top = 400, vp = 3000, vs = 1700, rho = 2200},
]
noise = 0.01

[shots]
batch = 1

[[stage]]
iterations = 3
lowpass = 2.0

[[stage]]
iterations = 4
"""


@pytest.fixture
def config(tmp_path):
    def write(*replacements, more=""):
        text = CONFIG
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "fwi.toml"
        path.write_text(text + more, encoding="utf-8")
        return path

    return write


def test_it_inverts_and_tells_how(cli, config, tmp_path):
    code, summary, err = cli("fwi", config(), "--json")
    assert (code, err) == (0, "")
    assert summary["resumed_after"] == 0
    history = summary["history"]
    assert history["stage"] == [0, 0, 0, 1, 1, 1, 1]
    assert history["number"] == [1, 2, 3, 4, 5, 6, 7]
    assert min(history["error_vp"][1:]) < history["error_vp"][0]
    assert summary["files"] == [str(tmp_path / "fwi.h5")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fwi.h5", "fwi.toml"]
    result = read_inversion(tmp_path / "fwi.h5")
    assert result["config"] == config().read_text()
    assert result["medium"]["vp"].shape == (16, 20)
    assert float(np.ptp(result["start"]["vp"])) == 0
    assert float(result["truth"]["vp"].max()) == 3000
    np.testing.assert_array_equal(result["history"]["misfit"], history["misfit"])


def test_its_result_can_be_the_next_start(cli, config, tmp_path):
    assert cli("fwi", config())[0] == 0
    first = read_medium(tmp_path / "fwi.h5")
    again = config(("uniform = {vp = 2700, vs = 1500, rho = 2200}", 'file = "fwi.h5"'))
    assert cli("fwi", again, "-o", tmp_path / "next.h5")[0] == 0
    np.testing.assert_array_equal(read_inversion(tmp_path / "next.h5")["start"]["vs"], first["vs"])


def test_a_streamer_hears_what_is_near(config):
    path = config(("batch = 1", "batch = 1\noffsets = [-500.0, 500.0]"))
    job = fwi.Job(fwi_config.load_config(path)[0])
    assert 0 < int(job.survey.live.sum()) < 16
    with pytest.raises(ConfigError, match=r"`shots\.offsets` must be two numbers"):
        fwi_config.load_config(config(("batch = 1", "offsets = [1.0]")))


def test_figures(cli, config, tmp_path):
    pytest.importorskip("matplotlib")
    code, out, _ = cli("fwi", config(), "--figures", tmp_path / "figures")
    assert code == 0
    assert [line.rpartition("/")[2] for line in out.splitlines()] == ["fwi.h5", "models.png", "misfit.png"]
    assert all((tmp_path / "figures" / f"{name}.png").stat().st_size > 5000 for name in ("models", "misfit"))


def test_data_may_come_from_a_file(cli, config, tmp_path):
    text = CONFIG[: CONFIG.index("[observed]")].replace("vp = 2700, vs = 1500", "vp = 2800, vs = 1550")
    (tmp_path / "truth.toml").write_text(text)
    assert cli("simulate", tmp_path / "truth.toml", "-o", tmp_path / "data.h5")[0] == 0
    start = CONFIG.index("medium.layers")
    path = config((CONFIG[start : CONFIG.index("noise")], 'file = "data.h5"\n'), ("noise = 0.01", ""))
    code, summary, _ = cli("fwi", path, "--json")
    assert code == 0
    assert "error_vp" not in summary["history"]
    assert summary["history"]["misfit"][-1] < summary["history"]["misfit"][3]
    path.write_text(path.read_text().replace("dt = 0.02", "dt = 0.01"))
    code, _, err = cli("fwi", path)
    assert code == 2
    assert "`observed.file` must hold dt 0.01, got 0.02" in err


def start_process(path, output):
    command = [sys.executable, "-m", "seiskern", "fwi", str(path), "-o", str(output)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_it_goes_on_to_the_same_result(cli, config, tmp_path):
    path = config(("iterations = 4", "iterations = 25"), ("iterations = 3", "iterations = 5"))
    killed = start_process(path, tmp_path / "killed.h5")
    state = tmp_path / "killed.h5.state"
    while not state.exists() and killed.poll() is None:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert state.exists()
    assert not (tmp_path / "killed.h5").exists()
    code, summary, _ = cli("fwi", path, "-o", tmp_path / "killed.h5", "--json")
    assert code == 0
    assert 0 < summary["resumed_after"] < 30
    assert not state.exists()
    assert cli("fwi", path, "-o", tmp_path / "whole.h5")[0] == 0
    resumed, whole = (read_inversion(tmp_path / f"{name}.h5") for name in ("killed", "whole"))
    for name in ("vp", "vs", "rho"):
        np.testing.assert_array_equal(resumed["medium"][name], whole["medium"][name])
    for name in ("misfit", "error_vp", "error_vs"):
        np.testing.assert_array_equal(resumed["history"][name], whole["history"][name])


def test_a_state_of_another_configuration_is_refused(cli, config, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(fwi, "write_inversion", lambda *_: written.append(1) or 1 / 0)
    assert cli("fwi", config())[0] == 2  # dies before it ends
    assert (tmp_path / "fwi.h5.state").exists()
    monkeypatch.undo()
    other = config(("noise = 0.01", "noise = 0.02"))
    code, _, err = cli("fwi", other)
    assert code == 2
    assert "of another configuration" in err
    assert cli("fwi", other, "--restart")[0] == 0


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ('[misfit]\nkind = "correlation"', "NormalizedCorrelation"),
        ('[misfit]\nkind = "envelope"', "Envelope"),
        ('[misfit]\nkind = "sliced_wasserstein"\nshift = 0.2', "SlicedWasserstein"),
        ('[misfit]\nkind = "graph_space"\nshift = 0.2', "GraphSpaceTransport"),
    ],
)
def test_misfits(config, more, kind):
    made = fwi.build_misfit(fwi_config.load_config(config(more=more))[0])
    assert type(made).__name__ == kind


def test_everything_else_that_can_be_asked_for(cli, config):
    path = config(
        ("batch = 1", "encode = 1\nseed = 3\nchunk = 1"),
        more="""
[model]
parameters = ["vs", "vp_vs"]
scale = "linear"
bounds = {vs = [1000, 2500], vp_vs = [1.5, 2.2]}
density = "gardner"
fixed_above = 100

[regularization]
damping = 0.1
roughness = 10
total_variation = 1

[precondition]
mute = 60
smooth = 80
illumination = 0.05

[optimizer]
kind = "LBFGS"
schedule = "cosine"
""",
    )
    code, summary, err = cli("fwi", path, "--json")
    assert (code, err) == (0, "")
    assert summary["history"]["regularization"][-1] > 0
    medium = read_inversion(summary["files"][0])["medium"]
    assert float(np.ptp(medium["vs"][:2])) == 0  # 0 and 50 m are fixed
    assert float(np.ptp(medium["vs"][2:])) > 0
    np.testing.assert_allclose(medium["rho"][2:], 310 * medium["vp"][2:] ** 0.25, rtol=1e-12)


@pytest.mark.parametrize(
    ("replacements", "more", "message"),
    [
        ([("noise = 0.01", 'noise = 0.01\nfile = "x.h5"')], "", "`observed` must hold exactly one of"),
        ([], "[model]\nbounds = {vp = [1.0]}", "`model.bounds.vp` must be two numbers"),
        ([], '[misfit]\nkind = "graph_space"', "`misfit.shift` is missing"),
        ([], "[misfit]\nshift = 0.1", "`misfit.shift` has no use"),
        ([], '[optimizer]\nkind = "Adamm"', "`optimizer.kind` must be one of ASGD, Adadelta"),
        ([], "[output]\ncheckpoint = 0", "`output.checkpoint` must be > 0"),
        ([("x = [150, 800]\nz = 700", "x = [150, 800]\nz = [1, 2, 3]")], "", "lists of equal length"),
        ([("x = [150, 800]", "x = [150, 8000]")], "", r"`source\[1\].x` must lie in the model"),
        ([("batch = 1", "bach = 1")], "", "did you mean `batch`"),
    ],
)
def test_wrong_input_is_refused(config, replacements, more, message):
    with pytest.raises(ConfigError, match=message):
        fwi_config.load_config(config(*replacements, more=more))
