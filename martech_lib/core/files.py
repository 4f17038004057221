"""Bytes of a file -> its cells as text, each row with the line it stood on.

What people save is read as it is: a byte-order mark, Windows line ends, `;` between the cells, Latin-1, lines
that begin with `#` before the header, line breaks inside quotes, Excel, Parquet. What could be read in two ways
is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePath
from typing import NamedTuple

from martech_lib.core.errors import UserError, shown
from martech_lib.core.sheets import excel_records, parquet_records
from martech_lib.core.spreadsheet import unescape_cell

SUFFIXES = (".csv", ".xlsx", ".parquet")
REGISTER_LIMIT = 50_000_000
Record = tuple[int, Sequence[str]]


class Unreadable(UserError):
    """A file of which nothing can be used; `row` is the line to blame, if one is."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        self.row = row
        super().__init__(message)


@dataclass(frozen=True)
class Fault:
    """One line of a file that does not fit its header."""

    row: int
    column: str
    value: str
    message: str


@dataclass(frozen=True)
class RawTable:
    """The cells of a file as stripped text.

    Attributes:
        cells: Column name -> its cells, "" where blank; a declared column bears its declared name.
        lines: Line of the file on which each row begins.
        header_line: Line of the header; None for a table of a database.
        faults: Lines that do not fit the header; they are not among the rows.
        notes: What was assumed in reading, in words.
    """

    cells: dict[str, list[str]]
    lines: list[int]
    header_line: int | None = 1
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def header(self) -> tuple[str, ...]:
        """The column names, in the order of the file."""
        return tuple(self.cells)


def read_raw(data: bytes, *, filename: str, expects: Sequence[str]) -> RawTable:
    """The cells of a .csv, .xlsx or .parquet file; `expects` are the declared column names.

    Raises:
        Unreadable: The file is empty, of another format than its name says, or can be read in two ways.
    """
    suffix = PurePath(filename).suffix.lower()
    refuse_wrong_format(data[:4], suffix)
    notes: list[str] = []
    try:
        if suffix == ".xlsx":
            records = excel_records(data, sheet=PurePath(filename).stem, notes=notes)
        elif suffix == ".parquet":
            records = parquet_records(data)
        else:
            text, encoding_notes = decode(data)
            notes += encoding_notes
            records = csv_records(text, csv_layout(text, expects))
        return _table(records, expects, notes)
    except ValueError as error:
        raise Unreadable(str(error)) from error


def refuse_wrong_format(start: bytes, suffix: str) -> None:
    """Raise Unreadable when the file is empty, or when its first four bytes are those of another format."""
    if not start:
        raise Unreadable("the file is empty (zero bytes); save it again, or remove it")
    if suffix not in SUFFIXES:
        raise Unreadable(f"{suffix or 'a file without ending'} is not read; save it as .csv, .xlsx or .parquet")
    found = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet"}.get(start, ".csv")
    if found != suffix and (found != ".csv" or suffix == ".parquet"):
        names = {".xlsx": "an Excel workbook", ".parquet": "Parquet", ".csv": "not Parquet"}
        raise Unreadable(f"the file is {names[found]}, its name ends in {suffix}; rename it or save it again")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable("the file is UTF-16; save it as 'CSV UTF-8'")


def decode(data: bytes) -> tuple[str, list[str]]:
    """Text of a CSV file, and a note when it was not UTF-8. Raises Unreadable when it is not text."""
    if b"\x00" in data:
        raise Unreadable("the file is not text; save it as 'CSV UTF-8'")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        note = f"read as Latin-1, because line {line} is not UTF-8; save it as 'CSV UTF-8' to be sure of accents"
        try:
            return data.decode("cp1252"), [note]
        except UnicodeDecodeError:
            return data.decode("latin-1"), [note]


def is_comment(line: str) -> bool:
    """Whether a line before the header is a comment or blank, or a spreadsheet's "sep=;"; both may be quoted."""
    bare = line.strip().lstrip("\ufeff").strip(",; ")
    return not bare or bare.startswith(("#", '"#')) or re.fullmatch(r'"?sep=\W?"?', bare, re.IGNORECASE) is not None


def separator(header: str, expects: Sequence[str]) -> str:
    """The separator of a CSV file, judged by its header. Raises Unreadable when two would do."""
    known = {name.casefold() for name in expects}
    cells = {mark: _split(header, mark) for mark in (",", ";")}
    hits = {mark: len(known & {c.strip().casefold() for c in found}) for mark, found in cells.items()}
    if len(cells[";"]) == 1:
        if "\t" in header and len(cells[","]) == 1:
            raise Unreadable("the cells are separated by tabs; save it as CSV with commas")
        return ","
    if len(cells[","]) == 1 or hits[";"] > hits[","]:
        return ";"
    if hits[","] > hits[";"]:
        return ","
    raise Unreadable("the header can be split at , and at ;: use one of them throughout")


class Layout(NamedTuple):
    """How a CSV file is laid out: the line of its header, and what separates its cells."""

    header_line: int
    mark: str


def csv_layout(text: str, expects: Sequence[str]) -> Layout:
    """Where the header is and how cells are separated. Raises Unreadable when there is no header."""
    for line, header in enumerate(io.StringIO(text, newline=""), start=1):
        if not is_comment(header):
            return Layout(line, separator(header, expects))
    raise Unreadable("the file has no header row")


def csv_records(text: str, layout: Layout) -> Iterator[Record]:
    """(line, cells) of each record from the header on. Raises Unreadable at a quote that does not close."""
    before = layout.header_line - 1
    lines = islice(io.StringIO(text, newline=""), before, None)
    reader = csv.reader(lines, delimiter=layout.mark, strict=True)
    start = layout.header_line
    try:
        for cells in reader:
            yield start, [unescape_cell(cell) if cell.startswith("'") else cell for cell in cells]
            start = before + reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(_csv_fault(str(error)), row=start) from error


def _split(header: str, mark: str) -> list[str]:
    return next(csv.reader([header], delimiter=mark), [])


def _csv_fault(message: str) -> str:
    if "unexpected end" in message:
        return "a quote that opens here is never closed"
    if "field larger" in message:
        return "a cell has more than 131,072 characters; a quote that opens here may never be closed"
    return "text follows a closing quote; double the quotes inside a quoted cell"


def _table(records: Iterable[Record], expects: Sequence[str], notes: list[str]) -> RawTable:
    source = iter(records)
    header_line, header = next(((n, cells) for n, cells in source if not _skipped(cells)), (0, ()))
    if not header_line:
        raise Unreadable("the file has no header row")
    names = header_names(header, expects, header_line=header_line)
    lines, rows, faults = _body(source, width=len(names))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    cells: dict[str, list[str]] = {}
    for position, (name, column) in enumerate(zip(names, columns, strict=True), start=1):
        stripped = [cell.strip() for cell in column]
        if name:
            cells[name] = stripped
        elif any(stripped):
            notes.append(f"column {position} has no name in the header and was left out")
    return RawTable(cells, lines, header_line, tuple(faults), tuple(notes))


def _skipped(cells: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#")


def header_names(header: Sequence[str], expects: Sequence[str], *, header_line: int = 1) -> list[str]:
    """Names of the columns; one that differs from a declared name in capitals alone is that name.

    Raises Unreadable when a name stands there twice.
    """
    declared = {name.casefold(): name for name in expects}
    stripped = [name.strip().lstrip("\ufeff") for name in header]
    names = [declared.get(name.casefold(), name) for name in stripped]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise Unreadable(f"column {shown(twice[0])} is in the header more than once", row=header_line)
    return names


def _body(records: Iterator[Record], *, width: int) -> tuple[list[int], list[list[str]], list[Fault]]:
    lines: list[int] = []
    rows: list[list[str]] = []
    faults: list[Fault] = []
    for line, cells in records:
        if not any(cells) or not any(cell.strip() for cell in cells):
            continue
        extra = [cell for cell in cells[width:] if cell.strip()]
        if extra:
            faults.append(Fault(line, "", shown(extra[0]), _too_many(len(cells), width)))
            continue
        lines.append(line)
        rows.append([*cells[:width], *[""] * (width - len(cells))])
    return lines, rows, faults


def _too_many(found: int, width: int) -> str:
    return f"this row has {found} cells, the header has {width}: put quotes around a value that holds the separator"
