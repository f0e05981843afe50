"""A double couple under two layers: simulate, draw the record section.

python examples/earthquake.py        # writes earthquake.png; SEISKERN_TOY=1 makes it coarse and quick
"""

import os

import numpy as np

import seiskern as sk
from seiskern import plotting

spacing = 400.0 if os.environ.get("SEISKERN_TOY") == "1" else 100.0  # m
n = round(8000.0 / spacing) + 1
dt, nt = 0.02, 250  # s

medium = sk.layered_medium(
    (n, n, n), spacing, tops=[0.0, 2000.0], vp=[3400.0, 5400.0], vs=[2000.0, 3200.0], rho=[2300.0, 2600.0]
)
source = sk.MomentTensor(
    x=4000.0,
    y=4000.0,
    z=5000.0,
    moment=sk.double_couple(strike=48.0, dip=45.0, rake=88.0, m0=1e16),
    rate=sk.gaussian(0.15, dt, nt, 0.65),
)
distance = np.linspace(0.0, 3500.0, 15)
receivers = sk.Receivers(x=4000.0 + 0.8 * distance, y=4000.0 + 0.6 * distance, z=0.0 * distance)

seis = sk.simulate(medium, source, receivers, dt=dt, nt=nt, free_surface=True)

figure = plotting.record_section(seis.data[0], distance, dt, components=seis.components)
figure.savefig("earthquake.png")
print(f"peak velocity {float(seis.data.abs().max()):.3g} m/s, figure in earthquake.png")
