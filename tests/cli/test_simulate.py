import numpy as np
import pytest
import torch

from seiskern.io import read_simulation


def test_the_solver_gets_what_the_file_says(cli, solver, config_file, tmp_path):
    code, _, _ = cli("simulate", config_file(), "-o", tmp_path / "out.h5")
    assert code == 0
    (call,) = solver.calls
    assert call.medium.vp.shape == (21, 31)
    assert call.medium.vp.dtype == torch.float32
    assert call.medium.vs[9:12, 0].tolist() == pytest.approx([0, 0, 1000])  # half of cell 10 is water
    assert call.medium.spacing == (10.0, 10.0)
    ((source,),) = call.shots
    assert (source.kind, source.x, source.z, source.moment) == ("Explosion", 150.0, 50.0, 1e9)
    assert source.rate.argmax() == 39  # the peak, at 0.1 s, lies after the 40 samples
    assert source.y is None
    assert call.receivers.x.tolist() == [0, 100, 200, 300]
    assert (call.dt, call.nt, call.order, call.absorbing) == (0.002, 40, 8, 20)
    assert (call.quantity, call.free_surface, call.dispersion_correction) == ("velocity", True, True)


def test_the_file_holds_the_answer_and_the_question(cli, solver, config_file, tmp_path):
    path = config_file(("nt = 40", "nt = 40\n[snapshots]\nevery = 20\nstride = 2\n[output]\nmedium = true"))
    code, summary, err = cli("simulate", path, "-o", tmp_path / "out.h5", "--json")
    assert (code, err) == (0, "")
    assert summary["files"] == [str(tmp_path / "out.h5")]
    got = read_simulation(tmp_path / "out.h5")
    assert got["traces"].shape == (1, 2, 4, 40)
    assert got["config"] == path.read_text()
    assert got["components"] == ("x", "z")
    assert got["sources"][0]["kind"] == "explosion"
    assert got["sources"][0]["wavelet_f0"] == 10.0
    assert got["sources"][0]["shot"] == 0
    assert got["snapshots"]["data"].shape == (1, 2, 2, 11, 16)
    assert got["snapshots"]["spacing"] == (20.0, 20.0)
    assert got["medium"]["rho"].shape == (21, 31)
    np.testing.assert_array_equal(got["receivers"]["z"], np.zeros(4))


def test_snapshots_have_a_quantity_of_their_own(cli, solver, config_file, tmp_path):
    path = config_file(("nt = 40", 'nt = 40\nquantity = "displacement"\n[snapshots]\nevery = 20'))
    assert cli("simulate", path, "-o", tmp_path / "out.h5")[0] == 0
    got = read_simulation(tmp_path / "out.h5")
    assert (got["quantity"], got["snapshots"]["quantity"]) == ("displacement", "velocity")
    path.write_text(path.read_text().replace("every = 20", 'every = 20\nquantity = "pressure"'))
    assert cli("simulate", path, "-o", tmp_path / "out.h5")[0] == 0
    assert read_simulation(tmp_path / "out.h5")["snapshots"]["quantity"] == "pressure"


def test_the_file_named_in_the_configuration_is_the_default(cli, solver, config_file, tmp_path):
    code, out, _ = cli("simulate", config_file())
    assert code == 0
    assert out.splitlines() == [str(tmp_path / "simulation.h5")]
    assert (tmp_path / "simulation.h5").is_file()


def test_figures_on_request(cli, solver, config_file, tmp_path):
    pytest.importorskip("matplotlib")
    path = config_file(("nt = 40", "nt = 40\n[snapshots]\nevery = 20\n[output]\nmedium = true"))
    code, summary, _ = cli("simulate", path, "--figures", tmp_path / "figures", "--json")
    assert code == 0
    assert [name.rpartition("/")[2] for name in summary["files"]] == [
        "simulation.h5",
        "seismograms.png",
        "snapshots.png",
        "medium.png",
    ]
    assert (tmp_path / "figures" / "snapshots.png").stat().st_size > 1000


def test_check_solves_nothing(cli, solver, config_file, tmp_path):
    code, summary, _ = cli("simulate", config_file(), "--check", "--json")
    assert code == 0
    assert solver.calls == []
    assert solver.trials == 2
    assert summary["estimated_seconds"] > 0
    assert not (tmp_path / "simulation.h5").exists()
    assert summary["cells"] == (21 + 20) * (31 + 40)
    assert summary["frequency"] == pytest.approx(1000 / (6 * 10))  # not 0, the shortest wavelength of water


def test_the_estimate_is_shown_before(cli, solver, config_file):
    _, out, err = cli("simulate", config_file(), "--check")
    assert out == ""
    assert "resolved  16.67 Hz at 6 points" in err
    assert "Mcell/s, measured on a small grid" in err


def test_mistakes_are_one_line_and_code_2(cli, solver, config_file):
    code, out, err = cli("simulate", config_file(("nt = 40", "mt = 40")))
    assert (code, out) == (2, "")
    assert err == "seiskern: error: `simulation.mt` is unknown; did you mean `nt`?\n"


def test_mistakes_outside_the_file(cli, solver, config_file, tmp_path):
    code, _, err = cli("simulate", tmp_path / "none.toml")
    assert code == 2
    assert err.count("\n") == 1
    assert "must be an existing file" in err
    code, _, err = cli("simulate", config_file(), "-o", tmp_path / "none" / "out.h5")
    assert code == 2
    assert "`--output` must lie in an existing folder" in err
    assert solver.calls == []


def test_traceback_on_request(cli, solver, tmp_path):
    with pytest.raises(FileNotFoundError):
        cli("simulate", tmp_path / "none.toml", "--traceback")


def test_medium_from_a_file(cli, solver, config_file, tmp_path):
    vp = np.linspace(2000, 3000, 21 * 31).reshape(21, 31)
    np.savez(tmp_path / "medium.npz", vp=vp, vs=vp / 2, rho=vp)
    text = config_file().read_text()
    start, stop = text.index("layers = ["), text.index("[[source]]")
    path = config_file(text=text[:start] + 'file = "medium.npz"\n' + text[stop:])
    assert cli("simulate", path)[0] == 0
    np.testing.assert_allclose(solver.calls[0].medium.vs.numpy(), vp / 2, rtol=1e-6)

    np.savez(tmp_path / "medium.npz", vp=vp[1:], vs=vp[1:] / 2, rho=vp[1:])
    code, _, err = cli("simulate", path)
    assert code == 2
    assert "`medium.file` must hold arrays of `grid.shape` [21, 31], got vp of [20, 31]" in err


def test_interfaces_lie_anywhere_between_nodes(cli, solver, config_file):
    assert cli("simulate", config_file(("top = 100", "top = 103")))[0] == 0
    medium = solver.calls[0].medium
    assert medium.rho[9:12, 0].tolist() == pytest.approx([1000, 1200, 2000])  # 8 of 10 m are water
    assert medium.effective is not None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("top = 0", "top = 1", "`medium.layers`: `tops` must increase strictly from 0"),
        ("vp = 2000", "vp = -2000", "`medium.layers`: `vp` must be > 0, got -2000"),
    ],
)
def test_layers_must_make_sense(cli, solver, config_file, old, new, message):
    code, _, err = cli("simulate", config_file((old, new)))
    assert code == 2
    assert message in err


def test_a_uniform_medium_is_isotropic(cli, solver, config_file):
    text = config_file().read_text()
    start, stop = text.index("layers = ["), text.index("[[source]]")
    path = config_file(text=text[:start] + "uniform = {vp = 3e3, vs = 1e3, rho = 2e3}\n" + text[stop:])
    assert cli("simulate", path)[0] == 0
    medium = solver.calls[0].medium
    assert set(medium.vp.flatten().tolist()) == {3000.0}
    assert medium.effective is None


def test_double_precision_and_several_shots(cli, solver, config_file):
    wavelet = 'wavelet = {kind = "gaussian", sigma = 0.01, t0 = 0.02}'
    second = f'\n[[source]]\nkind = "force"\nx = 0\nz = 0\nforce = [0, 1]\n{wavelet}\n'
    options = 'dtype = "float64"\ndispersion_correction = false'
    path = config_file(("nt = 40", f"nt = 40\n{options}{second}"))
    code, _, _ = cli("simulate", path)
    assert code == 0
    (call,) = solver.calls
    assert call.dispersion_correction is False
    assert [[source.kind for source in shot] for shot in call.shots] == [["Explosion"], ["Force"]]
    assert call.shots[1][0].signature.dtype == call.medium.rho.dtype == torch.float64


def test_wavelet_files_must_have_nt_samples(cli, solver, config_file, tmp_path):
    np.save(tmp_path / "rate.npy", np.zeros(39))
    path = config_file(('{kind = "ricker", f0 = 10.0, t0 = 0.1}', '{kind = "file", file = "rate.npy"}'))
    code, _, err = cli("simulate", path)
    assert code == 2
    assert "`source[0]`: `wavelet.file` must hold 40 samples (nt), got shape (39,)" in err
