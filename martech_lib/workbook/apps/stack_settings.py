"""What can be set in the stack app: thresholds on sliders, figures of the profile in fields; and how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.numbers import read_number
from martech_lib.stack.thresholds import shipped_rules

SETTING = re.compile(r"#\s*set\s+(?P<name>\S+)\s*=(?P<value>.*)", re.IGNORECASE)


class Slider(NamedTuple):
    """A threshold that can be moved: its notebook parameter, its rule, which of the rule's numbers."""

    parameter: str
    rule: str
    place: int
    words: str
    low: float
    high: float
    step: float


class Field(NamedTuple):
    """A figure of the profile that can be typed: its key, which is also the notebook parameter."""

    parameter: str
    words: str
    low: float
    high: float
    example: str
    is_money: bool = False


Control = Slider | Field
SLIDERS = (
    Slider("low_adoption", "SA01", 0, "Low adoption: below this share of paid seats in use", 0.0, 1.0, 0.01),
    Slider("notice_window_days", "SA11", 0, "Renewal notice: look this many days ahead", 0, 365, 5),
    Slider("tools_per_fte_watch", "BU01", 0, "Tools per FTE: watch above", 0.5, 5.0, 0.1),
    Slider("tools_per_fte_fail", "BU01", 1, "Tools per FTE: too many above", 0.5, 6.0, 0.1),
)
FIELDS = (
    Field("marketing_fte", "Marketing FTE", 0.1, 100_000.0, "12.5"),
    Field("marketing_budget_excl_labor", "Marketing budget a year, without labor", 1.0, 1e12, "3,000,000", True),
)


class Settings(NamedTuple):
    """Rule id -> its numbers, and profile key -> number."""

    thresholds: Mapping[str, Sequence[float]]
    figures: Mapping[str, float]


def typed_figure(field: Field, text: str, currency: str) -> float | None:
    """A figure as someone types it, money in the company's currency; None when blank. Raises UserError."""
    written = read_number(text)
    if written is None and not text.strip():
        return None
    if written is None or written.percent or written.currency not in ("", currency if field.is_money else ""):
        unit = f" in {currency}" if field.is_money else ""
        raise UserError(
            f"{field.parameter} came as '{shown(text)}'; allowed is a number{unit} such as {field.example}."
        )
    if written.ambiguous and field.is_money:
        readings = f"{written.point:,.10g} or {written.comma:,.10g}"
        raise UserError(f"{field.parameter} came as '{shown(text)}', which is {readings}; write it without separators.")
    return written.comma if written.point is None else written.point


def written_setting(line: str) -> Settings | None:
    """What a line such as `# set SA01 = 0.4` sets; None when it sets nothing. Raises UserError."""
    asked = SETTING.fullmatch(line)
    return _setting(asked["name"], asked["value"]) if asked and asked["name"].casefold() != "currency" else None


def _setting(name: str, value: str) -> Settings:
    figures = [control.parameter for control in FIELDS]
    known = [*figures, *(rule.id for rule in shipped_rules().values() if rule.threshold)]
    named = {each.casefold(): each for each in known}.get(name.casefold())
    if named is None:
        raise UserError(f"`# set {shown(name)}` is not known{did_you_mean(name, known)}; it takes {', '.join(known)}.")
    try:
        numbers = tuple(float(part) for part in value.split(";"))
        if named not in figures:
            return Settings({named: numbers}, {})
        (figure,) = numbers
    except ValueError:
        allowed = "a number" if named in figures else "a number, or two with ';' between them such as 1.5; 2"
        raise UserError(f"`# set {named}` came as '{shown(value)}'; allowed is {allowed}.") from None
    return Settings({}, {named: figure})
