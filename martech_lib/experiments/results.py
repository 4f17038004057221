"""What an experiment came to, written into its row of the register: the decision, and what was found after launch."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.rows import Row, rows_of
from martech_lib.experiments.declared import number_of
from martech_lib.experiments.lines import Line

if TYPE_CHECKING:
    from martech_lib.core.workspace import Workspace
    from martech_lib.experiments.readout import Readout

DECISIONS = {"ship": "ship", "do not ship": "no ship", "inconclusive": "inconclusive"}  # Readout's -> the register's
DIGITS = 6


def record_decision(ws: Workspace, one: str, readout: Readout, *, on: date) -> str:
    """Write what a readout decided into an experiment's row of the register; where it stands, in words.

    Blanks are filled: actual_n, stopped, stop_reason, effect, ci_low, ci_high, p_value, downstream_effect, decision,
    decided_on. A cell that holds another value is not written over. How often it was looked at nobody can see in the
    logs, so that `looks` is left to its owner.

    Args:
        ws: A workspace that is a folder.
        one: Id in the register.
        readout: Of this experiment.
        on: The day of the decision.

    Raises:
        UserError: It decides nothing yet, is of another plan, or the row cannot be written.
    """
    row = row_of_id(ws, one)
    if readout.decision not in DECISIONS:
        raise UserError(f"{one} is not decided: {readout.sentence}")
    written = row.get("fingerprint")
    if written is not None and str(written) != readout.plan.fingerprint:
        raise UserError(
            f"The readout is not by the plan that was registered as {one}: its fingerprint is "
            f"{readout.plan.fingerprint[:12]}…, the register has {shown(written)[:12]}…."
        )
    return ws.fill("experiments", one, {**_ended(readout), **_found(readout), "decided_on": on})


def record_follow_up(ws: Workspace, one: str, *, effect: float | str, low: float | str, high: float | str) -> str:
    """Write what was found after launch into a shipped experiment's row; where it stands, in words.

    Args:
        ws: A workspace that is a folder.
        one: Id in the register.
        effect: Relative to the control, as `effect` of the register: 0.015 or "1.5 %".
        low: Lower end of its interval.
        high: Upper end.

    Raises:
        UserError: The experiment was not shipped, the numbers are in no order, or the row cannot be written.
    """
    if row_of_id(ws, one).get("decision") != "ship":
        raise UserError(f"{one} was not shipped by the register, and winners alone are followed up.")
    found, lower, upper = (number_of(*told) for told in (("effect", effect), ("low", low), ("high", high)))
    if not lower <= found <= upper:
        raise UserError(
            f"The follow-up came as {found:g} ({lower:g} to {upper:g}); allowed is a share and an interval around it, "
            "such as 0.015 (0.002 to 0.028)."
        )
    told = {"followup_effect": found, "followup_ci_low": lower, "followup_ci_high": upper}
    return ws.fill("experiments", one, told)


def row_of_id(ws: Workspace, one: str) -> Row:
    """The row of an experiment. Raises UserError where the register has none."""
    rows = rows_of(ws.register("experiments"))
    for row in rows:
        if str(row["id"]) == one:
            return row
    raise UserError(f"The register has no '{shown(one)}'{did_you_mean(one, [str(row['id']) for row in rows])}.")


def _ended(readout: Readout) -> dict[str, Any]:
    """When and why it ended."""
    look, last = readout.look, readout.counted.last
    assert look is not None  # what decides was read at a look
    primary = next(line for line in readout.lines if line.beside.arm == readout.arm)
    is_guarded = not look.is_last and not primary.is_rejected
    return {
        "actual_n": sum(arm.n for arm in readout.counted.arms),
        "stopped": None if last is None else last.date(),
        "stop_reason": "guardrail" if is_guarded else "planned",
        "decision": DECISIONS[readout.decision],
    }


def _found(readout: Readout) -> dict[str, Any]:
    """The effects of the arm that was decided on, relative to the control."""
    of_arm = [line for line in readout.lines if line.beside.arm == readout.arm]
    primary, downstream = of_arm[0], next((line for line in of_arm if line.role == "downstream"), None)
    lift, p = primary.beside.lift, primary.p
    return {
        "effect": None if lift is None else round(lift.estimate, DIGITS),
        "ci_low": None if lift is None else round(lift.lower, DIGITS),
        "ci_high": None if lift is None else round(lift.upper, DIGITS),
        "p_value": None if p is None else float(f"{p:.4g}"),
        "downstream_effect": None if downstream is None else _lift_of(downstream),
    }


def _lift_of(line: Line) -> float | None:
    return None if line.beside.lift is None else round(line.beside.lift.estimate, DIGITS)
