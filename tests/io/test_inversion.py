import h5py
import numpy as np
import pytest
import torch

from seiskern.io import read_inversion, read_medium, read_state, write_inversion, write_state


def medium(seed):
    vp = np.random.default_rng(seed).uniform(2000, 3000, (4, 5))
    return {"vp": vp, "vs": vp / 2, "rho": vp, "spacing": (10.0, 20.0)}


def result(**more):
    history = {"number": np.arange(1, 4), "misfit": np.array([3.0, 2.0, 1.0])}
    return {"medium": medium(0), "start": medium(1), "history": history, **more}


def same(got, want):
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for key in want:
            same(got[key], want[key])
    else:
        np.testing.assert_array_equal(got, want)


def test_a_result_comes_back_in_its_precision(tmp_path):
    given = result(truth=medium(2), config="[grid]", seiskern_version="1.2")
    write_inversion(tmp_path / "a.h5", given)
    same(read_inversion(tmp_path / "a.h5"), given)
    assert read_medium(tmp_path / "a.h5")["vp"].dtype == np.float64


def test_the_truth_may_be_unknown(tmp_path):
    write_inversion(tmp_path / "a.h5", result())
    assert "truth" not in read_inversion(tmp_path / "a.h5")


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {
        "numbers": [1, -2.5, True, None, "text", 0.1 + 0.2, float("inf")],
        3: (torch.arange(4), {"deep": [torch.tensor(0.25), torch.zeros(0, 3)]}),
        "bytes": torch.Generator().manual_seed(5).get_state(),
    }
    write_state(tmp_path / "s", state, "config")
    got, config = read_state(tmp_path / "s")
    assert config == "config"
    assert list(got) == list(state)
    assert got["numbers"] == state["numbers"]
    assert [type(value) for value in got["numbers"]] == [type(value) for value in state["numbers"]]
    assert isinstance(got[3], tuple)
    assert torch.equal(got[3][0], state[3][0])
    assert got[3][1]["deep"][0].shape == ()
    assert got[3][1]["deep"][1].shape == (0, 3)
    assert torch.equal(got["bytes"], state["bytes"])


@pytest.mark.parametrize(
    "make", [torch.optim.Adam, torch.optim.LBFGS, torch.optim.RMSprop], ids=lambda kind: kind.__name__
)
def test_optimizers_go_on_from_theirs(tmp_path, make):
    def steps(x, optimizer, n):
        def closure():
            optimizer.zero_grad()
            loss = (x - torch.arange(3.0)).square().square().sum()
            loss.backward()
            return loss

        for _ in range(n):
            optimizer.step(closure)

    x = torch.zeros(3, requires_grad=True)
    optimizer = make([x], lr=0.1)
    steps(x, optimizer, 3)
    write_state(tmp_path / "s", {"x": x, "optimizer": optimizer.state_dict()})
    steps(x, optimizer, 3)
    state, _ = read_state(tmp_path / "s")
    y = state["x"].requires_grad_()
    other = make([y], lr=0.1)
    other.load_state_dict(state["optimizer"])
    steps(y, other, 3)
    assert torch.equal(x, y)


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(TypeError, match="must be of tensors, numbers and strings, got function"):
        write_state(tmp_path / "s", {"f": lambda: 0})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("read", [read_inversion, read_state])
def test_other_files_are_refused(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="must be an existing file"):
        read(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="must be an HDF5 file"):
        read(tmp_path / "text")
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(ValueError, match=r"must be an inversion.* written by seiskern"):
        read(tmp_path / "other.h5")


def test_newer_files_are_refused(tmp_path):
    write_inversion(tmp_path / "a.h5", result())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["format_version"] = 9
    with pytest.raises(ValueError, match="format version <= 1, got version 9"):
        read_inversion(tmp_path / "a.h5")
