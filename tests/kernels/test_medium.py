"""Coefficients and ranges of media equal their definition, whatever the strides of the values."""

import math
from dataclasses import replace

import pytest
import torch
from random_runs import assert_padding

from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference

DTYPES = (torch.float32, torch.float64)
# Nodes of the model: single, one plane, one row, primes, several vectors along x.
SHAPES = [(1, 1), (1, 23), (23, 1), (13, 37), (1, 1, 1), (5, 1, 7), (7, 5, 1), (11, 7, 19)]
PADS = {"none": (0, 0), "unequal": (3, 5), "before": (4, 0)}
# Of the largest coefficient of its kind: lam takes 4 roundings, mu between nodes 8.
ROUNDINGS = 8


def random_media(shape, dtype, rng, batch=()):
    vp = (2000 + 3000 * torch.rand(*batch, *shape, generator=rng, dtype=torch.float64)).to(dtype)
    vs = vp * (0.2 + 0.6 * torch.rand(*batch, *shape, generator=rng, dtype=torch.float64)).to(dtype)
    rho = (1000 + 2000 * torch.rand(*batch, *shape, generator=rng, dtype=torch.float64)).to(dtype)
    return vp, vs.where(torch.rand(vs.shape, generator=rng) < 0.9, 0), rho  # a tenth is fluid


def make_problem(shape, pad, dtype, free_surface=False):
    pads = [pad] * len(shape)
    if free_surface:
        pads[0] = (0, pad[1])
    whole = tuple(n + before + after for n, (before, after) in zip(shape, pads, strict=True))
    return elastic.Problem(whole, (10.0,) * len(shape), 1e-3, 4, dtype, free_surface, tuple(pads))


def assert_is_defined(problem, packed, media):
    """Nodes as the reference has them, and the padding that kernels ask for."""
    edges = problem.absorbing, problem.free_surface
    expected = reference.stagger(*media, *edges)
    if problem.ndim == 3:
        expected = dict(zip(problem.coefficients, reference.nodes(*media, *edges), strict=True))
    view = problem.view(packed)
    for number, name in enumerate(problem.coefficients):
        value, found = expected[name].expand(view[:, number].shape), view[:, number]
        found = 1 / found if name == "compliance" else found
        close = ROUNDINGS * torch.finfo(problem.dtype).eps * float(value.abs().max())
        torch.testing.assert_close(found, value, rtol=0, atol=close, msg=name)
        assert torch.equal(found == 0, value == 0)
    assert_padding(problem, packed)


@pytest.mark.parametrize("pad", PADS.values(), ids=PADS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_coefficients_are_those_of_the_reference(shape, dtype, pad, rng):
    media, problem = random_media(shape, dtype, rng), make_problem(shape, pad, dtype)
    assert_is_defined(problem, elastic.stagger(problem, *media), media)


def moduli_of(vp, vs, rho):
    return rho * vp.square() - 2 * rho * vs.square(), rho * vs.square(), rho


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_coefficients_and_ranges_of_moduli(shape, dtype, rng):
    media, problem = random_media(shape, dtype, rng), make_problem(shape, (3, 5), dtype)
    moduli = moduli_of(*media)
    assert_is_defined(problem, elastic.stagger(problem, *moduli, moduli=True), media)
    found, expected = elastic.survey(*moduli, len(shape), moduli=True), elastic.survey(*media, len(shape))
    close = 8 * torch.finfo(dtype).eps  # as many roundings to the moduli and back
    for name in ("vp", "vs", "rho"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=close)
    for name in ("ratio", "slowest", "speed"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=close)
    moduli[1].flatten()[0] = -1e9
    assert elastic.survey(*moduli, len(shape), moduli=True).vs[0] < 0


@pytest.mark.parametrize("shape", [(17, 37), (17, 5, 19)], ids=str)
def test_the_surface_is_in_plane_stress(shape, rng):
    media, problem = random_media(shape, torch.float64, rng), make_problem(shape, (3, 2), torch.float64, True)
    assert_is_defined(problem, elastic.stagger(problem, *media), media)
    assert_is_defined(problem, elastic.stagger(problem, *moduli_of(*media), moduli=True), media)


@pytest.mark.parametrize("shape", [(13, 37), (11, 7, 19)], ids=str)
def test_one_medium_per_shot(shape, rng):
    media, problem = random_media(shape, torch.float64, rng, (3,)), make_problem(shape, (2, 3), torch.float64)
    assert_is_defined(problem, elastic.stagger(problem, *media), media)


@pytest.mark.parametrize(
    "strided",
    [
        lambda t: t.new_tensor(1500.0).expand(t.shape),
        lambda t: t[..., :1].expand(t.shape),
        lambda t: t[:1].expand(t.shape),
        lambda t: t.repeat(*[2] * t.ndim)[tuple(slice(0, n) for n in t.shape)],
        lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    ],
    ids=["number", "layers", "columns", "part", "transposed"],
)
@pytest.mark.parametrize("shape", [(13, 37), (11, 7, 19)], ids=str)
def test_values_may_have_any_strides(shape, strided, rng):
    vp, vs, rho = random_media(shape, torch.float32, rng)
    problem = make_problem(shape, (3, 5), torch.float32)
    media = strided(vp + 1000), strided(vs), strided(rho)
    assert_is_defined(problem, elastic.stagger(problem, *media), media)
    plain = [value.contiguous() for value in media]
    assert elastic.survey(*media, len(shape)) == elastic.survey(*plain, len(shape))


@pytest.mark.parametrize("shape", [(301, 333), (37, 41, 83)], ids=str)
def test_threads_change_no_bit(shape, rng):
    media, problem = random_media(shape, torch.float32, rng), make_problem(shape, (3, 5), torch.float32)
    one, three = (elastic.stagger(problem, *media, threads=threads) for threads in (1, 3))
    assert one.nbytes > 2**20  # fewer bytes are one thread's
    assert torch.equal(one, three)
    assert elastic.survey(*media, len(shape), threads=1) == elastic.survey(*media, len(shape), threads=3)


@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ranges(shape, dtype, batch, rng):
    vp, vs, rho = random_media(shape, dtype, rng, batch)
    found = elastic.survey(vp, vs, rho, len(shape))
    for name, value in (("vp", vp), ("vs", vs), ("rho", rho)):
        assert getattr(found, name) == (float(value.min()), float(value.max()))
    assert found.ratio == float((vs / vp).max())
    assert found.slowest == float(torch.where(vs > 0, vs, vp).min())
    assert found.speed == pytest.approx(reference.fastest(vp, rho, len(shape)), rel=torch.finfo(dtype).eps)
    assert found.finite


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_finite_is_seen(which, bad, rng):
    for place in ((0, 0), (12, 36), (5, 17)):
        media = random_media((13, 37), torch.float32, rng)
        media[which][place] = bad
        assert not elastic.survey(*media, 2).finite


def test_speed_bounds_light_rows(rng):
    """A light node beside a stiff one: the buoyancy between them counts, on all sides."""
    for place in ((4, 3), (6, 3), (5, 2), (5, 4)):
        rho = torch.full((9, 7), 2000.0)
        vp = torch.full((9, 7), 1000.0)
        vp[5, 3], rho[place] = 3000.0, 500.0
        assert elastic.survey(vp, 0 * vp, rho, 2).speed == pytest.approx(3000 * (2000 / 1250) ** 0.5)


def test_bad_media_are_refused(rng):
    vp, vs, rho = random_media((13, 37), torch.float32, rng)
    problem = make_problem((13, 37), (3, 5), torch.float32)
    for media, message in [
        ((vp, vs[:, 1:], rho), r"`vs` must be \(13, 37\) torch.float32 on cpu, got \(13, 36\)"),
        ((vp, vs, rho.double()), r"`rho` must be .*, got \(13, 37\) torch.float64"),
        ((vp.half(), vs.half(), rho.half()), "`vp` must be float32 or float64, got torch.float16"),
        ((vp[0], vs[0], rho[0]), r"`vp` must have 2 or 3 axes, got shape \(37,\)"),
        ((vp, vs.to("meta"), rho), "`vs` must be .* on cpu, got .* on meta"),
        ((vp[1:], vs[1:], rho[1:]), "must have the 13 nodes along z .* got 12"),
        ((vp[:, 2:], vs[:, 2:], rho[:, 2:]), "must have the 37 nodes along x .* got 35"),
        ((vp[:0], vs[:0], rho[:0]), "nx, ny, nz and n_models must be >= 1"),
        ((vp.double(), vs.double(), rho.double()), "same ndim and itemsize"),
    ]:
        with pytest.raises(ValueError, match=message):
            elastic.stagger(problem, *media)
    with pytest.raises(ValueError, match="threads must be >= 1, got -1"):
        elastic.stagger(problem, vp, vs, rho, threads=-1)
    with pytest.raises(ValueError, match="order must be"):
        elastic.stagger(replace(problem, order=3), vp, vs, rho)
