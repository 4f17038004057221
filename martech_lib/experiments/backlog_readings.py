"""The numbers of the backlog as Readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from martech_lib.core.results import Reading, Status, not_measured
from martech_lib.core.spoken import count, in_full, listed
from martech_lib.experiments.duration import LONGEST
from martech_lib.experiments.ideas import Idea, State

NEEDS = "no backlog: supply backlog.csv"
TESTS, IDEAS = "tests", "ideas"
SIZED = "weeks until two equal arms have their units, by weekly_units of the surface"


class Counted(NamedTuple):
    """What the readings are counted from: the ideas with their places, and the quarter.

    Attributes:
        ideas: All ideas.
        pairs: How many pairs may interact.
        start: First day; None where it is unknown.
        weeks: Weeks.
        is_quarter: Whether these weeks are a quarter, of which the band speaks.
    """

    ideas: Sequence[Idea]
    pairs: int
    start: date | None
    weeks: int
    is_quarter: bool

    @property
    def period(self) -> str:
        """First to last day."""
        if self.start is None:
            return ""
        return f"{self.start.isoformat()} to {(self.start + timedelta(weeks=self.weeks, days=-1)).isoformat()}"

    def of(self, *states: State) -> list[Idea]:
        """The ideas in one of these states."""
        return [idea for idea in self.ideas if idea.state in states]


def band_words(band: tuple[float, float]) -> str:
    """8 to 15."""
    return f"{in_full(band[0])} to {in_full(band[1])}"


def band_status(tests: float, band: tuple[float, float]) -> Status:
    """pass inside the band, watch outside, fail where there is none at all."""
    if band[0] <= tests <= band[1]:
        return "pass"
    return "watch" if tests else "fail"


def missing_readings(currency: str, band: tuple[float, float]) -> tuple[Reading, ...]:
    """The readings without a backlog."""
    return (
        not_measured("experiments.backlog_ideas", needs=NEEDS, unit=IDEAS),
        not_measured("experiments.backlog_fits", needs=NEEDS, unit=TESTS, target=band_words(band)),
        *(
            not_measured(f"experiments.backlog_{name}", needs=NEEDS, unit=IDEAS)
            for name in ("left_out", "unpowered", "unsized")
        ),
        not_measured("experiments.backlog_value", needs=NEEDS, unit=currency),
        not_measured("experiments.backlog_interactions", needs=NEEDS, unit="pairs"),
    )


def readings_of(counted: Counted, currency: str, band: tuple[float, float]) -> Iterator[Reading]:
    """Every number of the backlog."""
    for reading in (
        Reading("experiments.backlog_ideas", float(len(counted.ideas)), IDEAS, n=len(counted.ideas), method="rows"),
        *_fits(counted, band),
        *_not_run(counted),
        _value(counted, currency),
        _pairs(counted),
    ):
        yield reading._replace(period=counted.period, source="backlog")


def _fits(counted: Counted, band: tuple[float, float]) -> Iterator[Reading]:
    metric, target = "experiments.backlog_fits", band_words(band)
    fits, sized = counted.of("fits"), counted.of("fits", "no room", "too long")
    if counted.start is None:
        needs = "needs as_of_date in profile.csv, or the first day of the quarter"
        yield not_measured(metric, needs=needs, unit=TESTS, target=target)
        return
    if not sized:
        needs = "needs baseline, mde_relative and weekly_units of some idea in backlog.csv"
        yield not_measured(metric, needs=needs, unit=TESTS, target=target)
        return
    method = f"whole weeks packed into {count(counted.weeks, 'week')}, one test at a time on a surface"
    whole = Reading(metric, float(len(fits)), TESTS, n=len(sized), target=target, method=method)
    if counted.is_quarter:
        yield whole._replace(status=band_status(len(fits), band))
    else:
        yield whole._replace(reason=f"the target is of a quarter, this of {count(counted.weeks, 'week')}")
    by_surface = Counter({idea.surface: 0 for idea in sized})
    by_surface.update(idea.surface for idea in fits)
    for surface in sorted(by_surface):
        weeks = sum(idea.weeks or 0 for idea in fits if idea.surface == surface)
        reason = f"{weeks} of {counted.weeks} weeks are taken"
        n = sum(idea.surface == surface for idea in sized)
        yield Reading(metric, float(by_surface[surface]), TESTS, n=n, segment=surface, method=method, reason=reason)


def _not_run(counted: Counted) -> Iterator[Reading]:
    unknown, sized = counted.of("unknown"), counted.of("fits", "no room", "too long")
    for name, ideas, n, method in (
        ("left_out", counted.of("no room"), len(sized), "could be powered, and have no place in the quarter"),
        ("unpowered", counted.of("too long"), len(sized), f"need more than {LONGEST} weeks; {SIZED}"),
        ("unsized", unknown, len(counted.ideas), "whose weeks cannot be told"),
    ):
        metric, unit = f"experiments.backlog_{name}", IDEAS
        if name == "left_out" and counted.start is None:
            yield not_measured(metric, needs="needs the first day of the quarter", unit=unit)
        elif not n:
            yield not_measured(metric, needs="no idea could be sized: see unsized", unit=unit)
        else:
            named = listed([idea.idea for idea in ideas])
            yield Reading(metric, float(len(ideas)), unit, n=n, status=_none_is_good(name, ideas), method=method,
                          reason=named)  # fmt: skip


def _none_is_good(name: str, ideas: Sequence[Idea]) -> Status:
    return "info" if name == "left_out" else "watch" if ideas else "pass"


def _value(counted: Counted, currency: str) -> Reading:
    metric, fits = "experiments.backlog_value", counted.of("fits")
    known = [idea.value for idea in fits if idea.value is not None]
    if counted.start is None:
        return not_measured(metric, needs="needs the first day of the quarter", unit=currency)
    if not known:
        needs = "needs value_per_unit_lift, confidence and mde_relative of a test that fits"
        return not_measured(metric, needs=needs, unit=currency)
    unknown = len(fits) - len(known)
    reason = f"{count(unknown, 'test')} of {len(fits):,} in it {'has' if unknown == 1 else 'have'} no known value"
    method = "sum over the tests that fit of confidence / 10 (a judgement) x relative change x value of a unit of lift"
    return Reading(metric, sum(known), currency, n=len(known), method=method, reason=reason if unknown else "")


def _pairs(counted: Counted) -> Reading:
    metric = "experiments.backlog_interactions"
    if counted.start is None:
        return not_measured(metric, needs="needs the first day of the quarter", unit="pairs")
    method = "tests at the same time on different surfaces with one metric or audience"
    status: Status = "watch" if counted.pairs else "pass"
    return Reading(metric, float(counted.pairs), "pairs", n=len(counted.of("fits")), status=status, method=method)
