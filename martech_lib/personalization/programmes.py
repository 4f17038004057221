"""All holdouts of the month: what each programme brought beside what its dashboard claims."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from martech_lib.core.errors import UserError
from martech_lib.core.progress import Work
from martech_lib.core.results import Finding, Reading, Result, Status, not_measured
from martech_lib.core.rows import Row, rows_of
from martech_lib.core.spoken import fitting, listed, number, percent
from martech_lib.core.workspace import Workspace
from martech_lib.personalization.holdout import read_holdout
from martech_lib.personalization.money import Range
from martech_lib.personalization.reading import HoldoutReading, Terms
from martech_lib.personalization.records import slug_of

LOGS = ("assignments", "outcomes")
NEEDS = "needs assignments.csv and outcomes.csv: who was in which arm, and what happened after"
NONE = (
    "needs a personalization programme: one of programs.csv, or assignments whose program is no experiment of the "
    "register"
)
UNIVERSAL = ("universal-holdout", "global-holdout", "universal-control", "global-control")
WON = ("real win", "hidden win")
INDIVIDUAL = ("behavioral", "ai")  # kinds that are made for one person; the others are made for many
KINDS = ("segment", "behavioral", "account", "lifecycle", "ai")


class Programme(NamedTuple):
    """One programme.

    Attributes:
        program: Its name.
        kind: segment, behavioral, account, lifecycle or ai; "" where nobody says.
        reading: Its holdout, read; None where the logs do not hold it.
        cost: Over the window; None where it is not known.
        window_days: Days that count; None for all.
        terms: What the register knows of it, for its reading.
        claimed_conversions: What its dashboard claims.
        claimed_value: In money.
        click_lift: The lift in clicks that it claims.
        reason: Why it was not read; "" where it was.
    """

    program: str
    kind: str
    reading: HoldoutReading | None
    cost: float | None = None
    window_days: float | None = None
    terms: Terms = Terms()
    claimed_conversions: float | None = None
    claimed_value: float | None = None
    click_lift: float | None = None
    reason: str = ""

    @property
    def is_universal(self) -> bool:
        """Whether it is the holdout that nothing is shown to."""
        return any(words in slug_of(self.program) for words in UNIVERSAL)

    @property
    def brought(self) -> Range | None:
        """Incremental conversions; None where they are not known."""
        return self.reading.brought.conversions if self.reading and self.reading.brought else None

    @property
    def verdict(self) -> str:
        """Its reading's verdict; "no holdout" where nothing was read."""
        return self.reading.headline.verdict if self.reading else "no holdout"


class OfKind(NamedTuple):
    """What programmes of one kind brought.

    Attributes:
        kind: The kind.
        programmes: How many of them were read.
        users: Who were personalized by them.
        per_thousand: Incremental conversions by a thousand of these, and their interval.
        cost_per_conversion: Their cost by incremental conversion; None where it is not known or they brought none.
    """

    kind: str
    programmes: int
    users: int
    per_thousand: Range
    cost_per_conversion: float | None


@dataclass(frozen=True, kw_only=True)
class Programmes(Result):
    """All programmes.

    Attributes:
        rows: Each programme, in the register's order; the universal holdout apart.
        universal: The universal holdout; None where there is none.
        currency: Of all money.
        needs: What is missing where nothing could be read; "" where something was.
    """

    rows: tuple[Programme, ...] = ()
    universal: Programme | None = None
    currency: str = "USD"
    needs: str = ""

    @property
    def every(self) -> tuple[Programme, ...]:
        """All, the universal holdout last."""
        return (*self.rows, *([self.universal] if self.universal else []))

    @property
    def known(self) -> tuple[Programme, ...]:
        """Those whose incremental conversions are known."""
        return tuple(row for row in self.rows if row.brought is not None)

    @property
    def total(self) -> Range | None:
        """Incremental conversions of all that are known: their users are others, so that their errors are."""
        ranges = [row.brought for row in self.known if row.brought]
        return _sum(ranges) if ranges else None

    @property
    def claimers(self) -> tuple[Programme, ...]:
        """Those of them whose dashboard claims conversions."""
        return tuple(row for row in self.known if row.claimed_conversions is not None)

    @property
    def claimed(self) -> float | None:
        """What these claim together; None where none does."""
        return sum(row.claimed_conversions or 0.0 for row in self.claimers) if self.claimers else None

    @property
    def shown(self) -> Range | None:
        """What their holdouts show."""
        return _sum([row.brought for row in self.claimers if row.brought]) if self.claimers else None

    def of_kinds(self) -> tuple[OfKind, ...]:
        """What each kind brought, in the order of KINDS."""
        found = [_of_kind(kind, [row for row in self.known if row.kind == kind]) for kind in KINDS]
        return tuple(kind for kind in found if kind is not None)


def programmes(ws: Workspace, *, level: float = 0.95, seed: int = 0) -> Programmes:
    """Read every programme of a workspace.

    Raises:
        TableError: A table is there and wrong.
    """
    names = (*LOGS, "programs")
    inputs = {name: ws.fingerprint(name) for name in names if ws.has(name)}
    register = {str(row["program"]): row for row in _registered(ws)}
    has_logs = all(map(ws.has, LOGS))
    kinds = _in_logs(ws, register) if has_logs else {}
    if not kinds:
        needs = NONE if has_logs else NEEDS
        rows = tuple(_unread(name, row, needs) for name, row in register.items())
        findings = tuple(_findings(rows, _currency(ws))) if rows else ()
        needed = (not_measured("personalization.programs_won", needs=needs, unit="programmes"),)
        return Programmes(
            reading_records=needed, finding_records=findings, inputs=inputs, rows=rows, needs=needs,
        )  # fmt: skip
    currency = _currency(ws)
    work = Work("Reading holdouts", len(kinds))
    found: list[Programme] = []
    for name, kind in kinds.items():
        row = {**register.get(name, {}), "kind": kind}
        same = next((one.program for one in found if slug_of(one.program) == slug_of(name)), None)
        if same is None:
            found.append(_read(ws, name, row, level=level, seed=seed, currency=currency))
        else:
            found.append(_unread(name, row, f"its metrics would have the names of those of '{same}': rename one"))
        work.step()
    universal = next((row for row in found if row.is_universal), None)
    rows = tuple(row for row in found if row is not universal)
    told = Programmes(reading_records=(), inputs=inputs, rows=rows, universal=universal, currency=currency)
    return Programmes(
        reading_records=tuple(_records(told, level)), finding_records=tuple(_findings(rows, currency)), inputs=inputs,
        rows=rows, universal=universal, currency=currency,
    )  # fmt: skip


def _currency(ws: Workspace) -> str:
    return str(ws.profile.get("currency") or "USD")


def terms_of(row: Row, *, currency: str = "USD") -> Terms:
    """What a row of the register knows, for `read_holdout`."""
    segments = row.get("segments_declared") or ()
    return Terms(
        held=row.get("holdout_share"), segments=tuple(map(str, segments)), currency=currency,
        value=row.get("value_per_conversion"),
    )  # fmt: skip


def _registered(ws: Workspace) -> list[dict[str, Any]]:
    return rows_of(ws.register("programs")) if ws.has("programs") else []


def _in_logs(ws: Workspace, register: Mapping[str, Row]) -> dict[str, str]:
    """Programme -> its kind: those of the register, then those of the assignments that have a kind."""
    log = ws.log("assignments")
    tests = set(ws.register("experiments")["id"].astype(str)) if ws.has("experiments") else set()
    if "kind" not in log.columns:
        there = log.select("program").distinct().execute().assign(kind=None)
    else:
        there = log.group_by("program").aggregate(kind=log.kind.max()).execute()
    there = there.dropna(subset=["program"]).sort_values("program")
    kinds = {str(row.program): row.kind for row in there.itertuples()}
    found = {name: str(row.get("kind") or kinds.get(name) or "") for name, row in register.items()}
    more = {name: kind for name, kind in kinds.items() if name not in found and name not in tests}
    return found | {name: str(kind) if isinstance(kind, str) else "" for name, kind in more.items()}


def _read(ws: Workspace, name: str, row: Row, *, level: float, seed: int, currency: str) -> Programme:
    terms, cost, window = terms_of(row, currency=currency), row.get("cost"), row.get("window_days")
    blank = _unread(name, row, "")._replace(terms=terms)
    try:
        reading = read_holdout(
            ws.log("assignments"), ws.log("outcomes"), program=name, window_days=window, cost=cost, level=level,
            seed=seed, terms=terms,
        )  # fmt: skip
    except UserError as error:
        return blank._replace(reason=f"no holdout was read: {error}")
    return blank._replace(reading=reading)


def _unread(name: str, row: Row, reason: str) -> Programme:
    return Programme(
        name, str(row.get("kind") or ""), None, row.get("cost"), row.get("window_days"), terms_of(row),
        row.get("claimed_conversions"), row.get("claimed_value"), row.get("click_lift_claimed"), reason,
    )  # fmt: skip


def _sum(ranges: Sequence[Range]) -> Range:
    """Sum of independent estimates."""
    middle = sum(of.estimate for of in ranges)
    below = math.sqrt(sum((of.estimate - of.lower) ** 2 for of in ranges))
    above = math.sqrt(sum((of.upper - of.estimate) ** 2 for of in ranges))
    return Range(middle, middle - below, middle + above)


def _of_kind(kind: str, rows: Sequence[Programme]) -> OfKind | None:
    if not rows:
        return None
    treated = sum(int(row.reading.endpoints[0].treated.n) for row in rows if row.reading)
    whole = _sum([row.brought for row in rows if row.brought])
    costs = [row.cost for row in rows]
    known = [cost for cost in costs if cost is not None]
    price = sum(known) / whole.estimate if len(known) == len(rows) and whole.lower > 0 else None
    return OfKind(kind, len(rows), treated, Range(*(1000 * end / treated for end in whole)), price)


def _records(told: Programmes, level: float) -> Iterator[Reading]:
    """The totals, then each programme's numbers."""
    read = [row for row in told.rows if row.reading and row.verdict != "refused"]
    counts: tuple[tuple[str, tuple[str, ...], Status], ...] = (
        ("programs_won", WON, "info"), ("programs_clicks", ("click-only",), "watch"),
        ("programs_harm", ("harm",), "fail"),
    )  # fmt: skip
    for name, verdicts, bad in counts:
        these = [row.program for row in told.rows if row.verdict in verdicts]
        is_judged = bad != "info"
        yield Reading(
            f"personalization.{name}", len(these), "programmes", n=len(read), target="0" if is_judged else "",
            status=bad if these or not is_judged else "pass", reason=listed(these), source="assignments, outcomes",
        )  # fmt: skip
    unread = [row for row in told.rows if row.verdict in ("no holdout", "refused")]
    yield Reading(
        "personalization.programs_unread", len(unread), "programmes", n=len(told.rows), target="0",
        status="watch" if unread else "pass", reason=listed([row.program for row in unread]),
        source="assignments, outcomes",
    )  # fmt: skip
    if told.total is not None:
        yield Reading(
            "personalization.incremental_conversions", told.total.estimate, "conversions", told.total.lower,
            told.total.upper, level, method="sum over programmes that were read", source="assignments, outcomes",
        )  # fmt: skip
        if told.claimed is not None:
            own = "" if told.shown is None else f", which brought {number(told.shown.estimate)}"
            yield Reading(
                "personalization.claimed_conversions", told.claimed, "conversions", n=len(told.claimers),
                method=f"dashboards of the {len(told.claimers)} programmes that claim some and were read{own}",
                source="programs",
            )  # fmt: skip
    for row in told.every:
        if row.reading:
            yield from row.reading.reading_records


def _findings(rows: Sequence[Programme], currency: str) -> Iterator[Finding]:
    """PE01: clicks that are told as a win, and no conversions behind them."""
    for row in rows:
        if row.click_lift is None or row.click_lift <= 0 or row.verdict in WON:
            continue
        behind = {
            "no holdout": "no holdout says what it brought",
            "refused": "its holdout cannot be read",
            "harm": "its holdout shows harm",
        }.get(row.verdict, "its holdout shows no conversions behind them")
        evidence = f"claims {percent(row.click_lift, 0)} more clicks, and {behind}"
        unit = "" if row.cost is None else currency
        yield Finding(
            "PE01", row.program, "medium", evidence, "Re-evaluate", row.cost, unit, source="programs, assignments"
        )


def claims_in_words(row: Programme) -> str:
    """What its own dashboard says: "+14 % CTR", 820 conversions."""
    parts = []
    if row.click_lift is not None:
        parts.append(f"{row.click_lift * 100:+.0f} % clicks")
    if row.claimed_conversions is not None:
        n = row.claimed_conversions
        parts.append(f"{number(n)} {fitting(n, 'conversion', 'conversions')}")
    return ", ".join(parts)
