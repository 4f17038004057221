"""The numbers of a holdout as Readings; the programme is part of each metric's id."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from martech_lib.core.results import Reading, Status, not_measured
from martech_lib.core.sample_ratio import STOPS, SampleRatio
from martech_lib.personalization.endpoints import Endpoint
from martech_lib.personalization.money import Brought, Range
from martech_lib.personalization.verdict import Headline

if TYPE_CHECKING:
    from martech_lib.personalization.between import Between
    from martech_lib.personalization.cells import Cells
    from martech_lib.personalization.course import Course
    from martech_lib.personalization.reading import HoldoutReading
    from martech_lib.personalization.segments import Segments

SOURCE = "assignments, outcomes"
ALWAYS = ("lift_conversion", "diff_conversion", "lift_revenue", "diff_revenue", "diff_click", "lift_click")
JUDGED: dict[str, Status] = {
    "real win": "pass", "hidden win": "pass", "click-only": "watch", "nothing": "watch", "harm": "fail",
    "refused": "refused",
}  # fmt: skip


def slug_of(program: str) -> str:
    """The programme inside a metric's id: lower case, other characters as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", program.casefold()).strip("-") or "program"


def named(program: str, name: str) -> str:
    """A metric's id."""
    return f"personalization.{slug_of(program)}.{name}"


def records_of(told: HoldoutReading) -> tuple[Reading, ...]:
    """Every number of a holdout."""
    program, level, headline = told.program, told.level, told.headline
    rows = [*split_records(program, told.srm), *aside_records(program, told.cells)]
    if headline.verdict == "refused":
        return (*rows, *refused_records(program, headline))
    for of in told.endpoints:
        rows += endpoint_records(program, of, headline, level=level)
    rows += missing_records(told)
    if told.without_largest is not None:
        extra = endpoint_records(program, told.without_largest, headline, level=level)
        rows += [row._replace(segment="without the largest user") for row in extra]
    if told.brought is not None:
        rows += money_records(program, told.brought, level=level, currency=told.terms.currency)
    rows += between_records(program, told.between, level=level)
    rows += segment_records(program, told.by_segment, level=level)
    if told.course is not None:
        rows += course_records(program, told.course, level=level)
    return tuple(rows)


def missing_records(told: HoldoutReading) -> Iterator[Reading]:
    """Outcomes that the log does not hold: not measured."""
    for name, needs in (("click", "no outcome is a click"), ("revenue", "no outcome has a value")):
        if told.endpoint(name) is None:
            for kind in ("diff", "lift"):
                unit = "money/user" if (kind, name) == ("diff", "revenue") else "share"
                yield not_measured(named(told.program, f"{kind}_{name}"), needs=needs, unit=unit)


def refused_records(program: str, headline: Headline) -> Iterator[Reading]:
    """A programme that is not read: every metric with its reason, none with a number."""
    for name in ALWAYS:
        unit = "share" if name != "diff_revenue" else "money/user"
        yield Reading(named(program, name), unit=unit, status="refused", reason=headline.reason, source=SOURCE)


def split_records(program: str, srm: SampleRatio) -> Iterator[Reading]:
    """Users by arm, and the check of their ratio."""
    for arm, n in srm.arms.items():
        yield Reading(named(program, "users"), n, "users", n=n, segment=arm, source=SOURCE)
    target, n = f"at least {STOPS:g}", sum(srm.arms.values())
    status: Status = "not measured" if srm.passed is None else "pass" if srm.passed else "fail"
    value = None if math.isnan(srm.p_value) else srm.p_value
    yield Reading(
        named(program, "srm_p"), value, "probability", n=n, target=target, status=status,
        method="chi-square of the arms' users", reason=srm.reason, source=SOURCE,
    )  # fmt: skip


def aside_records(program: str, cells: Cells) -> Iterator[Reading]:
    """What was not counted."""
    aside = (
        ("users in two arms", cells.crossed), ("repeated assignments", cells.repeated),
        ("outcomes before the assignment", cells.early), ("outcomes after the window", cells.late),
        ("assignments without user, arm or time", cells.unusable), ("outcomes of unknown users", cells.unknown),
        ("outcomes without a time", cells.undated),
    )  # fmt: skip
    for what, n in aside:
        yield Reading(named(program, "set_aside"), n, "rows", segment=what, method="not counted", source=SOURCE)


def endpoint_records(program: str, of: Endpoint, headline: Headline, *, level: float) -> Iterator[Reading]:
    """Difference and lift of one endpoint, and what its past explains."""
    is_primary = of.name == "conversion"
    status: Status = JUDGED[headline.verdict] if is_primary else "info"
    unit = "money/user" if of.name == "revenue" else "share"
    n = int(of.holdout.n + of.treated.n)
    for name, unit_of, told in ((f"diff_{of.name}", unit, of.difference), (f"lift_{of.name}", "share", of.lift)):
        row = Reading(named(program, name), unit=unit_of, n=n, reason=of.reason, source=SOURCE)
        if told is None:
            yield row._replace(status="refused")
            continue
        row = row._replace(lower=_finite(told.lower), upper=_finite(told.upper), level=level)
        yield row._replace(value=told.estimate, status=status, method=of.method)
    if of.difference is not None:
        p = of.difference.p
        yield Reading(named(program, f"p_{of.name}"), p, "probability", n=n, method=of.method, source=SOURCE)
    if of.explained is not None:
        yield Reading(
            named(program, f"explained_{of.name}"), of.explained, "share", n=n, source=SOURCE,
            method="variance that pre_value explains (CUPED)",
        )  # fmt: skip


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def money_records(program: str, of: Brought, *, level: float, currency: str) -> Iterator[Reading]:
    """What it brought in all."""
    rows: tuple[tuple[str, str, Range | None], ...] = (
        ("incremental_conversions", "conversions", of.conversions), ("incremental_revenue", currency, of.revenue),
        ("incremental_profit", currency, of.profit), ("cost_per_incremental", currency, of.cost_per_conversion),
    )  # fmt: skip
    for name, unit, told in rows:
        if told is not None:
            ends = (told.estimate, unit, _finite(told.lower), _finite(told.upper), level)
            is_taken = name in ("incremental_revenue", "incremental_profit")
            yield Reading(named(program, name), *ends, reason=of.taken if is_taken else "", source=SOURCE)
        elif of.cost is not None and name == "cost_per_incremental":
            yield Reading(named(program, name), unit=unit, status="refused", reason=of.reason, source=SOURCE)


def between_records(program: str, told: Sequence[Between], *, level: float) -> Iterator[Reading]:
    """Arms of a programme that has several, each against another."""
    for one in told:
        row = Reading(
            named(program, "lift_of_arm"), unit="share", level=level, segment=f"{one.arm} against {one.against}"
        )
        if one.lift is None:
            yield row._replace(status="refused", reason=f"nobody in {one.against} converted", source=SOURCE)
        else:
            ends = _finite(one.lift.lower), _finite(one.lift.upper)
            row = row._replace(value=one.lift.estimate, lower=ends[0], upper=ends[1], source=SOURCE)
            yield row._replace(method=f"score test; p {one.p:.3g} by Holm over all arms")


def segment_records(program: str, found: Segments, *, level: float) -> Iterator[Reading]:
    """Lift by segment, raw and shrunken; whether they differ."""
    for line in found.lines:
        n = int(line.holdout.n + line.treated.n)
        if line.lift is None:
            reason = line.reason
            yield Reading(
                named(program, "lift_conversion"), unit="share", status="refused", segment=line.segment, reason=reason
            )
            continue
        status: Status = ("pass" if line.lift.estimate > 0 else "fail") if line.is_found else "info"
        yield Reading(
            named(program, "lift_conversion"), line.lift.estimate, "share", _finite(line.lift.lower),
            _finite(line.lift.upper), level, n, status=status, segment=line.segment,
            method=f"score test; q {line.q:.3g} by Benjamini and Hochberg", reason=line.reason, source=SOURCE,
        )  # fmt: skip
        if line.shrunk is not None:
            yield Reading(
                named(program, "lift_shrunken"), line.shrunk.estimate, "share", line.shrunk.lower, line.shrunk.upper,
                level, n, segment=line.segment, method="drawn to the mean of all segments", source=SOURCE,
            )  # fmt: skip
    if not math.isnan(found.differ):
        yield Reading(
            named(program, "segments_differ_p"), found.differ, "probability", reason=found.advice, source=SOURCE
        )


def course_records(program: str, of: Course, *, level: float) -> Iterator[Reading]:
    """Lift by week since assignment, and whether it fades."""
    for week in of.weeks:
        row = Reading(named(program, "lift_by_week"), unit="share", segment=f"week {week.week}", source=SOURCE)
        if week.lift is None:
            yield row._replace(status="refused", reason=week.reason)
        else:
            row = row._replace(lower=_finite(week.lift.lower), upper=_finite(week.lift.upper), level=level)
            n = int(week.holdout.n + week.treated.n)
            yield row._replace(value=week.lift.estimate, n=n, method="holds over all weeks at once")
    if of.trend.by_week is None:
        yield Reading(named(program, "fading"), unit="share", status="refused", reason=of.trend.reason, source=SOURCE)
    else:
        method = f"change of the ratio by week; p {of.trend.p:.3g}"
        yield Reading(named(program, "fading"), of.trend.by_week, "share", method=method, source=SOURCE)
