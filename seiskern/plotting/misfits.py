"""Misfits against what changes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from seiskern.plotting._style import INK, LINES, check_shape, new_figure, to_numpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def misfit_curves(
    values: ArrayLike, curves: Mapping[str, ArrayLike], *, label: str = "delay (s)", title: str = ""
) -> Figure:
    """Misfits as functions of one parameter, each over its largest value.

    Parameters
    ----------
    values : array, shape (n,)
        Of the parameter.
    curves : mapping of str to array, shape (n,)
        Each misfit under its name; up to 6.
    label : str
        Name and unit of the parameter.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    x, arrays = to_numpy(values), {name: to_numpy(curve) for name, curve in curves.items()}
    check_shape("values", x, (None,), "(value,)")
    if not 1 <= len(arrays) <= len(LINES):
        raise ValueError(f"`curves` must hold 1 to {len(LINES)} misfits, got {len(arrays)}")
    for name, curve in arrays.items():
        check_shape(f"curves[{name!r}]", curve, x.shape, "(value,)")
    with new_figure(1, 1, 5.6, 3.2, title) as (figure, panels):
        panel = panels[0, 0]
        panel.axvline(0.0, color=INK, lw=0.5, alpha=0.4)
        for (name, curve), (color, dashes) in zip(arrays.items(), LINES, strict=False):
            panel.plot(x, curve / (np.abs(curve).max() or 1.0), dashes, color=color, lw=1.4, label=name)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlim(x[0], x[-1])
        panel.set_ylim(bottom=0.0)
        panel.set_xlabel(label)
        panel.set_ylabel("misfit over its largest")
        figure.legend(loc="outside right center")
    return figure
