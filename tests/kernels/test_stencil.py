"""Coefficients of the differences, inside and below a free surface, satisfy what defines them."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from seiskern.kernels import elastic
from seiskern.kernels.elastic import reference

HEADER = Path(__file__).resolve().parents[2] / "csrc/common/stencil.h"
ORDERS = (2, 4, 6, 8)
PAIRS = (0, 1)
SHEAR, NORMAL = PAIRS
DEGREE = {2: 1, 4: 2, 6: 3, 8: 3}  # of polynomials that the closures differentiate exactly
NODES = 48
EPS = torch.finfo(torch.float64).eps


def taylor(order):
    """Coefficients that differentiate all odd powers below ``order`` exactly, solved for in fractions.

    On a unit grid, sum_m c_m ((m + 1/2)^q - (-m - 1/2)^q) is 1 for q = 1 and 0 for q = 3, 5, ...
    """
    n = order // 2
    rows = [
        [2 * Fraction(2 * m + 1, 2) ** (2 * q + 1) for m in range(n)] + [Fraction(q == 0)] for q in range(n)
    ]
    for pivot in range(n):
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for other in range(n):
            if other != pivot:
                factor = rows[other][pivot]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return [row[-1] for row in rows]


def stated(order):
    """The same as csrc/common/stencil.h has them."""
    pattern = rf"struct Taylor<{order // 2}> {{\s*static constexpr double c\[\d\] = {{(.*?)}};"
    (values,) = re.findall(pattern, HEADER.read_text(encoding="utf-8"))
    parts = [value.split("/") for value in values.split(",")]
    return [Fraction(part[0].strip()) / Fraction(part[1].strip() if len(part) > 1 else 1) for part in parts]


@pytest.mark.parametrize("order", ORDERS)
def test_coefficients_solve_the_moment_equations(order):
    assert stated(order) == taylor(order)


@pytest.mark.parametrize("order", ORDERS)
def test_reference_has_the_same(order):
    expected = [float(c) for c in taylor(order)]
    assert reference.coefficients(order) == pytest.approx(expected, rel=8 * EPS)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_stability_limit(ndim, order):
    spacing, speed = (20.0, 12.0, 10.0)[:ndim], 3000.0
    norm = 2 * float(
        sum(abs(c) for c in taylor(order))
    )  # largest eigenvalue: the shortest wave, signs alternating
    expected = 2 / (speed * norm * sum(h**-2 for h in spacing) ** 0.5)
    assert elastic.max_dt(ndim, order, spacing, speed) == pytest.approx(expected, rel=8 * EPS)


def interior(order):
    """D+ on NODES nodes: entry (k, j) takes node j to half node k + 1/2."""
    total = torch.zeros(NODES, NODES, dtype=torch.float64)
    for m, c in enumerate(taylor(order)):
        total += float(c) * torch.diag(torch.ones(NODES - m - 1, dtype=torch.float64), m + 1)
        total -= float(c) * torch.diag(torch.ones(NODES - m, dtype=torch.float64), -m)
    return total


def operators(surface, order, pair):
    """D+ and D- with the closure in their first rows."""
    plus, minus = interior(order), -interior(order).T.contiguous()
    for matrix, table in ((plus, surface.plus[pair]), (minus, surface.minus[pair])):
        rows, taps = table.shape
        matrix[:rows] = 0
        matrix[:rows, :taps] = table
    return plus, minus


def norms(surface):
    """Hp on nodes and Hm on half nodes."""
    result = torch.ones(2, NODES, dtype=torch.float64)
    for row, norm in zip(result, (surface.node_norm, surface.half_norm), strict=True):
        row[: len(norm)] = norm
    return result


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("order", ORDERS)
def test_closures_are_exact_for_low_polynomials(order, pair, surfaces):
    plus, minus = operators(surfaces[order], order, pair)
    whole = NODES - order  # rows beyond feel the other end
    node = torch.arange(NODES, dtype=torch.float64) / 8  # powers of size 1 where the closure acts
    half = node + 1 / 16
    for q in range(DEGREE[order] + 1):
        slope_half = q * half ** max(q - 1, 0) / 8
        slope_node = q * node ** max(q - 1, 0) / 8
        # Half an ulp of each coefficient (up to 4) times powers that grow with the distance.
        bound = 16 * EPS * half.abs().clamp(min=1) ** q
        assert ((plus @ node**q - slope_half).abs() <= bound)[:whole].all()
        if pair == SHEAR and q == 0:
            continue  # a shear stress that does not vanish at the surface is none of a free surface
        first = 1 if pair == NORMAL else 0  # vz has no use for a derivative at the surface
        assert ((minus @ half**q - slope_node).abs() <= bound)[first:whole].all()


@pytest.mark.parametrize("order", ORDERS)
def test_norms_are_positive(order, surfaces):
    assert norms(surfaces[order]).min() >= 0.2499


@pytest.mark.parametrize("order", ORDERS)
def test_kernels_know_the_norms(order, surfaces):
    assert torch.equal(elastic.surface_norms(order, half=False), surfaces[order].node_norm)
    assert torch.equal(elastic.surface_norms(order, half=True), surfaces[order].half_norm)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("order", ORDERS)
def test_closures_sum_by_parts(order, pair, surfaces):
    plus, minus = operators(surfaces[order], order, pair)
    node, half = norms(surfaces[order])
    fault = node[:, None] * minus + (half[:, None] * plus).T
    # szz stays zero at the surface: its column and that row are not part of the scheme.
    assert fault[pair:].abs().max() <= 4 * EPS


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("order", ORDERS)
def test_closures_keep_the_stable_step(order, pair, surfaces):
    plus, _ = operators(surfaces[order], order, pair)
    node, half = norms(surfaces[order])
    scaled = half.sqrt()[:, None] * plus / node.sqrt()
    if pair == NORMAL:
        scaled = scaled[:, 1:]
    limit = 2 * float(sum(abs(c) for c in taylor(order)))
    assert torch.linalg.matrix_norm(scaled, 2) <= 1.0005 * limit


@pytest.mark.parametrize("order", ORDERS)
def test_a_wrong_digit_is_seen(order, surfaces):
    # The checks above must notice an error in the tenth digit of any entry.
    plus, minus = operators(surfaces[order], order, SHEAR)
    node, half = norms(surfaces[order])
    plus[1, 2] *= 1 + 1e-10
    assert (node[:, None] * minus + (half[:, None] * plus).T).abs().max() > 4 * EPS
    assert (plus @ torch.ones(NODES, dtype=torch.float64))[1].abs() > 16 * EPS
