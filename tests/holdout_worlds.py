"""Holdouts built from exact counts: so many users of an arm, so many of them click, convert and bring this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from martech_lib import personalization
from martech_lib.personalization import HoldoutReading

START = datetime(2026, 3, 1, 12)


class Group(NamedTuple):
    """Users of one arm and one segment.

    Attributes:
        arm: Its name.
        n: Users.
        converted: How many convert, the first of them.
        clicked: How many click, the first of them.
        values: What converters bring: the same for all, or one each; none where None.
        segment: Of all of them.
        share: Planned share of the arm; None where it is not told.
        day: Days after the start on which they are assigned.
        after: Days after their assignment on which they convert: the same for all, or one each.
    """

    arm: str
    n: int
    converted: int = 0
    clicked: int = 0
    values: float | Sequence[float] | None = None
    segment: str | None = None
    share: float | None = None
    day: int = 0
    after: float | Sequence[float] = 1.0


def logs(*groups: Group, program: str = "Win-back") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assignments and outcomes; users are numbered in the order of the groups."""
    put, happened, first = [], [], 0
    for group in groups:
        ids = np.arange(first, first + group.n)
        first += group.n
        at = START + timedelta(days=group.day)
        columns = {"arm": group.arm, "assigned_at": at, "segment": group.segment, "planned_share": group.share}
        put.append(pd.DataFrame({"program": program, "user_id": ids, **columns}))
        put[-1]["planned_share"] = put[-1]["planned_share"].astype("float64")
        when = at + pd.to_timedelta(np.broadcast_to(group.after, group.converted), unit="D")
        value = np.nan if group.values is None else np.broadcast_to(group.values, group.converted)
        converters = {"user_id": ids[: group.converted], "ts": when, "event": "conversion", "value": value}
        clickers = {"user_id": ids[: group.clicked], "ts": at + timedelta(hours=1), "event": "click", "value": np.nan}
        happened += [pd.DataFrame(converters), pd.DataFrame(clickers)]
    outcomes = pd.concat([frame for frame in happened if len(frame)] or happened, ignore_index=True)
    return pd.concat(put, ignore_index=True), outcomes


def read(*tables: Any, program: str = "Win-back", **options: Any) -> HoldoutReading:
    return personalization.read_holdout(*tables, program=program, **options)


def values_of(told: HoldoutReading) -> Mapping[tuple[str, str], float]:
    """(name without the programme, segment) -> value."""
    rows = told.readings
    return {(row.metric.split(".", 2)[2], row.segment): row.value for row in rows.itertuples()}
