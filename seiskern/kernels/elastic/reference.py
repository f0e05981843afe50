r"""The elastic time step and its medium in plain PyTorch, slow and obvious: what every backend is held to.

It shares no table and no code with them: coefficients come from a formula, memory variables cover the whole
grid, and the rows of the free surface are handed in. Nothing is changed in place, so autograd differentiates
all of it. README.md beside this file has the equations.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seiskern.grid import AXES, STRESS, VELOCITY, offset, replicate
from seiskern.kernels.elastic.plan import Problem

Profile = tuple[Tensor, Tensor, Tensor]  # a, b, g along an axis


@dataclass(frozen=True)
class Closure:
    """Rows that replace those of D+ and D- below a free surface, in units of 1/h.

    Attributes
    ----------
    plus, minus : dict of Tensor, shape (rows, taps)
        By pair: ``shear`` for vx, vy, sxz and syz, ``normal`` for vz and szz. They act on the first ``taps``
        planes.
    """

    plus: Mapping[str, Tensor]
    minus: Mapping[str, Tensor]


@dataclass(frozen=True)
class Series:
    """Weights between nodes and time series.

    Attributes
    ----------
    field : tuple of str
        Field of each entry.
    node : Tensor, shape (n, 1 + ndim), int64
        Shot, then node in array order.
    series : Tensor, shape (n,), int64
        Time series of each entry.
    weight : Tensor, shape (n,)
        Weight of each entry.
    data : Tensor, shape (n_shots, n_steps, n_series)
        The series; those of receivers are added to.
    """

    field: tuple[str, ...]
    node: Tensor
    series: Tensor
    weight: Tensor
    data: Tensor

    def of(self, name: str) -> "Series":
        """Entries of one field."""
        mine = torch.tensor([field == name for field in self.field], dtype=torch.bool)
        fields = (name,) * int(mine.sum())
        return Series(fields, self.node[mine], self.series[mine], self.weight[mine], self.data)


def coefficients(order: int) -> list[float]:
    r"""Taylor coefficients of the staggered first difference.

    .. math:: c_m = \frac{(-1)^m}{2m + 1} \prod_{i \ne m} \frac{(2i + 1)^2}{|(2i + 1)^2 - (2m + 1)^2|},
              \quad 0 \le i, m < \mathrm{order} / 2
    """
    odd = range(1, order, 2)
    return [
        (-1) ** m / a * math.prod(b * b / abs(b * b - a * a) for b in odd if b != a)
        for m, a in enumerate(odd)
    ]


def difference(u: Tensor, dim: int, order: int, h: float, plus: bool) -> Tensor:
    """D+ (from nodes to the half nodes after them) or D- (back) along ``dim``; u is zero outside."""
    radius, n = order // 2, u.shape[dim]
    zero = torch.zeros_like(u.narrow(dim, 0, 1)).expand(*u.shape[:dim], radius, *u.shape[dim + 1 :])
    padded = torch.cat([zero, u, zero], dim)
    here = radius + int(plus)
    total = torch.zeros_like(u)
    for m, c in enumerate(coefficients(order)):
        total = total + c * (padded.narrow(dim, here + m, n) - padded.narrow(dim, here - m - 1, n))
    return total / h


def profiles(
    problem: Problem, speed: float, frequency: float, reflection: float, multiaxial: float = 0.0
) -> dict[tuple[str, bool], Profile]:
    r"""Profiles of multiaxial C-PML by axis and whether they are of half nodes.

    .. math::

        d = -\frac{3 c}{2 L} \ln R\, (x / L)^2, \quad \alpha = \pi f (1 - x / L) + p d, \\
        b = e^{-((1 - p) d + \alpha) \delta t}, \quad a = \frac{(1 - p) d}{(1 - p) d + \alpha} (b - 1), \quad
        g = e^{-p d\, \delta t}

    with x the depth in a layer and p the share that all axes have in common, `multiaxial`. A layer of n nodes
    begins half a node distance before the first of them and has the width L = (n - 1/2) h. Nodes outside have
    a = b = 0 and g = 1.
    """
    result = {}
    widths = problem.absorbing or ((0, 0),) * problem.ndim
    for axis, n, h, (low, high) in zip(
        AXES[problem.ndim], problem.shape, problem.spacing, widths, strict=True
    ):
        for half in (False, True):
            a, b, g = [0.0] * n, [0.0] * n, [1.0] * n
            for i in range(n):
                x = i + 0.5 * half
                if x < low - 0.5:
                    share, width = (low - 0.5 - x) / (low - 0.5), (low - 0.5) * h
                elif x > n - 0.5 - high:
                    share, width = (x - (n - 0.5 - high)) / (high - 0.5), (high - 0.5) * h
                else:
                    continue
                total = -3 * speed * math.log(reflection) / (2 * width) * share**2
                common, damping = multiaxial * total, (1 - multiaxial) * total
                g[i] = math.exp(-common * problem.dt)
                shift = math.pi * frequency * max(0.0, 1 - share) + common
                b[i] = math.exp(-(damping + shift) * problem.dt)
                a[i] = damping / (damping + shift) * (b[i] - 1)
            rows = (torch.tensor(v, dtype=torch.float64).to(problem.dtype) for v in (a, b, g))
            result[axis, half] = (*rows,)
    return result  # type: ignore[return-value]


class Scheme:
    """The operator of one problem.

    Parameters
    ----------
    problem : Problem
        Grid, order and boundaries.
    medium : dict of Tensor, shape (1 or n_shots, nz, [ny,] nx)
        By the names in ``Problem.coefficients``, or as `stagger` returns it.
    profile : dict
        From `profiles`.
    closure : Closure, optional
        Needed with a free surface.
    """

    def __init__(
        self,
        problem: Problem,
        medium: Mapping[str, Tensor],
        profile: Mapping[tuple[str, bool], Profile],
        closure: Closure | None = None,
    ) -> None:
        if problem.free_surface and closure is None:
            raise ValueError("`closure` must be given with a free surface, got None")
        self.problem, self.profile, self.closure = problem, profile, closure
        self.medium = where_they_act(medium, problem.ndim)
        self.axes = AXES[problem.ndim]
        self.fields: dict[str, Tensor] = {}
        self.memory: dict[tuple[str, str], Tensor] = {}

    def rest(self, n_shots: int) -> None:
        """Forget everything: no motion, no stress, no memory."""
        shape = (n_shots, *self.problem.shape)
        names = VELOCITY[self.problem.ndim] + STRESS[self.problem.ndim]
        self.fields = {name: torch.zeros(shape, dtype=self.problem.dtype) for name in names}
        self.memory = {}

    def derivative(self, name: str, axis: str) -> Tensor:
        """Derivative of a field along an axis, nodes to half nodes or back, stretched where it absorbs."""
        u, dim = self.fields[name], 1 + self.axes.index(axis)
        if name == "szz" and self.problem.free_surface:
            u = _clear_first_plane(u)  # it is zero there, whatever is put in
        h = self.problem.spacing[dim - 1]
        plus = offset(name, axis) == 0
        g = difference(u, dim, self.problem.order, h, plus)
        if axis == "z" and self.problem.free_surface and self.closure is not None:
            rows = (self.closure.plus if plus else self.closure.minus)[
                "normal" if name in ("vz", "szz") else "shear"
            ].to(u.dtype)
            first = torch.einsum("kt,st...->sk...", rows, u[:, : rows.shape[1]]) / h
            g = torch.cat([first, g[:, len(rows) :]], dim=1)
        shape = [1] * u.ndim
        shape[dim] = -1
        a, b, _ = (value.reshape(shape) for value in self.profile[axis, plus])
        psi = b * self.memory.get((name, axis), torch.zeros_like(u)) + a * g
        self.memory[name, axis] = psi
        return g + psi

    def step_velocity(self) -> None:
        """Make rho dt v_a = sum_b D_b s_ab."""
        for a in self.axes:
            force = sum(self.derivative("s" + "".join(sorted(a + b)), b) for b in self.axes)
            self.fields["v" + a] = self.fields["v" + a] + self.problem.dt * self.medium["b" + a] * force

    def step_stress(self) -> None:
        """Make dt s_aa = sum_b c_ab D_b v_b and dt s_ab = mu (D_b v_a + D_a v_b).

        If isotropic, c_ab is lam, and lam + 2 mu for a = b.
        """
        dt, medium, surface = self.problem.dt, self.medium, self.problem.free_surface
        rate = {a: self.derivative("v" + a, a) for a in self.axes}
        if surface:  # moduli are those of plane stress there, and the strain along z drops out
            rate["z"] = _clear_first_plane(rate["z"])
        volume = sum(rate.values())
        for a in self.axes:
            if self.problem.orthorhombic:
                change = sum(medium["c" + "".join(sorted(a + b))] * rate[b] for b in self.axes)
            else:
                change = medium["lam"] * volume + medium["mu2"] * rate[a]
            self.fields["s" + a + a] = self.fields["s" + a + a] + dt * change
        if surface:
            self.fields["szz"] = _clear_first_plane(self.fields["szz"])
        for a in self.axes:
            for b in self.axes:
                if a < b:
                    slip = self.derivative("v" + a, b) + self.derivative("v" + b, a)
                    self.fields["s" + a + b] = self.fields["s" + a + b] + dt * medium["m" + a + b] * slip

    def damp(self, kind: str) -> None:
        """Multiply velocities (v) or stresses (s) by what all axes of multiaxial layers have in common."""
        for name in self.fields:
            for dim, axis in enumerate(self.axes, start=1):
                if name[0] == kind:
                    shape = [1] * self.fields[name].ndim
                    shape[dim] = -1
                    factor = self.profile[axis, offset(name, axis) > 0][2]
                    self.fields[name] = self.fields[name] * factor.reshape(shape)

    def inject(self, source: Series, n: int) -> None:
        """Add weight times sample n of the series to the fields."""
        for name in sorted(set(source.field)):
            mine = source.of(name)
            value = mine.weight * mine.data[mine.node[:, 0], n, mine.series]
            self.fields[name] = self.fields[name].index_put((*mine.node.T,), value, accumulate=True)

    def sample(self, receiver: Series) -> Tensor:
        """Sums of weight times field, (n_shots, n_series)."""
        total = torch.zeros_like(receiver.data[:, 0])
        for name in sorted(set(receiver.field)):
            mine = receiver.of(name)
            value = mine.weight * self.fields[name][(*mine.node.T,)]
            total = total.index_put((mine.node[:, 0], mine.series), value, accumulate=True)
        return total

    def run(
        self, sources: tuple[Series, Series], receivers: tuple[Series, Series], first: int, last: int
    ) -> tuple[Tensor, Tensor]:
        """Advance from step ``first`` to ``last`` (exclusive), as `seiskern.kernels.elastic.run` does.

        The pairs are of velocities and of stresses. A half step updates, then injects, then samples. Returns
        the records of both.
        """
        records = [list(receiver.data.unbind(1)) for receiver in receivers]
        for n in range(first, last):
            for kind, advance in enumerate((self.step_velocity, self.step_stress)):
                advance()
                self.damp("vs"[kind])
                self.inject(sources[kind], n)
                if records[kind]:
                    records[kind][n] = records[kind][n] + self.sample(receivers[kind])
        velocity, stress = (
            torch.stack(record, dim=1) if record else receiver.data
            for record, receiver in zip(records, receivers, strict=True)
        )
        return velocity, stress


def _clear_first_plane(u: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(u[:, :1]), u[:, 1:]], dim=1)


def stagger(
    vp: Tensor, vs: Tensor, rho: Tensor, pad: Sequence[tuple[int, int]], free_surface: bool
) -> dict[str, Tensor]:
    r"""Effective coefficients at the staggered positions [1]_, with absorbing layers around.

    Density is averaged arithmetically over the two nodes beside a velocity, :math:`\mu` harmonically over the
    four nodes around a shear stress; one fluid node among them makes it zero. Nodes beyond the edge equal
    those on it.

    Parameters
    ----------
    vp, vs, rho : Tensor, shape (..., nz, [ny,] nx)
        Medium at the nodes.
    pad : sequence of (int, int)
        Nodes to add before and after each axis, in array order.
    free_surface : bool
        Whether the first plane is a free surface. There ``lam`` becomes
        :math:`2 \lambda \mu / (\lambda + 2 \mu)`, which is what :math:`\sigma_{zz} = 0` leaves of it.

    Returns
    -------
    dict of Tensor
        ``bx``, [``by``,] ``bz``, buoyancies at the velocities; ``lam`` and ``mu2`` at nodes; ``mxz``, and in
        3-D ``mxy`` and ``myz``, at the shear stresses.

    References
    ----------
    .. [1] Moczo et al. (2002), Bull. Seismol. Soc. Am. 92(8), 3042-3066, doi:10.1785/0120010167.
    """
    return average(*nodes(vp, vs, rho, pad, free_surface), len(pad))


def nodes(
    vp: Tensor,
    vs: Tensor,
    rho: Tensor,
    pad: Sequence[tuple[int, int]],
    free_surface: bool,
    moduli: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The first step of `stagger`: rho, lam and mu at the nodes, layers included.

    With ``moduli`` vp and vs are lam and mu.
    """
    lam, mu, rho = (replicate(value, pad) for value in (vp, vs, rho))
    if not moduli:
        mu = rho * mu.square()
        lam = rho * lam.square() - 2 * mu
    if free_surface:
        top = -len(pad)
        first, rest = lam.narrow(top, 0, 1), lam.narrow(top, 1, lam.shape[top] - 1)
        mu_top = mu.narrow(top, 0, 1)
        lam = torch.cat([2 * first * mu_top / (first + 2 * mu_top), rest], dim=top)
    return rho, lam, mu


def average(rho: Tensor, lam: Tensor, mu: Tensor, ndim: int) -> dict[str, Tensor]:
    """The second step of `stagger`: coefficients where they act."""
    axis = {"z": -ndim, "y": -2, "x": -1}
    names = ("x", "z") if ndim == 2 else ("x", "y", "z")
    result = {f"b{a}": 2 / (rho + _next(rho, axis[a])) for a in names}
    result |= {"lam": lam, "mu2": 2 * mu}
    pairs = (("x", "z"),) if ndim == 2 else (("x", "y"), ("x", "z"), ("y", "z"))
    return result | {f"m{a}{b}": _harmonic(mu, axis[a], axis[b]) for a, b in pairs}


def where_they_act(medium: Mapping[str, Tensor], ndim: int) -> Mapping[str, Tensor]:
    """Coefficients of a medium as `stagger` returns them, if its arrays are those the kernels average."""
    if "rho" not in medium:
        return medium
    return average(medium["rho"], medium["lam"], 1 / medium["compliance"], ndim)


def _next(value: Tensor, axis: int) -> Tensor:
    """Value at the following node, the last one repeated."""
    n = value.shape[axis]
    return torch.cat([value.narrow(axis, 1, n - 1), value.narrow(axis, n - 1, 1)], dim=axis)


def _harmonic(mu: Tensor, first: int, second: int) -> Tensor:
    """Harmonic mean over four nodes, zero where one of them is."""
    if bool((mu > 0).all()):
        total = 1 / mu
        for axis in (first, second):
            total = total + _next(total, axis)
        return 4 / total
    dry = mu == 0  # kept apart from the sums: gradients through infinities are not numbers
    total = torch.where(dry, 0, 1 / torch.where(dry, 1, mu))
    for axis in (first, second):
        total, dry = total + _next(total, axis), dry | _next(dry, axis)
    return torch.where(dry, 0, 4 / torch.where(dry, 1, total))


def fastest(vp: Tensor, rho: Tensor, ndim: int) -> float:
    r"""Speed that bounds the stable step, m/s.

    The largest :math:`\sqrt{(\lambda + 2 \mu) b}` over nodes and the buoyancies :math:`b` at the
    velocities beside them.

    Parameters
    ----------
    vp, rho : Tensor, shape (..., nz, [ny,] nx)
        Medium at the nodes.
    ndim : int
        2 or 3.

    Returns
    -------
    float
        The speed.
    """
    lightest = rho
    for axis in range(-ndim, 0):
        n = rho.shape[axis]
        before = torch.cat([rho.narrow(axis, 0, 1), rho.narrow(axis, 0, n - 1)], dim=axis)
        beside = (rho + torch.minimum(before, _next(rho, axis))) / 2
        lightest = torch.minimum(lightest, beside)
    return float((rho / lightest * vp.square()).max().sqrt())
