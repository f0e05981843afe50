"""Parse the arguments, run one command, turn errors into one line and an exit code."""

import argparse
import importlib.metadata
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from seiskern.cli import bench, demo, doctor, fwi, precompile, simulate, tune, verify

COMMANDS = (simulate, fwi, verify, bench, precompile, tune, doctor, demo)
FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
# What input may lead to: a line tells it. ArithmeticError: a wavefield that is not finite.
REFUSED = (ValueError, TypeError, ArithmeticError, MemoryError, OSError, ImportError, RuntimeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        0 on success, 1 if a check failed, 2 if the input was wrong, 130 after an interrupt.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return int(options.run(options))
        except KeyboardInterrupt:
            _complain("interrupted")
            return INTERRUPTED
        except REFUSED as error:
            if options.traceback:
                raise
            _complain(f"error: {' '.join(str(error).split()) or type(error).__name__}")
            return WRONG_USE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="seiskern", description="Kernels for seismic waves.")
    version = importlib.metadata.version("seiskern")
    parser.add_argument("--version", action="version", version=f"seiskern {version}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        summary = (command.__doc__ or "").splitlines()[0]
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        subparser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        subparser.add_argument("--traceback", action="store_true", help="show where an error came from")
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _complain(message: str) -> None:
    print(f"seiskern: {message}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _complain(f"warning: {' '.join(str(message).split())}")
