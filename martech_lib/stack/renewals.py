"""When a contract renews, until when it can be ended, and from when money is saved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from martech_lib.stack.inventory import Tool


class Renewal(NamedTuple):
    """The next turn of a contract.

    Attributes:
        renews: Its next renewal, or its end if it does not renew by itself; never before the audit date.
        notice_by: Last day for notice before that; a blank notice period reads as none.
        leaves: The first day on which it costs nothing any more, were notice given on the audit date.
        renewed: When it last renewed by itself after the date on record; None when it did not.
        ends: Whether it ends by itself.
    """

    renews: date
    notice_by: date
    leaves: date
    renewed: date | None
    ends: bool


def renewal_of(tool: Tool, as_of: date) -> Renewal | None:
    """The contract's next renewal; None without a renewal date.

    A contract that is not said to end by itself is taken to renew year by year: a saving is then dated late rather
    than early. One that ended before the audit date can be left at once.
    """
    if tool.renewal_date is None:
        return None
    notice = timedelta(days=int(tool.notice_days or 0))
    if tool.auto_renew is False:
        end = max(tool.renewal_date, as_of)
        return Renewal(end, end - notice, end, None, True)
    turns = [_years_later(tool.renewal_date, years) for years in _years_around(tool.renewal_date, as_of, notice)]
    ahead = [turn for turn in turns if turn >= as_of]
    leaves = next(turn for turn in ahead if turn - notice >= as_of)
    renewed = max((turn for turn in turns if turn < as_of), default=None)
    return Renewal(ahead[0], ahead[0] - notice, leaves, renewed, False)


def is_too_late(tool: Tool, renewal: Renewal, as_of: date) -> bool:
    """Whether the deadline on record has passed on a contract that is known to renew by itself."""
    return bool(tool.auto_renew) and (renewal.renewed is not None or renewal.notice_by < as_of)


def _years_around(first: date, as_of: date, notice: timedelta) -> range:
    """Years from the date on record to the first turn that can certainly still be stopped."""
    return range(max(0, (as_of + notice).year - first.year + 1) + 1)


def _years_later(when: date, years: int) -> date:
    """The same day in a later year; 29 February becomes the 28th in a common year."""
    try:
        return when.replace(year=when.year + years)
    except ValueError:
        return when.replace(year=when.year + years, day=28)
