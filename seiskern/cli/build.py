"""From a configuration to the objects that ``simulate`` takes."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import seiskern as sk
from seiskern.cli.config import (
    Experiment,
    Grid,
    Layer,
    Medium,
    Receivers,
    Simulation,
    Source,
    Span,
    Uniform,
    Wavelet,
)
from seiskern.cli.tables import ConfigError
from seiskern.io import read_medium
from seiskern.media.random import random_layered_crust

T = TypeVar("T")
AnySource = sk.MomentTensor | sk.Explosion | sk.Force


def build_medium(config: Experiment, medium: Medium | None = None) -> sk.Medium:
    """``sk.Medium`` of the configured dtype; that of the table ``medium`` or another one on the same grid."""
    grid, medium = config.grid, medium or config.medium
    dtype = getattr(torch, config.simulation.dtype)
    if medium.layers is not None:
        return _layers(medium.layers, grid, dtype)
    if medium.uniform is not None:
        fields = _everywhere(medium.uniform, grid.shape)
    elif medium.file is not None:
        fields = _from_file(medium.file, grid.shape)
    else:
        seed = _given("medium.random_seed", medium.random_seed)
        fields = random_layered_crust(grid.shape, grid.steps, seed)
    vp, vs, rho = (field.to(dtype) for field in fields)
    return sk.Medium(vp, vs, rho, grid.steps)


def build_shots(config: Experiment) -> list[list[AnySource]]:
    """One list of sources per shot; a source without ``shot`` is a shot of its own."""
    numbers = shot_numbers(config)
    shots: list[list[AnySource]] = [[] for _ in set(numbers)]
    for index, (source, shot) in enumerate(zip(config.source, numbers, strict=True)):
        try:
            shots[shot].append(build_source(source, config.simulation))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"`source[{index}]`: {error}") from error
    return shots


def shot_numbers(config: Experiment) -> list[int]:
    """Number of the shot that each source belongs to, from 0 in the order they first appear."""
    numbers: dict[tuple[str, int], int] = {}
    keys = [
        ("alone", index) if source.shot is None else ("shot", source.shot)
        for index, source in enumerate(config.source)
    ]
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def build_source(source: Source, simulation: Simulation) -> AnySource:
    """``sk.MomentTensor``, ``sk.Explosion`` or ``sk.Force``."""
    dtype = getattr(torch, simulation.dtype)
    series = build_wavelet(source.wavelet, simulation).to(dtype)
    x, y, z = source.x, source.y, source.z
    if source.kind == "force":
        return sk.Force(x=x, y=y, z=z, force=_given("force", source.force), signature=series)
    if source.kind == "explosion":
        if isinstance(source.moment, tuple):
            raise ValueError(f"`moment` must be a number for an explosion, got {source.moment}")
        return sk.Explosion(x=x, y=y, z=z, moment=_given("moment", source.moment), rate=series)
    moment = _moment(source).to(dtype)
    return sk.MomentTensor(x=x, y=y, z=z, moment=moment, rate=series)


def build_wavelet(wavelet: Wavelet, simulation: Simulation) -> Tensor:
    """``nt`` samples of the time function."""
    dt, nt = simulation.dt, simulation.nt
    if wavelet.kind == "ricker":
        return sk.ricker(_given("wavelet.f0", wavelet.f0), dt, nt, wavelet.t0)
    if wavelet.kind == "gaussian":
        return sk.gaussian(_given("wavelet.sigma", wavelet.sigma), dt, nt, wavelet.t0)
    if wavelet.kind == "brune":
        return sk.brune(_given("wavelet.tau", wavelet.tau), dt, nt, _given("wavelet.t0", wavelet.t0))
    samples = np.load(_given("wavelet.file", wavelet.file), allow_pickle=False)
    if samples.shape != (nt,):
        raise ValueError(f"`wavelet.file` must hold {nt} samples (nt), got shape {samples.shape}")
    return torch.from_numpy(samples)


def receiver_coordinates(receivers: Receivers) -> dict[str, NDArray[np.float64]]:
    """Coordinates of each receiver by axis; in a grid, x runs fastest, then y, then z."""
    given = {axis: getattr(receivers, axis) for axis in ("z", "y", "x")}
    axes = {axis: _coordinates(value) for axis, value in given.items() if value is not None}
    if receivers.layout == "grid":
        mesh = np.meshgrid(*axes.values(), indexing="ij")
        return {axis: values.ravel() for axis, values in zip(axes, mesh, strict=True)}
    lengths = {axis: len(values) for axis, values in axes.items()}
    longest = max(lengths.values())
    for axis, length in lengths.items():
        if length not in (1, longest):
            raise ConfigError(f"`receivers.{axis}` must have 1 or {longest} values in a line, got {length}")
    return {axis: np.broadcast_to(values, longest).copy() for axis, values in axes.items()}


def _coordinates(value: float | tuple[float, ...] | Span) -> NDArray[np.float64]:
    if isinstance(value, Span):
        return np.linspace(value.start, value.stop, value.count)
    return np.atleast_1d(np.array(value, dtype=np.float64))


def _given(name: str, value: T | None) -> T:
    """Refuse what a configuration left out."""
    if value is None:
        raise ValueError(f"`{name}` must be given, got none")
    return value


def _moment(source: Source) -> Tensor:
    """Moment tensor by its entries or by the angles of its fault, float64."""
    if source.moment is not None:
        return torch.tensor(source.moment, dtype=torch.float64)
    angles = (_given(name, getattr(source, name)) for name in ("strike", "dip", "rake", "m0"))
    return sk.double_couple(*angles)


def _layers(layers: tuple[Layer, ...], grid: Grid, dtype: torch.dtype) -> sk.Medium:
    """Layers with interfaces anywhere between the nodes."""
    tops, vp, vs, rho = ([getattr(layer, name) for layer in layers] for name in ("top", "vp", "vs", "rho"))
    try:
        return sk.layered_medium(grid.shape, grid.steps, tops, vp, vs, rho, dtype=dtype)
    except ValueError as error:
        raise ConfigError(f"`medium.layers`: {error}") from error


def _everywhere(rock: Uniform, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    vp, vs, rho = (torch.full(shape, v, dtype=torch.float64) for v in (rock.vp, rock.vs, rock.rho))
    return vp, vs, rho


def _from_file(path: str, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    arrays = read_medium(path)
    for name, values in arrays.items():
        if values.shape != shape:
            got = f"{name} of {list(values.shape)}"
            raise ConfigError(f"`medium.file` must hold arrays of `grid.shape` {list(shape)}, got {got}")
    vp, vs, rho = (torch.from_numpy(arrays[name]) for name in ("vp", "vs", "rho"))
    return vp, vs, rho
