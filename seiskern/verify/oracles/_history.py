"""Quadrature and differentiation of a source time function given as a callable."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TimeFunction = Callable[[Array], Array]

_ORDER_10 = (5.0 / 6.0, -5.0 / 21.0, 5.0 / 84.0, -5.0 / 504.0, 1.0 / 1260.0)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANEL_STEPS = 32.0
_BLOCK = 64
_NEGLIGIBLE = 1e-20
_RELATIVE = 1e-10
_ROUNDOFF = 1e-14
_MAX_DOUBLINGS = 8


def as_times(t: ArrayLike) -> Array:
    """Return t as a one-dimensional array of floats."""
    times = np.asarray(t, dtype=np.float64)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"t must have shape (nt,), got {times.shape}")
    return times


def difference_step(t: ArrayLike, step: float | None) -> float:
    """Return the step of the time differences, a quarter of the spacing of t.

    Parameters
    ----------
    t : array_like, shape (nt,)
        Output times, s.
    step : float or None
        The caller's step, s; None takes a quarter of the smallest spacing.

    Returns
    -------
    float
        Step in s. The tenth-order difference of ``derivative`` is accurate to
        1e-7 or better where 10 spacings of t or more fall in one period.
    """
    if step is not None:
        if not step > 0.0:
            raise ValueError(f"step must be positive, got {step}")
        return float(step)
    times = np.unique(np.asarray(t, dtype=np.float64))
    if times.size < 2:
        raise ValueError("give step= where t holds fewer than two times")
    return 0.25 * float(np.diff(times).min())


def derivative(f: TimeFunction, step: float) -> TimeFunction:
    """Return df/dt as a callable, by the tenth-order central difference.

    Parameters
    ----------
    f : callable
        Vectorised function of time.
    step : float
        Spacing of the difference, s; truncation error of order step**10.

    Returns
    -------
    callable
        Vectorised derivative, units of f per second.
    """

    def slope(t: Array) -> Array:
        total = np.zeros_like(t)
        for k, weight in enumerate(_ORDER_10, start=1):
            total += weight * (f(t + k * step) - f(t - k * step))
        return total / step

    return slope


def panel_nodes(edges: Array) -> tuple[Array, Array]:
    """Return 16-point Gauss-Legendre nodes and weights on consecutive panels."""
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * _NODES).ravel(), (half * _WEIGHTS).ravel()


def even_edges(low: float, high: float, step: float) -> Array:
    """Return panel edges from low to high, each panel at most 32 steps wide."""
    panels = max(1, int(np.ceil((high - low) / (_PANEL_STEPS * step))))
    return np.linspace(low, high, panels + 1)


def _support(f: TimeFunction, t: Array, lags: Array, step: float) -> tuple[float, float, float]:
    """Return the times between which f is above 1e-20 of its peak, and the peak.

    f is sampled at ``step`` over every argument t - lag, and at t. The interval
    is empty (first > last) where f is negligible at every argument.
    """
    low, high = float(t.min() - lags.max()), float(t.max() - lags.min())
    count = int(np.ceil((high - low) / step)) + 1
    samples = np.linspace(low, low + step * (count - 1), count)
    sizes = np.abs(f(samples))
    peak = max(float(sizes.max()), float(np.abs(f(t)).max()))
    alive = samples[sizes > _NEGLIGIBLE * peak]
    if alive.size == 0:
        return np.inf, -np.inf, peak
    return float(alive[0]) - step, float(alive[-1]) + step, peak


def _weighted_sum(f: TimeFunction, t: Array, lags: Array, weights: Array, span: tuple[float, float]) -> Array:
    """Return sum_j weights[k, j] f(t - lags[j]), shape (nk, nt), t increasing.

    f is evaluated only where t - lag can fall in ``span``; lags increase.
    """
    total = np.zeros((weights.shape[0], t.size))
    for first in range(0, lags.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        lag = lags[part, None]
        low = int(np.searchsorted(t, lag[0, 0] + span[0], "left"))
        high = int(np.searchsorted(t, lag[-1, 0] + span[1], "right"))
        if low < high:
            total[:, low:high] += weights[:, part] @ f(t[None, low:high] - lag)
    return total


def history_integral(
    f: TimeFunction,
    t: Array,
    edges: Array,
    lag: Callable[[Array], Array],
    kernels: Callable[[Array], Array],
    step: float,
) -> Array:
    """Return the integrals of kernel_k(q) f(t - lag(q)) dq over the panels.

    The panels are halved until the result moves by less than 1e-10 of its
    largest value (or by the rounding level of the sum); a ValueError tells of
    a function too rough for that.

    Parameters
    ----------
    f : callable
        Vectorised, smooth function of time.
    t : ndarray, shape (nt,)
        Output times, s, in any order.
    edges : ndarray
        Increasing panel edges in the variable q.
    lag : callable
        Delay in s as an increasing function of q.
    kernels : callable
        Kernels as a function of q, shape (nk, nq).
    step : float
        Time f is smooth on, s.

    Returns
    -------
    ndarray, shape (nk, nt)
        Integrals, units of f times kernel times q.
    """
    order = np.argsort(t)
    first, last, peak = _support(f, t, lag(edges), step)
    previous: Array | None = None
    for _ in range(_MAX_DOUBLINGS):
        q, w = panel_nodes(edges)
        weights = kernels(q) * w
        value = _weighted_sum(f, t[order], lag(q), weights, (first, last))
        if previous is not None:
            change = np.abs(value - previous).max(axis=1)
            level = _RELATIVE * np.abs(value).max(axis=1)
            if np.all(change <= level + _ROUNDOFF * peak * np.abs(weights).sum(1)):
                result = np.empty_like(value)
                result[:, order] = value
                return result
        previous = value
        middles = 0.5 * (edges[1:] + edges[:-1])
        edges = np.sort(np.concatenate([edges, middles]))
    raise ValueError("the source time function is not smooth enough to integrate")


def antiderivative(f: TimeFunction, t: Array, start: float, step: float) -> Array:
    """Return the integral of f from start to each time of t.

    Parameters
    ----------
    f : callable
        Vectorised, smooth function of time.
    t : ndarray, shape (nt,)
        Upper limits, s, in any order.
    start : float
        Lower limit, s.
    step : float
        Time step f is smooth on, s; panels are 32 steps wide at most.

    Returns
    -------
    ndarray, shape (nt,)
        Integral, units of f times s.
    """
    low, high = min(start, float(t.min())), max(start, float(t.max()))
    grid = even_edges(low, high, step) if high > low else np.array([low])
    edges = np.unique(np.concatenate([grid, t, [start]]))
    if edges.size == 1:
        return np.zeros_like(t)
    q, w = panel_nodes(edges)
    pieces = (f(q) * w).reshape(edges.size - 1, -1).sum(axis=1)
    total = np.concatenate([[0.0], np.cumsum(pieces)])
    at_start = total[np.searchsorted(edges, start)]
    return np.asarray(total[np.searchsorted(edges, t)] - at_start)
