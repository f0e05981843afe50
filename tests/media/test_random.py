import math

import pytest
import torch

from seiskern.media.random import random_layered_crust, von_karman


def field(shape, length=50.0, hurst=0.5, seed=0, spacing=10.0):
    return von_karman(shape, spacing, length, hurst, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1,), (7,), (5, 9), (3, 8, 11)], ids=str)
def test_shape_and_dtype(shape):
    out = field(shape)
    assert out.shape == shape
    assert out.dtype == torch.float64
    assert torch.isfinite(out).all()


def test_same_seed_same_field_and_another_seed_another():
    assert torch.equal(field((8, 9), seed=3), field((8, 9), seed=3))
    assert not torch.allclose(field((8, 9), seed=3), field((8, 9), seed=4))


def test_unit_variance_over_the_ensemble():
    samples = torch.stack([field((64, 64), seed=seed) for seed in range(40)])
    # 40 fields of about (640 m / 2 a)^2 = 41 patches: known to sqrt(2 / 1640) = 3.5 %; three of it.
    assert samples.square().mean().item() == pytest.approx(1.0, abs=0.11)


def test_covariance_is_exponential_for_hurst_one_half():
    samples = torch.stack([field((4096,), length=50.0, spacing=5.0, seed=seed) for seed in range(40)])
    for lag in (5, 10, 20):
        covariance = (samples[:, lag:] * samples[:, :-lag]).mean().item()
        # 40 * 4096 * 5 m / (2 * 50 m) patches: standard error about 1.1 %; three of them.
        assert covariance == pytest.approx(math.exp(-lag * 5.0 / 50.0), abs=0.035)


def test_longer_along_the_axis_with_the_longer_correlation():
    out = field((128, 128), length=(20.0, 200.0))
    roughness = [out.diff(dim=axis).square().mean() for axis in (0, 1)]
    assert roughness[0] > 2 * roughness[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 0.0}, "`correlation_length` must be > 0"),
        ({"length": (1.0, 2.0, 3.0)}, "`correlation_length` must be one number or 2"),
        ({"hurst": 1.5}, "`hurst` must lie in"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        field((4, 4), **change)


def test_crust_is_in_range_and_faster_below():
    vp, vs, rho = random_layered_crust((40, 24, 20), 240.0, seed=1)
    assert vs.shape == vp.shape == rho.shape == (40, 24, 20)
    assert vs.dtype == torch.float32
    assert vs.min() >= 2000
    assert vs.max() <= 4000
    torch.testing.assert_close(vp, 1.7 * vs)
    assert vs[-5:].mean() > vs[:5].mean()
    assert vs[0].std() > 0


def test_crust_depends_on_the_seed_alone():
    first, again = (random_layered_crust((10, 12), 100.0, seed=5)[1] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, random_layered_crust((10, 12), 100.0, seed=6)[1])
