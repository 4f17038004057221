"""The recommended test as a row of the experiment backlog."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.testing import HELD, NO_DAYS
from martech_lib.core.errors import UserError
from martech_lib.core.spoken import number, percent


def backlog_row(reading: TriangulationReading) -> dict[str, Any]:
    """The first of the recommended tests, filled in as far as it is known. Raises UserError when there is none."""
    if not reading.tests or reading.triangulation is None:
        why = "no channel with spend has a range" if reading.stakes is None else NO_DAYS
        raise UserError(f"There is no test to write down: {why}.")
    first = reading.tests[0]
    told = next(r for r in reading.ranges if r.channel == first.channel)
    conversions = reading.triangulation.conversions
    share = (told.estimate or 0.0) / conversions
    because = f"all lenses together leave {number(told.lower)} to {number(told.upper)} conversions a period"
    return {
        "idea": f"Lift test of {first.channel}",
        "surface": first.channel,
        "hypothesis_because": f"{because}; the budget would gain by knowing",
        "change": f"hold {percent(HELD, 0)} of the market out for {first.weeks} weeks",
        "audience": "the whole market, by region or by user",
        "primary_metric": "conversions",
        "mde_relative": round(first.finds / conversions, 4),
        "direction": "up" if share >= 0 else "down",
        "earliest_start": None if reading.as_of is None else reading.as_of + timedelta(days=7),
        # A unit of lift is the whole of the metric: all conversions of the period.
        "value_per_unit_lift": None if reading.value is None else round(reading.value * conversions, 2),
    }
