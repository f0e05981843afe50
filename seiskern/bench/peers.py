"""deepwave and Devito on the problems of the bench (extra ``seiskern[bench]``)."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seiskern.bench.elastic import RHO, SPACING, VP, VS, Problem


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RuntimeError(f"`--peers` needs {name}: pip install 'seiskern[bench]'") from error


def contenders(problem: Problem) -> dict[str, Callable[[], object]]:
    """Peers by name."""
    return {"deepwave": deepwave_run(problem), "devito": devito_run(problem)}


def deepwave_run(problem: Problem) -> Callable[[], Tensor]:
    """One simulation by deepwave; returns the records (shot, receiver, nt)."""
    return deepwave_problem(problem)[-1]


def deepwave_problem(
    problem: Problem, gradient: bool = False, device: torch.device | None = None
) -> tuple[Tensor, Tensor, Tensor, Callable[[], Tensor]]:
    """Lamé parameters and buoyancy, which may require a gradient, and a simulation by deepwave."""
    deepwave = _load("deepwave")
    moduli = RHO * VS**2, RHO * (VP**2 - 2 * VS**2), 1 / RHO
    mu, lamb, buoyancy = (
        torch.full(problem.shape, value, requires_grad=gradient, device=device) for value in moduli
    )
    middle = problem.n // 2
    source = torch.full((problem.shots, 1, problem.ndim), middle)
    receivers = torch.full((problem.shots, problem.n, problem.ndim), middle)
    receivers[..., -1] = torch.arange(problem.n)
    amplitudes = problem.wavelet[:-1].expand(problem.shots, 1, -1).contiguous()
    source, receivers, amplitudes = (value.to(mu.device) for value in (source, receivers, amplitudes))

    def run() -> Tensor:
        out = deepwave.elastic(
            lamb,
            mu,
            buoyancy,
            SPACING,
            problem.dt,
            source_amplitudes_pressure_rate=amplitudes,
            source_locations_pressure_rate=source,
            receiver_locations_p=receivers,
            accuracy=problem.order,
            pml_width=problem.absorbing,
            pml_freq=VS / (20 * SPACING),
            check_output_finite=False,
        )
        return out.receiver_amplitudes_p

    return lamb, mu, buoyancy, run


def devito_run(problem: Problem) -> Callable[[], object]:
    """One simulation by Devito, compiled before; no absorbing layers, on a grid of as many cells."""
    devito = _load("devito")
    devito.configuration["log-level"] = "ERROR"
    devito.configuration["language"] = "openmp"
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    side = problem.n + 2 * problem.absorbing
    shape = (side,) * problem.ndim
    extent = (SPACING * (side - 1),) * problem.ndim
    grid = devito.Grid(shape=shape, extent=extent, dtype=np.float32)
    v = devito.VectorTimeFunction(name="v", grid=grid, space_order=problem.order, time_order=1)
    tau = devito.TensorTimeFunction(name="t", grid=grid, space_order=problem.order, time_order=1)
    fields = {}
    for name, value in (("lam", RHO * (VP**2 - 2 * VS**2)), ("mu", RHO * VS**2), ("b", 1 / RHO)):
        fields[name] = devito.Function(name=name, grid=grid, space_order=problem.order)
        fields[name].data[:] = value
    s = grid.stepping_dim.spacing
    strain = devito.grad(v.forward) + devito.grad(v.forward).transpose(inner=False)
    update_v = devito.Eq(v.forward, v + s * fields["b"] * devito.div(tau))
    trace = devito.diag(devito.div(v.forward))
    update_t = devito.Eq(tau.forward, tau + s * (fields["lam"] * trace + fields["mu"] * strain))
    source = devito.SparseTimeFunction(name="src", grid=grid, npoint=1, nt=problem.steps)
    source.coordinates.data[:] = SPACING * (side // 2)
    source.data[:, 0] = problem.wavelet[:-1].numpy()
    inject = [source.inject(field=tau.forward[axis, axis], expr=-s * source) for axis in range(problem.ndim)]
    operator = devito.Operator([update_v, update_t, *inject])

    def run() -> object:
        for shot in range(problem.shots):
            del shot
            operator.apply(dt=problem.dt, time_m=0, time_M=problem.steps - 1)
        return v

    return run
