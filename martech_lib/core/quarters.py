"""Quarters of the calendar, or of a fiscal year that begins in another month."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple


class Quarter(NamedTuple):
    """Three months.

    Attributes:
        start: First day.
        stop: First day of the next quarter.
        year: "2026", or "FY2027" for the fiscal year that ends in 2027.
        number: 1 to 4.
    """

    start: date
    stop: date
    year: str
    number: int

    @property
    def id(self) -> str:
        """2026-Q3, FY2027-Q1."""
        return f"{self.year}-Q{self.number}"

    @property
    def last_day(self) -> date:
        """Last day."""
        return self.stop - timedelta(days=1)


def quarter_of(when: date, *, first_month: int = 1) -> Quarter:
    """The quarter that a day falls in, `first_month` being the one in which the fiscal year begins."""
    start = _month(when.year, when.month - (when.month - first_month) % 3)
    number = (when.month - first_month) % 12 // 3 + 1
    if first_month == 1:
        return Quarter(start, _month(start.year, start.month + 3), str(when.year), number)
    # A fiscal year that starts within the calendar year is named after the one in which it ends.
    year = when.year + (when.month >= first_month)
    return Quarter(start, _month(start.year, start.month + 3), f"FY{year}", number)


def quarters_between(first: date, last: date, *, first_month: int = 1) -> list[Quarter]:
    """Every quarter from the one of `first` to the one of `last`; none when `last` comes before."""
    found, at = [], first
    while at <= last:
        found.append(quarter_of(at, first_month=first_month))
        at = found[-1].stop
    return found


def _month(year: int, month: int) -> date:
    """The first of a month, which may be counted from another year: month 0 is December before, 13 January after."""
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
