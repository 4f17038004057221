"""Credit beside everything else that is known of the channels: assists, spend, platforms' own claims, other lenses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.attribution import rules
from martech_lib.attribution.agreement import Agreement, Pair
from martech_lib.attribution.credit import CreditRow
from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.attribution.sums import NONE, Sums
from martech_lib.attribution.walks import Walks
from martech_lib.core.errors import nearest
from martech_lib.core.parse import folded

USUAL_CLAIM = (1.5, 3.0)  # platforms usually claim so many times what is theirs
MEDIA_MIX, LAST_TOUCH, MULTI_TOUCH = "media mix", "last touch", "multi-touch"


class Assist(NamedTuple):
    """How often a channel helped without closing.

    Attributes:
        channel: As written.
        last: Conversions whose last touch it was.
        assisted: Conversions with a touch of it, another channel's being the last.
        ratio: assisted / last; None where it never was last.
    """

    channel: str
    last: float
    assisted: float
    ratio: float | None


class Cost(NamedTuple):
    """What a channel's credit cost.

    Attributes:
        channel: As written.
        model: Whose credit.
        spend: Money spent in the period.
        conversions: Credited conversions.
        per_conversion: Money a credited conversion; None where nothing is credited.
        per_spend: Credited value for one unit of money spent; None without values.
    """

    channel: str
    model: str
    spend: float
    conversions: float
    per_conversion: float | None
    per_spend: float | None


class Claim(NamedTuple):
    """What a platform says of itself against a model.

    Attributes:
        channel: As written.
        model: Whose credit.
        claimed: Conversions that the platform claims.
        credited: Conversions that the model credits.
        factor: claimed / credited; None where nothing is credited.
        verdict: "below", "usual" or "above" the usual factor; "" without a factor.
    """

    channel: str
    model: str
    claimed: float
    credited: float
    factor: float | None
    verdict: str


class Gap(NamedTuple):
    """A model's credit against what a channel truly caused, known in a simulated world alone."""

    channel: str
    model: str
    credited: float
    caused: float

    @property
    def gap(self) -> float:
        """Credited beyond what was caused."""
        return self.credited - self.caused


class Stranger(NamedTuple):
    """Rows of a register whose channel the log does not name.

    Attributes:
        register: spend, platform_reported or lenses.
        channel: As written there.
        amount: Money spent, or conversions claimed or estimated.
        nearest: The channel of the log that may be meant; "" for none.
    """

    register: str
    channel: str
    amount: float
    nearest: str


class Comparisons(NamedTuple):
    """Credit beside what else is known.

    Attributes:
        models: How alike the models rank the channels.
        model_pairs: The same, two at a time.
        lenses: How alike last touch, the leading model and media mix rank them.
        assists: How often each channel helps and closes.
        walks: Lengths, days and the most frequent paths; None without journeys.
        costs: Cost and return by model and channel; empty without spend.
        claims: What platforms claim for themselves against each model; empty without their claims.
        gaps: Whole-log credit beside what channels truly caused; empty but for a simulated world.
        strangers: Spend, claims and estimates of channels that the log does not name.
    """

    models: Agreement
    model_pairs: tuple[Pair, ...]
    lenses: Agreement
    assists: tuple[Assist, ...] = ()
    walks: Walks | None = None
    costs: tuple[Cost, ...] = ()
    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    strangers: tuple[Stranger, ...] = ()


def by_channel(rows: Sequence[CreditRow]) -> pd.DataFrame:
    """Credited conversions, a row a channel and a column a model; "(none)" apart, refused models left out."""
    frame = pd.DataFrame([(r.channel, r.model, r.conversions) for r in _told(rows)], columns=["channel", "model", "n"])
    wide = frame.pivot(index="channel", columns="model", values="n").astype("float64")
    return wide[list(dict.fromkeys(frame["model"]))]


def _told(rows: Sequence[CreditRow]) -> list[CreditRow]:
    return [row for row in rows if row.channel != NONE and row.conversions is not None]


def assists(sums: Sums) -> tuple[Assist, ...]:
    """How often each channel closes, and how often it only helps."""
    last = rules.last(sums, value=False).sum(axis=0)
    present = sums.met_by("journeys").sum(axis=0)
    rows = zip(sums.channels, last, present - last, strict=True)
    return tuple(Assist(c, float(n), float(more), float(more / n) if n else None) for c, n, more in rows)


def costs(rows: Sequence[CreditRow], evidence: Evidence, period: Period) -> tuple[Cost, ...]:
    """Cost and return of each channel with spend, under each model."""
    spent = _summed(evidence, "spend", "date", "spend", period)
    return tuple(_cost(row, spent[row.channel]) for row in _told(rows) if row.channel in spent)


def _cost(row: CreditRow, spend: float) -> Cost:
    conversions, value = row.conversions or 0.0, row.value or 0.0
    per_conversion = spend / conversions if conversions > 0 else None
    per_spend = value / spend if value > 0 and spend > 0 else None
    return Cost(row.channel, row.model, spend, conversions, per_conversion, per_spend)


def claims(rows: Sequence[CreditRow], evidence: Evidence, period: Period) -> tuple[Claim, ...]:
    """What the platforms claim for themselves against each model."""
    claimed = _summed(evidence, "platform_reported", "month", "conversions", period)
    return tuple(_claim(row, claimed[row.channel]) for row in _told(rows) if row.channel in claimed)


def _claim(row: CreditRow, claimed: float) -> Claim:
    credited = row.conversions or 0.0
    if credited <= 0:
        return Claim(row.channel, row.model, claimed, credited, None, "")
    low, high = USUAL_CLAIM
    factor = claimed / credited
    verdict = "below" if factor < low else "above" if factor > high else "usual"
    return Claim(row.channel, row.model, claimed, credited, factor, verdict)


def strangers(channels: Sequence[str], evidence: Evidence, period: Period) -> tuple[Stranger, ...]:
    """What spend, claims and media mix say of channels that the log does not name."""
    sums = {
        "spend": _summed(evidence, "spend", "date", "spend", period),
        "platform_reported": _summed(evidence, "platform_reported", "month", "conversions", period),
        "lenses": _summed(evidence, "lenses", "month", "estimate", period, lens=MEDIA_MIX),
    }
    return tuple(
        Stranger(register, name, amount, nearest(name, channels))
        for register, by_name in sums.items()
        for name, amount in by_name.items()
        if name not in channels
    )


def gaps(rows: Sequence[CreditRow], truth: pd.DataFrame) -> tuple[Gap, ...]:
    """Each model's credit beside what each channel truly caused."""
    of_channels = truth[truth["kind"] == "channel"]
    caused = dict(zip(of_channels["name"], of_channels["incremental_conversions"], strict=True))
    told = [row for row in _told(rows) if row.channel in caused]
    return tuple(Gap(row.channel, row.model, row.conversions or 0.0, float(caused[row.channel])) for row in told)


def lenses(credited: pd.DataFrame, evidence: Evidence, period: Period, model: str) -> pd.DataFrame:
    """Last touch, a multi-touch model and media mix where there is one: a row a channel that all of them speak of."""
    seen: dict[str, pd.Series] = {LAST_TOUCH: credited["last"]} if "last" in credited else {}
    if model in credited and model != "last":
        seen[MULTI_TOUCH] = credited[model]
    mixed = _summed(evidence, "lenses", "month", "estimate", period, lens=MEDIA_MIX)
    if mixed:
        seen[MEDIA_MIX] = pd.Series(mixed)
    return pd.DataFrame(seen).dropna()


def _summed(
    evidence: Evidence, register: str, when: str, amount: str, period: Period, **where: str
) -> Mapping[str, float]:
    """Channel -> the sum of an amount over the register's rows of the period; empty without the register, and beside a
    table of paths where it speaks of months, as it is not known of which months that speaks."""
    if register not in evidence.registers or (evidence.reads_paths and when == "month"):
        return {}
    frame = evidence.registers[register]
    kept = np.array([period.holds(day) for day in pd.to_datetime(frame[when])], dtype=bool)
    for column, value in where.items():
        kept &= np.array([folded(str(cell)) == value for cell in frame[column]], dtype=bool)
    sums = frame[kept].dropna(subset=[amount]).groupby("channel")[amount].sum()
    return {str(channel): float(total) for channel, total in sums.items()}
