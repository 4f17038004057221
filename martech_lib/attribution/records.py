"""The numbers of the attribution page as Readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from martech_lib.attribution import rules
from martech_lib.attribution.agreement import Agreement
from martech_lib.attribution.comparisons import Comparisons
from martech_lib.attribution.credit import LEAST_GROUPS, LEVEL, CreditRow
from martech_lib.attribution.evidence import Total
from martech_lib.attribution.journeys import Journeys
from martech_lib.attribution.question import Period, Question
from martech_lib.attribution.sums import NONE
from martech_lib.attribution.walks import quantile
from martech_lib.core.results import Reading, not_measured
from martech_lib.core.spoken import listed
from martech_lib.core.stats import Array, jackknife_ratio, without_each

OF_PERIOD, THEIR_VALUE, NEEDS_VALUE = "conversions of the period", "their value", "needs value of the conversions"


def missing_records(needs: str, period: Period, *, counted: Total | None, currency: str) -> tuple[Reading, ...]:
    """The readings of a workspace without journeys.

    Args:
        needs: What there would be journeys with.
        period: The period.
        counted: The conversions of the period; None where none can be counted.
        currency: Three letters.
    """
    when = period.month or period.words
    if counted is None:
        found = [
            not_measured("attribution.conversions", needs=needs, unit="conversions"),
            not_measured("attribution.value", needs=needs, unit=currency),
        ]
    else:
        found = [*_counted(counted, currency)]
    found += [
        not_measured(metric, needs=needs, unit="ratio")
        for metric in ("attribution.models_agreement_w", "attribution.agreement_w")
    ]
    return tuple(row._replace(period=when) for row in found)


def _counted(total: Total, currency: str) -> Iterator[Reading]:
    """Conversions without journeys, and what they are worth."""
    n, valued = round(total.conversions), round(total.valued)
    yield Reading(
        "attribution.conversions", total.conversions, "conversions", n=n, method=OF_PERIOD, source="conversions"
    )
    if n and not valued:
        yield not_measured("attribution.value", needs=NEEDS_VALUE, unit=currency)._replace(source="conversions")
        return
    reason = f"{n - valued:,} of them have no value" if valued < n else ""
    yield Reading(
        "attribution.value", total.value or 0.0, currency, n=n, method=THEIR_VALUE, source="conversions", reason=reason
    )


def records(
    journeys: Journeys,
    rows: Sequence[CreditRow],
    beside: Comparisons,
    *,
    currency: str,
    asked: tuple[Question, Period],
) -> tuple[Reading, ...]:
    """Every number of the page: the whole first, then by model and channel (as the segment)."""
    question, period = asked
    of_part = f"of {question.part} alone" if question.part else ""
    found = (
        *_whole(journeys, rows, currency),
        *_walk(journeys, beside),
        *_agreements(beside),
        *_credit(rows, currency),
        *_money(beside, currency),
        *_against_claims(beside),
        *_against_truth(beside),
    )
    source = "paths" if journeys.stitched is None else "touches, conversions"
    when = period.month or period.words
    return tuple(r._replace(period=when, source=r.source or source, reason=r.reason or of_part) for r in found)


def _whole(journeys: Journeys, rows: Sequence[CreditRow], currency: str) -> Iterator[Reading]:
    by_last = [row for row in rows if row.model == "last"]
    conversions = sum(row.conversions or 0.0 for row in by_last)
    alone = sum(row.conversions or 0.0 for row in by_last if row.channel == NONE)
    n = round(conversions)
    yield Reading("attribution.conversions", conversions, "conversions", n=n, method=OF_PERIOD)
    if journeys.has_value:
        worth = sum(row.value or 0.0 for row in by_last)
        yield Reading("attribution.value", worth, currency, n=n, method=THEIR_VALUE)
    else:
        yield not_measured("attribution.value", needs=NEEDS_VALUE, unit=currency)
    if conversions:
        method = "conversions without a touch in the lookback"
        yield Reading("attribution.untouched", alone / conversions, "share", n=n, method=method)
    yield Reading("attribution.channels", len(journeys.channels), "channels", method="channels that were touched")


def _walk(journeys: Journeys, beside: Comparisons) -> Iterator[Reading]:
    sums = journeys.sums.samples
    touched = rules.last(sums, value=False).sum(axis=1)
    if not touched[0]:
        return
    touches = sums.of("touches").sum(axis=1)
    n = round(float(touched[0]))
    mean = Reading("attribution.touches_per_conversion", float(touches[0] / touched[0]), "touches/conversion", n=n)
    mean = _with_interval(mean, touches, touched)
    yield mean._replace(method="touches of converting journeys divided by these journeys")
    walks = beside.walks
    if walks is None or walks.days is None or walks.days.empty or walks.waiting is None:
        return
    yield _mean_days(walks.waiting, n)
    median = quantile(walks.days, "days", 0.5)
    yield Reading("attribution.days_to_convert", median, "days", n=n, method="median, first touch to conversion")


def _mean_days(waiting: Array, n: int) -> Reading:
    """Mean days from first touch to conversion, with its interval where there are users enough."""
    days, journeys = without_each(waiting[waiting[:, 1] > 0]).T
    method = "mean, first touch to conversion"
    mean = Reading(
        "attribution.mean_days_to_convert", float(days[0] / journeys[0]), "days/conversion", n=n, method=method
    )
    return _with_interval(mean, days, journeys)


def _with_interval(mean: Reading, above: Array, below: Array) -> Reading:
    if len(below) <= LEAST_GROUPS or not np.all(below > 0):
        return mean
    interval = jackknife_ratio(above, below, level=LEVEL)
    return mean._replace(lower=float(interval.lower), upper=float(interval.upper), level=LEVEL)


def _agreements(beside: Comparisons) -> Iterator[Reading]:
    yield _agreement("attribution.models_agreement_w", beside.models)
    yield _agreement("attribution.agreement_w", beside.lenses)


def _agreement(metric: str, found: Agreement) -> Reading:
    if found.w is None:
        return Reading(metric, unit="ratio", status="refused", reason=found.reason)
    judges = listed(found.judges, most=len(found.judges))
    method = f"Kendall's W, ties corrected, m = {len(found.judges)} ({judges}), n = {found.channels} channels"
    return Reading(metric, found.w, "ratio", n=found.channels, method=method)


def _credit(rows: Sequence[CreditRow], currency: str) -> Iterator[Reading]:
    for row in rows:
        part = f"{row.model}: {row.channel}"
        if row.conversions is None:
            yield Reading("attribution.credit", segment=part, status="refused", reason=row.reason, unit="conversions")
            continue
        yield Reading(
            "attribution.credit", row.conversions, "conversions", row.conversions_lower, row.conversions_upper,
            row.level, segment=part, reason=row.reason,
        )  # fmt: skip
        if row.value:
            yield Reading(
                "attribution.credited_value", row.value, currency, row.value_lower, row.value_upper, row.level,
                segment=part, reason=row.reason,
            )  # fmt: skip


def _money(beside: Comparisons, currency: str) -> Iterator[Reading]:
    for cost in beside.costs:
        part = f"{cost.model}: {cost.channel}"
        if cost.per_conversion is not None:
            yield Reading(
                "attribution.cost_per_conversion", cost.per_conversion, currency, segment=part, source="spend"
            )
        if cost.per_spend is not None:
            yield Reading("attribution.return_on_spend", cost.per_spend, "ratio", segment=part, source="spend")
    for assist in beside.assists:
        if assist.ratio is not None:
            yield Reading(
                "attribution.assist_ratio", assist.ratio, "ratio", n=round(assist.last), segment=assist.channel
            )


def _against_claims(beside: Comparisons) -> Iterator[Reading]:
    for claim in beside.claims:
        if claim.factor is not None:
            part = f"{claim.model}: {claim.channel}"
            yield Reading(
                "attribution.overclaim", claim.factor, "ratio", segment=part, source="platform_reported",
                target="usually 1.5 to 3", method=f"{claim.verdict} the usual factor",
            )  # fmt: skip


def _against_truth(beside: Comparisons) -> Iterator[Reading]:
    for gap in beside.gaps:
        part = f"{gap.model}: {gap.channel}"
        yield Reading("attribution.beyond_caused", gap.gap, "conversions", segment=part, source="truth")
