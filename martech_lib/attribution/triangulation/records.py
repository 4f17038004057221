"""The numbers of a triangulation as Readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from martech_lib.core.results import Reading, Status, not_measured

if TYPE_CHECKING:
    from martech_lib.attribution.triangulation.picture import TriangulationReading

MISSING = ("attribution.lenses", "attribution.incremental")


def missing_records(needs: str) -> tuple[Reading, ...]:
    """The readings where there are no ranges."""
    return tuple(not_measured(metric, needs=needs) for metric in MISSING)


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
            reason = "no lens speaks of it" if told.channel != reading.asked.direct else "people came by themselves"
            yield Reading(
                "attribution.incremental", unit="conversions", segment=told.channel, status="refused", reason=reason
            )
            continue
        yield Reading(
            "attribution.incremental", told.estimate, "conversions", told.lower, told.upper, told.level,
            segment=told.channel, source="lenses", method=f"{told.verdict}; {found.method if found else ''}",
        )  # fmt: skip


def _overcounts(reading: TriangulationReading) -> Iterator[Reading]:
    for told in reading.overcounts:
        yield Reading(
            "attribution.platform_overcount", told.factor, "ratio", told.lower, told.upper, reading.asked.level,
            segment=told.channel, target="usually 1.5 to 3", source="platform_reported",
            method=f"against the usual factor: {told.verdict}",
        )  # fmt: skip


def _decisions(reading: TriangulationReading) -> Iterator[Reading]:
    if reading.stakes is not None:
        yield Reading("attribution.wrong_budget", reading.stakes, "conversions", method="expected value of knowing all")
    for option in reading.tests:
        yield Reading("attribution.test_saves", option.saved, "conversions", segment=option.channel, source="channels")
    if reading.budget is not None:
        told = reading.budget
        yield Reading(
            "attribution.budget_gain", told.gain, "conversions", told.lower, told.upper, told.level,
            method="hold" if told.is_hold else "move", reason=told.reason,
        )  # fmt: skip
        yield Reading("attribution.budget_better", told.better, "share", source="spend")
