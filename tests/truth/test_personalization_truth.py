"""How often holdouts are right: false verdicts, intervals and power of conversions and of skewed revenue.

Worlds, peers and truth are the tests' own (`tests/holdout_truths.py`); the library reads each world from its totals on, and
some through the engine, which must say the same. `make truth` draws 4,000 worlds a cell. Values are dealt anew 999 times
in place of 10,000, which keeps the test exact and makes the ends of its intervals a little less steady.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from martech_lib.personalization import endpoints
from martech_lib.personalization.endpoints import Endpoint
from tests.experiment_worlds import IS_FULL, error_of
from tests.holdout_truths import LEVEL, WORLDS, Law, Peer, Told, draw, peer, read, read_frames, slack

DEALS = 999
SIZES, RATES, SIGMAS = ((1_000, 9_000), (5_000, 5_000), (500, 9_500)), (0.03, 0.05), (1.0, 1.2, 1.5)
EVERY = [*product(SIZES, RATES, SIGMAS)]
SOME = [((1_000, 9_000), 0.05, 1.2), ((5_000, 5_000), 0.05, 1.2), ((500, 9_500), 0.03, 1.5)]
CELLS = EVERY if IS_FULL else SOME
LEAST_ALARMS, MOST_ALARMS = 0.03, 0.065
COVER_OF_CONVERSIONS, COVER_OF_REVENUE = 0.94, 0.93
WIDEST = 1.25  # times Welch's interval, where that covers
POWER = 0.9  # times the peer's
FOUND = ("real win", "hidden win", "harm")
BESIDE = 200 if IS_FULL else 10  # worlds that are read through the engine, too
DEALT = 300 if IS_FULL else 20  # worlds of which the values are dealt 10,000 times, too
STEADY = 0.03  # median distance of an end by fewer deals, in widths of the interval


@pytest.fixture
def fewer_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_DEALS", DEALS)
    monkeypatch.setattr(endpoints, "LEAST_DEALS", DEALS)


def read_all(law: Law, seed: int) -> Iterator[tuple[Told, Peer]]:
    rng = np.random.default_rng([20261127, seed, *law.sizes, round(1_000 * law.rate), round(10 * law.sigma)])
    for world in range(WORLDS):
        drawn = draw(law, rng)
        yield read(drawn, seed=world), peer(drawn)


def share(of: list[bool]) -> float:
    return float(np.mean(of)) if of else float("nan")


@pytest.mark.usefixtures("fewer_deals")
@pytest.mark.parametrize(("sizes", "rate", "sigma"), CELLS, ids=str)
def test_nothing_is_seldom_called_something(sizes: tuple[int, int], rate: float, sigma: float) -> None:
    law = Law(sizes, rate, sigma)
    told = [*read_all(law, seed=1)]
    verdicts = Counter(one.verdict for one, _ in told)
    found = sum(verdicts[of] for of in FOUND) / WORLDS
    revenue = [one.revenue.sign for one, _ in told]
    refusals = share([one.revenue.difference is None for one, _ in told])
    alarms, welch = share([sign != 0 for sign in revenue]), share([other.sign != 0 for _, other in told])
    z = share([other.z != 0 for _, other in told])
    print(
        f"nothing | {law} | headline {found:.4f} ({error_of(0.05, WORLDS):.4f}): "
        + ", ".join(f"{of} {verdicts[of] / WORLDS:.4f}" for of in (*FOUND, "click-only"))
        + f"; z-test {z:.4f} | revenue {alarms:.4f} (up {share([sign > 0 for sign in revenue]):.4f}), refused "
        f"{refusals:.4f} | Welch {welch:.4f} (up {share([other.sign > 0 for _, other in told]):.4f})"
    )
    assert [one.verdict in FOUND for one, _ in told] == [other.z != 0 for _, other in told]
    assert LEAST_ALARMS - slack(0.05, WORLDS) <= found <= MOST_ALARMS + slack(0.05, WORLDS)
    assert alarms <= 1 - COVER_OF_REVENUE + slack(0.05, WORLDS)


@pytest.mark.parametrize(("sizes", "rate"), [*product(SIZES, RATES)], ids=str)
def test_the_z_test_keeps_its_level_by_all_pairs_of_counts(sizes: tuple[int, int], rate: float) -> None:
    """Not simulated: what the simulated shares, whose verdicts are the z-test's, lie around."""
    counts = [np.arange(*(int(end) for end in binom.ppf([1e-9, 1 - 1e-9], n, rate))) for n in sizes]
    chance = np.outer(*(binom.pmf(k, n, rate) for k, n in zip(counts, sizes, strict=True)))
    held, treated = counts[0][:, None], counts[1]
    common = (held + treated) / sum(sizes)
    z = (treated / sizes[1] - held / sizes[0]) / np.sqrt(common * (1 - common) * sum(1 / n for n in sizes))
    up, down = (float(chance[way * z > norm.ppf((1 + LEVEL) / 2)].sum()) for way in (1, -1))
    print(f"nothing, exactly | {sizes[0]:,}/{sizes[1]:,}, {rate:.0%} convert | up {up:.4f}, down {down:.4f}")
    assert LEAST_ALARMS <= up + down <= MOST_ALARMS


KINDS = {"20 % more convert": (0.2, 0.0), "orders worth 20 % more": (0.0, 0.2)}


@pytest.mark.usefixtures("fewer_deals")
@pytest.mark.parametrize(("sizes", "rate", "sigma"), CELLS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_and_power_where_there_is_an_effect(
    kind: str, sizes: tuple[int, int], rate: float, sigma: float
) -> None:
    law = Law(sizes, rate, sigma, *KINDS[kind])
    told = [*read_all(law, seed=2 + [*KINDS].index(kind))]
    of_rate, refused_rate = cover_of_lift([one.conversions for one, _ in told], law.more)
    given = [(one.revenue, other) for one, other in told if one.revenue.difference is not None]
    refused = [one.revenue for one, _ in told if one.revenue.difference is None]
    of_gap = share([one.difference.lower <= law.gap <= one.difference.upper for one, _ in given])
    of_lift, _ = cover_of_lift([one for one, _ in given], law.lift)
    welch = share([other.gap[0] <= law.gap <= other.gap[1] for _, other in told])
    of_log = share([other.lift[0] <= law.lift <= other.lift[1] for _, other in told])
    width = float(np.median([(one.difference.upper - one.difference.lower) / (other.gap[1] - other.gap[0]) for one, other in given]))  # fmt: skip
    powers = [share([sign > 0 for sign in signs]) for signs in zip(*((one.conversions.sign, other.z, one.revenue.sign, other.sign) for one, other in told), strict=True)]  # fmt: skip
    wins, z, dearer, by_welch = powers
    print(
        f"{kind} | {law} | cover ({error_of(LEVEL, WORLDS):.4f}) of the conversion lift {of_rate:.4f} (refused "
        f"{refused_rate:.4f}), revenue difference {of_gap:.4f}, lift {of_lift:.4f}, refused {len(refused) / WORLDS:.4f}; "
        f"Welch {welch:.4f}, log ratio {of_log:.4f}; width over Welch's {width:.3f} | power of conversions {wins:.4f}, "
        f"z-test {z:.4f}; of revenue {dearer:.4f}, Welch {by_welch:.4f}"
    )
    assert all(one.reason for one in refused)
    assert of_rate >= COVER_OF_CONVERSIONS - slack(LEVEL, WORLDS)
    assert min(of_gap, of_lift) >= COVER_OF_REVENUE - slack(LEVEL, WORLDS)
    assert welch < COVER_OF_REVENUE or width <= WIDEST
    assert not law.more or wins >= POWER * z
    assert sizes[0] != sizes[1] or dearer >= POWER * by_welch


def cover_of_lift(endpoints_: list[Endpoint], lift: float) -> tuple[float, float]:
    """Share of the intervals that hold a lift, and how many were refused."""
    given = [one.lift for one in endpoints_ if one.lift is not None]
    return share([one.lower <= lift <= one.upper for one in given]), 1 - len(given) / len(endpoints_)


@pytest.mark.usefixtures("fewer_deals")
@pytest.mark.parametrize("part", range(len(SOME)))
def test_the_engine_says_the_same(part: int) -> None:
    """Logs of the same worlds, read whole: verdict, and every number of every endpoint."""
    law = Law(*SOME[part], more=0.2)
    rng = np.random.default_rng([20261127, 4, part])
    worlds = [draw(law, rng) for _ in range(-(-BESIDE // len(SOME)))]
    for seed, world in enumerate(worlds):
        whole, told = read_frames(world, seed=seed), read(world, seed=seed)
        assert whole.headline.verdict == told.verdict
        for one in (told.conversions, told.clicks, told.revenue):
            assert one is not None
            same = whole.endpoint(one.name)
            assert same is not None
            assert (same.method, same.hits, same.reason) == (one.method, one.hits, one.reason)
            for mine, other in ((one.difference, same.difference), (one.lift, same.lift)):
                assert (mine is None) == (other is None)
                assert mine is None or other == pytest.approx(mine, rel=1e-9, abs=1e-12)
    print(f"read through the engine | {law} | {len(worlds)} worlds say the same")


@pytest.mark.parametrize("part", [0, 2])
def test_fewer_deals_say_the_same(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    law = Law(*SOME[part], dearer=0.2)
    rng = np.random.default_rng([20261127, 5, part])
    worlds = [draw(law, rng) for _ in range(DEALT)]
    many = [read(world, seed=seed).revenue for seed, world in enumerate(worlds)]
    monkeypatch.setattr(endpoints, "MOST_DEALS", DEALS)
    monkeypatch.setattr(endpoints, "LEAST_DEALS", DEALS)
    few = [read(world, seed=1_000 + seed).revenue for seed, world in enumerate(worlds)]
    both = [(one.difference, other.difference) for one, other in zip(many, few, strict=True) if one.difference and other.difference]  # fmt: skip
    assert len(both) >= 0.97 * DEALT - 1
    apart = [abs(end - its) / (one.upper - one.lower) for one, other in both for end, its in ((one.lower, other.lower), (one.upper, other.upper))]  # fmt: skip
    wider = float(np.median([(other.upper - other.lower) / (one.upper - one.lower) for one, other in both]))
    alike = share([one.sign == other.sign for one, other in zip(many, few, strict=True)])
    held = [share([one.lower <= law.gap <= one.upper for one in side]) for side in zip(*both, strict=True)]
    print(
        f"{DEALS} deals beside 10,000 | {law} | {DEALT} worlds: the same verdict of revenue in {alike:.4f}; an end lies "
        f"{np.median(apart):.4f} widths off (median), width {wider:.4f}; cover {held[1]:.4f} and {held[0]:.4f}"
    )
    assert float(np.median(apart)) <= STEADY
    assert abs(wider - 1) <= STEADY
    assert alike >= 0.95 - slack(0.95, DEALT)
