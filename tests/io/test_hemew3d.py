import h5py
import numpy as np
import pytest

from seiskern.io import load_hemew3d


@pytest.fixture
def arrays():
    """A sample whose values tell where they came from."""
    x, y, up = np.meshgrid(np.arange(32), np.arange(32), np.arange(32), indexing="ij")
    a = 1000.0 + x + 40 * y + 10.0 * (31 - up)
    row, column = np.meshgrid(np.arange(32) // 2, np.arange(32) // 2, indexing="ij")
    sensor = (row * 100.0 + column)[..., None] + 0.001 * np.arange(4)
    return {"a": a, "uE": sensor, "uN": sensor + 10_000, "uZ": sensor + 20_000}


@pytest.fixture
def path(tmp_path, arrays):
    with h5py.File(tmp_path / "sample.h5", "w") as file:
        for key, value in arrays.items():
            file[key] = value.astype(np.float32)
    return tmp_path / "sample.h5"


def test_medium_is_turned_to_z_down_y_x(path):
    sample = load_hemew3d(path)
    k, j, i = np.meshgrid(np.arange(32), np.arange(32), np.arange(32), indexing="ij")
    np.testing.assert_array_equal(sample.vs, 1000.0 + i + 40 * j + 10 * k)
    np.testing.assert_allclose(sample.vp, 1.7 * sample.vs)
    assert sample.spacing * 31 == pytest.approx(9600)


def test_nodes_are_interpolated_from_face_to_face(path):
    vp, vs, rho = load_hemew3d(path).at_nodes(75.0)
    k, j, i = np.meshgrid(*[np.arange(129) * (31 / 128)] * 3, indexing="ij")
    np.testing.assert_allclose(vs, 1000.0 + i + 40 * j + 10 * k, rtol=1e-6)  # linear as the sample
    np.testing.assert_allclose(vp, 1.7 * vs, rtol=1e-6)
    assert rho.dtype == np.float32


def test_nodes_must_fit_the_cube(path):
    with pytest.raises(ValueError, match="`spacing` must divide 9600 m, got 70"):
        load_hemew3d(path).at_nodes(70.0)


def test_density_is_brochers(path):
    sample = load_hemew3d(path)
    v = sample.vp[0, 0, 0] / 1000
    by_hand = 1.6612 * v - 0.4721 * v**2 + 0.0671 * v**3 - 0.0043 * v**4 + 0.000106 * v**5
    assert sample.rho[0, 0, 0] == pytest.approx(1000 * by_hand, rel=1e-12)


def test_traces_follow_their_sensors_and_point_down(path):
    sample = load_hemew3d(path)
    assert sample.traces.shape == (3, 256, 4)
    column = np.rint((sample.x - 150) / 620).astype(int)
    row = np.rint((sample.y - 150) / 620).astype(int)
    value = (row * 100.0 + column)[:, None] + 0.001 * np.arange(4)
    np.testing.assert_allclose(sample.traces[0], value, rtol=1e-6)
    np.testing.assert_allclose(sample.traces[1], value + 10_000, rtol=1e-6)
    np.testing.assert_allclose(sample.traces[2], -(value + 20_000), rtol=1e-6)


def test_sensors_and_times(path):
    sample = load_hemew3d(path)
    assert (sample.x.min(), sample.x.max()) == (150, 9450)
    assert (sample.z == 1).all()
    np.testing.assert_allclose(sample.times, [0.98, 1.0, 1.02, 1.04])


def test_what_is_no_sample_is_refused(tmp_path, path):
    with pytest.raises(FileNotFoundError, match="must be an existing file"):
        load_hemew3d(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(ValueError, match="must be an HDF5 file"):
        load_hemew3d(tmp_path / "text.h5")
    with h5py.File(path, "a") as file:
        del file["uN"]
    with pytest.raises(ValueError, match="without uN"):
        load_hemew3d(path)


@pytest.mark.parametrize(("key", "shape"), [("a", (32, 32)), ("uZ", (16, 16, 4))])
def test_wrong_shapes_are_refused(path, key, shape):
    with h5py.File(path, "a") as file:
        del file[key]
        file[key] = np.zeros(shape)
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        load_hemew3d(path)
