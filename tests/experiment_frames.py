"""Small logs of experiments whose sums are known, for tests: so many users an arm, so many of them with each event."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from workspaces import PROFILE, write_table

from martech_lib import Workspace, experiments
from martech_lib.experiments.lines import Line
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout import Readout

START = pd.Timestamp("2026-09-01")
HYPOTHESIS = "We believe fewer fields for new visitors will raise conversions because typing is work"
TWENTY_TO_25 = {
    "name": "T", "primary_metric": "conversion rate", "baseline": 0.2, "mde": 0.25, "relative": True,
    "weekly_units": 1100,
}  # fmt: skip
PASSING = {
    "hypothesis": HYPOTHESIS,
    "variables_changed": 1,
    "downstream_metric": "paid rate",
    "guardrail_metrics": "unsubscribe rate",
}
Users = tuple[int, Mapping[str, int]]  # of an arm, and how many of them have each event


def a_plan(**changes: Any) -> Plan:
    """20 % to 25 %, two-sided, one look: 1,094 users an arm, two weeks."""
    return experiments.plan(**{**TWENTY_TO_25, **changes})


def world(arms: Mapping[str, Users], *, days: int = 14, program: str = "T") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assignments spread evenly over so many days, and outcomes an hour later, of the first users of each arm."""
    put, happened = [], []
    for arm, (n, events) in arms.items():
        for user in range(n):
            at = START + pd.Timedelta(days=user * days // n)
            put.append((program, f"{arm}-{user}", arm, at))
            done = [event for event, hits in events.items() if user < hits]
            happened += [(f"{arm}-{user}", at + pd.Timedelta(hours=1), event) for event in done]
    assignments = pd.DataFrame(put, columns=["program", "user_id", "arm", "assigned_at"])
    return assignments, pd.DataFrame(happened, columns=["user_id", "ts", "event"])


def read(arms: dict[str, Users], plan: dict[str, Any] | None = None, **asked: Any) -> Readout:
    """A world read by `a_plan` with these changes."""
    return experiments.read(a_plan(**(plan or {})), *world(arms), **asked)


def line(found: Readout, name: str = "conversion rate", arm: str = "treated") -> Line:
    """One metric of one arm."""
    return next(one for one in found.lines if (one.name, one.beside.arm) == (name, arm))


def with_events(control: dict[str, int], treated: dict[str, int], n: int = 1094) -> dict[str, Users]:
    """Two arms of n users."""
    return {"control": (n, control), "treated": (n, treated)}


def valued(arms: Mapping[str, list[float]], *, event: str = "order") -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same where every user has one outcome with a value."""
    assignments, _ = world({arm: (len(values), {}) for arm, values in arms.items()})
    outcomes = pd.DataFrame({"user_id": assignments["user_id"], "ts": assignments["assigned_at"], "event": event})
    return assignments, outcomes.assign(value=[value for values in arms.values() for value in values])


def pooled_z(control: tuple[int, int], treated: tuple[int, int]) -> float:
    """Z of two proportions by the common rate; each as hits and users."""
    (x, n), (y, m) = control, treated
    rate = (x + y) / (n + m)
    return (y / m - x / n) / math.sqrt(rate * (1 - rate) * (1 / n + 1 / m))


def hits_for(z: float, *, control: int, users: int) -> int:
    """The fewest hits of an arm of so many users that lie z above the control's."""
    return next(hits for hits in range(control, users) if pooled_z((control, users), (hits, users)) >= z)


def two_sided(z: float) -> float:
    """p-value of a Z."""
    return math.erfc(abs(z) / math.sqrt(2))


def workspace_of(folder: Path, **tables: pd.DataFrame) -> Workspace:
    """A workspace of a profile and these tables."""
    write_table(folder, "profile", [{"key": key, "value": value} for key, value in PROFILE.items()])
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return Workspace.open(folder)


def refused_rows(readings: pd.DataFrame) -> Iterator[Any]:
    """Rows that are refused, each of which must be without a number."""
    for row in readings[readings["status"] == "refused"].itertuples():
        assert row.reason and pd.isna([row.value, row.lower, row.upper]).all(), row
        yield row
