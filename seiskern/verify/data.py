"""Real data: samples of HEMEW-3D, and Marmousi."""

import functools
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import seiskern as sk
from seiskern.io import Hemew3dSample, load_hemew3d
from seiskern.io.hemew3d import BROCHER
from seiskern.verify import hemew3d
from seiskern.verify._data import data_folder
from seiskern.verify.case import Case

SAMPLES = (0, 1, 2)
SPACING = 75.0  # m: 2.9 nodes per S wavelength at 5 Hz at the slowest points, 6 in the mean above 7.8 km
FAR = 1000.0  # m, a wavelength of S at 2 Hz; nearer to the sides the absorbing layers are felt
WATER = 1500.0  # m/s


# HEMEW-3D


@functools.cache
def _sample(number: int) -> tuple[NDArray[np.float64], Hemew3dSample]:
    """Computed velocity, (3, n_receivers, nt), and the sample."""
    folder = data_folder("hemew3d")
    assert folder is not None  # there is no case without it
    sample = load_hemew3d(folder / f"sample{number}.h5")
    return hemew3d.simulate(sample, SPACING), sample


def decorrelation(number: int, highest: float, margin: float = 0.0) -> float:
    """1 - correlation, mean of components and sensors."""
    return 1 - hemew3d.score(*_sample(number), highest, margin).mean_correlation


def amplitude(number: int, highest: float) -> float:
    """Largest relative error of the root mean square of a component."""
    return max(abs(ratio - 1) for ratio in hemew3d.score(*_sample(number), highest).amplitude)


# Marmousi


def marmousi(folder: Path, dtype: torch.dtype = torch.float32) -> sk.Medium:
    """Marmousi on its grid of 20 m, density by Brocher's polynomial of Vp, 1000 kg/m3 in water."""
    vp, vs = (torch.from_numpy(np.load(folder / f"{name}.npy")).to(dtype) for name in ("vp", "vs"))
    rho = 1000 * sum(c * (vp / 1000).pow(n) for n, c in enumerate(BROCHER))
    return sk.Medium(vp, vs, torch.where(vs > 0, rho, 1000.0), 20.0)


DEPTH = 240.0  # m, in the middle of the water: images in surface and sea bed come late


@functools.cache
def _marmousi_gather() -> tuple[Tensor, Tensor, float]:
    """Pressure along the line, (receiver, nt), kinetic energy of the snapshots, and the sampling."""
    folder = data_folder("marmousi")
    assert folder is not None  # there is no case without it
    dt, nt = 0.004, 751
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # below the sea bed S waves are slower than the grid resolves
        seis = sk.simulate(
            marmousi(folder),
            sk.Explosion(x=5600.0, z=DEPTH, moment=1e9, rate=sk.ricker(5.0, dt, nt)),
            sk.Receivers(x=5600.0 + torch.arange(16) * 20.0, z=DEPTH),
            dt=dt,
            nt=nt,
            quantity="pressure",
            snapshots=sk.Snapshots(every=75, stride=2),
        )
    assert seis.snapshots is not None  # asked for
    kinetic = seis.snapshots.data[0].double().square().sum((0, 2, 3))
    return seis.data[0, 0], kinetic, dt


def water_arrival() -> float:
    """Error of the speed of the direct wave in water, from the times of its peaks at 200 and 300 m."""
    gather, _, dt = _marmousi_gather()
    last = round((0.3 + 300.0 / WATER + 0.08) / dt)  # before the image in the surface comes
    n = 16 * last
    upsampled = torch.fft.irfft(torch.fft.rfft(gather[[10, 15], :last].double(), n), 8 * n)
    near, far = (float(trace[: 8 * last].argmax()) * dt / 8 for trace in upsampled)
    return abs(100.0 / (far - near) / WATER - 1)


def energy_growth() -> float:
    """Kinetic energy of the last snapshot over that of the largest."""
    gather, kinetic, _ = _marmousi_gather()
    return float(kinetic[-1] / kinetic.max()) if bool(torch.isfinite(gather).all()) else float("inf")


def _hemew3d_cases() -> list[Case]:
    cases = []
    for number in SAMPLES:
        name = f"hemew3d/sample{number}"
        far = f"1 - correlation below 2 Hz, {FAR:g} m and more from the sides"
        run = functools.partial(decorrelation, number, 2.0, FAR)
        cases.append(Case(f"{name}-2hz-far", far, 0.015, run, True, "hemew3d"))
        for highest, bound in ((2.0, 0.015), (5.0, 0.03)):
            note = f"1 - correlation below {highest:g} Hz, 256 sensors"
            run = functools.partial(decorrelation, number, highest)
            cases.append(Case(f"{name}-{highest:g}hz", note, bound, run, True, "hemew3d"))
            note = f"error of the root mean square, below {highest:g} Hz"
            run = functools.partial(amplitude, number, highest)
            cases.append(Case(f"{name}-amplitude-{highest:g}hz", note, 0.05, run, True, "hemew3d"))
    return cases


CASES = [
    *_hemew3d_cases(),
    # A sample in 17 is 6 %; peaks are read to a fifth of one.
    Case("marmousi/water-arrival", "speed of the direct wave in water", 0.02, water_arrival, data="marmousi"),
    Case("marmousi/energy", "kinetic energy after 3 s over its largest", 0.7, energy_growth, data="marmousi"),
]
