r"""Between the samples of the user and the steps of the scheme.

The scheme takes ``ratio`` steps of dt / ratio per sample. Velocities lie half a step off, so records are brought to
:math:`t = i\,dt` by a filter of 8 taps, exact to 1e-5 at 10 steps per period.

With a correction of time dispersion the same is done in the frequency domain. The leapfrog scheme answers a source of
frequency :math:`\omega` as the exact equations answer :math:`\tilde\omega = (2/\delta t) \sin(\omega\,\delta t / 2)`.
Sources are therefore given the spectrum :math:`S(\tilde\omega)`, and records are read at the frequency that maps to the
wanted one (Koene & Robertsson 2018, doi:10.1093/gji/ggx485): what is left is the error in space.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

TAPS = 8
EXTRA = TAPS // 2  # steps beyond the last sample that the filters need
SINC_HALF_WIDTH = 16
SINC_BETA = 10.0


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
    """

    dt: float
    nt: int
    ratio: int
    corrected: bool = False

    @property
    def step(self) -> float:
        """Step of the scheme, s."""
        return self.dt / self.ratio

    @property
    def steps(self) -> int:
        """Steps to run: the filters look a little past the last sample."""
        return (self.nt - 1) * self.ratio + EXTRA

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
            return _transform(samples, self._sample_times(), times, self._band(), self._slowed, self.dt)
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
        series = series.double()
        if not half:  # shifted by one step: index n holds t = n + 1
            series = torch.cat([torch.zeros_like(series[..., :1]), series[..., :-1]], dim=-1)
        if self.corrected:
            return self._corrected_record(series, half, kind)
        if kind == "integral":
            series, half = self._integrate(series, half), False
        if not half and kind != "derivative":
            return series[..., : self.steps - EXTRA + 1 : self.ratio]
        taps = half_sample(derivative=kind == "derivative") / (self.step if kind == "derivative" else 1)
        if not half:
            raise ValueError("a derivative is taken of series at half steps only")
        padded = torch.nn.functional.pad(series, (EXTRA, 0))
        windows = padded.unfold(-1, TAPS, self.ratio)[..., : self.nt, :]
        return windows @ taps

    def _integrate(self, series: Tensor, half: bool) -> Tensor:
        """Running integral of a series at half steps, at whole steps."""
        if not half:
            raise ValueError("an integral is taken of series at half steps only")
        taps = _one_step_integral()
        padded = torch.nn.functional.pad(series, (len(taps) // 2, len(taps) // 2))
        steps = padded.unfold(-1, len(taps), 1) @ taps * self.step
        total = torch.cumsum(steps, dim=-1)
        return torch.cat([torch.zeros_like(total[..., :1]), total[..., :-1]], dim=-1)

    def _upsample(self, samples: Tensor, shift: float) -> Tensor:
        reach = SINC_HALF_WIDTH
        phase = (torch.arange(self.ratio, dtype=torch.float64) + shift) / self.ratio
        distance = phase[:, None] - torch.arange(-reach + 1, reach + 1)
        kernel = torch.sinc(distance) * _kaiser(distance / reach)  # (ratio, taps)
        padded = torch.nn.functional.pad(samples, (reach - 1, reach + EXTRA))
        windows = padded.unfold(-1, 2 * reach, 1)  # sample i sees samples i - reach + 1 ... i + reach
        return (windows @ kernel.T).flatten(-2)[..., : self.steps]

    def _sample_times(self) -> Tensor:
        return torch.arange(self.nt, dtype=torch.float64) * self.dt

    def _band(self) -> float:
        return math.pi / self.dt

    def _slowed(self, omega: Tensor) -> Tensor:
        return 2 / self.step * torch.sin(omega * self.step / 2)

    def _quickened(self, omega: Tensor) -> Tensor:
        return 2 / self.step * torch.asin(omega * self.step / 2)

    def _corrected_record(self, series: Tensor, half: bool, kind: str) -> Tensor:
        times = (torch.arange(self.steps, dtype=torch.float64) + 0.5 * half) * self.step
        if kind == "integral":
            plain = Clock(self.dt, self.nt, self.ratio)
            series, times = plain._integrate(series, half), times - 0.5 * self.step
        factor = 1j if kind == "derivative" else None
        return _transform(
            series, times, self._sample_times(), self._band(), self._quickened, self.step, factor
        )


def _transform(
    series: Tensor,
    times: Tensor,
    wanted: Tensor,
    band: float,
    mapped: object,
    weight: float,
    factor: complex | None = None,
) -> Tensor:
    """Series at other times, its spectrum read at mapped frequencies: two matrix products."""
    span = float(max(times[-1], wanted[-1])) + 32 * float(wanted[1] - wanted[0] if len(wanted) > 1 else 1.0)
    count = int(math.ceil(2 * span * band / (2 * math.pi)))  # period: twice the record
    omega = (torch.arange(count, dtype=torch.float64) + 0.5) * (band / count)
    edge = torch.cos(((omega / band - 0.9) / 0.1).clamp(0, 1) * (math.pi / 2)).square()
    forward = torch.exp(-1j * times[:, None] * mapped(omega))  # type: ignore[operator]
    spectrum = (series.to(torch.complex128) @ forward) * (edge * weight * band / count / math.pi)
    if factor is not None:
        spectrum = spectrum * (factor * omega)
    return (spectrum @ torch.exp(1j * omega[:, None] * wanted)).real


def _kaiser(x: Tensor) -> Tensor:
    shape = torch.special.i0(SINC_BETA * (1 - x.square()).clamp(min=0).sqrt())
    return torch.where(x.abs() < 1, shape / torch.special.i0(torch.tensor(SINC_BETA, dtype=x.dtype)), 0)


def _moments(places: Tensor, target: Tensor) -> Tensor:
    """Weights of values at ``places`` that reproduce ``target`` for the powers 0, 1, 2, ..."""
    powers = places[None, :] ** torch.arange(len(places))[:, None]
    return torch.linalg.solve(powers, target)


def half_sample(derivative: bool = False) -> Tensor:
    """Value or slope midway in 8 equally spaced samples."""
    places = torch.arange(TAPS, dtype=torch.float64) - (TAPS - 1) / 2
    target = torch.zeros(TAPS, dtype=torch.float64)
    target[1 if derivative else 0] = 1
    return _moments(places, target)


def _one_step_integral() -> Tensor:
    """Integral over the middle step, from the midpoints of 5 steps."""
    places = torch.arange(-2, 3, dtype=torch.float64)
    order = torch.arange(5, dtype=torch.float64)
    target = torch.where(order % 2 == 0, 0.5**order / (order + 1), 0)
    return _moments(places, target)
