"""One more row in a register of a folder, or blanks of one filled; the other rows stay as they are, byte by byte."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

from martech_lib.core.errors import UserError, shown
from martech_lib.core.files import Unreadable, csv_layout, csv_records, decode, header_names
from martech_lib.core.register import read_register
from martech_lib.core.spreadsheet import as_text, cell_text, escape_cell
from martech_lib.core.tables import Table

if TYPE_CHECKING:
    import pandas as pd

BOM = b"\xef\xbb\xbf"
MEND = "has a fault to be mended first"
OTHERWISE = "writes its values in another way than the row"


def append_row(file: Path, declared: Table, row: Mapping[str, Any]) -> int:
    """Write a row under those of a CSV file, which is made when it is not there; the line it stands on.

    Args:
        file: A .csv file.
        declared: Its table; the key of the row must not stand in the file yet.
        row: Column -> value; columns that the header lacks are added to it.

    Raises:
        UserError: The file is of another format, cannot be read or written, or has such a row already.
    """
    data = _data_of(file)
    is_empty = not data.strip(BOM + b" \r\n\t")
    told = _Written.new(row) if is_empty else _Written.of(data, declared, file.name)
    key = {column: cell_text(row.get(column)) for column in declared.key}
    told.refuse_twice(key, file.name)
    grown = told.grown(list(row))
    text = f"{grown.text}{grown.line([row.get(name) for name in grown.header])}"
    new = grown.encoded(text, file.name)
    after = _sound(declared, new, file.name, OTHERWISE)
    if not is_empty:
        _refuse_others_changed(_sound(declared, data, file.name, MEND), after, file.name, key)
    _publish(file, data, new)
    return len(io.StringIO(text, newline="").readlines())


def fill_row(file: Path, declared: Table, key: str, cells: Mapping[str, Any]) -> int:
    """Fill cells of a row that are blank; the line it stands on.

    Args:
        file: A .csv file.
        declared: Its table.
        key: What stands in its first key column.
        cells: Column -> value; columns that the header lacks are added to it, blank values are left out.

    Raises:
        UserError: The file cannot be read or written, it has no such row, or another value stands in a cell.
    """
    data, given = _data_of(file), {name: value for name, value in cells.items() if cell_text(value)}
    before = _sound(declared, data, file.name, MEND)
    told = _Written.of(data, declared, file.name).grown(list(given))
    line, row = told.row_of({declared.key[0]: key}, file.name)
    the_row = {declared.key[0]: row[declared.key[0]]}
    blank = _without_what_stands(_read_row(before, the_row), given, f"{file.name} has", f"in row {line}")
    new = told.encoded(told.filled(line, blank), file.name)
    after = _sound(declared, new, file.name, OTHERWISE)
    _refuse_others_changed(before, after, file.name, the_row)
    _refuse_misread(_read_row(after, the_row), blank, file.name)
    _publish(file, data, new)
    return line


def _data_of(file: Path) -> bytes:
    """What stands in a CSV file; nothing where there is none. Raises UserError."""
    if file.suffix.lower() != ".csv":
        raise UserError(f"{file.name} is no CSV file, and only these are written to; write the row into it by hand.")
    try:
        return file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise UserError(f"{file.name} cannot be read: {error.strerror}.") from error


def _sound(declared: Table, data: bytes, name: str, why: str) -> pd.DataFrame:
    """What the file's rows read as. Raises UserError where it has faults, which says why they are there."""
    found = read_register(declared, data, name)
    if found.problems:
        raise UserError(f"{name} {why}: {found.problems[0]}")
    return found.frame


def _refuse_others_changed(before: pd.DataFrame, after: pd.DataFrame, name: str, key: Mapping[str, str]) -> None:
    """Raise UserError when rows other than that of the key read otherwise than they did."""
    if len(before) and not _without_row(after, key)[list(before)].equals(_without_row(before, key)):
        raise UserError(f"{name} {OTHERWISE}; write the row into it by hand.")


def _without_what_stands(row: Mapping[str, str], given: Mapping[str, Any], has: str, where: str) -> dict[str, Any]:
    """What is given for blank cells of a row as it reads. Raises UserError where another value stands in one."""
    for column, value in given.items():
        there = row.get(column, "")
        if there and there != cell_text(value):
            raise UserError(
                f"{has} {column} '{shown(there)}' {where} already, and it is not written over; change it in the file."
            )
    return {column: value for column, value in given.items() if not row.get(column, "")}


def _refuse_misread(row: Mapping[str, str], given: Mapping[str, Any], name: str) -> None:
    """Raise UserError when what was filled in reads as something else: 1.125 is 1125 beside decimal commas."""
    for column, value in given.items():
        if row[column] != cell_text(value):
            raise UserError(
                f"{name} would read {column} {shown(cell_text(value))} as {shown(row[column])}, for it writes values "
                "in another way; fill it in by hand."
            )


def _read_row(frame: pd.DataFrame, key: Mapping[str, str]) -> dict[str, str]:
    """The row of a very key as text, as it reads."""
    told = as_text(frame)
    is_it = [
        all(row[column].strip() == value.strip() for column, value in key.items()) for row in told.to_dict("records")
    ]
    return {str(column): str(cell) for column, cell in told[is_it].iloc[0].items()}


def _without_row(frame: pd.DataFrame, key: Mapping[str, str]) -> pd.DataFrame:
    """All rows but that of a key, as text."""
    told = as_text(frame)
    is_other = [not _has_key(row, key) for row in told.to_dict("records")]
    return told[is_other].reset_index(drop=True)


def _has_key(row: Mapping[Any, str], key: Mapping[str, str]) -> bool:
    """Whether a row is that of a key, however its capitals are."""
    return all(row.get(column, "").strip().casefold() == value.strip().casefold() for column, value in key.items())


class _Written(NamedTuple):
    """A CSV file as text, and how it is written."""

    text: str
    header: list[str]
    header_at: tuple[int, int]
    rows: Sequence[tuple[int, Mapping[str, str]]]
    mark: str
    newline: str
    encoding: str

    @classmethod
    def new(cls, row: Mapping[str, Any]) -> _Written:
        blank = cls("", list(row), (0, 0), [], ",", "\n", "utf-8")
        return blank._replace(text=blank.line(list(row)))

    @classmethod
    def of(cls, data: bytes, declared: Table, name: str) -> _Written:
        try:
            text, notes = decode(data)
            layout = csv_layout(text, declared.names)
            records = list(csv_records(text, layout))
        except Unreadable as error:
            raise UserError(f"{name}: {error}.") from error
        newline = "\r\n" if "\r\n" in text else "\n"
        if not text.endswith("\n"):
            text += newline
        lines = io.StringIO(text, newline="").readlines()
        body = records[1][0] if len(records) > 1 else None
        first, last = layout.header_line - 1, (body or len(lines) + 1) - 1
        header = header_names(records[0][1], declared.names, header_line=layout.header_line)
        at = (sum(map(len, lines[:first])), sum(map(len, lines[:last])))
        rows = [(line, dict(zip(header, cells, strict=False))) for line, cells in records[1:]]
        encoding = "cp1252" if notes else "utf-8-sig" if data.startswith(BOM) else "utf-8"
        return cls(text, header, at, rows, layout.mark, newline, encoding)

    def refuse_twice(self, key: Mapping[str, str], name: str) -> None:
        """Raise UserError when a row of this key stands there."""
        for line, cells in self.rows:
            if _has_key(cells, key):
                raise UserError(f"{name} has '{shown(next(iter(key.values())).strip())}' already, in row {line}.")

    def grown(self, names: Sequence[str]) -> _Written:
        """The same with these columns in the header; rows that are shorter than it have blanks there."""
        added = [name for name in names if name not in self.header]
        if not added:
            return self
        start, end = self.header_at
        header = [*self.header, *added]
        return self._replace(text=self.text[:start] + self.line(header) + self.text[end:], header=header)

    def row_of(self, key: Mapping[str, str], name: str) -> tuple[int, Mapping[str, str]]:
        """The row of this key and its line. Raises UserError where there is none."""
        alike = [row for row in self.rows if _has_key(row[1], key)]
        exact = [row for row in alike if all(row[1][column].strip() == value for column, value in key.items())]
        found, said = exact or alike, shown(next(iter(key.values())))
        if not found:
            raise UserError(f"{name} has no row '{said}'.")
        if len(found) > 1:
            lines = " and ".join(str(line) for line, _ in found[:3])
            raise UserError(f"{name} has '{said}' in rows {lines}, so that nobody knows which is meant.")
        return found[0]

    def filled(self, line: int, given: Mapping[str, Any]) -> str:
        """The text with cells of the row on this line filled."""
        if not given:
            return self.text
        lines = io.StringIO(self.text, newline="").readlines()
        reader = csv.reader(lines[line - 1 :], delimiter=self.mark)
        record = next(reader)  # by place: columns without a name, and cells beyond the header, stay
        record += [""] * (len(self.header) - len(record))
        for column, value in given.items():
            record[self.header.index(column)] = escape_cell(cell_text(value))
        into = io.StringIO()
        csv.writer(into, delimiter=self.mark, lineterminator=self.newline).writerow(record)
        return "".join([*lines[: line - 1], into.getvalue(), *lines[line - 1 + reader.line_num :]])

    def line(self, cells: Sequence[Any]) -> str:
        """Cells as one record."""
        into = io.StringIO()
        csv.writer(into, delimiter=self.mark, lineterminator=self.newline).writerow(
            [escape_cell(cell_text(cell)) for cell in cells]
        )
        return into.getvalue()

    def encoded(self, text: str, name: str) -> bytes:
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            came = shown(text[error.start])
            raise UserError(f"{name} is not UTF-8 and cannot hold '{came}'; save it as 'CSV UTF-8' first.") from error


def _publish(file: Path, old: bytes, new: bytes) -> None:
    """Put the new file in the old one's place, whole or not at all."""
    file = file.resolve()
    if file.exists() and not os.access(file, os.W_OK):
        raise UserError(f"{file.name} is read-only; write the row into it by hand.")
    beside = None
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as handle:
            beside = Path(handle.name)
            handle.write(new)
        if file.exists():
            shutil.copymode(file, beside)
        else:
            beside.chmod(0o644)
        if (file.read_bytes() if file.exists() else b"") != old:
            raise UserError(f"{file.name} was changed meanwhile; try again.")
        os.replace(beside, file)
    except OSError as error:
        raise UserError(f"{file.name} cannot be written: {error.strerror}. Write the row into it by hand.") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
