"""Simulate waves as a TOML file describes; write seismograms, wavefields and figures."""

import argparse
import dataclasses
import importlib.metadata
import sys
import time
from pathlib import Path
from typing import Any

import seiskern as sk
from seiskern.cli.build import AnySource, build_medium, build_shots, receiver_coordinates, shot_numbers
from seiskern.cli.config import Config, Simulation, load_config
from seiskern.cli.preflight import describe, measure_speed, numbers
from seiskern.cli.record import make_record, save_figures
from seiskern.cli.terminal import print_json, progress_bar, table
from seiskern.io import Simulation as Record
from seiskern.io import write_simulation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", type=Path, help="TOML file; docs/simulate-toml.md lists its keys")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="HDF5 file to write")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for figures (PNG)")
    parser.add_argument("--check", action="store_true", help="check the input and estimate the cost, no more")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    config, text = load_config(options.config)
    output = options.output or Path(config.output.file)
    figures = options.figures or (Path(config.output.figures) if config.output.figures else None)
    if not output.parent.is_dir():
        raise FileNotFoundError(f"`--output` must lie in an existing folder, got {output}")
    medium, shots = build_medium(config), build_shots(config)
    receivers = receiver_coordinates(config.receivers)
    simulation = config.simulation
    plan = sk.plan(medium, n_shots=len(shots), **scheme(simulation))
    speed = measure_speed(
        medium.ndim, simulation.order, medium.vp.dtype, effective=medium.effective is not None
    )
    summary: dict[str, Any] = {"config": str(options.config), "shots": len(shots), **numbers(plan)}
    summary["estimated_seconds"] = len(shots) * plan.cells * plan.steps / speed
    if not options.json:
        seconds = f"about {summary['estimated_seconds']:.2g} s"
        cost = f"{seconds} at {speed / 1e6:.0f} Mcell/s, measured on a small grid"
        print(table([("shots", str(len(shots))), *describe(plan), ("time", cost)]), file=sys.stderr)
    if options.check:
        if options.json:
            print_json(summary)
        return 0

    start = time.perf_counter()
    seismograms = solve(config, medium, shots, receivers)
    summary["seconds"] = time.perf_counter() - start
    record = to_record(config, text, seismograms, medium, receivers)
    write_simulation(output, record)
    files = [output, *(save_figures(record, figures) if figures else [])]
    summary["files"] = [str(file) for file in files]
    if options.json:
        print_json(summary)
    else:
        print(f"{summary['seconds']:.1f} s", file=sys.stderr)
        print("\n".join(summary["files"]))
    return 0


def scheme(simulation: Simulation) -> dict[str, Any]:
    """What ``sk.plan`` and ``sk.simulate`` both take."""
    names = ("dt", "nt", "order", "absorbing", "free_surface", "dispersion_correction", "quantity")
    return {name: getattr(simulation, name) for name in names}


def solve(
    config: Config, medium: sk.Medium, shots: list[list[AnySource]], receivers: dict[str, Any]
) -> sk.Seismograms:
    """Call the solver."""
    simulation, wanted = config.simulation, config.snapshots
    return sk.simulate(
        medium,
        shots,
        sk.Receivers(**receivers),
        multiaxial=simulation.multiaxial,
        snapshots=None if wanted is None else sk.Snapshots(**dataclasses.asdict(wanted)),
        progress=progress_bar("simulate"),
        **scheme(simulation),
    )


def to_record(
    config: Config, text: str, seismograms: sk.Seismograms, medium: sk.Medium, receivers: dict[str, Any]
) -> Record:
    """Return the result as it is written; the medium goes along if the configuration asks for it."""
    return make_record(
        seismograms,
        quantity=config.simulation.quantity,
        receivers=receivers,
        sources=describe_sources(config),
        spacing=config.grid.steps,
        snapshot_stride=1 if config.snapshots is None else config.snapshots.stride,
        medium=(medium.vp, medium.vs, medium.rho) if config.output.medium else None,
        config=text,
        version=importlib.metadata.version("seiskern"),
    )


def describe_sources(config: Config) -> list[dict[str, Any]]:
    """Each source as the numbers that were given, with the shot it belongs to."""
    described = []
    for source, shot in zip(config.source, shot_numbers(config), strict=True):
        entry = {name: value for name, value in dataclasses.asdict(source).items() if value is not None}
        wavelet = entry.pop("wavelet")
        entry |= {f"wavelet_{name}": value for name, value in wavelet.items() if value is not None}
        described.append(entry | {"shot": shot})
    return described
