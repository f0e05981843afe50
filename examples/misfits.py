"""Misfits of a delayed wavelet with its observation: how many minima each of them has.

python examples/misfits.py        # writes misfits.png; SEISKERN_TOY=1 takes fewer delays
"""

import os

import numpy as np

import seiskern as sk
from seiskern import inversion, plotting

f0, dt, nt, t0 = 5.0, 0.004, 400, 0.8  # Hz, s, samples, s
periods = np.linspace(-2, 2, 41 if os.environ.get("SEISKERN_TOY") == "1" else 241)
observed = sk.ricker(f0, dt, nt, t0)
misfits = {
    "L2": inversion.L2(),
    "normalized correlation": inversion.NormalizedCorrelation(),
    "envelope": inversion.Envelope(),
    "graph-space transport": inversion.GraphSpaceTransport(dt, shift=2 / f0),
    "sliced Wasserstein": inversion.SlicedWasserstein(dt, shift=2 / f0),
}

curves = {}
for name, misfit in misfits.items():
    curve = np.array([float(misfit(sk.ricker(f0, dt, nt, t0 + p / f0), observed)) for p in periods])
    inner = curve[1:-1]
    minima = periods[1:-1][(inner < curve[:-2]) & (inner < curve[2:])]
    places = ", ".join(f"{p:.2f}" for p in minima)
    print(f"{name:22}  {len(minima)} minima, at {places} periods; largest value {curve.max():.3f}")
    curves[name] = curve

plotting.misfit_curves(periods, curves, label="delay (periods)").savefig("misfits.png")
