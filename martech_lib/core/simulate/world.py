"""The whole world: its tables, its truth, and how both are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from martech_lib.core.errors import UserError, WorkspaceError
from martech_lib.core.simulate.course import run
from martech_lib.core.simulate.experiment_settings import companies
from martech_lib.core.simulate.experiments import history_of
from martech_lib.core.simulate.history import controls_frame, media_frame, outcome_frame
from martech_lib.core.simulate.lift import lift_frame
from martech_lib.core.simulate.log import Log, conversions_frame, in_order, log_of, touches_frame
from martech_lib.core.simulate.messages import messages_frame, templates_frame
from martech_lib.core.simulate.programs import programs_of
from martech_lib.core.simulate.reports import (
    channels_frame,
    geo_frame,
    lenses_frame,
    platform_frame,
    spend_frame,
    survey_frame,
)
from martech_lib.core.simulate.settings import AS_OF, LOG_WEEKS, Settings, settings
from martech_lib.core.simulate.truth import caused, truth_frame, truth_rows
from martech_lib.core.tables import table

LEAST_USERS, MOST_USERS = 500, 2_000_000
USUAL_USERS = 20_000  # the surfaces of A/B tests are described for a log of so many users
DAYS_OF_MONTH = 365.25 / 12


@dataclass(frozen=True)
class World:
    """A simulated world.

    Attributes:
        tables: Table name -> frame with the declared columns; times are UTC without a zone.
        truth: What each channel, program and lift test truly caused: the table `truth`.
    """

    tables: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame


def simulate(*, users: int, seed: int) -> World:
    """A world of so many users; the same seed gives the same world.

    Raises:
        UserError: The number of users or the seed is not allowed.
    """
    if not LEAST_USERS <= users <= MOST_USERS:
        raise UserError(f"a world of {users:,} users is not possible; give from {LEAST_USERS:,} to {MOST_USERS:,}")
    if seed < 0:
        raise UserError(f"the seed {seed} is below zero; give a whole number from 0 up")
    return simulate_from(settings(users=users, seed=seed))


def simulate_from(of: Settings) -> World:
    """A world of one's own settings."""
    course = run(of)
    log, effects, programs = log_of(course), caused(course), programs_of(of)
    tests = history_of(of.company, seed=of.seed, scale=of.users / USUAL_USERS)
    truth = truth_frame([*truth_rows(course, effects), *programs.truth, *tests.truth])
    spend = spend_frame(log)
    tables = {
        "profile": _profile(log, float(spend["spend"].sum())),
        "touches": touches_frame(log),
        "conversions": conversions_frame(log),
        "spend": spend,
        "platform_reported": platform_frame(log),
        "survey": survey_frame(log),
        "lift_tests": lift_frame(log),
        "media_weekly": media_frame(log),
        "outcome_weekly": outcome_frame(log, effects),
        "controls_weekly": controls_frame(log),
        "geo_panel": geo_frame(log),
        "channels": channels_frame(log),
        "assignments": in_order([programs.assignments, tests.assignments], "assigned_at"),
        "outcomes": in_order([programs.outcomes, tests.outcomes], "ts"),
        "lenses": lenses_frame(log, effects),
        "programs": programs.programs,
        "messages": messages_frame(of, programs.impressions),
        "templates": templates_frame(of),
        "experiments": tests.experiments,
        "backlog": tests.backlog,
        "truth": truth,
    }
    return World(tables, truth)


def tests_of(company: str, *, seed: int) -> World:
    """The A/B tests of a company alone, as in a world of the usual size: their tables, their logs, their truth.

    Raises:
        UserError: No tests are described for this company, or the seed is not allowed.
    """
    if company not in companies():
        raise UserError(f"no A/B tests are described for {company!r}; there are: {', '.join(companies())}")
    if seed < 0:
        raise UserError(f"the seed {seed} is below zero; give a whole number from 0 up")
    tests = history_of(company, seed=seed)
    truth = truth_frame(tests.truth)
    return World({**tests._asdict(), "truth": truth}, truth)


def write(world: World, folder: str | Path) -> tuple[Path, ...]:
    """Write the tables of a world into a new or empty folder: logs as Parquet, registers as CSV.

    Raises:
        WorkspaceError: The folder holds something, or cannot be written.
    """
    root = Path(folder).expanduser()
    refuse_taken(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return tuple(_write(root, name, frame) for name, frame in world.tables.items())
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written: {error.strerror or 'unknown reason'}") from error


def refuse_taken(folder: str | Path) -> None:
    """Raise WorkspaceError when there is anything where a world is to go."""
    root = Path(folder).expanduser()
    if root.is_dir() and any(root.iterdir()):
        names = sorted(p.name for p in root.iterdir())
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        held = ", ".join(names[:3]) + more
        raise WorkspaceError(f"{folder} holds {held} already; choose another folder, nothing was written")
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{folder} is a file; choose another folder, nothing was written")


def _profile(log: Log, spend: float) -> pd.DataFrame:
    facts = {
        "company": f"Simulated company (seed {log.course.of.seed})",
        "currency": "USD",
        "timezone": "UTC",
        "business_model": "B2C",
        "marketing_fte": 8,
        "marketing_budget_excl_labor": round(spend / LOG_WEEKS * 52 * 1.3),
        "paid_spend_month": round(spend / (LOG_WEEKS * 7) * DAYS_OF_MONTH),
        "channels": "email;paid;web;app;push",
        "as_of_date": AS_OF.isoformat(),
    }
    return pd.DataFrame({"key": list(facts), "value": [str(value) for value in facts.values()]})


def _write(root: Path, name: str, frame: pd.DataFrame) -> Path:
    path = root / f"{name}.{'parquet' if table(name).log else 'csv'}"
    if table(name).log:
        _write_log(path, frame)
    else:
        path.write_text(frame.to_csv(index=False, lineterminator="\n"), encoding="utf-8", newline="\n")
    return path


def _write_log(path: Path, frame: pd.DataFrame) -> None:
    """Times carry their zone, so that the profile's cannot move them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = [str(n) for n in frame.select_dtypes(include=["int64", "datetime"]).columns]
    zoned = {str(n): frame[n].dt.tz_localize("UTC") for n in frame.select_dtypes(include="datetime")}
    content = pa.Table.from_pandas(frame.assign(**zoned), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(
        content,
        path,
        compression="zstd",
        use_dictionary=[n for n in content.column_names if n not in whole],
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        coerce_timestamps="ms",
    )
