"""What the commands print: tables, JSON, a progress bar."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

BAR_WIDTH = 32
REDRAW = 0.1  # s between redraws of the bar


def table(rows: Sequence[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Rows under a header in columns as wide as their widest entry; numbers stand on the right."""
    if not rows:
        return "  ".join(header)
    text = [[str(cell) for cell in row] for row in rows]
    lines = [list(header), *text] if header else text
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = [all(_is_number(row[column]) for row in text) for column in range(len(widths))]

    def join(line: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if on_right else cell.ljust(width)
            for cell, width, on_right in zip(line, widths, right, strict=True)
        )
        return "  ".join(cells).rstrip()

    rule = ["  ".join("-" * width for width in widths)] if header else []
    return "\n".join([*(join(line) for line in lines[:1] if header), *rule, *(join(line) for line in text)])


def print_json(document: Any) -> None:
    """Print a JSON document; numbers that JSON lacks (NaN, infinities) become null."""
    print(json.dumps(_finite(document), indent=2))


def progress_bar(label: str) -> Callable[[int, int], None] | None:
    """Return a bar for ``simulate(progress=)``, or None where standard error is no terminal."""
    return Progress(label) if sys.stderr.isatty() else None


class Progress:
    """Redraws one line where standard error is a terminal, and ends it when all is done; else says nothing.

    Its ``label`` may change.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.start = time.monotonic()
        self.drawn = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Draw it."""
        now = time.monotonic()
        if not sys.stderr.isatty():
            return
        if now - self.drawn < REDRAW and done < total:
            return
        self.drawn = now
        share = done / total if total else 1.0
        filled = round(share * BAR_WIDTH)
        elapsed = now - self.start
        left = f"{elapsed / share - elapsed:5.0f} s left" if share > 0 else ""
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{self.label} {bar} {100 * share:3.0f} % {left}\x1b[K{end}")
        sys.stderr.flush()


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").removesuffix("%").strip() or "0")
    except ValueError:
        return text in ("-", "")
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value
