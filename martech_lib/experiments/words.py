"""The planner in sentences: each number read out loud."""

from __future__ import annotations

import math

import numpy as np

from martech_lib.core.sequential import peeked
from martech_lib.core.spoken import count, fitting, in_full, listed, number, percent
from martech_lib.experiments.backlog import Backlog
from martech_lib.experiments.conventions import conventions
from martech_lib.experiments.duration import FEWEST_WEEKLY, LONGEST, NEVER, in_weeks, reach_of
from martech_lib.experiments.metrics import Metric, metric_of
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout import Readout
from martech_lib.experiments.record import Record
from martech_lib.experiments.rules import PEEK, days_of, rules_of
from martech_lib.experiments.sizes import has_looks, power_with

WEEKS_OF_YEAR = 52
YEARS = 10  # from which weeks are told in years
SURE = 0.999  # above which a chance is told as more than this
FINEST = 12  # digits after the point, beyond which nothing is told apart
MOST_EDITS = 3  # told one by one
FEW = 10  # expected events of an arm, below which no formula of a size holds
RULE_WORDS = {
    "fixed": "one look at the end",
    "obrien_fleming": "O'Brien-Fleming",
    "pocock": "Pocock",
    "confidence_sequence": "confidence sequence",
    PEEK: "stop at the first p below alpha",
}


def headline(plan: Plan) -> str:
    """The answer in one sentence: how many, how long."""
    metric = metric_of(plan.primary_metric)
    values = _from_to(metric, plan.baseline, plan.effect)
    verb = "rise" if plan.effect > 0 else "fall"
    each = "in the control arm" if len(set(plan.split)) > 1 else "an arm"
    change = f"{metric.name} {verb} {values}, by {_change(plan.relative_effect)}"
    users = f"{number(plan.sample_size)} users {each}, {number(plan.total_units)} in all"
    if plan.planned_units:
        power = _chance(power_with(plan, plan.sample_size))
        said = f"To see {change}, you have planned {users}, which sees it in {power} of cases"
    else:
        said = f"To see {change}, with {_chance(plan.power)} power, you need {users}"
    if plan.weeks is None:
        return f"{said}. How long that takes nobody knows until weekly users are given."
    after = f", and {plan.window_days:g} days more for the last outcomes" if plan.window_days else ""
    return f"{said}: {_lasting(plan.weeks)} at {number(plan.weekly_units)} unique users a week{after}."


def advice(plan: Plan) -> str:
    """What stands in the way, and what to do instead; "" where nothing does."""
    reach, said = reach_of(plan), []
    if reach.is_small:
        said.append(
            f"With fewer than about {number(FEWEST_WEEKLY)} users a week a programme of tests decides little: talk to "
            "users, change what is plainly broken, and test only large changes."
        )
    if reach.is_far:
        seen = (
            f"{LONGEST} weeks see a change of {_change(reach.seen / plan.baseline)}, not of "
            f"{_change(plan.relative_effect)}"
            if math.isfinite(reach.seen)
            else f"{LONGEST} weeks see no change at all"
        )
        said.append(
            f"This is out of reach: {seen}. Test a bolder change, a metric nearer to it with a higher rate, or a "
            "surface with more users; take out what the past explains (CUPED); or decide without a test and say so."
        )
    if plan.spread is None:
        said += _few_events(plan)
    return " ".join(said)


def _few_events(plan: Plan) -> list[str]:
    """What a size rests on where hardly anybody is expected to convert, or not to; [] elsewhere."""
    rates = (plan.baseline, plan.baseline + plan.effect)
    least = min(n * min(rate, 1 - rate) for n in plan.size.arms for rate in rates)
    if least >= FEW:
        return []
    return [
        f"An arm is expected to hold only {number(least, 1)} users who differ from the rest in what they do: below "
        f"{FEW} the formula is a rough guide, and the true power may be far from what it says."
    ]


def waiting(plan: Plan) -> str:
    """What each week brings, and what it costs."""
    if plan.weeks is None:
        return ""
    weeks = in_weeks(plan, np.array([1, plan.weeks]))
    first, last = weeks.iloc[0], weeks.iloc[1]
    seen = " and ".join(
        f"{_change(row['mde_relative'])} after {_lasting(int(row['week']))}"
        for row in ((first, last) if plan.weeks > 1 else (last,))
        if np.isfinite(row["mde_relative"])
    )
    said = f"The smallest change that is seen: {seen}." if seen else "No change is seen in that time."
    if plan.growth < 1 and plan.weeks > 1:
        linear = (plan.weekly_units or 0) * plan.weeks
        said += (
            f" Visitors come back: {_lasting(plan.weeks)} bring {number(float(last['units']))} unique users, not "
            f"{number(linear)}."
        )
    metric = metric_of(plan.primary_metric)
    forgone = number(abs(float(last["forgone"])))
    less, more = ("fewer of", "more of") if metric.kind == "rate" else ("less in all of", "more in all of")
    of = metric.above if metric.kind == "rate" else metric.name
    return (
        f"{said} If the change works, the control arm has {forgone} {less if plan.effect > 0 else more} “{of}” by then."
    )


def looking(plan: Plan) -> str:
    """What looking does to this plan."""
    days = days_of(plan)
    peeks = percent(peeked(days, alpha=plan.alpha, tails=plan.tails))
    told = {rule.rule: rule for rule in rules_of(plan)}
    fleming, pocock = told["obrien_fleming"], told["pocock"]
    limit, alpha = in_full(plan.alpha, least=2), in_full(plan.alpha, unit="share")
    return (
        f"Looked at on each of {days} days and stopped at the first p below {limit}, a test of nothing is called a win "
        f"or a loss in {peeks} of cases, not {alpha}. {fleming.looks} declared looks cost "
        f"{percent((fleming.most_units or 1) - 1)} more users at most by O'Brien-Fleming, "
        f"{percent((pocock.most_units or 1) - 1)} by Pocock, and then hold what they say."
    )


def calculators(plan: Plan) -> str:
    """Why calculators differ over one question."""
    del plan
    found = conventions()
    least, most = min(found, key=lambda c: c.units), max(found, key=lambda c: c.units)
    return (
        f"From 20 % to 25 % the published calculators say {number(least.units)} ({least.name}) to "
        f"{number(most.units)} ({most.name}) users an arm. The pooled formula gives {number(found[0].units)}, and the "
        f"test then really has {percent(found[0].power)} power; with {number(least.units)} it has "
        f"{percent(least.power)}."
    )


def gate(plan: Plan) -> str:
    """Whether the plan passes, and what is missing."""
    told = plan.gate
    failed = told.loc[~told["passed"], "rule"].tolist()
    if not failed:
        return "The plan passes all six rules and can be registered."
    return f"{count(len(failed), 'rule')} of six {fitting(len(failed), 'is', 'are')} not passed: {listed(failed)}."


def arms(plan: Plan) -> str:
    """How several arms are held together; "" for two."""
    if len(plan.split) == 2:
        return ""
    way = "Dunnett's critical value" if plan.many == "dunnett" else "Holm's order"
    if has_looks(plan):
        way = "equal parts (Bonferroni), for it has looks"
    whose = "every arm at once" if plan.power_of == "every" else "the one arm that has the effect"
    return (
        f"{len(plan.split) - 1} arms beside the control share one alpha by {way}; the power is that of finding {whose}."
    )


def reading(readout: Readout) -> str:
    """The readout's sentence, with what was set aside."""
    found = readout.counted
    aside = [
        f"{number(n)} {what}"
        for n, what in (
            (found.crossed, "users in two arms"), (found.early, "outcomes before the assignment"),
            (found.late, "outcomes after the window"),
        )
        if n
    ]  # fmt: skip
    said = f" Left out: {listed(aside)}." if aside else ""
    return f"{readout.plan.name}: {readout.sentence}{said}"


def backlog(found: Backlog) -> str:
    """What fits the quarter."""
    if not found.ideas:
        return "Not measured: supply backlog.csv with ideas."
    fits, low, high = len(found.fitting), *found.band
    slow = sum(idea.state == "too long" for idea in found.ideas)
    blank = sum(idea.state == "unknown" for idea in found.ideas)
    healthy = f"a healthy programme decides {number(low)} to {number(high)}"
    said = f"{fits} of {count(len(found.ideas), 'idea')} fit the quarter; {healthy}."
    if slow:
        said += f" {slow} cannot be powered within {LONGEST} weeks."
    if blank:
        said += f" {blank} {fitting(blank, 'lacks', 'lack')} a figure."
    return said


def record(found: Record) -> str:
    """What the register says of how tests are run."""
    told = found.summary
    shipped, held, breaks = (
        told.get(f"experiments.{name}") for name in ("shipped_per_quarter", "winners_held", "rule_breaks")
    )
    if not found.ids:
        return "Not measured: supply experiments.csv, the register of experiments."
    said = []
    if shipped is not None:
        were = fitting(round(shipped), "was", "were")
        said.append(f"{count(round(shipped), 'experiment')} {were} decided in the last whole quarter.")
    if breaks is not None:
        judged = next(r.n for r in found.reading_records if r.metric == "experiments.rule_breaks" and not r.segment)
        of = f"{count(judged or 0, 'experiment')} that could be judged"
        said.append(f"{percent(breaks, 0)} of {of} break at least one of the six rules.")
    if held is not None:
        row = next(r for r in found.reading_records if r.metric == "experiments.winners_held")
        ends = f"{percent(row.lower, 0)} to {percent(row.upper, 0)}"
        said.append(f"{percent(held, 0)} of {count(row.n or 0, 'winner')} that were followed up held ({ends}).")
    if found.edited:
        faults, more = "; ".join(found.edited[:MOST_EDITS]), len(found.edited) - MOST_EDITS
        said.append(f"Plans and register do not fit: {faults}{f'; and {more:,} more' if more > 0 else ''}.")
    return " ".join(said)


def peeks(found: Record) -> str:
    """What peeking cost, experiment by experiment."""
    told = [f"{peek.experiment} ({peek.name}): {peek.words}" for peek in found.peeks]
    return f"{'. '.join(told)}." if told else ""


def _lasting(weeks: int) -> str:
    """2 weeks, about 24 years, more than 1,000 years."""
    if weeks >= NEVER:
        return f"more than {number(NEVER / WEEKS_OF_YEAR)} years"
    years = weeks / WEEKS_OF_YEAR
    return f"about {number(years)} years" if years > YEARS else count(weeks, "week")


def _chance(share: float) -> str:
    """80 %, 99.7 %, more than 99.9 %: never 100 %, nor 0 %."""
    if share > SURE:
        return f"more than {percent(SURE)}"
    told = percent(share, _digits(share, least=0))
    return told if told != percent(1.0, 0) else percent(share)


def _change(relative: float) -> str:
    """A relative change as percent, with its first digit that is no zero, rounded: .00099 % is .001 %."""
    return percent(abs(relative), _digits(1.1 * relative, least=1))


def _from_to(metric: Metric, value: float, change: float) -> str:
    """Two values of a metric, a rate as percent, with as many digits as tell the change."""
    is_rate = metric.kind == "rate"
    digits = _digits(change, least=1) if is_rate else _digits(change / 100, least=2)
    before, after = (percent(v, digits) if is_rate else number(v, digits) for v in (value, value + change))
    return f"from {before} to {after}"


def _digits(share: float, *, least: int) -> int:
    """Digits after the point with which a share, as percent, is not rounded to nothing."""
    return min(max(least, math.ceil(-math.log10(abs(share) * 100))), FINEST)
