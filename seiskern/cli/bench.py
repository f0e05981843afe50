"""Time the kernels, and their peers beside them, in one run."""

import argparse
import dataclasses
import os
from typing import TYPE_CHECKING

from seiskern.cli.terminal import print_json, table

if TYPE_CHECKING:
    from seiskern.bench.elastic import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("family", choices=["elastic"], help="which kernels")
    parser.add_argument(
        "--peers", action="store_true", help="beside deepwave and Devito: pip install 'seiskern[bench]'"
    )
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="times each is run (5)")
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it works")


def run(options: argparse.Namespace) -> int:
    """Time the problems and print a row each."""
    from seiskern.bench import elastic

    if options.turns < 1:
        raise ValueError(f"`--turns` must be >= 1, got {options.turns}")
    toy = options.toy or bool(os.environ.get("SEISKERN_TOY"))
    rows = []
    for row in elastic.run_bench(options.peers, toy=toy, turns=options.turns):
        rows.append(row)
        if not options.json:
            print(_line(row), flush=True)
    if options.json:
        print_json({"machine": elastic.machine(), "rows": [dataclasses.asdict(row) for row in rows]})
    else:
        print(
            "\nratios: median [least-greatest] of the turns; bandwidth: of two plain passes per step, against a triad"
        )
        print(table([(key, value) for key, value in elastic.machine().items()]))
    return 0


def _line(row: "Row") -> str:
    peers = (
        f"{name} {ms:.4g} ms, {{0:.2f}}x [{{1:.2f}}-{{2:.2f}}]".format(*row.ratios[name])
        for name, ms in row.peers.items()
    )
    own = f"{row.ms:9.4g} ms {row.mcells:7.0f} Mcell/s {row.bandwidth:5.2f} of triad {row.bytes_per_cell:4.0f} B/cell"
    return f"{row.problem:<40} {own}  {'  '.join(peers)}".rstrip()
