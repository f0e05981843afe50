"""Inside torch: under torch.compile, in the transforms of torch.func, and over several processes."""

import gc
import os
import subprocess
import sys
import weakref

import pytest
import torch

import seiskern as sk
from seiskern import _checks
from seiskern.wave import operator
from seiskern.wave.timing import Clock

DT, NT = 4e-3, 30
OPTIONS = {"dt": DT, "nt": NT, "absorbing": 5, "order": 4}
RATE = torch.exp(-(((torch.arange(NT, dtype=torch.float64) * DT - 0.04) / 0.015) ** 2))
SHOTS = [
    [
        sk.MomentTensor(x=81.3, z=60.0, moment=[[1e9, 3e8], [3e8, -5e8]], rate=RATE),
        sk.Explosion(x=140.0, z=97.1, moment=2e9, rate=RATE),
    ],
    sk.Force(x=120.0, z=0.0, force=(2e5, 1e6), signature=RATE),
]
RECEIVERS = sk.Receivers(x=[40.0, 93.7, 171.0], z=[0.0, 13.0, 110.0])
pytestmark = [
    pytest.mark.filterwarnings("ignore:the source reaches"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),  # of what inductor imports
]


@pytest.fixture(autouse=True)
def fresh():
    """No graph of another test, and in the end no simulation that waits for its gradient."""
    torch.compiler.reset()
    yield
    gc.collect()  # opcheck leaves cycles
    assert not operator._open


@pytest.fixture
def values():
    """vp, vs and rho of a rough medium."""
    rng = torch.Generator().manual_seed(3)
    rough = torch.rand(3, 18, 22, generator=rng, dtype=torch.float64)
    return [3000 + 300 * rough[0], 1700 + 150 * rough[1], 2200 + 100 * rough[2]]


def loss_of(data):
    return (1e6 * data).square().sum()


def loss(vp, vs, rho, **options):
    """What users compile: model parameters in, loss out, sources and receivers closed over."""
    seis = sk.simulate(sk.Medium(vp, vs, rho, 10.0), SHOTS, RECEIVERS, **(OPTIONS | options))
    return loss_of(seis.data)


def loss_of_all(vp, vs, rho, place, moment, force, series, receivers):
    """All of it from tensors."""
    x, z = place
    shots = [
        sk.MomentTensor(x=x, z=z, moment=moment, rate=series),
        [
            sk.Force(x=x, z=z, force=force, signature=2 * series),
            sk.Explosion(x=x, z=z, moment=moment[0, 0], rate=series),
        ],
    ]
    seis = sk.simulate(
        sk.Medium(vp, vs, rho, 10.0), shots, sk.Receivers(x=receivers, z=z), quantity="strain", **OPTIONS
    )
    return loss_of(1e3 * seis.component("xz"))


ALL = [
    torch.tensor([101.0, 63.0], dtype=torch.float64),
    torch.tensor([[1e9, 3e8], [3e8, -5e8]], dtype=torch.float64),
    torch.tensor([2e5, 1e6], dtype=torch.float64),
    RATE,
    torch.tensor([40.0, 93.7, 171.0], dtype=torch.float64),
]


def gradients(function, values, **options):
    """Value and gradients."""
    given = [value.clone().requires_grad_() for value in values]
    result = function(*given, **options)
    result.backward()
    return [result.detach(), *(value.grad for value in given)]


def assert_same(one, other):
    """To the rounding of sums of a few terms, whose order is torch's affair."""
    for a, b in zip(one, other, strict=True):
        scale = float(b.abs().max())
        assert scale > 0
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13 * scale)


BACKENDS = ["eager", "aot_eager"]


@pytest.mark.parametrize("backend", [*BACKENDS, pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled(backend, values):
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    for _ in range(2):
        assert_same(gradients(compiled, values), gradients(loss, values))
    with torch.no_grad():
        torch.testing.assert_close(compiled(*values), loss(*values), rtol=1e-13, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_with_all_that_moves(backend, values):
    given = [*values, *ALL]
    compiled = torch.compile(loss_of_all, fullgraph=True, backend=backend)
    assert_same(gradients(compiled, given), gradients(loss_of_all, given))


def test_what_is_closed_over_may_change(values):
    """Numbers and tensors of sources are looked at in each call."""
    shots = list(SHOTS)

    def of_shots(vp, vs, rho, **options):
        seis = sk.simulate(sk.Medium(vp, vs, rho, 10.0), shots, RECEIVERS, **(OPTIONS | options))
        return loss_of(seis.data)

    compiled = torch.compile(of_shots, fullgraph=True, backend="eager")
    before = compiled(*values)
    for source in (
        sk.Force(x=90.1, z=0.0, force=(2e5, 1e6), signature=RATE),
        sk.Force(x=70.3, z=0.0, force=(2e5, 1e6), signature=RATE),
        sk.Force(x=70.3, z=0.0, force=(1e5, 1e6), signature=-RATE),
    ):
        shots[1] = source
        found = compiled(*values)
        assert torch.equal(found, of_shots(*values))
        assert not torch.equal(found, before)
        before = found
    for dt in (0.8 * DT, 0.7 * DT):
        assert torch.equal(compiled(*values, dt=dt), of_shots(*values, dt=dt))


STRATEGIES = [sk.Full(where="disk"), sk.Checkpointed(), sk.Checkpointed(2, 3, where="disk", path="/tmp")]


@pytest.mark.parametrize("adjoint", STRATEGIES, ids=repr)
def test_strategies_arrive(adjoint, values, monkeypatch):
    seen, expected, cuts = [], gradients(loss, values), type(adjoint).cuts

    def remember(self, problem, steps):
        seen.append(self)
        return cuts(self, problem, steps)

    monkeypatch.setattr(type(adjoint), "cuts", remember)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    assert_same(gradients(compiled, values, adjoint=adjoint), expected)
    assert set(seen) == {adjoint}


def test_media_of_all_kinds_arrive(values):
    vp, vs, rho = values
    moduli = [rho * (vp.square() - 2 * vs.square()), rho * vs.square(), rho]
    layered = sk.layered_medium(
        (18, 22), 10.0, (0.0, 63.0), vp=(2000.0, 3000.0), vs=(1100.0, 1700.0), rho=(2000.0, 2200.0)
    )
    assert layered.effective is not None

    def of_moduli(lam, mu, rho):
        medium = sk.Medium.from_moduli(lam, mu, rho, 10.0)
        return loss_of(sk.simulate(medium, SHOTS, RECEIVERS, **OPTIONS).data)

    def of_layers(rate):
        shot = sk.Explosion(x=81.3, z=60.0, moment=1e9, rate=rate)
        return loss_of(sk.simulate(layered, shot, RECEIVERS, quantity="pressure", **OPTIONS).data)

    def of_shots(vp, vs, rho):
        values = (torch.stack([value, 1.01 * value]) for value in (vp, vs, rho))
        medium = sk.Medium(*values, (10.0, 10.0), origin=(0.0, -5.0))
        return loss_of(sk.simulate(medium, SHOTS, RECEIVERS, **OPTIONS).data)

    for function, given in ((of_moduli, moduli), (of_layers, [RATE]), (of_shots, values)):
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        assert_same(gradients(compiled, given), gradients(function, given))


def test_exported(values):
    """A program that is saved holds the operator."""

    class Forward(torch.nn.Module):
        def forward(self, vp, vs, rho):
            return loss(vp, vs, rho)

    program = torch.export.export(Forward(), tuple(values))
    assert "seiskern.simulate.default" in program.graph_module.code
    assert torch.equal(program.module()(*values), loss(*values))


def test_errors_and_warnings_come_when_it_runs(values):
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    compiled(*values)
    vp, vs, rho = values
    with pytest.raises(ValueError, match=r"^`vs` must be >= 0, got -"):
        compiled(vp, -vs, rho)
    with pytest.raises(ValueError, match=r"^`absorbing` must be >= 0, got -1"):
        compiled(*values, absorbing=-1)
    with pytest.warns(UserWarning, match="the source reaches"):
        compiled(vp / 8, vs / 8, rho)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snapshots": sk.Snapshots(5)}, "`snapshots` must be None under torch.compile, got one"),
        ({"quantity": "speed"}, "`quantity` must be one of"),
        ({"adjoint": "full"}, "`adjoint` must be Full, Checkpointed or BoundarySaved, got str"),
        ({"shot": 3}, "options of simulate must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_refused(options, message, values, monkeypatch):
    monkeypatch.setattr(_checks, "traced", lambda: True)  # torch.compile would wrap the error in its own
    with pytest.raises((ValueError, TypeError), match=message):
        loss(*values, **options)


def test_transforms_of_torch(values):
    given = [*values, *ALL]
    expected = gradients(loss_of_all, given)
    value, back = torch.func.vjp(loss_of_all, *given)
    found = back(torch.ones_like(value))
    assert_same([value, *found], expected)
    found = torch.func.grad(loss_of_all, tuple(range(len(given))))(*given)
    assert_same([value, *found], expected)
    found, value = torch.func.grad_and_value(loss, (0, 2))(*values)
    expected = gradients(loss, values)
    assert_same([value, *found], [expected[0], expected[1], expected[3]])


def arguments(values, wanted=True):
    """Of the operator, as `loss` calls it."""
    caught = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator, "forward", lambda *given: caught.append(given) or (torch.zeros(1), None))
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        loss(*(value.clone().requires_grad_(wanted) for value in values))
    return caught[0]


@pytest.mark.parametrize("wanted", [False, True])
def test_operators_obey_the_rules_of_torch(wanted, values):
    given = arguments(values, wanted)
    torch.library.opcheck(operator.forward, given)
    data, ticket = operator.forward(*given)
    tensors, *static, _ = given
    plain = [tensor.detach() for tensor in tensors]
    wanted = [number < 3 for number in range(len(plain))]
    gradient = torch.ones_like(data).detach()
    torch.library.opcheck(operator.backward, (gradient, ticket, plain, *static, wanted))


@pytest.mark.parametrize("back", [False, True])
def test_nothing_outlives_the_records(back, values, monkeypatch):
    """Without the garbage collector."""
    made, make = [], operator._Differentiable.__init__

    def remember(self, *given):
        made.append(weakref.ref(self))
        make(self, *given)

    monkeypatch.setattr(operator._Differentiable, "__init__", remember)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    gradients(compiled, values)
    made.clear()
    gc.collect()
    gc.disable()
    try:
        given = [value.clone().requires_grad_() for value in values]
        result = compiled(*given)
        assert len(operator._open) == 1
        if back:
            result.backward()
        del result
        assert not operator._open
        assert len(made) == 1
        assert made[0]() is None
    finally:
        gc.enable()


def test_what_was_kept_may_be_lost(values):
    """Tensors that are saved elsewhere come back as copies: then the simulation is made again."""
    given = arguments(values)
    expected = gradients(loss, values)[1:]
    for pack in (lambda tensor: tensor, torch.clone):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            data, ticket = operator.forward(*given)
        del ticket
        found = torch.autograd.grad(loss_of(data), given[0][:3], retain_graph=True)
        again = torch.autograd.grad(loss_of(data), given[0][:3])
        for values in zip(found, again, expected, strict=True):
            torch.testing.assert_close(values[0], values[2], rtol=1e-13, atol=0)
            assert torch.equal(values[0], values[1])


def test_time_functions_that_are_shared_are_made_once(values, monkeypatch):
    rows, make = [], Clock.source_series

    def remember(self, samples, half):
        rows.append(len(samples))
        return make(self, samples, half)

    monkeypatch.setattr(Clock, "source_series", remember)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    gradients(compiled, values)
    gradients(loss, values)
    assert rows == [1, 1, 1, 1]  # for forces and for moments


def test_layouts_are_those_promised(values):
    """Of transposed media, whose gradients might come as they lie."""
    given = [value.T.contiguous().T for value in values]
    assert not given[0].is_contiguous()
    tensors, *static, wanted = arguments(given)
    torch.library.opcheck(operator.forward, (tensors, *static, wanted))
    data, ticket = operator.forward(tensors, *static, wanted)
    plain = [tensor.detach() for tensor in tensors]
    found = operator.backward(torch.ones_like(data).detach(), ticket, plain, *static, wanted)
    assert all(gradient.is_contiguous() for gradient in found)
    assert_same(gradients(loss, given), gradients(loss, values))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert_same(gradients(compiled, given), gradients(loss, values))


def test_second_order_of_transforms_is_refused(values):
    def slope(vp):
        return torch.func.grad(loss)(vp, *values[1:]).sum()

    with pytest.raises(RuntimeError, match="has no second derivatives"):
        torch.func.grad(slope)(values[0])


def test_second_order_is_refused(values):
    data, _ = operator.forward(*(given := arguments(values)))
    slope = torch.autograd.grad(loss_of(data), given[0][0], create_graph=True)[0]
    with pytest.raises(RuntimeError, match="simulate_backward"):
        slope.sum().backward()


PROCESS = """
import sys, torch, seiskern as sk
from torch.nn.parallel import DistributedDataParallel
rank, folder = int(sys.argv[1]), sys.argv[2]
group = {"rank": rank, "world_size": 2, "init_method": f"file://{folder}/store"}
torch.distributed.init_process_group("gloo", **group)

class Shots(torch.nn.Module):
    def __init__(self, vp):
        super().__init__()
        self.vp = torch.nn.Parameter(vp)

    def forward(self, shots):
        medium = sk.Medium(self.vp, 1000.0, 2000.0, 10.0)
        receivers = sk.Receivers(x=[40.0, 170.0], z=0.0)
        return sk.simulate(medium, shots, receivers, dt=4e-3, nt=30, absorbing=5).data

vp = 2000 + 100 * torch.rand(18, 22, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
shots = [
    sk.Force(x=x, z=5.0, force=(0.0, 1e6), signature=sk.gaussian(0.02, 4e-3, 30)) for x in (50.0, 90.0, 150.0)
]
model = Shots(vp)
(1e6 * model(shots)).square().sum().backward()
alone, model.vp.grad = model.vp.grad, None
together = DistributedDataParallel(model)
(1e6 * together(shots[rank::2])).square().sum().backward()
# DDP takes the mean over processes.
torch.testing.assert_close(2 * model.vp.grad, alone, rtol=0, atol=1e-12 * float(alone.abs().max()))
assert float(alone.abs().max()) > 0
torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_shots_over_processes(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROCESS, str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
