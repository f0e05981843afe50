"""HDF5 files that appear whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """A file to write that takes its place, also that of an older one, when it is complete.

    Raises
    ------
    FileNotFoundError
        If the folder of ``path`` does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`path` must lie in an existing folder, got {path}")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            yield file
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def old_file(path: str | os.PathLike[str], kind: str, version: int) -> Iterator[h5py.File]:
    """A file to read, of a kind that seiskern writes: ``mark`` made it one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no HDF5 file, is damaged, is of another kind or is newer than this version can read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be an existing file, got {path}")
    if not h5py.is_hdf5(path):
        raise ValueError(f"`path` must be an HDF5 file, got {path}, which is none or is cut off at its start")
    try:
        with h5py.File(path, "r") as file:
            _check(file, path, kind, version)
            yield file
    except (OSError, KeyError) as error:
        raise ValueError(f"`path` must be an undamaged {kind} file, got {path}: {error}") from error


def mark(file: h5py.File, kind: str, version: int) -> None:
    """Say what a file is."""
    file.attrs["format"] = f"seiskern-{kind}"
    file.attrs["format_version"] = version


def _check(file: h5py.File, path: Path, kind: str, version: int) -> None:
    if file.attrs.get("format") != f"seiskern-{kind}":
        raise ValueError(f"`path` must be {_a(kind)} written by seiskern, got {path}, another HDF5 file")
    found = int(file.attrs["format_version"])
    if found > version:
        raise ValueError(
            f"`path` must have format version <= {version}, got version {found} in {path}; "
            "a newer seiskern reads it"
        )


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
