"""The adjoint by CUDA kernels, run on the host, is that of the CPU."""

import itertools

import pytest
import torch
from cuda_host import HostKernels
from random_runs import EPS, ORDERS, SPEED, random_run
from test_adjoint import Backward
from test_cuda import BLOCKS
from test_elastic import SHAPES, WIDTHS, layers

from seiskern.kernels import elastic
from seiskern.kernels.elastic import cuda, cuda_adjoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("host")


class OnGpu(Backward):
    """What `Backward` does, for the same gradient of the records."""

    def __init__(self, other, folder, blocks, cuts=()):
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
        history = cuda.history_of(problem, run.n_shots, 0, run.n_steps, torch.device("cpu"))
        forward = HostKernels(folder, "step_host.cpp", cuda.defines(problem, blocks))
        steps = cuda.Stepper(*given, history, kernels=forward, blocks=blocks)
        ends = [0, *cuts, run.n_steps]
        for first, last in itertools.pairwise(ends):
            steps.run(first, last)
        self.gradients = [elastic.PointGradient.zeros(p, n < 2, n < 3) for n, p in enumerate(self.points)]
        for gradient, record in zip(self.gradients[2:], self.of_records, strict=True):
            gradient.data = record
        self.state = elastic.AdjointState.zeros(problem, run.n_shots, not problem.orthorhombic, True)
        back = HostKernels(folder, "adjoint_host.cpp", cuda.defines(problem, blocks))
        steps = cuda_adjoint.AdjointStepper(
            problem, self.state, self.medium, profiles, *pairs, self.gradients, history, back, blocks
        )
        for last, first in zip(ends[:0:-1], ends[-2::-1], strict=True):
            steps.run(first, last)


def assert_equal_to_cpu(run, rng, folder, blocks, cuts=()):
    wanted = Backward(run, rng)
    got = OnGpu(wanted, folder, blocks, cuts)
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
