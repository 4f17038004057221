"""The lenses a workspace has, brought to one period: computed from the touches, and supplied in registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from martech_lib.attribution.credit import CreditRow
from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.attribution.sums import NONE
from martech_lib.attribution.triangulation.carry import Lift, ageing, at_spend, lift_of_all
from martech_lib.attribution.triangulation.priors import (
    LAST_TOUCH,
    LENSES,
    LIFT_TEST,
    MEDIA_MIX,
    MULTI_TOUCH,
    PLATFORM,
    SURVEY,
)
from martech_lib.core.errors import Problem, TableError, UserError, did_you_mean, shown
from martech_lib.core.spoken import count, number
from martech_lib.core.stats import normal_quantile

SHARING = ("linear", "time_decay", "position", "w_shaped", "markov", "shapley", "shapley_rate")
UNKNOWN = "unknown"  # answers that name no channel
LEVEL = 0.8
OLDEST_MONTHS = 12  # an estimate made elsewhere for an earlier month is carried over so far


class Seen(NamedTuple):
    """One lens's word on one channel, for the period.

    Attributes:
        channel: As written.
        lens: Its name.
        estimate: Conversions in the period.
        lower: Lower end of its own interval; None where it has none.
        upper: Upper end.
        level: Level of that interval.
        basis: incremental or attributed for a vendor; "" for all else.
        month: The month or period it speaks of.
        made_on: The day it was made, where known.
        source: Table it was read from.
        how: How it was brought to the period, in words.
    """

    channel: str
    lens: str
    estimate: float
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    basis: str = ""
    month: str = ""
    made_on: date | None = None
    source: str = ""
    how: str = ""


class Supply(NamedTuple):
    """Every lens's word, and what was left out.

    Attributes:
        seen: One a lens and channel; lift tests may be several.
        notes: What was left out, and why.
    """

    seen: tuple[Seen, ...]
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a Seen; bounds are numbers, NaN where there are none."""
        frame = pd.DataFrame.from_records(list(self.seen), columns=list(Seen._fields))
        return frame.astype(dict.fromkeys(("estimate", "lower", "upper", "level"), "float64"))


def supply(
    evidence: Evidence, rows: Sequence[CreditRow], period: Period, *, conversions: float, apart: Sequence[str] = ()
) -> Supply:
    """Gather the lenses of a period.

    Args:
        evidence: The workspace; its table of channels says which are known.
        rows: Credit of every model, of this period.
        period: The period.
        conversions: All conversions of the period.
        apart: Channels on which no lens is heard: the one that stands for coming by oneself, which nobody can be shown
            or spared, and those set aside.
    """
    known = set(evidence.registers["channels"]["channel"])
    found = [
        *_last_touch(rows),
        *_multi_touch(rows),
        *_platform(evidence, period),
        *_survey(evidence, period, conversions),
        *_elsewhere(evidence, period),
        *_tests(evidence, period),
    ]
    strangers = sorted({seen.channel for seen in found} - known)
    notes = [f"left out, as channels.csv does not name them: {', '.join(strangers)}"] if strangers else []
    notes += _without_basis(evidence)
    for name in sorted(known & set(apart)):
        notes.append(f"'{name}' has no range: people who come by themselves were not brought, or it was set aside")
    kept = tuple(
        seen._replace(month=period.words) for seen in found if seen.channel in known and seen.channel not in apart
    )
    return Supply(kept, tuple(notes))


def _last_touch(rows: Sequence[CreditRow]) -> Iterator[Seen]:
    for row in rows:
        if row.model == "last" and row.channel != NONE and row.conversions:
            yield _of_credit(row)


def _of_credit(row: CreditRow) -> Seen:
    """Credit with its interval, where that stays above zero."""
    seen = Seen(row.channel, LAST_TOUCH, row.conversions or 0.0, source="touches", how="credit of the last touch")
    if row.conversions_lower is None or row.conversions_lower <= 0 or row.conversions_lower == row.conversions_upper:
        return seen
    return seen._replace(lower=row.conversions_lower, upper=row.conversions_upper, level=row.level)


def _multi_touch(rows: Sequence[CreditRow]) -> Iterator[Seen]:
    """The models that share a conversion out: their geometric mean, as uncertain as they disagree."""
    by_channel: dict[str, list[float]] = {}
    for row in rows:
        if row.model in SHARING and row.channel != NONE and (row.conversions or 0.0) > 0:
            by_channel.setdefault(row.channel, []).append(float(row.conversions or 0.0))
    z = normal_quantile((1 + LEVEL) / 2)
    for channel, credits in by_channel.items():
        logs = np.log(credits)
        middle, off = float(np.exp(logs.mean())), float(logs.std(ddof=1)) if len(logs) > 1 else 0.0
        how = f"mean of {count(len(logs), 'model')} that share out, as uncertain as they differ"
        seen = Seen(channel, MULTI_TOUCH, middle, source="touches", how=how)
        if off > 0:
            factor = float(np.exp(z * off))
            seen = seen._replace(lower=middle / factor, upper=middle * factor, level=LEVEL)
        yield seen


def _platform(evidence: Evidence, period: Period) -> Iterator[Seen]:
    for channel, total in _summed(evidence, "platform_reported", "conversions", period).items():
        yield Seen(channel, PLATFORM, total, source="platform_reported", how="what the platform claims for itself")


def _survey(evidence: Evidence, period: Period, conversions: float) -> Iterator[Seen]:
    """Answers as a share of all answers, those that name no channel among them, of all conversions."""
    answers = _summed(evidence, "survey", "responses", period)
    total, z = sum(answers.values()), normal_quantile((1 + LEVEL) / 2)
    for channel, named in answers.items():
        if channel == UNKNOWN:
            continue
        share = named / total if total else 0.0
        how = f"{number(named)} of {number(total)} answers, applied to all conversions"
        seen = Seen(channel, SURVEY, share * conversions, source="survey", how=how)
        if named:
            factor = float(np.exp(z / np.sqrt(named)))
            seen = seen._replace(lower=seen.estimate / factor, upper=seen.estimate * factor, level=LEVEL)
        yield seen


def _elsewhere(evidence: Evidence, period: Period) -> Iterator[Seen]:
    """Estimates of media-mix models and vendors: those of the period, or the last before it, carried over."""
    if "lenses" not in evidence.registers:
        return
    frame = evidence.registers["lenses"]
    frame = frame.assign(lens=[_named(lens, basis) for lens, basis in zip(frame["lens"], _basis(frame), strict=True)])
    frame = frame[frame["lens"] != ""]
    for (lens, channel), rows in frame.groupby(["lens", "channel"], sort=False):
        mine = rows[[period.holds(when) for when in rows["month"]]]
        if len(mine):
            yield _of_period(str(lens), str(channel), mine)
        elif period.month:
            yield from _carried(str(lens), str(channel), rows, evidence, period)


def _of_period(lens: str, channel: str, rows: pd.DataFrame) -> Seen:
    """Months added up; their errors are taken to go together."""
    made = pd.to_datetime(rows["made_on"]).max() if "made_on" in rows else pd.NaT
    how = "as supplied" if len(rows) == 1 else f"{len(rows)} months added up"
    seen = Seen(channel, lens, float(rows["estimate"].sum()), source="lenses", how=how)
    seen = seen._replace(made_on=None if pd.isna(made) else made.date())
    has_interval = all(name in rows and rows[name].notna().all() for name in ("lower", "upper", "level"))
    if not has_interval or rows["level"].nunique() > 1 or rows["lower"].sum() >= rows["upper"].sum():
        return seen
    return seen._replace(
        lower=float(rows["lower"].sum()), upper=float(rows["upper"].sum()), level=float(rows["level"].iloc[0])
    )


def _carried(lens: str, channel: str, rows: pd.DataFrame, evidence: Evidence, period: Period) -> Iterator[Seen]:
    """The last estimate of an earlier month, at this period's spend and wider by its age."""
    first = pd.Timestamp(f"{period.month}-01")
    earlier = rows[pd.to_datetime(rows["month"]) < first].sort_values("month").tail(1)
    if earlier.empty:
        return
    month = pd.Timestamp(earlier["month"].iloc[0])
    age = (first.year - month.year) * 12 + first.month - month.month
    if age > OLDEST_MONTHS:
        return
    now = spend_of(evidence, period).get(channel)
    then = float(earlier["spend"].iloc[0]) if "spend" in earlier and pd.notna(earlier["spend"].iloc[0]) else None
    moved = at_spend(then, now)
    seen = _of_period(lens, channel, earlier)
    low, high = (seen.lower, seen.upper) if seen.lower else (None, None)
    factor = moved.factor
    seen = seen._replace(estimate=seen.estimate * factor, how=f"of {month:%B %Y}, {moved.how}, wider by its age")
    if low is None or high is None or seen.level is None:
        yield seen
        return
    z = normal_quantile((1 + seen.level) / 2)
    more = float(np.exp(np.hypot(np.log(high / low) / 2, z * np.hypot(ageing(age), moved.sd)) - np.log(high / low) / 2))
    yield seen._replace(lower=low * factor / more, upper=high * factor * more)


def _tests(evidence: Evidence, period: Period) -> Iterator[Seen]:
    """Lift tests as what the whole market would have gained in the period at its spend."""
    if "lift_tests" not in evidence.registers:
        return
    spent = spend_of(evidence, period)
    days, last = days_of(evidence, period)
    for row in evidence.registers["lift_tests"].to_dict("records"):
        lift = lift_of_all(_lift(row), days=days, spend=spent.get(str(row["channel"])), until=last)
        yield Seen(
            str(row["channel"]), LIFT_TEST, lift.estimate, lift.lower, lift.upper, float(row["level"]),
            made_on=pd.Timestamp(row["end"]).date(), source="lift_tests", how=lift.how,
        )  # fmt: skip


def _lift(row: Mapping[Any, Any]) -> Lift:
    def amount(name: str) -> float | None:
        return None if row.get(name) is None or pd.isna(row[name]) else float(row[name])

    return Lift(
        estimate=float(row["incremental_conversions"]),
        lower=float(row["lower"]),
        upper=float(row["upper"]),
        level=float(row["level"]),
        start=pd.Timestamp(row["start"]).date(),
        end=pd.Timestamp(row["end"]).date(),
        method=str(row["method"]),
        share=amount("scope_share"),
        spend_change=amount("spend_change"),
        baseline_spend=amount("baseline_spend"),
    )


def spend_of(evidence: Evidence, period: Period) -> Mapping[str, float]:
    """Channel -> money spent in the period; empty without spend."""
    return _summed(evidence, "spend", "spend", period, when="date")


def _summed(
    evidence: Evidence, register: str, amount: str, period: Period, *, when: str = "month"
) -> Mapping[str, float]:
    if register not in evidence.registers:
        return {}
    frame = evidence.registers[register]
    kept = frame[[period.holds(moment) for moment in frame[when]]].dropna(subset=[amount])
    return {str(channel): float(total) for channel, total in kept.groupby("channel", sort=False)[amount].sum().items()}


def days_of(evidence: Evidence, period: Period) -> tuple[int, date | None]:
    """How many days the period has, and its last."""
    if period.month:
        month = pd.Period(period.month, freq="M")
        return month.days_in_month, month.end_time.date()
    if period.first is None or period.last is None:
        return 0, evidence.as_of
    return (period.last - period.first).days + 1, period.last


def _basis(frame: pd.DataFrame) -> Sequence[str]:
    return [""] * len(frame) if "basis" not in frame else [str(cell) for cell in frame["basis"].fillna("")]


def _named(lens: str, basis: str) -> str:
    """A lens with its basis in brackets, as pooling takes it; "" for a vendor that names none."""
    folded = lens.strip().lower()
    if folded in LENSES:
        return folded if folded == MEDIA_MIX else ""
    return f"{lens.strip()} ({basis.lower()})" if basis else ""


def _without_basis(evidence: Evidence) -> list[str]:
    if "lenses" not in evidence.registers:
        return []
    frame = evidence.registers["lenses"]
    named = [_named(lens, basis) for lens, basis in zip(frame["lens"], _basis(frame), strict=True)]
    lost = sorted({str(lens) for lens, name in zip(frame["lens"], named, strict=True) if not name})
    return [f"left out of lenses.csv: {name}, which says neither attributed nor incremental" for name in lost]


def refuse_foreign(lenses: pd.DataFrame, channels: pd.DataFrame | None, period: Period, name: str) -> None:
    """Refuse a table of lenses that does not speak of the channels or the period. Raises TableError or UserError.

    Args:
        lenses: As a file gave it.
        channels: The workspace's table of channels; None when it has none.
        period: The period of the page.
        name: The file.
    """
    known = [] if channels is None else [str(channel) for channel in channels["channel"]]
    problems = [
        Problem(
            "lenses",
            name,
            at + 2,
            "channel",
            shown(channel),
            f"is no channel of channels.csv{did_you_mean(channel, known)}",
        )
        for at, channel in enumerate(map(str, lenses["channel"]))
        if channel not in known
    ]
    problems += [
        Problem(
            "lenses",
            name,
            at + 2,
            "lower",
            f"{low:g}",
            f"is above upper, {high:g}: the bounds stand the wrong way round",
        )
        for at, (low, high) in enumerate(
            zip(*(lenses.get(c, pd.Series(np.nan, lenses.index)) for c in ("lower", "upper")), strict=True)
        )
        if low > high
    ]
    if problems:
        raise TableError(problems)
    months = sorted({f"{pd.Timestamp(when):%Y-%m}" for when in lenses["month"]})
    if not any(period.holds(when) for when in pd.to_datetime(lenses["month"])) and (
        not period.month or min(months) > period.month
    ):
        raise UserError(
            f"{name} speaks of {', '.join(months[:6])} and not of {period.words}; give that period's estimates."
        )
