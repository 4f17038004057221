"""The inventory as a file: the rows of the grid, headed by their company and by what was set in the app."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import pandas as pd

from martech_lib.core.files import decode, is_comment
from martech_lib.core.register import Mark
from martech_lib.core.spreadsheet import as_text, to_csv
from martech_lib.core.tables import table
from martech_lib.workbook.widgets.grid import Row

MARKER = "# martech inventory of"
IN_CURRENCY = re.compile(r"#\s*set\s+currency\s*=\s*(?P<code>[A-Za-z]{3})", re.IGNORECASE)
HEAD_BYTES = 65_536
Head = Sequence[tuple[int, str]]  # the comment lines before the header, each with its number


def inventory_file(rows: Sequence[Row], columns: Sequence[str], company: str, settings: Mapping[str, Any]) -> bytes:
    """The inventory under a head that names its company, its currency and the settings: uploaded again it opens the
    same state."""
    head = f"{MARKER} {plain(company) or '(not named)'}\n"
    head += "".join(f"# set {name} = {value}\n" for name, value in settings.items())
    filled = [{key: re.sub(r"\r\n?", "\n", cell) for key, cell in row.items()} for row in rows if is_filled(row)]
    return head.encode() + as_csv(filled, columns)


def head_of(data: bytes, name: str) -> Head:
    """The comment lines before the header of a CSV file, without what a spreadsheet adds."""
    head = data[:HEAD_BYTES] if name.lower().endswith(".csv") else b""
    text, _ = decode(head[: head.rfind(b"\n") + 1])
    lines = takewhile(is_comment, text.splitlines())
    return [(number, line.strip('\ufeff,;" \t')) for number, line in enumerate(lines, start=1)]


def is_download(head: Head) -> bool:
    """Whether the file came from the app: its head then holds the whole state."""
    return any(plain(line).startswith(plain(MARKER)) for _, line in head)


def currency_of(head: Head) -> Mark | None:
    """The currency that the head names."""
    found = ((number, line, IN_CURRENCY.fullmatch(line)) for number, line in head)
    return next((Mark("the head", asked["code"].upper(), n, line) for n, line, asked in found if asked), None)


def belongs_to(head: Head, company: str) -> bool:
    """Whether the head names this company."""
    return any(plain(line) == plain(f"{MARKER} {company}") for _, line in head)


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """A checked inventory as the grid shows it."""
    return [{str(name): cell for name, cell in row.items()} for row in as_text(frame).to_dict("records")]


def is_filled(row: Row) -> bool:
    """Whether a row holds anything."""
    return any(cell.strip() for cell in row.values())


def one_line_each(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The rows as CSV, each on one line: line 2 of the file is row 0 of the grid, blank rows included."""
    return as_csv([{key: " ".join(cell.splitlines()) for key, cell in row.items()} for row in rows], columns)


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The rows under the columns the inventory had, those it must have, and those that hold a value now."""
    valued = dict.fromkeys(name for row in rows for name, cell in row.items() if cell.strip())
    names = list(dict.fromkeys([*columns, *table("inventory").required, *valued]))
    return to_csv(pd.DataFrame([[row.get(name, "") for name in names] for row in rows], columns=names, dtype=str))


def plain(text: str) -> str:
    """A company's name or the line that holds it, such that a spreadsheet's quotes and separators do not matter."""
    return re.sub(r'[\s",;]+', " ", text).strip()
