"""The saving in a sentence: run rate, the year ahead, right-sizing, what is at stake."""

from __future__ import annotations

from martech_lib.core.spoken import count, day, listed, money
from martech_lib.stack.stack_audit import StackAudit


def saving(audit: StackAudit) -> str:
    """Run-rate and in-year saving, one-off costs, right-sizing, what is at stake."""
    saved = audit.savings
    if not audit.tools:
        return ""
    parts = [_run_rate(audit), _year_ahead(audit)]
    if saved.right_sizing:
        on_top = " on top" if round(saved.run_rate, 2) > 0 else ""
        unused = _money(audit, saved.right_sizing)
        parts.append(f"unused seats in what stays cost {unused} a year, which right-sizing could save{on_top}")
    if saved.at_stake:
        n = count(sum(d.decision == "Re-evaluate" for d in audit.decision_records), "tool")
        stake = _money(audit, saved.at_stake)
        parts.append(f"{stake} a year is at stake in {n} to re-evaluate and counted nowhere as saved")
    return "; ".join(filter(None, parts)) + "."


def _run_rate(audit: StackAudit) -> str:
    run_rate = round(audit.savings.run_rate, 2)
    if run_rate > 0:
        return f"The run-rate saving is {_money(audit, run_rate)} a year"
    if run_rate < 0:
        return f"The decisions raise the cost by {_money(audit, -run_rate)} a year"
    moves = any(d.saving for d in audit.decision_records)
    return "The decisions leave the cost a year as it is" if moves else "No decision saves money yet"


def _year_ahead(audit: StackAudit) -> str:
    """What the run rate comes to in the twelve months ahead, and why it differs; "" when there is nothing to tell."""
    saved = audit.savings
    gross, one_off = (round(sum(getattr(q, part) for q in saved.quarters), 2) for part in ("saving", "one_off"))
    if audit.as_of is None or not (gross or one_off or round(saved.run_rate, 2)):
        return ""
    if saved.in_year is None:
        return "from when on is not known, as no renewal date is on record for it"
    late = "each contract runs to its renewal" if gross != round(saved.run_rate - saved.undated, 2) else ""
    due = f"{_money(audit, one_off)} of one-off costs fall due" if one_off else ""
    why = listed([part for part in (late, due) if part])
    apart = f"{_money(audit, abs(saved.undated))} a year has no renewal date"
    return (
        f"in the twelve months from {day(audit.as_of)} {_net(audit)}{f', since {why}' if why else ''}"
        f"{f'; {apart} and is left out of that' if round(saved.undated, 2) else ''}"
    )


def _net(audit: StackAudit) -> str:
    """The net of the year ahead in words that fit its sign and the run rate's."""
    net, run_rate = round(audit.savings.in_year or 0.0, 2), round(audit.savings.run_rate, 2)
    if not net:
        return "that comes to nothing"
    amount = _money(audit, abs(net))
    if net * run_rate > 0:
        has_one_off = any(q.one_off for q in audit.savings.quarters)
        return f"that comes to {amount}{' net' if net > 0 and has_one_off else ''}"
    return f"the decisions {f'save {amount}' if net > 0 else f'cost {amount} more than they save'}"


def _money(audit: StackAudit, amount: float | None) -> str:
    return money(amount, audit.currency)
