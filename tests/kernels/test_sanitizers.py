"""The C interface under the sanitizers of the compiler: no stray access, no leak, nothing undefined."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INLINE = "-DSK_INLINE=inline -DSK_INLINE_LAMBDA="
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all"


def call(*command, timeout=1200):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_nothing_is_out_of_bounds_or_undefined(tmp_path):
    """The example, then `exercise.c`: all orders and types, threads, shots, one node to several vectors.

    Compiled for the baseline only and inlined as the compiler likes: else sanitizers take it too long.
    """
    if not (shutil.which("make") and shutil.which("cc") and shutil.which("g++")):
        pytest.skip("needs make and a C and a C++ compiler")
    strict = f"-std=c99 -O1 -g -Wall -Wextra -pedantic -Werror {SANITIZE}"
    call(
        *("make", "-C", ROOT / "examples/embed_c", f"-j{os.cpu_count()}", f"BUILD={tmp_path}", "X86="),
        *(f"CFLAGS={strict}", f"LDFLAGS={SANITIZE}"),
        f"CXXFLAGS=-std=c++17 -O1 -g -Wno-maybe-uninitialized {INLINE} {SANITIZE}",
    )
    assert "peak velocity" in call(tmp_path / "embed")
    objects = [path for path in tmp_path.rglob("*.o") if path.name != "main.o"]
    source, made, program = Path(__file__).parent / "exercise.c", tmp_path / "main.o", tmp_path / "exercise"
    call("cc", *strict.split(), f"-I{ROOT / 'csrc'}", "-c", source, "-o", made)
    call("g++", "-fopenmp", *SANITIZE.split(), made, *objects, "-lm", "-o", program)
    assert call(program) == "baseline, 192 cases\n"
