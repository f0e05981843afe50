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
    parser.add_argument(
        "--table", action="store_true", help="errors over spacing and order on a half-space, instead of cases"
    )


def run(options: argparse.Namespace) -> int:
    """Run the cases; 1 if one fails."""
    if options.table:
        if options.cases or options.full:
            raise ValueError("`--table` must stand alone, got cases too")
        return _error_table(options.json)
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


def _error_table(as_json: bool) -> int:
    """Print errors of half-spaces, a line for each source and order."""
    from seiskern.verify.half_space import TABLE_POINTS, error_table

    rows = []
    if not as_json:  # docs/what-is-computed.md holds what this prints
        print("relative L2 of the worst receiver, for numbers of nodes per shortest S wavelength\n")
        print(f"{'':<22} order" + "".join(f"{points:>9}" for points in TABLE_POINTS))
    for name, order, errors in error_table():
        rows.append({"name": name, "order": order, "errors": errors})
        if not as_json:
            print(f"{name:<22} {order:>5}" + "".join(f"{error:>9.2g}" for error in errors), flush=True)
    if as_json:
        print_json({"points": TABLE_POINTS, "rows": rows})
    return 0


def _line(row: Any) -> str:
    verdict = "ok  " if row.passed else "FAIL"
    numbers = f"{row.error:>10.3g}  <= {row.bound:<10.3g}  {row.seconds:6.1f} s"
    return f"{verdict}  {row.name:<46}  {numbers}  {row.note}".rstrip()
