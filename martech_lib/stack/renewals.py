"""When a contract renews, until when it can be ended, and from when money is saved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from martech_lib.stack.inventory import Tool


class Renewal(NamedTuple):
    """The next turn of a contract.

    Attributes:
        renews: The next renewal on or after the audit date.
        notice_by: Last day for notice; a blank notice period reads as none.
        is_late: Notice is past on a contract that renews by itself.
        leaves: The first day on which it costs nothing any more, were it ended now.
    """

    renews: date
    notice_by: date
    is_late: bool
    leaves: date


def renewal_of(tool: Tool, as_of: date) -> Renewal | None:
    """The contract's next renewal; None without a renewal date.

    A renewal date in the past rolls on year by year, unless the contract is said not to renew by itself: then it
    can be left at once.
    """
    if tool.renewal_date is None:
        return None
    if tool.renewal_date < as_of and tool.auto_renew is False:
        return Renewal(tool.renewal_date, tool.renewal_date, False, as_of)
    renews = _next_on_or_after(tool.renewal_date, as_of)
    notice_by = renews - timedelta(days=int(tool.notice_days or 0))
    is_late = bool(tool.auto_renew) and notice_by < as_of
    leaves = _years_later(renews, 1) if is_late else renews
    return Renewal(renews, notice_by, is_late, leaves)


def _next_on_or_after(renewal: date, as_of: date) -> date:
    years = max(0, as_of.year - renewal.year)
    moved = _years_later(renewal, years)
    return moved if moved >= as_of else _years_later(renewal, years + 1)


def _years_later(when: date, years: int) -> date:
    is_leap_day = (when.month, when.day) == (2, 29)
    return when.replace(year=when.year + years, day=28 if is_leap_day and years else when.day)
