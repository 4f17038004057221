"""Pooling of lenses: what must not change it, what may not widen it, and a sampler that knows the model's definition alone."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib.attribution import Triangulation, triangulate, usual_priors
from martech_lib.attribution.triangulation import pooling
from martech_lib.attribution.triangulation.sights import sights_of
from martech_lib.core.errors import TableError, UserError
from tests.triangulation_model import Model, metropolis
from tests.triangulation_worlds import ERROR, Drawn, frame, world

IS_FULL = os.environ.get("MARTECH_TRUTH") == "full"
PLENTY = 1e9
seeds = st.integers(0, 10_000)


def drawn(seed: int, *, channels: int = 6, tested: int = 2) -> Drawn:
    return world(np.random.default_rng(seed), "own", channels=channels, tested=tested)


def pooled(lenses: pd.DataFrame, of: Drawn, conversions: float = PLENTY) -> Triangulation:
    return triangulate(lenses, channels=of.channels, conversions=conversions)


def numbers(found: Triangulation) -> np.ndarray:
    return found.to_frame().set_index("channel")[["estimate", "lower", "upper"]].sort_index().to_numpy()


def test_a_range_holds_its_estimate_and_bears_its_level() -> None:
    found = pooled(drawn(1).lenses, drawn(1)).to_frame()
    assert list(found.columns) == ["channel", "estimate", "lower", "upper", "level", "verdict"]
    assert ((found["lower"] < found["estimate"]) & (found["estimate"] < found["upper"])).all()
    assert set(found["level"]) == {0.8}
    assert set(found.loc[2:, "verdict"]) == {"untested"}
    assert "untested" not in set(found.loc[:1, "verdict"])


@settings(max_examples=15)
@given(seeds, st.booleans())
def test_order_of_rows_and_channels_changes_nothing(seed: int, is_tight: bool) -> None:
    of = drawn(seed)
    conversions = float(np.exp(of.log_truth).sum()) if is_tight else PLENTY
    rng = np.random.default_rng(seed)
    lenses = of.lenses.iloc[rng.permutation(len(of.lenses))]
    turned = of._replace(channels=of.channels.iloc[rng.permutation(len(of.channels))])
    before, after = pooled(of.lenses, of, conversions), pooled(lenses, turned, conversions)
    np.testing.assert_allclose(numbers(before), numbers(after), rtol=1e-9)
    assert list(after.to_frame()["channel"]) == list(turned.channels["channel"])


@settings(max_examples=15)
@given(seeds, st.booleans(), st.booleans())
def test_names_of_channels_change_nothing(seed: int, is_tight: bool, is_round: bool) -> None:
    of = drawn(seed)
    if is_round:  # so that channels tie in some of what is said of them
        middles = of.lenses["estimate"].map(lambda number: float(f"{number:.0e}"))
        factors = 1.1 + np.random.default_rng(seed).integers(1, 4, len(middles)) / 10
        of = of._replace(lenses=of.lenses.assign(estimate=middles, lower=middles / factors, upper=middles * factors))
    conversions = float(np.exp(of.log_truth).sum()) if is_tight else PLENTY
    names = [f"c{place}" for place in range(len(of.channels))]
    called = dict(zip(names, np.random.default_rng(seed).permutation([f"n{name}" for name in names]), strict=True))
    lenses, kinds = (frame.assign(channel=frame["channel"].map(called)) for frame in (of.lenses, of.channels))
    before, after = pooled(of.lenses, of, conversions), pooled(lenses, of._replace(channels=kinds), conversions)
    by_name = after.to_frame().set_index("channel").loc[list(called.values())]
    of_old = before.to_frame().set_index("channel").loc[names]
    ends = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(by_name[ends].to_numpy(), of_old[ends].to_numpy(), rtol=1e-9)


@settings(max_examples=15)
@given(seeds)
def test_doubled_units_double_the_ranges(seed: int) -> None:
    of = drawn(seed)
    doubled = of.lenses.assign(**{name: of.lenses[name] * 2 for name in ("estimate", "lower", "upper")})
    np.testing.assert_allclose(numbers(pooled(doubled, of)), 2 * numbers(pooled(of.lenses, of)), rtol=1e-6)


@settings(max_examples=15)
@given(seeds, st.sampled_from(["Acme (attributed)", "Acme (incremental)"]), st.sampled_from([np.inf, 1e300]))
def test_a_lens_that_knows_nothing_changes_nothing(seed: int, lens: str, upper: float) -> None:
    of = drawn(seed)
    lower = 0.0 if np.isinf(upper) else 1e-300
    empty = [(name, lens, 70.0, lower, upper, 0.8) for name in of.channels["channel"]]
    more = pd.concat([of.lenses, pd.DataFrame(empty, columns=of.lenses.columns)])
    np.testing.assert_array_equal(numbers(pooled(more, of)), numbers(pooled(of.lenses, of)))


@settings(max_examples=40)
@given(seeds, st.integers(0, 191), st.integers(0, 5), st.integers(0, 5), st.floats(0.05, 0.95))
def test_a_surer_lens_widens_no_range_of_its_channel(seed: int, point: int, lens: int, place: int, part: float) -> None:
    sights = sights_of(drawn(seed).lenses, drawn(seed).channels)
    fixed = [pooling.grid(sights)[point]]
    error = sights.error.copy()
    error[lens, place] *= part
    before, after = (pooling.pool(s, fixed).sd[0, place] for s in (sights, replace(sights, error=error)))
    assert after <= before * (1 + 1e-9)


def test_a_test_teaches_about_other_channels() -> None:
    of = drawn(3, channels=8, tested=4)
    untested = of.lenses[of.lenses["lens"] != "lift test"]
    width = [
        np.log(f[4:, 2] / f[4:, 1]).mean() for f in (numbers(pooled(of.lenses, of)), numbers(pooled(untested, of)))
    ]
    assert width[0] < width[1]


def test_no_more_than_the_conversions_there_were() -> None:
    of = drawn(5)
    free, total = pooled(of.lenses, of), float(np.exp(of.log_truth).sum())
    held = pooled(of.lenses, of, total * 0.7)
    assert (free.method, held.method) == ("closed form", "weighted draws")
    assert held.draws is not None
    assert (held.draws.effects[held.draws.weights > 0].sum(axis=1) <= total * 0.7).all()
    assert (held.to_frame()["upper"] < free.to_frame()["upper"]).all()
    # A cap that hardly binds leaves the closed form as it is.
    slack = pooled(of.lenses, of, total * 1.6)
    np.testing.assert_allclose(numbers(slack), numbers(free), rtol=0.03)


def test_a_test_that_found_nothing_pulls_its_channel_down_and_is_not_dropped() -> None:
    of = drawn(7)
    nothing = of.lenses.copy()
    its = (nothing["lens"] == "lift test") & (nothing["channel"] == "c0")
    scale = float(np.exp(of.log_truth[0]))
    nothing.loc[its, ["estimate", "lower", "upper"]] = [-0.1 * scale, -0.6 * scale, 0.4 * scale]
    found = pooled(nothing, of).to_frame()
    without = pooled(of.lenses[~((of.lenses["lens"] == "lift test") & (of.lenses["channel"] == "c0"))], of).to_frame()
    assert found.loc[0, "estimate"] < 0.85 * without.loc[0, "estimate"]
    assert found.loc[0, "verdict"] != "untested"
    alone = nothing[(nothing["channel"] != "c0") | its]
    only_test = pooled(alone, of).to_frame().loc[0]
    assert 0 <= only_test["lower"] < only_test["upper"] < 0.6 * scale


def test_the_closed_form_is_the_model_by_its_definition() -> None:
    of = world(np.random.default_rng(6), "own", channels=4, tested=2)
    found = pooled(of.lenses, of)
    assert found.pooled is not None
    theta = np.log([r.estimate for r in found.ranges]) + np.random.default_rng(1).normal(0, 0.7, (200, 4))
    places = [int(name.removeprefix("c")) for name in found.sights.channels]
    off = found.pooled.density(theta[:, places]) - Model(of, {}, PLENTY).log_density(theta)
    np.testing.assert_allclose(off, off[0], atol=1e-3)  # settings of next to no weight are left out


CASES = {
    "closed form": ({}, PLENTY),
    "a test that found nothing": ({0: (-15.0, 40.0)}, PLENTY),
    "a cap that binds": ({}, 0.75),
    "both": ({1: (30.0, 60.0)}, 0.8),
}


@pytest.mark.parametrize("case", CASES)
def test_ranges_are_those_of_a_sampler(case: str) -> None:
    own, cap = CASES[case]
    of = world(np.random.default_rng(2), "own", channels=3, tested=2)
    conversions = cap if cap == PLENTY else cap * float(np.exp(of.log_truth).sum())
    lenses = of.lenses.copy()
    for place, (estimate, error) in own.items():
        its = (lenses["lens"] == "lift test") & (lenses["channel"] == f"c{place}")
        half = 1.2815515655446004 * error
        lenses.loc[its, ["estimate", "lower", "upper"]] = [estimate, estimate - half, estimate + half]
    found = pooled(lenses, of, conversions)
    assert found.method == ("closed form" if case == "closed form" else "weighted draws")
    walk = (240, 1500, 500) if IS_FULL else (120, 900, 300)
    chains = metropolis(of, own, conversions, np.log(found.to_frame()["estimate"].to_numpy()), walk)
    for column, share in (("estimate", 0.5), ("lower", 0.1), ("upper", 0.9)):
        by_group = np.quantile(chains.reshape(12, -1, 3), share, axis=1)  # twelve groups of chains
        mean, error = by_group.mean(axis=0), by_group.std(axis=0, ddof=1) / np.sqrt(12)
        off = np.log(found.to_frame()[column].to_numpy()) - mean
        assert (np.abs(off) < 4 * error + 0.01).all(), (column, off, error)
        assert error.max() < (0.02 if IS_FULL else 0.03)


BAD: dict[str, tuple[dict[str, object], str]] = {
    "an unknown channel": ({"channel": "c_0"}, "row 2, column channel: 'c_0' is no channel of channels"),
    "a blank channel": ({"channel": None}, "is no channel of channels"),
    "a negative estimate": ({"estimate": -3.0, "lower": -9.0}, "column estimate: '-3.0' is below zero"),
    "a negative bound": ({"lower": -1.0}, "column lower: '-1.0' is below zero"),
    "bounds the wrong way round": ({"lower": 500.0, "upper": 1.0}, "the bounds stand the wrong way round"),
    "an estimate outside": ({"lower": 1e6, "upper": 2e6}, "lies outside its own interval"),
    "text for a number": ({"estimate": "many"}, "column estimate: 'many' is not a number"),
    "text for a bound": ({"upper": "lots"}, "column upper: 'lots' is not a number"),
    "a blank estimate": ({"estimate": np.nan}, "column estimate: is blank"),
    "an endless estimate": ({"estimate": np.inf, "upper": np.inf}, "is infinite"),
    "one bound": ({"lower": np.nan}, "is blank beside the other bound"),
    "no width": ({"lower": 7.0, "upper": 7.0, "estimate": 7.0}, "an interval has a width"),
    "no level": ({"level": np.nan}, "an interval needs its level"),
    "a level in percent": ({"level": 80}, "lies between 0 and 1"),
    "an unknown lens": ({"lens": "medai mix"}, "is no lens; allowed are last touch, multi-touch"),
    "a vendor without basis": ({"lens": "Acme"}, "or a vendor's name with its basis"),
    "a lens twice": ({"lens": "multi-touch"}, "a second time; give one row a channel, of one period"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_row_is_told(case: str) -> None:
    of = drawn(1)
    change, told = BAD[case]
    lenses = of.lenses.astype(object)
    for column, value in change.items():
        lenses.loc[0, column] = value
    with pytest.raises(TableError) as error:
        pooled(lenses, of)
    assert told in str(error.value)


def test_all_faults_are_told_at_once() -> None:
    of = drawn(1)
    lenses = of.lenses.astype(object)
    lenses.loc[0, "channel"], lenses.loc[1, "estimate"], lenses.loc[2, "level"] = "nowhere", "x", 2
    with pytest.raises(TableError) as error:
        pooled(lenses, of)
    assert [problem.row for problem in error.value.problems] == [2, 3, 4]


@pytest.mark.parametrize("conversions", [0, -5, np.nan, np.inf, "many", None])
def test_conversions_must_be_some(conversions: object) -> None:
    with pytest.raises(UserError, match="allowed is the number of the period, more than 0"):
        triangulate(drawn(1).lenses, channels=drawn(1).channels, conversions=conversions)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 0.995, 1, 80])
def test_a_level_is_a_probability(level: float) -> None:
    with pytest.raises(UserError, match="a probability above 0 and up to 0.99"):
        triangulate(drawn(1).lenses, channels=drawn(1).channels, conversions=1e6, level=level)


def test_channels_must_make_sense() -> None:
    of = drawn(1)
    for change, told in (
        (of.channels.drop(columns="role"), "lack the column role"),
        (of.channels.assign(role="demand"), "the role of c0 came as 'demand'"),
        (pd.concat([of.channels, of.channels.head(1)]), "c0 stands there twice"),
    ):
        with pytest.raises(UserError, match=told):
            triangulate(of.lenses, channels=change, conversions=1e6)


def test_lenses_that_claim_far_too_much_are_refused() -> None:
    of = drawn(1)
    with pytest.raises(UserError, match="cannot be reconciled with 1 conversions"):
        pooled(of.lenses, of, 1.0)


def test_a_vendor_is_named_with_its_basis() -> None:
    of = drawn(1)
    rows = of.lenses[of.lenses["lens"] == "media mix"]
    beside = pd.concat([of.lenses, rows.assign(lens="Acme", basis="incremental")])
    inside = pd.concat([of.lenses, rows.assign(lens="Acme (incremental)")])
    np.testing.assert_allclose(numbers(pooled(beside, of)), numbers(pooled(inside, of)))


def test_priors_can_be_edited() -> None:
    of, priors = drawn(1, tested=0), usual_priors()
    sure = priors.assign(sd=priors["sd"].where(priors["lens"] != "media mix", 0.01))
    sure["spread"] = sure["spread"].where(priors["lens"] != "media mix", 0.01)
    found = triangulate(of.lenses, channels=of.channels, conversions=PLENTY, priors=sure)
    assert not np.allclose(numbers(found), numbers(pooled(of.lenses, of)))
    for change, told in (
        (priors.drop(columns="sd"), "priors lack the column sd"),
        (priors.assign(sd=-1.0), "priors: sd came as '-1.0'"),
        (priors.assign(lens="medai mix"), "priors name the lens 'medai mix'"),
        (priors[priors["lens"] != "survey"], "priors have no row of the lens 'survey'"),
    ):
        with pytest.raises(UserError, match=told):
            triangulate(of.lenses, channels=of.channels, conversions=PLENTY, priors=change)


def test_a_channel_of_which_no_lens_speaks_has_no_numbers() -> None:
    of = drawn(1)
    found = pooled(of.lenses[of.lenses["channel"] != "c3"], of).to_frame()
    assert found.loc[3, ["estimate", "lower", "upper"]].isna().all()
    assert found.loc[3, "verdict"] == "untested"


def test_nothing_seen_is_half_a_conversion_give_or_take() -> None:
    of = drawn(1)
    lenses = of.lenses.copy()
    lenses.loc[0, ["estimate", "lower", "upper", "level"]] = [0.0, np.nan, np.nan, np.nan]
    assert np.isfinite(numbers(pooled(lenses, of))).all()


def test_the_frame_of_a_world_reads_as_it_was_drawn() -> None:
    of = drawn(4)
    sights = sights_of(frame(of.log_seen, ERROR), of.channels)
    lenses = [sights.lenses.index(lens) for lens in ("last touch", "survey", "lift test")]
    channels = [int(name.removeprefix("c")) for name in sights.channels]
    np.testing.assert_allclose(sights.estimate[lenses], of.log_seen[[0, 3, 5]][:, channels], rtol=1e-12)
