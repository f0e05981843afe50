import pytest
import torch

import seiskern as sk
from seiskern import inversion

DT, NT, SPACING = 0.02, 80, 50.0


@pytest.fixture
def medium():
    """A block in a plane, float64."""
    vs = torch.full((20, 24), 1500.0, dtype=torch.float64)
    vs[6:13, 8:16] = 1800.0
    return sk.Medium(1.8 * vs, vs, torch.full_like(vs, 2200.0), SPACING)


@pytest.fixture
def start(medium):
    vp, vs = (torch.full_like(v, float(v.mean())) for v in (medium.vp, medium.vs))
    return sk.Medium(vp, vs, medium.rho, SPACING)


@pytest.fixture
def survey():
    """Four shots around, receivers on all sides."""
    rate = sk.ricker(1.7, DT, NT, 0.7)
    corners = [(150.0, 150.0), (1000.0, 150.0), (150.0, 800.0), (1000.0, 800.0)]
    shots = [sk.Explosion(x=x, z=z, moment=1e9, rate=rate) for x, z in corners]
    line = torch.linspace(100.0, 1050.0, 12, dtype=torch.float64)
    x, z = torch.cat([line, line]), torch.cat([torch.full_like(line, 100.0), torch.full_like(line, 850.0)])
    options = {"order": 8, "absorbing": 8, "dispersion_correction": False}
    return inversion.Survey(shots, sk.Receivers(x=x, z=z), dt=DT, nt=NT, options=options)


@pytest.fixture
def observed(survey, medium):
    return survey(medium)
