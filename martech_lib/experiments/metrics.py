"""What a declared metric says is to be measured: "trial start rate", "revenue per user", "clicks per impression"."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from martech_lib.core.errors import UserError

Kind = Literal["rate", "mean", "ratio"]
GRAMMAR = (
    "'<event>' or '<event> rate' (share of users with at least one), '<event> per user' (how many each), "
    "'<event> value per user' or 'revenue per user' (money each), '<event> per <event>' (a ratio)"
)
REVENUE = ("revenue", "revenue per user", "value per user")
USER = ("user", "visitor", "unit")


class Metric(NamedTuple):
    """A metric that outcomes can be measured by.

    Attributes:
        name: As declared.
        kind: rate, mean or ratio.
        above: The event that is counted, or whose value is added up; "" for the value of every event.
        is_value: Whether its value is added up.
        below: The event that a ratio divides by; "" where it is by user.
    """

    name: str
    kind: Kind
    above: str
    is_value: bool = False
    below: str = ""


def metric_of(name: str) -> Metric:
    """The metric that a name declares, by GRAMMAR.

    Raises:
        UserError: The name is blank.
    """
    said = re.sub(r"\s+", " ", name.strip())
    if not said:
        raise UserError(f"A metric has no name; allowed is {GRAMMAR}.")
    folded = said.casefold()
    if folded in REVENUE:
        return Metric(said, "mean", "", is_value=True)
    above, per, below = said.rpartition(" per ")
    if not per:
        return Metric(said, "rate", re.sub(r" rate$", "", said, flags=re.IGNORECASE))
    event, is_value = _without_value(above)
    if below.casefold() in USER:
        return Metric(said, "mean", event, is_value)
    return Metric(said, "ratio", event, is_value, below)


def spellings(event: str) -> tuple[str, ...]:
    """The ways in which a log may write an event: capitals, underscores, one or many; () for every event."""
    if not event:
        return ()
    words = {event, event.casefold(), event.capitalize()}
    words |= {word[:-1] for word in words if word.endswith("s")}
    return tuple(sorted({word.replace(" ", mark) for word in words for mark in (" ", "_", "-")}))


def _without_value(above: str) -> tuple[str, bool]:
    found = re.fullmatch(r"(?:(.*) )?(?:value|revenue)", above, flags=re.IGNORECASE)
    return (found[1] or "", True) if found else (above, False)
