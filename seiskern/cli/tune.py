"""Find the quickest blocks of threads on a GPU, and keep them for its runs."""

import argparse
from itertools import product

import torch

from seiskern.cli.terminal import print_json, table
from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda, cuda_tuning
from seiskern.kernels.elastic.plan import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--all", action="store_true", help="both types and all media, not only single precision, isotropic"
    )


def run(options: argparse.Namespace) -> int:
    """Measure, and print what is quickest."""
    if reason := gpu.why_not():
        raise RuntimeError(f"there is nothing to tune: {reason}")
    device = torch.device("cuda", torch.cuda.current_device())
    problems = [
        Problem((1,) * ndim, (1.0,) * ndim, 1.0, order, dtype, orthorhombic=orthorhombic)
        for dtype, orthorhombic in product((torch.float32, torch.float64), (False, True))
        for ndim, order in product((2, 3), (2, 4, 6, 8))
        if options.all or (dtype == torch.float32 and not orthorhombic)
    ]
    speeds: dict[str, dict[cuda.Blocks, float]] = {}

    def report(kind: str, blocks: cuda.Blocks, speed: float) -> None:
        speeds.setdefault(kind, {})[blocks] = speed

    cuda_tuning.tune(device, problems, report)
    rows = [_row(kind, found) for kind, found in speeds.items()]
    if options.json:
        print_json([dict(zip(("kind", "blocks", "gcells", "gain"), row, strict=True)) for row in rows])
        return 0
    words = [(kind, blocks, f"{speed:.1f} Gcell/s", f"{gain:.2f} x") for kind, blocks, speed, gain in rows]
    print(table([("kind", "quickest", "speed", "of plausible"), *words]))
    return 0


def _row(kind: str, found: dict[cuda.Blocks, float]) -> tuple[str, str, float, float]:
    """Kind, the quickest, its 1e9 cells per second, and that over those of the first."""
    first, best = next(iter(found.values())), max(found, key=lambda blocks: found[blocks])
    return kind, str(best), found[best] / 1e9, found[best] / first if first else float("inf")
