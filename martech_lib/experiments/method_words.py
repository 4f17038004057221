"""What the words of a register's method say: which rule for looks holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from martech_lib.experiments.plan import Rule

RULE_NAMES = {
    "fixed": "fixed horizon",
    "obrien_fleming": "O'Brien-Fleming",
    "pocock": "Pocock",
    "confidence_sequence": "confidence sequence",
}
# How registers write a rule down -> our name of it; "" for a rule that allows looks and is none of ours.
RULE_PATTERNS: Sequence[tuple[str, Rule | Literal[""]]] = (
    (r"confidence.sequence|any.?time|always.valid|\bm-?sprt\b", "confidence_sequence"),
    (r"o.?brien(?:\W{1,3}fleming)?|fleming|\bobf\b", "obrien_fleming"),
    (r"pocock", "pocock"),
    (
        r"group.?sequential|(?<!holm.)\bsequential\b(?!.{1,3}(?:alloc|assign|bonf|enrol|holm|number|order|recruit|sampl))"
        r"|\bgs[dt]\b|haybittle(?:\W{1,3}peto)?|peto|lan.?demets(?: alpha.?spending)?|alpha.?spending|\bsprt\b",
        "",
    ),
)
# The word "fixed" that names a rule: not "fixed allocation", "3 fixed looks" or "fixed 50/50".
FIXED = (
    r"\bfixed\b(?!\W{1,3}(?:\d+\W{0,2}(?:\d|look)|alloc|alpha|date|effect|interim|interval|look|margin|max|number|order"
    r"|ratio|schedul|sequence|share|spac|split|times|weight|width))"
)
# "fixed; no Pocock", "not at any time", "no Pocock or OBF", "rather than Pocock", before a rule's name
DENIED = (
    r"\b(?:(?:no|non|not|never|neither|without)(?:[\s-]+(?:an?|any|at|be|by|looked|of|read|the|to|use|using))*"
    r"|(?:rather than|instead of|in place of|as opposed to|unlike)(?:[\s-]+(?:an?|any|the))?)"
    r"(?:[\s-]+[\w'’-]+(?: [\w'’-]+)?,? (?:or|nor))?[\s-]+$"
)
# "Pocock was considered and rejected", "sequential testing not used", behind it, to the end of what is said of it
DENIED_AFTER = (
    r"\w*(?:[\s-]+(?:analys[ei]s|boundar(?:y|ies)|bounds?|designs?|horizon|looks?|methods?|monitoring|rules?|spending"
    r"|stopping|tests?|testing|valid))*"
    r"(?:\s*[:=]\s*(?:no|none)|\s*\(?(?:(?:and|are|been|but|considered|has|have|is|then|was|were) )*"
    r"(?:(?:not|never|(?:is|are|was|were)n['’]t)(?: been| to be)? (?:adopted|applied|chosen|needed|planned|used)"
    r"|abandoned|avoided|discarded|dropped|excluded|rejected|ruled out))"
    r"\s*(?:$|[;,.)–—]|- |(?:and|because|but|in favou?r|since)\b)"
)


def rule_of(method: str) -> Rule | Literal[""]:
    """The rule for looks that a method names: "fixed" where none, "" where it is none of ours or cannot be told."""
    named = _named(method)
    ours = named - {""}
    if is_unclear(method) or (named and not ours):
        return ""
    return ours.pop() if ours else "fixed"


def is_unclear(method: str) -> bool:
    """Whether a method names several rules, of which nobody can tell which one holds."""
    named = _named(method)
    return len(named - {""}) > 1 or named == {"fixed", ""}


def _named(method: str) -> set[Rule | Literal[""]]:
    """What a method names; of "alpha spending, Pocock" both."""
    return {rule for pattern, rule in (*RULE_PATTERNS, (FIXED, "fixed")) if is_named(pattern, method)}


def is_named(pattern: str, method: str) -> bool:
    """Whether a method names what a pattern finds, and not only to say that it is not that."""
    before, after = (re.compile(denied, re.IGNORECASE) for denied in (DENIED, DENIED_AFTER))
    found = re.finditer(pattern, method, re.IGNORECASE)
    return any(not before.search(method[: one.start()]) and not after.match(method[one.end() :]) for one in found)
