"""Receivers at every node, from a homogeneous start that is 5 % too fast.

python examples/fwi_biased.py     # writes fwi_biased.png; SEISKERN_TOY=1 makes it small and quick
"""

from seiskern import plotting
from seiskern.verify import ring

true = ring.truth()
start = ring.homogeneous(true, bias=0.05)
outcome = ring.recover(true, start, everywhere=True)
plotting.model_comparison(**ring.panels(true, {"inverted": outcome.medium, "start": start})).savefig(
    "fwi_biased.png"
)
print(outcome)
