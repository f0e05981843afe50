import numpy as np
import pytest

from seiskern.cli.build import receiver_coordinates, shot_numbers
from seiskern.cli.config import Receivers, Span, load_config
from seiskern.cli.tables import ConfigError

CONFIG_3D = """
[grid]
shape = [5, 6, 7]
spacing = [10, 20.0, 30]
[medium]
uniform = {vp = 2000, vs = 1000, rho = 2000}
[[source]]
kind = "moment_tensor"
x = 1
y = 2
z = 3
strike = 48
dip = 45
rake = 88
m0 = 1e16
shot = 7
wavelet = {kind = "gaussian", sigma = 0.1, t0 = 0.5}
[[source]]
kind = "force"
x = 1
y = 2
z = 3
force = [0, 0, 1]
wavelet = {kind = "file", file = "signature.npy"}
[[source]]
kind = "moment_tensor"
x = 1
y = 2
z = 3
shot = 7
moment = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
wavelet = {kind = "brune", tau = 0.1, t0 = 0}
[receivers]
x = {start = 0, stop = 100, count = 3}
y = [0, 50]
z = 0
layout = "grid"
[simulation]
dt = 0.01
nt = 100
order = 4
[snapshots]
every = 10
[output]
file = "out.h5"
"""


def test_values_and_defaults(config_file):
    path = config_file()
    config, text = load_config(path)
    assert text == path.read_text()
    assert config.grid.shape == (21, 31)
    assert config.grid.steps == (10.0, 10.0)
    assert [layer.top for layer in config.medium.layers] == [0.0, 100.0]
    assert isinstance(config.source[0].x, float)
    assert config.receivers.x == Span(0.0, 300.0, 4)
    assert (config.simulation.order, config.simulation.absorbing) == (8, 20)
    assert config.simulation.free_surface is True
    assert config.snapshots is None


def test_paths_start_at_the_folder_of_the_file(config_file, tmp_path):
    config, _ = load_config(config_file(text=CONFIG_3D))
    assert config.source[1].wavelet.file == str(tmp_path / "signature.npy")
    assert config.output.file == str(tmp_path / "out.h5")
    assert config.output.figures is None


def test_sources_with_one_shot_number_belong_together(config_file):
    config, _ = load_config(config_file(text=CONFIG_3D))
    assert shot_numbers(config) == [0, 1, 0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dt = 0.002", "dz = 0.002", r"`simulation.dz` is unknown; did you mean `dt`\?"),
        ("[simulation]", "[simulatoin]", r"`simulatoin` is unknown; did you mean `simulation`\?"),
        ("nt = 40", "nt = 40\nqqq = 1", "`simulation.qqq` is unknown; known keys are dt, nt, order"),
        ("f0 = 10.0", "freq = 10.0", r"`source\[0\].wavelet.freq` is unknown"),
        ("nt = 40", "", "`simulation.nt` is missing"),
        ("nt = 40", "nt = 40.5", "`simulation.nt` must be an integer, got 40.5"),
        ("nt = 40", "nt = true", "`simulation.nt` must be an integer, got True"),
        ("dt = 0.002", 'dt = "2 ms"', "`simulation.dt` must be a number, got '2 ms'"),
        ("dt = 0.002", "dt = true", "`simulation.dt` must be a number, got True"),
        ("nt = 40", "nt = 40\nfree_surface = 1", "`simulation.free_surface` must be true or false, got 1"),
        ("spacing = 10.0", 'spacing = "a"', "`grid.spacing` must be a number or a list of numbers, got 'a'"),
        ("spacing = 10.0", "spacing = [1, 'a']", r"`grid.spacing\[1\]` must be a number, got 'a'"),
        ("[21, 31]", "21", "`grid.shape` must be a list of integers, got 21"),
        ('"explosion"', '"explosoin"', r"`source\[0\].kind` must be one of .*; did you mean 'explosion'\?"),
        (
            "x = {start = 0, stop = 300, count = 4}",
            "x = {start = 0, stop = 1}",
            "`receivers.x.count` is missing",
        ),
        ("z = 0\n", 'z = "0"\n', "`receivers.z` must be .*a table of start, stop, count, got '0'"),
        ("vs = 0,", "", r"`medium.layers\[0\].vs` is missing"),
        ("[21, 31]", "[21]", "`grid.shape` must be 2 or 3 positive integers"),
        ("[21, 31]", "[21, 0]", "`grid.shape` must be 2 or 3 positive integers"),
        ("spacing = 10.0", "spacing = [1, 2, 3]", "`grid.spacing` must be > 0, one or 2 numbers"),
        ("spacing = 10.0", "spacing = -10", "`grid.spacing` must be > 0"),
        (
            "layers = [",
            "random_seed = 1\nlayers = [",
            "`medium` must hold exactly one of file, uniform, layers",
        ),
        ("x = 150", "x = 150\ny = 0", r"`source\[0\].y` has no use in 2-D"),
        ("moment = 1e9", "", r"`source\[0\].moment` is missing; a explosion needs moment"),
        ("moment = 1e9", "moment = 1e9\nstrike = 1", r"`source\[0\].strike` has no use here"),
        (
            "moment = 1e9",
            "moment = [[1, 0], [0, 1]]",
            r"`source\[0\].moment` must be a number for an explosion",
        ),
        (", t0 = 0.1", "", r"`source\[0\].wavelet.t0` is missing; a ricker needs f0, t0"),
        (", t0 = 0.1", ", t0 = 0.1, sigma = 1", r"`source\[0\].wavelet.sigma` has no use here"),
        ("dt = 0.002", "dt = 0", "`simulation.dt` must be > 0"),
        ("[21, 31]", "[21, 31", "`config` must be TOML"),
        (
            "[[source]]",
            "[source]",
            r"`source` must be a list of tables, got one table; each .* `\[\[source\]\]`",
        ),
        ("x = 150", "x = 301", r"`source\[0\].x` must lie in the model, 0 to 300 m, got 301"),
        ("z = 0\n", "z = [0, -1, 0, 0]\n", "`receivers.z` must lie in the model, 0 to 200 m, got -1"),
        ("stop = 300", "stop = 310", "`receivers.x` must lie in the model, 0 to 300 m, got 310"),
        ("count = 4", "count = 0", "`receivers.x` must hold at least one number, got none"),
        ("nt = 40", "nt = 40\nmultiaxial = 2", r"`simulation.multiaxial` must lie in \[0, 1\], got 2"),
    ],
)
def test_mistakes_in_2d(config_file, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_config(config_file((old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dt = 0.002", "td = 0.002", r"`simulation.td` is unknown; did you mean `dt`\?"),
        ("moment = 1e9", "momnet = 1e9", r"`source\[0\].momnet` is unknown; did you mean `moment`\?"),
        ("{start = 0,", "{strat = 0,", r"`receivers.x.strat` is unknown; did you mean `start`\?"),
        ("vs = 1000", "Vs = 1000", r"`medium.layers\[1\].Vs` is unknown; did you mean `vs`\?"),
    ],
)
@pytest.mark.parametrize(
    "missing", ["[grid]\nshape = [21, 31]\nspacing = 10.0\n", "spacing = 10.0\n"], ids=["table", "key"]
)
def test_a_mistyped_key_comes_before_a_missing_one(config_file, missing, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_config(config_file((missing, ""), (old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rake = 88\n", "", r"`source\[0\].rake` is missing; a moment_tensor needs strike, dip, rake, m0"),
        ("rake = 88\n", "rake = 88\nmoment = 1\n", r"`source\[0\].dip` has no use here"),
        ("[0, 0, 1]\nwave", "[0, 1]\nwave", r"`source\[1\].force` must have 3 numbers"),
        ("[[1, 0, 0], ", "[", r"`source\[2\].moment` must be 3 rows of 3 numbers"),
        ("y = [0, 50]\n", "", "`receivers.y` is missing in 3-D"),
        ("every = 10", "every = 0", "`snapshots.every` must be > 0"),
    ],
)
def test_mistakes_in_3d(config_file, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_config(config_file((old, new), text=CONFIG_3D))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`config` must be an existing file"):
        load_config(tmp_path / "none.toml")


def test_receivers_in_a_grid_run_x_first():
    got = receiver_coordinates(Receivers(x=Span(0.0, 2.0, 3), y=(5.0, 6.0), z=1.0, layout="grid"))
    assert got["x"].tolist() == [0, 1, 2, 0, 1, 2]
    assert got["y"].tolist() == [5, 5, 5, 6, 6, 6]
    assert got["z"].tolist() == [1] * 6


def test_receivers_in_a_line_are_paired():
    got = receiver_coordinates(Receivers(x=(1.0, 3.0), z=2.0))
    assert set(got) == {"x", "z"}
    np.testing.assert_array_equal(got["x"], [1, 3])
    np.testing.assert_array_equal(got["z"], [2, 2])
    with pytest.raises(ConfigError, match=r"`receivers.z` must have 1 or 3 values"):
        receiver_coordinates(Receivers(x=(1.0, 2.0, 3.0), z=(1.0, 2.0)))
