"""Full-waveform inversion: the loop."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.checkpoint import checkpoint

from seiskern import _checks
from seiskern.inversion.misfit import L2, Misfit
from seiskern.inversion.model import Model
from seiskern.inversion.survey import Survey, lowpass, random_code
from seiskern.media.model import Medium

Regularization = Callable[[Medium], Tensor]
Adam = partial(torch.optim.Adam, lr=0.01)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of an inversion.

    Parameters
    ----------
    iterations : int
        How many.
    lowpass : float, Hz, optional
        Corner of the filter of data and time functions, see `seiskern.inversion.lowpass`; default none.
    """

    iterations: int = 100
    lowpass: float | None = None

    def __post_init__(self) -> None:
        """Check."""
        _checks.count("iterations", self.iterations, 1)


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """What one iteration tells.

    Attributes
    ----------
    stage, number : int
        Which: the stage, and how many iterations are done with this one, over all stages.
    misfit, regularization : float
        Before the step, of the shots it saw.
    seconds : float
        It took.
    """

    stage: int
    number: int
    misfit: float
    regularization: float
    seconds: float


class Inversion:
    r"""Change a model until its records are like those observed.

    Each iteration simulates shots, all or some or sums of them, and lets an optimiser of torch make a step:

    .. math:: \min_x \; \phi \bigl( F(m(x)), d \bigr) + \sum_i R_i(m(x))

    Parameters
    ----------
    observed : Tensor, shape (shot, component, receiver, nt)
        d, as ``survey`` would give it.
    survey : Survey
        F.
    model : Model, or any module of torch that returns a medium
        m. Its parameters x change in place.
    misfit : callable, default L2()
        Of (synthetic, observed): a number.
    regularization : sequence of callable
        Of a medium: numbers that are added.
    precondition : sequence of callable
        Of the gradient of each parameter on the grid, in turn, before each step.
    optimizer : callable, default Adam with lr = 0.01
        From parameters to an optimiser of torch, such as ``partial(torch.optim.LBFGS,
        line_search_fn="strong_wolfe")``. Each stage has a new one.
    scheduler : callable, optional
        From (optimiser, iterations of the stage) to a scheduler of torch.
    stages : sequence of Stage
        Done in turn: usually of growing frequencies, against cycle skipping [1]_.
    batch : int, optional
        Shots of an iteration, drawn at random; default all.
    encode : int, optional
        Instead, an iteration sees this many random sums of all shots, see `random_code`.
    chunk : int, optional
        Shots whose wavefields are kept at a time. With fewer than an iteration has, each is simulated once
        more on the way back.
    seed : int
        Of what is random.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    References
    ----------
    .. [1] Bunks et al. (1995), Geophysics 60(5), 1457-1473, doi:10.1190/1.1443880.
    """

    def __init__(
        self,
        observed: Tensor,
        survey: Survey,
        model: torch.nn.Module,
        *,
        misfit: Misfit | None = None,
        regularization: Sequence[Regularization] = (),
        precondition: Sequence[Callable[[Tensor], Tensor]] = (),
        optimizer: Callable[..., torch.optim.Optimizer] = Adam,
        scheduler: Callable[[torch.optim.Optimizer, int], Any] | None = None,
        stages: Sequence[Stage] = (Stage(),),
        batch: int | None = None,
        encode: int | None = None,
        chunk: int | None = None,
        seed: int = 0,
    ) -> None:
        _checks.instance("survey", survey, Survey)
        _checks.instance("model", model, torch.nn.Module)
        _checks.finite("observed", observed)
        if observed.ndim != 4 or (len(observed), observed.shape[-1]) != (len(survey), survey.nt):
            raise ValueError(
                f"`observed` must have shape ({len(survey)}, component, receiver, {survey.nt}), "
                f"got {tuple(observed.shape)}"
            )
        if batch is not None and encode is not None:
            raise ValueError("`batch` and `encode` must not both be given")
        for name, value in (("batch", batch), ("encode", encode), ("chunk", chunk)):
            if value is not None and _checks.count(name, value, 1) > len(survey):
                raise ValueError(f"`{name}` must be <= {len(survey)} (shots), got {value}")
        if not stages:
            raise ValueError("`stages` must hold at least one, got none")
        if encode is not None and survey.live is not None:
            raise ValueError("`encode` needs receivers that hear all shots: `survey.live` must be None")
        self.given, self.survey, self.model = survey.heard(observed), survey, model
        self.misfit = L2() if misfit is None else misfit
        self.regularization, self.precondition = tuple(regularization), tuple(precondition)
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.stages, self.batch, self.encode, self.chunk = tuple(stages), batch, encode, chunk
        self.generator = Generator().manual_seed(seed)
        self.history: list[Iteration] = []
        self._enter(0)

    @property
    def iterations(self) -> int:
        """Of all stages."""
        return sum(stage.iterations for stage in self.stages)

    def __iter__(self) -> Iterator[Iteration]:
        """Make the iterations that are left, one at a time."""
        while len(self.history) < self.iterations:
            yield self.step()

    def step(self) -> Iteration:
        """Make one iteration."""
        start = time.perf_counter()
        done, stage = len(self.history), 0
        while done >= self.stages[stage].iterations:
            done, stage = done - self.stages[stage].iterations, stage + 1
            if stage == len(self.stages):
                raise RuntimeError(f"all {self.iterations} iterations are done")
        if stage != self.stage:
            self._enter(stage)
        survey, observed = self._drawn()
        values: list[tuple[float, float]] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            medium = self.model()
            with warnings.catch_warnings():
                if values or self.history:  # said once
                    warnings.filterwarnings("ignore", message="the source reaches")
                records = self._records(survey, medium)
            misfit = self.misfit(records, observed)
            extra = [term(medium) for term in self.regularization]
            total = misfit + torch.stack(extra).sum() if extra else misfit
            total.backward()
            self._preconditioned()
            values.append((float(misfit.detach()), float(total.detach() - misfit.detach())))
            return total

        self.optimizer.step(closure)  # type: ignore[arg-type]  # a tensor does for all of torch's
        if self.scheduler is not None:
            self.scheduler.step()
        misfit, extra = values[0]
        seconds = time.perf_counter() - start
        self.history.append(
            Iteration(
                stage=stage,
                number=len(self.history) + 1,
                misfit=misfit,
                regularization=extra,
                seconds=seconds,
            )
        )
        return self.history[-1]

    def state_dict(self) -> dict[str, Any]:
        """All that the iterations to come depend on, of tensors, numbers, strings, lists and dicts."""
        return {
            "model": dict(self.model.state_dict()),
            "stage": self.stage,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "history": [asdict(iteration) for iteration in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of an inversion with the same arguments; what follows is the same to the bit."""
        self.model.load_state_dict(state["model"])
        self._enter(state["stage"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.generator.set_state(state["generator"])
        self.history = [Iteration(**entries) for entries in state["history"]]

    def _enter(self, stage: int) -> None:
        corner = self.stages[stage].lowpass
        self.stage = stage
        self.seen = self.survey if corner is None else self.survey.lowpassed(corner)
        self.observed = self.given if corner is None else lowpass(self.given, self.survey.dt, corner)
        self.optimizer = self.make_optimizer(self.model.parameters())
        self.scheduler = None
        if self.make_scheduler is not None:
            self.scheduler = self.make_scheduler(self.optimizer, self.stages[stage].iterations)

    def _drawn(self) -> tuple[Survey, Tensor]:
        """Shots of an iteration and their data."""
        n = len(self.survey)
        if self.encode is not None:
            code = random_code(self.encode, n, self.generator)
            return self.seen.encoded(code), torch.tensordot(code.to(self.observed.dtype), self.observed, 1)
        if self.batch is None or self.batch == n:
            return self.seen, self.observed
        drawn = torch.randperm(n, generator=self.generator)[: self.batch].sort().values
        return self.seen.subset(drawn.tolist()), self.observed[drawn]

    def _records(self, survey: Survey, medium: Medium) -> Tensor:
        n = len(survey)
        if self.chunk is None or self.chunk >= n:
            return survey(medium)

        def simulated(vp: Tensor, vs: Tensor, rho: Tensor, shots: list[int]) -> Tensor:
            return survey.subset(shots)(Medium(vp, vs, rho, medium.spacing, origin=medium.origin))

        parts = [
            checkpoint(
                simulated,
                medium.vp,
                medium.vs,
                medium.rho,
                list(range(first, min(first + self.chunk, n))),
                use_reentrant=True,
                preserve_rng_state=False,
            )
            for first in range(0, n, self.chunk)
        ]
        return torch.cat(parts)

    def _preconditioned(self) -> None:
        for parameter in self.model.parameters():
            for change in self.precondition:
                if parameter.grad is not None:
                    parameter.grad = change(parameter.grad).contiguous()  # some of torch ask for that


def invert(
    observed: Tensor,
    survey: Survey,
    model: Model,
    *,
    callback: Callable[[Iteration], None] | None = None,
    **options: Any,
) -> Medium:
    """Invert observed records for a medium.

    Parameters
    ----------
    observed, survey, model, **options
        As for `Inversion`.
    callback : callable, optional
        Called after each iteration.

    Returns
    -------
    Medium
        The last one, without gradient. ``model`` holds it as well.

    Examples
    --------
    >>> survey = Survey(shots, receivers, dt=0.004, nt=500)
    >>> medium = invert(observed, survey, Model(start))
    """
    for iteration in Inversion(observed, survey, model, **options):
        if callback is not None:
            callback(iteration)
    with torch.no_grad():
        return model()
