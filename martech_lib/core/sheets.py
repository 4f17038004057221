"""Excel workbooks and Parquet files -> records of text cells, so that they take the same way as a CSV file."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

UNPACKED_LIMIT = 500_000_000
CURRENCY_FORMAT = re.compile(r'\[\$([^\]\-]+)(?:-[^\]]*)?\]|"?([€£¥₹])"?|(?:^|")(\$)')


def excel_records(data: bytes, *, sheet: str, notes: list[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """(row, cells) of the sheet that bears the table's name, else of the first one; other sheets are noted.

    Raises:
        ValueError: It is not a workbook, or too large once unpacked.
    """
    from openpyxl import load_workbook

    try:
        _refuse_large(sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(data)).infolist()))
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        chosen = next((s for s in book.worksheets if s.title.casefold() == sheet.casefold()), book.worksheets[0])
        if len(book.worksheets) > 1:
            notes.append(f"read from the sheet '{chosen.title}'; the other sheets were not read")
        chosen.reset_dimensions()
        rows = [[_excel_text(cell) for cell in row] for row in chosen.iter_rows()]
    except TooLarge:
        raise
    except Exception as error:  # a damaged workbook fails in many ways inside openpyxl
        raise ValueError("the file cannot be read as an Excel workbook; save it again as .xlsx") from error
    yield from enumerate(rows, start=1)


def parquet_records(data: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """(row, cells), the column names as row 1.

    Raises:
        ValueError: It is not Parquet, or too large once unpacked.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        groups = range(file.metadata.num_row_groups)
        _refuse_large(sum(file.metadata.row_group(i).total_byte_size for i in groups))
        found = file.read()
        columns = [[cell_text(value) for value in column.to_pylist()] for column in found.columns]
    except TooLarge:
        raise
    except Exception as error:  # a damaged file fails in many ways inside pyarrow
        raise ValueError("the file cannot be read as Parquet; write it again") from error
    yield 1, [str(name) for name in found.column_names]
    yield from enumerate(zip(*columns, strict=True), start=2)


class TooLarge(ValueError):
    """A packed file that is small on disk and huge in memory."""


def cell_text(value: Any) -> str:
    """A typed value as the text that reads back as the same value; blank and not-a-number are ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and not value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | set):
        return "; ".join(cell_text(item) for item in value)
    return str(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    # three decimals look like a group of thousands; a fourth says that the dot is a decimal point
    return f"{text}0" if re.fullmatch(r"-?\d+\.\d{3}", text) else text


def _excel_text(cell: Any) -> str:
    value = cell.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return cell_text(value)
    form = str(cell.number_format or "")
    if "%" in form:
        return f"{_float_text(round(value * 100, 10))}%"
    currency = CURRENCY_FORMAT.search(form)
    symbol = next((mark for mark in currency.groups() if mark), "") if currency else ""
    return f"{symbol} {_float_text(float(value))}".strip()


def _refuse_large(size: int) -> None:
    if size > UNPACKED_LIMIT:
        raise TooLarge(f"the file unpacks to {size / 1e6:,.0f} MB; a register may have {UNPACKED_LIMIT / 1e6:,.0f} MB")
