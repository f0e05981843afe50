"""Vertical sections: the medium, and wavefields at several times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seiskern.plotting._style import (
    DIVERGING,
    INK,
    SEQUENTIAL,
    check_shape,
    mark_source,
    new_figure,
    to_numpy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_WIDTH = 2.7  # inches
SATURATED = 99.8  # percentile of |field| at which the colours end
OPACITY_GAIN = 2.0  # waves above a quarter of the largest amplitude hide what lies behind them


def snapshots(
    fields: ArrayLike,
    times: Sequence[float] | ArrayLike,
    spacing: tuple[float, float],
    *,
    label: str = "velocity (m/s)",
    background: ArrayLike | None = None,
    source: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Wavefields on a vertical section at several times, in one colour scale.

    The colours follow the square root of the amplitude, so that weak waves are seen beside strong ones.

    Parameters
    ----------
    fields : array, shape (n_times, nz, nx)
        Field, in the unit of ``label``.
    times : sequence of float, s
        Time of each field.
    spacing : (dz, dx), m
        Distance between the samples of ``fields``.
    label : str
        Name and unit of the field, for the colour bar.
    background : array, shape (nz, nx), optional
        A property of the medium, drawn in light grey behind the waves.
    source : (x, z), optional, m
        Position of the source.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    values, instants = to_numpy(fields), to_numpy(np.asarray(times))
    check_shape("fields", values, (None, None, None), "(time, z, x)")
    check_shape("times", instants, values.shape[:1], "(time,)")
    limit = float(np.percentile(np.abs(values), SATURATED)) or float(np.abs(values).max()) or 1.0
    extent = extent_of(values.shape[1:], spacing)
    layout = _panel_layout(len(instants), extent)
    with new_figure(*layout, title, sharex=True, sharey=True) as (figure, panels):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import FuncNorm

        norm = FuncNorm((_signed_root, _signed_square), vmin=-limit, vmax=limit)
        for panel, field, instant in zip(panels.flat, values, instants, strict=False):
            opacity = None
            if background is not None:
                _underlay(panel, to_numpy(background), extent)
                opacity = np.clip(OPACITY_GAIN * np.sqrt(np.abs(field) / limit), 0, 1)
            panel.imshow(field, DIVERGING, norm, extent=extent, alpha=opacity, interpolation="bilinear")
            mark_source(panel, source)
            panel.set_title(f"{instant:.2f} s")
        for unused in panels.flat[len(instants) :]:
            unused.set_visible(False)
        label_edges(panels)
        _amplitude_bar(figure, panels, ScalarMappable(norm, DIVERGING), limit, label)
    return figure


def medium_section(
    fields: Mapping[str, ArrayLike],
    spacing: tuple[float, float],
    *,
    source: tuple[float, float] | None = None,
    receivers: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Vertical sections of the medium side by side.

    Parameters
    ----------
    fields : mapping of str to array, shape (nz, nx)
        Each property under its name and unit, ``{"Vs (m/s)": vs, ...}``.
    spacing : (dz, dx), m
        Distance between nodes.
    source : (x, z), optional, m
        Position of the source.
    receivers : array, shape (n, 2), optional, m
        Receivers as rows of x, z.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    if not fields:
        raise ValueError("`fields` must hold at least one property, got none")
    arrays = {name: to_numpy(values) for name, values in fields.items()}
    shape = next(iter(arrays.values())).shape
    for name, values in arrays.items():
        check_shape(f"fields[{name!r}]", values, shape if len(shape) == 2 else (None, None), "(z, x)")
    extent = extent_of(shape, spacing)
    height = 2.9 * (extent[2] - extent[3]) / (extent[1] - extent[0])
    with new_figure(1, len(arrays), 0.6 + 3.0 * len(arrays), 1.8 + height, title, sharey=True) as (
        figure,
        panels,
    ):
        for panel, (name, values) in zip(panels[0], arrays.items(), strict=True):
            image = panel.imshow(values, cmap=SEQUENTIAL, extent=extent, interpolation="nearest")
            if receivers is not None:
                x, z = to_numpy(receivers).T / 1e3
                panel.plot(x, z, "v", ms=5, mfc="white", mec=INK, mew=0.7, clip_on=False, zorder=4)
            mark_source(panel, source)
            figure.colorbar(image, ax=panel, location="bottom", shrink=0.85, label=name)
        label_edges(panels)
    return figure


def extent_of(shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in km, for ``imshow``: samples are centres of pixels."""
    (nz, nx), (dz, dx) = shape, (step / 1e3 for step in spacing)
    return -0.5 * dx, (nx - 0.5) * dx, (nz - 0.5) * dz, -0.5 * dz


def _panel_layout(n: int, extent: tuple[float, float, float, float]) -> tuple[int, int, float, float]:
    """Rows, columns, width and height in inches of a figure for ``n`` panels."""
    columns = min(4, n)
    rows = math.ceil(n / columns)
    height = PANEL_WIDTH * (extent[2] - extent[3]) / (extent[1] - extent[0])
    return rows, columns, 1.1 + PANEL_WIDTH * columns, 0.7 + (0.93 * height + 0.3) * rows


def _underlay(panel: Axes, values: NDArray[Any], extent: tuple[float, float, float, float]) -> None:
    low, high = float(values.min()), float(values.max())
    darkest = high + 2 * (high - low) if high > low else low + 1  # greys from white to a third of black
    panel.imshow(values, cmap="Greys", vmin=low, vmax=darkest, extent=extent, interpolation="bilinear")


def _amplitude_bar(figure: Figure, panels: NDArray[Any], colors: Any, limit: float, label: str) -> None:
    """A colour bar with ticks where the square root of the amplitude is round; opaque, unlike the images."""
    ticks = limit * np.array([-1, -0.25, 0, 0.25, 1])
    bar = figure.colorbar(colors, ax=panels, ticks=ticks, shrink=0.9, pad=0.015)
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    bar.set_label(label)


def label_edges(panels: NDArray[Any]) -> None:
    """Depth on the left, x below the lowest panel that is seen."""
    for panel in panels[:, 0]:
        panel.set_ylabel("depth (km)")
    for column in panels.T:
        lowest = [panel for panel in column if panel.get_visible()][-1]
        lowest.set_xlabel("x (km)")
        lowest.tick_params(labelbottom=True)


def _signed_root(values: NDArray[Any]) -> NDArray[Any]:
    return np.sign(values) * np.sqrt(np.abs(values))


def _signed_square(values: NDArray[Any]) -> NDArray[Any]:
    return np.sign(values) * np.square(values)
