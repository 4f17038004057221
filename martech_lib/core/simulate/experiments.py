"""A company's history of A/B tests, each with an effect that is known: the register, the backlog, and the logs.

>>> from martech_lib.core import simulate
>>> world = simulate.tests_of("saas", seed=1)          # what data/sample/saas holds of it
>>> world.tables["experiments"], world.truth
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.experiment_logs import logs_of
from martech_lib.core.simulate.experiment_settings import Experiment, experiments, rows
from martech_lib.core.simulate.experiment_team import (
    followed_row,
    is_followed,
    planned_row,
    read,
    read_row,
    stop,
)
from martech_lib.core.simulate.experiment_users import Effects, Trial, effects_of, trial
from martech_lib.core.simulate.log import in_order
from martech_lib.core.simulate.settings import AS_OF, stream
from martech_lib.core.tables import NUMERIC, table

FIRST_USER = 20_000_001  # other people than the users of the log and the members of programs
WHOLE = ("variables_changed", "tails", "looks_planned", "planned_n", "actual_n", "looks")


class History(NamedTuple):
    """Tables of the tests, and what each truly brought."""

    experiments: pd.DataFrame
    backlog: pd.DataFrame
    assignments: pd.DataFrame
    outcomes: pd.DataFrame
    truth: list[dict[str, object]]


class Told(NamedTuple):
    """One test: its row of the register, its users where they are in the logs, and what it truly brought."""

    test: Experiment
    row: dict[str, object]
    users: Trial | None
    truth: list[dict[str, object]]


def history_of(company: str, *, seed: int, scale: float = 1.0) -> History:
    """Draw the tests of a company.

    Args:
        company: One of those in experiments.csv.
        seed: Seed of every random number.
        scale: Its users beside those its surfaces are described with.
    """
    told = [_told(test, seed, scale) for test in experiments(company)]
    logged = [(one.test, one.users) for one in told if one.users is not None]
    first = FIRST_USER + np.cumsum([0, *(len(users.day) for _, users in logged)])
    parts = [
        logs_of(test, users, stream(seed, f"{company} {test.id} times"), first=at)
        for (test, users), at in zip(logged, first.tolist(), strict=False)
    ]
    return History(
        _register([one.row for one in told]),
        _backlog(company, scale),
        in_order([frame for frame, _ in parts], "assigned_at"),
        in_order([frame for _, frame in parts], "ts"),
        [row for one in told for row in one.truth],
    )


def _told(test: Experiment, seed: int, scale: float) -> Told:
    """How a test went: its users are drawn to the planned end, and the team takes them until it stops."""
    mde, planned = test.planned(scale)
    row = planned_row(test, mde=mde, planned=planned)
    if test.habit == "holdout":
        return Told(test, row, None, [])
    part = f"{test.company} {test.id}"
    effects = effects_of(test, stream(seed, f"{part} effects"))
    drawn = trial(test, effects, stream(seed, f"{part} users"), scale=scale)
    if test.is_running:
        seen = drawn.until((AS_OF - test.start).days + 1)
        return _as_told(test, row, effects, seen)
    stopped = stop(test, drawn, planned=planned)
    seen = drawn.until(stopped.days)
    reading = read(test, seen, look=stopped.looks if test.habit == "three looks" else 0)
    row |= read_row(test, seen, stopped, reading=reading, mde=mde)
    rng = stream(seed, f"{part} follow-up")
    if row["decision"] == "ship" and is_followed(test, stopped, rng.random()):
        row |= followed_row(test, trial(_mended(test), effects, rng, scale=scale), arm=reading.arm)
    return _as_told(test, row, effects, seen)


def _mended(test: Experiment) -> Experiment:
    """The test as it is repeated for a follow-up: with fixed shares and nobody lost."""
    return replace(test, habit="as planned") if test.habit in ("bandit", "sample-ratio fault") else test


def _as_told(test: Experiment, row: dict[str, object], effects: Effects, seen: Trial) -> Told:
    return Told(test, row, seen if test.is_logged else None, _true(test, effects, seen))


def _true(test: Experiment, effects: Effects, seen: Trial) -> list[dict[str, object]]:
    """The effect that was drawn, and what it caused among the treated who were seen: events, and their worth."""
    found = []
    for arm in range(1, len(test.arms)):
        treated = seen.arm == arm
        made, base = seen.made[treated], seen.base[treated]
        is_value = test.on.counted.kind == "value"
        events = np.count_nonzero(made) - np.count_nonzero(base) if is_value else made.sum() - base.sum()
        found.append(
            {
                "kind": "experiment",
                "name": test.id if len(test.arms) == 2 else f"{test.id} {test.arms[arm]}",
                "incremental_conversions": float(events),
                "incremental_value": round(float(made.sum() - base.sum()), 2) if is_value else None,
                "relative_lift": round(float(effects.primary[arm]), 4),
            }
        )
    return found


def _register(told: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(told)
    names = [name for name in table("experiments").names if name in frame or name == "fingerprint"]
    return frame.reindex(columns=names).astype(dict.fromkeys(WHOLE, "Int64"))


def _backlog(company: str, scale: float) -> pd.DataFrame:
    """Ideas that wait, as somebody wrote them down; how many users they meet follows the company's size."""
    frame = pd.DataFrame(rows("backlog.csv", company)).drop(columns="company")
    kinds = {column.name: column.kind for column in table("backlog").columns}
    for name in [str(n) for n in frame if kinds[str(n)] in NUMERIC]:
        frame[name] = pd.to_numeric(frame[name].replace("", None))
    return frame.assign(weekly_units=(frame["weekly_units"] * scale).round().astype("Int64"))
