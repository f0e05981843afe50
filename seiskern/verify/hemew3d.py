"""Samples of HEMEW-3D as a problem for the solver, and the score of its answer.

References
----------
Lehmann et al. (2024), Earth System Science Data 16, 3949-3972, doi:10.5194/essd-16-3949-2024.
"""

import math
import warnings
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
from seiskern.kernels.elastic import Full, Problem
from seiskern.wave.elastic import Run
from seiskern.wave.plan import plan

SOURCE = {"x": 4800.0, "y": 4800.0, "z": 8400.0}  # m
STRIKE, DIP, RAKE, M0 = 48.0, 45.0, 88.0, 2.47e16  # degrees, N m
TAU = 0.1  # s
CORNER, BUTTERWORTH_ORDER = 5.0, 4  # Hz, of the low-pass of the database, run forward and backward
# Attenuation of the database: Q of shear is Vs / 10, of compression Vs / 5, so that for P waves, with
# Vp = 1.7 Vs, 1/Q = 7.3 / Vs and t* is 0.43 of that of S. Speeds hold at 5 Hz (SEM3D's atn_period, 0.2 s).
VS_OVER_QS, P_DECAY, Q_FREQUENCY = 10.0, 0.43, 5.0  # m/s, 1, Hz
PARTS = 400  # of the line from source to sensor
# Absorbing layers of the database: one element outside the sides and the bottom (PML_layers = 1 in its
# Create_materials.ipynb), rigid behind, in which SEM3D damps by 10 Vp / width (depth / width)^2, as its
# mesher writes (github.com/sem3d/SEM, MESH/CSRC/mesh.cpp, mesh_grid.cpp).
# Inferred, not published for the database: that a share of the damping acts along the other axes too
# (SEM3D's mpml_atn_param). SEM3D's default is 0; inputs published with it have 0.002, 0.005 and 0.02. The
# waves that climb along a side lack low frequencies in the records, which layers without a share do not bring
# about. 0.02 is of those the one that agrees best; from 0.01 on it hardly matters.
LAYER, DAMPING, MULTIAXIAL = 300.0, 10.0, 0.02  # m, 1, 1


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


def simulate(sample: Hemew3dSample, spacing: float) -> NDArray[np.float64]:
    """Records of this package's solver behind absorbing layers like those of the database.

    Parameters
    ----------
    sample : Hemew3dSample
        Medium, sensors and times.
    spacing : float, m
        Distance between nodes; it must divide the length of the cube.

    Returns
    -------
    ndarray, shape (3, n_receivers, nt), m/s
        Velocity along x, y, z without attenuation from t = 0 to the last time of the sample.
    """
    dt = float(sample.times[1] - sample.times[0])
    nt = round(float(sample.times[-1]) / dt) + 1
    medium = sk.Medium(*sample.at_nodes(spacing), spacing)
    decided = plan(medium, dt=dt, nt=nt, absorbing=round(LAYER / spacing))
    source = sk.MomentTensor(**SOURCE, moment=moment(), rate=moment_rate(dt, nt))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the moment rate starts with a kink, whose spectrum has no end
        run = Run(
            medium,
            decided,
            [[source]],
            sk.Receivers(x=sample.x, y=sample.y, z=sample.z),
            "velocity",
            MULTIAXIAL,
        )
    run.profiles = layers(decided.problem, sample)
    return run.records(None, None, Full())[0].double().numpy()


def layers(problem: Problem, sample: Hemew3dSample) -> Tensor:
    """Profiles of the absorbing layers of the database.

    SEM3D damps by the speed of P waves at each place. Here it is that of the bottom below, and the median of
    the sides along the sides.
    """
    reflection = math.exp(-2 / 3 * DAMPING)  # of P waves at normal incidence
    faces = [sample.vp[:, at].ravel() for at in (0, -1)] + [sample.vp[..., at].ravel() for at in (0, -1)]
    sides, below = (
        problem.profiles(float(speed), 0.0, reflection, MULTIAXIAL)
        for speed in (np.median(faces), sample.vp[-1].max())
    )
    along_z = 6 * problem.shape[0]  # at the end
    return torch.cat([sides[:-along_z], below[-along_z:]])


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
