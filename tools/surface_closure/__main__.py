"""Derive the closures and write csrc/elastic/surface.h, or check and judge the one that is there."""

import argparse
import sys
import time
from pathlib import Path

from . import header
from .compare import report
from .conditions import Size
from .optimise import derive

SIZES = [Size(2, 1, 3, 3), Size(4, 2, 5, 6), Size(6, 3, 8, 9), Size(8, 3, 8, 9)]


def check(path: Path) -> bool:
    """Print every condition of a header; returns whether all hold."""
    good = True
    for order, closure in header.read(path).items():
        for name, value, bound in header.faults(order, closure):
            verdict = "ok" if value <= bound else "WRONG"
            good &= value <= bound
            print(f"order {order}  {name:36} {value:12.5g}  <= {bound:10.5g}  {verdict}")
    return good


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.surface_closure", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="check the conditions of the header, derive nothing"
    )
    parser.add_argument("--compare", action="store_true", help="print its errors for Rayleigh waves")
    parser.add_argument(
        "--header", type=Path, default=header.PATH, help="read or written; default: %(default)s"
    )
    given = parser.parse_args()
    if not (given.check or given.compare):
        closures = {}
        for size in SIZES:
            start = time.perf_counter()
            closures[size.order] = header.tables(*derive(size))
            print(f"order {size.order}: {time.perf_counter() - start:.0f} s", flush=True)
        header.write(given.header, closures)
    if given.compare:
        print(report(header.read(given.header)))
        return 0
    return 0 if check(given.header) else 1


if __name__ == "__main__":
    sys.exit(main())
