"""Spends the freedom that the conditions leave on Rayleigh and body waves at the surface."""

from collections.abc import Callable, Sequence

import numpy as np

from .conditions import Array, Family, Size
from .modes import PERIOD, Rayleigh, Residual
from .plate import Plate

NODES = (4, 5, 6, 8, 10, 15, 20, 30)  # per wavelength of S
RATIOS = (1.5, 1.73, 3.0, 10.0)  # vp/vs
PLATE_K = (0.0, PERIOD / 16, PERIOD / 8, PERIOD / 5.5)
PLATE_RATIOS = (1.8, 2.6)
LEAST_NORM = 0.25
SAFE_NORM = 0.08  # a step that leaves less is refused
TRUNCATION_WEIGHT = 1e-3
LARGEST = 4  # singular values that are held below that of the interior
# Stages: weight of the penalties, whether waves count, trial steps.
STAGES = ((600.0, False, 60), (600.0, True, 80), (2500.0, True, 30))

Model = Callable[[Array], tuple[Array, Array]]  # residuals and their Jacobian


def penalties(family: Family, x: Array, weight: float) -> list[Residual]:
    """For norms of the differences above that inside, small Hp or Hm, and large truncation errors."""
    n = 48
    nr, nc = family.size.plus_rows, family.size.minus_rows
    shear, normal, node_norm, half_norm = family.operators(x, n)
    scale = 1 / np.sqrt(np.outer(half_norm, node_norm))
    result: list[Residual] = []
    for pair, matrix in enumerate((shear, normal)):
        left, singular, right = np.linalg.svd(matrix * scale)
        for i in range(LARGEST):
            u, v, excess = left[:, i], right[i], singular[i] / family.norm_limit - 1
            blocks = [np.zeros((nr, nc)), np.zeros((nr, nc))]
            blocks[pair] = (np.outer(u, v) * scale)[:nr, :nc]
            node = -0.5 * (v * v * singular[i] / node_norm)[:nc]
            half = -0.5 * (u * u * singular[i] / half_norm)[:nr]
            active = weight * (excess > 0)
            gradient = family.join(blocks[0], blocks[1], node, half) / family.norm_limit
            result.append((active * excess, active * gradient))
    for i in range(family.n - family.n_norms, family.n):
        gradient = np.zeros(family.n)
        gradient[i] = -weight * (x[i] < LEAST_NORM)
        result.append((weight * max(0.0, LEAST_NORM - x[i]), gradient))
    truncation = TRUNCATION_WEIGHT * (family.truncation @ x - family.truncation_right)
    return result + list(zip(truncation, TRUNCATION_WEIGHT * family.truncation, strict=True))


def levenberg_marquardt(model: Model, y: Array, trials: int, allowed: Callable[[Array], bool]) -> Array:
    """Least squares; stops after ``trials`` steps or when three in a row gain less than 1e-4."""
    damping, stalled = 1e-2, 0
    residual, jacobian = model(y)
    while trials > 0 and stalled < 3:
        values, vectors = np.linalg.eigh(jacobian.T @ jacobian)
        descent = vectors.T @ (jacobian.T @ residual)
        cost = residual @ residual
        for _ in range(12):
            trials -= 1
            trial = y - vectors @ (descent / (values + damping * max(values[-1] * 1e-6, 1e-9)))
            if allowed(trial):
                new_residual, new_jacobian = model(trial)
                if new_residual @ new_residual < cost:
                    break
            damping *= 6
        else:
            break
        gain = 1 - new_residual @ new_residual / cost
        stalled = stalled + 1 if gain < 1e-4 else 0
        y, residual, jacobian = trial, new_residual, new_jacobian
        damping /= 4
    return y


def derive(size: Size) -> tuple[Family, Array]:
    """The closure of one size: its family and the unknowns."""
    family = Family(size)
    waves: Sequence[Rayleigh | Plate] = [
        *(Rayleigh(family, nodes, ratio) for nodes in NODES for ratio in RATIOS),
        *(Plate(family, k, ratio) for k in PLATE_K for ratio in PLATE_RATIOS),
    ]

    def allowed(y: Array) -> bool:
        return bool(family.unknowns(y)[-family.n_norms :].min() > SAFE_NORM)

    y = family.start
    for weight, with_waves, trials in STAGES:

        def model(y: Array, weight: float = weight, with_waves: bool = with_waves) -> tuple[Array, Array]:
            x = family.unknowns(y)
            parts = penalties(family, x, weight)
            for wave in waves if with_waves else ():
                parts += wave.residuals(x)
            return np.array([value for value, _ in parts]), np.array([g for _, g in parts]) @ family.null

        y = levenberg_marquardt(model, y, trials, allowed)
    return family, family.polished(family.unknowns(y))
