"""Every notebook has the house's shape, and what looks at it can see one that has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .notebooks import notebook_faults, notebook_paths

PATHS = notebook_paths()


def test_there_are_notebooks() -> None:
    assert {"0-home.ipynb", "1-stack-audit.ipynb"} <= {path.name for path in PATHS}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_has_the_shape(path: Path) -> None:
    assert notebook_faults(path) == []


def prose(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": [text]}


def code(text: str, *tags: str, count: int | None = None) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "metadata": metadata, "source": [text], "outputs": [], "execution_count": count}


TITLE = prose("# A title")
PARAMETERS = code('data: str = ""  # a folder\nmonth: str = ""  # YYYY-MM', "parameters")
GOOD = [TITLE, PARAMETERS, prose("What it means."), code("x = 1")]

BAD = {
    "no title": ([prose("Text"), PARAMETERS], "0 titles"),
    "two titles": ([TITLE, PARAMETERS, prose("# Another")], "2 titles"),
    "title not first": ([PARAMETERS, TITLE], "does not begin with its title"),
    "no parameters": ([TITLE, code("x = 1")], "0 parameters cells"),
    "a parameter without help": ([TITLE, code('data: str = ""\nmonth: str = ""  # m', "parameters")], "without type"),
    "a parameter without type": ([TITLE, code('data = ""  # d\nmonth: str = ""  # m', "parameters")], "without type"),
    "other parameters first": ([TITLE, code("alpha: float = 0.05  # error rate", "parameters")], "not data, month"),
    "an execution count": ([*GOOD, code("x", count=3)], "stores outputs"),
    "a long cell": ([*GOOD, code("x = 1\n" * 13)], "13 lines"),
    "long cells": ([TITLE, PARAMETERS, prose("Text."), code("x = 1\n" * 4)], "median of 4"),
    "a function": ([*GOOD, code("def f(): ...")], "defines f"),
    "a class": ([*GOOD, code("class A: ...")], "defines A"),
    "all code": ([*GOOD, *[code("x = 1")] * 9], "of its cells are prose"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_shape_is_seen(case: str, tmp_path: Path) -> None:
    cells, told = BAD[case]
    assert [fault for fault in notebook_faults(written(tmp_path, cells)) if told in fault]


def test_a_good_shape_is_let_through(tmp_path: Path) -> None:
    assert notebook_faults(written(tmp_path, GOOD)) == []


def written(folder: Path, cells: list[dict[str, Any]]) -> Path:
    path = folder / "a.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path
