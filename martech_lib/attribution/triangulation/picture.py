"""The second half of the attribution page in one frozen result: ranges, what pulls them, the next test and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.attribution.agreement import Agreement, Pair, agreement, pairs
from martech_lib.attribution.comparisons import USUAL_CLAIM
from martech_lib.attribution.credit import CreditRow
from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.attribution.triangulation.budget import BudgetMove, Limits, move, plan_of
from martech_lib.attribution.triangulation.priors import LIFT_TEST, MEDIA_MIX, PLATFORM
from martech_lib.attribution.triangulation.ranges import LEVEL, Pull, Range, Triangulation, pooled_ranges, pulls
from martech_lib.attribution.triangulation.records import missing_records, records
from martech_lib.attribution.triangulation.sights import sights_of
from martech_lib.attribution.triangulation.supply import Seen, Supply, days_of, spend_of, supply
from martech_lib.attribution.triangulation.testing import NextTest, Stakes, ranked, wrong_budget
from martech_lib.core.errors import UserError
from martech_lib.core.results import Result

NEEDS_CHANNELS = "needs channels.csv with the role of each channel"
QUARTER_STEP = 0.5


class Asked(NamedTuple):
    """How the lenses are to be pooled.

    Attributes:
        without: Lenses switched off, by name.
        priors: The table of biases; the usual one when None.
        limits: What the budget may do.
        value: Money a conversion is worth; that of the period's conversions when None.
        level: Probability that a channel's truth is inside its range.
        direct: The channel that stands for coming by oneself.
        aside: Channels set aside.
    """

    without: tuple[str, ...] = ()
    priors: pd.DataFrame | None = None
    limits: Limits = Limits()
    value: float | None = None
    level: float = LEVEL
    direct: str = "direct"
    aside: tuple[str, ...] = ()


class Overcount(NamedTuple):
    """How many times what it brought a platform claims: the middle, the ends of its range, and how that compares."""

    channel: str
    claimed: float
    factor: float
    lower: float
    upper: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class TriangulationReading(Result):
    """What all lenses together say of the channels.

    Attributes:
        currency: Three letters.
        period: The time it is about.
        asked: How the lenses were to be pooled.
        lacks: Why there are no ranges; "" when there are.
        seen: Every lens's word, those switched off too.
        triangulation: The ranges; None where there are none.
        pulls: Estimates without each lens.
        overcounts: Learned factor of each platform.
        agreement: How alike all lenses rank the channels that all of them see.
        lens_pairs: The same, two lenses at a time.
        truth: Channel -> what it truly caused, in a simulated world and for the whole log alone.
        spend: Channel -> money spent in the period.
        budget: The move of budget; None where no money can be moved.
        stakes: Conversions a period that a wrong budget costs; None where no money can be moved.
        tests: Channels to test, best first.
        notes: What was left out or assumed.
        as_of: The day the workspace speaks of.
    """

    currency: str
    period: Period
    asked: Asked
    lacks: str = ""
    seen: tuple[Seen, ...] = ()
    triangulation: Triangulation | None = None
    pulls: tuple[Pull, ...] = ()
    overcounts: tuple[Overcount, ...] = ()
    agreement: Agreement
    lens_pairs: tuple[Pair, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    spend: Mapping[str, float] = field(default_factory=dict)
    budget: BudgetMove | None = None
    stakes: float | None = None
    tests: tuple[NextTest, ...] = ()
    notes: tuple[str, ...] = ()
    as_of: date | None = None

    @property
    def ranges(self) -> tuple[Range, ...]:
        """Channels with a range, the largest first."""
        found = self.triangulation.ranges if self.triangulation else ()
        return tuple(
            sorted((r for r in found if r.estimate is not None), key=lambda r: (-(r.estimate or 0.0), r.channel))
        )

    @property
    def lenses(self) -> tuple[str, ...]:
        """Lenses that were pooled."""
        return self.triangulation.sights.lenses if self.triangulation else ()


def lay_together(
    evidence: Evidence, rows: Sequence[CreditRow], period: Period, *, asked: Asked | None = None
) -> TriangulationReading:
    """Pool every lens of a workspace over a period.

    Args:
        evidence: The workspace.
        rows: Credit of every model, of this period.
        period: The period.
        asked: How; the usual way when None.

    Raises:
        TableError: A lens cannot be read.
        UserError: Priors or limits make no sense.
    """
    how = asked or Asked()
    conversions = sum(row.conversions or 0.0 for row in rows if row.model == "last")
    if "channels" not in evidence.registers or not conversions:
        return unpooled(evidence, period, how, NEEDS_CHANNELS if conversions else "needs conversions in the period")
    supplied = supply(evidence, rows, period, conversions=conversions, apart=(how.direct, *how.aside))
    used = [seen for seen in supplied.seen if seen.lens not in how.without]
    if not used:
        return unpooled(evidence, period, how, "needs at least one lens that is switched on")
    frame, channels = Supply(tuple(used), ()).to_frame(), evidence.registers["channels"]
    sights = sights_of(frame, channels, priors=how.priors)
    try:
        found = pooled_ranges(sights, conversions, level=how.level, order=tuple(channels["channel"]))
    except UserError as error:
        return unpooled(evidence, period, how, str(error), seen=supplied.seen, notes=supplied.notes)
    return _read(evidence, period, how, found, _Given(supplied, frame, rows))


class _Given(NamedTuple):
    supplied: Supply
    frame: pd.DataFrame
    rows: Sequence[CreditRow]


def _read(evidence: Evidence, period: Period, how: Asked, found: Triangulation, given: _Given) -> TriangulationReading:
    spend = spend_of(evidence, period)
    curves = _curves(evidence, period)
    plan = plan_of(found.sights.channels, found.effects, spend, curves=curves, limits=how.limits)
    can_move = len(plan.channels) > 1
    # Until the next quarter's test a budget can be moved further than in one step.
    in_a_quarter = replace(how.limits, step=max(how.limits.step, QUARTER_STEP), budget=None)
    far = plan_of(found.sights.channels, found.effects, spend, curves=curves, limits=in_a_quarter)
    wide = given.frame.pivot_table(index="channel", columns="lens", values="estimate", aggfunc="mean")
    common = wide[[lens for lens in wide if lens != LIFT_TEST]].dropna()
    reading = TriangulationReading(
        reading_records=(),
        inputs=evidence.inputs,
        currency=evidence.currency,
        period=period,
        asked=how,
        seen=given.supplied.seen,
        triangulation=found,
        pulls=pulls(found),
        overcounts=tuple(_overcounts(found, given.frame)),
        agreement=agreement(common),
        lens_pairs=pairs(common) if len(common) > 1 else (),
        truth=_truth(evidence, period),
        spend=spend,
        budget=move(plan, how.limits, level=how.level),
        stakes=wrong_budget(far) if can_move else None,
        tests=ranked(far, _stakes(evidence, period, how, found.conversions, given.rows)),
        notes=given.supplied.notes,
        as_of=evidence.as_of,
    )
    return replace(reading, reading_records=records(reading))


def unpooled(
    evidence: Evidence,
    period: Period,
    how: Asked,
    lacks: str,
    *,
    seen: tuple[Seen, ...] = (),
    notes: tuple[str, ...] = (),
) -> TriangulationReading:
    """The result where there are no ranges, saying why."""
    return TriangulationReading(
        reading_records=missing_records(lacks),
        inputs=evidence.inputs,
        currency=evidence.currency,
        period=period,
        asked=how,
        lacks=lacks,
        seen=seen,
        agreement=Agreement(None, (), 0, lacks),
        notes=notes,
    )


def _overcounts(found: Triangulation, frame: pd.DataFrame) -> list[Overcount]:
    claims = frame[frame["lens"] == PLATFORM].set_index("channel")["estimate"]
    by_channel = {r.channel: r for r in found.ranges}
    counted = []
    for channel, claimed in claims.items():
        told = by_channel[str(channel)]
        if told.estimate is None or not told.lower or told.upper is None or claimed <= 0:
            continue
        factor = claimed / told.estimate
        verdict = "below" if factor < USUAL_CLAIM[0] else "above" if factor > USUAL_CLAIM[1] else "usual"
        counted.append(
            Overcount(str(channel), float(claimed), factor, claimed / told.upper, claimed / told.lower, verdict)
        )
    return sorted(counted, key=lambda o: -o.factor)


def _curves(evidence: Evidence, period: Period) -> dict[str, float]:
    """Channel -> elasticity of the response curve that a media-mix model supplies: marginal x spend / estimate."""
    frame = evidence.registers.get("lenses")
    if frame is None or not {"marginal", "spend"} <= set(frame):
        return {}
    kept = frame[[period.holds(when) for when in frame["month"]]].dropna(subset=["marginal", "spend"])
    kept = kept[(kept["lens"].str.lower() == MEDIA_MIX) & (kept["estimate"] > 0) & (kept["spend"] > 0)]
    each = (kept["marginal"] * kept["spend"] / kept["estimate"]).groupby(kept["channel"]).mean()
    return {str(channel): float(elasticity) for channel, elasticity in each.items()}


def _truth(evidence: Evidence, period: Period) -> dict[str, float]:
    if "truth" not in evidence.registers or period.month:
        return {}
    frame = evidence.registers["truth"]
    frame = frame[frame["kind"] == "channel"]
    return {str(n): float(c) for n, c in zip(frame["name"], frame["incremental_conversions"], strict=True)}


def _stakes(evidence: Evidence, period: Period, how: Asked, conversions: float, rows: Sequence[CreditRow]) -> Stakes:
    channels = evidence.registers["channels"]
    costs = channels["test_cost_per_week"] if "test_cost_per_week" in channels else pd.Series(np.nan, channels.index)
    worth = sum(row.value or 0.0 for row in rows if row.model == "last")
    value = how.value if how.value is not None else worth / conversions if worth else None
    return Stakes(
        conversions=conversions,
        days=max(days_of(evidence, period)[0], 1),
        value=value,
        cost_per_week={str(n): float(c) for n, c in zip(channels["channel"], costs, strict=True) if pd.notna(c)},
        last_test=_last_tests(evidence),
        as_of=evidence.as_of,
    )


def _last_tests(evidence: Evidence) -> dict[str, date]:
    if "lift_tests" not in evidence.registers:
        return {}
    ends = evidence.registers["lift_tests"].groupby("channel")["end"].max()
    return {str(channel): pd.Timestamp(end).date() for channel, end in ends.items()}
