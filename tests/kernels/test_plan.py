"""Layout of the arrays, sorting of the points, and what is refused."""

import math
import mmap
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seiskern import _ext
from seiskern.grid import AXES
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.plan import COEFFICIENTS, FIELD_NUMBER, HUGE_PAGE, zeros

SHAPES = [(1, 1), (5, 16), (9, 17), (4, 1, 3), (5, 7, 33)]
NONE = torch.zeros(0, dtype=torch.int64)


def make_problem(shape=(6, 8), **given):
    return elastic.Problem(shape=shape, spacing=(1.0,) * len(shape), **{"dt": 0.1, "order": 4} | given)


@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layout_has_room_for_the_stencil(shape, dtype, order):
    problem = make_problem(shape, dtype=dtype, order=order)
    layout, reach = problem.layout, order // 2
    rows = shape[1] if len(shape) == 3 else 1
    halo_y = reach if len(shape) == 3 else 0
    assert layout["stride_y"] >= shape[-1] + reach
    assert layout["stride_z"] >= layout["stride_y"] * (rows + 2 * halo_y)
    first = layout["origin"] - reach * layout["stride_z"] - halo_y * layout["stride_y"] - reach
    last = layout["origin"] + (shape[0] - 1 + reach) * layout["stride_z"]
    last += (rows - 1 + halo_y) * layout["stride_y"] + shape[-1] - 1 + reach
    assert first >= 0
    assert last < layout["array_size"]
    # Rows are whole vectors of 64 bytes.
    assert all(
        layout[name] * problem.dtype.itemsize % 64 == 0 for name in ("stride_y", "origin", "array_size")
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_view_shows_each_node_once(shape):
    problem = make_problem(shape)
    arrays = torch.zeros(2, 3, problem.layout["array_size"])
    view = problem.view(arrays)
    assert view.shape == (2, 3, *shape)
    assert view.untyped_storage().data_ptr() == arrays.untyped_storage().data_ptr()
    view += 1
    assert arrays.sum() == view.numel()
    assert arrays.max() == 1


@pytest.mark.parametrize("huge", [True, False], ids=["huge pages", "none in this system"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [0, 1, 1000, HUGE_PAGE // 8 - 1, HUGE_PAGE // 4, HUGE_PAGE])
def test_zeros_lie_on_cache_lines_and_may_be_written(size, dtype, huge, monkeypatch):
    if not huge:
        monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    first, second = (zeros((1, size), dtype) for _ in range(2))
    assert first.shape == (1, size)
    assert first.dtype == dtype
    assert first.is_contiguous()
    assert first.data_ptr() % 64 == 0
    assert not first.any()
    first += 1
    assert first.sum() == size
    assert not second.any()


def test_view_of_a_part():
    problem = make_problem()
    arrays = torch.zeros(2, 3, problem.layout["array_size"])
    problem.view(arrays)[1, 2, 3, 4] = 7
    assert problem.view(arrays[1, 2])[3, 4] == 7
    assert problem.view(arrays[:, 2])[1, 3, 4] == 7


@pytest.mark.parametrize("batch", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pack_puts_each_coefficient_in_its_place(shape, batch, rng):
    problem = make_problem(shape, dtype=torch.float64)
    values = {name: torch.rand(*batch, *shape, generator=rng) for name in COEFFICIENTS[len(shape)]}
    packed = problem.pack(values)
    assert packed.shape == (*(batch or (1,)), len(values), problem.layout["array_size"])
    for number, value in enumerate(values.values()):
        assert torch.equal(problem.view(packed)[:, number], value.double().expand(len(packed), *shape))
    assert packed.sum() == pytest.approx(sum(float(value.double().sum()) for value in values.values()))


@pytest.mark.parametrize(
    ("shape", "absorbing"),
    [
        ((9, 17), ((2, 3), (5, 0))),
        ((4, 6), ((2, 2), (0, 6))),
        ((5, 7, 33), ((0, 5), (3, 4), (16, 2))),
        ((3, 1, 2), ((1, 0), (0, 1), (1, 1))),
    ],
    ids=str,
)
def test_profiles_are_those_of_the_reference(shape, absorbing):
    problem = make_problem(shape, dtype=torch.float64, absorbing=absorbing)
    flat = problem.profiles(speed=2.0, frequency=0.3, reflection=1e-4, multiaxial=0.2)
    expected = reference.profiles(problem, 2.0, 0.3, 1e-4, 0.2)
    axes = {2: "xz", 3: "xyz"}[problem.ndim]
    for axis in "xyz":
        n = dict(zip("zyx"[-problem.ndim :] if problem.ndim == 3 else "zx", shape, strict=True)).get(axis, 1)
        first = problem.layout["origin"] % 16 if axis == "x" else 0
        padded = -(-(first + n) // 16) * 16 if axis == "x" else n
        table, flat = flat[: 6 * padded].reshape(6, padded), flat[6 * padded :]
        assert torch.equal(table[:4, :first], torch.zeros(4, first, dtype=torch.float64))
        table = torch.cat([table[:, first:], torch.zeros(6, first, dtype=torch.float64)], 1)
        table, factor = table[:4].reshape(2, 2, padded), table[4:]
        assert torch.equal(table[:, :, n:], torch.zeros(2, 2, padded - n, dtype=torch.float64))
        if axis not in axes:
            continue
        for half in (False, True):
            got = table[:, int(half), :n]
            assert torch.allclose(got, torch.stack(expected[axis, half][:2]), rtol=1e-14, atol=0)
            assert ((got[1] > 0) == (got[0] < 0)).all()  # both vanish outside the layers
            assert torch.allclose(factor[int(half), :n], expected[axis, half][2], rtol=1e-14, atol=0)
            assert torch.equal(factor[int(half), :n] < 1, got[1] > 0)
        assert torch.equal(factor[:, n:], torch.ones(2, padded - n, dtype=torch.float64))
    assert len(flat) == 0


def test_profiles_refuse_what_makes_no_layer():
    with pytest.raises(ValueError, match="reflection"):
        make_problem().profiles(2.0, 0.3, 1.5)
    with pytest.raises(ValueError, match="vmax"):
        make_problem().profiles(0.0, 0.3, 1e-3)
    with pytest.raises(ValueError, match="multiaxial"):
        make_problem().profiles(2.0, 0.3, 1e-3, 1.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"order": 3}, "order must be 2, 4, 6 or 8, got 3"),
        ({"order": 10}, "order must be 2, 4, 6 or 8, got 10"),
        ({"dt": 0.0}, "dt must be > 0"),
        ({"dt": float("nan")}, "dt must be > 0"),
        ({"dtype": torch.float16}, "itemsize must be 4 or 8, got 2"),
        ({"shape": (0, 8)}, "must be positive"),
        ({"absorbing": ((4, 3), (0, 0))}, "fit into the axis"),
        ({"absorbing": ((0, 0), (-1, 0))}, "must be >= 0"),
        ({"free_surface": True}, "7 planes"),
        ({"shape": (9, 8), "free_surface": True, "absorbing": ((0, 3), (0, 0))}, "7 planes"),
        ({"shape": (19, 8), "free_surface": True, "absorbing": ((1, 3), (0, 0))}, "no absorbing layer above"),
    ],
    ids=str,
)
def test_layout_refuses(given, message):
    with pytest.raises(ValueError, match=message):
        _ = make_problem(**given).layout


def test_spacing_must_be_positive():
    with pytest.raises(ValueError, match="h must be > 0"):
        _ = replace(make_problem(), spacing=(1.0, 0.0)).layout


def test_problem_needs_a_value_per_axis():
    with pytest.raises(ValueError, match="zip"):
        _ = elastic.Problem((6, 8), (1.0,), 0.1, 4).layout


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


def test_the_core_has_the_version_of_the_package():
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.*)"$', text, re.MULTILINE) == [_ext.require().version()]


def test_max_dt_refuses():
    for ndim, order, spacing, speed, message in [
        (2, 5, (1.0, 1.0), 1.0, "order must be 2, 4, 6 or 8, got 5"),
        (2, 4, (1.0, 0.0), 1.0, "h must be > 0"),
        (3, 4, (1.0, 1.0, 1.0), float("nan"), "speed must be > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            elastic.max_dt(ndim, order, spacing, speed)


def test_surface_norms_refuse():
    with pytest.raises(ValueError, match="order must be 2, 4, 6 or 8, got 10"):
        elastic.surface_norms(10, half=False)


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


def test_entries_between_rows_are_refused():
    problem = make_problem((3, 4, 5))
    node = torch.zeros(1, dtype=torch.int64)
    index = {"z": node, "y": node, "x": node}
    points = elastic.Points.build(problem, torch.zeros(1, 1, 1), None, index, node, node, node + 1.0)
    none = elastic.Points.none(problem, 1, 1)
    state, medium = elastic.State.zeros(problem, 1), torch.zeros(1, 8, problem.layout["array_size"])
    profiles = torch.zeros(problem.layout["profile_size"])
    elastic.run(problem, state, medium, profiles, (points, none), (none, none), 0, 1)
    points.offset[0] = 5
    with pytest.raises(ValueError, match="offset must be that of a node, got 5"):
        elastic.run(problem, state, medium, profiles, (points, none), (none, none), 0, 1)


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


def test_the_handover_of_more_threads_than_cores_is_not_measured():
    assert 0 < _ext.handover() < math.inf
    assert _ext.require().handover(os.cpu_count() + 1) == math.inf
