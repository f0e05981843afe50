"""The elastic solver."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from seiskern import _checks
from seiskern.grid import replicate
from seiskern.kernels import elastic, gpu
from seiskern.kernels.elastic.plan import FIELD_NUMBER
from seiskern.kernels.memory import CPU, zeros
from seiskern.media.model import Medium
from seiskern.media.staggered import pad_effective, surface_shares
from seiskern.wave.band import Band, band_of
from seiskern.wave.estimate import estimate_memory
from seiskern.wave.operator import traceable
from seiskern.wave.plan import Plan, plan
from seiskern.wave.points import Entries, of_receivers, of_sources
from seiskern.wave.quantity import QUANTITIES
from seiskern.wave.record import Seismograms, Snapshots, SnapshotWriter, Wavefields
from seiskern.wave.source import Force, Receivers, Source, as_shots
from seiskern.wave.transforms import simulate_plainly, transforming

# Cell updates between two looks at the wavefield: about a second.
CHUNK_CELLS = {"cpu": 5e8, "cuda": 2e10}
REFLECTION = 1e-5  # theoretical, of the layers at normal incidence


@traceable
def simulate(
    medium: Medium,
    shots: Any,
    receivers: Receivers,
    *,
    dt: float,
    nt: int,
    quantity: str = "velocity",
    free_surface: bool = True,
    absorbing: int = 20,
    multiaxial: float | None = None,
    order: int = 8,
    dispersion_correction: bool = True,
    adjoint: elastic.Strategy | None = None,
    snapshots: Snapshots | None = None,
    backend: str = "auto",
    storage: torch.dtype | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Seismograms:
    r"""Simulate elastic waves.

    Parameters
    ----------
    medium : Medium
        One medium, or one per shot.
    shots : source, list of sources, or list of lists of sources
        A source is a `MomentTensor`, `Explosion` or `Force`. In a list each is a shot of its own; a list in
        the list is one shot with several sources.
    receivers : Receivers
        The same for all shots.
    dt : float, s
        Sampling of source functions and records. The solver takes as many equal steps per sample as stability
        demands.
    nt : int
        Samples.
    quantity : {"velocity", "displacement", "acceleration", "pressure", "strain"}
        What is recorded: m/s, m, m/s2, Pa (minus the mean of the normal stresses, in 2-D of sxx and szz), 1.
    free_surface : bool
        Whether the plane z = origin is a free surface; otherwise it is absorbing.
    absorbing : int
        Nodes of absorbing layer (multiaxial C-PML) added outside every other side; 0 leaves sides that
        reflect all.
    multiaxial : float, 0 to 1; default 0 up to 2,000 steps of the scheme, 0.035 from 6,000 steps on
        Share of the layers' damping that acts along all axes [4]_. With 0, a pure C-PML [3]_, least is
        reflected, but waves grow in the layers of heterogeneous media, within 4,000 steps in the worst. 0.035
        keeps layered and random media bounded for 100,000 steps, and 0.1 also where Vp/Vs is near 10 and
        waves much longer than the grid resolves. More of it reflects more: 0.035 some per cent at grazing
        incidence.
    order : {2, 4, 6, 8}
        Order of the differences in space.
    dispersion_correction : bool
        Remove the error of the second-order steps in time from the records; what is left is that in space.
    adjoint : Full, Checkpointed or BoundarySaved, optional
        What is remembered for the gradient, if one is wanted; default `Full`.
    snapshots : Snapshots, optional
        Wavefields to keep.
    backend : {"auto", "cpu", "cuda"}
        Where to run. "auto": on the GPU if the medium is there. "cuda": on a GPU, that of the medium or the
        current one.
    storage : torch.float16, optional
        Of the wavefield in memory of a GPU, where arithmetic is done in single precision: about half the
        bytes of a step. Default: as it is computed. Every step rounds values by up to 2^-12 of their size:
        after 1,600 steps records are off by 1 %, relative L2, and their ends by some 10 % of themselves
        (docs/gpu.md). Without gradients.
    progress : callable, optional
        Called with (steps done, steps in all) now and then.

    Returns
    -------
    Seismograms
        ``data`` of shape (shot, component, receiver, nt), in the medium's dtype and where the medium is.
        Sample i is at i dt. It is
        differentiable in ``vp``, ``vs`` and ``rho`` of the medium, and in moments, forces, time functions and
        places of sources and receivers: each may be a tensor that requires a gradient, or has a tangent
        (``torch.autograd.forward_ad``, ``torch.func.jvp``), one of the two. Derivatives are those of these
        very numbers, the discrete ones; what is decided once (the number of steps, profiles of the absorbing
        layers) counts as constant. Snapshots have none. Under ``torch.compile`` all of it
        is one operator; without ``snapshots`` and ``progress``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says what would.
    FloatingPointError
        If the wavefield is no longer finite.
    RuntimeError
        If second derivatives are asked for.

    Warns
    -----
    UserWarning
        If a source holds frequencies that the grid does not resolve.

    Notes
    -----
    Virieux's staggered grid [1]_ with leapfrog steps, media averaged to the staggered positions [2]_, unsplit
    absorbing layers [3]_ [4]_, sources and receivers between nodes by weights that fit a band of wavenumbers
    (as the windowed sinc of [5]_, with less error on fine grids and near the surface), and a free surface
    closed by summation-by-parts differences, which conserve energy. 2-D sources are per metre of line.

    References
    ----------
    .. [1] Virieux (1986), Geophysics 51(4), 889-901, doi:10.1190/1.1442147.
    .. [2] Moczo et al. (2002), Bull. Seismol. Soc. Am. 92(8), 3042-3066, doi:10.1785/0120010167.
    .. [3] Komatitsch & Martin (2007), Geophysics 72(5), SM155-SM167, doi:10.1190/1.2757586.
    .. [4] Meza-Fajardo & Papageorgiou (2008), Bull. Seismol. Soc. Am. 98(4), 1811-1836,
       doi:10.1785/0120070223.
    .. [5] Hicks (2002), Geophysics 67(1), 156-165, doi:10.1190/1.1451454.
    """
    _checks.instance("medium", medium, Medium)
    _checks.instance("receivers", receivers, Receivers)
    if snapshots is not None:
        _checks.instance("snapshots", snapshots, Snapshots)
    device = _device(backend, medium)
    _checks.one_of("quantity", quantity, tuple(QUANTITIES))
    if multiaxial is not None and not 0 <= _checks.real("multiaxial", multiaxial) <= 1:
        raise ValueError(f"`multiaxial` must lie in [0, 1], got {multiaxial}")
    adjoint = elastic.checked(adjoint)
    for name, value in (medium.effective or {}).items():
        _checks.constant(f"medium.effective[{name!r}]", value)
    groups = as_shots(shots)
    if medium.batched and len(medium.rho) != len(groups):
        raise ValueError(f"`medium` must hold 1 or {len(groups)} media (one per shot), got {len(medium.rho)}")
    options: dict[str, Any] = {
        "dt": dt,
        "nt": nt,
        "free_surface": free_surface,
        "absorbing": absorbing,
        "order": order,
        "dispersion_correction": dispersion_correction,
        "quantity": "velocity" if snapshots is not None and snapshots.quantity == "velocity" else quantity,
    }
    decided = plan(medium, n_shots=len(groups), **options)
    if storage is not None:
        decided = replace(decided, problem=_stored(decided.problem, storage, device))
    if multiaxial is None:
        multiaxial = decided.multiaxial
    strategy = adjoint

    def go(medium: Medium, groups: list[list[Source]], receivers: Receivers) -> Seismograms:
        try:
            run = Run(medium, decided, groups, receivers, quantity, multiaxial, device)
            data = run.records(snapshots, progress, strategy)
        except torch.cuda.OutOfMemoryError as error:
            raise MemoryError(_what_fits(medium, groups, receivers, strategy, device, options)) from error
        return Seismograms(data, run.components, decided.clock.dt, quantity, run.written)

    given = medium, groups, receivers
    return simulate_plainly(go, given) if transforming() else go(*given)


def _stored(problem: elastic.Problem, storage: torch.dtype, device: torch.device) -> elastic.Problem:
    """The same with a wavefield of fewer bits."""
    _checks.one_of("storage", storage, (None, torch.float16))
    if device.type == "cpu":
        raise ValueError("`storage` must be None on the CPU, got torch.float16")
    if problem.dtype != torch.float32:
        raise ValueError(f"`storage` must be None for a medium of {problem.dtype}, got torch.float16")
    return replace(problem, stored=storage)


def _device(backend: str, medium: Medium) -> torch.device:
    """Where to run."""
    _checks.one_of("backend", backend, ("auto", "cpu", "cuda"))
    there = medium.device
    if backend == "cpu" and there.type != "cpu":
        raise ValueError(f"`medium` must be on the CPU for `backend` 'cpu', got {there}")
    if there.type == "cpu" and backend != "cuda":
        return there
    if reason := gpu.why_not():
        raise RuntimeError(f"`backend` 'cuda' cannot be used: {reason}")
    return there if there.type == "cuda" else torch.device("cuda", torch.cuda.current_device())


def _what_fits(
    medium: Medium,
    groups: list[list[Source]],
    receivers: Receivers,
    strategy: elastic.Strategy,
    device: torch.device,
    options: dict[str, Any],
) -> str:
    """What to tell where a GPU has too little memory."""
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)

    def needs(strategy: elastic.Strategy) -> int:
        return estimate_memory(medium, groups, receivers, adjoint=strategy, **options).memory

    said = f"the GPU has {free / 1e9:.3g} GB, records and gradient take about {needs(strategy) / 1e9:.3g}"
    for other in elastic.BoundarySaved(), elastic.Checkpointed():
        if (least := needs(other)) < min(free, needs(strategy)):
            return f"{said}; `adjoint=sk.{type(other).__name__}()` takes about {least / 1e9:.3g}"
    return f"{said}; fewer shots at a time or a coarser grid would take less"


class Run:
    """One simulation: arrays and maps of the kernels.

    `profiles`, of the absorbing layers, may be replaced before it advances.
    """

    def __init__(
        self,
        medium: Medium,
        decided: Plan,
        shots: list[list[Source]],
        receivers: Receivers,
        quantity: str,
        multiaxial: float,
        device: torch.device = CPU,
    ) -> None:
        self.medium, self.plan, self.clock, self.device = medium, decided, decided.clock, device
        problem = decided.problem
        packed = (
            elastic.stagger(problem, *medium.values, moduli=medium.moduli)
            if medium.effective is None
            else problem.pack(pad_effective(medium, problem.absorbing, problem.free_surface))
        )
        self.packed = packed.to(device)
        samples, which = self._samples(shots)
        bands = self._bands(samples, which)
        self._warn(max(band.highest for band in bands))
        self.profiles = self._profiles([band.octave for band in bands], multiaxial)
        self.none = elastic.Points.none(problem, len(shots), self.clock.steps)
        self.sources = self._sources(shots, samples, which)
        self.quantity = QUANTITIES[quantity]
        self.components = tuple(self.quantity.parts(medium.ndim))
        self.receivers = self._receivers(receivers, len(shots))
        self.state = elastic.State.at_start(problem, len(shots), device)
        self.written: Wavefields | None = None

    def _samples(self, shots: list[list[Source]]) -> tuple[Tensor, list[list[int]]]:
        """Distinct time functions, (n, nt), and the numbers of those of each shot."""
        given = [[source.series for source in sources] for sources in shots]
        distinct: dict[int, Tensor] = {}  # by identity: shots often share one
        for number, (source, series) in enumerate(zip(chain(*shots), chain(*given), strict=True)):
            if id(series) not in distinct:
                distinct[id(series)] = self._series(number, source, series)
        row = {key: n for n, key in enumerate(distinct)}
        which = [[row[id(series)] for series in own] for own in given]
        none = [torch.zeros(self.clock.nt, dtype=torch.float64)]
        return torch.stack(list(distinct.values()) or none), which

    def _series(self, number: int, source: Source, given: Any) -> Tensor:
        name = "signature" if isinstance(source, Force) else "rate"
        series = _checks.as_tensor(name, given, torch.float64)
        _checks.finite(name, series)
        if series.shape != (self.clock.nt,):
            raise ValueError(
                f"`{name}` of source {number} must have shape ({self.clock.nt},), got {tuple(series.shape)}"
            )
        return series

    def _bands(self, samples: Tensor, which: list[list[int]]) -> list[Band]:
        """Of each shot."""
        keys, samples = [tuple(numbers) for numbers in which], samples.detach()
        found = {numbers: band_of(samples[list(numbers)], self.clock.dt) for numbers in set(keys)}
        return [found[numbers] for numbers in keys]

    def _profiles(self, frequencies: list[float], multiaxial: float) -> Tensor:
        """Of the absorbing layers: one for all shots, or one for each.

        Made for the fastest wave to an eighth of an octave, so that records are smooth in the medium.
        """
        speed = 2.0 ** (round(8 * math.log2(self.plan.speed)) / 8)
        made = {
            frequency: self.plan.problem.profiles(speed, frequency, REFLECTION, multiaxial)
            for frequency in set(frequencies)
        }
        if len(made) == 1:
            return made[frequencies[0]]
        return torch.stack([made[frequency] for frequency in frequencies])

    def _warn(self, highest: float) -> None:
        if highest > 1.02 * self.plan.frequency:
            fine = max(self.medium.spacing) * self.plan.frequency / highest
            warnings.warn(
                f"the source reaches {highest:.3g} Hz but a grid of {max(self.medium.spacing):g} m "
                f"resolves {self.plan.frequency:.3g} Hz ({self.plan.points:g} nodes per shortest wavelength "
                f"at order {self.plan.problem.order}); a spacing of {fine:.3g} m would do",
                stacklevel=6,
            )

    def _place(self, name: str, place: Tensor) -> Tensor:
        """Coordinates, (ndim, n), all in the model."""
        found = place.detach()
        ends = zip(found.amin(1).tolist(), found.amax(1).tolist(), strict=True) if found.numel() else ()
        for number, values in enumerate(ends):
            low = self.medium.origin[number]
            high = low + (self.medium.shape[number] - 1) * self.medium.spacing[number]
            slack = 1e-9 * max(abs(low), abs(high), 1.0)
            for got in values:
                if not low - slack <= got <= high + slack:
                    raise ValueError(
                        f"`{name}.{self.medium.axes[number]}` must lie in the model, {low:g} to {high:g} m, "
                        f"got {got:g}"
                    )
        return place

    def _sources(
        self, shots: list[list[Source]], samples: Tensor, which: list[list[int]]
    ) -> tuple[elastic.Points, elastic.Points]:
        problem = self.plan.problem
        flat = [source for sources in shots for source in sources]
        number = [(shot, n) for shot, sources in enumerate(shots) for n in range(len(sources))]
        place = self._place("source", self._coordinates(flat))
        components = [source.components(problem.ndim) for source in flat]
        points = []
        for stress in (False, True):
            acting, amounts, rows = [], [], []
            series = [0] * len(shots)  # each has one of its own within its shot
            for n, (shot, of_shot) in enumerate(number):
                for name in problem.fields:
                    amount = components[n].get(name, 0.0)
                    if (name[0] == "s") == stress and (isinstance(amount, Tensor) or amount):
                        acting.append((n, FIELD_NUMBER[name], shot, series[shot]))
                        amounts.append(amount)
                        rows.append(which[shot][of_shot])
                        series[shot] += 1
            if not acting:
                points.append(self.none)
                continue
            found = of_sources(problem, self.medium.origin, place, tuple(acting), stress)
            factors = None if found.factor is None else self._factors(found, stress)
            # Forces act at whole steps, moment rates midway.
            values = self.clock.source_series(samples, stress)
            data = values.new_zeros(len(shots), max(series), values.shape[-1])
            _, _, shot_of, series_of = torch.tensor(acting).unbind(1)
            data[shot_of, series_of] = _checks.together(amounts)[:, None] * values[rows]
            data = data.to(problem.dtype).transpose(1, 2).contiguous()
            points.append(found.points(problem, self.medium, data, factors))
        return points[0], points[1]

    def _coordinates(self, sources: list[Source]) -> Tensor:
        """Of each source, (ndim, n)."""
        ndim = self.medium.ndim
        place = []
        for axis in ("z", "y", "x"):
            values = [getattr(source, axis) for source in sources]
            if axis not in self.medium.axes:
                if any(value is not None for value in values):
                    raise ValueError(f"`source.{axis}` must not be given in {ndim}-D")
                continue
            if any(value is None for value in values):
                raise ValueError(f"`source.{axis}` must be given in {ndim}-D")
            place.append(_checks.together([_checks.scalar(axis, v) for v in values]))
        return torch.stack(place)

    def _factors(self, found: Entries, stress: bool) -> Tensor:
        """Of the medium at the nodes, for what acts on stresses at the surface or on velocities."""
        problem = self.plan.problem
        if not stress:
            return self._buoyancies(found.along["z"].index.clamp(0, problem.shape[0] - 1))
        layers, n_media = problem.absorbing[1:], len(self.packed)
        shares = [replicate(share, layers) for share in surface_shares(self.medium).values()]
        rows = torch.stack([share.expand(n_media, *problem.shape[1:]) for share in shares], 1)
        # The same on all planes: only the first is looked at.
        return rows.to(problem.dtype).unsqueeze(2).expand(n_media, len(shares), *problem.shape)

    def _buoyancies(self, used: Tensor) -> Tensor:
        """At the velocities, (n_media, ndim, nz, [ny,] nx); filled from the first used plane to the last."""
        problem, ndim = self.plan.problem, self.medium.ndim
        if "rho" not in problem.coefficients:
            return problem.view(self.packed)[:, :ndim].cpu()
        rho = problem.view(self.packed[:, problem.coefficients.index("rho")], beyond=1)
        planes = slice(int(used.min()), int(used.max()) + 1)
        rho = rho[:, planes.start : planes.stop + 1].cpu()
        result = rho.new_empty(len(rho), ndim, *problem.shape)  # what is not filled takes no memory
        here = rho[:, :-1, :-1, :-1]
        next_ones = rho[:, :-1, :-1, 1:], rho[:, :-1, 1:, :-1], rho[:, 1:, :-1, :-1]  # along x, y, z
        for number, other in enumerate(next_ones):
            result[:, number, planes] = 2 / (here + other)
        return result

    def _receivers(self, receivers: Receivers, n_shots: int) -> tuple[elastic.Points, elastic.Points]:
        problem, medium = self.plan.problem, self.medium
        place = self._place("receivers", receivers.coordinates(medium.axes))
        self.n_receivers = place.shape[1]
        shots = n_shots if medium.batched else 1  # media differ, or entries are of every shot
        found = of_receivers(problem, medium.origin, place, shots, self.quantity)
        width = len(self.components) * self.n_receivers
        data = zeros((n_shots, self.clock.steps, width), problem.dtype, self.device)
        points = found.points(problem, medium, data)
        return (points, self.none) if self.quantity.half else (self.none, points)

    def records(
        self,
        snapshots: Snapshots | None,
        progress: Callable[[int, int], None] | None,
        adjoint: elastic.Strategy,
    ) -> Tensor:
        """Run all steps; returns records, (shot, component, receiver, nt), snapshots are in `written`."""
        n_shots, clock = len(self.state.fields), self.clock
        writer = None
        if snapshots is not None:
            writer = SnapshotWriter(snapshots, self.medium, self.plan, n_shots)

        def look(done: int) -> None:
            if writer is not None:
                writer.take(done - 1, self.plan.problem.view(self.state.fields))
            if writer is None or not writer.wants(done):
                self._check(done, stresses=writer is not None)
            if progress is not None:
                progress(done, clock.steps)

        run = elastic.Propagation(
            self.plan.problem,
            self.state,
            self.profiles,
            self.sources,
            self.receivers,
            tuple(self._stops(writer)),
            look,
            adjoint,
        )
        half = self.quantity.half
        data = run.records(self.packed)[0 if half else 1]
        self.written = None if writer is None else writer.result()
        series = data.transpose(1, 2)
        shape = (n_shots, len(self.components), self.n_receivers, clock.nt)
        record = clock.record(series, half, self.quantity.kind).to(data.dtype)
        return record.reshape(shape).to(self.medium.device)

    def _stops(self, writer: SnapshotWriter | None) -> Iterator[int]:
        """Steps at which the wavefield is looked at."""
        updates = self.plan.cells * len(self.state.fields)
        chunk = max(32, int(CHUNK_CELLS[self.device.type] / updates))
        stops = set(range(chunk, self.clock.steps, chunk)) | {self.clock.steps}
        if writer is not None:
            stops |= {n + 1 for n in writer.needed if n < self.clock.steps}
        return iter(sorted(stops))

    def _check(self, done: int, stresses: bool) -> None:
        # Velocities, for the next ones show what is wrong with stresses, and the newest sample. Snapshots may
        # hold stresses that no velocity has felt yet.
        number = len(self.plan.problem.fields) if stresses else self.medium.ndim
        looked = self.state.fields[:, :number], *(r.data[:, done - 1] for r in self.receivers)
        if all(math.isfinite(float(values.sum())) for values in looked):
            return
        for number, name in enumerate(self.plan.problem.fields):
            if not bool(torch.isfinite(self.state.fields[:, number]).all()):
                at = done * self.clock.step
                raise FloatingPointError(
                    f"the wavefield is not finite: `{name}` at or before step {done} of {self.clock.steps} "
                    f"(t = {at:.4g} s); likely causes: a source beyond the range of the dtype, or waves that "
                    "grow in the absorbing layers (try a larger `multiaxial` or float64)"
                )
