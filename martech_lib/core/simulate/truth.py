"""What was truly caused: conversions of the world less those of the same world with the cause taken out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.course import Course
from martech_lib.core.simulate.settings import DAY, FIRST_DAY, LOG_WEEKS, WEEK, Flags, Floats, LiftTest, Whole

COLUMNS = ("kind", "name", "incremental_conversions", "incremental_value", "relative_lift")
MONTHS = 3


class Caused(NamedTuple):
    """Conversions that a channel caused: their number and value, by week and by month."""

    conversions: float
    value: float
    weekly: Floats
    monthly: Floats


def caused(course: Course) -> list[Caused]:
    """What each channel caused in the log, in the order of the channels."""
    return [_caused(course, place) for place in range(len(course.of.channels))]


def truth_rows(course: Course, effects: list[Caused]) -> Iterator[dict[str, object]]:
    """Rows of the table truth: channels, what would be there without any of them, and the lift tests."""
    for channel, effect in zip(course.of.channels, effects, strict=True):
        yield _row("channel", channel.name, effect.conversions, effect.value)
    alone = course.conversions_without(*range(len(course.of.channels)))
    yield _row("base", "base", len(alone), course.candidates.value[alone].sum())
    for place, test in enumerate(course.of.tests):
        extra, value = tested(course, test, course.people.held[place])
        yield _row("test", test.id, extra, value)


def truth_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """The table truth."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(COLUMNS[2:], "float64"))


def tested(course: Course, test: LiftTest, held: Flags) -> tuple[float, float]:
    """Conversions, and their value, that a test's channel brought or would have brought to the users it measures.

    A geo holdout speaks of the regions that went without, the others of the users who did not.
    """
    everyone, nobody = np.ones(len(held), dtype=bool), np.zeros(len(held), dtype=bool)
    subject = held if test.geos else ~held
    with_channel = course.conversions_with_held(test, nobody) if test.geos else course.conversions
    without = course.conversions if test.geos else course.conversions_with_held(test, everyone)
    inside = [_inside(course, test, subject, places) for places in (with_channel, without)]
    values = [course.candidates.value[places].sum() for places in inside]
    return len(inside[0]) - len(inside[1]), values[0] - values[1]


def month_of(time: Whole) -> Whole:
    """Place of the month, from the first of the log, of seconds from its start."""
    days = np.datetime64(FIRST_DAY, "D") + time // DAY
    return np.asarray((days.astype("datetime64[M]") - np.datetime64(FIRST_DAY, "M")).astype(np.int64))


def _caused(course: Course, place: int) -> Caused:
    with_it, without = course.conversions, course.conversions_without(place)
    time, value = course.candidates.time, course.candidates.value
    weekly, monthly = (
        np.bincount(of(time[with_it]), minlength=n) - np.bincount(of(time[without]), minlength=n)
        for of, n in ((lambda t: t // WEEK, LOG_WEEKS), (month_of, MONTHS))
    )
    total = value[with_it].sum() - value[without].sum()
    return Caused(len(with_it) - len(without), total, weekly.astype(float), monthly.astype(float))


def _inside(course: Course, test: LiftTest, subject: Flags, places: Whole) -> Whole:
    time = course.candidates.time[places]
    return places[subject[course.candidates.user[places]] & (time >= test.start) & (time < test.end)]


def _row(kind: str, name: str, conversions: float, value: float, lift: float | None = None) -> dict[str, object]:
    return dict(zip(COLUMNS, (kind, name, float(conversions), round(float(value), 2), lift), strict=True))
