"""What the words of a register's method say: which rule for looks holds, and where nobody can tell.

A rule that is named holds, one that is plainly denied does not, and a method that names none has one look at the end.
What is neither plain nor denied is left open, and is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from martech_lib.experiments.plan import Rule

NEAR = 300  # characters to either side of a rule's name within which it may be denied
Named = Rule | Literal[""]  # "" for a rule that allows looks and is none of ours
RULE_NAMES = {
    "fixed": "fixed horizon",
    "obrien_fleming": "O'Brien-Fleming",
    "pocock": "Pocock",
    "confidence_sequence": "confidence sequence",
}
# How registers write a rule down -> our name of it. All patterns read lower case with single blanks, see `_plain`.
RULE_PATTERNS: Sequence[tuple[str, Named]] = (
    (r"confidence.sequence|any.?time|always.valid|\bm-?sprt\b", "confidence_sequence"),
    (r"o.?brien(?:\W{1,3}fleming)?|fleming|\bobf\b", "obrien_fleming"),
    (r"pocock", "pocock"),
    (
        r"group.?sequential|(?<!holm.)\bsequential\b(?!.{1,3}(?:alloc|assign|bonf|enrol|holm|number|order|recruit|sampl))"
        r"|\bgs[dt]\b|haybittle(?:\W{1,3}peto)?|peto|lan.?demets(?: alpha.?spending)?|alpha.?spending|\bsprt\b",
        "",
    ),
)

# "Fixed" names a rule as a kind of test, "fixed-sample test", or where it stands alone, "z-test, fixed; no looks".
# Of any other noun it says nothing of the rule: "Pocock at fixed looks".
KIND = (
    r"\bfixed[ -](?:(?:sample(?: size)?|size|time|duration|n|(?:one|two)[ -](?:sided|tailed|sample)|[zt])[ -])*"
    r"(?:horizon|(?:tests?|designs?|analysis)\b(?![ -](?:dates?|days?|duration|length|period|plan|times?)\b))"
)
LEADING = (
    "and", "as", "but", "by", "from", "later", "now", "only", "or", "proportions", "sided", "tailed", "test", "then",
    "to", "versus", "vs", "welch",
    "brien", "fleming", "msprt", "obf", "pocock", "sequence", "sequential", "spending", "valid",
)  # fmt: skip
STOP = r"[;,.:?/+&()|–—]"
ALONE = (
    rf"(?:^|(?<={STOP})|(?<={STOP} )|(?<= - )|" + "|".join(rf"(?<=\b{word} )" for word in LEADING) + ")fixed"
    rf"(?= ?(?:$|{STOP})| - | (?:after|and|but|for|if|instead|or|rather|then|to|unless|until|versus|vs|with)\b)"
    r"|\bfixed(?=[;,]? (?:later|now|then)\b)"  # "started fixed, then Pocock"
)
FIXED = f"{KIND}|{ALONE}"
# Who denies one of these says nothing of the rule: "no fixed effects".
FIXED_OTHERWISE = r"\bfixed\b(?![ -](?:alloc|effect|margin|order|ratio|share|split|weight|width|\d+ ?[/:]))"

# Before a rule's name: "fixed; no Pocock", "not at any time", "rather than Pocock", "we decided against Pocock"
DENIED = (
    r"(?:(?:\b(?:no|non|not|never|neither|without)|n't)"
    r"(?:[ -](?:an?|any|at|be|been|by|longer|looked|of|read|the|to|use|using|with))*"
    r"|\b(?:anything but|rather than|instead of|in place of|as opposed to|unlike)(?: (?:an?|any|the))?"
    r"|\b(?:(?:decided|decision|opted|chose|chosen) against|ruled out)(?: (?:an?|any|the|use of|using))*)"
    r"(?:[ -][\w'-]+(?: [\w'-]+)?,? (?:or|nor))?[ -]$"  # "no Pocock or OBF"
)
# "no early stop without Pocock", "not unlike Pocock"
DENIED_TWICE = (
    r"(?:\b(?:no|not|never)|n't)(?: (?!(?:and|or|but)\b)[\w'-]+){0,3} (?:against|ruled|unlike|without)\b[^;,.:()]*$"
)

# Behind a rule's name, to the end of what is said of it: "Pocock was considered and rejected", "sequential test: no"
REST = (
    r"\w*(?:'s)?(?:[ -](?:analys[ei]s|boundar(?:y|ies)|bounds?|designs?|duration|horizon|looks?|methods?|monitoring|n"
    r"|rules?|samples?|size|spending|stopping|tests?|testing|valid))*"
)
LINK = (
    r"(?: ?\b(?:also|and|are|been|but|considered|did|discussed|do|does|eventually|explicitly|finally|had|has|have|is"
    r"|later|shall|then|ultimately|was|were|will|would)\b)*"
)
NOT = r"(?:not|never|no longer|\w+n't)(?: be| been| being| to be)?"
USED = (
    r"(?:adopted|applicable|applied|apply|chosen|considered|in use|needed|part of the plan|planned|registered"
    r"|the (?:plan|rule)|used|wanted)"
)
REJECTED = r"(?:abandoned|avoided|discarded|dropped|excluded|rejected|ruled out|turned down)"
UNUSED = rf"(?:{NOT} {USED}|no longer|{REJECTED})"
END = (
    r"(?: (?:here|at all|any ?more|in the end|(?:for|in) this (?:test|experiment)))?"
    r" ?(?:$|[;,.)–—]|- |\b(?:and|because|but|in favou?r|since|so)\b)(?! ?(?:except|only|save|unless|until)\b)"
)
DENIED_AFTER = rf"{REST}(?:(?: ?[:=(]| [–—-]) ?(?:n/a|no|none)| n/a|(?: ?[:=(]| [–—-])?{LINK} ?{UNUSED}){END}"

# What leaves open whether a rule was used
OPEN = (
    r"\b(?:abandoned|considered|debated|discussed|dropped|maybe|perhaps|possibly|rejected)(?: (?:an?|any|the|using))* $"
)
OPEN_AFTER = (
    rf"{REST}(?: ?\?"  # "Pocock?"
    rf"|{LINK} (?:considered|debated|discussed|proposed|suggested|tbc|tbd)(?: ?(?:$|[;,.)–—])| - )"
    rf"|(?:,|{LINK} planned,?){LINK} {UNUSED}{END}"  # "Pocock, not used", "Pocock planned but not used"
    rf"|{LINK} (?:{NOT} (?:followed|kept|observed)|broken|violated)\b)"
)

# "Fixed" is taken as denied by less, since what is left is then refused: "not run as fixed", "fixed horizon not kept"
UNFIXED = r"(?:\b(?:cannot|no longer|not|never)|n't)(?: (?!(?:and|at|before|but|so|then|until)\b)[\w'-]+){0,3}[ -]$"
UNFIXED_AFTER = (
    rf"{REST}{LINK} (?:{NOT} (?:{USED}|followed|held|hold|kept|met|observed|reached)"
    rf"|no longer(?! than)|{REJECTED}|broken|extended)\b"
)

# A rule that held once, and no other instead: "Pocock no longer used"
GIVEN_UP = r"\bno longer\b[^;,.]*$"
GIVEN_UP_AFTER = r"[^;,.]*\b(?:abandoned|any ?more|discarded|dropped|no longer(?! than))\b"


def rule_of(method: str) -> Named:
    """The rule for looks that a method names: "fixed" where none, "" where it is none of ours or cannot be told."""
    named = _named(method)
    ours = named - {""}
    if doubt_of(method) or (named and not ours):
        return ""
    return ours.pop() if ours else "fixed"


def doubt_of(method: str) -> str:
    """What keeps a method from telling its rule, in words that go on from "its method"; "" where nothing does."""
    named = _named(method)
    if len(named - {""}) > 1 or named == {"fixed", ""}:
        return "names several rules for looks"
    by_lines = _named("; ".join(method.splitlines()))  # a line may go on in the next, or end what it says
    if (named or {"fixed"}) != (by_lines or {"fixed"}) or named != _named(method, surely=True):
        return "leaves open which rule for looks was used"
    if not named and _says_what_it_is_not(method):
        return "says what it is not"
    return ""


def is_named(pattern: str, method: str) -> bool:
    """Whether a method names what a pattern finds, and not only to say that it is not that."""
    return any(not _is_denied(before, after) for before, after in _around(pattern, method))


def _named(method: str, *, surely: bool = False) -> set[Named]:
    """What a method names; of "alpha spending, Pocock" both. Surely: without what it leaves open."""
    found: set[Named] = set()
    for pattern, rule in (*RULE_PATTERNS, (FIXED, "fixed")):
        for before, after in _around(pattern, method):
            denied = _is_denied(before, after) or (rule == "fixed" and _is_unfixed(before, after))
            if not denied and not (surely and _is_open(before, after)):
                found.add(rule)
    return found


def _says_what_it_is_not(method: str) -> bool:
    """Whether a method that names no rule denies the one that it would have: "not fixed", "Pocock no longer used"."""
    fixed = _around(FIXED_OTHERWISE, method)
    others = [found for pattern, _ in RULE_PATTERNS for found in _around(pattern, method)]
    return any(_is_denied(*around) or _is_unfixed(*around) for around in fixed) or any(
        re.search(GIVEN_UP, before) or re.match(GIVEN_UP_AFTER, after) for before, after in others
    )


def _around(pattern: str, method: str) -> list[tuple[str, str]]:
    """What stands nearby, before and behind each place where a method has a pattern."""
    plain = _plain(method)
    found = [one.span() for one in re.finditer(pattern, plain)]
    return [(plain[max(0, start - NEAR) : start], plain[end : end + NEAR]) for start, end in found]


def _plain(method: str) -> str:
    """A method in lower case with single blanks and straight apostrophes."""
    return " ".join(method.replace("_", " ").replace("’", "'").lower().split())


def _is_denied(before: str, after: str) -> bool:
    is_before = re.search(DENIED, before) and not re.search(DENIED_TWICE, before)
    return bool(is_before or re.match(DENIED_AFTER, after))


def _is_unfixed(before: str, after: str) -> bool:
    return bool(re.search(UNFIXED, before) or re.match(UNFIXED_AFTER, after))


def _is_open(before: str, after: str) -> bool:
    return bool(re.search(OPEN, before) or re.match(OPEN_AFTER, after))
