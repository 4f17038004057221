"""The backlog that fits the quarter: which ideas can be tested, when, and what that is worth.

Order of the packing, surface by surface: the sum of the expected values that are known; among equals the sum of the
ICE scores of ideas whose value is unknown; then the number of tests; then names. Within what was chosen, the test with
the highest value by week runs first. Exact by dynamic programming: see `packing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from martech_lib.core.errors import TableError, UserError, shown
from martech_lib.core.limits import limits, limits_of
from martech_lib.core.register import parse_register
from martech_lib.core.results import Result
from martech_lib.core.rows import rows_of
from martech_lib.core.spoken import count, day, listed
from martech_lib.core.spreadsheet import to_csv
from martech_lib.core.workspace import Workspace
from martech_lib.experiments.backlog_readings import Counted, missing_readings, readings_of
from martech_lib.experiments.ideas import Errors, Idea, idea_of
from martech_lib.experiments.metrics import what_of
from martech_lib.experiments.packing import Job, packed

QUARTER_WEEKS, MOST_WEEKS = 13, 52
FINE = 1_000_000  # parts of a unit of money or of a point that count, so that sums are whole numbers
READ = ("backlog", "profile", "experiments", "thresholds")
NO_DAY = "needs the day the quarter begins: as_of_date in profile.csv, or start"


class Interaction(NamedTuple):
    """Two tests that run at once on different surfaces and share what they are judged by, or whom they reach.

    Attributes:
        first: The idea that comes first in the alphabet.
        second: The other.
        shares: primary_metric, audience or both.
        start: First day on which both run.
        end: Last such day.
        words: "may interact: ...".
    """

    first: str
    second: str
    shares: tuple[str, ...]
    start: date
    end: date
    words: str


@dataclass(frozen=True, kw_only=True)
class Backlog(Result):
    """The ideas, and the quarter they are packed into.

    Attributes:
        ideas: In the order of their places, those without a place last, by value and ICE.
        interactions: Pairs of tests that may disturb one another.
        start: First day of the quarter; None where it is unknown, and nothing is packed.
        weeks: Weeks of the quarter.
        currency: Three letters.
        band: How many tests a quarter are healthy, fewest and most.
        taken: Surface -> the last day on which a running test of the register holds it.
        notes: What was assumed, and what to know when reading.
    """

    ideas: tuple[Idea, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    start: date | None = None
    weeks: int = QUARTER_WEEKS
    currency: str = "USD"
    band: tuple[float, float] = (8, 15)
    taken: Mapping[str, date] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def end(self) -> date | None:
        """Last day of the quarter."""
        return None if self.start is None else self.start + timedelta(weeks=self.weeks, days=-1)

    @property
    def fitting(self) -> tuple[Idea, ...]:
        """The ideas that have a place."""
        return tuple(idea for idea in self.ideas if idea.state == "fits")

    def to_frame(self) -> pd.DataFrame:
        """One row an idea: see `ideas.Idea`; what is blank is one text."""
        rows = [{**idea._asdict(), "blank": ", ".join(idea.blank)} for idea in self.ideas]
        return pd.DataFrame(rows, columns=list(Idea._fields))

    @property
    def pairs(self) -> pd.DataFrame:
        """One row a pair that may interact: see `Interaction`."""
        rows = [{**pair._asdict(), "shares": ", ".join(pair.shares)} for pair in self.interactions]
        return pd.DataFrame(rows, columns=list(Interaction._fields))


class Setting(NamedTuple):
    """What the ideas are held against.

    Attributes:
        start: First day of the quarter; None where it is unknown.
        weeks: Its weeks.
        errors: How sure the tests are to be.
        currency: Three letters.
        band: Healthy number of tests a quarter.
        taken: Surface (folded) -> last day on which a running test holds it.
        notes: What was assumed in reading.
        inputs: Table -> SHA-256.
    """

    start: date | None
    weeks: int
    errors: Errors
    currency: str = "USD"
    band: tuple[float, float] = (8, 15)
    taken: Mapping[str, date] = {}
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, str] = {}


def backlog(
    source: Workspace | pd.DataFrame,
    *,
    start: date | None = None,
    weeks: int = QUARTER_WEEKS,
    alpha: float = 0.05,
    power: float = 0.8,
    growth: float = 1.0,
) -> Backlog:
    """Size, score and pack the ideas of a workspace's backlog, or of a frame with its columns.

    Args:
        source: A workspace, or a frame, which is checked like the file.
        start: First day of the quarter. None for the first Monday from the workspace's as_of_date on; of a frame
            nothing is packed then. Tests take whole weeks from this day.
        weeks: Weeks of the quarter.
        alpha: Two-sided error rate of each test.
        power: Chance of each test to see its effect.
        growth: Unique users of a surface grow like weeks ** growth.

    Raises:
        TableError: A table is there and wrong; the message lists what and where.
        UserError: A setting makes no sense.
    """
    errors = Errors(alpha, power, growth)
    errors.refuse_what_is_none()
    asked = Setting(_day_of(start), _weeks_of(weeks), errors)
    if isinstance(source, Workspace):
        rows = rows_of(source.register("backlog")) if source.has("backlog") else []
        return lay_out(rows, setting_of(source, asked))
    low, high = limits()["HM05"].numbers
    return lay_out(_checked(source), asked._replace(band=(low, high)))


def setting_of(ws: Workspace, asked: Setting) -> Setting:
    """What a workspace says of the quarter, where it was not asked for. Raises TableError, UserError."""
    profile, (low, high) = ws.profile, limits_of(ws)["HM05"].numbers
    start = asked.start or _next_monday(profile.get("as_of_date"))
    running = rows_of(ws.register("experiments")) if ws.has("experiments") else []
    taken, notes = _taken(running, start)
    return asked._replace(
        start=start,
        currency=str(profile.get("currency", "USD")).upper(),
        band=(low, high),
        taken=taken,
        notes=notes,
        inputs={name: ws.fingerprint(name) for name in ws.tables if name in READ},
    )


def lay_out(rows: Sequence[Mapping[str, Any]], setting: Setting) -> Backlog:
    """The backlog of rows that were checked, as an app repeats it when something is set."""
    ideas = _placed(_one_spelling([idea_of(row, setting.errors) for row in rows]), setting)
    pairs = tuple(_interactions([idea for idea in ideas if idea.state == "fits"]))
    counted = Counted(ideas, len(pairs), setting.start, setting.weeks, is_quarter=setting.weeks == QUARTER_WEEKS)
    numbers = readings_of(counted, setting.currency, setting.band)
    return Backlog(
        reading_records=tuple(numbers) if rows else missing_readings(setting.currency, setting.band),
        inputs=setting.inputs,
        ideas=ideas,
        interactions=pairs,
        start=setting.start,
        weeks=setting.weeks,
        currency=setting.currency,
        band=setting.band,
        taken=setting.taken,
        notes=setting.notes,
    )


def _one_spelling(ideas: Sequence[Idea]) -> list[Idea]:
    """ "Pricing page" and "pricing page" are one surface, spelt in the first of the ways."""
    spelling: dict[str, str] = {}
    for surface in sorted(idea.surface for idea in ideas):
        spelling.setdefault(_folded(surface), surface)
    return [idea._replace(surface=spelling[_folded(idea.surface)]) for idea in ideas]


def _placed(ideas: Sequence[Idea], setting: Setting) -> tuple[Idea, ...]:
    """The ideas with their places, in the order of the calendar."""
    powered = [idea for idea in ideas if idea.state == "no room"]
    starts = {} if setting.start is None else packed([_job(idea, setting) for idea in powered], weeks=setting.weeks)
    by_surface: dict[str, list[str]] = {}
    for idea in powered:
        if idea.idea in starts:
            by_surface.setdefault(_folded(idea.surface), []).append(idea.idea)
    found = [
        _in_place(idea, starts[idea.idea], setting)
        if idea.idea in starts
        else _left_out(idea, setting, by_surface.get(_folded(idea.surface), []))
        for idea in ideas
    ]
    return tuple(sorted(found, key=_in_calendar))


def _job(idea: Idea, setting: Setting) -> Job:
    assert idea.weeks is not None
    # Known values stand in one place and ICE of the others in the next, so that no score outweighs money.
    worth = (0, _fine(idea.ice or 0.0), 1) if idea.value is None else (_fine(idea.value), 0, 1)
    turn = tuple(math.inf if number is None else -number for number in (idea.value_per_week, idea.ice))
    return Job(idea.idea, _folded(idea.surface), idea.weeks, _release(idea, setting), worth, turn)


def _release(idea: Idea, setting: Setting) -> int:
    """First whole week in which it may start: its own day, and the surface being free."""
    assert setting.start is not None
    until = setting.taken.get(_folded(idea.surface))
    days = [setting.start, idea.earliest or setting.start, until + timedelta(days=1) if until else setting.start]
    return math.ceil((max(days) - setting.start).days / 7)


def _in_place(idea: Idea, week: int, setting: Setting) -> Idea:
    assert setting.start is not None and idea.weeks is not None
    start = setting.start + timedelta(weeks=week)
    return idea._replace(state="fits", start=start, end=start + timedelta(weeks=idea.weeks, days=-1))


def _left_out(idea: Idea, setting: Setting, others: Sequence[str]) -> Idea:
    if idea.state != "no room" or idea.weeks is None:
        return idea
    if setting.start is None:
        return idea._replace(reason=NO_DAY)
    left = setting.weeks - _release(idea, setting)
    if left >= idea.weeks:
        return idea._replace(reason=f"its surface goes to {listed(sorted(others))}, worth at least as much together")
    first = setting.start + timedelta(weeks=_release(idea, setting))
    if left <= 0:
        return idea._replace(reason=f"may start on {day(first)}, after the quarter")
    return idea._replace(reason=f"needs {count(idea.weeks, 'week')}; the quarter has {left:,} from {day(first)} on")


def _interactions(placed: Sequence[Idea]) -> Iterator[Interaction]:
    """Pairs at the same time on different surfaces with one metric or audience; a blank is shared with nobody."""
    for one, two in combinations(sorted(placed, key=lambda idea: idea.idea), 2):
        assert one.start and one.end and two.start and two.end
        start, end = max(one.start, two.start), min(one.end, two.end)
        shares = tuple(
            name
            for name, same in (("primary_metric", what_of), ("audience", _folded))
            if getattr(one, name).strip() and same(getattr(one, name)) == same(getattr(two, name))
        )
        if start > end or not shares or _folded(one.surface) == _folded(two.surface):
            continue
        same = listed([f"the {name.replace('primary_', '')} {getattr(one, name)}" for name in shares])
        words = f"may interact: {one.idea} and {two.idea} share {same} from {day(start)} to {day(end)}"
        yield Interaction(one.idea, two.idea, shares, start, end, words)


def _taken(rows: Sequence[Mapping[str, Any]], start: date | None) -> tuple[dict[str, date], tuple[str, ...]]:
    """Surfaces that registered tests hold at the quarter's beginning or will hold, and until when; notes.

    A test that is planned for later holds its surface from the beginning, so that it is never run into. Holdouts run
    beside tests.
    """
    taken: dict[str, date] = {}
    notes = []
    for row in rows:
        is_over = any(row.get(name) is not None for name in ("stopped", "decision", "decided_on", "stop_reason"))
        if is_over or row.get("is_holdout") or not row.get("surface") or start is None:
            continue
        until, surface = row.get("planned_end"), _folded(row["surface"])
        if until is None:
            notes.append(f"{row['id']} is not over on {row['surface']}; without planned_end its surface counts as free")
        elif until >= start:
            taken[surface] = max(until, taken.get(surface, until))
    return taken, tuple(notes)


def _checked(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, read like the file: what is wrong is told the same way. Raises TableError."""
    if frame.empty:
        return []
    found = parse_register("backlog", to_csv(frame), "backlog.csv")
    if found.problems:
        raise TableError(found.problems)
    return rows_of(found.frame)


def _in_calendar(idea: Idea) -> tuple[Any, ...]:
    worth = tuple(math.inf if number is None else -number for number in (idea.value, idea.ice))
    return (idea.start or date.max, worth, idea.idea)


def _next_monday(when: date | None) -> date | None:
    return None if when is None else when + timedelta(days=-when.weekday() % 7)


def _day_of(given: Any) -> date | None:
    if given is not None and not isinstance(given, date):
        raise UserError(f"start came as '{shown(given)}'; allowed is a date, such as date(2026, 10, 5).")
    return given.date() if isinstance(given, datetime) else given


def _weeks_of(given: Any) -> int:
    if isinstance(given, bool) or given != given or given != int(given) or not 1 <= given <= MOST_WEEKS:
        raise UserError(f"weeks came as '{shown(given)}'; allowed is a whole number from 1 to {MOST_WEEKS}.")
    return int(given)


def _fine(number: float) -> int:
    return round(number * FINE)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
