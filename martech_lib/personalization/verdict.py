"""What a holdout says: one verdict, by conversions first, and the sentence a marketer is told."""

from __future__ import annotations

from typing import Literal, NamedTuple

from martech_lib.core.spoken import count, money, number, percent
from martech_lib.core.stats import Difference
from martech_lib.personalization.endpoints import Endpoint

Verdict = Literal["real win", "click-only", "hidden win", "nothing", "harm", "refused"]
VERDICTS: tuple[Verdict, ...] = ("real win", "click-only", "hidden win", "nothing", "harm", "refused")
SMALL = 0.1  # relative change below which it is told with a digit after the point


class Headline(NamedTuple):
    """The answer.

    Attributes:
        verdict: real win, click-only, hidden win, nothing, harm or refused.
        sentence: What a marketer is told.
        reason: Why it is refused; "" where it is not.
    """

    verdict: Verdict
    sentence: str
    reason: str = ""


class Seen(NamedTuple):
    """What the verdict is made of.

    Attributes:
        conversions: The primary endpoint.
        clicks: None where nobody clicked.
        revenue: None where no outcome has a value.
        treated: How many users were personalized.
        endpoint: What a conversion is, in words.
        currency: Of revenue.
    """

    conversions: Endpoint
    clicks: Endpoint | None
    revenue: Endpoint | None
    treated: int
    endpoint: str = "conversion"
    currency: str = "USD"


def refused(program: str, reason: str) -> Headline:
    """No verdict, and why."""
    return Headline("refused", f"{begun(program)} cannot be read: {reason}.", reason)


def begun(program: str) -> str:
    """A programme's name at the beginning of a sentence; capitals of its own stay as they are."""
    return program[:1].upper() + program[1:] if program == program.lower() else program


def verdict_of(seen: Seen) -> Verdict:
    """By conversions; clicks only say what kind of it, and revenue only whether a win is one of money."""
    clicks = seen.clicks.sign if seen.clicks else None
    if seen.conversions.sign < 0:
        return "harm"
    if seen.conversions.sign > 0:
        if seen.revenue is not None and seen.revenue.sign < 0:
            return "harm"
        return "real win" if clicks in (1, None) else "hidden win"
    return "click-only" if clicks == 1 else "nothing"


def headline_of(program: str, seen: Seen) -> Headline:
    """The verdict in words."""
    verdict = verdict_of(seen)
    told = {
        "real win": _won, "hidden win": _won, "harm": _harmed, "click-only": _clicked, "nothing": _nothing,
    }[verdict]  # fmt: skip
    parts = (f"{begun(program)}: {told(seen)}", _clicks(seen, verdict), _money(seen))
    return Headline(verdict, " ".join(part for part in parts if part))


def _won(seen: Seen) -> str:
    kind = "a real win" if verdict_of(seen) == "real win" else "a hidden win"
    return f"{kind}. {_changed(seen.conversions, seen)}{_extra(seen)}."


def _harmed(seen: Seen) -> str:
    if seen.conversions.sign < 0:
        return f"it does harm. {_changed(seen.conversions, seen)}{_extra(seen)}."
    return f"it does harm. {_changed(seen.conversions, seen)}, and yet revenue fell."


def _clicked(seen: Seen) -> str:
    assert seen.clicks is not None
    clicks = _way(seen.clicks.lift, seen.clicks.difference)
    return f"clicks only. The share of users who click {clicks}, and {_flat(seen)}."


def _nothing(seen: Seen) -> str:
    return f"no effect was found: {_flat(seen)}."


def _flat(seen: Seen) -> str:
    """Conversions without a verdict, and what is ruled out."""
    lift = seen.conversions.lift
    what = seen.endpoint
    if lift is None:
        difference = seen.conversions.difference
        assert difference is not None
        ends = f"{_points(difference.lower)} to {_points(difference.upper)} points"
        return f"the {what} rate cannot be told from the holdout's ({ends})"
    ruled = f"; a gain of more than {_percent(lift.upper)} is unlikely" if lift.upper > 0 else ""
    return f"the {what} rate cannot be told from the holdout's ({_estimate(lift)}){ruled}"


def _changed(endpoint: Endpoint, seen: Seen) -> str:
    return f"The {seen.endpoint} rate {_way(endpoint.lift, endpoint.difference)}"


def _extra(seen: Seen) -> str:
    """Conversions more or fewer, among how many users."""
    difference = seen.conversions.difference
    assert difference is not None
    extra = [round(end * seen.treated) for end in (difference.estimate, difference.lower, difference.upper)]
    more = "more" if extra[0] >= 0 else "fewer"
    low, high = sorted(abs(end) for end in extra[1:])
    among = count(seen.treated, "personalized user")
    return f": {number(abs(extra[0]))} conversions {more} ({number(low)} to {number(high)}) among {among}"


def _clicks(seen: Seen, verdict: Verdict) -> str:
    if seen.clicks is None or verdict == "click-only":
        return ""
    ends = f" ({_estimate(seen.clicks.lift)})" if seen.clicks.lift else ""
    if verdict == "hidden win":
        told = "fell" if seen.clicks.sign < 0 else "did not rise for certain"
        return f"Clicks {told}{ends}: a report of clicks would have missed it."
    told = {
        1: "Clicks rose all the same" if verdict == "harm" else "Clicks rose, too",
        -1: "Clicks fell",
        0: "Of clicks nothing can be said for certain",
    }[seen.clicks.sign]
    return f"{told}{ends}."


def _money(seen: Seen) -> str:
    """Revenue, read only behind conversions."""
    if seen.revenue is None:
        return ""
    if seen.revenue.difference is None:
        return f"Revenue is refused: {seen.revenue.reason}."
    of, sign = seen.revenue.difference, seen.revenue.sign
    estimate, low, high = (money(end, seen.currency) for end in (of.estimate, of.lower, of.upper))
    ends = f"{estimate} a user ({low} to {high})"
    if not seen.conversions.sign:
        return f"Revenue differs by {ends}; without a change in conversions it decides nothing."
    told = {1: "Revenue rose", -1: "Revenue fell", 0: "Of revenue nothing can be said for certain"}[sign]
    return f"{told}: {ends}."


def _way(lift: Difference | None, difference: Difference | None) -> str:
    """rose by 22 % (12 % to 33 %)."""
    of = lift or difference
    assert of is not None
    way, sign = ("rose", 1) if of.estimate >= 0 else ("fell", -1)
    low, high = sorted((sign * of.lower, sign * of.upper))
    if lift is None:
        return f"{way} by {_points(abs(of.estimate))} points ({_points(low)} to {_points(high)})"
    return f"{way} by {_percent(abs(of.estimate))} ({_percent(low)} to {_percent(high)})"


def _estimate(lift: Difference) -> str:
    return f"{_percent(lift.estimate)}, between {_percent(lift.lower)} and {_percent(lift.upper)}"


def _percent(share: float) -> str:
    return percent(share, 1 if abs(share) < SMALL else 0)


def _points(share: float) -> str:
    return number(share * 100, 2)
