"""The elastic solver on the problems of `seiskern bench elastic`, each checked with a closed form first."""

import math
import os

import numpy as np
import pytest

from seiskern.bench.elastic import FULL, RHO, SPACING, TOY, VP, VS, seiskern_run
from seiskern.verify.oracles import full_space_2d, full_space_3d

PROBLEMS = TOY if os.environ.get("SEISKERN_TOY") else FULL
OFFSET = 8  # nodes from the source to the receiver that is checked
# Of the largest pressure. Steps of second order in time lag by (2 pi f dt)^2 / 24 of the travel time: at 2 f0
# and OFFSET nodes by 2.6e-3 rad. Twice that, for series that are cut where the wave is still large.
TOLERANCE = 5.2e-3


def expected(problem):
    """Pressure ``OFFSET`` nodes beside the source."""
    f0, times = VS / (20 * SPACING), problem.dt * np.arange(1, problem.steps + 1)

    def rate(t):
        a = np.square(math.pi * f0 * (np.asarray(t) - 1.2 / f0))
        return (1 - 2 * a) * np.exp(-a)

    moment, r = SPACING**problem.ndim, OFFSET * SPACING
    if problem.ndim == 2:
        return full_space_2d.explosion_pressure(times, (r, 0.0), moment, rate, VP, VS, RHO)
    return full_space_3d.moment_tensor_pressure(times, (r, 0.0, 0.0), moment * np.eye(3), rate, VP, VS, RHO)


@pytest.mark.filterwarnings("ignore:the source reaches")  # the few steps may cut the wavelet
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_elastic(benchmark, problem):
    run = seiskern_run(problem)
    record, wanted = run()[:, problem.n // 2 + OFFSET].numpy(), expected(problem)
    assert np.abs(record - wanted).max() < TOLERANCE * np.abs(wanted).max()
    benchmark.extra_info["cell updates"] = problem.updates
    benchmark.pedantic(run, rounds=1 if PROBLEMS is TOY else 5)
