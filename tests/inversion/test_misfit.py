"""Misfits: closed forms, POT as the oracle of transport, gradients, and what a delay does to them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from seiskern import inversion
from seiskern.inversion import L2, Envelope, GraphSpaceTransport, NormalizedCorrelation, SlicedWasserstein
from seiskern.wave.wavelets import ricker

DT = 0.01
TRANSPORTS = [GraphSpaceTransport(DT, 0.1, refine=1), SlicedWasserstein(DT, 0.1, refine=1)]
REFINED = [GraphSpaceTransport(DT, 0.1, refine=3), SlicedWasserstein(DT, 0.1)]
MISFITS = [L2(), NormalizedCorrelation(), Envelope(), *TRANSPORTS, *REFINED]
EPS = torch.finfo(torch.float64).eps


def name_of(misfit):
    return f"{type(misfit).__name__} {getattr(misfit, 'refine', '')}".strip()


every = pytest.mark.parametrize("misfit", MISFITS, ids=name_of)
transports = pytest.mark.parametrize("misfit", TRANSPORTS, ids=name_of)


@pytest.fixture(autouse=True, scope="module")
def one_thread_for_torch():
    """Small tensors do not profit from more, and busy machines suffer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(7)


@pytest.fixture
def data(rng):
    """Synthetic and observed, (2, 3, 40); the traces weaken, and one is zero in each."""
    synthetic, observed = torch.randn(2, 2, 3, 40, generator=rng, dtype=torch.float64)
    decay = torch.tensor([1.0, 0.3, 0.01], dtype=torch.float64)[:, None]
    synthetic, observed = synthetic * decay, observed * decay
    observed[0, 1], synthetic[1, 0] = 0.0, 0.0
    return synthetic, observed


@every
def test_gradient(misfit, data):
    synthetic, observed = data
    synthetic = synthetic.clone()
    synthetic[1, 0] = 0.1  # where it is zero, NormalizedCorrelation has a kink
    assert torch.autograd.gradcheck(lambda u: misfit(u, observed), synthetic.requires_grad_())


@every
def test_gradient_is_finite_where_traces_are_zero(misfit, data):
    synthetic, observed = data
    for start in (synthetic, torch.zeros_like(synthetic)):
        u = start.clone().requires_grad_()
        misfit(u, observed).backward()
        assert torch.isfinite(u.grad).all()
        if start is synthetic or not isinstance(misfit, Envelope):  # an envelope is even in u
            assert u.grad.abs().max() > 0


@every
def test_zero_for_the_data_themselves(misfit, data):
    _, observed = data
    u = observed.clone().requires_grad_()
    value = misfit(u, observed)
    value.backward()
    assert 0 <= value.abs() <= 4 * EPS
    assert u.grad.abs().max() <= 4 * EPS * 40  # of gradients of order one over the weakest trace


@every
def test_neither_scale_nor_number_of_traces_nor_silence_changes_it(misfit, data):
    synthetic, observed = data
    value = misfit(synthetic, observed)
    for scale in (3e-13, 5e9):
        torch.testing.assert_close(misfit(scale * synthetic, scale * observed), value, rtol=1e-12, atol=0)
    twice = misfit(torch.cat([synthetic, synthetic]), torch.cat([observed, observed]))
    torch.testing.assert_close(twice, value, rtol=1e-12, atol=0)


@every
def test_silence_after_the_signal_changes_nothing(misfit):
    """But for Envelope, whose Hilbert transform decays with time: wavelets have no mean, so as 1/t^3."""
    observed, synthetic = ricker(5.0, DT, 200, 0.5), 0.8 * ricker(5.0, DT, 200, 0.6)
    longer = [torch.nn.functional.pad(trace, (0, 150)) for trace in (synthetic, observed)]
    torch.testing.assert_close(misfit(*longer), misfit(synthetic, observed), rtol=1e-5, atol=0)


@pytest.mark.parametrize("misfit", [L2(), Envelope()], ids=name_of)
def test_half_for_a_synthetic_of_zeros(misfit, data):
    _, observed = data
    assert float(misfit(torch.zeros_like(observed), observed)) == pytest.approx(0.5, rel=1e-14)


@transports
def test_a_trace_of_rounding_errors_is_like_one_of_zeros(misfit, data):
    synthetic, observed = data
    almost = observed.clone()
    almost[0, 1] = 1e-200
    torch.testing.assert_close(misfit(synthetic, almost), misfit(synthetic, observed), rtol=1e-12, atol=0)


def test_squares_of_small_numbers_do_not_underflow(data):
    synthetic, observed = (1e-25 * traces.float() for traces in data)
    for misfit in MISFITS:
        torch.testing.assert_close(misfit(synthetic, observed).double(), misfit(*data), rtol=1e-5, atol=0)


def test_l2_by_hand():
    observed, synthetic = torch.tensor([[1.0, 2.0], [0.0, -2.0]]), torch.tensor([[1.0, 0.0], [1.0, -1.0]])
    assert float(L2()(synthetic, observed)) == pytest.approx((4 + 1 + 1) / (2 * 9))


def test_correlation_knows_no_amplitudes(data):
    synthetic, observed = data
    misfit = NormalizedCorrelation()
    scales = torch.tensor([[1e-3], [2.0], [50.0]], dtype=torch.float64)
    torch.testing.assert_close(misfit(scales * synthetic, observed), misfit(synthetic, observed))
    assert float(misfit(-observed, observed)) == pytest.approx(2.0)
    live = torch.ones(2, 3, dtype=torch.bool)
    live[0, 1] = False
    cosines = torch.nn.functional.cosine_similarity(synthetic, observed, dim=-1)[live]
    torch.testing.assert_close(misfit(synthetic, observed), (1 - cosines).mean())


def test_envelope_is_that_of_scipy(rng):
    signal = pytest.importorskip("scipy.signal")
    traces = torch.randn(2, 3, 50, generator=rng, dtype=torch.float64)
    synthetic, observed = (np.abs(signal.hilbert(x, 100)[:, :50]) for x in traces.numpy())
    wanted = np.square(synthetic - observed).sum() / (2 * np.square(observed).sum())
    # Smoothing shifts either envelope by up to 1e-3 of the peak, some 3 times its rms.
    assert float(Envelope()(*traces)) == pytest.approx(wanted, rel=1e-2)


def test_envelope_ignores_the_phase():
    t = torch.arange(400, dtype=torch.float64) * DT
    window = torch.exp(-((t - 2) / 0.4).square())
    sine, cosine = window * torch.sin(30 * t), window * torch.cos(30 * t)
    assert float(Envelope()(sine, cosine)) < 1e-5
    assert float(L2()(sine, cosine)) > 0.5


def clouds(synthetic, observed, misfit):
    """Points of one trace each, as POT takes them."""
    times, peak = np.arange(len(observed)) * (misfit.dt / misfit.shift), np.abs(observed).max()
    return [np.stack([times, trace / peak], axis=1) for trace in (synthetic, observed)]


def test_graph_space_transport_against_pot(data):
    ot = pytest.importorskip("ot")
    misfit = GraphSpaceTransport(DT, 0.05, refine=1)
    synthetic, observed = (traces[0, 0].numpy() for traces in data)
    x, y = clouds(synthetic, observed, misfit)
    weights = np.full(40, 1 / 40)
    squared = ot.emd2(weights, weights, ot.dist(x, y))
    wanted = 40 * squared * np.abs(observed).max() ** 2 / (2 * np.square(observed).sum())
    got = misfit(torch.tensor(synthetic), torch.tensor(observed))
    assert float(got) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("directions", [2, 7, 50])
def test_sliced_wasserstein_against_pot(data, directions):
    ot = pytest.importorskip("ot")
    misfit = SlicedWasserstein(DT, 0.05, 1, directions)
    synthetic, observed = (traces[0, 0].numpy() for traces in data)
    x, y = clouds(synthetic, observed, misfit)
    angles = np.pi * (np.arange(directions) + 0.5) / directions
    projections = np.stack([np.cos(angles), np.sin(angles)])
    distance = ot.sliced_wasserstein_distance(x, y, projections=projections, n_projections=directions)
    wanted = 40 * distance**2 * np.abs(observed).max() ** 2 / np.square(observed).sum()
    got = misfit(torch.tensor(synthetic), torch.tensor(observed))
    assert float(got) == pytest.approx(wanted, rel=1e-12)


@transports
def test_translated_points_cost_half_the_square_of_the_way(misfit, data):
    """A constant added to all samples moves the clouds as a whole: L2, whatever the shift and directions."""
    _, observed = data
    moved = observed + 0.37
    torch.testing.assert_close(misfit(moved, observed), L2()(moved, observed), rtol=1e-12, atol=0)


@pytest.mark.parametrize("shift", [1e-4, 0.02, 0.1, 3.0, 1e4])
def test_order_of_the_misfits(data, shift):
    """Projections are shorter than points, and the best assignment is no worse than none."""
    graph, sliced = (replace(misfit, shift=shift)(*data) for misfit in TRANSPORTS)
    assert sliced <= graph * (1 + 1e-12)
    assert graph <= L2()(*data) * (1 + 1e-12)


@transports
def test_points_that_cannot_move_in_time_give_l2(misfit, data):
    """A sample costs 100 peaks here, and amplitudes differ by less than 10; no observed trace is zero."""
    live = [traces[1] for traces in data]
    torch.testing.assert_close(replace(misfit, shift=1e-4)(*live), L2()(*live), rtol=1e-12, atol=0)


def test_two_directions_can_be_blind():
    """A wavelet and its negative, seen along both diagonals; more directions tell them apart."""
    observed = torch.tensor([-1.0, 2.0, -1.0], dtype=torch.float64)
    # The peak is 2, so with this shift a sample is as far as an amplitude of 1.
    blind, *seeing = (float(SlicedWasserstein(DT, 2 * DT, 1, k)(-observed, observed)) for k in (2, 3, 16))
    assert blind < 1e-12
    assert min(seeing) > 0.05


F0, FINE, LENGTH, PEAK = 5.0, 0.004, 1.6, 0.8  # Hz, s, s, s: 50 samples to a period
SHIFT = 2 / F0  # s


def wavelet(delay, dt=FINE):
    """Ricker wavelet, differentiable in its delay (s)."""
    t = torch.arange(round(LENGTH / dt), dtype=torch.float64) * dt
    a = (math.pi * F0 * (t - PEAK - delay)).square()
    return (1 - 2 * a) * torch.exp(-a)


PERIODS = np.linspace(-2, 2, 35)  # not whole samples; that in the middle is 0


def over_delays(misfit):
    return np.array([float(misfit(wavelet(p / F0), wavelet(0.0))) for p in PERIODS])


LOOSE = [GraphSpaceTransport(FINE, SHIFT), SlicedWasserstein(FINE, SHIFT)]


@pytest.mark.parametrize("misfit", [*LOOSE, Envelope()], ids=name_of)
def test_one_minimum_over_delays(misfit):
    values = over_delays(misfit)
    assert values[17] == pytest.approx(0, abs=1e-12)
    assert (np.diff(values[:18]) < 0).all()
    assert (np.diff(values[17:]) > 0).all()


@pytest.mark.parametrize("misfit", LOOSE, ids=name_of)
def test_a_shift_of_half_a_period_skips_cycles(misfit):
    assert (np.diff(over_delays(replace(misfit, shift=0.5 / F0))[17:]) < 0).any()


@pytest.mark.parametrize("misfit", LOOSE, ids=name_of)
def test_refinement_removes_minima_at_fractions_of_a_sample(misfit):
    """Of ten samples to a period: 50 points are enough, ten are not."""
    dt = 1 / (10 * F0)
    delays = 0.283 * dt * np.arange(72)
    for refine, rises in ((5, True), (1, False)):
        measure = replace(misfit, dt=dt, refine=refine)
        values = np.array([float(measure(wavelet(delay, dt), wavelet(0.0, dt))) for delay in delays])
        assert bool((np.diff(values) > 0).all()) is rises


@pytest.mark.parametrize("misfit", [L2(), NormalizedCorrelation()], ids=name_of)
def test_l2_has_local_minima_over_delays(misfit):
    values = over_delays(misfit)
    inner = values[1:-1]
    minima = PERIODS[1:-1][(inner < values[:-2]) & (inner < values[2:])]
    # The autocorrelation is H4(b) exp(-b^2) / 12, b = pi f0 delay / sqrt(2): its maxima are zeros of H5.
    outer = math.sqrt(5 + math.sqrt(10)) / math.pi
    assert minima == pytest.approx([-outer, 0.0, outer], abs=(PERIODS[1] - PERIODS[0]) / 2)


def test_sixteen_directions_are_enough():
    few, many = (over_delays(SlicedWasserstein(FINE, SHIFT, directions=k)) for k in (16, 200))
    np.testing.assert_allclose(few, many, rtol=1e-2, atol=1e-12)


@pytest.mark.parametrize(("misfit", "pulls"), [(LOOSE[0], True), (LOOSE[1], True), (L2(), False)])
def test_gradient_at_a_delay_of_more_than_half_a_period(misfit, pulls):
    """Transport pulls the wavelet back; L2 pushes it on, to the next cycle."""
    delay = torch.tensor(0.6 / F0, dtype=torch.float64, requires_grad=True)
    misfit(wavelet(delay), wavelet(0.0)).backward()
    assert abs(delay.grad) > 0.1
    assert (float(delay.grad) > 0) is pulls


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GraphSpaceTransport(0.0, 1.0), ValueError, "`dt` must be > 0, got 0"),
        (lambda: GraphSpaceTransport(0.1, -1.0), ValueError, "`shift` must be > 0, got -1"),
        (lambda: GraphSpaceTransport(0.1, 1.0, 0), ValueError, "`refine` must be >= 1, got 0"),
        (lambda: SlicedWasserstein("0.1", 1.0), TypeError, "`dt` must be a number"),
        (lambda: SlicedWasserstein(0.1, 1.0, 1, 1), ValueError, "`directions` must be >= 2, got 1"),
        (lambda: SlicedWasserstein(0.1, 1.0, 1, 2.5), TypeError, "`directions` must be a whole number"),
    ],
)
def test_bad_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


@every
def test_bad_data(misfit):
    ones = torch.ones(2, 5)
    with pytest.raises(
        ValueError, match=r"`observed` must have the shape of `synthetic`, \(2, 5\), got \(5,\)"
    ):
        misfit(ones, torch.ones(5))
    with pytest.raises(ValueError, match="`observed` must not be zero everywhere"):
        misfit(ones, torch.zeros(2, 5))
    with pytest.raises(ValueError, match="`synthetic` must be finite, got 10 NaN"):
        misfit(ones * math.nan, ones)
    with pytest.raises(ValueError, match="`observed` must not require a gradient"):
        misfit(ones, ones.clone().requires_grad_())
    with pytest.raises(ValueError, match="not empty"):
        misfit(torch.ones(0, 5), torch.ones(0, 5))


def test_public_names():
    assert set(inversion.__all__) >= {type(misfit).__name__ for misfit in MISFITS}
