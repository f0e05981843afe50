"""Check the solver against theory and data, case by case."""

import argparse
import dataclasses
from typing import Any

from seiskern.cli.terminal import print_json, table

FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases; all by default")
    parser.add_argument("--full", action="store_true", help="the slow cases too")


def run(options: argparse.Namespace) -> int:
    """Run the cases; 1 if one fails."""
    from seiskern.verify.cases import iter_cases  # the oracles are needed here only

    rows: list[Any] = []
    for row in iter_cases(options.full, tuple(options.cases)):
        rows.append(row)
        if not options.json:
            print(_line(row), flush=True)
    if not rows:
        raise ValueError(f"`CASE` must name a case, got {', '.join(options.cases) or 'none'}")
    failed = [row.name for row in rows if not row.passed]
    if options.json:
        print_json({"passed": not failed, "cases": [dataclasses.asdict(row) for row in rows]})
    else:
        print(
            f"\n{len(rows) - len(failed)} passed, {len(failed)} failed, {sum(r.seconds for r in rows):.0f} s"
        )
        if failed:
            print(table([(name,) for name in failed], ("failed",)))
    return FAILED if failed else 0


def _line(row: Any) -> str:
    verdict = "ok  " if row.passed else "FAIL"
    numbers = f"{row.error:>10.3g}  <= {row.bound:<10.3g}  {row.seconds:6.1f} s"
    return f"{verdict}  {row.name:<46}  {numbers}  {row.note}".rstrip()
