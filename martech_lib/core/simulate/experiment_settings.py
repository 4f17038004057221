"""What a history of A/B tests is made of: the surfaces of a company, its tests, and how its team went about each.

The figures are data beside this file: surfaces.csv (one row a surface and metric) and experiments.csv (one row a test).
A metric is named by its events: "<event> rate" is the share of users with at least one, "<event> per user" their mean
number, "<event> value per user" the mean of what they are worth, "<event> per <other event>" a ratio of two numbers.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from math import ceil, exp, sqrt
from pathlib import Path
from typing import Literal, NamedTuple

from martech_lib.core.simulate.settings import AS_OF, FIRST_DAY
from martech_lib.core.stats import normal_quantile

Kind = Literal["rate", "count", "value", "ratio"]
ENDINGS: tuple[tuple[str, Kind], ...] = ((" value per user", "value"), (" per user", "count"), (" rate", "rate"))
ALPHA, POWER = 0.05, 0.8
GROWTH = 0.75  # visitors return, so unique users grow like days^0.75
MARGIN = 0.93  # of the users expected are planned with
LEAST_UNITS = 1000
MDE_STEP, MDE_MOST = 0.005, 5.0
KEENNESS = 0.35  # standard deviation of the logarithm
WORTH = 0.6  # the same of a person's usual value, and of each value about it
IMPRESSIONS = 3.0  # a user: one, and a Poisson number more
HABITS = (
    "as planned",
    "three looks",
    "three arms",
    "peeked",
    "stopped early",
    "three changes",
    "one-sided",
    "no hypothesis",
    "no downstream",
    "bandit",
    "sample-ratio fault",
    "holdout",
)


class Counted(NamedTuple):
    """What a metric counts: events of a user, and for a ratio those they are divided by."""

    kind: Kind
    event: str
    other: str = ""


@dataclass(frozen=True)
class Surface:
    """A surface with one of the metrics its tests are judged by.

    Attributes:
        name: The surface.
        metric: The metric, in the grammar above.
        weekly_units: Users that it meets in a week.
        baseline: The metric without a change; of a value metric, the share of users with the event.
        value: Mean worth of an event; 0 where the metric is not of value.
        downstream_metric: A later metric that must not suffer.
        downstream: Share of the users with the event who go on to that one; of all users where lower is better.
        guardrail_metric: A metric that must not be hurt.
        guardrail: That metric without a change.
        lower_is_better: Whether the metric is to go down.
    """

    name: str
    metric: str
    weekly_units: float
    baseline: float
    value: float
    downstream_metric: str
    downstream: float
    guardrail_metric: str
    guardrail: float
    lower_is_better: bool

    @property
    def counted(self) -> Counted:
        """What the metric counts."""
        return counted(self.metric)

    @property
    def spread(self) -> float:
        """Variance of what a user adds to the metric, over its squared mean: what the team knows of its history."""
        rate, unlike = self.baseline, exp(KEENNESS**2) - 1
        if self.counted.kind == "count":
            return 1 / rate + unlike
        if self.counted.kind == "value":
            return exp(2 * WORTH**2) / rate - 1
        if self.counted.kind == "ratio":
            squared = (IMPRESSIONS - 1) + IMPRESSIONS**2
            return (1 - rate) / (rate * IMPRESSIONS) + unlike * squared / IMPRESSIONS**2
        return (1 - rate) / rate


@dataclass(frozen=True)
class Experiment:
    """One A/B test as it was planned, and how the team kept to the plan.

    Attributes:
        company: Whose test it is.
        id: Its identifier.
        name: Its name.
        on: The surface and the metric it is judged by.
        start: First day.
        weeks: Weeks planned.
        share: Share of the surface's users that are let in.
        habit: How the team went about it, one of HABITS.
        change: What is changed.
        whom: For whom.
        reason: Why it should work; "" where nobody wrote it down.
    """

    company: str
    id: str
    name: str
    on: Surface
    start: date
    weeks: int
    share: float
    habit: str
    change: str
    whom: str
    reason: str

    @property
    def days(self) -> int:
        """Days planned."""
        return 7 * self.weeks

    @property
    def planned_end(self) -> date:
        """Last day planned."""
        return self.start + timedelta(days=self.days - 1)

    @property
    def is_running(self) -> bool:
        """Whether it is still running on the day of the registers."""
        return self.planned_end > AS_OF

    @property
    def is_logged(self) -> bool:
        """Whether its users are in the logs: it began with them or later."""
        return self.start >= FIRST_DAY

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of its arms, control first."""
        return ("control", "A", "B") if self.habit == "three arms" else ("control", "treatment")

    @property
    def split(self) -> tuple[float, ...]:
        """Planned shares of its arms; where a bandit begins."""
        if self.habit == "three arms":
            return (0.34, 0.33, 0.33)
        return (0.05, 0.95) if self.habit == "holdout" else (0.5, 0.5)

    @property
    def looks_planned(self) -> int:
        """Looks that were declared."""
        return 3 if self.habit == "three looks" else 1

    @property
    def tails(self) -> int:
        """Sides of the test."""
        return 1 if self.habit == "one-sided" else 2

    @property
    def good(self) -> int:
        """1 where the metric is to go up, -1 where down."""
        return -1 if self.on.lower_is_better else 1

    @property
    def hypothesis(self) -> str:
        """What the team believed; "" where nobody wrote it down."""
        if not self.reason:
            return ""
        verb = "lower" if self.on.lower_is_better else "raise"
        return f"We believe that {self.change} for {self.whom} will {verb} the {self.on.metric} because {self.reason}."

    def units(self, scale: float) -> float:
        """Users expected in all arms, in a company so many times as large."""
        return max(self.on.weekly_units * self.weeks**GROWTH * self.share * scale, LEAST_UNITS)

    def planned(self, scale: float) -> tuple[float, int]:
        """Smallest relative effect, in steps of half a percent, that the expected users can show, and users it takes.

        Raises:
            ValueError: They can show none.
        """
        room = MARGIN * self.units(scale)
        for step in range(1, round(MDE_MOST / MDE_STEP)):
            mde = round(step * MDE_STEP, 4)
            needed = self._needed(mde)
            if needed <= room:
                return mde, needed
        raise ValueError(f"{self.company} {self.id} can show no effect with {room:.0f} users")

    def _needed(self, mde: float) -> int:
        """Users in all arms for this relative effect; the pooled formula of two proportions where it is a rate."""
        control, treated = self.split[:2]
        ratio, rate = treated / control, self.on.baseline
        alpha = ALPHA / self.tails / (len(self.arms) - 1)
        sure, strong = normal_quantile(1 - alpha), normal_quantile(POWER)
        if self.on.counted.kind != "rate":
            users = (sure + strong) ** 2 * self.on.spread * (1 + 1 / ratio) / mde**2
            return ceil(ceil(users) / control)
        other = min(rate * (1 + mde), 1)
        both = (rate + ratio * other) / (1 + ratio)
        under = sqrt(both * (1 - both) * (1 + 1 / ratio))
        apart = sqrt(rate * (1 - rate) + other * (1 - other) / ratio)
        return ceil(ceil(((sure * under + strong * apart) / (other - rate)) ** 2) / control)


def counted(metric: str) -> Counted:
    """Read the name of a metric.

    Raises:
        ValueError: It is not in the grammar.
    """
    for ending, kind in ENDINGS:
        if metric.endswith(ending):
            return Counted(kind, metric.removesuffix(ending))
    event, between, other = metric.partition(" per ")
    if not between:
        raise ValueError(f"{metric!r} is not the name of a metric")
    return Counted("ratio", event, other)


@cache
def experiments(company: str) -> tuple[Experiment, ...]:
    """The tests of a company, in the order they began."""
    places = {(row["surface"], row["metric"]): _surface(row) for row in rows("surfaces.csv", company)}
    return tuple(_experiment(row, places[row["surface"], row["metric"]]) for row in rows("experiments.csv", company))


@cache
def companies() -> tuple[str, ...]:
    """The companies whose tests are described."""
    with (Path(__file__).parent / "experiments.csv").open(encoding="utf-8", newline="") as handle:
        return tuple(dict.fromkeys(row["company"] for row in csv.DictReader(handle)))


def rows(file: str, company: str) -> list[dict[str, str]]:
    """The rows of a file beside this one that are of a company."""
    with (Path(__file__).parent / file).open(encoding="utf-8", newline="") as handle:
        return [row for row in csv.DictReader(handle) if row["company"] == company]


def _surface(row: dict[str, str]) -> Surface:
    figures = {name: float(row[name]) for name in ("weekly_units", "baseline", "value", "downstream", "guardrail")}
    return Surface(
        name=row["surface"],
        metric=row["metric"],
        downstream_metric=row["downstream_metric"],
        guardrail_metric=row["guardrail_metric"],
        lower_is_better=row["lower_is_better"] == "yes",
        **figures,
    )


def _experiment(row: dict[str, str], on: Surface) -> Experiment:
    words = {name: row[name] for name in ("company", "id", "name", "habit", "change", "whom", "reason")}
    start, weeks, share = date.fromisoformat(row["start"]), int(row["weeks"]), float(row["share"])
    return Experiment(on=on, start=start, weeks=weeks, share=share, **words)
