"""Cases: point sources in an unbounded homogeneous solid.

The closed forms are Aki & Richards (2002), 4.23 and 4.29, and in 2-D their sums along a line. Order 8 at 6
nodes per shortest S wavelength, sources and receivers off the nodes, default options.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

import seiskern as sk
from seiskern.verify.case import Case
from seiskern.verify.oracles import full_space_2d, full_space_3d
from seiskern.verify.problems import RHO, VS, WAVELENGTH, Array, Ricker, homogeneous, times, worst

TimeFunction = Callable[[Array], Array]

VP = 1.8 * VS
POINTS = 6  # nodes per shortest wavelength
BOUND = 0.01
PULSE = Ricker()
MOMENT_3D = 1e12 * np.array([[1.0, 0.4, -0.7], [0.4, -0.6, 0.5], [-0.7, 0.5, 0.3]])  # N m
FORCE_3D = 1e9 * np.array([1.0, -0.6, 0.8])  # N
MOMENT_2D = 1e9 * np.array([[1.0, -0.5], [-0.5, 0.4]])  # N m/m
FORCE_2D = 1e6 * np.array([1.0, -0.6])  # N/m
NEAR_FAR = (1.0, 2.0, 4.0, 10.0)  # distances of receivers, shortest S wavelengths
FAR = (10.0, 25.0)  # the last is ten wavelengths at the peak of the spectrum


@dataclass(frozen=True)
class Setting:
    """A box along x with a source near its low end and receivers at increasing distance.

    Attributes
    ----------
    ndim : int
        2 or 3.
    distances : tuple of float
        Of the receivers, in shortest S wavelengths.
    shift : float
        By which the source is misplaced, in nodes: what a case must notice.
    rho : float, kg/m^3
        Density that the solver is given.
    """

    ndim: int
    distances: tuple[float, ...] = NEAR_FAR
    shift: float = 0.0
    rho: float = RHO

    side = 2.5  # from the source to the sides, shortest wavelengths

    @property
    def h(self) -> float:
        """Node distance, m."""
        return WAVELENGTH / POINTS

    @property
    def medium(self) -> sk.Medium:
        """The medium."""
        across = int(2 * self.side * POINTS) + 1
        along = int((2 * self.side + max(self.distances)) * POINTS) + 1
        return homogeneous((across,) * (self.ndim - 1) + (along,), self.h, VP, rho=self.rho)

    @property
    def source(self) -> Array:
        """Place of the source by axis, x first, m."""
        off_node = np.array([0.77, 0.43, 0.31])[: self.ndim]
        return np.asarray(self.side * WAVELENGTH + off_node * self.h)

    @property
    def offsets(self) -> Array:
        """Receivers minus source, oblique to the axes, m."""
        across = np.array([0.8, 0.6]) if self.ndim == 3 else np.array([1.0])
        rows = []
        for distance in self.distances:
            sine = min(0.4, (self.side - 0.5) / distance)
            rows.append(distance * WAVELENGTH * np.array([np.sqrt(1 - sine**2), *(sine * across)]))
        return np.array(rows)

    def simulate(self, shot: Callable[..., object], t: Array, quantity: str) -> Array:
        """Records, (component, receiver, nt)."""
        axes = "xz" if self.ndim == 2 else "xyz"
        place = dict(zip(axes, self.source + self.shift * self.h, strict=True))
        receivers = self.source + self.offsets
        records = sk.simulate(
            self.medium,
            shot(**place),
            sk.Receivers(**{axis: receivers[:, number] for number, axis in enumerate(axes)}),
            dt=float(t[1]),
            nt=len(t),
            quantity=quantity,
            free_surface=False,
            dispersion_correction=True,
        )
        return np.asarray(records.data[0].double().numpy())

    @property
    def t(self) -> Array:
        """Samples until the S wave has passed the last receiver."""
        return times(2 * PULSE.t0 + max(self.distances) * WAVELENGTH / VS + 0.05)


def moment_3d(setting: Setting, quantity: str = "velocity") -> float:
    """Misfit of a general moment tensor in 3-D."""
    t = setting.t
    shot = partial(sk.MomentTensor, moment=MOMENT_3D, rate=PULSE(t))
    records = setting.simulate(shot, t, quantity)
    names = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))

    def reference(offset: Array) -> Array:
        arguments = (t, offset, MOMENT_3D, PULSE, VP, VS, RHO)
        if quantity == "strain":
            strain = full_space_3d.moment_tensor_strain(*arguments)
            return np.array([strain[i, j] for i, j in names])
        if quantity == "pressure":
            return full_space_3d.moment_tensor_pressure(*arguments)[None]
        return full_space_3d.moment_tensor_velocity(*arguments)

    return worst(records, np.array([reference(offset) for offset in setting.offsets]))


def force_3d(setting: Setting) -> float:
    """Misfit of a force in 3-D."""
    t = setting.t
    records = setting.simulate(partial(sk.Force, force=FORCE_3D.tolist(), signature=PULSE(t)), t, "velocity")
    references = [
        full_space_3d.force_velocity(t, offset, FORCE_3D, PULSE, VP, VS, RHO) for offset in setting.offsets
    ]
    return worst(records, np.array(references))


def force_2d(setting: Setting, quantity: str = "velocity") -> float:
    """Misfit of a line force; the oracle's velocity for the integral or slope of the pulse gives the rest."""
    t = setting.t
    records = setting.simulate(partial(sk.Force, force=FORCE_2D.tolist(), signature=PULSE(t)), t, quantity)
    functions: dict[str, TimeFunction] = {
        "velocity": PULSE,
        "displacement": PULSE.integral,
        "acceleration": PULSE.slope,
    }
    function = functions[quantity]
    references = [
        full_space_2d.force_velocity(t, offset, FORCE_2D, function, VP, VS, RHO) for offset in setting.offsets
    ]
    return worst(records, np.array(references))


def moment_2d(setting: Setting, quantity: str = "velocity") -> float:
    """Misfit of a line moment tensor."""
    t = setting.t
    records = setting.simulate(partial(sk.MomentTensor, moment=MOMENT_2D, rate=PULSE(t)), t, quantity)
    function: TimeFunction = PULSE if quantity == "velocity" else PULSE.integral

    def motion(offset: Array) -> Array:
        return full_space_2d.moment_tensor_velocity(t, offset, MOMENT_2D, function, VP, VS, RHO)

    def strain(offset: Array) -> Array:
        dx, dz = (_slope(motion, offset, np.asarray(unit)) for unit in ((1.0, 0.0), (0.0, 1.0)))
        return np.array([dx[0], dz[1], (dx[1] + dz[0]) / 2])

    reference = strain if quantity == "strain" else motion
    return worst(records, np.array([reference(offset) for offset in setting.offsets]))


def _slope(function: Callable[[Array], Array], place: Array, along: Array) -> Array:
    """Derivative along a direction, by differences of sixth order over a hundredth of the wavelength."""
    step = 0.01 * WAVELENGTH
    terms = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    total = sum(
        weight * (function(place + n * step * along) - function(place - n * step * along))
        for n, weight in terms
    )
    return np.asarray(total / step)


def explosion_2d(setting: Setting, quantity: str) -> float:
    """Misfit of an explosion along a line."""
    t, moment = setting.t, 1e9
    records = setting.simulate(partial(sk.Explosion, moment=moment, rate=PULSE(t)), t, quantity)

    def reference(offset: Array) -> Array:
        arguments = (t, offset, moment, PULSE, VP, VS, RHO)
        if quantity == "pressure":
            return full_space_2d.explosion_pressure(*arguments)[None]
        return full_space_2d.explosion_velocity(*arguments)

    return worst(records, np.array([reference(offset) for offset in setting.offsets]))


def _cases() -> list[Case]:
    near = "rel. L2, worst receiver, 1 to 10 S wavelengths, order 8, 6 nodes per shortest wavelength"
    mid = "the same, 1 to 4 wavelengths"
    short = "the same, 1 and 2 wavelengths"
    two, three = Setting(2), Setting(3)
    close, far = Setting(3, NEAR_FAR[:2]), Setting(3, FAR)
    return [
        Case("full-space-3d/moment-tensor", mid, BOUND, partial(moment_3d, Setting(3, NEAR_FAR[:3]))),
        Case("full-space-3d/force", short, BOUND, partial(force_3d, close)),
        Case("full-space-3d/force/far", near, BOUND, partial(force_3d, three), full=True),
        Case("full-space-3d/strain", short, BOUND, partial(moment_3d, close, "strain")),
        Case("full-space-3d/pressure", short, BOUND, partial(moment_3d, close, "pressure")),
        Case(
            "full-space-3d/far-field",
            "the same at 10 and 25 wavelengths",
            BOUND,
            partial(moment_3d, far),
            full=True,
        ),
        *(
            Case(f"full-space-2d/force/{quantity}", near, BOUND, partial(force_2d, two, quantity))
            for quantity in ("velocity", "displacement", "acceleration")
        ),
        *(
            Case(f"full-space-2d/moment-tensor/{quantity}", near, BOUND, partial(moment_2d, two, quantity))
            for quantity in ("velocity", "displacement", "strain")
        ),
        *(
            Case(f"full-space-2d/explosion/{quantity}", near, BOUND, partial(explosion_2d, two, quantity))
            for quantity in ("velocity", "pressure")
        ),
    ]


CASES: list[Case] = _cases()
