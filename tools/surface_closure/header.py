"""csrc/elastic/surface.h: writing, reading, checking."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .conditions import TAYLOR, Array, Family

PATH = Path(__file__).resolve().parents[2] / "csrc/elastic/surface.h"
PAIRS = ("shear", "normal")
EPS = float(np.finfo(np.float64).eps)
NODES = 160

TOP = """\
// Closure of the staggered differences at a free surface, written by tools/surface_closure: do not edit.
//
// Node 0 lies on the surface. In its first rows D+ and D- take the coefficients below, from column 0 on. With
// the norms Hp (nodes) and Hm (half nodes), 1 after the listed entries, Hp D- = -(Hm D+)^T: the scheme
// conserves a discrete energy in any medium (summation by parts). There are two pairs: sxz and syz vanish on
// the surface and vx, vy do not (shear); szz vanishes, vz does not (normal). The freedom that the conditions
// of accuracy leave is spent on the speed and amplitude of Rayleigh waves. See
// seiskern/kernels/elastic/README.md.
#pragma once

#include <cstdint>

// clang-format off
namespace seiskern::elastic {

enum class Pair { kShear, kNormal };

template <int kRadius>
struct Surface;
"""

BOTTOM = """
// Planes below the surface that the closure reads.
template <int kRadius>
constexpr int surface_depth() {
  using S = Surface<kRadius>;
  return S::plus_taps > S::minus_taps ? S::plus_taps : S::minus_taps;
}

}  // namespace seiskern::elastic
"""


@dataclass(frozen=True)
class Tables:
    """A closure: norms, and rows of D+ and D- by pair, (pair, row, tap)."""

    degree: int
    node_norm: Array
    half_norm: Array
    plus: Array
    minus: Array


def tables(family: Family, x: Array) -> Tables:
    """The rows that differ from the interior."""
    nr, nc = family.size.plus_rows, family.size.minus_rows
    shear, normal, node_norm, half_norm = family.operators(x, 48)
    pairs = (shear, normal)
    minus = np.stack([-(q.T / node_norm[:, None])[:nc] for q in pairs])
    minus[1, 0] = 0  # szz is not advanced at the surface: vz needs no derivative there
    # Column 0 meets szz = 0. It makes D+ exact for constants, should a traction be prescribed one day.
    normal[:nr, 0] = -normal[:nr, 1:].sum(1)
    plus = np.stack([(q / half_norm[:, None])[:nr] for q in pairs])
    used_plus, used_minus = (int(np.flatnonzero(t.any((0, 1)))[-1]) + 1 for t in (plus, minus))
    return Tables(
        family.size.degree, node_norm[:nc], half_norm[:nr], plus[..., :used_plus], minus[..., :used_minus]
    )


def _numbers(values: Array) -> str:
    return ", ".join("0" if value == 0 else repr(float(value)) for value in values)


def _table(name: str, values: Array) -> str:
    pairs = ["{{\n" + ",\n".join(f"      {{{_numbers(row)}}}" for row in rows) + "}" for rows in values]
    extents = "".join(f"[{n}]" for n in values.shape)
    return f"  static constexpr double {name}{extents} = {pairs[0]}, {pairs[1][1:]}}};\n"


def write(path: Path, closures: Mapping[int, Tables]) -> None:
    """Write the header; ``closures`` by order."""
    parts = [TOP]
    for order, t in sorted(closures.items()):
        sizes = [t.plus.shape[1], t.plus.shape[2], t.minus.shape[1], t.minus.shape[2]]
        names = ("plus_rows", "plus_taps", "minus_rows", "minus_taps")
        counts = ", ".join(f"{name} = {n}" for name, n in zip(names, sizes, strict=True))
        parts.append(f"\n// accurate to degree {t.degree}\ntemplate <>\nstruct Surface<{order // 2}> {{\n")
        parts.append(f"  static constexpr int {counts};\n")
        for name, norm in (("node_norm", t.node_norm), ("half_norm", t.half_norm)):
            parts.append(f"  static constexpr double {name}[{len(norm)}] = {{{_numbers(norm)}}};\n")
        parts += [_table("plus", t.plus), _table("minus", t.minus), "};\n"]
    path.write_text("".join([*parts, BOTTOM]), encoding="utf-8")


def read(path: Path = PATH) -> dict[int, Tables]:
    """Closures by order."""
    pattern = r"accurate to degree (\d)\ntemplate <>\nstruct Surface<(\d)> \{(.*?)\n\};"
    result = {}
    for degree, radius, body in re.findall(pattern, path.read_text(encoding="utf-8"), re.DOTALL):
        found = {}
        for name, extents, values in re.findall(r"double (\w+)((?:\[\d+\])+) = (\{.*?\});", body, re.DOTALL):
            shape = [int(n) for n in re.findall(r"\d+", extents)]
            found[name] = np.array([float(v) for v in re.findall(r"[^\s,{}]+", values)]).reshape(shape)
        result[2 * int(radius)] = Tables(int(degree), **found)
    return result


def interior(order: int, n: int) -> Array:
    """D+ on n nodes without a closure."""
    total = np.zeros((n, n))
    for m, c in enumerate(TAYLOR[order]):
        total += float(c) * (np.eye(n, k=m + 1) - np.eye(n, k=-m))
    return total


def operators(order: int, t: Tables, n: int = NODES) -> tuple[list[Array], list[Array], Array, Array]:
    """D+ and D- of both pairs as matrices, and the norms."""
    plus, minus = [], []
    for pair in range(len(PAIRS)):
        forward = interior(order, n)
        back = -forward.T.copy()
        for matrix, table in ((forward, t.plus[pair]), (back, t.minus[pair])):
            rows, taps = table.shape
            matrix[:rows] = 0
            matrix[:rows, :taps] = table
        plus.append(forward)
        minus.append(back)
    node_norm, half_norm = (np.r_[norm, np.ones(n - len(norm))] for norm in (t.node_norm, t.half_norm))
    return plus, minus, node_norm, half_norm


def faults(order: int, t: Tables) -> Iterator[tuple[str, float, float]]:
    """Name, value and bound of each condition."""
    plus, minus, node_norm, half_norm = operators(order, t)
    whole = 40  # rows whose powers are not large yet; all beyond the closure are alike
    node = np.arange(NODES) / t.plus.shape[2]
    half = node + 0.5 / t.plus.shape[2]
    yield "least norm (below 0.2499 is wrong)", -float(min(node_norm.min(), half_norm.min())), -0.2499
    limit = 2 * sum(abs(float(c)) for c in TAYLOR[order])
    for pair, name in enumerate(PAIRS):
        forward, back = plus[pair], minus[pair]
        skew = node_norm[:, None] * back + (half_norm[:, None] * forward).T
        yield f"{name}: summation by parts", float(np.abs(skew[pair:]).max()), 4 * EPS
        exact = 0.0
        for m in range(t.degree + 1):
            slopes = (m * x ** max(m - 1, 0) / t.plus.shape[2] for x in (half, node))
            forward_error, back_error = forward @ node**m, back @ half**m
            forward_error, back_error = (
                np.abs(got - slope) / np.maximum(1, half) ** m
                for got, slope in zip((forward_error, back_error), slopes, strict=True)
            )
            exact = max(exact, float(forward_error[:whole].max()))
            if m > 0 or pair == 1:
                exact = max(exact, float(back_error[pair:whole].max()))
        yield f"{name}: exact to degree {t.degree}", exact, 64 * EPS
        scaled = np.sqrt(half_norm)[:, None] * forward / np.sqrt(node_norm)
        yield f"{name}: norm / norm inside", float(np.linalg.norm(scaled[:, pair:], 2) / limit), 1.0005
