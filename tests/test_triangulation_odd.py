"""Lenses, tests and limits as people really give them: each once told or pooled wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, triangulate, usual_priors
from martech_lib.attribution.triangulation import words
from martech_lib.attribution.triangulation.budget import Limits, move, plan_of
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.testing import saved
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir
from martech_lib.workbook.apps.attribution_state import AttributionState
from martech_lib.workbook.apps.triangulation_controls import asked_of
from tests.test_triangulation_decisions import small_plan
from tests.triangulation_worlds import world

PLENTY = 1e9


def rows(*told: tuple[Any, ...], basis: list[str] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(*row, *([np.nan] * 3))[:6] for row in told],
        columns=["channel", "lens", "estimate", "lower", "upper", "level"],
    )
    return frame if basis is None else frame.assign(basis=basis)


def kinds(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"channel": names, "role": "both", "remembered": "yes", "walled_garden": "no", "paid": "yes"})


def ranges(lenses: pd.DataFrame, *names: str, **more: Any) -> pd.DataFrame:
    found = triangulate(lenses, channels=kinds(*names), conversions=more.pop("conversions", PLENTY), **more)
    return found.to_frame().set_index("channel")


def test_a_test_without_an_interval_beside_one_that_found_little_is_heard_too() -> None:
    """By brute force: theta on a grid, the channel alone, whose media mix says 60 and is biased by .25 and .25."""
    lenses = rows(("a", "lift test", 100), ("a", "lift test", 20, -20, 60, 0.8), ("a", "media mix", 60, 30, 120, 0.8))
    both = ranges(lenses, "a")
    little = ranges(lenses.iloc[1:], "a")
    assert both.loc["a", "estimate"] > 1.1 * little.loc["a", "estimate"]
    z, theta = 1.2815515655, np.linspace(-3, 9, 40_001)
    tests = -(((np.exp(theta) - 100) / 50) ** 2) / 2 - (((np.exp(theta) - 20) / (40 / z)) ** 2) / 2
    mixed = np.zeros_like(theta)
    widths = {g: np.exp(-0.5 * (np.log(g / 0.95) / 0.45) ** 2) for g in (0.75, 1.1, 1.6, 2.4)}
    for g, weight in widths.items():
        for lost, by in ((1.0, 1.0), (3.0, 0.04)):
            sd = np.sqrt((g * 0.25) ** 2 * (1 + lost**2) + (np.log(120 / 30) / (2 * z)) ** 2)
            mixed += weight * by * np.exp(-(((theta - np.log(60)) / sd) ** 2) / 2) / sd
    mass = np.exp(tests - tests.max()) * mixed
    reached = np.cumsum(mass) / mass.sum()
    ends = np.exp(np.interp([0.5, 0.1, 0.9], reached, theta))
    assert both.loc["a", ["estimate", "lower", "upper"]].to_numpy(float) == pytest.approx(ends, rel=0.03)


def test_lenses_without_a_row_are_refused() -> None:
    for nothing in (rows(), rows(("a", "survey", 9.0)).iloc[:0]):
        with pytest.raises(UserError, match="No lens speaks of any channel"):
            ranges(nothing, "a")


def test_lenses_that_share_out_check_nothing_whatever_the_channels_role() -> None:
    for role in ("demand capture", "both", "demand creation"):
        lenses = rows(("a", "last touch", 50.0), ("a", "survey", 60.0))
        found = triangulate(lenses, channels=kinds("a").assign(role=role), conversions=PLENTY)
        assert found.sights.is_unchecked and found.sights.shared_out == {"a"}


def test_a_name_with_a_space_around_it_keeps_its_range() -> None:
    lenses = rows(("a", "media mix", 60, 30, 120, 0.8), ("b", "media mix", 60, 30, 120, 0.8))
    assert ranges(lenses, "a ", "b")["estimate"].notna().all()


def test_a_vendor_of_two_bases_is_two_lenses_whatever_the_order() -> None:
    lenses = rows(("a", "Acme", 100), ("b", "Acme", 100), basis=["attributed", "incremental"])
    one, other = ranges(lenses, "a", "b"), ranges(lenses.iloc[::-1], "a", "b")
    pd.testing.assert_frame_equal(one, other)
    assert one.loc["a", "upper"] - one.loc["a", "lower"] > one.loc["b", "upper"] - one.loc["b", "lower"]


def test_an_interval_from_zero_is_no_certainty() -> None:
    from_zero = ranges(rows(("a", "media mix", 100, 0, 101, 0.8)), "a")
    bare = ranges(rows(("a", "media mix", 100)), "a")
    assert from_zero.loc["a", "upper"] / from_zero.loc["a", "lower"] > bare.loc["a", "upper"] / bare.loc["a", "lower"]
    near = ranges(rows(("a", "media mix", 5, 0, 5, 0.8), ("a", "last touch", 100)), "a")
    assert near.loc["a", "upper"] > 15


def test_a_test_that_says_nothing_is_none() -> None:
    of = world(np.random.default_rng(3), "own", channels=6, tested=2)
    empty = pd.DataFrame([("c4", "lift test", 70, -1e12, 1e12, 0.8)], columns=of.lenses.columns)
    before = triangulate(of.lenses, channels=of.channels, conversions=PLENTY).to_frame()
    after = triangulate(pd.concat([of.lenses, empty]), channels=of.channels, conversions=PLENTY).to_frame()
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("estimate", [-8.3, -50.0, -4000.0])
def test_a_clearly_negative_test_alone_leaves_next_to_nothing_and_harms_nobody(estimate: float) -> None:
    lenses = rows(
        ("a", "lift test", estimate, estimate - 1.28, estimate + 1.28, 0.8), ("b", "media mix", 60, 30, 120, 0.8)
    )
    found = ranges(lenses, "a", "b", conversions=1000.0)
    assert 0 <= found.loc["a", "lower"] < found.loc["a", "upper"] < 1
    assert found.loc["b", "estimate"] == pytest.approx(60, rel=0.02)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_chance_in_the_draws_is_as_small_as_it_says_at_any_level(level: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from martech_lib.attribution.triangulation import points

    of = world(np.random.default_rng(9), "own", channels=5, tested=2)
    weak = of.lenses.copy()
    its = (weak["lens"] == "lift test") & (weak["channel"] == "c0")
    weak.loc[its, ["estimate", "lower", "upper"]] = [40.0, -60.0, 140.0]
    ends, said = [], []
    for seed in range(12):
        monkeypatch.setattr(points, "SEED", seed)
        points._points.cache_clear()
        found = triangulate(weak, channels=of.channels, conversions=PLENTY, level=level)
        ends.append(np.log(found.to_frame()[["lower", "estimate", "upper"]].to_numpy()))
        said.append(found.error)
    points._points.cache_clear()
    assert max(said) <= 0.01
    assert np.std(ends, axis=0, ddof=1).max() < 0.018  # 12 seeds tell a standard deviation to about a fifth


@pytest.mark.parametrize(
    "given", [{"level": "0.8"}, {"level": True}, {"conversions": True}, {"conversions": "1e3"}, {"conversions": -1.0}]
)
def test_what_is_no_number_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(given))} came as"):
        ranges(rows(("a", "media mix", 60)), "a", **given)


def test_flags_of_priors_are_read_or_refused() -> None:
    lenses = rows(("a", "last touch", 60), ("a", "platform", 100))
    as_numbers = usual_priors().assign(takes_base=lambda p: (p["takes_base"] == "yes").astype(int))
    pd.testing.assert_frame_equal(ranges(lenses, "a", priors=as_numbers), ranges(lenses, "a"))
    with pytest.raises(UserError, match="takes_base: 'perhaps' is not allowed"):
        ranges(lenses, "a", priors=usual_priors().assign(takes_base="perhaps"))


def test_the_value_of_a_test_is_a_number_however_sharp_the_test() -> None:
    assert np.isfinite(saved(small_plan(3, spread=2.0), [(0, 1e-3), (1, 1.0), (2, 1e6)])).all()


def test_the_first_of_the_equally_likely_draws_are_like_all() -> None:
    of = world(np.random.default_rng(4), "own", channels=6, tested=2)
    logs = np.log(triangulate(of.lenses, channels=of.channels, conversions=PLENTY).effects)
    off = (logs[:1024].mean(axis=0) - logs.mean(axis=0)) / logs.std(axis=0) * np.sqrt(1024 * 4 / 3)
    assert np.abs(off).max() < 4


SPEND = {"a": 1000.0, "b": 1000.0, "c": 500.0}


def test_a_budget_in_all_holds_the_money_of_channels_without_a_range() -> None:
    effects = np.full((64, 2), [500.0, 10.0])
    same = plan_of(("a", "b"), effects, SPEND, curves={}, limits=Limits(budget=2500.0))
    assert same.budget == 2000.0
    with pytest.raises(UserError, match="2,100 to 2,900"):
        plan_of(("a", "b"), effects, SPEND, curves={}, limits=Limits(budget=9000.0))


def test_another_total_is_held_against_todays_mix_at_that_total() -> None:
    rng = np.random.default_rng(1)
    effects = np.exp(rng.normal([5.0, 4.0], 0.3, (4096, 2)))
    limits = Limits(budget=1800.0)
    found = move(plan_of(("a", "b"), effects, {"a": 1000.0, "b": 1000.0}, curves={}, limits=limits), limits, level=0.8)
    assert found is not None
    assert found.gain > 0 > found.by_total
    assert found.by_total == pytest.approx(effects.sum(axis=1).mean() * (0.9**0.6 - 1), rel=0.05)


def test_a_floor_above_todays_spend_is_not_answered_by_holding() -> None:
    effects = np.exp(np.random.default_rng(1).normal(5, 1.5, (512, 2)))
    limits = Limits(floors={"a": 1100.0})
    found = move(plan_of(("a", "b"), effects, {"a": 1000.0, "b": 1000.0}, curves={}, limits=limits), limits, level=0.8)
    assert found is not None and not found.is_hold
    assert next(m.then for m in found.moves if m.channel == "a") >= 1100


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"floors": "vidoe=2000"}, "names 'vidoe', which is no channel; did you mean video?"),
        ({"floors": "video=-5"}, "the floor of video came as -5"),
        ({"conversion_value": "-5"}, "conversion_value came as -5"),
        ({"lenses_off": "plattform"}, "names 'plattform', which is no lens; did you mean platform?"),
    ],
)
def test_what_a_limit_or_switch_names_must_be_there(state: AttributionState, asked: dict[str, str], why: str) -> None:
    before = state.reading
    try:
        state.pool(**asked_of(asked, state.asked)._asdict())
        told = " ".join(state.faults)
    except UserError as error:
        told = str(error)
    assert why in told
    assert state.reading is before


@pytest.fixture(scope="module")
def state() -> AttributionState:
    return AttributionState(Workspace.open(sample_dir() / "fitness"))


def lenses_of(reading: AttributionReading) -> TriangulationReading:
    assert reading.triangulated is not None
    return reading.triangulated


def test_a_table_of_paths_is_not_laid_beside_months(tmp_path: Path) -> None:
    for name in ("channels", "lift_tests", "platform_reported", "lenses", "survey", "profile"):
        (tmp_path / f"{name}.csv").write_bytes((sample_dir() / "fitness" / f"{name}.csv").read_bytes())
    (tmp_path / "paths.csv").write_text("path,conversions,value\nvideo > email,300,3000\nemail,90,900\nvideo,40,400\n")
    reading = attribution.read(Workspace.open(tmp_path))
    found = lenses_of(reading)
    assert set(found.lenses) == {"last touch", "multi-touch"}
    assert any("a table of paths has no times" in note for note in found.notes)
    assert reading.credit_records
    assert "one source" in words.headline(found)


def test_a_test_to_come_is_left_out_and_said(opened: Callable[..., AttributionReading]) -> None:
    def later(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(start="2027-03-01", end="2027-04-01")

    found = lenses_of(opened(lift_tests=later))
    assert "lift test" not in found.lenses
    assert any("ends after the audit date" in note for note in found.notes)
    assert all(test.last_test is None for test in found.tests)


def test_months_that_are_lacking_are_scaled_and_said(opened: Callable[..., AttributionReading]) -> None:
    whole = attribution.Question(whole_log=True)
    one = lenses_of(opened(whole, lenses=lambda f: f[f["month"].astype(str).str.startswith("2026-09")]))
    every = lenses_of(opened(whole))
    for found, reading in ((one, "one"), (every, "all")):
        mix = {s.channel: s for s in found.seen if s.lens == "media mix"}
        assert ("scaled to all by days" in mix["video"].how) == (reading == "one")
    scaled = {s.channel: s.estimate for s in one.seen if s.lens == "media mix"}
    full = {s.channel: s.estimate for s in every.seen if s.lens == "media mix"}
    assert 0.6 < scaled["paid social"] / full["paid social"] < 1.6


def test_rows_that_are_not_heard_are_named(opened: Callable[..., AttributionReading]) -> None:
    def odd(frame: pd.DataFrame) -> pd.DataFrame:
        first = frame[frame["lens"] == "media mix"].head(1)
        return pd.concat(
            [
                first.assign(month="2027-03"),
                first.assign(lens="last touch"),
                first.assign(lens="Acme", basis=None, channel="video"),
                first.assign(channel="vidoe"),
            ]
        )

    told = " ".join(lenses_of(opened(lenses=odd)).notes)
    assert "which speaks of 2027-03" in told
    assert "last touch, which is computed from the touches" in told
    assert "Acme, whose basis says neither" in told
    assert "vidoe (near: video)" in told


def test_a_lens_that_cannot_be_read_leaves_the_credit(state: AttributionState) -> None:
    assert state.reading is not None
    evidence = state._evidence
    frame = evidence.registers["lenses"]
    outside = frame.assign(lower=frame["estimate"] * 2, upper=frame["estimate"] * 3, level=0.8)
    broken = replace(evidence, registers={**evidence.registers, "lenses": outside})
    page = attribution.triangulated(broken, state.reading)
    assert page.credit_records == state.reading.credit_records
    assert page.triangulated is not None and page.triangulated.triangulation is None
    assert page.triangulated.lacks.startswith("the lenses cannot be read")
    assert "lies outside its own interval" in page.triangulated.lacks


def test_a_contradicted_test_is_to_be_repeated_before_its_money_moves(
    opened: Callable[..., AttributionReading],
) -> None:
    def far(frame: pd.DataFrame) -> pd.DataFrame:
        of_video = frame["channel"] == "video"
        frame.loc[of_video, ["incremental_conversions", "lower", "upper"]] = [5.0, 2.0, 8.0]
        return frame

    found = lenses_of(opened(lift_tests=far))
    assert {r.verdict for r in found.ranges if r.channel == "video"} == {"contradicted"}
    assert found.budget is not None
    assert any(m.channel == "video" and abs(m.then - m.now) > 1 for m in found.budget.moves)
    assert "The test of video contradicts the other lenses" in words.budget(found)


def test_an_upload_of_which_nothing_is_heard_is_refused(state: AttributionState) -> None:
    header = b"channel,lens,month,estimate,lower,upper,level,basis\n"
    for data, why in (
        (header, "has no rows"),
        (header + b"video,Acme,2026-10,400,300,500,0.9,\n", "no lens that could be heard"),
        (header + b"video,last touch,2026-10,400,300,500,0.9,attributed\n", "computed from the touches"),
        (b"# ours\n# mine\n" + header + b"vidoe,media mix,2026-10,4,3,5,0.9,\n", "row 4"),
    ):
        before = state.reading
        with pytest.raises(UserError, match=why):
            state.upload_lenses("mine.csv", data)
        assert state.reading is before
