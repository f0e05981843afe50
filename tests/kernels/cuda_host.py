"""CUDA kernels compiled for the host by g++ and the shim of cuda_host.h."""

import ctypes
import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import torch

from seiskern.kernels import gpu

HERE = Path(__file__).resolve().parent
# Hidden: what is inline in one library is not that of another, of other macros.
FLAGS = (
    "-std=c++17",
    "-O2",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-maybe-uninitialized",
    "-shared",
    "-fPIC",
)
SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")


def build(folder, source, defines, sanitize=False):
    """The library of a specialisation."""
    macros = [f"-D{name}={value}" for name, value in {"SK_CUDA": 1, **defines}.items()]
    name = "_".join(str(value) for _, value in sorted(defines.items()))
    made = Path(folder) / f"{Path(source).stem}_{name}_{sanitize}.so"
    if not made.is_file():
        done = subprocess.run(
            [
                *("g++", *FLAGS, *(SANITIZE if sanitize else ()), *macros),
                *(f"-I{gpu.folder()}", f"-I{HERE}", str(HERE / source), "-o", str(made)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return made


class HostKernels:
    """As `seiskern.kernels.gpu.Loaded`, on tensors of the host."""

    def __init__(self, folder, source, defines):
        sanitize = "SEISKERN_SANITIZE" in os.environ
        self._library = ctypes.CDLL(str(build(folder, source, defines, sanitize)))

    def launch(self, name, blocks, threads, *arguments, shared=0):
        arrays = [np.atleast_1d(np.asarray(value)) for value in arguments]
        addresses = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        getattr(self._library, f"host_{name}")(
            blocks, (ctypes.c_uint * 3)(*threads), ctypes.c_size_t(shared), addresses
        )

    def record(self, body):
        return Plainly(body)


class Plainly:
    """As `seiskern.kernels.gpu.Recorded`."""

    def __init__(self, body):
        self._body = body

    def __call__(self):
        self._body()

    def finish(self):
        pass


class LateLink:
    """As `seiskern.kernels.gpu.Link`, on the host: copies are made no sooner than somebody waits for them."""

    def __init__(self, device):
        self._lock, self._waiting = threading.RLock(), []

    def array(self, size, dtype):
        return torch.full((size,), float("nan"), dtype=dtype, device="cpu")

    def copy(self, source, target):
        with self._lock:
            ticket = source, target
            self._waiting.append(ticket)
            return ticket

    def wait(self, ticket):
        with self._lock:
            if any(other is ticket for other in self._waiting):
                while True:
                    source, target = made = self._waiting.pop(0)
                    target.copy_(source)
                    if made is ticket:
                        break

    finish = wait
