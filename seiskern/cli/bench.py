"""Time the kernels, and their peers beside them, in one run."""

import argparse
import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seiskern.cli.terminal import print_json, table

if TYPE_CHECKING:
    from seiskern.bench import adjoint, elastic, gpu

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
    "gpu": (
        "Gcell/s: cell updates of records; of bound: what two plain passes of them move, over the bandwidth "
        "of a copy on this card; of records: time over that of records alone; peers: their time over ours, "
        "median [least-greatest] of the turns"
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("family", choices=["elastic", "adjoint"], nargs="+", help="which kernels")
    parser.add_argument(
        "--device", choices=["cpu", "cuda"], default="cpu", help="where: on the CPU (default) or a GPU"
    )
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
    from seiskern.bench import adjoint, elastic, gpu

    if options.turns < 1:
        raise ValueError(f"`--turns` must be >= 1, got {options.turns}")
    toy = options.toy or bool(os.environ.get("SEISKERN_TOY"))
    if options.device == "cuda":
        made = gpu.run_bench(options.family, options.peers, toy=toy, turns=options.turns)
        return _report(options, made, _on_gpu, "gpu", gpu.machine)
    if len(options.family) > 1:
        raise ValueError(f"`family` must be one on the CPU, got {' '.join(options.family)}")
    name = options.family[0]
    family: Any = {"elastic": elastic, "adjoint": adjoint}[name]
    columns: Any = {"elastic": _elastic, "adjoint": _adjoint}[name]
    made = family.run_bench(options.peers, toy=toy, turns=options.turns)
    return _report(options, made, columns, name, elastic.machine)


def _report(
    options: argparse.Namespace,
    made: Iterable[Any],
    columns: Callable[[Any], dict[str, str]],
    kind: str,
    about: Callable[[], dict[str, object]],
) -> int:
    """Print rows as they are made."""
    rows = []
    for row in made:
        rows.append(row)
        if not options.json and not options.markdown:
            cells = (f"{name} {value}" for name, value in columns(row).items())
            print(f"{row.problem:<40} {'  '.join(cells)}", flush=True)
    machine, footnote = about(), FOOTNOTES[kind]
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


def _on_gpu(row: "gpu.Row") -> dict[str, str]:
    peers = {f"{name}, ms": _peer(row.peers[name], row.ratios[name]) for name in row.peers}
    return {
        "what": row.what,
        "ms": f"{row.ms:.4g}",
        "Gcell/s": f"{row.gcells:.3g}",
        "of bound": f"{row.of_bound:.2f}",
        "of records": _cell(row.of_forward, ".2f"),
        "shots/s": f"{row.shots_per_s:.4g}",
        **peers,
    }


def _cell(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _peer(ms: float, ratio: tuple[float, float, float]) -> str:
    middle, least, greatest = ratio
    return f"{ms:.4g}, {middle:.2f}x [{least:.2f}-{greatest:.2f}]"
