"""The merge tokens of a template: which there are, what stands in for each, and how the text reads with that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import NamedTuple

from martech_lib.personalization.markers import DIRECTIVE, FIELD, HASHED, LETTER, NAME, TAGGED

TOKEN = re.compile(
    r"\{\{\{?(?P<double>[^{}\n]+)\}\}\}?"
    r"|\{%(?P<tag>[^{}\n]+)%\}"
    r"|[$#@]\{(?P<dollar>[^{}\n:;]+)\}"
    rf"|(?<![{{=\\])\{{(?P<single>[ ]?[!$]?(?:{NAME}|{FIELD}|[{LETTER}])(?:[ ]?[|][^{{}}\n]*)?[ ]?)\}}"
    r"|%%(?P<percents>[^%\n]{2,})%%"
    rf"|(?<![A-Za-z0-9_%=/&?+~])%(?P<percent>[{LETTER}][{LETTER}0-9.-]{{1,60}}[{LETTER}0-9]|{FIELD})%"
    r"|\*\|(?P<stars>[A-Za-z][^|\n]*)\|\*"
    rf"|\[\[(?P<brackets>[ ]?(?:{NAME}|{FIELD})[ ]?)\]\](?!\()"
    rf"|\[(?P<bracket>{FIELD})\](?!\()"
    rf"|\[%-?(?P<bracketed>{TAGGED})-?%\](?!\()"
    r"|<%[=-]?(?P<angles>[^<>\n]+)%>"
    rf"|(?<![A-Za-z0-9_])(?:##(?P<hashes>{HASHED})##|@(?P<ats>{FIELD})@)(?![A-Za-z0-9_])"
)
LOGIC = re.compile(
    r"^[ ]*(?:[#/^>!]|(?:else|elsif|elseif|end(?:if|for|unless|case|each|with|capture)?)(?=[ ]|$)"
    r"|(?:if|unless|for|case|when|each|with|assign|capture|set|block|include|partial|range)[ ]"
    r"|(?:IF|IFNOT|ELSE|ELSEIF|END)(?=[:]|$))"
)
DIRECTIVES = re.compile(rf"^[ ]*(?:{DIRECTIVE})[ ]")
INLINE = re.compile(  # | default: 'there' · :default=there · ?? "there" · || 'there'
    r"(?:\bdefault(?:_value)?\b[ ]*[:=(,]?|\?\?|\|\|)[ ]*(?:\"([^\"]*)\"|'([^']*)'|“([^”]*)”|([^|'\"})]*))"
)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+|\d+")
BREAKS = re.compile(r"<(?:br|/?(?:p|div|h[1-6]|li|ul|ol|td|tr|table|section))\b[^<>]*>", re.IGNORECASE)
NO_TEXT = re.compile(r"<(style|script|head)\b[^<>]*>.*?</\1>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")


class Token(NamedTuple):
    """One merge token where it stands in a template.

    Attributes:
        written: As it is written: `{{ user.first_name | default: 'there' }}`.
        name: What it stands for, in small words: "user first name".
        start: Place of its first character.
        end: Place behind its last.
        default: What it says itself should stand in; None where it says nothing.
        is_logic: It steers what follows ({% if … %}, {{#each}}) and stands for no value.
    """

    written: str
    name: str
    start: int
    end: int
    default: str | None = None
    is_logic: bool = False


def tokens_of(text: str) -> tuple[Token, ...]:
    """The merge tokens of a text, in their order."""
    return tuple(_token(match) for match in TOKEN.finditer(text))


def words_of(name: str) -> tuple[str, ...]:
    """A name as small words: "user.lastPurchaseDate" -> user, last, purchase, date."""
    return tuple(word.casefold() for word in WORDS.findall(name))


def is_same(token: str, given: str) -> bool:
    """Whether a name given in a list of fallbacks is that of a token: the whole or its last words."""
    wanted, named = words_of(token), words_of(given)
    return bool(named) and wanted[-len(named) :] == named


def plain_text(text: str) -> str:
    """The words of a message without its markup; a paragraph of it ends in a blank line."""
    bare = MARKUP.sub("", BREAKS.sub("\n\n", NO_TEXT.sub("", text)))
    return unescape(bare).replace("\u00a0", " ")


def filled(text: str, value: Callable[[Token], str]) -> str:
    """A text with each token replaced."""
    parts, place = [], 0
    for token in tokens_of(text):
        parts += [text[place : token.start], value(token)]
        place = token.end
    return "".join([*parts, text[place:]])


def fallbacks_of(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """ "first_name=there; plan=" as names with what stands in, and the pieces that are no such pair."""
    given: dict[str, str] = {}
    strange: list[str] = []
    for piece in filter(str.strip, text.split(";")):
        name, sign, value = piece.partition("=")
        if not sign and "|" not in piece or not words_of(name):
            strange.append(piece.strip())
            continue
        inside = tokens_of(name)
        given[inside[0].name if inside else name.strip()] = value.strip()
    return given, tuple(strange)


def fallback_for(token: Token, given: Mapping[str, str]) -> str | None:
    """What stands in for a token: by the register, else by the token itself; None where nothing does."""
    named = [value for name, value in given.items() if is_same(token.name, name)]
    return named[0] if named else token.default


def _token(match: re.Match[str]) -> Token:
    kind = str(match.lastgroup)
    inside = str(match[kind])
    default, name = _default(inside, kind), _name(inside)
    steers = DIRECTIVES if kind == "bracketed" else LOGIC
    is_logic = kind == "tag" or bool(steers.match(inside)) or not words_of(name)
    return Token(match[0], " ".join(words_of(name)), match.start(), match.end(), default, is_logic)


def _default(inside: str, kind: str) -> str | None:
    found = INLINE.search(inside)
    if found:
        return next((part.strip() for part in found.groups() if part is not None), "")
    _, bar, after = inside.partition("|")
    is_plain = bar and kind == "single" and not re.search(r"[:('\"]", after)
    return after.strip() if is_plain else None


def _name(inside: str) -> str:
    """ "user.name | default: 'x'" -> "user.name"; of v(@name) what is in the brackets."""
    head = re.split(r"[|?]|:default|[ ]default\b|[\"']", inside)[0].strip(" =-!$@&~*")
    called = re.fullmatch(r"\w+\([@ ]*([^()]*)\).*", head)
    return (called[1] if called else head).split(":")[0]
