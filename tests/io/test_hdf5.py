import os
import stat

import h5py
import numpy as np
import pytest

from seiskern.io import hdf5
from seiskern.io.hdf5 import read_simulation, write_simulation


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def result(rng):
    n_shots, n_receivers, nt = 2, 3, 50
    return {
        "traces": rng.normal(size=(n_shots, 2, n_receivers, nt)).astype(np.float32),
        "components": ("x", "z"),
        "quantity": "velocity",
        "dt": 0.02,
        "receivers": {"x": np.array([0.0, 1.5, 1e6 + 0.125]), "z": np.zeros(n_receivers)},
        "sources": [
            {"kind": "moment", "shot": 0, "x": 1.25, "moment": np.eye(2), "rate": rng.normal(size=nt)},
            {"kind": "force", "shot": 1, "x": 3, "force": np.array([0.0, 1.0])},
        ],
        "snapshots": {
            "data": rng.normal(size=(n_shots, 2, 4, 5, 6)).astype(np.float32),
            "times": np.array([0.0, 0.1, 0.2, 0.3]),
            "components": ("x", "z"),
            "quantity": "pressure",
            "spacing": (20.0, 10.0),
        },
        "medium": {
            "vp": rng.uniform(2000, 3000, (9, 11)).astype(np.float32),
            "vs": rng.uniform(1000, 1500, (9, 11)).astype(np.float32),
            "rho": rng.uniform(2000, 2500, (9, 11)).astype(np.float32),
            "spacing": (10.0, 5.0),
        },
        "config": '[grid]\nshape = [9, 11]  # "é"\n',
        "seiskern_version": "0.1.0",
    }


def assert_same(got, expected):
    if isinstance(expected, dict):
        assert set(got) == set(expected)
        for key, value in expected.items():
            assert_same(got[key], value)
    elif isinstance(expected, list):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            assert_same(a, b)
    elif isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    else:
        assert type(got) is type(expected)
        assert got == expected


def test_what_is_written_is_read(tmp_path, result):
    write_simulation(tmp_path / "out.h5", result)
    assert_same(read_simulation(tmp_path / "out.h5"), result)


def test_optional_parts_may_be_absent(tmp_path, result):
    for key in ("sources", "snapshots", "medium", "config", "seiskern_version"):
        del result[key]
    write_simulation(tmp_path / "out.h5", result)
    got = read_simulation(tmp_path / "out.h5")
    assert_same(got, result | {"sources": [], "config": "", "seiskern_version": ""})


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 0, 5), (1, 2, 700, 800)], ids=str)
def test_ugly_shapes(tmp_path, rng, shape):
    result = {
        "traces": rng.normal(size=shape).astype(np.float32),
        "components": ("x", "y", "z")[: shape[1]],
        "quantity": "displacement",
        "dt": 1e-3,
        "receivers": {"x": rng.normal(size=shape[2])},
    }
    write_simulation(tmp_path / "out.h5", result)
    np.testing.assert_array_equal(read_simulation(tmp_path / "out.h5")["traces"], result["traces"])


def test_layout_is_the_documented_one(tmp_path, result):
    write_simulation(tmp_path / "out.h5", result)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["format"] == "seiskern-simulation"
        assert file["traces"].dtype == np.float32
        assert file["traces"].compression == "gzip"
        assert dict(file["traces"].attrs)["units"] == "m/s"
        assert file["traces"].attrs["dt_units"] == "s"
        assert file["receivers/x"].attrs["units"] == "m"
        assert file["medium/rho"].attrs["units"] == "kg/m^3"
        assert file["snapshots/times"].attrs["units"] == "s"
        assert file["snapshots/data"].attrs["units"] == "Pa"  # whatever the traces are
        assert list(file["sources"]) == ["000000", "000001"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, result):
    path = tmp_path / "out.h5"
    write_simulation(path, result)
    broken = result | {"sources": [{"kind": object()}]}
    with pytest.raises(TypeError):
        write_simulation(path, broken)
    assert_same(read_simulation(path), result)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_permissions_of_any_other(tmp_path, result):
    old = os.umask(0o022)
    try:
        write_simulation(tmp_path / "out.h5", result)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.h5").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"traces": np.zeros((2, 3, 50))}, r"`traces` must be \(shot, component, receiver, time\)"),
        ({"components": ("x",)}, "`components` must name 2 components"),
        ({"quantity": "speed"}, "`quantity` must be one of velocity, "),
        ({"receivers": {"x": np.zeros(4)}}, r"`receivers\['x'\]` must have shape \(3,\)"),
        (
            {
                "snapshots": {
                    "data": np.zeros((2, 2, 3, 5, 6)),
                    "times": np.zeros(4),
                    "components": ("x", "z"),
                    "quantity": "velocity",
                    "spacing": (1.0, 1.0),
                }
            },
            r"`snapshots\['data'\]` must start with shape \(2, 2, 4\)",
        ),
    ],
)
def test_contradictions_are_refused(tmp_path, result, change, message):
    with pytest.raises(ValueError, match=message):
        write_simulation(tmp_path / "out.h5", result | change)
    assert not list(tmp_path.iterdir())


def test_a_missing_entry_is_named(tmp_path, result):
    del result["dt"]
    with pytest.raises(ValueError, match="`result` must hold 'dt'"):
        write_simulation(tmp_path / "out.h5", result)


def test_a_missing_folder_or_file_is_named(tmp_path, result):
    with pytest.raises(FileNotFoundError, match="must lie in an existing folder"):
        write_simulation(tmp_path / "none" / "out.h5", result)
    with pytest.raises(FileNotFoundError, match="must be an existing file"):
        read_simulation(tmp_path / "none.h5")


def test_files_of_others_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match="must be an HDF5 file"):
        read_simulation(tmp_path / "text.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["traces"] = np.zeros(3)
    with pytest.raises(ValueError, match="must be a simulation written by seiskern"):
        read_simulation(tmp_path / "foreign.h5")


def test_damage_is_reported(tmp_path, result):
    path = tmp_path / "out.h5"
    write_simulation(path, result)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="must be an undamaged simulation file"):
        read_simulation(path)


def test_a_newer_format_is_refused(tmp_path, result, monkeypatch):
    monkeypatch.setattr(hdf5, "FORMAT_VERSION", 2)
    write_simulation(tmp_path / "out.h5", result)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format version <= 1, got version 2"):
        read_simulation(tmp_path / "out.h5")
