"""Media: models of the subsurface, layered and random."""

from seiskern.media.layered import layered_medium
from seiskern.media.model import Medium

__all__ = ["Medium", "layered_medium"]
