import math

import pytest
import torch

import seiskern as sk

DT = 1e-3


def spectrum(series, frequency):
    """Fourier integral of samples at one frequency."""
    t = torch.arange(len(series), dtype=torch.float64) * DT
    return abs(complex((series * torch.exp(-2j * math.pi * frequency * t)).sum())) * DT


def test_ricker_is_largest_at_its_frequency_and_one_at_its_peak():
    wavelet = sk.ricker(10.0, DT, 400)
    assert wavelet[150] == 1  # 1.5 / f0
    assert spectrum(wavelet, 10.0) > max(spectrum(wavelet, 9.5), spectrum(wavelet, 10.5))
    assert spectrum(wavelet, 25.0) / spectrum(wavelet, 10.0) == pytest.approx(
        6.25 * math.exp(1 - 6.25), rel=1e-3
    )
    assert abs(float(wavelet.sum())) * DT < 1e-6  # no mean


@pytest.mark.parametrize(
    "rate", [sk.gaussian(0.03, DT, 600), sk.brune(0.03, DT, 1500)], ids=["gaussian", "brune"]
)
def test_moment_rates_integrate_to_one(rate):
    # The sum of a kink at t = 0 errs by slope / 12 times dt^2, here 1 / (12 tau^2) dt^2 = 9e-5.
    assert float(rate.sum()) * DT == pytest.approx(1, abs=1e-4)
    assert float(rate.min()) >= 0


def test_gaussian_has_the_width_it_is_given():
    rate = sk.gaussian(0.03, DT, 600, 0.3)
    assert float(rate[300] / rate[330]) == pytest.approx(math.exp(0.5))


def test_brune_has_its_corner_and_onset():
    rate = sk.brune(0.05, DT, 4000, t0=0.1)
    assert float(rate[:101].max()) == 0
    assert int(rate.argmax()) == 150  # t0 + tau
    corner = 1 / (2 * math.pi * 0.05)
    assert spectrum(rate, corner) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sk.ricker(0, DT, 10), "`f0` must be > 0, got 0"),
        (lambda: sk.ricker("ten", DT, 10), "`f0` must be a number, got 'ten'"),
        (lambda: sk.ricker(10, -1, 10), "`dt` must be > 0, got -1"),
        (lambda: sk.ricker(800, 0.001, 10), r"`f0` must be <= 1 / \(2 dt\) = 500 Hz, got 800"),
        (lambda: sk.ricker(10, DT, 0), "`nt` must be >= 1, got 0"),
        (lambda: sk.ricker(10, DT, 2.5), "`nt` must be a whole number, got 2.5"),
        (lambda: sk.ricker(10, DT, 10, math.inf), "`t0` must be finite, got inf"),
        (lambda: sk.gaussian(-1, DT, 10), "`sigma` must be > 0, got -1"),
        (lambda: sk.brune(0, DT, 10), "`tau` must be > 0, got 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        call()
