"""What is asked of a log: the period, how journeys are cut, how credit is weighed, which model leads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from martech_lib.attribution.credit import MODELS
from martech_lib.attribution.intake import KINDS
from martech_lib.attribution.segment import Segment
from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import listed

MONTH = re.compile(r"(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])")
LONGEST_LOOKBACK, LONGEST_HALF_LIFE = 365.0, 365.0


class Question(NamedTuple):
    """What is asked of the touches and conversions.

    Attributes:
        month: YYYY-MM; "" asks for the month of the audit date.
        whole_log: Credit every conversion of the log instead of one month's.
        lookback_days: A touch so many days before its conversion still counts.
        half_life_days: For time decay: a touch so much older counts half.
        position: Weights of first, middle and last touch.
        direct: The channel that last non-direct passes over.
        kinds: Which kinds of touches count.
        segment: Which customers, which value of a column, which channels are set aside; its period is not used.
        model: The model that leads where one has to.
        shown: The models that charts draw.
    """

    month: str = ""
    whole_log: bool = False
    lookback_days: float = 30.0
    half_life_days: float = 7.0
    position: tuple[float, float, float] = (0.4, 0.2, 0.4)
    direct: str = "direct"
    kinds: Sequence[str] = KINDS
    segment: Segment = Segment()
    model: str = "markov"
    shown: Sequence[str] = ("last", "first", "linear", "markov")

    def checked(self) -> Question:
        """The same. Raises UserError when something in it makes no sense."""
        if self.month and not MONTH.fullmatch(self.month):
            raise UserError(f"month came as '{shown(self.month)}'; allowed is a month such as 2026-10.")
        for name in (self.model, *self.shown):
            if name not in MODELS:
                hint = did_you_mean(name, MODELS)
                raise UserError(f"A model came as '{shown(name)}'{hint or '.'} Allowed are {', '.join(MODELS)}.")
        for name, longest in (("lookback_days", LONGEST_LOOKBACK), ("half_life_days", LONGEST_HALF_LIFE)):
            if not 0 < getattr(self, name) <= longest:
                told = f"{name} came as {getattr(self, name):g}"
                raise UserError(f"{told}; allowed is more than 0 and up to {longest:g} days.")
        return self

    def of_whole_log(self) -> Question:
        """The same question of every journey of the whole log, as the truth of a simulated world is."""
        return self._replace(whole_log=True, segment=Segment())

    @property
    def part(self) -> str:
        """Whose journeys alone are asked for, in words; "" for everybody's."""
        cut = [f"{self.segment.customers} customers"] if self.segment.customers else []
        cut += [f"{self.segment.column} = {self.segment.value}"] if self.segment.column else []
        return listed(cut)

    @property
    def options(self) -> Mapping[str, Any]:
        """What `credit` is told."""
        return {"half_life_days": self.half_life_days, "position": self.position, "direct": self.direct}


class Period(NamedTuple):
    """The time whose conversions are credited.

    Attributes:
        words: "October 2026", or "the whole log".
        month: YYYY-MM; "" for the whole log.
        since: Its first instant, UTC without a zone; None for the whole log.
        until: The first instant after it.
        first: The first day of a whole log's conversions, where there are any.
        last: The last one.
    """

    words: str
    month: str = ""
    since: datetime | None = None
    until: datetime | None = None
    first: date | None = None
    last: date | None = None

    def holds(self, when: date) -> bool:
        """Whether a day of a register (a week's first day, a month's) is of the period."""
        if self.month:
            return f"{when:%Y-%m}" == self.month
        if self.first is None or self.last is None:
            return True
        return self.first.replace(day=1) <= date(when.year, when.month, when.day) <= self.last


def period_of(question: Question, *, as_of: date | None, zone: str) -> Period:
    """The period that is asked for: a month in the company's time zone, or the whole log."""
    month = question.month or (f"{as_of:%Y-%m}" if as_of else "")
    found = MONTH.fullmatch(month)
    if question.whole_log or not found:
        return Period("the whole log")
    year, number = int(found["year"]), int(found["month"])
    first, after = datetime(year, number, 1), datetime(year + number // 12, number % 12 + 1, 1)
    return Period(f"{first:%B %Y}", month, _in_utc(first, zone), _in_utc(after, zone))


def _in_utc(when: datetime, zone: str) -> datetime:
    return when.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
