import pytest
import torch

import seiskern as sk
from seiskern import inversion


def plane(slope_z, slope_x, spacing=(10.0, 20.0)):
    """Vs with constant slopes, 1/s, and the mean 2000 m/s."""
    z = spacing[0] * torch.arange(12, dtype=torch.float64)[:, None]
    x = spacing[1] * torch.arange(9, dtype=torch.float64)[None, :]
    vs = slope_z * z + slope_x * x
    vs = vs - vs.mean() + 2000.0
    return sk.Medium(torch.full_like(vs, 4000.0), vs, torch.full_like(vs, 2000.0), spacing)


def test_damping_is_the_mean_square_of_relative_changes(start):
    changed = sk.Medium(1.1 * start.vp, 0.98 * start.vs, start.rho, start.spacing)
    term = inversion.Damping(3.0, start)
    assert float(term(changed)) == pytest.approx(3.0 / 2 * (0.1**2 + 0.02**2), rel=1e-12)
    assert float(term(start)) == 0
    only = inversion.Damping(3.0, start, fields=("vs",))
    assert float(only(changed)) == pytest.approx(3.0 / 2 * 0.02**2, rel=1e-12)


def test_roughness_and_total_variation_of_constant_slopes():
    slope = (3.0, -4.0)
    medium = plane(*slope)
    relative = 5.0 / 2000.0  # length of the slope, 1/m
    assert float(inversion.Roughness(7.0)(medium)) == pytest.approx(7.0 / 2 * relative**2, rel=1e-12)
    smooth = 1e-4
    want = 7.0 * ((relative**2 + smooth**2) ** 0.5 - smooth)
    assert float(inversion.TotalVariation(7.0, smooth)(medium)) == pytest.approx(want, rel=1e-12)


def test_they_do_not_depend_on_the_grid():
    coarse = plane(3.0, -4.0)
    fine = sk.Medium(
        *(
            torch.nn.functional.interpolate(
                getattr(coarse, name)[None, None], (23, 17), mode="bilinear", align_corners=True
            )[0, 0]
            for name in ("vp", "vs", "rho")
        ),
        (5.0, 10.0),
    )
    for term in (inversion.Roughness(1.0), inversion.TotalVariation(1.0)):
        assert float(term(fine)) == pytest.approx(float(term(coarse)), rel=1e-12)


@pytest.mark.parametrize("kind", [inversion.Damping, inversion.Roughness, inversion.TotalVariation])
@pytest.mark.parametrize("shape", [(5, 6), (4, 3, 5)])
def test_gradients_are_those_of_differences(kind, shape):
    generator = torch.Generator().manual_seed(0)
    vs = 2000 + 200 * torch.rand(shape, generator=generator, dtype=torch.float64)
    given = sk.Medium(2 * vs, vs, 2000.0, 10.0)
    term = kind(2.0, given) if kind is inversion.Damping else kind(2.0)
    change = torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
    mean = float(vs.mean())  # fields are taken relative to their mean, which counts as constant

    def value(x):
        vs = mean * (1 + 0.1 * (x - x.mean()))
        return term(sk.Medium(2 * vs, vs, 2000.0, 10.0))

    assert torch.autograd.gradcheck(value, [change])


def test_total_variation_prefers_a_step_to_a_wave():
    steep = torch.full((20, 20), 2000.0, dtype=torch.float64)
    steep[:, 10:] = 2400.0
    wavy = 2200 + 200 * torch.sin(torch.arange(20, dtype=torch.float64) * torch.pi / 5).expand(20, 20)
    step, wave = (sk.Medium(2 * vs, vs, 2000.0, 10.0) for vs in (steep, wavy.clone()))
    assert inversion.TotalVariation(1.0)(step) < inversion.TotalVariation(1.0)(wave) / 2
    assert inversion.Roughness(1.0)(step) > inversion.Roughness(1.0)(wave) / 2


def test_wrong_input_is_refused(start):
    with pytest.raises(ValueError, match="`weight` must be > 0"):
        inversion.Roughness(0.0)
    with pytest.raises(ValueError, match="`fields` must be one of"):
        inversion.Damping(1.0, start, fields=("qp",))
    with pytest.raises(ValueError, match="`smooth` must be > 0"):
        inversion.TotalVariation(1.0, 0.0)
