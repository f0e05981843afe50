"""An acquisition: what is fired, where it is recorded, and how that is simulated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.media.model import Medium
from seiskern.wave.elastic import simulate
from seiskern.wave.record import Snapshots, Wavefields
from seiskern.wave.source import Force, Receivers, Source, as_shots


@dataclass(frozen=True, eq=False)
class Survey:
    """Shots into a spread of receivers.

    Parameters
    ----------
    shots : source, list of sources, or list of lists of sources
        As for ``simulate``.
    receivers : Receivers
        The same for all shots.
    dt : float, s
        Sampling.
    nt : int
        Samples.
    live : Tensor of bool, shape (shot, receiver), optional
        Receivers that hear a shot, such as those of a streamer; records of the others are zero.
    options : dict
        Of ``simulate``, such as ``{"order": 4, "absorbing": 10, "quantity": "displacement"}``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> survey = Survey(shots, receivers, dt=0.004, nt=500)
    >>> records = survey(medium)  # (shot, component, receiver, nt)
    """

    shots: Any
    receivers: Receivers
    dt: float = field(kw_only=True)
    nt: int = field(kw_only=True)
    live: Tensor | None = field(default=None, kw_only=True)
    options: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        """Check."""
        object.__setattr__(self, "shots", as_shots(self.shots))
        _checks.instance("receivers", self.receivers, Receivers)
        _checks.positive("dt", self.dt)
        _checks.count("nt", self.nt, 1)
        if self.live is not None:
            live, want = torch.as_tensor(self.live), (len(self), self._receivers.shape[1])
            if live.dtype != torch.bool or live.shape != want:
                raise ValueError(f"`live` must be bool of shape {want}, got {live.dtype} {tuple(live.shape)}")
            object.__setattr__(self, "live", live)

    def __len__(self) -> int:
        """Shots."""
        return len(self.shots)

    @property
    def _receivers(self) -> Tensor:
        """Coordinates, (axis, n), x the last."""
        axes = ("z", "x") if self.receivers.y is None else ("z", "y", "x")
        return self.receivers.coordinates(axes).detach()

    def __call__(self, medium: Medium, **options: Any) -> Tensor:
        """Records, (shot, component, receiver, nt), differentiable; options are those of ``simulate``."""
        given = {**self.options, **options}
        return self.heard(simulate(medium, self.shots, self.receivers, dt=self.dt, nt=self.nt, **given).data)

    def heard(self, records: Tensor) -> Tensor:
        """Records, (shot, component, receiver, nt), with zeros where `live` says so."""
        return records if self.live is None else records * self.live[:, None, :, None]

    def wavefields(self, medium: Medium, snapshots: Snapshots) -> Wavefields:
        """Snapshots of all shots."""
        with torch.no_grad():
            seis = simulate(
                medium,
                self.shots,
                self.receivers,
                dt=self.dt,
                nt=self.nt,
                snapshots=snapshots,
                **self.options,
            )
        assert seis.snapshots is not None  # asked for
        return seis.snapshots

    def subset(self, shots: Sequence[int]) -> "Survey":
        """Some of the shots, by number."""
        live = None if self.live is None else self.live[list(shots)]
        return replace(self, shots=[self.shots[number] for number in shots], live=live)

    def within(self, least: float, greatest: float) -> "Survey":
        """The same where x of a receiver less that of a first source is in a range, m: a streamer.

        Other receivers do not hear that shot, see `live`.
        """
        if not _checks.real("least", least) <= _checks.real("greatest", greatest):
            raise ValueError(f"`least` must be <= `greatest`, got {least:g} and {greatest:g}")
        of_shots = torch.tensor([float(shot[0].x) for shot in self.shots], dtype=torch.float64)
        offset = self._receivers[-1] - of_shots[:, None]
        live = (offset >= least) & (offset <= greatest)
        if not bool(live.any(dim=1).all()):
            raise ValueError(f"every shot must have a receiver within {least:g} to {greatest:g} m of it")
        return replace(self, live=live if self.live is None else live & self.live)

    def encoded(self, code: Tensor) -> "Survey":
        """Shots that are sums of shots; the records are the same sums, as waves superpose.

        Parameters
        ----------
        code : Tensor, shape (n, n_shots)
            Factors. Shots whose factor is zero are left out.

        Returns
        -------
        Survey
            Of n shots.
        """
        if self.live is not None:
            raise ValueError("sums of shots need receivers that hear all of them: `live` must be None")
        if code.ndim != 2 or code.shape[1] != len(self):
            raise ValueError(f"`code` must have shape (n, {len(self)}), got {tuple(code.shape)}")
        sums = [
            [
                _scaled(source, factor)
                for shot, factor in enumerate(row)
                if factor
                for source in self.shots[shot]
            ]
            for row in code.tolist()
        ]
        if not all(sums):
            raise ValueError("`code` must have a factor other than 0 in every row")
        return replace(self, shots=sums)

    def lowpassed(self, corner: float, order: int = 4) -> "Survey":
        """The same with time functions below a frequency: see `lowpass`.

        Its records are those of this survey filtered alike, for nothing in the medium depends on time.
        """
        done: dict[int, Tensor] = {}  # shots often share one

        def filtered(series: Any) -> Tensor:
            if id(series) not in done:
                done[id(series)] = lowpass(torch.as_tensor(series), self.dt, corner, order)
            return done[id(series)]

        return replace(
            self, shots=[[_with_series(source, filtered) for source in shot] for shot in self.shots]
        )

    def places(self, axes: Sequence[str]) -> Tensor:
        """Coordinates of all sources, then of all receivers, (axis, n), m; axes by name in array order."""
        sources = [source for shot in self.shots for source in shot]
        of_sources = [[float(getattr(source, axis)) for source in sources] for axis in axes]
        places = torch.tensor(of_sources, dtype=torch.float64)
        return torch.cat([places, self.receivers.coordinates(axes).detach()], dim=1)


def lowpass(series: Tensor, dt: float, corner: float, order: int = 4) -> Tensor:
    r"""Causal Butterworth filter: what comes later changes nothing that comes before.

    .. math:: |H|^2 = \frac{1}{1 + \bigl(\tan \frac{\omega \Delta t}{2} / \tan \frac{\omega_c \Delta t}{2}
        \bigr)^{2 n}}

    Parameters
    ----------
    series : Tensor, shape (..., nt)
        Sampled at ``dt``; zero before the first sample.
    dt : float, s
        Sampling.
    corner : float, Hz
        Frequency at which half of the power passes, below 1 / (2 dt).
    order : int
        n.

    Returns
    -------
    Tensor, shape (..., nt)
        Differentiable.

    References
    ----------
    Oppenheim & Schafer (2010), Discrete-Time Signal Processing, section 7.2.
    """
    dt, order = _checks.positive("dt", dt), _checks.count("order", order, 1)
    if not 0 < _checks.real("corner", corner) < 0.5 / dt:
        raise ValueError(f"`corner` must lie between 0 and 1 / (2 dt) = {0.5 / dt:g} Hz, got {corner:g}")
    tangent = torch.tan(torch.tensor(torch.pi * corner * dt, dtype=torch.float64))
    # The slowest pole decays as exp(-2 pi corner sin(pi / 2n) t): after the padding to exp(-36).
    decay = 36 / (2 * torch.pi * corner * dt * float(torch.sin(torch.tensor(torch.pi / (2 * order)))))
    n = 2 ** (series.shape[-1] + round(decay)).bit_length()
    omega = torch.arange(n // 2 + 1, dtype=torch.float64) * (2 * torch.pi / n)
    s = 1j * torch.tan(omega / 2) / tangent  # bilinear transform
    poles = torch.exp(
        1j * torch.pi * (2 * torch.arange(order, dtype=torch.float64) + order + 1) / (2 * order)
    )
    gain = (1 / (s[:, None] - poles)).prod(dim=1)
    gain[-1] = 0.0  # at the Nyquist frequency the tangent has no end
    filtered = torch.fft.irfft(torch.fft.rfft(series.double(), n) * gain, n)
    return filtered[..., : series.shape[-1]].to(series.dtype)


def add_noise(records: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Add white Gaussian noise; its root mean square is ``level`` times that of all records together."""
    rms = records.square().mean().sqrt()
    noise = torch.randn(records.shape, generator=generator, dtype=records.dtype)
    return records + _checks.real("level", level) * rms * noise


def random_code(n: int, n_shots: int, generator: torch.Generator) -> Tensor:
    """Every shot in one of n sums, with a random sign; which one is random as well, and no sum is empty.

    Over many such codes the gradient of a sum of squares is that of all shots in the mean [1]_.

    Returns
    -------
    Tensor, shape (n, n_shots)
        Of -1, 0 and 1.

    References
    ----------
    .. [1] Krebs et al. (2009), Geophysics 74(6), WCC177-WCC188, doi:10.1190/1.3230502.
    """
    if not 1 <= _checks.count("n", n, 1) <= n_shots:
        raise ValueError(f"`n` must be 1 to {n_shots} (shots), got {n}")
    signs = torch.randint(0, 2, (n_shots,), generator=generator) * 2.0 - 1.0
    code = torch.zeros(n, n_shots)
    code[torch.randperm(n_shots, generator=generator) % n, torch.arange(n_shots)] = signs
    return code


def _scaled(source: Source, factor: float) -> Source:
    if factor == 1:
        return source
    name = "force" if isinstance(source, Force) else "moment"
    changed: dict[str, Any] = {name: torch.as_tensor(getattr(source, name)) * factor}
    return replace(source, **changed)


def _with_series(source: Source, change: Callable[[Any], Tensor]) -> Source:
    name = "signature" if isinstance(source, Force) else "rate"
    changed: dict[str, Any] = {name: change(getattr(source, name))}
    return replace(source, **changed)
