"""The six rules held against one experiment of the register: pass, fail, unknown, or not applicable.

What is blank is unknown, never a pass. A holdout withholds a whole programme, so that one variable is no question to
it; a bandit moves its shares at every look, so that it has no declared looks, and the guardrail is its safety net.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from martech_lib.core.errors import shown
from martech_lib.core.rows import Row
from martech_lib.core.sequential import peeked
from martech_lib.core.spoken import count, listed, percent
from martech_lib.experiments import gate
from martech_lib.experiments.method_words import NAMELESS, doubt_of, rule_of
from martech_lib.experiments.metrics import DIRECTION, metric_of, names_in, split_names, what_of

Ruling = Literal["pass", "fail", "unknown", "not applicable"]
RULE_IDS = {name: f"EX{place:02d}" for place, name in enumerate(gate.RULES, 1)}
LOOKS = "Declared looks"
USUAL_ALPHA, MOST_LOOKS = 0.05, 365


class Verdict(NamedTuple):
    """One cell of the matrix.

    Attributes:
        experiment: Id in the register.
        name: Its name, "" where blank.
        rule: One of `gate.RULES`.
        verdict: pass, fail, unknown (an input is blank) or not applicable.
        why: The reason in words, with its numbers.
    """

    experiment: str
    name: str
    rule: str
    verdict: Ruling
    why: str


class Peek(NamedTuple):
    """An experiment that was looked at otherwise than declared.

    Attributes:
        experiment: Id in the register.
        name: Its name.
        looks: Looks taken; None where unknown.
        alpha: The false alarms it accepts; 0.05 where the register does not say.
        inflated: The false alarms it has, looks evenly spaced; None where that cannot be told.
        words: "14 looks raise 5.0 % false alarms to 22.0 %", or why it cannot be told.
    """

    experiment: str
    name: str
    looks: int | None
    alpha: float
    inflated: float | None
    words: str


Told = tuple[Ruling, str]


def verdicts_of(row: Row, least_share: float) -> tuple[Verdict, ...]:
    """The six verdicts; `least_share` is the part of the planned units that must be seen."""
    return tuple(
        Verdict(str(row["id"]), row.get("name") or "", rule, *check(row, least_share)) for rule, check in CHECKS.items()
    )


def is_over(row: Row) -> bool:
    """Whether it was stopped or decided."""
    return any(row.get(name) is not None for name in ("stopped", "stop_reason", "decision", "decided_on"))


def is_bandit(row: Row) -> bool:
    """Whether its shares moved with its results."""
    return row.get("allocation") == "bandit"


def peek_of(row: Row) -> Peek:
    """What looking cost an experiment that fails the rule of declared looks."""
    looks, said = _whole(row.get("looks")), row.get("alpha")
    alpha, tails = USUAL_ALPHA if said is None else float(said), _whole(row.get("tails")) or 2
    inflated, words = None, ""
    if looks is None or looks < 2:
        words = "how often it was looked at is not on record, so that the false alarms cannot be told"
    elif doubt := _doubt(row):
        words = f"{_looks(looks)}, and {doubt}, so that the false alarms cannot be told"
    elif _has_rule(row):
        words = f"{_looks(looks)} by a rule for fewer: the false alarms are above {percent(alpha)} by an unknown part"
    elif looks > MOST_LOOKS or not 0 < alpha < 0.5:
        words = f"{_looks(looks)} at {percent(alpha)}: false alarms are told for up to {MOST_LOOKS} looks, below 50 %"
    else:
        inflated = peeked(looks, alpha=alpha, tails=tails)
        words = f"{_looks(looks)} raise {percent(alpha)} false alarms to {percent(inflated)}"
        words += "" if said is not None else " (alpha is blank; 5 % is usual)"
    return Peek(str(row["id"]), row.get("name") or "", looks, alpha, inflated, words)


def _hypothesis(row: Row, _: float) -> Told:
    said = row.get("hypothesis")
    if not said:
        return "unknown", "hypothesis is blank"
    lacking = gate.lacking_parts(said)
    return ("fail", f"the hypothesis lacks {listed(lacking)}") if lacking else ("pass", "the hypothesis is whole")


def _size(row: Row, least_share: float) -> Told:
    planned, seen = _whole(row.get("planned_n")), _whole(row.get("actual_n"))
    if planned is None:
        return "unknown", "planned_n is blank"
    if planned == 0:
        return "fail", "0 units were planned"
    if not is_over(row):
        return "pass", f"{count(planned, 'unit')} are planned"
    if seen is None:
        return "unknown", f"actual_n is blank; {count(planned, 'unit')} were planned"
    told = f"{seen:,} of {count(planned, 'planned unit')} ({percent(seen / planned)})"
    if seen >= least_share * planned:
        return "pass", told
    return _stopped_short(row, told)


def _stopped_short(row: Row, told: str) -> Told:
    """Fewer units than planned: right by a guardrail, or by a rule for looks at a look that was declared."""
    reason, method, declared = row.get("stop_reason"), row.get("method"), _whole(row.get("looks_planned"))
    if reason is None:
        return "unknown", f"{told}, and stop_reason is blank"
    if reason == "guardrail":
        return "pass", f"{told}, stopped by a guardrail"
    if reason == "peek":
        return "fail", f"{told}, stopped by a peek"
    if _may_stop_any_time(row):
        return "pass", f"{told}, by a confidence sequence, which may stop at any look"
    if method is None and (declared is None or declared > 1):
        return "unknown", f"{told}, and method is blank: a rule for looks may have stopped it"
    if doubt := _doubt(row):
        return "unknown", f"{told}, and {doubt}"
    if not _has_rule(row):
        return "fail", f"{told}, and no rule for looks in method allows that"
    looks = _whole(row.get("looks"))
    if looks is None or declared is None:
        return "unknown", f"{told}, by {method}, and {'looks' if looks is None else 'looks_planned'} is blank"
    if looks > declared:
        return "fail", f"{told}, by {method} at look {looks}, of {declared} declared"
    return "pass", f"{told}, stopped at look {looks} of {declared} by {method}"


def _one_variable(row: Row, _: float) -> Told:
    changed = _whole(row.get("variables_changed"))
    if row.get("is_holdout"):
        return "not applicable", "a holdout withholds a whole programme"
    if changed is None:
        return "unknown", "variables_changed is blank"
    if changed == 1:
        return "pass", "one variable changed"
    if changed == 0:
        return "fail", "0 variables changed: nothing differs between the arms"
    return "fail", f"{changed} variables changed at once"


def _declared_looks(row: Row, _: float) -> Told:
    looks, declared, method = _whole(row.get("looks")), _whole(row.get("looks_planned")), row.get("method")
    if row.get("stop_reason") == "peek":
        return "fail", f"stopped by a peek{'' if looks is None else f' after {_looks(looks)}'}{_of_declared(declared)}"
    if _may_stop_any_time(row):
        return "pass", "a confidence sequence may be looked at and stopped at any time"
    if is_bandit(row):
        return "not applicable", "a bandit looks all the time; the guardrail is its safety net"
    if looks is not None and declared is not None and looks > declared:
        return "fail", f"{_looks(looks)} taken{_of_declared(declared)}"
    most = max(looks or 0, declared or 0)
    if most > 1 and (doubt := _doubt(row)):
        return "unknown", f"{_looks(most)}, and {doubt}"
    if most > 1 and method is not None and not _has_rule(row):
        return "fail", f"{_looks(most)}, and no rule for looks in method ({method})"
    blank = [name for name, known in (("looks", looks), ("looks_planned", declared)) if known is None]
    if most > 1 and method is None:
        blank.append("method")
    if is_over(row) and row.get("stop_reason") is None:
        blank.append("stop_reason")
    if blank:
        return "unknown", f"{listed(blank)} {'is' if len(blank) == 1 else 'are'} blank"
    if looks == 0 and is_over(row):
        return "unknown", "it is over, and no look is on record"
    return "pass", f"{_looks(looks or 0)} taken{_of_declared(declared)}"


def _tails(row: Row, _: float) -> Told:
    tails = _whole(row.get("tails"))
    if tails is None:
        return "unknown", "tails is blank"
    return ("pass", "two tails") if tails == 2 else ("fail", "one tail: a loss of the same size would not count")


def _downstream(row: Row, _: float) -> Told:
    metric, effect = row.get("downstream_metric"), row.get("downstream_effect")
    has_shipped = row.get("decision") == "ship"
    if has_shipped and row.get("stop_reason") == "guardrail":
        return "fail", "a guardrail stopped it, and it was shipped all the same"
    is_sure, moved = _harm(row)
    if has_shipped and is_sure:
        return "fail", f"shipped while {metric} {moved}"
    blank = [] if metric else ["downstream_metric"]
    blank += [] if row.get("guardrail_metrics") else ["guardrail_metrics"]
    blank += ["downstream_effect"] if has_shipped and effect is None else []
    if blank:
        return "unknown", f"{listed(blank)} {'is' if len(blank) == 1 else 'are'} blank"
    if has_shipped and metric and effect and not _better_downstream(row):
        return "unknown", f"which way of {metric} is better is not clear"
    declared = f"{metric} and {listed(row['guardrail_metrics'])} are declared"
    return "pass", f"{declared}; {metric} {moved}, which chance may have done" if has_shipped and moved else declared


def _harm(row: Row) -> tuple[bool, str]:
    """Whether the later metric surely moved the wrong way, and how; "" where it did not at all."""
    metric, effect = row.get("downstream_metric"), row.get("downstream_effect")
    if not metric or effect is None or effect * _better_downstream(row) >= 0:
        return False, ""
    low, high = row.get("downstream_ci_low"), row.get("downstream_ci_high")
    moved = f"{'rose' if effect > 0 else 'fell'} by {percent(abs(effect))}"
    if low is None or high is None:
        return True, f"{moved} (no interval is on record)"
    return not min(low, high) <= 0 <= max(low, high), f"{moved} ({percent(low)} to {percent(high)})"


def _better_downstream(row: Row) -> int:
    """1 where more is better, -1 where less is; 0 where the row's names leave it open or contradict each other."""
    named = [name for name in names_in(row) if DIRECTION.sub("", name).strip()]
    asked = {what_of(name) for name in split_names(row["downstream_metric"]) if name in named}
    ways = {metric_of(name).better for name in named if what_of(name) in asked} - {0}
    return ways.pop() if len(ways) == 1 else 0


CHECKS: Mapping[str, Callable[[Row, float], Told]] = dict(
    zip(gate.RULES, (_hypothesis, _size, _one_variable, _declared_looks, _tails, _downstream), strict=True)
)


def _has_rule(row: Row) -> bool:
    """Whether the method names a rule for several looks."""
    method = row.get("method") or ""
    return rule_of(method) != "fixed" and doubt_of(method) != NAMELESS


def _doubt(row: Row) -> str:
    """Why the rule that a method names cannot be told; "" where it can."""
    doubt = doubt_of(row.get("method") or "")
    return "" if doubt in ("", NAMELESS) else f"method {doubt} ({shown(row['method'])})"


def _may_stop_any_time(row: Row) -> bool:
    return rule_of(row.get("method") or "") == "confidence_sequence"


def _looks(looks: int) -> str:
    return count(looks, "look")


def _of_declared(declared: int | None) -> str:
    return "" if declared is None else f", {declared:,} declared"


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
