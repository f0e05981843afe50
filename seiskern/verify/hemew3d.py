"""Samples of HEMEW-3D as a problem for the solver, and the score of its answer.

References
----------
Lehmann et al. (2024), Earth System Science Data 16, 3949-3972, doi:10.5194/essd-16-3949-2024.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import seiskern as sk
from seiskern.io import Hemew3dSample
from seiskern.io.hemew3d import LENGTH

SOURCE = {"x": 4800.0, "y": 4800.0, "z": 8400.0}  # m
STRIKE, DIP, RAKE, M0 = 48.0, 45.0, 88.0, 2.47e16  # degrees, N m
TAU = 0.1  # s
CORNER, BUTTERWORTH_ORDER = 5.0, 4  # Hz, of the low-pass of the database, run forward and backward
# Attenuation of the database: Q of shear is Vs / 10, of compression Vs / 5, so that for P waves, with
# Vp = 1.7 Vs, 1/Q = 7.3 / Vs and t* is 0.43 of that of S. Speeds hold at 5 Hz (SEM3D's atn_period, 0.2 s).
VS_OVER_QS, P_DECAY, Q_FREQUENCY = 10.0, 0.43, 5.0  # m/s, 1, Hz
PARTS = 400  # of the line from source to sensor


@dataclass(frozen=True)
class Score:
    """Agreement with the recorded traces, per component x, y, z.

    Attributes
    ----------
    correlation : tuple of float
        Mean over the sensors of the normalised correlation at zero lag.
    amplitude : tuple of float
        Ratio of root mean squares, computed to recorded.
    """

    correlation: tuple[float, ...]
    amplitude: tuple[float, ...]

    @property
    def mean_correlation(self) -> float:
        """Mean over the components."""
        return sum(self.correlation) / len(self.correlation)


def moment() -> Tensor:
    """Moment tensor of the database in (x, y, z) = (East, North, down), N m.

    The database took the components of Aki and Richards (north, east, down) for those along its own axes
    (x, y, z up) without turning them. Turned to the axes of this package, its tensor is P M P^T with M the
    true one and P (x, y, z) = (y, x, -z).
    """
    turn = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    return turn @ sk.double_couple(STRIKE, DIP, RAKE, M0).to(torch.float64) @ turn.T


def moment_rate(dt: float, nt: int) -> Tensor:
    r"""Moment rate of the database, 1/s: the derivative of :math:`1 - (1 + t/\tau) e^{-t/\tau}`."""
    t = dt * torch.arange(nt, dtype=torch.float64)
    return t / TAU**2 * torch.exp(-t / TAU)


def score(
    computed: NDArray[np.floating], sample: Hemew3dSample, highest: float, margin: float = 0.0
) -> Score:
    """Compare computed with recorded traces below a frequency.

    Parameters
    ----------
    computed : ndarray, shape (3, n_receivers, nt), m/s
        Velocity along x, y, z in a medium without attenuation from t = 0, sampled like the sample; later
        samples than it holds are ignored.
    sample : Hemew3dSample
        The recorded traces.
    highest : float, Hz
        Corner of a low-pass put on both, beside that of the database.
    margin : float, m
        Sensors closer to a side are left out.

    Returns
    -------
    Score
        Correlation and ratio of amplitudes.
    """
    ours, theirs = as_recorded(computed, sample), sample.traces
    if highest < CORNER:
        dt = float(sample.times[1] - sample.times[0])
        ours, theirs = low_pass(ours, dt, highest), low_pass(theirs, dt, highest)
    side = np.minimum(np.minimum(sample.x, LENGTH - sample.x), np.minimum(sample.y, LENGTH - sample.y))
    ours, theirs = ours[:, side >= margin], theirs[:, side >= margin]
    norms = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    correlation = (ours * theirs).sum(axis=-1) / norms
    ratio = np.linalg.norm(ours, axis=(1, 2)) / np.linalg.norm(theirs, axis=(1, 2))
    return Score(tuple(correlation.mean(axis=1).tolist()), tuple(ratio.tolist()))


def as_recorded(computed: NDArray[np.floating], sample: Hemew3dSample) -> NDArray[np.float64]:
    """Computed traces, which start at t = 0, attenuated, low-passed and cut like those of the database.

    Notes
    -----
    The database attenuates, this solver does not. What is missing is put in after the fact, by constant Q
    along the straight line from the source: P waves before the time of S, S waves from then on.
    """
    dt = float(sample.times[1] - sample.times[0])
    first, nt = round(float(sample.times[0]) / dt), len(sample.times)
    if computed.shape[-1] < first + nt:
        raise ValueError(f"`computed` must have >= {first + nt} samples, got {computed.shape[-1]}")
    time, decay = s_path(sample)
    traces = low_pass(computed, dt, CORNER)
    p, s = (attenuate(traces, dt, share * decay)[..., first : first + nt] for share in (P_DECAY, 1.0))
    return np.where(sample.times < time[:, None], p, s)


def s_path(sample: Hemew3dSample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time of S waves and their decay t* = time / Q along the line from the source to each sensor, s."""
    source = np.array([[SOURCE[axis]] for axis in "zyx"])
    line = np.stack([sample.z, sample.y, sample.x]) - source
    part = (np.arange(PARTS) + 0.5) / PARTS
    points = source[..., None] + part * line[..., None]
    vs = sample.vs[tuple(np.rint(points / sample.spacing).astype(int))]
    length: NDArray[np.float64] = np.linalg.norm(line, axis=0)
    return length * (1 / vs).mean(axis=-1), length * (1 / (vs * vs / VS_OVER_QS)).mean(axis=-1)


def low_pass(traces: NDArray[np.floating], dt: float, corner: float) -> NDArray[np.float64]:
    """Low-pass of zero phase along the last axis: a Butterworth filter forward and backward."""
    return _filtered(traces, dt, lambda f: 1 / (1 + (f / corner) ** (2 * BUTTERWORTH_ORDER)))


def attenuate(traces: NDArray[np.floating], dt: float, decay: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attenuation by constant Q, with the dispersion that goes with it, given t* of each trace in s.

    Waves of `Q_FREQUENCY` keep their speed, slower ones lag by t* / pi times the logarithm of their ratio
    (Aki & Richards 2002, Quantitative Seismology, section 5.5).
    """

    def response(f: NDArray[np.float64]) -> NDArray[np.complex128]:
        lag = np.log(Q_FREQUENCY / np.maximum(f, f[1])) / np.pi
        return np.exp(-np.pi * f * (1 + 2j * lag) * decay[:, None])

    return _filtered(traces, dt, response)


def _filtered(
    traces: NDArray[np.floating], dt: float, response: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float64]:
    nt = traces.shape[-1]
    padded = 2 * nt  # zeros after the end, so that it does not wrap to the start
    spectrum = np.fft.rfft(traces, padded, axis=-1) * response(np.fft.rfftfreq(padded, dt))
    return np.fft.irfft(spectrum, padded, axis=-1)[..., :nt]
