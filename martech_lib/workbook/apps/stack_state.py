"""What the stack app knows: the inventory as edited, the thresholds and figures as set, and the audit of it all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from martech_lib import stack
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.spreadsheet import as_text, to_csv
from martech_lib.core.workspace import Workspace, parse_register
from martech_lib.stack import Evidence, StackAudit
from martech_lib.stack.inventory import read_inventory
from martech_lib.stack.thresholds import shipped_rules
from martech_lib.workbook.widgets.grid import Row

SETTING = re.compile(r"^# set (?P<name>[\w.]+) = (?P<value>[-\d.; ]+)$", re.MULTILINE)
FIGURES = ("marketing_fte", "marketing_budget_excl_labor")


class StackState:
    """The state of the stack app. A change that cannot be audited is told and leaves the last good audit standing.

    Attributes:
        audit: The last good audit; None as long as there was none.
        rows: The inventory as text, as the grid shows it.
        faults: What is wrong with the last change, in words.
        problems: The same by row and column of the grid.
        thresholds: Rule id -> numbers set in the app.
        figures: Profile key -> number set in the app.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.open(workspace)

    def open(self, workspace: Workspace) -> None:
        """Begin anew with a workspace: nothing edited, nothing set."""
        self._evidence: Evidence | None = None
        self.thresholds: dict[str, tuple[float, ...]] = {}
        self.figures: dict[str, float] = {}
        self.audit: StackAudit | None = None
        self.rows: list[Row] = []
        self.faults: list[str] = []
        self.problems: list[dict[str, Any]] = []
        self._attempt(lambda: self._gather(workspace))

    def set_threshold(self, rule: str, numbers: Sequence[float]) -> None:
        """Audit with these numbers for a rule."""
        self.thresholds[rule] = tuple(numbers)
        self._attempt(self._compute)

    def set_figure(self, key: str, value: float) -> None:
        """Audit with another figure of the profile, such as marketing_fte."""
        self.figures[key] = value
        self._attempt(self._compute)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Audit an edited inventory; a row that cannot be read is marked and the last good audit stands."""
        self.rows = [dict(row) for row in rows]
        self._attempt(lambda: self._read(_as_csv(self.rows), "inventory.csv"))

    def decide(self, tool: str, decision: str) -> None:
        """Set the analyst's own decision on a tool; "" leaves it to the rules."""
        self.set_rows([{**row, "decision": decision} if row["tool"] == tool else row for row in self.rows])

    def upload(self, name: str, data: bytes) -> None:
        """Take a whole inventory, with the settings it was downloaded with.

        Raises:
            UserError: It cannot be read or audited; the state stays as it was.
        """
        before = (self._evidence, self.thresholds, self.figures)
        try:
            self.thresholds, self.figures = _settings(data)
            frame = self._read(data, name)
        except UserError:
            self._evidence, self.thresholds, self.figures = before
            raise
        self.rows = _rows(frame)
        self.faults, self.problems = [], []

    def inventory_csv(self) -> bytes:
        """The inventory as edited, headed by the settings: uploaded again it opens the same state."""
        settings = {**{rule: "; ".join(map(str, n)) for rule, n in self.thresholds.items()}, **self.figures}
        head = "".join(f"# set {name} = {value}\n" for name, value in settings.items())
        return head.encode() + _as_csv(self.rows)

    def figure(self, key: str) -> float | None:
        """A figure as it stands: set in the app, else of the profile."""
        known = self._evidence.profile.get(key) if self._evidence else None
        return self.figures.get(key, None if known is None else float(known))

    def threshold(self, rule: str) -> tuple[float, ...]:
        """A rule's numbers as they stand: set in the app, else of the workspace, else as shipped."""
        rules = self._evidence.rules if self._evidence else shipped_rules()
        return self.thresholds.get(rule, rules[rule].threshold)

    def _gather(self, workspace: Workspace) -> None:
        self._evidence = stack.gather(workspace)
        self._compute()
        if workspace.has("inventory"):
            self.rows = _rows(workspace.register("inventory"))

    def _read(self, data: bytes, name: str) -> pd.DataFrame:
        frame, problems, _ = parse_register("inventory", data, name)
        if problems:
            raise TableError(problems)
        if self._evidence is None:
            raise UserError("The workspace itself cannot be read: run `martech check` and mend what it names first.")
        digest = hashlib.sha256(data).hexdigest()
        inputs = {**self._evidence.inputs, "inventory": digest}
        self._evidence = replace(self._evidence, inventory=read_inventory(frame), inputs=inputs)
        self._compute()
        return frame

    def _compute(self) -> None:
        if self._evidence is not None:
            profile = {**self._evidence.profile, **self.figures}
            self.audit = stack.assess(replace(self._evidence, profile=profile).with_thresholds(self.thresholds))

    def _attempt(self, change: Any) -> None:
        self.faults, self.problems = [], []
        try:
            change()
        except TableError as error:
            self.faults = [str(problem) for problem in error.problems[:20]]
            self.problems = [_at_cell(problem) for problem in error.problems[:200]]
        except UserError as error:
            self.faults = [str(error)]


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): cell for name, cell in row.items()} for row in as_text(frame).to_dict("records")]


def _as_csv(rows: Sequence[Row]) -> bytes:
    return to_csv(pd.DataFrame(rows, dtype=str).fillna(""))


def _settings(data: bytes) -> tuple[dict[str, tuple[float, ...]], dict[str, float]]:
    head = data[:4000].decode("utf-8", errors="replace")
    asked = {m["name"]: tuple(float(v) for v in m["value"].split(";")) for m in SETTING.finditer(head)}
    rules: Mapping[str, Any] = shipped_rules()
    thresholds = {name: numbers for name, numbers in asked.items() if name in rules}
    return thresholds, {name: numbers[0] for name, numbers in asked.items() if name in FIGURES}


def _at_cell(problem: Any) -> dict[str, Any]:
    # Line 1 of the file is the header, row 0 of the grid is line 2.
    row = None if problem.row is None else problem.row - 2
    return {"row": row, "column": problem.column, "message": str(problem)}
