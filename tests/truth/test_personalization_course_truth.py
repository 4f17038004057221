"""A holdout over time: bands that hold over all weeks and looks at once, and whether a lift is called fading.

Conversions by day of assignment and days since are drawn by numpy; which week or look they belong to is counted here. The
library reads those counts, and some worlds from their cells on. `make truth` draws 4,000 worlds a cell.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from martech_lib.core.rates import Count
from martech_lib.personalization import course
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.course import Course, any_time_lift, course_of, information
from tests.experiment_worlds import IS_FULL, error_of
from tests.holdout_truths import LEVEL, SIDES, START, WORLDS, cells_of_counts, slack

READ = WORLDS if IS_FULL else 150
BESIDE = 20 if IS_FULL else 2  # worlds that are read from their cells on, too
ERROR = 1 - LEVEL
LEAST_ALARMS, MOST_ALARMS = 0.03, 0.065
WEEK, FROM = 7, 100  # converters of the holdout, from which looks are read


class Law(NamedTuple):
    """What worlds are drawn from; users are assigned once a week.

    Attributes:
        sizes: Users of the holdout, and personalized, who are assigned each week.
        starts: Weeks in which users are assigned.
        rates: Share of the holdout that first converts in each week since assignment.
        lifts: True lift of each.
        days: Of the log.
    """

    sizes: tuple[int, int]
    starts: int
    rates: np.ndarray
    lifts: np.ndarray
    days: int

    @property
    def whole(self) -> tuple[int, int]:
        """All users."""
        return self.sizes[0] * self.starts, self.sizes[1] * self.starts


def draw(law: Law, rng: np.random.Generator) -> np.ndarray:
    """(2, starts, days since): who first converts."""
    world = []
    for n, rates in zip(law.sizes, (law.rates, law.rates * (1 + law.lifts)), strict=True):
        daily = np.repeat(rates / WEEK, WEEK)
        world.append(rng.multinomial(n, [*daily, 1 - daily.sum()], size=law.starts)[:, :-1])
    hits = np.array(world)
    when = WEEK * np.arange(law.starts)[:, None] + np.arange(hits.shape[2])
    return np.where(when < law.days, hits, 0)


def by_week(law: Law, hits: np.ndarray) -> np.ndarray:
    """(weeks since assignment, 2), where every week of every user is in the log."""
    return hits.reshape(2, law.starts, -1, WEEK).sum(axis=(1, 3)).T


def by_day(law: Law, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(days, 2) each: users assigned, and converted, by the end of each day of the log."""
    starts = WEEK * np.arange(law.starts)
    put = np.array([[n * (starts <= day).sum() for n in law.sizes] for day in range(law.days)])
    done = np.zeros((law.days, 2), dtype=int)
    for place, start in enumerate(starts):
        many = min(hits.shape[2], law.days - start)
        done[start : start + many] += hits[:, place, :many].T
    return put, done.cumsum(axis=0)


def cells_of(law: Law, hits: np.ndarray) -> Cells:
    at = [START + timedelta(days=WEEK * start) for start in range(law.starts)]
    arms = ("holdout", "treated")
    put = pd.DataFrame([(day, arm, "", n) for day in at for arm, n in zip(arms, law.sizes, strict=True)], columns=["day", "arm", "segment", "n"])  # fmt: skip
    done = pd.DataFrame(
        [(at[start], arms[arm], "", at[start] + timedelta(days=int(since)), int(hits[arm, start, since])) for arm, start, since in zip(*np.nonzero(hits), strict=True)],
        columns=["day", "arm", "segment", "converted_on", "users"],
    )  # fmt: skip
    return cells_of_counts(put, done, START + timedelta(days=law.days - 1))


def read_cells(law: Law, hits: np.ndarray) -> Course:
    return course_of(cells_of(law, hits), SIDES, level=LEVEL, window_days=WEEK * len(law.rates))


def read(law: Law, hits: np.ndarray, shell: Cells) -> Course:
    """The same from the counts on: adding up frames would take most of the time."""
    weeks, (put, done) = by_week(law, hits), by_day(law, hits)
    place = {(SIDES.holdout,): 0, SIDES.treated: 1}

    def between(_: Cells, arms: tuple[str, ...], days: tuple[int, int], __: date) -> Count:
        return Count(float(weeks[days[0] // WEEK, place[arms]]), float(law.whole[place[arms]]))

    def until(_: Cells, arms: tuple[str, ...], day: date) -> Count:
        row = (day - START).days
        return Count(float(done[row, place[arms]]), float(put[row, place[arms]]))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(course, "_between", between)
        patched.setattr(course, "_until", until)
        return course_of(shell, SIDES, level=LEVEL, window_days=WEEK * len(law.rates))


def read_all(law: Law, seed: int) -> list[Course]:
    rng = np.random.default_rng([20261127, seed])
    shell = cells_of(law, draw(law, rng))
    return [read(law, draw(law, rng), shell) for _ in range(READ)]


def weekly(sizes: tuple[int, int], lifts: np.ndarray) -> Law:
    """Users come in four weeks; of the holdout 2 % first convert in their first week, and 0.4 % in their eighth."""
    return Law(sizes, 4, np.geomspace(0.02, 0.004, 8), lifts, WEEK * 12)


FADING = np.linspace(0.4, 0.0, 8)
LARGE, SMALL = (2_500, 22_500), (250, 2_250)  # by week; a small holdout has but four converters in its eighth
WEEKLY = {
    "no effect": weekly(LARGE, np.zeros(8)),
    "lift of 20 %": weekly(LARGE, np.full(8, 0.2)),
    "no effect, few converters": weekly(SMALL, np.zeros(8)),
    "lift of 20 %, few converters": weekly(SMALL, np.full(8, 0.2)),
    "fading from 40 %": weekly(LARGE, FADING),
}
WHO = {case: f"{law.whole[0]:,}/{law.whole[1]:,}" for case, law in WEEKLY.items()}


def looked(sizes: tuple[int, int], lift: float) -> Law:
    """Users come every week of twenty, and convert within four; 5 % of the holdout do."""
    return Law(sizes, 20, np.full(4, 0.0125), np.full(4, lift), WEEK * 20)


LOOKED = {
    "no effect": looked((500, 4_500), 0.0),
    "lift of 20 %": looked((500, 4_500), 0.2),
    "lift of 20 %, even split": looked((500, 500), 0.2),
    "no effect, from the second look on": looked((2_500, 2_500), 0.0),
}


@pytest.mark.parametrize("law", [WEEKLY["lift of 20 %, few converters"], LOOKED["no effect"]])
def test_the_cells_say_the_same(law: Law) -> None:
    rng = np.random.default_rng([20261127, 20])
    for hits in (draw(law, rng) for _ in range(BESIDE)):
        whole = read_cells(law, hits)
        told = read(law, hits, cells_of(law, hits))
        assert whole.looks == told.looks
        if law.days == WEEK * (law.starts + len(law.rates)):
            assert repr((whole.weeks, whole.trend)) == repr((told.weeks, told.trend))


@pytest.mark.parametrize("case", WEEKLY)
def test_weeks_hold_all_at_once(case: str) -> None:
    law = WEEKLY[case]
    told = read_all(law, seed=21)
    each = [[week.lift.lower <= law.lifts[week.week - 1] <= week.lift.upper for week in one.weeks if week.lift] for one in told]  # fmt: skip
    given = sum(map(len, each)) / (READ * len(law.rates))
    found, single = float(np.mean([all(one) for one in each])), float(np.mean([is_held for one in each for is_held in one]))  # fmt: skip
    print(
        f"weeks since assignment | {case}: {WHO[case]} | all hold {found:.4f} ({error_of(LEVEL, READ):.4f}), nominal "
        f"{LEVEL}; of single ones {single:.4f}; weeks compared {given:.3f}"
    )
    assert found >= LEVEL - 3 * error_of(LEVEL, READ)  # the bar is what the band promises, and it gives no more


@pytest.mark.parametrize("case", WEEKLY)
def test_a_lift_that_stays_is_seldom_called_fading(case: str) -> None:
    law = WEEKLY[case]
    trends = [one.trend for one in read_all(law, seed=22)]
    given = [one for one in trends if one.by_week is not None]
    found = float(np.mean([one.p < ERROR for one in given]))
    down = float(np.mean([one.p < ERROR and one.by_week < 0 for one in given]))
    print(
        f"fading | {case}: {WHO[case]} | said to change {found:.4f} ({error_of(ERROR, READ):.4f}), to fade {down:.4f}; "
        f"refused {1 - len(given) / READ:.4f}"
    )
    if np.ptp(law.lifts):
        assert down >= 0.5
    else:
        assert LEAST_ALARMS - slack(ERROR, READ) <= found <= MOST_ALARMS + slack(ERROR, READ)


@pytest.mark.parametrize("case", LOOKED)
def test_looks_hold_all_at_once(case: str) -> None:
    """Looks week by week as one reading draws them; and readings before the end, one a week or one a day."""
    law = LOOKED[case]
    rng = np.random.default_rng([20261127, 23])
    shell, lift = cells_of(law, draw(law, rng)), float(law.lifts[0])
    missed = []
    looks = 0
    for _ in range(READ):
        hits = draw(law, rng)
        given = [look.lift for look in read(law, hits, shell).looks if look.lift]
        looks += len(given)
        put, done = by_day(law, hits)
        anew = {
            day: any_time_lift(*pair, whole=information(*pair), level=LEVEL)
            for day, pair in enumerate([tuple(map(Count, k, n)) for k, n in zip(done, put, strict=True)])
            if min(done[day]) >= FROM
        }
        ways = (given, [anew[day] for day in anew if (day + 1) % WEEK == 0], [*anew.values()])
        missed.append([any(not one.lower <= lift <= one.upper for one in way) for way in ways])
    whole, weekly_, daily = np.mean(missed, axis=0)
    print(
        f"looks from {FROM} converters | {case}: {law.sizes[0]:,}/{law.sizes[1]:,} a week | truth ever left out, of 20 "
        f"looks {whole:.4f} ({error_of(ERROR, READ):.4f}), at most {ERROR:.2f}; {looks / READ:.1f} looks read; readings "
        f"before the end, weekly {weekly_:.4f}, daily {daily:.4f}"
    )
    assert whole <= ERROR + slack(ERROR, READ)
    assert max(weekly_, daily) <= ERROR + slack(ERROR, READ)
