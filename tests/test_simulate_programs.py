"""Personalization programs of the simulated world: what the tables show is what the truth says, faults included."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from math import erfc, sqrt

import numpy as np
import pandas as pd
import pytest

from martech_lib import Workspace
from martech_lib.core.places import sample_dir
from martech_lib.core.simulate.messages import SAMPLE, Template, messages_frame, templates, templates_frame
from martech_lib.core.simulate.program_settings import PROGRAMS, UNIVERSAL, Program, universal_holdout
from martech_lib.core.simulate.programs import Programs, programs_of
from martech_lib.core.simulate.settings import Settings, settings

BY_NAME = {program.name: program for program in PROGRAMS}
FAULTY = [program.name for program in PROGRAMS if program.lost]
WHOLE = [name for name in BY_NAME if name not in FAULTY]


@pytest.fixture(scope="module")
def of() -> Settings:
    return settings(users=20_000, seed=1)


@pytest.fixture(scope="module")
def drawn(of: Settings) -> Programs:
    return programs_of(of)


@pytest.fixture(scope="module")
def members(drawn: Programs) -> pd.DataFrame:
    """Those in the log: program, segment, whether treated, whether they clicked and converted in the window."""
    joined = drawn.outcomes.merge(drawn.assignments, on="user_id")
    age = joined["ts"] - joined["assigned_at"]
    counted = joined[(age >= pd.Timedelta(0)) & (age <= pd.Timedelta(days=30))]
    did = {event: set(counted.loc[counted["event"] == event, "user_id"]) for event in ("click", "conversion")}
    return drawn.assignments.assign(
        treated=drawn.assignments["arm"] == "treatment",
        **{event: drawn.assignments["user_id"].isin(who) for event, who in did.items()},
    )


@pytest.fixture(scope="module")
def messages(of: Settings, drawn: Programs) -> pd.DataFrame:
    return messages_frame(of, drawn.impressions)


def with_programs(of: Settings, change: Callable[[Program], Program]) -> Programs:
    """The same world with its programs changed."""
    return programs_of(replace(of, programs=tuple(change(program) for program in of.programs)))


def z_of(members: pd.DataFrame, event: str) -> float:
    """Pooled z of two proportions, treated less control."""
    arms = members.groupby("treated")[event].agg(["size", "mean"])
    p = members[event].mean()
    return float((arms["mean"][True] - arms["mean"][False]) / sqrt(p * (1 - p) * (1 / arms["size"]).sum()))


def p_of_split(members: pd.DataFrame, program: Program) -> float:
    """Chi-square of the planned split, one degree of freedom."""
    n, held = len(members), (~members["treated"]).sum()
    return erfc(abs(held - n * program.holdout) / sqrt(2 * n * program.holdout * (1 - program.holdout)))


# --- what they bring -------------------------------------------------------------------------------------------------


def test_truth_is_what_is_missing_when_programs_do_nothing(of: Settings, drawn: Programs) -> None:
    """The same random numbers, drawn again with no effect and nobody lost: the tables differ by the truth."""
    bare = with_programs(of, lambda p: replace(p, lift=0.0, segment_lifts=(), lost=0.0))
    who = bare.assignments.set_index("user_id")
    who["part"] = who["program"] + " " + who["segment"].astype(str)
    extra = pd.Series(dtype=float)
    for key in ("program", "part"):
        counts = [
            who[key].loc[one.outcomes.query("event == 'conversion'")["user_id"]].value_counts() for one in (drawn, bare)
        ]
        extra = pd.concat([extra, counts[0] - counts[1]])
    true = pd.DataFrame(drawn.truth).set_index("name")["incremental_conversions"]
    assert extra[true.index].to_dict() == true.to_dict()
    assert (true["push copy"], true["home screen by goal"]) == (0, 0)


def test_truth_has_a_row_for_each_and_for_segments_that_differ(drawn: Programs) -> None:
    true = pd.DataFrame(drawn.truth).set_index("name")
    assert [*true.index] == [
        "win-back journey",
        "win-back journey lapsing",
        "win-back journey lapsed",
        *[name for name in BY_NAME if name != "win-back journey"],
    ]
    whole = true["incremental_conversions"]
    assert whole["win-back journey"] == whole["win-back journey lapsing"] + whole["win-back journey lapsed"]
    assert true["relative_lift"]["win-back journey lapsing"] == pytest.approx(0.44, abs=0.08)
    assert true["relative_lift"]["win-back journey lapsed"] == 0
    assert true["relative_lift"]["streak reminders"] == pytest.approx(-0.25, abs=0.05)


def test_the_mean_lift_is_that_of_its_segments() -> None:
    for program in PROGRAMS:
        assert len(program.lifts) == len(program.segments)
        assert np.mean(program.lifts) == pytest.approx(program.lift)


@pytest.mark.parametrize(
    ("name", "conversions", "clicks"),
    [
        ("win-back journey", (1.96, 9), (1.96, 9)),
        ("push copy", (-1.96, 1.96), (1.96, 9)),
        ("home screen by goal", (-1.96, 1.96), (-1.96, 1.96)),
        ("studio partners", (-1.96, 1.96), (-1.96, 1.96)),
        ("streak reminders", (-9, -1.96), (1.96, 9)),
        ("universal holdout", (-1.96, 1.96), (-9, 9)),
    ],
)
def test_the_sample_shows_what_it_was_made_to_show(
    members: pd.DataFrame, name: str, conversions: tuple[float, float], clicks: tuple[float, float]
) -> None:
    of_it = members[members["program"] == name]
    assert conversions[0] < z_of(of_it, "conversion") < conversions[1]
    assert clicks[0] < z_of(of_it, "click") < clicks[1]


def test_segments_of_the_win_back_journey_differ(members: pd.DataFrame) -> None:
    of_it = members[members["program"] == "win-back journey"]
    assert z_of(of_it[of_it["segment"] == "lapsing"], "conversion") > 4
    assert abs(z_of(of_it[of_it["segment"] == "lapsed"], "conversion")) < 1.96


def test_the_universal_holdout_brings_the_average_of_the_others(members: pd.DataFrame) -> None:
    others = [program for program in PROGRAMS if program.name != UNIVERSAL]
    universal = BY_NAME[UNIVERSAL]
    assert universal == universal_holdout(others) == PROGRAMS[-1]
    weights = [p.members * p.rate for p in others]
    assert universal.lift == pytest.approx(np.average([p.lift for p in others], weights=weights), abs=0.005)
    assert universal.holdout == 0.05
    assert not members["user_id"].duplicated().any()


# --- splits ----------------------------------------------------------------------------------------------------------


def test_one_split_is_broken_and_the_others_are_not(members: pd.DataFrame) -> None:
    p = {name: p_of_split(members[members["program"] == name], BY_NAME[name]) for name in BY_NAME}
    assert FAULTY == ["class suggestions"]
    assert p["class suggestions"] < 1e-6
    assert {name for name in WHOLE if p[name] < 0.001} == set()


def test_the_lost_are_treated_clicked_nothing_and_fell_into_two_weeks(of: Settings, drawn: Programs) -> None:
    kept = with_programs(of, lambda p: replace(p, lost=0.0))
    lost = kept.assignments[~kept.assignments["user_id"].isin(drawn.assignments["user_id"])]
    assert set(lost["program"]) == {"class suggestions"}
    assert set(lost["arm"]) == {"treatment"}
    assert (lost["assigned_at"].max() - lost["assigned_at"].min()).days < 14
    clicked = drawn.outcomes.loc[drawn.outcomes["event"] == "click", "user_id"]
    assert set(lost["user_id"]).isdisjoint(clicked)
    treated = kept.assignments.query("program == 'class suggestions' and arm == 'treatment'")
    there = treated[treated["assigned_at"].between(lost["assigned_at"].min(), lost["assigned_at"].max())]
    silent = (~there["user_id"].isin(clicked)).sum()
    assert len(lost) == pytest.approx(0.9 * silent, abs=4 * sqrt(silent * 0.09))
    pd.testing.assert_frame_equal(kept.outcomes, drawn.outcomes)
    assert kept.truth == drawn.truth


def test_no_program_shifts_another(of: Settings, drawn: Programs) -> None:
    fewer = programs_of(replace(of, programs=of.programs[:3]))
    same = drawn.assignments[drawn.assignments["program"].isin([p.name for p in of.programs[:3]])]
    pd.testing.assert_frame_equal(fewer.assignments, same.reset_index(drop=True))


# --- messages --------------------------------------------------------------------------------------------------------


def test_messages_are_a_sample_made_from_the_templates(of: Settings, messages: pd.DataFrame) -> None:
    assert len(messages) == SAMPLE
    assert messages["message_id"].is_unique
    made_from = {t.template: t for t in templates()}
    assert len(made_from) == len(templates())
    assert set(messages["template"]) == set(made_from) == set(templates_frame(of)["template"])
    for row in messages.itertuples():
        template = made_from[row.template]
        assert row.program == template.program
        pattern = re.sub(r"\\\{\w+\\\}", "(.*)", re.escape(template.text))
        assert re.fullmatch(pattern, row.body), row.body


def test_programs_send_as_often_as_they_are_seen(drawn: Programs, messages: pd.DataFrame) -> None:
    seen = drawn.impressions["program"].value_counts()[messages["program"].unique()]
    share = messages["program"].value_counts(normalize=True)
    assert (share - seen / seen.sum()).abs().max() < 4 * sqrt(0.25 / SAMPLE)
    plain = [t.template for t in templates() if t.arm == "control"]
    own = messages[messages["program"] == "win-back journey"]
    assert own["template"].isin(plain).mean() == pytest.approx(0.3, abs=4 * sqrt(0.21 / len(own)))


@pytest.mark.parametrize(
    ("template", "literal"),
    [("come back by name", "Hi {first_name},"), ("streak at risk", "Hi ,"), ("next class", "Hi there,")],
)
def test_names_that_are_not_known_show_as_the_template_lets_them(
    messages: pd.DataFrame, template: str, literal: str
) -> None:
    own = messages[messages["template"] == template]
    share = BY_NAME[own["program"].iloc[0]].unfilled
    found = own["body"].str.startswith(literal).mean()
    assert found == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / len(own)))
    assert found > 0


def test_tokens_stay_in_one_template_alone(messages: pd.DataFrame) -> None:
    left = messages[
        messages["body"].str.contains("{", regex=False) | messages["subject"].str.contains("{", regex=False)
    ]
    assert set(left["template"]) == {"come back by name"}


def test_a_template_is_filled_by_value_then_fallback_then_not_at_all() -> None:
    template = Template("p", "treatment", "t", "{a}", "{a} {b} {c} {d}", "a=one; b=; c=three = 3")
    assert template.filled({"a": "1"}) == ("1", "1  three = 3 {d}")


def test_messages_name_nobody_that_can_be_reached(messages: pd.DataFrame) -> None:
    said = messages["subject"] + " " + messages["body"]
    assert not said.str.contains(r"@|\d{5}|https?:", regex=True).any()


def test_a_world_of_few_has_all_its_messages() -> None:
    small = settings(users=500, seed=2)
    drawn = programs_of(small)
    sent = drawn.impressions["program"].isin({t.program for t in templates()}).sum()
    assert len(messages_frame(small, drawn.impressions)) == sent < SAMPLE
    alone = replace(small, programs=(BY_NAME["home screen by goal"],))
    assert messages_frame(alone, programs_of(alone).impressions).empty
    assert templates_frame(alone).empty


def test_the_sample_company_has_them() -> None:
    ws = Workspace.open(sample_dir() / "fitness")
    assert ws.register("programs")["program"].tolist() == list(BY_NAME)
    assert ws.log("messages").count().execute() == SAMPLE
    assert len(ws.register("templates")) == len(templates())
