"""Functional operators: the numbers of `simulate`, and gradients of Lamé's parameters."""

import pytest
import torch

import seiskern as sk

DT, NT = 4e-3, 24
CASES = [  # dimensions, water on top of a free surface, quantity
    (2, True, "velocity"),
    (2, False, "pressure"),
    (3, True, "strain"),
]
pytestmark = pytest.mark.filterwarnings("ignore:the source reaches")


class Case:
    """Rough rock with water above, or within it, and sources of both kinds."""

    def __init__(self, ndim, surface, quantity, dtype=torch.float64):
        rng = torch.Generator().manual_seed(2)
        shape = (20, 22) if ndim == 2 else (18, 10, 12)

        def rough(least, range_):
            return (least + range_ * torch.rand(shape, generator=rng, dtype=torch.float64)).to(dtype)

        self.vp, self.vs, self.rho = rough(3000, 300), rough(1700, 150), rough(2200, 100)
        self.vs[slice(0, 5) if surface else slice(9, 13)] = 0
        self.dtype = dtype
        self.options = {
            "dt": DT,
            "nt": NT,
            "quantity": quantity,
            "free_surface": surface,
            "absorbing": 4,
            "order": 4,
        }
        time = torch.arange(NT, dtype=torch.float64) * DT
        ends = torch.tensor([10.0 * (n - 1) for n in reversed(shape)], dtype=torch.float64)
        moment = torch.randn(2, 2, ndim, ndim, generator=rng, dtype=torch.float64) * 1e9
        axes = "xz" if ndim == 2 else "xyz"
        share = {"x": [[0.3], [0.4]], "y": [[0.55]], "z": [0.1, 0.6]}  # of shots, of all, of sources
        self.given = {f"source_{a}": torch.tensor(share[a]) * ends[n] for n, a in enumerate(axes)} | {
            "series": torch.exp(-(((time - 0.03) / 0.01) ** 2)),
            "force": torch.randn(2, ndim, generator=rng, dtype=torch.float64) * 1e7,
            "moment": moment + moment.mT,
        }
        self.given |= {
            f"receiver_{a}": torch.tensor([0.2, 0.45, 0.8], dtype=torch.float64) * ends[n]
            for n, a in enumerate(axes)
        }
        self.axes = axes

    @property
    def moduli(self):
        mu = self.rho * self.vs.square()
        return {"lam": self.rho * self.vp.square() - 2 * mu, "mu": mu, "rho": self.rho}

    def data(self, moduli, given=None):
        values = (moduli[name] for name in ("lam", "mu", "rho"))
        return sk.ops.elastic(*values, 10.0, **(given or self.given), **self.options)

    def data_of_speeds(self, vp, vs, rho):
        """By `simulate`."""
        given, n = self.given, len(self.axes)
        shots = []
        for shot in range(2):
            own = []
            for number in range(2):
                where = {
                    a: given[f"source_{a}"].expand(2, 2)[shot, number]
                    if a != "z"
                    else given["source_z"][number]
                    for a in self.axes
                }
                force = given["force"][number]
                own.append(sk.Force(**where, force=force, signature=given["series"]))
                moment = given["moment"][shot, number]
                own.append(sk.MomentTensor(**where, moment=moment, rate=given["series"]))
            shots.append(own)
        assert n == vp.ndim
        receivers = sk.Receivers(**{a: given[f"receiver_{a}"] for a in self.axes})
        return sk.simulate(sk.Medium(vp, vs, rho, 10.0), shots, receivers, **self.options).data


def slope_and_loss(case, data, rng):
    linear = torch.randn(data.shape, generator=rng, dtype=torch.float64)
    scale = float(data.detach().norm())

    def loss(data):
        return ((linear + data / scale) * (data / scale)).sum()

    return loss


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))
def test_records_and_gradients_are_those_of_simulate(arguments, rng):
    """By the chain rule; over a few hundred steps differences of rounding stay below 1e-11."""
    case = Case(*arguments)
    speeds = [value.clone().requires_grad_() for value in (case.vp, case.vs, case.rho)]
    data = case.data_of_speeds(*speeds)
    loss = slope_and_loss(case, data, rng)
    loss(data).backward()
    expected = [value.grad for value in speeds]
    vp, vs, rho = (value.detach().clone().requires_grad_() for value in speeds)
    mu = rho * vs.square()
    found = case.data({"lam": rho * vp.square() - 2 * mu, "mu": mu, "rho": rho})
    torch.testing.assert_close(found, data, rtol=0, atol=1e-11 * float(data.detach().abs().max()))
    loss(found).backward()
    for value, gradient in zip((vp, vs, rho), expected, strict=True):
        torch.testing.assert_close(value.grad, gradient, rtol=0, atol=1e-10 * float(gradient.abs().max()))


@pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))
def test_gradients_by_finite_differences(arguments, rng):
    """Halving the step quarters the error: in water too, where only mu must not move."""
    case = Case(*arguments)
    given = {name: value.clone().requires_grad_() for name, value in case.moduli.items()}
    data = case.data(given)
    loss = slope_and_loss(case, data, rng)
    loss(data).backward()
    assert bool((given["mu"].grad[case.vs == 0] == 0).all())
    for name, value in case.moduli.items():
        for where in (case.vs == 0, case.vs > 0):
            direction = 1e-3 * value.abs().max() * torch.randn(value.shape, generator=rng, dtype=value.dtype)
            direction = direction * (where & ((case.vs > 0) | (name != "mu")))
            slope = float((given[name].grad * direction).sum())

            def difference(h, name=name, value=value, direction=direction):
                ends = (case.data(case.moduli | {name: value + s * h * direction}) for s in (1, -1))
                after, before = map(loss, ends)
                return float(after - before) / (2 * h)

            errors = [abs(difference(h) - slope) for h in (1.0, 0.5)]
            assert errors[1] <= max(errors[0] / 3.5, 1e-9 * abs(slope)), (name, errors, slope)
            assert errors[1] <= 1e-2 * abs(slope), (name, errors, slope)
            assert slope != 0 or not bool(direction.any())


@pytest.mark.parametrize("arguments", [CASES[0], CASES[2]], ids=["2d", "3d"])
def test_single_precision(arguments):
    """Within 1e-4 of double precision."""
    found = []
    for dtype in (torch.float64, torch.float32):
        case = Case(*arguments, dtype=dtype)
        given = {name: value.clone().requires_grad_() for name, value in case.moduli.items()}
        data = case.data(given)
        assert data.dtype == dtype
        (data / data.detach().norm()).double().square().sum().backward()
        found.append([value.grad.double() for value in given.values()])
    for double, single in zip(*found, strict=True):
        assert float((single - double).norm() / double.norm()) < 1e-4


def test_every_tensor_has_a_gradient():
    case = Case(*CASES[0])
    given = {name: value.clone().requires_grad_() for name, value in case.given.items()}
    case.data(case.moduli, given).square().sum().backward()
    for name, value in given.items():
        assert float(value.grad.abs().max()) > 0, name


def test_shots_share_or_have_their_own(rng):
    """Of one medium, or of one each; what lacks an axis is that of all."""
    case = Case(*CASES[0])
    together = case.data(case.moduli)
    assert together.shape == (2, 2, 3, NT)
    for shot in range(2):
        given = case.given | {"source_x": case.given["source_x"][shot], "moment": case.given["moment"][shot]}
        alone = case.data(case.moduli, given)
        own = together[shot : shot + 1]
        torch.testing.assert_close(alone, own, rtol=0, atol=1e-13 * float(own.abs().max()))
    media = {name: torch.stack([value, value]) for name, value in case.moduli.items()}
    values = (media[name] for name in ("lam", "mu", "rho"))
    batched = sk.ops.elastic(*values, (10.0, 10.0), **case.given, **case.options)
    torch.testing.assert_close(batched, together, rtol=0, atol=1e-13 * float(together.abs().max()))


def test_a_medium_of_moduli():
    """Its speeds are known, and it is checked as one of speeds is."""
    case = Case(*CASES[0])
    lam, mu, rho = case.moduli.values()
    medium = sk.Medium.from_moduli(lam, mu, rho, 10.0)
    torch.testing.assert_close(medium.vp, case.vp, rtol=1e-14, atol=0)
    torch.testing.assert_close(medium.vs, case.vs, rtol=1e-14, atol=0)
    assert sk.plan(medium, dt=DT, nt=NT) == sk.plan(sk.Medium(case.vp, case.vs, rho, 10.0), dt=DT, nt=NT)
    bad = mu.clone()
    bad[3, 4] = -2.0
    for values, message in [
        ((lam, bad, rho), r"^`mu` must be >= 0, got -2.0$"),
        ((-0.9 * mu, mu, rho), r"^`lam` must be > -2/3 `mu` \(positive bulk modulus\)"),
        ((-3 * mu - 1e9, mu, rho), r"^`lam` must be > -2/3 `mu`"),
        ((lam, mu, -rho), r"^`rho` must be > 0, got -"),
        ((lam, mu, rho * float("nan")), r"^`rho` must be finite, got 440 NaN"),
        ((lam, mu[1:], rho), r"^`mu` must have the shape of `lam`, \(20, 22\), got \(19, 22\)$"),
    ]:
        with pytest.raises(ValueError, match=message):
            sk.Medium.from_moduli(*values, 10.0)


def test_bad_sources_are_refused():
    case = Case(*CASES[0])
    for change, message in [
        ({"force": None, "moment": None}, "^`force` or `moment` must be given, got neither$"),
        ({"force": torch.ones(3, 2)}, r"^shots and sources must agree, .* force \(1, 3\)"),
        ({"moment": torch.ones(2)}, r"^`moment` must have 2 to 4 axes, got shape \(2,\)$"),
        ({"source_y": torch.ones(2)}, r"^`source.y` must not be given in 2-D$"),
    ]:
        with pytest.raises(ValueError, match=message):
            case.data(case.moduli, case.given | change)


def test_compiled():
    case = Case(*CASES[0])
    torch.compiler.reset()
    compiled = torch.compile(case.data, fullgraph=True, backend="aot_eager")
    found = []
    for function in (compiled, case.data):
        given = {name: value.clone().requires_grad_() for name, value in case.moduli.items()}
        function(given).square().sum().backward()
        found.append([value.grad for value in given.values()])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))
def test_tangents_are_the_transpose_of_gradients(arguments, rng):
    case = Case(*arguments)
    place = tuple(case.moduli.values())
    direction = tuple(v * torch.randn(v.shape, generator=rng, dtype=v.dtype) for v in place)

    def records(*values):
        return case.data(dict(zip(case.moduli, values, strict=True)))

    data, tangent = torch.func.jvp(records, place, direction)
    weights = torch.randn(data.shape, generator=rng, dtype=data.dtype)
    leaves = [value.clone().requires_grad_() for value in place]
    back = torch.autograd.grad((records(*leaves) * weights).sum(), leaves)
    products = [(v * g) for v, g in zip(direction, back, strict=True)]
    there = (tangent * weights).sum()
    # Rounding of sums of terms of both signs.
    scale = torch.stack([p.abs().sum() for p in products]).sum() + (tangent * weights).abs().sum()
    assert abs(float(there - torch.stack([p.sum() for p in products]).sum())) < 1e-12 * float(scale)
