"""Winners followed up: how many held, and how much of the first effect was luck."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from martech_lib.core.rates import Count, wilson
from martech_lib.core.results import Reading, Status, not_measured
from martech_lib.core.rows import Row
from martech_lib.core.spoken import count, percent
from martech_lib.experiments.rule_audit import is_bandit

LEVEL = 0.95
BANDIT = "a bandit, whose interval in the register assumes fixed shares"
NO_WINNER, NOT_ONE = "no experiment was shipped yet", "no shipped winner was followed up"
HELD = (
    "shipped winners whose follow-up interval excludes zero on the side of the first effect, of those followed up; "
    "Wilson interval"
)


class Winner(NamedTuple):
    """An experiment that was shipped.

    Attributes:
        experiment: Id in the register.
        name: Its name.
        effect: First effect.
        followup: Effect found again after launch; None where not measured.
        held: Whether the follow-up interval excludes zero on the side of the first effect; None where not followed up.
        ratio: First effect by the one found again; infinity where that is none or reversed; None where not known, and
            for a bandit, whose first effect its moving shares bias.
        words: What was found.
    """

    experiment: str
    name: str
    effect: float | None
    followup: float | None
    held: bool | None
    ratio: float | None
    words: str


def winners_of(rows: Sequence[Row]) -> tuple[Winner, ...]:
    """Every shipped experiment, in the register's order."""
    return tuple(_winner(row) for row in rows if row.get("decision") == "ship")


def winner_readings(winners: Sequence[Winner]) -> Iterator[Reading]:
    """Share followed up, share that held, and the winner's curse."""
    judged = [winner for winner in winners if winner.held is not None]
    followed, held, curse = (f"experiments.{name}" for name in ("winners_followed_up", "winners_held", "winners_curse"))
    if not winners:
        yield not_measured(followed, needs=NO_WINNER, unit="share", target="100 %")
    else:
        share = len(judged) / len(winners)
        method = "shipped winners with an effect and an interval after launch, of all shipped"
        status: Status = "pass" if share == 1 else "watch" if share else "fail"
        yield Reading(followed, share, "share", n=len(winners), target="100 %", status=status, method=method)
    why = NOT_ONE if winners else NO_WINNER
    if not judged:
        yield Reading(held, unit="share", level=LEVEL, n=0, status="refused", method=HELD, reason=why)
    else:
        yield _held(held, judged, len(winners))
    yield _curse(curse, [winner.ratio for winner in winners if winner.ratio is not None], why)


def _winner(row: Row) -> Winner:
    effect, followup = row.get("effect"), row.get("followup_effect")
    low, high = row.get("followup_ci_low"), row.get("followup_ci_high")
    ratio = None
    if effect and followup is not None and not is_bandit(row):
        ratio = effect / followup if effect * followup > 0 else math.inf
    if low is None or high is None:
        held, words = None, "not followed up" if followup is None else "followed up without an interval"
    elif not effect:
        held, words = None, "followed up, and its first effect is blank or 0: on which side it would hold is unknown"
    else:
        held = min(low, high) > 0 if effect > 0 else max(low, high) < 0
        span = f"{percent(effect)} at first, {percent(low)} to {percent(high)} after launch"
        words = f"{'held' if held else 'did not hold'}: {span}"
    words += f"; {BANDIT}" if is_bandit(row) else ""
    return Winner(str(row["id"]), row.get("name") or "", effect, followup, held, ratio, words)


def _held(metric: str, judged: Sequence[Winner], of: int) -> Reading:
    hits, n = sum(bool(winner.held) for winner in judged), len(judged)
    lower, upper = wilson(Count(hits, n), level=LEVEL)
    reason = f"{hits:,} of {count(n, 'winner')} followed up held; {of:,} were shipped"
    return Reading(metric, hits / n, "share", lower, upper, LEVEL, n, method=HELD, reason=reason)


def _curse(metric: str, ratios: Sequence[float], why: str) -> Reading:
    method = "median of first effect / effect after launch; one that vanished or turned counts as the largest"
    refused = Reading(metric, unit="ratio", n=len(ratios), status="refused", method=method)
    if not ratios:
        return refused._replace(reason=why if why == NO_WINNER else "no first effect stands beside one after launch")
    middle = median(ratios)
    if math.isinf(middle):
        gone = sum(map(math.isinf, ratios))
        return refused._replace(reason=f"{gone:,} of {count(len(ratios), 'effect')} vanished or turned after launch")
    return Reading(metric, middle, "ratio", n=len(ratios), method=method)
