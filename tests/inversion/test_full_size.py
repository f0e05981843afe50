"""What the text found, through the real physics, and an earthquake from its records: minutes each."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seiskern.verify import ring
from seiskern.verify._data import data_folder

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def full_size(monkeypatch):
    monkeypatch.delenv("SEISKERN_TOY", raising=False)


@pytest.mark.parametrize(
    ("bias", "noise"), [(0.0, 0.0), (0.05, 0.0), (0.0, 0.05)], ids=["plain", "biased", "noise"]
)
def test_receivers_everywhere_recover_both_speeds_to_three_per_cent(bias, noise):
    true = ring.truth()
    outcome = ring.recover(true, ring.homogeneous(true, bias), everywhere=True, noise=noise)
    assert outcome.errors["vp"][-1] < 0.03
    assert outcome.errors["vs"][-1] < 0.03


def test_receivers_on_the_surface_recover_what_waves_cross():
    true = ring.truth()
    start = ring.homogeneous(true)
    found = ring.recover(true, start, everywhere=False).medium
    for name in ("vp", "vs"):
        # Between the sources of the ring and the surface; the text masks what lies outside.
        inside = [getattr(m, name)[4:24, 12:52] for m in (found, true, start)]
        assert ring.relative_error(inside[0], inside[1]) < 0.6 * ring.relative_error(inside[2], inside[1])


def run_example(name, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "SEISKERN_TOY"},
        capture_output=True,
        text=True,
        timeout=7200,
        check=True,
    )
    return done.stdout


def test_an_earthquake_from_twenty_stations(tmp_path):
    printed = run_example("source_inversion.py", tmp_path)
    place, moment = re.findall(r"place (\S+) m off, moment (\S+) % off", printed)[0]
    assert float(place) < 10
    assert float(moment) < 1


def test_a_streamer_above_all_of_marmousi(tmp_path):
    if data_folder("marmousi") is None:
        pytest.skip("Marmousi is not at hand")
    printed = run_example("fwi_marmousi.py", tmp_path)
    errors = re.findall(r"Vp (\S+) %, Vs (\S+) %", printed)
    for start, end in zip(errors[0], errors[-1], strict=True):
        assert float(end) < 0.95 * float(start)
    misfits = [float(value) for value in re.findall(r"misfit (\S+),", printed)]
    assert sum(misfits[20:24]) < sum(misfits[:4]) / 2  # the last and the first of those at 3 Hz
    assert (tmp_path / "fwi_marmousi.png").stat().st_size > 50_000
