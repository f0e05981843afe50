"""Samples of the HEMEW-3D database in this package's units and axes.

References
----------
Lehmann et al. (2024), Earth System Science Data 16, 3949-3972, doi:10.5194/essd-16-3949-2024.
Data: doi:10.57745/LAI6YU.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

CELL = 300.0  # m
FIRST_TIME = 1.0  # s after the origin time
DT = 0.02  # s
N_SENSORS = 16  # along each horizontal axis
SENSOR_RANGE = (150.0, 9450.0)  # m
SENSOR_DEPTH = 1.0  # m
VP_OVER_VS = 1.7
# Brocher (2005): density in g/cm^3 as a polynomial of Vp in km/s, constant term first.
BROCHER = (0.0, 1.6612, -0.4721, 0.0671, -0.0043, 0.000106)


@dataclass(frozen=True)
class Hemew3dSample:
    """One sample, SI units, axes of this package.

    Attributes
    ----------
    vp, vs, rho : ndarray, shape (nz, ny, nx), m/s, m/s, kg/m^3
        Cell (k, j, i) is centred at x, y, z = (i + 1/2), (j + 1/2), (k + 1/2) times ``cell``; k = 0 touches
        the surface.
    cell : float, m
        Width of the cubic cells.
    traces : ndarray, shape (3, n_receivers, nt), m/s
        Velocity along x (East), y (North) and z (**down**).
    x, y, z : ndarray, shape (n_receivers,), m
        Sensors, x fastest.
    times : ndarray, shape (nt,), s
        Time of each sample after the origin time.
    """

    vp: NDArray[np.float64]
    vs: NDArray[np.float64]
    rho: NDArray[np.float64]
    cell: float
    traces: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    times: NDArray[np.float64]


def load_hemew3d(path: str | os.PathLike[str]) -> Hemew3dSample:
    """Load one HEMEW-3D sample.

    The file holds ``a``, Vs indexed [x, y, z from the bottom up], and ``uE``, ``uN``, ``uZ`` indexed
    [y, x, t] with Z up (the first motion above the thrust is positive); each of the 16 x 16 sensors is
    repeated 2 x 2. Here z points down, so the depth axis is reversed and the vertical trace is ``-uZ``.

    Parameters
    ----------
    path : path-like
        HDF5 file with ``a`` (n, n, n) and ``uE``, ``uN``, ``uZ`` (32, 32, nt).

    Returns
    -------
    Hemew3dSample
        Medium, traces and geometry.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no HDF5 file or lacks one of the arrays, or if their shapes are not those above.

    Notes
    -----
    Vp = 1.7 Vs; density from Vp by the polynomial of Brocher.

    References
    ----------
    Brocher (2005), Bull. Seismol. Soc. Am. 95(6), 2081-2092, doi:10.1785/0120050077.
    """
    vs_file, traces_file = _read(Path(path))
    vs = vs_file.transpose(2, 1, 0)[::-1].astype(np.float64)  # [x, y, z up] -> [z down, y, x]
    vp = VP_OVER_VS * vs
    rho = np.asarray(1000.0 * np.polynomial.polynomial.polyval(vp / 1000.0, BROCHER), dtype=np.float64)
    sensors = traces_file[:, ::2, ::2].astype(np.float64)  # one of each 2 x 2 copies
    sensors[2] *= -1.0  # up -> down
    nt = sensors.shape[-1]
    position = np.linspace(*SENSOR_RANGE, N_SENSORS)
    y, x = np.meshgrid(position, position, indexing="ij")
    return Hemew3dSample(
        vp=vp,
        vs=np.ascontiguousarray(vs),
        rho=rho,
        cell=CELL,
        traces=sensors.reshape(3, N_SENSORS**2, nt),
        x=x.ravel(),
        y=y.ravel(),
        z=np.full(N_SENSORS**2, SENSOR_DEPTH),
        times=FIRST_TIME + DT * np.arange(nt, dtype=np.float64),
    )


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing file, got {path}")
    if not h5py.is_hdf5(path):
        raise ValueError(f"`path` must be an HDF5 file, got {path}")
    with h5py.File(path, "r") as file:
        missing = [key for key in ("a", "uE", "uN", "uZ") if key not in file]
        if missing:
            raise ValueError(f"`path` must be a HEMEW-3D sample, got {path} without {', '.join(missing)}")
        vs = file["a"][()]
        components = [file[key][()] for key in ("uE", "uN", "uZ")]
    copies = (2 * N_SENSORS, 2 * N_SENSORS)
    if vs.ndim != 3:
        raise ValueError(f"`a` must be (x, y, z), got shape {vs.shape} in {path}")
    for key, component in zip(("uE", "uN", "uZ"), components, strict=True):
        if component.ndim != 3 or component.shape[:2] != copies:
            raise ValueError(f"`{key}` must be (32, 32, time), got shape {component.shape} in {path}")
    return vs, np.stack(components)
