"""Compile the kernels of GPUs ahead of their first use; no GPU is needed."""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import torch

from seiskern.cli.terminal import print_json, progress_bar
from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda, cuda_history


def specialisations() -> Iterator[tuple[str, dict[str, Any]]]:
    """All that may be asked for, by source."""
    for source in (cuda.SOURCE, cuda.FUSED, cuda.SHOTS, cuda.ADJOINT):
        yield from ((source, defines) for defines in cuda.specialisations(source))
    for dtype, bits in product((torch.float32, torch.float64), (8, 16)):
        yield cuda_history.SOURCE, cuda_history.defines(dtype, bits)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--arch",
        type=int,
        action="append",
        metavar="NN",
        help="compute capability, times ten: 90 for an H100 or H200; may be repeated (that of the GPU here)",
    )


def run(options: argparse.Namespace) -> int:
    """Fill the cache."""
    archs = options.arch or [gpu.architecture(torch.device("cuda")) if torch.cuda.is_available() else 0]
    if not archs[0]:
        raise ValueError("`--arch` must be given where there is no GPU: --arch 90, say")
    if bad := [arch for arch in archs if arch < gpu.OLDEST]:
        raise ValueError(f"`--arch` must be >= {gpu.OLDEST}, got {bad[0]}")
    wanted = [(source, defines, arch) for source, defines in specialisations() for arch in archs]
    report = progress_bar("compiling")

    def make(job: tuple[str, dict[str, Any], int]) -> str:
        return str(gpu.cubin(*job))

    made: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path in pool.map(make, wanted):
            made.append(path)
            if report is not None:
                report(len(made), len(wanted))
    if options.json:
        print_json({"folder": str(gpu.cache()), "files": made})
    else:
        print(f"{len(made)} files of kernels in {gpu.cache()}")
    return 0
