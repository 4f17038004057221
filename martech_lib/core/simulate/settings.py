"""What a simulated world is made of: its calendar, channels, regions and lift tests."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from martech_lib.core.simulate.program_settings import PROGRAMS, Program

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY = 86_400
WEEK = 7 * DAY
FIRST_DAY = date(2026, 8, 2)  # a Sunday: weeks begin on Sundays, so that the log is whole weeks up to AS_OF
AS_OF = date(2026, 10, 31)
LOG_WEEKS = 13
HISTORY_WEEKS = 91
RUN_UP_WEEKS = 3  # simulated before the log, so that it does not begin with a lack of earlier touches
RUN_OFF_WEEKS = 2  # and after it, for touches whose conversion is still to come
END = LOG_WEEKS * WEEK
REFRACTORY = 10 * DAY
SATURATION = 1.5
LEVEL = 0.9
BASE = -1


@dataclass(frozen=True)
class Channel:
    """One channel: what it does to people, what it costs, and what is seen of it.

    Attributes:
        name: Its name.
        role: demand capture, demand creation or both.
        remembered: Whether buyers can recall it: yes or no.
        walled_garden: Whether its platform keeps its data: yes or no.
        paid: Whether it is paid for: yes or no.
        exposures: Touches a user in the weeks of the log, other than those before a conversion, at usual spend.
        targeting: Power of a user's intent in how often the channel reaches them; 0 reaches at random.
        effect: Probability that such a touch makes a candidate conversion.
        lag_days: Mean days from that touch to its candidate.
        capture: Probability that a conversion is preceded by a touch of this channel.
        gap_days: Mean days between that touch and the conversion.
        need: Probability that a conversion so preceded would not have come without it.
        clicks: Share of its touches that are clicks.
        view_cost: Cost of a view at usual spend.
        click_cost: Cost of a click at usual spend.
        view_days: Days after a view in which its platform claims a conversion; 0 for none.
        click_days: The same after a click.
        memory: How readily a buyer names it, beside 1 for naming nothing.
        impressions: Times shown for each touch of the log.
        swing: Standard deviation of the logarithm of its weekly spend.
        off_weeks: Share of weeks in which it nearly rests.
        test_cost_per_week: What a lift test of it would cost in a week.
        campaigns: Its campaigns.
    """

    name: str
    role: str
    remembered: str
    walled_garden: str
    paid: str
    exposures: float
    targeting: float
    effect: float
    lag_days: float
    capture: float
    gap_days: float
    need: float
    clicks: float
    view_cost: float
    click_cost: float
    view_days: float
    click_days: float
    memory: float
    impressions: float
    swing: float
    off_weeks: float
    test_cost_per_week: float
    campaigns: tuple[str, ...]

    @property
    def is_paid(self) -> bool:
        """Whether it is paid for."""
        return self.paid == "yes"


@dataclass(frozen=True)
class LiftTest:
    """A channel withheld from some users for some weeks: those of the regions named, or a random share.

    Attributes:
        id: Its identifier.
        channel: The channel withheld.
        method: As in the table lift_tests.
        week: Week of the log it begins with, from 0.
        weeks: How long it lasts.
        geos: Regions without the channel; empty when users are drawn.
        held_share: Share of users without the channel; 0 when regions are named.
    """

    id: str
    channel: str
    method: str
    week: int
    weeks: int
    geos: tuple[str, ...] = ()
    held_share: float = 0.0

    @property
    def start(self) -> int:
        """Its first second."""
        return self.week * WEEK

    @property
    def end(self) -> int:
        """The second after its last."""
        return (self.week + self.weeks) * WEEK


GEOS: dict[str, float] = {
    "California": 39.5e6,
    "Texas": 29.1e6,
    "Florida": 21.5e6,
    "New York": 20.2e6,
    "Pennsylvania": 13.0e6,
    "Illinois": 12.8e6,
    "Ohio": 11.8e6,
    "Georgia": 10.7e6,
    "North Carolina": 10.4e6,
    "Michigan": 10.1e6,
    "New Jersey": 9.3e6,
    "Virginia": 8.6e6,
    "Washington": 7.7e6,
    "Arizona": 7.2e6,
    "Massachusetts": 7.0e6,
    "Tennessee": 6.9e6,
}
LIFT_TESTS = (
    LiftTest(
        "L-01",
        "paid social",
        "geo holdout",
        6,
        4,
        geos=("Texas", "Ohio", "Georgia", "New Jersey", "Washington", "Arizona"),
    ),
    LiftTest("L-02", "video", "conversion lift", 5, 6, held_share=0.4),
    LiftTest("L-03", "retargeting", "audience holdout", 6, 6, held_share=0.4),
)
PRICES: tuple[tuple[float, float], ...] = ((9.99, 0.45), (29.99, 0.2), (59.99, 0.2), (89.99, 0.15))  # price, share


@dataclass(frozen=True)
class Settings:
    """Everything a world is drawn from.

    Attributes:
        users: Users of the log.
        seed: Seed of every random number.
        channels: The channels.
        tests: The lift tests that ran.
        programs: The personalization programs.
        company: Whose A/B tests it has.
        base_rate: Candidate conversions a user over the log that no channel makes.
        intent_sd: Standard deviation of the logarithm of intent.
    """

    users: int
    seed: int
    channels: tuple[Channel, ...]
    tests: tuple[LiftTest, ...] = LIFT_TESTS
    programs: tuple[Program, ...] = PROGRAMS
    company: str = "fitness"
    base_rate: float = 0.18
    intent_sd: float = 1.2

    def code(self, channel: str) -> int:
        """The place of a channel among all."""
        return [c.name for c in self.channels].index(channel)

    def stream(self, part: str) -> np.random.Generator:
        """Random numbers of one part of the world: named, so that no part shifts another."""
        return stream(self.seed, part)


def stream(seed: int, part: str) -> np.random.Generator:
    """Random numbers of one part of whatever is drawn from this seed."""
    return np.random.default_rng([seed, crc32(part.encode())])


def settings(*, users: int, seed: int) -> Settings:
    """The settings of `martech simulate`."""
    return Settings(users, seed, channels())


@cache
def channels() -> tuple[Channel, ...]:
    """The channels of channels.csv."""
    with (Path(__file__).parent / "channels.csv").open(encoding="utf-8", newline="") as handle:
        return tuple(_channel(row) for row in csv.DictReader(handle))


def _channel(row: dict[str, str]) -> Channel:
    values: dict[str, Any] = {f.name: float(row[f.name]) if f.type == "float" else row[f.name] for f in fields(Channel)}
    return Channel(**{**values, "campaigns": tuple(row["campaigns"].split(";"))})
