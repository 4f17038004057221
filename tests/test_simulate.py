"""The simulated world: the same seed the same world, tables that agree with one another, and a truth that is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from martech_lib import Workspace
from martech_lib.core import simulate
from martech_lib.core.errors import UserError, WorkspaceError
from martech_lib.core.places import sample_dir
from martech_lib.core.simulate import truth
from martech_lib.core.simulate.course import run
from martech_lib.core.simulate.history import carry_over
from martech_lib.core.simulate.lift import lift_frame
from martech_lib.core.simulate.log import log_of
from martech_lib.core.simulate.settings import AS_OF, DAY, REFRACTORY, LiftTest, Settings, settings
from martech_lib.core.tables import table
from martech_lib.workbook import cli

USERS, SEED = 4000, 11
CREATION = ["paid social", "video", "influencer", "display"]
HAND_KEPT = {"profile.csv", "inventory.csv", "vendors.csv", "roadmap.csv", "event_names.csv"}


@pytest.fixture(scope="module")
def of() -> Settings:
    return settings(users=USERS, seed=SEED)


@pytest.fixture(scope="module")
def world(of: Settings) -> simulate.World:
    return simulate.simulate_from(of)


@pytest.fixture(scope="module")
def sample() -> Workspace:
    return Workspace.open(sample_dir() / "fitness")


def truth_of(world: simulate.World, kind: str) -> pd.Series:
    rows = world.truth[world.truth["kind"] == kind]
    return rows.set_index("name")["incremental_conversions"]


# --- the same again --------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate.write(simulate.simulate(users=500, seed=3), tmp_path / name)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(files) == 21
    assert [n for n in files if (tmp_path / "a" / n).read_bytes() != (tmp_path / "b" / n).read_bytes()] == []


def test_another_seed_gives_another_world() -> None:
    one, other = (simulate.simulate(users=500, seed=seed) for seed in (3, 4))
    alike = [name for name, frame in one.tables.items() if frame.equals(other.tables[name])]
    assert alike == ["controls_weekly", "templates", "backlog"]  # what somebody wrote down


def test_no_part_shifts_another(of: Settings, world: simulate.World) -> None:
    changed = simulate.simulate_from(replace(of, programs=of.programs[:1]))
    differ = [name for name, frame in world.tables.items() if not frame.equals(changed.tables[name])]
    assert differ == ["assignments", "outcomes", "programs", "messages", "templates", "truth"]


def test_the_fitness_sample_is_what_simulate_writes(tmp_path: Path) -> None:
    simulate.write(simulate.simulate(users=20_000, seed=1), tmp_path)
    kept = sample_dir() / "fitness"
    made = {p.name for p in tmp_path.iterdir()}
    assert {p.name for p in kept.iterdir()} == made | HAND_KEPT
    for name in sorted(made - HAND_KEPT):
        if name.endswith(".csv"):
            assert (tmp_path / name).read_bytes() == (kept / name).read_bytes(), name
        else:
            pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), pd.read_parquet(kept / name))
    assert sum(p.stat().st_size for p in kept.iterdir()) < 3_500_000
    assert max(p.stat().st_size for p in kept.iterdir()) < 1_500_000


# --- tables that agree -----------------------------------------------------------------------------------------------


def test_it_passes_its_own_check(world: simulate.World, tmp_path: Path) -> None:
    simulate.write(world, tmp_path / "w")
    ws = Workspace.open(tmp_path / "w")
    assert [str(problem) for problem in ws.check()] == []
    assert set(ws.tables) == set(world.tables)
    notes = [note for status in ws.status() for note in status.notes]
    assert notes == []
    pd.testing.assert_series_equal(
        ws.register("truth")["incremental_conversions"], world.truth["incremental_conversions"]
    )
    assert ws.profile["as_of_date"] == AS_OF


def test_times_do_not_move_with_the_zone_of_the_profile(world: simulate.World, tmp_path: Path) -> None:
    simulate.write(world, tmp_path)
    profile = (tmp_path / "profile.csv").read_text().replace("timezone,UTC", "timezone,America/New_York")
    (tmp_path / "profile.csv").write_text(profile)
    read = Workspace.open(tmp_path).log("conversions").ts.min().execute()
    assert pd.Timestamp(read) == world.tables["conversions"]["ts"].min()


def test_columns_are_those_declared(world: simulate.World) -> None:
    for name, frame in world.tables.items():
        assert set(table(name).required) <= set(frame.columns) <= set(table(name).names), name


def test_conversions_add_up_everywhere(world: simulate.World) -> None:
    day = world.tables["conversions"]["ts"].dt.normalize()
    panel = world.tables["geo_panel"].groupby("date")["outcome"].sum()
    by_day = day.value_counts().reindex(panel.index, fill_value=0)
    assert (panel == by_day).all()
    weekly = world.tables["outcome_weekly"].set_index("week")["outcome"]
    assert len(weekly) == 104
    assert weekly.tail(13).tolist() == by_day.to_numpy().reshape(13, 7).sum(axis=1).tolist()


def test_the_weeks_before_are_of_one_piece_with_the_log(world: simulate.World) -> None:
    weekly = world.tables["outcome_weekly"]["outcome"].to_numpy()
    assert 0.75 < weekly[52:65].mean() / weekly[-52:-39].mean() < 1.33
    assert 0.8 < weekly[-26:-13].mean() / weekly[-13:].mean() < 1.25


def test_the_geo_panel_is_balanced(world: simulate.World) -> None:
    panel = world.tables["geo_panel"].pivot(index="date", columns="geo", values="outcome")
    assert panel.shape == (91, 16)
    assert panel.notna().all(axis=None)
    assert world.tables["geo_panel"].groupby("geo")["population"].nunique().max() == 1


def test_spend_is_the_cost_of_the_touches(world: simulate.World) -> None:
    touches, spend = world.tables["touches"], world.tables["spend"]
    week = touches["ts"].dt.normalize() - pd.to_timedelta((touches["ts"].dt.day_of_week + 1) % 7, unit="D")
    cost = touches["cost"].groupby([week, touches["channel"]]).sum()
    listed = spend.set_index(["date", "channel"])["spend"]
    assert (listed - cost.reindex(listed.index, fill_value=0)).abs().max() < 0.01
    assert listed.sum() == pytest.approx(cost.sum(), abs=1)
    media = world.tables["media_weekly"].rename(columns={"week": "date"}).set_index(["date", "channel"])
    assert (media.loc[listed.index, "spend"] == listed).all()
    assert (media.loc[listed.index, "impressions"] == spend.set_index(["date", "channel"])["impressions"]).all()
    assert world.tables["geo_panel"]["spend"].sum() == pytest.approx(cost.sum(), abs=10)


def test_platforms_claim_what_they_touched(world: simulate.World) -> None:
    touches, conversions = world.tables["touches"], world.tables["conversions"]
    mine = touches[touches["channel"] == "video"]
    pairs = conversions.merge(mine, on="user_id", suffixes=("", "_touch"))
    age = (pairs["ts"] - pairs["ts_touch"]).dt.total_seconds() / DAY
    claimed = pairs[(age >= 0) & (age <= np.where(pairs["kind_touch"] == "click", 28, 14))].drop_duplicates(
        "conversion_id"
    )
    reported = world.tables["platform_reported"].query("channel == 'video'").set_index("month")
    month = claimed["ts"].dt.normalize() - pd.to_timedelta(claimed["ts"].dt.day - 1, unit="D")
    assert reported["conversions"].to_dict() == month.value_counts().to_dict()
    assert reported["value"].sum() == pytest.approx(claimed["value"].sum())


def test_platforms_overcount(sample: Workspace) -> None:
    claims = sample.register("platform_reported").groupby("channel")["conversions"].sum()
    truth = sample.register("truth").set_index("name")["incremental_conversions"]
    assert claims.sum() > sample.log("conversions").count().execute()
    assert (claims[CREATION] / truth[CREATION]).between(1.4, 3.2).all()


def test_buyers_name_what_they_can_remember(sample: Workspace) -> None:
    named = sample.register("survey").groupby("channel")["responses"].sum()
    truth = sample.register("truth").set_index("name")["incremental_conversions"]
    assert named["display"] / truth["display"] < named["influencer"] / truth["influencer"] / 3
    assert named["unknown"] > named.drop("unknown").max()


def test_withheld_touches_are_not_there(of: Settings, world: simulate.World) -> None:
    people, touches = run(of).people, world.tables["touches"]
    for test, held in zip(of.tests, people.held, strict=True):
        seconds = (touches["ts"] - pd.Timestamp("2026-08-02")).dt.total_seconds()
        inside = (touches["channel"] == test.channel) & (seconds >= test.start) & (seconds < test.end)
        assert inside.sum() > 50
        assert not held[touches.loc[inside, "user_id"] - 1].any()


def test_programs_are_arms_of_their_own(world: simulate.World) -> None:
    assigned, outcomes = world.tables["assignments"], world.tables["outcomes"]
    assert not assigned["user_id"].duplicated().any()
    lost = set(outcomes["user_id"]) - set(assigned["user_id"])
    assert 0 < len(lost) < 0.3 * (assigned["program"] == "class suggestions").sum()
    assert set(assigned["user_id"]).isdisjoint(world.tables["touches"]["user_id"])
    shares = assigned.groupby("program")["arm"].apply(lambda arm: (arm != "treatment").mean())
    planned = world.tables["programs"].set_index("program")["holdout_share"]
    assert (shares - planned).abs().max() < 0.1


def test_programs_show_what_they_truly_bring(sample: Workspace) -> None:
    assigned, outcomes = (sample.log(name).execute() for name in ("assignments", "outcomes"))
    joined = outcomes.merge(assigned, on="user_id")
    age = joined["ts"] - joined["assigned_at"]
    counted = joined[(age >= pd.Timedelta(0)) & (age <= pd.Timedelta(days=30))]
    users = assigned.groupby(["program", "arm"]).size()
    rate = counted.groupby(["program", "arm", "event"]).size().unstack().div(users, axis=0)

    def lift(program: str, event: str) -> float:
        arms = rate.loc[program, event]
        return float(arms["treatment"] / arms.drop("treatment").iloc[0] - 1)

    assert lift("win-back journey", "conversion") == pytest.approx(0.22, abs=0.12)
    assert abs(lift("push copy", "conversion")) < 0.12
    assert lift("push copy", "click") > 0.05
    assert abs(lift("home screen by goal", "conversion")) < 0.15
    true = sample.register("truth").set_index("name")["relative_lift"]
    assert true["win-back journey"] == pytest.approx(0.22, abs=0.03)
    assert (true["push copy"], true["home screen by goal"]) == (0, 0)
    assert true[CREATION].isna().all()


# --- a truth that is true --------------------------------------------------------------------------------------------


def without_effect(of: Settings, name: str) -> Settings:
    """The same settings with a channel whose touches are there and make nothing."""
    return replace(of, channels=tuple(replace(c, effect=0.0) if c.name == name else c for c in of.channels))


def without_touches(of: Settings, name: str) -> Settings:
    """The same settings with a channel withheld from everyone all the time."""
    return replace(of, tests=(*of.tests, LiftTest("all", name, "switchback", -99, 199, held_share=1.0)))


def test_truth_is_what_is_missing_when_a_channel_is_withheld(of: Settings, world: simulate.World) -> None:
    """The same random numbers, run again from the start and written down again."""
    true = world.truth.set_index("name")
    value = world.tables["conversions"]["value"].sum()
    for channel in of.channels:
        again = log_of(run(without_touches(of, channel.name)))
        assert of.code(channel.name) not in again.touches.channel
        told = true.loc[channel.name]
        assert len(world.tables["conversions"]) - len(again.user) == told["incremental_conversions"], channel.name
        assert value - again.value.sum() == pytest.approx(told["incremental_value"], abs=0.01)
    assert (true.loc[CREATION, "incremental_conversions"] > 20).all()


def test_truth_is_what_is_missing_when_touches_make_nothing(of: Settings, world: simulate.World) -> None:
    true = truth_of(world, "channel")
    for name in CREATION:
        again = simulate.simulate_from(without_effect(of, name)).tables
        assert len(world.tables["conversions"]) - len(again["conversions"]) == true[name]
        assert (
            abs((again["touches"]["channel"] == name).mean() / (world.tables["touches"]["channel"] == name).mean() - 1)
            < 0.2
        )


@pytest.mark.parametrize("change", [without_effect, without_touches])
def test_truth_holds_between_worlds_that_share_nothing(change) -> None:
    """Other seeds, so other people, spend and luck: the mean of the differences is the mean of the truths."""
    seeds, channel = 24, "paid social"
    drawn = [run(settings(users=3000, seed=seed)) for seed in range(seeds)]
    place = drawn[0].of.code(channel)
    true = np.array([len(c.conversions) - len(c.conversions_without(place)) for c in drawn])
    with_it = np.array([len(c.conversions) for c in drawn])
    bare = (change(settings(users=3000, seed=1000 + seed), channel) for seed in range(seeds))
    without = np.array([len(run(one).conversions) for one in bare])
    error = np.sqrt((with_it.var(ddof=1) + without.var(ddof=1)) / seeds)
    assert with_it.mean() - without.mean() == pytest.approx(true.mean(), abs=3 * error)
    assert true.mean() > 4 * error


def test_what_comes_without_any_channel_is_the_base(of: Settings, world: simulate.World) -> None:
    bare = replace(of, channels=tuple(replace(c, effect=0.0, need=0.0) for c in of.channels))
    least = len(run(bare).conversions)  # these lack nothing, those of the base lack what they needed a channel for
    assert 0.7 * least < truth_of(world, "base").item() < least


def test_conversions_and_truth_by_a_plain_loop() -> None:
    course = run(settings(users=600, seed=5))
    place = course.of.code("email")
    real, without = looped(course, gone=-9), looped(course, gone=place)
    assert course.conversions.tolist() == sorted(real)
    assert course.conversions_without(place).tolist() == sorted(without)
    social = course.of.code("paid social")
    assert len(real) - len(looped(course, gone=social)) == len(course.conversions) - len(
        course.conversions_without(social)
    )


def looped(course, gone: int) -> list[int]:
    """Places of the conversions of the log, one candidate after the other."""
    c, of, people = course.candidates, course.of, course.people
    last: dict[int, int] = {}
    found = []
    for i in np.lexsort((c.time, c.user)):
        lost = c.origin[i] == gone or (gone >= 0 and c.needs[i, gone])
        for test, held in zip(of.tests, people.held, strict=True):
            k = of.code(test.channel)
            when = [c.touched[i]] if c.origin[i] == k else []
            when += [c.time[i] - c.gap[i, k]] if c.needs[i, k] else []
            lost |= held[c.user[i]] and any(test.start <= t < test.end for t in when)
        if lost or c.time[i] - last.get(c.user[i], -(10**9)) < REFRACTORY:
            continue
        last[c.user[i]] = c.time[i]
        if 0 <= c.time[i] < 91 * DAY:
            found.append(int(i))
    return found


def test_lift_tests_hold_the_truth_at_about_their_level() -> None:
    held = []
    for seed in range(50, 90):
        course = run(settings(users=4000, seed=seed))
        rows = lift_frame(log_of(course)).itertuples()
        for row, test, who in zip(rows, course.of.tests, course.people.held, strict=True):
            true = truth.tested(course, test, who)[0]
            held.append(row.lower <= true <= row.upper)
    assert len(held) == 120
    assert 0.82 <= np.mean(held) <= 0.97


def test_lift_tests_tell_the_share_and_the_spend(world: simulate.World) -> None:
    tests = world.tables["lift_tests"].set_index("channel")
    assert tests.loc["paid social", "spend_change"] == -tests.loc["paid social", "baseline_spend"] < 0
    assert tests.loc["video", "scope_share"] == pytest.approx(0.6, abs=0.05)
    assert truth_of(world, "test").index.tolist() == tests["test_id"].tolist()


def test_carry_over_is_the_chance_of_each_week() -> None:
    rng = np.random.default_rng(0)
    touched = rng.random(400_000) * 7
    weeks = np.bincount(((touched + rng.standard_exponential(400_000) * 6) // 7).astype(int), minlength=8)[:8]
    assert carry_over(6) == pytest.approx(weeks / weeks.sum(), abs=0.003)
    assert carry_over(0).tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


# --- the fitness sample ----------------------------------------------------------------------------------------------


def test_the_fitness_sample_dresses_the_second_case(sample: Workspace) -> None:
    assert sample.check() == []
    inventory = sample.register("inventory")
    assert (len(inventory), inventory["annual_cost"].sum()) == (12, 86_400)
    assert 86_400 / sample.profile["annual_revenue"] == pytest.approx(0.03)
    assert sample.profile["mau"] == 240_000
    assert len(sample.register("event_names")) == 42


# --- the command -----------------------------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["simulate", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_writes_a_world_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "w"
    code, out, err = told(capsys, str(folder), "--users", "500", "--seed", "9")
    assert (code, err) == (0, "")
    assert "a simulated world: 500 users" in out
    assert out.endswith(f"Next: martech check --data {folder}\n")
    assert cli.main(["check", "--data", str(folder)]) == 0
    capsys.readouterr()
    before = (folder / "touches.parquet").read_bytes()
    code, out, err = told(capsys, str(folder), "--users", "500")
    assert (code, out) == (1, "")
    assert "holds assignments.parquet, backlog.csv, channels.csv and 18 more already" in err
    assert "choose another folder, nothing was written" in err
    assert (folder / "touches.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--users", "499"], "a world of 499 users is not possible; give from 500 to 2,000,000"),
        (["--users", "3000000"], "a world of 3,000,000 users is not possible; give from 500 to 2,000,000"),
        (["--seed", "-1"], "the seed -1 is below zero; give a whole number from 0 up"),
    ],
)
def test_what_cannot_be_simulated_is_1(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(capsys, str(tmp_path / "w"), *arguments)
    assert (code, out, err) == (1, "", f"martech: {said}\n")
    assert not (tmp_path / "w").exists()


def test_a_number_that_is_none_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        told(capsys, str(tmp_path / "w"), "--users", "many")
    assert stopped.value.code == 2


def test_a_place_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w").write_text("mine")
    assert told(capsys, str(tmp_path / "w"))[0] == 1
    with pytest.raises(WorkspaceError, match="is a file; choose another folder, nothing was written"):
        simulate.refuse_taken(tmp_path / "w")
    with pytest.raises(UserError, match="a world of 12 users"):
        simulate.simulate(users=12, seed=1)
