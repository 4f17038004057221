"""A fresh workspace: every table as a file with its header and one commented example."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from martech_lib.core.errors import WorkspaceError
from martech_lib.core.places import sample_dir
from martech_lib.core.tables import EXTRACTS, Table, profile_facts, tables

README = """\
# A workspace of the martech workbook

One file a table. A file with a header and no rows counts as missing: its section of the report is *Not measured*.
Begin with `profile.csv` and `inventory.csv`; every other table switches on one more section.

- Write your rows **below** the header. Lines that begin with `#` above it are examples and are not read.
- You may save a table as `.csv`, `.xlsx` or `.parquet`; keep one file a table.
- Blank means unknown, never zero or no.
- Dates are written 2026-03-31; lists have `;` between the items; amounts may be written 24000, 24,000 or $24k.
- `extracts/` takes one file a system, such as `extracts/crm.csv`.

`martech check --data .` tells what is wrong, and `martech schema inventory` what a table may hold.

## Facts of profile.csv

| key | example | meaning |
|---|---|---|
{facts}

## Tables

| file | one row is | switches on |
|---|---|---|
{tables}
"""
EXTRACTS_README = """\
# Extracts

One file a system, named after it (`crm.csv`): `record_key`, one column for each attribute named in `attributes.csv`,
and `updated_at` if there is one.
"""
FOR_EXAMPLE = "# for example: "


def new_workspace(folder: str | Path, *, example: bool = False) -> tuple[Path, ...]:
    """Write a fresh workspace and return its files; with `example` it begins with the starter company.

    Raises:
        WorkspaceError: A file of that name is there already, or the folder cannot be written; nothing is overwritten.
    """
    root = Path(folder).expanduser()
    content = {**_blank_files(), **(_starter_files() if example else {})}
    there = sorted(name for name in content if (root / name).exists())
    if there:
        named = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise WorkspaceError(f"{folder} holds {named} already; choose another folder, nothing was written")
    try:
        return tuple(_write(root / name, data) for name, data in content.items())
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written: {error.strerror or 'unknown reason'}") from error


def blank_file(declared: Table) -> str:
    """The text of a table without rows: a commented example, then the header."""
    return FOR_EXAMPLE + _line(c.example for c in declared.columns) + _line(declared.names)


def _blank_files() -> Mapping[str, bytes]:
    own = [t for name, t in tables().items() if name != EXTRACTS and not t.form_of]
    files = {"README.md": _readme(own), f"{EXTRACTS}/README.md": EXTRACTS_README}
    files |= {f"{t.name}.csv": blank_file(t) for t in own}
    return {name: text.encode() for name, text in files.items()}


def _starter_files() -> Mapping[str, bytes]:
    starter = sample_dir() / "starter"
    if not starter.is_dir():
        raise WorkspaceError("the starter company is not installed; leave out --example")
    return {p.name: p.read_bytes() for p in sorted(starter.iterdir()) if p.suffix == ".csv"}


def _readme(own: list[Table]) -> str:
    facts = "\n".join(f"| {c.name}{'*' * c.required} | {c.example} | {c.meaning} |" for c in profile_facts().values())
    listed = "\n".join(f"| {t.name}.csv | {t.meaning} | {t.switches_on} |" for t in own)
    return README.format(facts=facts, tables=listed)


def _line(cells: Iterable[str]) -> str:
    handle = io.StringIO()
    csv.writer(handle, lineterminator="\n").writerow(cells)
    return handle.getvalue()


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
