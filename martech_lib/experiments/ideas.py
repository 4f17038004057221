"""One idea of the backlog: its ICE score, the weeks that its test needs, and what it is worth to try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

from martech_lib.core.errors import UserError, shown
from martech_lib.core.spoken import count, listed, percent
from martech_lib.experiments.duration import LONGEST, reach_of
from martech_lib.experiments.plan import Plan, plan

State = Literal["fits", "no room", "too long", "unknown"]
POINTS = ("impact", "confidence", "ease")
SIZES = {"baseline": "a baseline", "mde_relative": "a change worth finding", "weekly_units": "weekly users"}
NEEDED = (*POINTS, *SIZES, "value_per_unit_lift")
UP, DOWN = ("up", "rise", "raise", "increase", "higher"), ("down", "fall", "lower", "decrease", "reduce")


class Idea(NamedTuple):
    """One idea.

    Attributes:
        idea: The idea.
        surface: Where it would run.
        state: fits (it has a place in the quarter), no room (it has none), too long (more than `duration.LONGEST`
            weeks), unknown (its size cannot be told).
        reason: Why it has no place; "" where it has one.
        start: First day of its place.
        end: Last day of it.
        weeks: Whole weeks until two equal arms have their units; None where unknown.
        units: Users of both arms; None where unknown.
        seen_relative: Smallest change that LONGEST weeks see, relative to the baseline and without sign; None where
            unknown, or where even the largest is not seen.
        ice: Impact x confidence x ease / 100: 10 at most; None where a part is blank.
        chance: Confidence / 10, taken for the chance that it works: a judgement, not a measurement. None where blank.
        value: Expected value in money: chance x |mde_relative| x value_per_unit_lift, a unit of lift being the whole
            of the metric (+100 %); None where a part is unknown.
        value_per_week: That by week of the surface's time.
        baseline: The metric's rate today.
        mde_relative: Smallest relative change worth finding; negative where the metric should go down.
        weekly_units: Users of the surface in a week.
        earliest: First day it may start; None where any will do.
        primary_metric: What it is judged by.
        audience: For whom.
        owner: Who answers for it.
        blank: What it lacks of the columns that size, score and value need.
    """

    idea: str
    surface: str
    state: State = "unknown"
    reason: str = ""
    start: date | None = None
    end: date | None = None
    weeks: int | None = None
    units: int | None = None
    seen_relative: float | None = None
    ice: float | None = None
    chance: float | None = None
    value: float | None = None
    value_per_week: float | None = None
    baseline: float | None = None
    mde_relative: float | None = None
    weekly_units: float | None = None
    earliest: date | None = None
    primary_metric: str = ""
    audience: str = ""
    owner: str = ""
    blank: tuple[str, ...] = ()


class Errors(NamedTuple):
    """How sure the tests are to be, and how users come: see `plan.Plan`."""

    alpha: float = 0.05
    power: float = 0.8
    growth: float = 1.0

    def refuse_what_is_none(self) -> None:
        """Raise UserError for a value that no plan takes."""
        plan(name="any", primary_metric="any rate", baseline=0.5, mde=0.1, **self._asdict())


class _Sized(NamedTuple):
    """Weeks and units of a test, what LONGEST weeks see, and why it cannot run ("" where it can)."""

    weeks: int | None
    units: int | None
    seen: float | None
    reason: str


def idea_of(row: Mapping[str, Any], errors: Errors) -> Idea:
    """A row of the backlog, scored and sized; it has no place yet: `state` is "no room" where it could have one."""
    blank = tuple(name for name in NEEDED if row.get(name) is None)
    mde, fault = _signed(row.get("mde_relative"), row.get("direction"))
    sized = _Sized(None, None, None, fault) if fault else _sized(row, mde, errors)
    chance = None if row.get("confidence") is None else row["confidence"] / 10
    value = _value(chance, mde, row.get("value_per_unit_lift"))
    return Idea(
        idea=str(row["idea"]),
        surface=" ".join(str(row["surface"]).split()),
        state=_state(sized),
        reason=sized.reason,
        weeks=sized.weeks,
        units=sized.units,
        seen_relative=sized.seen,
        ice=None if set(blank) & set(POINTS) else math.prod(row[name] for name in POINTS) / 100,
        chance=chance,
        value=value,
        value_per_week=None if value is None or sized.weeks is None else value / sized.weeks,
        baseline=row.get("baseline"),
        mde_relative=mde,
        weekly_units=row.get("weekly_units"),
        earliest=row.get("earliest_start"),
        primary_metric=row.get("primary_metric") or "",
        audience=row.get("audience") or "",
        owner=row.get("owner") or "",
        blank=blank,
    )


def _signed(mde: float | None, direction: str | None) -> tuple[float | None, str]:
    """The change with the sign of its direction, and what is wrong with the two ("" where nothing is)."""
    said = (direction or "").strip().casefold()
    if said and said not in (*UP, *DOWN):
        return mde, f"direction came as '{shown(direction)}'; allowed is up or down"
    if mde is None or not said:
        return mde, ""
    if said in UP and mde < 0:
        return mde, f"direction is up, and mde_relative is {percent(mde)}: which of the two is meant?"
    return (-abs(mde) if said in DOWN else mde), ""


def _sized(row: Mapping[str, Any], mde: float | None, errors: Errors) -> _Sized:
    lacking = [words for name, words in SIZES.items() if row.get(name) is None]
    if lacking:
        return _Sized(None, None, None, f"needs {listed(lacking)}")
    try:
        test = _test(row, mde, errors)
        weeks = test.weeks
    except UserError as error:
        return _Sized(None, None, None, str(error).rstrip("."))
    except OverflowError:  # growth near 0: the last users never come
        return _Sized(None, None, None, f"its users never come at a growth of {errors.growth:g}")
    assert weeks is not None
    reach = reach_of(test)
    seen = None if math.isnan(reach.seen) else reach.seen / test.baseline
    return _Sized(weeks, test.total_units, seen, _too_long(test, seen) if reach.is_far else "")


def _test(row: Mapping[str, Any], mde: float | None, errors: Errors) -> Plan:
    """The plan of its test: two equal arms, one look; a metric without a name counts as a rate."""
    return plan(
        name=str(row["idea"]),
        primary_metric=row.get("primary_metric") or "any rate",
        baseline=row["baseline"],
        mde=mde if mde is not None else math.nan,
        relative=True,
        weekly_units=row["weekly_units"],
        **errors._asdict(),
    )


def _too_long(test: Plan, seen: float | None) -> str:
    assert test.weeks is not None
    needs = f"needs {count(test.weeks, 'week')}, more than {LONGEST}"
    if seen is None:
        return f"{needs}; in {LONGEST} weeks even the largest change is not seen"
    return f"{needs}; {LONGEST} weeks see a change of {percent(seen)}, not of {percent(abs(test.relative_effect))}"


def _state(sized: _Sized) -> State:
    if sized.weeks is None:
        return "unknown"
    return "too long" if sized.reason else "no room"


def _value(chance: float | None, mde: float | None, worth: float | None) -> float | None:
    """What a change in the wished direction brings, times the chance that it comes."""
    if chance is None or mde is None or worth is None:
        return None
    return chance * abs(mde) * worth
