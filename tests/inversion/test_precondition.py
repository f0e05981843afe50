import pytest
import torch

from seiskern import inversion


def test_mute_is_zero_near_and_one_beyond(medium):
    places = torch.tensor([[500.0], [600.0]])  # z, x
    weight = inversion.Mute(medium, places, 100.0)(torch.ones(medium.shape, dtype=torch.float64))
    z, x = torch.meshgrid(50.0 * torch.arange(20), 50.0 * torch.arange(24), indexing="ij")
    distance = ((z - 500).square() + (x - 600).square()).sqrt()
    assert float(weight[distance <= 100].max()) == 0
    assert float(weight[distance >= 200].min()) == 1
    between = weight[(distance > 100) & (distance < 200)]
    assert float(between.min()) > 0
    assert float(between.max()) < 1


def test_mute_takes_the_least_of_several_places_and_needs_them_on_the_grid_in_part_only(medium):
    places = torch.tensor([[500.0, 500.0, -5000.0], [600.0, 650.0, 0.0]])
    ones = torch.ones(medium.shape, dtype=torch.float64)
    both = inversion.Mute(medium, places, 100.0)(ones)
    each = [inversion.Mute(medium, places[:, n : n + 1], 100.0)(ones) for n in range(3)]
    assert torch.equal(both, torch.minimum(each[0], each[1]))
    assert torch.equal(each[2], ones)


def test_smoothing_keeps_constants_and_is_symmetric(medium):
    smooth = inversion.Smooth(120.0, medium.spacing)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, *medium.shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(smooth(torch.ones_like(a)), torch.ones_like(a), rtol=1e-12, atol=0)
    assert float((smooth(a) * b).sum()) == pytest.approx(float((a * smooth(b)).sum()), rel=1e-11)
    assert float((a * smooth(a)).sum()) > 0


def test_smoothing_is_a_gaussian(medium):
    spike = torch.zeros(61, 41, dtype=torch.float64)
    spike[30, 20] = 1
    got = inversion.Smooth(30.0, (10.0, 20.0))(spike)
    z, x = torch.meshgrid(10.0 * (torch.arange(61) - 30), 20.0 * (torch.arange(41) - 20), indexing="ij")
    want = torch.exp(-(z.square() + x.square()) / (2 * 30.0**2)) * 10 * 20 / (2 * torch.pi * 30.0**2)
    # The grid cuts the spectrum at pi / 20 m: exp(-(30 pi / 20)^2 / 2) = 1.5e-5 of it is missing there.
    torch.testing.assert_close(got, want.double(), rtol=0, atol=2e-5 * float(want.max()))


def test_illumination_is_the_energy_of_the_waves(survey, medium):
    energy = inversion.illumination(survey.subset([0]), medium, every=1)
    assert energy.shape == medium.shape
    assert float(energy.min()) >= 0
    assert float(energy[1:6, 1:6].mean()) > 10 * float(energy[15:, 18:].mean())
    both = inversion.illumination(survey.subset([0, 1]), medium, every=1)
    torch.testing.assert_close(
        both, energy + inversion.illumination(survey.subset([1]), medium, every=1), rtol=1e-12, atol=0
    )


def test_illumination_raises_what_few_waves_saw():
    energy = torch.tensor([[1.0, 0.01], [0.25, 0.0]])
    got = inversion.Illumination(energy, damping=0.01)(torch.ones(2, 2))
    torch.testing.assert_close(got, torch.tensor([[1 / 1.01, 50.0], [1 / 0.26, 100.0]]))


def test_wrong_input_is_refused(medium):
    with pytest.raises(ValueError, match="`radius` must be > 0"):
        inversion.Mute(medium, torch.zeros(2, 1), 0.0)
    with pytest.raises(ValueError, match=r"`places` must be \(2, n\)"):
        inversion.Mute(medium, torch.zeros(3, 1), 1.0)
    with pytest.raises(ValueError, match="`length` must be > 0"):
        inversion.Smooth(-1.0, (1.0, 1.0))
    with pytest.raises(ValueError, match="`energy` must be > 0"):
        inversion.Illumination(torch.zeros(2, 2))
