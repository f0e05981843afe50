"""What a run will cost and resolve, as rows and numbers; the solver decides it in ``sk.plan``."""

import math
import time
from typing import Any

import torch

import seiskern as sk

# Nodes along each axis of the trial that measures the speed: larger than the caches of a core.
TRIAL_NODES = {2: 512, 3: 72}
TRIAL_SAMPLES = 9


def measure_speed(ndim: int, order: int, dtype: torch.dtype, *, effective: bool) -> float:
    """Cells a second that the solver does on this machine, from a trial of a fraction of a second.

    ``effective``: with a medium of effective coefficients, which take longer to read.
    """
    shape, spacing = (TRIAL_NODES[ndim],) * ndim, 10.0
    medium = sk.layered_medium(shape, spacing, (0.0,), (2000.0,), (1000.0,), (2000.0,), dtype=dtype)
    if not effective:
        medium = sk.Medium(medium.vp, medium.vs, medium.rho, spacing)
    options: dict[str, Any] = {
        "dt": 0.01,
        "nt": TRIAL_SAMPLES,
        "order": order,
        "absorbing": 10,
        "dispersion_correction": False,
    }
    plan = sk.plan(medium, **options)
    middle = spacing * shape[0] / 2
    receivers = sk.Receivers(x=middle, y=middle if ndim == 3 else None, z=middle)
    best = math.inf
    for _ in range(2):  # the first also loads and warms
        start = time.perf_counter()
        sk.simulate(medium, [[]], receivers, **options)  # a shot without sources costs as much
        best = min(best, time.perf_counter() - start)
    return plan.cells * plan.steps / best


def numbers(plan: sk.Plan) -> dict[str, float]:
    """Cost and accuracy of a run by name, for JSON."""
    return {
        "cells": plan.cells,
        "steps": plan.steps,
        "substep": plan.substep,
        "memory": plan.memory,
        "frequency": plan.frequency,
        "points": plan.points,
    }


def describe(plan: sk.Plan) -> list[tuple[str, str]]:
    """Rows for a table: what and how much."""
    return [
        ("cells", f"{plan.cells:,} with absorbing layers"),
        ("steps", f"{plan.steps:,} of {1e3 * plan.substep:.3g} ms"),
        ("memory", f"about {plan.memory / 2**20:,.0f} MiB, without records and snapshots"),
        ("resolved", f"{plan.frequency:.2f} Hz at {plan.points:g} points per shortest wavelength"),
    ]
