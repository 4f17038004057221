"""An experiment read as it was planned: the arms first, then the declared metrics, then a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from martech_lib.core.arms import Arm, Counted, counted
from martech_lib.core.errors import UserError, shown
from martech_lib.core.log_intake import as_table
from martech_lib.core.programs import Shares, moving, planned_shares, program_of
from martech_lib.core.results import Result
from martech_lib.core.sample_ratio import SampleRatio, apart_before, sample_ratio
from martech_lib.core.spoken import fitting, listed, percent
from martech_lib.experiments.lines import Line, Roles, curse_of, lines_of, roles_of
from martech_lib.experiments.looks import Look, look_of
from martech_lib.experiments.measured import measures_of
from martech_lib.experiments.plan import Plan
from martech_lib.experiments.readout_records import records
from martech_lib.experiments.verdict import Decision, StopReason, Verdict, has_harm, refused, verdict

CONTROLS = ("control", "holdout")
DAY = 86_400
FEWEST = 2  # users of an arm, for a variance
CROSSED = 0.05  # share of users in two arms, beyond which those who are left are no sample of all
UNRIPE = 0.1  # share of users whose window may still be open


@dataclass(frozen=True, kw_only=True)
class Readout(Result):
    """An experiment, read.

    Attributes:
        plan: As it was declared.
        srm: The sample-ratio check; nothing is read where it does not pass.
        look: Where the reading stands in its plan; None where nothing is read.
        lines: Every metric of every arm beside the control.
        counted: What was counted, and what was set aside.
        decision: ship, do not ship, inconclusive, keep running, or refused.
        sentence: What a marketer is told.
        arm: The arm that the decision is about; "" where nothing is read.
        stop_reason: Why it stops, as the register says it: planned, guardrail or other; "" where it does not.
        program: Its name in the log; "" where the log holds one experiment and does not name it.
    """

    plan: Plan
    srm: SampleRatio
    look: Look | None
    lines: tuple[Line, ...]
    counted: Counted
    decision: Decision
    sentence: str
    arm: str
    stop_reason: StopReason
    program: str = ""


def read(
    plan: Plan, assignments: Any, outcomes: Any, *, program: str = "", exploratory: str | Sequence[str] = ()
) -> Readout:
    """Read an experiment as it was planned.

    Args:
        plan: As it was declared.
        assignments: user_id, arm (one is control or holdout), assigned_at and, where known, program and pre_value:
            an Ibis table of any engine, or a frame.
        outcomes: user_id, ts, event and, for values, value.
        program: Its name in the log; "" for the plan's name, or for the only one there is.
        exploratory: Further metrics to look at, one or several; they decide nothing.

    Raises:
        UserError: A column is missing, there is no such program, or no arm is named control or holdout.
    """
    roles = roles_of(plan, _names_of(exploratory))
    put = as_table(assignments, "assignments", ("user_id", "arm", "assigned_at"), time="assigned_at")
    name = program_of(put, str(program or plan.name), is_named=bool(program))
    metrics = [metric for part in roles.values() for metric in part]
    found = counted(put, outcomes, measures_of(metrics), program=name, window_days=plan.window_days)
    told = replace(read_counted(plan, found, roles, shares=planned_shares(put, name)), program=name or "")
    if program or name in (None, plan.name):
        return told
    return replace(told, sentence=f"{told.sentence} Read from {shown(name)}, the only program in the log.")


def _names_of(exploratory: Any) -> list[str]:
    """The names of further metrics. Raises UserError where they are none."""
    names = [exploratory] if isinstance(exploratory, str) else exploratory
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"exploratory came as '{shown(exploratory)}'; allowed is the name of a metric, or a list of names."
        )
    return [*names]


def read_counted(
    plan: Plan, found: Counted, roles: Roles, *, shares: Shares, fault: str = "", planned_days: float | None = None
) -> Readout:
    """Read what was counted; see `read`.

    Args:
        plan: As it was declared.
        found: What the engine counted of its metrics.
        roles: The metrics by role.
        shares: The arms' planned shares by the log, where it holds them.
        fault: Why it must not be read, in words; "" where nothing is known.
        planned_days: How many it was to run; None for the plan's weeks.
    """
    arms = _placed(in_order(found.arms), plan.split, shares)
    srm = sample_ratio(_beside_plan(plan, arms), plan.split, found.by_day)
    fault = moving(shares) or fault or srm.reason or _too_few(arms) or _crossing(found) or apart_before(arms)
    if fault:
        return _readout(plan, srm, None, (), found, refused(fault))
    look = look_of(plan, sum(arm.n for arm in arms), _days(found), planned_days=planned_days)
    if waiting := _waiting(plan, found):  # no look that was declared, but one at which harm is seen
        look = look._replace(number=0, is_last=False, reason=waiting)
    lines = lines_of(plan, look, arms, roles)
    if waiting and not has_harm(lines):
        return _readout(plan, srm, None, (), found, Verdict("keep running", f"Keep it running: {waiting}."))
    told = verdict(look, lines, mde=plan.relative_effect, curse=curse_of(plan, look))
    return _readout(plan, srm, look, lines, found, told)


def in_order(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """The control first, then the others by name. Raises UserError where no arm is the control."""
    control = [arm for arm in arms if arm.arm.strip().casefold() in CONTROLS]
    if len(control) != 1:
        came = listed([shown(arm.arm) for arm in arms]) or "none"
        raise UserError(f"The arms came as {came}; allowed is one named control or holdout, and others beside it.")
    return (*control, *sorted((arm for arm in arms if arm not in control), key=lambda arm: arm.arm))


def _placed(arms: tuple[Arm, ...], split: Sequence[float], shares: Shares) -> tuple[Arm, ...]:
    """The arms in the order of the plan's shares, which names no arms: by the log's shares, else by their users."""
    control, *others = arms
    planned = split[1:]
    if len(others) != len(planned) or len(set(planned)) == 1:
        return arms
    is_told = all(arm.arm in shares for arm in others)
    largest = sorted(others, key=lambda arm: (-shares[arm.arm][0] if is_told else 0.0, -arm.n))
    ranks = sorted(range(len(planned)), key=lambda place: -planned[place])
    return (control, *(largest[ranks.index(place)] for place in range(len(planned))))


def _beside_plan(plan: Plan, arms: Sequence[Arm]) -> dict[str, int]:
    """Users by arm; a planned arm without users counts 0."""
    counts = {arm.arm: arm.n for arm in arms}
    return counts | {f"arm {place + 1} (without users)": 0 for place in range(len(arms), len(plan.split))}


def _too_few(arms: Sequence[Arm]) -> str:
    few = [shown(arm.arm) for arm in arms if arm.n < FEWEST]
    return f"{listed(few)} {fitting(len(few), 'has', 'have')} fewer than {FEWEST} users" if few else ""


def _crossing(found: Counted) -> str:
    share = found.crossed / (found.crossed + sum(arm.n for arm in found.arms))
    if share <= CROSSED:
        return ""
    return (
        f"{percent(share, 0)} of the users were put into two arms: find the fault in the assignment before it is read"
    )


def _waiting(plan: Plan, found: Counted) -> str:
    """Why outcomes of many users are still to come; "" where they are not."""
    if plan.window_days is None or found.latest is None:
        return ""
    until = found.latest - timedelta(days=plan.window_days)
    share = float(found.by_day.loc[found.by_day["day"] > until.date(), "n"].sum() / found.by_day["n"].sum())
    if share <= UNRIPE:
        return ""
    return (
        f"{percent(share, 0)} of its users came less than {plan.window_days:g} days before the log ends, so that their "
        "outcomes are still to come; read it when they have"
    )


def _days(found: Counted) -> float | None:
    """Days from the first assignment to the last."""
    if found.first is None or found.last is None:
        return None
    return (found.last - found.first).total_seconds() / DAY


def _readout(
    plan: Plan, srm: SampleRatio, look: Look | None, lines: tuple[Line, ...], found: Counted, told: Verdict
) -> Readout:
    """Everything in one record."""
    reason = told.sentence if look is None or told.decision == "refused" else ""
    return Readout(
        reading_records=records(plan, srm, found, look=look, lines=lines, reason=reason),
        plan=plan, srm=srm, look=look, lines=lines, counted=found, decision=told.decision, sentence=told.sentence,
        arm=told.arm, stop_reason=told.stop_reason,
    )  # fmt: skip
