"""The assignment on gathers of delayed wavelets, beside a loop over scipy's, which has the same result."""

import os

import pytest
import torch

from seiskern.bench.harness import turn_by_turn
from seiskern.kernels.transport import assign
from seiskern.wave.wavelets import ricker

optimize = pytest.importorskip("scipy.optimize")
distance = pytest.importorskip("scipy.spatial.distance")

TOY = bool(os.environ.get("SEISKERN_TOY"))
TRACES, NT = (4, 100) if TOY else (64, 500)
DT, F0 = 0.004, 5.0
TURNS = 1 if TOY else 3


def gathers(shift):
    """Clouds of both: three events that move out, late or early by up to half a period in one of them."""
    rng = torch.Generator().manual_seed(0)
    times = torch.arange(NT, dtype=torch.float64) * DT
    observed, synthetic = torch.zeros(2, TRACES, NT, dtype=torch.float64)
    for trace in range(TRACES):
        for event, amplitude in enumerate((1.0, -0.6, 0.3)):
            onset = NT * DT * (0.2 + 0.2 * event + 0.2 * trace / TRACES)
            delay = float(torch.rand(1, generator=rng) - 0.5) / F0
            observed[trace] += amplitude * ricker(F0, DT, NT, onset)
            synthetic[trace] += amplitude * ricker(F0, DT, NT, onset + delay)
    return [torch.stack([(times / shift).expand(TRACES, NT), u], -1) for u in (synthetic, observed)]


def peer(sources, targets):
    """Of scipy, with its matrices of costs."""
    pairs = zip(sources.numpy(), targets.numpy(), strict=True)
    return [optimize.linear_sum_assignment(distance.cdist(x, y, "sqeuclidean"))[1] for x, y in pairs]


@pytest.mark.parametrize("periods", [0.5, 2.0])
def test_transport(benchmark, capsys, periods):
    sources, targets = gathers(periods / F0)

    def work(permutation):
        return (sources - torch.take_along_dim(targets, permutation[..., None], 1)).square().sum()

    theirs = torch.stack([torch.as_tensor(row) for row in peer(sources, targets)])
    torch.testing.assert_close(work(assign(sources, targets)), work(theirs), rtol=1e-12, atol=0)
    times = turn_by_turn(
        {"ours": lambda: assign(sources, targets), "scipy": lambda: peer(sources, targets)}, TURNS
    )
    ratios = [b / a for a, b in zip(times["ours"].seconds, times["scipy"].seconds, strict=True)]
    benchmark.extra_info["times scipy"] = ratios
    with capsys.disabled():
        ours, scipy = (1e3 * times[name].median for name in ("ours", "scipy"))
        print(f"\n{TRACES} x {NT}, shift of {periods} periods: {ours:.1f} ms, scipy {scipy:.0f} ms, ", end="")
        print(f"{times['scipy'].median / times['ours'].median:.1f}x [{min(ratios):.1f}-{max(ratios):.1f}]")
    benchmark.pedantic(assign, (sources, targets), rounds=1 if TOY else 5)
