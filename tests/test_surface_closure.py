"""The tool accepts the committed closures, refuses spoiled ones, and writes what it reads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "csrc/elastic/surface.h"
REWRITE = "from tools.surface_closure import header; import sys, pathlib; "
REWRITE += "header.write(pathlib.Path(sys.argv[1]), header.read())"


def python(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_committed_header_holds():
    done = python("-m", "tools.surface_closure", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ok") == 4 * 7
    assert "WRONG" not in done.stdout


@pytest.mark.parametrize("table", ["node_norm", "plus", "minus"])
def test_a_wrong_digit_is_refused(table, tmp_path):
    text = HEADER.read_text(encoding="utf-8")
    at = re.search(rf"double {table}\[.*?\{{+\s*\{{?(-?\d+\.\d{{8}})(\d)", text, re.DOTALL)
    spoiled = text[: at.start(2)] + str((int(at.group(2)) + 1) % 10) + text[at.end(2) :]
    (tmp_path / "surface.h").write_text(spoiled, encoding="utf-8")
    done = python("-m", "tools.surface_closure", "--check", "--header", tmp_path / "surface.h")
    assert done.returncode == 1, done.stdout
    assert "WRONG" in done.stdout


def test_writes_what_it_reads(tmp_path):
    done = python("-c", REWRITE, tmp_path / "surface.h")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "surface.h").read_text(encoding="utf-8") == HEADER.read_text(encoding="utf-8")
