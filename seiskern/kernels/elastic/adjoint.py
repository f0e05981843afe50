"""The transpose of a run, and what follows from it for the medium."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import AXES, STRESS, offset
from seiskern.kernels.elastic.plan import AVERAGED, Points, Problem, State, surface_norms
from seiskern.kernels.elastic.run import native_run
from seiskern.kernels.memory import zeros

IMAGES = {
    2: ("vx", "vz", "trace", "diagonal", "sxz"),
    3: ("vx", "vy", "vz", "trace", "diagonal", "sxy", "sxz", "syz"),
}
"""Sums over time of products of the two wavefields, in the order of the kernels; see csrc/seiskern.h."""


@dataclass
class AdjointState:
    """Adjoint wavefield of all shots, and what is summed while it runs.

    Attributes
    ----------
    fields : Tensor, shape (n_shots, n_fields, array_size)
        In the order of ``Problem.fields``.
    memory : Tensor, shape (n_shots, filter_size)
        Of the absorbing layers.
    images : Tensor, shape (n_shots, n_images, array_size), or None
        In the order of `IMAGES`; None: no gradient of the medium is wanted.
    strain : Tensor, shape (n_shots, n_stresses, array_size), or None
        Adjoint strains; needed for gradients of sources of stress.
    """

    fields: Tensor
    memory: Tensor
    images: Tensor | None
    strain: Tensor | None

    @classmethod
    def zeros(cls, problem: Problem, n_shots: int, images: bool, strain: bool) -> "AdjointState":
        """Before the last step."""
        layout = problem.layout

        def arrays(n: int) -> Tensor:
            return zeros((n_shots, n, layout["array_size"]), problem.dtype)

        return cls(
            arrays(len(problem.fields)),
            zeros((n_shots, layout["filter_size"]), problem.dtype),
            arrays(layout["n_images"]) if images else None,
            arrays(len(STRESS[problem.ndim])) if strain else None,
        )


@dataclass
class PointGradient:
    """Gradients of sources, added to, or of receivers.

    Attributes
    ----------
    data : Tensor, shape (n_shots, n_steps, n_series), or None
        Of the series. Of receivers it is given.
    weight : Tensor, shape (n,), or None
        Of the weights, summed over the shots that share them. Not of receivers of stress.
    """

    data: Tensor | None = None
    weight: Tensor | None = None


def run_adjoint(
    problem: Problem,
    state: AdjointState,
    medium: Tensor,
    profiles: Tensor,
    sources: tuple[Points, Points],
    receivers: tuple[Points, Points],
    gradients: tuple[PointGradient, PointGradient, PointGradient, PointGradient],
    history: Tensor,
    first: int,
    last: int,
    threads: int | None = None,
) -> None:
    """Take the adjoint wavefield back from step ``last`` to step ``first``, in place.

    Parameters
    ----------
    problem, medium, profiles, sources, receivers, first, last
        As the steps ran.
    state : AdjointState
        Changed in place.
    gradients : four of PointGradient
        Of sources of velocity and of stress, then of receivers of both.
    history : Tensor
        What `run` kept of these steps.
    threads : int, optional
        As many as torch uses. The result does not depend on it.

    Raises
    ------
    ValueError
        If an array does not fit the problem.
    """
    n_shots, points = len(state.fields), (*sources, *receivers)
    arrays = State(state.fields, state.memory)
    native = native_run(
        problem, arrays, medium, profiles, sources, receivers, first, last, history, "filter_size"
    )
    for name, tensor, kinds in (
        ("images", state.images, IMAGES[problem.ndim]),
        ("strain", state.strain, STRESS[problem.ndim]),
    ):
        shape = (n_shots, len(kinds), problem.layout["array_size"])
        if tensor is not None and (tensor.shape != shape or tensor.dtype != problem.dtype):
            raise ValueError(f"`{name}` must be {shape} {problem.dtype}, got {tuple(tensor.shape)}")
    weights = [_by_shot(p, g) for p, g in zip(points, gradients, strict=True)]
    given = []
    for p, gradient, (weight, stride) in zip(points, gradients, weights, strict=True):
        data = gradient.data
        if data is not None and (data.shape != p.data.shape or data.dtype != problem.dtype):
            raise ValueError(f"`gradients` must be {tuple(p.data.shape)}, got {tuple(data.shape)}")
        given.append((_address(data), _address(weight), stride))
    _ext.require().elastic_run_adjoint(
        native, given, _address(state.images), _address(state.strain), first, last, threads or _ext.threads()
    )
    for gradient, (weight, stride) in zip(gradients, weights, strict=True):
        if gradient.weight is not None and weight is not None:
            gradient.weight += weight.sum(0) if stride else weight


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _by_shot(points: Points, gradient: PointGradient) -> tuple[Tensor | None, int]:
    """Zeros for the gradients of weights, those of each shot where shots share them, and their stride."""
    if gradient.weight is None:
        return None, 0
    n_shots, n = len(points.row_start), len(points.weight)
    shared = n_shots > 1 and bool((points.row_start == points.row_start[:1]).all())
    return points.weight.new_zeros((n_shots, n) if shared else (n,)), n if shared else 0


def medium_gradient(problem: Problem, medium: Tensor, images: Tensor) -> Tensor:
    r"""Gradient of an isotropic medium from the images of all shots.

    With H the norms of the free surface, b buoyancies, K = n lam + 2 mu, n the dimensions (one less on a free
    surface):

    .. math::

        \frac{\partial}{\partial b_a} = -\frac{H}{b_a^2} I_a, \quad
        \frac{\partial}{\partial \lambda} = \frac{H}{K} I_{trace}, \quad
        \frac{\partial}{\partial 2\mu} = \frac{H}{2 \mu} (I_{diagonal} - \frac{\lambda}{K} I_{trace}), \quad
        \frac{\partial}{\partial \mu_{ab}} = \frac{H}{\mu_{ab}} I_{ab}

    Parameters
    ----------
    problem : Problem
        The grid.
    medium : Tensor, shape (1 or n_shots, n_coefficients, array_size)
        That of the run.
    images : Tensor, shape (n_shots, n_images, array_size)
        From `run_adjoint`.

    Returns
    -------
    Tensor, like ``medium``
        Of its arrays. Moduli that are zero have no gradient.
    """
    image = dict(zip(IMAGES[problem.ndim], problem.view(images).unbind(1), strict=True))
    for name, value in image.items():
        total = value.sum(0, keepdim=True) if len(medium) == 1 else value
        image[name] = total * _norms(problem, name)
    result = zeros(medium.shape, problem.dtype)
    arrays = {
        name: (problem.view(medium[:, n], beyond), problem.view(result[:, n], beyond))
        for n, name in enumerate(problem.coefficients)
        for beyond in [int(name in AVERAGED)]
    }
    lam, of_lam = arrays["lam"]
    if problem.ndim == 2:
        mu2 = arrays["mu2"][0]
        for name in ("bx", "bz"):
            value, gradient = arrays[name]
            gradient[:] = -image["v" + name[1]] / value.square()
    else:
        mu2 = 2 / problem.view(medium[:, problem.coefficients.index("compliance")])
    share = _ratio(image["trace"], _bulk(problem, lam, mu2))
    diagonal = image["diagonal"] - lam * share
    of_lam[:] = share
    if problem.ndim == 2:
        arrays["mu2"][1][:] = _ratio(diagonal, mu2)
        arrays["mxz"][1][:] = _ratio(image["sxz"], arrays["mxz"][0])
        return result
    of_rho, (compliance, of_compliance) = arrays["rho"][1], arrays["compliance"]
    for axis in "xyz":  # b is 2 over the sum of two densities
        for corner in _corners(of_rho, axis):
            corner += image["v" + axis] / 2
    next(_corners(of_compliance, ""))[:] -= mu2 / 2 * diagonal
    for pair in ("xy", "xz", "yz"):  # mu is 4 over the sum of four compliances
        mu = 4 / torch.stack(tuple(_corners(compliance, pair))).sum(0)
        for corner in _corners(of_compliance, pair):
            corner -= mu / 4 * image["s" + pair]
    return result


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Zero where the denominator is."""
    return torch.where(denominator == 0, 0, numerator / denominator)


def _bulk(problem: Problem, lam: Tensor, mu2: Tensor) -> Tensor:
    """Trace of the stresses per trace of the strains; on a free surface of plane stress."""
    bulk = problem.ndim * lam + mu2
    if problem.free_surface:
        bulk[:, 0] -= lam[:, 0]
    return bulk


def _norms(problem: Problem, image: str) -> Tensor:
    """Of the free surface's closure, for the planes of an image."""
    norms = torch.ones(problem.shape[0], dtype=problem.dtype)
    if problem.free_surface:
        first = surface_norms(problem.order, image[0] in "vs" and offset(image, "z") > 0)
        norms[: len(first)] = first.to(problem.dtype)
    return norms.reshape(-1, *(1,) * (problem.ndim - 1))


def _corners(values: Tensor, axes: str) -> Iterator[Tensor]:
    """Views of nodes, (..., n + 1 each), and of those one further along any of the axes."""
    for steps in product(*([0, 1] if axis in axes else [0] for axis in AXES[3])):
        nodes = (slice(step, n - 1 + step) for step, n in zip(steps, values.shape[-3:], strict=True))
        yield values[(..., *nodes)]
