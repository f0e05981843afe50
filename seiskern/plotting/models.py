"""Inversions: models side by side, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from seiskern.plotting._style import ACCENT, INK, SECOND, SEQUENTIAL, check_shape, new_figure, to_numpy
from seiskern.plotting.fields import extent_of, label_edges

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, LEAST_HEIGHT = 2.4, 1.0  # inches of a panel
MOST_RECEIVERS = 200  # that are marked: of more one sees none


def model_comparison(
    models: Mapping[str, Mapping[str, ArrayLike]],
    spacing: tuple[float, float],
    *,
    sources: ArrayLike | None = None,
    receivers: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Models side by side; a row is one property in one colour scale, that of the first model.

    Parameters
    ----------
    models : mapping of str to mapping of str to array, shape (nz, nx)
        Properties with their units by model, ``{"true": {"Vp (m/s)": vp, ...}, "inverted": ...}``.
    spacing : (dz, dx), m
        Distance between nodes.
    sources, receivers : array, shape (n, 2), optional, m
        Rows of x, z. More than 200 receivers are not marked.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    if not models:
        raise ValueError("`models` must hold at least one model, got none")
    first = {name: to_numpy(values) for name, values in next(iter(models.values())).items()}
    shape = next(iter(first.values())).shape
    extent = extent_of(shape, spacing)
    height = max(LEAST_HEIGHT, WIDTH * (extent[2] - extent[3]) / (extent[1] - extent[0]))
    size = (1.5 + WIDTH * len(models), 0.9 + (height + 0.2) * len(first))
    with new_figure(len(first), len(models), *size, title, sharex=True, sharey=True) as (figure, panels):
        for row, (name, reference) in zip(panels, first.items(), strict=True):
            for panel, (label, model) in zip(row, models.items(), strict=True):
                values = to_numpy(model[name])
                check_shape(f"models[{label!r}][{name!r}]", values, shape, "(z, x)")
                image = panel.imshow(
                    values,
                    cmap=SEQUENTIAL,
                    extent=extent,
                    vmin=reference.min(),
                    vmax=reference.max(),
                    aspect="auto",
                )
                for places, mark in ((receivers, "v"), (sources, "*")):
                    if places is not None and len(to_numpy(places)) <= MOST_RECEIVERS:
                        x, z = to_numpy(places).T / 1e3
                        panel.plot(x, z, mark, ms=4, mfc="white", mec=INK, mew=0.5, clip_on=False, zorder=4)
            figure.colorbar(image, ax=row, label=name, shrink=0.9, pad=0.015)
        for panel, label in zip(panels[0], models, strict=True):
            panel.set_title(label)
        label_edges(panels)
    return figure


def convergence(
    misfit: ArrayLike, errors: Mapping[str, ArrayLike] | None = None, *, title: str = ""
) -> Figure:
    """Misfit by iteration, on a logarithmic scale, and errors of the model beside it.

    Parameters
    ----------
    misfit : array, shape (n,)
        Of each iteration.
    errors : mapping of str to array, shape (n,), optional
        Relative errors of properties by name.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    values = to_numpy(misfit)
    check_shape("misfit", values, (None,), "(iteration,)")
    number = np.arange(1, len(values) + 1)
    with new_figure(1, 2 if errors else 1, 6.4 if errors else 3.4, 2.8, title) as (figure, panels):
        panels[0, 0].semilogy(number, values, color=INK, lw=1.2)
        panels[0, 0].set_ylabel("misfit")
        for (name, error), color in zip((errors or {}).items(), (ACCENT, SECOND, INK), strict=False):
            check_shape(f"errors[{name!r}]", to_numpy(error), values.shape, "(iteration,)")
            panels[0, 1].plot(number, 100 * to_numpy(error), color=color, lw=1.2, label=name)
        if errors:
            panels[0, 1].set_ylabel("error of the model (%)")
            panels[0, 1].set_ylim(bottom=0)
            panels[0, 1].legend()
        for panel in panels[0]:
            panel.set_xlabel("iteration")
            panel.spines[["top", "right"]].set_visible(False)
    return figure
