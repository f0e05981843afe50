from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seiskern.cli.record import make_record, save_figures

pytest.importorskip("matplotlib")


def record(ndim=3, n_shots=1, quantity="velocity", amplitudes=(0.0, 1.0, 0.5, 0.001)):
    axes = "zyx" if ndim == 3 else "zx"
    place = np.array([0.0, 100.0, 200.0])
    mesh = np.meshgrid(*[[0.0], place, place][-ndim:], indexing="ij")
    receivers = {axis: values.ravel() for axis, values in zip(axes, mesh, strict=True)}
    n_receivers, shape = len(receivers["x"]), (5, 6, 7)[-ndim:]
    waves = torch.tensor(amplitudes).reshape(1, 1, -1, *[1] * ndim).expand(n_shots, ndim, -1, *shape)
    seismograms = SimpleNamespace(
        data=torch.randn(n_shots, ndim, n_receivers, 30),
        components=tuple(reversed(axes)),
        dt=0.1,
        snapshots=SimpleNamespace(
            data=waves,
            times=torch.arange(len(amplitudes)),
            components=tuple(axes[::-1]),
            quantity="velocity",
        ),
    )
    source = {axis: 100.0 for axis in axes}
    medium = tuple(torch.rand(*(2 * n for n in shape)) for _ in range(3))
    return make_record(
        seismograms,
        quantity=quantity,
        receivers=receivers,
        sources=[source | {"shot": shot} for shot in range(n_shots)],
        spacing=(10.0,) * ndim,
        snapshot_stride=2,
        medium=medium,
    )


@pytest.fixture
def drawn(monkeypatch):
    """What reaches the plotting functions."""
    from seiskern import plotting

    calls = {}
    for name in ("record_section", "velocity_map", "snapshots", "medium_section"):

        def draw(*arguments, name=name, **options):
            calls.setdefault(name, []).append((arguments, options))
            return SimpleNamespace(savefig=lambda path: path.write_bytes(b"png"))

        monkeypatch.setattr(plotting, name, draw)
    return calls


def test_3d_has_a_map_and_the_plane_of_the_source(drawn, tmp_path):
    result = record()
    files = save_figures(result, tmp_path / "new")
    assert [file.name for file in files] == [
        "seismograms.png",
        "peak-velocity.png",
        "snapshots.png",
        "medium.png",
    ]
    assert all(file.is_file() for file in files)
    ((fields, _, spacing), options) = drawn["snapshots"][0]
    assert spacing == (20.0, 20.0)
    assert fields.shape[1:] == (5, 7)
    np.testing.assert_array_equal(options["background"], result["medium"]["vs"][::2, 2 * 5, ::2])
    ((medium, _), _) = drawn["medium_section"][0]
    np.testing.assert_array_equal(medium["Vs (m/s)"], result["medium"]["vs"][:, 10])


def test_offsets_are_horizontal(drawn, tmp_path):
    save_figures(record(), tmp_path)
    ((_, offsets, _), _) = drawn["record_section"][0]
    assert offsets[0] == pytest.approx(np.hypot(100, 100))
    assert offsets[4] == 0


def test_faint_wavefields_are_left_out(drawn, tmp_path):
    save_figures(record(), tmp_path)
    ((_, times, _), _) = drawn["snapshots"][0]
    assert times.tolist() == [1, 2]


def test_the_spot_at_the_source_does_not_outshine_the_waves(drawn, tmp_path):
    result = record()
    result["snapshots"]["data"] = result["snapshots"]["data"].copy()
    result["snapshots"]["data"][0, :, 1, 2, 3, 3] = 1e3
    save_figures(result, tmp_path)
    ((_, times, _), _) = drawn["snapshots"][0]
    assert times.tolist() == [1, 2]


def test_a_silent_wavefield_is_drawn_all_the_same(drawn, tmp_path):
    save_figures(record(amplitudes=(0.0, 0.0)), tmp_path)
    assert len(drawn["snapshots"]) == 1


def test_2d_and_other_quantities_have_no_map(drawn, tmp_path):
    save_figures(record(ndim=2), tmp_path)
    save_figures(record(quantity="displacement"), tmp_path)
    assert "velocity_map" not in drawn
    assert drawn["record_section"][1][1]["units"] == "m"


def test_each_shot_has_its_figures(drawn, tmp_path):
    files = save_figures(record(ndim=2, n_shots=2), tmp_path)
    assert [file.name for file in files] == [
        "seismograms-000.png",
        "snapshots-000.png",
        "seismograms-001.png",
        "snapshots-001.png",
        "medium.png",
    ]
