"""Time the kernels, and their peers beside them, in one run."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from seiskern.cli.terminal import print_json, table


def print_rows(rows: Sequence[Any], *, as_json: bool) -> None:
    """Print benchmark rows, dataclasses of one kind, as a table or as JSON.

    Floats are shown to three digits; None, for what was not measured, as a dash.
    """
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
    elif rows:
        names = [field.name for field in dataclasses.fields(rows[0])]
        header = [name.replace("_", " ") for name in names]
        print(table([[_show(getattr(row, name)) for name in names] for row in rows], header))


def _show(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
