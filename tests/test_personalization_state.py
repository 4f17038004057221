"""The holdouts' state and its views: what is asked is read, what cannot be is told and changes nothing."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest

from martech_lib import Workspace, personalization
from martech_lib.core.errors import UserError
from martech_lib.core.metrics import declared
from martech_lib.core.places import sample_dir
from martech_lib.core.spoken import money
from martech_lib.personalization import Programmes, charts, words
from martech_lib.personalization.programmes import Programme
from martech_lib.workbook import theme
from martech_lib.workbook.apps import personalization_tables as tables
from martech_lib.workbook.apps.personalization_state import PersonalizationState
from martech_lib.workbook.notebook import _declared
from martech_lib.workbook.views import figure_html

VERDICTS = {
    "win-back journey": "real win",
    "push copy": "click-only",
    "home screen by goal": "nothing",
    "studio partners": "nothing",
    "streak reminders": "harm",
    "class suggestions": "refused",
}
OF_READING = (
    "headline", "notes", "split", "revenue", "brought", "between", "segments", "over_time", "rollout"
)  # fmt: skip
TABLES = ("programmes", "arms", "outcomes", "segments", "policies", "sizes", "faults", "questions")


@pytest.fixture(scope="module", autouse=True)
def _theme() -> None:
    theme.enable()


def defaults() -> dict[str, Any]:
    return {name: parameter.default for name, parameter in _declared("4-personalization-holdout").items()}


@pytest.fixture(scope="module")
def fitness() -> PersonalizationState:
    return PersonalizationState(Workspace.open(sample_dir() / "fitness"), defaults())


@pytest.fixture(scope="module")
def found(fitness: PersonalizationState) -> Programmes:
    assert fitness.page is not None
    return fitness.page.programmes


def test_the_sample_is_read_for_what_it_is(fitness: PersonalizationState, found: Programmes) -> None:
    assert fitness.faults == []
    assert {row.program: row.verdict for row in found.rows} == VERDICTS
    assert found.universal is not None and found.universal.program == "universal holdout"


def test_lifts_of_the_sample_hold_what_is_true(found: Programmes) -> None:
    """The truth of the simulated company lies in each interval that is not refused."""
    truth = pd.read_csv(sample_dir() / "fitness" / "truth.csv").query("kind == 'program'").set_index("name")
    for row in found.rows:
        if row.brought is not None:
            assert row.brought.lower < truth.loc[row.program, "incremental_conversions"] < row.brought.upper


def test_claims_of_clicks_alone_are_a_finding(found: Programmes) -> None:
    assert {f.rule for f in found.finding_records} == {"PE01"}
    assert {f.unit for f in found.finding_records if f.amount is not None} == {"USD"}
    told = {f.subject: f.evidence.partition(", and ")[2] for f in found.finding_records}
    assert told == {
        "push copy": "its holdout shows no conversions behind them",
        "studio partners": "its holdout shows no conversions behind them",
        "streak reminders": "its holdout shows harm",
        "class suggestions": "its holdout cannot be read",
    }


def test_a_programme_without_a_holdout_is_told(tmp_path: Path) -> None:
    folder = Path(copytree(sample_dir() / "fitness", tmp_path / "fitness"))
    register = pd.read_csv(folder / "programs.csv")
    more = pd.DataFrame([{"program": "subject lines by AI", "kind": "ai", "click_lift_claimed": 0.14}])
    pd.concat([register, more]).to_csv(folder / "programs.csv", index=False)
    found = personalization.programmes(Workspace.open(folder))
    row = next(row for row in found.rows if row.program == "subject lines by AI")
    assert row.verdict == "no holdout" and row.reason.startswith("no holdout was read: ")
    told = next(f for f in found.finding_records if f.subject == row.program)
    assert told.evidence == "claims 14 % more clicks, and no holdout says what it brought"


def test_a_programme_whose_metrics_would_have_the_names_of_another_is_told(tmp_path: Path) -> None:
    folder = Path(copytree(sample_dir() / "fitness", tmp_path / "fitness"))
    log = pd.read_parquet(folder / "assignments.parquet")
    again = log[log["program"] == "push copy"].assign(program="Push Copy!")
    pd.concat([log, again]).to_parquet(folder / "assignments.parquet", index=False)
    found = personalization.programmes(Workspace.open(folder))
    row = next(row for row in found.rows if row.program == "Push Copy!")
    assert row.reason == "its metrics would have the names of those of 'push copy': rename one"
    metrics = [(r.metric, r.segment) for r in found.reading_records if ".push-copy." in r.metric]
    assert len(metrics) == len(set(metrics)) > 10


def test_kinds_are_told_with_what_a_conversion_of_each_cost(found: Programmes) -> None:
    told = {of.kind: of for of in found.of_kinds()}
    priced = [of for of in told.values() if of.cost_per_conversion is not None]
    assert priced
    for of in priced:
        assert f"; {money(of.cost_per_conversion, 'USD')} each)" in words.kinds(found)
        rows = [row for row in found.known if row.kind == of.kind]
        assert of.cost_per_conversion == pytest.approx(
            sum(row.cost for row in rows) / sum(row.brought.estimate for row in rows)
        )


def test_every_reading_is_declared_and_every_table_and_sentence_is_plain(fitness: PersonalizationState) -> None:
    page = fitness.page
    assert page is not None
    assert [row.metric for row in page.reading_records if declared(row.metric) is None] == []
    for program in fitness.programs:
        fitness.choose(program)
        assert fitness.page is not None and fitness.reading is not None
        for name in TABLES:
            assert "nan" not in getattr(tables, f"{name}_table")(fitness.page).replace("finance", "")
        for name in OF_READING:
            said = getattr(words, name)(fitness.reading)
            assert "nan" not in said and "None" not in said and ".." not in said, said


def test_every_chart_is_drawn_from_its_rows(fitness: PersonalizationState, found: Programmes) -> None:
    fitness.choose("win-back journey")
    for name, rows in charts.ROWS.items():
        of: Any = found if name in ("claims", "clicks_and_conversions") else fitness.reading
        chart = getattr(charts, name)(of)
        assert len(chart.to_dict()["description"]) > 20 and not rows(of).empty
        for width in (1080, 350):
            assert "<svg" in figure_html(chart, width=width)


def test_window_and_cost_are_set_and_blank_again(fitness: PersonalizationState) -> None:
    fitness.choose("win-back journey")
    usual = fitness.reading
    fitness.ask(window_days=7.0, cost=100.0)
    assert usual is not None and fitness.reading is not None and fitness.reading.brought is not None
    assert fitness.reading.endpoints[0].hits < usual.endpoints[0].hits and fitness.reading.brought.cost == 100
    fitness.ask(cost=None, cost_per_send=0.02)
    assert fitness.reading.brought is not None
    assert fitness.reading.brought.cost == pytest.approx(0.02 * personalization.sends_of(fitness.reading))
    fitness.ask(window_days=None, cost_per_send=None)
    assert fitness.reading.brought is not None and fitness.reading.brought.cost == 5200


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda s: s.choose("win back"), "There is no programme 'win back'; there are "),
        (lambda s: s.ask(window_days=0.0), "window_days came as 0.0"),
        (lambda s: s.calculate(baseline=0.0), "baseline came as 0.0; allowed is a rate above 0"),
        (lambda s: s.calculate(lift=40.0), "lift came as 40.0"),
        (lambda s: s.calculate(weekly_users=-1.0), "weekly_users came as -1.0"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(fitness: PersonalizationState, act: Any, told: str) -> None:
    before = fitness.page
    said = fitness.change(lambda: act(fitness))
    assert told in said[0] and fitness.page is before


def test_uploaded_logs_stand_in_place_of_the_workspaces() -> None:
    state = PersonalizationState(Workspace.open(sample_dir() / "saas"), defaults())
    users = range(4_000)
    put = pd.DataFrame({"program": "mine", "user_id": users, "assigned_at": "2026-09-01"})
    put["arm"] = ["holdout" if user % 4 == 0 else "treatment" for user in users]
    done = pd.DataFrame({"user_id": range(0, 4_000, 10), "ts": "2026-09-03", "event": "conversion"})
    assert state.upload("assignments", "mine.csv", put.to_csv(index=False).encode()) == [
        "Now upload outcomes, too: both together are read."
    ]
    assert state.upload("outcomes", "done.csv", done.to_csv(index=False).encode()) == []
    assert state.programs == ["mine"] and state.reading is not None
    assert state.reading.headline.verdict in ("nothing", "harm", "real win")


def test_logs_that_cannot_be_read_change_nothing() -> None:
    state = PersonalizationState(Workspace.open(sample_dir() / "fitness"), defaults())
    before = state.programs
    state.upload("assignments", "a.csv", b"program,user_id,arm,assigned_at\np,1,holdout,31/02/2026\n")
    with pytest.raises(UserError, match="31/02/2026"):
        state.upload("outcomes", "o.csv", b"user_id,ts,event\n1,2026-01-02,conversion\n")
    assert state.programs == before


def test_a_workspace_without_programmes_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "profile.csv").write_text("key,value\nbusiness_model,B2B\n")
    state = PersonalizationState(Workspace.open(tmp_path), defaults())
    assert state.page is not None and state.reading is None
    assert words.programmes(state.page.programmes).startswith("Not measured: needs assignments.csv and outcomes.csv")
    assert {row.status for row in state.page.programmes.reading_records} == {"not measured"}


def test_the_next_holdout_goes_into_the_register(tmp_path: Path) -> None:
    folder = Path(copytree(sample_dir() / "fitness", tmp_path / "fitness"))
    state = PersonalizationState(Workspace.open(folder), defaults())
    said = state.register()
    rows = pd.read_csv(folder / "experiments.csv")
    assert said.startswith("Registered as ") and rows.iloc[-1]["name"] == "Holdout of win-back journey"
    assert rows.iloc[-1]["primary_metric"] == "conversion rate"


@pytest.mark.parametrize("name", ["universal_holdout", "Universal-Holdout", "global control", "Universal holdout 2026"])
def test_a_universal_holdout_is_known_however_it_is_written(name: str) -> None:
    assert Programme(name, "", None).is_universal


def test_a_calculator_without_a_number_says_so(fitness: PersonalizationState) -> None:
    for name in ("baseline", "lift"):
        assert fitness.change(lambda name=name: fitness.calculate(**{name: None})) == [
            f"{name} is blank; allowed is a number."
        ]


def test_the_next_holdout_is_planned_at_the_level_of_the_page() -> None:
    state = PersonalizationState(Workspace.open(sample_dir() / "fitness"), {"level": 0.8})
    state.calculate(weekly_users=2_000.0)
    assert state.plan().alpha == pytest.approx(0.2)
    assert "because its last holdout" in state.plan().hypothesis
