"""CUDA kernels, run on the host by a shim, equal those of the CPU; and they compile for GPUs without one."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import types
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from cuda_host import HostKernels, build
from random_runs import EPS, ORDERS, ROUNDINGS_PER_STEP, SPEED, random_run
from test_elastic import BELOW_SURFACE, SHAPES, WIDTHS, layers

from seiskern import _ext
from seiskern.cli.precompile import specialisations
from seiskern.kernels import elastic, gpu
from seiskern.kernels.elastic import cuda, cuda_history, cuda_points

# Tiles that fit nothing: blocks hang over at all ends, threads have several nodes.
BLOCKS = {
    2: [cuda.Blocks((4, 1, 2)), cuda.Blocks((3, 1, 5), lanes=2, planes=3)],
    3: [cuda.Blocks((2, 3, 2)), cuda.Blocks((5, 2, 1), lanes=4, planes=2)],
}
CASES = [
    *((order, torch.float64) for order in ORDERS),
    (4, torch.float32),
    *(pytest.param(order, torch.float32, marks=pytest.mark.slow) for order in ORDERS if order != 4),
]
"""Orders and types: single precision is the same text."""
SERIES = {"inject", "record", "weigh", "correct", "tick"}
STEP = {"velocity_inside", "velocity_edges", "stress_inside", "stress_edges", "keep_velocities"}
KERNELS = {
    cuda.SHOTS: SERIES | {"shots"},
    cuda.SOURCE: SERIES | STEP,
    cuda.FUSED: SERIES | STEP | {"step_inside"},
    cuda.ADJOINT: SERIES
    | {"velocity_back_inside", "velocity_back_edges", "stress_back_inside", "stress_back_edges"},
    cuda_history.SOURCE: {"encode", "decode"},
}
"""Of each source."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("host")


# A block of threads that neither fits the nodes nor the entries.
WHOLE = [cuda.Cluster((23, 1, 1), size=size) for size in (1, 2, 3)]


def kind_of(blocks):
    if isinstance(blocks, cuda.Cluster):
        return cuda.Resident
    return cuda.Fused if isinstance(blocks, cuda.Tiles) else cuda.Stepper


def kernels(folder, problem, blocks):
    name = f"{Path(kind_of(blocks).source).stem}_host.cpp"
    return HostKernels(folder, name, cuda.defines(problem, blocks))


def advanced(run, blocks, folder, cuts=None):
    """As `Run.kernel`, by the kernels of a GPU: step by step, or with `WHOLE` by one launch."""
    problem = run.problem
    state = elastic.State.zeros(problem, run.n_shots)
    problem.view(state.fields)[:] = run.start
    built = [
        elastic.Points.build(problem, data.clone(), node[:, 0], index, number, series, weight)
        for _, node, index, number, series, weight, data in run.points
    ]
    medium, profiles = problem.pack(run.medium), problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    steps = kind_of(blocks)(
        problem,
        state,
        medium,
        profiles,
        built[:2],
        built[2:],
        kernels=kernels(folder, problem, blocks),
        blocks=blocks,
    )
    assert not isinstance(steps, cuda.Fused) or steps._turns[0].tiles["inside"]
    for first, last in itertools.pairwise([0, *(cuts or [run.n_steps])]):
        steps.run(first, last)
    return problem.view(state.fields), built[2].data, built[3].data, state.fields


def assert_equal_to_cpu(run, blocks, folder, cuts=None):
    wanted = run.kernel()
    got = advanced(run, blocks, folder, cuts)
    largest = max(1.0, *(float(value.abs().max()) for value in wanted))
    bound = EPS[run.problem.dtype] * ROUNDINGS_PER_STEP * run.n_steps * largest
    for value, other in zip(got, wanted, strict=True):
        assert torch.isfinite(value).all()
        assert (value - other).abs().max() <= bound
    run.problem.view(got[-1]).zero_()
    assert not got[-1].any()  # nothing but nodes was written


@pytest.mark.parametrize(("order", "dtype"), CASES, ids=str)
@pytest.mark.parametrize("ndim", [2, 3])
def test_equals_the_cpu(ndim, dtype, order, folder, rng):
    for number, (shape, first) in enumerate(itertools.product(SHAPES, WIDTHS)):
        if len(shape) == ndim:
            run = random_run(
                *(rng, shape, order, dtype, layers(first, shape)),
                n_shots=1 + number % 2,
                orthorhombic=number % 3 == 0,
            )
            assert_equal_to_cpu(run, BLOCKS[ndim][number % 2], folder)


@pytest.mark.parametrize(("order", "dtype"), CASES, ids=str)
@pytest.mark.parametrize("ndim", [2, 3])
def test_equals_the_cpu_below_a_free_surface(ndim, dtype, order, folder, surfaces, rng):
    depth = surfaces[order].depth
    for number, (planes, first) in enumerate(itertools.product(BELOW_SURFACE, ("none", "meeting", "after"))):
        if len(planes) == ndim:
            shape = (depth + planes[0], *planes[1:])
            run = random_run(rng, shape, order, dtype, layers(first, shape, depth), depth)
            assert_equal_to_cpu(run, BLOCKS[ndim][number % 2], folder)


@pytest.mark.parametrize(("order", "dtype"), CASES, ids=str)
def test_a_shot_in_one_block_or_a_cluster_equals_the_cpu(dtype, order, folder, surfaces, rng):
    cases = [(shape, first, 0) for shape in SHAPES for first in WIDTHS if len(shape) == 2]
    depth = surfaces[order].depth
    below = [(depth + planes[0], planes[1]) for planes in BELOW_SURFACE if len(planes) == 2]
    cases += [(shape, first, depth) for shape in below for first in ("none", "meeting", "after")]
    used = set()
    for number, (shape, first, planes) in enumerate(cases):
        run = random_run(
            *(rng, shape, order, dtype, layers(first, shape, planes), planes),
            n_shots=1 + number % 2,
            n_media=1 + number % 2,
            orthorhombic=number % 3 == 0,
        )
        sizes = [b for b in WHOLE if _ext.require().elastic_room(run.problem.native, b.size) > 0]
        used.add(blocks := sizes[number % len(sizes)])
        assert_equal_to_cpu(run, blocks, folder, cuts=[2, 3, run.n_steps])
    assert used == set(WHOLE)


@pytest.mark.parametrize("order", ORDERS)
def test_a_multiprocessor_has_room_for_a_shot(order):
    """Of 64 x 64 nodes with layers: an H100 or H200 gives a block 227 KiB."""
    problem = elastic.Problem((84, 84), (1.0, 1.0), 0.1, order, absorbing=((10, 10), (10, 10)))
    fields, memory = 5 * (84 + order) * (84 + order // 2), 8 * 20 * 84
    room = _ext.require().elastic_room(problem.native, 1)
    assert room == 4 * (fields + memory + 5 * order // 2)
    assert room <= 227 << 10


def test_a_cluster_has_room_for_more():
    """Of 160 x 160 nodes with layers of 20, in eight blocks."""
    rooms = []
    for size in cuda.CLUSTERS:
        problem = elastic.Problem((200, 200), (1.0, 1.0), 0.1, 4, absorbing=((20, 20), (20, 20)))
        rooms.append(_ext.require().elastic_room(problem.native, size))
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[-1] <= 227 << 10 < rooms[-2]
    thin = elastic.Problem((20, 240), (1.0, 1.0), 0.1, 8)
    assert _ext.require().elastic_room(thin.native, 8) == -1


def test_shots_have_media_of_their_own(folder, rng):
    shape = (13, 21)
    run = random_run(rng, shape, 4, absorbing=layers("unequal", shape), n_shots=3, n_media=3)
    assert_equal_to_cpu(run, BLOCKS[2][0], folder)


def test_long_indices(folder, rng, monkeypatch):
    monkeypatch.setattr(cuda_points, "index_type", lambda problem: torch.int64)
    shape = (7, 6, 19)
    run = random_run(rng, shape, 4, absorbing=layers("unequal", shape))
    assert_equal_to_cpu(run, BLOCKS[3][0], folder)


def test_a_run_may_be_cut_anywhere(folder, rng):
    """Steps are repeated in groups; the counter of steps is on the device."""
    run = random_run(rng, (9, 12), 4, n_steps=3 * cuda.STEPS + 5)
    whole = advanced(run, BLOCKS[2][0], folder)
    for value, other in zip(whole, advanced(run, BLOCKS[2][0], folder, cuts=[1, 20, 53]), strict=True):
        assert torch.equal(value, other)


def test_many_entries_at_a_node_and_of_a_series(folder, rng):
    """All in their order: to the last bit, however often."""
    run = random_run(rng, (2, 3), 4, torch.float64, n_shots=2, entries=400)
    first = advanced(run, BLOCKS[2][0], folder)
    for value, other, wanted in zip(first, advanced(run, BLOCKS[2][0], folder), run.kernel(), strict=True):
        assert torch.equal(value, other)
        assert (value - wanted).abs().max() <= 1e-12 * wanted.abs().max()


def test_entries_shared_by_shots(folder, rng):
    run = random_run(rng, (8, 11), 4, n_shots=3)
    shared = [(*p[:1], None, *p[2:]) for p in run.points]

    def built(data, index, number, series, weight):
        return elastic.Points.build(run.problem, data.clone(), None, index, number, series, weight)

    results = []
    for blocks in (None, BLOCKS[2][0]):
        points = [built(p[6], *p[2:6]) for p in shared]
        state = elastic.State.zeros(run.problem, 3)
        given = run.problem, state, run.problem.pack(run.medium), run.problem.profiles(SPEED, 0.1, 1e-3, 0.2)
        if blocks is None:
            elastic.run(*given, tuple(points[:2]), tuple(points[2:]), 0, run.n_steps)
        else:
            own = kernels(folder, run.problem, blocks)
            cuda.Stepper(*given, points[:2], points[2:], kernels=own, blocks=blocks).run(0, run.n_steps)
        results.append([state.fields, points[2].data, points[3].data])
    for one, other in zip(*results, strict=True):
        assert (one - other).abs().max() <= 1e-12 * one.abs().max()


def test_needs_a_gpu(rng):
    run = random_run(rng, (5, 6), 4)
    state = elastic.State.zeros(run.problem, 1)
    none = [elastic.Points.none(run.problem, 1, 1)] * 2
    medium, profiles = run.problem.pack(run.medium), run.problem.profiles(SPEED, 0.1, 1e-3)
    with pytest.raises(RuntimeError, match="pip install 'seiskern"):
        cuda.Stepper(run.problem, state, medium, profiles, none, none)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_cuda.py", "test_cuda_adjoint.py"])
def test_nothing_is_out_of_bounds(name):
    """Some of what equals the CPU, once more, with the sanitizers of the compiler in the kernels."""
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={library}"], capture_output=True, text=True, check=True)
        for library in ("libasan.so", "libubsan.so")
    ]
    tests = Path(__file__).parent / name
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            tests,
            "-k",
            "4-torch.float64 or entries or elsewhere or (edges and 2-4)",
        ],
        env=os.environ
        | {
            "LD_PRELOAD": ":".join(library.stdout.strip() for library in libraries),
            "ASAN_OPTIONS": "detect_leaks=0",
            "SEISKERN_SANITIZE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


@pytest.mark.parametrize("some", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("source", KERNELS)
def test_compiles_for_gpus(source, some, capsys):
    """By NVRTC, all that may be asked for: no spills, no more registers than there should be."""
    pytest.importorskip("cuda.bindings.nvrtc")
    wanted = [defines for of, defines in specialisations() if of == source]
    assert len(wanted) == {cuda_history.SOURCE: 4, cuda.SOURCE: 96, cuda.FUSED: 96}.get(source, 64)

    def values():
        return {key: len({defines.get(key) for defines in wanted}) for key in names}

    names = {key for defines in wanted for key in defines}
    kinds = values()
    if some:
        wanted = wanted[:: 1 if source == cuda_history.SOURCE else 13]
    assert values() == kinds  # some of each
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        logs = list(pool.map(lambda defines: gpu.resources(source, defines, 90), wanted))
    with capsys.disabled():
        print("\nregisters of a thread, sm_90:", *logs[0])
        for defines, found in zip(wanted, logs, strict=True):
            what = (defines.get(name) for name in sorted(names - {"SK_LANES", "SK_PLANES", "SK_THREADS"}))
            print(*what, ":", *(registers for registers, _ in found.values()))
            assert_within_budget(source, defines, found)


def assert_within_budget(source, defines, found):
    assert set(found) == KERNELS[source]
    for name, (registers, spilled) in found.items():
        assert spilled == 0, name
        assert registers <= budget(name, defines), (name, registers)


def budget(name, defines):
    """Registers of a thread, at most: 65,536 are for the threads of one multiprocessor.

    In double precision as many as it takes.
    """
    reversed = defines.get("SK_REVERSED", 0) == 1
    if defines["SK_REAL"] == "double" or name in ("stress_back_edges", "velocity_back_edges" * reversed):
        return 255
    few = {"velocity_inside", "stress_inside", "" if reversed else "velocity_back_inside"}
    return 64 if name in few else 128


ARCHS = (80, 90, 100)


@pytest.mark.parametrize(
    ("source", "ndim", "order", "real"),
    [
        (cuda.SOURCE, 2, 4, "double"),
        (cuda.SOURCE, 3, 8, "float"),
        (cuda.ADJOINT, 3, 8, "float"),
        (cuda.FUSED, 3, 8, "float"),
        (cuda.SHOTS, 2, 4, "float"),
    ],
)
def test_compiles_with_nvcc(source, ndim, order, real, tmp_path):
    """For three generations of GPUs."""
    if shutil.which("nvcc") is None:
        pytest.skip("needs nvcc")
    dtype = torch.float32 if real == "float" else torch.float64
    problem = elastic.Problem((1,) * ndim, (1.0,) * ndim, 1.0, order, dtype)
    targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in ARCHS]
    blocks = {cuda.SHOTS: cuda.Cluster, cuda.FUSED: cuda.Tiles}.get(source, cuda.Blocks).of(problem)
    defines = cuda.defines(problem, blocks) | {"SK_REVERSED": 1}
    options = gpu.command_line(defines)
    done = subprocess.run(
        [
            *("nvcc", "-c", *targets, *options, "-Xptxas=-v", f"-I{gpu.folder()}"),
            *(str(gpu.folder() / source), "-o", str(tmp_path / "made.o")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    entries = re.findall("Compiling entry function", done.stderr)
    assert len(entries) == len(KERNELS[source]) * len(ARCHS)
    assert_within_budget(source, defines, gpu.parse_resources(done.stderr))


def test_a_mistake_in_a_kernel_is_told(tmp_path):
    pytest.importorskip("cuda.bindings.nvrtc")
    with pytest.raises(RuntimeError, match=r"step.cu does not compile for sm_90[^$]*nonsense"):
        gpu.compile_cubin(cuda.SOURCE, {"SK_DIM": "nonsense"}, 90)


CHILD = """
import sys
from seiskern.kernels import gpu
made = gpu.compile_cubin
def compiled(*arguments):
    print("compiled", flush=True)
    return made(*arguments)
gpu.compile_cubin = compiled
from seiskern.kernels.elastic import cuda
print(gpu.cubin(cuda.SOURCE, next(cuda.specialisations()), 90))
"""


def test_one_of_several_processes_compiles(tmp_path):
    pytest.importorskip("cuda.bindings.nvrtc")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env=os.environ | {"SEISKERN_CACHE": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [child.communicate()[0] for child in children]
    assert sum("compiled" in words for words in said) == 1
    (path,) = {words.splitlines()[-1] for words in said}
    with open(path, "rb") as file:
        assert file.read(4) == b"\x7fELF"
    assert {p.suffix for p in tmp_path.iterdir()} == {".cubin", ".lock"}


def test_the_cache_knows_what_a_kernel_is_made_of(tmp_path, monkeypatch):
    pytest.importorskip("cuda.bindings.nvrtc")
    monkeypatch.setenv("SEISKERN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gpu, "compile_cubin", lambda *_: b"\x7fELF")
    sources = shutil.copytree(gpu.folder(), tmp_path / "csrc")
    monkeypatch.setattr(gpu, "folder", lambda: sources)
    defines = next(cuda.specialisations())

    def path(**changed):
        gpu._digest.cache_clear()
        return gpu.cubin(cuda.SOURCE, defines | changed, changed.pop("arch", 90))

    first = path()
    assert path() == first
    assert path(SK_RADIUS=3) != first
    assert path(arch=80) != first
    monkeypatch.setattr(gpu, "nvrtc_version", lambda: "99.9")
    assert path() != first
    monkeypatch.undo()
    monkeypatch.setenv("SEISKERN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gpu, "compile_cubin", lambda *_: b"\x7fELF")
    monkeypatch.setattr(gpu, "folder", lambda: sources)
    (sources / "elastic/edge.h").write_text("// changed\n")
    assert path() != first
    gpu._digest.cache_clear()


def test_without_nvrtc_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    with pytest.raises(RuntimeError, match=r"pip install 'seiskern\[cuda1[23]\]'"):
        gpu.nvrtc()


def test_the_shim_builds_each_kernel_once(folder):
    problem = elastic.Problem((5, 6), (1.0, 1.0), 0.1, 4)
    defines = cuda.defines(problem, BLOCKS[2][0])
    assert build(folder, "step_host.cpp", defines) == build(folder, "step_host.cpp", defines)


class FakeCuPy:
    """What `Loaded` asks of CuPy, on the host: launches run at once, or are captured."""

    class Kernel:
        max_dynamic_shared_size_bytes = 48 << 10

        def __init__(self, cupy, host, name):
            self.cupy, self.host, self.name = cupy, host, name

        def __call__(self, grid, block, arguments, shared_mem=0):
            assert shared_mem <= self.max_dynamic_shared_size_bytes

            def run():
                self.host.launch(self.name, grid[0], block, *arguments, shared=shared_mem)

            stream = self.cupy.current[-1]
            if stream.captured is None:
                self.cupy.launched.append((self.name, stream.handle))
                run()
            else:
                stream.captured.append((self.name, run))

    class Stream:
        def __init__(self, cupy, handle):
            self.cupy, self.handle, self.captured = cupy, handle, None

        def __enter__(self):
            self.cupy.current.append(self)

        def __exit__(self, *_):
            self.cupy.current.pop()

        def begin_capture(self):
            self.captured = []

        def end_capture(self):
            captured, self.captured = self.captured, None
            self.cupy.captures += 1
            return FakeCuPy.Graph(self.cupy, captured)

        def synchronize(self):
            assert self.captured is None

    class Graph:
        def __init__(self, cupy, captured):
            self.cupy, self.captured = cupy, captured

        def launch(self, stream):
            self.cupy.graphs.append((len(self.captured), stream.handle))
            for _, run in self.captured:
                run()

    def __init__(self, hosts):
        self.launched, self.graphs, self.current, self.hosts = [], [], [], hosts
        self.captures = 0
        self.cuda = types.SimpleNamespace(
            Device=lambda index: contextlib.nullcontext(),
            Stream=lambda non_blocking: self.Stream(self, "capture"),
            ExternalStream=lambda handle, index: self.Stream(self, handle),
        )

    def RawModule(self, path):
        return types.SimpleNamespace(get_function=lambda name: self.Kernel(self, self.hosts[path], name))


@pytest.fixture
def fake(folder, monkeypatch):
    """CuPy on the host, and a GPU that torch knows."""
    hosts = {}

    def cubin(source, defines, arch):
        path = f"{source} {sorted(defines.items())} {arch}"
        hosts[path] = HostKernels(folder, f"{Path(source).stem}_host.cpp", defines)
        return path

    cupy = FakeCuPy(hosts)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(gpu, "cubin", cubin)
    monkeypatch.setattr(gpu, "architecture", lambda device: 90)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: types.SimpleNamespace(cuda_stream=77))
    gpu._module.cache_clear()
    yield cupy
    gpu._module.cache_clear()


@pytest.mark.parametrize(("steps", "graphs"), [(5, 0), (16, 0), (37, 1), (70, 3)])
def test_steps_are_captured_in_graphs(steps, graphs, fake, rng):
    run = random_run(rng, (9, 12), 4, n_steps=steps)
    built = [elastic.Points.build(run.problem, p[-1].clone(), p[1][:, 0], *p[2:6]) for p in run.points]
    state = elastic.State.zeros(run.problem, run.n_shots)
    run.problem.view(state.fields)[:] = run.start
    profiles = run.problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    given = run.problem, state, run.problem.pack(run.medium), profiles, built[:2], built[2:]
    cuda.Stepper(*given).run(0, steps)
    fields, velocities, stresses, _ = run.kernel()
    for value, wanted in zip(
        (state.fields, built[2].data, built[3].data), (fields, velocities, stresses), strict=True
    ):
        value = run.problem.view(value) if value is state.fields else value
        assert (value - wanted).abs().max() <= 1e-12 * wanted.abs().max()
    # Two parts and points of two kinds, of which no node has a layer: 6 launches a step, and the counter.
    assert fake.graphs == [(6 * cuda.STEPS + 1, 77)] * graphs
    assert {stream for _, stream in fake.launched} == {77}


def test_a_graph_is_captured_once_for_all_pieces(fake, rng):
    """Of a history that leaves the device in pieces; and no memory waits for a collector of cycles."""
    run = random_run(rng, (9, 12), 4, n_steps=70)
    built = [elastic.Points.build(run.problem, p[-1].clone(), p[1][:, 0], *p[2:6]) for p in run.points]
    state = elastic.State.zeros(run.problem, run.n_shots)
    given = run.problem, state, run.problem.pack(run.medium), run.problem.profiles(SPEED, 0.1, 1e-3, 0.2)
    strategy = elastic.Full(dtype=torch.int16)
    history = cuda_history.GpuHistory(run.problem, run.n_shots, 0, 70, strategy, torch.device("cpu"))
    steps = cuda.Stepper(*given, built[:2], built[2:], history)
    steps.run(0, 40)
    steps.run(40, 70)
    assert fake.graphs == [(7 * cuda.STEPS + 1, 77)] * 2  # of [16, 32) and [48, 64)
    assert fake.captures == 1
    gone = weakref.ref(steps)
    del steps
    assert gone() is None


def test_a_block_asks_for_its_shared_memory(fake, rng):
    run = random_run(rng, (84, 84), 4, n_steps=3)
    state = elastic.State.zeros(run.problem, 1)
    none = [elastic.Points.none(run.problem, 1, 3)] * 2
    medium, profiles = run.problem.pack(run.medium), run.problem.profiles(SPEED, 0.1, 1e-3)
    cuda.Resident(run.problem, state, medium, profiles, none, none).run(0, 3)
    assert fake.launched == [("shots", 77)]


def tiles(order, number, ndim):
    """Of one, two or three nodes that stresses are made at, and those around them."""
    x, y = (1, 3) if number % 2 else (3, 2)
    beside = (order + x, order + y if ndim == 3 else 1)
    return cuda.Tiles((3, 1, 2), planes=1 + number % 2, tile=beside, chunk=(4, 7)[number % 2])


@pytest.mark.parametrize(("order", "dtype"), CASES, ids=str)
@pytest.mark.parametrize("ndim", [2, 3])
def test_steps_in_one_pass_equal_the_cpu(ndim, order, dtype, folder, rng):
    """Where nodes are left that no layer reaches; sources lie everywhere."""
    sizes = (2 * order + 13, 57) if ndim == 2 else (order + 9, order + 7, 41)
    for number, widths in enumerate(([], [(2, 3), (1, 0), (3, 2)], [(0, 2), (0, 2), (0, 0)])):
        run = random_run(
            *(rng, sizes, order, dtype, tuple(widths[-ndim:])),
            n_shots=1 + number % 2,
            n_media=1 + number % 2,
            orthorhombic=number == 1,
            entries=40,
        )
        assert_equal_to_cpu(run, tiles(order, number, ndim), folder, cuts=[2, 3, run.n_steps])


@pytest.mark.parametrize("ndim", [2, 3])
def test_steps_in_one_pass_equal_the_cpu_below_a_free_surface(ndim, folder, surfaces, rng):
    depth = surfaces[4].depth
    shape, widths = ((depth + 15, 57), ((0, 4), (3, 2)))
    if ndim == 3:
        shape, widths = (depth + 9, 9, 41), ((0, 2), (1, 1), (3, 0))
    run = random_run(rng, shape, 4, absorbing=widths, depth=depth, entries=40)
    assert_equal_to_cpu(run, tiles(4, 0, ndim), folder)
