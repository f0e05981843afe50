"""Media: models of the subsurface, layered and random."""
