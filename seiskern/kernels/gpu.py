"""Kernels of GPUs: compiled for one card and one problem by NVRTC, kept on disk, launched by CuPy.

NVRTC needs neither a GPU nor a driver, so cubins can be made anywhere; CuPy loads them, and launches on the
stream that torch uses.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

OLDEST = 75
"""Compute capability, times ten, that CUDA 13 still compiles for."""

OPTIONS = ("-std=c++17", "-ftz=true", "-prec-div=false", "-DSK_CUDA")
"""Denormals are zero, as on a CPU; divisions are off by two units in the last place at most."""

# NVRTC has no headers of the language.
HEADERS = {
    "cstdint": "#include <stdint.h>\n",
    "stdint.h": "#pragma once\n"
    "typedef signed char int8_t; typedef short int16_t; typedef int int32_t; typedef long int64_t;\n"
    "typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t;\n"
    "typedef unsigned long uint64_t; typedef unsigned long uintptr_t;\n",
}


class Kernels(Protocol):
    """Compiled kernels of one problem."""

    def launch(
        self, name: str, blocks: int, threads: tuple[int, int, int], *arguments: Any, shared: int = 0
    ) -> None:
        """Run one, of numpy values and arrays, which are passed by value.

        Each block has ``shared`` bytes of shared memory, besides what the kernel declares.
        """

    def record(self, body: Callable[[], None]) -> "Recorded":
        """Launches that are made again and again, as they are made the second time."""


class Recorded(Protocol):
    """Launches of kernels; see `Kernels`."""

    def __call__(self) -> None:
        """Make them."""

    def finish(self) -> None:
        """Before they may be forgotten."""


def extra() -> str:
    """Of the package, for the CUDA that torch is built for."""
    version = torch.version.cuda or "13"
    return f"seiskern[cuda{version.split('.')[0]}]"


def _required(module: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RuntimeError(f"{what} is missing ({error}); pip install '{extra()}'") from error


def why_not() -> str:
    """Why GPUs are not used, or nothing."""
    if torch.version.hip is not None:
        return "kernels are for NVIDIA GPUs, and this torch is built for others"
    if torch.version.cuda is None:
        return "this torch is built for the CPU only"
    if not torch.cuda.is_available():
        return "torch finds no GPU that its driver can use"
    try:
        architecture(torch.device("cuda"))
        nvrtc(), _required("cupy", "CuPy, which launches kernels,")
    except RuntimeError as error:
        return str(error)
    return ""


def architecture(device: torch.device) -> int:
    """Compute capability of a GPU, times ten.

    Raises
    ------
    RuntimeError
        If it is too old.
    """
    major, minor = torch.cuda.get_device_capability(device)
    if (arch := 10 * major + minor) < OLDEST:
        name = torch.cuda.get_device_name(device)
        raise RuntimeError(f"{name} is of compute capability {major}.{minor}, kernels need {OLDEST / 10}")
    return arch


def shared_memory(device: torch.device) -> int:
    """Bytes that a block may have."""
    if device.type != "cuda":
        return 0
    return int(getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 0))


def clusters(device: torch.device) -> bool:
    """Whether blocks may share what they have in shared memory."""
    return device.type == "cuda" and architecture(device) >= 90


def nvrtc() -> Any:
    """The compiler.

    Raises
    ------
    RuntimeError
        If it is not installed.
    """
    module = _required("cuda.bindings.nvrtc", "NVRTC, which compiles kernels,")
    try:
        module.nvrtcVersion()
    except RuntimeError as error:
        raise RuntimeError(f"NVRTC, which compiles kernels, is missing; pip install '{extra()}'") from error
    return module


def nvrtc_version() -> str:
    """Of the compiler; empty if there is none."""
    try:
        _, *version = nvrtc().nvrtcVersion()
    except RuntimeError:
        return ""
    return ".".join(map(str, version))


def _checked(module: Any, result: tuple[Any, ...]) -> Any:
    status, *values = result
    if status != module.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(module.nvrtcGetErrorString(status)[1].decode())
    return values[0] if values else None


def folder() -> Path:
    """Where the sources are: in the package, or beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "csrc"
    return inside if inside.is_dir() else here.parent / "csrc"


def command_line(defines: Mapping[str, Any]) -> list[str]:
    """Options of a compiler, but for the architecture."""
    return [*OPTIONS, *(f"-D{name}={value}" for name, value in sorted(defines.items()))]


def compile_cubin(source: str, defines: Mapping[str, Any], arch: int) -> bytes:
    """Compile a file of csrc.

    Parameters
    ----------
    source : str
        Its name.
    defines : mapping
        Of its macros.
    arch : int
        Compute capability, times ten.

    Returns
    -------
    bytes
        The cubin.

    Raises
    ------
    RuntimeError
        If the compiler is missing, or refuses; with what it says.
    """
    return _compile(source, defines, arch)[0]


def resources(source: str, defines: Mapping[str, Any], arch: int) -> dict[str, tuple[int, int]]:
    """Registers of a thread, and bytes that it spills, of each kernel in a file of csrc."""
    return parse_resources(_compile(source, defines, arch, "--ptxas-options=-v")[1])


def parse_resources(log: str) -> dict[str, tuple[int, int]]:
    """From what the assembler says; of several architectures the most."""
    found: dict[str, tuple[int, int]] = {}
    for name, text in re.findall(r"Compiling entry function '(\w+)'(.*?registers)", log, re.DOTALL):
        registers = int(re.findall(r"Used (\d+) registers", text)[0])
        spilled = sum(map(int, re.findall(r"(\d+) bytes spill", text)))
        most = found.get(name, (0, 0))
        found[name] = max(most[0], registers), max(most[1], spilled)
    return found


def _compile(source: str, defines: Mapping[str, Any], arch: int, *more: str) -> tuple[bytes, str]:
    """The cubin, and the log."""
    compiler = nvrtc()

    def call(function: str, *arguments: Any) -> Any:
        return _checked(compiler, getattr(compiler, function)(*arguments))

    def log() -> str:
        text = b" " * call("nvrtcGetProgramLogSize", program)
        call("nvrtcGetProgramLog", program, text)
        return text.decode()

    text = (folder() / source).read_bytes()
    headers = [value.encode() for value in HEADERS.values()], [name.encode() for name in HEADERS]
    program = call("nvrtcCreateProgram", text, source.encode(), len(HEADERS), *headers)
    # Headers declare functions of the host as well, which nobody calls here.
    options = [f"--gpu-architecture=sm_{arch}", "-default-device", f"-I{folder()}", *more]
    options += command_line(defines)
    try:
        call("nvrtcCompileProgram", program, len(options), [option.encode() for option in options])
    except RuntimeError as error:
        raise RuntimeError(f"{source} does not compile for sm_{arch} ({error}):\n{log()}") from error
    cubin = b" " * call("nvrtcGetCUBINSize", program)
    call("nvrtcGetCUBIN", program, cubin)
    return cubin, log()


def cache() -> Path:
    """Folder of compiled kernels: SEISKERN_CACHE, or one of the user's."""
    if asked := os.environ.get("SEISKERN_CACHE"):
        return Path(asked)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seiskern"


@functools.cache
def _digest(source: str) -> bytes:
    """Of a file, and of all headers that it may include."""
    files = [folder() / source, *sorted(folder().rglob("*.h"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).digest()


def cubin(source: str, defines: Mapping[str, Any], arch: int) -> Path:
    """As `compile_cubin`, in a file: that of an earlier time, if nothing has changed.

    Any number of processes may ask at the same time: one compiles, the others wait.
    """
    nvrtc()
    words = " ".join([source, f"sm_{arch}", nvrtc_version(), *command_line(defines)])
    key = hashlib.sha256(_digest(source) + words.encode()).hexdigest()[:32]
    path = cache() / f"{Path(source).stem}-sm_{arch}-{key}.cubin"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix(".lock")):
        if not path.is_file():
            write(path, compile_cubin(source, defines, arch))
    return path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The system lets go of the lock of a process that dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, content: bytes) -> None:
    """A file, all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, delete=False) as file:
        file.write(content)
    try:
        Path(file.name).replace(path)
    except OSError:
        Path(file.name).unlink()
        raise


@functools.lru_cache(maxsize=64)
def _module(device: int, source: str, defines: tuple[tuple[str, Any], ...]) -> Any:
    cupy = _required("cupy", "CuPy, which launches kernels,")
    arch = architecture(torch.device("cuda", device))
    with cupy.cuda.Device(device):
        return cupy.RawModule(path=str(cubin(source, dict(defines), arch)))


class Loaded:
    """Kernels on a GPU; see `Kernels`."""

    def __init__(self, device: torch.device, source: str, defines: Mapping[str, Any]) -> None:
        self._cupy = _required("cupy", "CuPy, which launches kernels,")
        index = torch.cuda.current_device() if device.index is None else device.index
        self._device = torch.device("cuda", index)
        self._module = _module(index, source, tuple(sorted(defines.items())))
        self._stream: Any = None

    @property
    def _current(self) -> Any:
        """The stream of torch, or one that a graph is captured on."""
        handle = torch.cuda.current_stream(self._device).cuda_stream
        return self._stream or self._cupy.cuda.ExternalStream(handle, self._device.index)

    def launch(
        self, name: str, blocks: int, threads: tuple[int, int, int], *arguments: Any, shared: int = 0
    ) -> None:
        """See `Kernels`."""
        with self._cupy.cuda.Device(self._device.index), self._current:
            kernel = self._module.get_function(name)
            if shared > kernel.max_dynamic_shared_size_bytes:
                kernel.max_dynamic_shared_size_bytes = shared
            kernel((blocks,), threads, arguments, shared_mem=shared)

    def record(self, body: Callable[[], None]) -> "_Graph":
        """See `Kernels`; by a graph, which costs no time of Python's."""
        return _Graph(self, body)

    def capture(self, body: Callable[[], None]) -> Any:
        """A graph of launches, which are not made."""
        with self._cupy.cuda.Device(self._device.index):
            self._stream = self._cupy.cuda.Stream(non_blocking=True)
            try:
                self._stream.begin_capture()
                body()
                return self._stream.end_capture()
            finally:
                self._stream = None

    def replay(self, graph: Any) -> None:
        """Launch a graph."""
        with self._cupy.cuda.Device(self._device.index):
            graph.launch(self._current)

    def synchronize(self) -> None:
        """Wait for what has been launched."""
        self._current.synchronize()


class _Graph:
    """See `Recorded`. The first time launches are made one by one: they may load what a capture must not."""

    def __init__(self, kernels: Loaded, body: Callable[[], None]) -> None:
        self._kernels, self._body = kernels, body
        self._graph: Any = None
        self._loaded = self._running = False

    def __call__(self) -> None:
        """See `Recorded`."""
        if not self._loaded:
            self._body()
            self._loaded = True
            return
        if self._graph is None:
            self._graph = self._kernels.capture(self._body)
        self._kernels.replay(self._graph)
        self._running = True

    def finish(self) -> None:
        """See `Recorded`: a graph must outlive what it launched."""
        if self._running:
            self._kernels.synchronize()
        self._running = False


class Link:
    """Copies between a GPU and its host, beside what the current stream of torch does."""

    def __init__(self, device: torch.device) -> None:
        self._cupy = _required("cupy", "CuPy, which launches kernels,")
        self._device, self._stream = device, torch.cuda.Stream(device)

    def array(self, size: int, dtype: torch.dtype) -> Tensor:
        """Of the host, pinned; torch would take up to twice as much."""
        pinned = self._cupy.cuda.alloc_pinned_memory(max(1, size) * dtype.itemsize)
        return torch.frombuffer(pinned, dtype=dtype, count=size)

    def copy(self, source: Tensor, target: Tensor) -> Any:
        """After what the current stream has been given; returns a ticket."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            target.copy_(source, non_blocking=True)
            for tensor in (source, target):
                if tensor.device.type == "cuda":
                    tensor.record_stream(self._stream)
            return self._stream.record_event()

    def wait(self, ticket: Any) -> None:
        """What the current stream is given from now on comes after a copy."""
        if ticket is not None:
            torch.cuda.current_stream(self._device).wait_event(ticket)

    def finish(self, ticket: Any) -> None:
        """Wait for a copy."""
        if ticket is not None:
            ticket.synchronize()


def packed(values: Sequence[int]) -> Any:
    """Eight-byte integers and addresses, as a structure that is passed by value."""
    return np.array(values, dtype=np.int64).view(f"V{8 * len(values)}")
