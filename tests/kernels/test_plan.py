"""Layout of the arrays, and what is refused."""

import math
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_runs import assert_padding

from seiskern import _ext
from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.plan import COEFFICIENTS

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
    assert_padding(problem, packed)


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


def test_the_handover_of_more_threads_than_cores_is_not_measured():
    assert 0 < _ext.handover() < math.inf
    assert _ext.require().handover(os.cpu_count() + 1) == math.inf
