"""The README's speed table is what the benchmarks kept, and each kept figure names no machine."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture
def run_all(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that writes the table; it is no part of the package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "timing", raising=False)
    return importlib.import_module("run_all")


def test_the_readme_shows_the_kept_figures(run_all: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(f"{run_all.START}\n(.*)\n{run_all.END}", text, flags=re.DOTALL)
    assert shown, "README.md has no speed table; make bench writes it between the bench markers"
    assert shown[1] == run_all.figures()


def test_every_script_has_kept_its_figures(run_all: ModuleType) -> None:
    assert {path.stem for path in RESULTS} == set(run_all.SCRIPTS)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_kept_figure_is_whole_and_names_no_machine(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert set(kept["machine"]) == {"cores", "memory_gb", "python"}
    for row in kept["rows"]:
        assert row["value"] > 0
        assert row["ratio"] == (row["value"] / row["floor_value"] if row["floor_value"] else None)


def test_only_the_table_of_a_readme_is_rewritten(run_all: ModuleType) -> None:
    before, after = "# Title\n\n", "\n\nThe rest."
    text = f"{before}{run_all.START}\nold\n{run_all.END}{after}"
    assert run_all.refreshed(text) == f"{before}{run_all.START}\n{run_all.figures()}\n{run_all.END}{after}"
