"""The audit's rules and their thresholds: shipped as data, overridable per workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from csv import DictReader
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import cast

import pandas as pd

from martech_lib.core.errors import UserError
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
    text = files("martech_lib.stack").joinpath("rules.csv").read_text(encoding="utf-8")
    return {row["rule"]: _rule(row) for row in DictReader(text.splitlines())}


def rule_title(rule_id: str) -> str:
    """A rule's name for a reader; "" when there is no such rule."""
    rule = shipped_rules().get(rule_id)
    return rule.title if rule else ""


def rules_with(overrides: Mapping[str, tuple[Sequence[float], str]]) -> dict[str, Rule]:
    """The shipped rules with some thresholds replaced.

    Args:
        overrides: Rule id -> (numbers in the rule's unit, why). One number for a rule of two replaces the first.

    Raises:
        UserError: An unknown rule, a rule without threshold, or numbers that make no sense for its unit.
    """
    rules = dict(shipped_rules())
    for name, (numbers, why) in overrides.items():
        rule = _named(name)
        rules[rule.id] = replace(rule, threshold=_allowed(rule, tuple(numbers)), why=why)
    return rules


def read_overrides(frame: pd.DataFrame) -> dict[str, tuple[tuple[float, ...], str]]:
    """The `thresholds` register as overrides: rule id -> (numbers, why).

    Raises:
        UserError: A threshold that is not one number, or two with ";" between them.
    """
    whys = frame["why"] if "why" in frame else pd.Series("", index=frame.index)
    rows = zip(frame["rule_id"], frame["threshold"], whys.fillna(""), strict=True)
    return {
        str(rule).strip().upper(): (_numbers(str(rule), str(text)), str(why) or "set in thresholds.csv")
        for rule, text, why in rows
    }


def _numbers(rule: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(_one(part) for part in text.split(";"))
    except ValueError:
        raise UserError(
            f"thresholds.csv, rule {rule}: the threshold came as {text[:60]!r}; allowed is a number such as 0.4, 40 % "
            "or 92, or two with ';' between them such as 1.5; 2"
        ) from None


def _one(part: str) -> float:
    text = part.strip()
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(text.replace(",", ""))


def _named(name: str) -> Rule:
    rule = shipped_rules().get(name)
    if rule is None:
        near = get_close_matches(name, list(shipped_rules()), n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"thresholds: there is no rule {name[:60]!r}{hint} Rules with a threshold: {_with_threshold()}")
    if not rule.threshold:
        raise UserError(f"thresholds: rule {name} ({rule.title}) has no threshold. Those that do: {_with_threshold()}")
    return rule


def _allowed(rule: Rule, numbers: tuple[float, ...]) -> tuple[float, ...]:
    filled = (*numbers, *rule.threshold[len(numbers) :])
    top = 1.0 if rule.unit == "share" else float("inf")
    if len(filled) != len(rule.threshold) or not all(0 <= n <= top and n == n for n in filled):
        limit = "between 0 and 1 (0 % and 100 %)" if rule.unit == "share" else "not below 0"
        raise UserError(
            f"thresholds: {rule.id} ({rule.title}) came as {_shown(numbers)}; allowed: "
            f"{len(rule.threshold)} number(s) {limit}, such as {_shown(rule.threshold)}"
        )
    if list(filled) != sorted(filled):
        raise UserError(
            f"thresholds: {rule.id} ({rule.title}) came as {_shown(filled)}; the first must not exceed the second"
        )
    return filled


def _shown(numbers: Sequence[float]) -> str:
    return "; ".join(f"{n:g}" for n in numbers)


def _with_threshold() -> str:
    return ", ".join(rule.id for rule in shipped_rules().values() if rule.threshold)


def _rule(row: Mapping[str, str]) -> Rule:
    numbers = tuple(float(part) for part in row["threshold"].split(";") if part)
    return Rule(
        id=row["rule"],
        title=row["title"],
        test=row["test"],
        threshold=numbers,
        unit=row["unit"],
        severity=cast(Severity, row["severity"]),
        decision=row["decision"],
        needs=row["needs"],
    )
