"""The compiled module: loaded once, here, and described for ``seiskern doctor``."""

import importlib
import os
from typing import Any

import torch

_missing = ""
_C: Any = None
try:
    _C = importlib.import_module("seiskern._C")
except ImportError as error:
    _missing = str(error)


def require() -> Any:
    """Compiled module, or an error that says how to get it.

    Raises
    ------
    RuntimeError
        If it is not built for this interpreter.
    """
    if _C is None:
        raise RuntimeError(
            f"the compiled kernels are missing ({_missing}); build them with `pip install -e .`"
        )
    return _C


def threads() -> int:
    """Threads that a kernel may use: those of torch, but not more than the cores this process may run on."""
    return max(1, min(torch.get_num_threads(), cores()))


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def handover() -> float:
    """Nanoseconds that a word takes between threads: about 50 below one cache, 250 between two."""
    return float(require().handover(threads()))


def describe() -> dict[str, Any]:
    """What is compiled and what of it this machine uses.

    Returns
    -------
    dict
        ``compiled``, ``isa`` in use, ``isas`` compiled in, ``threads``, and ``why`` something is missing.
    """
    if _C is None:
        return {"compiled": False, "isa": "none", "isas": [], "threads": threads(), "why": _missing}
    why = ""
    if _C.isa() != "avx512":
        asked = os.environ.get("SEISKERN_ISA")
        why = f"SEISKERN_ISA={asked}" if asked else "this processor has no AVX-512"
    return {
        "compiled": True,
        "isa": _C.isa(),
        "isas": _C.compiled_isas().split(),
        "threads": threads(),
        "why": why,
    }
