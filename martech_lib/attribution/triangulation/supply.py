"""The lenses a workspace has, brought to one period: computed from the touches, and supplied in registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from martech_lib.attribution.credit import CreditRow
from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.attribution.sums import NONE
from martech_lib.attribution.triangulation.carry import Lift, is_too_small, lift_of_all
from martech_lib.attribution.triangulation.elsewhere import elsewhere, left_out, unheard
from martech_lib.attribution.triangulation.priors import LAST_TOUCH, LIFT_TEST, MULTI_TOUCH, PLATFORM, SURVEY
from martech_lib.attribution.triangulation.seen import Cover, LeftOut, Seen, Supply, cover_of, days_of, spend_of, summed
from martech_lib.core.errors import nearest
from martech_lib.core.spoken import count, number
from martech_lib.core.stats import normal_quantile

SHARING = ("linear", "time_decay", "position", "w_shaped", "markov", "shapley", "shapley_rate")
UNKNOWN = "unknown"  # answers that name no channel
LEVEL = 0.8
NO_MONTHS = "a table of paths has no times, so that lenses which speak of months are not laid beside it"
ALL_SPEND = ", and spend is that of all of spend.csv"


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
    found, notes, silent = [*_last_touch(rows), *_multi_touch(rows)], [], []
    if evidence.reads_paths:
        notes.append(f"{NO_MONTHS}{ALL_SPEND if 'spend' in evidence.registers else ''}")
    else:
        found += [
            *_platform(evidence, period),
            *_survey(evidence, period, conversions),
            *elsewhere(evidence, period),
            *_tests(evidence, period),
        ]
        silent = [*unheard(evidence, period), *tests_unheard(evidence, period)]
        notes += [*left_out(evidence, period), *tests_left_out(evidence, period)]
    strangers = sorted({seen.channel for seen in found} - known)
    if strangers:
        told = ", ".join(f"{name} (near: {near})" if (near := nearest(name, known)) else name for name in strangers)
        notes.append(f"left out, as channels.csv does not name them: {told}")
    for at, name in enumerate(apart):
        if name in known:
            why = "it was set aside" if at else "people who come by themselves were not brought"
            notes.append(f"'{name}' has no range: {why}")
    kept = tuple(
        seen._replace(month=period.words) for seen in found if seen.channel in known and seen.channel not in apart
    )
    return Supply(kept, tuple(notes), tuple(silent))


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
    cover = _cover(evidence, "platform_reported", period)
    for channel, total in summed(evidence, "platform_reported", "conversions", period).items():
        how = "what the platform claims for itself"
        yield cover.of(Seen(channel, PLATFORM, total, source="platform_reported", how=how))


def _cover(evidence: Evidence, register: str, period: Period) -> Cover:
    """How much of the period a register's months cover."""
    frame = evidence.registers.get(register)
    if frame is None:
        return Cover(1.0, 0.0, "")
    return cover_of(period, frame.loc[[period.holds(when) for when in frame["month"]], "month"])


def _survey(evidence: Evidence, period: Period, conversions: float) -> Iterator[Seen]:
    """Answers as a share of all answers, those that name no channel among them, of all conversions."""
    answers = summed(evidence, "survey", "responses", period)
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


def _tests(evidence: Evidence, period: Period) -> Iterator[Seen]:
    """Lift tests as what the whole market would have gained in the period at its spend."""
    spent = spend_of(evidence, period)
    days, last = days_of(evidence, period)
    for row, why in _told_tests(evidence, spent):
        if not why:
            lift = lift_of_all(_lift(row), days=days, spend=spent.get(str(row["channel"])), until=last)
            yield Seen(
                str(row["channel"]), LIFT_TEST, lift.estimate, lift.lower, lift.upper, float(row["level"]),
                made_on=pd.Timestamp(row["end"]).date(), source="lift_tests", how=lift.how,
            )  # fmt: skip


def tests_left_out(evidence: Evidence, period: Period) -> list[str]:
    """Which tests are not heard, and why."""
    return [f"left out: {each.words}" for each in tests_unheard(evidence, period)]


def tests_unheard(evidence: Evidence, period: Period) -> list[LeftOut]:
    """The same by channel."""
    told = [each for each in _told_tests(evidence, spend_of(evidence, period)) if each[1]]
    return [
        LeftOut((str(row["channel"]),), f"the test {row['test_id']} of {row['channel']}, {why}") for row, why in told
    ]


def _told_tests(evidence: Evidence, spent: Mapping[str, float]) -> Iterator[tuple[Mapping[Any, Any], str]]:
    """Every test, and why it is not heard; "" where it is."""
    frame = evidence.registers.get("lift_tests")
    for row in [] if frame is None else frame.to_dict("records"):
        if evidence.as_of is not None and pd.Timestamp(row["end"]).date() > evidence.as_of:
            yield row, "which ends after the audit date"
        elif spent.get(str(row["channel"])) == 0:
            yield row, "as the channel had no spend in the period"
        elif is_too_small(_lift(row)):
            yield row, "which changed spend by less than 10 %"
        else:
            yield row, ""


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
