"""Media: models of the subsurface, layered and random, and their averages on coarser grids."""

from seiskern.media.effective import upscale
from seiskern.media.layered import layered_medium
from seiskern.media.model import Medium

__all__ = ["Medium", "layered_medium", "upscale"]
