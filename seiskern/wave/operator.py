"""`simulate` as an operator of torch's, for what wants to see tensors in and tensors out.

torch.compile cannot follow the Python that decides on a run, nor may it, for how many steps there are depends
on values. So a simulation is one step of its graph: medium, sources and receivers are taken apart into
tensors, and a few words that say how to put them together again when the graph runs. Then they are checked
as well.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from seiskern import _checks
from seiskern.kernels.elastic import BoundarySaved, Checkpointed, Full, Strategy
from seiskern.kernels.elastic.plan import ORTHORHOMBIC
from seiskern.media.model import Medium
from seiskern.wave.quantity import QUANTITIES
from seiskern.wave.record import Seismograms
from seiskern.wave.source import Explosion, Force, MomentTensor, Receivers, Source, as_shots

F = TypeVar("F", bound=Callable[..., Any])

STATIC = {
    "kinds": "str",
    "medium": "str",
    "spacing": "float[]",
    "origin": "float[]",
    "adjoint": "str",
    "dt": "float",
    "nt": "SymInt",
    "quantity": "str",
    "free_surface": "bool",
    "absorbing": "SymInt",
    "multiaxial": "float?",
    "order": "SymInt",
    "dispersion_correction": "bool",
}
"""What is not a tensor, in the operator and its adjoint: how to put these together, and options."""

OPTIONS = tuple(STATIC)[5:]
_SCHEMA = ", ".join(f"{kind} {name}" for name, kind in STATIC.items())

KINDS: dict[str, tuple[type[Source], str, str]] = {
    "m": (MomentTensor, "moment", "rate"),
    "e": (Explosion, "moment", "rate"),
    "f": (Force, "force", "signature"),
}
"""Class of a source, and the names of its amount and its time function."""

KEPT: dict[str, Any] = {kind.__name__: kind for kind in (Full, Checkpointed, BoundarySaved)}
_NAMES = "Full, Checkpointed or BoundarySaved"

_simulate: Callable[..., Seismograms]
# Simulations whose gradient may be asked for, by the address of the ticket that came with their records. With
# its memory a ticket takes them along.
_open: dict[int, "_Differentiable"] = {}


def traceable(simulate: F) -> F:
    """The same function; what traces it sees one operator."""
    global _simulate
    _simulate = simulate
    defaults: dict[str, Any] = simulate.__kwdefaults__ or {}

    @wraps(simulate)
    def call(medium: Medium, shots: Any, receivers: Receivers, **options: Any) -> Seismograms:
        if not _checks.traced():
            return simulate(medium, shots, receivers, **options)
        return _traced(medium, shots, receivers, **(defaults | options))

    return cast(F, call)


def _traced(
    medium: Medium,
    shots: Any,
    receivers: Receivers,
    *,
    adjoint: Strategy | None,
    backend: str,
    snapshots: Any,
    storage: Any,
    progress: Any,
    **options: Any,
) -> Seismograms:
    """`simulate` by the operator."""
    for name, value in (("snapshots", snapshots), ("storage", storage), ("progress", progress)):
        if value is not None:
            raise ValueError(f"`{name}` must be None under torch.compile, got one")
    if set(options) != set(OPTIONS):
        raise TypeError(f"options of simulate must be {', '.join(OPTIONS)}, got {', '.join(options)}")
    _checks.instance("medium", medium, Medium)
    _checks.instance("receivers", receivers, Receivers)
    _checks.one_of("backend", backend, ("auto", "cpu"))
    quantity = _checks.one_of("quantity", options["quantity"], tuple(QUANTITIES))
    tensors = list(medium.values)
    if medium.effective is not None:
        tensors += [medium.effective[name] for name in ORTHORHOMBIC[medium.ndim]]
    static = (
        _apart(as_shots(shots), receivers, tensors),
        "moduli" if medium.moduli else "speeds" if medium.effective is None else "effective",
        medium.spacing,
        medium.origin,
        _words(adjoint),
        *(options[name] for name in OPTIONS),
    )
    wanted = [torch.is_grad_enabled() and tensor.requires_grad for tensor in tensors]
    data, _ = forward(tensors, *static, wanted)
    return Seismograms(data, tuple(QUANTITIES[quantity].parts(medium.ndim)), options["dt"], quantity)


def _apart(shots: list[list[Source]], receivers: Receivers, tensors: list[Tensor]) -> str:
    """Adds all tensors of receivers and sources; returns words that say what they are of.

    Axes that are given of receivers, then sources of each shot, a letter of their kind and axes: "xz fxz,mxz
    exz" are receivers in 2-D, a shot of a force and a moment, and one of an explosion.
    """

    def add(name: str, value: Any, number: bool = False) -> None:
        # What is a tensor stays the same one: by that sources are seen to share a time function.
        if not isinstance(value, Tensor):
            value = torch.as_tensor(value, dtype=torch.float64) if number else _checks.as_tensor(name, value)
        tensors.append(value)

    def place(value: Source | Receivers, number: bool) -> str:
        axes = "".join(axis for axis in "xyz" if getattr(value, axis) is not None)
        for axis in axes:
            add(axis, getattr(value, axis), number)
        return axes

    words = [place(receivers, number=False)]
    for sources in shots:
        own = []
        for source in sources:
            for letter, (kind, amount, series) in KINDS.items():
                if isinstance(source, kind):
                    own.append(letter + place(source, number=True))
                    add(amount, getattr(source, amount), number=letter == "e")
                    add(series, getattr(source, series))
        words.append(",".join(own))
    return " ".join(words)


def _together(tensors: Sequence[Tensor], kinds: str) -> tuple[list[list[Source]], Receivers]:
    """Shots and receivers from what `_apart` made of them."""
    axes, *shots = kinds.split(" ")
    left = iter(tensors)

    def made(kind: Any, *names: str) -> Any:
        return kind(**{name: next(left) for name in names})

    receivers: Receivers = made(Receivers, *axes)
    sources = [[(KINDS[word[0]], word[1:]) for word in shot.split(",") if word] for shot in shots]
    return [[made(kind[0], *where, *kind[1:]) for kind, where in own] for own in sources], receivers


def _words(adjoint: Strategy | None) -> str:
    """A strategy in words: its kind, two numbers if it has them, the type kept, where, in which folder."""
    if adjoint is None:
        return "Full None None None memory"
    if not isinstance(adjoint, Strategy):
        raise TypeError(f"`adjoint` must be {_NAMES}, got {type(adjoint).__name__}")
    numbers = "None None"
    if isinstance(adjoint, Checkpointed):
        numbers = f"{adjoint.wavefields} {adjoint.segment}"
    path = "" if adjoint.path is None else f" {adjoint.path}"
    return f"{type(adjoint).__name__} {numbers} {adjoint.dtype} {adjoint.where}{path}"


def _strategy(words: str) -> Strategy:
    """The inverse of `_words`."""
    kind, *numbers, dtype, where, path = [*words.split(" ", 5), None][:6]
    kept: dict[str, Any] = {"where": where, "path": path}
    kept["dtype"] = None if dtype == "None" else getattr(torch, str(dtype).removeprefix("torch."))
    made_of = () if kind != "Checkpointed" else (None if n == "None" else int(str(n)) for n in numbers)
    made: Strategy = KEPT[str(kind)](*made_of, **kept)
    return made


def _data(tensors: Sequence[Tensor], static: Sequence[Any]) -> Tensor:
    """Records of a simulation that was taken apart."""
    kinds, made_of, spacing, origin, adjoint, *options = static
    first, second, rho, *rest = tensors
    spacing, origin = tuple(spacing), tuple(origin)
    if made_of == "moduli":
        medium = Medium.from_moduli(first, second, rho, spacing, origin=origin)
    else:
        names = ORTHORHOMBIC[len(spacing)] if made_of == "effective" else ()
        effective = dict(zip(names, rest, strict=False)) or None
        medium = Medium(first, second, rho, spacing, origin=origin, effective=effective)
        rest = rest[len(names) :]
    given = dict(zip(OPTIONS, options, strict=True))
    return _simulate(medium, *_together(rest, kinds), adjoint=_strategy(adjoint), **given).data


class _Differentiable:
    """A simulation with all that its gradient needs, of the tensors for which it is wanted."""

    def __init__(self, tensors: Sequence[Tensor], static: Sequence[Any], wanted: Sequence[bool]) -> None:
        with torch.inference_mode(False):  # autograd is at work here, though not where an operator runs
            same = {id(tensor): tensor.detach() for tensor in tensors}
            self.leaves = [
                tensor.detach().requires_grad_() if wants else same[id(tensor)]
                for tensor, wants in zip(tensors, wanted, strict=True)
            ]
            self.data = _data(self.leaves, static)

    def back(self, gradient: Tensor, wanted: Sequence[bool]) -> list[Tensor]:
        leaves = [leaf for leaf, wants in zip(self.leaves, wanted, strict=True) if wants]
        with torch.inference_mode(False):
            found = torch.autograd.grad(
                self.data, leaves, gradient, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        return _own(found, gradient)


def _own(tensors: Sequence[Tensor], given: Tensor) -> list[Tensor]:
    """Contiguous, those that share memory copied: an operator must not return such."""
    seen, result = {given.untyped_storage().data_ptr()}, []
    for tensor in map(Tensor.contiguous, tensors):
        place = tensor.untyped_storage().data_ptr()
        result.append(tensor.clone() if place in seen else tensor)
        seen.add(place)
    return result


def _forward(tensors: Sequence[Tensor], *static: Any) -> tuple[Tensor, Tensor]:
    *static, wanted = static  # type: ignore[assignment]
    memory = np.zeros(1, dtype=np.int64)
    ticket = torch.from_numpy(memory)
    if not any(wanted):
        return _data(tensors, static).contiguous(), ticket
    made = _Differentiable(tensors, static, wanted)
    _open[ticket.data_ptr()] = made
    weakref.finalize(memory, _open.pop, ticket.data_ptr()).atexit = False
    return made.data.detach().contiguous(), ticket


def _backward(gradient: Tensor, ticket: Tensor, tensors: Sequence[Tensor], *static: Any) -> list[Tensor]:
    *static, wanted = static  # type: ignore[assignment]
    made = _open.get(ticket.data_ptr())
    if made is None or any(w and not leaf.requires_grad for w, leaf in zip(wanted, made.leaves, strict=True)):
        made = _Differentiable(tensors, static, wanted)  # a copy of the ticket: it was saved elsewhere
    return made.back(gradient, wanted)


forward = torch.library.custom_op(
    "seiskern::simulate",
    _forward,
    mutates_args=(),
    schema=f"(Tensor[] tensors, {_SCHEMA}, bool[] wanted) -> (Tensor data, Tensor ticket)",
)
backward = torch.library.custom_op(
    "seiskern::simulate_backward",
    _backward,
    mutates_args=(),
    schema=f"(Tensor gradient, Tensor ticket, Tensor[] tensors, {_SCHEMA}, bool[] wanted) -> Tensor[]",
)


@forward.register_fake
def _(tensors: Sequence[Tensor], *static: Any) -> tuple[Tensor, Tensor]:
    given = dict(zip(STATIC, static, strict=False))
    first, ndim = tensors[0], len(given["spacing"])
    axes, *shots = given["kinds"].split(" ")
    begin = 3 + (len(ORTHORHOMBIC[ndim]) if given["medium"] == "effective" else 0)
    n_receivers = max(tensor.numel() for tensor in tensors[begin : begin + len(axes)])
    shape = (len(shots), len(QUANTITIES[given["quantity"]].parts(ndim)), n_receivers, given["nt"])
    return first.new_empty(shape), first.new_empty(1, dtype=torch.int64, device="cpu")


@backward.register_fake
def _(gradient: Tensor, ticket: Tensor, tensors: Sequence[Tensor], *static: Any) -> list[Tensor]:
    return [t.new_empty(t.shape) for t, wanted in zip(tensors, static[-1], strict=True) if wanted]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    tensors, *ctx.static, _ = inputs
    ctx.save_for_backward(output[1], *tensors)


def _formula(ctx: Any, gradient: Tensor, _: Any) -> tuple[Any, ...]:
    ticket, *tensors = ctx.saved_tensors
    wanted = list(ctx.needs_input_grad[0])
    found = iter(backward(gradient, ticket, tensors, *ctx.static, wanted))
    return [next(found) if wants else None for wants in wanted], *(None for _ in ctx.static), None


forward.register_autograd(_formula, setup_context=_setup)
