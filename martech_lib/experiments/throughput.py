"""Experiments that reached a decision, by quarter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from martech_lib.core.quarters import Quarter, quarter_of, quarters_between
from martech_lib.core.results import Reading, not_measured
from martech_lib.core.rows import Row
from martech_lib.core.spoken import count, day
from martech_lib.experiments.backlog_readings import band_status, band_words

METRIC, UNIT, METHOD = "experiments.shipped_per_quarter", "experiments", "experiments that reached a decision"


class Clock(NamedTuple):
    """The audit date (None where unknown), the fiscal year's first month, and the healthy number a quarter."""

    as_of: date | None
    first_month: int
    band: tuple[float, float]


def throughput_readings(rows: Sequence[Row], clock: Clock) -> Iterator[Reading]:
    """The last complete quarter as the whole, then every quarter from the first decision to the audit date."""
    days = [row["decided_on"] for row in rows if row.get("decided_on") is not None]
    past = [when for when in days if clock.as_of is None or when <= clock.as_of]
    undated = sum(row.get("decision") is not None and row.get("decided_on") is None for row in rows)
    gaps = [f"{undated:,} decided without a date"] if undated else []
    gaps += [f"{len(days) - len(past):,} dated after the audit date"] if len(past) < len(days) else []
    counted = Counter(quarter_of(when, first_month=clock.first_month) for when in past)
    yield _whole(rows, counted, clock, "; ".join(gaps))
    last = clock.as_of or max(past, default=date.min)
    for quarter in quarters_between(min(past), last, first_month=clock.first_month) if past else ():
        yield _of(quarter, counted[quarter], clock)._replace(segment=quarter.id)


def _whole(rows: Sequence[Row], counted: Counter[Quarter], clock: Clock, gaps: str) -> Reading:
    target = band_words(clock.band)
    if not counted:
        needs = "needs decided_on in experiments.csv" + (f": {gaps}" if gaps else "")
        return not_measured(METRIC, needs=needs, unit=UNIT, target=target)
    if clock.as_of is None:
        needs = "needs as_of_date in profile.csv, which says what quarter is over"
        return not_measured(METRIC, needs=needs, unit=UNIT, target=target)
    last = _last_complete(clock.as_of, clock.first_month)
    begun = min(row[name] for row in rows for name in ("start", "decided_on") if row.get(name) is not None)
    if begun > last.last_day:
        needs = f"needs a quarter that is over: the register begins on {day(begun)}, after {last.id}"
        return not_measured(METRIC, needs=needs, unit=UNIT, target=target)
    said = f"{METHOD} in {last.id}, the last complete quarter on {day(clock.as_of)}"
    return _of(last, counted[last], clock)._replace(method=said, reason=gaps)


def _of(quarter: Quarter, n: int, clock: Clock) -> Reading:
    found = Reading(METRIC, float(n), UNIT, n=n, target=band_words(clock.band), method=METHOD, period=quarter.id)
    if clock.as_of is None:
        return found._replace(reason="whether it is over is unknown: needs as_of_date in profile.csv")
    if clock.as_of < quarter.last_day:
        return found._replace(reason=f"not over: {count((quarter.last_day - clock.as_of).days, 'day')} to go")
    return found._replace(status=band_status(n, clock.band))


def _last_complete(as_of: date, first_month: int) -> Quarter:
    """The quarter whose last day is the audit date or the nearest before it."""
    running = quarter_of(as_of, first_month=first_month)
    if running.last_day == as_of:
        return running
    return quarter_of(date.fromordinal(running.start.toordinal() - 1), first_month=first_month)
