"""Media from files: .npz, or HDF5 such as ``seiskern simulate`` writes."""

import os
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

NAMES = ("vp", "vs", "rho")


def read_medium(path: str | os.PathLike[str]) -> dict[str, NDArray[np.floating[Any]]]:
    """Read the arrays ``vp``, ``vs`` and ``rho``.

    Parameters
    ----------
    path : path-like
        A ``.npz`` file, or an HDF5 file that holds the arrays at its root or in the group ``medium``.

    Returns
    -------
    dict
        ``vp`` and ``vs`` in m/s and ``rho`` in kg/m^3, as stored: SI units are taken for granted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of another kind, or lacks one of the arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing file, got {path}")
    if zipfile.is_zipfile(path):
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in NAMES if name in archive}
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            group = file.get("medium", file)
            found = {name: group[name][()] for name in NAMES if name in group}
    else:
        raise ValueError(f"`path` must be a .npz or HDF5 file, got {path}")
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise ValueError(f"`path` must hold vp, vs and rho, got {path} without {', '.join(missing)}")
    return found
