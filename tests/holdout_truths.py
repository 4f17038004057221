"""Holdouts whose truth is known, drawn by numpy, and what a z-test and Welch's t say of them, written out plainly."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from martech_lib.personalization import HoldoutReading, Terms, read_holdout
from martech_lib.personalization.arms import Sides
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.endpoints import Endpoint, clicks_of, conversions_of, revenue_of
from martech_lib.personalization.totals import Total
from martech_lib.personalization.verdict import Seen, Verdict, verdict_of
from tests.experiment_worlds import IS_FULL, error_of

LEVEL = 0.95
WORLDS = 4_000 if IS_FULL else 200  # a cell
CLICKS, CLICKS_OF_CONVERTERS = 0.15, 0.5  # who converts clicks more often; in both arms alike
LOG_ORDER = 3.5  # mean of the logarithm of an order
START = date(2026, 8, 3)
SIDES = Sides("holdout", ("treated",))


def slack(share: float, worlds: int) -> float:
    """What a bar is moved by where there are few worlds: three Monte-Carlo errors; `make truth` moves none."""
    return 0.0 if IS_FULL else 3 * error_of(share, worlds)


class Law(NamedTuple):
    """What worlds are drawn from.

    Attributes:
        sizes: Users of the holdout, and personalized.
        rate: Share of the holdout that converts.
        sigma: Standard deviation of the logarithm of an order.
        more: Relative effect on the rate.
        dearer: Relative effect on the worth of an order.
    """

    sizes: tuple[int, int]
    rate: float
    sigma: float
    more: float = 0.0
    dearer: float = 0.0

    @property
    def gap(self) -> float:
        """True difference of revenue by user."""
        return self.rate * float(np.exp(LOG_ORDER + self.sigma**2 / 2)) * self.lift

    @property
    def lift(self) -> float:
        """True lift of revenue."""
        return (1 + self.more) * (1 + self.dearer) - 1

    def __str__(self) -> str:
        return f"{self.sizes[0]:,}/{self.sizes[1]:,}, {self.rate:.0%} convert, sigma {self.sigma:g}"


class Side(NamedTuple):
    """An arm of one world.

    Attributes:
        n: Users.
        orders: Worth of each converter's order.
        is_clicked: Whether that converter clicked.
        others: Clickers among those who did not convert.
    """

    n: int
    orders: np.ndarray
    is_clicked: np.ndarray
    others: int


World = tuple[Side, Side]


def draw(law: Law, rng: np.random.Generator) -> World:
    """One world."""
    held = _side(rng, law.sizes[0], law.rate, law.sigma, 1.0)
    return held, _side(rng, law.sizes[1], law.rate * (1 + law.more), law.sigma, 1 + law.dearer)


def _side(rng: np.random.Generator, n: int, rate: float, sigma: float, times: float) -> Side:
    converted = int(rng.binomial(n, rate))
    orders = times * rng.lognormal(LOG_ORDER, sigma, converted)
    return Side(n, orders, rng.random(converted) < CLICKS_OF_CONVERTERS, int(rng.binomial(n - converted, CLICKS)))


class Told(NamedTuple):
    """What the library says of a world."""

    verdict: Verdict
    conversions: Endpoint
    clicks: Endpoint | None
    revenue: Endpoint


def total_of_side(side: Side) -> Total:
    """An arm as the engine counts it."""
    y = np.sort(side.orders)
    return Total(
        n=side.n, converted=len(y), clickers=int(side.is_clicked.sum()) + side.others, shown=0, y=float(y.sum()),
        yy=float((y * y).sum()), refunds=0, n_p=0, p=0.0, pp=0.0, yp=0.0, cp=0.0, values=y,
    )  # fmt: skip


def read(world: World, *, seed: int) -> Told:
    """A world read by the library from its totals on."""
    held, treated = (total_of_side(side) for side in world)
    conversions, clicks = conversions_of(held, treated, level=LEVEL), clicks_of(held, treated, level=LEVEL)
    revenue = revenue_of(held, treated, level=LEVEL, seed=seed)
    assert revenue is not None
    return Told(verdict_of(Seen(conversions, clicks, revenue, treated.n)), conversions, clicks, revenue)


def read_frames(world: World, *, seed: int) -> HoldoutReading:
    """The same world as the logs of a programme, read through the engine."""
    put, done = [], []
    start = datetime.combine(START, datetime.min.time())
    for arm, side in zip(("holdout", "treated"), world, strict=True):
        users = [f"{arm}{i}" for i in range(side.n)]
        at = pd.Series([start + timedelta(hours=i % 500) for i in range(side.n)])
        put.append(pd.DataFrame({"user_id": users, "program": "p", "arm": arm, "assigned_at": at}))
        bought = len(side.orders)
        clicked = [*np.flatnonzero(side.is_clicked).tolist(), *range(bought, bought + side.others)]
        for event, who, value in (("conversion", range(bought), side.orders), ("click", clicked, np.nan)):
            later = [at[i] + timedelta(days=1 + i % 7) for i in who]
            done.append(pd.DataFrame({"user_id": [users[i] for i in who], "ts": later, "event": event, "value": value}))
    share = world[0].n / (world[0].n + world[1].n)
    put, done = pd.concat(put, ignore_index=True), pd.concat(done, ignore_index=True)
    return read_holdout(put, done, program="p", seed=seed, terms=Terms(held=share))


class Peer(NamedTuple):
    """What the textbook says.

    Attributes:
        z: Sign of the change of the conversion rate by the pooled z-test; 0 where it rejects nothing.
        gap: Ends of Welch's interval of the difference of revenue.
        lift: Ends of the delta method's interval of its lift, by the logarithm of the ratio.
    """

    z: int
    gap: tuple[float, float]
    lift: tuple[float, float]

    @property
    def sign(self) -> int:
        """Of Welch's test."""
        return int(self.gap[0] > 0) - int(self.gap[1] < 0)


def peer(world: World) -> Peer:
    """The z-test, and Welch's t."""
    (n, m), (a, b) = (side.n for side in world), (len(side.orders) for side in world)
    common = (a + b) / (n + m)
    z = (b / m - a / n) / np.sqrt(common * (1 - common) * (1 / n + 1 / m))
    means = np.array([side.orders.sum() / side.n for side in world])
    squares = np.array([(side.orders**2).sum() for side in world])
    users = np.array([n, m])
    errors = (squares - users * means**2) / (users - 1) / users
    freedom = errors.sum() ** 2 / (errors**2 / (users - 1)).sum()
    far = float(t.ppf((1 + LEVEL) / 2, freedom))
    gap, half = means[1] - means[0], far * np.sqrt(errors.sum())
    log, log_half = np.log(means[1] / means[0]), far * np.sqrt((errors / means**2).sum())
    return Peer(
        int(np.sign(z)) * int(abs(z) > norm.ppf((1 + LEVEL) / 2)),
        (float(gap - half), float(gap + half)),
        (float(np.expm1(log - log_half)), float(np.expm1(log + log_half))),
    )


def cells_of_counts(put: pd.DataFrame, done: pd.DataFrame, latest: date) -> Cells:
    """Counts as the engine gives them.

    Args:
        put: day, arm, segment, n: users by the day of their assignment.
        done: day, arm, segment, converted_on, users: those of them who converted.
        latest: Last day of the log.
    """
    days = put["day"]
    return Cells(
        by_day=put.assign(n_p=0, p=0.0, pp=0.0),
        grid=done.assign(
            events=done["users"], clickers=0, shown=0, y=0.0, yy=0.0, yp=0.0, cp=0.0, refunds=0,
            day=pd.to_datetime(done["day"]), converted_on=pd.to_datetime(done["converted_on"]),
        ),
        values={},
        crossed=0, repeated=0, early=0, late=0, unusable=0, undated=0, unknown=0,
        first=datetime.combine(days.min(), datetime.min.time()),
        last=datetime.combine(days.max(), datetime.min.time()),
        latest=datetime.combine(latest, datetime.max.time()),
    )  # fmt: skip
