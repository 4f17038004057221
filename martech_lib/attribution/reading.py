"""The attribution page in one frozen result: every model side by side, beside spend, claims, other lenses and truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from martech_lib.attribution.agreement import Agreement, agreement, pairs
from martech_lib.attribution.comparisons import (
    Comparisons,
    assists,
    by_channel,
    claims,
    costs,
    gaps,
    lenses,
    strangers,
)
from martech_lib.attribution.credit import MODELS, CreditRow, credit
from martech_lib.attribution.evidence import Evidence, Total, gather
from martech_lib.attribution.journeys import Journeys
from martech_lib.attribution.question import Period, Question
from martech_lib.attribution.records import missing_records, records
from martech_lib.attribution.triangulation.laid import Asked, refuse_what_is_none
from martech_lib.attribution.triangulation.picture import (
    TriangulationReading,
    lay_together,
    ranges_alone,
    unpooled,
)
from martech_lib.attribution.triangulation.records import NEEDS_CONVERSIONS
from martech_lib.attribution.triangulation.records import missing_records as no_lenses
from martech_lib.core.results import Result
from martech_lib.core.workspace import Workspace

OF_EVERYBODY = "the other lenses speak of everybody"


@dataclass(frozen=True, kw_only=True)
class AttributionReading(Result):
    """What the touches say of the channels.

    Attributes:
        company: The company's name, "" when the profile has none.
        currency: Three letters.
        question: What was asked.
        period: The time it was asked of.
        lacks: What there is no journey without; "" when there are journeys.
        credit_records: One a model and channel.
        whole_credit: The same of the whole log, where its truth is known.
        channels: Channels in the order of the page: those first that the leading model credits most.
        beside: Credit beside assists, spend, claims, other lenses and truth.
        ledger: What was read, used and left out: table, what, rows.
        notes: What was assumed, and what to know when reading.
        triangulated: All lenses together, of the period; None where there are neither journeys nor conversions.
        triangulated_whole: The same of the whole log, where its truth is known.
    """

    company: str
    currency: str
    question: Question
    period: Period
    lacks: str = ""
    credit_records: tuple[CreditRow, ...] = ()
    whole_credit: tuple[CreditRow, ...] = ()
    channels: tuple[str, ...] = ()
    beside: Comparisons
    ledger: pd.DataFrame
    notes: tuple[str, ...] = ()
    triangulated: TriangulationReading | None = None
    triangulated_whole: TriangulationReading | None = None

    @property
    def credit(self) -> pd.DataFrame:
        """One row a model and channel: see `credit.CreditRow`."""
        return pd.DataFrame.from_records(list(self.credit_records), columns=list(CreditRow._fields))

    @property
    def refused(self) -> dict[str, str]:
        """Model -> why it cannot speak about these journeys."""
        return {row.model: row.reason for row in self.credit_records if row.conversions is None}

    def of(self, model: str) -> dict[str, CreditRow]:
        """Channel -> its credit under a model."""
        return {row.channel: row for row in self.credit_records if row.model == model}


def read(ws: Workspace, question: Question | None = None) -> AttributionReading:
    """Read a workspace's journeys by every model, and all its lenses together.

    Args:
        ws: The workspace. Without touches and conversions, or paths, every reading is "not measured".
        question: What is asked; None for the month of the audit date and the usual settings.

    Raises:
        TableError: A table is there and wrong; all its problems are listed.
        UserError: The question makes no sense.
    """
    evidence, put = gather(ws), (question or Question()).checked()
    if evidence.lacks:
        return triangulated(evidence, unread(evidence, put))
    whole = put.of_whole_log() if "truth" in evidence.registers else put
    journeys = evidence.journeys(put)
    whole_log = journeys if whole == put else evidence.journeys(whole)
    return triangulated(evidence, compare(evidence, put, journeys, whole_log=whole_log))


def triangulated(evidence: Evidence, reading: AttributionReading, *, asked: Asked | None = None) -> AttributionReading:
    """The same result with all lenses together: what an app repeats when a lens is switched off.

    Raises:
        TableError: A lens cannot be read.
        UserError: The way of pooling makes no sense.
    """
    how = (asked or Asked())._replace(direct=reading.question.direct, aside=tuple(reading.question.segment.without))
    before = reading.triangulated
    own = reading.reading_records[: -len(before.reading_records)] if before else reading.reading_records
    if reading.lacks and evidence.conversions is None:
        return reading
    if reading.question.part:
        refuse_what_is_none(how, evidence)
        why = f"asked of {reading.question.part} alone, while {OF_EVERYBODY}"
        told = unpooled(evidence, reading.period, how, why, is_refused=True)
    else:
        told = lay_together(evidence, reading.credit_records, reading.period, asked=how, before=before)
    whole = None
    if reading.whole_credit or (reading.lacks and "truth" in evidence.registers):
        period = evidence.period(reading.question.of_whole_log())
        last = reading.triangulated_whole
        whole = ranges_alone(evidence, reading.whole_credit, period, asked=how, before=last)
    records = (*own, *told.reading_records)
    return replace(reading, triangulated=told, triangulated_whole=whole, reading_records=records)


def unread(evidence: Evidence, question: Question) -> AttributionReading:
    """The result where there are no journeys, saying what to supply: conversions alone are counted all the same.

    Raises:
        UserError: The segment is none, or conversions made by hand cannot be read.
    """
    evidence.refuse_no_segment(question)
    period = evidence.period(question)
    total = Total(0.0, None) if question.part else evidence.total(period)
    counted = None if question.part or evidence.conversions is None else total
    own = missing_records(evidence.lacks, period, counted=counted, currency=evidence.currency)
    # Where there are conversions the other lenses are laid beside them, and bring their own readings.
    lenses = no_lenses(NEEDS_CONVERSIONS, period) if evidence.conversions is None else ()
    ledger, notes = evidence.read_alone(None if question.part else round(total.conversions))
    nothing = Agreement(None, (), 0, evidence.lacks)
    return AttributionReading(
        reading_records=(*own, *lenses),
        inputs=evidence.inputs,
        company=str(evidence.profile.get("company", "")),
        currency=evidence.currency,
        question=question,
        period=period,
        lacks=evidence.lacks,
        beside=Comparisons(nothing, (), nothing),
        ledger=ledger,
        notes=(*evidence.notes, *notes),
    )


def compare(
    evidence: Evidence, question: Question, journeys: Journeys, *, whole_log: Journeys | None = None
) -> AttributionReading:
    """The result for journeys that are already read: what an app repeats when a weight is moved.

    Args:
        evidence: The rest of the workspace.
        question: What is asked.
        journeys: The journeys of the period.
        whole_log: Those of the whole log, to be laid beside the truth of a simulated world.
    """
    rows = credit_rows(journeys, question)
    compared = _beside(evidence, question, journeys, rows)
    whole_credit: tuple[CreditRow, ...] = ()
    if whole_log is not None and "truth" in evidence.registers:
        whole_credit = credit_rows(whole_log, question)
        compared = compared._replace(gaps=gaps(whole_credit, evidence.registers["truth"]))
    period = evidence.period(question)
    return AttributionReading(
        reading_records=records(journeys, rows, compared, currency=evidence.currency, asked=(question, period)),
        inputs=evidence.inputs,
        company=str(evidence.profile.get("company", "")),
        currency=evidence.currency,
        question=question,
        period=period,
        credit_records=rows,
        whole_credit=whole_credit,
        channels=_in_order(rows, question.model, journeys.channels),
        beside=compared,
        ledger=journeys.ledger,
        notes=(*evidence.notes, *journeys.notes),
    )


def _beside(evidence: Evidence, question: Question, journeys: Journeys, rows: Sequence[CreditRow]) -> Comparisons:
    credited, period = by_channel(rows), evidence.period(question)
    # Spend, claims and other lenses speak of everybody, so they are not held against the credit of a part.
    all_told = replace(evidence, registers={}) if question.part else evidence
    return Comparisons(
        models=agreement(credited),
        model_pairs=pairs(credited),
        lenses=agreement(lenses(credited, all_told, period, question.model)),
        assists=assists(journeys.sums),
        walks=journeys.walks(),
        costs=costs(rows, all_told, period),
        claims=claims(rows, all_told, period),
        strangers=strangers((*journeys.channels, *question.segment.without), all_told, period),
    )


def credit_rows(journeys: Journeys, question: Question) -> tuple[CreditRow, ...]:
    """The credit of every model."""
    return tuple(row for model in MODELS for row in credit(journeys, model, **question.options).rows)


def _in_order(rows: Sequence[CreditRow], model: str, channels: Sequence[str]) -> tuple[str, ...]:
    """The channels, those first that the leading model credits most; where it is refused, by last touch."""
    leading = {row.channel: row.conversions for row in rows if row.model == model and row.conversions is not None}
    by_last = {row.channel: row.conversions or 0.0 for row in rows if row.model == "last"}
    credited = leading or by_last
    return tuple(sorted(channels, key=lambda channel: (-(credited.get(channel) or 0.0), channel)))
