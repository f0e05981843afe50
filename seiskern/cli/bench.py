"""Time the kernels, and their peers beside them, in one run."""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seiskern.cli.terminal import print_json, table

if TYPE_CHECKING:
    from seiskern.bench.elastic import Row

FOOTNOTE = (
    "ratios: a peer's time over ours, median [least-greatest] of the turns; "
    "triad: share of the measured bandwidth that two plain passes a step would need; "
    "in-cache: share of the kernel's speed where each core has a small grid in caches of its own"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("family", choices=["elastic"], help="which kernels")
    parser.add_argument(
        "--peers", action="store_true", help="beside deepwave and Devito: pip install 'seiskern[bench]'"
    )
    parser.add_argument(
        "--turns",
        type=int,
        default=5,
        metavar="N",
        help="times each is run (5), short problems three times as often",
    )
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it works")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/benchmarks.md")


def run(options: argparse.Namespace) -> int:
    """Time the problems and print a row each."""
    from seiskern.bench import elastic

    if options.turns < 1:
        raise ValueError(f"`--turns` must be >= 1, got {options.turns}")
    toy = options.toy or bool(os.environ.get("SEISKERN_TOY"))
    rows = []
    for row in elastic.run_bench(options.peers, toy=toy, turns=options.turns):
        rows.append(row)
        if not options.json and not options.markdown:
            print(_line(row), flush=True)
    machine = elastic.machine()
    if options.json:
        print_json({"machine": machine, "rows": [dataclasses.asdict(row) for row in rows]})
    elif options.markdown:
        print(markdown(rows, machine))
    else:
        print(f"\n{FOOTNOTE}")
        print(table(list(machine.items())))
    return 0


def markdown(rows: "Sequence[Row]", machine: dict[str, object]) -> str:
    """Table for docs/benchmarks.md, and the machine it holds for."""
    peers = list(rows[0].peers) if rows else []
    header = ["case (fp32)", "seiskern, ms", "Mcell/s", "of triad", "of in-cache", "B/cell"]
    header += [f"{p}, ms" for p in peers]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row in rows:
        shares = [f"{row.bandwidth:.2f}", f"{row.in_cache:.2f}"]
        own = [f"{row.ms:.4g}", f"{row.mcells:.0f}", *shares, f"{row.bytes_per_cell:.0f}"]
        lines.append([row.problem, *own, *(_peer(row, name) for name in peers)])
    facts = ", ".join(f"{key} {value}" for key, value in machine.items())
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{FOOTNOTE}. {facts}."


def _peer(row: "Row", name: str) -> str:
    middle, least, greatest = row.ratios[name]
    return f"{row.peers[name]:.4g}, {middle:.2f}x [{least:.2f}-{greatest:.2f}]"


def _line(row: "Row") -> str:
    speed = f"{row.ms:9.4g} ms {row.mcells:7.0f} Mcell/s"
    shares = f"{row.bandwidth:5.2f} of triad {row.in_cache:5.2f} of in-cache"
    peers = "  ".join(f"{name} {_peer(row, name)}" for name in row.peers)
    return f"{row.problem:<40} {speed} {shares} {row.bytes_per_cell:4.0f} B/cell  {peers}".rstrip()
