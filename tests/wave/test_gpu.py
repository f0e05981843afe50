"""`simulate` on a GPU: on the host, by the kernels of a GPU on a device that torch takes for one."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cuda_host import HostKernels, LateLink
from two_devices import GPU, OnGpu, TwoDevices

import seiskern as sk
from seiskern import _ext
from seiskern.kernels import elastic, gpu
from seiskern.kernels.elastic import Propagation, autograd, cuda, cuda_tuning
from seiskern.kernels.elastic.adjoint import stagger_gradient
from seiskern.kernels.elastic.autograd import _Propagate
from seiskern.wave.elastic import Run
from seiskern.wave.source import as_shots

NT, DT = 40, 0.004


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("host")


def host_kernels(folder):
    """In place of `gpu.Loaded`."""

    def loaded(device, source, defines):
        return HostKernels(folder, f"{Path(source).stem}_host.cpp", defines)

    return loaded


@pytest.fixture
def card(folder, monkeypatch):
    """A machine with a GPU."""
    monkeypatch.setattr(gpu, "Loaded", host_kernels(folder))
    monkeypatch.setattr(gpu, "Link", LateLink)
    monkeypatch.setattr(gpu, "why_not", str)
    monkeypatch.setattr(gpu, "shared_memory", lambda device: 0)
    monkeypatch.setattr(gpu, "clusters", lambda device: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "none")
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    with TwoDevices():
        yield


def medium(ndim, place=lambda value: value, moduli=False, batch=()):
    torch.manual_seed(ndim)
    shape = (*batch, *((24, 31) if ndim == 2 else (18, 9, 12)))
    share = 0.9 + 0.2 * torch.rand(shape)
    values = 2000 * share, 1100 * share, 2000 * share
    if moduli:
        rho = values[2]
        return sk.Medium.from_moduli(*map(place, (4e9 * share, 2e9 * share, rho)), (10.0,) * ndim)
    return sk.Medium(*map(place, values), (10.0,) * ndim)


def acquisition(ndim):
    return acquisition_of(ndim, NT)


def acquisition_of(ndim, nt):
    y = {} if ndim == 2 else {"y": 41.0}
    series = sk.ricker(8.0, DT, nt)
    shots = [
        sk.Explosion(x=63.0, z=52.0, **y, moment=1e9, rate=series),
        [
            sk.Force(x=70.0, z=3.0, **y, force=(1e6, 2e6, 3e6)[-ndim:], signature=series),
            sk.Explosion(x=40.0, z=4.0, **y, moment=1e9, rate=series),
        ],
    ]
    y = {} if ndim == 2 else {"y": 50.0}
    return shots, sk.Receivers(x=torch.linspace(10, 90, 7), z=torch.linspace(0, 60, 7), **y)


def assert_alike(got, wanted, bound=2e-5):
    assert got.dtype == wanted.dtype
    assert (got.cpu() - wanted).abs().max() <= bound * wanted.abs().max()


@pytest.mark.parametrize("quantity", ["velocity", "displacement", "acceleration", "pressure", "strain"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_records_are_those_of_the_cpu(ndim, quantity, card):
    options = {"dt": DT, "nt": NT, "quantity": quantity, "order": 4, "absorbing": 4}
    wanted = sk.simulate(medium(ndim), *acquisition(ndim), **options).data
    there = sk.simulate(medium(ndim, lambda value: value.to(GPU)), *acquisition(ndim), **options).data
    assert isinstance(there, OnGpu)
    assert_alike(there, wanted)
    back = sk.simulate(medium(ndim), *acquisition(ndim), backend="cuda", **options).data
    assert not isinstance(back, OnGpu)
    assert_alike(back, wanted)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("quantity", ["velocity", "pressure"])
def test_shots_that_few_multiprocessors_have_room_for(quantity, size, card, monkeypatch):
    options = {"dt": DT, "nt": NT, "quantity": quantity, "order": 4, "absorbing": 4}
    room = _ext.require().elastic_room(sk.plan(medium(2), **options).problem.native, size)
    used = []

    def blocks(problem, size=1):
        used.append(size)
        return cuda.Cluster((64, 1, 1), size=size)

    monkeypatch.setattr(gpu, "shared_memory", lambda device: room)
    monkeypatch.setattr(gpu, "clusters", lambda device: True)
    monkeypatch.setattr(cuda.Cluster, "of", blocks)
    wanted = sk.simulate(medium(2), *acquisition(2), **options).data
    assert not used
    assert_alike(sk.simulate(medium(2), *acquisition(2), backend="cuda", **options).data, wanted)
    assert used == [size]


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("ndim", [2, 3])
def test_snapshots(ndim, corrected, card):
    options = {"dt": DT, "nt": NT, "order": 4, "absorbing": 4, "dispersion_correction": corrected}
    for quantity in ("velocity", "pressure"):
        wanted, got = (
            sk.simulate(
                medium(ndim, place),
                *acquisition(ndim),
                snapshots=sk.Snapshots(every=20, stride=2, quantity=quantity),
                **options,
            ).snapshots.data
            for place in (lambda value: value, lambda value: value.to(GPU))
        )
        assert_alike(got, wanted)


@pytest.mark.parametrize("ndim", [2, 3])
def test_steps_in_one_pass(ndim, card, monkeypatch):
    """To and fro: after an odd number of steps as well, and where one looks at them."""
    blocks = cuda.Tiles((8, 1, 4), tile=(16, 1 if ndim == 2 else 7), chunk=4)
    monkeypatch.setattr(cuda_tuning, "chosen", lambda problem, way, device: blocks)
    options = {"dt": DT, "order": 4, "absorbing": 2, "snapshots": sk.Snapshots(every=7, stride=2)}
    for nt in (NT, NT + 1):
        shots, receivers = acquisition_of(ndim, nt)
        wanted, got = (
            sk.simulate(medium(ndim, place), shots, receivers, nt=nt, **options)
            for place in (lambda value: value, lambda value: value.to(GPU))
        )
        assert_alike(got.data, wanted.data)
        assert_alike(got.snapshots.data, wanted.snapshots.data)


def test_media(card):
    """By moduli, one per shot, orthorhombic."""
    options = {"dt": DT, "nt": NT, "order": 2, "absorbing": 4}
    fine = [torch.rand(45, 61) + value for value in (2000.0, 1000.0, 2000.0)]
    upscaled = sk.upscale(*fine, 5.0, 2)
    media = [
        lambda place: medium(2, place, moduli=True),
        lambda place: medium(2, place, batch=(2,)),
        lambda place: sk.Medium(
            *map(place, upscaled.values),
            upscaled.spacing,
            origin=upscaled.origin,
            effective={name: place(value) for name, value in upscaled.effective.items()},
        ),
    ]
    for made in media:
        wanted = sk.simulate(made(lambda value: value), *acquisition(2), **options).data
        assert_alike(sk.simulate(made(lambda value: value.to(GPU)), *acquisition(2), **options).data, wanted)


def test_ranges_of_a_medium_are_those_of_the_cpu(card):
    for moduli in (False, True):
        here, there = (medium(3, place, moduli).check() for place in (lambda v: v, lambda v: v.to(GPU)))
        for name in ("vp", "vs", "rho", "ratio", "slowest", "speed", "finite"):
            assert getattr(there, name) == pytest.approx(getattr(here, name), rel=1e-6)


def test_bad_values_are_found_on_a_gpu(card):
    bad = torch.full((20, 20), 2000.0)
    bad[3, 4] = float("nan")
    with pytest.raises(ValueError, match="`vp` must be finite, got 1 NaN"):
        sk.Medium(bad.to(GPU), 0.0, 2000.0, 10.0)
    with pytest.raises(ValueError, match="`rho` must be on cuda:0, got cpu"):
        sk.Medium(torch.full((20, 20), 2000.0).to(GPU), 0.0, torch.full((20, 20), 2000.0), 10.0)
    with pytest.raises(ValueError, match="`medium` must be on the CPU"):
        sk.simulate(medium(2, lambda v: v.to(GPU)), *acquisition(2), dt=DT, nt=NT, backend="cpu")


def test_a_blow_up_is_told(card):
    series = torch.full((NT,), 1e38)
    shot = sk.Explosion(x=63.0, z=52.0, moment=1e30, rate=series)
    with (
        pytest.raises(FloatingPointError, match="not finite"),
        pytest.warns(UserWarning, match="reaches"),
    ):
        sk.simulate(medium(2), shot, acquisition(2)[1], dt=DT, nt=NT, backend="cuda")


@pytest.fixture
def kernels_of_a_gpu(folder, monkeypatch):
    """On tensors of the CPU: autograd asks the driver of a device for its streams."""
    monkeypatch.setattr(gpu, "Loaded", host_kernels(folder))
    monkeypatch.setattr(gpu, "Link", LateLink)
    monkeypatch.setattr(cuda, "here", lambda array: True)
    monkeypatch.setattr(elastic.State, "at_start", lambda *given: elastic.State.zeros(*given[:2]))


def gradients(ndim, quantity, adjoint, times=1):
    """Of medium, amounts, series and places, by backpropagation, the last of so many times."""
    given = medium(ndim, lambda value: value.double().requires_grad_())
    (first, (force, second)), receivers = acquisition(ndim)
    rate = first.rate.double().requires_grad_()
    x = torch.tensor(63.0, dtype=torch.float64, requires_grad=True)
    amount = torch.tensor(force.force, dtype=torch.float64, requires_grad=True)
    place = receivers.x.double().requires_grad_()
    shots = [replace(first, x=x, rate=rate), [replace(force, force=amount), second]]
    options = {"dt": DT, "nt": NT, "order": 4, "absorbing": 4, "quantity": quantity, "adjoint": adjoint}
    data = sk.simulate(given, shots, replace(receivers, x=place), **options).data
    wanted, loss = (*given.values, rate, x, amount, place), data.square().sum()
    for _ in range(times):
        found = torch.autograd.grad(loss, wanted, retain_graph=True)
    return found


EXACT = [
    sk.Full(),
    sk.Full(where="host"),
    sk.Checkpointed(wavefields=2, segment=9),
    sk.Checkpointed(segment=9, where="disk"),
    sk.BoundarySaved(),
    sk.BoundarySaved(where="disk"),
]


@pytest.mark.parametrize(
    ("ndim", "quantity", "adjoint"),
    [
        *((2, ("velocity", "pressure")[number % 2], adjoint) for number, adjoint in enumerate(EXACT)),
        (3, "velocity", sk.BoundarySaved()),
        (3, "pressure", sk.Full(where="host")),
        (3, "velocity", sk.Checkpointed(wavefields=2, segment=9)),
    ],
    ids=str,
)
def test_gradients_are_those_of_the_cpu(ndim, quantity, adjoint, folder, monkeypatch, request):
    wanted = gradients(ndim, quantity, sk.Full())
    request.getfixturevalue("kernels_of_a_gpu")
    for got, other in zip(gradients(ndim, quantity, adjoint), wanted, strict=True):
        assert (got - other).abs().max() <= 1e-9 * other.abs().max()


def backward(ndim, quantity, place, device, adjoint):
    """Gradients of the medium by hand: autograd would ask the driver."""
    given, (shots, receivers) = medium(ndim, place), acquisition(ndim)
    decided = sk.plan(given, dt=DT, nt=NT, order=4, absorbing=4, quantity=quantity)
    run = Run(given, decided, as_shots(shots), receivers, quantity, 0.0, device)
    what = Propagation(
        *(decided.problem, run.state, run.profiles, run.sources, run.receivers),
        *((decided.steps,), lambda step: None, adjoint),
    )
    what = what if device.type == "cpu" else what._there()
    context = SimpleNamespace(needs_input_grad=[True] * 7)
    inputs = *(p.data for p in what.sources), *(p.weight for p in (*what.sources, what.receivers[0]))
    records = _Propagate.forward(context, what, run.packed, *inputs)
    _, of_packed, *rest = _Propagate.backward(context, *(record.clone() for record in records))
    return [*stagger_gradient(decided.problem, *given.values, of_packed), *rest]


@pytest.mark.parametrize(
    ("ndim", "quantity", "adjoint", "bound"),
    [
        (2, "pressure", sk.Checkpointed(wavefields=1, segment=20), 1e-9),
        (3, "velocity", sk.Checkpointed(segment=20, where="host"), 1e-9),
        (3, "pressure", sk.BoundarySaved(), 1e-9),
        (2, "velocity", sk.Full(dtype=torch.int16, where="disk"), 1e-3),
        (2, "velocity", sk.BoundarySaved(where="host"), 1e-9),
    ],
    ids=str,
)
def test_the_way_back_stays_on_its_device(ndim, quantity, adjoint, bound, card):
    here = torch.device("cpu")
    wanted = backward(ndim, quantity, lambda value: value.double(), here, sk.Full())
    got = backward(ndim, quantity, lambda value: value.double().to(GPU), GPU, adjoint)
    for value, other in zip(got, wanted, strict=True):
        assert isinstance(value, OnGpu)
        if other.numel():
            assert (value.cpu() - other).abs().max() <= bound * other.abs().max()


@pytest.mark.parametrize("adjoint", EXACT, ids=repr)
def test_gradients_may_be_taken_again(adjoint, kernels_of_a_gpu):
    for once, twice in zip(
        gradients(2, "velocity", adjoint), gradients(2, "velocity", adjoint, times=2), strict=True
    ):
        assert torch.equal(once, twice)


@pytest.mark.parametrize(
    "adjoint",
    [
        sk.Full(dtype=torch.int16),
        sk.Full(dtype=torch.int8, where="host"),
        sk.Checkpointed(segment=20, dtype=torch.int8),
        sk.BoundarySaved(dtype=torch.int16, where="disk"),
    ],
    ids=repr,
)
def test_gradients_from_fewer_bits(adjoint, folder, request):
    wanted = gradients(2, "velocity", sk.Full())[:3]
    request.getfixturevalue("kernels_of_a_gpu")
    share = 8 / (127 if adjoint.dtype == torch.int8 else 32767)
    for got, other in zip(gradients(2, "velocity", adjoint, times=2)[:3], wanted, strict=True):
        assert (got - other).norm() <= share * other.norm()
        assert not torch.equal(got, other)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_is_told_why():
    with pytest.raises(RuntimeError, match="`backend` 'cuda' cannot be used: "):
        sk.simulate(medium(2), *acquisition(2), dt=DT, nt=NT, backend="cuda")


class Foreign:
    """An array of another library."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_arrays_of_other_libraries_are_not_copied():
    for array in (np.full((20, 24), 2000.0, dtype="f4"), Foreign(np.full((20, 24), 2000.0, dtype="f4"))):
        made = sk.Medium(array, 1000.0, 2000.0, 10.0)
        address = getattr(array, "_array", array).ctypes.data
        assert made.vp.data_ptr() == address


def test_the_kernels_of_this_machine_are_compiled_for_these_blocks():
    """What is asked for in a run is among what `precompile` makes."""
    made = list(cuda.specialisations())
    for ndim in (2, 3):
        problem = sk.plan(medium(ndim), dt=DT, nt=NT).problem
        assert cuda.defines(problem, cuda.Blocks.of(problem)) in made


pytestmark = pytest.mark.filterwarnings("ignore:the source reaches")


@pytest.mark.gpu
@pytest.mark.parametrize("ndim", [2, 3])
def test_records_on_a_real_gpu(ndim):
    options = {"dt": DT, "nt": NT, "order": 8, "absorbing": 4}
    wanted = sk.simulate(medium(ndim), *acquisition(ndim), **options).data
    assert_alike(sk.simulate(medium(ndim), *acquisition(ndim), backend="cuda", **options).data, wanted)


def test_too_little_memory_is_told_with_what_fits(kernels_of_a_gpu, monkeypatch):
    def none(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(autograd, "GpuHistory", none)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 1 << 20)
    for free, advice in (
        (1 << 30, r"`adjoint=sk.BoundarySaved\(\)` takes about"),
        (0, "fewer shots at a time"),
    ):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 1 << 33))
        with pytest.raises(MemoryError, match=advice):
            gradients(2, "velocity", sk.Full())


def test_bench(kernels_of_a_gpu):
    from seiskern.bench import gpu as bench

    rows = list(bench.run_bench(["elastic", "adjoint"], False, toy=True, turns=1, device=torch.device("cpu")))
    assert [row.what for row in rows] == [
        *["records"] * 3,
        "Full()",
        "Full(dtype=torch.int16)",
        "Full(where='host')",
        "BoundarySaved()",
        "Checkpointed()",
    ]
    assert all(row.ms > 0 and row.gcells > 0 and row.of_bound > 0 for row in rows)


@pytest.mark.gpu
@pytest.mark.parametrize("adjoint", [sk.Full(), sk.Checkpointed()])
@pytest.mark.parametrize("ndim", [2, 3])
def test_gradients_on_a_real_gpu(ndim, adjoint):
    def of(device):
        given = medium(ndim, lambda value: value.double().to(device).requires_grad_())
        data = sk.simulate(given, *acquisition(ndim), dt=DT, nt=NT, absorbing=4, adjoint=adjoint).data
        return torch.autograd.grad(data.square().sum(), given.values)

    for got, wanted in zip(of("cuda"), of("cpu"), strict=True):
        assert (got.cpu() - wanted).abs().max() <= 1e-9 * wanted.abs().max()


@pytest.mark.gpu
@pytest.mark.parametrize("ndim", [2, 3])
def test_graphs_repeat_steps(ndim):
    """Many steps, so that they are captured; twice the same bits, on a stream of its own as well."""
    options = {"dt": DT, "nt": 300, "absorbing": 4, "dispersion_correction": False}
    first = sk.simulate(medium(ndim), *acquisition_of(ndim, 300), backend="cuda", **options).data
    with torch.cuda.stream(torch.cuda.Stream()):
        again = sk.simulate(medium(ndim), *acquisition_of(ndim, 300), backend="cuda", **options).data
    assert torch.equal(first, again)
    assert_alike(first, sk.simulate(medium(ndim), *acquisition_of(ndim, 300), **options).data, 1e-4)


def halves(ndim, factor=1.0, nt=NT, **options):
    """Records, and those of a wavefield in half precision, of amounts times a factor."""
    (first, (force, second)), receivers = acquisition_of(ndim, nt)
    first = replace(first, moment=first.moment * factor)
    force = replace(force, force=tuple(f * factor for f in force.force))
    shots = [first, [force, replace(second, moment=second.moment * factor)]]
    options = {"dt": DT, "nt": nt, "order": 4, "absorbing": 4} | options
    given = medium(ndim, lambda value: value.to(GPU)), shots, receivers
    return [sk.simulate(*given, storage=storage, **options).data.cpu() for storage in (None, torch.float16)]


@pytest.mark.parametrize(
    ("ndim", "quantity", "one_pass"),
    [(2, "velocity", False), (2, "pressure", True), (3, "velocity", True), (3, "pressure", False)],
)
def test_half_precision(ndim, quantity, one_pass, card, monkeypatch):
    if one_pass:
        blocks = cuda.Tiles((8, 1, 4), tile=(16, 1 if ndim == 2 else 7), chunk=4)
        monkeypatch.setattr(cuda_tuning, "chosen", lambda problem, way, device: blocks)
    wanted, got = halves(ndim, quantity=quantity)
    assert 1e-6 < (got - wanted).norm() / wanted.norm() < 3e-3


@pytest.mark.parametrize("factor", [2.0**60, 2.0**-60])
def test_half_precision_of_any_amounts(factor, card):
    """They are scaled: whatever the magnitude, the same bits."""
    assert torch.equal(halves(2, factor)[1], factor * halves(2)[1])


def test_half_precision_is_refused_where_it_is_not_there(card):
    shots, receivers = acquisition(2)
    options = {"dt": DT, "nt": NT, "storage": torch.float16}
    with pytest.raises(ValueError, match="`storage` must be None on the CPU"):
        sk.simulate(medium(2), shots, receivers, **options)
    with pytest.raises(ValueError, match=r"`storage` must be None for a medium of torch\.float64"):
        sk.simulate(medium(2, lambda value: value.double().to(GPU)), shots, receivers, **options)
    with pytest.raises(ValueError, match="`storage` must be"):
        sk.simulate(medium(2), shots, receivers, **options | {"storage": torch.bfloat16, "backend": "cuda"})


def test_half_precision_has_no_gradient(kernels_of_a_gpu):
    given, (shots, receivers) = medium(2), acquisition(2)
    decided = sk.plan(given, dt=DT, nt=NT, order=4, absorbing=4)
    decided = replace(decided, problem=replace(decided.problem, stored=torch.float16))
    run = Run(given, decided, as_shots(shots), receivers, "velocity", 0.0)
    what = Propagation(
        *(decided.problem, run.state, run.profiles, run.sources, run.receivers),
        *((decided.steps,), lambda step: None, sk.Full()),
    )
    with pytest.raises(ValueError, match="`storage` must be None where a gradient is wanted"):
        what.records(run.packed.requires_grad_())


@pytest.mark.slow
def test_half_precision_in_a_long_run(card):
    """1,600 steps of 200 x 200 nodes in a random medium, order 8: what docs/gpu.md says."""
    torch.manual_seed(0)
    n, dt = 200, 0.002
    coarse = torch.nn.functional.interpolate(torch.rand(1, 1, 25, 25), size=(n, n), mode="bilinear")[0, 0]
    vp = 3000 * (0.8 + 0.4 * coarse)
    given = sk.Medium(*(value.to(GPU) for value in (vp, vp / 1.8, 0.8 * vp)), 10.0)
    source = sk.Explosion(x=600.0, z=700.0, moment=1e12, rate=sk.ricker(12.0, dt, 1600, 0.1))
    receivers = sk.Receivers(x=torch.linspace(100, 1900, 37), z=torch.zeros(37))
    wanted, got = (
        sk.simulate(given, source, receivers, dt=dt, nt=1600, storage=storage).data.cpu()
        for storage in (None, torch.float16)
    )
    error = (got - wanted).norm() / wanted.norm()
    print(f"relative L2 error {error:.2e}; of the last quarter alone {tail(got, wanted):.2e}")
    assert error < 1.5e-2
    assert tail(got, wanted) < 0.15


def tail(got, wanted):
    last = slice(3 * wanted.shape[-1] // 4, None)
    return (got[..., last] - wanted[..., last]).norm() / wanted[..., last].norm()
