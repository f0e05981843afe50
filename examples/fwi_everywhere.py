"""Sources in a ring, receivers at every node: figure 8 of Yang et al. (2023), doi:10.1109/TGRS.2023.3264210.

python examples/fwi_everywhere.py     # writes fwi_everywhere.png; SEISKERN_TOY=1 makes it small and quick
"""

from seiskern import plotting
from seiskern.verify import ring

true = ring.truth()
outcome = ring.recover(true, ring.homogeneous(true), everywhere=True)
plotting.model_comparison(
    **ring.panels(true, {"inverted": outcome.medium, "start": ring.homogeneous(true)})
).savefig("fwi_everywhere.png")
print(outcome)
