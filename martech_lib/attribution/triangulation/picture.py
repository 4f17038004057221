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
from martech_lib.attribution.triangulation.budget import BudgetMove, move, plan_of
from martech_lib.attribution.triangulation.laid import Asked, Laid, Missing, Source, laid_out, refuse_what_is_none
from martech_lib.attribution.triangulation.priors import LIFT_TEST, MEDIA_MIX, PLATFORM, checked_priors
from martech_lib.attribution.triangulation.ranges import Pull, Range, Triangulation, pooled_ranges
from martech_lib.attribution.triangulation.records import as_reason, missing_records, records
from martech_lib.attribution.triangulation.seen import Seen, days_of
from martech_lib.attribution.triangulation.sights import arranged
from martech_lib.attribution.triangulation.testing import NextTest, Stakes, ranked, wrong_budget
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.results import Result

NEEDS_A_LENS = "needs a lens: touches, platform_reported, survey, lift_tests or lenses with rows of the period"
QUARTER_STEP = 0.5
COMPARED = ("channel", "lens", "family", "estimate")
NO_AGREEMENT = Agreement(None, (), 0, "the lenses were not compared")


class Overcount(NamedTuple):
    """How many times what it brought a platform claims: the middle, the ends of its range, and how that compares with
    the usual: above, below, usual or open."""

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
        is_refused: Whether what there is cannot be pooled, rather than something not being there.
        laid: Every lens's word, those switched off too, and where it comes from; None where nothing could be read.
        triangulation: The ranges; None where there are none.
        overcounts: Learned factor of each platform.
        agreement: How alike all lenses rank the channels that all of them see.
        lens_pairs: The same, two lenses at a time.
        truth: Channel -> what it truly caused, in a simulated world and for the whole log alone.
        budget: The move of budget; None where no money can be moved.
        no_budget: Why the limits that are asked allow none; "" where they do.
        stakes: Conversions a period that a wrong budget costs; None where no money can be moved.
        tests: Channels to test, best first.
        as_of: The day the workspace speaks of.
    """

    currency: str
    period: Period
    asked: Asked
    lacks: str = ""
    is_refused: bool = False
    laid: Laid | None = field(default=None, repr=False)
    triangulation: Triangulation | None = None
    overcounts: tuple[Overcount, ...] = ()
    agreement: Agreement = NO_AGREEMENT
    lens_pairs: tuple[Pair, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    budget: BudgetMove | None = None
    no_budget: str = ""
    stakes: float | None = None
    tests: tuple[NextTest, ...] = ()
    as_of: date | None = None

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Every lens's word, those switched off too."""
        return self.laid.supplied.seen if self.laid else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or assumed."""
        return self.laid.supplied.notes if self.laid else ()

    @property
    def is_one_source(self) -> bool:
        """Whether every lens reads the same touches."""
        found = self.triangulation
        return found is not None and bool((found.sights.reads_touches & ~found.sights.is_test).all())

    @property
    def value(self) -> float | None:
        """Money a conversion is worth, as asked or as in the period; None where unknown."""
        return self.asked.value if self.asked.value is not None or self.laid is None else self.laid.value

    @property
    def pulls(self) -> tuple[Pull, ...]:
        """Estimates without each lens."""
        return self.triangulation.pulls if self.triangulation else ()

    @property
    def ranges(self) -> tuple[Range, ...]:
        """Channels with a range, the largest first."""
        found = self.triangulation.ranges if self.triangulation else ()
        return tuple(
            sorted((r for r in found if r.estimate is not None), key=lambda r: (-(r.estimate or 0.0), r.channel))
        )

    @property
    def silent(self) -> tuple[Range, ...]:
        """Channels without a range."""
        found = self.triangulation.ranges if self.triangulation else ()
        return tuple(r for r in found if r.estimate is None)

    @property
    def lenses(self) -> tuple[str, ...]:
        """Lenses that were pooled."""
        return self.triangulation.sights.lenses if self.triangulation else ()


def lay_together(
    evidence: Evidence,
    rows: Sequence[CreditRow],
    period: Period,
    *,
    asked: Asked | None = None,
    before: TriangulationReading | None = None,
) -> TriangulationReading:
    """Pool every lens of a workspace over a period, and say what to test and where to move money.

    Args:
        evidence: The workspace.
        rows: Credit of every model, of this period; none where there are no journeys.
        period: The period.
        asked: How; the usual way when None.
        before: The answer to the last question: what the new one leaves as it was is taken from it.

    Raises:
        UserError: A lens to be switched off is none, or priors or limits make no sense.
    """
    found = ranges_alone(evidence, rows, period, asked=asked or Asked(), before=before)
    if found.triangulation is None:
        return found
    is_known = before is not None and before.triangulation is found.triangulation
    return _decided(found if is_known else _compared(found))


def ranges_alone(
    evidence: Evidence,
    rows: Sequence[CreditRow],
    period: Period,
    *,
    asked: Asked,
    before: TriangulationReading | None = None,
) -> TriangulationReading:
    """The same without the next test and budget, and without readings: what is laid beside the truth."""
    refuse_what_is_none(asked, evidence)
    source = Source(evidence, rows, period, (asked.direct, *asked.aside))
    last = before if before is not None and before.laid is not None and before.laid.source.is_same(source) else None
    try:
        laid = last.laid if last is not None and last.laid is not None else laid_out(source)
    except Missing as error:
        return unpooled(evidence, period, asked, str(error))
    except (TableError, UserError) as error:
        return unpooled(evidence, period, asked, f"the lenses cannot be read: {error}", is_refused=True)
    if last is not None and last.triangulation is not None and last.asked.pools_like(asked):
        return replace(last, asked=asked)
    if not laid.supplied.seen:
        return unpooled(evidence, period, asked, NEEDS_A_LENS, laid=laid)
    if all(seen.lens in asked.without for seen in laid.supplied.seen):
        return unpooled(evidence, period, asked, "needs at least one lens that is switched on", laid=laid)
    sights = arranged(laid.heard(asked), laid.kinds, checked_priors(asked.priors))
    try:
        found = pooled_ranges(sights, laid.conversions, level=asked.level, order=tuple(laid.kinds.index))
    except UserError as error:
        return unpooled(evidence, period, asked, as_reason(error), laid=laid, is_refused=True)
    return _read(laid, asked, found)


def _read(laid: Laid, asked: Asked, found: Triangulation) -> TriangulationReading:
    evidence, period = laid.source.evidence, laid.source.period
    return TriangulationReading(
        reading_records=(),
        inputs=evidence.inputs,
        currency=evidence.currency,
        period=period,
        asked=asked,
        laid=laid,
        triangulation=found,
        truth=_truth(evidence, period),
        as_of=evidence.as_of,
    )


def _compared(reading: TriangulationReading) -> TriangulationReading:
    """The same with lenses held against one another, and against spend."""
    found, laid = reading.triangulation, reading.laid
    assert found is not None and laid is not None
    rows = laid.heard(reading.asked)
    by_lens: dict[str, dict[str, float]] = {}
    for channel, lens, family, estimate in zip(*(rows[n].tolist() for n in COMPARED), strict=True):
        if family != LIFT_TEST:
            by_lens.setdefault(lens, {})[channel] = estimate
    common = pd.DataFrame({lens: by_lens[lens] for lens in sorted(by_lens)}).dropna()
    return replace(
        reading,
        overcounts=tuple(_overcounts(found, rows)),
        agreement=agreement(common),
        lens_pairs=pairs(common) if len(common) > 1 else (),
    )


def _decided(reading: TriangulationReading) -> TriangulationReading:
    """The same with what to do: the next budget and the next test, within the limits that are asked; or why those
    allow none."""
    found, laid = reading.triangulation, reading.laid
    assert found is not None and laid is not None
    limits = reading.asked.limits
    curves = {} if MEDIA_MIX in reading.asked.without else laid.curves
    # Until the next quarter's test a budget can be moved further than in one step.
    in_a_quarter = replace(limits, step=max(limits.step, QUARTER_STEP))
    try:
        plan, far = (
            plan_of(found.sights.channels, found.effects, laid.spend, curves=curves, limits=asked)
            for asked in (limits, in_a_quarter)
        )
    except UserError as error:
        advised = replace(reading, no_budget=str(error), budget=None, stakes=None, tests=())
    else:
        advised = replace(
            reading,
            no_budget="",
            budget=move(plan, limits, level=reading.asked.level),
            stakes=wrong_budget(far) if len(plan.channels) > 1 else None,
            tests=ranked(far, _stakes(laid, reading.value)),
        )
    return replace(advised, reading_records=records(advised))


def unpooled(
    evidence: Evidence, period: Period, how: Asked, lacks: str, *, laid: Laid | None = None, is_refused: bool = False
) -> TriangulationReading:
    """The result where there are no ranges, saying why."""
    return TriangulationReading(
        reading_records=missing_records(lacks, period, is_refused=is_refused),
        inputs=evidence.inputs,
        currency=evidence.currency,
        period=period,
        asked=how,
        laid=laid,
        lacks=lacks,
        is_refused=is_refused,
        agreement=Agreement(None, (), 0, lacks),
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
        low, high = claimed / told.upper, claimed / told.lower
        counted.append(Overcount(str(channel), float(claimed), factor, low, high, _against_usual(low, high)))
    return sorted(counted, key=lambda o: -o.factor)


def _against_usual(low: float, high: float) -> str:
    """Where a range of factors lies: above or below the usual, within it, or open where it crosses an end."""
    least, most = USUAL_CLAIM
    if low > most:
        return "above"
    if high < least:
        return "below"
    return "usual" if least <= low and high <= most else "open"


def _truth(evidence: Evidence, period: Period) -> dict[str, float]:
    if "truth" not in evidence.registers or period.month:
        return {}
    frame = evidence.registers["truth"]
    frame = frame[frame["kind"] == "channel"]
    return {str(n): float(c) for n, c in zip(frame["name"], frame["incremental_conversions"], strict=True)}


def _stakes(laid: Laid, value: float | None) -> Stakes:
    evidence = laid.source.evidence
    channels = evidence.registers["channels"]
    costs = channels["test_cost_per_week"] if "test_cost_per_week" in channels else pd.Series(np.nan, channels.index)
    return Stakes(
        conversions=laid.conversions,
        days=days_of(evidence, laid.source.period)[0],
        value=value,
        cost_per_week={str(n): float(c) for n, c in zip(channels["channel"], costs, strict=True) if pd.notna(c)},
        last_test=_last_tests(evidence),
        as_of=evidence.as_of,
    )


def _last_tests(evidence: Evidence) -> dict[str, date]:
    if "lift_tests" not in evidence.registers:
        return {}
    tests = evidence.registers["lift_tests"]
    if evidence.as_of is not None:
        tests = tests[pd.to_datetime(tests["end"]) <= pd.Timestamp(evidence.as_of)]
    ends = tests.groupby("channel")["end"].max()
    return {str(channel): pd.Timestamp(end).date() for channel, end in ends.items()}
