"""The transpose of a run, and what follows from it for the medium."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern import _ext
from seiskern.grid import STRESS, offset, replicate
from seiskern.kernels.elastic.medium import corners, ratio, total
from seiskern.kernels.elastic.plan import AVERAGED, History, Problem, State, surface_norms
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import native_run
from seiskern.kernels.memory import CPU, zeros

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
    def zeros(
        cls, problem: Problem, n_shots: int, images: bool, strain: bool, device: torch.device = CPU
    ) -> "AdjointState":
        """Before the last step."""
        layout = problem.layout

        def arrays(n: int) -> Tensor:
            return zeros((n_shots, n, layout["array_size"]), problem.dtype, device)

        return cls(
            arrays(len(problem.fields)),
            zeros((n_shots, layout["filter_size"]), problem.dtype, device),
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
    weight : Tensor, shape (n,), or (n_shots, n) where shots share entries, or None
        Of the weights. Not of receivers of stress.
    """

    data: Tensor | None = None
    weight: Tensor | None = None

    @classmethod
    def zeros(cls, points: Points, data: bool, weight: bool) -> "PointGradient":
        """Of what is wanted."""
        n_shots, n = len(points.row_start), len(points.weight)
        shared = n_shots > 1 and bool((points.row_start == points.row_start[:1]).all())
        weights = points.weight.new_zeros((n_shots, n) if shared else (n,)) if weight else None
        return cls(torch.zeros_like(points.data) if data else None, weights)

    @property
    def of_weights(self) -> Tensor | None:
        """Summed over the shots that share them."""
        return self.weight.sum(0) if self.weight is not None and self.weight.ndim > 1 else self.weight


def run_adjoint(
    problem: Problem,
    state: AdjointState,
    medium: Tensor,
    profiles: Tensor,
    sources: tuple[Points, Points],
    receivers: tuple[Points, Points],
    gradients: Sequence[PointGradient],
    history: History,
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
    history : History
        What `run` kept of these steps. Its ``wavefield``, if it has one, is that after step ``last``, and
        goes back with the adjoint.
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
    given = []
    for p, gradient in zip(points, gradients, strict=True):
        n = len(p.weight)
        shapes = (tuple(p.data.shape),), ((n,), (n_shots, n))
        for tensor, allowed in zip((gradient.data, gradient.weight), shapes, strict=True):
            if tensor is not None and (tuple(tensor.shape) not in allowed or tensor.dtype != problem.dtype):
                raise ValueError(f"`gradients` must be {allowed[0]}, got {tuple(tensor.shape)}")
        stride = n if gradient.weight is not None and gradient.weight.ndim > 1 else 0
        given.append((_address(gradient.data), _address(gradient.weight), stride))
    _ext.require().elastic_run_adjoint(
        native,
        given,
        _address(state.images),
        _address(state.strain),
        _address(history.wavefield),
        first,
        last,
        threads or _ext.threads(),
    )


def _address(tensor: Tensor | None) -> int:
    if tensor is not None and not tensor.is_contiguous():
        raise ValueError("gradients, images and strains must be contiguous")
    return 0 if tensor is None else tensor.data_ptr()


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
    views = dict(zip(IMAGES[problem.ndim], problem.view(images).unbind(1), strict=True))

    def image(name: str) -> Tensor:  # one at a time: all of them would be the most memory of a gradient
        summed = views[name].sum(0, keepdim=True) if len(medium) < len(images) else views[name]
        return summed * _norms(problem, name).to(summed.device)

    result = zeros(medium.shape, problem.dtype, medium.device)
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
            gradient[:] = -image("v" + name[1]) / value.square()
    else:
        mu2 = 2 / problem.view(medium[:, problem.coefficients.index("compliance")])
    of_lam[:] = ratio(image("trace"), _bulk(problem, lam, mu2))
    diagonal = image("diagonal") - lam * of_lam
    if problem.ndim == 2:
        arrays["mu2"][1][:] = ratio(diagonal, mu2)
        arrays["mxz"][1][:] = ratio(image("sxz"), arrays["mxz"][0])
        return result
    of_rho, (compliance, of_compliance) = arrays["rho"][1], arrays["compliance"]
    for axis in "xyz":  # b is 2 over the sum of two densities
        half = image("v" + axis) / 2
        for corner in corners(of_rho, axis):
            corner += half
    next(corners(of_compliance, ""))[:] -= mu2 / 2 * diagonal
    del diagonal, mu2
    for pair in ("xy", "xz", "yz"):  # mu is 4 over the sum of four compliances
        share = image("s" + pair) / total(corners(compliance, pair))
        for corner in corners(of_compliance, pair):
            corner -= share
    return result


def stagger_gradient(
    problem: Problem, vp: Tensor, vs: Tensor, rho: Tensor, gradient: Tensor, moduli: bool = False
) -> list[Tensor]:
    """The transpose of the derivative of `stagger`.

    Parameters
    ----------
    problem, vp, vs, rho, moduli
        As it had them.
    gradient : Tensor, shape (1 or n_media, n_coefficients, array_size)
        Of what it returned.

    Returns
    -------
    three of Tensor
        Gradients of vp, vs and rho, or of lam, mu and rho.
    """
    given = {
        name: problem.view(gradient[:, n], int(name in AVERAGED))
        for n, name in enumerate(problem.coefficients)
    }
    pad = problem.absorbing or ((0, 0),) * problem.ndim
    mu = vs if moduli else rho * vs.square()
    if problem.ndim == 2:
        of_rho, of_compliance = _averages_2d(given, rho, mu, pad)
    else:
        of_rho, of_compliance = given["rho"], given["compliance"]
    beyond = tuple((before, after + 1) for before, after in pad)
    of_rho, of_compliance = (_gathered(value, beyond) for value in (of_rho, of_compliance))
    of_lam = _gathered(given["lam"], pad)
    of_mu = -ratio(of_compliance, mu.square())
    if problem.ndim == 2:
        of_mu = of_mu + 2 * _gathered(given["mu2"], pad)
    if problem.free_surface:  # lam of its plane is 2 lam mu / (lam + 2 mu)
        top = -problem.ndim
        first, density, shear = (value.select(top, 0) for value in (vp, rho, mu))
        lam = first if moduli else density * first.square() - 2 * shear
        share = of_lam.select(top, 0) / (lam + 2 * shear).square()
        of_mu.select(top, 0).add_(2 * lam.square() * share)
        of_lam.select(top, 0).copy_(4 * shear.square() * share)
    if not moduli:
        of_rho = of_rho + of_lam * (vp.square() - 2 * vs.square()) + of_mu * vs.square()
        of_mu = 2 * rho * vs * (of_mu - 2 * of_lam)
        of_lam = 2 * rho * vp * of_lam
    return [value.reshape(vp.shape) for value in (of_lam, of_mu, of_rho)]


def _averages_2d(
    given: dict[str, Tensor], rho: Tensor, mu: Tensor, pad: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Gradients of rho and 1 / mu at the nodes and one beyond, from those of bx, bz and mxz."""
    beyond = tuple((before, after + 1) for before, after in pad)
    rho = replicate(rho, beyond).reshape(-1, *(n + 1 for n in given["bx"].shape[1:]))
    compliance = 1 / replicate(mu, beyond).reshape(rho.shape)
    of_rho, of_compliance = torch.zeros_like(rho), torch.zeros_like(rho)
    for axis in "xz":
        b = 2 / total(corners(rho, axis, "zx"))
        for corner in corners(of_rho, axis, "zx"):
            corner -= b.square() / 2 * given["b" + axis]
    mean = 4 / total(corners(compliance, "xz", "zx"))
    for corner in corners(of_compliance, "xz", "zx"):
        corner -= mean.square() / 4 * given["mxz"]
    return of_rho, of_compliance


def _gathered(value: Tensor, pad: Sequence[tuple[int, int]]) -> Tensor:
    """The transpose of `replicate`: what was added goes back to the edge."""
    for number, (before, after) in enumerate(pad):
        axis = number - len(pad)
        n = value.shape[axis] - before - after
        index = torch.arange(-before, n + after, device=value.device).clamp(0, n - 1)
        shape = list(value.shape)
        shape[axis] = n
        value = value.new_zeros(shape).index_add(axis, index, value)
    return value


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
