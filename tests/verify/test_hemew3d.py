import numpy as np
import pytest
import torch

from seiskern.io import Hemew3dSample
from seiskern.verify import hemew3d


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    vs = np.broadcast_to(1000.0 + 100.0 * np.arange(4)[:, None, None], (4, 4, 4)).copy()
    return Hemew3dSample(
        vp=1.7 * vs,
        vs=vs,
        rho=2 * vs,
        cell=300.0,
        traces=rng.normal(size=(3, 5, 300)),
        x=np.zeros(5),
        y=np.zeros(5),
        z=np.zeros(5),
        times=1.0 + 0.02 * np.arange(300),
    )


def test_nodes_take_the_value_of_their_cell_or_the_mean_of_two(sample):
    vp, vs, rho = hemew3d.node_medium(sample, 150.0)
    assert vs.shape == (9, 9, 9)
    assert vs[:, 3, 4].tolist() == [1000, 1000, 1050, 1100, 1150, 1200, 1250, 1300, 1300]
    torch.testing.assert_close(vp, 1.7 * vs)
    torch.testing.assert_close(rho, 2 * vs)


def test_nodes_must_fit_the_cube(sample):
    with pytest.raises(ValueError, match="`spacing` must divide 1200 m, got 70"):
        hemew3d.node_medium(sample, 70.0)


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


def shifted(sample, traces):
    """As ``simulate`` would return it: from t = 0."""
    return np.concatenate([np.zeros((3, 5, 50)), traces, np.ones((3, 5, 7))], axis=-1)


def test_the_recording_itself_scores_one(sample):
    result = hemew3d.score(shifted(sample, sample.traces), sample, 5.0)
    assert result.correlation == pytest.approx([1, 1, 1])
    assert result.amplitude == pytest.approx([1, 1, 1])


def test_score_sees_sign_amplitude_and_delay(sample):
    wrong = sample.traces * np.array([-1.0, 2.0, 1.0])[:, None, None]
    wrong[2] = np.roll(wrong[2], 10, axis=-1)
    result = hemew3d.score(shifted(sample, wrong), sample, 5.0)
    assert result.correlation[:2] == pytest.approx([-1, 1])
    assert abs(result.correlation[2]) < 0.3
    assert result.amplitude[:2] == pytest.approx([1, 2])
    assert result.mean_correlation == pytest.approx(sum(result.correlation) / 3)


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
