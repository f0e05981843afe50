"""Results of pure functions, kept: inversions and data sets ask for the same geometry again and again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])

KEPT = 64  # calls of a function
LARGEST = 1 << 16  # bytes of the arguments of a call that is kept


class _Call:
    """Arguments that compare by value, tensors by their bytes."""

    __slots__ = ("arguments", "hash", "key", "size")

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self.size = sum(getattr(a, "nbytes", 0) for a in arguments)
        if self.size > LARGEST:
            return
        self.key = tuple(
            (a.dtype, a.shape, a.detach().numpy().tobytes()) if isinstance(a, Tensor) else a
            for a in arguments
        )
        self.hash = hash(self.key)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Call) and self.key == other.key


def remembered(function: F) -> F:
    """Keep what a function gave for its last calls with small arguments.

    Parameters
    ----------
    function : callable
        Of positional arguments: tensors on the CPU and hashable values, of which large ones tell their
        ``nbytes``. Its results are shared by all who ask with equal values, so nobody may change them, and
        they carry no gradients.

    Returns
    -------
    callable
        The same function.
    """
    kept = lru_cache(maxsize=KEPT)(lambda call: function(*call.arguments))

    @wraps(function)
    def ask(*arguments: Any, **named: Any) -> Any:
        call = _Call(arguments)
        return function(*arguments, **named) if named or call.size > LARGEST else kept(call)

    return cast(F, ask)
