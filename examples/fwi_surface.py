"""The same with receivers on the surface only, without and with Tikhonov regularization: figure 9.

python examples/fwi_surface.py     # writes fwi_surface.png; SEISKERN_TOY=1 makes it small and quick
"""

from seiskern import inversion, plotting
from seiskern.verify import ring

true = ring.truth()
start = ring.homogeneous(true)
terms = [inversion.Damping(0.002, start), inversion.Roughness(1e4)]
bare = ring.recover(true, start, everywhere=False)
regular = ring.recover(true, start, everywhere=False, regularization=terms)
models = {"without": bare.medium, "with Tikhonov": regular.medium, "start": start}
plotting.model_comparison(**ring.panels(true, models, everywhere=False)).savefig("fwi_surface.png")
print(f"without: {bare}\nwith Tikhonov of order 0 and 1: {regular}")
