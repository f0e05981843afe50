"""Quadrature panels and convolution shared by the half-space reference solutions.

A Green's function g is handed over as nodes and weights, so that the wanted
trace is a plain sum,

    v(t) = sum_n w_n (d/dt)^k f(t - tau_n),

where tau_n are Gauss-Legendre nodes chosen so that every singularity of g
(arrivals, poles) has been removed by substitution, grading or symmetry.
The derivative of the source signature f is that of its 12-point Lagrange
interpolant on a grid four times finer than the wanted samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
TimeFunction = Callable[[Array], Array]

GAUSS_POINTS = 10
DYADIC_LEVELS = 30
PANEL_SAMPLES = 2.0
REFINEMENT = 4
STENCIL = 12


def sampling(t: ArrayLike) -> tuple[Array, float]:
    """Check that the times are uniform and return them with their spacing.

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Times in seconds, at least two, increasing and uniform.

    Returns
    -------
    t : ndarray, shape (nt,)
        The times in double precision.
    dt : float
        Spacing in seconds.

    Raises
    ------
    ValueError
        If the times are not a uniform increasing 1-D array.
    """
    times = np.asarray(t, dtype=np.float64)
    if times.ndim != 1 or times.size < 2:
        raise ValueError("t must be a 1-D array of at least two times")
    dt = float(times[-1] - times[0]) / (times.size - 1)
    if dt <= 0.0 or np.max(np.abs(np.diff(times) - dt)) > 1e-6 * dt:
        raise ValueError("t must be uniform and increasing")
    return times, dt


def horizon(t: Array, signature: TimeFunction) -> float:
    """Return the largest delay that can still contribute to the wanted times.

    A signature that is only negligible, not zero, before t = 0 (a delayed
    Ricker or Gaussian) reaches samples that precede the delay; its extent
    before zero, down to 1e-12 of its peak, is added to the last time.

    Parameters
    ----------
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    signature : callable
        Source signature f(t).

    Returns
    -------
    float
        Delay in seconds beyond which the Green's function is not needed.
    """
    span = max(float(t[-1]), float(t[-1] - t[0]))
    if span <= 0.0:
        return 0.0
    grid = np.linspace(-span, span, 8 * t.size + 1)
    values = np.abs(np.asarray(signature(grid), dtype=np.float64))
    active = grid[values > 1e-12 * np.max(values, initial=0.0)]
    early = max(0.0, -float(active[0])) if active.size else 0.0
    return max(float(t[-1]), 0.0) + early


def graded_edges(
    low: float,
    high: float,
    left: bool = True,
    right: bool = True,
    levels: int = DYADIC_LEVELS,
) -> Array:
    """Return panel edges on an interval, halved repeatedly towards its ends.

    Parameters
    ----------
    low, high : float
        Ends of the interval, low < high.
    left, right : bool
        Whether to grade towards the left and the right end.
    levels : int
        Number of halvings; the last panel is 2**-levels of the half interval.

    Returns
    -------
    ndarray, shape (n,)
        Increasing edges from low to high.
    """
    half = 0.5 * (high - low)
    steps = half * 0.5 ** np.arange(1, levels + 1)
    parts = [np.array([low])]
    if left:
        parts.append(low + steps[::-1])
    parts.append(np.array([low + half]))
    if right:
        parts.append(high - steps)
    parts.append(np.array([high]))
    return np.unique(np.concatenate(parts))


def split_edges(edges: Array, delay: Callable[[Array], Array], width: float) -> Array:
    """Subdivide panels until none spans much more than a given delay.

    Parameters
    ----------
    edges : ndarray, shape (n,)
        Panel edges in the variable of integration.
    delay : callable
        Delay in seconds as a monotone function of that variable.
    width : float
        Wanted delay per panel in seconds.

    Returns
    -------
    ndarray, shape (m,)
        Refined edges, m >= n.
    """
    for _ in range(3):
        ratio = np.abs(np.diff(delay(edges))) / width
        count = np.maximum(np.ceil(ratio - 0.25).astype(np.int64), 1)
        start = np.repeat(edges[:-1], count)
        size = np.repeat(np.diff(edges) / count, count)
        first = np.repeat(np.cumsum(count) - count, count)
        edges = np.append(start + size * (np.arange(start.size) - first), edges[-1])
    return edges


def gauss_panels(edges: Array) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights on consecutive panels.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Panel edges.

    Returns
    -------
    nodes, weights : ndarray, shape (10 n,)
        Nodes and weights of the ten-point rule on each panel.
    """
    node, weight = np.polynomial.legendre.leggauss(GAUSS_POINTS)
    half = 0.5 * np.diff(edges)[:, None]
    centre = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (centre + half * node).ravel(), (half * weight).ravel()


def _stencil_weights(offset: Array, order: int) -> Array:
    """Return derivatives of the Lagrange basis at offsets in [0, 1).

    Parameters
    ----------
    offset : ndarray, shape (n,)
        Position in grid steps, counted from stencil point STENCIL / 2 - 1.
    order : int
        Order of the derivative.

    Returns
    -------
    ndarray, shape (STENCIL, n)
        Weights of the stencil points.
    """
    points = np.arange(STENCIL, dtype=np.float64) - (STENCIL // 2 - 1)
    rows = []
    for j in range(STENCIL):
        others = np.delete(points, j)
        basis = np.poly(others) / np.prod(points[j] - others)
        rows.append(np.polyval(np.polyder(basis, order), offset))
    return np.array(rows)


def convolve(
    tau: Array,
    weights: Array,
    signature: TimeFunction,
    t: ArrayLike,
    order: int,
) -> Array:
    """Return the sum over nodes of a derivative of the delayed signature.

    v_c(t_i) = sum_n weights[c, n] (d/dt)^order f(t_i - tau_n).

    Parameters
    ----------
    tau : ndarray, shape (n,)
        Delays in seconds, not negative.
    weights : ndarray, shape (nc, n)
        Weights of the nodes for each component.
    signature : callable
        Source signature f(t), vectorised.
    t : ndarray, shape (nt,)
        Uniform times in seconds.
    order : int
        Order of the derivative, 1 or 2.

    Returns
    -------
    ndarray, shape (nc, nt)
        The sums at the wanted times.
    """
    times, dt = sampling(t)
    step = dt / REFINEMENT
    keep = tau <= horizon(times, signature) + STENCIL * step
    if not np.any(keep):
        return np.zeros((weights.shape[0], times.size))
    tau, weights = tau[keep], weights[:, keep]
    base = np.floor(tau / step)
    local = _stencil_weights(tau / step - base, order) * (-1.0 / step) ** order
    first = -(STENCIL // 2 - 1)
    index = base.astype(np.int64)[None, :] + np.arange(STENCIL)[:, None]
    last = int(index.max())
    fine = (times.size - 1) * REFINEMENT + last + 1
    grid = times[0] + step * (np.arange(fine) - last - first)
    samples = np.asarray(signature(grid), dtype=np.float64)
    size = 1 << int(np.ceil(np.log2(fine + last + 1)))
    spectrum = np.fft.rfft(samples, size)
    result = np.empty((weights.shape[0], times.size))
    for c, row in enumerate(weights):
        grid_weights = np.bincount(index.ravel(), (local * row).ravel(), minlength=last + 1)
        trace = np.fft.irfft(spectrum * np.fft.rfft(grid_weights, size), size)
        result[c] = trace[last : last + (times.size - 1) * REFINEMENT + 1 : REFINEMENT]
    return result
