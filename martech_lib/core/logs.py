"""Logs stay in the engine: a file becomes a view of one in-memory DuckDB, its cells cast by the declaration.

A timestamp with an offset is taken at its word, one without is read in the zone of the profile; either way the
log holds UTC without a zone, so that differences of times are true and every engine understands them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from martech_lib.core.files import (
    Unreadable,
    csv_layout,
    csv_records,
    decode,
    header_names,
    read_raw,
    refuse_wrong_format,
)
from martech_lib.core.tables import NUMERIC, Column, Table, form_for

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

HEAD = 1_000_000
WRITTEN = " as written"
CAST = NUMERIC | {"timestamp", "date"}
ORDERING = "ordering id"
WHOLE = frozenset("TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT".split())


class Log(NamedTuple):
    """A log in its engine.

    Attributes:
        table: Typed columns; blank and unreadable cells are null.
        cells: The same, with `<column> as written` (null where blank) beside each column that had to be cast.
        form: The declaration it follows (events have two forms).
        name: Name of the table.
        header_line: Line of the file that holds the header; None where rows have no lines.
        notes: What was assumed in reading.
    """

    table: ir.Table
    cells: ir.Table
    form: Table
    name: str
    header_line: int | None = None
    notes: tuple[str, ...] = ()


def connect() -> Backend:
    """An in-memory DuckDB."""
    import ibis

    return ibis.duckdb.connect()


def open_log(engine: Backend, path: Path, name: str, *, zone: str) -> Log | None:
    """The log in a file, its times without an offset being those of the zone; None when it has no rows.

    Raises:
        Unreadable: The file cannot be read as its name says.
    """
    engine.raw_sql(f"SET TimeZone = {_quoted(zone)}")
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    suffix = path.suffix.lower()
    refuse_wrong_format(head[:4], suffix)
    if suffix == ".csv":
        return _csv_log(engine, path, name, zone, head)
    if suffix == ".parquet":
        return _parquet_log(engine, path, name, zone)
    return _excel_log(engine, path, name, zone)


def _csv_log(engine: Backend, path: Path, name: str, zone: str, head: bytes) -> Log | None:
    cut = head.rfind(b"\n") + 1 if len(head) == HEAD else 0
    text, notes = decode(head[:cut] or head)
    expects = form_for(name, ()).names
    layout = csv_layout(text, expects)
    records = csv_records(text, layout)
    header = header_names(next(records)[1], expects, header_line=layout.header_line)
    if len(head) < HEAD and not any(any(cells) for _, cells in records):
        return None
    columns = ", ".join(f"{_quoted(c or f'column {i}')}: 'VARCHAR'" for i, c in enumerate(header, start=1))
    source = (
        f"read_csv({_quoted(str(path))}, columns = {{{columns}}}, auto_detect = false, header = false, "
        f"skip = {layout.header_line}, delim = '{layout.mark}', quote = '\"', escape = '\"', "
        f"encoding = '{'latin-1' if notes else 'utf-8'}')"
    )
    log = _views(engine, name, source, zone)
    return log._replace(header_line=layout.header_line, notes=(*notes, *log.notes))


def _parquet_log(engine: Backend, path: Path, name: str, zone: str) -> Log | None:
    source = f"read_parquet({_quoted(str(path))})"
    try:
        first = _rows(engine, f"SELECT 1 FROM {source} LIMIT 1")
    except engine_errors() as error:
        raise unreadable(error) from error
    return _views(engine, name, source, zone)._replace(header_line=1) if first else None


def _excel_log(engine: Backend, path: Path, name: str, zone: str) -> Log | None:
    import pyarrow as pa

    raw = read_raw(path.read_bytes(), filename=path.name, expects=form_for(name, ()).names)
    if not raw.lines:
        return None
    sheet = f"{name} sheet"
    columns = {n: pa.array(c, pa.string()) for n, c in raw.cells.items()}
    engine.create_table(sheet, pa.table(columns), overwrite=True)
    return _views(engine, name, _named(sheet), zone)._replace(header_line=raw.header_line, notes=raw.notes)


def _views(engine: Backend, name: str, source: str, zone: str) -> Log:
    """Create the typed view of a source, and the view that holds its cells as written beside."""
    try:
        found = {row[0]: row[1] for row in _rows(engine, f"DESCRIBE SELECT * FROM {source}")}
        names = header_names(list(found), form_for(name, ()).names)
        form = form_for(name, tuple(names))
        order = [n for n in form.names if n in names] + [n for n in names if n not in form.names]
        origin = {n: (written, found[written]) for n, written in zip(names, found, strict=True)}
        typed = {n: _typed(engine, source, form, n, origin[n], zone) for n in order}
    except engine_errors() as error:
        raise unreadable(error) from error
    cast = [
        f"{_filled(*origin[n])} AS {_named(n + WRITTEN)}"
        for n in order
        if n in form.names and form.column(n).kind in CAST and typed[n] != _named(origin[n][0])
    ]
    columns = [f"{sql} AS {_named(n)}" for n, sql in typed.items()]
    cells = f"{name} cells"
    for view, chosen in ((name, columns), (cells, [*columns, *cast])):
        engine.raw_sql(f"CREATE OR REPLACE VIEW {_named(view)} AS SELECT {', '.join(chosen)} FROM {source}")
    return Log(engine.table(name), engine.table(cells), form, name)


def _typed(engine: Backend, source: str, form: Table, name: str, origin: tuple[str, str], zone: str) -> str:
    """SQL that casts one column to its declared kind; the bare column where there is nothing to cast."""
    bare, found = _named(origin[0]), origin[1]
    filled = _filled(*origin)
    if name not in form.names:
        return filled
    column = form.column(name)
    if column.kind == "timestamp":
        return _time(filled, found, zone)
    if column.kind == "date":
        return bare if found == "DATE" else _finite(f"TRY_CAST({filled} AS DATE)")
    if column.kind in NUMERIC:
        return _number(column, filled, found)
    if column.kind == "choice":
        return _choice(column, f"trim({bare}::VARCHAR)")
    if column.unit == ORDERING and found == "VARCHAR" and _all_whole(engine, source, filled):
        return f"CAST({filled} AS BIGINT)"
    return filled if found == "VARCHAR" or found in WHOLE else f"{bare}::VARCHAR"


def _filled(name: str, found: str) -> str:
    """The column, blank text as null."""
    return f"nullif(trim({_named(name)}), '')" if found == "VARCHAR" else _named(name)


def _time(filled: str, found: str, zone: str) -> str:
    """UTC without a zone. A text goes through a time with a zone, as a plain cast would drop its offset."""
    if zone == "UTC" and found == "TIMESTAMP":
        return filled
    return f"timezone('UTC', {_finite(f'TRY_CAST({filled} AS TIMESTAMPTZ)')})"


def _number(column: Column, filled: str, found: str) -> str:
    number = _finite(f"TRY_CAST({filled} AS DOUBLE)")
    if column.kind == "share" and found == "VARCHAR":
        percent = f"TRY_CAST(trim(replace({filled}, '%', '')) AS DOUBLE) / 100"
        return f"CASE WHEN {filled} LIKE '%\\%' ESCAPE '\\' THEN {percent} ELSE {number} END"
    if column.kind == "integer":
        return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS BIGINT) END"
    return number


def _choice(column: Column, text: str) -> str:
    known = " ".join(f"WHEN {_quoted(value.lower())} THEN {_quoted(value)}" for value in column.allowed)
    return f"CASE lower({text}) {known} ELSE nullif({text}, '') END"


def _all_whole(engine: Backend, source: str, filled: str) -> bool:
    """Whether every identifier is a whole number as it would be printed, so that they order as numbers."""
    whole = f"coalesce(TRY_CAST({filled} AS BIGINT)::VARCHAR = {filled}, {filled} IS NULL)"
    return bool(_rows(engine, f"SELECT coalesce(bool_and({whole}), false) FROM {source}")[0][0])


def unreadable(error: Exception) -> Unreadable:
    """What DuckDB says of a file, in our words."""
    text = str(error)
    line = next((int(part) for part in _after(text, "CSV Error on Line: ")), None)
    width = [*_after(text, "Expected Number of Columns: "), *_after(text, "Found: ")]
    if len(width) == 2:
        said = f"this row has {width[1]} cells, the header {width[0]}: a value that holds the separator needs quotes"
    elif "unicode" in text.lower() or "utf-8" in text.lower():
        said = "the file is not UTF-8; save it as 'CSV UTF-8'"
    elif "quote" in text.lower() and line is not None:
        said = "a quote is not closed, or text follows a closing quote"
    else:
        said = f"the file cannot be read: {text.splitlines()[0] if text else 'unknown reason'}"
    return Unreadable(said, row=line)


def _after(text: str, label: str) -> Sequence[str]:
    start = text.find(label)
    digits = "".join(c for c in text[start + len(label) :].split("\n")[0].split(" ")[0] if c.isdigit())
    return [digits] if start >= 0 and digits else []


def engine_errors() -> tuple[type[Exception], ...]:
    """What DuckDB and Ibis raise when they cannot read a file."""
    import duckdb
    from ibis.common.exceptions import IbisError

    return (duckdb.Error, IbisError)


def _rows(engine: Backend, sql: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = engine.raw_sql(sql).fetchall()
    return rows


def _finite(sql: str) -> str:
    return f"(CASE WHEN isfinite({sql}) THEN {sql} END)"


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
