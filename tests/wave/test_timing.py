"""Filters in time against known functions. Widths are in steps: errors of the filters follow by hand."""

import math

import pytest
import torch

from seiskern.wave.timing import Clock

DT, NT, RATIO = 0.01, 120, 4
STEP = DT / RATIO
T0 = 0.6


def pulse(t, width):
    return torch.exp(-((t - T0) / width).square() / 2)


def slope(t, width):
    return -(t - T0) / width**2 * pulse(t, width)


def integral(t, width):
    root = math.sqrt(2)
    return (
        width
        * math.sqrt(math.pi / 2)
        * (torch.erf((t - T0) / (root * width)) + math.erf(T0 / (root * width)))
    )


def samples():
    return torch.arange(NT, dtype=torch.float64) * DT


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_sources_between_samples(half, corrected):
    clock = Clock(DT, NT, RATIO)
    width = 2.5 * DT
    at = (torch.arange(clock.steps, dtype=torch.float64) + 0.5 * half) * STEP
    if corrected:
        clock = Clock(DT, NT, RATIO, corrected=True)
    series = clock.source_series(pulse(samples(), width), half)
    assert series.shape == (clock.steps,)
    # The window of 16 samples errs by 1e-5 below 0.6 of Nyquist; this pulse has 1e-5 of itself above. The
    # correction moves frequencies by (omega step)^2 / 24, 0.4 % at 1 / width.
    torch.testing.assert_close(series, pulse(at, width), atol=0.02 if corrected else 2e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "exact", "unit"),
    # Eight points: 1.07e-3 f8 step^8 for the value, f8 = 105 / width^8; slope and integral alike.
    [("value", pulse, 1.0), ("derivative", slope, 1 / (6 * STEP)), ("integral", integral, 6 * STEP)],
)
def test_records_from_half_steps(kind, exact, unit):
    clock = Clock(DT, NT, RATIO)
    width = 6 * STEP
    at = (torch.arange(clock.steps, dtype=torch.float64) + 0.5) * STEP
    tolerance = {"value": 1e-7, "derivative": 2e-6, "integral": 2e-5}[kind]
    record = clock.record(pulse(at, width), half=True, kind=kind)
    assert record.shape == (NT,)
    torch.testing.assert_close(record, exact(samples(), width), atol=tolerance * unit, rtol=0)


def test_stresses_are_recorded_as_they_are():
    clock = Clock(DT, NT, RATIO)
    at = (torch.arange(clock.steps, dtype=torch.float64) + 1) * STEP
    record = clock.record(pulse(at, 0.1), half=False)
    assert record[0] == 0
    torch.testing.assert_close(record[1:], pulse(samples(), 0.1)[1:], atol=1e-15, rtol=0)


@pytest.mark.parametrize("ratio", [1, 3])
def test_stresses_at_whole_steps_need_no_steps_beyond_the_last_sample(ratio):
    for nt in (1, 2, 30):
        clock = Clock(DT, nt, ratio, whole=True)
        assert clock.steps == max(1, (nt - 1) * ratio)
        series = torch.arange(1, clock.steps + 1, dtype=torch.float64)
        assert clock.record(series, half=False).tolist() == [n * ratio for n in range(nt)]


def test_the_last_sample_needs_no_steps_but_those_run():
    for nt in (1, 2, 3):
        clock = Clock(DT, nt, 1)
        assert clock.record(torch.ones(clock.steps, dtype=torch.float64), half=True).shape == (nt,)


def oscillator(clock, series, omega):
    """Leapfrog: velocities at half steps."""
    u = v = 0.0
    velocity = []
    for f in series.tolist():
        v += clock.step * (f - omega**2 * u)
        u += clock.step * v
        velocity.append(v)
    return torch.tensor(velocity, dtype=torch.float64)


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_correction_removes_the_error_of_leapfrog(ratio):
    """An oscillator at 10 samples per period, forced by a pulse: without correction its phase drifts away."""
    omega, width, nt = 2 * math.pi / (10 * DT), 2.5 * DT, 5 * NT
    t = torch.arange(nt, dtype=torch.float64) * DT
    fine = torch.arange(20 * NT, dtype=torch.float64) * (
        DT / 20
    )  # exact: v = integral of cos(omega (t - s)) f(s) ds
    drive = pulse(fine, width) * (DT / 20)
    phase = omega * (t[:, None] - fine)
    exact = torch.where(phase >= 0, torch.cos(phase), 0) @ drive
    errors = []
    for corrected in (False, True):
        clock = Clock(DT, nt, ratio, corrected)
        series = oscillator(clock, clock.source_series(pulse(t, width), False), omega)
        record = clock.record(series, half=True)
        quiet = slice(
            None, NT
        )  # it rings on until the record breaks off, which bends its spectrum near the end
        errors.append(float((record - exact)[quiet].norm() / exact[quiet].norm()))
    assert errors[0] > 0.02
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("kind", ["value", "derivative", "integral"])
@pytest.mark.parametrize(("nt", "ratio"), [(5, 1), (70, 2), (130, 3)])
def test_derivatives_of_records_are_exact(kind, nt, ratio):
    clock = Clock(0.1, nt, ratio)
    series = torch.randn(2, 3, clock.steps, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    series.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: clock.record(s, True, kind), [series], fast_mode=True)


def test_a_record_does_not_depend_on_how_many_there_are():
    clock = Clock(0.1, 130, 2)
    series = torch.randn(5, 3, clock.steps, generator=torch.Generator().manual_seed(0))
    together = clock.record(series, True)
    for one, got in zip(series, together, strict=True):
        assert torch.equal(clock.record(one[None], True)[0], got)
