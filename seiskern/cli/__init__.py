"""The command line: ``seiskern simulate | verify | bench | doctor | demo``."""

from seiskern.cli.app import main

__all__ = ["main"]
