"""Samples of the HEMEW-3D database in this package's units and axes.

References
----------
Lehmann et al. (2024), Earth System Science Data 16, 3949-3972, doi:10.5194/essd-16-3949-2024.
Data: doi:10.57745/LAI6YU; how samples are made of them: github.com/lehmannfa/HEMEW3D.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

LENGTH = 9600.0  # m, side of the cube
# Said to be 1 s. But that is column 50 of a table whose column 0 is the number of the run, so that column j
# holds the time (j - 1) DT (models/preprocessing/create_data_velocityfields.py of the database).
FIRST_TIME = 0.98  # s after the origin time
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
        At points (k, j, i) with x, y, z = i, j, k times ``spacing``; k = 0 is the surface.
    spacing : float, m
        Distance of points, so that they reach from face to face of the cube.
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
    spacing: float
    traces: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    times: NDArray[np.float64]

    def at_nodes(
        self, spacing: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Medium at nodes that include the surface and all sides, interpolated linearly.

        Parameters
        ----------
        spacing : float, m
            Distance between nodes; it must divide the length of the cube.

        Returns
        -------
        vp, vs, rho : ndarray, shape (n, n, n), float32, m/s, m/s, kg/m^3
            Of every node.

        Notes
        -----
        So the code behind the database, SEM3D, takes its materials from a file of 32 values per axis: as
        points from face to face, 309.7 m apart, linear in between. The recorded travel times bear it out.
        They refute points 300 m apart, as the description of the database has it, and constant cells.
        """
        length = self.spacing * (len(self.vs) - 1)
        n = round(length / spacing) + 1
        if n < 2 or not math.isclose((n - 1) * spacing, length, rel_tol=1e-9):
            raise ValueError(f"`spacing` must divide {length:g} m, got {spacing:g}")
        position = np.linspace(0.0, len(self.vs) - 1.0, n)
        before = np.minimum(position.astype(int), len(self.vs) - 2)
        share = position - before

        def interpolated(values: NDArray[np.float64]) -> NDArray[np.float32]:
            for axis in range(3):
                weight = np.expand_dims(share, tuple(a for a in range(3) if a != axis))
                values = (1 - weight) * values.take(before, axis) + weight * values.take(before + 1, axis)
            return values.astype(np.float32)

        return interpolated(self.vp), interpolated(self.vs), interpolated(self.rho)


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
        spacing=LENGTH / (len(vs) - 1),
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
