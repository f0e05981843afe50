"""Entries of sources and receivers: their order and weights; what the step loop refuses."""

import math
from dataclasses import replace

import pytest
import torch

from seiskern.grid import AXES
from seiskern.kernels import elastic
from seiskern.kernels.elastic import plan
from seiskern.kernels.elastic.plan import COEFFICIENTS, FIELD_NUMBER

NONE = torch.zeros(0, dtype=torch.int64)


def make_problem(shape=(6, 8), **given):
    return elastic.Problem(shape=shape, spacing=(1.0,) * len(shape), dt=0.1, order=4, **given)


def build(problem, shot, z, x, number, series, n_shots=2, n_series=3, n_steps=4, weight=None):
    integers = [torch.tensor(v, dtype=torch.int64) for v in (shot, z, x, number, series)]
    index = {"z": integers[1], "x": integers[2]}
    weight = torch.arange(1.0, len(shot) + 1) if weight is None else weight
    data = torch.zeros(n_shots, n_steps, n_series, dtype=problem.dtype)
    return elastic.Points.build(problem, data, integers[0], index, integers[3], integers[4], weight)


def test_points_are_sorted_by_shot_plane_and_place():
    problem = make_problem()
    points = build(
        problem, [1, 0, 1, 0, 0], [2, 5, 2, 0, 5], [3, 1, 0, 7, 1], [0, 2, 0, 3, 2], [0, 1, 2, 1, 0]
    )
    # Entry 2 (z 2, x 0) before 0 (z 2, x 3); entries 1 and 4 share their node and keep their order.
    assert points.weight.tolist() == [4, 2, 5, 3, 1]
    assert points.offset.tolist() == [7, 1, 1, 0, 3]
    assert points.series.tolist() == [1, 1, 0, 2, 0]
    assert points.number.tolist() == [3, 2, 2, 0, 0]
    assert points.row_start.tolist() == [[0, 1, 1, 1, 1, 1, 3], [3, 3, 3, 5, 5, 5, 5]]


def test_points_in_3d_count_rows():
    problem = make_problem((4, 5, 6))
    one = torch.ones(1, dtype=torch.int64)
    index = {"z": 3 * one, "y": 2 * one, "x": 5 * one}
    points = elastic.Points.build(problem, torch.zeros(1, 1, 1), 0 * one, index, one, 0 * one, one.double())
    assert points.offset.tolist() == [2 * problem.layout["stride_y"] + 5]
    assert points.weight.dtype == problem.dtype


def test_no_points():
    points = build(make_problem(), [], [], [], [], [])
    assert not points.row_start.any()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ((0, 6, 0, 0, 0), "nodes 0 to 5 along z"),
        ((0, -1, 0, 0, 0), "nodes 0 to 5 along z"),
        ((0, 0, 8, 0, 0), "nodes 0 to 7 along x"),
        ((2, 0, 0, 0, 0), "`shot` must be >= 0 and < 2"),
        ((-1, 0, 0, 0, 0), "`shot`"),
        ((0, 0, 0, 0, 3), "`series` must be >= 0 and < 3"),
        ((0, 0, 0, 0, -1), "`series`"),
        ((0, 0, 0, FIELD_NUMBER["vy"], 0), "`field` must be one of"),  # there is no vy in 2-D
        ((0, 0, 0, 9, 0), "`field` must be one of"),
    ],
    ids=str,
)
def test_points_refuse(entry, message):
    with pytest.raises(ValueError, match=message):
        build(make_problem(), *([value] for value in entry))


def test_points_must_be_contiguous():
    points = build(make_problem(), [0, 0], [1, 2], [0, 0], [0, 0], [0, 0])
    with pytest.raises(ValueError, match="contiguous"):
        replace(points, data=torch.zeros(2, 3, 4).transpose(1, 2))


@pytest.mark.parametrize("shape", [(7, 9), (5, 4, 6)], ids=str)
def test_sorting_is_stable(shape, rng):
    problem, n = make_problem(shape), 400
    shot = torch.randint(0, 3, (n,), generator=rng)
    axes = zip(AXES[problem.ndim], shape, strict=True)
    index = {axis: torch.randint(0, nodes, (n,), generator=rng) for axis, nodes in axes}
    series, weight = torch.randint(0, 5, (n,), generator=rng), torch.arange(n)
    number = torch.full((n,), FIELD_NUMBER["sxx"])
    points = elastic.Points.build(problem, torch.zeros(3, 1, 5), shot, index, number, series, weight)
    key = [(int(s), *(int(i[e]) for i in index.values()), e) for e, s in enumerate(shot)]
    order = [entry[-1] for entry in sorted(key)]
    assert points.weight.tolist() == order
    assert torch.equal(points.series, series[order].int())
    planes = torch.bincount(shot * shape[0] + index["z"], minlength=3 * shape[0]).reshape(3, -1)
    assert torch.equal(points.row_start.diff(dim=1), planes)


@pytest.mark.parametrize("shape", [(7, 9), (5, 4, 6)], ids=str)
def test_products_along_the_axes(shape, rng):
    """Entries with taps, zeros among them, in every shot, are the same as one entry for each node."""
    problem, n, shots = make_problem(shape), 5, 2
    axes, sizes = AXES[problem.ndim], (3, 2, 4)[: problem.ndim]
    index = {
        axis: torch.randint(0, nodes - taps + 1, (n,), generator=rng)
        for axis, nodes, taps in zip(axes, shape, sizes, strict=True)
    }
    along = {
        axis: torch.rand(n, taps, generator=rng, dtype=torch.float64)
        for axis, taps in zip(axes, sizes, strict=True)
    }
    along["x"][1, 1] = 0
    series, weight = torch.randint(0, 5, (n,), generator=rng), torch.rand(n, generator=rng).double()
    number = torch.full((n,), FIELD_NUMBER["szz"])
    factor, factors = torch.tensor([0, -1, 1, 1, 0]), torch.rand(1, 2, *shape, generator=rng)
    data = torch.zeros(shots, 1, 5)
    arguments = (index, number, series, weight, along, factor, factors)
    points = elastic.Points.build(problem, data, None, *arguments)

    entry, *steps = (i.flatten() for i in torch.meshgrid(*map(torch.arange, (n, *sizes)), indexing="ij"))
    node = {axis: index[axis][entry] + step for axis, step in zip(axes, steps, strict=True)}
    total = weight[entry]
    for axis, step in zip(axes, steps, strict=True):
        total = total * along[axis][entry, step]
    scale = factors[0][(factor[entry], *node.values())].double()
    total = torch.where(factor[entry] < 0, total, total * scale)
    keep = total != 0
    single = elastic.Points.build(
        problem,
        data,
        torch.zeros(int(keep.sum()), dtype=torch.int64),
        {axis: value[keep] for axis, value in node.items()},
        *(value[entry][keep] for value in (number, series)),
        total[keep],
    )
    assert len(points.weight) == n * math.prod(sizes) - math.prod(sizes) // sizes[-1]
    for name in ("offset", "number", "series", "weight"):
        assert torch.equal(getattr(points, name), getattr(single, name)), name
    assert torch.equal(points.row_start, single.row_start[:1].expand(shots, -1))


def test_factors_of_each_shot():
    problem, entry = make_problem(), torch.zeros(2, dtype=torch.int64)
    factors = torch.arange(4.0).reshape(2, 2, 1, 1).expand(2, 2, *problem.shape)
    index = {"z": entry, "x": entry}
    arguments = (index, entry, entry, entry + 1.0, None, entry + 1, factors)
    points = elastic.Points.build(problem, torch.zeros(2, 1, 1), torch.tensor([0, 1]), *arguments)
    assert points.weight.tolist() == [1, 3]


def test_factors_may_be_parts_of_arrays(rng):
    """They are copied then, and the copy must be there when it is read."""
    problem, n = make_problem((25, 32)), 256
    whole = 1 + torch.rand(2, 5, *problem.shape, generator=rng)
    entry = torch.zeros(n, dtype=torch.int64)
    index = {a: torch.randint(0, m, (n,), generator=rng) for a, m in zip("zx", problem.shape, strict=True)}
    arguments = index, entry, entry, entry + 1.0, None, entry
    shot, data = torch.arange(n) % 2, torch.zeros(2, 1, 1)
    for _ in range(5):
        points = elastic.Points.build(problem, data, shot, *arguments, whole[:, :2])
        expected = elastic.Points.build(problem, data, shot, *arguments, whole[:, :2].contiguous())
        assert torch.equal(points.weight, expected.weight)


def test_entries_between_rows_are_refused():
    problem = make_problem((3, 4, 5))
    node = torch.zeros(1, dtype=torch.int64)
    index = {"z": node, "y": node, "x": node}
    points = elastic.Points.build(problem, torch.zeros(1, 1, 1), None, index, node, node, node + 1.0)
    none = elastic.Points.none(problem, 1, 1)
    state, medium = elastic.State.zeros(problem, 1), torch.ones(1, 3, problem.layout["array_size"])
    profiles = torch.zeros(problem.layout["profile_size"])
    elastic.run(problem, state, medium, profiles, (points, none), (none, none), 0, 1)
    points.offset[0] = 5
    with pytest.raises(ValueError, match="offset must be that of a node, got 5"):
        elastic.run(problem, state, medium, profiles, (points, none), (none, none), 0, 1)


def test_factors_that_must_be_copied_outlive_the_call(monkeypatch):
    """Those of several media lie apart: memory that is free meanwhile holds something else."""
    problem, entry = make_problem(), torch.arange(2)
    factors = torch.rand(2, 5, *problem.shape)[:, :2]
    with pytest.raises(RuntimeError, match="view"):
        factors.view(4, *problem.shape)
    native = plan._ext.require()

    class Busy:
        def __getattr__(self, name):
            return getattr(native, name)

        def elastic_sort(self, *given):
            busy = [torch.full((4, *problem.shape), math.nan) for _ in range(50)]
            found = native.elastic_sort(*given)
            del busy
            return found

    monkeypatch.setattr(plan._ext, "require", Busy)
    index = {"z": entry, "x": entry}
    arguments = (entry, index, 2 * entry, entry, entry + 1.0, None, entry, factors)
    points = elastic.Points.build(problem, torch.zeros(2, 1, 2), *arguments)
    assert points.weight.tolist() == [float(factors[0, 0, 0, 0]), float(2 * factors[1, 1, 1, 1])]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"along": {"x": torch.ones(1, 9).double()}}, "nodes 0 to 7 along x, got 8"),
        ({"along": {"x": torch.ones(1, 0).double()}}, "`along` must have one row of weights"),
        ({"along": {"x": torch.ones(2, 1).double()}}, "`along` must have one row of weights per entry, 1"),
        ({"factor": torch.tensor([2])}, "`factor` must be >= 0 and < 2, got 2"),
        ({"factor": torch.tensor([-2])}, "`factor`"),
        ({"factors": torch.ones(1, 2, 6, 8).double()}, "`factors` must be"),
        ({"factors": torch.ones(1, 2, 6, 7)}, "`factors` must be"),
    ],
    ids=str,
)
def test_products_refuse(change, message):
    zero = torch.zeros(1, dtype=torch.int64)
    given = {"along": None, "factor": zero, "factors": torch.ones(1, 2, 6, 8)} | change
    with pytest.raises(ValueError, match=message):
        elastic.Points.build(
            make_problem(),
            torch.zeros(1, 1, 1),
            zero,
            {"z": zero, "x": zero},
            zero,
            zero,
            zero.double(),
            **given,
        )


def test_entries_are_complete():
    with pytest.raises(ValueError, match="one value each of everything, 2"):
        build(make_problem(), [0, 0], [1, 2], [0], [0, 0], [0, 0])


@pytest.fixture
def arguments():
    """What `run` takes, all right."""
    problem = make_problem()
    empty = build(problem, [], [], [], [], [])
    medium = problem.pack({name: torch.ones(6, 8) for name in COEFFICIENTS[2]})
    state = elastic.State.zeros(problem, 2)
    profiles = problem.profiles(1.0, 1.0, 1e-3)
    return {
        "problem": problem,
        "state": state,
        "medium": medium,
        "profiles": profiles,
        "sources": (empty, empty),
        "receivers": (empty, empty),
        "first": 0,
        "last": 4,
        "threads": 1,
    }


def test_run_accepts_the_right(arguments):
    elastic.run(**arguments)
    assert not arguments["state"].fields.any()


@pytest.mark.parametrize("part", ["fields", "memory", "medium", "profiles"])
@pytest.mark.parametrize(
    "spoil",
    [lambda t: t.double(), lambda t: t[..., :-1], lambda t: torch.stack([t, t], -1)[..., 0]],
    ids=["dtype", "shape", "strides"],
)
def test_run_refuses_arrays_that_do_not_fit(part, spoil, arguments):
    problem = make_problem(absorbing=((1, 1), (1, 1)))  # so that there is memory
    arguments |= {"problem": problem, "state": elastic.State.zeros(problem, 2)}
    if part in ("fields", "memory"):
        arguments["state"] = replace(arguments["state"], **{part: spoil(getattr(arguments["state"], part))})
    else:
        arguments[part] = spoil(arguments[part])
    with pytest.raises(ValueError, match=f"`{part}` must be contiguous"):
        elastic.run(**arguments)


def test_run_refuses_a_wrong_number_of_media(arguments):
    arguments["medium"] = arguments["medium"].repeat(3, 1, 1)
    with pytest.raises(ValueError, match="`medium` must hold 1 or 2 media, got 3"):
        elastic.run(**arguments)


@pytest.mark.parametrize("which", ["sources", "receivers"])
def test_run_refuses_points_of_another_problem(which, arguments):
    problem = arguments["problem"]
    for other, message in [
        (build(problem, [], [], [], [], [], n_shots=1), "must hold 2 shots"),
        (
            build(replace(problem, dtype=torch.float64), [], [], [], [], []),
            "must hold 2 shots of torch.float32",
        ),
        (build(make_problem((7, 8)), [], [], [], [], []), "built for 6 planes"),
    ]:
        with pytest.raises(ValueError, match=message):
            elastic.run(**arguments | {which: (other, arguments[which][1])})


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (3, 2), (0, 5)])
def test_run_refuses_steps_without_series(first, last, arguments):
    with pytest.raises(ValueError, match=r"`first`|first and last must lie within n_steps"):
        elastic.run(**arguments | {"first": first, "last": last})


def test_run_refuses_no_threads(arguments):
    with pytest.raises(ValueError, match="threads must be >= 1, got -1"):
        elastic.run(**arguments | {"threads": -1})
