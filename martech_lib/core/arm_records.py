"""What is counted of an A/B test, and what the counting gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd


class Measure(NamedTuple):
    """What is counted of every user.

    Attributes:
        name: As a reader says it.
        above: Spellings of the event that is counted; () is any event.
        what: users: 1 if the user has at least one such event; events: how many; value: the sum of their values.
        below: For a ratio: spellings of the event whose count is the denominator; () is per user.
    """

    name: str
    above: tuple[str, ...]
    what: Literal["users", "events", "value"]
    below: tuple[str, ...] = ()


class Sums(NamedTuple):
    """Sums over the users of an arm; a user without an outcome adds 0.

    Attributes:
        y: Sum of the numerator.
        yy: Of its squares.
        yyy: Of its cubes.
        x: Sum of the denominator; with its squares and products 0 where there is none.
        xx: Of its squares.
        xy: Of numerator times denominator.
        p: Sum of pre_value, here and below over the users who have one.
        pp: Of its squares.
        yp: Of numerator times pre_value.
        n_p: How many users have one.
        y_p: Sum of their numerators.
        actors: Users with at least one such event; with a value, where values are added up.
    """

    y: float
    yy: float
    yyy: float
    x: float
    xx: float
    xy: float
    p: float
    pp: float
    yp: float
    n_p: int
    y_p: float
    actors: int


class Arm(NamedTuple):
    """One arm.

    Attributes:
        arm: Its name, as written.
        n: Users.
        sums: Name of a measure -> its sums.
    """

    arm: str
    n: int
    sums: Mapping[str, Sums]


@dataclass(frozen=True)
class Counted:
    """A test, counted.

    Attributes:
        arms: By name.
        by_day: day (date), arm, n: users by the day of their first assignment.
        crossed: Users who were put into two arms: excluded.
        repeated: Further assignments of users to the same arm; the first counts.
        early: Outcomes of the users counted before their assignment: not counted.
        late: Outcomes of the users counted after the window: not counted.
        unusable: Assignments without a user, an arm or a time: set aside.
        first: The first assignment; in UTC where times have a zone.
        last: The last of the first assignments.
        latest: The last outcome in the log, of whichever user: how far the log reaches.
    """

    arms: tuple[Arm, ...]
    by_day: pd.DataFrame
    crossed: int
    repeated: int
    early: int
    late: int
    unusable: int
    first: datetime | None
    last: datetime | None
    latest: datetime | None
