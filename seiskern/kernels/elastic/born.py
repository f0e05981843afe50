"""The derivative of a run along one direction, and what it asks of the medium, sources and receivers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seiskern import _ext
from seiskern.grid import AXES, replicate
from seiskern.kernels.elastic.medium import corners, ratio, total
from seiskern.kernels.elastic.plan import AVERAGED, Problem, State
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import native_run
from seiskern.kernels.memory import empty, zeros

if TYPE_CHECKING:
    from seiskern.kernels.elastic.autograd import Propagation

Pair = Sequence[Points]  # of velocities, of stresses

TANGENTS = ("bx", "by", "bz", "mxy", "mxz", "myz", "cxx", "cxy")
"""Arrays of the tangent of an isotropic medium in 3-D, in the order of the kernels: cxx stands for all of one
axis, cxy for all of two. Others have those of the medium."""

SECOND = "a simulation must be differentiated once, forward or back, got both: it has no second derivatives"


@dataclass
class BornState:
    """Wavefields of all shots.

    Attributes
    ----------
    run : State
        That of the run.
    scattered : State
        Its tangent.
    again : Tensor, shape (n_shots, pml_size), or None
        As the memory variables of the run, and always of the same values. None: the medium has no tangent.
    """

    run: State
    scattered: State
    again: Tensor | None

    @classmethod
    def at_start(cls, problem: Problem, run: State, medium: bool) -> "BornState":
        """Of a run at rest, in arrays of any values; ``medium``: whether it has a tangent."""
        again = empty(tuple(run.memory.shape), problem.dtype) if medium else None
        return cls(run, State.at_start(problem, len(run.fields)), again)


def run_born(
    problem: Problem,
    state: BornState,
    medium: Tensor,
    tangent: Tensor | None,
    profiles: Tensor,
    sources: Sequence[Pair],
    receivers: Sequence[Pair],
    first: int,
    last: int,
    threads: int | None = None,
) -> None:
    """Advance all shots and their tangents from step ``first`` to step ``last``, in place.

    Parameters
    ----------
    problem, medium, profiles, first, last
        As for `run`, which makes the same run to the last bit.
    state : BornState
        Changed in place.
    tangent : Tensor, shape (1 or n_shots, n_tangents, array_size), or None
        Of the medium, from `medium_tangent`.
    sources, receivers : two of (Points, Points)
        Of velocities and of stresses: those of the run, then those of the scattered wavefield.
    threads : int, optional
        As many as torch uses. The result does not depend on it.

    Raises
    ------
    ValueError
        If an array does not fit the problem.
    """
    natives = [
        native_run(problem, arrays, medium, profiles, *points, first, last, None)
        for arrays, points in zip(
            (state.run, state.scattered), zip(sources, receivers, strict=True), strict=True
        )
    ]
    n_shots, layout = len(state.run.fields), problem.layout
    if tangent is not None:
        shape = (len(tangent), layout["n_tangents"], layout["array_size"])
        if tangent.shape != shape or tangent.dtype != problem.dtype or not tangent.is_contiguous():
            got = f"{tuple(tangent.shape)} {tangent.dtype}"
            raise ValueError(f"`tangent` must be contiguous, {shape} {problem.dtype}, got {got}")
        if len(tangent) not in (1, n_shots):
            raise ValueError(f"`tangent` must hold 1 or {n_shots} media, got {len(tangent)}")
        if state.again is None or state.again.shape != state.run.memory.shape:
            raise ValueError("`state` must hold the memory variables again where the medium has a tangent")
    if state.scattered.at_rest != state.run.at_rest:
        raise ValueError("`state` must hold two wavefields at rest, or two that are not")
    _ext.require().elastic_run_born(
        *natives,
        0 if tangent is None else tangent.data_ptr(),
        0 if tangent is None or len(tangent) == 1 else tangent.stride(0),
        0 if state.again is None else state.again.data_ptr(),
        first,
        last,
        threads or _ext.threads(),
    )
    for arrays in (state.run, state.scattered):
        arrays.at_rest = arrays.at_rest and first == last


def stagger_tangent(
    problem: Problem,
    values: tuple[Tensor, Tensor, Tensor],
    tangents: tuple[Tensor | None, ...],
    moduli: bool = False,
) -> Tensor:
    """The derivative of `stagger` along a direction.

    Parameters
    ----------
    problem, moduli
        As it had them.
    values : (Tensor, Tensor, Tensor)
        Its vp, vs and rho, or lam, mu and rho.
    tangents : three of Tensor or None
        The direction; None is zero.

    Returns
    -------
    Tensor, shape (1 or n_media, n_coefficients, array_size)
        Of what it returned. A shear modulus that is zero has none.
    """
    lam, mu, rho = values
    of_lam, of_mu, of_rho = (
        torch.zeros_like(v) if t is None else t for v, t in zip(values, tangents, strict=True)
    )
    if not moduli:
        vp, vs, of_vp, of_vs = lam, mu, of_lam, of_mu
        mu, of_mu = rho * vs.square(), vs * (of_rho * vs + 2 * rho * of_vs)
        lam = rho * vp.square() - 2 * mu
        of_lam = vp * (of_rho * vp + 2 * rho * of_vp) - 2 * of_mu
    of_compliance = -ratio(of_mu, mu.square())
    if problem.free_surface:  # lam of its plane is 2 lam mu / (lam + 2 mu)
        top = -problem.ndim
        first, shear = lam.select(top, 0), mu.select(top, 0)
        along = 4 * shear.square() * of_lam.select(top, 0) + 2 * first.square() * of_mu.select(top, 0)
        of_lam = of_lam.clone()
        of_lam.select(top, 0).copy_(along / (first + 2 * shear).square())
    pad = problem.absorbing or ((0, 0),) * problem.ndim
    beyond = tuple((before, after + 1) for before, after in pad)
    result = {"lam": replicate(of_lam, pad), "mu2": replicate(2 * of_mu, pad)}
    at_nodes = {"rho": of_rho, "compliance": of_compliance}
    result |= {name: replicate(value, beyond) for name, value in at_nodes.items()}
    if problem.ndim == 2:
        result |= _of_means(2, replicate(rho, beyond), replicate(1 / mu, beyond), result)
    return _packed(problem, len(rho) if rho.ndim > problem.ndim else 1, problem.coefficients, result)


def medium_tangent(problem: Problem, medium: Tensor, tangent: Tensor) -> Tensor:
    """The tangent of a medium as the kernels need it, of coefficients where they act; means are not linear.

    Parameters
    ----------
    problem : Problem
        The grid.
    medium, tangent : Tensor, shape (1 or n_shots, n_coefficients, array_size)
        Of a run, and a direction; its padding is zero.

    Returns
    -------
    Tensor, shape (1 or n_shots, n_tangents, array_size)
        For `run_born`.
    """
    if problem.ndim == 2 or problem.orthorhombic:
        return tangent.contiguous()
    rho, lam, compliance = range(3)
    given = {"rho": problem.view(tangent[:, rho], 1), "compliance": problem.view(tangent[:, compliance], 1)}
    means = (problem.view(medium[:, rho], 1), problem.view(medium[:, compliance], 1))
    result = _of_means(3, *means, given)
    of_lam = problem.view(tangent[:, lam])
    mu2 = 2 / problem.view(medium[:, compliance])
    of_mu2 = -mu2.square() / 2 * problem.view(tangent[:, compliance])
    return _packed(problem, len(medium), TANGENTS, result | {"cxx": of_lam + of_mu2, "cxy": of_lam})


def _of_means(ndim: int, rho: Tensor, compliance: Tensor, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tangents of buoyancies and shear moduli, from rho and 1 / mu at the nodes and one beyond."""
    axes, result = AXES[ndim], {}
    for axis in axes:  # b is 2 over the sum of two densities
        b = 2 / total(corners(rho, axis, axes))
        result[f"b{axis}"] = -b.square() / 2 * total(corners(given["rho"], axis, axes))
    for pair in ("xz",) if ndim == 2 else ("xy", "xz", "yz"):  # mu is 4 over the sum of four compliances
        mu = 4 / total(corners(compliance, pair, axes))
        result[f"m{pair}"] = -mu.square() / 4 * total(corners(given["compliance"], pair, axes))
    return result


def _packed(problem: Problem, n_media: int, names: tuple[str, ...], values: dict[str, Tensor]) -> Tensor:
    """Padded arrays, (n_media, names, array_size), zero but at the nodes, and one beyond for averages."""
    packed = zeros((n_media, len(names), problem.layout["array_size"]), problem.dtype)
    for number, name in enumerate(names):
        problem.view(packed[:, number], int(name in AVERAGED))[:] = values[name]
    return packed


def source_tangent(points: Points, data: Tensor | None, weight: Tensor | None) -> Points:
    """What acts on the scattered wavefield, by the rule of products.

    Parameters
    ----------
    points : Points
        Sources of the run.
    data, weight : Tensor or None
        Tangents of ``points.data`` and ``points.weight``; None is zero.

    Returns
    -------
    Points
        For `run_born`.
    """
    if data is None:
        given = points.data if weight is not None else points.data[..., :0]  # or nothing acts
        return replace(points, weight=points.weight if weight is None else weight, data=given.contiguous())
    if weight is None:
        return replace(points, data=data.contiguous())
    return twice(points, weight, torch.cat([data, points.data], 2))


def twice(points: Points, weight: Tensor, data: Tensor) -> Points:
    """Each entry as it is, and once more with a ``weight`` of its own and series that follow the others."""

    def both(first: Tensor, second: Tensor) -> Tensor:
        return torch.stack([first, second], 1).flatten()

    return Points(
        2 * points.row_start,
        both(points.offset, points.offset),
        both(points.number, points.number),
        both(points.series, points.series + points.data.shape[2]),
        both(points.weight, weight),
        data,
    )


def dual_records(what: "Propagation", medium: Tensor) -> tuple[Tensor, Tensor] | None:
    """Records of velocities and of stresses with their tangents, or None if no input has one."""
    points = (*what.sources, *what.receivers)
    inputs = (medium, *(p.data for p in what.sources), *(p.weight for p in points))
    values, tangents = zip(*map(forward_ad.unpack_dual, inputs), strict=True)
    if all(tangent is None for tangent in tangents):
        return None
    if medium.device.type != "cpu":
        raise NotImplementedError("tangents of simulations are not made on a GPU yet; use the CPU")
    found = _Born.apply(what, *values, *tangents)
    velocities, stresses = (forward_ad.make_dual(found[n], found[n + 2]) for n in range(2))
    return velocities, stresses


class _Born(torch.autograd.Function):
    """`run_born`: records and their tangents, from the seven inputs of `dual_records` and their tangents."""

    @staticmethod
    def forward(what: "Propagation", *inputs: Any) -> tuple[Tensor, ...]:
        medium, weights, n_series = inputs[0], inputs[3:7], [p.data.shape[2] for p in what.receivers]
        of_medium, of_data, of_weights = inputs[7], inputs[8:10], inputs[10:]
        problem = what.problem
        sources = [
            replace(p, data=data, weight=weight)
            for p, data, weight in zip(what.sources, inputs[1:3], weights[:2], strict=True)
        ]
        receivers = [replace(p, weight=w) for p, w in zip(what.receivers, weights[2:], strict=True)]
        tangent = None if of_medium is None else medium_tangent(problem, medium, of_medium)
        acting = [source_tangent(*of) for of in zip(sources, of_data, of_weights[:2], strict=True)]
        scattered = [replace(p, data=torch.zeros_like(p.data)) for p in receivers]
        looking = [
            p if of_weight is None else twice(p, of_weight, torch.zeros_like(p.data).repeat(1, 1, 2))
            for p, of_weight in zip(receivers, of_weights[2:], strict=True)
        ]
        state = BornState.at_start(problem, what.state, tangent is not None)
        points = (sources, acting), (looking, scattered)
        for first, last in pairwise([0, *what.stops]):
            run_born(problem, state, medium, tangent, what.profiles, *points, first, last)
            for p, looked, n in zip(receivers, looking, n_series, strict=True):
                if looked is not p:
                    p.data.copy_(looked.data[..., :n])
            what.look(last)
        more = [p.data[..., n:] if p.data.shape[2] > n else 0 for p, n in zip(looking, n_series, strict=True)]
        tangents = (p.data + of_weight for p, of_weight in zip(scattered, more, strict=True))
        return *(p.data.detach() for p in receivers), *tangents

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(SECOND)
