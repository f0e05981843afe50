"""Gradients of `simulate`: every input by finite differences, and what they must not depend on."""

import pytest
import torch

import seiskern as sk

DT, NT, SPACING = 4e-3, 24, 10.0
# Second differences of the loss over first ones, at the steps below; halving the step must quarter them.
STEPS = {"vp": 1.0, "vs": 1.0, "rho": 1.0, "series": 0.01, "place": 0.1, "receivers": 0.1, "amount": 1e-3}
CASES = [  # dimensions, free surface, source, quantity, order, multiaxial
    (2, True, "moment", "velocity", 4, 0.1),
    (2, True, "force", "displacement", 8, 0.0),
    (2, False, "explosion", "pressure", 4, 0.05),
    (2, True, "explosion", "strain", 2, None),
    (3, True, "moment", "velocity", 4, 0.1),
    (3, True, "force", "acceleration", 6, 0.0),
    (3, False, "moment", "pressure", 8, 0.0),
]


class Case:
    """A small simulation in a rough medium, as a function of all it is made from."""

    def __init__(self, ndim, surface, kind, quantity, order, multiaxial, dtype=torch.float64):
        rng = torch.Generator().manual_seed(1)
        shape = (20, 22) if ndim == 2 else (18, 10, 12)
        self.kind, self.axes = kind, "zyx"[-ndim:] if ndim == 3 else "zx"
        self.options = {
            "dt": DT,
            "nt": NT,
            "quantity": quantity,
            "free_surface": surface,
            "absorbing": 5,
            "order": order,
            "multiaxial": multiaxial,
        }

        def rough(least, range_):
            return (least + range_ * torch.rand(shape, generator=rng, dtype=torch.float64)).to(dtype)

        ends = torch.tensor([SPACING * (n - 1) for n in shape], dtype=torch.float64)
        time = torch.arange(NT, dtype=torch.float64) * DT
        amount = torch.randn(ndim, ndim, generator=rng, dtype=torch.float64) * 1e9
        amounts = {"moment": amount + amount.T, "explosion": amount[0, 0], "force": amount[0] / 1e3}
        self.given = {
            "vp": rough(3000, 300),
            "vs": rough(1700, 150),
            "rho": rough(2200, 100),
            "series": torch.exp(-(((time - 0.03) / 0.01) ** 2)),
            "place": 0.37 * ends,
            # Near the surface, above the first rows of the closure, between nodes and far from them.
            "receivers": torch.stack(
                [torch.tensor([1.0, 3.0, 43.0, 93.5], dtype=torch.float64)]
                + [torch.tensor([0.21, 0.4, 0.6, 0.83], dtype=torch.float64) * end for end in ends[1:]]
            ),
            "amount": amounts[kind],
        }

    def source(self, given):
        place = dict(zip(self.axes, given["place"], strict=True))
        if self.kind == "force":
            return sk.Force(**place, force=given["amount"], signature=given["series"])
        make = sk.MomentTensor if self.kind == "moment" else sk.Explosion
        return make(**place, moment=given["amount"], rate=given["series"])

    def data(self, given, **options):
        medium = sk.Medium(given["vp"], given["vs"], given["rho"], SPACING)
        receivers = sk.Receivers(**dict(zip(self.axes, given["receivers"], strict=True)))
        return sk.simulate(medium, self.source(given), receivers, **(self.options | options)).data

    def moving(self, names=None):
        return {
            name: value.clone().requires_grad_(names is None or name in names)
            for name, value in self.given.items()
        }


@pytest.mark.filterwarnings("ignore:the source reaches")
@pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))
def test_every_input_by_finite_differences(arguments, rng):
    case = Case(*arguments)
    plain = case.data(case.given)
    given = case.moving()
    data = case.data(given)
    torch.testing.assert_close(data.detach(), plain, rtol=0, atol=1e-12 * float(plain.abs().max()))
    linear = torch.randn(plain.shape, generator=rng, dtype=torch.float64)

    def loss(data):
        scaled = data / plain.norm()
        return (linear * scaled).sum() + scaled.square().sum()

    loss(data).backward()
    for name, value in case.given.items():
        direction = torch.randn(value.shape, generator=rng, dtype=torch.float64)
        if name == "amount":
            direction = direction * value.abs().max()
            direction = direction + direction.T if direction.ndim == 2 else direction
        direction = direction * STEPS[name]
        slope = float((given[name].grad * direction).sum())

        def difference(h, name=name, value=value, direction=direction):
            ends = (case.data(case.given | {name: value + s * h * direction}) for s in (1, -1))
            after, before = map(loss, ends)
            return float(after - before) / (2 * h)

        errors = [abs(difference(h) - slope) for h in (1.0, 0.5)]
        exact = 1e-9 * abs(slope) + 1e-12  # quadratic in what is linear: rounding only
        assert errors[1] <= max(errors[0] / 3.5, exact), (name, errors, slope)
        assert errors[1] <= 1e-2 * abs(slope) + exact, (name, errors, slope)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(7)


@pytest.mark.filterwarnings("ignore:the source reaches")
@pytest.mark.parametrize("arguments", [CASES[0], CASES[4]], ids=["2d", "3d"])
def test_single_precision(arguments):
    """Within 1e-4 of double precision."""
    found = []
    for dtype in (torch.float64, torch.float32):
        case = Case(*arguments, dtype=dtype)
        given = case.moving()
        data = case.data(given)
        (data / data.detach().norm()).double().square().sum().backward()
        found.append({name: value.grad.double() for name, value in given.items()})
    for name, exact in found[0].items():
        if name in ("vp", "vs", "rho"):
            assert float((found[1][name] - exact).norm() / exact.norm()) < 1e-4, name


# What the gradient of each strategy is off by, relative L2: rounding of a step, four times over, for some 100
# of them; eight steps of the integers (tests/kernels/test_strategy.py), and five times as many for places of
# receivers: a slope, pi by the spacing at most for rounding, but 2 pi by ten nodes or so for waves.
STRATEGIES = [
    (sk.Checkpointed(), 0.0),
    (sk.Full(where="host"), 0.0),
    (sk.BoundarySaved(), 1e-13),
    (sk.Full(dtype=torch.int16), 8 / 32767),
    (sk.Full(dtype=torch.int8), 8 / 127),
    (sk.Checkpointed(dtype=torch.int8), 8 / 127),
    (sk.BoundarySaved(dtype=torch.int16, where="disk"), 8 / 32767),
]


@pytest.mark.filterwarnings("ignore:the source reaches")
@pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))
def test_strategies_agree(arguments):
    case = Case(*arguments)

    def gradients(strategy):
        given = case.moving()
        data = case.data(given, adjoint=strategy)
        (data / data.detach().norm()).square().sum().backward()
        return {name: value.grad for name, value in given.items()}

    expected = gradients(sk.Full())
    for strategy, bound in STRATEGIES:
        for name, value in gradients(strategy).items():
            error = float((value - expected[name]).norm())
            factor = 5 if name == "receivers" else 1
            assert error <= factor * bound * float(expected[name].norm()), (strategy, name)


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_only_what_is_asked_for():
    case = Case(*CASES[1])
    whole = case.moving()
    case.data(whole).square().sum().backward()
    for name in case.given:
        given = case.moving([name])
        case.data(given).square().sum().backward()
        torch.testing.assert_close(given[name].grad, whole[name].grad, rtol=1e-9, atol=0)
        assert all(value.grad is None for other, value in given.items() if other != name)


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_nothing_is_kept_where_no_gradient_is_wanted():
    case = Case(*CASES[0])
    assert not case.data(case.given).requires_grad
    with torch.no_grad():
        assert not case.data(case.moving()).requires_grad


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_snapshots_and_progress_change_no_gradient():
    case = Case(*CASES[0])
    given, watched, seen = case.moving(), case.moving(), []
    case.data(given).square().sum().backward()
    options = {"snapshots": sk.Snapshots(every=3), "progress": lambda done, steps: seen.append((done, steps))}
    case.data(watched, **options, adjoint=sk.Full()).square().sum().backward()
    assert seen[-1][0] == seen[-1][1]
    for name in ("vp", "vs", "rho", "series"):
        assert torch.equal(given[name].grad, watched[name].grad)


@pytest.mark.filterwarnings("ignore:the source reaches")
@pytest.mark.parametrize("kind", ["force", "explosion"])
def test_shots_of_one_medium_and_of_several(kind):
    """Shots together, the sum of shots alone; media of their own, shots alone."""
    case = Case(2, True, kind, "velocity", 4, 0.1)
    places = [case.given["place"], case.given["place"] + 21.0]
    apart = []
    for place in places:
        given = case.moving(["vp", "vs", "rho"])
        case.data(given | {"place": place}).square().sum().backward()
        apart.append(given)
    receivers = sk.Receivers(**dict(zip(case.axes, case.given["receivers"], strict=True)))
    shots = [case.source(case.given | {"place": place}) for place in places]
    names = ("vp", "vs", "rho")
    for batched in (False, True):
        given = case.moving(names)
        values = [given[n].expand(2, *given[n].shape) if batched else given[n] for n in names]
        medium = sk.Medium(*values, (SPACING, SPACING))
        sk.simulate(medium, shots, receivers, **case.options).data.square().sum().backward()
        for name in names:
            total = apart[0][name].grad + apart[1][name].grad
            scale = float(total.abs().max())
            torch.testing.assert_close(given[name].grad, total, rtol=0, atol=1e-9 * scale)


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_places_on_nodes_have_the_slope_of_those_just_beyond():
    """Weights of a place on a node are those of the node alone, but their slopes are not zero."""
    case = Case(2, False, "explosion", "velocity", 4, 0.0)
    slopes = []
    for shift in (0.0, 1e-3):
        place = torch.tensor([80.0, 90.0], dtype=torch.float64) + shift
        receivers = torch.tensor([[110.0, 60.0], [100.0, 120.0]], dtype=torch.float64) + shift
        given = case.given | {"place": place.requires_grad_(), "receivers": receivers.requires_grad_()}
        data = case.data(given)
        (data * torch.arange(NT)).sum().backward()
        slopes.append(torch.cat([place.grad, receivers.grad.flatten()]))
    on_node, beyond = slopes
    torch.testing.assert_close(on_node, beyond, rtol=1e-3, atol=1e-3 * float(beyond.abs().max()))


@pytest.mark.filterwarnings("ignore:the source reaches")
def test_second_order_is_refused():
    case = Case(*CASES[0])
    given = case.moving(["vp"])
    data = case.data(given)
    slope = torch.autograd.grad(data.square().sum(), given["vp"], create_graph=True)[0]
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.sum().backward()
