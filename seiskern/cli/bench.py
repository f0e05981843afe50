"""Time the kernels, and their peers beside them, in one run."""

import argparse
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seiskern.cli.terminal import print_json, table

if TYPE_CHECKING:
    from seiskern.bench import adjoint, elastic

FOOTNOTES = {
    "elastic": (
        "ratios: a peer's time over ours, median [least-greatest] of the turns; "
        "triad: share of the measured bandwidth that two plain passes a step would need; "
        "in-cache: share of the kernel's speed where each core has a small grid in caches of its own"
    ),
    "adjoint": (
        "ms: of records and gradient, or of records and their tangent along the medium; "
        "of records: its time over that of records alone; "
        "of Full: its time over that of Full, median [least-greatest] of the turns; "
        "way back: its time over that of records without gradient; "
        "MiB: peak of a process that does it once, above what it held before; "
        "error: of the gradients in a rough medium, relative L2 to those of Full"
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("family", choices=list(FOOTNOTES), help="which kernels")
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
    from seiskern.bench import adjoint, elastic

    if options.turns < 1:
        raise ValueError(f"`--turns` must be >= 1, got {options.turns}")
    family: Any = {"elastic": elastic, "adjoint": adjoint}[options.family]
    columns: Any = {"elastic": _elastic, "adjoint": _adjoint}[options.family]
    toy = options.toy or bool(os.environ.get("SEISKERN_TOY"))
    rows = []
    for row in family.run_bench(options.peers, toy=toy, turns=options.turns):
        rows.append(row)
        if not options.json and not options.markdown:
            cells = (f"{name} {value}" for name, value in columns(row).items())
            print(f"{row.problem:<40} {'  '.join(cells)}", flush=True)
    machine, footnote = elastic.machine(), FOOTNOTES[options.family]
    if options.json:
        print_json({"machine": machine, "rows": [dataclasses.asdict(row) for row in rows]})
    elif options.markdown:
        facts = ", ".join(f"{key} {value}" for key, value in machine.items())
        print(markdown([(row.problem, columns(row)) for row in rows]) + f"\n\n{footnote}. {facts}.")
    else:
        print(f"\n{footnote}")
        print(table(list(machine.items())))
    return 0


def markdown(rows: "Sequence[tuple[str, Mapping[str, str]]]") -> str:
    """Table for docs/benchmarks.md: problems and their columns."""
    names = list(rows[0][1]) if rows else []
    lines = [["case (fp32)", *names], ["---", *["---:"] * len(names)]]
    lines += [[problem, *columns.values()] for problem, columns in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _elastic(row: "elastic.Row") -> dict[str, str]:
    peers = {f"{name}, ms": _peer(row.peers[name], row.ratios[name]) for name in row.peers}
    return {
        "seiskern, ms": f"{row.ms:.4g}",
        "Mcell/s": f"{row.mcells:.0f}",
        "of triad": f"{row.bandwidth:.2f}",
        "of in-cache": f"{row.in_cache:.2f}",
        "B/cell": f"{row.bytes_per_cell:.0f}",
        **peers,
    }


def _adjoint(row: "adjoint.Row") -> dict[str, str]:
    middle, least, greatest = row.ratio
    return {
        "adjoint": row.name,
        "ms": f"{row.ms:.4g}",
        "of records": f"{row.of_forward:.2f}",
        "of Full": f"{middle:.2f}x [{least:.2f}-{greatest:.2f}]",
        "way back": _cell(row.backward, ".2f"),
        "MiB": _cell(row.memory, ".0f"),
        "error": _cell(row.error, ".1e"),
    }


def _cell(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _peer(ms: float, ratio: tuple[float, float, float]) -> str:
    middle, least, greatest = ratio
    return f"{ms:.4g}, {middle:.2f}x [{least:.2f}-{greatest:.2f}]"
