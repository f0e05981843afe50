"""The command line: ``seiskern simulate | verify | bench | precompile | tune | doctor | demo``."""

from seiskern.cli.app import main

__all__ = ["main"]
