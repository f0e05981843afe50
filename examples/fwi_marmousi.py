"""A streamer above Marmousi: inversion for Vs and Vp from 3 Hz upwards, on the whole model of 11.2 by 3.4 km.

python examples/fwi_marmousi.py     # 15 to 30 minutes on two cores; SEISKERN_TOY=1 makes it small and quick

It writes fwi_marmousi.png and fwi_marmousi_misfit.png. Where Marmousi is not at hand, the folded and faulted
model of the package stands for it.
"""

import os
import warnings
from collections.abc import Iterable

import torch

import seiskern as sk
from seiskern import inversion, plotting
from seiskern.media.folded import folded_faulted
from seiskern.verify._data import data_folder
from seiskern.verify.data import marmousi
from seiskern.verify.ring import relative_error

TOY = os.environ.get("SEISKERN_TOY") == "1"
SPACING = 20.0  # m
DT, NT = 0.004, 151 if TOY else 1126  # s
NEAR, FAR = 100.0, 600.0 if TOY else 6000.0  # m behind the boat
STAGES = ((3.0, 24), (5.0, 20), (8.0, 16))  # Hz, iterations
SMOOTH = 200.0  # m: standard deviation of the filter that makes the start


def truth() -> sk.Medium:
    """Marmousi, or a model of the same size and speeds below 480 m of water."""
    folder = data_folder("marmousi")
    if folder is not None:
        medium = marmousi(folder)
    else:
        field = folded_faulted((149, 561), torch.Generator().manual_seed(0)).float()
        vp = torch.cat([torch.full((24, 561), 1500.0), 1600 + 2900 * field])
        vs = torch.cat([torch.zeros(24, 561), (1600 + 2900 * field) / 1.73])
        medium = sk.Medium(vp, vs, torch.where(vs > 0, 310 * vp**0.25, 1000.0), SPACING)
    if not TOY:
        return medium
    fields = (v[10:60, 200:260].contiguous() for v in (medium.vp, medium.vs, medium.rho))
    return sk.Medium(*fields, SPACING)


def smoothed(medium: sk.Medium) -> sk.Medium:
    """The same, smooth below the sea bed; the water is known."""
    water = medium.vs == 0
    bed = water.sum(0)  # first row of rock
    smooth = inversion.Smooth(SMOOTH, medium.spacing)

    def below(values: torch.Tensor) -> torch.Tensor:
        rock = values.gather(0, bed[None].expand_as(values))
        return torch.where(water, values, smooth(torch.where(water, rock, values)))

    return sk.Medium(below(medium.vp), below(medium.vs), below(medium.rho), medium.spacing)


def acquire(medium: sk.Medium) -> inversion.Survey:
    """A boat that fires every 200 m and tows hydrophones, one in 40 m."""
    length = SPACING * (medium.shape[1] - 1)
    places = torch.arange(NEAR + 300.0, length - 100.0, 200.0)
    hydrophones = torch.arange(100.0, length - 100.0, 40.0)
    rate = sk.ricker(6.0, DT, NT)
    survey = inversion.Survey(
        [sk.Explosion(x=float(x), z=20.0, moment=1e9, rate=rate) for x in places],
        sk.Receivers(x=hydrophones, z=20.0),
        dt=DT,
        nt=NT,
        options={"order": 4, "absorbing": 12, "quantity": "pressure", "adjoint": sk.BoundarySaved()},
    )
    return survey.within(-FAR, -NEAR)


def optimizer(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Of at most 2 % a step, and 0.2 % of Vp/Vs, which pressure in water tells little about."""
    ratio, vs = parameters
    return torch.optim.SGD([{"params": [vs]}, {"params": [ratio], "lr": 0.002}], lr=0.02, momentum=0.7)


# The slowest S waves are coarsely sampled, in data and synthetics alike.
warnings.filterwarnings("ignore", message="the source reaches")
true = truth()
start = smoothed(true)
survey = acquire(true)
with torch.no_grad():
    observed = survey(true)
rock = true.vs > 0
model = inversion.Model(start, parameters=("vp_vs", "vs"), fixed=~rock)
energy = inversion.illumination(survey, start, every=25) * rock
job = inversion.Inversion(
    observed,
    survey,
    model,
    precondition=[
        inversion.Illumination(energy, 0.03),
        inversion.Smooth(3 * SPACING, true.spacing),
        lambda gradient: gradient / gradient.abs().max(),
    ],
    optimizer=optimizer,
    scheduler=torch.optim.lr_scheduler.CosineAnnealingLR,
    stages=[inversion.Stage(iterations=1 if TOY else n, lowpass=corner) for corner, n in STAGES],
    batch=min(8, len(survey)),
)
errors: dict[str, list[float]] = {"Vp": [], "Vs": []}


def observe(medium: sk.Medium) -> str:
    """Note errors in rock, relative L2 norms, and say them."""
    for name, values in errors.items():
        values.append(relative_error(*(getattr(m, name.lower())[rock] for m in (medium, true))))
    return ", ".join(f"{name} {100 * values[-1]:.2f} %" for name, values in errors.items())


print(f"{len(survey)} shots, errors at the start: {observe(start)}", flush=True)
for iteration in job:
    with torch.no_grad():
        found = model()
    print(
        f"{iteration.number}: misfit {iteration.misfit:.4g}, {observe(found)}, {iteration.seconds:.0f} s",
        flush=True,
    )
panels = {
    label: {"Vp (m/s)": medium.vp, "Vs (m/s)": medium.vs}
    for label, medium in {"true": true, "inverted": found, "start": start}.items()
}
plotting.model_comparison(panels, true.spacing).savefig("fwi_marmousi.png")
misfits = [iteration.misfit for iteration in job.history]
plotting.convergence(misfits, {name: v[1:] for name, v in errors.items()}).savefig("fwi_marmousi_misfit.png")
minutes = sum(iteration.seconds for iteration in job.history) / 60
print(f"{len(job.history)} iterations in {minutes:.1f} min, errors {observe(found)}")
