"""The planner's sentences, word for word, and the plain numbers in them beside the library's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from experiment_frames import PASSING, TWENTY_TO_25, a_plan, read, with_events, workspace_of, world

from martech_lib import Workspace, experiments
from martech_lib.core.places import sample_dir
from martech_lib.core.sequential import peeked
from martech_lib.core.spoken import percent
from martech_lib.experiments import words
from martech_lib.experiments.conventions import conventions
from martech_lib.experiments.duration import reach_of
from martech_lib.experiments.rules import rules_of

SAID = "with 80 % power, you need"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"To see conversion rate rise from 20.0 % to 25.0 %, by 25.0 %, {SAID} 1,094 users an arm, 2,188 in all: 2 weeks at 1,100 unique users a week."),
        ({"mde": -0.05, "relative": False}, "To see conversion rate fall from 20.0 % to 15.0 %, by 25.0 %, "),
        ({"weekly_units": None}, "2,188 in all. How long that takes nobody knows until weekly users are given."),
        ({"weekly_units": 2188}, "2,188 in all: 1 week at 2,188 unique users a week."),
        ({"split": "80/20"}, "users in the control arm, "),
        ({"primary_metric": "order value per user", "baseline": 12, "sd": 30}, "To see order value per user rise from 12.00 to 15.00, by 25.0 %, "),
    ],
)  # fmt: skip
def test_headline(changes: dict[str, Any], said: str) -> None:
    plan = a_plan(**changes)
    told = words.headline(plan)
    assert said in told
    assert f"{plan.sample_size:,} users" in told and f"{plan.total_units:,} in all" in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": 0.1, "mde": 1e-4, "relative": False}, "rise from 10.00 % to 10.01 %, by 0.1 %, "),
        ({"baseline": 0.1, "mde": -2e-6, "relative": False}, "fall from 10.0000 % to 9.9998 %, by 0.002 %, "),
        ({"primary_metric": "order value per user", "baseline": 12, "sd": 30, "mde": 1e-4}, "rise from 12.000 to 12.001, by 0.01 %, "),
        ({"power": 0.9997}, "with more than 99.9 % power, you need"),
        ({"power": 0.997}, "with 99.7 % power, you need"),
        ({"planned_units": 9000}, "which sees it in more than 99.9 % of cases"),
        ({"weekly_units": 1.7}, "2,188 in all: about 25 years at 2 unique users a week."),
        ({"weekly_units": 0.01}, "2,188 in all: more than 1,000 years at 0 unique users a week."),
        ({"weekly_units": 4.3}, "2,188 in all: 509 weeks at 4 unique users a week."),
    ],
)  # fmt: skip
def test_a_headline_of_extremes(changes: dict[str, Any], said: str) -> None:
    """As many digits as a change needs, no power of 100 %, and no weeks that nobody counts."""
    assert said in words.headline(a_plan(**changes))


def test_waiting_for_a_thousand_years() -> None:
    said = words.waiting(a_plan(weekly_units=0.01, growth=0.7))
    assert " after more than 1,000 years." in said or said.startswith("No change is seen in that time.")
    assert "Visitors come back: more than 1,000 years bring " in said and "52,000" not in said
    small = words.waiting(a_plan(mde=1e-5, weekly_units=1e9))
    assert small.startswith("The smallest change that is seen: 0.04 % after 1 week and 0.001 % after about 24 years.")


def test_waiting() -> None:
    assert words.waiting(a_plan()) == (
        "The smallest change that is seen: 35.8 % after 1 week and 24.9 % after 2 weeks. If the change works, the "
        "control arm has 55 fewer of “conversion” by then."
    )  # 1,100 users of the control arm, 5 points each: 55
    assert words.waiting(a_plan(weekly_units=None)) == ""
    assert words.waiting(a_plan(weekly_units=5000)).startswith("The smallest change that is seen: 16.3 % after 1 week.")


def test_waiting_for_visitors_who_come_back() -> None:
    plan = a_plan(growth=0.7)
    # 1,100 x weeks^0.7 reaches 2,188 in (2188 / 1100)^(1 / 0.7) = 2.67 weeks.
    assert plan.weeks == 3
    brought = f"{1100 * 3**0.7:,.0f}"
    assert f"Visitors come back: 3 weeks bring {brought} unique users, not 3,300." in words.waiting(plan)


def test_the_reach_of_small_programmes() -> None:
    assert words.advice(a_plan(weekly_units=10_000)) == ""
    small = words.advice(a_plan(weekly_units=4_999))
    assert small.startswith("With fewer than about 5,000 users a week a programme of tests decides little: ")
    far = a_plan(mde=0.02, weekly_units=10_000)
    seen = percent(reach_of(far).seen / 0.2)
    assert words.advice(far).startswith(f"This is out of reach: 8 weeks see a change of {seen}, not of 2.0 %.")
    assert "see no change at all" in words.advice(a_plan(baseline=0.999, mde=0.0005, weekly_units=20))


def test_looking() -> None:
    plan = a_plan(rule="obrien_fleming", looks=4)
    told, rules = words.looking(plan), {rule.rule: rule for rule in rules_of(plan)}
    assert told.startswith("Looked at on each of 21 days and stopped at the first p below 0.05, a test of nothing ")
    assert f"in {percent(peeked(21, alpha=0.05))} of cases, not 5 %. 4 declared looks cost" in told
    for rule, name in (("obrien_fleming", "O'Brien-Fleming"), ("pocock", "Pocock")):
        most = rules[rule].most_units
        assert most is not None and f"{percent(most - 1)} " in told and f"by {name}" in told
    assert percent(peeked(28, alpha=0.05)) in words.looking(a_plan(weekly_units=600)), "27.5 % at 28 looks"
    assert "27.5 %" in words.looking(a_plan(weekly_units=600))


@pytest.mark.parametrize(
    ("alpha", "p", "share"), [(0.001, "0.001", "0.1 %"), (0.025, "0.025", "2.5 %"), (0.1, "0.10", "10 %")]
)
def test_looking_at_any_alpha(alpha: float, p: str, share: str) -> None:
    told = words.looking(a_plan(alpha=alpha))
    assert f"at the first p below {p}, " in told and f" of cases, not {share}. " in told


def test_calculators() -> None:
    told = words.calculators(a_plan())
    assert told == (
        "From 20 % to 25 % the published calculators say 1,030 (Evan Miller's calculator) to 1,288 (GrowthBook's "
        "planner) users an arm. The pooled formula gives 1,094, and the test then really has 80.1 % power; with 1,030 it "
        "has 77.7 %."
    )
    assert conventions()[0].units == experiments.sample_size(baseline=0.2, mde=0.05) == 1094


def test_gate() -> None:
    assert words.gate(a_plan()) == (
        "3 rules of six are not passed: Hypothesis first, One variable and Downstream and guardrails."
    )
    assert words.gate(a_plan(**{**PASSING, "variables_changed": 2})) == "1 rule of six is not passed: One variable."
    assert words.gate(a_plan(**PASSING)) == "The plan passes all six rules and can be registered."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "by Dunnett's critical value; the power is that of finding the one arm that has the effect."),
        ({"many": "holm", "power_of": "every"}, "by Holm's order; the power is that of finding every arm at once."),
        ({"rule": "pocock", "looks": 3}, "by equal parts (Bonferroni), for it has looks; the power"),
    ],
)
def test_arms(changes: dict[str, Any], said: str) -> None:
    assert words.arms(a_plan()) == ""
    assert words.arms(a_plan(split="34/33/33", **changes)).startswith(
        f"2 arms beside the control share one alpha {said}"
    )


def test_a_reading_says_what_was_left_out() -> None:
    arms = with_events({"conversion": 219}, {"conversion": 219})
    assert words.reading(read(arms)).startswith("T: Inconclusive: the change of conversion rate lies between ")
    assignments, outcomes = world(arms)
    late = outcomes.assign(ts=outcomes["ts"] + pd.Timedelta(days=8))
    found = experiments.read(a_plan(window_days=7), assignments, late)
    assert words.reading(found).endswith(f" Left out: {2 * 219} outcomes after the window.")


def test_backlog_and_record_of_nothing(tmp_path: Path) -> None:
    ws = workspace_of(tmp_path)
    assert words.backlog(experiments.backlog(ws)) == "Not measured: supply backlog.csv with ideas."
    assert words.record(experiments.record(ws)) == "Not measured: supply experiments.csv, the register of experiments."
    assert words.peeks(experiments.record(ws)) == ""


@pytest.mark.parametrize("company", ["saas", "fitness"])
def test_backlog_and_record_of_the_samples(company: str) -> None:
    ws = Workspace.open(sample_dir() / company)
    found, told = experiments.backlog(ws), experiments.record(ws)
    states = [idea.state for idea in found.ideas]
    assert words.backlog(found) == (
        f"{states.count('fits')} of {len(states)} ideas fit the quarter; a healthy programme decides 8 to 15. "
        f"{states.count('too long')} cannot be powered within 8 weeks. {states.count('unknown')} lack a figure."
    )
    summary = told.summary
    decided, breaks, held = (
        summary[f"experiments.{name}"] for name in ("shipped_per_quarter", "rule_breaks", "winners_held")
    )
    said = words.record(told)
    assert said.startswith(f"{decided:.0f} experiments were decided in the last whole quarter. ")
    assert f"{breaks:.0%} of {len(told.ids)} experiments that could be judged break".replace("%", " %", 1) in said
    followed = [winner for winner in told.winners if winner.followup is not None]
    assert f"{held:.0%} of {len(followed)} winners that were followed up held (".replace("%", " %", 1) in said
    assert "28 looks raise 5.0 % false alarms to 27.5 %." in words.peeks(told)


def test_one_is_counted_as_one(tmp_path: Path) -> None:
    """The register of a single experiment."""
    workspace_of(tmp_path)
    (tmp_path / "experiments.csv").write_text(
        "id,name,decision,decided_on,start\nX-1,A,ship,2026-08-03,2026-07-01\n", encoding="utf-8"
    )
    said = words.record(experiments.record(Workspace.open(tmp_path)))
    assert said.startswith("1 experiment was decided in the last whole quarter.")


def test_the_plan_of_the_tests_is_the_textbooks() -> None:
    assert experiments.plan(**TWENTY_TO_25).sample_size == 1094
