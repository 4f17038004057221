"""From a plan to its follow-up as the app does it: registered, read from the logs, decided, found again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from experiment_frames import PASSING, TWENTY_TO_25, a_plan, with_events, workspace_of, world

from martech_lib import Workspace, experiments
from martech_lib.core.errors import UserError
from martech_lib.workbook.apps.experiments_state import ExperimentsState

EVENTS = {"conversion": 219, "paid": 100, "unsubscribe": 50}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with X-001 in its register and its users in the logs."""
    put, happened = world(with_events(EVENTS, {**EVENTS, "conversion": 280, "paid": 104}), program="X-001")
    ws = workspace_of(tmp_path, assignments=put, outcomes=happened)
    experiments.register(ws, a_plan(**PASSING), start=date(2026, 9, 1))
    return tmp_path


def row(folder: Path) -> pd.Series:
    found: pd.Series = Workspace.open(folder).register("experiments").iloc[0]
    return found


def test_what_was_read_by_its_card_is_written_into_its_row(folder: Path) -> None:
    ws = Workspace.open(folder)
    found = experiments.read_registered(ws, "X-001")
    assert found.program == "X-001" and found.plan == a_plan(**PASSING)
    assert experiments.record_decision(ws, "X-001", found, on=date(2026, 9, 20)) == "experiments.csv, row 2"
    assert (row(folder)["decision"], row(folder)["stop_reason"]) == ("ship", "planned")
    assert experiments.record(Workspace.open(folder)).edited == (), "results are no change of the plan"


def test_the_app_writes_a_decision_and_later_what_was_found_again(folder: Path) -> None:
    state = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    assert state.faults == [] and state.page is not None and state.experiment == "X-001"
    assert state.page.record.winners == ()
    assert state.record_decision() == "The decision of X-001 was written down: experiments.csv, row 2."
    assert row(folder)["decision"] == "ship" and str(row(folder)["decided_on"])[:10] == date.today().isoformat()
    assert [winner.held for winner in state.page.record.winners] == [None]
    assert "of X-001 was written down: " in state.record_follow_up("15 %", "2 %", "28 %")
    assert [winner.held for winner in state.page.record.winners] == [True]
    with pytest.raises(UserError, match="has followup_effect '0.15' in row 2 already"):
        state.record_follow_up("14 %", "2 %", "28 %")


def test_what_the_logs_no_longer_say_is_not_written(folder: Path) -> None:
    state = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    outcomes, before = pd.read_csv(folder / "outcomes.csv"), (folder / "experiments.csv").read_bytes()
    outcomes.iloc[:-30].to_csv(folder / "outcomes.csv", index=False)
    with pytest.raises(UserError, match="The register or its logs were written to since this page read them"):
        state.record_decision()
    assert (folder / "experiments.csv").read_bytes() == before
    anew = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    anew.record_decision()
    assert pd.notna(row(folder)["decision"])


def test_a_register_that_somebody_else_wrote_or_logs_that_are_gone_stop_the_writing(folder: Path) -> None:
    state = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    rows = pd.read_csv(folder / "experiments.csv", dtype="string")
    rows.assign(planned_n="20000").to_csv(folder / "experiments.csv", index=False)
    with pytest.raises(UserError, match="were written to since this page read them"):
        state.record_decision()
    anew = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    (folder / "outcomes.csv").unlink()
    with pytest.raises(UserError, match="were written to since this page read them"):
        anew.record_decision()


def test_what_others_wrote_is_read_again_when_the_page_writes_itself(folder: Path) -> None:
    (folder / "plans" / "X-001.yaml").unlink()
    rows = pd.read_csv(folder / "experiments.csv", dtype="string").drop(columns="fingerprint")
    rows.to_csv(folder / "experiments.csv", index=False)
    state = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    assert state.page is not None and state.page.readout is not None and state.page.readout.decision == "ship"
    rows.assign(method="Bayesian").to_csv(folder / "experiments.csv", index=False)
    state.ask(**{**TWENTY_TO_25, **PASSING, "name": "Another"})
    state.register()
    assert state.page.readout.decision == "refused"
    with pytest.raises(UserError, match="X-001 is not decided: Not read: its test and rule for looks"):
        state.record_decision()
    assert "decision" not in row(folder) or pd.isna(row(folder)["decision"])


def test_another_plan_registered_by_the_page_itself_does_not_stop_the_writing(folder: Path) -> None:
    state = ExperimentsState(Workspace.open(folder), TWENTY_TO_25)
    state.ask(**{**TWENTY_TO_25, **PASSING, "name": "Another"})
    state.register()
    assert "of X-001 was written down" in state.record_decision()
