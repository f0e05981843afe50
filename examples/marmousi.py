"""A shot in the water above Marmousi: gather and snapshots.

python examples/marmousi.py FOLDER     # of vp.npy, vs.npy, or $SEISKERN_DATA/marmousi; writes marmousi.png
"""

import os
import sys
from pathlib import Path

import matplotlib
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import seiskern as sk
from seiskern.verify._data import data_folder
from seiskern.verify.data import marmousi

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder("marmousi")
if folder is None:
    print("no Marmousi here: give the folder of vp.npy and vs.npy, or set SEISKERN_DATA")
    sys.exit(0)

medium = marmousi(folder)
toy = os.environ.get("SEISKERN_TOY") == "1"
dt, nt = 0.004, 101 if toy else 751  # s
x = torch.arange(1000.0, 10200.0, 40.0)
seis = sk.simulate(
    medium,
    sk.Explosion(x=5600.0, z=240.0, moment=1e9, rate=sk.ricker(5.0, dt, nt)),
    sk.Receivers(x=x, z=40.0),
    dt=dt,
    nt=nt,
    quantity="pressure",
    snapshots=sk.Snapshots(every=nt // 5, quantity="pressure"),
)
gather, frames = seis.data[0, 0], seis.snapshots.data[0, 0, 1:5]

figure, axes = plt.subplots(3, 2, figsize=(10, 8), layout="constrained")
extent = (0, 11.2, 3.44, 0)
axes[0, 0].imshow(medium.vp, extent=extent, aspect="auto", cmap="cividis")
axes[0, 0].set_title("P speed")
clip = float(gather.abs().quantile(0.98))
axes[0, 1].imshow(
    gather.T, extent=(1, 10.2, (nt - 1) * dt, 0), aspect="auto", cmap="gray", vmin=-clip, vmax=clip
)
axes[0, 1].set_title("pressure, s")
for axis, frame, time in zip(axes[1:].flat, frames, seis.snapshots.times[1:5], strict=True):
    level = float(frame.abs().max()) / 10
    axis.imshow(frame, extent=extent, aspect="auto", cmap="PuOr", vmin=-level, vmax=level)
    axis.set_title(f"{float(time):.2f} s")
figure.savefig("marmousi.png", dpi=120)
print(f"peak pressure {float(gather.abs().max()):.3g} Pa, figure in marmousi.png")
