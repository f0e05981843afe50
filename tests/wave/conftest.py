import pytest
import torch

import seiskern as sk


@pytest.fixture
def medium():
    """Homogeneous rock, 40 x 44 nodes, double precision."""
    return sk.Medium(torch.full((40, 44), 1730.0, dtype=torch.float64), 1000.0, 2000.0, 10.0)


@pytest.fixture
def force():
    """Force at (200, 150) with a wavelet that the grid resolves; 100 samples of 4 ms."""

    def make(x=200.0, z=150.0, direction=(1e6, 5e5), nt=100, dt=0.004):
        return sk.Force(x=x, z=z, force=direction, signature=sk.ricker(6.0, dt, nt))

    return make
