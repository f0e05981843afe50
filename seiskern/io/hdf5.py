"""Simulation results in HDF5. docs/hdf5-schema.md documents the layout, whose names are written here only."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import h5py
import numpy as np
from numpy.typing import NDArray

from seiskern.io._whole import mark, new_file, old_file

KIND = "simulation"
FORMAT_VERSION = 1
UNITS = {"velocity": "m/s", "displacement": "m", "acceleration": "m/s^2", "pressure": "Pa", "strain": "1"}
MEDIUM_UNITS = {"vp": "m/s", "vs": "m/s", "rho": "kg/m^3"}
CHUNK_BYTES = 1 << 20


class Snapshots(TypedDict):
    """Wavefields: ``data`` (shot, component, time, [z, y, x]), ``times`` in s, ``spacing`` in m per axis."""

    data: NDArray[np.float32]
    times: NDArray[np.float64]
    components: tuple[str, ...]
    quantity: str
    spacing: tuple[float, ...]


class Medium(TypedDict):
    """``vp`` and ``vs`` in m/s, ``rho`` in kg/m^3, all ([z, y, x]); ``spacing`` in m per axis."""

    vp: NDArray[np.float32]
    vs: NDArray[np.float32]
    rho: NDArray[np.float32]
    spacing: tuple[float, ...]


class _Required(TypedDict):
    traces: NDArray[np.float32]
    components: tuple[str, ...]
    quantity: str
    dt: float
    receivers: dict[str, NDArray[np.float64]]


class Simulation(_Required, total=False):
    """One result: ``traces`` (shot, component, receiver, time) and what is needed to understand them.

    ``receivers`` maps ``x``, ``y``, ``z`` to coordinates in m. Each entry of ``sources`` maps names to
    numbers, strings or arrays. ``snapshots``, ``medium``, ``config`` (TOML text), ``seiskern_version`` are
    optional.
    """

    sources: list[dict[str, Any]]
    snapshots: Snapshots
    medium: Medium
    config: str
    seiskern_version: str


def write_simulation(path: str | os.PathLike[str], result: Simulation) -> None:
    """Write a simulation result; the file appears whole or not at all.

    Parameters
    ----------
    path : path-like
        File to write; an existing one is replaced. Its folder must exist.
    result : Simulation
        Arrays and their description; ``traces`` and ``snapshots`` are stored as float32.

    Raises
    ------
    ValueError
        If an entry is missing or the shapes contradict each other.
    FileNotFoundError
        If the folder of ``path`` does not exist.
    """
    _check(result)
    with new_file(path) as file:
        _write(file, result)


def read_simulation(path: str | os.PathLike[str]) -> Simulation:
    """Read what `write_simulation` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no HDF5 file, is damaged, was not written by seiskern or is newer than this version can read.
    """
    with old_file(path, KIND, FORMAT_VERSION) as file:
        return _read(file)


def _check(result: Simulation) -> None:
    for key in ("traces", "components", "quantity", "dt", "receivers"):
        if key not in result:
            raise ValueError(f"`result` must hold {key!r}, got {sorted(result)}")
    if result["quantity"] not in UNITS:
        raise ValueError(f"`quantity` must be one of {', '.join(UNITS)}, got {result['quantity']!r}")
    traces, components = np.asarray(result["traces"]), result["components"]
    if traces.ndim != 4:
        raise ValueError(f"`traces` must be (shot, component, receiver, time), got shape {traces.shape}")
    if traces.shape[1] != len(components):
        raise ValueError(f"`components` must name {traces.shape[1]} components, got {components}")
    for axis, values in result["receivers"].items():
        if np.shape(values) != traces.shape[2:3]:
            raise ValueError(
                f"`receivers[{axis!r}]` must have shape {traces.shape[2:3]}, got shape {np.shape(values)}"
            )
    if "snapshots" in result:
        shape, snapshots = np.shape(result["snapshots"]["data"]), result["snapshots"]
        start = (traces.shape[0], len(snapshots["components"]), len(snapshots["times"]))
        if snapshots["quantity"] not in UNITS:
            names = ", ".join(UNITS)
            raise ValueError(f"`snapshots['quantity']` must be one of {names}, got {snapshots['quantity']!r}")
        if shape[:3] != start:
            raise ValueError(f"`snapshots['data']` must start with shape {start}, got {shape}")


def _write(file: h5py.File, result: Simulation) -> None:
    mark(file, KIND, FORMAT_VERSION)
    file.attrs["seiskern_version"] = result.get("seiskern_version", "")
    file.attrs["config"] = result.get("config", "")
    traces = _put(file, "traces", np.asarray(result["traces"], dtype=np.float32), trailing_axes=2)
    traces.attrs["dt"] = float(result["dt"])
    traces.attrs["dt_units"] = "s"
    traces.attrs["quantity"] = result["quantity"]
    traces.attrs["units"] = UNITS[result["quantity"]]
    traces.attrs["components"] = list(result["components"])
    traces.attrs["axes"] = ["shot", "component", "receiver", "time"]
    for axis, values in result["receivers"].items():
        dataset = file.create_dataset(f"receivers/{axis}", data=np.asarray(values, dtype=np.float64))
        dataset.attrs["units"] = "m"
    _write_sources(file.create_group("sources"), result.get("sources", []))
    if "snapshots" in result:
        _write_snapshots(file.create_group("snapshots"), result["snapshots"])
    if "medium" in result:
        write_medium_group(file.create_group("medium"), result["medium"], np.dtype(np.float32))


def write_medium_group(group: h5py.Group, medium: Medium, dtype: np.dtype[Any] | None = None) -> None:
    """Write a medium, of its own type or of another."""
    fields: Mapping[str, Any] = medium
    group.attrs["spacing"] = list(medium["spacing"])
    group.attrs["spacing_units"] = "m"
    for name, units in MEDIUM_UNITS.items():
        values = np.asarray(fields[name], dtype=dtype)
        _put(group, name, values, trailing_axes=2).attrs["units"] = units


def read_medium_group(group: h5py.Group) -> Medium:
    """Read what `write_medium_group` wrote."""
    return {
        "vp": group["vp"][()],
        "vs": group["vs"][()],
        "rho": group["rho"][()],
        "spacing": tuple(float(step) for step in group.attrs["spacing"]),
    }


def _write_sources(group: h5py.Group, sources: Sequence[Mapping[str, Any]]) -> None:
    for number, source in enumerate(sources):
        entry = group.create_group(f"{number:06d}")
        for key, value in source.items():
            if isinstance(value, str | int | float):
                entry.attrs[key] = value
            else:
                entry.create_dataset(key, data=np.asarray(value))


def _write_snapshots(group: h5py.Group, snapshots: Snapshots) -> None:
    data = np.asarray(snapshots["data"], dtype=np.float32)
    dataset = _put(group, "data", data, trailing_axes=2)
    dataset.attrs["components"] = list(snapshots["components"])
    dataset.attrs["quantity"] = snapshots["quantity"]
    dataset.attrs["units"] = UNITS[snapshots["quantity"]]
    dataset.attrs["spacing"] = list(snapshots["spacing"])
    dataset.attrs["spacing_units"] = "m"
    times = group.create_dataset("times", data=np.asarray(snapshots["times"], dtype=np.float64))
    times.attrs["units"] = "s"


def _put(group: h5py.Group, name: str, data: NDArray[Any], trailing_axes: int) -> h5py.Dataset:
    """Store compressed, in chunks of about `CHUNK_BYTES` over the last axes, one index of the others."""
    if data.size == 0:
        return group.create_dataset(name, data=data)
    chunks = [1] * (data.ndim - trailing_axes) + list(data.shape[-trailing_axes:])
    row_bytes = data.itemsize * chunks[-1]
    chunks[-2] = max(1, min(chunks[-2], CHUNK_BYTES // row_bytes))
    return group.create_dataset(
        name, data=data, chunks=tuple(chunks), compression="gzip", compression_opts=4, shuffle=True
    )


def _read(file: h5py.File) -> Simulation:
    traces = file["traces"]
    result: Simulation = {
        "traces": traces[()],
        "components": tuple(traces.attrs["components"]),
        "quantity": str(traces.attrs["quantity"]),
        "dt": float(traces.attrs["dt"]),
        "receivers": {axis: values[()] for axis, values in file["receivers"].items()},
        "sources": [_read_source(file["sources"][key]) for key in sorted(file["sources"])],
        "config": str(file.attrs["config"]),
        "seiskern_version": str(file.attrs["seiskern_version"]),
    }
    if "snapshots" in file:
        data = file["snapshots/data"]
        result["snapshots"] = {
            "data": data[()],
            "times": file["snapshots/times"][()],
            "components": tuple(data.attrs["components"]),
            "quantity": str(data.attrs["quantity"]),
            "spacing": tuple(float(step) for step in data.attrs["spacing"]),
        }
    if "medium" in file:
        result["medium"] = read_medium_group(file["medium"])
    return result


def _read_source(group: h5py.Group) -> dict[str, Any]:
    values = {key: _plain(value) for key, value in group.attrs.items()}
    return values | {key: dataset[()] for key, dataset in group.items()}


def _plain(value: Any) -> Any:
    """NumPy scalars as the Python numbers they were written from."""
    return value.item() if isinstance(value, np.generic) else value
