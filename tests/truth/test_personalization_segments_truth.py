"""Segments of a holdout: false discoveries, lifts drawn together, and whether segments differ.

Counts are drawn by numpy; what is truly lifted, and how far an estimate lies from it, is counted here. `make truth` draws
4,000 worlds a cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from martech_lib.core.rates import Count
from martech_lib.personalization import segments
from martech_lib.personalization.segments import Segments, segments_of
from tests.experiment_worlds import IS_FULL, error_of
from tests.holdout_truths import LEVEL, SIDES, START, WORLDS, cells_of_counts, slack

READ = WORLDS if IS_FULL else 60
BESIDE = 50 if IS_FULL else 4  # worlds that are read from their cells on, too
FALSE = 1 - LEVEL  # rate of false discoveries allowed, and size of the test of difference
MOST_ALARMS = 0.065
RATES = (0.03, 0.08)  # of the holdout, evenly from the first segment to the last


class Law(NamedTuple):
    """What segments are drawn from.

    Attributes:
        sizes: Users of each segment in the holdout, and personalized.
        lifts: True lift of each segment.
        is_uneven: Whether sizes go from a quarter of that to nearly twice it.
    """

    sizes: tuple[int, int]
    lifts: np.ndarray
    is_uneven: bool = False

    @property
    def users(self) -> np.ndarray:
        """(segments, 2)."""
        times = np.linspace(0.25, 1.75, len(self.lifts)) if self.is_uneven else np.ones(len(self.lifts))
        return np.rint(times[:, None] * np.array(self.sizes)).astype(int)

    @property
    def rates(self) -> np.ndarray:
        """(segments, 2)."""
        held = np.linspace(*RATES, len(self.lifts))
        return np.column_stack([held, held * (1 + self.lifts)])

    def __str__(self) -> str:
        uneven = " on average" if self.is_uneven else ""
        return f"{len(self.lifts)} segments of {self.sizes[0]:,}/{self.sizes[1]:,}{uneven}"


def names(law: Law) -> list[str]:
    return [f"s{place:02d}" for place in range(len(law.lifts))]


def draw(law: Law, rng: np.random.Generator, runs: int) -> np.ndarray:
    """(runs, segments, 2): who converts."""
    return rng.binomial(law.users, law.rates, size=(runs, *law.users.shape))


def read(law: Law, hits: np.ndarray) -> Segments:
    """One world, (segments, 2), from its totals on: adding up frames would take most of the time."""
    counts = {
        (side,): {name: Count(int(k), int(n)) for name, n, k in zip(names(law), law.users[:, arm], hits[:, arm], strict=True)}
        for arm, side in enumerate(("holdout", "treated"))
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "conversions_by_segment", lambda _, arms: counts[arms])
        return segments_of(SHELL, SIDES, level=LEVEL)


def read_cells(law: Law, hits: np.ndarray) -> Segments:
    """The same from its cells on."""
    keys = pd.DataFrame({"segment": np.repeat(names(law), 2), "arm": ["holdout", "treated"] * len(law.lifts)})
    keys = keys.assign(day=START)
    put, done = keys.assign(n=law.users.ravel()), keys.assign(converted_on=START, users=hits.ravel())
    return segments_of(cells_of_counts(put, done, START), SIDES, level=LEVEL)


NO_GRID = pd.DataFrame({"day": [], "converted_on": [], "users": []})
SHELL = cells_of_counts(pd.DataFrame({"day": [START]}), NO_GRID, START)  # counts are put in its place


@pytest.mark.parametrize("case", [0, 1])
def test_the_cells_say_the_same(case: int) -> None:
    law = (Law((500, 4_500), np.zeros(12), is_uneven=True), Law((1_000, 9_000), lifted(3, 12, 0.4)))[case]
    for hits in draw(law, np.random.default_rng([20261127, 10, case]), BESIDE):
        assert repr(read_cells(law, hits)) == repr(read(law, hits))


def by_name(law: Law, of: Segments, what: str) -> list:
    told = {line.segment: getattr(line, what) for line in of.lines}
    return [told[name] for name in names(law)]


def lifted(many: int, of: int, lift: float) -> np.ndarray:
    """`many` of these segments, evenly among them, have the lift."""
    lifts = np.zeros(of)
    lifts[np.linspace(0, of - 1, many + 2).round().astype(int)[1:-1]] = lift
    return lifts


DISCOVERED = {
    "10 alike": Law((1_000, 9_000), np.zeros(10)),
    "10 small": Law((100, 900), np.zeros(10)),
    "12 uneven": Law((500, 4_500), np.zeros(12), is_uneven=True),
    "3 of 12 lifted": Law((1_000, 9_000), lifted(3, 12, 0.4)),
    "3 of 12 lifted, uneven": Law((500, 4_500), lifted(3, 12, 0.4), is_uneven=True),
    "3 of 12 lifted, even split": Law((5_000, 5_000), lifted(3, 12, 0.4)),
}


@pytest.mark.parametrize("case", DISCOVERED)
def test_false_discoveries(case: str) -> None:
    law = DISCOVERED[case]
    rng = np.random.default_rng([20261127, 11, [*DISCOVERED].index(case)])
    found = np.array([by_name(law, read(law, hits), "is_found") for hits in draw(law, rng, READ)], dtype=bool)
    is_true = law.lifts != 0
    wrong = found[:, ~is_true].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    seen = float(found[:, is_true].mean()) if is_true.any() else float("nan")
    error = float(wrong.std() / np.sqrt(READ))
    print(
        f"false discoveries | {case}: {law} | rate {wrong.mean():.4f} ({error:.4f}), nominal {FALSE:.2f}; any false one "
        f"{found[:, ~is_true].any(axis=1).mean():.4f}; of the lifted +40 % found {seen:.4f}"
    )
    assert wrong.mean() <= FALSE + slack(FALSE, READ)


SPREADS = {"one lift": 0.0, "small spread": 0.1, "large spread": 0.4}
COMMON = 1.1


@pytest.mark.parametrize("case", SPREADS)
@pytest.mark.parametrize("sizes", [(500, 4_500), (2_000, 8_000)])
def test_lifts_drawn_together_lie_nearer_to_the_truth(case: str, sizes: tuple[int, int]) -> None:
    """Errors are those of the logarithm of the ratio, the raw one's being the lift that is told of each segment."""
    rng = np.random.default_rng([20261127, 12, [*SPREADS].index(case), *sizes])
    raw, shrunk, held = [], [], []
    for _ in range(READ):
        law = Law(sizes, np.expm1(np.log(COMMON) + SPREADS[case] * rng.standard_normal(12)))
        told = read(law, draw(law, rng, 1)[0])
        lifts, drawn = by_name(law, told, "lift"), by_name(law, told, "shrunk")
        for truth, one, other in zip(law.lifts, lifts, drawn, strict=True):
            if one is not None and one.estimate > -1:
                raw.append((np.log1p(one.estimate) - np.log1p(truth)) ** 2)
                shrunk.append((np.log1p(other.estimate) - np.log1p(truth)) ** 2)
                held.append(other.lower <= truth <= other.upper)
    ratio = float(np.mean(shrunk) / np.mean(raw))
    print(
        f"lifts drawn together | {law}, log lifts with spread {SPREADS[case]:g} | squared error {np.mean(shrunk):.4f}, raw "
        f"{np.mean(raw):.4f}, ratio {ratio:.3f}; ranges hold {np.mean(held):.4f}"
    )
    assert ratio < 1


DIFFER = {
    "5, no effect": Law((1_000, 9_000), np.zeros(5)),
    "5, lift of 20 %": Law((1_000, 9_000), np.full(5, 0.2)),
    "12, no effect": Law((500, 4_500), np.zeros(12)),
    "12, lift of 20 %": Law((500, 4_500), np.full(12, 0.2)),
    "12 uneven, lift of 20 %": Law((500, 4_500), np.full(12, 0.2), is_uneven=True),
    "5 with a few converters": Law((100, 900), np.zeros(5)),
}
POWERED = Law((2_000, 8_000), np.array([0.0, 0.0, 0.0, 0.4, 0.4]))


def rejected(law: Law, seed: int) -> float:
    rng = np.random.default_rng([20261127, 13, seed])
    return float(np.mean([read(law, hits).differ < FALSE for hits in draw(law, rng, READ)]))


@pytest.mark.parametrize("case", DIFFER)
def test_segments_with_one_lift_seldom_differ(case: str) -> None:
    law = DIFFER[case]
    found = rejected(law, [*DIFFER].index(case))
    print(
        f"do segments differ | {case}: {law} | said so {found:.4f} ({error_of(FALSE, READ):.4f}), nominal {FALSE:.2f}"
    )
    assert found <= MOST_ALARMS + slack(FALSE, READ)


def test_segments_that_differ_are_seen() -> None:
    found = rejected(POWERED, 90)
    print(f"do segments differ | two of five with +40 %: {POWERED} | said so {found:.4f} ({error_of(found, READ):.4f})")
    assert found >= 0.5
