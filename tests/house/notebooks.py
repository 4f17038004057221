"""The shape of a notebook: a title, a parameters cell, short code, about half of it prose, nothing stored."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from statistics import median
from typing import Any

from .code import ROOT, Function

MEDIAN_LINES = 3
MAX_LINES = 12
PROSE = (0.35, 0.65)
PARAMETER = re.compile(r"[a-z]\w*: [^=#]+ = .+  # \S.*")  # name: type = default  # help

Cell = dict[str, Any]


def notebook_paths(root: Path = ROOT) -> list[Path]:
    """The workbook's notebooks, in order."""
    return sorted((root / "notebooks").glob("*.ipynb"))


def notebook_faults(path: Path) -> list[str]:
    """Everything about one notebook that is not as the house wants it, one sentence each."""
    cells: list[Cell] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = _titles(cells) + _parameters(cells) + _stored(cells) + _code(cells) + _prose(cells)
    return [f"{path.name}: {fault}" for fault in found]


def _lines(cell: Cell) -> list[str]:
    return [line for line in "".join(cell["source"]).splitlines() if line.strip()]


def _tags(cell: Cell) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def _of(cells: list[Cell], kind: str) -> list[Cell]:
    return [cell for cell in cells if cell["cell_type"] == kind]


def _titles(cells: list[Cell]) -> list[str]:
    titles = [line for cell in _of(cells, "markdown") for line in _lines(cell) if line.startswith("# ")]
    found = [] if len(titles) == 1 else [f"has {len(titles)} titles, not one"]
    first = cells[0]["cell_type"] == "markdown" and _lines(cells[0])[0].startswith("# ")
    return found if first else [*found, "does not begin with its title"]


def _parameters(cells: list[Cell]) -> list[str]:
    tagged = [cell for cell in cells if "parameters" in _tags(cell)]
    if len(tagged) != 1:
        return [f"has {len(tagged)} parameters cells, not one"]
    lines = _lines(tagged[0])
    found = [f"parameter without type, default or help: {line}" for line in lines if not PARAMETER.fullmatch(line)]
    leading = [line.split(":")[0] for line in lines[:2]]
    return found if leading == ["data", "month"] else [*found, f"its parameters begin {leading}, not data, month"]


def _stored(cells: list[Cell]) -> list[str]:
    kept = [n for n, c in enumerate(cells) if c["cell_type"] == "code" and (c["outputs"] or c["execution_count"])]
    return [f"cell {n} stores outputs or a count: strip it" for n in kept]


def _code(cells: list[Cell]) -> list[str]:
    code = [cell for cell in _of(cells, "code") if "parameters" not in _tags(cell)]
    sizes = [len(_lines(cell)) for cell in code]
    found = [f"a code cell has {size} lines, at most {MAX_LINES}" for size in sizes if size > MAX_LINES]
    if sizes and median(sizes) > MEDIAN_LINES:
        found.append(f"its code cells have a median of {median(sizes)} lines, at most {MEDIAN_LINES}")
    trees = [ast.parse("".join(cell["source"])) for cell in code]
    defined = [n.name for tree in trees for n in ast.walk(tree) if isinstance(n, Function | ast.ClassDef)]
    return found + [f"defines {name}; logic lives in the library" for name in defined]


def _prose(cells: list[Cell]) -> list[str]:
    share = len(_of(cells, "markdown")) / len(cells)
    return [] if PROSE[0] <= share <= PROSE[1] else [f"{share:.0%} of its cells are prose, not about half"]
