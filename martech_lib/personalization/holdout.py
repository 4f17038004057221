"""A holdout read: the arms first, then conversions, and everything else only behind them."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

from martech_lib.core.errors import UserError, shown
from martech_lib.core.log_intake import as_table
from martech_lib.core.programs import Shares, planned_shares, program_of
from martech_lib.core.sample_ratio import SampleRatio
from martech_lib.core.spoken import percent
from martech_lib.personalization.arms import FEWEST, Sides, fault_of, sides_of, split_of
from martech_lib.personalization.between import between_arms
from martech_lib.personalization.cells import Cells, cells_of
from martech_lib.personalization.course import CONVERTERS, course_of
from martech_lib.personalization.endpoints import LARGE, Endpoint, clicks_of, conversions_of, revenue_of
from martech_lib.personalization.interim import at_any_time, is_before_end, open_share, told_end
from martech_lib.personalization.money import brought
from martech_lib.personalization.notes import notes_of
from martech_lib.personalization.reading import UNKNOWN, HoldoutReading, Terms
from martech_lib.personalization.records import records_of
from martech_lib.personalization.rollout import Prices, policies_of
from martech_lib.personalization.segments import Segments, segments_of
from martech_lib.personalization.totals import Total, total_of
from martech_lib.personalization.verdict import Seen, headline_of, refused

EXPECTED = 5  # converters of the smaller arm at the rate of all, below which no test of two rates holds
UNSPLIT = SampleRatio(math.nan, None, {}, {}, reason="nothing was counted")
UNRIPE = Segments((), math.nan, 0, 0.0, advice="segments are read when the windows are over")
LATER = "revenue is read when the windows are over"


def read_holdout(
    assignments: Any,
    outcomes: Any,
    *,
    program: str,
    window_days: float | None = None,
    cost: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    terms: Terms = UNKNOWN,
) -> HoldoutReading:
    """What a programme brought, by the users who were left out of it.

    Args:
        assignments: user_id, arm (one is holdout or control), assigned_at and, where known, program, segment,
            pre_value and planned_share: an Ibis table of any engine, or a frame.
        outcomes: user_id, ts, event and, where known, value.
        program: Its name in the log.
        window_days: Days after the assignment whose outcomes count; all do where None.
        cost: What it cost over that time.
        level: Confidence level.
        seed: Of the deals of the permutation test.
        terms: What the register knows of it.

    Raises:
        UserError: A column is missing or cannot be used, there is no such program, or an argument is not allowed.
    """
    _refuse(level, cost, seed, window_days)
    put = as_table(assignments, "assignments", ("user_id", "arm", "assigned_at"), time="assigned_at")
    name = program_of(put, str(program), is_named=True) if "program" in put.columns else None
    cells = cells_of(put, outcomes, endpoint=terms.endpoint, program=name, window_days=window_days)
    sides = sides_of(cells)
    shares = planned_shares(put, name)
    asked = _Asked(str(program), window_days, cost, level, seed, terms)
    if sides.fault:
        return _refused(asked, cells, sides, UNSPLIT, sides.fault)
    srm = split_of(cells, sides, shares, held=terms.held)
    if fault := _fault(asked, cells, sides, srm, shares):
        return _refused(asked, cells, sides, srm, fault)
    return _read(asked, cells, sides, srm)


class _Asked(NamedTuple):
    """What was asked for, see `read_holdout`."""

    program: str
    window_days: float | None
    cost: float | None
    level: float
    seed: int
    terms: Terms


def _refuse(level: float, cost: float | None, seed: int, window_days: float | None) -> None:
    given = {"level": level, "cost": cost, "seed": seed, "window_days": window_days}
    for name, one in given.items():
        is_blank = one is None and name in ("cost", "window_days")
        if not is_blank and (not isinstance(one, Real) or isinstance(one, bool)):
            raise UserError(f"{name} came as {shown(repr(one))}; allowed is a number.")
    if not 0.5 <= level < 1:
        raise UserError(f"level came as {shown(level)}; allowed is a share from 0.5 to below 1, such as 0.95.")
    if cost is not None and not 0 <= cost < math.inf:
        raise UserError(f"cost came as {shown(cost)}; allowed is money from 0 up, over the window.")
    if seed < 0 or seed != int(seed):
        raise UserError(f"seed came as {shown(seed)}; allowed are whole numbers from 0 up.")


def _fault(asked: _Asked, cells: Cells, sides: Sides, srm: SampleRatio, shares: Shares) -> str:
    """Why it is not read; "" where it is."""
    if fault := fault_of(cells, sides, srm, shares, window_days=asked.window_days):
        return fault
    holdout, treated = (total_of(cells, arms) for arms in ((sides.holdout,), sides.treated))
    if not holdout.converted + treated.converted:
        return f"nobody converted after the assignment: no outcome's event is '{shown(asked.terms.endpoint)}'" + (
            "" if asked.window_days is None else f" within {asked.window_days:g} days"
        )
    usual = (holdout.converted + treated.converted) / (holdout.n + treated.n) * min(holdout.n, treated.n)
    if usual < EXPECTED:
        which = "holdout" if holdout.n <= treated.n else "personalized arm"
        return f"the {which} is too small: at the rate of all it has {usual:.1f} converters; {EXPECTED} are needed"
    few = min(holdout.converted, treated.converted)
    if is_before_end(cells, asked.window_days) and few < CONVERTERS:
        where = "in the holdout" if few == holdout.converted else "among the personalized"
        return (
            f"{percent(open_share(cells, asked.window_days), 0)} of its users came so late that outcomes of theirs are "
            f"still to come, and a look before the end needs {CONVERTERS} converters {where}, of which there are "
            f"{few}: read it when they have come"
        )
    return ""


def _read(asked: _Asked, cells: Cells, sides: Sides, srm: SampleRatio) -> HoldoutReading:
    holdout, treated = (total_of(cells, arms) for arms in ((sides.holdout,), sides.treated))
    level, terms = asked.level, asked.terms
    is_interim = is_before_end(cells, asked.window_days)
    conversions, clicks = conversions_of(holdout, treated, level=level), clicks_of(holdout, treated, level=level)
    revenue = revenue_of(holdout, treated, level=level, seed=asked.seed)
    if is_interim:
        conversions, clicks = at_any_time(conversions, level), at_any_time(clicks, level) if clicks else None
        revenue = revenue._replace(difference=None, lift=None, reason=LATER) if revenue else None
    told_clicks = None if clicks is None or clicks.difference is None else clicks  # a refused one is no flat one
    seen = Seen(conversions, told_clicks, revenue, treated.n, terms.endpoint, terms.currency)
    told = HoldoutReading(
        reading_records=(),
        program=asked.program, level=level, terms=terms, srm=srm, cells=cells, sides=sides, is_interim=is_interim,
        headline=headline_of(asked.program, seen),
        endpoints=tuple(one for one in (conversions, clicks, revenue) if one is not None),
        without_largest=None if is_interim else _without_largest(holdout, treated, level=level, seed=asked.seed),
        by_segment=UNRIPE if is_interim else segments_of(cells, sides, level=level, declared=terms.segments),
        between=() if is_interim else between_arms(cells, sides, level=level),
        course=course_of(cells, sides, level=level, window_days=asked.window_days),
        notes=notes_of(cells, sides, srm, (holdout, treated), end=told_end(cells, asked.window_days)),
        value=_value(holdout, treated, terms, revenue),
    )  # fmt: skip
    return priced(told, cost=asked.cost)


def priced(told: HoldoutReading, *, cost: float | None) -> HoldoutReading:
    """The same reading at another cost of the programme.

    Args:
        told: A reading.
        cost: What it cost over the window; None where it is not known.
    """
    if told.headline.verdict == "refused":
        return told
    conversions, revenue = told.endpoints[0], told.endpoint("revenue")
    treated = int(conversions.treated.n)
    users = treated + int(conversions.holdout.n)
    whole = replace(
        told,
        cost=cost,
        brought=brought(conversions, revenue, treated=treated, cost=cost, value=told.terms.value,
            currency=told.terms.currency),
        policies=policies_of(
            conversions, revenue, told.by_segment, users=users, level=told.level,
            prices=Prices(told.value, None if cost is None else cost * users / treated),
        ),
    )  # fmt: skip
    return replace(whole, reading_records=records_of(whole))


def sends_of(told: HoldoutReading) -> int:
    """Impressions that the personalized got in the window; their users where the log has no impressions."""
    treated = total_of(told.cells, told.sides.treated)
    return treated.shown or treated.n


def _refused(asked: _Asked, cells: Cells, sides: Sides, srm: SampleRatio, fault: str) -> HoldoutReading:
    told = HoldoutReading(
        reading_records=(), program=asked.program, level=asked.level, terms=asked.terms, srm=srm, cells=cells,
        sides=sides, headline=refused(asked.program, fault),
    )  # fmt: skip
    return replace(told, reading_records=records_of(told))


def _value(holdout: Total, treated: Total, terms: Terms, revenue: Endpoint | None) -> float | None:
    """What a conversion is worth: by the register, else by the log, where revenue could be read and converters alone
    brought it."""
    if terms.value is not None:
        return terms.value
    if revenue is None or revenue.difference is None:
        return None
    converted, worth = holdout.converted + treated.converted, holdout.y + treated.y
    paying = len(holdout.values) + len(treated.values)
    return worth / converted if worth > 0 and 0 < paying <= converted else None


def _without_largest(holdout: Total, treated: Total, *, level: float, seed: int) -> Endpoint | None:
    """Revenue without the user who brought most, of each arm where that is much; None where nobody brought as much."""
    arms = [one.without_largest() if _has_large(one) else one for one in (holdout, treated)]
    return revenue_of(*arms, level=level, seed=seed) if _has_large(holdout) or _has_large(treated) else None


def _has_large(of: Total) -> bool:
    return of.y > 0 and len(of.values) > 0 and of.n > FEWEST and bool(of.values[-1] >= LARGE * of.y)
