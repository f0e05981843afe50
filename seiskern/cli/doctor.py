"""Tell what is compiled, what this machine offers, and why anything is missing."""

import argparse
import importlib.metadata
import importlib.util
import platform
from pathlib import Path
from typing import Any

import torch

from seiskern import _ext
from seiskern.cli.terminal import print_json, table
from seiskern.kernels import gpu


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Print the findings."""
    findings = examine()
    if options.json:
        print_json(findings)
        return 0
    native, card, matplotlib = findings["extension"], findings["gpu"], findings["matplotlib"]
    compiled = f"yes, uses {native['isa']} of {', '.join(native['isas'])}" if native["compiled"] else "no"
    rows = [
        ("seiskern", findings["version"]),
        ("python", findings["python"]),
        ("torch", findings["torch"]),
        ("extension", _with_reason(compiled, native["why"])),
        ("cpu", f"{findings['cpu']['model']}, {findings['cpu']['cores']} cores"),
        ("threads", f"{native['threads']} in the extension, {findings['cpu']['torch_threads']} in torch"),
        ("gpu", _with_reason(", ".join(card["devices"]) or "none", card["why"])),
        (
            "gpu code",
            f"NVRTC {card['nvrtc'] or 'none'}, CuPy {card['cupy'] or 'none'}; cache {card['cache']}",
        ),
        ("triton", _with_reason(findings["triton"] or "none", "not used by this version")),
        ("figures", _with_reason(f"matplotlib {matplotlib or 'none'}", findings["matplotlib_why"])),
    ]
    print(table(rows))
    return 0


def examine() -> dict[str, Any]:
    """Collect the facts; every ``why`` is empty where nothing is missing."""
    matplotlib = _version("matplotlib")
    return {
        "version": importlib.metadata.version("seiskern"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "extension": _ext.describe(),
        "cpu": {
            "model": cpu_model(),
            "cores": _ext.cores(),
            "torch_threads": torch.get_num_threads(),
        },
        "gpu": _gpu(),
        "triton": _version("triton"),
        "matplotlib": matplotlib,
        "matplotlib_why": "" if matplotlib else "pip install 'seiskern[plot]'",
    }


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor, as the kernel or else the platform tells it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _gpu() -> dict[str, Any]:
    there = torch.cuda.is_available()
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if there else []
    return {
        "devices": names,
        "why": gpu.why_not(),
        "nvrtc": gpu.nvrtc_version(),
        "cupy": _version("cupy-cuda13x") or _version("cupy-cuda12x") or _version("cupy"),
        "cache": str(gpu.cache()),
    }


def _version(package: str) -> str | None:
    """Version of an installed package, None for one that is absent."""
    if importlib.util.find_spec(package) is None:
        return None
    return importlib.metadata.version(package)


def _with_reason(fact: str, why: str) -> str:
    return f"{fact} ({why})" if why else fact
