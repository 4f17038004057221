"""Notebooks for tests of the runner: small enough that a kernel's start is most of their time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import v4

PARAMETERS = 'data: str = ""  # a folder or a database URL\nmonth: str = ""  # YYYY-MM'
Cell = str | tuple[str, str]


def write_notebook(folder: Path, name: str, cells: Sequence[Cell], *, parameters: str = PARAMETERS) -> Path:
    """A notebook of a title, a parameters cell and these code cells; a pair is (tag, code)."""
    title = name.split("-", 1)[-1].replace("-", " ").capitalize()
    tagged = [("parameters", parameters), *(cell if isinstance(cell, tuple) else ("", cell) for cell in cells)]
    notebook = v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}})
    notebook.cells = [v4.new_markdown_cell(f"# {title}\n\nWhat this page is about.")]
    for tag, code in tagged:
        cell = v4.new_code_cell(code)
        cell.metadata.tags = [tag] if tag else []
        notebook.cells.append(cell)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path
