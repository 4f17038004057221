"""The import arrows hold, and what checks them can see a wrong one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .arrows import arrow_faults
from .code import ROOT, modules

HEAVY = [
    "altair",
    "anywidget",
    "duckdb",
    "ibis",
    "ipywidgets",
    "nbconvert",
    "numpy",
    "pandas",
    "pandera",
    "papermill",
    "scipy",
    "voila",
]


def test_imports_follow_the_arrows() -> None:
    assert arrow_faults() == []


def loaded_by(statement: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after `statement`."""
    probe = f"{statement}\nimport sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import martech_lib") == set()


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import martech_lib.workbook.cli") == set()


def test_computation_runs_without_charts_or_widgets() -> None:
    loaded = loaded_by("from martech_lib import Workspace, stack; stack.audit; Workspace.open")
    assert not loaded & {"altair", "ipywidgets", "anywidget", "papermill", "nbconvert", "voila"}


def test_the_probe_sees_what_is_loaded() -> None:
    assert "pandas" in loaded_by("import pandas")


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [str(module) for module in modules() if module.path.stem in drawers] == []


WRONG = {
    "core knows a theme": ("core/a.py", "from martech_lib.stack import rules", "imports the room stack"),
    "core knows the workbook": ("core/a.py", "import martech_lib.workbook.cli", "imports the room workbook"),
    "by a relative import": ("core/a.py", "from ..stack import audit", "imports the room stack"),
    "inside a function": ("core/a.py", "def f():\n    from martech_lib import stack", "imports the room stack"),
    "by name": ("core/a.py", "import_module('martech_lib.stack')", "imports the room stack"),
    "theme knows theme": ("stack/a.py", "from martech_lib.attribution.credit import credit", "room attribution"),
    "theme knows the workbook": ("stack/a.py", "from martech_lib import workbook", "imports the room workbook"),
    "altair in computation": ("stack/a.py", "import altair as alt", "imports altair"),
    "a widget in a theme": ("stack/charts.py", "from ipywidgets import Label", "imports ipywidgets"),
    "papermill outside the runner": ("workbook/cli.py", "import papermill", "imports papermill"),
    "nbconvert outside the runner": ("workbook/a.py", "from nbconvert import exporters", "imports nbconvert"),
    "computation knows charts": (
        "stack/a.py",
        "from . import charts",
        "computes, and imports martech_lib.stack.charts",
    ),
    "computation knows words": (
        "stack/a.py",
        "from .words import say",
        "computes, and imports martech_lib.stack.words",
    ),
    "a sampler at the top": ("attribution/media_mix.py", "import jax.numpy", "belongs inside a function"),
    "a sampler elsewhere": ("attribution/a.py", "def f():\n    import numpyro", "imports numpyro"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_arrow_is_seen(case: str, tmp_path: Path) -> None:
    file, source, told = WRONG[case]
    write(tmp_path, file, source)
    assert [fault for fault in arrow_faults(tmp_path) if told in fault], arrow_faults(tmp_path)


RIGHT = {
    "stack/a.py": "from martech_lib.core.results import Reading\nfrom . import inventory",
    "stack/charts.py": "import altair\nfrom . import a\nfrom .words import say",
    "stack/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import altair",
    "workbook/report.py": "import papermill\nfrom martech_lib import stack",
    "workbook/pages.py": "from nbconvert import HTMLExporter",
    "workbook/apps/stack.py": "import ipywidgets\nfrom martech_lib.stack import charts",
    "attribution/media_mix.py": "def fit():\n    import numpyro",
}


@pytest.mark.parametrize("file", RIGHT)
def test_a_right_arrow_is_let_through(file: str, tmp_path: Path) -> None:
    write(tmp_path, file, RIGHT[file])
    assert arrow_faults(tmp_path) == []


def write(root: Path, file: str, source: str) -> None:
    path = root / "martech_lib" / file
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
