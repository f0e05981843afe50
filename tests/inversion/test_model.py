import pytest
import torch

import seiskern as sk
from seiskern import inversion


def test_the_start_is_where_the_parameters_are_zero(start):
    for options in (
        {},
        {"scale": "linear"},
        {"bounds": {"vp": (1000, 5000), "vs": (500, 3000)}},
        {"parameters": ("vs", "vp_vs"), "bounds": {"vp_vs": (1.5, 2.5)}},
        {"parameters": ("vp", "vs", "rho")},
    ):
        medium = inversion.Model(start, **options)()
        for name in ("vp", "vs", "rho"):
            torch.testing.assert_close(getattr(medium, name), getattr(start, name), rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("options", "change", "expected"),
    [
        ({}, 0.1, lambda v: v * torch.exp(torch.tensor(0.1, dtype=v.dtype))),
        ({"scale": "linear"}, 0.1, lambda v: v + 0.1 * v.mean()),
        ({"scale": "linear"}, -0.2, lambda v: v - 0.2 * v.mean()),
    ],
)
def test_scales(medium, options, change, expected):
    model = inversion.Model(medium, parameters=("vp",), **options)
    with torch.no_grad():
        model.changes["vp"].fill_(change)
    torch.testing.assert_close(model().vp, expected(medium.vp), rtol=1e-13, atol=0)
    torch.testing.assert_close(model().vs, medium.vs, rtol=0, atol=0)


def test_a_small_change_is_relative_also_between_bounds(start):
    middle = float(start.vp.mean())
    model = inversion.Model(start, parameters=("vp",), bounds={"vp": (middle - 1500.0, middle + 1500.0)})
    with torch.no_grad():
        model.changes["vp"].fill_(1e-6)
    relative = (model().vp / start.vp - 1) / 1e-6
    torch.testing.assert_close(relative, torch.ones_like(relative), rtol=1e-9, atol=0)


@pytest.mark.parametrize("change", [-50.0, 50.0])
def test_bounds_are_kept_whatever_the_step(start, change):
    bounds = {"vp": (2500.0, 3000.0), "vs": (1000.0, 1600.0)}
    model = inversion.Model(start, bounds=bounds)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(change)
    with torch.no_grad():
        found = model.values()
    for name, values in found.items():
        assert bounds[name][0] <= float(values.min())
        assert float(values.max()) <= bounds[name][1]


def test_shear_waves_stay_slow_enough(start):
    model = inversion.Model(start)
    with torch.no_grad():
        model.changes["vs"].fill_(1.0)
        medium = model()  # a medium of negative bulk modulus would be refused
    torch.testing.assert_close(medium.vs, (3 / 4) ** 0.5 * medium.vp, rtol=1e-12, atol=0)


def test_the_ratio_takes_the_place_of_vp(start):
    model = inversion.Model(start, parameters=("vs", "vp_vs"))
    with torch.no_grad():
        model.changes["vs"].fill_(0.1)
        medium = model()
    torch.testing.assert_close(medium.vp / medium.vs, start.vp / start.vs, rtol=1e-13, atol=0)
    assert float((medium.vp / start.vp - 1).min()) > 0.1


def test_what_is_fixed_keeps_its_values_and_has_no_gradient(start):
    fixed = torch.zeros(start.shape, dtype=torch.bool)
    fixed[:5] = True
    model = inversion.Model(start, parameters=("vs", "vp_vs"), fixed=fixed, density=lambda vp: 310 * vp**0.25)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.2)
    medium = model()
    for name in ("vp", "vs", "rho"):
        value, given = getattr(medium, name), getattr(start, name)
        assert torch.equal(value[:5], given[:5])
        assert not torch.isclose(value[5:], given[5:]).any()
    (medium.vp + medium.vs + medium.rho).sum().backward()
    for parameter in model.parameters():
        assert float(parameter.grad[:5].abs().max()) == 0
        assert float(parameter.grad[5:].abs().min()) > 0


def test_water_can_be_fixed_where_the_ratio_changes(start):
    vs = start.vs.clone()
    vs[:4] = 0
    water = sk.Medium(start.vp, vs, start.rho, start.spacing)
    model = inversion.Model(water, parameters=("vs", "vp_vs"), fixed=vs == 0)
    medium = model()
    assert torch.equal(medium.vp[:4], start.vp[:4])
    assert torch.isfinite(medium.vp).all()
    medium.vp.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    with pytest.raises(ValueError, match="vs > 0 where `vp_vs` may change"):
        inversion.Model(water, parameters=("vs", "vp_vs"))


@pytest.mark.parametrize("options", [{}, {"scale": "linear"}, {"bounds": {"vs": (500, 3000)}}])
def test_gradients_are_those_of_differences(start, options):
    model = inversion.Model(start, density=lambda vp: 310 * vp**0.25, **options)
    weights = torch.randn(3, *start.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def functional(vp, vs):
        medium = torch.func.functional_call(model, {"changes.vp": vp, "changes.vs": vs}, ())
        return sum((w * v).sum() for w, v in zip(weights, (medium.vp, medium.vs, medium.rho), strict=True))

    point = [0.02 * torch.randn_like(start.vp).requires_grad_() for _ in range(2)]
    assert torch.autograd.gradcheck(functional, point, fast_mode=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": ()}, "`parameters` must be some of"),
        ({"parameters": ("vp", "vp")}, "`parameters` must be some of"),
        ({"parameters": ("vp", "vp_vs")}, "must not hold both"),
        ({"parameters": ("rho",), "density": lambda vp: vp}, "`density` must be None"),
        ({"bounds": {"rho": (1, 2)}}, "`bounds` must be one of"),
        ({"bounds": {"vp": (2, 1)}}, "0 <= low < high"),
        ({"fixed": torch.zeros(3)}, "`fixed` must be bool"),
        ({"scale": "sqrt"}, "`scale` must be one of"),
    ],
)
def test_wrong_input_is_refused(start, options, message):
    with pytest.raises(ValueError, match=message):
        inversion.Model(start, **options)
