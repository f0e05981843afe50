"""Seismograms: record sections, comparisons, maps of peak velocity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seiskern.plotting._style import (
    ACCENT,
    INK,
    SECOND,
    SEQUENTIAL,
    check_shape,
    mark_source,
    new_figure,
    to_numpy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TRACES = 32  # more run into each other at this figure's height
OVERLAP = 1.6  # largest excursion, in units of the distance between traces


def record_section(
    data: ArrayLike,
    offsets: ArrayLike,
    dt: float,
    *,
    components: Sequence[str] = ("",),
    units: str = "m/s",
    normalise: str = "section",
    title: str = "",
) -> Figure:
    """Seismograms as wiggles against time, placed by offset, one panel per component.

    Parameters
    ----------
    data : array, shape (n_components, n_receivers, nt)
        Traces, in ``units``.
    offsets : array, shape (n_receivers,), m
        Distance of each receiver from the source, in any order. Of more than 32 receivers, those nearest to
        evenly spaced offsets are drawn.
    dt : float, s
        Sampling interval.
    components : sequence of str
        Name of each component.
    units : str
        Unit of ``data``, for the panel titles.
    normalise : {"section", "trace"}
        Scale all traces of a panel alike, or each by its own peak.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    traces, distance = to_numpy(data), to_numpy(offsets) / 1e3
    check_shape("data", traces, (len(components), None, None), "(component, receiver, time)")
    check_shape("offsets", distance, traces.shape[1:2], "(receiver,)")
    if normalise not in ("section", "trace"):
        raise ValueError(f"`normalise` must be 'section' or 'trace', got {normalise!r}")
    chosen = _spread(distance, MOST_TRACES)
    time = dt * np.arange(traces.shape[-1])
    gap = _gap(distance[chosen])
    with new_figure(1, len(components), 1.6 + 3.0 * len(components), 5.2, title, sharey=True) as (
        figure,
        panels,
    ):
        for panel, name, component in zip(panels[0], components, traces[:, chosen], strict=True):
            peak = np.abs(component).max()
            _wiggles(panel, time, component, distance[chosen], gap, per_trace=normalise == "trace")
            panel.set_title(f"{name}   peak {peak:.2g} {units}".strip())
            panel.set_xlabel("time (s)")
            panel.set_xlim(time[0], time[-1])
        panels[0, 0].set_ylabel("horizontal distance from the source (km)")
        panels[0, 0].set_ylim(distance[chosen].min() - 1.2 * gap, distance[chosen].max() + 2.0 * gap)
    return figure


def trace_comparison(
    computed: ArrayLike,
    recorded: ArrayLike,
    dt: float,
    *,
    components: Sequence[str],
    labels: Sequence[str] = ("computed", "recorded"),
    names: Sequence[str] = (),
    start: float = 0.0,
    units: str = "m/s",
    title: str = "",
) -> Figure:
    """Two sets of seismograms drawn over each other: rows are receivers, columns are components.

    Parameters
    ----------
    computed, recorded : array, shape (n_components, n_receivers, nt)
        Traces, in ``units``; a few receivers are readable.
    dt : float, s
        Sampling interval.
    components : sequence of str
        Name of each component.
    labels, names : sequence of str
        What the two sets are; name of each receiver.
    start : float, s
        Time of the first sample.
    units, title : str
        Unit of the traces; title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    first, second = to_numpy(computed), to_numpy(recorded)
    check_shape("computed", first, (len(components), None, None), "(component, receiver, time)")
    check_shape("recorded", second, first.shape, "(component, receiver, time)")
    n_receivers = first.shape[1]
    time = start + dt * np.arange(first.shape[-1])
    size = (1.0 + 2.9 * len(components), 0.9 + 1.1 * n_receivers)
    with new_figure(n_receivers, len(components), *size, title, sharex=True, sharey="row") as (
        figure,
        panels,
    ):
        for panel, ours, theirs in zip(panels.T.flat, _rows(first), _rows(second), strict=True):
            panel.plot(time, theirs, color=INK, lw=1.3, label=labels[1])
            panel.plot(time, ours, color=ACCENT, lw=0.9, label=labels[0])
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_xlim(time[0], time[-1])
        for panel, component in zip(panels[0], components, strict=True):
            panel.set_title(f"component {component}")
        for row, panel in enumerate(panels[:, 0]):
            panel.set_ylabel(f"{names[row]}\n{units}" if row < len(names) else units)
        for panel in panels[-1]:
            panel.set_xlabel("time (s)")
        panels[0, -1].legend(loc="upper right")
    return figure


def velocity_map(
    data: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    source: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Peak ground velocity over a set of sensors: the largest length of the velocity vector.

    Parameters
    ----------
    data : array, shape (n_components, n_receivers, nt), m/s
        Velocity.
    x, y : array, shape (n_receivers,), m
        Sensors, on a grid or scattered, not all on one line.
    source : (x, y), optional, m
        Epicentre.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    traces, east, north = to_numpy(data), to_numpy(x) / 1e3, to_numpy(y) / 1e3
    check_shape("data", traces, (None, None, None), "(component, receiver, time)")
    check_shape("x", east, traces.shape[1:2], "(receiver,)")
    check_shape("y", north, traces.shape[1:2], "(receiver,)")
    if _collinear(east, north):
        raise ValueError("`x`, `y` must be at least three sensors that are not all on one line")
    peak = np.sqrt(np.square(traces).sum(axis=0)).max(axis=-1)
    with new_figure(1, 1, 5.2, 4.3, title) as (figure, panels):
        from matplotlib.ticker import MaxNLocator

        panel = panels[0, 0]
        levels = MaxNLocator(nbins=20).tick_values(100 * peak.min(), 100 * peak.max())
        filled = panel.tricontourf(east, north, 100 * peak, levels=levels, cmap=SEQUENTIAL)
        lines = panel.tricontour(
            east, north, 100 * peak, levels=levels[::4], colors="white", linewidths=0.5, alpha=0.6
        )
        panel.clabel(lines, fontsize=7)
        panel.plot(east, north, ".", color="white", ms=1.6, alpha=0.7)
        mark_source(panel, source)
        panel.set_aspect("equal")
        panel.set_xlabel("x, East (km)")
        panel.set_ylabel("y, North (km)")
        bar = figure.colorbar(filled, ax=panel)
        bar.set_label(f"peak ground velocity (cm/s), largest {100 * peak.max():.3g}")
    return figure


def _rows(traces: NDArray[Any]) -> NDArray[Any]:
    """(component, receiver, time) as one list of traces, receivers of the first component first."""
    return traces.reshape(-1, traces.shape[-1])


def _wiggles(
    panel: Axes,
    time: NDArray[Any],
    component: NDArray[Any],
    distance: NDArray[Any],
    gap: float,
    *,
    per_trace: bool,
) -> None:
    peaks = np.abs(component).max(axis=-1)
    scale = np.where(peaks > 0, peaks, 1.0) if per_trace else np.full_like(peaks, peaks.max() or 1.0)
    for trace, base, largest in zip(component, distance, scale, strict=True):
        line = base + OVERLAP * gap * trace / largest
        for side, color in ((line > base, ACCENT), (line < base, SECOND)):
            panel.fill_between(time, base, line, where=side, color=color, alpha=0.75, lw=0, interpolate=True)
        panel.plot(time, line, color=INK, lw=0.45)
    panel.spines[["top", "right"]].set_visible(False)


def _spread(distance: NDArray[Any], most: int) -> NDArray[Any]:
    """Indices of at most ``most`` receivers, nearest to evenly spaced distances and not crowded."""
    if distance.size <= most:
        return np.arange(distance.size)
    targets, step = np.linspace(distance.min(), distance.max(), most, retstep=True)
    chosen: list[int] = []
    for nearest in np.abs(distance[:, None] - targets).argmin(axis=0):
        if not chosen or distance[nearest] - distance[chosen[-1]] >= 0.7 * step:
            chosen.append(int(nearest))
    return np.array(chosen)


def _gap(distance: NDArray[Any]) -> float:
    """Mean distance between neighbours, the unit of the wiggles' height."""
    span = float(np.ptp(distance))
    return span / (distance.size - 1) if span > 0 else 1.0


def _collinear(x: NDArray[Any], y: NDArray[Any]) -> bool:
    if x.size < 3:
        return True
    values = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()]), compute_uv=False)
    return bool(values[1] <= 1e-9 * values[0])
