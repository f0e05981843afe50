"""Speed and motion of Rayleigh waves at the closures, and at the classic closure by stress images."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sl

from .conditions import TAYLOR, Array
from .header import Tables, interior, operators
from .modes import PERIOD, rayleigh_speed

NODES = (5, 6, 8, 10, 15, 20)
RATIO = 1.73

Pairs = tuple[list[Array], list[Array]]  # D+ and D-, shear and normal


def images(order: int, n: int) -> Pairs:
    """Stress images: odd reflection of stresses, and lower orders for velocities, which have no image.

    Levander (1988), doi:10.1190/1.1442422; Graves (1996), doi:10.1785/BSSA0860041091.
    """
    plus = [interior(order, n) for _ in range(2)]
    minus = [-matrix.T.copy() for matrix in plus]
    for k in range(order // 2):
        plus[0][k] = interior(min(order, 2 * (k + 1)), n)[k]
        if k > 0:
            minus[1][k] = -interior(min(order, 2 * k), n).T[k]
        plus[1][k] = 0
        minus[0][k] = 0
        for m, c in enumerate(map(float, TAYLOR[order])):
            for j, sign in ((k + 1 + m, 1), (k - m, -1)):  # nodes
                if j != 0:
                    plus[1][k, abs(j)] += sign * c * np.sign(j)
            for j, sign in ((k + m, 1), (k - 1 - m, -1)):  # half nodes
                minus[0][k, j if j >= 0 else -j - 1] += sign * c * (1 if j >= 0 else -1)
    return plus, minus


def rayleigh(pairs: Pairs, nodes: float, ratio: float = RATIO) -> tuple[float, float]:
    """Relative errors of the speed and of the horizontal motion at the surface.

    The derivative along x is exact. The motion is that of the exact wave where it is normalised, 16 nodes
    below.
    """
    n = len(pairs[0][0])
    speed = rayleigh_speed(ratio)
    omega2, k, lam = (PERIOD / nodes) ** 2, PERIOD / (nodes * speed), ratio**2 - 2
    modulus = lam + 2
    normal_plus, normal_minus = pairs[0][1].copy(), pairs[1][1].copy()
    normal_plus[:, 0] = 0  # szz = 0 at the surface, where the strain along z is not needed
    normal_minus[0] = 0
    along = np.full(n, modulus * k)
    along[0] = (modulus - lam**2 / modulus) * k
    shear_plus, shear_minus = (sp.csr_matrix(side[0]) for side in pairs)
    upper = k * sp.diags(along) - shear_minus @ shear_plus
    right = -k * lam * sp.csr_matrix(normal_minus) - k * shear_minus
    left = k * shear_plus + lam * k * sp.csr_matrix(normal_plus)
    lower = k * k * sp.identity(n) - modulus * sp.csr_matrix(normal_plus @ normal_minus)
    matrix = sp.bmat([[upper, right], [left, lower]]).tocsc()
    p, q = k * np.sqrt(1 - (speed / ratio) ** 2), k * np.sqrt(1 - speed**2)
    share, z = 2 * p * k / (q * q + k * k), np.arange(n)
    ideal = np.r_[
        np.exp(-p * z) - q / k * share * np.exp(-q * z),
        -p / k * np.exp(-p * (z + 0.5)) + share * np.exp(-q * (z + 0.5)),
    ]
    solver = sl.splu(matrix - omega2 * (1 - 1e-7) * sp.identity(2 * n, format="csc"))
    v = ideal / np.linalg.norm(ideal)
    for _ in range(40):
        new = solver.solve(v)
        new /= np.linalg.norm(new) * np.sign(new @ v)
        v, change = new, np.abs(new - v).max()
        if change < 1e-11:
            break
    below = n + 16
    motion = v[0] / v[below] * ideal[below] / ideal[0] - 1
    return float(np.sqrt(v @ (matrix @ v) / omega2) - 1), float(motion)


def report(closures: Mapping[int, Tables]) -> str:
    """Tables in Markdown: errors against nodes per wavelength of S."""
    n = 200
    rows = {f"images, order {order}": images(order, n) for order in closures}
    for order, closure in closures.items():
        plus, minus, _, _ = operators(order, closure, n)
        rows[f"this closure, order {order}"] = plus, minus
    lines = []
    for which, title in enumerate(("speed", "horizontal motion at the surface")):
        lines += [f"Relative error of the {title}, vp/vs = {RATIO}:", ""]
        lines += [
            "| nodes per wavelength | " + " | ".join(map(str, NODES)) + " |",
            "|---" * (len(NODES) + 1) + "|",
        ]
        for name, pairs in rows.items():
            values = (f"{rayleigh(pairs, nodes)[which]:.1e}" for nodes in NODES)
            lines.append(f"| {name} | " + " | ".join(values) + " |")
        lines.append("")
    return "\n".join(lines)
