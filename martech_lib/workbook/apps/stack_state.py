"""What the stack app knows: the inventory as edited, the thresholds and figures as set, and the audit of it all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from martech_lib import stack
from martech_lib.core import places
from martech_lib.core.database import is_url
from martech_lib.core.errors import TableError, UserError, shown
from martech_lib.core.register import Register, in_one_currency, parse_register
from martech_lib.core.workspace import Workspace
from martech_lib.stack import Evidence, StackAudit
from martech_lib.stack.inventory import read_inventory
from martech_lib.stack.thresholds import rules_with, shipped_rules
from martech_lib.workbook.apps.stack_file import (
    Head,
    belongs_to,
    currency_of,
    head_of,
    inventory_file,
    is_download,
    is_filled,
    one_line_each,
    rows_of,
)
from martech_lib.workbook.apps.stack_settings import FIELDS, SLIDERS, Control, Field, typed_figure, written_setting
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets.grid import Row

SET_ASIDE = "The sample company's own tables and figures were set aside: type in your team and budget."
OF_NO_COMPANY = ("as_of_date", "fiscal_year_start_month")
NO_WORKSPACE = "The workspace itself cannot be read: run `martech check` and mend what it names first."
NO_ROWS = "The inventory has no tools left, so the last audit stands: add a tool, or upload an inventory."


@dataclass(frozen=True)
class Version:
    """Evidence before the settings, the settings, the audit under them; a change makes the next one whole, or none."""

    evidence: Evidence | None = None
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    audit: StackAudit | None = None

    def audited(self) -> Version:
        """The same with its audit. Raises UserError."""
        if self.evidence is None:
            return self
        profile = {**self.evidence.profile, **self.figures}
        evidence = replace(self.evidence, profile=profile).with_thresholds(self.thresholds)
        return replace(self, audit=stack.assess(evidence))

    def with_inventory(self, frame: pd.DataFrame, data: bytes, base: Evidence) -> Version:
        """The same over another inventory, audited. Raises UserError."""
        inputs = {**base.inputs, "inventory": hashlib.sha256(data).hexdigest()}
        return replace(self, evidence=replace(base, inventory=read_inventory(frame), inputs=inputs)).audited()


class StackState:
    """The state of the stack app. A change that cannot be audited is told and leaves the last good audit standing.

    Attributes:
        rows: The inventory as text, as the grid shows it.
        problems: What is wrong with the inventory by row and column of the grid.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.open(workspace)

    def open(self, workspace: Workspace) -> None:
        """Begin anew with a workspace: nothing edited, nothing set."""
        self._now = Version()
        self._gathered: Evidence | None = None
        self._is_sample = _is_sample(workspace)
        self._columns: tuple[str, ...] = ()
        self.rows: list[Row] = []
        self.problems: list[dict[str, Any]] = []
        self._faults: dict[str, list[str]] = {"workspace": [], "inventory": [], "settings": []}
        self._attempt("workspace", lambda: self._gather(workspace))

    @property
    def audit(self) -> StackAudit | None:
        """The last good audit; None as long as there was none."""
        return self._now.audit

    @property
    def thresholds(self) -> Mapping[str, tuple[float, ...]]:
        """Rule id -> numbers set in the app."""
        return self._now.thresholds

    @property
    def figures(self) -> Mapping[str, float]:
        """Profile key -> number set in the app."""
        return self._now.figures

    @property
    def faults(self) -> list[str]:
        """What is wrong with the workspace, the inventory as edited and the last setting, in words."""
        return [fault for faults in self._faults.values() for fault in faults]

    def set_threshold(self, rule: str, numbers: Sequence[float]) -> None:
        """Audit with these numbers for a rule; numbers that make no sense are told, and the old ones stay."""
        self._attempt("settings", lambda: self.take({rule: numbers}, {}))

    def set_figure(self, key: str, value: float | str | None) -> None:
        """Audit with another figure of the profile, a number or as typed; blank takes the profile's own again."""
        self._attempt("settings", lambda: self.take({}, {key: self._as_number(key, value)}))

    def take(self, thresholds: Mapping[str, Sequence[float]], figures: Mapping[str, float | None]) -> None:
        """Set thresholds and figures. Raises UserError when one is not allowed; everything stays as it was."""
        asked = {**self.thresholds, **self._checked(thresholds, figures)}
        merged = {**self.figures, **figures}
        kept = {key: float(value) for key, value in merged.items() if value is not None}
        self._now = replace(self._now, thresholds=asked, figures=kept).audited()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Audit an edited inventory; a row that cannot be read is marked and the last good audit stands."""
        self.rows = [dict(row) for row in rows]
        self._attempt("inventory", self._read_rows)

    def upload(self, name: str, data: bytes) -> list[str]:
        """Take a whole inventory, with the settings it was downloaded with; what was set aside or assumed, in words.

        Raises:
            UserError: It cannot be read or audited; the state stays as it was.
        """
        if self._gathered is None:
            raise UserError(NO_WORKSPACE)
        found, head = parse_register("inventory", data, name), head_of(data, name)
        if mark := currency_of(head):
            found = found._replace(marks=(mark, *found.marks))
        base, aside = self._base_for(head, found)
        frame, notes = _checked_frame(found, base, name)
        if frame.empty:
            raise UserError(f"{shown(name)} has a header and no tools below it: add a row for each tool.")
        settings = self._settings(head, name)
        version = replace(self._now, **settings).with_inventory(frame, data, base)
        self._now, self.rows, self._columns, self.problems = version, rows_of(frame), tuple(map(str, frame.columns)), []
        self._faults |= {"inventory": [], "settings": []}
        return [*([SET_ASIDE] if aside else []), *notes]

    def inventory_csv(self) -> bytes:
        """The inventory as edited, headed by its company and the settings: uploaded again it opens the same state."""
        company = str(self._now.evidence.profile.get("company", "")) if self._now.evidence else ""
        currency = {"currency": self._now.evidence.currency} if self._now.evidence else {}
        thresholds = {rule: "; ".join(map(str, numbers)) for rule, numbers in self.thresholds.items()}
        settings = {**currency, **thresholds, **self.figures}
        return inventory_file(self.rows, self._columns, company, settings)

    def figure(self, key: str) -> float | None:
        """A figure as it stands: set in the app, else of the profile."""
        return self.figures.get(key, self._known(key))

    def threshold(self, rule: str) -> tuple[float, ...]:
        """A rule's numbers as they stand: set in the app, else of the workspace, else as shipped."""
        rules = self._now.evidence.rules if self._now.evidence else shipped_rules()
        return self.thresholds.get(rule, rules[rule].threshold)

    def bounds(self, control: Control) -> tuple[float, float]:
        """Lowest and highest number of a control: its own, widened by what the workspace itself says."""
        own: float | None = None
        if isinstance(control, Field):
            own = self._known(control.parameter)
        elif self._now.evidence:
            own = self._now.evidence.rules[control.rule].threshold[control.place]
        return (control.low, control.high) if own is None else (min(control.low, own), max(control.high, own))

    def _as_number(self, key: str, value: float | str | None) -> float | None:
        if not isinstance(value, str):
            return value
        field = next(field for field in FIELDS if field.parameter == key)
        return typed_figure(field, value, self._now.evidence.currency if self._now.evidence else "USD")

    def _known(self, key: str) -> float | None:
        known = self._now.evidence.profile.get(key) if self._now.evidence else None
        return None if known is None else float(known)

    def fault_of(self, control: Control, value: float) -> str:
        """What is wrong with a number for a control, and what is allowed; "" when nothing is."""
        low, high = self.bounds(control)
        allowed = f"{low:g} to {high:g} ({control.words.lower()})"
        return "" if low <= value <= high else f"{control.parameter} came as {value:g}; allowed is {allowed}."

    def _gather(self, workspace: Workspace) -> None:
        self._gathered = stack.gather(workspace)
        self._now = Version(self._gathered).audited()
        if workspace.has("inventory"):
            frame = workspace.register("inventory")
            self.rows, self._columns = rows_of(frame), tuple(map(str, frame.columns))

    def _read_rows(self) -> None:
        evidence = self._now.evidence
        if evidence is None:
            raise UserError(NO_WORKSPACE)
        if not any(map(is_filled, self.rows)):
            if evidence.inventory.tools or evidence.inventory.retired:
                raise UserError(NO_ROWS)
            return
        data = one_line_each(self.rows, self._columns)
        frame, _ = _checked_frame(parse_register("inventory", data, "inventory.csv"), evidence, "inventory.csv")
        self._now = self._now.with_inventory(frame, data, evidence)

    def _base_for(self, head: Head, found: Register) -> tuple[Evidence, bool]:
        """The evidence an upload goes into, and whether a sample's other tables are set aside for it."""
        assert self._gathered is not None
        company = str(self._gathered.profile.get("company", ""))
        if not self._is_sample or belongs_to(head, company):
            return self._gathered, False
        profile = {key: value for key, value in self._gathered.profile.items() if key in OF_NO_COMPANY}
        if found.marks:
            profile["currency"] = found.marks[0].code
        return replace(self._gathered.alone(), profile=profile), True

    def _settings(self, head: Head, name: str) -> dict[str, Any]:
        """Thresholds and figures that the leading lines of a file set; the app's own download sets all of them."""
        thresholds: dict[str, tuple[float, ...]] = {}
        figures: dict[str, float] = {}
        for number, line in head:
            try:
                asked = written_setting(line)
                thresholds |= self._checked(asked.thresholds, asked.figures) if asked else {}
            except UserError as error:
                raise UserError(f"{shown(name)}, line {number}: {error}") from None
            figures |= asked.figures if asked else {}
        whole = is_download(head) or thresholds or figures
        return {"thresholds": thresholds, "figures": figures} if whole else {}

    def _checked(
        self, thresholds: Mapping[str, Sequence[float]], figures: Mapping[str, Any]
    ) -> dict[str, tuple[float, ...]]:
        """The thresholds in full. Raises UserError for a number that no control takes or that its rule cannot use."""
        full = {rule: rules_with({rule: (tuple(n), "")})[rule].threshold for rule, n in thresholds.items()}
        asked: list[tuple[Control, float | None]] = [(f, figures.get(f.parameter)) for f in FIELDS]
        asked += [(s, full[s.rule][s.place]) for s in SLIDERS if s.rule in full]
        faults = [fault for control, value in asked if value is not None and (fault := self.fault_of(control, value))]
        if faults:
            raise UserError("\n".join(faults))
        return full

    def _attempt(self, source: str, change: Callable[[], None]) -> None:
        faults: list[str] = []
        problems: list[dict[str, Any]] = []
        try:
            change()
        except TableError as error:
            faults = str(error).splitlines()
            problems = [_at_cell(problem) for problem in error.problems[:200]]
        except Exception as error:
            faults = told(error)
        self._faults[source] = faults
        if source == "inventory":
            self.problems = problems


def _is_sample(workspace: Workspace) -> bool:
    source = workspace.source
    return not is_url(source) and Path(source).expanduser().resolve().is_relative_to(places.sample_dir().resolve())


def _checked_frame(found: Register, base: Evidence, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows and notes of an inventory in the currency of its company. Raises TableError."""
    found = in_one_currency(found, base.currency, name="inventory", file=name, said="the company's amounts are in")
    if found.problems:
        raise TableError(found.problems)
    return found.frame, found.notes


def _at_cell(problem: Any) -> dict[str, Any]:
    # Line 1 of the file is the header, row 0 of the grid is line 2.
    return {"row": problem.row and problem.row - 2, "column": problem.column, "message": str(problem)}
