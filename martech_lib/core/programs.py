"""Which rows of the assignments are this experiment's, and whether their shares stood still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import listed, percent

if TYPE_CHECKING:
    import ibis.expr.types as ir

Shares = Mapping[str, tuple[float, float]]  # arm -> its least and its largest planned share
STEADY = 0.005  # by which the planned share of an arm may differ between users and still be one share


def program_of(assignments: ir.Table, name: str, *, is_named: bool) -> str | None:
    """The program to be read: the one of this name, or the only one there is; None where the log has no such column.

    Raises:
        UserError: A program is named and the log has no such column, or it has several and none of this name.
    """
    if "program" not in assignments.columns:
        if is_named:
            raise UserError(
                f"program came as '{shown(name)}', and the assignments have no column program: leave it out where they "
                "hold one experiment."
            )
        return None
    if assignments.filter(assignments.program.cast("string") == name).limit(1).count().execute():
        return name
    there = sorted(map(str, assignments.select("program").distinct().limit(1_000).execute()["program"].dropna()))
    if len(there) == 1 and not is_named:
        return there[0]
    if not there:
        raise UserError(
            "The assignments have no rows, or their program is blank; supply the users of the experiment, one row "
            "each, and leave the column out where there is one experiment."
        )
    hint = did_you_mean(name, there)
    raise UserError(
        f"The assignments have no program '{shown(name)}'{hint or '.'} They hold "
        f"{listed([shown(p) for p in there], most=8)}; name one of them with `program`."
    )


def planned_shares(assignments: ir.Table, program: str | None) -> Shares:
    """The arms' planned shares by the log; none where it does not hold them.

    Raises:
        UserError: A program is named and there is no such column; shares are no numbers.
    """
    if "planned_share" not in assignments.columns:
        return {}
    kind = assignments.planned_share.type()
    if not (kind.is_numeric() or kind.is_null()):
        raise UserError(f"planned_share of assignments came as {kind}; allowed are numbers, such as 0.5.")
    of = assignments if program is None else assignments.filter(assignments.program.cast("string") == program)
    ends = of.group_by("arm").aggregate(low=of.planned_share.min(), high=of.planned_share.max()).execute().dropna()
    return {str(row.arm): (float(row.low), float(row.high)) for row in ends.sort_values("arm").itertuples()}


def moving(shares: Shares) -> str:
    """What is wrong where an arm's share moved while it ran, as a bandit's does; "" where it stood still."""
    for arm, (low, high) in shares.items():
        if high - low > STEADY:
            return (
                f"the share of arm {arm} moved from {percent(low, 0)} to {percent(high, 0)}: it is a bandit, whose "
                "arms differ in when their users came, so that a plain comparison is biased"
            )
    return ""
