import json
from types import SimpleNamespace

import pytest
import torch

import seiskern
from seiskern.cli import app, build, demo, preflight, simulate
from seiskern.verify import hemew3d


class FakeSolver:
    """Stands where ``seiskern`` stands in the command line: records the call, answers with made-up waves.

    Media and plans are real.
    """

    Medium = seiskern.Medium
    layered_medium = staticmethod(seiskern.layered_medium)
    plan = staticmethod(seiskern.plan)

    def __init__(self):
        self.calls = []
        self.trials = 0

    def __getattr__(self, name):
        if name not in ("MomentTensor", "Explosion", "Force", "Receivers", "Snapshots"):
            raise AttributeError(name)
        return lambda **fields: SimpleNamespace(kind=name, **fields)

    @staticmethod
    def gaussian(sigma, dt, nt, t0):
        t = dt * torch.arange(nt, dtype=torch.float64) - t0
        return torch.exp(-0.5 * (t / sigma) ** 2) / (sigma * (2 * torch.pi) ** 0.5)

    @staticmethod
    def ricker(f0, dt, nt, t0):
        a = (torch.pi * f0 * (dt * torch.arange(nt, dtype=torch.float64) - t0)).square()
        return (1 - 2 * a) * torch.exp(-a)

    @staticmethod
    def brune(tau, dt, nt, t0):
        t = (dt * torch.arange(nt, dtype=torch.float64) - t0).clamp(min=0)
        return t / tau**2 * torch.exp(-t / tau)

    @staticmethod
    def double_couple(strike, dip, rake, m0):
        return m0 * torch.tensor([[1.0, 2, 3], [2, 4, 5], [3, 5, -5]], dtype=torch.float64)

    def simulate(self, medium, shots, receivers, *, dt, nt, snapshots=None, progress=None, **options):
        if nt == preflight.TRIAL_SAMPLES:
            self.trials += 1
            return None
        self.calls.append(
            SimpleNamespace(
                medium=medium, shots=shots, receivers=receivers, dt=dt, nt=nt, snapshots=snapshots, **options
            )
        )
        if progress is not None:
            progress(nt, nt)
        n_shots = len(shots) if isinstance(shots, list) else 1
        axes = "xyz" if medium.vp.ndim == 3 else "xz"
        n_receivers = len(receivers.x)
        data = torch.randn(
            n_shots,
            len(axes),
            n_receivers,
            nt,
            generator=torch.Generator().manual_seed(0),
            requires_grad=True,
        )
        waves = None
        if snapshots is not None:
            times = dt * torch.arange(0, nt, snapshots.every)
            shape = [-(-n // snapshots.stride) for n in medium.vp.shape]
            waves = SimpleNamespace(
                data=torch.ones(n_shots, len(axes), len(times), *shape),
                times=times,
                components=tuple(axes),
                quantity=getattr(snapshots, "quantity", "velocity"),
            )
        return SimpleNamespace(data=data, components=tuple(axes), dt=dt, snapshots=waves)


@pytest.fixture
def solver(monkeypatch):
    fake = FakeSolver()
    for module in (build, simulate, demo, preflight, hemew3d):
        monkeypatch.setattr(module, "sk", fake)
    return fake


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run the command line: exit code, parsed JSON or text of standard output, standard error."""
    monkeypatch.setattr(app.importlib.metadata, "version", lambda _: "0.0.test")

    def call(*arguments):
        try:
            code = app.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
        out, err = capsys.readouterr()
        return code, json.loads(out) if "--json" in arguments and code in (0, 1) else out, err

    return call


CONFIG_2D = """
[grid]
shape = [21, 31]
spacing = 10.0

[medium]
layers = [
    {top = 0, vp = 1500, vs = 0, rho = 1000},
    {top = 100, vp = 2000, vs = 1000, rho = 2000},
]

[[source]]
kind = "explosion"
x = 150
z = 50.0
moment = 1e9
wavelet = {kind = "ricker", f0 = 10.0, t0 = 0.1}

[receivers]
x = {start = 0, stop = 300, count = 4}
z = 0

[simulation]
dt = 0.002
nt = 40
"""


@pytest.fixture
def config_file(tmp_path):
    """Write a configuration, by default a valid one, with parts replaced."""

    def write(*replacements, text=CONFIG_2D):
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
