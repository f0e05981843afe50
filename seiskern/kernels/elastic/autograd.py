"""Which kernel is whose adjoint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seiskern.kernels.elastic import cuda, cuda_tuning
from seiskern.kernels.elastic import medium as media
from seiskern.kernels.elastic.adjoint import (
    AdjointState,
    PointGradient,
    medium_gradient,
    run_adjoint,
    stagger_gradient,
)
from seiskern.kernels.elastic.born import SECOND, dual_records, stagger_tangent
from seiskern.kernels.elastic.cuda_adjoint import AdjointStepper
from seiskern.kernels.elastic.cuda_history import GpuHistory
from seiskern.kernels.elastic.plan import History, Problem, State
from seiskern.kernels.elastic.points import Points
from seiskern.kernels.elastic.run import run
from seiskern.kernels.elastic.strategy import Back, Forward, Strategy, schedule
from seiskern.kernels.memory import empty


class _Stagger(torch.autograd.Function):
    """A medium at nodes to the coefficients of the kernels."""

    @staticmethod
    def forward(
        problem: Problem, vp: Tensor, vs: Tensor, rho: Tensor, threads: int | None, moduli: bool
    ) -> Tensor:
        # No view of an array with pages of its own: torch gives those no tangents that lie elsewhere.
        return media.stagger(problem, vp, vs, rho, threads, moduli).detach()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.problem, vp, vs, rho, _, ctx.moduli = inputs
        ctx.save_for_backward(vp, vs, rho)
        ctx.save_for_forward(vp, vs, rho)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> Tensor:
        return stagger_tangent(ctx.problem, ctx.saved_tensors, tangents[:3], ctx.moduli)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        vp, vs, rho = ctx.saved_tensors
        return (None, *stagger_gradient(ctx.problem, vp, vs, rho, gradient, ctx.moduli), None, None)


def stagger(
    problem: Problem,
    vp: Tensor,
    vs: Tensor,
    rho: Tensor,
    threads: int | None = None,
    moduli: bool = False,
) -> Tensor:
    """As `seiskern.kernels.elastic.medium.stagger`, with gradients and tangents."""
    return _Stagger.apply(problem, vp, vs, rho, threads, moduli)


@dataclass
class Propagation:
    """All steps of a run from rest.

    Attributes
    ----------
    problem : Problem
        Grid and scheme.
    state : State
        At rest; changed in place.
    profiles : Tensor
        Of the absorbing layers.
    sources, receivers : (Points, Points)
        Of velocities and of stresses. Data of receivers are zero, and will be the records.
    stops : sequence of int
        Steps after which ``look`` is called with their number; the last one is the end.
    look : callable
        It may look at the state.
    strategy : Strategy
        What is remembered where a gradient is wanted.
    """

    problem: Problem
    state: State
    profiles: Tensor
    sources: tuple[Points, Points]
    receivers: tuple[Points, Points]
    stops: Sequence[int]
    look: Callable[[int], None]
    strategy: Strategy

    def advance(self, state: State, medium: Tensor, first: int, last: int, history: Any = None) -> None:
        """Make steps from ``first`` to ``last``; look where that is wanted."""
        stops = sorted({stop for stop in self.stops if first < stop < last} | {last})
        given = self.problem, state, medium, self.profiles, self.sources, self.receivers
        on_gpu = cuda_tuning.stepper(*given, history) if cuda.here(state.fields) else None
        for begin, end in pairwise([first, *stops]):
            if on_gpu is None:
                run(*given, begin, end, history=history)
            else:
                on_gpu.run(begin, end)
            if end in self.stops:
                self.look(end)

    def records(self, medium: Tensor) -> tuple[Tensor, Tensor]:
        """Records of velocities and of stresses, (n_shots, n_steps, n_series).

        Gradients reach the medium, the series of the sources and the weights of all points; so do tangents.
        """
        if cuda.here(self.state.fields):
            return self._there()._records(medium)
        return self._records(medium)

    def _there(self) -> "Propagation":
        """The same with points where the wavefield is."""
        device = self.state.fields.device
        a, b, c, d = (points.to(device) for points in (*self.sources, *self.receivers))
        return replace(self, sources=(a, b), receivers=(c, d))

    def _records(self, medium: Tensor) -> tuple[Tensor, Tensor]:
        if (dual := dual_records(self, medium)) is not None:
            return dual
        stresses = self.receivers[1]
        inputs = medium, *(p.data for p in self.sources), *(p.weight for p in self._weighted())
        if not torch.is_grad_enabled() or not any(v.requires_grad for v in (*inputs, stresses.weight)):
            self.advance(self.state, medium, 0, self.stops[-1])
            return self.receivers[0].data, stresses.data
        if self.problem.stored is not None:
            raise ValueError("`storage` must be None where a gradient is wanted")
        if not stresses.weight.requires_grad:
            velocities, pressures = _Propagate.apply(self, *inputs)
            return velocities, pressures
        apart = replace(self, receivers=(self.receivers[0], _apart(stresses)))
        velocities, samples = _Propagate.apply(apart, *inputs)
        return velocities, _joined(stresses, samples)

    def _weighted(self) -> tuple[Points, Points, Points]:
        return (*self.sources, self.receivers[0])

    def with_inputs(self, data: Sequence[Tensor], weights: Sequence[Tensor]) -> "Propagation":
        """The same with these series of sources, and weights of all but receivers of stress."""
        sources = tuple(
            replace(p, data=d, weight=w) for p, d, w in zip(self.sources, data, weights, strict=False)
        )
        receivers = replace(self.receivers[0], weight=weights[2]), self.receivers[1]
        return replace(self, sources=(sources[0], sources[1]), receivers=receivers)


class _Tape:
    """A run and what it remembers."""

    def __init__(self, what: Propagation, medium: Tensor) -> None:
        self.what, self.medium = what, medium
        self.n_shots, self.steps = len(what.state.fields), what.stops[-1]
        self.cuts = what.strategy.cuts(what.problem, self.steps)
        none = Points.none(what.problem, self.n_shots, self.steps)
        # Steps that are made again record nothing, and nobody looks at them.
        self.again = replace(what, receivers=(none, none), stops=())
        self.rewind()

    def rewind(self) -> None:
        """Forget everything."""
        segments = len(self.cuts) - 1
        self.schedule = schedule(0, segments, self.what.strategy.slots(segments))
        self.kept: dict[int, State] = {}
        self.history: History | GpuHistory | None = None
        self.whole = True  # whether all segments are still to be taken back

    def run(self) -> None:
        """Make all steps for the first time, and remember what the schedule asks for."""
        state = self.what.state
        for action in self.schedule:
            if isinstance(action, Back):
                self._segment(self.what, state, action.segment)
                self._let_go()
                return
            self.what.advance(state, self.medium, self.cuts[action.first], self.cuts[action.last])
            self.kept[action.last] = self._put(state)

    def _let_go(self) -> None:
        """Of what only the first run needs."""
        for what in (self.what, self.again):
            what.state, what.look = State(*torch.empty(2, 0)), lambda step: None

    def back(self, adjoint: Callable[[Any, int, int], None]) -> None:
        """Call adjoint(history, first step, last step) for all segments, the last one first."""
        if not self.whole:
            self.rewind()
        self.whole = False
        if self.history is not None:
            self._adjoint(adjoint)
        for action in self.schedule:
            if isinstance(action, Forward):
                state = self._wavefield(action.first, forget=False)
                self.again.advance(state, self.medium, self.cuts[action.first], self.cuts[action.last])
                self.kept[action.last] = state if self._in_memory else self._put(state)
            else:
                self._segment(self.again, self._wavefield(action.segment, forget=True), action.segment)
                self._adjoint(adjoint)

    @property
    def _in_memory(self) -> bool:
        """Whether wavefields are kept where they run."""
        where = self.what.strategy.where
        return where == "memory" or (where == "host" and not cuda.here(self.medium))

    def _put(self, state: State) -> State:
        if cuda.here(state.fields) and self._in_memory:
            return state.copied(torch.empty_like)
        return state.copied(self._empty)

    def _empty(self, like: Tensor) -> Tensor:
        return self.what.strategy.array(tuple(like.shape), like.dtype)

    def _wavefield(self, segment: int, forget: bool) -> State:
        """Before a segment, to be changed."""
        if segment == 0:
            return State.at_start(self.what.problem, self.n_shots, self.medium.device)
        if forget and self._in_memory:
            return self.kept.pop(segment)
        state = self.kept[segment].copied(self._again)
        if forget:
            del self.kept[segment]
        return state

    def _again(self, like: Tensor) -> Tensor:
        """An array of a wavefield that is advanced once more."""
        if self.medium.device.type == "cpu":
            return empty(tuple(like.shape), like.dtype)
        return torch.empty(like.shape, dtype=like.dtype, device=self.medium.device)

    def _segment(self, what: Propagation, state: State, segment: int) -> None:
        """Make a segment with its history."""
        first, last = self.cuts[segment], self.cuts[segment + 1]
        if cuda.here(state.fields):
            given = what.problem, self.n_shots, first, last, what.strategy, state.fields.device
            self.history = GpuHistory(*given)
        else:
            self.history = what.strategy.history(what.problem, self.n_shots, first, last)
        what.advance(state, self.medium, first, last, self.history)
        if self.history.boundary:
            self.history.wavefield = state.fields

    def _adjoint(self, adjoint: Callable[[Any, int, int], None]) -> None:
        assert self.history is not None  # made just before
        history, self.history = self.history, None
        if len(self.cuts) == 2 and history.wavefield is None:  # the only one: for a second time
            self.history, self.whole = history, True
        adjoint(history, history.first, history.last)


class _Propagate(torch.autograd.Function):
    """`run` forward, `run_adjoint` back."""

    @staticmethod
    def forward(ctx: Any, what: Propagation, medium: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        what = what.with_inputs(inputs[:2], inputs[2:])
        ctx.tape = _Tape(what, medium)
        ctx.tape.run()
        # Other tensors than the tape has: it must not hold what holds it, which no collector would find.
        return what.receivers[0].data.detach(), what.receivers[1].data.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, velocities: Tensor, stresses: Tensor) -> tuple[Tensor | None, ...]:
        if any(forward_ad.unpack_dual(gradient).tangent is not None for gradient in (velocities, stresses)):
            raise RuntimeError(SECOND)
        tape: _Tape = ctx.tape
        what, problem, medium = tape.what, tape.what.problem, tape.medium
        of_medium, *of_rest = ctx.needs_input_grad[1:]
        of_data, of_weight = of_rest[:2], of_rest[2:]
        points = (*what.sources, *what.receivers)
        gradients = [
            PointGradient.zeros(p, data, weight)
            for p, data, weight in zip(points, (*of_data, False, False), (*of_weight, False), strict=True)
        ]
        for gradient, record in zip(gradients[2:], (velocities, stresses), strict=True):
            gradient.data = record.contiguous()
        strain = of_data[1] or of_weight[1]
        state = AdjointState.zeros(problem, tape.n_shots, of_medium, strain, medium.device)
        given = problem, state, medium, what.profiles, what.sources, what.receivers, gradients

        def back(history: Any, first: int, last: int) -> None:
            if cuda.here(state.fields):
                blocks = cuda_tuning.chosen(problem, "back", state.fields.device)
                AdjointStepper(*given, history, blocks=blocks).run(first, last)
            else:
                run_adjoint(*given, history, first, last)

        tape.back(back)
        result = medium_gradient(problem, medium, state.images) if state.images is not None else None
        weights = (gradient.of_weights for gradient in gradients[:3])
        return None, result, gradients[0].data, gradients[1].data, *weights


def _apart(points: Points) -> Points:
    """Receivers whose entries have a series each, in their order within the shot, and weigh one."""
    start, end = points.row_start[:, 0], points.row_start[:, -1]
    number = torch.zeros_like(points.series)
    for first, last in zip(start.tolist(), end.tolist(), strict=True):
        number[first:last] = torch.arange(last - first)
    n_shots, n_steps, _ = points.data.shape
    data = points.data.new_zeros(n_shots, n_steps, int((end - start).max()))
    return replace(
        points, series=number, weight=torch.ones_like(points.weight, requires_grad=False), data=data
    )


def _joined(points: Points, samples: Tensor) -> Tensor:
    """The records that entries make together, from their samples one by one."""
    records = []
    for shot, (first, last) in enumerate(points.row_start[:, [0, -1]].tolist()):
        values = samples[shot, :, : last - first] * points.weight[first:last]
        record = points.data.new_zeros(points.data.shape[1:])
        records.append(record.index_add(1, points.series[first:last], values))
    return torch.stack(records)
