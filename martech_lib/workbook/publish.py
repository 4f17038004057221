"""What a report is made of besides its pages, and how it takes the place of the one before: whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from martech_lib.core.errors import UserError
from martech_lib.core.results import Finding
from martech_lib.core.spreadsheet import escape_cell

Record = Mapping[str, Any]
FINDING_COLUMNS = Finding._fields
DECISION_COLUMNS = ("tool", "decision", "suggested", "decided_by", "reason", "annual_cost", "saving")


@dataclass(frozen=True)
class Records:
    """What the notebooks of one report said in records.

    Attributes:
        inputs: Table name -> SHA-256 of what was read.
        readings: Every Reading, once, in the order of the pages.
        findings: Every Finding, likewise.
        decisions: One record a tool.
    """

    inputs: Mapping[str, str]
    readings: tuple[Record, ...]
    findings: tuple[Record, ...]
    decisions: tuple[Record, ...]


def collect(run_dir: Path, notebooks: Sequence[str]) -> Records:
    """The records that these notebooks wrote into `run_dir`; one that two pages share counts once."""
    inputs: dict[str, str] = {}
    for name in notebooks:
        inputs |= _read(run_dir / f"{name}.inputs.json", default={})
    return Records(inputs, *(_together(run_dir, notebooks, kind) for kind in ("readings", "findings", "decisions")))


def write_records(records: Records, folder: Path, *, month: str) -> None:
    """metrics.json, findings.csv and decisions.csv; the JSON is strict: what is not a number is null."""
    whole = {
        "month": month,
        "inputs": dict(records.inputs),
        "readings": list(records.readings),
        "findings": list(records.findings),
    }
    text = json.dumps(without_nan(whole), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    (folder / "findings.csv").write_text(csv_text(records.findings, FINDING_COLUMNS), encoding="utf-8")
    (folder / "decisions.csv").write_text(csv_text(records.decisions, DECISION_COLUMNS), encoding="utf-8")


def csv_text(records: Iterable[Record], columns: Sequence[str]) -> str:
    """Records as CSV with these columns first; a text that a spreadsheet would run as a formula is defused."""
    rows = list(records)
    extra = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in (*columns, *extra)])
    writer.writerows([safe_cell(row.get(name)) for name in (*columns, *extra)] for row in rows)
    return out.getvalue()


def safe_cell(value: Any) -> str:
    """A value as the text of a CSV cell; blank when unknown; text that a spreadsheet would run is defused."""
    if value is None or isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return escape_cell(text)


def without_nan(value: Any) -> Any:
    """The same structure with None for every number that is not finite, which JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return value


def staging_folder(out: Path, month: str) -> Path:
    """A new hidden folder beside the place of the report, so that publishing it is a rename.

    Raises:
        UserError: `out` cannot be written.
    """
    folder = out / f".{month}.run-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as refused:
        raise UserError(f"The report cannot be written to {out}: {refused.strerror or refused}.") from None
    return folder


def run_folder(staging: Path) -> Path:
    """Where the notebooks of a run write their records; it is no part of the report."""
    folder = staging / "run"
    folder.mkdir(exist_ok=True)
    return folder


def replace_in_files(folder: Path, secret: str, shown: str) -> None:
    """Take a secret out of every text file below a folder."""
    for path in filter(Path.is_file, folder.rglob("*")):
        content = path.read_bytes()
        if secret.encode() in content:
            path.write_bytes(content.replace(secret.encode(), shown.encode()))


def publish(staging: Path, place: Path) -> None:
    """Put the finished folder in the place of the last report; drop what a failed run left beside it."""
    before = staging.with_name(staging.name + ".before")
    if place.exists():
        place.rename(before)
    try:
        staging.rename(place)
    except OSError:
        if before.exists():
            before.rename(place)
        raise
    shutil.rmtree(before, ignore_errors=True)
    shutil.rmtree(failed_place(place), ignore_errors=True)


def keep_failed(staging: Path, place: Path) -> Path:
    """Keep the folder of a failed run beside the last good report, which stays as it is; returns where."""
    kept = failed_place(place)
    shutil.rmtree(kept, ignore_errors=True)
    staging.rename(kept)
    return kept


def failed_place(place: Path) -> Path:
    """Where the failed run of a report is kept."""
    return place.with_name(place.name + ".failed")


def _together(run_dir: Path, notebooks: Sequence[str], kind: str) -> tuple[Record, ...]:
    seen: dict[str, Record] = {}
    for name in notebooks:
        for record in _read(run_dir / f"{name}.{kind}.json", default=[]):
            plain = without_nan(record)
            seen.setdefault(json.dumps(plain, sort_keys=True), plain)
    return tuple(seen.values())


def _read(path: Path, *, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default
