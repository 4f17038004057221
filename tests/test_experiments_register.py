"""The register: a plan that passes gets an id, a row and a card, and what was changed afterwards is noticed."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml
from experiment_frames import PASSING, a_plan, workspace_of, world
from hypothesis import given
from hypothesis import strategies as st

from martech_lib import Workspace, experiments
from martech_lib.core.errors import TableError, UserError
from martech_lib.core.places import sample_dir
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.register import edited, method_of, next_id
from martech_lib.workbook import cli

ID = "X-047"  # after the 46 of the sample


def a_good_plan(**changes: Any) -> Plan:
    return a_plan(**{**PASSING, "name": "Shorter form", **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample, to be written to."""
    return Path(
        shutil.copytree(sample_dir() / "fitness", tmp_path / "fitness", ignore=shutil.ignore_patterns("touches*"))
    )


def with_logs(folder: Path, name: str = ID) -> Path:
    """The logs of another experiment, which it won."""
    assignments, outcomes = world(
        {"control": (1094, {"conversion": 219}), "treated": (1094, {"conversion": 274})}, program=name
    )
    for table, frame in (("assignments", assignments), ("outcomes", outcomes)):
        (folder / f"{table}.parquet").unlink()
        frame.to_csv(folder / f"{table}.csv", index=False)
    return folder


def card_in(folder: Path, one: str = ID) -> Path:
    return folder / "plans" / f"{one}.yaml"


def test_a_plan_is_registered_with_its_row_and_its_card(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "experiments.csv").read_bytes()
    ws = Workspace.open(folder)
    plan = a_good_plan(surface="sign-up page", rule="pocock", looks=2)
    done = experiments.register(ws, plan, start=date(2026, 11, 2))
    assert done.id == ID
    assert done.where == f"experiments.csv, row {len(before.splitlines()) + 1}, and plans/{ID}.yaml"
    assert (folder / "experiments.csv").read_bytes().startswith(before), "the other rows stay as they were"
    row = Workspace.open(folder).register("experiments").set_index("id").loc[ID]
    assert (row["name"], row["fingerprint"], row["method"]) == (
        "Shorter form", plan.fingerprint, "two proportions, Pocock, 2 looks",
    )  # fmt: skip
    assert (row["planned_n"], row["looks_planned"], row["mde"], row["split"]) == (plan.total_units, 2, 0.25, "50/50")
    assert (pd.Timestamp(row["start"]).date(), row["downstream_metric"]) == (date(2026, 11, 2), "paid rate")
    assert plan.weeks is not None
    assert pd.Timestamp(row["planned_end"]) == pd.Timestamp("2026-11-01") + pd.Timedelta(weeks=plan.weeks)
    card = experiments.read_card(card_in(folder).read_text(encoding="utf-8"))
    assert (card.id, card.plan, card.is_as_registered, card.fingerprint) == (ID, plan, True, plan.fingerprint)
    assert edited(Workspace.open(folder)) == ()
    assert cli.main(["check", "--data", str(folder)]) == 0, capsys.readouterr().out


def test_a_hoped_for_fall_is_registered_and_checks_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = a_good_plan(primary_metric="unsubscribe rate", guardrail_metrics="support ticket rate", mde=-0.2)
    experiments.register(Workspace.open(folder), plan)
    assert cli.main(["check", "--data", str(folder)]) == 0, capsys.readouterr().out
    verdicts = experiments.record(Workspace.open(folder)).matrix
    assert not (verdicts[verdicts["experiment"] == ID]["verdict"] == "fail").any()


def test_the_next_one_has_the_next_id(folder: Path) -> None:
    ws = Workspace.open(folder)
    ids = [experiments.register(ws, a_good_plan(name=name)).id for name in ("One", "Two")]
    assert ids == ["X-047", "X-048"]
    assert [next_id(ids) for ids in ([], ["a"], ["X-009"], ["X-2", "T-10"], ["2026-7 ", "2026-12"])] == [
        "X-001", "X-001", "X-010", "T-11", "2026-13",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hypothesis": ""}, "There is no hypothesis; write: We believe"),
        ({"hypothesis": "It will work"}, "The hypothesis lacks We believe, for (whom) and because (why)"),
        ({"weekly_units": None}, "The unique users of a week (weekly_units) are unknown"),
        ({"variables_changed": 3}, "3 variables changed at once, so that nobody will know which one moved the metric"),
        ({"looks": 5}, "5 looks at a test of one look raise false alarms"),
        ({"tails": 1}, "A one-sided test needs a written reason"),
        ({"downstream_metric": "", "guardrail_metrics": ""}, "It lacks a downstream metric"),
    ],
)
def test_a_plan_that_fails_the_gate_is_told_what_is_missing(folder: Path, changes: dict[str, Any], said: str) -> None:
    before = (folder / "experiments.csv").read_bytes()
    with pytest.raises(UserError) as told:
        experiments.register(Workspace.open(folder), a_good_plan(**changes))
    assert str(told.value).startswith("The plan does not pass the gate. ") and said in str(told.value)
    assert (folder / "experiments.csv").read_bytes() == before and not card_in(folder).parent.exists()


def test_all_that_is_missing_is_told_at_once(folder: Path) -> None:
    with pytest.raises(UserError) as told:
        experiments.register(Workspace.open(folder), a_plan(looks=3))
    assert all(said in str(told.value) for said in ("no hypothesis", "not said", "3 looks", "downstream metric"))


def test_an_id_that_is_no_name_of_a_file_has_no_next(folder: Path) -> None:
    (folder / "experiments.csv").write_text("id,name,start\n../../evil-007,Old,2026-01-01\n")
    assert experiments.register(Workspace.open(folder), a_good_plan()).id == "X-001"
    assert [path.name for path in folder.rglob("*.yaml")] == ["X-001.yaml"]


def test_a_name_stands_once(folder: Path) -> None:
    ws = Workspace.open(folder)
    experiments.register(ws, a_good_plan())
    for name in ("Shorter form", "SHORTER FORM", "Family plan"):
        with pytest.raises(UserError, match="already; a changed plan is another: give it another name"):
            experiments.register(ws, a_good_plan(name=name))
    assert [path.name for path in card_in(folder).parent.iterdir()] == [f"{ID}.yaml"]


def test_a_database_is_only_read(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    ws = Workspace.open(f"duckdb://{tmp_path / 'w.duckdb'}")
    with pytest.raises(UserError, match="is a database, which is only read"):
        experiments.register(ws, a_good_plan())


def test_a_folder_that_cannot_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "plans").write_text("a file where the folder of the cards would be", encoding="utf-8")
    before = (folder / "experiments.csv").read_bytes()
    with pytest.raises(UserError, match=r"plans/X-047\.yaml cannot be written: .*Download it instead\."):
        experiments.register(Workspace.open(folder), a_good_plan())
    assert (folder / "experiments.csv").read_bytes() == before
    (folder / "plans").unlink()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match=r"experiments\.csv is read-only"):
        experiments.register(Workspace.open(folder), a_good_plan())
    assert not (folder / "plans").exists(), "no card without a row"
    monkeypatch.undo()
    assert experiments.register(Workspace.open(folder), a_good_plan()).id == ID, "and it does not stand in the way"


def test_a_register_that_is_no_csv_is_left_alone(folder: Path) -> None:
    pd.read_csv(folder / "experiments.csv").to_excel(folder / "experiments.xlsx", index=False)
    (folder / "experiments.csv").unlink()
    with pytest.raises(UserError, match=r"experiments\.xlsx is no CSV file"):
        experiments.register(Workspace.open(folder), a_good_plan())
    assert not (folder / "plans").exists()


@pytest.mark.parametrize("header", ["id,name\n", None])
def test_a_register_without_rows_begins(tmp_path: Path, header: str | None) -> None:
    workspace_of(tmp_path)
    if header is not None:
        (tmp_path / "experiments.csv").write_text(header, encoding="utf-8")
    done = experiments.register(Workspace.open(tmp_path), a_good_plan())
    assert done.id == "X-001"
    assert Workspace.open(tmp_path).register("experiments")["fingerprint"].tolist() == [a_good_plan().fingerprint]
    assert experiments.record(Workspace.open(tmp_path)).ids == ("X-001",)


def test_a_register_of_zero_bytes_is_an_error(tmp_path: Path) -> None:
    workspace_of(tmp_path)
    (tmp_path / "experiments.csv").touch()
    with pytest.raises(TableError, match=r"experiments\.csv: the file is empty \(zero bytes\)"):
        experiments.register(Workspace.open(tmp_path), a_good_plan())
    assert not (tmp_path / "plans").exists()


def test_a_row_that_was_taken_out_does_not_give_its_card_away(folder: Path) -> None:
    before = (folder / "experiments.csv").read_bytes()
    experiments.register(Workspace.open(folder), a_good_plan())
    (folder / "experiments.csv").write_bytes(before)
    assert experiments.register(Workspace.open(folder), a_good_plan(name="Another")).id == "X-048"


# ---- changed afterwards ----


def test_a_registered_experiment_is_read_by_its_card(folder: Path) -> None:
    experiments.register(Workspace.open(folder), a_good_plan())
    found = experiments.read_registered(Workspace.open(with_logs(folder)), ID)
    assert (found.plan, found.decision) == (a_good_plan(), "ship")


def changed(text: str) -> str:
    assert "mde: 0.25" in text
    return text.replace("mde: 0.25", "mde: 0.3")


def resealed(text: str) -> str:
    """The plan is another, and so is the fingerprint beside it."""
    other = a_good_plan(mde=0.3)
    return changed(text).replace(a_good_plan().fingerprint, other.fingerprint)


@pytest.mark.parametrize(
    ("change", "noticed", "said"),
    [
        (changed, f"{ID} was changed after it was registered", "The plan of X-047 was changed after it was registered"),
        (resealed, "the fingerprint of X-047 in the register is not that of its card", "is not the one that was registered"),
        (lambda _: "plan: [", "plans/X-047.yaml: The card is no YAML", "is not there or cannot be read"),
        (lambda text: text.replace("id: X-047", "id: X-900"), "", "is not there or cannot be read"),
        (lambda _: None, "", "is not there or cannot be read"),
    ],
)  # fmt: skip
def test_a_changed_card_is_noticed_and_not_read_by(folder: Path, change: Any, noticed: str, said: str) -> None:
    experiments.register(Workspace.open(folder), a_good_plan())
    file = card_in(with_logs(folder))
    text = change(file.read_text(encoding="utf-8"))
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    ws = Workspace.open(folder)
    told = edited(ws)
    assert any(one.startswith(noticed) for one in told) if noticed else True
    with pytest.raises(UserError, match=said):
        experiments.read_registered(ws, ID)


def test_who_and_where_may_change() -> None:
    card = experiments.card_of(a_good_plan(surface="sign-up page", owner="Ana"), "X-001")
    moved = card.replace("sign-up page", "pricing page").replace("Ana", "Ben")
    assert moved != card and experiments.read_card(moved).is_as_registered


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks `id`, `fingerprint` or `plan`"),
        ("- a\n- b\n", "lacks `id`, `fingerprint` or `plan`"),
        ("a: [", "The card is no YAML"),
        ("!!python/object/apply:os.system ['true']", "The card is no YAML"),
        ("id: 1\nfingerprint: f\nplan: {name: T}\n", "primary_metric is blank"),
        ("id: 1\nfingerprint: f\nplan: {name: T, primary_metric: a, baseline: 1.2, mde: 0.1}\n", "baseline came as 1.2"),
        ("id: 1\nfingerprint: f\nplan: {name: T, primary_metric: a, baseline: 0.2, mde: 0.1, split: 5}\n", "split came as '5'"),
        ("id: 1\nfingerprint: f\nplan: {name: T, primary_metric: a, baseline: 0.2, mde: 0.1, guardrail_metrics: 5}\n", "guardrail_metrics came as '5'"),
        ("id: 1\nfingerprint: f\nplan: {name: T, primary_metric: a, baseline: [1], mde: 0.1}\n", "baseline came as"),
        ("id: 1\nfingerprint: f\nplan: {name: [[T]], primary_metric: a, baseline: 0.2, mde: 0.1}\n", "holds more than words"),
        ("id: 1\nfingerprint: f\nplan: &p {name: *p, primary_metric: a, baseline: 0.2, mde: 0.1}\n", "holds more than words"),
        ("id: 1\nfingerprint: f\nplan: {1: T}\n", "holds more than words"),
        ("[" * 5_000, "The card is no YAML"),
        ("id: 1\nfingerprint: f\nplan: {nam: T}\n", "'nam' is no field of a plan; did you mean name"),
    ],
)  # fmt: skip
def test_what_is_no_card_is_told(text: str, said: str) -> None:
    with pytest.raises(UserError) as told:
        experiments.read_card(text)
    assert said in str(told.value)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(
    name=WORDS.filter(str.strip), hypothesis=WORDS, owner=WORDS, baseline=st.floats(0.001, 0.4), mde=st.floats(0.001, 0.5),
    weekly=st.none() | st.floats(1, 1e9), alpha=st.floats(0.001, 0.3), looks=st.integers(1, 12),
    split=st.sampled_from(["50/50", "34/33/33", (1 / 3, 2 / 3)]), window=st.none() | st.floats(0.5, 90),
)  # fmt: skip
def test_a_card_gives_the_plan_back(window: float | None, weekly: float | None, **told: Any) -> None:
    plan = experiments.plan(
        primary_metric="sign-up rate", relative=True, rule="obrien_fleming", weekly_units=weekly, window_days=window,
        guardrail_metrics="a rate; b per user", planned_units=4_000, **told,
    )  # fmt: skip
    card = experiments.read_card(experiments.card_of(plan, "X-001"))
    assert card.plan == plan and card.is_as_registered


def test_a_card_says_what_follows() -> None:
    plan = a_good_plan(split="34/33/33", rule="obrien_fleming", looks=3)
    told = yaml.safe_load(experiments.card_of(plan, "X-001"))
    assert told["follows"]["units_all_arms"] == plan.total_units == sum(plan.size.arms)
    assert told["follows"]["boundaries_z"] == pytest.approx(list(plan.boundaries), abs=1e-6)
    assert told["follows"]["method"] == method_of(plan)
    assert method_of(a_plan()) == "two proportions, fixed horizon"
