"""A folder as a workspace: which file holds which table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from martech_lib.core.append import append_row, fill_row
from martech_lib.core.errors import Problem, UserError, WorkspaceError, did_you_mean, nearest, shown
from martech_lib.core.files import (
    REGISTER_LIMIT,
    SUFFIXES,
    Unreadable,
    csv_layout,
    csv_records,
    decode,
    read_raw,
    refuse_wrong_format,
)
from martech_lib.core.logs import HEAD, Log, connect, open_log
from martech_lib.core.register import Register, empty_frame, read_register
from martech_lib.core.tables import EXTRACTS, table, tables

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

OTHER_SUFFIXES = (".xls", ".tsv", ".txt", ".json", ".ods")


class Folder:
    """The tables in a folder.

    Attributes:
        shown: The folder as it was named.
        files: Table name -> its file.
        notes: Files that were left out, and why.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.shown = str(path)
        _refuse_absent(self.path)
        self._all = _files(self.path)
        self.files: dict[str, Path] = {name: found[0] for name, found in self._all.items()}
        self.notes = tuple(_left_out(self.path))
        self._state = _state_of(self.path)

    @property
    def has_changed(self) -> bool:
        """Whether a file came, went or was written since the folder was opened."""
        return _state_of(self.path) != self._state

    def label(self, name: str) -> str:
        """The file of a table, as the user knows it."""
        return self.files[name].relative_to(self.path).as_posix() if name in self.files else f"{name}.csv"

    def conflict(self, name: str) -> Problem | None:
        """The problem of a table for which there are two files, or that is too large for a register."""
        found = self._all[name]
        if len(found) > 1:
            both = " and ".join(p.relative_to(self.path).as_posix() for p in found)
            return self._problem(name, f"there are two files for one table, {both}; keep one of them")
        size = found[0].stat().st_size
        if not table(name).log and size > REGISTER_LIMIT:
            return self._problem(name, _too_large(size))
        return None

    def register(self, name: str) -> Register:
        """A register, read and checked."""
        declared, problem = table(name), self.conflict(name)
        if problem:
            return Register(empty_frame(declared), (problem,))
        try:
            data = self.files[name].read_bytes()
        except OSError as error:
            return Register(empty_frame(declared), (self._problem(name, _not_opened(error)),))
        return read_register(declared, data, self.label(name))

    def has_rows(self, name: str) -> bool:
        """Whether a log has any row; a file that cannot be read counts, so that its fault comes to light."""
        try:
            return _has_rows(self.files[name], name)
        except (Unreadable, OSError):
            return True

    def log(self, name: str, zone: str) -> Log | None:
        """A log in the folder's engine; None when it has no rows. Raises Unreadable."""
        try:
            return open_log(self._engine, self.files[name], name, zone=zone)
        except OSError as error:
            raise Unreadable(_not_opened(error)) from error

    def fingerprint(self, name: str) -> str:
        """SHA-256 of the file's bytes."""
        with self.files[name].open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()

    def append(self, name: str, row: Mapping[str, Any]) -> int:
        """One more row in a register's file, which is made when it is not there; its line. Raises UserError."""
        file = self.files.get(name, self.path / f"{name}.csv")
        line = append_row(file, table(name), row)
        self.files.setdefault(name, file)
        self._all.setdefault(name, [file])
        return line

    def fill(self, name: str, key: str, cells: Mapping[str, Any]) -> int:
        """Fill blank cells of a register's row; its line. Raises UserError."""
        return fill_row(self.files.get(name, self.path / f"{name}.csv"), table(name), key, cells)

    def keep(self, name: str, text: str) -> str:
        """Write a small file of its own beside the tables, which must not be there yet; its name. Raises UserError."""
        file = self.path / name
        try:
            file.parent.mkdir(exist_ok=True)
            with file.open("x", encoding="utf-8", newline="\n") as handle:
                handle.write(text)
        except OSError as error:
            if file.exists():
                raise UserError(f"{name} is there already, and is not written over.") from error
            raise UserError(f"{name} cannot be written: {error.strerror}. Download it instead.") from error
        return name

    def unkeep(self, name: str) -> None:
        """Take back a file that was kept; its folder too where nothing else is in it."""
        file = self.path / name
        file.unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()

    def kept(self, folder: str) -> dict[str, str]:
        """The text of every YAML file in a folder beside the tables, by name."""
        found = sorted((self.path / folder).glob("*.yaml")) if (self.path / folder).is_dir() else []
        return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in found if path.is_file()}

    @cached_property
    def _engine(self) -> Backend:
        return connect()

    def _problem(self, name: str, message: str) -> Problem:
        return Problem(name, self.label(name), None, "", "", message)


def _refuse_absent(path: Path) -> None:
    try:
        if path.is_dir():
            list(path.iterdir())
            return
        there = path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WorkspaceError(f"the folder {shown(path)} cannot be opened: {reason}") from error
    if there:
        raise WorkspaceError(f"{shown(path)} is a file; a workspace is the folder that holds the tables")
    parent = path.parent
    beside = [p.name for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
    meant = nearest(path.name, beside)
    hint = f"; did you mean {parent / meant}?" if meant else ""
    raise WorkspaceError(f"there is no folder {shown(path)}{hint}")


def _state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """File of the folder, or of one in it -> when it was last written, and its size."""
    found = {}
    for path in (*folder.glob("[!.]*"), *folder.glob("[!.]*/[!.]*")):
        try:
            status = path.stat()
        except OSError:  # gone meanwhile, or a link to nothing: no table either
            continue
        if S_ISREG(status.st_mode):
            found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


def _files(folder: Path) -> dict[str, list[Path]]:
    """Table name -> its files, in the order of the tables."""
    found: dict[str, list[Path]] = {}
    own = {name.casefold(): name for name, t in tables().items() if name != EXTRACTS and not t.form_of}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.stem.casefold() in own and path.is_file():
            found.setdefault(own[path.stem.casefold()], []).append(path)
    ordered = {name: found[name] for name in own.values() if name in found}
    extracts = folder / EXTRACTS
    for path in sorted(extracts.iterdir()) if extracts.is_dir() else []:
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith((".", "~")):
            ordered.setdefault(f"{EXTRACTS}/{path.stem}", []).append(path)
    return ordered


def _left_out(folder: Path) -> list[str]:
    notes = []
    for path in sorted(folder.iterdir()):
        stem, suffix = path.stem.casefold(), path.suffix.lower()
        if path.name.startswith((".", "~")) or not path.is_file():
            continue
        if stem in tables() and suffix in OTHER_SUFFIXES:
            notes.append(f"{shown(path.name)} was not read; save it as .csv, .xlsx or .parquet")
        elif suffix in SUFFIXES and (stem not in tables() or tables()[stem].form_of):
            notes.append(f"{shown(path.name)} is not a table of the workbook and was not read{_meant(stem)}")
    return notes


def _meant(stem: str) -> str:
    hint = did_you_mean(stem, [name for name, t in tables().items() if not t.form_of])
    return hint.replace("?", ".csv?")


def _has_rows(path: Path, name: str) -> bool:
    suffix = path.suffix.lower()
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    refuse_wrong_format(head[:4], suffix)
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        try:
            return bool(pq.ParquetFile(path).metadata.num_rows)
        except Exception:  # a damaged file is there; opening it as a log tells what is wrong
            return True
    if suffix == ".xlsx":
        return bool(read_raw(path.read_bytes(), filename=path.name, expects=table(name).names).lines)
    if len(head) == HEAD:
        return True
    text, _ = decode(head)
    rows = csv_records(text, csv_layout(text, table(name).names))
    next(rows)
    return any(any(cells) for _, cells in rows)


def _too_large(size: int) -> str:
    names = [name for name, t in tables().items() if t.log and not t.form_of]
    logs = ", ".join(f"{name}/*" if name == EXTRACTS else name for name in names)
    return (
        f"the file has {size / 1e6:,.0f} MB; a register may have {REGISTER_LIMIT / 1e6:.0f} MB. "
        f"Large tables are the logs: {logs}"
    )


def _not_opened(error: OSError) -> str:
    return f"the file cannot be opened: {error.strerror or 'unknown reason'}"
