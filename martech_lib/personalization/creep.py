"""How much a message gives away about what is known of its reader, held against what a category puts up with.

The classes of data, their sensitivity, what each norm tolerates and the points are ours (`creep.csv`): a starting point
for a conversation, no law and no measurement. The questions matter more than the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from csv import DictReader
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from martech_lib.core.errors import UserError, did_you_mean
from martech_lib.core.spoken import listed
from martech_lib.personalization.tokens import plain_text, words_of

NORMS = ("B2B SaaS", "consumer", "finance")
NORM_OF_MODEL = {"B2B": "B2B SaaS", "B2C": "consumer", "both": "consumer"}
POINTS = (0, 20, 45, 70)  # for a class as far beyond what the norm tolerates
EACH_MORE = 5  # for every sensitive class after the third: together they show a file
FREE = 3
MOST = 100
NAMES = ("name", "company")  # classes that change a word and nothing of what is said
OWN = "system"  # what the tool fills in: of no person
WHO_KNOWS = "Would the reader know how you know this?"


class DataClass(NamedTuple):
    """A class of data about a reader: its id, its name, how sensitive (0 to 3), what each norm tolerates, its signs."""

    id: str
    label: str
    sensitivity: int
    tolerated: Mapping[str, int]
    words: tuple[tuple[str, ...], ...]
    phrases: tuple[str, ...]
    question: str


class Reason(NamedTuple):
    """One reason of a score: points, the class, what showed it, in words."""

    points: int
    label: str
    words: str


class Creep(NamedTuple):
    """What a message gives away.

    Attributes:
        score: 0 to 100: the points of the reasons, 100 at most; of what could be classified.
        norm: By whose norm.
        reasons: The points and where they come from, the most first.
        questions: What to ask before it is sent.
        unknown: Data whose class is not known; they count nothing, so that the score is at least this.
    """

    score: int
    norm: str
    reasons: tuple[Reason, ...] = ()
    questions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def creep(data_used: Sequence[str], norm: str, *, text: str = "", is_health: bool = False) -> Creep:
    """Score the data that a message uses, with the reasons and what to ask.

    Each class counts by how far its sensitivity lies beyond what the norm tolerates: 20, 45 or 70 points for one, two
    or three steps; every sensitive class after the third adds 5. The weights are ours, to start a conversation.

    Args:
        data_used: Names of tokens or of data, such as "first_name" or "last viewed product".
        norm: "B2B SaaS", "consumer" or "finance".
        text: The message, for what it says it knows ("we saw you ...").
        is_health: The company handles health data: what was done, bought or looked at may tell of health.

    Raises:
        UserError: The norm is none of the three.
    """
    if norm not in NORMS:
        raise UserError(f"norm came as {norm!r}; allowed are {listed(NORMS)}{did_you_mean(str(norm), NORMS)}")
    seen, unknown = _classes_of(data_used, text)
    reasons = [reason for found, signs in seen if (reason := _reason(found, signs, norm, is_health))]
    sensitive = sum(found.sensitivity > 0 for found, _ in seen)
    if sensitive > FREE:
        words = f"{sensitive} classes of data in one message: together they show a file"
        reasons.append(Reason((sensitive - FREE) * EACH_MORE, "many at once", words))
    asked = [found.question for found, _ in seen if found.question and found.sensitivity]
    asked = [WHO_KNOWS, *asked] if asked or unknown else []
    asked += [f"What is {name}, and would the reader expect you to have it?" for name in unknown]
    score = min(MOST, sum(reason.points for reason in reasons))
    return Creep(score, norm, tuple(sorted(reasons, key=lambda r: (-r.points, r.label))), tuple(asked), unknown)


def class_of(name: str) -> DataClass | None:
    """The class of a token or of data by its name; of several that fit the most words, then the most sensitive."""
    words = words_of(name)
    fitting = [
        (len(sign), found.sensitivity, -place, found)
        for place, found in enumerate(data_classes())
        for sign in (*found.words, (found.id,))
        if _holds(words, sign)
    ]
    return max(fitting, key=lambda fit: fit[:3])[3] if fitting else None


def is_own(name: str) -> bool:
    """Whether the tool fills it in itself: a link, a date, the address of the sender."""
    found = class_of(name)
    return found is not None and found.id == OWN


def is_name(name: str) -> bool:
    """Whether it is a name, of a person or a company."""
    found = class_of(name)
    return found is not None and found.id in NAMES


def norm_of(profile: Mapping[str, Any]) -> str:
    """The norm that goes with a profile: by the business model, the stricter of two; "" where there is none."""
    return NORM_OF_MODEL.get(str(profile.get("business_model", "")), "")


@cache
def data_classes() -> tuple[DataClass, ...]:
    """The classes of data that are told apart."""
    text = files("martech_lib.personalization").joinpath("creep.csv").read_text(encoding="utf-8")
    return tuple(_class(row) for row in DictReader(text.splitlines()))


def _class(row: Mapping[str, str]) -> DataClass:
    return DataClass(
        id=row["class"],
        label=row["label"],
        sensitivity=int(row["sensitivity"]),
        tolerated={norm: int(row[norm]) for norm in NORMS},
        words=tuple(words_of(sign) for sign in row["words"].split(";")),
        phrases=tuple(phrase for phrase in row["phrases"].split(";") if phrase),
        question=row["question"],
    )


def _classes_of(data_used: Sequence[str], text: str) -> tuple[list[tuple[DataClass, list[str]]], tuple[str, ...]]:
    """Each class with what shows it, and the names that show none."""
    by_id: dict[str, list[str]] = {}
    unknown: dict[str, None] = {}
    for name in data_used:
        found = class_of(name)
        if found is None:
            unknown[name] = None
        elif name not in by_id.setdefault(found.id, []):
            by_id[found.id].append(name)
    said = " ".join(plain_text(text).casefold().replace("’", "'").split())
    for one in data_classes():
        for phrase in filter(said.__contains__, one.phrases):
            by_id.setdefault(one.id, []).append(f"“{phrase}”")
    return [(one, by_id[one.id]) for one in data_classes() if one.id in by_id], tuple(unknown)


def _reason(found: DataClass, signs: Sequence[str], norm: str, is_health: bool) -> Reason | None:
    tells_of_health = is_health and found.id in ("usage", "purchase", "browsing")
    sensitivity = 3 if tells_of_health else found.sensitivity
    beyond = max(0, sensitivity - found.tolerated[norm])
    if not beyond:
        return None
    why = ", which may tell of health here" if tells_of_health else ""
    words = (
        f"{found.label} ({listed(signs, 3)}){why}: sensitivity {sensitivity}, {norm} tolerates {found.tolerated[norm]}"
    )
    return Reason(POINTS[beyond], found.label, words)


def _holds(words: tuple[str, ...], sign: tuple[str, ...]) -> bool:
    return any(words[place : place + len(sign)] == sign for place in range(len(words) - len(sign) + 1))
