"""What the documents say of files, keys and datasets is so."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from seiskern.cli import config, fwi_config
from seiskern.cli.config import load_config

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


FWI_PAGE = (ROOT / "docs/fwi-toml.md").read_text(encoding="utf-8")
TOML_PAGE = (ROOT / "docs/simulate-toml.md").read_text(encoding="utf-8")


def code_blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"`((?:csrc|seiskern|tests|docs|benches|examples)/[\w./]*)`", text)
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_example_configuration_is_valid(tmp_path):
    (example,) = code_blocks(ROOT / "docs/simulate-toml.md", "toml")
    (tmp_path / "config.toml").write_text(example, encoding="utf-8")
    got, _ = load_config(tmp_path / "config.toml")
    assert got.grid.shape == (101, 121, 141)


def test_the_example_inversion_is_valid(tmp_path):
    (example,) = code_blocks(ROOT / "docs/fwi-toml.md", "toml")
    (tmp_path / "config.toml").write_text(example, encoding="utf-8")
    got, _ = fwi_config.load_config(tmp_path / "config.toml")
    assert len(got.source) == 8
    assert [stage.lowpass for stage in got.stage] == [4.0, None]


TABLES = [
    config.Grid,
    config.Medium,
    config.Source,
    config.Receivers,
    config.Simulation,
    config.Snapshots,
    config.Output,
]


FWI_TABLES = [
    fwi_config.Observed,
    fwi_config.Model,
    fwi_config.Misfit,
    fwi_config.Regularization,
    fwi_config.Precondition,
    fwi_config.Optimizer,
    fwi_config.Stage,
    fwi_config.Shots,
    fwi_config.Output,
]


def section_of(name, page=TOML_PAGE):
    (section,) = re.findall(rf"^## \[+{name}\]+$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return section


@pytest.mark.parametrize("table", [*TABLES, *FWI_TABLES], ids=lambda table: table.__qualname__)
def test_every_key_is_documented(table):
    section = section_of(table.__name__.lower(), FWI_PAGE if table in FWI_TABLES else TOML_PAGE)
    documented = {
        key
        for row in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    if table is config.Source:
        documented -= set(config.WAVELET_KEYS)
    assert documented == {field.name for field in dataclasses.fields(table)}


SPELLED = {True: "true", False: "false", None: "none", dataclasses.MISSING: ""}


@pytest.mark.parametrize("table", [config.Simulation, config.Snapshots, config.Output])
def test_defaults_are_those_documented(table):
    section = section_of(table.__name__.lower())
    documented = dict(re.findall(r"^\| `(\w+)` \| ?(.*?) ?\|", section, re.MULTILINE))
    for field in dataclasses.fields(table):
        is_flag = isinstance(field.default, bool) or field.default in (None, dataclasses.MISSING)
        default = SPELLED[field.default] if is_flag else str(field.default)
        assert documented[field.name].strip('`"') == default, field.name


def test_every_wavelet_is_documented():
    for kind, keys in config.WAVELET_KEYS.items():
        (row,) = re.findall(rf"^\| `{kind}` \|(.*?)\|", section_of("source"), re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == list(keys)


def test_every_dataset_is_documented():
    text = (ROOT / "docs/hdf5-schema.md").read_text(encoding="utf-8")
    source = (ROOT / "seiskern/io/hdf5.py").read_text(encoding="utf-8")
    for attribute in set(re.findall(r'attrs\["(\w+)"\]', source)):
        assert f"`{attribute}`" in text, attribute
    for path in ("/traces", "/receivers/x", "/snapshots/data", "/snapshots/times", "/medium/vp"):
        assert f"`{path}`" in text


def test_the_quick_start_runs():
    names = {}
    for block in code_blocks(ROOT / "README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["seis"].data.shape == (1, 2, 29, 250)
    assert names["vertical"].abs().max() > 0
    assert names["vp"].grad.abs().max() > 0
    assert names["found"].vs.std() > 0


def test_the_example_of_an_inversion_runs():
    names = {}
    for block in code_blocks(ROOT / "docs/inversion.md", "python"):
        exec(compile(block, "docs/inversion.md", "exec"), names)
    found, block = names["found"].vs, names["block"]
    assert float((found - names["start"].vs)[block > 1500].mean()) > 0


def test_examples_inside_torch_run():
    names = {}
    for block in code_blocks(ROOT / "docs/inside-torch.md", "python"):
        exec(compile(block, "docs/inside-torch.md", "exec"), names)
    assert names["vp"].grad.abs().max() > 0
    torch.testing.assert_close(names["of_vp"], names["slope"], rtol=0, atol=0)
    for parameter in ("lam", "rho"):
        assert names[parameter].grad[:8].abs().max() > 0
