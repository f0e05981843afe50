"""Samples of HEMEW-3D as a problem for the solver, and the score of its answer.

References
----------
Lehmann et al. (2024), Earth System Science Data 16, 3949-3972, doi:10.5194/essd-16-3949-2024.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import seiskern as sk
from seiskern.io import Hemew3dSample

SOURCE = {"x": 4800.0, "y": 4800.0, "z": 8400.0}  # m
STRIKE, DIP, RAKE, M0 = 48.0, 45.0, 88.0, 2.47e16  # degrees, N m
TAU = 0.1  # s
BUTTERWORTH_ORDER = 4  # of the low-pass of the database, run forward and backward


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


def node_medium(sample: Hemew3dSample, spacing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Vp, Vs and density of a sample at nodes that include the surface and all sides.

    Parameters
    ----------
    sample : Hemew3dSample
        Cells of constant properties.
    spacing : float, m
        Distance between nodes; it must divide the length of the cube.

    Returns
    -------
    vp, vs, rho : Tensor, shape (n, n, n), float32, m/s, m/s, kg/m^3
        Value of the cell that holds the node; a node between cells has their mean.
    """
    length = sample.cell * sample.vs.shape[0]
    n = round(length / spacing) + 1
    if not math.isclose((n - 1) * spacing, length, rel_tol=1e-9):
        raise ValueError(f"`spacing` must divide {length:g} m, got {spacing:g}")
    position = np.arange(n) * (spacing / sample.cell)
    last = sample.vs.shape[0] - 1
    nudge = 1e-6
    below = np.clip(np.floor(position - nudge).astype(int), 0, last)
    above = np.clip(np.floor(position + nudge).astype(int), 0, last)

    def at_nodes(cells: NDArray[np.float64]) -> Tensor:
        for axis in range(3):
            cells = 0.5 * (cells.take(below, axis) + cells.take(above, axis))
        return torch.from_numpy(cells.astype(np.float32))

    return at_nodes(sample.vp), at_nodes(sample.vs), at_nodes(sample.rho)


def score(computed: NDArray[np.floating], sample: Hemew3dSample, highest: float) -> Score:
    """Compare computed with recorded traces below a frequency.

    Parameters
    ----------
    computed : ndarray, shape (3, n_receivers, nt), m/s
        Velocity along x, y, z from t = 0, sampled like the sample; later samples than it holds are ignored.
    sample : Hemew3dSample
        The recorded traces.
    highest : float, Hz
        Corner of the low-pass put on both.

    Returns
    -------
    Score
        Correlation and ratio of amplitudes.
    """
    dt = float(sample.times[1] - sample.times[0])
    window = align(computed, sample)
    ours, theirs = low_pass(window, dt, highest), low_pass(sample.traces, dt, highest)
    norms = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    correlation = (ours * theirs).sum(axis=-1) / norms
    ratio = np.linalg.norm(ours, axis=(1, 2)) / np.linalg.norm(theirs, axis=(1, 2))
    return Score(tuple(correlation.mean(axis=1).tolist()), tuple(ratio.tolist()))


def align(computed: NDArray[np.floating], sample: Hemew3dSample) -> NDArray[np.float64]:
    """Samples of ``computed``, which starts at t = 0, at the times of the recorded traces."""
    dt = float(sample.times[1] - sample.times[0])
    first = round(float(sample.times[0]) / dt)
    nt = len(sample.times)
    if computed.shape[-1] < first + nt:
        raise ValueError(f"`computed` must have >= {first + nt} samples, got {computed.shape[-1]}")
    return np.asarray(computed[..., first : first + nt], dtype=np.float64)


def low_pass(traces: NDArray[np.floating], dt: float, corner: float) -> NDArray[np.float64]:
    """Low-pass of zero phase along the last axis: a Butterworth filter forward and backward."""
    nt = traces.shape[-1]
    padded = 2 * nt  # zeros after the end, so that it does not wrap to the start
    frequency = np.fft.rfftfreq(padded, dt)
    gain = 1.0 / (1.0 + (frequency / corner) ** (2 * BUTTERWORTH_ORDER))
    return np.fft.irfft(gain * np.fft.rfft(traces, padded, axis=-1), padded, axis=-1)[..., :nt]
