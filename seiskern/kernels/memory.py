"""Arrays of the kernels."""

import contextlib
import math
import mmap
import os
import threading
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

HUGE_PAGE = 2 << 20
"""Bytes."""

LARGE = 512 << 10
"""Bytes from which on an array has pages of its own; the allocator would take new ones each time."""

KEPT = max(512 << 20, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)
"""Bytes of released arrays that wait for the next ones, at most: for the histories of inversions as well."""

_released: list[mmap.mmap] = []
_lock = threading.RLock()  # the garbage collector may release an array while one is taken


CPU = torch.device("cpu")


def zeros(shape: Sequence[int], dtype: torch.dtype, device: torch.device = CPU) -> Tensor:
    """Zeros on whole cache lines; large arrays in pages of their own, huge ones where the system has them.

    What the allocator gives comes in new small pages, hundreds to thousands of faults in every run that takes
    them, and steps in 3-D are 1.1 times slower. New huge pages cost 3 % of 100 steps on 1024 x 1024 nodes and
    7 % of 60 on 128 x 128 x 128 (Zen 4, November 2026). So pages of earlier arrays are used again.
    """
    if device.type != "cpu":  # torch's allocator keeps what was freed there
        return torch.zeros(*shape, dtype=dtype, device=device)
    return _array(shape, dtype, clean=True)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Like `zeros`, but of any values, on the CPU."""
    return _array(shape, dtype, clean=False)


def available() -> float:
    """Bytes that may be taken before the system ends processes, those of released arrays among them.

    Infinite where the system does not tell.
    """
    with contextlib.suppress(OSError, StopIteration), open("/proc/meminfo", encoding="ascii") as file:
        free = next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:"))
        with _lock:
            return free + sum(map(len, _released))
    return math.inf


def whole_pages(size: int) -> int:
    """Bytes that an array of so many takes."""
    return -(-size // HUGE_PAGE) * HUGE_PAGE if size >= HUGE_PAGE else size


def _array(shape: Sequence[int], dtype: torch.dtype, clean: bool) -> Tensor:
    size, itemsize = math.prod(shape), dtype.itemsize
    large = size * itemsize >= LARGE and hasattr(mmap, "MADV_HUGEPAGE")
    unit = (HUGE_PAGE if large and size * itemsize >= HUGE_PAGE else 64) // itemsize
    length = -(-size // unit) * unit + unit  # one more, of which the part before the first is left out
    flat = _pages(length, dtype, clean) if large else torch.from_numpy(np.zeros(length, dtype=f"f{itemsize}"))
    skip = -flat.data_ptr() // itemsize % unit
    return flat[skip : skip + size].view(*shape)


def _pages(length: int, dtype: torch.dtype, clean: bool) -> Tensor:
    """Pages of the system's, which go back to `_released` with the last view of them."""
    size = length * dtype.itemsize
    pages = _take(size)
    used = pages is not None
    if pages is None:
        try:
            pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise MemoryError(f"no memory for an array of {size:,} bytes") from error
        if size > HUGE_PAGE:
            with contextlib.suppress(OSError):  # a kernel without huge pages
                pages.madvise(mmap.MADV_HUGEPAGE)
    array = np.frombuffer(pages, dtype=f"f{dtype.itemsize}")
    weakref.finalize(array, _release, pages).atexit = False
    tensor = torch.from_numpy(array)
    return tensor.zero_() if clean and used else tensor


def _take(size: int) -> mmap.mmap | None:
    with _lock:
        for number, pages in enumerate(_released):
            if len(pages) == size:
                return _released.pop(number)
    return None


def _release(pages: mmap.mmap) -> None:
    with _lock:
        _released.append(pages)
        while sum(map(len, _released)) > KEPT:
            del _released[0]
