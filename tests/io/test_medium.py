import h5py
import numpy as np
import pytest

from seiskern.io import read_medium


@pytest.fixture
def arrays():
    return {name: np.full((2, 3), value) for name, value in (("vp", 2.0), ("vs", 1.0), ("rho", 3.0))}


def same(got, arrays):
    return got.keys() == arrays.keys() and all(np.array_equal(got[key], arrays[key]) for key in arrays)


@pytest.mark.parametrize("group", ["/", "medium"])
def test_hdf5_at_the_root_or_in_its_group(tmp_path, arrays, group):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for key, value in arrays.items():
            file.require_group(group)[key] = value
    assert same(read_medium(tmp_path / "m.h5"), arrays)


def test_npz(tmp_path, arrays):
    np.savez(tmp_path / "m.npz", **arrays, other=np.zeros(1))
    assert same(read_medium(tmp_path / "m.npz"), arrays)


def test_what_cannot_be_used_is_refused(tmp_path, arrays):
    with pytest.raises(FileNotFoundError, match="must be an existing file"):
        read_medium(tmp_path / "none.npz")
    (tmp_path / "text").write_text("no")
    with pytest.raises(ValueError, match=r"must be a \.npz or HDF5 file"):
        read_medium(tmp_path / "text")
    del arrays["vs"]
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match="without vs"):
        read_medium(tmp_path / "m.npz")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "m.npz", vp=np.array([object()]), vs=np.zeros(1), rho=np.zeros(1))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_medium(tmp_path / "m.npz")
