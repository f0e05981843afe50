"""Receivers at every node, with 5 % of white noise.

python examples/fwi_noise.py     # writes fwi_noise.png; SEISKERN_TOY=1 makes it small and quick
"""

from seiskern import plotting
from seiskern.verify import ring

true = ring.truth()
start = ring.homogeneous(true)
outcome = ring.recover(true, start, everywhere=True, noise=0.05)
plotting.model_comparison(**ring.panels(true, {"inverted": outcome.medium, "start": start})).savefig(
    "fwi_noise.png"
)
print(outcome)
