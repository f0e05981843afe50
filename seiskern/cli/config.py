"""The TOML of the commands as frozen dataclasses; docs/simulate-toml.md documents the keys they share."""

import os
import sys
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from seiskern.cli.tables import ConfigError, from_table
from seiskern.grid import AXES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Keys that each kind of wavelet and of source needs besides those that all have.
WAVELET_KEYS = {
    "ricker": ("f0", "t0"),
    "gaussian": ("sigma", "t0"),
    "brune": ("tau", "t0"),
    "file": ("file",),
}
SOURCE_KEYS = {"moment_tensor": ("moment",), "explosion": ("moment",), "force": ("force",)}
PATHS = ("file", "figures")  # keys that name files or folders
ANGLES = ("strike", "dip", "rake", "m0")


@dataclass(frozen=True)
class Uniform:
    """One material everywhere."""

    vp: float
    vs: float
    rho: float


@dataclass(frozen=True)
class Layer:
    """One layer; it ends at the top of the next."""

    top: float
    vp: float
    vs: float
    rho: float


@dataclass(frozen=True)
class Medium:
    """Exactly one of these describes the medium."""

    file: str | None = None
    uniform: Uniform | None = None
    layers: tuple[Layer, ...] | None = None
    random_seed: int | None = None


@dataclass(frozen=True)
class Grid:
    """Nodes and their distance, in array order (z, x) or (z, y, x)."""

    shape: tuple[int, ...]
    spacing: float | tuple[float, ...]

    @property
    def steps(self) -> tuple[float, ...]:
        """Spacing of each axis, m."""
        return self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * len(self.shape)


@dataclass(frozen=True)
class Wavelet:
    """A source's time function."""

    kind: Literal["ricker", "gaussian", "brune", "file"]
    f0: float | None = None
    sigma: float | None = None
    tau: float | None = None
    t0: float | None = None
    file: str | None = None


@dataclass(frozen=True)
class Source:
    """One source; those with the same ``shot`` act together."""

    kind: Literal["moment_tensor", "explosion", "force"]
    x: float
    z: float
    wavelet: Wavelet
    y: float | None = None
    shot: int | None = None
    strike: float | None = None
    dip: float | None = None
    rake: float | None = None
    m0: float | None = None
    moment: float | tuple[tuple[float, ...], ...] | None = None
    force: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Span:
    """Evenly spaced coordinates, both ends included."""

    start: float
    stop: float
    count: int


@dataclass(frozen=True)
class Receivers:
    """Coordinates; ``line`` pairs the lists one by one, ``grid`` takes every combination."""

    x: float | tuple[float, ...] | Span
    z: float | tuple[float, ...] | Span
    y: float | tuple[float, ...] | Span | None = None
    layout: Literal["line", "grid"] = "line"


@dataclass(frozen=True)
class Simulation:
    """How to solve and what to record."""

    dt: float
    nt: int
    order: int = 8
    absorbing: int = 20
    multiaxial: float | None = None
    free_surface: bool = True
    dispersion_correction: bool = True
    dtype: Literal["float32", "float64"] = "float32"
    quantity: Literal["velocity", "displacement", "acceleration", "pressure", "strain"] = "velocity"


@dataclass(frozen=True)
class Snapshots:
    """Wavefields every so many samples, at every so many nodes."""

    every: int
    stride: int = 1
    quantity: Literal["velocity", "pressure"] = "velocity"


@dataclass(frozen=True)
class Output:
    """Where the results go."""

    file: str = "simulation.h5"
    figures: str | None = None
    medium: bool = False


@dataclass(frozen=True)
class Experiment:
    """What is simulated: the tables that commands share."""

    grid: Grid
    medium: Medium
    source: tuple[Source, ...]
    receivers: Receivers
    simulation: Simulation


@dataclass(frozen=True)
class Config(Experiment):
    """The whole file of ``seiskern simulate``."""

    snapshots: Snapshots | None = None
    output: Output = Output()


Kind = TypeVar("Kind", bound=Experiment)


def load_config(path: str | os.PathLike[str]) -> tuple[Config, str]:
    """Read and check the file of ``seiskern simulate``; see `load`."""
    config, text = load(path, Config)
    if config.snapshots is not None:
        for name in ("every", "stride"):
            check_positive(f"snapshots.{name}", getattr(config.snapshots, name))
    return config, text


def load(path: str | os.PathLike[str], kind: type[Kind]) -> tuple[Kind, str]:
    """Read and check a configuration; relative paths in it start at its folder.

    Returns
    -------
    Experiment, str
        The configuration and its text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigError
        If it is no TOML, or holds a key or a value that cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`config` must be an existing file, got {path}")
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"`config` must be TOML, got {path}: {error}") from error
    config = _anchored(from_table(kind, _one_place_each(table)), path.parent)
    _check(config)
    return config, text


def _one_place_each(table: dict[str, Any]) -> dict[str, Any]:
    """A source whose coordinates are lists or spans as one source for each."""
    given = table.get("source")
    if not isinstance(given, list):
        return table
    sources: list[Any] = []
    for source in given:
        places = {
            axis: _places(source[axis])
            for axis in AXES[3]
            if isinstance(source, dict) and isinstance(source.get(axis), list | dict)
        }
        counts = {len(values) for values in places.values()}
        if len(counts) > 1:
            raise ConfigError(f"`source` must have lists of equal length, got {sorted(counts)} places")
        each = [dict(zip(places, values, strict=True)) for values in zip(*places.values(), strict=True)]
        sources += [source | place for place in each] if places else [source]
    return table | {"source": sources}


def _places(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    span = from_table(Span, value)
    last = max(span.count - 1, 1)
    return [span.start + (span.stop - span.start) * n / last for n in range(span.count)]


def _anchored(value: Any, folder: Path) -> Any:
    """Relative paths of the file as paths from the current folder."""
    if isinstance(value, tuple):
        return tuple(_anchored(entry, folder) for entry in value)
    if not is_dataclass(value):
        return value
    changed = {}
    for entry in fields(value):
        given = getattr(value, entry.name)
        is_path = entry.name in PATHS and isinstance(given, str)
        changed[entry.name] = str(folder / given) if is_path else _anchored(given, folder)
    return replace(value, **changed)  # type: ignore[type-var]


def _check(config: Experiment) -> None:
    """Refuse what the types cannot: numbers out of range and keys that exclude or need each other."""
    ndim = len(config.grid.shape)
    if ndim not in (2, 3) or min(config.grid.shape) < 1:
        raise ConfigError(f"`grid.shape` must be 2 or 3 positive integers, got {list(config.grid.shape)}")
    if len(config.grid.steps) != ndim or min(config.grid.steps) <= 0:
        raise ConfigError(f"`grid.spacing` must be > 0, one or {ndim} numbers, got {config.grid.spacing}")
    check_medium("medium", config.medium)
    if not config.source:
        raise ConfigError("`source` must have at least one entry, got none")
    for number, source in enumerate(config.source):
        _check_source(source, f"source[{number}]", ndim)
        _check_inside(config.grid, f"source[{number}]", source)
    _check_y("receivers", config.receivers.y, ndim)
    _check_inside(config.grid, "receivers", config.receivers)
    multiaxial = config.simulation.multiaxial
    if multiaxial is not None and not 0 <= multiaxial <= 1:
        raise ConfigError(f"`simulation.multiaxial` must lie in [0, 1], got {multiaxial}")
    for name in ("dt", "nt"):
        check_positive(f"simulation.{name}", getattr(config.simulation, name))


def check_positive(name: str, value: float) -> None:
    """Refuse what is not above zero."""
    if value <= 0:
        raise ConfigError(f"`{name}` must be > 0, got {value}")


def check_medium(path: str, medium: Medium) -> None:
    """Refuse a medium that is not described in exactly one way."""
    check_one_of(path, medium, ("file", "uniform", "layers", "random_seed"))


def check_one_of(path: str, table: object, names: tuple[str, ...]) -> None:
    """Refuse a table that has none of these keys, or several."""
    given = [name for name in names if getattr(table, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"`{path}` must hold exactly one of {', '.join(names)}, got {given or 'none'}")


def _check_source(source: Source, path: str, ndim: int) -> None:
    _check_y(path, source.y, ndim)
    needed = SOURCE_KEYS[source.kind]
    by_angles = source.kind == "moment_tensor" and source.moment is None and ndim == 3
    _check_keys(source, path, source.kind, ANGLES if by_angles else needed, (*ANGLES, "moment", "force"))
    if source.kind == "force" and len(source.force or ()) != ndim:
        raise ConfigError(f"`{path}.force` must have {ndim} numbers, got {list(source.force or ())}")
    if source.kind == "explosion" and isinstance(source.moment, tuple):
        raise ConfigError(f"`{path}.moment` must be a number for an explosion, got a list")
    if source.kind == "moment_tensor" and source.moment is not None:
        rows = source.moment if isinstance(source.moment, tuple) else ()
        if [len(row) for row in rows] != [ndim] * ndim:
            raise ConfigError(f"`{path}.moment` must be {ndim} rows of {ndim} numbers, got {source.moment}")
    wavelet = source.wavelet
    choices = tuple({key for keys in WAVELET_KEYS.values() for key in keys})
    _check_keys(wavelet, f"{path}.wavelet", wavelet.kind, WAVELET_KEYS[wavelet.kind], choices)


def _check_keys(
    table: object, path: str, kind: str, needed: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    """Of ``choices``, the table must hold those ``needed`` and no other."""
    for name in needed:
        if getattr(table, name) is None:
            raise ConfigError(f"`{path}.{name}` is missing; a {kind} needs {', '.join(needed)}")
    for name in sorted(set(choices) - set(needed)):
        if getattr(table, name) is not None:
            raise ConfigError(f"`{path}.{name}` has no use here; a {kind} needs {', '.join(needed)}")


def _check_inside(grid: Grid, path: str, place: Source | Receivers) -> None:
    """Refuse coordinates outside the model, and none."""
    for axis, nodes, step in zip(AXES[len(grid.shape)], grid.shape, grid.steps, strict=True):
        given, last = getattr(place, axis), (nodes - 1) * step
        if isinstance(given, Span):
            values = (given.start, given.stop)[: max(given.count, 0)]
        else:
            values = given if isinstance(given, tuple) else (given,)
        if not values:
            raise ConfigError(f"`{path}.{axis}` must hold at least one number, got none")
        for value in values:
            if not -1e-9 * last <= value <= (1 + 1e-9) * last:
                raise ConfigError(f"`{path}.{axis}` must lie in the model, 0 to {last:g} m, got {value:g}")


def _check_y(path: str, y: object, ndim: int) -> None:
    if (y is None) == (ndim == 3):
        raise ConfigError(f"`{path}.y` {'is missing in 3-D' if ndim == 3 else 'has no use in 2-D'}")
