"""From what ``simulate`` returns to the plain dict that is written, and its figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seiskern import plotting
from seiskern.io import Simulation

MOST_SNAPSHOTS = 8
FAINT = 0.15  # share of the strongest wavefield below which one is not worth a panel
BULK = 99  # percentile of the amplitude that tells its strength: not the singular field at the source
MAP_SIDE = 3  # fewest receivers along x and along y that make a map


def make_record(
    seismograms: Any,
    *,
    quantity: str,
    receivers: dict[str, NDArray[np.float64]],
    sources: list[dict[str, Any]],
    spacing: Sequence[float],
    snapshot_stride: int = 1,
    medium: tuple[Any, Any, Any] | None = None,
    config: str = "",
    version: str = "",
) -> Simulation:
    """Collect the result of ``simulate`` and its circumstances in a dict for ``write_simulation``."""
    record: Simulation = {
        "traces": seismograms.data.detach().cpu().numpy().astype(np.float32, copy=False),
        "components": tuple(seismograms.components),
        "quantity": quantity,
        "dt": float(seismograms.dt),
        "receivers": receivers,
        "sources": sources,
        "config": config,
        "seiskern_version": version,
    }
    waves = seismograms.snapshots
    if waves is not None:
        record["snapshots"] = {
            "data": waves.data.detach().cpu().numpy().astype(np.float32, copy=False),
            "times": np.asarray(waves.times, dtype=np.float64),
            "components": tuple(waves.components),
            "quantity": waves.quantity,
            "spacing": tuple(snapshot_stride * step for step in spacing),
        }
    if medium is not None:
        vp, vs, rho = (values.detach().cpu().numpy().astype(np.float32, copy=False) for values in medium)
        record["medium"] = {"vp": vp, "vs": vs, "rho": rho, "spacing": tuple(spacing)}
    return record


def save_figures(record: Simulation, folder: Path) -> list[Path]:
    """Draw what the record holds: one file per shot and figure.

    Parameters
    ----------
    record : Simulation
        Result, as `make_record` or ``read_simulation`` return it.
    folder : Path
        Where the PNG files go; made if it does not exist.

    Returns
    -------
    list of Path
        The files: record section and snapshots for each shot, a map of peak velocity in 3-D, the medium.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []

    def save(figure: Any, name: str) -> None:
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1])

    n_shots = len(record["traces"])
    for shot in range(n_shots):
        suffix = "" if n_shots == 1 else f"-{shot:03d}"
        source = _first_source(record, shot)
        save(_record_section(record, shot, source), f"seismograms{suffix}")
        if _maps(record):
            save(_velocity_map(record, shot, source), f"peak-velocity{suffix}")
        if "snapshots" in record:
            save(_snapshots(record, shot, source), f"snapshots{suffix}")
    if "medium" in record:
        save(_medium(record, _first_source(record, 0)), "medium")
    return files


def _first_source(record: Simulation, shot: int) -> dict[str, Any]:
    own = [source for source in record.get("sources", []) if source["shot"] == shot]
    return own[0] if own else {axis: 0.0 for axis in record["receivers"]}


def _record_section(record: Simulation, shot: int, source: dict[str, Any]) -> Any:
    receivers = record["receivers"]
    across = [axis for axis in ("x", "y") if axis in receivers]
    squares = [np.square(receivers[axis] - source[axis]) for axis in across]
    units = {"velocity": "m/s", "displacement": "m", "acceleration": "m/s²", "pressure": "Pa", "strain": ""}
    return plotting.record_section(
        record["traces"][shot],
        np.sqrt(np.sum(squares, axis=0)),
        record["dt"],
        components=record["components"],
        units=units[record["quantity"]],
    )


def _maps(record: Simulation) -> bool:
    """Whether the receivers can carry a map: enough of them, in both directions, of velocity."""
    receivers = record["receivers"]
    return (
        record["quantity"] == "velocity"
        and "y" in receivers
        and min(len(np.unique(receivers[axis])) for axis in ("x", "y")) >= MAP_SIDE
    )


def _velocity_map(record: Simulation, shot: int, source: dict[str, Any]) -> Any:
    receivers = record["receivers"]
    return plotting.velocity_map(
        record["traces"][shot], receivers["x"], receivers["y"], source=(source["x"], source["y"])
    )


def _snapshots(record: Simulation, shot: int, source: dict[str, Any]) -> Any:
    waves = record["snapshots"]
    data, spacing = waves["data"][shot, -1], waves["spacing"]  # the vertical, where there is one
    chosen = _telling(data)
    fields = np.stack([_plane(data[index], spacing, source) for index in chosen])
    background = None
    if "medium" in record:
        stride = [round(a / b) for a, b in zip(spacing, record["medium"]["spacing"], strict=True)]
        strided = record["medium"]["vs"][tuple(slice(None, None, step) for step in stride)]
        background = _plane(strided, spacing, source)
    return plotting.snapshots(
        fields,
        waves["times"][chosen],
        (spacing[0], spacing[-1]),
        label=f"{waves['quantity']} {waves['components'][-1]}",
        background=background,
        source=(source["x"], source["z"]),
    )


def _telling(data: NDArray[Any]) -> NDArray[np.intp]:
    """Indices of some wavefields, evenly spread over those that are not faint."""
    peaks = np.percentile(np.abs(data).reshape(len(data), -1), BULK, axis=1)
    strong = np.flatnonzero(peaks >= FAINT * peaks.max())
    picks = np.linspace(0, len(strong) - 1, min(MOST_SNAPSHOTS, len(strong))).round().astype(int)
    return strong[np.unique(picks)]


def _medium(record: Simulation, source: dict[str, Any]) -> Any:
    medium, receivers = record["medium"], record["receivers"]
    spacing = medium["spacing"]
    return plotting.medium_section(
        {"Vs (m/s)": _plane(medium["vs"], spacing, source)},
        (spacing[0], spacing[-1]),
        source=(source["x"], source["z"]),
        receivers=np.unique(np.stack([receivers["x"], receivers["z"]], axis=1), axis=0),
    )


def _plane(volume: NDArray[Any], spacing: Sequence[float], source: dict[str, Any]) -> NDArray[Any]:
    """The (z, x) plane nearest to the source; what is 2-D is one already."""
    if volume.ndim == 2:
        return volume
    row = min(max(round(source["y"] / spacing[1]), 0), volume.shape[1] - 1)
    return volume[:, row]
