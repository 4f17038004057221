"""The six rules as a gate: each passes, or says what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from martech_lib.core.spoken import count, listed, number
from martech_lib.experiments.metrics import Metric, directed, what_of

if TYPE_CHECKING:
    from martech_lib.experiments.plan import Plan

ENOUGH = 0.99  # of the needed users: a size settled elsewhere may be rounded otherwise
PARTS = (
    ("We believe", r"\bwe believe\b"),
    ("for (whom)", r"\bfor\b"),
    ("will (do what)", r"\bwill\b"),
    ("because (why)", r"\bbecause\b\s+\S"),
)
SENTENCE = "We believe <change> for <whom> will <raise or lower what> because <why>"


def gate_of(plan: Plan) -> pd.DataFrame:
    """The six rules held against a plan: rule, passed, missing."""
    missing = {rule: check(plan) for rule, check in RULES.items()}
    rows = [{"rule": rule, "passed": not said, "missing": said} for rule, said in missing.items()]
    return pd.DataFrame(rows, columns=["rule", "passed", "missing"])


def lacking_parts(hypothesis: str) -> list[str]:
    """The parts of the sentence that a hypothesis lacks, in their order."""
    at, lacking = 0, []
    for words, pattern in PARTS:
        found = re.compile(pattern, re.IGNORECASE).search(hypothesis, at)
        if found:
            at = found.end()
        else:
            lacking.append(words)
    return lacking


def _hypothesis(plan: Plan) -> str:
    if not plan.hypothesis:
        return f"there is no hypothesis; write: {SENTENCE}"
    lacking = lacking_parts(plan.hypothesis)
    return f"the hypothesis lacks {listed(lacking)}; write: {SENTENCE}" if lacking else _direction(plan)


def _direction(plan: Plan) -> str:
    """What is wrong where the plan hopes for the worse, or nobody knows what that is."""
    metric = directed(plan.primary_metric, plan.metric_names)
    return hope_for_worse(metric, plan.effect) if metric.better else asked_for_direction(metric)


def hope_for_worse(metric: Metric, effect: float) -> str:
    """What is wrong where a hoped-for change is in the worse direction; "" where it is not."""
    if effect * metric.better >= 0:
        return ""
    way, less = ("a rise", "less") if effect > 0 else ("a fall", "more")
    other = "higher" if effect > 0 else "lower"
    return (
        f"the plan hopes for {way} of {metric.name}, of which {less} is better; turn the sign of mde, or name the "
        f"metric '{metric.name} ({other} is better)'"
    )


def _size(plan: Plan) -> str:
    if plan.weekly_units is None:
        return (
            "the unique users of a week (weekly_units) are unknown, so that nobody knows how long it takes; count them"
        )
    needed = replace(plan, planned_units=None).total_units
    if plan.total_units < needed * ENOUGH:
        return (
            f"the {number(plan.total_units)} planned users see the effect less often than planned; "
            f"{number(needed)} are needed"
        )
    return ""


def _one_variable(plan: Plan) -> str:
    if plan.variables_changed is None:
        return "how many things differ between the arms is not said; count them"
    if plan.variables_changed == 1:
        return ""
    changed = count(plan.variables_changed, "variable")
    return f"{changed} changed at once, so that nobody will know which one moved the metric; change one"


def _looks(plan: Plan) -> str:
    if plan.looks > 1 and plan.rule == "fixed":
        return (
            f"{plan.looks} looks at a test of one look raise false alarms; read it once at the end, or declare "
            "the rule obrien_fleming, pocock or confidence_sequence"
        )
    return ""


def _tails(plan: Plan) -> str:
    if plan.tails == 1 and not plan.one_sided_reason:
        return (
            "a one-sided test needs a written reason (one_sided_reason): why would a loss of the same size not count?"
        )
    return ""


def _downstream(plan: Plan) -> str:
    lacking = (
        [] if plan.downstream_metric else ["a downstream metric (what must not fall later, such as trial to paid)"]
    )
    lacking += [] if plan.guardrail_metrics else ["a guardrail metric (what stops it, such as unsubscribes)"]
    if lacking:
        return f"it lacks {listed(lacking)}"
    beside = plan.metric_names[1:]
    if what_of(plan.primary_metric) in map(what_of, beside):
        return "the primary metric stands guard over itself; name others that must not suffer"
    unclear = [metric for name in beside if not (metric := directed(name, plan.metric_names)).better]
    return asked_for_direction(unclear[0]) if unclear else ""


def asked_for_direction(metric: Metric) -> str:
    """What to write where a metric's name leaves open which way is better."""
    return (
        f"the name leaves open which way of {metric.name} is better; write '{metric.name} (higher is better)' or "
        f"'{metric.name} (lower is better)'"
    )


RULES: Mapping[str, Callable[[Plan], str]] = {
    "Hypothesis first": _hypothesis,
    "Sample size first": _size,
    "One variable": _one_variable,
    "Declared looks": _looks,
    "Two tails": _tails,
    "Downstream and guardrails": _downstream,
}
