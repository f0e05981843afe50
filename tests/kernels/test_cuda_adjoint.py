"""The adjoint by CUDA kernels, run on the host, is that of the CPU."""

import itertools
from pathlib import Path

import pytest
import torch
from cuda_host import HostKernels, LateLink
from random_runs import EPS, ORDERS, SPEED, random_run
from test_adjoint import Backward
from test_cuda import BLOCKS, kernels, kind_of, tiles
from test_elastic import SHAPES, WIDTHS, layers

import seiskern as sk
from seiskern.kernels import elastic, gpu
from seiskern.kernels.elastic import cuda, cuda_adjoint, cuda_history


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("host")


class OnGpu(Backward):
    """What `Backward` does, for the same gradient of the records."""

    def __init__(self, other, folder, blocks, cuts=(), strategy=None, forward=None):
        run, problem = other.run, other.run.problem
        self.run, self.medium, self.of_records = run, other.medium, other.of_records
        self.points = [
            elastic.Points(p.row_start, p.offset, p.number, p.series, p.weight, data)
            for p, data in zip(other.points, (point[-1].clone() for point in run.points), strict=True)
        ]
        profiles = problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        state = elastic.State.zeros(problem, run.n_shots)
        pairs = self.points[:2], self.points[2:]
        given = problem, state, self.medium, profiles, *pairs
        given_history = problem, run.n_shots, 0, run.n_steps, strategy or sk.Full()
        history = cuda_history.GpuHistory(*given_history, torch.device("cpu"))
        forward = forward or blocks
        steps = kind_of(forward)(*given, history, kernels=kernels(folder, problem, forward), blocks=forward)
        assert not isinstance(steps, cuda.Fused) or steps._turns[0].tiles["inside"]
        ends = [0, *cuts, run.n_steps]
        for first, last in itertools.pairwise(ends):
            steps.run(first, last)
        if history.boundary:
            history.wavefield = state.fields
        self.gradients = [elastic.PointGradient.zeros(p, n < 2, n < 3) for n, p in enumerate(self.points)]
        for gradient, record in zip(self.gradients[2:], self.of_records, strict=True):
            gradient.data = record
        self.state = elastic.AdjointState.zeros(problem, run.n_shots, not problem.orthorhombic, True)
        back = HostKernels(folder, "adjoint_host.cpp", cuda_adjoint.defines(problem, blocks, history))
        steps = cuda_adjoint.AdjointStepper(
            problem, self.state, self.medium, profiles, *pairs, self.gradients, history, back, blocks
        )
        for last, first in zip(ends[:0:-1], ends[-2::-1], strict=True):
            steps.run(first, last)


def assert_equal_to_cpu(run, rng, folder, blocks, cuts=(), strategy=None, forward=None):
    wanted = Backward(run, rng)
    got = OnGpu(wanted, folder, blocks, cuts, strategy, forward)
    bound = 2000 * EPS[run.problem.dtype]
    for name, (mine, other) in enumerate(zip(got.all(), wanted.all(), strict=True)):
        assert torch.isfinite(mine).all(), name
        if other.numel():
            assert (mine - other).abs().max() <= bound * max(1.0, float(other.abs().max())), name
    return got


def runs(ndim, order, dtype, rng):
    """A share of all shapes and layers, another one for each order."""
    every = [shape for shape in SHAPES if len(shape) == ndim]
    for number, (shape, first) in enumerate(itertools.product(every, WIDTHS)):
        if (number + order // 2) % 4 == 0:
            yield random_run(
                *(rng, shape, order, dtype, layers(first, shape)),
                n_shots=1 + number % 2,
                orthorhombic=number % 3 == 0,
            )


@pytest.mark.parametrize(
    ("order", "dtype"), [*((order, torch.float64) for order in ORDERS), (4, torch.float32)], ids=str
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_equals_the_cpu(ndim, order, dtype, folder, rng):
    for run in runs(ndim, order, dtype, rng):
        assert_equal_to_cpu(run, rng, folder, BLOCKS[ndim][order // 2 % 2])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planes", [(19, 83), (13, 5, 37)], ids=str)
def test_equals_the_cpu_below_a_free_surface(planes, order, folder, surfaces, rng):
    depth = surfaces[order].depth
    shape = (depth + planes[0], *planes[1:])
    for first in ("none", "meeting", "after"):
        run = random_run(rng, shape, order, absorbing=layers(first, shape, depth), depth=depth)
        assert_equal_to_cpu(run, rng, folder, BLOCKS[len(shape)][order // 2 % 2])


@pytest.mark.parametrize("shape", [(13, 21), (7, 6, 19)], ids=str)
def test_shots_have_media_of_their_own(shape, folder, rng):
    run = random_run(rng, shape, 4, absorbing=layers("unequal", shape), n_shots=3, n_media=3)
    assert_equal_to_cpu(run, rng, folder, BLOCKS[len(shape)][0])


def test_a_run_may_be_cut_anywhere(folder, rng):
    shape = (13, 21)
    run = random_run(rng, shape, 4, absorbing=layers("unequal", shape), n_steps=3 * cuda.STEPS + 5)
    wanted = Backward(run, rng)
    whole, cut = (OnGpu(wanted, folder, BLOCKS[2][0], cuts) for cuts in ((), (1, 20, 41)))
    for value, other in zip(whole.all(), cut.all(), strict=True):
        assert torch.equal(value, other)


@pytest.mark.parametrize("n_media", [1, 2])
def test_entries_shared_by_shots(n_media, folder, rng):
    shape = (9, 14)
    run = random_run(rng, shape, 4, absorbing=layers("unequal", shape), n_shots=2, n_media=n_media)
    run.points = [(names, None, *rest) for names, _, *rest in run.points]
    assert_equal_to_cpu(run, rng, folder, BLOCKS[2][1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_edges_alone_are_kept(ndim, order, folder, rng):
    """Of runs from rest: they go back in time beside the adjoint."""
    for run in runs(ndim, order, torch.float64, rng):
        assert_equal_to_cpu(run, rng, folder, BLOCKS[ndim][order // 2 % 2], strategy=sk.BoundarySaved())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("planes", [(19, 83), (13, 5, 37)], ids=str)
def test_edges_alone_are_kept_below_a_free_surface(planes, order, folder, surfaces, rng):
    depth = surfaces[order].depth
    shape = (depth + planes[0], *planes[1:])
    for first in ("none", "after"):
        run = random_run(rng, shape, order, absorbing=layers(first, shape, depth), depth=depth)
        assert_equal_to_cpu(run, rng, folder, BLOCKS[len(shape)][1], strategy=sk.BoundarySaved())


@pytest.fixture
def late(folder, monkeypatch):
    """Kernels of a GPU, copies that are made as late as may be, pieces of three steps."""
    made = {}

    def loaded(device, source, defines):
        return made.setdefault(source, HostKernels(folder, f"{Path(source).stem}_host.cpp", defines))

    monkeypatch.setattr(gpu, "Loaded", loaded)
    monkeypatch.setattr(gpu, "Link", LateLink)
    monkeypatch.setattr(cuda_history, "STEPS", 3)


@pytest.mark.parametrize("kind", [sk.Full, sk.BoundarySaved])
@pytest.mark.parametrize("where", ["host", "disk"])
def test_velocities_elsewhere_are_those_that_were_put_there(where, kind, late, folder, rng):
    run = random_run(rng, (23, 41), 4, absorbing=layers("unequal", (23, 41)), n_shots=2, n_steps=11)
    wanted = Backward(run, rng)
    for cuts in ((), (2, 6, 7)):
        here = OnGpu(wanted, folder, BLOCKS[2][0], cuts, kind())
        there = OnGpu(wanted, folder, BLOCKS[2][0], cuts, kind(where=where))
        for value, other in zip(here.all(), there.all(), strict=True):
            assert torch.equal(value, other)


@pytest.mark.parametrize(("dtype", "share"), [(torch.int16, 8 / 32767), (torch.int8, 8 / 127)], ids=str)
@pytest.mark.parametrize("where", ["memory", "host", "disk"])
def test_velocities_of_fewer_bits(where, dtype, share, late, folder, rng):
    run = random_run(rng, (23, 41), 4, absorbing=layers("unequal", (23, 41)), n_shots=2, n_steps=11)
    wanted = Backward(run, rng)
    exact = OnGpu(wanted, folder, BLOCKS[2][0])
    got = OnGpu(wanted, folder, BLOCKS[2][0], (), sk.Full(dtype=dtype, where=where))
    assert not torch.equal(got.state.images, exact.state.images)
    error = (got.state.images - exact.state.images).norm() / exact.state.images.norm()
    assert error <= share
    for mine, other in zip(got.all(), exact.all(), strict=True):
        if mine.shape != exact.state.images.shape and mine.numel():
            assert (mine - other).abs().max() <= 40 * share * other.abs().max()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_codes_of_numbers(dtype, bits, late):
    torch.manual_seed(bits)
    for n in (1, 63, 64, 65, 1000):
        values = torch.randn(n, dtype=dtype) * torch.logspace(-20, 5, n, dtype=dtype)
        values[n // 2] = 0
        codec = cuda_history.Codec(torch.device("cpu"), dtype, bits)
        codes, back = codec.encode(values), torch.full((n,), float("nan"), dtype=dtype)
        assert codes.numel() == codec.size(n)
        codec.decode(codes, back)
        limit = 2 ** (bits - 1) - 1
        for some, found in zip(values.split(64), back.split(64), strict=True):
            assert (some - found).abs().max() <= 0.5001 * some.abs().max() / limit
    codec.decode(codec.encode(torch.full((64,), float("nan"), dtype=dtype)), back[:64])
    assert back[:64].isnan().all()
    codec.decode(codec.encode(torch.zeros(64, dtype=dtype)), back[:64])
    assert not back[:64].any()


@pytest.mark.parametrize("strategy", [sk.Full(), sk.BoundarySaved()], ids=repr)
@pytest.mark.parametrize("ndim", [2, 3])
def test_after_steps_in_one_pass(ndim, strategy, folder, rng):
    shape, widths = ((21, 57), ((3, 2), (4, 3))) if ndim == 2 else ((14, 11, 41), ((2, 2), (2, 1), (3, 0)))
    run = random_run(rng, shape, 4, absorbing=widths, n_shots=2, entries=40)
    assert_equal_to_cpu(run, rng, folder, BLOCKS[ndim][0], (2, 5), strategy, tiles(4, 1, ndim))
