import pytest
import torch

import seiskern as sk
from seiskern import _remember
from seiskern._remember import remembered


@pytest.fixture
def doubled():
    calls = []

    @remembered
    def function(tensor, by):
        calls.append(by)
        return by * tensor

    function.calls = calls
    return function


def test_equal_values_give_the_same_result_once(doubled):
    a = torch.arange(3.0)
    assert doubled(a, 2) is doubled(a.clone(), 2)
    assert doubled.calls == [2]


@pytest.mark.parametrize(
    "other",
    [torch.arange(3.0) + 1, torch.arange(3.0).double(), torch.arange(3.0)[None], torch.arange(4.0)],
    ids=["value", "type", "shape", "length"],
)
def test_other_tensors_are_told_apart(doubled, other):
    doubled(torch.arange(3.0), 2)
    assert torch.equal(doubled(other, 2), 2 * other)
    assert len(doubled.calls) == 2


def test_a_tensor_changed_in_place_is_another(doubled):
    a = torch.arange(3.0)
    before = doubled(a, 2)
    a += 1
    assert doubled(a, 2).tolist() == [2, 4, 6]
    assert before.tolist() == [0, 2, 4]


@pytest.mark.parametrize(("share", "kept"), [(0.4, True), (0.6, False)], ids=["small", "large"])
def test_what_is_larger_than_the_budget_is_not_kept(doubled, share, kept):
    a = torch.zeros(int(share * _remember.BUDGET) // 4)
    assert (doubled(a, 2) is doubled(a, 2)) == kept


def test_the_last_used_are_kept(doubled):
    a, b, c = (torch.full((_remember.BUDGET // 20,), value) for value in (1.0, 2.0, 3.0))  # two at a time
    for tensor in (a, b, a, c, a):
        doubled(tensor, 2)
    assert len(doubled.calls) == 3
    doubled(b, 2)
    assert len(doubled.calls) == 4


def test_a_view_holds_the_whole():
    assert _remember.held((torch.zeros(8)[:2], {"a": torch.zeros(4)}, 3)) == 4 * (8 + 4)


def test_what_wants_a_gradient_is_not_remembered(doubled):
    plain = torch.ones(2)
    doubled(plain, 2)
    moving = plain.clone().requires_grad_()
    first, second = doubled(moving, 2), doubled(moving, 2)
    assert first is not second
    first.sum().backward()
    assert torch.equal(moving.grad, torch.full((2,), 2.0))
    assert not doubled(plain, 2).requires_grad


def test_forget(doubled):
    a = torch.arange(3.0)
    before = doubled(a, 2)
    _remember.forget()
    assert doubled(a, 2) is not before


def test_receivers_and_wavelets_may_change_in_place_between_runs():
    medium = sk.Medium(torch.full((24, 24), 3000.0, dtype=torch.float64), 1700.0, 2500.0, 10.0)
    x, rate = torch.tensor([100.0, 150.0]), sk.ricker(10.0, 1e-3, 240)

    def run(x, rate):
        source = sk.Explosion(x=120.0, z=110.0, moment=1e9, rate=rate)
        return sk.simulate(medium, source, sk.Receivers(x=x, z=100.0), dt=1e-3, nt=240, absorbing=5).data

    before = run(x, rate)
    x += 13.0
    rate *= 0.5
    after = run(x, rate)
    assert torch.equal(after, run(x.clone(), rate.clone()))
    assert not torch.allclose(after[0, :, 0], before[0, :, 0], rtol=0.4)
    x -= 13.0
    rate *= 2
    assert torch.equal(run(x, rate), before)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("orthorhombic", [False, True], ids=["isotropic", "orthorhombic"])
def test_media_may_differ_between_runs(ndim, orthorhombic):
    """What is remembered holds for any medium, also where its values enter the weights: at a free surface."""
    shape, axes = (18,) * ndim, "xyz" if ndim == 3 else "xz"
    place = dict.fromkeys(axes, 83.0) | {"z": 0.0}

    def medium(vs):
        vp, rho = torch.full(shape, 3000.0, dtype=torch.float64), torch.full(shape, 2500.0)
        if orthorhombic:
            return sk.upscale(vp, torch.full_like(vp, vs), rho.double(), 10.0, 1)
        return sk.Medium(vp, vs, rho, 10.0)

    def run(vs):
        source = sk.Force(**place, force=[1e6] * ndim, signature=sk.ricker(6.0, 1e-3, 400))
        receivers = sk.Receivers(**(place | {"x": torch.tensor([61.0, 102.0])}))
        return sk.simulate(medium(vs), source, receivers, dt=1e-3, nt=400, absorbing=4).data

    first, second, again = run(1700.0), run(1000.0), run(1700.0)
    assert torch.equal(first, again)
    _remember.forget()
    assert torch.equal(run(1000.0), second)
