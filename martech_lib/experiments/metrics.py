"""What a declared metric says is to be measured: "trial start rate", "revenue per user", "clicks per impression"."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from martech_lib.core.errors import UserError

Kind = Literal["rate", "mean", "ratio"]
GRAMMAR = (
    "'<event>' or '<event> rate' (share of users with at least one), '<event> per user' (how many each), "
    "'<event> value per user' or 'revenue per user' (money each), '<event> per <event>' (a ratio); behind it, where "
    "the name leaves that open, '(lower is better)' or '(higher is better)'"
)
REVENUE = ("revenue", "revenue per user", "value per user")
USER = ("user", "visitor", "unit")
LOWER_IS_BETTER = (
    "abandon", "bounce", "cancel", "chargeback", "churn", "complain", "cost", "crash", "dispute", "downgrade",
    "error", "fail", "latency", "opt out", "refund", "returned", "spam", "support ticket", "uninstall", "unsubscribe",
)  # fmt: skip
DIRECTION = re.compile(r"\s*\((lower|higher) is better\)$", re.IGNORECASE)


class Metric(NamedTuple):
    """A metric that outcomes can be measured by.

    Attributes:
        name: As declared, without its direction.
        kind: rate, mean or ratio.
        above: The event that is counted, or whose value is added up; "" for the value of every event.
        is_value: Whether its value is added up.
        below: The event that a ratio divides by; "" where it is by user.
        better: 1 where more is better, -1 where less is: as declared, else by the name.
    """

    name: str
    kind: Kind
    above: str
    is_value: bool = False
    below: str = ""
    better: int = 1


def metric_of(name: str) -> Metric:
    """The metric that a name declares, by GRAMMAR.

    Raises:
        UserError: The name is blank.
    """
    whole = re.sub(r"\s+", " ", name.strip())
    declared = DIRECTION.search(whole)
    said = whole[: declared.start()] if declared else whole
    if not said:
        raise UserError(f"A metric has no name; allowed is {GRAMMAR}.")
    is_less = declared[1].casefold() == "lower" if declared else _is_less_better(said)
    return _measured(said)._replace(better=-1 if is_less else 1)


def _measured(said: str) -> Metric:
    if said.casefold() in REVENUE:
        return Metric(said, "mean", "", is_value=True)
    above, per, below = said.rpartition(" per ")
    if not per:
        return Metric(said, "rate", re.sub(r" rate$", "", said, flags=re.IGNORECASE))
    event, is_value = _without_value(above)
    if below.casefold() in USER:
        return Metric(said, "mean", event, is_value)
    return Metric(said, "ratio", event, is_value, below)


def _is_less_better(name: str) -> bool:
    said = name.casefold().replace("_", " ").replace("-", " ")
    return any(word in said for word in LOWER_IS_BETTER)


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
