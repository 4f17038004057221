"""What an experiment came to, written into its row of the register: the decision, and what was found after launch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.rows import Row, rows_of
from martech_lib.core.spoken import percent
from martech_lib.experiments.declared import number_of
from martech_lib.experiments.lines import Line
from martech_lib.experiments.metrics import refuse_both_ways, what_of
from martech_lib.experiments.register import cards_of

if TYPE_CHECKING:
    from martech_lib.core.workspace import Workspace
    from martech_lib.experiments.readout import Readout

DECISIONS = {"ship": "ship", "do not ship": "no ship", "inconclusive": "inconclusive"}  # Readout's -> the register's
DIGITS = 6
MOST_PLAIN = 2  # arms of which nobody needs to be told which one a decision is about
MOST_BARE = 1.0  # change without a percent sign beyond which 15 is more likely 15 % than fifteen times as much


def record_decision(ws: Workspace, one: str, readout: Readout, *, on: date) -> str:
    """Write what a readout decided into an experiment's row of the register; where it stands, in words.

    Blanks are filled: actual_n, stopped, stop_reason, the effect with its interval and p-value where a declared look
    decided, downstream_effect with its interval, decision, decided_on, and arm where there are several. A cell that
    holds another value is not written over. How often it was looked at nobody can see in the logs, so that `looks` is
    left to its owner.

    Args:
        ws: A workspace that is a folder.
        one: Id in the register.
        readout: Of this experiment.
        on: The day of the decision.

    Raises:
        UserError: It decides nothing yet, is of another plan or experiment, the day is none on which it can have been
            decided, or the row cannot be written.
    """
    rows = rows_of(ws.register("experiments"))
    row = _of_id(rows, one)
    if readout.decision not in DECISIONS:
        raise UserError(f"{one} is not decided: {readout.sentence}")
    _refuse_other_plan(ws, row, readout)
    _refuse_other_program(rows, row, readout)
    decided = {"decided_on": _day_after(readout, on), "decision": DECISIONS[readout.decision]}
    return ws.fill("experiments", one, {**_ended(readout), **_found(readout), **decided})


def _refuse_other_plan(ws: Workspace, row: Row, readout: Readout) -> None:
    """Raise UserError where the readout is not by the plan that was registered, as far as that is on record."""
    one, cards = str(row["id"]), cards_of(ws)[0]
    on_record = [row.get("fingerprint"), cards[one].fingerprint if one in cards else None]
    for registered in filter(None, on_record):
        if str(registered) != readout.plan.fingerprint:
            raise UserError(
                f"The readout is not by the plan that was registered as {one}: its fingerprint is "
                f"{readout.plan.fingerprint[:12]}…, registered was {shown(registered)[:12]}…."
            )
    declared, read = row.get("primary_metric"), readout.plan.primary_metric
    if declared is None:
        return
    if what_of(str(declared)) != what_of(read):
        raise UserError(
            f"The readout is of {read}, and {one} is decided on {shown(declared)}: read it with "
            "`experiments.read_registered`."
        )
    refuse_both_ways([str(declared), read])


def _refuse_other_program(rows: Sequence[Row], row: Row, readout: Readout) -> None:
    """Raise UserError where the readout is of an experiment that goes by another name."""
    own = _names_of(row)
    others = {name for other in rows for name in _names_of(other)} - own
    read = {name.casefold() for name in (readout.program, readout.plan.name) if name}
    is_unnamed = row.get("fingerprint") is None and not own & read
    if readout.program.casefold() in others or is_unnamed:
        raise UserError(
            f"The readout is of {shown(readout.program or readout.plan.name)}, not of {row['id']}; if it is the same "
            f"experiment, read it by a plan whose name is '{shown(row.get('name') or row['id'])}'."
        )


def _names_of(row: Row) -> set[str]:
    return {str(row[name]).casefold() for name in ("id", "name") if row.get(name) is not None}


def _day_after(readout: Readout, on: Any) -> date:
    """The day of a decision. Raises UserError where it is none, or lies before the last user who was read."""
    last = readout.counted.last
    if not isinstance(on, date) or on != on:  # a day that is not known is a date and not equal to itself
        raise UserError(f"on came as '{shown(on)}'; allowed is a date, such as date(2026, 8, 31).")
    day = on.date() if isinstance(on, datetime) else on
    if last is not None and day < last.date() - timedelta(days=1):  # the log's clock may be ahead of the reader's
        raise UserError(f"on came as {day}, and users were put into the arms until {last.date()}; give a later day.")
    return day


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
    found, lower, upper = (_share_of(*told) for told in (("effect", effect), ("low", low), ("high", high)))
    if not lower <= found <= upper:
        raise UserError(
            f"The follow-up came as {found:g} ({lower:g} to {upper:g}); allowed is a share and an interval around it, "
            "such as 0.015 (0.002 to 0.028)."
        )
    told = {"followup_effect": found, "followup_ci_low": lower, "followup_ci_high": upper}
    return ws.fill("experiments", one, told)


def _share_of(name: str, value: float | str) -> float:
    """A relative change. Raises UserError where it is none, or where nobody knows whether it is meant in percent."""
    change = number_of(name, value)
    if abs(change) > MOST_BARE and "%" not in str(value):
        raise UserError(
            f"{name} came as {change:g}, which is {percent(change, 0)}; allowed beyond {MOST_BARE:g} is a change with "
            f"its sign, such as '{change:g} %' or '{100 * change:g} %'."
        )
    return change


def row_of_id(ws: Workspace, one: str) -> Row:
    """The row of an experiment. Raises UserError where the register has none."""
    return _of_id(rows_of(ws.register("experiments")), one)


def _of_id(rows: Sequence[Row], one: str) -> Row:
    for row in rows:
        if str(row["id"]) == one:
            return row
    raise UserError(f"The register has no '{shown(one)}'{did_you_mean(one, [str(row['id']) for row in rows])}.")


def _ended(readout: Readout) -> dict[str, Any]:
    """When and why it ended; it ends with its last user, whatever is waited for after that."""
    last = readout.counted.last
    return {
        "actual_n": sum(arm.n for arm in readout.counted.arms),
        "stopped": None if last is None else last.date(),
        "stop_reason": readout.stop_reason,
        "arm": readout.arm if len(readout.counted.arms) > MOST_PLAIN else None,
    }


def _found(readout: Readout) -> dict[str, Any]:
    """The effects of the arm that was decided on, relative to the control."""
    look, of_arm = readout.look, {line.role: line for line in reversed(readout.lines) if line.beside.arm == readout.arm}
    primary, downstream = of_arm["primary"], of_arm.get("downstream")
    later = {} if downstream is None else _lift_of(downstream, "downstream_effect", "downstream_ci")
    if look is None or not look.number:  # harm stopped it where the plan declares no look: the rest is exploratory
        return later
    p = primary.p
    return {
        **_lift_of(primary, "effect", "ci"), "p_value": None if p is None else float(f"{p:.4g}"), **later
    }  # fmt: skip


def _lift_of(line: Line, effect: str, interval: str) -> dict[str, float]:
    """A line's lift by the names of its columns; nothing where it has none."""
    lift = line.beside.lift
    if lift is None:
        return {}
    told = {effect: lift.estimate, f"{interval}_low": lift.lower, f"{interval}_high": lift.upper}
    return {name: round(value, DIGITS) for name, value in told.items()}
