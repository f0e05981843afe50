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
from seiskern.kernels.elastic.plan import Problem


@dataclass(frozen=True)
class Kept:
    """Where it is remembered.

    Parameters
    ----------
    where : {"memory", "disk"}
        On disk in a file without a name, which is gone with the process, however that ends.
    path : str or Path, optional
        Folder of that file; default the system's for temporary files, which may be in memory.
    """

    where: str = field(default="memory", kw_only=True)
    path: str | Path | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check."""
        _checks.one_of("where", self.where, ("memory", "disk"))
        if self.path is not None and self.where != "disk":
            raise ValueError(f"`path` must be None unless `where` is 'disk', got {self.path!r}")

    def array(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Of any values.

        Raises
        ------
        MemoryError
            If there is not enough memory: else the system would end the process without a word.
        """
        size = math.prod(shape)
        if self.where == "memory":
            wanted, free = size * dtype.itemsize, memory.available()
            if wanted > free:
                raise MemoryError(
                    f"the gradient needs {wanted / 1e9:.3g} GB at once and {free / 1e9:.3g} GB are free; "
                    "`adjoint=Checkpointed()` takes less, `where='disk'` none of it"
                )
            return memory.empty(shape, dtype)
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        with tempfile.TemporaryFile(dir=self.path) as file:  # the mapping outlives it
            file.truncate(size * dtype.itemsize)
            mapped = np.memmap(file, dtype=f"f{dtype.itemsize}", mode="r+", shape=shape)
        return torch.from_numpy(mapped)


@dataclass(frozen=True)
class Full(Kept):
    """Keep the velocities of every step: 2 numbers per node and step in 2-D, 3 in 3-D.

    The gradient needs nothing else of the wavefield, and no step is made twice.

    Parameters
    ----------
    where : {"memory", "disk"}
        On disk in a file without a name, which is gone with the process, however that ends.
    path : str or Path, optional
        Folder of that file; default the system's for temporary files, which may be in memory.
    """

    def cuts(self, problem: Problem, steps: int) -> list[int]:
        """Steps at which segments begin and end."""
        del problem
        return [0, steps]

    def slots(self, segments: int) -> int:
        """Wavefields that are kept at a time."""
        return segments - 1


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
    where : {"memory", "disk"}
        Of the wavefields. On disk in files without a name, which are gone with the process, however that
        ends.
    path : str or Path, optional
        Folder of these files; default the system's for temporary files, which may be in memory.

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
        length = self.segment or max(1, round(math.sqrt(steps * wavefield / layout["slice_size"])))
        return [*range(0, steps, length), steps]

    def slots(self, segments: int) -> int:
        """Wavefields that are kept at a time."""
        return segments - 1 if self.wavefields is None else min(self.wavefields, segments - 1)


Strategy = Full | Checkpointed


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
