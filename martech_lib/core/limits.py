"""Limits of the rules: which rule has which, and what a workspace may set instead.

All rules of the workbook are declared in `rules.csv`, those of rooms still to be built with their limits alone, so that
a workspace's `thresholds` is checked as a whole where it enters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from csv import DictReader
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from martech_lib.core.check import Breach
from martech_lib.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from martech_lib.core.workspace import Workspace

LARGEST = {"share": 1.0, "days": 36_500.0}


class Limit(NamedTuple):
    """A rule's id and name, its numbers (none, one or two), their unit, and why they are not the rule's own ("")."""

    rule: str
    title: str
    numbers: tuple[float, ...]
    unit: str
    why: str = ""


def rule_rows(room: str) -> list[dict[str, str]]:
    """The declared rules of a room, as rows of text."""
    return [row for row in _rows() if row["room"] == room]


@cache
def limits() -> Mapping[str, Limit]:
    """Rule id -> Limit, for every rule of the workbook."""
    return {row["rule"]: Limit(row["rule"], row["title"], numbers_of(row["threshold"]), row["unit"]) for row in _rows()}


def limits_of(ws: Workspace) -> dict[str, Limit]:
    """All limits, those that the workspace's `thresholds` sets replaced. Raises TableError, UserError."""
    return limits_with(read_overrides(ws.register("thresholds")) if ws.has("thresholds") else {})


def limits_with(overrides: Mapping[str, tuple[Sequence[float], str]]) -> dict[str, Limit]:
    """All limits with some replaced.

    Args:
        overrides: Rule id -> (numbers in the rule's unit, why). One number for a rule of two replaces the first.

    Raises:
        UserError: Unknown rules, rules without threshold, or numbers that make no sense; all are told.
    """
    faults = [(name, numbers, fault_of(name, numbers)) for name, (numbers, _) in overrides.items()]
    told = [f"thresholds: {name} '{shown(numbers)}' {fault}" for name, numbers, fault in faults if fault]
    if told:
        raise UserError("\n".join(told))
    own = limits()
    set_here = {
        name: own[name]._replace(numbers=filled_up(own[name], numbers), why=why)
        for name, (numbers, why) in overrides.items()
    }
    return {**own, **set_here}


def read_overrides(frame: pd.DataFrame) -> dict[str, tuple[tuple[float, ...], str]]:
    """The checked `thresholds` register as overrides: rule id -> (numbers, why)."""
    whys = frame["why"] if "why" in frame else pd.Series("", index=frame.index)
    rows = zip(frame["rule_id"], frame["threshold"], whys.fillna(""), strict=True)
    return {
        str(rule).strip().upper(): (numbers_of(str(text)), str(why) or "set in thresholds.csv")
        for rule, text, why in rows
    }


def numbers_of(text: str) -> tuple[float, ...]:
    """ "0.4", "40 %", "1.5; 2" as numbers; a percent is a fraction. Raises ValueError."""
    return tuple(_number(part.strip()) for part in text.split(";") if part.strip())


def fault_of(rule: str, numbers: Sequence[float]) -> str:
    """What is wrong with these numbers for a rule, in words; "" when nothing is."""
    limit = limits().get(rule)
    if limit is None:
        return f"is not a rule{did_you_mean(rule, limits())}"
    if not limit.numbers:
        having = ", ".join(name for name, other in limits().items() if other.numbers)
        return f"({limit.title}) has no threshold; those that do: {having}"
    filled, top = filled_up(limit, numbers), LARGEST.get(limit.unit, math.inf)
    if len(filled) != len(limit.numbers) or not all(0 <= n <= top and math.isfinite(n) for n in filled):
        most = f"from 0 to {top:g}" if math.isfinite(top) else "not below 0"
        return f"is not allowed for {rule} ({limit.title}): {_how_many(limit)} {most}, such as {shown(limit.numbers)}"
    return "" if list(filled) == sorted(filled) else f"is not allowed for {rule}: the first must not exceed the second"


def filled_up(limit: Limit, numbers: Sequence[float]) -> tuple[float, ...]:
    """One number for a rule of two sets the first, and lifts the second where that is lower."""
    given = tuple(numbers)
    if len(given) != 1 or len(limit.numbers) != 2:
        return given
    return given[0], max(given[0], limit.numbers[1])


def shown(numbers: Sequence[float]) -> str:
    """Numbers as they are typed."""
    return "; ".join(f"{n:g}" for n in numbers)


def limit_breaches(frame: pd.DataFrame) -> list[Breach]:
    """What is wrong with the rows of a `thresholds` frame."""
    found = (
        _breach(i, rule, text) for i, (rule, text) in enumerate(zip(frame["rule_id"], frame["threshold"], strict=True))
    )
    return [breach for breach in found if breach]


def _breach(position: int, rule: Any, text: Any) -> Breach | None:
    if pd.isna(rule) or pd.isna(text):  # a blank is told already
        return None
    name = str(rule).strip().upper()
    try:
        fault = fault_of(name, numbers_of(str(text)))
    except ValueError:
        return Breach(position, "threshold", "is not a number; write 0.4, 40 % or 92, or two with ';' such as 1.5; 2")
    is_rule_at_fault = name not in limits() or not limits()[name].numbers
    return Breach(position, "rule_id" if is_rule_at_fault else "threshold", fault) if fault else None


def _number(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text.replace(",", ""))


def _how_many(limit: Limit) -> str:
    return "one number" if len(limit.numbers) == 1 else "two numbers with ';' between them"


@cache
def _rows() -> list[dict[str, str]]:
    text = files("martech_lib.core").joinpath("rules.csv").read_text(encoding="utf-8")
    return list(DictReader(text.splitlines()))
