"""What the stack app knows: the inventory as edited, the thresholds and figures as set, and the audit of it all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from martech_lib import stack
from martech_lib.core import places
from martech_lib.core.database import is_url
from martech_lib.core.errors import TableError, UserError, did_you_mean, shown
from martech_lib.core.files import decode, is_comment
from martech_lib.core.numbers import read_number
from martech_lib.core.spreadsheet import as_text, to_csv
from martech_lib.core.tables import table
from martech_lib.core.workspace import Workspace, parse_register
from martech_lib.stack import Evidence, StackAudit
from martech_lib.stack.inventory import read_inventory
from martech_lib.stack.thresholds import rules_with, shipped_rules
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets.grid import Row

SETTING = re.compile(r"#\s*set\s+(?P<name>\S+)\s*=(?P<value>.*)", re.IGNORECASE)
MARKER = "# martech inventory of"
HEAD_BYTES = 65_536
SET_ASIDE = "The sample company's other tables were set aside."
NO_WORKSPACE = "The workspace itself cannot be read: run `martech check` and mend what it names first."
NO_ROWS = "The inventory has no tools left, so the last audit stands: add a tool, or upload an inventory."


class Slider(NamedTuple):
    """A threshold that can be moved: its notebook parameter, its rule, which of the rule's numbers."""

    parameter: str
    rule: str
    place: int
    words: str
    low: float
    high: float
    step: float


class Field(NamedTuple):
    """A figure of the profile that can be typed: its key, which is also the notebook parameter."""

    parameter: str
    words: str
    low: float
    high: float


Control = Slider | Field
SLIDERS = (
    Slider("low_adoption", "SA01", 0, "Low adoption: below this share of paid seats in use", 0.0, 1.0, 0.01),
    Slider("notice_window_days", "SA11", 0, "Renewal notice: look this many days ahead", 0, 365, 5),
    Slider("tools_per_fte_watch", "BU01", 0, "Tools per FTE: watch above", 0.5, 5.0, 0.1),
    Slider("tools_per_fte_fail", "BU01", 1, "Tools per FTE: too many above", 0.5, 6.0, 0.1),
)
FIELDS = (
    Field("marketing_fte", "Marketing FTE", 0.1, 100_000.0),
    Field("marketing_budget_excl_labor", "Marketing budget a year, without labor", 1.0, 1e12),
)


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
        self._attempt("settings", lambda: self.take({}, {key: _typed(key, value) if isinstance(value, str) else value}))

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
        frame, problems, notes = parse_register("inventory", data, name)
        if problems:
            raise TableError(problems)
        if self._gathered is None:
            raise UserError(NO_WORKSPACE)
        if frame.empty:
            raise UserError(f"{shown(name)} has a header and no tools below it: add a row for each tool.")
        head = _comments(data, name)
        base, aside = self._base_for(head)
        settings = self._settings(head, name)
        version = replace(self._now, **settings).with_inventory(frame, data, base)
        self._now, self.rows, self._columns, self.problems = version, _rows(frame), tuple(map(str, frame.columns)), []
        self._faults |= {"inventory": [], "settings": []}
        return [*([SET_ASIDE] if aside else []), *notes]

    def inventory_csv(self) -> bytes:
        """The inventory as edited, headed by its company and the settings: uploaded again it opens the same state."""
        company = _plain(self._now.evidence.profile.get("company", "")) if self._now.evidence else ""
        settings = {**{rule: "; ".join(map(str, n)) for rule, n in self.thresholds.items()}, **self.figures}
        head = f"{MARKER} {company or '(not named)'}\n"
        head += "".join(f"# set {name} = {value}\n" for name, value in settings.items())
        filled = [{key: re.sub(r"\r\n?", "\n", cell) for key, cell in row.items()} for row in self.rows if _filled(row)]
        return head.encode() + _as_csv(filled, self._columns)

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
            self.rows, self._columns = _rows(frame), tuple(map(str, frame.columns))

    def _read_rows(self) -> None:
        evidence = self._now.evidence
        if evidence is None:
            raise UserError(NO_WORKSPACE)
        if not any(map(_filled, self.rows)):
            if evidence.inventory.tools or evidence.inventory.retired:
                raise UserError(NO_ROWS)
            return
        # Reading skips a blank row and counts its line; on one line each, line 2 is row 0 of the grid.
        flat = [{key: " ".join(cell.splitlines()) for key, cell in row.items()} for row in self.rows]
        data = _as_csv(flat, self._columns)
        frame, problems, _ = parse_register("inventory", data, "inventory.csv")
        if problems:
            raise TableError(problems)
        self._now = self._now.with_inventory(frame, data, evidence)

    def _base_for(self, head: Sequence[tuple[int, str]]) -> tuple[Evidence, bool]:
        """The evidence an upload goes into, and whether a sample's other tables are set aside for it."""
        assert self._gathered is not None
        company = _plain(self._gathered.profile.get("company", ""))
        if not self._is_sample or any(_plain(line) == _plain(f"{MARKER} {company}") for _, line in head):
            return self._gathered, False
        profile = {key: value for key, value in self._gathered.profile.items() if key != "company"}
        aside = {*self._gathered.registers, "inventory_previous"}
        inputs = {key: value for key, value in self._gathered.inputs.items() if key not in aside}
        return replace(self._gathered, registers={}, previous=None, profile=profile, inputs=inputs), True

    def _settings(self, head: Sequence[tuple[int, str]], name: str) -> dict[str, Any]:
        """Thresholds and figures that the leading lines of a file set; none when they set nothing."""
        thresholds: dict[str, tuple[float, ...]] = {}
        figures: dict[str, float] = {}
        for number, line in head:
            if asked := SETTING.fullmatch(line):
                try:
                    rules, facts = _setting(asked["name"], asked["value"])
                    thresholds |= self._checked(rules, facts)
                except UserError as error:
                    raise UserError(f"{shown(name)}, line {number}: {error}") from None
                figures |= facts
        return {"thresholds": thresholds, "figures": figures} if thresholds or figures else {}

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


def _typed(key: str, text: str) -> float | None:
    written = read_number(text)
    if text.strip() and (written is None or written.percent):
        raise UserError(f"{key} came as '{shown(text)}'; allowed is a number such as 12.5 or 3,000,000.")
    return None if written is None else written.comma if written.point is None else written.point


def _setting(name: str, value: str) -> tuple[dict[str, tuple[float, ...]], dict[str, float]]:
    """What one `# set` line says, as (thresholds, figures). Raises UserError."""
    figures = [control.parameter for control in FIELDS]
    known = [*figures, *(rule.id for rule in shipped_rules().values() if rule.threshold)]
    named = {each.casefold(): each for each in known}.get(name.casefold())
    if named is None:
        raise UserError(f"`# set {shown(name)}` is not known{did_you_mean(name, known)}; it takes {', '.join(known)}.")
    try:
        numbers = tuple(float(part) for part in value.split(";"))
        if named not in figures:
            return {named: numbers}, {}
        (figure,) = numbers
    except ValueError:
        allowed = "a number" if named in figures else "a number, or two with ';' between them such as 1.5; 2"
        raise UserError(f"`# set {named}` came as '{shown(value)}'; allowed is {allowed}.") from None
    return {}, {named: figure}


def _comments(data: bytes, name: str) -> list[tuple[int, str]]:
    """The comment lines before the header of a CSV file, each with its number, without what a spreadsheet adds."""
    head = data[:HEAD_BYTES] if name.lower().endswith(".csv") else b""
    text, _ = decode(head[: head.rfind(b"\n") + 1])
    lines = takewhile(is_comment, text.splitlines())
    return [(number, line.strip('\ufeff,;" \t')) for number, line in enumerate(lines, start=1)]


def _plain(text: Any) -> str:
    """A company's name or the line that holds it, such that a spreadsheet's quotes and separators do not matter."""
    return re.sub(r'[\s",;]+', " ", str(text)).strip()


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): cell for name, cell in row.items()} for row in as_text(frame).to_dict("records")]


def _filled(row: Row) -> bool:
    return any(cell.strip() for cell in row.values())


def _as_csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The rows under the columns the inventory had, those it must have, and those that hold a value now."""
    valued = dict.fromkeys(name for row in rows for name, cell in row.items() if cell.strip())
    names = list(dict.fromkeys([*columns, *table("inventory").required, *valued]))
    return to_csv(pd.DataFrame([[row.get(name, "") for name in names] for row in rows], columns=names, dtype=str))


def _at_cell(problem: Any) -> dict[str, Any]:
    # Line 1 of the file is the header, row 0 of the grid is line 2.
    return {"row": problem.row and problem.row - 2, "column": problem.column, "message": str(problem)}
