"""One honest range per channel: lenses with known biases, pooled; and what each lens does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from martech_lib.attribution.triangulation.draws import Draws
from martech_lib.attribution.triangulation.lens_rows import checked_channels
from martech_lib.attribution.triangulation.points import SEED, SIZE, points
from martech_lib.attribution.triangulation.pooling import Board, Pooled, board, pool
from martech_lib.attribution.triangulation.sampling import ACCURACY, is_capped, sample
from martech_lib.attribution.triangulation.sights import Sights, sights_of
from martech_lib.attribution.triangulation.stand_ins import on_log_alone
from martech_lib.core.errors import UserError, shown
from martech_lib.core.stats import Array

LEVEL = 0.8
WIDE = 3.0  # upper end over lower end
APART = 0.05  # a test so unlikely, by what the other lenses say of its channel, contradicts them
MOST_LEVEL = 0.99  # beyond it too few draws lie outside a range to tell its ends
LIKELY = 3e-3  # points of the grid that weigh less are passed over in a comparison
DRAWN_SETS = 8


class Range(NamedTuple):
    """What the lenses together say of one channel.

    Attributes:
        channel: As written.
        estimate: Incremental conversions, the median of what is believed; None where no lens speaks.
        lower: Lower end of the range.
        upper: Upper end of the range.
        level: Probability that the truth is inside.
        verdict: agreed, wide, contradicted or untested.
    """

    channel: str
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    verdict: str


class Pull(NamedTuple):
    """A channel's estimate without one lens, beside that with all. How far apart they are is told with stand-ins for
    tests on their own scale."""

    lens: str
    channel: str
    without: float
    with_all: float


@dataclass(frozen=True)
class Triangulation:
    """Ranges of all channels, and what stands behind them.

    Attributes:
        ranges: One a channel, in the order of the table of channels.
        sights: What the lenses see.
        conversions: The conversions there were.
        level: Probability that a channel's truth is inside its range.
        method: "closed form" or "weighted draws".
        pooled: The closed form of what is read on the scale of the logarithm; None where there is none.
        draws: The weighted draws; None with the closed form.
        weak_tests: Channels whose test tells less than the other lenses together.
        error: Relative Monte-Carlo standard error of the least certain end; 0 in closed form.
    """

    ranges: tuple[Range, ...]
    sights: Sights
    conversions: float
    level: float
    method: str
    pooled: Pooled | None
    draws: Draws | None
    weak_tests: frozenset[str] = frozenset()
    error: float = 0.0

    @property
    def is_accurate(self) -> bool:
        """Whether chance in the draws moves no end by more than it should."""
        return self.error <= ACCURACY

    def to_frame(self) -> pd.DataFrame:
        """One row a channel: channel, estimate, lower, upper, level, verdict."""
        frame = pd.DataFrame.from_records(list(self.ranges), columns=list(Range._fields))
        return frame.astype(dict.fromkeys(("estimate", "lower", "upper", "level"), "float64"))

    @cached_property
    def effects(self) -> Array:
        """(K, J): equally likely sets of the channels' conversions, in the order of `sights.channels`; seeded."""
        return _effects(self.pooled, self.draws)

    @cached_property
    def pulls(self) -> tuple[Pull, ...]:
        """Estimates without each lens."""
        return _pulls(self.sights, {r.channel: r.estimate for r in self.ranges if r.estimate})


def triangulate(
    lenses: pd.DataFrame,
    *,
    channels: pd.DataFrame,
    conversions: float,
    priors: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> Triangulation:
    """Pool several lenses into one range of incremental conversions per channel.

    Args:
        lenses: channel, lens {last touch, multi-touch, platform, survey, media mix, lift test, or a vendor's name with
            its basis: a column `basis`, or in brackets, "Acme (attributed)"}, estimate (conversions), lower, upper,
            level (0 to 1); bounds blank together where a lens has none. One row a channel and lens; lift tests may
            have several. All of one period.
        channels: channel, role {demand capture, demand creation, both}, remembered, walled_garden, paid.
        conversions: All conversions of the period; the channels together cannot have brought more.
        priors: What is believed of the lenses' biases, as `usual_priors` gives it; that table when None.
        level: Probability that a channel's truth is inside its range, above 0 and up to 0.99.

    Raises:
        TableError: Lenses that cannot be read: all problems at once.
        UserError: A column is missing, an argument is not allowed, or the lenses cannot be reconciled with so few
            conversions.
    """
    if not _is_number(level) or not 0 < level <= MOST_LEVEL:
        told = f"level came as {shown(level)}; allowed is a probability above 0 and up to {MOST_LEVEL:g}"
        raise UserError(f"{told}, such as 0.8.")
    if not _is_number(conversions) or not 0 < conversions < np.inf:
        raise UserError(f"conversions came as {shown(conversions)}; allowed is the number of the period, more than 0.")
    return pooled_ranges(
        sights_of(lenses, channels, priors=priors),
        float(conversions),
        level=level,
        order=tuple(checked_channels(channels).index),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def pooled_ranges(sights: Sights, conversions: float, *, level: float, order: tuple[str, ...]) -> Triangulation:
    """The same of lenses that are checked already."""
    sights = sights.within(conversions)
    if not sights.channels:
        raise UserError(
            "No lens speaks of any channel: give at least one estimate with an interval that says something."
        )
    on_log = sights.only(sights.on_log)
    laid = board(on_log) if on_log.channels else None
    known = laid.pooled() if laid is not None else None
    pooled = known if on_log.channels == sights.channels else None
    shares = (0.5, (1 - level) / 2, (1 + level) / 2)
    needs_draws = bool(sights.own_scale) or pooled is None or is_capped(pooled, conversions, level)
    draws, error = sample(sights, conversions, known, shares=shares) if needs_draws else (None, 0.0)
    ends = _ends(pooled, draws, shares)
    judged = _judged(sights, conversions, laid)
    rows = {
        name: Range(name, middle, low, high, level, _verdict(name, low, high, sights.tested, judged.apart))
        for name, middle, low, high in zip(sights.channels, *ends.tolist(), strict=True)
    }
    ranges = tuple(rows.get(name, Range(name, None, None, None, level, "untested")) for name in map(str, order))
    method = "weighted draws" if draws else "closed form"
    return Triangulation(ranges, sights, conversions, level, method, pooled, draws, judged.weak, error)


def _ends(pooled: Pooled | None, draws: Draws | None, shares: tuple[float, ...]) -> Array:
    """(3, J): middle, lower and upper end of each channel's range, in conversions."""
    if draws is not None:
        return draws.quantiles(shares)
    assert pooled is not None
    return np.exp([pooled.quantile(share) for share in shares])


def _effects(pooled: Pooled | None, draws: Draws | None) -> Array:
    assert draws is not None or pooled is not None
    if draws is not None:
        found = draws.equal(DRAWN_SETS * SIZE)
    elif pooled is not None:
        found = np.exp(pooled.draw(points(pooled.mean.shape[1], range(DRAWN_SETS))))
    # In the order of the points every fourth draw is not any fourth draw.
    return np.random.default_rng(SEED).permutation(found)


class _Judged(NamedTuple):
    """Tests beside what the other lenses expect: channels whose test lies apart, and those whose test tells less."""

    apart: frozenset[str]
    weak: frozenset[str]


def _judged(sights: Sights, conversions: float, laid: Board | None) -> _Judged:
    if laid is None:
        return _Judged(frozenset(), frozenset())
    found = {name: _beside_others(sights, name, conversions, laid) for name in sights.tested}
    return _Judged(*(frozenset(name for name, told in found.items() if told[at]) for at in (0, 1)))


def _beside_others(sights: Sights, channel: str, conversions: float, laid: Board) -> tuple[bool, bool]:
    """Whether a channel's test lies where the other lenses, tests of other channels on the logarithm among them, hardly
    expect it, and whether it is less sure than they are together."""
    place, at = sights.channels.index(channel), int(np.flatnonzero(sights.is_test)[0])
    estimate, error = float(sights.estimate[at, place]), float(sights.error[at, place])
    rest = sights.without_test_of(channel)
    if channel not in rest.channels:
        return False, False
    pooled = laid.again(rest).pooled()
    believed = pooled.draw_one(rest.channels.index(channel), points(1, range(DRAWN_SETS)))
    is_weak = float(on_log_alone(sights).error[at, place]) > float(believed.std())
    believed = believed[np.exp(np.minimum(believed, 700)) <= conversions]
    expected = [
        ndtr((test.estimate - np.exp(believed)) / test.error) for test in sights.own_scale if test.place == place
    ]
    expected += [] if np.isnan(estimate) else [ndtr((estimate - believed) / error)]
    tails = [float(below.mean()) if len(believed) else 0.0 for below in expected]
    return any(min(tail, 1 - tail) < APART / 2 for tail in tails), is_weak


def _verdict(name: str, low: float, high: float, tested: frozenset[str], apart: frozenset[str]) -> str:
    if name not in tested:
        return "untested"
    if name in apart:
        return "contradicted"
    return "wide" if low <= 0 or high / low > WIDE else "agreed"


def _pulls(sights: Sights, middles: Mapping[str, float]) -> tuple[Pull, ...]:
    """Every channel's estimate without each lens in turn, where the others speak of it."""
    whole = on_log_alone(sights)
    pooled = pool(whole)
    likely = [point for point, weight in zip(pooled.settings, pooled.weights, strict=True) if weight > LIKELY]
    of_likely = pooled._replace(weights=np.where(pooled.weights > LIKELY, pooled.weights, 0.0))
    with_all = dict(zip(whole.channels, np.exp(of_likely.quantile(0.5)).tolist(), strict=True))
    told = []
    for at, lens in enumerate(whole.lenses if len(whole.lenses) > 1 else ()):
        rest = whole.without(lens)
        kept = [p._replace(lost=p.lost - (p.lost > at)) for p in likely if p.lost != at]
        if not rest.channels or not kept:
            continue
        middle = np.exp(pool(rest, kept).quantile(0.5)).tolist()
        told += [
            Pull(lens, name, middles[name] * m / with_all[name], middles[name])
            for name, m in zip(rest.channels, middle, strict=True)
            if name in middles
        ]
    return tuple(told)
