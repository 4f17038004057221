"""The workspace: a folder or a database of input tables, checked once at the edge.

>>> ws = Workspace.open("data/sample/saas")
>>> ws.register("inventory")       # pandas, typed
>>> ws.log("touches")              # Ibis, never pulled whole into memory
>>> ws.check()                     # every problem of every table
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import pandas as pd

from martech_lib.core.check import is_time_zone
from martech_lib.core.database import Database, is_url
from martech_lib.core.errors import MissingTable, Problem, TableError, UserError, WorkspaceError
from martech_lib.core.files import Unreadable
from martech_lib.core.folder import Folder
from martech_lib.core.log_check import check_log, clock_notes, log_notes
from martech_lib.core.logs import Log
from martech_lib.core.profile import profile_facts_of
from martech_lib.core.register import Register, in_one_currency, parse_register
from martech_lib.core.tables import EXTRACTS, table, tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MissingTable", "Problem", "TableError", "TableStatus", "Workspace", "WorkspaceError", "parse_register"]


class TableStatus(NamedTuple):
    """How one table stands.

    Attributes:
        table: Its name.
        status: ok, missing (absent, or without rows) or error.
        rows: How many rows were read; None when missing or unreadable.
        problems: What must be put right.
        notes: What was assumed in reading.
    """

    table: str
    status: Literal["ok", "missing", "error"]
    rows: int | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Where tables come from."""

    shown: str
    notes: tuple[str, ...]

    @property
    def files(self) -> Mapping[str, Any]: ...
    def label(self, name: str) -> str: ...
    def conflict(self, name: str) -> Problem | None: ...
    def register(self, name: str) -> Register: ...
    def has_rows(self, name: str) -> bool: ...
    def log(self, name: str, zone: str) -> Log | None: ...
    def fingerprint(self, name: str) -> str: ...


class CheckedLog(NamedTuple):
    """A log, the number of its rows, and its problems."""

    log: Log | None
    rows: int | None
    problems: tuple[Problem, ...]


class Workspace:
    """The input tables of one company. Tables are read on first use and kept."""

    def __init__(self, source: Source) -> None:
        self._from = source
        self._registers: dict[str, Register] = {}
        self._logs: dict[str, CheckedLog] = {}

    @classmethod
    def open(cls, source: Any) -> Workspace:
        """Open a folder, an Ibis URL (`duckdb://...`, `postgres://...`) or a connection of Ibis, Spark or DuckDB.

        Raises:
            WorkspaceError: There is no such folder, or the database does not answer.
        """
        if isinstance(source, Path) or (isinstance(source, str) and not is_url(source)):
            return cls(Folder(source))
        return cls(Database(source))

    def __repr__(self) -> str:
        return f"Workspace({self.source!r}: {', '.join(self.present) or 'no tables'})"

    @property
    def source(self) -> str:
        """The folder or URL, without passwords."""
        return self._from.shown

    @property
    def notes(self) -> tuple[str, ...]:
        """Files that were left out, and why."""
        return self._from.notes

    @property
    def present(self) -> tuple[str, ...]:
        """Tables of which there is a file, with or without rows, in the order of the data dictionary."""
        names = set(self._from.files)
        own = [name for name in tables() if name in names]
        return (*own, *sorted(name for name in names if name.startswith(f"{EXTRACTS}/")))

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that have rows."""
        return tuple(name for name in self.present if self.has(name))

    @property
    def extracts(self) -> tuple[str, ...]:
        """The logs `extracts/<system>` that have rows."""
        return tuple(name for name in self.tables if name.startswith(f"{EXTRACTS}/"))

    def has(self, name: str) -> bool:
        """Whether a table is there and has rows. One that is there and cannot be read counts as there."""
        if name not in self.present:
            table(name)
            return False
        if table(name).log:
            return self._from.has_rows(name)
        found = self._register(name)
        return bool(found.problems) or not found.frame.empty

    def register(self, name: str) -> pd.DataFrame:
        """A register as a typed frame of its own.

        Raises:
            MissingTable: It is absent or has no rows.
            TableError: It has problems; the message lists them.
        """
        if table(name).log:
            raise UserError(f"{name} is a log; ask for ws.log({name!r})")
        self._refuse_missing(name)
        found = self._register(name)
        if found.problems:
            raise TableError(found.problems)
        return found.frame.copy()

    def log(self, name: str) -> ir.Table:
        """A log as an Ibis table, checked in its engine on first use. Times are UTC without a zone.

        Raises:
            MissingTable: It is absent or has no rows.
            TableError: It has problems; the message lists them.
        """
        if not table(name).log:
            raise UserError(f"{name} is a register; ask for ws.register({name!r})")
        self._refuse_missing(name)
        found = self._log(name)
        if found.problems or found.log is None:
            raise TableError(found.problems)
        return found.log.table

    def clock_notes(self, name: str) -> tuple[str, ...]:
        """What was assumed in reading the times of a log: some with an offset, some without."""
        found = self._log(name).log
        return tuple(clock_notes(found)) if found else ()

    def check(self) -> list[Problem]:
        """Every problem of every table, in the order of the data dictionary."""
        return [problem for status in self.status() for problem in status.problems]

    def status(self) -> tuple[TableStatus, ...]:
        """How every table stands, the missing ones too."""
        declared = [name for name, t in tables().items() if not t.form_of and name != EXTRACTS]
        extracts = [name for name in self.present if name.startswith(f"{EXTRACTS}/")] or [EXTRACTS]
        return tuple(self._status(name) for name in (*declared, *extracts))

    @property
    def profile(self) -> dict[str, Any]:
        """The known facts of profile.csv that are filled; empty when it is missing. Raises TableError."""
        return profile_facts_of(self.register("profile")) if self.has("profile") else {}

    @property
    def fingerprints(self) -> dict[str, str]:
        """Table -> SHA-256 of what was read, for every table that is there. Reads large logs whole."""
        return {name: self.fingerprint(name) for name in self.present}

    def fingerprint(self, name: str) -> str:
        """SHA-256 of one table: of its file's bytes, or of its content in a database."""
        return self._from.fingerprint(name)

    def file_for(self, name: str) -> str:
        """The file that holds a table, or would: `inventory.csv`."""
        return self._from.label(name)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files, beside which small files are kept; else a database, which is only read."""
        return isinstance(self._from, Folder)

    @property
    def has_changed(self) -> bool:
        """Whether a file came, went or was written since the folder was opened; of a database nobody knows."""
        return isinstance(self._from, Folder) and self._from.has_changed

    def append(self, name: str, row: Mapping[str, Any]) -> str:
        """Write one more row into a register; where it stands, in words. The other rows stay as they are.

        Raises:
            UserError: The workspace is a database, the file is no CSV or cannot be written, or the row is there.
        """
        line = self._written_to(name).append(name, row)
        self._registers.pop(name, None)
        return f"{self.file_for(name)}, row {line}"

    def fill(self, name: str, key: str, cells: Mapping[str, Any]) -> str:
        """Fill blank cells of the row of a register that has this key; where it stands, in words.

        Raises:
            UserError: As `append`; or there is no such row, or another value stands in a cell.
        """
        line = self._written_to(name).fill(name, key, cells)
        self._registers.pop(name, None)
        return f"{self.file_for(name)}, row {line}"

    def keep(self, name: str, text: str) -> str:
        """Write a small file beside the tables, such as the card of a plan; where it stands. Never writes one over.

        Raises:
            UserError: The workspace is a database, or the file is there or cannot be written.
        """
        if not isinstance(self._from, Folder):
            raise UserError(f"{self.source} is a database, which is only read; download the file in its place.")
        return self._from.keep(name, text)

    def unkeep(self, name: str) -> None:
        """Take back a file that `keep` has just written, because what belongs to it could not be."""
        if isinstance(self._from, Folder):
            self._from.unkeep(name)

    def kept(self, folder: str) -> dict[str, str]:
        """The text of the YAML files in a folder beside the tables, by name; none in a database."""
        return self._from.kept(folder) if isinstance(self._from, Folder) else {}

    def _written_to(self, name: str) -> Folder:
        """Where rows of a register are written. Raises UserError."""
        if table(name).log:
            raise UserError(f"{name} is a log, written by systems; rows are added to registers alone.")
        if not isinstance(self._from, Folder):
            raise UserError(
                f"{self.source} is a database, which is only read; write the row into it with your own tools."
            )
        return self._from

    def _refuse_missing(self, name: str) -> None:
        if not self.has(name):
            file = self.file_for(name)
            raise MissingTable(f"{file} is missing or has no rows; it switches on {table(name).switches_on}")

    def _register(self, name: str) -> Register:
        if name not in self._registers:
            self._registers[name] = self._in_one_currency(name, self._from.register(name))
        return self._registers[name]

    def _in_one_currency(self, name: str, found: Register) -> Register:
        if not found.marks:
            return found
        facts = self._facts(found if name == "profile" else None)
        return in_one_currency(found, str(facts.get("currency", "")).upper(), name=name, file=self.file_for(name))

    def _facts(self, found: Register | None = None) -> dict[str, Any]:
        """What can be read of the profile, whether or not all of it is right."""
        if found is None and "profile" not in self.present:
            return {}
        frame = (found or self._register("profile")).frame
        return profile_facts_of(frame) if "key" in frame else {}

    def _log(self, name: str) -> CheckedLog:
        if name not in self._logs:
            self._logs[name] = self._read_log(name)
        return self._logs[name]

    def _read_log(self, name: str) -> CheckedLog:
        problem = self._from.conflict(name)
        if problem:
            return CheckedLog(None, None, (problem,))
        try:
            found = self._from.log(name, self._zone())
            rows, problems = check_log(found, self.file_for(name)) if found else (None, [])
        except Unreadable as error:
            problem = Problem(name, self.file_for(name), error.row, "", "", str(error))
            return CheckedLog(None, None, (problem,))
        return CheckedLog(found, rows, tuple(problems))

    def _zone(self) -> str:
        zone = str(self._facts().get("timezone", "UTC"))
        return zone if is_time_zone(zone) else "UTC"

    def _status(self, name: str) -> TableStatus:
        if not self.has(name):
            return TableStatus(name, "missing")
        if table(name).log:
            log, rows, problems = self._log(name)
            notes = (*log.notes, *log_notes(log)) if log and not problems else ()
        else:
            found = self._register(name)
            problems, notes = found.problems, found.notes
            rows = len(found.frame) if not problems or len(found.frame) else None
        return TableStatus(name, "error" if problems else "ok", rows, problems, notes)
