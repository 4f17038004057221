"""The audit's rules and their thresholds: shipped as data, overridable per workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

from martech_lib.core.limits import limits_with, numbers_of, rule_rows
from martech_lib.core.results import Severity


@dataclass(frozen=True)
class Rule:
    """One rule of the audit.

    Attributes:
        id: Such as SA01.
        title: Its name for a reader.
        test: What it looks for, in words.
        threshold: No, one or two numbers (BU01: medium, high; BU02: band), in `unit`.
        unit: share, days, ratio, count or money.
        severity: What a finding of it weighs, where the rule has one severity.
        decision: What it suggests doing.
        needs: The columns or tables without which it is not measured: `|` between ways, `+` within one.
        why: The reason given for an overridden threshold; "" when the threshold is the rule's own.
    """

    id: str
    title: str
    test: str
    threshold: tuple[float, ...]
    unit: str
    severity: Severity
    decision: str
    needs: str
    why: str = ""


@cache
def shipped_rules() -> Mapping[str, Rule]:
    """Rule id -> Rule, as the library ships them."""
    return {row["rule"]: _rule(row) for row in rule_rows("stack")}


def rule_title(rule_id: str) -> str:
    """A rule's name for a reader; "" when there is no such rule."""
    rule = shipped_rules().get(rule_id)
    return rule.title if rule else ""


def rules_with(overrides: Mapping[str, tuple[Sequence[float], str]]) -> dict[str, Rule]:
    """The shipped rules with some thresholds replaced; those of other rooms' rules change nothing here.

    Args:
        overrides: Rule id -> (numbers in the rule's unit, why). One number for a rule of two replaces the first.

    Raises:
        UserError: Unknown rules, rules without threshold, or numbers that make no sense; all are told.
    """
    told, rules = limits_with(overrides), dict(shipped_rules())
    for name in overrides:
        if name in rules:
            rules[name] = replace(rules[name], threshold=told[name].numbers, why=told[name].why)
    return rules


def _rule(row: Mapping[str, str]) -> Rule:
    return Rule(
        id=row["rule"],
        title=row["title"],
        test=row["test"],
        threshold=numbers_of(row["threshold"]),
        unit=row["unit"],
        severity=cast(Severity, row["severity"]),
        decision=row["decision"],
        needs=row["needs"],
    )
