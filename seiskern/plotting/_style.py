"""What all figures share: the lazy import of matplotlib, the look, conversion of arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEQUENTIAL = "cividis"  # perceptually uniform, the same to colour-blind eyes, readable in grey
DIVERGING = "RdBu_r"
INK, ACCENT, SECOND = "#222222", "#b2182b", "#2166ac"  # dark grey, red, blue: told apart by colour-blind eyes
# Several lines: the colours of Okabe and Ito, told apart by colour-blind eyes, and dashes for grey print.
LINES = (
    (INK, "-"),
    ("#56b4e9", "--"),
    ("#009e73", "-."),
    ("#d55e00", "-"),
    ("#0072b2", "-"),
    ("#cc79a7", ":"),
)
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.dpi": 150,
    "savefig.dpi": 150,
}


@contextlib.contextmanager
def new_figure(
    rows: int, columns: int, width: float, height: float, title: str, **options: Any
) -> Iterator[tuple[Figure, NDArray[Any]]]:
    """A figure in the house style and its (rows, columns) array of axes; sizes in inches."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install 'seiskern[plot]'") from error
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        if title:
            figure.suptitle(title)
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def to_numpy(values: ArrayLike) -> NDArray[Any]:
    """An array of NumPy from one of NumPy or torch, on any device and with or without a graph."""
    detach = getattr(values, "detach", None)
    return np.asarray(values if detach is None else detach().cpu())


def check_shape(name: str, array: NDArray[Any], shape: tuple[int | None, ...], axes: str) -> None:
    """Refuse an array whose shape differs from ``shape``; None stands for any length."""
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"`{name}` must be {axes} of shape ({wanted}), got shape {array.shape}")


def mark_source(axes: Axes, source: tuple[float, float] | None) -> None:
    """A star at ``source`` (horizontal, vertical), metres, on axes in km."""
    if source is not None:
        x, y = (coordinate / 1e3 for coordinate in source)
        axes.plot(x, y, "*", ms=13, mfc="white", mec=INK, mew=0.9, clip_on=False, zorder=5)
