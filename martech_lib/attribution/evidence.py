"""Everything the attribution page reads, gathered once from a workspace; the logs stay in their engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from martech_lib.attribution.intake import read_conversions, take_conversions
from martech_lib.attribution.journeys import Journeys, journeys
from martech_lib.attribution.ledger import COLUMNS, of_conversions, repeats
from martech_lib.attribution.paths import journeys_from_paths, total_of_paths
from martech_lib.attribution.question import Period, Question, period_of
from martech_lib.attribution.segment import refuse_unknown, segment_of
from martech_lib.core.errors import Problem, TableError, UserError
from martech_lib.core.workspace import Workspace

LOGS = ("touches", "conversions")
REGISTERS = ("spend", "platform_reported", "survey", "lift_tests", "channels", "lenses", "truth")
UNCUT = (
    "A table of paths has no users and no times, so it is read whole: customers, rows and channels cannot be set aside."
)
NEEDS = "needs touches.csv and conversions.csv, or paths.csv"


class Total(NamedTuple):
    """The conversions there were, what they are worth, and how many of them have a value.

    Attributes:
        conversions: With and without a value.
        value: Of those that have one; None where none has.
        valued: How many have one: a blank value is unknown, not 0.
    """

    conversions: float
    value: float | None
    valued: float = 0.0

    @property
    def of_each(self) -> float | None:
        """What a conversion with a value is worth on average; None where none has."""
        return self.value / self.valued if self.value and self.valued else None


@dataclass(frozen=True)
class Evidence:
    """What a workspace says about its journeys.

    Attributes:
        profile: The company's facts, typed.
        registers: The frames that are there, by name.
        touches: The log of touches; None when it is missing.
        conversions: The log of conversions; None when it is missing. Alone it makes no journeys, but other lenses are
            held against it.
        paths: The table of paths, read when there are no touches.
        notes: What was left unread.
        inputs: Table name -> SHA-256 of what was read.
    """

    profile: Mapping[str, Any] = field(default_factory=dict)
    registers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    touches: Any = None
    conversions: Any = None
    paths: Any = None
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_of(self) -> date | None:
        """The day the workspace speaks of."""
        return self.profile.get("as_of_date")

    @property
    def currency(self) -> str:
        """Three letters; USD unless the profile says otherwise."""
        return str(self.profile.get("currency", "USD"))

    @property
    def lacks(self) -> str:
        """What there is no journey without; "" when there are some."""
        return "" if self.touches is not None or self.paths is not None else NEEDS

    @property
    def reads_paths(self) -> bool:
        """Whether journeys come from the table of paths, which has no times: touches go before it."""
        return self.touches is None and self.paths is not None

    def period(self, question: Question) -> Period:
        """The period that is asked for; a table of paths has no times and is always read whole."""
        if self.reads_paths:
            return Period("the whole table of paths")
        asked = period_of(question, as_of=self.as_of, zone=str(self.profile.get("timezone", "UTC")))
        if asked.month or self.conversions is None:
            return asked
        first, last = self.span
        return asked._replace(first=first, last=last)

    @cached_property
    def span(self) -> tuple[date | None, date | None]:
        """The days of the first and the last conversion of the log; None without a conversion. Raises UserError."""
        rows = take_conversions(self.conversions)
        first, last = rows.aggregate(first=rows.ts.min(), last=rows.ts.max()).to_pandas().iloc[0]
        return (None, None) if pd.isna(first) else (pd.Timestamp(first).date(), pd.Timestamp(last).date())

    def total(self, period: Period) -> Total:
        """The conversions of a period that have a user and a time, whatever touches came before them; those of the
        table of paths where journeys come from there."""
        if self.reads_paths:
            return Total(*total_of_paths(self.paths))
        if self.conversions is None:
            return Total(0.0, None)
        rows = take_conversions(self.conversions)
        if period.since and period.until:
            rows = rows.filter(rows.ts >= period.since, rows.ts < period.until)
        sums = {"conversions": rows.count(), "value": rows.value.sum(), "valued": rows.value.count()}
        found = rows.aggregate(**sums).to_pandas().iloc[0]
        worth = None if pd.isna(found["value"]) else float(found["value"])
        return Total(float(found["conversions"]), worth, float(found["valued"]))

    def read_alone(self, used: int | None) -> tuple[pd.DataFrame, list[str]]:
        """What was read of conversions without journeys, see `of_conversions`, and what to know of it."""
        if self.conversions is None:
            return pd.DataFrame(columns=list(COLUMNS)), []
        row = read_conversions(self.conversions).to_pandas().iloc[0]
        read = {str(name): int(n or 0) for name, n in row.items()}
        return of_conversions(read, used), repeats("conversions", "conversion_id", read["repeated"])

    def refuse_no_segment(self, question: Question) -> None:
        """Raise UserError for a segment that is none, or that a table of paths cannot be cut by."""
        asked = segment_of(question.segment)
        if self.reads_paths and (question.part or asked.without):
            raise UserError(UNCUT)
        if self.touches is None and self.conversions is not None:
            refuse_unknown(asked, (self.conversions,))

    def journeys(self, question: Question) -> Journeys:
        """The journeys that are asked for. Raises UserError."""
        self.refuse_no_segment(question)
        if self.reads_paths:
            return journeys_from_paths(self.paths)
        period = self.period(question)
        return journeys(
            self.touches,
            self.conversions,
            lookback_days=question.lookback_days,
            kinds=question.kinds,
            segment=question.segment._replace(since=period.since, until=period.until),
        )


def gather(ws: Workspace) -> Evidence:
    """Read a workspace. Raises TableError when a table is there and wrong."""
    logs = _logs(ws)
    paths = ws.log("paths") if not logs and ws.has("paths") else None
    registers = {name: ws.register(name) for name in REGISTERS if ws.has(name)}
    read = [*logs, *(["paths"] if paths is not None else []), *registers]
    return Evidence(
        profile=ws.profile,
        registers=registers,
        paths=paths,
        notes=(*_unread(ws, logs), *(f"{name}, {note}" for name in logs for note in ws.clock_notes(name))),
        inputs={name: ws.fingerprint(name) for name in (*read, *(["profile"] if ws.has("profile") else []))},
        **logs,
    )


def _unread(ws: Workspace, logs: Mapping[str, Any]) -> tuple[str, ...]:
    """Which tables are passed over for others."""
    if not ws.has("paths"):
        return ()
    if logs:
        return ("paths were not read, as touches and conversions are there",)
    return tuple(
        f"{name} were not read, as {other} are not there to make journeys with, and paths are there"
        for name, other in (LOGS, LOGS[::-1])
        if ws.has(name)
    )


def _logs(ws: Workspace) -> dict[str, Any]:
    """Touches and conversions where both are there, the problems of both at once; conversions alone where there are no
    journeys at all. Raises TableError."""
    there = [name for name in LOGS if ws.has(name)]
    if there == ["touches"] or (there == ["conversions"] and ws.has("paths")):
        return {}
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in there:
        try:
            found[name] = ws.log(name)
        except TableError as error:
            problems += error.problems
    if problems:
        raise TableError(problems)
    return found
