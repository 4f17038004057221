"""A database or warehouse as a workspace: tables by name, over Ibis."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from martech_lib.core.errors import Problem, WorkspaceError
from martech_lib.core.files import RawTable, header_names
from martech_lib.core.logs import Log
from martech_lib.core.register import Register, check_register, empty_frame
from martech_lib.core.sheets import cell_text
from martech_lib.core.tables import EXTRACTS, form_for, table, tables

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
PASSWORD = re.compile(r"(?<=://)([^:/@]*):(.*)(?=@)")
SECRET = re.compile(r"([?&][^=&]*(?:password|passwd|pwd|token|secret|key)[^=&]*=)([^&]+)", re.IGNORECASE)
NOT_IN_A_URL = re.compile(r"[@/?#\[\]\s]|%(?![0-9A-Fa-f]{2})")
ROW_LIMIT = 500_000
EXTRACT_PREFIX = f"{EXTRACTS}_"


def is_url(source: str) -> bool:
    """Whether this names a database, not a folder."""
    return bool(URL.match(source))


def masked(text: str) -> str:
    """A URL without its password, tokens and keys."""
    return SECRET.sub(r"\1***", PASSWORD.sub(r"\1:***", text))


class Database:
    """The tables of a database.

    Attributes:
        shown: The URL without secrets, or the kind of connection.
        files: Table name -> name in the database.
        notes: Nothing so far.
    """

    def __init__(self, source: Any) -> None:
        self.shown = masked(source) if isinstance(source, str) else f"a {type(source).__name__} connection"
        self._backend = _connect(source)
        self.files = _tables(self._told(self._names))
        self.notes: tuple[str, ...] = ()

    def label(self, name: str) -> str:
        """The table's name in the database."""
        return f"table {self.files.get(name, name)}"

    def conflict(self, name: str) -> Problem | None:
        """The problem of a register with too many rows."""
        rows = 0 if table(name).log else int(self._told(self._backend.table(self.files[name]).count().execute))
        if rows <= ROW_LIMIT:
            return None
        message = f"the table has {rows:,} rows; a register may have {ROW_LIMIT:,}"
        return Problem(name, self.label(name), None, "", "", message)

    def register(self, name: str) -> Register:
        """A register, pulled and checked as a file would be; row 1 is the first row."""
        problem = self.conflict(name)
        if problem:
            return Register(empty_frame(table(name)), (problem,))
        return check_register(table(name), self._raw(name), self.label(name))

    def has_rows(self, name: str) -> bool:
        """Whether a log has any row."""
        return bool(self._told(self._backend.table(self.files[name]).limit(1).count().execute))

    def log(self, name: str, zone: str) -> Log | None:
        """A log where it lies; None when it has no rows."""
        if not self.has_rows(name):
            return None
        found = self._backend.table(self.files[name])
        names = header_names(found.columns, form_for(name, ()).names)
        form = form_for(name, tuple(names))
        found = found.rename(dict(zip(names, found.columns, strict=True)))
        as_utc = IN_UTC.get(self._backend.name)
        if as_utc:
            times = [c.name for c in form.columns if c.kind == "timestamp" and c.name in names]
            found = found.mutate(**{t: as_utc(found[t], zone) for t in times if found[t].type().is_timestamp()})
        return Log(found, found, form, name)

    def fingerprint(self, name: str) -> str:
        """SHA-256 of a register's cells; of a log's columns, types and number of rows."""
        found = self._backend.table(self.files[name])
        content = f"{found.schema()} {self._told(found.count().execute)}" if table(name).log else repr(self._raw(name))
        return hashlib.sha256(content.encode()).hexdigest()

    def _names(self) -> list[str]:
        if self._backend.name == "duckdb":  # list_tables of ibis 12 calls what duckdb 2 has dropped
            return [row[0] for row in self._backend.raw_sql("SHOW TABLES").fetchall()]
        found: list[str] = self._backend.list_tables()
        return found

    def _raw(self, name: str) -> RawTable:
        found = self._told(self._backend.table(self.files[name]).to_pyarrow)
        names = header_names([str(c) for c in found.column_names], table(name).names)
        columns = [[cell_text(value).strip() for value in column.to_pylist()] for column in found.columns]
        return RawTable(dict(zip(names, columns, strict=True)), list(range(1, found.num_rows + 1)), header_line=None)

    def _told(self, ask: Any) -> Any:
        try:
            return ask()
        except Exception as error:  # each backend raises its own
            raise WorkspaceError(f"{self.shown} does not answer: {_first_line(error)}") from None


def _connect(source: Any) -> Any:
    import ibis

    try:
        if isinstance(source, str):
            return _connect_url(source)
        if isinstance(source, ibis.BaseBackend):
            return source
        module = type(source).__module__
        if module.startswith("pyspark"):
            return ibis.pyspark.connect(source)
        if module.startswith(("duckdb", "_duckdb")):
            return ibis.duckdb.from_connection(source)
    except Exception as error:  # a missing driver, a wrong URL, a refused connection: each backend raises its own
        shown = masked(source) if isinstance(source, str) else type(source).__name__
        raise WorkspaceError(f"{shown} cannot be opened: {_first_line(error, source)}") from None
    raise WorkspaceError(f"a {type(source).__name__} is not a workspace; give a folder, a URL or an Ibis connection")


def _connect_url(url: str) -> Any:
    import ibis

    if any(NOT_IN_A_URL.search(found[2]) for found in PASSWORD.finditer(url)):
        raise ValueError("its password holds signs that end it early in a URL; write @ as %40, / as %2F, % as %25")
    if url.lower().startswith("duckdb://"):  # else a mistyped path would create an empty database
        return ibis.connect(url, read_only=True)
    return ibis.connect(url)


def _tables(found: list[str]) -> Mapping[str, str]:
    by_fold = {name.casefold(): name for name in found}
    own = {n: by_fold[n] for n, t in tables().items() if n in by_fold and n != EXTRACTS and not t.form_of}
    extracts = {
        f"{EXTRACTS}/{name[len(EXTRACT_PREFIX) :]}": name
        for name in sorted(found)
        if name.casefold().startswith(EXTRACT_PREFIX)
    }
    return own | extracts


def in_utc(time: Any, zone: str) -> Any:
    """A time as UTC without a zone; one that has no zone is of this zone."""
    import ibis
    import ibis.expr.datatypes as dt

    plain, zoned = dt.Timestamp(), dt.Timestamp(timezone="UTC")
    to_plain = ibis.udf.scalar.builtin(_timezone, name="timezone", signature=((dt.string, zoned), plain))
    to_zoned = ibis.udf.scalar.builtin(_timezone, name="timezone", signature=((dt.string, plain), zoned))
    if time.type().timezone is None:
        return time if zone == "UTC" else to_plain("UTC", to_zoned(zone, time))
    return to_plain("UTC", time)


def _timezone(zone: str, time: Any) -> Any:
    """The engine's own timezone(zone, time)."""


def _in_utc_on_spark(time: Any, zone: str) -> Any:
    """The same on Spark, of which ibis does not tell whether a time has a zone."""
    import ibis

    kind = ibis.udf.scalar.builtin(_typeof, name="typeof", signature=(("timestamp",), "string"))
    to_utc = ibis.udf.scalar.builtin(_to_utc, name="to_utc_timestamp", signature=(("timestamp", "string"), "timestamp"))
    return (kind(time) == "timestamp_ntz").ifelse(to_utc(time, zone), time)


def _typeof(value: Any) -> Any:
    """Spark's own typeof(value)."""


def _to_utc(time: Any, zone: str) -> Any:
    """Spark's own to_utc_timestamp(time, zone)."""


IN_UTC = {"duckdb": in_utc, "postgres": in_utc, "pyspark": _in_utc_on_spark}


def _first_line(error: Exception, source: Any = "") -> str:
    """The first line of an error, without the secrets of the URL."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(source, str):
        found = [m[2] for m in (*PASSWORD.finditer(source), *SECRET.finditer(source))]
        for secret in filter(None, found):
            line = line.replace(secret, "***").replace(unquote_plus(secret), "***")
    return masked(line)
