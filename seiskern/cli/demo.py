"""Simulate an earthquake in a random layered crust, or in a HEMEW-3D sample; draw and sum up."""

import argparse
import dataclasses
import importlib.metadata
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import seiskern as sk
from seiskern import plotting
from seiskern.cli.preflight import describe, numbers
from seiskern.cli.record import make_record, save_figures
from seiskern.cli.terminal import print_json, progress_bar, table
from seiskern.io import Hemew3dSample, Simulation, load_hemew3d, write_simulation
from seiskern.media.random import random_layered_crust
from seiskern.verify import hemew3d

LENGTH = 9600.0  # m, side of the cube
DT, DURATION = 0.02, 8.0  # s
ORDER, ABSORBING = 8, 20
SENSORS = np.linspace(150.0, 9450.0, 16)  # m, along x and along y
SNAPSHOT_EVERY, SNAPSHOT_NODES = 25, 65  # samples; nodes along each axis, about
BANDS = (2.0, 5.0)  # Hz, in which a sample is compared
COMPARED = (0, 5, 120, 136, 255)  # sensors drawn: a corner, an edge, the centre, the far corner


@dataclass(frozen=True)
class Problem:
    """What is simulated: medium, source, sensors."""

    medium: sk.Medium
    moment: Tensor
    rate: Tensor
    source: dict[str, float]
    receivers: dict[str, NDArray[np.float64]]
    nt: int
    note: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--hemew", type=Path, metavar="FILE", help="simulate this sample of HEMEW-3D (HDF5)")
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), metavar="DIR", help="folder (default: demo)"
    )
    parser.add_argument("--spacing", type=float, default=75.0, metavar="M", help="metres between nodes")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random crust")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    sample = load_hemew3d(options.hemew) if options.hemew else None
    problem = (
        sample_problem(sample, options.spacing) if sample else crust_problem(options.spacing, options.seed)
    )
    plan = plan_of(problem)
    if not options.json:
        print(f"{problem.note}\n{table(describe(plan))}", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    seismograms, stride = solve(problem)
    seconds = time.perf_counter() - start

    record = to_record(problem, seismograms, stride)
    write_simulation(options.out / "demo.h5", record)
    files = [options.out / "demo.h5", *save_figures(record, options.out)]
    summary = {"problem": problem.note, "seconds": seconds, **numbers(plan)}
    summary["mcells_per_second"] = plan.cells * plan.steps / seconds / 1e6
    summary["energy_above_resolved"] = energy_above(record["traces"][0], DT, plan.frequency)
    if sample:
        summary["bands"] = compare(record["traces"][0], sample)
        files.append(draw_comparison(record["traces"][0], sample, options.out))
    summary["files"] = [str(file) for file in files]
    if options.json:
        print_json(summary)
    else:
        print(summarise(plan, summary))
    return 0


def crust_problem(spacing: float, seed: int) -> Problem:
    """A double couple 8.4 km deep in a random crust, its time function as short as the grid resolves."""
    n = round(LENGTH / spacing) + 1
    if n < 2 or not math.isclose((n - 1) * spacing, LENGTH, rel_tol=1e-9):
        raise ValueError(f"`--spacing` must divide {LENGTH:g} m, got {spacing:g}")
    medium = sk.Medium(*random_layered_crust((n, n, n), spacing, seed), spacing)
    nt = round(DURATION / DT)
    highest = sk.plan(medium, dt=DT, nt=nt, order=ORDER).frequency
    # A Gaussian's spectrum falls to 1 % at the highest resolved frequency, and starts from 1e-4 of its peak.
    sigma = math.sqrt(2 * math.log(100.0)) / (2 * math.pi * highest)
    rate = sk.gaussian(sigma, DT, nt, sigma * math.sqrt(2 * math.log(1e4)))
    y, x = (axis.ravel() for axis in np.meshgrid(SENSORS, SENSORS, indexing="ij"))
    return Problem(
        medium=medium,
        moment=sk.double_couple(hemew3d.STRIKE, hemew3d.DIP, hemew3d.RAKE, hemew3d.M0),
        rate=rate,
        source=hemew3d.SOURCE,
        receivers={"x": x, "y": y, "z": np.zeros(x.size)},
        nt=nt,
        note=f"double couple, random layered crust, seed {seed}",
    )


def sample_problem(sample: Hemew3dSample, spacing: float) -> Problem:
    """The simulation that a sample records."""
    medium = sk.Medium(*sample.at_nodes(spacing), spacing)
    nt = round(float(sample.times[-1]) / DT) + 1
    return Problem(
        medium=medium,
        moment=hemew3d.moment(),
        rate=hemew3d.moment_rate(DT, nt),
        source=hemew3d.SOURCE,
        receivers={"x": sample.x, "y": sample.y, "z": sample.z},
        nt=nt,
        note="sample of HEMEW-3D",
    )


def plan_of(problem: Problem) -> sk.Plan:
    """Cost and accuracy of a problem."""
    return sk.plan(problem.medium, dt=DT, nt=problem.nt, order=ORDER, absorbing=ABSORBING, free_surface=True)


def solve(problem: Problem) -> tuple[sk.Seismograms, int]:
    """Call the solver; also return the stride of its snapshots."""
    stride = max(1, round((problem.medium.shape[0] - 1) / (SNAPSHOT_NODES - 1)))
    source = sk.MomentTensor(**problem.source, moment=problem.moment.float(), rate=problem.rate.float())
    seismograms = sk.simulate(
        problem.medium,
        source,
        sk.Receivers(**problem.receivers),
        dt=DT,
        nt=problem.nt,
        free_surface=True,
        absorbing=ABSORBING,
        order=ORDER,
        snapshots=sk.Snapshots(every=SNAPSHOT_EVERY, stride=stride),
        progress=progress_bar("simulate"),
    )
    return seismograms, stride


def to_record(problem: Problem, seismograms: sk.Seismograms, stride: int) -> Simulation:
    """Return the result as it is written."""
    source = {"kind": "moment_tensor", "shot": 0, **problem.source}
    source |= {"moment": problem.moment.numpy(), "rate": problem.rate.numpy()}
    return make_record(
        seismograms,
        quantity="velocity",
        receivers=problem.receivers,
        sources=[source],
        spacing=problem.medium.spacing,
        snapshot_stride=stride,
        medium=(problem.medium.vp, problem.medium.vs, problem.medium.rho),
        version=importlib.metadata.version("seiskern"),
    )


def energy_above(traces: NDArray[np.float32], dt: float, frequency: float) -> float:
    """Share of the energy of ``traces`` above a frequency."""
    power = np.square(np.abs(np.fft.rfft(traces, axis=-1))).sum(axis=(0, 1))
    return float(power[np.fft.rfftfreq(traces.shape[-1], dt) > frequency].sum() / max(power.sum(), 1e-300))


def compare(traces: NDArray[np.float32], sample: Hemew3dSample) -> list[dict[str, Any]]:
    """Score in each band."""
    rows = []
    for highest in BANDS:
        result = hemew3d.score(traces, sample, highest)
        rows.append({"highest": highest, **dataclasses.asdict(result), "mean": result.mean_correlation})
    return rows


def draw_comparison(traces: NDArray[np.float32], sample: Hemew3dSample, folder: Path) -> Path:
    """Draw computed over recorded traces of a few sensors."""
    chosen = [index for index in COMPARED if index < len(sample.x)]
    window = hemew3d.as_recorded(traces, sample)
    figure = plotting.trace_comparison(
        window[:, chosen],
        sample.traces[:, chosen],
        DT,
        components=("x, East", "y, North", "z, down"),
        names=[f"({sample.x[i] / 1e3:.1f}, {sample.y[i] / 1e3:.1f}) km" for i in chosen],
        start=float(sample.times[0]),
    )
    figure.savefig(folder / "comparison.png")
    return folder / "comparison.png"


def summarise(plan: sk.Plan, summary: dict[str, Any]) -> str:
    """Cost and accuracy as text."""
    rows = [
        *describe(plan),
        ("above it", f"{100 * summary['energy_above_resolved']:.2g} % of the energy of the seismograms"),
        ("time", f"{summary['seconds']:.1f} s, {summary['mcells_per_second']:.0f} Mcell/s"),
    ]
    parts = [table(rows, ("cost and accuracy", ""))]
    if "bands" in summary:
        bands = [
            (
                f"<= {band['highest']:g} Hz",
                f"{band['mean']:.4f}",
                " ".join(f"{value:.4f}" for value in band["correlation"]),
                " ".join(f"{value:.3f}" for value in band["amplitude"]),
            )
            for band in summary["bands"]
        ]
        parts.append(table(bands, ("recorded", "correlation", "of x, y, z", "amplitude of x, y, z")))
        parts.append("Computed traces are first attenuated and low-passed like the recorded ones.")
    parts.append("\n".join(summary["files"]))
    return "\n\n".join(parts)
