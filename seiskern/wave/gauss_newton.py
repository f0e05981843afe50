"""Products with the Hessian of least squares, but for second derivatives of the records."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad


class GaussNewton:
    r"""The derivative J of records at one place, its transpose, and :math:`J^T J`.

    Least squares, :math:`\frac12 \|d(m) - d_0\|^2`, have the gradient :math:`J^T (d - d_0)` and, near their
    minimum, the Hessian :math:`J^T J`: a step of Gauss and Newton solves
    :math:`J^T J\,\delta m = -J^T (d - d_0)`, by conjugate gradients, say, which want products only [1]_.

    Parameters
    ----------
    simulate : callable
        Returns records, a tensor, from inputs: ``lambda vp: sk.simulate(sk.Medium(vp, ...), ...).data``, say.
    *inputs : Tensor
        The place.

    Attributes
    ----------
    records : Tensor
        At that place.

    Notes
    -----
    A product with J takes about three simulations (Born modelling: the wavefield and the one that it scatters
    advance side by side, and nothing is kept), one with its transpose that of a gradient, without the
    simulation: that is made once, and what it keeps is kept as long as this object.

    References
    ----------
    .. [1] Pratt, Shin & Hicks (1998), Geophys. J. Int. 133(2), 341-362, doi:10.1046/j.1365-246X.1998.00498.x.
    """

    def __init__(self, simulate: Callable[..., Tensor], *inputs: Tensor) -> None:
        self._simulate = simulate
        self._inputs = [value.detach().clone().requires_grad_() for value in inputs]
        with torch.enable_grad():
            self._found = simulate(*self._inputs)
        self.records = self._found.detach()

    def jvp(self, *direction: Tensor) -> Tensor:
        """J times a direction, the derivative of the records along it.

        Parameters
        ----------
        *direction : Tensor
            One like each input.

        Returns
        -------
        Tensor
            Like the records.

        Raises
        ------
        ValueError
            If shapes differ.
        """
        shapes, got = ([tuple(value.shape) for value in of] for of in (self._inputs, direction))
        if got != shapes:
            raise ValueError(f"`direction` must have the shapes of the inputs, {shapes}, got {got}")
        with torch.no_grad(), forward_ad.dual_level():
            inputs = (
                forward_ad.make_dual(value.detach(), tangent.to(value.dtype))
                for value, tangent in zip(self._inputs, direction, strict=True)
            )
            tangent = forward_ad.unpack_dual(self._simulate(*inputs)).tangent
        return torch.zeros_like(self.records) if tangent is None else tangent

    def vjp(self, records: Tensor) -> tuple[Tensor, ...]:
        """The transpose of J times records: one tensor like each input."""
        return torch.autograd.grad(
            self._found, self._inputs, records, retain_graph=True, materialize_grads=True
        )

    def __call__(self, *direction: Tensor) -> tuple[Tensor, ...]:
        """:math:`J^T J` times a direction, one tensor like each input."""
        return self.vjp(self.jvp(*direction))
