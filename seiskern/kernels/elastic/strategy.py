"""What a run remembers for its adjoint, where, and in which order steps are made again."""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seiskern import _checks
from seiskern.kernels import memory
from seiskern.kernels.elastic.plan import History, Problem

BITS = {None: 0, torch.int16: 16, torch.int8: 8}
"""Of a kept velocity by its type; 0: as it was computed."""


@dataclass(frozen=True)
class Kept:
    """Where and how something is remembered; see `Full`."""

    dtype: torch.dtype | None = field(default=None, kw_only=True)
    where: str = field(default="memory", kw_only=True)
    path: str | Path | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check."""
        _checks.one_of("dtype", self.dtype, tuple(BITS))
        _checks.one_of("where", self.where, ("memory", "host", "disk"))
        if self.path is not None and self.where != "disk":
            raise ValueError(f"`path` must be None unless `where` is 'disk', got {self.path!r}")

    @property
    def bits(self) -> int:
        """Of a kept velocity."""
        return BITS[self.dtype]

    def cuts(self, problem: Problem, steps: int) -> list[int]:
        """Steps at which segments begin and end."""
        del problem
        return [0, steps]

    def slots(self, segments: int) -> int:
        """Wavefields that are kept at a time."""
        return segments - 1

    def history(self, problem: Problem, n_shots: int, first: int, last: int) -> History:
        """Of a segment."""
        return History.empty(problem, n_shots, first, last, self.array, self.bits)

    def sizes(self, problem: Problem, steps: int) -> tuple[list[int], list[int]]:
        """Elements per shot of arrays: of those that are stored at ``where``, then of others."""
        return [problem.history_size(steps, self.bits)], []

    def array(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Of any values.

        Raises
        ------
        MemoryError
            If there is not enough memory: else the system would end the process without a word.
        """
        size = math.prod(shape)
        if self.where != "disk":
            self.check_room(size * dtype.itemsize)
            return memory.empty(shape, dtype)
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        with tempfile.TemporaryFile(dir=self.path) as file:  # the mapping outlives it
            file.truncate(size * dtype.itemsize)
            mapped = np.memmap(file, dtype=f"f{dtype.itemsize}", mode="r+", shape=shape)
        return torch.from_numpy(mapped)

    @staticmethod
    def check_room(wanted: int) -> None:
        """Raise MemoryError if so many bytes are not free."""
        if wanted > (free := memory.available()):
            raise MemoryError(
                f"the gradient needs {wanted / 1e9:.3g} GB at once and {free / 1e9:.3g} GB are free; "
                "`adjoint=Checkpointed()` takes less, `where='disk'` none of it, and `estimate_memory` "
                "tells how much without running"
            )


@dataclass(frozen=True)
class Full(Kept):
    r"""Keep the velocities of every step: 2 numbers per node and step in 2-D, 3 in 3-D.

    The gradient needs nothing else of the wavefield, and no step is made twice.

    Parameters
    ----------
    dtype : {torch.int16, torch.int8}, optional
        Of the numbers; default as they are computed. Of integers, nodes of a row (on a GPU, of an array) have
        a scale in common, 64 by 64, so none overflows, and where waves are weak they are no coarser: a
        velocity is off by

        .. math:: |\delta v| \le \max |v| / (2 \cdot 32767) \quad \mathrm{or} \quad
                  \max |v| / (2 \cdot 127)

        at most, the maximum being that of its 64. In the gradient, a sum over time, such errors of either
        sign mostly cancel: less than 8 / 32767 or 8 / 127 is left of those of the medium (relative L2, in
        the tests; docs/what-is-computed.md has figures). (Half precision has no more bits than
        int16 but spends five on a range that the scales make needless: it would be 16 times coarser.)
    where : {"memory", "host", "disk"}
        In memory of the device that runs; in that of the host, copied beside the steps of a GPU; or on disk
        in a file without a name, which is gone with the process, however that ends.
    path : str or Path, optional
        Folder of that file; default the system's for temporary files, which may be in memory.
    """


@dataclass(frozen=True)
class Checkpointed(Kept):
    r"""Keep the whole wavefield at some steps, and make those between anew.

    The steps are cut into segments. On the way back a segment is made again from the wavefield before it, and
    the velocities of its steps are kept meanwhile. With fewer wavefields than segments, they are placed by a
    binomial schedule [1]_: a segment is made anew at most r + 1 times, where n of them are
    :math:`\le \binom{c + r + 1}{r}`. The gradient is the same to the last bit as with `Full`.

    Parameters
    ----------
    wavefields : int, optional
        How many are kept at a time, c, besides the one at rest; default one for each segment, so that each
        step is made twice.
    segment : int, optional
        Steps of a segment; default such that wavefields and velocities take about the same memory, which then
        grows with the square root of the number of steps.
    dtype : {torch.int16, torch.int8}, optional
        Of the velocities of a segment, as for `Full`.
    where, path
        Of the wavefields, as for `Full`.

    References
    ----------
    .. [1] Griewank & Walther (2000), ACM Trans. Math. Softw. 26(1), 19-45, doi:10.1145/347837.347846.
    """

    wavefields: int | None = None
    segment: int | None = None

    def __post_init__(self) -> None:
        """Check."""
        super().__post_init__()
        if self.wavefields is not None:
            _checks.count("wavefields", self.wavefields, 1)
        if self.segment is not None:
            _checks.count("segment", self.segment, 1)

    def cuts(self, problem: Problem, steps: int) -> list[int]:
        """Steps at which segments begin and end."""
        layout = problem.layout
        wavefield = len(problem.fields) * layout["array_size"] + layout["pml_size"]
        velocities = problem.history_size(1, self.bits) - problem.history_size(0, self.bits)
        length = self.segment or max(1, round(math.sqrt(steps * wavefield / velocities)))
        return [*range(0, steps, length), steps]

    def slots(self, segments: int) -> int:
        """Wavefields that are kept at a time."""
        return segments - 1 if self.wavefields is None else min(self.wavefields, segments - 1)

    def history(self, problem: Problem, n_shots: int, first: int, last: int) -> History:
        """Of a segment; always in memory."""
        return History.empty(problem, n_shots, first, last, bits=self.bits)

    def sizes(self, problem: Problem, steps: int) -> tuple[list[int], list[int]]:
        """Elements per shot of arrays: wavefields, then velocities of two segments, and what runs."""
        cuts = self.cuts(problem, steps)
        lengths = {cuts[1] - cuts[0], cuts[-1] - cuts[-2]}  # pages of one are no use to another
        wavefield = [len(problem.fields) * problem.layout["array_size"], problem.layout["pml_size"]]
        velocities = [problem.history_size(length, self.bits) for length in lengths]
        runs = wavefield if self.where == "disk" else []  # else one of those that were kept
        return self.slots(len(cuts) - 1) * wavefield, velocities + runs


@dataclass(frozen=True)
class BoundarySaved(Kept):
    r"""Keep the velocities of every step in the absorbing layers only, and make the others backwards in time.

    Leapfrog steps without absorption can be undone: on the way back the wavefield itself runs backwards from
    its last step, beside the adjoint, while what layers have taken from it is put back from memory:
    velocities in the layers and on up to ``order / 2`` nodes before them. Of `Full`, that is a share of

    .. math:: 1 - \prod_a (1 - (2 L + \mathrm{order} - 1) / N_a)

    for layers of L on both sides of N nodes, layers included: all where they leave no room. Every step is
    made twice; a second gradient of the same run makes the run again.

    Undone steps differ by rounding from those that were made, and so do gradients from those of `Full`: by
    less than 4 eps for each step, relative L2.

    Parameters
    ----------
    dtype : {torch.int16, torch.int8}, optional
        Of what is kept, as for `Full`. Errors spread into the wavefield, from step to step.
    where, path
        As for `Full`.
    """

    def history(self, problem: Problem, n_shots: int, first: int, last: int) -> History:
        """Of all steps."""
        return History.empty(problem, n_shots, first, last, self.array, self.bits, boundary=True)

    def sizes(self, problem: Problem, steps: int) -> tuple[list[int], list[int]]:
        """Elements per shot of arrays: velocities, then the wavefield."""
        wavefield = len(problem.fields) * problem.layout["array_size"]
        return [problem.history_size(steps, self.bits, boundary=True)], [wavefield]


Strategy = Full | Checkpointed | BoundarySaved


def checked(adjoint: Strategy | None) -> Strategy:
    """What is meant; raises TypeError if it is no strategy."""
    if adjoint is not None and not isinstance(adjoint, Strategy):
        names = "Full, Checkpointed or BoundarySaved"
        raise TypeError(f"`adjoint` must be {names}, got {type(adjoint).__name__}")
    return adjoint or Full()


@dataclass(frozen=True)
class Forward:
    """Make segments [first, last) from the wavefield before them, and remember the one after them."""

    first: int
    last: int


@dataclass(frozen=True)
class Back:
    """Make a segment with its history, from the wavefield before it, which is forgotten, and go back."""

    segment: int


def schedule(first: int, last: int, slots: int) -> Iterator[Forward | Back]:
    """What to do to take segments [first, last) back, in order, with the wavefield before them at hand.

    Besides it, and one for the segment that is taken back, at most ``slots`` wavefields are remembered.
    """
    if last - first == 1:
        yield Back(first)
        return
    middle = first + _split(last - first, slots) if slots > 0 else last - 1
    yield Forward(first, middle)
    yield from schedule(middle, last, max(slots - 1, 0))
    yield from schedule(first, middle, slots)


def _split(segments: int, slots: int) -> int:
    """How many to make before a wavefield is kept: the rest is taken back with one slot less, then these.

    Within r repeats, with the wavefield before them and s slots, C(s + 1 + r, r) segments can be taken back.
    Of the splits that keep to the least r for both parts all cost the same; this is the earliest.
    """
    repeats = 0
    while math.comb(slots + 1 + repeats, repeats) < segments:
        repeats += 1
    shorter = math.comb(slots + repeats - 1, repeats - 2) if repeats > 1 else 1
    return max(segments - math.comb(slots + repeats, repeats), shorter)
