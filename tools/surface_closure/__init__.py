"""Closures of the staggered differences at a free surface: derivation, checks, and csrc/elastic/surface.h."""
