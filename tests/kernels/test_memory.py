"""Arrays of the kernels: where they lie, and that released ones are used again but never shared."""

import mmap
import threading

import pytest
import torch

from seiskern.kernels import memory
from seiskern.kernels.memory import HUGE_PAGE, LARGE, empty, zeros

needs_huge_pages = pytest.mark.skipif(
    not hasattr(mmap, "MADV_HUGEPAGE"), reason="a system without huge pages"
)


@pytest.fixture(autouse=True)
def _nothing_released(monkeypatch):
    monkeypatch.setattr(memory, "_released", [])


@pytest.mark.parametrize("huge", [True, False], ids=["huge pages", "none in this system"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [0, 1, 1000, LARGE // 4, HUGE_PAGE // 8 - 1, HUGE_PAGE // 4, HUGE_PAGE])
def test_zeros_lie_on_cache_lines_and_may_be_written(size, dtype, huge, monkeypatch):
    if not huge:
        monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    first, second = (zeros((1, size), dtype) for _ in range(2))
    assert first.shape == (1, size)
    assert first.dtype == dtype
    assert first.is_contiguous()
    large = hasattr(mmap, "MADV_HUGEPAGE") and first.nbytes >= HUGE_PAGE
    assert first.data_ptr() % (HUGE_PAGE if large else 64) == 0
    assert not first.any()
    first += 1
    assert first.sum() == size
    assert not second.any()


@needs_huge_pages
def test_a_released_array_is_used_again_and_zero():
    first = zeros((HUGE_PAGE,), torch.float32)
    place = first.data_ptr()
    first += 1
    del first
    assert len(memory._released) == 1
    other_size = zeros((HUGE_PAGE // 2,), torch.float32)
    assert len(memory._released) == 1
    assert not other_size.any()
    again = zeros((HUGE_PAGE // 2,), torch.float64)  # as many bytes
    assert again.data_ptr() == place
    assert not again.any()
    assert not memory._released


@needs_huge_pages
def test_empty_arrays_are_the_released_ones_as_they_were():
    first = zeros((LARGE // 4,), torch.float32)
    place = first.data_ptr()
    first += 1
    del first
    again = empty((LARGE // 4,), torch.float32)
    assert again.data_ptr() == place
    assert again.sum() == len(again)
    small = empty((3, 5), torch.float64)
    assert small.shape == (3, 5)
    assert small.data_ptr() % 64 == 0


@needs_huge_pages
def test_an_array_in_use_is_not_released():
    array = zeros((4, HUGE_PAGE), torch.float32)
    part, shared = array[1, 5:10], array.numpy()
    del array
    assert not memory._released
    part += 1
    other = zeros((4, HUGE_PAGE), torch.float32)
    assert not other.any()
    del part
    assert not memory._released
    assert shared.sum() == 5
    del shared
    assert len(memory._released) == 1


@needs_huge_pages
def test_no_more_is_kept_than_stated(monkeypatch):
    monkeypatch.setattr(memory, "KEPT", 5 * HUGE_PAGE)
    arrays = [zeros((n * HUGE_PAGE // 4,), torch.float32) for n in (1, 2, 3, 9)]
    while arrays:
        del arrays[0]
        assert sum(map(len, memory._released)) <= memory.KEPT
    assert not memory._released  # the last was more than may be kept, and it is the latest that are


@needs_huge_pages
def test_threads_do_not_get_the_same_array():
    def work(number):
        for _ in range(50):
            array = zeros((HUGE_PAGE // 4,), torch.float32)
            if array.any():
                wrong.append("not zero")
            array += number
            if not bool((array == number).all()):
                wrong.append("shared")

    wrong: list[str] = []
    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
