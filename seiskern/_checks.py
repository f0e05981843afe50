"""Argument checks. Each raises ``TypeError`` or ``ValueError`` as "`name` must ..., got ..."."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.utils.dlpack
from torch import Tensor
from torch.autograd import forward_ad

FLOATING = (torch.float32, torch.float64)


def traced() -> bool:
    """Whether tensors have no values to look at: under torch.compile."""
    return torch.compiler.is_compiling()


def as_tensor(name: str, value: Any, dtype: torch.dtype | None = None) -> Tensor:
    """``value`` as a real floating tensor on the CPU; what has no floating type becomes double precision."""
    return any_tensor(name, value, dtype).cpu()


def any_tensor(name: str, value: Any, dtype: torch.dtype | None = None) -> Tensor:
    """As `as_tensor`, on the CPU or a GPU; arrays of other libraries are not copied."""
    try:
        if hasattr(value, "__dlpack__") and not isinstance(value, Tensor | np.ndarray | np.generic):
            value = torch.utils.dlpack.from_dlpack(value)
        own = hasattr(value, "dtype")  # numbers of Python are double, but torch's default is not
        tensor = torch.as_tensor(value, dtype=None if own else torch.float64).resolve_neg()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"`{name}` must be a number, array or tensor, got {type(value).__name__}") from error
    if tensor.device.type not in ("cpu", "cuda"):
        raise ValueError(f"`{name}` must be on the CPU or a GPU, got {tensor.device}")
    if tensor.is_complex():
        raise TypeError(f"`{name}` must be real, got {tensor.dtype}")
    if tensor.dtype not in FLOATING:
        tensor = tensor.to(torch.float64)
    return tensor if dtype is None else tensor.to(dtype)


def finite(name: str, tensor: Tensor) -> Tensor:
    """Refuse NaN and infinity, where there are values."""
    if traced():
        return tensor
    if not math.isfinite(float(tensor.detach().sum())) and not bool(torch.isfinite(tensor).all()):
        bad = int((~torch.isfinite(tensor)).sum())
        raise ValueError(f"`{name}` must be finite, got {bad} NaN or infinite values")
    return tensor


def moves(value: Any) -> bool:
    """Whether derivatives go through it: a tensor that requires a gradient, or has a tangent."""
    if not isinstance(value, Tensor):
        return False
    return value.requires_grad or forward_ad.unpack_dual(value).tangent is not None


def constant(name: str, value: Any) -> Any:
    """Refuse what wants a gradient or has a tangent."""
    if moves(value):
        raise ValueError(
            f"`{name}` must not require a gradient or have a tangent, got one that does; "
            f"pass `{name}.detach()`"
        )
    return value


def positive(name: str, value: float) -> float:
    """Refuse what is not a number above zero."""
    number = real(name, value)
    if not number > 0:
        raise ValueError(f"`{name}` must be > 0, got {value}")
    return number


def real(name: str, value: Any) -> float:
    """Refuse what is not one finite number."""
    if isinstance(value, bool | str):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    constant(name, value)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`{name}` must be a number, got {value!r}") from error
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be finite, got {number}")
    return number


def scalar(name: str, value: Any) -> float | Tensor:
    """One finite number, or a tensor of one that wants a gradient or has a tangent."""
    if not moves(value):
        return real(name, value)
    if value.numel() != 1:
        raise ValueError(f"`{name}` must be one number, got shape {tuple(value.shape)}")
    return finite(name, as_tensor(name, value, torch.float64)).reshape(())


def together(values: Sequence[float | Tensor]) -> Tensor:
    """What `scalar` returned, as one tensor of double precision."""
    if any(isinstance(value, Tensor) for value in values):
        return torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in values])
    return torch.tensor(values, dtype=torch.float64)


def count(name: str, value: Any, least: int) -> int:
    """Refuse what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}")
    if int(value) < least:
        raise ValueError(f"`{name}` must be >= {least}, got {value}")
    return int(value)


def one_of(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Refuse what is not among the choices."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def instance(name: str, value: Any, kind: type) -> None:
    """Refuse what is of another class."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be of class {kind.__name__}, got {type(value).__name__}")


def per_axis(name: str, value: Any, ndim: int) -> tuple[float, ...]:
    """One number for all axes or one for each, in array order."""
    values = [value] * ndim if not hasattr(value, "__len__") else list(value)
    if len(values) != ndim:
        raise ValueError(
            f"`{name}` must be one number or {ndim} (one per axis in array order), got {len(values)}"
        )
    return tuple(real(name, v) for v in values)
