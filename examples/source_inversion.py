"""Moment tensor and place of an earthquake from 20 stations on the surface, by gradients.

python examples/source_inversion.py     # SEISKERN_TOY=1: a small model and few iterations
"""

import os

import torch

import seiskern as sk

toy = os.environ.get("SEISKERN_TOY") == "1"
spacing, n, dt, nt = 250.0, 24 if toy else 41, 0.05, 60 if toy else 120
width, depth = (n - 1) * spacing, 0.6 * (n - 1) * spacing

medium = sk.layered_medium(
    (round(0.7 * n), n, n), spacing, [0.0, 0.3 * depth], [4200.0, 5400.0], [2400.0, 3100.0], [2400.0, 2600.0]
)
generator = torch.Generator().manual_seed(0)
x, y = width * (0.1 + 0.8 * torch.rand(2, 20, generator=generator, dtype=torch.float64))
stations = sk.Receivers(x=x, y=y, z=0.0)
rate = sk.gaussian(0.25, dt, nt, 1.0)
m0 = 1e16


def records(place, moment):
    source = sk.MomentTensor(x=place[0], y=place[1], z=place[2], moment=m0 * moment, rate=rate)
    return sk.simulate(medium, source, stations, dt=dt, nt=nt, absorbing=10).data


true_place = torch.tensor([0.47 * width, 0.58 * width, 0.6 * depth], dtype=torch.float64)
true_moment = sk.double_couple(strike=48.0, dip=45.0, rake=70.0, m0=1.0)
observed = records(true_place, true_moment)

shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)  # of the start, in node distances
entries = torch.full((6,), 0.1, dtype=torch.float64, requires_grad=True)  # xx, yy, zz, xy, xz, yz
start = true_place + torch.tensor([600.0, -450.0, 700.0], dtype=torch.float64)
where = torch.tensor([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
optimizer = torch.optim.LBFGS([shift, entries], max_iter=4 if toy else 60, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    misfit = (records(start + spacing * shift, entries[where]) - observed).square().sum()
    misfit = misfit / observed.square().sum()
    misfit.backward()
    return misfit


before = float(closure().detach())
optimizer.step(closure)
after = float(closure().detach())
off = float((start + spacing * shift.detach() - true_place).norm())
wrong = float((entries.detach()[where] - true_moment).norm() / true_moment.norm())
print(f"misfit {before:.3g} to {after:.3g}, place {off:.2g} m off, moment {100 * wrong:.2g} % off")
