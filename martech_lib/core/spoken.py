"""Numbers as people write them: $410k, 14.0 %, 4 tools, 31 Oct 2026."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$"}
UNKNOWN = "unknown"
SIZES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def money(amount: float | None, currency: str = "USD") -> str:
    """$410k, $2.95M, $7,200, -$38k; three significant digits from a thousand on."""
    if _is_blank(amount):
        return UNKNOWN
    assert amount is not None
    cents = round(amount, 2)
    sign = "-" if cents < 0 else ""
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{sign}{symbol}{_shortened(abs(cents))}"


def whole_money(amount: float | None, currency: str = "USD") -> str:
    """$2,950,120, -$815: for columns, where amounts stand below one another."""
    if _is_blank(amount):
        return UNKNOWN
    assert amount is not None
    sign = "-" if round(amount) < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, f'{currency} ')}{abs(round(amount)):,}"


def percent(share: float | None, digits: int = 1) -> str:
    """A fraction as percent: 0.14 -> "14.0 %"."""
    if _is_blank(share):
        return UNKNOWN
    assert share is not None
    return f"{share * 100:z,.{digits}f} %"


def number(value: float | None, digits: int = 0) -> str:
    """1,234 or 2.18; "unknown" when blank."""
    if _is_blank(value):
        return UNKNOWN
    return f"{value:z,.{digits}f}"


def count(n: int, singular: str, *, plural: str = "") -> str:
    """ "1 tool", "24 tools"; a plural that is not made with an s is given."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def fitting(n: float, one: str, many: str) -> str:
    """The word that agrees with a number: "renews" for 1, "renew" for any other."""
    return one if n == 1 else many


def in_full(value: float | None, *, unit: str = "", least: int = 0) -> str:
    """A limit with the digits it has, up to six and no fewer than `least`: 1.25, 5,000; a "share" as 12.5 %."""
    if _is_blank(value):
        return UNKNOWN
    assert value is not None
    digits = max(least, _digits(value * 100 if unit == "share" else value))
    return percent(value, digits) if unit == "share" else number(value, digits)


def told_apart(value: float, limit: float) -> tuple[str, str]:
    """Two shares as percent, with as few digits as show the limit as it is and, up to three, tell the two apart."""
    tried = range(min(3, _digits(limit * 100)), 4)
    pairs = [(percent(value, digits), percent(limit, digits)) for digits in tried]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0 if value == limit else -1])


def mid_sentence(title: str) -> str:
    """A title inside a sentence: "Low adoption" -> "low adoption"; DPA, B2C and HubSpot keep their capitals."""
    first = title.split(" ")[0]
    is_ordinary = first[1:] == first[1:].lower() and not any(letter.isdigit() for letter in first)
    return title[:1].lower() + title[1:] if is_ordinary else title


def day(when: date | None) -> str:
    """31 Oct 2026."""
    return UNKNOWN if when is None else f"{when.day} {when:%b %Y}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """ "a, b and c"; beyond `most` names the rest is counted."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def in_unit(value: float | None, unit: str) -> str:
    """A Reading's value in the words of its unit: "USD/year" as money, "share" as percent, a rate with two digits."""
    code = unit.split("/")[0]
    if len(code) == 3 and code.isupper():
        return money(value, code)
    if unit == "share":
        return percent(value)
    return number(value, 2 if unit == "ratio" or "/" in unit else 0)


def _shortened(amount: float) -> str:
    if amount < 10_000 and amount % 100 != 0 or amount < 1_000:
        return f"{amount:,.0f}" if amount == round(amount) or amount >= 1_000 else f"{amount:,.2f}"
    rounded = float(f"{amount:.3g}")
    size, letter = next((size, letter) for size, letter in SIZES if rounded >= size)
    return f"{rounded / size:g}{letter}"


def _digits(value: float) -> int:
    """How many digits after the point a number has, six at most."""
    return next(digits for digits in range(7) if round(value, digits) == round(value, 6))


def _is_blank(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
