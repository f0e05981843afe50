"""Each example runs at toy size and prints something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import seiskern

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))
ALIKE = ("fwi_biased", "fwi_noise", "fwi_tikhonov")  # they differ from others in a number


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=pytest.mark.slow) if p.stem in ALIKE else p for p in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example_runs(path, tmp_path):
    if not hasattr(seiskern, "simulate"):
        pytest.skip("the solver is not there yet")
    done = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        env=os.environ | {"SEISKERN_TOY": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
