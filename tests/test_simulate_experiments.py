"""The history of A/B tests: made anew it is the same, its effects are the true ones, and each fault is there as told."""

from __future__ import annotations

import re
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare, norm

from martech_lib import Workspace
from martech_lib.core import simulate
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir
from martech_lib.core.simulate.experiment_settings import HABITS, Experiment, companies, counted, experiments
from martech_lib.core.simulate.experiment_team import compare, decided_on, read, stop
from martech_lib.core.simulate.experiment_users import Effects, Trial, effects_of, trial
from martech_lib.core.simulate.experiments import History, history_of
from martech_lib.core.simulate.programs import programs_of
from martech_lib.core.simulate.settings import AS_OF, settings, stream

COMPANIES = ["fitness", "saas"]
MADE = ["experiments.csv", "backlog.csv", "assignments.parquet", "outcomes.parquet", "truth.csv"]
HUMAN = ("as planned", "no hypothesis", "no downstream", "three changes")  # habits that leave the reading alone


@pytest.fixture(scope="module", params=COMPANIES)
def history(request: pytest.FixtureRequest) -> History:
    return history_of(request.param, seed=1)


def planned_as(company: str, habit: str, **differ: object) -> Experiment:
    return replace(next(t for t in experiments(company) if t.habit == habit), **differ)


def drawn(test: Experiment, seed: int, *, effect: float | None = None, scale: float = 1.0) -> tuple[Trial, Effects]:
    """The users of a test, with an effect of one's own on the primary metric or the one that is drawn."""
    effects = effects_of(test, stream(seed, f"{test.id} effects"))
    if effect is not None:
        effects = effects._replace(primary=np.append(0.0, np.full(len(test.arms) - 1, effect)))
    return trial(test, effects, stream(seed, f"{test.id} users"), scale=scale), effects


# --- the same again --------------------------------------------------------------------------------------------------


def test_the_saas_sample_is_what_is_made_anew(tmp_path: Path) -> None:
    simulate.write(simulate.tests_of("saas", seed=1), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(MADE)
    kept = sample_dir() / "saas"
    for name in MADE:
        if name.endswith(".csv"):
            assert (tmp_path / name).read_bytes() == (kept / name).read_bytes(), name
        else:
            pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), pd.read_parquet(kept / name))
    assert sum((kept / name).stat().st_size for name in MADE) < 600_000


def test_another_seed_gives_other_tests() -> None:
    one, other = (history_of("saas", seed=seed) for seed in (2, 3))
    assert one.backlog.equals(other.backlog)
    assert not one.experiments["effect"].equals(other.experiments["effect"])
    plan = ["id", "hypothesis", "planned_n", "planned_end", "mde"]
    assert one.experiments[plan].equals(other.experiments[plan])


def test_the_rows_of_programs_are_left_as_they_were() -> None:
    of = settings(users=4000, seed=11)
    world, programs = simulate.simulate_from(of), programs_of(of)
    members = set(programs.assignments["user_id"]) | set(programs.outcomes["user_id"])  # some assignments are lost
    for name in ("assignments", "outcomes"):
        rows = world.tables[name]
        mine = rows[rows["user_id"].isin(members)].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, getattr(programs, name), check_dtype=False)


@pytest.mark.parametrize("company", COMPANIES)
def test_the_samples_pass_their_check(company: str) -> None:
    ws = Workspace.open(sample_dir() / company)
    assert ws.check() == []
    assert set(ws.tables) >= {"experiments", "backlog", "assignments", "outcomes", "truth"}


README_ROWS = {
    "looked at every day": "peeked",
    "stopped before": "stopped early",
    "three things changed": "three changes",
    "one-sided": "one-sided",
    "no hypothesis": "no hypothesis",
    "no downstream": "no downstream",
    "a bandit": "bandit",
    "lost some": "sample-ratio fault",
    "three arms": "three arms",
}


def test_the_readme_names_each_fault_and_counts_the_rows() -> None:
    text = (sample_dir() / "README.md").read_text(encoding="utf-8")
    for said, habit in README_ROWS.items():
        cells = next(line for line in text.splitlines() if line.startswith(f"| {said}")).split("|")[2:4]
        for company, cell in zip(COMPANIES, cells, strict=True):
            assert re.findall(r"X-\d{3}", cell) == [t.id for t in experiments(company) if t.habit == habit], habit
    for company in COMPANIES:
        ws = Workspace.open(sample_dir() / company)
        told = text.partition(f"\n## {company}\n")[2].partition("\n## ")[0]
        for name in ("experiments", "backlog", "truth"):
            assert f"| {name}.csv | {len(ws.register(name))} |" in told
        logs = [f"{ws.log(name).count().execute():,}" for name in ("assignments", "outcomes")]
        assert f"| assignments.parquet, outcomes.parquet | {', '.join(logs)} |" in told


def test_who_is_not_described_is_refused() -> None:
    assert companies() == ("fitness", "saas")
    with pytest.raises(UserError, match="no A/B tests are described for 'bank'; there are: fitness, saas"):
        simulate.tests_of("bank", seed=1)
    with pytest.raises(UserError, match="the seed -1 is below zero"):
        simulate.tests_of("saas", seed=-1)


# --- the plans -------------------------------------------------------------------------------------------------------


def test_metrics_are_read_by_their_grammar() -> None:
    assert counted("trial start rate") == ("rate", "trial start", "")
    assert counted("workout per user") == ("count", "workout", "")
    assert counted("conversion value per user") == ("value", "conversion", "")
    assert counted("click per impression") == ("ratio", "click", "impression")
    with pytest.raises(ValueError, match="'revenue' is not the name of a metric"):
        counted("revenue")


@pytest.mark.parametrize("company", COMPANIES)
def test_every_habit_is_there(company: str) -> None:
    habits = pd.Series([t.habit for t in experiments(company)]).value_counts()
    assert set(habits.index) == set(HABITS)
    assert habits["peeked"] == 2
    alone = [h for h in HABITS if h not in ("as planned", "three looks", "peeked")]
    assert (habits[alone] == 1).all()
    assert habits["as planned"] > len(experiments(company)) / 2


@pytest.mark.parametrize("company", COMPANIES)
def test_a_surface_runs_one_test_at_a_time(company: str) -> None:
    on = pd.DataFrame([(t.on.name, t.start, t.planned_end) for t in experiments(company) if t.habit != "holdout"])
    on = on.sort_values([0, 1])
    followed = on[0] == on[0].shift(-1)
    assert (on[2] < on[1].shift(-1))[followed].all()


def test_users_planned_are_those_the_formula_asks_for() -> None:
    """20 % to 25 %, pooled: 1,094 in each arm, as the published calculators of that formula say."""
    test = planned_as("fitness", "as planned")
    at = replace(test, on=replace(test.on, baseline=0.2))
    assert at._needed(0.25) == 2 * 1094
    mde, planned = test.planned(1.0)
    assert planned == test._needed(mde) <= test.units(1.0) < test._needed(mde - 0.005) / 0.9


def test_the_register_is_filled_as_a_team_would(history: History) -> None:
    e = history.experiments
    done = e[e["decision"].notna()]
    assert e["id"].is_unique
    assert e["fingerprint"].isna().all()
    assert (done["decided_on"] <= AS_OF).all()
    assert e.loc[e["decision"].isna(), "is_holdout"].tolist().count("no") == 3
    quarters = pd.to_datetime(done["decided_on"]).dt.to_period("Q").value_counts()
    assert quarters.drop(pd.Period("2026Q4")).between(8, 11).all()
    full = done[(done["stop_reason"] == "planned") & (done["looks"] >= done["looks_planned"])]
    assert (full["actual_n"] >= full["planned_n"]).all()
    sentence = r"We believe that .+ for .+ will (?:raise|lower) the .+ because .+\."
    assert e["hypothesis"].str.fullmatch(sentence).sum() == len(e) - 1


def test_decisions_follow_from_the_figures(history: History) -> None:
    e = history.experiments
    e = e[e["decision"].notna() & (e["method"].str.contains("fixed horizon")) & (e["tails"] == 2)]
    seen = e["p_value"] < e["alpha"]
    assert seen.equals((e["ci_low"] > 0) | (e["ci_high"] < 0))  # interval and p-value say the same
    good = np.where(e["hypothesis"].str.contains(" will lower "), -1, 1) * e["effect"] > 0
    assert (e.loc[e["decision"] == "ship", "id"].isin(e.loc[seen & good, "id"])).all()
    assert (e.loc[seen & ~good, "decision"] == "no ship").all()
    assert e.loc[~seen, "decision"].isin(["inconclusive", "no ship"]).all()


def test_only_winners_are_followed_up_and_not_all(history: History) -> None:
    e = history.experiments
    followed = e["followup_effect"].notna()
    assert (e.loc[followed, "decision"] == "ship").all()
    assert 0 < followed.sum() < (e["decision"] == "ship").sum()


# --- effects that are true -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("company", "metric"), [(c, m) for c in COMPANIES for m in sorted({t.on.metric for t in experiments(c)})]
)
@pytest.mark.parametrize("effect", [-0.2, 0.25])
def test_the_treatment_does_what_was_drawn(company: str, metric: str, effect: float) -> None:
    """Made by the treated beside what the same would have made: many users, so the ratio is near 1 + effect."""
    test = next(t for t in experiments(company) if t.on.metric == metric and t.habit in HUMAN)
    users, _ = drawn(test, 5, effect=effect, scale=60_000 / test.units(1.0))
    treated = users.arm == 1
    made, base = users.made[treated], users.base[treated]
    error = np.std(made - (1 + effect) * base) * sqrt(len(made)) / base.sum()
    assert made.sum() / base.sum() == pytest.approx(1 + effect, abs=4 * error)
    assert error < 0.02
    assert (users.made[~treated] == users.base[~treated]).all()


def test_intervals_hold_the_truth_and_nothing_is_seen_where_nothing_is() -> None:
    held, seen = [], []
    for seed in range(30):
        for test in (t for c in COMPANIES for t in experiments(c) if t.habit in HUMAN):
            users, effects = drawn(test, seed, scale=0.3)
            of = read(test, users).of
            held.append(of.low <= effects.primary[1] <= of.high)
            seen.append(read(test, drawn(test, 500 + seed, effect=0.0, scale=0.3)[0]).is_seen)
    error = sqrt(0.05 * 0.95 / len(held))
    assert len(held) > 1500
    assert np.mean(held) == pytest.approx(0.95, abs=3 * error)
    assert np.mean(seen) == pytest.approx(0.05, abs=3 * error)


def test_the_intervals_are_fiellers() -> None:
    rng = np.random.default_rng(1)
    made, treated = rng.random(4000).round(), rng.random(4000) < 0.5
    of = compare(made, np.ones(4000), treated, level=0.95)
    for limit in (
        of.low,
        of.high,
    ):  # at its limits the difference from the control, raised by them, is just significant
        m0, m1 = made[~treated].mean(), made[treated].mean()
        v0, v1 = m0 * (1 - m0) / (~treated).sum(), m1 * (1 - m1) / treated.sum()
        z = (m1 - (1 + limit) * m0) / sqrt(v1 + (1 + limit) ** 2 * v0)
        assert abs(z) == pytest.approx(norm.ppf(0.975))


def test_three_looks_keep_the_rate_of_false_alarms() -> None:
    test = planned_as("fitness", "three looks")
    alarms = []
    for seed in range(800):
        users, _ = drawn(test, seed, effect=0.0, scale=0.2)
        stopped = stop(test, users, planned=test.planned(0.2)[1])
        alarms.append(read(test, users.until(stopped.days), look=stopped.looks).is_seen)
    assert np.mean(alarms) == pytest.approx(0.05, abs=3 * sqrt(0.05 * 0.95 / len(alarms)))


def test_truth_is_told_of_every_arm_that_was_read(history: History) -> None:
    names = [row["name"] for row in history.truth]
    three = history.experiments.loc[history.experiments["split"] == "34/33/33", "id"].item()
    read_ids = history.experiments.loc[history.experiments["is_holdout"] == "no", "id"]
    assert sorted(names) == sorted([*read_ids[read_ids != three], f"{three} A", f"{three} B"])
    lifts = np.array([row["relative_lift"] for row in history.truth])
    assert (np.abs(lifts) < 0.05).mean() > 0.4
    assert (lifts < 0).any()
    assert np.abs(lifts).max() <= 0.25


# --- logs that agree with the register -------------------------------------------------------------------------------


def joined(history: History, test_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    users = history.assignments[history.assignments["program"] == test_id]
    return users, history.outcomes.merge(users[["user_id", "arm", "assigned_at", "planned_share"]], on="user_id")


def recounted(history: History, row: pd.Series) -> pd.Series:
    """The metric of each arm, counted from the logs."""
    users, outcomes = joined(history, row["id"])
    kind, event, other = counted(row["primary_metric"])
    mine = outcomes[outcomes["event"] == event].groupby("arm")
    whole = (
        users.groupby("arm").size() if kind != "ratio" else outcomes[outcomes["event"] == other].groupby("arm").size()
    )
    above = {"rate": mine["user_id"].nunique(), "value": mine["value"].sum()}.get(kind, mine.size())
    return above / whole


def test_the_logs_give_what_the_register_says(history: History) -> None:
    e = history.experiments[history.experiments["id"].isin(history.assignments["program"])]
    assert len(e) == 10
    for _, row in e.iterrows():
        metric = recounted(history, row)
        users, _ = joined(history, row["id"])
        assert users["arm"].nunique() == len(row["split"].split("/"))
        if pd.notna(row["decision"]):
            effects = (metric.drop("control") / metric["control"] - 1).round(4)
            assert row["effect"] in effects.tolist()
            assert row["actual_n"] == len(users)


def test_no_user_is_shared_and_nothing_comes_before_the_assignment(history: History) -> None:
    assert history.assignments["user_id"].is_unique
    assert history.assignments["user_id"].min() > 20_000_000  # programs and the log have lower ids
    both = history.outcomes.merge(history.assignments, on="user_id")
    assert len(both) == len(history.outcomes)
    after = both["ts"] - both["assigned_at"]
    assert (after > pd.Timedelta(0)).all()
    assert (after < pd.Timedelta(days=7)).all()
    assert both["ts"].max() < pd.Timestamp("2026-11-01")
    assert history.assignments["pre_value"].notna().any()


def test_the_logs_stay_small_and_conversions_are_enough(history: History) -> None:
    assert len(history.assignments) <= 60_000
    assert len(history.outcomes) <= 90_000
    done = history.experiments.dropna(subset=["decision"])
    for _, row in done[done["id"].isin(history.assignments["program"])].iterrows():
        _, outcomes = joined(history, row["id"])
        mine = outcomes[outcomes["event"] == counted(row["primary_metric"]).event]
        assert mine.groupby("arm")["user_id"].nunique().min() >= 100, row["id"]


def test_unique_users_come_ever_more_slowly() -> None:
    test = planned_as("fitness", "as planned", weeks=4)
    days = drawn(test, 1, scale=10)[0].day
    for share in (0.25, 0.5, 0.75):
        assert (days < 28 * share).mean() == pytest.approx(share**0.75, abs=0.01)


# --- faults that are there as told -----------------------------------------------------------------------------------


def arms_of(history: History, test_id: str) -> np.ndarray:
    arms = history.assignments.loc[history.assignments["program"] == test_id, "arm"]
    return arms.value_counts().reindex(["control", "treatment"]).to_numpy()


def test_the_fault_of_saas_is_seen_in_its_sample_ratio_and_in_no_other() -> None:
    history = history_of("saas", seed=1)
    faulty = planned_as("saas", "sample-ratio fault")
    assert chisquare(arms_of(history, faulty.id)).pvalue < 0.001
    fixed = [t for t in experiments("saas") if t.is_logged and t.habit not in ("bandit", "three arms", faulty.habit)]
    assert min(chisquare(arms_of(history, t.id)).pvalue for t in fixed) > 0.001


@pytest.mark.parametrize("company", COMPANIES)
def test_the_fault_takes_the_least_keen_of_the_treated_on_four_days(company: str) -> None:
    faulty = planned_as(company, "sample-ratio fault")
    whole, some = (
        drawn(replace(faulty, habit=habit), 3, effect=0.0, scale=20)[0] for habit in ("as planned", faulty.habit)
    )
    gone = np.array([np.bincount(t.day[t.arm == 1], minlength=28) for t in (whole, some)])
    assert (gone[0] != gone[1]).nonzero()[0].tolist() == [4, 5, 6, 7]
    assert (some.arm == 0).sum() == (whole.arm == 0).sum()
    assert some.made[some.arm == 1].mean() > 1.01 * whole.made[whole.arm == 1].mean()


def test_the_bandit_moves_and_says_with_which_probability(history: History) -> None:
    row = history.experiments[history.experiments["allocation"] == "bandit"].squeeze()
    users, _ = joined(history, row["id"])
    day = users["assigned_at"].dt.normalize()
    shares = users.groupby([day, "arm"])["planned_share"].agg(["min", "max", "size"]).unstack()
    assert (shares["min"] == shares["max"]).all(axis=None)  # one probability a day and arm
    assert np.allclose(shares["min"].sum(axis=1), 1)
    assert shares["min"]["treatment"].iloc[0] == 0.5
    assert shares["min"]["treatment"].iloc[-7:].sub(0.5).abs().min() > 0.1
    expected, found = shares["min"]["treatment"] * shares["size"].sum(axis=1), shares["size"]["treatment"]
    error = np.sqrt((expected * shares["min"]["control"]).sum())
    assert found.sum() == pytest.approx(expected.sum(), abs=4 * error)


def test_inverse_shares_give_the_true_effect_of_a_bandit_and_plain_means_do_not() -> None:
    """Who comes late converts less and meets the better arm more often, so the plain comparison is too low."""
    test = planned_as("saas", "bandit")
    weighted, plain = [], []
    for seed in range(300):
        users, _ = drawn(test, seed, effect=0.2)
        for found, weight in ((weighted, 1 / users.share), (plain, np.ones(len(users.arm)))):
            m0, m1 = (np.average(users.made[users.arm == arm], weights=weight[users.arm == arm]) for arm in (0, 1))
            found.append(m1 / m0 - 1)
    error = np.std(weighted) / sqrt(len(weighted))
    assert np.mean(weighted) == pytest.approx(0.2, abs=3 * error + 0.005)  # a ratio of two means is a little high
    assert np.mean(plain) < np.mean(weighted) - 3 * error


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("company", COMPANIES)
def test_who_peeks_stops_at_the_first_look_that_seems_significant(company: str, seed: int) -> None:
    for test in (t for t in experiments(company) if t.habit == "peeked"):
        users, _ = drawn(test, seed)
        stopped = stop(test, users, planned=0)
        looks = [read(test, users.until(day)).p for day in range(1, stopped.days + 1)]
        assert stopped.looks == stopped.days
        assert min(looks[:-1], default=1.0) >= 0.05
        assert (stopped.reason == "peek") == (stopped.days < test.days)
        assert stopped.days == test.days or looks[-1] < 0.05


def test_peeking_raises_false_alarms() -> None:
    test = planned_as("fitness", "peeked")
    stops = [stop(test, drawn(test, seed, effect=0.0, scale=0.3)[0], planned=0) for seed in range(150)]
    assert 0.15 < np.mean([s.reason == "peek" for s in stops]) < 0.4


def test_what_is_left_out_is_left_out(history: History) -> None:
    e = history.experiments
    assert (e["variables_changed"] == 3).sum() == 1
    assert (e["tails"] == 1).sum() == 1
    assert (e["hypothesis"] == "").sum() == 1
    bare = e[e["downstream_metric"] == ""].squeeze()
    assert pd.isna(bare["downstream_effect"])
    early = e[e["stop_reason"] == "other"].squeeze()
    assert early["actual_n"] < early["planned_n"]
    assert early["stopped"] < early["planned_end"]
    assert (e["looks"] > e["looks_planned"]).any()


def test_decisions_are_made_on_working_days() -> None:
    assert [decided_on(pd.Timestamp("2026-08-02").date() + pd.Timedelta(days=n)).weekday() for n in range(7)] == [
        *(0, 1, 2, 3, 4, 0, 0),
    ]


def test_small_and_large_companies_have_tests_too() -> None:
    small, usual = history_of("saas", seed=4, scale=0.05), history_of("saas", seed=4)
    assert len(small.experiments) == len(usual.experiments)
    assert len(small.assignments) < len(usual.assignments) / 4
    assert (small.experiments["planned_n"] <= usual.experiments["planned_n"]).all()
    assert small.backlog["weekly_units"].max() == usual.backlog["weekly_units"].max() / 20
