"""From a medium at nodes to the coefficients of the kernels; `reference` defines both functions."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import AXES
from seiskern.kernels.elastic import reference
from seiskern.kernels.elastic.plan import Problem
from seiskern.kernels.memory import empty

DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Ranges:
    """What media span.

    Attributes
    ----------
    vp, vs, rho : (float, float), m/s, m/s, kg/m3
        Least and largest.
    ratio : float
        Largest vs / vp.
    slowest : float, m/s
        Slowest wave: S, or P where there is no S.
    speed : float, m/s
        That bounds the stable step: the largest of sqrt((lam + 2 mu) b) over nodes and the buoyancies b at
        the velocities beside them.
    finite : bool
        False: some value is NaN or infinite, and the rest means nothing.
    """

    vp: tuple[float, float]
    vs: tuple[float, float]
    rho: tuple[float, float]
    ratio: float
    slowest: float
    speed: float
    finite: bool


def survey(
    vp: Tensor, vs: Tensor, rho: Tensor, ndim: int, threads: int | None = None, moduli: bool = False
) -> Ranges:
    """Ranges of media.

    Parameters
    ----------
    vp, vs, rho : Tensor, shape (..., nz, [ny,] nx), m/s, m/s, kg/m3
        Media at the nodes, all of one shape and type; at most one axis more than ``ndim``.
    ndim : int
        2 or 3.
    threads : int, optional
        As many as torch uses.
    moduli : bool
        Whether ``vp`` and ``vs`` are lam and mu, Pa.

    Returns
    -------
    Ranges
        Over all of them.

    Raises
    ------
    ValueError
        If shapes or types differ.
    """
    ranges: Ranges = _Survey.apply(*(value.detach() for value in (vp, vs, rho)), ndim, threads, moduli)
    return ranges


class _Survey(torch.autograd.Function):
    """A function of torch's for what its transforms wrap; it has no derivative."""

    @staticmethod
    def forward(vp: Tensor, vs: Tensor, rho: Tensor, ndim: int, threads: int | None, moduli: bool) -> Ranges:
        _check(vp, vs, rho, ndim)
        if vp.device.type != "cpu":
            return _survey(vp, vs, rho, ndim, moduli)
        model, _kept = _model(vp, vs, rho, ndim, moduli)
        return Ranges(**_ext.require().elastic_survey(model, threads or _ext.threads()))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Ranges) -> None:
        """Nothing is kept."""


def stagger(
    problem: Problem,
    vp: Tensor,
    vs: Tensor,
    rho: Tensor,
    threads: int | None = None,
    moduli: bool = False,
) -> Tensor:
    """Coefficients of the staggered scheme, with absorbing layers around, as `reference` defines.

    In 2-D those of ``reference.stagger``; in 3-D those of ``reference.nodes``, mu inverted, which the kernels
    average.

    Parameters
    ----------
    problem : Problem
        The grid, absorbing layers included.
    vp, vs, rho : Tensor, shape (..., nz, [ny,] nx), m/s, m/s, kg/m3
        Media at the nodes that are not absorbing, all of the problem's type; at most one axis more.
    threads : int, optional
        As many as torch uses. The result does not depend on it.
    moduli : bool
        Whether ``vp`` and ``vs`` are lam and mu, Pa.

    Returns
    -------
    Tensor, shape (1 or n_media, n_coefficients, array_size)
        For `run`.

    Raises
    ------
    ValueError
        If shapes or types do not fit.
    """
    _check(vp, vs, rho, problem.ndim)
    if vp.device.type != "cpu":
        return _stagger(problem, vp, vs, rho, moduli)
    model, _kept = _model(vp, vs, rho, problem.ndim, moduli)
    n_media = len(vp) if vp.ndim > problem.ndim else 1
    packed = empty((n_media, len(problem.coefficients), problem.layout["array_size"]), problem.dtype)
    _ext.require().elastic_stagger(problem.native, model, threads or _ext.threads(), packed.data_ptr())
    return packed


def _check(vp: Tensor, vs: Tensor, rho: Tensor, ndim: int) -> None:
    """Refuse media that are not of one kind."""
    if vp.ndim not in (ndim, ndim + 1):
        raise ValueError(f"`vp` must have {ndim} or {ndim + 1} axes, got shape {tuple(vp.shape)}")
    for name, value in (("vp", vp), ("vs", vs), ("rho", rho)):
        if value.shape != vp.shape or value.dtype != vp.dtype or value.device != vp.device:
            got = f"{tuple(value.shape)} {value.dtype} on {value.device}"
            raise ValueError(f"`{name}` must be {tuple(vp.shape)} {vp.dtype} on {vp.device}, got {got}")
    if vp.dtype not in DTYPES:
        raise ValueError(f"`vp` must be float32 or float64, got {vp.dtype}")


def _survey(vp: Tensor, vs: Tensor, rho: Tensor, ndim: int, moduli: bool) -> Ranges:
    """`survey` by torch, on any device."""
    finite = all(bool(value.sum().isfinite()) or bool(value.isfinite().all()) for value in (vp, vs, rho))
    if moduli:
        squared = (vp + 2 * vs) / rho, vs / rho
        vp, vs = (value.abs().sqrt().copysign(value) for value in squared)

    def span(value: Tensor) -> tuple[float, float]:
        least, largest = value.aminmax()
        return float(least), float(largest)

    slowest = torch.where(vs > 0, vs, vp).min()
    ratio, speed = float((vs / vp).max()), reference.fastest(vp, rho, ndim)
    return Ranges(span(vp), span(vs), span(rho), ratio, float(slowest), speed, finite)


def _stagger(problem: Problem, vp: Tensor, vs: Tensor, rho: Tensor, moduli: bool) -> Tensor:
    """`stagger` by torch, on any device."""
    pad = problem.absorbing or ((0, 0),) * problem.ndim
    rho, lam, mu = reference.nodes(vp, vs, rho, pad, problem.free_surface, moduli)
    if problem.ndim == 2:
        return problem.pack(reference.average(rho, lam, mu, 2))
    return problem.pack({"rho": rho, "lam": lam, "compliance": 1 / mu})


def _model(vp: Tensor, vs: Tensor, rho: Tensor, ndim: int, moduli: bool) -> tuple[Any, list[Tensor]]:
    """Addresses of media for the compiled module, and the tensors that must outlive it."""
    batch, shape = vp.shape[:-ndim], vp.shape[-ndim:]
    rows = [value if value.stride(-1) in (0, 1) else value.contiguous() for value in (vp, vs, rho)]

    def values(value: Tensor) -> tuple[int, tuple[int, ...]]:
        along = value.stride()
        stride_x = along[-1] if shape[-1] > 1 else 0  # that of a single node may be any
        stride_y = along[-2] if ndim == 3 else 0
        return value.data_ptr(), (along[0] if batch else 0, along[-ndim], stride_y, stride_x)

    n = (shape[-1], shape[-2] if ndim == 3 else 1, shape[0])
    n_media = batch[0] if batch else 1
    model = _ext.require().ElasticModel(ndim, vp.element_size(), n, n_media, *map(values, rows), moduli)
    return model, rows


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Zero where the denominator is."""
    return torch.where(denominator == 0, 0, numerator / denominator)


def corners(values: Tensor, axes: str, among: Sequence[str] = AXES[3]) -> Iterator[Tensor]:
    """Views of nodes, of n + 1 along each axis, and of those one further along any of ``axes``."""
    ends = [n - 1 for n in values.shape[-len(among) :]]
    for steps in product(*([0, 1] if axis in axes else [0] for axis in among)):
        view = values
        for number, (step, n) in enumerate(zip(steps, ends, strict=True)):
            view = view.narrow(number - len(among), step, n)
        yield view


def total(values: Iterable[Tensor]) -> Tensor:
    """Their sum."""
    return functools.reduce(torch.add, values)
