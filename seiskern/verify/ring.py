"""Inversions of a window of Marmousi with sources in a ring, after figures 8 and 9 of Yang et al. [1]_.

.. [1] Yang, Gao, Azizzadenesheli, Clayton & Ross (2023), Rapid seismic waveform modeling and inversion with
   neural operators, IEEE Trans. Geosci. Remote Sens. 61, doi:10.1109/TGRS.2023.3264210.
"""

import math
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import seiskern as sk
from seiskern import inversion
from seiskern.media.folded import folded_faulted
from seiskern.verify._data import data_folder

NODES, TOY_NODES, SPACING = 64, 20, 160.0  # m
MEAN_VS, RATIO, RHO = 3000.0, 1.732, 2600.0
CONTRAST = 0.3  # largest perturbation of Vs, of its mean
N_SOURCES, RADIUS = 14, 25.0  # nodes
F0 = 2.4  # Hz; at 6 Hz 3 % of the peak are left
DURATION, STEP = 4.0, 0.028  # s: two steps of the scheme a sample
# Waves of high frequency are half a period late where the start is wrong: low ones come first.
STAGES = [
    inversion.Stage(iterations=25, lowpass=0.8),
    inversion.Stage(iterations=25, lowpass=2.0),
    inversion.Stage(iterations=50),
]
TOY_STAGES = [inversion.Stage(iterations=2, lowpass=2.0), inversion.Stage(iterations=2)]
WINDOW = (80, 250)  # first row and column of the window of Marmousi


@dataclass(frozen=True)
class Outcome:
    """What an inversion found.

    Attributes
    ----------
    medium : Medium
        The last one.
    errors : dict
        Relative L2 norm of the error of Vp and of Vs, in each iteration a number.
    misfit : list of float
        By iteration.
    seconds : float
        All iterations took, without what is computed to observe errors.
    """

    medium: sk.Medium
    errors: dict[str, list[float]]
    misfit: list[float]
    seconds: float

    def __str__(self) -> str:
        """Errors at the end."""
        vp, vs = (100 * self.errors[name][-1] for name in ("vp", "vs"))
        return (
            f"{len(self.misfit)} iterations in {self.seconds:.1f} s, "
            f"error of Vp {vp:.2f} %, of Vs {vs:.2f} %, misfit {self.misfit[-1]:.2g}"
        )


def toy() -> bool:
    """Whether all is to be small and quick: SEISKERN_TOY=1 in the environment."""
    return os.environ.get("SEISKERN_TOY") == "1"


def truth(window: tuple[int, int] = WINDOW) -> sk.Medium:
    """A window of Marmousi; a folded and faulted model of the package where Marmousi is not at hand."""
    nodes = TOY_NODES if toy() else NODES
    folder = data_folder("marmousi")
    if folder is None:
        field = folded_faulted((nodes, nodes), torch.Generator().manual_seed(window[1])).float()
    else:
        row, column = window
        field = torch.from_numpy(np.load(folder / "vs.npy"))[row : row + nodes, column : column + nodes]
        if field.shape != (nodes, nodes):
            raise ValueError(f"`window` must lie in Marmousi, got {window}")
    change = field / field.mean() - 1
    vs = MEAN_VS * (1 + CONTRAST * change / change.abs().max())
    return sk.Medium(RATIO * vs, vs, torch.full_like(vs, RHO), SPACING)


def homogeneous(medium: sk.Medium, bias: float = 0.0) -> sk.Medium:
    """The mean speeds everywhere, changed by a share of them."""
    vp, vs = (torch.full_like(v, float(v.mean()) * (1 + bias)) for v in (medium.vp, medium.vs))
    return sk.Medium(vp, vs, medium.rho, medium.spacing)


def survey(medium: sk.Medium, everywhere: bool) -> inversion.Survey:
    """Explosions in a ring; receivers at all nodes, or at those of the surface."""
    n = medium.shape[0]
    nt = round((1.2 if toy() else DURATION) / STEP) + 1
    centre, radius = (n - 1) / 2, RADIUS * n / NODES
    rate = sk.ricker(F0, STEP, nt, 0.5)
    shots = [
        sk.Explosion(
            x=SPACING * (centre + radius * math.cos(angle)),
            z=SPACING * (centre + radius * math.sin(angle)),
            moment=1e12,
            rate=rate,
        )
        for angle in (2 * math.pi * number / N_SOURCES for number in range(N_SOURCES))
    ]
    line = SPACING * torch.arange(n, dtype=torch.float64)
    z, x = torch.meshgrid(line if everywhere else line[:1], line, indexing="ij")
    receivers = sk.Receivers(x=x.flatten(), z=z.flatten())
    options = {"order": 4, "absorbing": 10, "dispersion_correction": False}
    return inversion.Survey(shots, receivers, dt=STEP, nt=nt, options=options)


def recover(
    true: sk.Medium,
    start: sk.Medium,
    everywhere: bool,
    *,
    noise: float = 0.0,
    **options: Any,
) -> Outcome:
    """Invert for Vp and Vs with Adam, as the text does.

    With receivers everywhere an iteration sees a random sum of all shots, else all of them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the source reaches")  # data and synthetics alike
        seen = survey(true, everywhere)
        with torch.no_grad():
            observed = seen(true)
        if noise:
            observed = inversion.add_noise(observed, noise, torch.Generator().manual_seed(1))
        model = inversion.Model(start)
        given = {
            "encode": 1 if everywhere else None,
            "scheduler": torch.optim.lr_scheduler.CosineAnnealingLR,
            "stages": TOY_STAGES if toy() else STAGES,
            "optimizer": partial(torch.optim.Adam, lr=0.025),
        } | options
        job = inversion.Inversion(observed, seen, model, **given)
        errors: dict[str, list[float]] = {"vp": [], "vs": []}
        begin = time.perf_counter()
        for _ in job:
            for name, value in model.values().items():
                errors[name].append(relative_error(value, getattr(true, name)))
        seconds = time.perf_counter() - begin
        with torch.no_grad():
            medium = model()
    return Outcome(medium, errors, [iteration.misfit for iteration in job.history], seconds)


def relative_error(found: Tensor, true: Tensor) -> float:
    """Relative L2 norm."""
    return float((found.detach() - true).norm() / true.norm())


def panels(true: sk.Medium, models: Mapping[str, sk.Medium], everywhere: bool = True) -> dict[str, Any]:
    """Arguments of ``plotting.model_comparison``: the truth and models; receivers if on the surface."""
    places = survey(true, everywhere).places(("x", "z")).T
    named = {"true": true, **models}
    return {
        "models": {name: {"Vp (m/s)": m.vp, "Vs (m/s)": m.vs} for name, m in named.items()},
        "spacing": (SPACING, SPACING),
        "sources": places[:N_SOURCES],
        "receivers": None if everywhere else places[N_SOURCES:],
    }
