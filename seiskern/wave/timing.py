r"""Between the samples of the user and the steps of the scheme.

The scheme takes ``ratio`` steps of dt / ratio per sample. Velocities lie half a step off, so records are
brought to :math:`t = i\,dt` by a filter of 8 taps, exact to 1e-5 at 10 steps per period.

With a correction of time dispersion the same is done in the frequency domain. The leapfrog scheme answers a
source of frequency :math:`\omega` as the exact equations answer :math:`\tilde\omega = (2/\delta t)
\sin(\omega\,\delta t / 2)`. Sources are therefore given the spectrum :math:`S(\tilde\omega)`, and records are
read at the frequency that maps to the wanted one (Koene & Robertsson 2018, doi:10.1093/gji/ggx485): what is
left is the error in space.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from seiskern._remember import remembered

TAPS = 8
EXTRA = TAPS // 2  # steps beyond the last sample that the filters need
SINC_HALF_WIDTH = 16
SINC_BETA = 10.0
TAIL = 32  # samples by which a series is continued before its spectrum is taken
EDGE = 0.9  # share of the Nyquist frequency from which on spectra are faded out
PIECE = 512  # frequencies at a time
BAND = 64  # samples at a time


@dataclass(frozen=True)
class Clock:
    """Sampling of input and output, and the steps in between.

    Attributes
    ----------
    dt : float, s
        Sampling.
    nt : int
        Samples.
    ratio : int
        Steps per sample.
    corrected : bool
        Whether time dispersion is corrected.
    whole : bool
        Whether only stresses are recorded, which lie at whole steps.
    """

    dt: float
    nt: int
    ratio: int
    corrected: bool = False
    whole: bool = False

    @property
    def step(self) -> float:
        """Step of the scheme, s."""
        return self.dt / self.ratio

    @property
    def steps(self) -> int:
        """Steps to run, at least one: filters look a little past the last sample."""
        return max(1, self._last + (0 if self.whole and not self.corrected else EXTRA))

    @property
    def _last(self) -> int:
        """Steps up to the last sample."""
        return (self.nt - 1) * self.ratio

    @remembered
    def source_series(self, samples: Tensor, half: bool) -> Tensor:
        """Samples of a source at the steps, or half a step later.

        Parameters
        ----------
        samples : Tensor, shape (..., nt)
            At i dt.
        half : bool
            Whether the scheme wants them at (n + 1/2) of its steps (moment rates) or at n (forces).

        Returns
        -------
        Tensor, shape (..., steps)
            Zero before t = 0 and after the last sample.
        """
        samples = samples.double()
        if self.corrected:
            times = (torch.arange(self.steps, dtype=torch.float64) + 0.5 * half) * self.step
            samples = _continued(samples, TAIL)
            given = torch.arange(samples.shape[-1], dtype=torch.float64) * self.dt
            return _Spectrum(given, times, self._band(), self._slowed).transform(samples, self.dt)
        return self._upsample(samples, 0.5 * half)

    def record(self, series: Tensor, half: bool, kind: str = "value") -> Tensor:
        """Samples at i dt from the series of the scheme.

        Parameters
        ----------
        series : Tensor, shape (..., steps)
            At (n + 1/2) of the steps, or at n + 1.
        half : bool
            Which of the two.
        kind : {"value", "integral", "derivative"}
            What of it.

        Returns
        -------
        Tensor, shape (..., nt)
            Zero at t = 0 where nothing came before.
        """
        if not half:  # shifted by one step: index n holds t = n + 1
            if kind == "value" and not self.corrected:
                return torch.nn.functional.pad(series[..., self.ratio - 1 : self._last : self.ratio], (1, 0))
            series = torch.nn.functional.pad(series[..., :-1], (1, 0))
        if kind == "integral" or self.corrected:
            series = series.double()
            if self.corrected:
                return self._corrected_record(series, half, kind)
            return self._integrate(series, half)[..., : self._last + 1 : self.ratio]
        if not half:
            raise ValueError("a derivative is taken of series at half steps only")
        result: Tensor = _Midway.apply(series, self, kind == "derivative")
        return result

    def midway(self, derivative: bool) -> Iterator[tuple[slice, slice, Tensor]]:
        """Pieces of the matrix that takes a series at half steps to samples: samples, steps, and its values.

        Few of the values are zero in a piece, and a product of matrices is fast.
        """
        taps = half_sample(derivative) / (self.step if derivative else 1)
        for first in range(0, self.nt, BAND):
            last = min(first + BAND, self.nt)
            begin = first * self.ratio - EXTRA
            matrix = taps.new_zeros(last - first, (last - first - 1) * self.ratio + TAPS)
            for number, row in enumerate(matrix):
                row[number * self.ratio : number * self.ratio + TAPS] = taps
            before = max(-begin, 0)  # steps before the first one: nothing was there
            yield slice(first, last), slice(begin + before, begin + matrix.shape[1]), matrix[:, before:]

    def _integrate(self, series: Tensor, half: bool) -> Tensor:
        """Running integral of a series at half steps, at whole steps."""
        if not half:
            raise ValueError("an integral is taken of series at half steps only")
        taps = _one_step_integral().to(series.device)
        padded = torch.nn.functional.pad(series, (len(taps) // 2, len(taps) // 2))
        steps = padded.unfold(-1, len(taps), 1) @ taps * self.step
        total = torch.cumsum(steps, dim=-1)
        return torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], dim=-1)

    def _upsample(self, samples: Tensor, shift: float) -> Tensor:
        reach, kernel = SINC_HALF_WIDTH, _windowed_sinc(self.ratio, shift)
        padded = torch.nn.functional.pad(_continued(samples, reach), (reach - 1, reach + EXTRA))
        windows = padded.unfold(-1, 2 * reach, 1)  # sample i sees samples i - reach + 1 ... i + reach
        return (windows @ kernel.T).flatten(-2)[..., : self.steps]

    def _sample_times(self) -> Tensor:
        return torch.arange(self.nt, dtype=torch.float64) * self.dt

    def _band(self) -> float:
        """Frequencies that are kept: below half the sampling and what the steps can carry (2 / step)."""
        return min(math.pi / self.dt, 1.9 / self.step)

    def _slowed(self, omega: Tensor) -> Tensor:
        return 2 / self.step * torch.sin(omega * self.step / 2)

    def _quickened(self, omega: Tensor) -> Tensor:
        return 2 / self.step * torch.asin(omega * self.step / 2)

    def _corrected_record(self, series: Tensor, half: bool, kind: str) -> Tensor:
        offset = 0.5 * half
        if kind == "integral":
            series, offset = self._integrate(series, half), 0.0
        series = _continued(series, TAIL * self.ratio)
        times = (torch.arange(series.shape[-1], dtype=torch.float64) + offset) * self.step
        mapped = _Spectrum(times, self._sample_times(), self._band(), self._quickened, kind == "derivative")
        return mapped.transform(series, self.step)


def _continued(series: Tensor, n: int) -> Tensor:
    """Series with n more samples: mirrored in its last value, so that its slope goes on, and faded out.

    A record that breaks off has an edge in its spectrum; faded out smoothly it has none.
    """
    n = min(n, series.shape[-1] - 1)
    if n < 1:
        return series
    mirrored = 2 * series[..., -1:] - series[..., -n - 1 : -1].flip(-1)
    return torch.cat([series, mirrored * _fade(n).to(series)], dim=-1)


@lru_cache
def _fade(n: int) -> Tensor:
    """From one to zero, both left out."""
    return torch.cos(torch.linspace(0, math.pi / 2, n + 2, dtype=torch.float64)[1:-1]).square()


@dataclass(frozen=True)
class _Spectrum:
    """Series at other times, its spectrum read at mapped frequencies: two matrix products, in pieces."""

    times: Tensor
    wanted: Tensor
    band: float
    mapped: Callable[[Tensor], Tensor]
    derivative: bool = False

    def transform(self, series: Tensor, weight: float) -> Tensor:
        """Apply to series (..., len(times)) whose samples weigh ``weight`` seconds."""
        # One product per shot: its rounding must not depend on how many shots there are.
        shots = series.reshape(-1, series.shape[-2] if series.ndim > 2 else 1, series.shape[-1])
        result: Tensor = _Transform.apply(shots, self, weight)
        return result.reshape(*series.shape[:-1], -1)

    def products(self, weight: float, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of complex matrices; series times the first times the second, their real part, is a share."""
        span = 2 * float(max(self.times[-1], self.wanted[-1])) + 64 * math.pi / self.band
        count = math.ceil(span * self.band / math.pi)  # twice as dense as the span of time asks for
        omega = (torch.arange(count, dtype=torch.float64, device=device) + 0.5) * (self.band / count)
        times, wanted = self.times.to(device), self.wanted.to(device)
        edge = torch.cos(((omega / self.band - EDGE) / (1 - EDGE)).clamp(0, 1) * (math.pi / 2)).square()
        gain = torch.complex(edge, torch.zeros_like(edge)) * (weight * self.band / count / math.pi)
        if self.derivative:
            gain = gain * 1j * omega
        for first in range(0, count, PIECE):
            piece = slice(first, first + PIECE)
            there = torch.exp(-1j * times[:, None] * self.mapped(omega[piece]))
            yield there, gain[piece, None] * torch.exp(1j * omega[piece, None] * wanted)


class _Midway(torch.autograd.Function):
    """Series, (..., steps), at half steps to samples, (..., nt): `Clock.midway`."""

    @staticmethod
    def forward(series: Tensor, clock: "Clock", derivative: bool) -> Tensor:
        rows = series.reshape(-1, series.shape[-2] if series.ndim > 1 else 1, series.shape[-1])
        result = series.new_empty(*rows.shape[:-1], clock.nt)
        for samples, steps, matrix in clock.midway(derivative):
            matrix = matrix.to(series)
            for row, out in zip(rows, result, strict=True):  # rounding must not depend on their number
                out[:, samples] = row[:, steps] @ matrix.T
        return result.reshape(*series.shape[:-1], clock.nt)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, "Clock", bool], output: Tensor) -> None:
        series, ctx.clock, ctx.derivative = inputs
        ctx.steps = series.shape[-1]

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        result: Tensor = _Midway.apply(tangent, ctx.clock, ctx.derivative)  # it is linear
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows = gradient.reshape(-1, gradient.shape[-2] if gradient.ndim > 1 else 1, gradient.shape[-1])
        # Steps outside and series inside, as the kernels have them.
        result = gradient.new_zeros(len(rows), ctx.steps, rows.shape[1])
        for samples, steps, matrix in ctx.clock.midway(ctx.derivative):
            matrix = matrix.to(gradient)
            for row, out in zip(rows, result, strict=True):
                out[steps] += matrix.T @ row[:, samples].T
        return result.transpose(1, 2).reshape(*gradient.shape[:-1], ctx.steps), None, None


class _Transform(torch.autograd.Function):
    """Series, (shot, n, len(times)), to other times. Its matrices are made anew for the way back."""

    @staticmethod
    def forward(shots: Tensor, spectrum: _Spectrum, weight: float) -> Tensor:
        result = shots.new_zeros(*shots.shape[:-1], len(spectrum.wanted), dtype=torch.float64)
        for there, back in spectrum.products(weight, shots.device):
            for shot, total in zip(shots, result, strict=True):
                total += (shot @ there.real) @ back.real - (shot @ there.imag) @ back.imag
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Spectrum, float], output: Tensor) -> None:
        _, ctx.spectrum, ctx.weight = inputs

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        result: Tensor = _Transform.apply(tangent, ctx.spectrum, ctx.weight)  # it is linear
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        result = gradient.new_zeros(*gradient.shape[:-1], len(ctx.spectrum.times))
        for there, back in ctx.spectrum.products(ctx.weight, gradient.device):
            result += (gradient @ back.real.T) @ there.real.T - (gradient @ back.imag.T) @ there.imag.T
        return result, None, None


@lru_cache
def _windowed_sinc(ratio: int, shift: float) -> Tensor:
    """Values between samples, so many of them per sample, from the samples around, (ratio, taps)."""
    phase = (torch.arange(ratio, dtype=torch.float64) + shift) / ratio
    distance = phase[:, None] - torch.arange(-SINC_HALF_WIDTH + 1, SINC_HALF_WIDTH + 1)
    return torch.sinc(distance) * _kaiser(distance / SINC_HALF_WIDTH)


def _kaiser(x: Tensor) -> Tensor:
    shape = torch.special.i0(SINC_BETA * (1 - x.square()).clamp(min=0).sqrt())
    return torch.where(x.abs() < 1, shape / torch.special.i0(torch.tensor(SINC_BETA, dtype=x.dtype)), 0)


def _moments(places: Tensor, target: Tensor) -> Tensor:
    """Weights of values at ``places`` that reproduce ``target`` for the powers 0, 1, 2, ..."""
    powers = places[None, :] ** torch.arange(len(places))[:, None]
    return torch.linalg.solve(powers, target)


@lru_cache
def half_sample(derivative: bool = False) -> Tensor:
    """Value or slope midway in 8 equally spaced samples."""
    places = torch.arange(TAPS, dtype=torch.float64) - (TAPS - 1) / 2
    target = torch.zeros(TAPS, dtype=torch.float64)
    target[1 if derivative else 0] = 1
    return _moments(places, target)


@lru_cache
def _one_step_integral() -> Tensor:
    """Integral over the middle step, from the midpoints of 5 steps."""
    places = torch.arange(-2, 3, dtype=torch.float64)
    order = torch.arange(5, dtype=torch.float64)
    target = torch.where(order % 2 == 0, 0.5**order / (order + 1), 0)
    return _moments(places, target)
