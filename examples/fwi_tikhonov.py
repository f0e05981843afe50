"""Receivers at every node, without and with Tikhonov regularization of order 0 and 1.

python examples/fwi_tikhonov.py     # writes fwi_tikhonov.png; SEISKERN_TOY=1 makes it small and quick
"""

from seiskern import inversion, plotting
from seiskern.verify import ring

true = ring.truth()
start = ring.homogeneous(true)
terms = [inversion.Damping(0.002, start), inversion.Roughness(1e4)]
bare = ring.recover(true, start, everywhere=True)
regular = ring.recover(true, start, everywhere=True, regularization=terms)
plotting.model_comparison(
    **ring.panels(true, {"without": bare.medium, "with Tikhonov": regular.medium})
).savefig("fwi_tikhonov.png")
print(f"without: {bare}\nwith Tikhonov of order 0 and 1: {regular}")
