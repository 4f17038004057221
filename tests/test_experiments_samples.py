"""What one's own logs say before a test, and the register's experiments read again from the logs of the samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiment_frames import START, refused_rows, workspace_of, world

from martech_lib import Workspace, experiments
from martech_lib.core.errors import MissingTable, UserError
from martech_lib.core.metrics import metrics
from martech_lib.core.places import sample_dir
from martech_lib.core.rows import rows_of
from martech_lib.experiments.readout import Readout

COMPANIES = ("saas", "fitness")
SAME = 5e-4  # the register is written to four digits
OF_LOOKS = 0.03  # of the interval: the register's estimate is the plain one, ours allows for the looks before
OF_WIDTH = 0.01  # of a rate's interval: the register's is that of the log ratio, ours that of the score test


@pytest.fixture(scope="module")
def read_again() -> dict[str, list[tuple[dict[str, Any], Readout]]]:
    """Company -> the register's rows with their readouts."""
    found = {}
    for company in COMPANIES:
        ws = Workspace.open(sample_dir() / company)
        rows = {str(row["id"]): dict(row) for row in rows_of(ws.register("experiments"))}
        found[company] = [(rows[one], experiments.read_registered(ws, one)) for one in experiments.readable(ws)]
    return found


@pytest.mark.parametrize("company", COMPANIES)
def test_the_registers_effects_are_found_again(read_again: Any, company: str) -> None:
    compared = 0
    for row, found in read_again[company]:
        if row["decision"] is None or found.decision == "refused":
            continue
        lifts = [line.beside.lift for line in found.lines if line.role == "primary"]
        width = row["ci_high"] - row["ci_low"]
        off = OF_LOOKS * width if row["looks_planned"] > 1 else SAME
        lift = next(one for one in lifts if one and one.estimate == pytest.approx(row["effect"], abs=off))
        is_rate = row["primary_metric"].endswith(" rate")
        within = max(off, OF_WIDTH * width) if is_rate else off
        assert (lift.lower, lift.upper) == pytest.approx((row["ci_low"], row["ci_high"]), abs=within), row["id"]
        compared += 1
    assert compared >= 4


@pytest.mark.parametrize("company", COMPANIES)
def test_a_fixed_test_that_was_looked_at_daily_is_refused(read_again: Any, company: str) -> None:
    found = {
        row["looks"]: told for row, told in read_again[company] if (row["looks"] or 0) > (row["looks_planned"] or 1)
    }
    assert found and {told.decision for told in found.values()} == {"refused"}
    assert all(f"{int(looks)} looks taken, 1 declared" in told.sentence for looks, told in found.items())


@pytest.mark.parametrize("company", COMPANIES)
def test_decisions_do_not_contradict_the_register(read_again: Any, company: str) -> None:
    """A marketer may decline what is inconclusive; nobody ships what our reading does not."""
    for row, found in read_again[company]:
        if row["decision"] == "ship":
            assert found.decision == "ship", row["id"]
        if found.decision == "ship":
            assert row["decision"] in ("ship", None), row["id"]


@pytest.mark.parametrize("company", COMPANIES)
def test_bandits_are_refused_and_say_so(read_again: Any, company: str) -> None:
    bandits = [found for row, found in read_again[company] if row["allocation"] == "bandit"]
    assert len(bandits) == 1
    assert bandits[0].decision == "refused" and "it is a bandit" in bandits[0].sentence
    assert len(list(refused_rows(bandits[0].readings))) == 3


def test_the_faulty_one_is_refused(read_again: Any) -> None:
    def faulty(company: str) -> list[tuple[dict[str, Any], Readout]]:
        """A bandit's arms are uneven by design."""
        return [one for one in read_again[company] if not one[1].srm.passed and one[0]["allocation"] != "bandit"]

    refused = {row["id"]: found for row, found in faulty("saas")}
    assert set(refused) == {"X-031"}
    found = refused["X-031"]
    assert found.decision == "refused" and found.srm.arm == "treatment" and found.srm.p_value < 1e-4
    assert not faulty("fitness")


@pytest.mark.parametrize("company", COMPANIES)
def test_every_number_of_them_is_declared_and_plain(read_again: Any, company: str) -> None:
    for row, found in read_again[company]:
        assert {record.metric for record in found.reading_records} <= set(metrics())
        assert json.dumps(found.to_dict(), allow_nan=False)
        assert found.plan.name == row["id"]


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    ws = Workspace.open(sample_dir() / "saas")
    with pytest.raises(UserError, match="The register has no 'X-9999'"):
        experiments.read_registered(ws, "X-9999")
    with pytest.raises(UserError, match="X-001 cannot be read: it needs assignments and outcomes with rows of this"):
        experiments.read_registered(ws, "X-001")
    bare = workspace_of(tmp_path)
    assert experiments.readable(bare) == ()
    with pytest.raises(MissingTable, match=r"experiments\.csv"):
        experiments.read_registered(bare, "X-001")


def grown(power: float, *, days: int = 28, first: int = 700) -> pd.DataFrame:
    """Assignments whose unique users are first * days ** power in all."""
    so_far = np.round(first * np.arange(1, days + 1) ** power).astype(int)
    day = np.repeat(np.arange(days), np.diff(so_far, prepend=0))
    users = np.arange(len(day))
    return pd.DataFrame(
        {
            "program": "T",
            "user_id": users,
            "arm": np.where(users % 2 == 0, "control", "treated"),
            "assigned_at": START + pd.to_timedelta(day, unit="D"),
        }
    )


@pytest.mark.parametrize("power", [0.7, 1.0])
def test_history_finds_the_growth_that_was_simulated(tmp_path: Path, power: float) -> None:
    assignments = grown(power)
    hits = assignments[assignments["user_id"] % 10 == 0]
    outcomes = pd.DataFrame({"user_id": hits["user_id"], "ts": hits["assigned_at"], "event": "conversion"})
    ws = workspace_of(tmp_path, assignments=assignments, outcomes=outcomes)
    found = experiments.history(ws, "conversion rate", program="T")
    assert found.growth == pytest.approx(power, abs=0.005)
    assert found.weekly_units == pytest.approx(700 * 7**power, rel=0.01)
    assert found.users == (assignments["arm"] == "control").sum()
    assert found.baseline == pytest.approx(len(hits) / found.users), "every tenth user, all of them in the control"
    assert (found.sd, found.skew, found.correlation) == (None, 0.0, 0.0)
    assert found.arrivals["units"].tolist() == np.round(700 * np.arange(1, 29) ** power).tolist()


def test_history_of_a_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    assignments = grown(0.8, days=10, first=200)
    before = rng.normal(20, 4, len(assignments))
    value = before * 0.6 + rng.normal(0, 3, len(assignments))
    outcomes = pd.DataFrame(
        {"user_id": assignments["user_id"], "ts": assignments["assigned_at"], "event": "order", "value": value}
    )
    ws = workspace_of(tmp_path, assignments=assignments.assign(pre_value=before), outcomes=outcomes)
    found = experiments.history(ws, "order value per user", program="T")
    own = (assignments["arm"] == "control").to_numpy()
    assert found.baseline == pytest.approx(value[own].mean(), rel=1e-9)
    assert found.sd == pytest.approx(value[own].std(ddof=1), rel=1e-9)
    assert found.skew == pytest.approx(float(pd.Series(value[own]).skew()), abs=0.01)  # pandas corrects for n
    assert found.correlation == pytest.approx(np.corrcoef(before[own], value[own])[0, 1], rel=1e-9)


def test_history_that_says_nothing(tmp_path: Path) -> None:
    assignments, outcomes = world({"control": (50, {"conversion": 5}), "treated": (50, {"conversion": 5})}, days=3)
    ws = workspace_of(tmp_path, assignments=assignments, outcomes=outcomes)
    short = experiments.history(ws, "conversion rate", program="T")
    assert (short.baseline, short.growth, short.weekly_units) == (0.1, None, None)
    with pytest.raises(UserError, match="no program 'U'"):
        experiments.history(ws, "conversion rate", program="U")
    with pytest.raises(UserError, match="Nobody in the control arm of T has 'refund'"):
        experiments.history(ws, "refund rate", program="T")
    with pytest.raises(MissingTable):
        experiments.history(Workspace.open(sample_dir() / "starter"), "conversion rate", program="T")


@pytest.mark.parametrize("company", COMPANIES)
def test_the_samples_visitors_come_back(company: str) -> None:
    ws = Workspace.open(sample_dir() / company)
    one = experiments.readable(ws)[0]
    metric = str(ws.register("experiments").set_index("id").loc[one, "primary_metric"])
    found = experiments.history(ws, metric, program=one)
    assert found.growth is not None and 0.3 < found.growth <= 1
    assert found.weekly_units is not None and found.weekly_units > 100 and 0 < found.baseline < 1
