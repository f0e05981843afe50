"""`simulate` inside the transforms of torch.func.

These hand over wrappers in place of tensors, without memory that a kernel could read, and wrap all that is
made meanwhile. So a simulation is one step for them, which is done on what they wrap.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seiskern.kernels.elastic.born import SECOND
from seiskern.media.model import Medium
from seiskern.wave.record import Seismograms


def transforming() -> bool:
    """Whether a transform of torch.func is at work."""
    return bool(torch._C._are_functorch_transforms_active())


def simulate_plainly(simulate: Callable[..., Seismograms], given: tuple[Any, ...]) -> Seismograms:
    """Seismograms of simulate(*given), with plain tensors in place of those that are wrapped.

    Parameters
    ----------
    simulate : callable
        What a simulation does.
    given : tuple
        Medium, shots and receivers.

    Returns
    -------
    Seismograms
        ``data`` is wrapped again, with a gradient or a tangent.

    Raises
    ------
    RuntimeError
        If second derivatives are asked for.
    """
    tensors: dict[int, Tensor] = {}
    _mapped(given, lambda value: tensors.setdefault(id(value), value))
    values, tangents = zip(*map(forward_ad.unpack_dual, tensors.values()), strict=True)
    call = _Call(simulate, given, list(tensors), [value.requires_grad for value in values])
    data, tangent = _Plainly.apply(call, *values, *tangents)
    return replace(call.result, data=data if tangent is None else forward_ad.make_dual(data, tangent))


class _Call:
    """A simulation, with gradients where ``wanted``; ``places`` are the identities of its tensors."""

    def __init__(
        self,
        simulate: Callable[..., Seismograms],
        given: tuple[Any, ...],
        places: list[int],
        wanted: list[bool],
    ) -> None:
        self.simulate, self.given, self.places, self.wanted = simulate, given, places, wanted
        self.leaves: list[Tensor] = []
        self.result: Any = None

    def run(
        self, values: Sequence[Tensor], tangents: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        """Records and their tangents."""
        with torch.set_grad_enabled(any(self.wanted)), forward_ad._set_fwd_grad_enabled(True):
            self.leaves = [v.detach().requires_grad_(w) for v, w in zip(values, self.wanted, strict=True)]
            plain = {
                place: leaf if tangent is None else forward_ad.make_dual(leaf, tangent)
                for place, leaf, tangent in zip(self.places, self.leaves, tangents, strict=True)
            }
            self.result = self.simulate(*_mapped(self.given, lambda value: plain[id(value)]))
            self.data, tangent = forward_ad.unpack_dual(self.result.data)
        self.dual = tangent is not None
        return self.data.detach(), None if tangent is None else tangent.detach()

    def back(self, gradient: Tensor) -> list[Tensor | None]:
        """Gradients of all tensors."""
        wanted = [leaf for leaf in self.leaves if leaf.requires_grad]
        found = iter(torch.autograd.grad(self.data, wanted, gradient, retain_graph=True, allow_unused=True))
        return [next(found) if leaf.requires_grad else None for leaf in self.leaves]


class _Plainly(torch.autograd.Function):
    """Records and their tangents, from values and their tangents."""

    @staticmethod
    def forward(call: _Call, *inputs: Any) -> tuple[Tensor, Tensor | None]:
        n = len(call.places)
        return call.run(inputs[:n], inputs[n:])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor | None]) -> None:
        ctx.call = inputs[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        if call.dual:
            raise RuntimeError(SECOND)
        return None, *_Back.apply(call, gradient), *(None for _ in call.places)


class _Back(torch.autograd.Function):
    """From the gradient of records to those of all tensors."""

    @staticmethod
    def forward(call: _Call, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (*call.back(gradient),)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor | None, ...]) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[None, ...]:
        raise RuntimeError(SECOND)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same with all tensors changed: of arguments of `simulate`, and of what they are made of."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(part, change) for part in value)
    if not isinstance(value, Medium) and (isinstance(value, type) or not is_dataclass(value)):
        return value
    result = copy.copy(value)
    for name, part in vars(value).items():
        object.__setattr__(result, name, _mapped(part, change))
    return result
