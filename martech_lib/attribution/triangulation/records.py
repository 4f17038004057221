"""The numbers of a triangulation as Readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from martech_lib.attribution.question import Period
from martech_lib.attribution.triangulation.priors import PLATFORM
from martech_lib.attribution.triangulation.testing import NO_DAYS
from martech_lib.core.results import Reading, Status
from martech_lib.core.spoken import listed

if TYPE_CHECKING:
    from martech_lib.attribution.triangulation.picture import TriangulationReading

UNITS = {
    "attribution.lenses": "lenses",
    "attribution.lenses_agreement_w": "ratio",
    "attribution.incremental": "conversions",
    "attribution.platform_overcount": "ratio",
    "attribution.wrong_budget": "conversions",
    "attribution.test_saves": "conversions",
    "attribution.budget_gain": "conversions",
    "attribution.budget_better": "share",
}
OF_MONEY = (
    "attribution.wrong_budget",
    "attribution.test_saves",
    "attribution.budget_gain",
    "attribution.budget_better",
)
NEEDS_CONVERSIONS = "needs conversions.csv, or paths.csv, with conversions to hold the lenses against"
NO_LENS = "no lens speaks of it"
NEEDS_SPEND = "needs spend.csv with at least two channels that have a range"


def missing_records(lacks: str, period: Period, *, is_refused: bool = False) -> tuple[Reading, ...]:
    """The readings where there are no ranges: refused where what there is cannot be pooled, else not measured."""
    status: Status = "refused" if is_refused else "not measured"
    when = period.month or period.words
    return tuple(_lacking(metric, status, lacks)._replace(period=when) for metric in UNITS)


def _lacking(metric: str, status: Status, reason: str) -> Reading:
    return Reading(metric, unit=UNITS[metric], status=status, reason=reason)


def as_reason(said: object) -> str:
    """What an error says, to stand behind a colon."""
    said = str(said).rstrip(".")
    return f"{said[:1].lower()}{said[1:]}"


def records(reading: TriangulationReading) -> tuple[Reading, ...]:
    """Every number of the second half of the page; by channel as the segment."""
    found = (*_lenses(reading), *_ranges(reading), *_overcounts(reading), *_decisions(reading))
    when = reading.period.month or reading.period.words
    return tuple(row._replace(period=when) for row in found)


def _lenses(reading: TriangulationReading) -> Iterator[Reading]:
    n = len(reading.lenses)
    status: Status = "fail" if n < 2 else "watch" if reading.is_one_source else "pass"
    yield Reading(
        "attribution.lenses", n, "lenses", target="at least 2", status=status, method=", ".join(reading.lenses)
    )
    found = reading.agreement
    if found.w is None:
        yield Reading("attribution.lenses_agreement_w", unit="ratio", status="refused", reason=found.reason)
        return
    method = f"Kendall's W, ties corrected, m = {len(found.judges)}, n = {found.channels} channels"
    yield Reading("attribution.lenses_agreement_w", found.w, "ratio", n=found.channels, method=method)


def _ranges(reading: TriangulationReading) -> Iterator[Reading]:
    found = reading.triangulation
    for told in found.ranges if found else ():
        if told.estimate is None:
            reason = why_silent(told.channel, reading)
            yield _lacking("attribution.incremental", "refused", reason)._replace(segment=told.channel)
            continue
        yield Reading(
            "attribution.incremental", told.estimate, "conversions", told.lower, told.upper, told.level,
            segment=told.channel, source="lenses", method=f"{told.verdict}; {found.method if found else ''}",
        )  # fmt: skip


def why_silent(channel: str, reading: TriangulationReading) -> str:
    """Why a channel has no range."""
    if channel == reading.asked.direct:
        return "people came by themselves"
    if channel in reading.asked.aside:
        return "it was set aside"
    lenses = list(dict.fromkeys(seen.lens for seen in reading.seen if seen.channel == channel))
    off = [name for name in lenses if name in reading.asked.without]
    if off == lenses and off:
        return f"what speaks of it is switched off: {listed(off)}"
    if lenses:
        return f"what is said of it is too vague to tell anything: {listed([n for n in lenses if n not in off])}"
    left = [each.words for each in reading.laid.supplied.left_out if channel in each.channels] if reading.laid else []
    if left:
        return f"what speaks of it was left out: {'; '.join(left)}"
    return "no path that converted holds it, and nothing else is heard" if _reads_paths(reading) else NO_LENS


def _reads_paths(reading: TriangulationReading) -> bool:
    return reading.laid is not None and reading.laid.source.evidence.reads_paths


def no_overcounts(reading: TriangulationReading) -> tuple[Status, str] | None:
    """Why no platform's claim is held against what the channel brought; None where one is."""
    if len(reading.lenses) < 2 and reading.overcounts:
        return "refused", "with the platforms alone there is nothing to hold their claims against"
    if reading.overcounts:
        return None
    if PLATFORM in reading.asked.without:
        return "not measured", "needs the lens platform, which is switched off"
    if _reads_paths(reading) and "platform_reported" in reading.inputs:
        return "refused", "a table of paths has no months to hold platform_reported.csv against"
    return "not measured", "needs platform_reported.csv with claims of the period for a channel that has a range"


def _overcounts(reading: TriangulationReading) -> Iterator[Reading]:
    lacking = no_overcounts(reading)
    if lacking:
        yield _lacking("attribution.platform_overcount", *lacking)
        return
    for told in reading.overcounts:
        yield Reading(
            "attribution.platform_overcount", told.factor, "ratio", told.lower, told.upper, reading.asked.level,
            segment=told.channel, target="usually 1.5 to 3", source="platform_reported",
            method=f"against the usual factor: {told.verdict}",
        )  # fmt: skip


def _decisions(reading: TriangulationReading) -> Iterator[Reading]:
    told = reading.budget
    if reading.no_budget:
        yield from (_lacking(metric, "refused", as_reason(reading.no_budget)) for metric in OF_MONEY)
        return
    if reading.stakes is None or told is None:
        yield from (_lacking(metric, "not measured", NEEDS_SPEND) for metric in OF_MONEY)
        return
    yield Reading("attribution.wrong_budget", reading.stakes, "conversions", method="expected value of knowing all")
    for option in reading.tests:
        yield Reading("attribution.test_saves", option.saved, "conversions", segment=option.channel, source="channels")
    if not reading.tests:
        yield _lacking("attribution.test_saves", "refused", NO_DAYS)
    yield Reading(
        "attribution.budget_gain", told.gain, "conversions", told.lower, told.upper, told.level,
        method="hold" if told.is_hold else "move", reason=told.reason,
    )  # fmt: skip
    if told.is_still:
        yield _lacking("attribution.budget_better", "refused", told.reason)
        return
    yield Reading("attribution.budget_better", told.better, "share", source="spend")
