"""The small commands and what they all share."""

import importlib.util
import io
import re
import sys
import types
import warnings
from dataclasses import dataclass

import pytest
import torch

from seiskern.bench import adjoint, elastic
from seiskern.bench import gpu as gpu_bench
from seiskern.cli import app, doctor, terminal
from seiskern.kernels import gpu
from seiskern.kernels.elastic import cuda, cuda_tuning
from seiskern.verify import half_space


@dataclass(frozen=True)
class Row:
    name: str
    error: float
    bound: float
    passed: bool
    seconds: float
    note: str = ""


@pytest.fixture
def cases(monkeypatch):
    """Put made-up cases where the real ones are."""
    rows = [Row("full space", 0.004, 0.01, True, 1.5), Row("Lamb", float("inf"), 0.01, False, 2.0, "blew up")]
    asked = []

    def iter_cases(full, names):
        asked.append((full, names))
        yield from (row for row in rows if not names or row.name in names)

    module = types.ModuleType("seiskern.verify.cases")
    module.iter_cases = iter_cases
    monkeypatch.setitem(sys.modules, "seiskern.verify.cases", module)
    return asked


def test_verify_fails_if_a_case_does(cli, cases):
    code, out, _ = cli("verify")
    assert code == 1
    assert cases == [(False, ())]
    ok, bad = out.splitlines()[:2]
    assert ok.split()[:3] == ["ok", "full", "space"]
    assert bad.startswith("FAIL")
    assert bad.endswith("blew up")
    assert "1 passed, 1 failed, 4 s" in out


def test_verify_passes_if_all_do(cli, cases):
    code, document, _ = cli("verify", "--json", "--full", "full space")
    assert code == 0
    assert cases == [(True, ("full space",))]
    assert document["passed"] is True
    assert document["cases"][0]["error"] == 0.004


def test_verify_writes_valid_json_of_infinities(cli, cases):
    code, document, _ = cli("verify", "--json")
    assert code == 1
    assert document["cases"][1]["error"] is None


def test_verify_refuses_to_pass_on_nothing(cli, cases):
    code, _, err = cli("verify", "nonsense")
    assert code == 2
    assert "`CASE` must name a case, got nonsense" in err


@pytest.fixture
def errors(monkeypatch):
    """Put made-up errors where the real ones are."""
    rows = [("lamb-2d/vertical", 2, [0.3012, 0.0719]), ("garvin-2d/explosion", 8, [0.005, 0.00021])]
    monkeypatch.setattr(half_space, "error_table", lambda: iter(rows))
    monkeypatch.setattr(half_space, "TABLE_POINTS", (5, 10))


def test_verify_prints_errors_over_spacing_and_order(cli, errors):
    code, out, _ = cli("verify", "--table")
    assert code == 0
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["order", "5", "10"],
        ["lamb-2d/vertical", "2", "0.3", "0.072"],
        ["garvin-2d/explosion", "8", "0.005", "0.00021"],
    ]
    _, document, _ = cli("verify", "--table", "--json")
    assert document["points"] == [5, 10]
    assert document["rows"][1] == {"name": "garvin-2d/explosion", "order": 8, "errors": [0.005, 0.00021]}


def test_verify_prints_the_table_or_cases(cli, errors):
    code, _, err = cli("verify", "--table", "lamb")
    assert (code, err) == (2, "seiskern: error: `--table` must stand alone, got cases too\n")


@pytest.fixture
def extension(monkeypatch):
    facts = {"compiled": True, "isa": "avx2", "isas": ["baseline", "avx2"], "threads": 2, "why": ""}
    monkeypatch.setattr(doctor._ext, "describe", lambda: facts)
    return facts


def test_doctor_tells_what_there_is(cli, extension):
    code, facts, _ = cli("doctor", "--json")
    assert code == 0
    assert facts["version"] == "0.0.test" or facts["version"]
    assert facts["extension"] == extension
    assert facts["cpu"]["model"]
    assert facts["cpu"]["cores"] >= 1
    assert facts["triton"] == doctor._version("triton")
    assert bool(facts["gpu"]["devices"]) != bool(facts["gpu"]["why"])


def test_doctor_tells_why_not(cli, extension):
    extension |= {"compiled": False, "why": "no compiler"}
    code, out, _ = cli("doctor")
    assert code == 0
    assert "extension  no (no compiler)" in out
    assert re.search(r"^triton .*not used by this version", out, re.MULTILINE)
    extension |= {"compiled": True, "why": ""}
    assert "yes, uses avx2 of baseline, avx2" in cli("doctor")[1]


def test_cpu_model_is_read_or_guessed(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast CPU @ 5 GHz\n")
    assert doctor.cpu_model(tmp_path / "cpuinfo") == "Fast CPU @ 5 GHz"
    assert doctor.cpu_model(tmp_path / "none")


def test_version_and_help(cli):
    assert cli("--version")[:2] == (0, "seiskern 0.0.test\n")
    code, out, _ = cli("--help")
    assert code == 0
    for name in ("simulate", "verify", "doctor", "demo"):
        assert name in out


def test_no_command_is_wrong_use(cli):
    code, _, err = cli()
    assert code == 2
    assert "COMMAND" in err


@pytest.mark.parametrize(
    "error",
    [
        ValueError("two\n lines"),
        OSError("two lines"),
        RuntimeError("two lines"),
        FloatingPointError("two lines"),
        MemoryError("two lines"),
    ],
)
def test_errors_are_one_line(cli, monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    code, _, err = cli("doctor")
    assert (code, err) == (2, "seiskern: error: two lines\n")


def test_interrupt_is_130(cli, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    assert cli("doctor") == (130, "", "seiskern: interrupted\n")


def test_warnings_are_one_line(cli, monkeypatch):
    def warn(_):
        warnings.warn("grid is\n coarse", stacklevel=1)
        return 0

    monkeypatch.setattr(doctor, "run", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert cli("doctor") == (0, "", "seiskern: warning: grid is coarse\n")


def test_table_puts_numbers_right_and_words_left():
    text = terminal.table([("a", 1.5, "x"), ("bcd", 20, "yy")], ("name", "value", "word"))
    assert text.splitlines() == [
        "name  value  word",
        "----  -----  ----",
        "a       1.5  x",
        "bcd      20  yy",
    ]
    assert terminal.table([]) == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar_is_silent_in_a_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert terminal.progress_bar("work") is None


def test_progress_bar_draws_on_a_terminal_and_ends_its_line(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    draw = terminal.progress_bar("work")
    draw(0, 10)
    for done in range(1, 10):
        draw(done, 10)
    draw(10, 10)
    text = screen.getvalue()
    assert "100 %" in text
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.count("\r") <= 3  # calls in quick succession are drawn once


@pytest.fixture
def timings(monkeypatch):
    """Put made-up timings where the real ones are."""
    peers, ratios = (
        {"deepwave": 30.0, "devito": 5.0},
        {"deepwave": (3.0, 2.5, 3.5), "devito": (0.5, 0.4, 0.6)},
    )
    own = {
        "ms": 10.0,
        "mcells": 1234.4,
        "bandwidth": 1.25,
        "in_cache": 0.75,
        "bytes_per_cell": 48.2,
        "correlation": float("nan"),
    }
    asked = []

    def run_bench(with_peers, toy, turns):
        asked.append((with_peers, toy, turns))
        for problem in ("first", "second"):
            yield elastic.Row(
                problem, **own, peers=peers if with_peers else {}, ratios=ratios if with_peers else {}
            )

    monkeypatch.setattr(elastic, "run_bench", run_bench)
    monkeypatch.delenv("SEISKERN_TOY", raising=False)
    return asked


def test_bench_prints_times_and_ratios(cli, timings):
    code, out, _ = cli("bench", "elastic", "--peers", "--turns", "3")
    assert code == 0
    assert timings == [(True, False, 3)]
    first = " ".join(out.splitlines()[0].split())
    own = "seiskern, ms 10 Mcell/s 1234 of triad 1.25 of in-cache 0.75 B/cell 48"
    assert first == f"first {own} deepwave, ms 30, 3.00x [2.50-3.50] devito, ms 5, 0.50x [0.40-0.60]"
    assert "threads" in out
    assert re.search(r"handover_ns +\d+", out)


def test_bench_without_peers_names_none(cli, timings):
    _, out, _ = cli("bench", "elastic")
    assert timings == [(False, False, 5)]
    assert "x [" not in out


def test_bench_as_json_and_markdown(cli, timings):
    code, document, _ = cli("bench", "elastic", "--peers", "--json")
    assert code == 0
    assert set(document) == {"machine", "rows"}
    assert document["rows"][1]["ratios"]["deepwave"] == [3.0, 2.5, 3.5]
    assert document["rows"][0]["correlation"] is None
    _, out, _ = cli("bench", "elastic", "--peers", "--markdown")
    lines = out.splitlines()
    own, peers = "10 | 1234 | 1.25 | 0.75 | 48", "30, 3.00x [2.50-3.50] | 5, 0.50x [0.40-0.60]"
    assert lines[2] == f"| first | {own} | {peers} |"
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_bench_of_the_adjoint(cli):
    """At toy size, beside deepwave where it is installed, with whose gradients ours must agree."""
    peers = ["--peers"] if importlib.util.find_spec("deepwave") else []
    code, document, _ = cli("bench", "adjoint", "--toy", "--turns", "1", "--json", *peers)
    assert code == 0
    names = [*adjoint.STRATEGIES, "tangent", *(["deepwave"] if peers else [])]
    cases = [(problem.name, name) for problem in adjoint.TOY for name in names]
    assert [(row["problem"], row["name"]) for row in document["rows"]] == cases
    bounds = {"Full()": 0, "Full(int8)": 1e-2, "Checkpointed()": 0}
    for row in document["rows"]:
        assert row["ms"] > 0
        if row["name"] == "deepwave":
            assert row["correlation"] > 0.99
        elif row["name"] == "tangent":
            assert row["of_forward"] > 1
        else:
            assert row["error"] <= bounds.get(row["name"], 1e-3)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_bench_at_toy_size(cli, monkeypatch, how):
    if how == "environment":
        monkeypatch.setenv("SEISKERN_TOY", "1")
    code, document, _ = cli(
        "bench", "elastic", "--turns", "1", "--json", *(["--toy"] if how == "option" else [])
    )
    assert code == 0
    assert [row["problem"] for row in document["rows"]] == [problem.name for problem in elastic.TOY]
    assert all(row["ms"] > 0 for row in document["rows"])


def test_bench_says_which_peer_is_missing(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "deepwave", None)
    code, out, err = cli("bench", "elastic", "--peers", "--toy")
    assert (code, out) == (2, "")
    assert err == "seiskern: error: `--peers` needs deepwave: pip install 'seiskern[bench]'\n"


def test_bench_refuses_no_turns(cli):
    code, _, err = cli("bench", "elastic", "--turns", "0")
    assert code == 2
    assert "`--turns` must be >= 1, got 0" in err


def test_every_command_takes_json_and_says_what_it_does():
    for command in app.COMMANDS:
        assert command.__doc__.splitlines()[0].endswith(".")


def test_precompile_fills_the_cache(cli, monkeypatch, tmp_path):
    asked = []

    def compiled(source, defines, arch):
        asked.append((source, arch))
        return b"\x7fELF"

    monkeypatch.setenv("SEISKERN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gpu, "compile_cubin", compiled)
    monkeypatch.setattr(gpu, "nvrtc", lambda: None)
    monkeypatch.setattr(gpu, "nvrtc_version", lambda: "13.0")
    code, out, _ = cli("precompile", "--arch", "80", "--arch", "90")
    assert code == 0
    assert out == f"648 files of kernels in {tmp_path / 'cache'}\n"
    assert {arch for _, arch in asked} == {80, 90}
    assert {source for source, _ in asked} == {
        f"elastic/{name}.cu" for name in ("step", "fused", "shots", "adjoint", "codes")
    }
    assert len(list((tmp_path / "cache").glob("*.cubin"))) == 648
    asked.clear()
    code, document, _ = cli("precompile", "--arch", "90", "--json")
    assert len(document["files"]) == 324
    assert not asked


def test_tune_tells_what_is_quickest(cli, monkeypatch):
    def tune(device, problems, report):
        assert [(p.ndim, p.order) for p in problems] == [(n, order) for n in (2, 3) for order in (2, 4, 6, 8)]
        for blocks, speed in ((cuda.Blocks((32, 1, 8)), 2e9), (cuda.Blocks((64, 1, 4)), 3e9)):
            report("forward 2-D", blocks, speed)

    monkeypatch.setattr(cuda_tuning, "tune", tune)
    monkeypatch.setattr(gpu, "why_not", str)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    code, out, _ = cli("tune")
    assert code == 0
    assert "3.0 Gcell/s" in out
    assert "1.50 x" in out
    (row,) = cli("tune", "--json")[1]
    assert (row["kind"], row["gcells"], row["gain"]) == ("forward 2-D", 3.0, 1.5)


def test_tune_needs_a_gpu(cli, monkeypatch):
    monkeypatch.setattr(gpu, "why_not", lambda: "there is none")
    assert cli("tune")[2] == "seiskern: error: there is nothing to tune: there is none\n"


def test_precompile_asks_for_an_architecture(cli, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli("precompile")[2] == (
        "seiskern: error: `--arch` must be given where there is no GPU: --arch 90, say\n"
    )


def test_precompile_refuses_what_is_too_old(cli):
    assert cli("precompile", "--arch", "12")[2] == "seiskern: error: `--arch` must be >= 75, got 12\n"


def test_bench_on_a_gpu(cli, monkeypatch):
    def run_bench(families, peers, toy, turns):
        assert (families, peers, turns) == (["elastic", "adjoint"], False, 5)
        ratios = {"deepwave": (3.0, 2.5, 3.5)}
        yield gpu_bench.Row(
            "first", "records", 2.0, 28.4, 0.81, float("nan"), 500.0, {"deepwave": 6.0}, ratios
        )
        yield gpu_bench.Row("first", "Full()", 6.0, 28.4, 0.81, 3.0, 166.7, {}, {})

    monkeypatch.setattr(gpu_bench, "run_bench", run_bench)
    monkeypatch.setattr(gpu_bench, "machine", lambda: {"card": "some"})
    code, out, _ = cli("bench", "elastic", "adjoint", "--device", "cuda")
    assert code == 0
    first, second = (" ".join(line.split()) for line in out.splitlines()[:2])
    own = "first what records ms 2 Gcell/s 28.4 of bound 0.81 of records - shots/s 500"
    assert first == f"{own} deepwave, ms 6, 3.00x [2.50-3.50]"
    assert second == "first what Full() ms 6 Gcell/s 28.4 of bound 0.81 of records 3.00 shots/s 166.7"


def test_bench_takes_one_family_on_the_cpu(cli):
    code, _, err = cli("bench", "elastic", "adjoint")
    assert code == 2
    assert err == "seiskern: error: `family` must be one on the CPU, got elastic adjoint\n"
