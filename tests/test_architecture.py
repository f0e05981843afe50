"""Imports point down: a layer imports lower layers only, never its own line or above."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "seiskern"
LAYERS = {
    "cli": 7,
    **dict.fromkeys(["bench", "distributed", "plotting", "verify"], 6),
    **dict.fromkeys(["diffusion", "inversion", "pinn"], 5),
    "data": 4,
    "wave": 3,
    **dict.fromkeys(["media", "models", "metrics", "io"], 2),
    "kernels": 1,
    **dict.fromkeys(["grid", "_checks", "_types", "_ext", "_remember"], 0),
}
# The public face gathers names from below `cli`; for what imports it, it stands where `wave` stands.
FACES = {"__init__", "ops", "__main__"}
FACE_LAYER = 3
# What only kernels may import, and `_ext`, which finds out what there is.
NATIVE = {"seiskern._C", "cupy", "triton", "numba"}
NATIVE_ALLOWED = {"kernels", "_ext"}
SOURCES = sorted(ROOT.rglob("*.py"))


def unit(path: Path) -> str:
    """The first name below the package: a subpackage or a top-level module."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path, root: Path = ROOT) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, wherever in the file."""
    package = ["seiskern", *path.relative_to(root).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def upward(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Imports of ``path`` that do not point down."""
    here = path.relative_to(root).parts[0].removesuffix(".py")
    for line, name in imports(path, root):
        parts = name.split(".")
        if parts[0] != "seiskern":
            continue
        there = parts[1] if len(parts) > 1 else "__init__"
        if there == here and here not in FACES:
            continue
        layer = LAYERS.get(there, FACE_LAYER)
        own = {"__init__": LAYERS["cli"], "ops": LAYERS["cli"], "__main__": 8}.get(here) or LAYERS[here]
        if layer >= own:
            yield f"{path.name}:{line} imports {name}"


def native(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Imports of compiled code outside the layer that may."""
    if path.relative_to(root).parts[0].removesuffix(".py") in NATIVE_ALLOWED:
        return
    for line, name in imports(path, root):
        if any(name == taboo or name.startswith(taboo + ".") for taboo in NATIVE):
            yield f"{path.name}:{line} imports {name}"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_module_has_a_layer(path):
    assert unit(path) in LAYERS.keys() | FACES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_down(path):
    assert not list(upward(path))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_kernels_touch_compiled_code(path):
    assert not list(native(path))


ORACLES = [p for p in SOURCES if "oracles" in p.parts]


@pytest.mark.parametrize("path", ORACLES, ids=name_of)
def test_oracles_share_no_code_with_what_they_judge(path):
    theirs = [name for _, name in imports(path) if name.split(".")[0] == "seiskern"]
    assert all(name.startswith("seiskern.verify.oracles") for name in theirs)


@pytest.mark.parametrize("path", [p for p in SOURCES if unit(p) == "io"], ids=name_of)
def test_io_knows_no_class_of_the_package(path):
    theirs = [name for _, name in imports(path) if name.split(".")[0] == "seiskern"]
    assert all(name.startswith("seiskern.io") for name in theirs)


@pytest.mark.parametrize(
    ("file", "text", "caught"),
    [
        ("media/a.py", "from seiskern.wave import simulate", True),
        ("media/a.py", "import seiskern.io.hdf5", True),
        ("media/a.py", "import seiskern as sk", True),
        ("media/a.py", "def f():\n    from seiskern import cli", True),
        ("media/a.py", "from ..wave import simulate", True),
        ("media/a.py", "from .random import von_karman", False),
        ("media/a.py", "from seiskern.kernels.elastic import step", False),
        ("plotting/a.py", "from seiskern.verify import cases", True),
        ("cli/a.py", "import seiskern as sk", False),
        ("bench/a.py", "import seiskern as sk", False),
        ("bench/a.py", "from seiskern.verify import cases", True),
        ("__init__.py", "from seiskern.wave import simulate", False),
        ("__init__.py", "from seiskern.cli import main", True),
        ("__main__.py", "from seiskern.cli import main", False),
    ],
)
def test_the_check_itself(tmp_path, file, text, caught):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert bool(list(upward(path, tmp_path))) is caught


@pytest.mark.parametrize(
    ("file", "text", "caught"),
    [
        ("wave/a.py", "from seiskern._C import step", True),
        ("wave/a.py", "from seiskern import _C", True),
        ("wave/a.py", "import triton.language as tl", True),
        ("kernels/elastic/a.py", "import cupy", False),
        ("_ext.py", "import seiskern._C", False),
    ],
)
def test_the_native_check_itself(tmp_path, file, text, caught):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert bool(list(native(path, tmp_path))) is caught
