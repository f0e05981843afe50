"""Measures of agreement between a computed and a reference record."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_ORDER = 4
_PAD_PERIODS = 20.0


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    """Return two arrays of floats, refusing unequal shapes and non-finite values."""
    a = np.asarray(first, dtype=np.float64)
    b = np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("records must be finite")
    return a, b


def relative_l2(test: ArrayLike, reference: ArrayLike) -> float:
    """Return the relative L2 misfit over all entries.

    ||test - reference|| / ||reference||.

    Parameters
    ----------
    test, reference : array_like, same shape
        Records in the same unit.

    Returns
    -------
    float
        Misfit, 0 for equal records. A zero reference raises a ValueError.

    References
    ----------
    Igel, H. (2016). Computational Seismology. Oxford University Press.
    doi:10.1093/acprof:oso/9780198717409.001.0001.
    """
    a, b = _pair(test, reference)
    norm = float(np.linalg.norm(b))
    if norm == 0.0:
        raise ValueError("the reference is zero")
    return float(np.linalg.norm(a - b)) / norm


def lowpass(traces: ArrayLike, dt: float, fmax: float) -> Array:
    """Return traces filtered by a zero-phase fourth-order Butterworth low-pass.

    Spectra are multiplied by |H|^2 = 1 / (1 + (f / fmax)^8), the response of a
    Butterworth filter of order 4 run forward and backward; the gain at fmax is
    one half. The traces are taken as zero outside their span: they are padded
    with zeros by their own length, or by 20 / fmax where that is more.

    Parameters
    ----------
    traces : array_like, shape (..., nt)
        Records, time last.
    dt : float
        Sampling interval, s.
    fmax : float
        Corner frequency, Hz, at or below 1 / (2 dt).

    Returns
    -------
    ndarray, shape (..., nt)
        Filtered records, in the unit of traces.

    References
    ----------
    Butterworth, S. (1930). On the theory of filter amplifiers. Experimental
    Wireless and the Wireless Engineer 7, 536-541 (no DOI).
    """
    data = np.asarray(traces, dtype=np.float64)
    if not (dt > 0.0 and 0.0 < fmax <= 0.5 / dt * (1.0 + 1e-12)):
        raise ValueError(f"need dt > 0 and 0 < fmax <= 1/(2 dt): {dt=}, {fmax=}")
    count = data.shape[-1]
    padded = count + max(count, int(np.ceil(_PAD_PERIODS / (fmax * dt))))
    frequency = np.fft.rfftfreq(padded, dt)
    gain = 1.0 / (1.0 + (frequency / fmax) ** (2 * _ORDER))
    filtered = np.fft.irfft(np.fft.rfft(data, padded) * gain, padded)
    return np.asarray(filtered[..., :count], dtype=np.float64)


def mean_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Return the mean over traces of the zero-lag normalised correlation.

    mean over traces of sum(a b) / sqrt(sum(a^2) sum(b^2)). A trace that is
    zero in both records is left out; one that is zero in only one counts 0.

    Parameters
    ----------
    a, b : array_like, shape (..., nt)
        Records, time last.

    Returns
    -------
    float
        Mean correlation, -1 to 1. Records with no trace left raise a
        ValueError.

    References
    ----------
    Igel, H. (2016). Computational Seismology. Oxford University Press.
    doi:10.1093/acprof:oso/9780198717409.001.0001.
    """
    first, second = _pair(a, b)
    # Unit peak first: the squares of small records would underflow.
    peaks = [np.abs(x).max(axis=-1, keepdims=True) for x in (first, second)]
    first = first / np.where(peaks[0] > 0.0, peaks[0], 1.0)
    second = second / np.where(peaks[1] > 0.0, peaks[1], 1.0)
    product = (first * second).sum(axis=-1)
    norm = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    counted = (peaks[0][..., 0] > 0.0) | (peaks[1][..., 0] > 0.0)
    if not counted.any():
        raise ValueError("every trace is zero")
    value = np.where(norm > 0.0, product / np.where(norm > 0.0, norm, 1.0), 0.0)
    return float(value[counted].mean())
