"""What was read of a log, what was used, and what was left out and why: every row is in one line of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from martech_lib.attribution.sums import NONE
from martech_lib.core.spoken import count, fitting, listed

Line = tuple[str, str, int]
COLUMNS = ("table", "what", "rows")


class Used(NamedTuple):
    """What became of the rows that can be used.

    Attributes:
        asked: Touches of the period and segment.
        no_channel: Those of them without a channel.
        set_aside: Those of a channel that was not asked for.
        converted: Those in journeys that converted.
        open: Those in journeys that did not.
        matched: Conversions of the period and segment with a touch before them.
        none: Conversions without one.
    """

    asked: int
    no_channel: int
    set_aside: int
    converted: int
    open: int
    matched: int
    none: int


def ledger(touches: Mapping[str, int], conversions: Mapping[str, int], used: Used) -> pd.DataFrame:
    """One row a line: table, what, rows; of each table the lines below "read" add up to it.

    Args:
        touches: rows, no_user, no_time, other_kind of the touches.
        conversions: rows, no_user, no_time of the conversions.
        used: What became of the rest.
    """
    usable = touches["rows"] - touches["no_user"] - touches["no_time"] - touches["other_kind"]
    too_old = used.asked - used.no_channel - used.set_aside - used.converted - used.open
    elsewhere = conversions["rows"] - conversions["no_user"] - conversions["no_time"] - used.matched - used.none
    lines: list[Line] = [
        ("touches", "read", touches["rows"]),
        ("touches", "used: before a conversion", used.converted),
        ("touches", "used: in a journey that did not convert", used.open),
        ("touches", "left out: older than the lookback of the conversion that follows", too_old),
        ("touches", "left out: not of the period or segment", usable - used.asked),
        ("touches", "left out: no user", touches["no_user"]),
        ("touches", "left out: no time", touches["no_time"]),
        ("touches", "left out: no channel", used.no_channel),
        ("touches", "left out: channel set aside", used.set_aside),
        ("touches", "left out: of a kind not asked for", touches["other_kind"]),
        ("conversions", "read", conversions["rows"]),
        ("conversions", "used: with a touch before them", used.matched),
        ("conversions", "used: without a touch, credited to (none)", used.none),
        ("conversions", "left out: not of the period or segment", elsewhere),
        ("conversions", "left out: no user", conversions["no_user"]),
        ("conversions", "left out: no time", conversions["no_time"]),
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def of_conversions(conversions: Mapping[str, int], used: int | None) -> pd.DataFrame:
    """The same of conversions without journeys, which are counted to hold other lenses against.

    Args:
        conversions: rows, no_user, no_time of the conversions.
        used: Those of the period; None where a part of the customers is asked for, which takes touches to tell.
    """
    rest = conversions["rows"] - conversions["no_user"] - conversions["no_time"] - (used or 0)
    lines: list[Line] = [
        ("conversions", "read", conversions["rows"]),
        ("conversions", "used: counted, as there are no journeys", used or 0),
        (
            "conversions",
            "left out: whose they are takes touches to tell" if used is None else "left out: not of the period",
            rest,
        ),
        ("conversions", "left out: no user", conversions["no_user"]),
        ("conversions", "left out: no time", conversions["no_time"]),
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def remarks(
    touches: Mapping[str, int], conversions: Mapping[str, int], channels: Mapping[str, int], used: Used
) -> list[str]:
    """What to know when reading the credit: keys that come again, blank values, spellings, users that never meet."""
    said = [
        *repeats("touches", "touch_id", touches["repeated"]),
        *repeats("conversions", "conversion_id", conversions["repeated"]),
    ]
    if conversions["no_value"]:
        said.append(
            f"{count(conversions['no_value'], 'conversion')} without a value count as conversions, not as value"
        )
    said += spelling_remarks(channels)
    if channels.get(NONE):
        touched = count(channels[NONE], "touch", plural="touches")
        told = f"{touched} of a channel called '{NONE}' count as without a channel"
        said.append(f"{told}: the name stands for conversions without a touch")
    if used.none and not used.matched and used.asked:
        said.append("no conversion has a touch before it: do both tables call the users by the same ids?")
    return said


def spelling_remarks(channels: Mapping[str, int]) -> list[str]:
    """Which channels (with how many touches each) look like one."""
    return [_one_channel(spellings, channels) for spellings in _spellings(sorted(channels))]


def _spellings(channels: Sequence[str]) -> list[list[str]]:
    """Channels whose names differ in capitals, blanks and signs alone."""
    alike: dict[str, list[str]] = {}
    for channel in channels:
        alike.setdefault(re.sub(r"[\W_]+", "", channel.casefold()) or channel, []).append(channel)
    return [names for names in alike.values() if len(names) > 1]


def _one_channel(names: Sequence[str], touches: Mapping[str, int]) -> str:
    told = listed([f"'{name}' ({count(touches[name], 'touch', plural='touches')})" for name in names])
    return f"{told} look like one channel; they were not merged"


def repeats(table: str, key: str, rows: int) -> list[str]:
    """That rows repeat a key; nothing where none does."""
    told = f"{count(rows, 'row')} of {table} {fitting(rows, 'repeats', 'repeat')} a {key}; each was counted"
    return [told] if rows else []
