"""Invert records for a medium as a TOML file describes; goes on where it was interrupted."""

import argparse
import dataclasses
import importlib.metadata
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import seiskern as sk
from seiskern import inversion, plotting
from seiskern.cli.build import build_medium, build_shots, receiver_coordinates
from seiskern.cli.fwi_config import FwiConfig, load_config
from seiskern.cli.simulate import scheme
from seiskern.cli.terminal import Progress, print_json
from seiskern.io import InversionResult, read_simulation, read_state, write_inversion, write_state
from seiskern.media.layered import gardner_density

UNITS = {"vp": "Vp (m/s)", "vs": "Vs (m/s)", "rho": "density (kg/m³)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, help="TOML file; docs/fwi-toml.md lists its keys")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="HDF5 file to write")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for figures (PNG)")
    parser.add_argument("--restart", action="store_true", help="forget what an interrupted run has done")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    config, text = load_config(options.config)
    output = options.output or Path(config.output.file)
    if not output.parent.is_dir():
        raise FileNotFoundError(f"`--output` must lie in an existing folder, got {output}")
    start = time.perf_counter()
    job = Job(config)
    state = output.with_name(output.name + ".state")
    resumed = job.resume(state, text, options.restart)
    for iteration in job.iterate(Progress("fwi")):
        if iteration.number % config.output.checkpoint == 0:
            write_state(state, job.state_dict(), text)
    result = job.result(text)
    write_inversion(output, result)
    state.unlink(missing_ok=True)
    figures = options.figures or (Path(config.output.figures) if config.output.figures else None)
    files = [output, *(save_figures(job, result, figures) if figures else [])]
    summary: dict[str, Any] = {
        "config": str(options.config),
        "resumed_after": resumed,
        "seconds": time.perf_counter() - start,
        "files": [str(file) for file in files],
        "history": {name: column.tolist() for name, column in result["history"].items()},
    }
    if options.json:
        print_json(summary)
    else:
        print(f"{summary['seconds']:.1f} s, {job.describe()}", file=sys.stderr)
        print("\n".join(summary["files"]))
    return 0


class Job:
    """An inversion with its data and, where it is known, the truth."""

    def __init__(self, config: FwiConfig) -> None:
        self.config, self.start = config, build_medium(config)
        options = scheme(config.simulation) | {"multiaxial": config.simulation.multiaxial}
        dt, nt = options.pop("dt"), options.pop("nt")
        receivers = sk.Receivers(**receiver_coordinates(config.receivers))
        self.survey = inversion.Survey(build_shots(config), receivers, dt=dt, nt=nt, options=options)
        if config.shots.offsets is not None:
            self.survey = self.survey.within(*config.shots.offsets)
        known = config.observed.medium
        self.truth = None if known is None else build_medium(config, known)
        self.model = build_model(config, self.start)
        self.inversion = inversion.Inversion(
            self._observed(), self.survey, self.model, **build_options(config, self.survey, self.start)
        )
        self.errors: list[dict[str, float]] = []

    def _observed(self) -> Tensor:
        observed = self.config.observed
        if observed.file is not None:
            simulation, wanted = read_simulation(observed.file), self.config.simulation
            for name, want in (("quantity", wanted.quantity), ("dt", wanted.dt)):
                if simulation[name] != want:  # type: ignore[literal-required]
                    got = simulation[name]  # type: ignore[literal-required]
                    raise ValueError(f"`observed.file` must hold {name} {want}, got {got}")
            records = torch.from_numpy(simulation["traces"]).to(self.start.vp.dtype)
        else:
            assert self.truth is not None  # one of both is given
            with torch.no_grad():
                records = self.survey(self.truth)
        if observed.noise > 0:
            generator = torch.Generator().manual_seed(observed.seed)
            records = inversion.add_noise(records, observed.noise, generator)
        return records

    def resume(self, state: Path, text: str, restart: bool) -> int:
        """Go on from a state, if there is one of this configuration; returns the iterations it had done."""
        if restart or not state.is_file():
            return 0
        saved, of_text = read_state(state)
        if of_text != text:
            raise ValueError(
                f"{state} is of another configuration: --restart forgets it, the old configuration goes on"
            )
        self.inversion.load_state_dict(saved["inversion"])
        self.errors = saved["errors"]
        return len(self.inversion.history)

    def state_dict(self) -> dict[str, Any]:
        """What `resume` goes on from."""
        return {"inversion": self.inversion.state_dict(), "errors": self.errors}

    def iterate(self, progress: Progress) -> Any:
        """Make the iterations that are left."""
        for iteration in self.inversion:
            self.errors.append(self._errors())
            progress.label = f"fwi  {self.describe()}"
            progress(iteration.number, self.inversion.iterations)
            yield iteration

    def describe(self) -> str:
        """Misfit, and the error of the model where the truth is known."""
        history = self.inversion.history
        if not history:
            return "nothing done"
        errors = [f"{name} {100 * error:.2f} %" for name, error in self.errors[-1].items()]
        return ", ".join([f"misfit {history[-1].misfit:.3g}", *(f"error of {error}" for error in errors)])

    def _errors(self) -> dict[str, float]:
        """Relative L2 norms, of vp, vs and rho if they change."""
        if self.truth is None:
            return {}
        with torch.no_grad():
            medium = self.model()
        names = ("vp", "vs", "rho") if "rho" in self.model.names else ("vp", "vs")
        pairs = {name: (getattr(medium, name), getattr(self.truth, name)) for name in names}
        return {name: float((found - true).norm() / true.norm()) for name, (found, true) in pairs.items()}

    def result(self, text: str) -> InversionResult:
        """What is written."""
        with torch.no_grad():
            medium = self.model()
        done = [dataclasses.asdict(iteration) for iteration in self.inversion.history]
        history = {name: np.array([entry[name] for entry in done]) for name in done[0]}
        for name in self.errors[0]:
            history[f"error_{name}"] = np.array([error[name] for error in self.errors])
        result: InversionResult = {
            "medium": as_group(medium),
            "start": as_group(self.start),
            "history": history,
            "config": text,
            "seiskern_version": importlib.metadata.version("seiskern"),
        }
        if self.truth is not None:
            result["truth"] = as_group(self.truth)
        return result


def as_group(medium: sk.Medium) -> Any:
    """A medium as `io` takes it."""
    arrays = {name: getattr(medium, name).detach().numpy() for name in ("vp", "vs", "rho")}
    return arrays | {"spacing": medium.spacing}


def build_model(config: FwiConfig, start: sk.Medium) -> inversion.Model:
    """The model of the configuration."""
    wanted, fixed = config.model, None
    if wanted.fixed_above is not None:
        depth = torch.arange(start.shape[0]) * start.spacing[0]
        fixed = (depth < wanted.fixed_above).reshape(-1, *(1,) * (start.ndim - 1)).expand(start.shape)
    bounds = {name: value for name, value in dataclasses.asdict(wanted.bounds).items() if value is not None}
    return inversion.Model(
        start,
        parameters=wanted.parameters,
        scale=wanted.scale,
        bounds=bounds,
        density=gardner_density if wanted.density == "gardner" else None,
        fixed=fixed,
    )


def build_options(config: FwiConfig, survey: inversion.Survey, start: sk.Medium) -> dict[str, Any]:
    """Options of `inversion.Inversion`."""
    terms = config.regularization
    regularization: list[Any] = []
    if terms.damping:
        regularization.append(inversion.Damping(terms.damping, start))
    if terms.roughness:
        regularization.append(inversion.Roughness(terms.roughness))
    if terms.total_variation:
        regularization.append(inversion.TotalVariation(terms.total_variation))
    cosine = config.optimizer.schedule == "cosine"
    return {
        "misfit": build_misfit(config),
        "regularization": regularization,
        "precondition": build_preconditioners(config, survey, start),
        "optimizer": build_optimizer(config),
        "scheduler": torch.optim.lr_scheduler.CosineAnnealingLR if cosine else None,
        "stages": [inversion.Stage(**dataclasses.asdict(stage)) for stage in config.stage],
        **{name: getattr(config.shots, name) for name in ("batch", "encode", "chunk", "seed")},
    }


def build_misfit(config: FwiConfig) -> Any:
    """The misfit of the configuration."""
    kinds = {
        "l2": inversion.L2,
        "correlation": inversion.NormalizedCorrelation,
        "envelope": inversion.Envelope,
    }
    wanted = config.misfit
    if wanted.kind in kinds:
        return kinds[wanted.kind]()
    transport = {
        "sliced_wasserstein": inversion.SlicedWasserstein,
        "graph_space": inversion.GraphSpaceTransport,
    }
    return transport[wanted.kind](dt=config.simulation.dt, shift=wanted.shift)


def build_optimizer(config: FwiConfig) -> Any:
    """What makes the optimiser of a stage."""
    wanted = config.optimizer
    options: dict[str, Any] = {} if wanted.lr is None else {"lr": wanted.lr}
    if wanted.kind == "LBFGS":
        options = {"line_search_fn": "strong_wolfe", "max_iter": 1, "max_eval": 10} | options
    elif wanted.lr is None:
        options = {"lr": 0.01}
    return partial(getattr(torch.optim, wanted.kind), **options)


def build_preconditioners(config: FwiConfig, survey: inversion.Survey, start: sk.Medium) -> list[Any]:
    """What is done to gradients, in turn."""
    wanted = config.precondition
    chain: list[Any] = []
    if wanted.illumination is not None:
        energy = inversion.illumination(survey, start)
        chain.append(inversion.Illumination(energy, wanted.illumination))
    if wanted.mute is not None:
        chain.append(inversion.Mute(start, survey.places(start.axes), wanted.mute))
    if wanted.smooth is not None:
        chain.append(inversion.Smooth(wanted.smooth, start.spacing))
    return chain


def save_figures(job: Job, result: InversionResult, folder: Path) -> list[Path]:
    """Draw models, in 3-D their section at the middle, and the misfit."""
    folder.mkdir(parents=True, exist_ok=True)
    ndim, axes = job.start.ndim, job.start.axes
    rows = [name for name in ("vp", "vs", "rho") if name != "rho" or "rho" in job.model.names]

    def section(medium: Any) -> dict[str, Any]:
        arrays = {UNITS[name]: medium[name] for name in rows}
        return {name: a if ndim == 2 else a[:, a.shape[1] // 2] for name, a in arrays.items()}

    models = {"true": section(result["truth"])} if "truth" in result else {}
    models |= {"inverted": section(result["medium"]), "start": section(result["start"])}
    places = job.survey.places(axes)[[axes.index("x"), 0]].T
    n_sources = sum(len(shot) for shot in job.survey.shots)
    spacing = (job.start.spacing[0], job.start.spacing[-1])
    history = result["history"]
    errors = {name[6:]: column for name, column in history.items() if name.startswith("error_")}
    figures = {
        "models": plotting.model_comparison(
            models, spacing, sources=places[:n_sources], receivers=places[n_sources:]
        ),
        "misfit": plotting.convergence(history["misfit"], errors),
    }
    files = [folder / f"{name}.png" for name in figures]
    for file, figure in zip(files, figures.values(), strict=True):
        figure.savefig(file)
    return files
