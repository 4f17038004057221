"""Decisions and follow-ups written into the register, and rows that are no longer as their card."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from experiment_frames import PASSING, a_plan, read, with_events, workspace_of, world

from martech_lib import Workspace, experiments
from martech_lib.core.errors import UserError
from martech_lib.experiments.method_words import rule_of
from martech_lib.experiments.register import edited
from martech_lib.workbook import cli

N = 1094
EVENTS = {"conversion": 219, "paid": 100, "unsubscribe": 50, "support_ticket": 20}
DAY = date(2026, 9, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with one registered experiment, X-001."""
    experiments.register(workspace_of(tmp_path), a_plan(**PASSING), start=date(2026, 8, 3))
    return tmp_path


def a_readout(**changed: int) -> Any:
    return read(with_events(EVENTS, {**EVENTS, **changed}), PASSING)


def row(folder: Path) -> pd.Series:
    found: pd.Series = Workspace.open(folder).register("experiments").iloc[0]
    return found


def test_a_decision_is_written_into_its_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    won = a_readout(conversion=280, paid=104)
    before = row(folder)
    assert experiments.record_decision(Workspace.open(folder), "X-001", won, on=DAY) == "experiments.csv, row 2"
    told = row(folder)
    lift = won.lines[0].beside.lift
    assert (told["decision"], told["stop_reason"], told["actual_n"]) == ("ship", "planned", 2 * N)
    assert "looks" not in told or pd.isna(told["looks"]), "nobody can see in the logs how often it was looked at"
    assert told["effect"] == pytest.approx(280 / 219 - 1, abs=1e-6)
    assert (told["ci_low"], told["ci_high"]) == pytest.approx((lift.lower, lift.upper), abs=1e-6)
    assert told["p_value"] == pytest.approx(won.lines[0].p, rel=1e-3)
    assert told["downstream_effect"] == pytest.approx(0.04) and str(told["decided_on"])[:10] == "2026-09-20"
    assert str(told["stopped"])[:10] == str(won.counted.last)[:10]
    assert (told[list(before.dropna().index)] == before.dropna()).all(), "what stood there stays"
    assert cli.main(["check", "--data", str(folder)]) == 0, capsys.readouterr().out
    found = experiments.record(Workspace.open(folder))
    assert not (found.matrix["verdict"] == "fail").any() and [winner.held for winner in found.winners] == [None]


def test_what_was_found_after_launch_says_whether_a_winner_held(folder: Path) -> None:
    with pytest.raises(UserError, match="X-001 was not shipped by the register"):
        experiments.record_follow_up(Workspace.open(folder), "X-001", effect=0.1, low=0.02, high=0.2)
    experiments.record_decision(Workspace.open(folder), "X-001", a_readout(conversion=280, paid=104), on=DAY)
    for numbers in ({"effect": 0.3, "low": 0.02, "high": 0.2}, {"effect": "much", "low": 0, "high": 1}):
        with pytest.raises(UserError, match="came as"):
            experiments.record_follow_up(Workspace.open(folder), "X-001", **numbers)
    experiments.record_follow_up(Workspace.open(folder), "X-001", effect="10 %", low="2,5 %", high=0.2)
    told = row(folder)
    assert (told["followup_effect"], told["followup_ci_low"], told["followup_ci_high"]) == (0.1, 0.025, 0.2)
    found = experiments.record(Workspace.open(folder))
    held = next(reading for reading in found.reading_records if reading.metric == "experiments.winners_held")
    assert [winner.held for winner in found.winners] == [True] and (held.value, held.n) == (1.0, 1)


def test_nothing_is_written_over(folder: Path) -> None:
    won = a_readout(conversion=280, paid=104)
    experiments.record_decision(Workspace.open(folder), "X-001", won, on=DAY)
    data = (folder / "experiments.csv").read_bytes()
    experiments.record_decision(Workspace.open(folder), "X-001", won, on=DAY)  # the same once more changes nothing
    assert (folder / "experiments.csv").read_bytes() == data
    with pytest.raises(UserError, match="has effect '0.278539' in row 2 already, and it is not written over"):
        experiments.record_decision(Workspace.open(folder), "X-001", a_readout(conversion=281, paid=104), on=DAY)
    assert (folder / "experiments.csv").read_bytes() == data


def test_what_decides_nothing_or_is_another_plan_is_not_written(folder: Path) -> None:
    ws = Workspace.open(folder)
    with pytest.raises(UserError, match="X-001 is not decided: Keep it running"):
        short = read(with_events({"conversion": 40}, {"conversion": 50}, 200), PASSING)
        experiments.record_decision(ws, "X-001", short, on=DAY)
    with pytest.raises(UserError, match="The readout is not by the plan that was registered as X-001"):
        other = read(with_events(EVENTS, EVENTS), {**PASSING, "mde": 0.26})
        experiments.record_decision(ws, "X-001", other, on=DAY)
    with pytest.raises(UserError, match="The register has no 'X-002'; did you mean X-001"):
        experiments.record_decision(ws, "X-002", a_readout(), on=DAY)


def test_a_stop_by_a_guardrail_is_told_as_one(folder: Path) -> None:
    harmed = read(
        with_events({"unsubscribe": 20, "conversion": 60}, {"unsubscribe": 200, "conversion": 60}, 400), PASSING
    )
    assert harmed.decision == "do not ship" and harmed.look is not None and not harmed.look.is_last
    experiments.record_decision(Workspace.open(folder), "X-001", harmed, on=DAY)
    assert (row(folder)["decision"], row(folder)["stop_reason"]) == ("no ship", "guardrail")
    assert not (experiments.record(Workspace.open(folder)).matrix["verdict"] == "fail").any()


def test_of_several_arms_the_one_that_is_shipped_is_written(tmp_path: Path) -> None:
    plan = a_plan(**PASSING, split=(0.4, 0.3, 0.3))
    experiments.register(workspace_of(tmp_path), plan)
    arms = {"control": (1600, {"conversion": 320}), "a": (1200, {"conversion": 250}), "b": (1200, {"conversion": 330})}
    found = experiments.read(plan, *world(arms))
    assert found.decision == "ship" and found.arm == "b"
    experiments.record_decision(Workspace.open(tmp_path), "X-001", found, on=DAY)
    told = row(tmp_path)
    assert told["arm"] == "b" and told["effect"] == pytest.approx((330 / 1200) / (320 / 1600) - 1, abs=1e-6)


# ---- why it stopped ----


OBF = {**PASSING, "rule": "obrien_fleming", "looks": 2}
ONE_SIDED = {**OBF, "tails": 1, "one_sided_reason": "a loss would not be shipped either"}


def decided(folder: Path, plan: dict[str, Any], n: int, control: int, treated: int, **harm: int) -> pd.Series:
    """The row of an experiment with so many conversions of n users an arm after its decision is written down."""
    experiments.register(workspace_of(folder), a_plan(**plan))
    events = {**EVENTS, "conversion": control}
    found = read(with_events(events, {**events, "conversion": treated, **harm}, n), plan)
    assert found.look is not None and not found.look.is_last
    experiments.record_decision(Workspace.open(folder), "X-001", found, on=DAY)
    return row(folder)


@pytest.mark.parametrize(
    ("plan", "hits", "harm", "reason", "decision"),
    [
        (OBF, (110, 180), {}, "planned", "ship"),
        (OBF, (180, 110), {}, "planned", "no ship"),
        (OBF, (110, 180), {"unsubscribe": 200}, "planned", "no ship"),  # its rule had stopped it, and it is no win
        (OBF, (180, 110), {"unsubscribe": 200}, "planned", "no ship"),
        (OBF, (140, 150), {"unsubscribe": 200}, "guardrail", "no ship"),
        (ONE_SIDED, (150, 80), {}, "other", "no ship"),  # a loss that its one side does not look for
        ({**PASSING, "rule": "confidence_sequence"}, (110, 210), {}, "planned", "ship"),
    ],
)  # fmt: skip
def test_why_an_early_stop_came(
    tmp_path: Path, plan: dict[str, Any], hits: tuple[int, int], harm: dict[str, int], reason: str, decision: str
) -> None:
    half = a_plan(**plan).total_units // 4 if "looks" in plan else 560
    told = decided(tmp_path, plan, half, *hits, **harm)
    assert (told["stop_reason"], told["decision"], told["actual_n"]) == (reason, decision, 2 * half)
    assert told["ci_low"] <= told["effect"] <= told["ci_high"]
    fails = experiments.record(Workspace.open(tmp_path)).matrix.query("verdict == 'fail'")
    assert set(fails["rule"]) <= {"Two tails"}, fails["why"].tolist()


def test_a_stop_at_no_declared_look_leaves_the_effect_blank(tmp_path: Path) -> None:
    told = decided(tmp_path, PASSING, 400, 60, 60, unsubscribe=200)
    assert told["stop_reason"] == "guardrail" and told["downstream_effect"] == 0.0
    assert all(name not in told or pd.isna(told[name]) for name in ("effect", "ci_low", "ci_high", "p_value"))


def test_a_small_fall_of_the_later_metric_is_no_regression_by_itself(folder: Path) -> None:
    won = a_readout(conversion=280, paid=97)
    assert won.decision == "ship"
    experiments.record_decision(Workspace.open(folder), "X-001", won, on=DAY)
    told = row(folder)
    assert told["downstream_ci_low"] < told["downstream_effect"] < 0 < told["downstream_ci_high"]
    assert not (experiments.record(Workspace.open(folder)).matrix["verdict"] == "fail").any()


# ---- whose readout it is ----


def test_a_row_without_a_card_takes_its_own_readout_alone(tmp_path: Path) -> None:
    rows = [
        {"id": one, "name": name, "primary_metric": metric, "mde": 0.25, "planned_n": 2188, "split": "50/50",
         "downstream_metric": "paid rate", "guardrail_metrics": "unsubscribe rate"}
        for one, name, metric in (("X-007", "T", "conversion rate"), ("X-008", "U", "conversion rate"),
                                  ("X-009", "V", "trial rate"))
    ]  # fmt: skip
    put, happened = world(with_events(EVENTS, {**EVENTS, "conversion": 280}), program="X-007")
    ws = workspace_of(tmp_path, experiments=pd.DataFrame(rows), assignments=put, outcomes=happened)
    found = experiments.read_registered(ws, "X-007")
    with pytest.raises(UserError, match="The readout is of X-007, not of X-008; if it is the same .* name is 'U'"):
        experiments.record_decision(ws, "X-008", found, on=DAY)
    with pytest.raises(UserError, match="is of conversion rate, and X-009 is decided on trial rate"):
        experiments.record_decision(ws, "X-009", found, on=DAY)
    both_ways = experiments.read(
        a_plan(**{**PASSING, "primary_metric": "conversion rate (lower is better)", "mde": -0.25}), put, happened,
        program="X-007",
    )  # fmt: skip
    with pytest.raises(UserError, match="One metric came as .* name it one way"):
        experiments.record_decision(ws, "X-007", both_ways, on=DAY)
    of_another = experiments.read(
        a_plan(**{**PASSING, "name": "T"}), put.assign(program="X-008"), happened, program="X-008"
    )
    with pytest.raises(UserError, match="The readout is of X-008, not of X-007"):
        experiments.record_decision(ws, "X-007", of_another, on=DAY)
    renamed = put.assign(program="form_v2")
    with pytest.raises(UserError, match="is of form_v2, not of X-007"):
        plan = a_plan(**{**PASSING, "name": "form_v2"})
        experiments.record_decision(ws, "X-007", experiments.read(plan, renamed, happened), on=DAY)
    named = experiments.read(a_plan(**{**PASSING, "name": "t"}), renamed, happened, program="form_v2")
    assert (named.decision, named.arm) == (found.decision, found.arm)
    experiments.record_decision(ws, "X-007", named, on=DAY)  # the plan bears the row's name
    assert experiments.record_decision(ws, "X-007", found, on=DAY) == "experiments.csv, row 2"
    assert experiments.record_decision(ws, "X-007", found, on=DAY), "the same once more"
    told = Workspace.open(tmp_path).register("experiments").iloc[0]
    assert (told["decision"], told["stop_reason"], told["actual_n"]) == ("ship", "planned", 2 * N)


def test_a_card_is_asked_where_the_row_lost_its_fingerprint(folder: Path) -> None:
    rows = pd.read_csv(folder / "experiments.csv", dtype="string")
    rows.drop(columns="fingerprint").to_csv(folder / "experiments.csv", index=False)
    other = read(with_events(EVENTS, {**EVENTS, "conversion": 280}), {**PASSING, "mde": 0.26})
    with pytest.raises(UserError, match="not by the plan that was registered as X-001"):
        experiments.record_decision(Workspace.open(folder), "X-001", other, on=DAY)


def test_neither_a_forged_card_nor_a_forged_row_takes_a_readout(folder: Path) -> None:
    plan = a_plan(**{**PASSING, "alpha": 0.2})
    (folder / "plans" / "X-001.yaml").write_text(experiments.card_of(plan, "X-001"), encoding="utf-8")
    won = with_events(EVENTS, {**EVENTS, "conversion": 280})
    for told in (plan, a_plan(**PASSING)):
        with pytest.raises(UserError, match="not by the plan that was registered as X-001"):
            experiments.record_decision(Workspace.open(folder), "X-001", experiments.read(told, *world(won)), on=DAY)


def test_the_logs_of_another_experiment_are_not_this_one(folder: Path) -> None:
    experiments.register(Workspace.open(folder), a_plan(**PASSING, name="Other"))
    put, happened = world(with_events(EVENTS, {**EVENTS, "conversion": 280}), program="Other")
    found = experiments.read(a_plan(**PASSING), put, happened, program="Other")
    with pytest.raises(UserError, match="The readout is of Other, not of X-001;"):
        experiments.record_decision(Workspace.open(folder), "X-001", found, on=DAY)


@pytest.mark.parametrize("on", [None, "2026-09-20", 20260920, pd.NaT, date(2026, 9, 12), float("nan")])
def test_a_decision_has_a_day_on_which_it_can_have_been(folder: Path, on: Any) -> None:
    before = (folder / "experiments.csv").read_bytes()
    with pytest.raises(UserError, match="on came as"):
        experiments.record_decision(Workspace.open(folder), "X-001", a_readout(conversion=280), on=on)
    assert (folder / "experiments.csv").read_bytes() == before


def test_a_change_that_may_be_a_percent_is_asked_for_its_sign(folder: Path) -> None:
    experiments.record_decision(Workspace.open(folder), "X-001", a_readout(conversion=280, paid=104), on=DAY)
    with pytest.raises(UserError, match=r"effect came as 15, which is 1,500 %; allowed beyond 1 .* such as '15 %'"):
        experiments.record_follow_up(Workspace.open(folder), "X-001", effect=15, low=2, high=28)
    experiments.record_follow_up(Workspace.open(folder), "X-001", effect="15 %", low="2 %", high="150 %")
    assert row(folder)["followup_ci_high"] == 1.5


# ---- rows that are no longer as their card ----


def rewritten(folder: Path, **cells: str | None) -> tuple[str, ...]:
    """What does not fit after cells of the register were written over; None drops the column."""
    rows = pd.read_csv(folder / "experiments.csv", dtype="string")
    for column, value in cells.items():
        rows = rows.drop(columns=column) if value is None else rows.assign(**{column: value})
    rows.to_csv(folder / "experiments.csv", index=False)
    return edited(Workspace.open(folder))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("alpha", "0.1", "X-001 has alpha '0.1' in the register and '0.05' by its card"),
        ("alpha", None, "X-001 has alpha '' in the register and '0.05' by its card"),
        ("planned_n", "900", "X-001 has planned_n '900' in the register and '2188' by its card"),
        ("guardrail_metrics", "", "X-001 has guardrail_metrics '' in the register and 'unsubscribe rate' by its card"),
        ("fingerprint", "", "the fingerprint of X-001 in the register is blank, and its card has one"),
        ("fingerprint", None, "the fingerprint of X-001 in the register is blank, and its card has one"),
        ("fingerprint", "0" * 64, "the fingerprint of X-001 in the register is not that of its card"),
        ("allocation", "bandit", "X-001 has allocation 'bandit' in the register and 'fixed' by its card"),
        ("split", "60/40", "X-001 has split '60/40' in the register and '50/50' by its card"),
    ],
)  # fmt: skip
def test_a_row_that_was_changed_is_told(folder: Path, column: str, value: str | None, said: str) -> None:
    assert edited(Workspace.open(folder)) == ()
    assert rewritten(folder, **{column: value}) == (said,)


def test_a_late_change_of_a_long_cell_is_shown_where_it_is(folder: Path) -> None:
    whole = str(PASSING["hypothesis"])
    (said,) = rewritten(folder, hypothesis=whole.replace("because typing is", "because  reading is"))
    assert said == (
        "X-001 has hypothesis '…rsions because reading is work' in the register and '…rsions because typing is work' by its card"
    )
    (said,) = rewritten(folder, hypothesis=whole.upper() + " for them")
    assert "because" not in said and "TYPING IS WORK for them' in the register" in said, "capitals are no change"


def test_an_edit_is_told_beside_a_blanked_fingerprint(folder: Path) -> None:
    assert any("has alpha '0.1'" in said for said in rewritten(folder, fingerprint="", alpha="0.1"))


def test_a_changed_id_leaves_a_row_and_a_card_alone(folder: Path) -> None:
    row_alone, card_alone = rewritten(folder, id="X-1")
    assert row_alone == "X-1 was registered with a card, and plans holds none of it"
    assert card_alone == "X-001 has a card, and no row in the register"


def test_a_database_has_no_cards_to_miss(folder: Path) -> None:
    import duckdb

    with duckdb.connect(str(folder / "all.duckdb")) as to:
        for name in ("profile", "experiments"):
            to.execute(f"create table {name} as select * from read_csv('{folder}/{name}.csv', all_varchar=true)")
    assert edited(Workspace.open(f"duckdb://{folder}/all.duckdb")) == ()


def test_a_card_that_cannot_be_read_is_told_once(folder: Path) -> None:
    (folder / "plans" / "X-001.yaml").write_text("plan: [", encoding="utf-8")
    assert [said.split(":")[0] for said in edited(Workspace.open(folder))] == ["plans/X-001.yaml"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("split", "50 / 50"), ("split", "0.5; 0.5"), ("primary_metric", "Conversion  Rate"), ("alpha", "5 %"),
     ("method", "two proportions,  FIXED horizon"), ("planned_end", ""), ("surface", "checkout"), ("is_holdout", "yes"), ("start", "2026-08-05"),
     ("planned_end", "2026-08-18")],
)  # fmt: skip
def test_what_is_written_otherwise_and_means_the_same_is_no_change(folder: Path, column: str, value: str) -> None:
    assert rewritten(folder, **{column: value}) == ()


def test_a_first_day_is_a_day(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="start came as '2026-08-31'; allowed is a date"):
        experiments.register(workspace_of(tmp_path), a_plan(**PASSING), start="2026-08-31")  # type: ignore[arg-type]
    done = experiments.register(workspace_of(tmp_path), a_plan(**PASSING), start=datetime(2026, 8, 31, 9, 30))
    assert done.row["start"] == date(2026, 8, 31) and str(row(tmp_path)["start"])[:10] == "2026-08-31"


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        ("two proportions, fixed horizon", "fixed"), ("", "fixed"), ("OBF, 3 looks", "obrien_fleming"),
        ("Fleming boundary", "obrien_fleming"), ("mSPRT", "confidence_sequence"), ("sequential", ""),
        ("always-valid p-values", "confidence_sequence"), ("group sequential", ""), ("Haybittle-Peto", ""),
        ("Lan-DeMets, O'Brien-Fleming", "obrien_fleming"), ("fixed; no Pocock", "fixed"), ("GSD, 3 looks", ""),
        ("fixed; Pocock was considered and rejected", "fixed"), ("Pocock was considered and rejected", ""),
    ],
)  # fmt: skip
def test_rules_for_looks_go_by_their_names(method: str, rule: str) -> None:
    assert rule_of(method) == rule


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("fixed; Pocock was discussed", "its method names several rules for looks, 'fixed; Pocock was discussed': write the one"),
        ("sequential", "its test and rule for looks are in the register as 'sequential'; what is read are fixed horizon"),
        ("fixed; Pocock was considered and rejected", ""),
    ],
)  # fmt: skip
def test_a_row_whose_rule_cannot_be_told_is_refused(tmp_path: Path, method: str, said: str) -> None:
    put, happened = world(with_events(EVENTS, {**EVENTS, "conversion": 280}))
    told = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": 2 * N, "method": method}
    ws = workspace_of(tmp_path, experiments=pd.DataFrame([told]), assignments=put, outcomes=happened)
    found = experiments.read_registered(ws, "T")
    assert found.decision == ("refused" if said else "ship") and said in found.sentence
