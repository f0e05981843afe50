"""The order of work of the kernels, apart from them: what a task reads is there, and is there still."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_task_finds_what_it_reads(tmp_path):
    """Blocks, sweeps and ranges shared among threads, with tasks that are late at random."""
    if not shutil.which("g++"):
        pytest.skip("needs g++")
    source, program = Path(__file__).parent / "order_of_work.cpp", tmp_path / "order_of_work"
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-fopenmp", f"-I{ROOT / 'csrc'}"]
    subprocess.run(["g++", *flags, source, "-o", program], check=True, timeout=300)
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "729 cases\n"), done.stdout
