"""Tangents of `simulate`, and products of Gauss and Newton: the derivative, its transpose, and both."""

import pytest
import torch
from test_gradients import CASES, NT, SPACING, STEPS, Case
from torch.autograd import forward_ad

import seiskern as sk

# Rounding of sums over time and space in double precision, as a share of norms; the largest seen is 3e-14.
EXACT = 1e-12

pytestmark = pytest.mark.filterwarnings("ignore:the source reaches")
cases = pytest.mark.parametrize("arguments", CASES, ids=lambda a: "-".join(map(str, a)))


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(11)


def directions(case, rng):
    """A random one for each input."""
    found = {}
    for name, value in case.given.items():
        found[name] = torch.randn(value.shape, generator=rng, dtype=torch.float64) * STEPS[name]
        if name == "amount":
            found[name] = found[name] * value.abs().max()
            found[name] = found[name] + found[name].T if value.ndim == 2 else found[name]
    return found


def dual(function, given, tangents):
    """Value and tangent; inputs without tangent are constant."""
    with forward_ad.dual_level():
        inputs = {
            name: forward_ad.make_dual(value, tangents[name].to(value.dtype)) if name in tangents else value
            for name, value in given.items()
        }
        return forward_ad.unpack_dual(function(inputs))


@cases
def test_tangents_by_finite_differences(arguments, rng):
    case = Case(*arguments)
    for name, direction in directions(case, rng).items():
        exact = dual(case.data, case.given, {name: direction}).tangent

        def error(h, name=name, direction=direction, exact=exact):
            ends = (case.data(case.given | {name: case.given[name] + s * h * direction}) for s in (1, -1))
            after, before = ends
            return float(((after - before) / (2 * h) - exact).norm() / exact.norm())

        whole, half = error(1.0), error(0.5)
        linear = 1e-9  # the differences are exact, but for rounding
        assert half <= max(whole / 3.5, linear), (name, whole, half)
        assert half <= 1e-2, (name, half)


@cases
def test_tangents_are_the_transpose_of_gradients(arguments, rng):
    """All inputs at once, and each alone."""
    case = Case(*arguments)
    direction = directions(case, rng)
    given = case.moving()
    data = case.data(given)
    records = torch.randn(data.shape, generator=rng, dtype=torch.float64)
    gradients = dict(zip(given, torch.autograd.grad(data, list(given.values()), records), strict=True))
    for names in (list(direction), *([name] for name in direction)):
        value, tangent = dual(case.data, case.given, {name: direction[name] for name in names})
        torch.testing.assert_close(value, data.detach(), rtol=0, atol=1e-12 * float(value.abs().max()))
        left = float((tangent * records).sum())
        right = sum(float((gradients[name] * direction[name]).sum()) for name in names)
        assert abs(left - right) <= EXACT * float(tangent.norm() * records.norm()), names


@pytest.mark.parametrize("arguments", [CASES[0], CASES[4]], ids=["2d", "3d"])
def test_single_precision(arguments, rng):
    """Within 1e-4 of double precision."""
    direction = directions(Case(*arguments), rng)
    for names in [("vp",), ("vs",), ("rho",), ("place",), tuple(direction)]:
        tangents = {name: direction[name] for name in names}
        double, single = (
            dual(case.data, case.given, tangents).tangent.double()
            for case in (Case(*arguments, dtype=dtype) for dtype in (torch.float64, torch.float32))
        )
        assert float((single - double).norm() / double.norm()) < 1e-4, names


@pytest.mark.parametrize("arguments", [CASES[1], CASES[4]], ids=["2d", "3d"])
def test_transforms_of_torch(arguments, rng):
    """The numbers of autograd, to the last bit; of fewer inputs, to rounding."""
    case = Case(*arguments)
    direction, names = directions(case, rng), tuple(case.given)
    values = tuple(case.given.values())

    def data(*inputs):
        return case.data(dict(zip(names, inputs, strict=True)))

    expected = dual(case.data, case.given, direction)
    value, tangent = torch.func.jvp(data, values, tuple(direction.values()))
    assert torch.equal(value, expected.primal)
    assert torch.equal(tangent, expected.tangent)
    given = case.moving()
    case.data(given).square().sum().backward()
    value, back = torch.func.vjp(data, *values)
    found = back(2 * value)

    def misfit(*inputs):
        return data(*inputs).square().sum()

    again = torch.func.grad(misfit, tuple(range(len(values))))(*values)
    for name, one, two in zip(names, found, again, strict=True):
        assert torch.equal(one, given[name].grad), name
        assert torch.equal(two, given[name].grad), name
    for index, one in zip((0, 3), torch.func.grad(misfit, (0, 3))(*values), strict=True):
        expected = given[names[index]].grad
        torch.testing.assert_close(one, expected, rtol=0, atol=1e-14 * float(expected.abs().max()))


def test_a_constant_has_no_tangent_and_options_must_be_constant(rng):
    case = Case(*CASES[0])
    assert dual(case.data, case.given, {}).tangent is None
    with (
        forward_ad.dual_level(),
        pytest.raises(ValueError, match=r"^`dt` must not require a gradient or have"),
    ):
        case.data(case.given, dt=forward_ad.make_dual(torch.tensor(1e-3), torch.tensor(1.0)))


def test_gradients_wanted_or_not_change_no_tangent(rng):
    case = Case(*CASES[4])
    direction = directions(case, rng)
    expected = dual(case.data, case.given, direction)
    with torch.no_grad():
        found = dual(case.data, case.moving(), direction)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    found = dual(case.data, case.moving(), direction)
    torch.testing.assert_close(found.tangent.detach(), expected.tangent, rtol=1e-12, atol=0)


def test_second_derivatives_are_refused(rng):
    case = Case(*CASES[0])
    direction, vp = directions(case, rng)["vp"], case.given["vp"]

    def data(vp):
        return case.data(case.given | {"vp": vp})

    given = vp.clone().requires_grad_()
    found = dual(case.data, case.given | {"vp": given}, {"vp": direction})
    with pytest.raises(RuntimeError, match="it has no second derivatives"):
        found.tangent.sum().backward()
    with forward_ad.dual_level():
        loss = (data(given) * forward_ad.make_dual(torch.ones(1), torch.ones(1))).sum()
        with pytest.raises(RuntimeError, match="it has no second derivatives"):
            loss.backward()

    def slope(vp):
        return torch.func.grad(lambda vp: data(vp).square().sum())(vp)

    with pytest.raises(NotImplementedError, match="jvp"):
        torch.func.jvp(slope, (vp,), (direction,))
    with pytest.raises(RuntimeError, match="it has no second derivatives"):
        torch.func.grad(lambda vp: torch.func.jvp(data, (vp,), (direction,))[1].sum())(vp)


@pytest.mark.parametrize("batched", [False, True])
def test_shots_of_one_medium_and_of_several(batched, rng):
    """Shots together are shots alone."""
    case = Case(2, True, "force", "velocity", 4, 0.1)
    direction = directions(case, rng)
    media = ("vp", "vs", "rho")
    places = torch.stack([case.given["place"], case.given["place"] + 21.0])
    slow = [1.0, 0.999]  # media differ, but not their absorbing layers

    def together(given):
        values = [
            given[n] * torch.tensor(slow, dtype=torch.float64)[:, None, None] if batched else given[n]
            for n in media
        ]
        receivers = sk.Receivers(**dict(zip(case.axes, given["receivers"], strict=True)))
        shots = [case.source(given | {"place": given["place"] + p - places[0]}) for p in places]
        medium = sk.Medium(*values, (SPACING, SPACING))
        return sk.simulate(medium, shots, receivers, **case.options).data

    both = dual(together, case.given, direction)
    for number, place in enumerate(places):
        factor = slow[number] if batched else 1.0
        given = case.given | {"place": place}
        given, tangents = (
            {n: v * factor if n in media else v for n, v in of.items()} for of in (given, direction)
        )
        alone = dual(case.data, given, tangents)
        for one, other in zip(both, alone, strict=True):
            torch.testing.assert_close(one[number], other[0], rtol=0, atol=1e-9 * float(other.abs().max()))


def test_places_on_nodes_have_the_slope_of_those_just_beyond():
    case = Case(2, False, "explosion", "velocity", 4, 0.0)
    slopes = []
    for shift in (0.0, 1e-3):
        place = torch.tensor([80.0, 90.0], dtype=torch.float64) + shift
        receivers = torch.tensor([[110.0, 60.0], [100.0, 120.0]], dtype=torch.float64) + shift
        given = case.given | {"place": place, "receivers": receivers}
        tangents = {"place": torch.ones_like(place), "receivers": -2 * torch.ones_like(receivers)}
        slopes.append(dual(case.data, given, tangents).tangent)
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-3 * float(slopes[0].abs().max()))


def test_snapshots_and_progress_change_no_tangent(rng):
    case = Case(*CASES[0])
    direction, seen, written = directions(case, rng), [], []

    def data(given, **options):
        medium = sk.Medium(given["vp"], given["vs"], given["rho"], SPACING)
        receivers = sk.Receivers(**dict(zip(case.axes, given["receivers"], strict=True)))
        seis = sk.simulate(medium, case.source(given), receivers, **case.options, **options)
        written.append(seis.snapshots)
        return seis.data

    options = {"snapshots": sk.Snapshots(every=3), "progress": lambda done, steps: seen.append((done, steps))}
    plain = data(case.given, **options)
    watched = dual(lambda given: data(given, **options), case.given, direction)
    expected = dual(data, case.given, direction)
    assert torch.equal(watched.tangent, expected.tangent)
    assert seen[-1][0] == seen[-1][1]
    scale = float(written[0].data.abs().max())
    torch.testing.assert_close(written[1].data, written[0].data, rtol=0, atol=1e-12 * scale)
    torch.testing.assert_close(watched.primal, plain, rtol=0, atol=1e-12 * float(plain.abs().max()))


def test_media_with_coefficients_of_their_own(rng):
    """They have no tangent, but their sources and receivers do."""
    case = Case(2, True, "moment", "velocity", 4, 0.1)
    layered = sk.layered_medium(
        (20, 22), SPACING, [0.0, 73.0], [3000, 3300], [1700, 1800], [2200, 2300], dtype=torch.float64
    )

    def data(given):
        receivers = sk.Receivers(**dict(zip(case.axes, given["receivers"], strict=True)))
        return sk.simulate(layered, case.source(given), receivers, **case.options).data

    names = ("series", "place", "receivers", "amount")
    direction = {name: value for name, value in directions(case, rng).items() if name in names}
    given = case.moving(names)
    found = data(given)
    tangent = dual(data, case.given, direction).tangent
    records = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    gradients = torch.autograd.grad(found, [given[name] for name in names], records)
    right = sum(float((g * direction[name]).sum()) for g, name in zip(gradients, names, strict=True))
    left = float((tangent * records).sum())
    assert abs(left - right) <= EXACT * float(tangent.norm() * records.norm())


class TestGaussNewton:
    """Of a few nodes in the middle, and of the source's function."""

    @pytest.fixture
    def product(self):
        case = Case(*CASES[0])

        def data(few, series):
            vp = torch.nn.functional.pad(few, (9, 22 - 9 - 3, 8, 20 - 8 - 2)) + case.given["vp"]
            return case.data(case.given | {"vp": vp, "series": series}) * 1e9

        few = torch.zeros(2, 3, dtype=torch.float64)
        return sk.GaussNewton(data, few, case.given["series"])

    def test_is_that_of_the_whole_matrix(self, product):
        sizes = 6, NT
        columns = []
        for n, size in enumerate(sizes):
            for unit in torch.eye(size, dtype=torch.float64):
                direction = [torch.zeros(2, 3).double(), torch.zeros(NT).double()]
                direction[n] = unit.reshape(direction[n].shape)
                columns.append(product.jvp(*direction).flatten())
        matrix = torch.stack(columns, 1)
        for row in (0, 17, 60):  # the transpose, of a few records
            unit = torch.zeros_like(product.records).flatten()
            unit[row] = 1
            found = torch.cat([v.flatten() for v in product.vjp(unit.reshape(product.records.shape))])
            torch.testing.assert_close(found, matrix[row], rtol=0, atol=EXACT * float(matrix.norm()))
        whole = matrix.T @ matrix
        direction = torch.arange(1.0, 7).double().reshape(2, 3), torch.arange(NT).double().cos()
        found = torch.cat([v.flatten() for v in product(*direction)])
        expected = whole @ torch.cat([v.flatten() for v in direction])
        assert float((found - expected).norm()) <= EXACT * float(whole.norm() * expected.norm())

    def test_is_symmetric_and_positive(self, product, rng):
        a, b = (
            [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((2, 3), (NT,))]
            for _ in range(2)
        )
        of_a, of_b = product(*a), product(*b)

        def dot(one, other):
            return float(sum((x * y).sum() for x, y in zip(one, other, strict=True)))

        scale = (dot(a, of_a) * dot(b, of_b)) ** 0.5
        assert abs(dot(a, of_b) - dot(b, of_a)) <= EXACT * scale
        for one, other in ((a, of_a), (b, of_b)):
            squared = float(product.jvp(*one).square().sum())
            assert squared > 0
            assert abs(dot(one, other) - squared) <= EXACT * squared

    def test_wrong_directions_are_refused(self, product):
        with pytest.raises(
            ValueError, match=r"^`direction` must have the shapes of the inputs, \[\(2, 3\), \(24,\)"
        ):
            product(torch.zeros(2, 3))
