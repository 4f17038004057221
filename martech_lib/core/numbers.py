"""Numbers as people write them: "$24k", "24,000", "1.2M", "EUR 3", "14 %", "1.234,50".

A text is first split into sign, currency, digits, scale and percent sign; the digits then have up to two readings,
one with a decimal point and one with a decimal comma. A whole column decides which of the two is meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 64
SPACES = "\u00a0\u202f\u2009"
SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
CODES = (
    "USD EUR GBP JPY INR CHF CAD AUD NZD SEK NOK DKK PLN CZK HUF RON BRL MXN CNY HKD SGD KRW ZAR ILS TRY AED"
).split()
SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9}
_CURRENCY = r"US\$|[$€£¥₹]|" + "|".join(CODES)
TOKEN = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>{_CURRENCY})? ?(?P<inner>[+-]?)"
    r"(?P<digits>[0-9.,' ]*[0-9])(?P<exponent>e[+-]?[0-9]{1,3})? ?(?P<scale>bn|[kmb])? ?(?P<percent>%)?"
    rf" ?(?P<after>{_CURRENCY})?(?P<close>\))?",
    re.IGNORECASE,
)
SPACED = re.compile(r"[0-9]{1,3}(?P<mark>[ '])[0-9]{3}(?:(?P=mark)[0-9]{3})*(?:[.,][0-9]+)?")
POINT = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?(?:\.[0-9]+)?")
COMMA = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)?(?:,[0-9]+)?")


@dataclass(frozen=True)
class Written:
    """One number as it was written.

    Attributes:
        point: Its value when the decimal mark is a point; None when it cannot be read so.
        comma: Its value when the decimal mark is a comma; None when it cannot be read so.
        currency: Code of the currency, "" when none is written.
        percent: Whether a percent sign follows.
    """

    point: float | None
    comma: float | None
    currency: str = ""
    percent: bool = False

    @property
    def ambiguous(self) -> bool:
        """Whether both readings exist and differ."""
        return None not in (self.point, self.comma) and self.point != self.comma


@lru_cache(maxsize=65_536)
def read_number(text: str) -> Written | None:
    """Split a text into a number and its marks; None when it is not a number."""
    plain = _plain(text)
    token = TOKEN.fullmatch(plain) if len(plain) <= LONGEST else None
    if token is None or not _marks_agree(token):
        return None
    digits = token["digits"]
    if SPACED.fullmatch(digits):
        digits = digits.replace(" ", "").replace("'", "")
    scale = SCALES[(token["scale"] or "").lower()] * (-1 if _negative(token) else 1)
    point, comma = (_value(digits, mark, token["exponent"] or "", scale) for mark in (".", ","))
    if point is None and comma is None:
        return None
    return Written(point, comma, currency_code(token["before"] or token["after"] or ""), bool(token["percent"]))


def currency_code(mark: str) -> str:
    """`$` -> USD, `eur` -> EUR."""
    return SYMBOLS.get(mark.upper(), mark.upper())


@dataclass(frozen=True)
class TwoReadings:
    """A column whose numbers cannot all be read in one way: two of its texts, and what to say about them."""

    first: str
    second: str
    message: str


def decimal_mark(column: Mapping[str, Written], *, strict: bool) -> str | TwoReadings:
    """The decimal mark of a column of numbers, "." or ",", or the two texts that contradict each other.

    A column is read with a decimal comma only when one of its numbers can be read in no other way and none argues
    for the point. With `strict` (money), "24.000" without any witness is refused: it may mean 24 or 24 thousand.
    """
    points = _first(text for text, w in column.items() if w.comma is None)
    commas = _first(text for text, w in column.items() if w.point is None)
    unsure_comma = _first(text for text, w in column.items() if w.ambiguous and "," in text)
    unsure_point = _first(text for text, w in column.items() if w.ambiguous and "." in text)
    if commas and points:
        return TwoReadings(commas, points, _contradiction(column, commas, points))
    if commas and unsure_comma:
        return TwoReadings(commas, unsure_comma, _either(column, unsure_comma))
    if commas:
        return ","
    if strict and unsure_point and not points:
        return TwoReadings(unsure_point, unsure_point, _either(column, unsure_point))
    return "."


def _contradiction(column: Mapping[str, Written], commas: str, points: str) -> str:
    return (
        f"two number formats in one column: '{commas}' is {_said(column[commas].comma)} with a decimal comma, "
        f"'{points}' is {_said(column[points].point)} with a decimal point; write all of them like 1234.50"
    )


def _either(column: Mapping[str, Written], text: str) -> str:
    written = column[text]
    return (
        f"'{text}' has two readings: {_said(written.point)} with a decimal point, {_said(written.comma)} with a "
        "decimal comma; write it without a mark for thousands, like 1234.50"
    )


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _first(texts: Iterable[str]) -> str:
    return next(iter(texts), "")


def _plain(text: str) -> str:
    for mark in SPACES:
        text = text.replace(mark, " ")
    return text.replace("−", "-").replace("’", "'").strip()


def _marks_agree(token: re.Match[str]) -> bool:
    paired = bool(token["open"]) == bool(token["close"])
    signs = sum(bool(token[part]) for part in ("open", "sign", "inner"))
    return paired and signs <= 1 and not (token["before"] and token["after"])


def _negative(token: re.Match[str]) -> bool:
    return bool(token["open"]) or "-" in (token["sign"], token["inner"])


def _value(digits: str, mark: str, exponent: str, scale: float) -> float | None:
    if not (POINT if mark == "." else COMMA).fullmatch(digits):
        return None
    group = "," if mark == "." else "."
    value = float(digits.replace(group, "").replace(mark, ".") + exponent) * scale
    return value if math.isfinite(value) else None
