"""The assignment: against its definition, and against scipy where that takes too long."""

import numpy as np
import pytest
import torch

from seiskern import _ext
from seiskern.kernels.transport import assign, reference


def total(sources, targets, permutation):
    """Sum of squared distances of each pair."""
    chosen = torch.take_along_dim(targets, permutation[..., None], -2)
    return (sources - chosen).square().sum((-1, -2))


def waveforms(n_traces, n, shift, noise, rng):
    """Clouds of Ricker wavelets of 25 samples; ``shift`` samples are as far as the amplitude."""
    t = torch.arange(n, dtype=torch.float64)
    clouds = []
    for lag in (0.0, 20 * torch.rand(n_traces, 1, generator=rng, dtype=torch.float64)):
        traces = noise * torch.randn(n_traces, n, generator=rng, dtype=torch.float64)
        for event, amplitude in enumerate((1.0, -0.6, 0.3)):
            a = (torch.pi / 25 * (t - n / 5 * (event + 1) - lag)).square()
            traces += amplitude * (1 - 2 * a) * torch.exp(-a)
        clouds.append(torch.stack([(t / shift).expand(n_traces, n), traces], -1))
    return clouds


@pytest.mark.parametrize("n", range(1, 8))
def test_small_clouds_against_the_definition(n, rng):
    sources, targets = torch.randn(2, 40, n, 2, generator=rng, dtype=torch.float64)
    assert torch.equal(assign(sources, targets), reference.assign(sources, targets))


CLOUDS = {
    "random": lambda rng: torch.randn(2, 6, 201, 2, generator=rng, dtype=torch.float64),
    "far apart": lambda rng: (
        torch.randn(6, 97, 2, generator=rng, dtype=torch.float64),
        10 + 0.1 * torch.randn(6, 97, 2, generator=rng, dtype=torch.float64),
    ),
    "on a grid, with ties": lambda rng: torch.randint(0, 6, (2, 6, 160, 2), generator=rng).double(),
    "all at one place": lambda rng: (torch.zeros(1, 50, 2), torch.ones(1, 50, 2)),
    "of one time": lambda rng: torch.randn(2, 6, 64, 2, generator=rng).double() * torch.tensor([0.0, 1.0]),
    "waveforms, stiff in time": lambda rng: waveforms(6, 300, 5.0, 0.0, rng),
    "waveforms": lambda rng: waveforms(6, 300, 40.0, 0.0, rng),
    "waveforms, loose in time": lambda rng: waveforms(6, 300, 400.0, 0.0, rng),
    "noisy waveforms": lambda rng: waveforms(6, 300, 40.0, 0.1, rng),
}


@pytest.mark.parametrize("make", CLOUDS.values(), ids=CLOUDS.keys())
def test_no_assignment_is_better_than_that_of_scipy(make, rng):
    optimize = pytest.importorskip("scipy.optimize")
    sources, targets = make(rng)
    got = assign(sources, targets)
    n = sources.shape[-2]
    assert torch.equal(got.sort(-1).values, torch.arange(n).expand_as(got))
    distances = (sources[:, :, None].double() - targets[:, None].double()).square().sum(-1)
    wanted = torch.stack([torch.as_tensor(optimize.linear_sum_assignment(c)[1]) for c in distances.numpy()])
    # Both sum prices over paths of at most n edges: n eps of the largest is 1e-13.
    torch.testing.assert_close(
        total(sources, targets, got), total(sources, targets, wanted), rtol=1e-12, atol=0.0
    )


def test_equal_clouds_stay_where_they_are(rng):
    points = torch.randn(3, 4, 130, 2, generator=rng, dtype=torch.float64)
    assert torch.equal(assign(points, points), torch.arange(130).expand(3, 4, 130))


def test_a_shuffled_cloud_is_found_again(rng):
    points, order = torch.randn(77, 2, generator=rng), torch.randperm(77, generator=rng)
    assert torch.equal(assign(points[order], points), order)


def test_threads_and_neighbours_do_not_change_the_result(rng):
    sources, targets = waveforms(9, 120, 30.0, 0.2, rng)
    alone = torch.stack([assign(x, y, threads=1) for x, y in zip(sources, targets, strict=True)])
    for threads in (1, 2, 3, 16):
        assert torch.equal(assign(sources, targets, threads=threads), alone)


def test_no_pairs_and_strided_clouds(rng):
    assert assign(torch.zeros(0, 5, 2), torch.zeros(0, 5, 2)).shape == (0, 5)
    clouds = torch.randn(2, 2, 30, generator=rng, dtype=torch.float64)
    sources, targets = clouds.transpose(1, 2)
    assert torch.equal(assign(sources, targets), assign(sources.contiguous(), targets.contiguous()))


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(4, 3), r"`sources` must be \(..., n, 2\) with n > 0, got \(4, 3"),
        (torch.zeros(2), torch.zeros(2), "`sources` must be"),
        (torch.zeros(0, 2), torch.zeros(0, 2), "`sources` must be"),
        (torch.zeros(4, 2), torch.zeros(5, 2), r"`targets` must be \(4, 2\), got \(5, 2\)"),
        (torch.tensor([[0.0, np.nan]]), torch.zeros(1, 2), "must be within 1e150 of zero, got nan"),
        (torch.zeros(1, 2), torch.tensor([[-np.inf, 0.0]]), "must be within 1e150 of zero, got -inf"),
        (
            torch.zeros(1, 2),
            torch.tensor([[1e151, 0.0]], dtype=torch.float64),
            "must be within 1e150 of zero",
        ),
    ],
)
def test_bad_clouds(sources, targets, message):
    with pytest.raises(ValueError, match=message):
        assign(sources, targets)


@pytest.mark.parametrize(
    ("pairs", "n", "threads", "message"),
    [
        (-1, 1, 1, "n_pairs must be >= 0, got -1"),
        (1, 0, 1, "n must be >= 1, got 0"),
        (1, 1, 0, "threads must be >= 1, got 0"),
        (1, 1, 1, "must not be NULL"),
    ],
)
def test_the_c_interface_checks(pairs, n, threads, message):
    with pytest.raises(ValueError, match=message):
        _ext.require().transport_assign(pairs, n, 0, 0, threads, 0)
