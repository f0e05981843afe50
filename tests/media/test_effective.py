"""Effective media: known limits, layers anywhere, and waves on the coarse grid as on the fine one."""

import pytest
import torch

import seiskern as sk
from seiskern.kernels.elastic import reference
from seiskern.media.effective import cubic_share, laminate, layer_shares
from seiskern.media.staggered import fastest, pad_effective

UPPER, LOWER = (2000.0, 1000.0, 2000.0), (4000.0, 2300.0, 2500.0)  # vp, vs, rho
NAMES = {2: ("cxx", "cxz", "czz"), 3: ("cxx", "cxy", "cxz", "cyy", "cyz", "czz")}


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(20240229)


def random_medium(shape, rng, **options):
    vp, vs, rho = (
        low + spread * torch.rand(shape, generator=rng, dtype=torch.float64)
        for low, spread in ((3000, 1000), (1000, 800), (2000, 500))
    )
    return (vp, vs, rho), sk.Medium(vp, vs, rho, 10.0, **options)


@pytest.mark.parametrize("free_surface", [False, True])
@pytest.mark.parametrize("shape", [(19, 7), (18, 5, 6)], ids=str)
def test_a_factor_of_one_changes_nothing(shape, free_surface, rng):
    arrays, plain = random_medium(shape, rng)
    same = sk.upscale(*arrays, 10.0, 1)
    pad = ((0, 2),) * len(shape)
    wanted = reference.stagger(plain.vp, plain.vs, plain.rho, pad, free_surface)
    got = pad_effective(same, pad, free_surface)
    wanted |= {name: wanted["lam"] + wanted["mu2"] * (name[1] == name[2]) for name in NAMES[len(shape)]}
    top = int(free_surface)  # there czz and the couplings to z act on nothing
    inside = (slice(None), *(slice(0, n) for n in shape[1:]))
    for name, value in got.items():
        rows = slice(top * ("z" in name and name[0] == "c"), shape[0])
        torch.testing.assert_close(value[rows][inside], wanted[name][rows][inside])
    assert fastest(same) == pytest.approx(plain.check().speed)


def test_a_homogeneous_medium_stays_so():
    vp, vs, rho = (torch.full((13, 9, 17), value, dtype=torch.float64) for value in UPPER)
    coarse = sk.upscale(vp, vs, rho, (5.0, 10.0, 20.0), 4, origin=(1.0, 2.0, 3.0))
    assert coarse.shape == (4, 3, 5)
    assert coarse.spacing == (20.0, 40.0, 80.0)
    assert coarse.origin == (1.0, 2.0, 3.0)
    mu, plane = 2000.0 * 1000.0**2, 2000.0 * 2000.0**2
    for name, value in coarse.effective.items():
        if name[0] == "b":
            wanted = 1 / 2000.0
        elif name[0] == "m":
            wanted = mu
        else:
            wanted = plane if name[1] == name[2] else plane - 2 * mu
        torch.testing.assert_close(value, torch.full_like(value, wanted))


def test_thin_layers_have_the_moduli_of_backus():
    # Two materials in equal parts, by the formulas of Backus (1962) in terms of lam and mu.
    (lam1, mu1), (lam2, mu2) = (4e9, 2e9), (9e9, 7e9)

    def mean(f):
        return (f(lam1, mu1) + f(lam2, mu2)) / 2

    c33 = 1 / mean(lambda lam, mu: 1 / (lam + 2 * mu))
    c13 = c33 * mean(lambda lam, mu: lam / (lam + 2 * mu))
    c11 = mean(lambda lam, mu: 4 * mu * (lam + mu) / (lam + 2 * mu)) + c13**2 / c33
    c12 = c11 - 2 * mean(lambda lam, mu: mu)
    lam, mu = torch.tensor([lam1, lam2]).double(), torch.tensor([mu1, mu2]).double()
    parts = {name: lam + 2 * mu * (name[1] == name[2]) for name in NAMES[3]}
    found = laminate(parts, "z", lambda value: value.mean())
    wanted = {"cxx": c11, "cyy": c11, "czz": c33, "cxy": c12, "cxz": c13, "cyz": c13}
    assert {name: value.item() for name, value in found.items()} == pytest.approx(wanted)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_directions_are_alike(axis):
    # Layers across any axis: the same moduli with the axes renamed.
    layer = (torch.arange(17) % 4 < 2).double()
    shape = [9, 9, 9]
    shape[axis] = 17
    along = layer.reshape([-1 if d == axis else 1 for d in range(3)]).expand(shape)
    vp, vs, rho = (a + (b - a) * along for a, b in zip(UPPER, LOWER, strict=True))
    coarse = sk.upscale(vp, vs, rho, 1.0, 4).effective
    normal = "zyx"[axis]
    first, second = (a for a in "xyz" if a != normal)
    at = (1, 1, 1)

    def modulus(a, b):
        return coarse["c" + min(a, b) + max(a, b)][at].item()

    assert modulus(first, first) == pytest.approx(modulus(second, second))
    assert modulus(first, normal) == pytest.approx(modulus(second, normal))
    assert modulus(normal, normal) < 0.9 * modulus(first, first)
    slip = coarse["m" + min(first, normal) + max(first, normal)][at].item()
    assert slip < 0.9 * coarse["m" + first + second][at].item()


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_upscaled_layers_are_the_layers(factor):
    # An interface midway between two fine nodes is where a layer of the fine medium ends.
    top = (4 * factor + 1.5) * 10.0 / factor
    vp, vs, rho = (
        torch.where(10.0 / factor * torch.arange(8 * factor + 1) < top, a, b)[:, None].double().expand(-1, 1)
        for a, b in zip(UPPER, LOWER, strict=True)
    )
    found = sk.upscale(vp, vs, rho, 10.0 / factor, factor).effective
    share = {half: layer_shares(9, 10.0, (0.0, top), half, smooth=False) for half in (False, True)}
    mu = torch.tensor([m[2] * m[1] ** 2 for m in (UPPER, LOWER)]).double()
    plane = torch.tensor([m[2] * m[0] ** 2 for m in (UPPER, LOWER)]).double()
    density = torch.tensor([m[2] for m in (UPPER, LOWER)]).double()
    torch.testing.assert_close(found["czz"][:, 0], 1 / (share[False] @ (1 / plane)))
    torch.testing.assert_close(found["mxz"][:, 0], 1 / (share[True] @ (1 / mu)))
    torch.testing.assert_close(found["bx"][:, 0], 1 / (share[False] @ density))
    torch.testing.assert_close(found["bz"][:, 0], 1 / (share[True] @ density))


def test_no_shear_where_a_cell_holds_fluid():
    vp, vs, rho = (torch.full((17, 17), value).double() for value in UPPER)
    vs[:7] = 0
    found = sk.upscale(vp, vs, rho, 1.0, 4).effective["mxz"][:, 0]
    assert found[:2].tolist() == [0, 0]
    assert found[2:] == pytest.approx(2000.0 * 1000.0**2)


def test_moments_of_smooth_shares_do_not_depend_on_where_the_interface_lies():
    def moments(smooth, offset):
        below = layer_shares(40, 1.0, (0.0, 20.0 + offset), False, smooth=smooth)[:, 1]
        node = torch.arange(40, dtype=torch.float64) - 20.0 - offset
        # of the slope: 1, 0 and 0 if it were a jump
        slope = below.diff()
        middle = (node[1:] + node[:-1]) / 2
        return torch.stack([(slope * middle**power).sum() for power in range(3)])

    for offset in (0.0, 0.1, 0.3, 0.5, 0.77):
        wanted = torch.tensor([1.0, 0.0, 1 / 12], dtype=torch.float64)  # 1/12 is that of the sums
        torch.testing.assert_close(moments(True, offset), wanted, atol=1e-12, rtol=0)
    assert abs(moments(False, 0.0)[2] - moments(False, 0.5)[2]) > 0.1  # shares of cells do not keep it


def test_cubic_share_is_the_integral_of_the_kernel_of_keys():
    x = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    a = x.abs()
    kernel = torch.where(a < 1, 1.5 * a**3 - 2.5 * a**2 + 1, -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2)
    kernel = torch.where(a < 2, kernel, 0)
    torch.testing.assert_close(torch.cumulative_trapezoid(kernel, x), cubic_share(x[1:]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("ratio", [1.5, 4.0, 20.0, 1000.0])
@pytest.mark.parametrize("offset", [0.0, 0.2, 0.5, 0.9])
def test_layers_of_any_contrast_are_stable(offset, ratio):
    vs = (1000.0 / ratio, 1000.0)
    medium = sk.layered_medium((12, 3, 3), 10.0, (0.0, 50.0 + 10 * offset), (1000.0, 2000.0), vs, (1e3, 3e3))
    c = medium.effective
    rows = [[c["c" + min(a, b) + max(a, b)][:, 0, 0] for b in "xyz"] for a in "xyz"]
    moduli = torch.stack([torch.stack(row, -1) for row in rows], -2)
    assert torch.linalg.eigvalsh(moduli.double()).min() > 0
    assert all(bool((c[name] > 0).all()) for name in ("bx", "by", "bz", "mxy", "mxz", "myz"))


def test_gradients_pass(rng):
    arrays = [value[:5, :5].clone().requires_grad_() for value in random_medium((5, 5), rng)[0]]
    names = ("bx", "bz", "cxx", "cxz", "czz", "mxz")

    def scaled(*values):
        made = sk.upscale(*values, 1.0, 2).effective
        return tuple(made[name] * (1e3 if name[0] == "b" else 1e-9) for name in names)

    assert torch.autograd.gradcheck(scaled, arrays, eps=1e-2, atol=1e-6, rtol=1e-4)


def test_waves_on_the_coarse_grid_are_those_on_the_fine_one():
    # A slow body with edges a sixth of a cell beside coarse nodes; 12 of those per shortest wavelength.
    fine, factor, f0 = 5.0, 3, 2.5
    shape = (121, 121)
    z, x = (fine * torch.arange(n, dtype=torch.float64) for n in shape)
    body = ((z[:, None] > 267.5) & (z[:, None] < 342.5) & (x > 222.5) & (x < 357.5)).double()
    vp, vs, rho = (
        a + (b - a) * body for a, b in zip((3000.0, 1700.0, 2400.0), (2000.0, 1125.0, 2000.0), strict=True)
    )
    options = {"dt": 0.004, "nt": 200, "free_surface": False}
    shot = sk.Explosion(x=285.0, z=120.0, moment=1.0, rate=sk.ricker(f0, 0.004, 200, 0.5))
    receivers = sk.Receivers(x=[195.0, 300.0, 420.0], z=[480.0, 465.0, 390.0])

    def record(medium):
        return sk.simulate(medium, shot, receivers, **options).data

    exact = record(sk.Medium(vp, vs, rho, fine))
    nodes = [value[::factor, ::factor] for value in (vp, vs, rho)]
    plain = float((record(sk.Medium(*nodes, fine * factor)) - exact).norm() / exact.norm())
    error = float((record(sk.upscale(vp, vs, rho, fine, factor)) - exact).norm() / exact.norm())
    assert error < 0.005
    assert error < 0.5 * plain


@pytest.mark.filterwarnings("ignore:the source reaches")
@pytest.mark.parametrize("shape", [(49, 33), (37, 9, 13)], ids=str)
def test_the_step_is_stable_in_rough_media(shape, rng):
    # White noise with fluid in it, and no side that absorbs: what grows stays.
    vs = 2500 * torch.rand(shape, generator=rng, dtype=torch.float64)
    vs[shape[0] // 2, shape[1] // 2] = 0
    vp = 1500 + 1.5 * vs
    rho = 1000 + 1500 * torch.rand(shape, generator=rng, dtype=torch.float64)
    medium = sk.upscale(vp, vs, rho, 10.0, 2)
    place = dict.fromkeys(medium.axes, 60.0)
    nt, dt = 1500, sk.plan(medium, dt=1.0, nt=2).problem.dt
    rate = torch.zeros(nt)
    rate[:8] = 1.0
    shot = sk.Explosion(**place, moment=1e9, rate=rate)
    options = {"dt": dt, "nt": nt, "absorbing": 0, "dispersion_correction": False}
    data = sk.simulate(medium, shot, sk.Receivers(**place), **options).data
    assert data[..., nt // 2 :].abs().max() < 2 * data[..., : nt // 2].abs().max()


def test_bad_input():
    one = torch.ones(9, 9)
    with pytest.raises(ValueError, match="`vp` must have 1 \\+ a multiple of 3 nodes along z, got 9"):
        sk.upscale(one * 2, one, one, 1.0, 3)
    with pytest.raises(ValueError, match="`factor` must be >= 1"):
        sk.upscale(one * 2, one, one, 1.0, 0)
    with pytest.raises(ValueError, match="`effective` must hold bx, bz, mxz, cxx, czz, cxz, got bx"):
        sk.Medium(one * 2, one, one, 1.0, effective={"bx": one})
    with pytest.raises(ValueError, match="`effective\\['czz'\\]` must be > 0"):
        sk.Medium(
            one * 2,
            one,
            one,
            1.0,
            effective={n: -one for n in ("czz",)} | {n: one for n in ("bx", "bz", "mxz", "cxx", "cxz")},
        )
