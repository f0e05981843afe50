"""Which kernel is whose adjoint."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seiskern.kernels.elastic import medium as media
from seiskern.kernels.elastic.adjoint import (
    AdjointState,
    PointGradient,
    medium_gradient,
    run_adjoint,
    stagger_gradient,
)
from seiskern.kernels.elastic.plan import History, Points, Problem, State
from seiskern.kernels.elastic.run import run


class _Stagger(torch.autograd.Function):
    """A medium at nodes to the coefficients of the kernels."""

    @staticmethod
    def forward(problem: Problem, vp: Tensor, vs: Tensor, rho: Tensor) -> Tensor:
        return media.stagger(problem, vp, vs, rho)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Problem, Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.problem, vp, vs, rho = inputs
        ctx.save_for_backward(vp, vs, rho)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        vp, vs, rho = ctx.saved_tensors
        return (None, *stagger_gradient(ctx.problem, vp, vs, rho, gradient))


def stagger(problem: Problem, vp: Tensor, vs: Tensor, rho: Tensor) -> Tensor:
    """As `seiskern.kernels.elastic.medium.stagger`, with gradients."""
    if not any(value.requires_grad for value in (vp, vs, rho)):
        return media.stagger(problem, vp, vs, rho)
    return _Stagger.apply(problem, vp, vs, rho)


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
    stops : iterable of int
        Steps after which ``look`` is called with their number; the last one is the end.
    look : callable
        It may look at the state.
    """

    problem: Problem
    state: State
    profiles: Tensor
    sources: tuple[Points, Points]
    receivers: tuple[Points, Points]
    stops: Iterable[int]
    look: Callable[[int], None]

    def advance(self, medium: Tensor, history: History | None = None) -> int:
        """Make all steps; returns how many."""
        done = 0
        for last in self.stops:
            run(
                self.problem,
                self.state,
                medium,
                self.profiles,
                self.sources,
                self.receivers,
                done,
                last,
                history=history,
            )
            done = last
            self.look(done)
        return done

    def records(self, medium: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Records of velocities and of stresses, (n_shots, n_steps, n_series).

        Gradients reach the medium, the series of the sources and the weights of all points.
        """
        wanted = torch.is_grad_enabled() and any(
            value.requires_grad
            for value in (medium, *(p.data for p in self.sources), *self._weights(), self.receivers[1].weight)
        )
        if not wanted:
            self.advance(medium)
            return self.receivers[0].data, self.receivers[1].data
        if not self.receivers[1].weight.requires_grad:
            return self._differentiable(medium, steps)
        stresses = self.receivers[1]
        apart = replace(self, receivers=(self.receivers[0], _apart(stresses)))
        velocities, samples = apart._differentiable(medium, steps)
        return velocities, _joined(stresses, samples)

    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.sources[0].weight, self.sources[1].weight, self.receivers[0].weight

    def _differentiable(self, medium: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        series = (points.data for points in self.sources)
        velocities, stresses, _ = _Propagate.apply(self, steps, medium, *series, *self._weights())
        return velocities, stresses


class _Propagate(torch.autograd.Function):
    """`run` forward, `run_adjoint` back."""

    @staticmethod
    def forward(what: Propagation, steps: int, medium: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        history = History.empty(what.problem, len(what.state.fields), 0, steps)
        what.advance(medium, history)
        return (*(points.data for points in what.receivers), history.data)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        what, ctx.steps, medium, *_ = inputs
        ctx.run = what.problem, what.profiles, what.sources, what.receivers  # not its state
        ctx.mark_non_differentiable(output[-1])
        ctx.save_for_backward(medium, output[-1])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, velocities: Tensor, stresses: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        medium, history = ctx.saved_tensors
        problem, profiles, sources, receivers = ctx.run
        points = (*sources, *receivers)
        of_medium, *of_rest = ctx.needs_input_grad[2:]
        of_data, of_weight = of_rest[:2], of_rest[2:]
        gradients = [
            PointGradient.zeros(p, data, weight)
            for p, data, weight in zip(points, (*of_data, False, False), (*of_weight, False), strict=True)
        ]
        for gradient, record in zip(gradients[2:], (velocities, stresses), strict=True):
            gradient.data = record.contiguous()
        state = AdjointState.zeros(problem, len(velocities), of_medium, of_data[1] or of_weight[1])
        run_adjoint(
            problem,
            state,
            medium,
            profiles,
            sources,
            receivers,
            gradients,
            History(history, 0, ctx.steps),
            0,
            ctx.steps,
        )
        result = medium_gradient(problem, medium, state.images) if state.images is not None else None
        return (
            None,
            None,
            result,
            gradients[0].data,
            gradients[1].data,
            *(gradient.of_weights for gradient in gradients[:3]),
        )


def _apart(points: Points) -> Points:
    """Receivers whose entries have a series each, in their order within the shot, and weigh one."""
    start, end = points.row_start[:, 0], points.row_start[:, -1]
    number = torch.zeros(len(points.weight), dtype=torch.int32)
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
