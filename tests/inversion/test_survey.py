import pytest
import torch

import seiskern as sk
from seiskern import inversion

signal = pytest.importorskip("scipy.signal")


def relative(got, want):
    return float((got - want).norm() / want.norm())


@pytest.mark.parametrize("order", [1, 2, 4, 5])
def test_lowpass_is_the_butterworth_filter(order):
    series = torch.randn(3, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sections = signal.butter(order, 4.0, fs=100.0, output="sos")
    want = torch.from_numpy(signal.sosfilt(sections, series.numpy()))
    # What goes round in the padding has fallen to exp(-36).
    torch.testing.assert_close(inversion.lowpass(series, 0.01, 4.0, order), want, rtol=0, atol=1e-12)


def test_lowpass_changes_nothing_before():
    series = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    late = series.clone()
    late[60:] += 1
    first, second = (inversion.lowpass(s, 0.01, 5.0) for s in (series, late))
    torch.testing.assert_close(first[:60], second[:60], rtol=0, atol=1e-13)
    assert float((first[60:] - second[60:]).abs().max()) > 0.1


def test_records_of_filtered_sources_are_filtered_records(survey, medium, observed):
    got = survey.lowpassed(2.0)(medium)
    # Time functions are interpolated between samples: better than 1 % of 1 %, for what 0.01 s resolve.
    assert relative(got, inversion.lowpass(observed, survey.dt, 2.0)) < 1e-4
    assert relative(got, observed) > 0.1


def test_records_of_sums_are_sums_of_records(survey, medium, observed):
    code = torch.tensor([[1.0, -1.0, 0.0, 0.5], [0.0, 0.0, 2.0, 0.0]], dtype=torch.float64)
    got = survey.encoded(code)(medium)
    assert relative(got, torch.tensordot(code, observed, 1)) < 1e-12


def test_forces_are_scaled_like_moments(survey, medium):
    force = sk.Force(x=500.0, z=200.0, force=(1e6, 2e6), signature=sk.ricker(1.7, survey.dt, survey.nt, 0.7))
    one = inversion.Survey(force, survey.receivers, dt=survey.dt, nt=survey.nt, options=survey.options)
    twice = one.encoded(torch.tensor([[-2.0]]))
    torch.testing.assert_close(twice(medium), -2 * one(medium), rtol=1e-12, atol=1e-25)
    assert relative(one.lowpassed(2.0)(medium), inversion.lowpass(one(medium), survey.dt, 2.0)) < 1e-4


def test_subsets(survey, medium, observed):
    assert len(survey) == 4
    torch.testing.assert_close(survey.subset([2, 0])(medium), observed[[2, 0]], rtol=1e-12, atol=1e-25)


def test_codes_hold_each_shot_once():
    generator = torch.Generator().manual_seed(0)
    for n in (1, 3, 7):
        code = inversion.random_code(n, 7, generator)
        assert code.shape == (n, 7)
        assert code.abs().sum(0).tolist() == [1.0] * 7
        assert bool(code.abs().sum(1).min() >= 1)
    assert not torch.equal(inversion.random_code(2, 7, generator), inversion.random_code(2, 7, generator))


def test_noise_has_the_level_asked_for(observed):
    noisy = inversion.add_noise(observed, 0.05, torch.Generator().manual_seed(0))
    # n samples tell a standard deviation to 1 / sqrt(2 n), here 0.6 %: five of them.
    assert relative(noisy, observed) == pytest.approx(0.05, rel=0.03)


def test_places_are_those_of_sources_and_receivers(survey):
    places = survey.places(("z", "x"))
    assert places.shape == (2, 4 + 24)
    assert places[:, 1].tolist() == [150.0, 1000.0]
    assert places[:, 4].tolist() == [100.0, 100.0]


def test_wrong_input_is_refused(survey):
    with pytest.raises(ValueError, match=r"`code` must have shape \(n, 4\)"):
        survey.encoded(torch.ones(2, 3))
    with pytest.raises(ValueError, match="other than 0 in every row"):
        survey.encoded(torch.tensor([[0.0, 0, 0, 0]]))
    with pytest.raises(ValueError, match="`corner` must lie between 0 and"):
        survey.lowpassed(25.0)
    with pytest.raises(ValueError, match="`n` must be 1 to 4"):
        inversion.random_code(5, 4, torch.Generator())
    with pytest.raises(TypeError, match="`receivers` must be of class Receivers"):
        inversion.Survey(survey.shots, None, dt=0.1, nt=3)


def test_a_streamer_hears_what_is_near(survey, medium, observed):
    towed = survey.within(-450.0, -50.0)
    offset = towed.receivers.x - torch.tensor([[shot[0].x] for shot in towed.shots], dtype=torch.float64)
    near = (offset >= -450) & (offset <= -50)
    assert 0 < int(near.sum()) < near.numel()
    torch.testing.assert_close(towed(medium), observed * near[:, None, :, None], rtol=1e-12, atol=1e-25)
    pair = towed.subset([3, 1])
    torch.testing.assert_close(
        pair.lowpassed(2.0)(medium), survey.lowpassed(2.0)(medium)[[3, 1]] * near[[3, 1], None, :, None]
    )


def test_an_inversion_of_a_streamer_takes_no_others(survey, observed, start):
    towed = survey.within(-450.0, -50.0)
    job = inversion.Inversion(observed, towed, inversion.Model(start), stages=[inversion.Stage(iterations=1)])
    quiet = inversion.Inversion(
        towed.heard(observed), towed, inversion.Model(start), stages=[inversion.Stage(iterations=1)]
    )
    assert job.step().misfit == quiet.step().misfit
    assert bool((job.observed[0, :, -1] == 0).all())


def test_streamers_are_checked(survey, observed, start):
    with pytest.raises(ValueError, match="every shot must have a receiver within 5000 to 6000 m"):
        survey.within(5000.0, 6000.0)
    with pytest.raises(ValueError, match="`least` must be <= `greatest`"):
        survey.within(1.0, -1.0)
    with pytest.raises(ValueError, match="`live` must be bool of shape"):
        inversion.Survey(survey.shots, survey.receivers, dt=0.01, nt=10, live=torch.ones(3, 24))
    towed = survey.within(-450.0, -50.0)
    with pytest.raises(ValueError, match="receivers that hear all shots"):
        inversion.Inversion(observed, towed, inversion.Model(start), encode=1)
    with pytest.raises(ValueError, match="receivers that hear all of them"):
        towed.encoded(torch.ones(1, 4))
