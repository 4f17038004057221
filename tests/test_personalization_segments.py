"""Effects by segment: the tests by scipy, the shrinking by hand, and nothing told of a handful of users."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from holdout_worlds import Group, logs, read
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chi2, false_discovery_control, hypergeom, norm

from martech_lib.core.rates import Count, log_likelihood_of_ratio
from martech_lib.core.stats import normal_quantile
from martech_lib.personalization import HoldoutReading, Terms
from martech_lib.personalization.segments import benjamini_hochberg, exact_p

SEGMENTS = {  # segment -> (holdout users, converters), (personalized users, converters)
    "new": ((400, 40), (1_600, 320)),
    "loyal": ((300, 60), (1_200, 240)),
    "lapsed": ((200, 10), (800, 44)),
    "trial": ((100, 30), (400, 60)),
}


def told_of(those: dict[str, tuple[tuple[int, int], tuple[int, int]]], **terms: object) -> HoldoutReading:
    groups = [
        Group(arm, *did, segment=name, share=share)
        for name, both in those.items()
        for arm, did, share in zip(("holdout", "on"), both, (0.2, 0.8), strict=True)
    ]
    return read(*logs(*groups), terms=Terms(**terms))  # type: ignore[arg-type]


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))).map(lambda of: Count(*of))


@settings(max_examples=200)
@given(counts, counts)
def test_the_p_of_a_segment_is_twice_the_smaller_tail_of_fishers(control: Count, treated: Count) -> None:
    hits, n = int(control.hits + treated.hits), int(control.n + treated.n)
    of = hypergeom(n, hits, int(control.n))
    wanted = min(1.0, 2 * min(of.cdf(control.hits), of.sf(control.hits - 1)))
    assert exact_p(control, treated) == pytest.approx(wanted, rel=1e-9)
    assert exact_p(treated, control) == pytest.approx(wanted, rel=1e-9)


def test_the_p_of_large_segments_is_fishers_too() -> None:
    of = hypergeom(2_000_000, 101_200, 200_000)
    wanted = 2 * min(of.cdf(9_700), of.sf(9_699))
    assert exact_p(Count(9_700, 200_000), Count(91_500, 1_800_000)) == pytest.approx(wanted, rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_is_that_of_benjamini_and_hochberg(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, method="bh"), rel=1e-12)


def test_segments_are_read_as_the_whole_is() -> None:
    told = told_of(SEGMENTS)
    frame = told.segments.set_index("segment")
    assert list(frame.index) == ["new", "loyal", "lapsed", "trial"]  # the largest first
    for name, ((n, hits), (m, did)) in SEGMENTS.items():
        row = frame.loc[name]
        assert (row["holdout_users"], row["treated_users"]) == (n, m)
        assert row["diff"] == pytest.approx(did / m - hits / n) and row["lift"] == pytest.approx(
            did / m / (hits / n) - 1
        )
        assert (
            row["diff_lower"] < row["diff"] < row["diff_upper"] and row["lift_lower"] < row["lift"] < row["lift_upper"]
        )
        assert row["p"] == pytest.approx(exact_p(Count(hits, n), Count(did, m)))
    assert list(frame["q"]) == pytest.approx(false_discovery_control(frame["p"]))
    assert dict(frame["found"]) == {"new": True, "loyal": False, "lapsed": False, "trial": True}
    rows = told.readings[told.readings["metric"] == "personalization.win-back.lift_conversion"].set_index("segment")
    assert dict(rows["status"])["new"] == "pass" and dict(rows["status"])["trial"] == "fail"
    assert dict(rows["status"])["loyal"] == "info"


def test_the_test_of_one_lift_is_pearsons_chi_square() -> None:
    """Converters and others of eight arms beside four rates and one ratio that fit best; three degrees of freedom."""

    def lacks(told: np.ndarray) -> float:
        bases, ratio = 1 / (1 + np.exp(-told[:4])), math.exp(told[4])
        total = 0.0
        for base, ((n, hits), (m, did)) in zip(bases, SEGMENTS.values(), strict=True):
            other = min(ratio * base, 1 - 1e-12)
            total -= hits * math.log(base) + (n - hits) * math.log1p(-base)
            total -= did * math.log(other) + (m - did) * math.log1p(-other)
        return total

    start = np.append([math.log(h / (n - h)) for (n, h), _ in SEGMENTS.values()], 0.3)
    best = minimize(lacks, start, method="Nelder-Mead", options={"maxiter": 20_000, "xatol": 1e-9, "fatol": 1e-11}).x
    misfit = 0.0
    for base, both in zip(1 / (1 + np.exp(-best[:4])), SEGMENTS.values(), strict=True):
        for rate, (n, hits) in zip((base, base * math.exp(best[4])), both, strict=True):
            misfit += (hits - n * rate) ** 2 / (n * rate) + (hits - n * rate) ** 2 / (n - n * rate)
    assert told_of(SEGMENTS).by_segment.differ == pytest.approx(chi2.sf(misfit, 3), rel=1e-4)


@settings(max_examples=60)
@given(counts, counts, st.floats(-2, 2))
def test_the_likelihood_under_a_ratio_is_the_best_of_one_rate(control: Count, treated: Count, log: float) -> None:
    """A grid of base rates never does better, and comes near."""
    ratio = math.exp(log)
    base = np.linspace(0, min(1, 1 / ratio), 20_001)[1:-1]
    with np.errstate(divide="ignore"):
        of = control.hits * np.log(base) + (control.n - control.hits) * np.log1p(-base)
        of = of + treated.hits * np.log(ratio * base) + (treated.n - treated.hits) * np.log1p(-ratio * base)
    found = log_likelihood_of_ratio(control, treated, ratio)
    if math.isfinite(found):
        assert found >= of.max() - 1e-9 and found == pytest.approx(of.max(), abs=0.02)


def test_lifts_are_drawn_to_their_mean_as_by_hand() -> None:
    """Averaged over spreads from 0 to 1, step by step: how well each fits, and what is drawn where it is the true one."""
    logs_of, variances = [], []
    for (n, hits), (m, did) in SEGMENTS.values():
        logs_of.append(math.log((did / m) / (hits / n)))
        variances.append(1 / hits - 1 / n + 1 / did - 1 / m)
    chances, drawn = [], []
    for step in range(41):
        spread = step / 40
        both = [v + spread**2 for v in variances]
        sure = sum(1 / b for b in both)
        mean = sum(log / b for log, b in zip(logs_of, both, strict=True)) / sure
        fit = math.prod(
            math.exp(-((log - mean) ** 2) / (2 * b)) / math.sqrt(b) for log, b in zip(logs_of, both, strict=True)
        )
        chances.append(fit / math.sqrt(sure) * math.exp(-(spread**2) / (2 * 0.5**2)))
        own = [spread**2 / b for b in both]
        middles = [o * log + (1 - o) * mean for o, log in zip(own, logs_of, strict=True)]
        drawn.append([(x, o * v + (1 - o) ** 2 / sure) for x, o, v in zip(middles, own, variances, strict=True)])
    chances = [chance / sum(chances) for chance in chances]
    told = told_of(SEGMENTS)
    assert told.by_segment.spread == pytest.approx(sum(c * k / 40 for k, c in enumerate(chances)), rel=1e-9)
    frame = told.segments.set_index("segment")
    for place, name in enumerate(SEGMENTS):
        here = [each[place] for each in drawn]
        middle = sum(c * x for c, (x, _) in zip(chances, here, strict=True))
        variance = sum(c * (v + (x - middle) ** 2) for c, (x, v) in zip(chances, here, strict=True))
        half = normal_quantile(0.975) * math.sqrt(variance)
        ends = [math.expm1(end) for end in (middle, middle - half, middle + half)]
        assert frame.loc[name, ["shrunk", "shrunk_lower", "shrunk_upper"]].tolist() == pytest.approx(ends, rel=1e-9)


def test_segments_that_do_not_differ_are_drawn_to_one() -> None:
    told = told_of(dict.fromkeys("abc", ((100, 20), (400, 100))))
    frame = told.segments
    assert told.by_segment.spread < 0.2 and frame["shrunk"].to_list() == pytest.approx([0.25] * 3, rel=1e-9)
    assert told.by_segment.differ == pytest.approx(1.0, abs=1e-6)
    alone = told_of({"a": ((100, 20), (400, 100))})
    assert len(alone.segments) == 0 and math.isnan(alone.by_segment.differ)


def test_a_segment_in_which_everybody_converts_does_not_rule_the_others() -> None:
    told = told_of({**SEGMENTS, "all": ((20, 20), (80, 80))})
    frame = told.segments.set_index("segment")
    assert (
        frame.loc["all", "lift"] == 0
        and np.isfinite(frame.loc["all", ["lift_lower", "lift_upper"]].astype(float)).all()
    )
    assert frame.loc["all", "shrunk_upper"] - frame.loc["all", "shrunk_lower"] > 0.01  # of 20 users none is certain
    assert frame.loc["new", "shrunk"] > 0.5 * frame.loc["new", "lift"]


def test_of_segments_with_less_than_ten_users_nothing_is_told() -> None:
    """Nor of the next larger one, without which the small one could be had by subtraction."""
    more = {"board members": ((4, 4), (5, 5)), "ten": ((4, 1), (6, 1)), "eleven": ((4, 1), (7, 1))}
    told = told_of({**SEGMENTS, **more})
    assert told.by_segment.withheld == 2
    everything = json.dumps(told.to_dict()) + told.segments.to_string() + told.headline.sentence + repr(told.notes)
    everything += repr(told.by_segment) + repr(told.policies) + repr(told.brought) + repr(told.course)
    assert "board members" not in everything and "'ten'" not in everything
    row = told.segments.set_index("segment").loc["eleven"]
    assert row["reason"] == "it has fewer than 10 users in the holdout" and math.isnan(row["diff"])
    assert row[["holdout_users", "treated_users", "holdout_rate"]].isna().all()


def test_several_small_segments_hide_one_another() -> None:
    small = dict.fromkeys(("a", "b"), ((3, 1), (5, 1)))
    told = told_of({**SEGMENTS, **small})
    assert told.by_segment.withheld == 2 and len(told.segments) == len(SEGMENTS)


def test_a_segment_that_one_arm_lacks_is_refused_by_name() -> None:
    told = told_of({**SEGMENTS, "only on": ((0, 0), (50, 10)), "cold": ((20, 0), (80, 0)), "zero": ((30, 0), (100, 9))})
    frame = told.segments.set_index("segment")
    reasons = {
        "only on": "it has no users in the holdout, so that there is nothing to compare",
        "cold": "nobody in it converted",
        "zero": "nobody in its holdout converted, so that there is no relative difference",
    }
    assert dict(frame["reason"][list(reasons)]) == reasons
    assert frame.loc[["only on", "cold"], ["diff", "lift", "p", "q"]].isna().all(axis=None)
    assert frame.loc["zero", "diff"] == pytest.approx(0.09) and math.isnan(frame.loc["zero", "lift"])
    rows = told.readings[told.readings["metric"] == "personalization.win-back.lift_conversion"].set_index("segment")
    for name, reason in reasons.items():
        assert (rows.loc[name, "status"], rows.loc[name, "reason"]) == ("refused", reason)
        assert rows.loc[name, ["value", "lower", "upper"]].isna().all()
    assert list(frame["q"].dropna()) == pytest.approx(false_discovery_control(frame["p"].dropna()))


def test_users_without_a_segment_are_one() -> None:
    told = told_of({"a": SEGMENTS["new"], None: SEGMENTS["loyal"]})  # type: ignore[dict-item]
    assert list(told.segments["segment"]) == ["a", "no segment"]


def test_segments_that_were_not_declared_are_hints() -> None:
    frame = told_of(SEGMENTS, segments=(" New", "loyal")).segments.set_index("segment")
    assert dict(frame["declared"]) == {"new": True, "loyal": True, "lapsed": False, "trial": False}
    assert frame.loc["trial", "reason"] == "it was not named before the start, so that it is a hint to be tested"


def test_many_segments_are_advised_against() -> None:
    six = dict.fromkeys("abcdef", ((50, 10), (200, 40)))
    assert told_of(six).by_segment.advice.startswith("6 segments: begin with 3 to 5")
    assert told_of({name: six[name] for name in "abcde"}).by_segment.advice == ""


def test_the_policy_of_evidence_takes_the_segments_that_were_found() -> None:
    told = told_of(SEGMENTS)
    policy = {one.policy: one for one in told.policies}["segments with evidence"]
    shrunk = told.segments.set_index("segment").loc["new"]
    assert (policy.segments, policy.users) == (("new",), 2_000)
    assert policy.gain.estimate == pytest.approx(shrunk["shrunk"] * 0.1 * 2_000)
    half = (shrunk["shrunk_upper"] - shrunk["shrunk_lower"]) / 2 * 0.1 * 2_000
    assert policy.harm == pytest.approx(norm.cdf(-policy.gain.estimate / (half / norm.isf(0.025))), rel=1e-9)
