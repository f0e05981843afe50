import dataclasses
import math

import numpy as np
import pytest
import torch

from seiskern.io import Hemew3dSample
from seiskern.kernels.elastic import Problem
from seiskern.verify import hemew3d


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    vs = np.broadcast_to(1000.0 + 100.0 * np.arange(4)[:, None, None], (4, 4, 4)).copy()
    return Hemew3dSample(
        vp=1.7 * vs,
        vs=vs,
        rho=2 * vs,
        spacing=3200.0,
        traces=rng.normal(size=(3, 5, 300)),
        x=np.array([150.0, 4800.0, 9000.0, 4800.0, 4800.0]),
        y=np.array([4800.0, 4800.0, 4800.0, 900.0, 9600.0]),
        z=np.ones(5),
        times=1.0 + 0.02 * np.arange(300),
    )


def test_moment_has_the_quirk_of_the_database(monkeypatch):
    east, north, down = 0, 1, 2
    true = torch.tensor([[1.0, 4, 5], [4, 2, 6], [5, 6, 3]], dtype=torch.float64)
    monkeypatch.setattr(hemew3d, "sk", type("Fake", (), {"double_couple": staticmethod(lambda *_: true)}))
    m = hemew3d.moment()
    assert m[0, 0] == true[north, north]
    assert m[1, 1] == true[east, east]
    assert m[2, 2] == true[down, down]
    assert m[0, 1] == m[1, 0] == true[north, east]
    assert m[0, 2] == m[2, 0] == -true[north, down]
    assert m[1, 2] == m[2, 1] == -true[east, down]


def test_moment_rate_integrates_to_the_moment_function():
    rate = hemew3d.moment_rate(1e-3, 2001)
    t = 1e-3 * torch.arange(2001, dtype=torch.float64)
    expected = 1 - (1 + t / 0.1) * torch.exp(-t / 0.1)
    torch.testing.assert_close(torch.cumulative_trapezoid(rate, dx=1e-3), expected[1:], atol=1e-5, rtol=0)


@pytest.fixture
def problem():
    return Problem(
        shape=(33, 34, 35),
        spacing=(300.0,) * 3,
        dt=1e-3,
        order=8,
        free_surface=True,
        absorbing=((0, 2), (2, 2), (2, 2)),
    )


def test_layers_damp_like_those_of_the_database(problem, sample):
    """By 10 Vp / width (depth / width)^2 without a shift, and by 0.02 of it along all axes."""
    sample.vp[:] = 2000.0
    profiles = hemew3d.layers(problem, sample)
    along_z = profiles[-6 * 33 :].reshape(6, 33)  # a, b, g at nodes and half nodes
    damping = 10 * 2000.0 / 450.0
    assert float(along_z[0, -1]) == pytest.approx(0.98 * (math.exp(-damping * 1e-3) - 1), rel=1e-6)
    assert float(along_z[4, -1]) == pytest.approx(math.exp(-0.02 * damping * 1e-3), rel=1e-6)


def test_layers_follow_the_bottom_below_and_the_median_at_the_sides(problem, sample):
    profiles = hemew3d.layers(problem, sample)
    sample.vp[:] = 1.7 * 1150.0
    sides = hemew3d.layers(problem, sample)
    sample.vp[:] = 1.7 * 1300.0
    below = hemew3d.layers(problem, sample)
    torch.testing.assert_close(profiles, torch.cat([sides[: -6 * 33], below[-6 * 33 :]]))


def test_simulates_until_the_last_time_of_the_sample(sample):
    sample = dataclasses.replace(sample, times=sample.times[:20])
    traces = hemew3d.simulate(sample, 300.0)
    assert traces.shape == (3, 5, 70)
    assert np.abs(traces[:, 1]).max() > 0
    assert np.isfinite(traces).all()


@pytest.fixture
def computed(sample):
    """What ``simulate`` would return, from t = 0; the sample is made its recording."""
    traces = np.random.default_rng(1).normal(size=(3, 5, 400))
    sample.traces[:] = hemew3d.as_recorded(traces, sample)
    return traces


@pytest.mark.parametrize("highest", [2.0, 5.0])
def test_the_recording_itself_scores_one(sample, computed, highest):
    result = hemew3d.score(computed, sample, highest)
    assert result.correlation == pytest.approx([1, 1, 1])
    assert result.amplitude == pytest.approx([1, 1, 1])


def test_score_sees_sign_amplitude_and_delay(sample, computed):
    wrong = computed * np.array([-1.0, 2.0, 1.0])[:, None, None]
    wrong[2] = np.roll(wrong[2], 10, axis=-1)
    result = hemew3d.score(wrong, sample, 5.0)
    assert result.correlation[:2] == pytest.approx([-1, 1])
    assert abs(result.correlation[2]) < 0.3
    assert result.amplitude[:2] == pytest.approx([1, 2])
    assert result.mean_correlation == pytest.approx(sum(result.correlation) / 3)


def test_sensors_near_a_side_can_be_left_out(sample, computed):
    wrong = computed * np.array([-1.0, 1, 1, 1, -1])[:, None]  # 150 and 0 m from a side
    assert hemew3d.score(wrong, sample, 5.0).mean_correlation == pytest.approx(1 / 5)
    assert hemew3d.score(wrong, sample, 5.0, margin=600.0).mean_correlation == pytest.approx(1)


def test_path_of_s_waves_straight_up(sample):
    # Nearest of 1000, 1100, 1200, 1300 m/s at 0, 3200, 6400, 9600 m, from 8400 m to 1 m.
    time, decay = hemew3d.s_path(sample)
    layers = ((1599, 1000.0), (3200, 1100.0), (3200, 1200.0), (400, 1300.0))
    assert time[1] == pytest.approx(sum(d / v for d, v in layers), rel=1e-3)
    assert decay[1] == pytest.approx(sum(10 * d / v**2 for d, v in layers), rel=1e-3)
    assert time[0] > time[1]


def test_attenuation_weakens_and_disperses_a_sine():
    dt, decay = 0.02, np.array([0.05])
    t = dt * np.arange(2000)
    envelope = np.exp(-(((t - 20) / 5) ** 2))
    for f in (1.0, 5.0):
        lag = decay[0] / np.pi * np.log(5 / f)
        expected = np.exp(-np.pi * f * decay[0]) * envelope * np.sin(2 * np.pi * f * (t - lag))
        got = hemew3d.attenuate((envelope * np.sin(2 * np.pi * f * t))[None, None], dt, decay)
        np.testing.assert_allclose(got[0, 0], expected, atol=0.02 * expected.max())


def test_too_short_a_simulation_is_refused(sample):
    with pytest.raises(ValueError, match="`computed` must have >= 350 samples, got 349"):
        hemew3d.score(np.zeros((3, 5, 349)), sample, 5.0)


def test_low_pass_is_the_filter_of_scipy_away_from_the_ends():
    signal = pytest.importorskip("scipy.signal")
    dt, corner = 0.002, 5.0
    x = np.zeros(4000)
    x[2000] = 1.0
    sos = signal.butter(hemew3d.BUTTERWORTH_ORDER, corner, fs=1 / dt, output="sos")
    expected = signal.sosfiltfilt(sos, x)
    # The bilinear transform bends frequencies by (pi f dt)^2 / 3, here 3e-4 at the corner.
    np.testing.assert_allclose(hemew3d.low_pass(x, dt, corner), expected, atol=2e-3 * expected.max())
