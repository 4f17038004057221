"""The planner's page in one frozen result: the plan, the backlog, the register, the experiment that is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from martech_lib.core.results import Reading, Result, Status
from martech_lib.core.workspace import Workspace
from martech_lib.experiments.backlog import Backlog, backlog
from martech_lib.experiments.duration import LONGEST, by_week
from martech_lib.experiments.plan import Plan, plan_from
from martech_lib.experiments.readout import Readout
from martech_lib.experiments.record import Record, record

EXAMPLE = {
    "name": "Example", "primary_metric": "conversion rate", "baseline": 0.20, "mde": 0.25, "relative": True,
    "weekly_units": 2_000,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Planner(Result):
    """Everything the page shows.

    Attributes:
        plan: The plan that is being made.
        backlog: The ideas and the quarter.
        record: The register, audited.
        readout: The experiment that is read; None where none can be.
        readable: Ids of the experiments that can be.
    """

    plan: Plan
    backlog: Backlog
    record: Record
    readout: Readout | None = None
    readable: tuple[str, ...] = ()


def first_plan(found: Backlog) -> Plan:
    """The plan that a page begins with: the first idea that has a place in the quarter, else the textbook's example."""
    for idea in found.fitting:
        told = {
            "name": idea.idea, "primary_metric": idea.primary_metric or "conversion rate", "baseline": idea.baseline,
            "mde": idea.mde_relative, "relative": True, "weekly_units": idea.weekly_units, "surface": idea.surface,
            "owner": idea.owner,
        }  # fmt: skip
        return plan_from(told)
    return plan_from(EXAMPLE)


def theme(ws: Workspace) -> Result:
    """What the home page shows of experiments: the register and the backlog.

    Raises:
        TableError: A table is there and wrong.
    """
    told, found = record(ws), backlog(ws)
    return Result(
        reading_records=(*told.reading_records, *found.reading_records),
        finding_records=told.finding_records,
        inputs={**told.inputs, **found.inputs},
    )


def plan_records(plan: Plan) -> Iterator[Reading]:
    """The plan's numbers."""
    period = plan.name
    gate = plan.gate
    passed = int(gate["passed"].sum())
    yield Reading("experiments.sample_size", plan.sample_size, "users", n=plan.sample_size, period=period)
    yield Reading("experiments.total_units", plan.total_units, "users", n=plan.total_units, period=period)
    if plan.weeks is None:
        needs = "needs the unique users of a week"
        yield Reading("experiments.weeks", unit="weeks", status="not measured", reason=needs, period=period)
    else:
        status: Status = "pass" if plan.weeks <= LONGEST else "watch"
        yield Reading(
            "experiments.weeks", plan.weeks, "weeks", target=f"at most {LONGEST}", status=status, period=period
        )
    is_passed: Status = "pass" if passed == len(gate) else "watch"
    lacking = "; ".join(gate.loc[~gate["passed"], "missing"])
    yield Reading("experiments.gate", passed, "rules", target="6 of 6", status=is_passed, reason=lacking, period=period)
    weeks = by_week(plan).dropna(subset=["mde_relative"])
    for week, seen in zip(weeks["week"].tolist(), weeks["mde_relative"].abs().tolist(), strict=True):
        yield Reading("experiments.least_seen", seen, "share", segment=f"week {week}", period=period)


def planner(
    plan: Plan, found: Backlog, told: Record, *, readouts: Sequence[Readout] = (), readable: Sequence[str] = ()
) -> Planner:
    """The page of one plan."""
    rows = [*told.reading_records, *found.reading_records, *plan_records(plan)]
    rows += [row for readout in readouts for row in readout.reading_records]
    inputs = {name: digest for part in (told, found, *readouts) for name, digest in part.inputs.items()}
    return Planner(
        reading_records=tuple(rows), finding_records=told.finding_records, inputs=inputs,
        plan=plan, backlog=found, record=told, readout=readouts[0] if readouts else None, readable=tuple(readable),
    )  # fmt: skip
