"""The step loop."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from seiskern import _ext
from seiskern.kernels.elastic.plan import History, Problem, State
from seiskern.kernels.elastic.points import Points


def run(
    problem: Problem,
    state: State,
    medium: Tensor,
    profiles: Tensor,
    sources: tuple[Points, Points],
    receivers: tuple[Points, Points],
    first: int,
    last: int,
    threads: int | None = None,
    history: History | None = None,
) -> None:
    """Advance all shots from step ``first`` to step ``last``, in place.

    Step n takes velocities to (n + 1/2) dt and then stresses to (n + 1) dt.

    Parameters
    ----------
    problem : Problem
        Grid and scheme.
    state : State
        Changed in place.
    medium : Tensor, shape (1 or n_shots, n_coefficients, array_size)
        From ``Problem.pack``.
    profiles : Tensor, shape (profile_size,) or (n_shots, profile_size)
        From ``Problem.profiles``.
    sources, receivers : (Points, Points)
        Of velocities and of stresses.
    first, last : int
        Steps.
    threads : int, optional
        As many as torch uses. The result does not depend on it.
    history : History, optional
        Keeps the velocities of these steps, for `run_adjoint`. They lie within it; where it begins, so does
        the first run.

    Raises
    ------
    ValueError
        If an array does not fit the problem.
    """
    if state.fields.device.type != "cpu":
        raise ValueError(f"`state` must be on the CPU, got {state.fields.device}; see `cuda.Stepper`")
    if problem.stored is not None:
        raise ValueError(f"`problem.stored` must be None on the CPU, got {problem.stored}")
    native = native_run(problem, state, medium, profiles, sources, receivers, first, last, history)
    _ext.require().elastic_run(native, first, last, threads or _ext.threads())
    state.at_rest = state.at_rest and first == last


def native_run(
    problem: Problem,
    state: State,
    medium: Tensor,
    profiles: Tensor,
    sources: Sequence[Points],
    receivers: Sequence[Points],
    first: int,
    last: int,
    history: Any,
    memory: str = "pml_size",
) -> Any:
    """Arguments of `run` as the compiled module takes them, checked; ``memory`` in the layout is its size."""
    n_shots, layout = len(state.fields), problem.layout
    stored = problem.stored or problem.dtype
    expected = {
        "fields": (state.fields, (n_shots, len(problem.fields), layout["array_size"])),
        "memory": (state.memory, (n_shots, layout[memory])),
        "medium": (medium, (len(medium), len(problem.coefficients), layout["array_size"])),
        "profiles": (profiles, (n_shots, layout["profile_size"])[-profiles.ndim :]),
    }
    if history is not None:
        expected["history"] = history.data, history.shape(problem, n_shots)
        if history.wavefield is not None:
            expected["wavefield"] = history.wavefield, expected["fields"][1]
    for name, (tensor, shape) in expected.items():
        dtype = stored if name == "fields" else problem.dtype
        if tensor.shape != shape or tensor.dtype != dtype or not tensor.is_contiguous():
            got = f"{tuple(tensor.shape)} {tensor.dtype}"
            raise ValueError(f"`{name}` must be contiguous, {shape} {dtype}, got {got}")
    if len(medium) not in (1, n_shots):
        raise ValueError(f"`medium` must hold 1 or {n_shots} media, got {len(medium)}")
    points = (*sources, *receivers)
    for p in points:
        if len(p.data) != n_shots or p.data.dtype != problem.dtype or p.weight.dtype != problem.dtype:
            raise ValueError(f"`sources` and `receivers` must hold {n_shots} shots of {problem.dtype}")
        if p.row_start.shape != (n_shots, problem.shape[0] + 1):
            raise ValueError(f"`sources` and `receivers` must be built for {problem.shape[0]} planes")
    if not 0 <= first <= last:
        raise ValueError(f"`first` must be >= 0 and `last` >= `first`, got {first} and {last}")
    return _ext.require().ElasticRun(
        problem.native,
        n_shots,
        state.fields.data_ptr(),
        medium.data_ptr(),
        0 if len(medium) == 1 else medium.stride(0),
        state.memory.data_ptr(),
        profiles.data_ptr(),
        profiles.stride(0) if profiles.ndim == 2 else 0,
        [p.native for p in points],
        state.at_rest,
        *((0, 0, 0, 0, False) if history is None else history.native),
    )
