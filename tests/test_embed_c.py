"""The C example compiles as C99, uses the C interface alone, and gets what the package gets."""

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import seiskern as sk
from seiskern.wave.timing import Clock

EXAMPLE = Path(__file__).resolve().parent.parent / "examples/embed_c"
NODES, SPACING, DT, STEPS = 41, 50.0, 0.005, 240
VP, VS, RHO, MOMENT, F0, ONSET = 4000.0, 2300.0, 2500.0, 1e15, 3.0, 0.5


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The program and what it printed; only the baseline instructions, for the sake of time."""
    if not (shutil.which("make") and shutil.which("cc") and shutil.which("g++")):
        pytest.skip("needs make and a C and a C++ compiler")
    folder = tmp_path_factory.mktemp("embed")
    build = ["make", "-C", EXAMPLE, f"BUILD={folder}", "X86=", "CXXFLAGS=-std=c++17 -O1"]
    flags = "CFLAGS=-std=c99 -O2 -Wall -Wextra -pedantic -Werror"
    made = subprocess.run([*build, flags], capture_output=True, text=True, timeout=300, check=False)
    assert made.returncode == 0, made.stderr
    run = [folder / "embed", folder / "velocity.txt"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def series(folder):
    rows = [[float(v) for v in line.split()] for line in (folder / "velocity.txt").read_text().splitlines()]
    return torch.tensor(rows, dtype=torch.float64).T


def test_first_wave_is_the_exact_one(built):
    printed = built[1]
    (error,) = re.findall(r"error (-?[\d.]+) %", printed)
    assert abs(float(error)) < 0.5  # 26 nodes per wavelength, 66 steps per period
    arrival, exact = re.findall(r"arrival +([\d.]+) s \(exact ([\d.]+) s\)", printed)[0]
    assert float(arrival) == pytest.approx(float(exact), abs=DT)
    (travel,) = re.findall(r"r / vp +([\d.]+) s", printed)
    assert float(travel) == pytest.approx(15.5 * SPACING / VP, abs=1e-4)


def test_same_as_the_package(built):
    time, velocity = series(built[0])
    assert torch.allclose(time, (torch.arange(STEPS, dtype=torch.float64) + 0.5) * DT, rtol=1e-12)
    like = torch.ones(NODES, NODES, NODES, dtype=torch.float64)
    medium = sk.Medium(VP * like, VS * like, RHO * like, SPACING)
    nt = STEPS - 4  # the package looks four steps past its last sample
    t = torch.arange(nt, dtype=torch.float64) * DT - ONSET
    rate = t * torch.exp(-((math.pi * F0 * t) ** 2))
    source = sk.Explosion(x=10 * SPACING, y=20 * SPACING, z=30 * SPACING, moment=MOMENT, rate=rate)
    receivers = sk.Receivers(x=25.5 * SPACING, y=20 * SPACING, z=30 * SPACING)
    seis = sk.simulate(
        medium, source, receivers, dt=DT, nt=nt, absorbing=10, order=8, dispersion_correction=False
    )
    expected = seis.component("x")[0, 0]
    clock = Clock(DT, nt, 1)
    got = clock.record(velocity[: clock.steps], half=True)
    # What is left is how the package brings the moment rate to half steps, a windowed sinc of 32 taps.
    assert (got - expected).abs().max() < 1e-5 * expected.abs().max()


def test_grids_of_all_kinds(built, tmp_path):
    """Padding stays clean, threads change no bit, bad input is refused: see the program."""
    objects = [path for path in built[0].rglob("*.o") if path.name != "main.o"]
    source, program = EXAMPLE.parents[1] / "tests/kernels/exercise.c", tmp_path / "exercise"
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{EXAMPLE.parents[1] / 'csrc'}"]
    subprocess.run(["cc", *flags, "-c", source, "-o", tmp_path / "main.o"], timeout=60, check=True)
    subprocess.run(
        ["g++", "-fopenmp", tmp_path / "main.o", *objects, "-lm", "-o", program], timeout=60, check=True
    )
    done = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "baseline, 192 cases\n"), done.stderr


def test_uses_the_c_interface_alone():
    text = (EXAMPLE / "main.c").read_text()
    included = re.findall(r"#include [<\"](.*?)[>\"]", text)
    assert included == ["math.h", "stdio.h", "stdlib.h", "seiskern.h"]
