"""Cases: sources on and below a free surface: Lamb and Garvin in 2-D at every order and Vp/Vs, Lamb in 3-D.

Sources and receivers lie between the nodes. Errors are relative L2, all components together, of the worst
receiver.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

import seiskern as sk
from seiskern.verify.case import Case
from seiskern.verify.oracles import garvin_2d, lamb_2d, lamb_3d
from seiskern.verify.oracles.compare import relative_l2
from seiskern.verify.problems import (
    RHO,
    VS,
    WAVELENGTH,
    Array,
    Ricker,
    coarse_on_purpose,
    homogeneous,
    times,
    worst,
)

RATIOS = (1.5, 3**0.5, 3.0)  # Vp / Vs
SOURCES = ("vertical", "horizontal", "explosion", "buried")
GROUPS = {source: "garvin-2d" if source == "explosion" else "lamb-2d" for source in SOURCES}
ON_SURFACE = ((1.03, 0.0), (3.17, 0.0), (6.07, 0.0), (10.13, 0.0))  # receivers (x, z), shortest S wavelengths
BELOW = ((2.11, 0.83), (6.07, 1.57))
DEPTH = 0.6  # of buried sources
EDGE = 1.2345  # from the first column to the source
PULSE = Ricker()
FORCE, MOMENT, OBLIQUE = 1e6, 1e9, (1e6, -0.7e6)  # N/m, N m/m
TABLE_ORDERS, TABLE_POINTS = (2, 4, 6, 8), (5, 7, 10, 14, 20, 40)
WANTED_ORDER = {2: 2, 4: 4, 6: 3, 8: 3}
YARDSTICK = (0.009, 0.07)  # largest error, relative to the peak, of a code of order 4 at 1 km and 10 km


@dataclass(frozen=True)
class Setting:
    """A half-space in 2-D.

    Attributes
    ----------
    source : str
        ``vertical`` or ``horizontal`` force on the surface, ``explosion`` or ``buried`` force below it.
    ratio : float
        Vp / Vs.
    order, points
        Of the scheme; nodes per shortest S wavelength.
    receivers : sequence of (x, z)
        From the source along the surface, and depth, in shortest S wavelengths.
    shift : float
        By which the source is misplaced, in nodes: what a case must notice.
    multiaxial : float, optional
        Of the absorbing layers, as for `seiskern.simulate`.
    """

    source: str
    ratio: float
    order: int = 8
    points: float = 6
    receivers: Sequence[tuple[float, float]] = ON_SURFACE
    shift: float = 0.0
    multiaxial: float | None = None

    @property
    def t(self) -> Array:
        """Samples until the Rayleigh wave has passed the last receiver."""
        return times(2 * PULSE.t0 + (max(x for x, _ in self.receivers) + 0.1) * WAVELENGTH / (0.85 * VS))

    def shot(self, t: Array) -> object:
        """The source."""
        depth = DEPTH * WAVELENGTH if self.source in ("explosion", "buried") else 0.0
        x, series = EDGE * WAVELENGTH + self.shift * WAVELENGTH / self.points, PULSE(t)
        if self.source == "explosion":
            return sk.Explosion(x=x, z=depth, moment=MOMENT, rate=series)
        force = {"vertical": (0.0, FORCE), "horizontal": (FORCE, 0.0), "buried": OBLIQUE}[self.source]
        return sk.Force(x=x, z=depth, force=force, signature=series)

    def reference(self, t: Array, x: float, z: float) -> Array:
        """Velocity (x, z) by the oracle."""
        rock = (self.ratio * VS, VS, RHO)
        depth = DEPTH * WAVELENGTH
        if self.source == "explosion":
            return garvin_2d.explosion_velocity(t, x, depth, MOMENT, PULSE, *rock, z)
        if self.source == "buried":
            return garvin_2d.buried_force_velocity(t, x, depth, OBLIQUE, PULSE, *rock, z)
        if self.source == "vertical":
            return lamb_2d.vertical_force_velocity(t, x, FORCE, PULSE, *rock, z)
        return lamb_2d.horizontal_force_velocity(t, x, FORCE, PULSE, *rock, z)

    def error(self) -> float:
        """Misfit of the solver."""
        t, h = self.t, WAVELENGTH / self.points
        width = EDGE + max(x for x, _ in self.receivers) + 1.0
        shape = (max(20, int(3 * self.points) + 1), int(width * self.points) + 2)
        places = WAVELENGTH * np.array(self.receivers)
        with coarse_on_purpose():
            records = sk.simulate(
                homogeneous(shape, h, self.ratio * VS, double=True),
                self.shot(t),
                sk.Receivers(x=EDGE * WAVELENGTH + places[:, 0], z=places[:, 1]),
                dt=float(t[1]),
                nt=len(t),
                order=self.order,
                absorbing=max(20, math.ceil(2 * self.points)),
                multiaxial=self.multiaxial,
                dispersion_correction=True,
            )
        references = np.array([self.reference(t, x, z) for x, z in places.tolist()])
        return worst(records.data[0].double().numpy(), references)


def error_table(sources: Sequence[str] = SOURCES) -> Iterator[tuple[str, int, list[float]]]:
    """Errors on the surface of a Poisson solid, on finer and finer grids.

    Absorbing layers are pure C-PML, which a homogeneous medium does not make grow: on the finest grids, with
    their many steps, multiaxial ones would reflect more than the differences leave.

    Parameters
    ----------
    sources : sequence of str
        As in `Setting`.

    Yields
    ------
    str, int, list of float
        ``group/source``, order, and for each of `TABLE_POINTS` the relative L2 error of the worst receiver.
    """
    for source in sources:
        for order in TABLE_ORDERS:
            errors = [
                Setting(source, 3**0.5, order, points, multiaxial=0.0).error() for points in TABLE_POINTS
            ]
            yield f"{GROUPS[source]}/{source}", order, errors


def missing_order(source: str, order: int, coarse: float, fine: float) -> float:
    """Order wanted minus that seen from one grid to the next.

    With orders 2 and 4 the dispersion inside governs the error. With 6 and 8 it is so small that what the
    closure of the surface, accurate to degree 3, leaves is all there is: order 3 is wanted of them.
    """
    errors = [Setting(source, 3**0.5, order, points, ON_SURFACE[:3]).error() for points in (coarse, fine)]
    return WANTED_ORDER[order] - math.log(errors[0] / errors[1]) / math.log(fine / coarse)


def lamb_3d_error(order: int, points: float, far: float, largest: bool = True) -> float:
    """Error of Lamb's problem in 3-D at a distance; `far` in shortest S wavelengths.

    A vertical force on the surface of a Poisson solid; radial and vertical velocity on the surface.
    ``largest``: the largest error relative to the largest value, else relative L2.
    """
    vp, h = 3**0.5 * VS, WAVELENGTH / points
    t = times(2 * PULSE.t0 + (far + 0.1) * WAVELENGTH / (0.85 * VS))
    azimuth = math.atan2(0.6, far) if far > 3 else 0.5
    towards = np.array([math.cos(azimuth), math.sin(azimuth)])
    start = np.array([2.0, 2.0]) * WAVELENGTH + np.array([0.37, 0.21]) * h
    place = start + far * WAVELENGTH * towards
    size = np.ceil((np.array([4.0, 4.0]) * WAVELENGTH + far * WAVELENGTH * towards) / h).astype(int) + 1
    shape = (max(20, int(2.0 * points)), int(size[1]), int(size[0]))
    records = sk.simulate(
        homogeneous(shape, h, vp),
        sk.Force(x=start[0], y=start[1], z=0.0, force=(0.0, 0.0, 1e9), signature=PULSE(t)),
        sk.Receivers(x=place[0], y=place[1], z=0.0),
        dt=float(t[1]),
        nt=len(t),
        order=order,
        dispersion_correction=True,
    )
    v = records.data[0, :, 0].double().numpy()
    found = np.array([towards @ v[:2], v[2]])
    reference = lamb_3d.vertical_force_velocity(t, far * WAVELENGTH, 1e9, PULSE, vp, VS, RHO)
    if largest:
        return float(np.abs(found - reference).max() / np.abs(reference).max())
    return relative_l2(found, reference)


def _two_dimensional() -> list[Case]:
    surface = "rel. L2, worst receiver on the surface, 1 to 10 wavelengths, order 8, 6 nodes per wavelength"
    everywhere, pure = "the same, surface and below, 10 nodes per wavelength", "; C-PML alone"
    cases = []
    for source in SOURCES:
        coarse = 8 if source in ("explosion", "buried") else 6
        for ratio in (*RATIOS, 10.0):
            name = f"{GROUPS[source]}/{source}/vp-vs-{ratio:.3g}"
            note = surface if coarse == 6 else surface.replace("6 nodes", "8 nodes")
            extra = ratio == 10.0
            # So many steps that the layers would be multiaxial: the error would be theirs, not the surface's.
            setting = Setting(source, ratio, points=coarse, multiaxial=0.0 if extra else None)
            bound = 0.01 if coarse == 6 else 0.02
            cases.append(Case(name, note + pure * extra, bound, setting.error, full=extra))
            fine = replace(setting, points=10, receivers=ON_SURFACE + BELOW)
            bound = 0.02 if extra else 0.01
            cases.append(Case(f"{name}/below", everywhere + pure * extra, bound, fine.error, full=extra))
    return cases


def _orders() -> list[Case]:
    note = "order wanted minus the one seen, on the surface, {} to {} nodes per wavelength"
    grids = {2: (20, 30, 0.2), 4: (10, 15, 0.2), 6: (7, 14, 0.2), 8: (7, 14, 0.2)}
    cases = []
    for source in ("vertical", "horizontal", "explosion"):
        for order, (coarse, fine, bound) in grids.items():
            run = partial(missing_order, source, order, coarse, fine)
            name = f"half-space-2d/order-{order}/{source}"
            cases.append(Case(name, note.format(coarse, fine), bound, run, full=source == "horizontal"))
    return cases


def _three_dimensional() -> list[Case]:
    note = "largest error over the peak, {} wavelengths away, order {}, 10 nodes per shortest wavelength"
    cases = []
    for order in (4, 8):
        for far, bound in zip((2.5, 25.0), YARDSTICK, strict=True):
            run = partial(lamb_3d_error, order, 10, far)
            name = f"lamb-3d/order-{order}/{far:g}-wavelengths"
            cases.append(Case(name, note.format(f"{far:g}", order), bound, run, full=far > 3 or order == 4))
    return cases


CASES: list[Case] = _two_dimensional() + _orders() + _three_dimensional()
