"""The TOML of ``seiskern fwi`` as frozen dataclasses; docs/fwi-toml.md documents each key."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from seiskern.cli.config import Experiment, Medium, check_medium, check_one_of, check_positive, load
from seiskern.cli.tables import ConfigError


@dataclass(frozen=True)
class Observed:
    """Data: a file of ``seiskern simulate``, or a medium whose records are simulated."""

    file: str | None = None
    medium: Medium | None = None
    noise: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Bounds:
    """Least and greatest values."""

    vp: tuple[float, ...] | None = None
    vs: tuple[float, ...] | None = None
    rho: tuple[float, ...] | None = None
    vp_vs: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Model:
    """What may change."""

    parameters: tuple[str, ...] = ("vp", "vs")
    scale: Literal["log", "linear"] = "log"
    bounds: Bounds = Bounds()
    density: Literal["fixed", "gardner"] = "fixed"
    fixed_above: float | None = None


@dataclass(frozen=True)
class Misfit:
    """How records are compared."""

    kind: Literal["l2", "correlation", "envelope", "sliced_wasserstein", "graph_space"] = "l2"
    shift: float | None = None


@dataclass(frozen=True)
class Regularization:
    """Weights; 0 is none."""

    damping: float = 0.0
    roughness: float = 0.0
    total_variation: float = 0.0


@dataclass(frozen=True)
class Precondition:
    """What is done to gradients."""

    mute: float | None = None
    smooth: float | None = None
    illumination: float | None = None


@dataclass(frozen=True)
class Optimizer:
    """A class of ``torch.optim``."""

    kind: str = "Adam"
    lr: float | None = None
    schedule: Literal["constant", "cosine"] = "constant"


@dataclass(frozen=True)
class Stage:
    """Iterations on data below a frequency."""

    iterations: int = 100
    lowpass: float | None = None


@dataclass(frozen=True)
class Shots:
    """Which shots an iteration sees."""

    batch: int | None = None
    encode: int | None = None
    chunk: int | None = None
    seed: int = 0
    offsets: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Output:
    """Where the results go, and iterations from one checkpoint to the next."""

    file: str = "fwi.h5"
    figures: str | None = None
    checkpoint: int = 1


@dataclass(frozen=True)
class FwiConfig(Experiment):
    """The whole file; ``medium`` is the start."""

    observed: Observed
    model: Model = Model()
    misfit: Misfit = Misfit()
    regularization: Regularization = Regularization()
    precondition: Precondition = Precondition()
    optimizer: Optimizer = Optimizer()
    stage: tuple[Stage, ...] = (Stage(),)
    shots: Shots = Shots()
    output: Output = Output()


def load_config(path: str | os.PathLike[str]) -> tuple[FwiConfig, str]:
    """Read and check the file of ``seiskern fwi``; see `seiskern.cli.config.load`."""
    config, text = load(path, FwiConfig)
    observed, optimizer = config.observed, config.optimizer
    check_one_of("observed", observed, ("file", "medium"))
    if observed.medium is not None:
        check_medium("observed.medium", observed.medium)
    for name in ("vp", "vs", "rho", "vp_vs"):
        bounds = getattr(config.model.bounds, name)
        if bounds is not None and len(bounds) != 2:
            raise ConfigError(f"`model.bounds.{name}` must be two numbers, got {list(bounds)}")
    needs_shift = config.misfit.kind in ("sliced_wasserstein", "graph_space")
    if needs_shift != (config.misfit.shift is not None):
        how = "is missing" if needs_shift else "has no use"
        raise ConfigError(f"`misfit.shift` {how} with kind {config.misfit.kind!r}")
    if optimizer.kind not in optimizers():
        raise ConfigError(
            f"`optimizer.kind` must be one of {', '.join(optimizers())}, got {optimizer.kind!r}"
        )
    if config.shots.offsets is not None and len(config.shots.offsets) != 2:
        raise ConfigError(f"`shots.offsets` must be two numbers, got {list(config.shots.offsets)}")
    if not config.stage:
        raise ConfigError("`stage` must have at least one entry, got none")
    check_positive("output.checkpoint", config.output.checkpoint)
    return config, text


def optimizers() -> list[str]:
    """Names of those of torch that take parameters of any shape and no sparse gradient."""
    found = {name: getattr(torch.optim, name) for name in dir(torch.optim)}
    return [
        name
        for name, kind in found.items()
        if isinstance(kind, type)
        and issubclass(kind, torch.optim.Optimizer)
        and name not in ("Optimizer", "SparseAdam", "Muon")
    ]
