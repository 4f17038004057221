"""Whether a template still reads as a sentence with what stands in for a value.

Each token is looked at where it stands, between the words before and behind it. The rules are about English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from martech_lib.personalization.tokens import Token, fallback_for, filled, plain_text, tokens_of, words_of

OPEN, CLOSE = "\ue000", "\ue001"  # private characters around what stands in, so that it is found again
PLACE = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
MARKS = str.maketrans("", "", OPEN + CLOSE)
NOTHINGS = frozenset("null none undefined nan nil n/a na #n/a tbd todo xxx".split())
GREETINGS = frozenset(
    "hi hello hey hiya dear morning afternoon evening welcome thanks news birthday congratulations".split()
)
DETERMINERS = frozenset("a an the your our my their his her this that these those".split())
LEANING = DETERMINERS | frozenset("for of to at from with by in on about and or".split())
TWICE_IS_FINE = frozenset("that had very so".split())
VOCATIVES = frozenset({"there", "friend"})
LIKE_A_CONSONANT = re.compile(r"(?:uni(?![mn])|us[aeu]|ukr|eu|one\b|once\b|ubi|uti)", re.IGNORECASE)
SILENT_H = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
MOST_SHOWN = 160


class Around(NamedTuple):
    """What stands in for a token, and the text before and behind it."""

    value: str
    before: str
    after: str

    @property
    def last(self) -> str:
        """The word before, in small letters; "" where punctuation stands between."""
        found = re.search(r"([\w'’]+)[ ]*$", self.before)
        return found[1].casefold() if found else ""

    @property
    def next(self) -> str:
        """The word behind, in small letters."""
        found = re.match(r"[ ]*([\w'’]+)", self.after)
        return found[1].casefold() if found else ""

    @property
    def begins(self) -> bool:
        """Whether a sentence begins here."""
        head = self.before.rstrip(" \t\"'“(")
        is_new_line = head.endswith("\n")
        head = head.rstrip()
        if not head or head[-1] in ".!?…":
            return True
        short = len(head.rsplit("\n", 1)[-1]) < 40
        return is_new_line and (
            self.before.rstrip(" \t").endswith("\n\n") or head[-1] in ":" or head[-1] == "," and short
        )


def faults_of(text: str, given: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """What does not read well with the fallbacks: token, what is wrong, the sentence as it would be sent.

    Args:
        text: The template.
        given: Token name -> what stands in. Tokens without any keep a word of their own and are not judged.
    """
    found: dict[tuple[str, str], str] = {}
    values = [token for token in tokens_of(text) if not token.is_logic]
    for number, token in enumerate(values):
        value = fallback_for(token, given)
        if value is None:
            continue
        for wrong in _wrong_values(value):
            found.setdefault((token.written, wrong), value)
        for around in _places(text, given, number):
            for wrong in _wrongs(around):
                found.setdefault((token.written, wrong), sentence_of(around))
    return tuple((written, wrong, shown) for (written, wrong), shown in found.items())


def without(text: str, token: Token) -> str:
    """The sentence that is sent where a token has no value and nothing stands in."""
    number = [t.start for t in tokens_of(text) if not t.is_logic].index(token.start)
    return next((sentence_of(around) for around in _places(text, {}, number, empty=True)), "")


def sentence_of(around: Around) -> str:
    """The sentence around a place, as it is sent."""
    start = max(around.before.rfind(end) + len(end) for end in ("\n", ". ", "! ", "? "))
    behind = re.search(r"\n|[.!?](?=[ \n]|$)", around.after)
    head = around.before[max(0, start) if re.search(r"\n|[.!?] ", around.before) else 0 :]
    tail = around.after[: behind.end()] if behind else around.after
    whole = f"{head}{around.value}{tail}".replace("\n", " ").strip()
    return whole if len(whole) <= MOST_SHOWN else whole[: MOST_SHOWN - 1] + "…"


def _places(text: str, given: Mapping[str, str], number: int, *, empty: bool = False) -> Iterator[Around]:
    """Where the token of this number stands in the words of the text; nowhere when it stands in markup."""
    count = iter(range(len(text)))

    def value(token: Token) -> str:
        if token.is_logic:
            return ""
        own = fallback_for(token, given)
        word = _stand_in(token) if own is None else own
        return f"{OPEN}{'' if empty else word}{CLOSE}" if next(count) == number else word

    for match in PLACE.finditer(plain := plain_text(filled(text.translate(MARKS), value))):
        yield Around(match[1], plain[: match.start()], plain[match.end() :])


def _stand_in(token: Token) -> str:
    """A value like a reader's own: a name for a name, else what it is of, in brackets."""
    words = words_of(token.name)
    return "Ana" if "name" in words or {"fname", "firstname"} & {*words} else f"[{' '.join(words)}]"


def _wrong_values(value: str) -> Iterator[str]:
    if tokens_of(value):
        yield "the fallback is a token itself"
    if value.casefold() in NOTHINGS:
        yield f"the fallback is '{value}'"


def _wrongs(around: Around) -> Iterator[str]:
    yield from _empty(around) if not around.value else _worded(around)


def _empty(around: Around) -> Iterator[str]:
    before, after = around.before, around.after
    mark = after.lstrip(" ")[:1]
    is_end = mark in ("", "\n")
    if around.begins and mark and mark in ",.!?;:":
        yield f"the sentence begins with '{mark}'"
    elif before.endswith(" ") and after[:1] and after[0] in ",.!?;:":
        yield f"a space before '{after[0]}'"
    elif before.rstrip(" ").endswith(",") and mark and mark in ",.!?;:":
        yield f"a comma before '{mark}'"
    if before.endswith(" ") and after.startswith(" "):
        yield "two spaces"
    if around.last in LEANING and (is_end or mark in ",.!?;:"):
        yield f"nothing follows '{around.last}'"
    if around.begins and after.lstrip(" ")[:1].islower():
        yield "the sentence begins in lower case"


def _worded(around: Around) -> Iterator[str]:
    words = re.findall(r"[\w'’]+", around.value.casefold())
    if not words:
        return
    if around.begins and around.value[:1].islower():
        yield "the sentence begins in lower case"
    if around.last in DETERMINERS and words[0] in DETERMINERS:
        yield f"'{around.last} {words[0]}'"
    elif around.last in ("a", "an"):
        yield from _article(around)
    if around.last == words[0] not in TWICE_IS_FINE or around.last in GREETINGS and words[0] in GREETINGS:
        yield f"'{around.last} {words[0]}'"
    if around.next == words[-1] not in TWICE_IS_FINE:
        yield f"'{words[-1]} {around.next}'"
    if around.last == "dear" and words == ["there"]:
        yield "'dear there' is no greeting"
    if around.value.casefold() in VOCATIVES and around.last not in GREETINGS or re.match("['’]s", around.after):
        yield from _not_called(around)
    if around.value[-1] in ",.!?;:" and around.after[:1] and around.after[0] in ",.!?;:":
        yield f"'{around.value[-1]}{around.after[0]}'"


def _article(around: Around) -> Iterator[str]:
    first = around.value.split()[0]
    if len(first) == 1 or first.isupper() or not first[0].isalpha():
        return  # "an SMS", "a UK": by the sound of letters
    has_vowel = first[0].casefold() in "aeiou" and not LIKE_A_CONSONANT.match(first) or bool(SILENT_H.match(first))
    if has_vowel != (around.last == "an"):
        yield f"'{around.last} {first}'"


def _not_called(around: Around) -> Iterator[str]:
    greets = re.search(
        r"\b(?:hi|hello|hey|hiya|welcome(?: back)?|thanks|thank you|good news|happy birthday|congratulations),?[ ]*$",
        around.before,
        re.IGNORECASE,
    )
    if around.value.casefold() in VOCATIVES and (not greets or re.match("['’]s", around.after)):
        yield f"'{around.value}' outside a greeting"
    elif around.value.casefold() in ("you", "your") and re.match("['’]s", around.after):
        yield f"'{around.value}{around.after[:2]}'"
