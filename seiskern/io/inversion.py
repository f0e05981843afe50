"""Inversions in HDF5: the result, and the state to go on from. docs/hdf5-schema.md documents both."""

import json
import os
from typing import Any, TypedDict

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from seiskern.io._whole import mark, new_file, old_file
from seiskern.io.hdf5 import Medium, read_medium_group, write_medium_group

RESULT, STATE = "inversion", "inversion-state"
FORMAT_VERSION = 1


class _Required(TypedDict):
    medium: Medium
    start: Medium
    history: dict[str, NDArray[Any]]


class InversionResult(_Required, total=False):
    """What an inversion found: media, and columns of its history, one entry for each iteration.

    ``truth``, ``config`` (TOML text) and ``seiskern_version`` are optional.
    """

    truth: Medium
    config: str
    seiskern_version: str


def write_inversion(path: str | os.PathLike[str], result: InversionResult) -> None:
    """Write the result of an inversion; the file appears whole or not at all.

    Its group ``medium`` can be read by `read_medium`: it may be the start of another inversion.

    Raises
    ------
    FileNotFoundError
        If the folder of ``path`` does not exist.
    """
    with new_file(path) as file:
        mark(file, RESULT, FORMAT_VERSION)
        for name in ("config", "seiskern_version"):
            file.attrs[name] = result.get(name, "")
        write_medium_group(file.create_group("medium"), result["medium"])
        write_medium_group(file.create_group("start"), result["start"])
        if "truth" in result:
            write_medium_group(file.create_group("truth"), result["truth"])
        history = file.create_group("history")
        for name, values in result["history"].items():
            history.create_dataset(name, data=values)


def read_inversion(path: str | os.PathLike[str]) -> InversionResult:
    """Read what `write_inversion` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is of another kind, damaged or too new.
    """
    with old_file(path, RESULT, FORMAT_VERSION) as file:
        result: InversionResult = {
            "medium": read_medium_group(file["medium"]),
            "start": read_medium_group(file["start"]),
            "history": {name: values[()] for name, values in file["history"].items()},
            "config": str(file.attrs["config"]),
            "seiskern_version": str(file.attrs["seiskern_version"]),
        }
        if "truth" in file:
            result["truth"] = read_medium_group(file["truth"])
        return result


def write_state(path: str | os.PathLike[str], state: Any, config: str = "") -> None:
    """Write nested dicts, lists and tuples of tensors, numbers, strings and None.

    The file appears whole or not at all, and nothing in it is code.

    Parameters
    ----------
    path : path-like
        File to write; an existing one is replaced.
    state : any of these
        Such as the ``state_dict`` of an inversion.
    config : str
        What it belongs to.

    Raises
    ------
    TypeError
        If something else is in it.
    FileNotFoundError
        If the folder of ``path`` does not exist.
    """
    with new_file(path) as file:
        mark(file, STATE, FORMAT_VERSION)
        file.attrs["config"] = config
        tensors = file.create_group("tensors")
        file["skeleton"] = json.dumps(_packed(state, tensors))


def read_state(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """Read what `write_state` wrote, and what it belongs to.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is of another kind, damaged or too new.
    """
    with old_file(path, STATE, FORMAT_VERSION) as file:
        skeleton = json.loads(file["skeleton"][()])
        return _unpacked(skeleton, file["tensors"]), str(file.attrs["config"])


def _packed(value: Any, tensors: h5py.Group) -> Any:
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors.create_dataset(name, data=value.detach().cpu().numpy())
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_packed(key, tensors), _packed(entry, tensors)] for key, entry in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(entry, tensors) for entry in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"`state` must be of tensors, numbers and strings, got {type(value).__name__}")


def _unpacked(value: Any, tensors: h5py.Group) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.from_numpy(np.array(tensors[content]))
    if kind == "dict":
        return {_unpacked(key, tensors): _unpacked(entry, tensors) for key, entry in content}
    entries = [_unpacked(entry, tensors) for entry in content]
    return tuple(entries) if kind == "tuple" else entries
