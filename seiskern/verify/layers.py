"""Cases: plane waves across an interface anywhere inside a cell, and LOH.1.

LOH.1 is a layer over a half-space (Day et al. 2001, PEER Lifelines 1A01).

A plane wave comes from a line of forces closer to each other than the shortest wave is long, which therefore
send out nothing but plane waves; the record ends before waves from the ends of the line arrive.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

import seiskern as sk
from seiskern.media.layered import layered_medium
from seiskern.verify._data import data_folder
from seiskern.verify.case import Case
from seiskern.verify.oracles.compare import lowpass, relative_l2
from seiskern.verify.oracles.plane_wave import layered_normal_incidence
from seiskern.verify.problems import HIGHEST, WAVELENGTH, Array, Ricker, coarse_on_purpose, times

Rock = tuple[float, float, float]  # vp, vs, rho

SOLID: tuple[Rock, Rock] = ((1800.0, 1000.0, 2000.0), (2200.0, 1300.0, 2300.0))
SEABED: tuple[Rock, Rock] = ((1500.0, 0.0, 1000.0), (2200.0, 1300.0, 2300.0))
PULSE = Ricker()
PITCH = WAVELENGTH / 2.5  # between the forces of the line, m
OFFSETS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # of the interface below a node, in cells

# Hz. The radial reference moves by 1 % of its peak before any wave can have arrived, and so below 0.4 Hz it
# is no measure: the misfit there, a tenth, is the same on every grid.
LOH1_BANDS = {"radial": (0.4, 3.0), "transverse": (0.0, 3.0), "vertical": (0.0, 3.0)}


@dataclass(frozen=True)
class Crossing:
    """A plane wave that comes down on an interface.

    Attributes
    ----------
    wave : {"P", "S"}
        Incident wave.
    rocks : pair of (vp, vs, rho)
        Above and below.
    offset : float
        Of the interface below a node, in cells.
    points : float
        Nodes per shortest S wavelength.
    misplaced : float
        By how many cells the solver's interface lies too deep: what a case must notice.
    """

    wave: str
    rocks: tuple[Rock, Rock] = SOLID
    offset: float = 0.0
    points: float = 10
    misplaced: float = 0.0

    @property
    def h(self) -> float:
        """Node distance, m."""
        return WAVELENGTH / self.points

    @property
    def speeds(self) -> tuple[float, float]:
        """Of the wave above and below, m/s."""
        which = 0 if self.wave == "P" else 1
        return self.rocks[0][which], self.rocks[1][which]

    def errors(self) -> tuple[float, float]:
        """Misfits of the reflected and of the transmitted wave, each relative to itself."""
        above, below = self.speeds
        start = 1.623 * WAVELENGTH
        node = round((start + 2.0 * above / HIGHEST) / self.h)
        interface = (node + self.offset) * self.h
        depths = np.array([interface - 0.61 * above / HIGHEST, interface + 0.83 * WAVELENGTH])
        t = times(2 * PULSE.t0 + (2 * interface - start - depths[0]) / above + 0.02)
        found = self._simulate(t, start, interface + self.misplaced * self.h, depths)
        densities = self.rocks[0][2], self.rocks[1][2]
        wanted = layered_normal_incidence(t, depths, (above, below), densities, PULSE, interface, start=start)
        reflected = wanted[0] - PULSE(t - (depths[0] - start) / above)
        difference = np.linalg.norm(found - wanted, axis=1)
        return (
            float(difference[0] / np.linalg.norm(reflected)),
            float(difference[1] / np.linalg.norm(wanted[1])),
        )

    def _simulate(self, t: Array, start: float, interface: float, depths: Array) -> Array:
        """Velocity along the motion of the wave, (depth, nt)."""
        fastest = max(vp for vp, _, _ in self.rocks)
        width = 2 * (fastest * float(t[-1]) + WAVELENGTH)
        deep = float(depths[-1]) + 1.5 * WAVELENGTH
        shape = (math.ceil(deep / self.h) + 1, math.ceil(width / self.h) + 1)
        vp, vs, rho = zip(*self.rocks, strict=True)
        medium = layered_medium(shape, self.h, (0.0, interface), vp, vs, rho, dtype=torch.float64)
        count = int((width - WAVELENGTH) / PITCH)
        places = width / 2 + PITCH * (np.arange(count) - (count - 1) / 2)
        strength = 2 * self.rocks[0][2] * self.speeds[0] * PITCH  # sends 1 m/s up and down
        force = (strength, 0.0) if self.wave == "S" else (0.0, strength)
        line = [sk.Force(x=float(x), z=start, force=force, signature=PULSE(t)) for x in places]
        with coarse_on_purpose():
            records = sk.simulate(
                medium,
                [line],
                sk.Receivers(x=width / 2 + 0.3 * self.h, z=depths),
                dt=float(t[1]),
                nt=len(t),
                free_surface=False,
                dispersion_correction=True,
            )
        return records.component("x" if self.wave == "S" else "z")[0].double().numpy()


@cache
def crossing_errors(wave: str, rocks: tuple[Rock, Rock], offset: float, points: float) -> tuple[float, float]:
    """Errors of a `Crossing`, computed once."""
    return Crossing(wave, rocks, offset, points).errors()


def worst_offset(wave: str, rocks: tuple[Rock, Rock], points: float, which: int) -> float:
    """Largest error of the reflected (0) or transmitted (1) wave over all places in a cell."""
    return max(crossing_errors(wave, rocks, offset, points)[which] for offset in OFFSETS)


def missing_order(wave: str, rocks: tuple[Rock, Rock], offset: float) -> float:
    """Two minus the order seen from 7 to 14 nodes per wavelength, of the reflected wave."""
    coarse, fine = (crossing_errors(wave, rocks, offset, points)[0] for points in (7, 14))
    return 2.0 - math.log2(coarse / fine)


@dataclass(frozen=True)
class Loh1:
    """LOH.1 on a grid.

    Attributes
    ----------
    h : float, m
        Node distance.
    order : int
        Of the scheme.
    margin, depth : float, m
        From source and receiver to the absorbing sides, and from the surface to the absorbing bottom.
    absorbing : int
        Nodes of absorbing layer.
    """

    h: float
    order: int = 8
    margin: float = 800.0
    depth: float = 3000.0
    absorbing: int = 15

    def simulate(self, t: Array) -> Array:
        """Radial, transverse and vertical velocity at (6, 8) km."""
        sigma, centre = 0.06, 0.36
        rate = np.exp(-(((t - centre) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
        moment = np.zeros((3, 3))
        moment[0, 1] = moment[1, 0] = 1e18
        lengths = (self.depth, 8000.0 + 2 * self.margin, 6000.0 + 2 * self.margin)
        shape = tuple(math.ceil(length / self.h) + 1 for length in lengths)
        medium = layered_medium(
            shape, self.h, (0.0, 1000.0), (4000.0, 6000.0), (2000.0, 3464.0), (2600.0, 2700.0)
        )
        with coarse_on_purpose():
            seis = sk.simulate(
                medium,
                sk.MomentTensor(x=self.margin, y=self.margin, z=2000.0, moment=moment, rate=rate),
                sk.Receivers(x=self.margin + 6000.0, y=self.margin + 8000.0, z=0.0),
                dt=float(t[1]),
                nt=len(t),
                order=self.order,
                absorbing=self.absorbing,
                dispersion_correction=True,
            )
        vx, vy, vz = seis.data[0, :, 0].double().numpy()
        return np.array([0.6 * vx + 0.8 * vy, -0.8 * vx + 0.6 * vy, vz])

    def errors(self, folder: Path) -> dict[str, float]:
        """Relative L2 misfits of the components, see `LOH1_BANDS`."""
        table = np.load(folder / "loh1_velocity.npy").astype(np.float64)
        t = (table[0, -1] - table[0, 0]) / (table.shape[1] - 1) * np.arange(table.shape[1])
        found, wanted = self.simulate(t), table[1:]
        result = {}
        for number, (name, band) in enumerate(LOH1_BANDS.items()):
            one, other = (_in_band(traces[number], float(t[1]), *band) for traces in (found, wanted))
            result[name] = relative_l2(one, other)
        return result


def _in_band(trace: Array, dt: float, lowest: float, highest: float) -> Array:
    """What lies between two frequencies, Hz."""
    high = lowpass(trace, dt, highest)
    return high - lowpass(trace, dt, lowest) if lowest > 0 else high


@cache
def loh1_errors(setting: Loh1) -> dict[str, float]:
    """Misfits of the components, computed once."""
    folder = data_folder("loh1")
    if folder is None:
        raise FileNotFoundError("LOH.1 is not there: name the folder of data sets in SEISKERN_DATA")
    return setting.errors(folder)


def loh1_error(setting: Loh1, component: str) -> float:
    """Misfit of a component."""
    return loh1_errors(setting)[component]


def _cases() -> list[Case]:
    crossings: tuple[tuple[str, str, tuple[Rock, Rock]], ...] = (
        ("s-wave", "S", SOLID),
        ("p-wave", "P", SOLID),
        ("seabed", "P", SEABED),
    )
    cases = []
    for name, wave, rocks in crossings:
        for which, kind, bound in ((0, "reflected", 0.06), (1, "transmitted", 0.01)):
            note = f"rel. L2 of the {kind} wave, worst of 6 places in a cell, 10 nodes per wavelength"
            run: Callable[[], float] = partial(worst_offset, wave, rocks, 10, which)
            cases.append(Case(f"layers/{name}/{kind}", note, bound, run, full=True))
        note = "2 minus the order seen, 7 to 14 nodes per wavelength, interface 0.3 cells below a node"
        cases.append(
            Case(
                f"layers/{name}/order",
                note,
                0.2,
                partial(missing_order, wave, rocks, 0.3),
                full=name == "p-wave",
            )
        )
    for component, (lowest, highest) in LOH1_BANDS.items():
        note = f"rel. L2 from {lowest:g} to {highest:g} Hz, h = 1000 m / 15.5: interface midway between nodes"
        run = partial(loh1_error, Loh1(1000.0 / 15.5), component)
        cases.append(Case(f"loh1/{component}", note, 0.03, run, full=True, data="loh1"))
    return cases


CASES: list[Case] = _cases()
