"""Velocities of a run on a GPU, kept for its way back: on the device, in memory of the host, or on disk."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from seiskern import _ext
from seiskern.kernels import gpu
from seiskern.kernels.elastic.plan import Problem
from seiskern.kernels.elastic.strategy import BoundarySaved, Checkpointed, Strategy

SOURCE = "elastic/codes.cu"

STEPS = 16
"""Of a piece, at most."""

WINDOW = 512 << 20
"""Bytes that the velocities of a piece may take."""

SCALED = 64
"""Numbers that share a scale."""

THREADS = 128
"""Of a block of numbers."""


def defines(dtype: torch.dtype, bits: int) -> dict[str, Any]:
    """Macros of `SOURCE`."""
    real = "float" if dtype == torch.float32 else "double"
    return {"SK_REAL": real, "SK_BITS": bits, "SK_LANES": 1, "SK_THREADS": THREADS}


class Codec:
    """Numbers as integers of fewer bits.

    Parameters
    ----------
    device, dtype : torch.device, torch.dtype
        Of the numbers.
    bits : {8, 16}
        Of the integers.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, bits: int) -> None:
        self._kernels = gpu.Loaded(device, SOURCE, defines(dtype, bits))
        self._bits, self._itemsize = bits, dtype.itemsize

    def size(self, n: int) -> int:
        """Numbers that take as many bytes as n codes and their scales."""
        return -(-n // SCALED) - (-(n * self._bits) // (8 * self._itemsize))

    def encode(self, values: Tensor) -> Tensor:
        """Of contiguous numbers."""
        codes = values.new_empty(self.size(values.numel()))
        self._launch("encode", values, codes)
        return codes

    def decode(self, codes: Tensor, values: Tensor) -> None:
        """And back."""
        self._launch("decode", values, codes)

    def _launch(self, name: str, values: Tensor, codes: Tensor) -> None:
        n = values.numel()
        scales = -(-n // SCALED)
        addresses = values.data_ptr(), codes.data_ptr(), codes.data_ptr() + scales * self._itemsize
        given = np.uint64(addresses[0]), np.int64(n), np.uint64(addresses[1]), np.uint64(addresses[2])
        self._kernels.launch(name, -(-n // THREADS), (THREADS, 1, 1), *given)


class Store(Protocol):
    """Arrays by number, the last of which are asked for first."""

    def put(self, number: int, value: Tensor) -> None:
        """Keep one. It must not be changed before `settle`."""

    def bring(self, number: int, into: Tensor) -> None:
        """Begin to fetch one; ``into`` must not be read before `settle`."""

    def settle(self, number: int) -> None:
        """What follows on the device finds it put, or brought."""


class OnHost:
    """In pinned memory of the host, copied while the device goes on."""

    def __init__(self, link: gpu.Link) -> None:
        self._link = link
        self._kept: dict[int, Tensor] = {}
        self._copies: dict[int, Any] = {}

    def put(self, number: int, value: Tensor) -> None:
        """See `Store`."""
        self._kept[number] = self._link.array(value.numel(), value.dtype)
        self._copies[number] = self._link.copy(value, self._kept[number])

    def bring(self, number: int, into: Tensor) -> None:
        """See `Store`."""
        self._copies[number] = self._link.copy(self._kept[number], into)

    def settle(self, number: int) -> None:
        """See `Store`."""
        self._link.wait(self._copies.get(number))


class OnDisk:
    """In a file, by way of two pinned arrays, which numbers take in turn, and a thread.

    Parameters
    ----------
    link : Link
        To the host.
    file : Tensor, shape (numbers, size)
        The file.
    """

    def __init__(self, link: gpu.Link, file: Tensor) -> None:
        self._link, self._file = link, file
        self._between = [link.array(file.shape[1], file.dtype) for _ in range(2)]
        self._thread = ThreadPoolExecutor(1)
        self._tasks: list[Future[Any] | None] = [None, None]  # the last of the thread, and the last copy,
        self._copies: list[Any] = [None, None]  # of each array
        self._read: dict[int, Tensor] = {}  # what is filled when the file has been read

    def put(self, number: int, value: Tensor) -> None:
        """See `Store`."""
        between = self._free(number, value)
        self._copies[number % 2] = copy = self._link.copy(value, between)

        def write() -> None:
            self._link.finish(copy)
            self._file[number, : len(between)].copy_(between)

        self._tasks[number % 2] = self._thread.submit(write)

    def bring(self, number: int, into: Tensor) -> None:
        """See `Store`."""
        between = self._free(number, into)
        read = self._file[number, : len(between)]
        self._tasks[number % 2] = self._thread.submit(between.copy_, read)
        self._read[number] = into

    def settle(self, number: int) -> None:
        """See `Store`."""
        if (into := self._read.pop(number, None)) is not None:
            self._copies[number % 2] = self._link.copy(self._free(number, into), into)
        self._link.wait(self._copies[number % 2])

    def _free(self, number: int, like: Tensor) -> Tensor:
        """The array, when nobody is at it."""
        if (task := self._tasks[number % 2]) is not None:
            task.result()
        self._link.finish(self._copies[number % 2])
        return self._between[number % 2][: like.numel()]


class GpuHistory:
    """Velocities before step ``first`` and after each one up to ``last``, for `AdjointStepper`.

    Steps are made, and taken back, in pieces. Velocities of a piece are in slots: one before each step, and
    one after the last. Slots of a whole run are at hand if they may be; else those of one piece, or of two by
    turns while they are copied to and from the host, and other pieces are stored.

    Parameters
    ----------
    problem : Problem
        Grid and scheme.
    n_shots : int
        Shots.
    first, last : int
        Steps.
    strategy : Strategy
        What is kept, how and where.
    device : torch.device
        Of the run.

    Attributes
    ----------
    data : Tensor, shape (slots, n_shots, ndim * array_size, or ndim * nodes kept at edges)
        Velocities, padded as fields are, or of the edges only.
    boundary : bool
        Whether only those at edges are kept.
    wavefield : Tensor, shape (n_shots, n_fields, array_size), or None
        With ``boundary``, that after ``last``; `AdjointStepper` takes it back.
    """

    def __init__(
        self,
        problem: Problem,
        n_shots: int,
        first: int,
        last: int,
        strategy: Strategy,
        device: torch.device,
    ) -> None:
        self.first, self.last = first, last
        self.boundary = isinstance(strategy, BoundarySaved)
        self.wavefield: Tensor | None = None
        slot = self._slot_size(problem)
        where = "memory" if isinstance(strategy, Checkpointed) else strategy.where
        self._whole = not strategy.bits and where == "memory"
        self._length = max(1, last - first)
        if not self._whole:
            fit = WINDOW // (n_shots * slot * problem.dtype.itemsize)
            self._length = min(max(1, fit), STEPS, self._length)
        self._parts = 1 if where == "memory" else 2
        self._count = -(-(last - first) // self._length)
        # The padding is read, and stays zero.
        slots = self._parts * (self._length + 1)
        self.data = torch.zeros(slots, n_shots, slot, dtype=problem.dtype, device=device)
        self._at_hand: dict[int, int] = {}  # which piece, by part
        self._after: Tensor | None = None  # the slot after the last step
        self._codec = Codec(device, problem.dtype, strategy.bits) if strategy.bits else None
        self._coded: dict[int, Tensor] = {}  # pieces, where they stay on the device; else room for each part
        self._coming: dict[int, Tensor] = {}  # where pieces go that have been asked for
        self._store = None if where == "memory" else self._stored(strategy, device)
        if self._store is not None and self._codec is not None:
            size = self._codec.size(self._length * self.data[0].numel())
            self._coded = {part: self.data.new_empty(size) for part in range(self._parts)}

    @property
    def native(self) -> tuple[int, int, int, int, bool]:
        """As the compiled module takes it."""
        return self.data.data_ptr(), 0, len(self.data) - 1, 0, self.boundary

    def shape(self, problem: Problem, n_shots: int) -> tuple[int, ...]:
        """What that of ``data`` must be."""
        return self._parts * (self._length + 1), n_shots, self._slot_size(problem)

    def _slot_size(self, problem: Problem) -> int:
        """Of one shot."""
        if self.boundary:
            return max(1, problem.ndim * int(_ext.require().elastic_edge_nodes(problem.native)))
        return problem.ndim * problem.layout["array_size"]

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Steps [first, last), cut where pieces end."""
        while first < last:
            end = min(last, self._begin(self._piece(first) + 1))
            yield first, end
            first = end

    def enter(self, step: int) -> int:
        """Make room for a step, which is made next; returns the step of slot 0."""
        piece = self._piece(step)
        if self._at_hand.get(piece % self._parts) != piece:
            if self._store is not None and piece >= self._parts:
                self._store.settle(piece - self._parts)
            if piece > 0:
                self.data[self._slot(piece)] = self.data[self._slot(piece - 1) + self._length]
            self._at_hand[piece % self._parts] = piece
        return self._begin(piece) - self._slot(piece)

    def leave(self, step: int) -> None:
        """Steps before this one have been made."""
        piece = self._piece(step - 1)
        if self._whole or step != self._end(piece):
            return
        if step == self.last:
            self._after = self.data[self._slot(piece) + step - self._begin(piece)].clone()
        payload = self._slots(piece)
        if self._codec is not None:
            payload = self._codec.encode(payload)
        if self._store is None:
            self._coded[piece] = payload
        else:
            self._store.put(piece, payload)

    def back(self, step: int) -> int:
        """Bring the step before this one, which is taken back next; returns the step of slot 0."""
        piece = self._piece(step - 1)
        if self._at_hand.get(piece % self._parts) != piece:
            self._bring(piece)
        if self._store is not None and piece > 0:  # the next one meanwhile
            self._ask(piece - 1, self._store)
        return self._begin(piece) - self._slot(piece)

    def _piece(self, step: int) -> int:
        return (step - self.first) // self._length

    def _begin(self, piece: int) -> int:
        return self.first + piece * self._length

    def _end(self, piece: int) -> int:
        return min(self.last, self._begin(piece + 1))

    def _slot(self, piece: int) -> int:
        """The first of a piece."""
        return piece % self._parts * (self._length + 1)

    def _slots(self, piece: int) -> Tensor:
        """Of a piece but the last, as one row."""
        first = self._slot(piece)
        return self.data[first : first + self._end(piece) - self._begin(piece)].flatten()

    def _ask(self, piece: int, store: Store) -> None:
        """For a piece, from elsewhere, unless it is there or has been asked for."""
        part = piece % self._parts
        if self._at_hand.get(part) == piece or piece in self._coming:
            return
        self._at_hand.pop(part, None)
        into = self._slots(piece)
        if self._codec is not None:
            into = self._coded[part][: self._codec.size(into.numel())]
        self._coming[piece] = into
        store.bring(piece, into)

    def _bring(self, piece: int) -> None:
        """Have a piece at hand."""
        after = self._after if piece == self._count - 1 else self.data[self._slot(piece + 1)]
        assert after is not None  # all steps have been made
        self.data[self._slot(piece) + self._end(piece) - self._begin(piece)] = after
        if self._store is None:
            coded = self._coded[piece]
        else:
            self._ask(piece, self._store)
            coded = self._coming.pop(piece)
            self._store.settle(piece)
        if self._codec is not None:
            self._codec.decode(coded, self._slots(piece))
        self._at_hand[piece % self._parts] = piece

    def _stored(self, strategy: Strategy, device: torch.device) -> Store:
        """Where pieces are that are not at hand."""
        largest = self._length * self.data[0].numel()
        size = self._codec.size(largest) if self._codec is not None else largest
        if strategy.where == "disk":
            return OnDisk(gpu.Link(device), strategy.array((self._count, size), self.data.dtype))
        strategy.check_room(self._count * size * self.data.element_size())
        return OnHost(gpu.Link(device))
