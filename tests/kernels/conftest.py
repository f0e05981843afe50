"""Randomness, NaN in new memory, and the rows of the free surface as the header states them."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from seiskern.kernels.elastic import medium
from seiskern.kernels.elastic.reference import Closure

HEADER = Path(__file__).resolve().parents[2] / "csrc/elastic/surface.h"
RADIUS = r"struct Surface<(\d)> \{(.*?)\n\};"
TABLE = r"double (\w+)((?:\[\d+\])+) = (\{.*?\});"


@dataclass(frozen=True)
class Surface:
    """Tables of one order: plus and minus are (pair, row, tap), pair 0 shear and 1 normal."""

    node_norm: torch.Tensor
    half_norm: torch.Tensor
    plus: torch.Tensor
    minus: torch.Tensor

    @property
    def depth(self):
        """Planes that the closure reads."""
        return max(self.plus.shape[2], self.minus.shape[2])

    @property
    def closure(self):
        """As the reference wants it."""
        pairs = ("shear", "normal")
        return Closure(dict(zip(pairs, self.plus, strict=True)), dict(zip(pairs, self.minus, strict=True)))


def read_surfaces():
    """Tables of csrc/elastic/surface.h by order."""
    surfaces = {}
    for radius, body in re.findall(RADIUS, HEADER.read_text(encoding="utf-8"), flags=re.DOTALL):
        tables = {}
        for name, extents, values in re.findall(TABLE, body, flags=re.DOTALL):
            shape = [int(n) for n in re.findall(r"\d+", extents)]
            numbers = [float(v) for v in re.findall(r"[^\s,{}]+", values)]
            tables[name] = torch.tensor(numbers, dtype=torch.float64).reshape(shape)
        surfaces[2 * int(radius)] = Surface(**tables)
    assert sorted(surfaces) == [2, 4, 6, 8]
    return surfaces


@pytest.fixture(scope="session")
def surfaces():
    return read_surfaces()


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(20240229)


@pytest.fixture(autouse=True, scope="session")
def one_thread_for_torch():
    """Small tensors do not profit from more, and busy machines suffer; kernels are told their threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def poison_uninitialised_memory(monkeypatch):
    """NaN in every ``empty`` tensor: a hole that is left fails its test."""
    monkeypatch.setattr(medium, "empty", lambda shape, dtype: torch.full(shape, math.nan, dtype=dtype))
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
