"""What a declared metric says is to be measured: "trial start rate", "revenue per user", "clicks per impression"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from martech_lib.core.errors import UserError, shown

Kind = Literal["rate", "mean", "ratio"]
GRAMMAR = (
    "'<event>' or '<event> rate' (share of users with at least one), '<event> per user' (how many each), "
    "'<event> value per user' or 'revenue per user' (money each), '<event> per <event>' (a ratio); behind it, where "
    "the name leaves that open, '(lower is better)' or '(higher is better)'"
)
REVENUE = ("revenue", "revenue per user", "value per user")
USER = ("user", "visitor", "unit")
HARM = (
    r"\b(?:\w*(?:abandon|bounc|cancel|chargeback|churn|complain|crash|declin|disput|downgrad|(?<!t)error|fail(?:ed|ure)"
    r"|latenc|(?<!p)refund|spam|uninstall|unsub(?!stanti))\w*|charge back|down grad\w*|un (?:install|sub)\w*"
    r"|costs?|fail(?:s|ing)?|no ?shows?|opt(?:ed)? ?outs?|returned|support tickets?|time(?:d)? ?outs?)\b"
)
# "no errors", "crash-free", "churn save": nobody knows whether the harm is counted, or that it did not come.
UNDONE = r"(?:avoid|prevent|reactivat|recover|reduc|resol[uv]|sav|win ?back)\w*"
TURNED = re.compile(
    rf"\b(?:free of|never|no|not|without|zero)(?: \w+){{0,2}} {HARM}|\b(?:low(?:er)?|non|{UNDONE}) {HARM}"
    rf"|\b{UNDONE}(?: \w+)? (?:from|of) (?:\w+ )?{HARM}"
    rf"|{HARM}(?: \w+)*? (?:{UNDONE}|averted|click\w*|deflect\w*|e ?mails?|fixed|free|not|offers?|open\w*|retained)\b"
    r"|\b\w*(?:churn|crash|error|fail(?:ure)?|refund|spam)[ -]?free\b"
    r"|\b(?:anti|de|un) ?(?:bounc|cancel|churn|crash|disput|spam)\w*|\breturned (?:customer|to|user|visit)\w*"
)
DIRECTION = re.compile(r"\s*\((lower|higher) is better\)$", re.IGNORECASE)


class Metric(NamedTuple):
    """A metric that outcomes can be measured by.

    Attributes:
        name: As declared, without its direction.
        kind: rate, mean or ratio.
        above: The event that is counted, or whose value is added up; "" for the value of every event.
        is_value: Whether its value is added up.
        below: The event that a ratio divides by; "" where it is by user.
        better: 1 where more is better, -1 where less is, as declared or by the name; 0 where the name leaves it open.
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
    better = _better_by_name(said) if declared is None else -1 if declared[1].casefold() == "lower" else 1
    return _measured(said)._replace(better=better)


def what_of(name: str) -> Metric:
    """What a name measures, without how it is written and which way is better: equal for all names of one metric."""
    return metric_of(name.casefold())._replace(name="", better=0)


def refuse_both_ways(names: Iterable[str]) -> None:
    """Raise UserError where one metric is to be higher by one name and lower by another."""
    ways_of(names)


def ways_of(names: Iterable[str]) -> Mapping[Metric, int]:
    """`what_of` a name -> 1 or -1, for what has a direction by one of its names. Raises as `refuse_both_ways`."""
    first: dict[Metric, str] = {}
    for name in names:
        better = metric_of(name).better
        if not better:  # a name that leaves it open contradicts none, and is no measure for the names after it
            continue
        other = first.setdefault(what_of(name), name)
        if metric_of(other).better != better:
            raise UserError(
                f"One metric came as '{shown(other)}' and as '{shown(name)}', of which one is better higher and "
                "the other lower; name it one way."
            )
    return {what: metric_of(name).better for what, name in first.items()}


def names_in(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics that a row of the register declares, the primary one first where there is one."""
    primary = str(row.get("primary_metric") or "")
    beside = [split_names(row.get(column)) for column in ("downstream_metric", "guardrail_metrics")]
    return tuple(name for name in (primary, *beside[0], *beside[1]) if name.strip())


def split_names(cell: Any) -> tuple[str, ...]:
    """The metrics in a cell of the register: with ';' between them, or as they are."""
    names = cell.split(";") if isinstance(cell, str) else cell or ()
    return tuple(str(name) for name in names if str(name).strip())


def directed(name: str, among: Iterable[str]) -> Metric:
    """The metric that a name declares, its direction where the name leaves it open from other names of the same."""
    metric = metric_of(name)
    return metric._replace(better=metric.better or ways_of(among).get(what_of(name), 0))


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


def _better_by_name(name: str) -> int:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # paymentFailed
    whole = re.sub(r"[\W_]+", " ", apart).casefold()
    counted = whole.partition(" per ")[0]
    if re.search(HARM, counted):  # in "unsubscribes per email" the emails undo nothing
        return 0 if TURNED.search(counted) else -1
    return 0 if re.search(HARM, whole) else 1  # "per-user refunds" or "orders per complaint": nobody can tell


def _without_value(above: str) -> tuple[str, bool]:
    found = re.fullmatch(r"(?:(.*) )?(?:value|revenue)", above, flags=re.IGNORECASE)
    return (found[1] or "", True) if found else (above, False)
