"""What the words of a register's method say: which rule for looks holds, and where nobody can tell.

A name counts where nothing around it denies it or leaves it open; a plain denial counts where another rule is named.
All else is in doubt, and is not guessed: a wrong rule would tell wrong intervals, a doubt asks for a plain word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from martech_lib.experiments.plan import Rule

Named = Rule | Literal[""]  # "" for a rule that allows looks and is none of ours
Many = Literal["holm", "dunnett", ""]
RULE_NAMES: dict[Rule, str] = {
    "fixed": "fixed horizon",
    "obrien_fleming": "O'Brien-Fleming",
    "pocock": "Pocock",
    "confidence_sequence": "confidence sequence",
}
# A family is one rule's, "alpha spending, Pocock"; any time may be anything; looks want a rule that is not named
FAMILY, ANY_TIME, LOOKED = "family", "any time", "looked"
NAMELESS = "speaks of looks and names no rule for them"
# How registers write a rule down -> our name of it, of small letters and single blanks, see `_clauses`
NAMES = {
    "confidence_sequence": r"confidence[ -]?sequences?|\bany[ -]?time[ -](?:valid|safe)|always[ -]?valid|\bm-?sprt\b"
    r"|\bmixture[ -]sprt\b",
    "obrien_fleming": r"\bo\W{0,2}brien(?:\W{1,3}fleming)?(?!\W{1,3}(?:gls|ols))|(?<!by )\bfleming\b(?!\W{1,3}harr)"
    r"|\d?x?obfs?(?![a-z])",
    "pocock": r"pocock(?!\W{1,3}(?:and )?simon)",
    FAMILY: r"(?:\bgroup[ -])?(?<!holm[ -])\bsequential(?:ly)?\b(?!\W{1,3}(?:alloc|assign|bonf|enrol|holm|number|order"
    r"|random|recruit))|\bgs[dt]\b|\blan\W{0,3}demets\b|\b(?:alpha|error)[ -]?spending",
    "": r"haybittle|\bpeto\b|(?<!\blan[ -])\bdemets\b|\bhwang\b|\bshih\b|\bde ?cani\b|\bwang\b|tsiatis"
    r"|\bbeta[ -]?spending|(?<!mixture[ -])\bsprt\b|\bmax-?sprt\b|\be[ -](?:values?|process(?:es)?)\b|\btriangular"
    r"|\bwhitehead|\bcurtail|\bgavi\b|\bsafe t-?tests?\b|\bstats engine|\bof bound",
    ANY_TIME: r"\bany[ -]?time\b(?![ -](?:valid|safe))",
    LOOKED: r"\binterim|\bpeek|\bmonitor|\b(?:early|optional)(?:ly)? stop|\bstop\w* (?:at|when)\b|\bspend|\bseq\b"
    r"|\b(?:[2-9]|\d\d+) looks\b|\blooked at\b|\bread daily\b",
    "fixed": r"\bfixed\b(?:[ -](?:horizon|tests?|designs?)\b)?",
}
# "Fixed" of something else than the rule: "Pocock with fixed sample size", "n is fixed"
A_TEST = r"(?![ -](?:(?!and\b)\w+[ -]){0,4}(?:analysis|designs?|horizon|tests?)\b)"
FIXED_OTHERWISE = (
    r"\bfixed[ -](?:allocation|duration|effects?|end(?: date)?|margin|max(?:imum)?|n|number of looks|order|period|ratio"
    r"|sample(?: size)?|seed|sequence|shares?|size|split|tau|time(?: points?)?|(?:weekly )?looks?|weights?|\d+[\w/]*)\b"
    rf"{A_TEST}|\b(?:boundaries|duration|looks?|n|size|split) (?:are |is |was |were )?fixed\b{A_TEST}"
)
# What denies a rule or leaves open whether it was used; whoever finds a word that does adds it here
SIGNS = (
    r"[?!≠→~]|[-=]>|n't\b|n/a|\b(?:abandon|avoid|back|cancel|chang|consider|debat|declin|dis(?:card|cuss|miss|regard|us)"
    r"|bypass|defer|disabl|drop|exclud|extend|fail|forg[eo]t|ignor|intend|lack(?!lust)|maybe|miss|omit|overr[iu]|perhaps|possibl|probabl|propos|recommend|refus|reinstat|reject|remov"
    r"|replac|restor|scrap|skip|suggest|suppos|switch|veto|violat|waiv|withdr|non(?!-?(?:inferior|parametric|respon)|sequential)"
    r"|un(?!biased|de[dr]|equal|i|paired|pooled|subscri))\w*"
    r"|\b(?:again|against|almost|alone|broken|but|cannot|could|either|except|false|first|formerly|hardly|if|instead|it"
    r"|in (?:fact|lieu|place of)"
    r"|later|like|may|might|neither|never|next|no|nor|not|now|off|only|or|other than|originally|previously|rather|save"
    r"|should"
    r"|similar|since|so far|started|still|tb[cd]|then|till|todo|whether|without|would|yet"
    r"|(?:are|ca|could|did|does?|ha[ds]|have|is|should|was|were|wo|would)nt)\b"
)
# Signs that are of something else, to the end of a clause: "no CUPED", "boundary not crossed"
OTHERS = r"(?:continuity correction|cuped|dunnett|fixed effects?|futility|holm|pooling)"
HARMLESS = (
    rf"\b(?:no|without) {OTHERS}(?=,|$)|(?:^|, ){OTHERS} not used$"
    r"|\b(?:bots|outliers) (?:were )?(?:dropped|excluded|removed)$"
    r"|\b(?:not|never) (?:been )?(?:crossed|reached|stopped early)$|\bno longer than\b|\bwithout crossing$"
)
NO_LOOKS = (  # harmless beside no rule but "fixed"
    r"\b(?:no|without) (?:early |interim |optional )?(?:looks?|analys[ei]s|peek(?:s|ing)?|stop(?:s|ping)?)(?=,|$)"
)
NOUN = r"(?: (?:analys[ei]s|boundar(?:y|ies)|designs?|looks?|methods?|monitoring|rules?|stopping|tests?|testing))?"
DENIALS = (
    rf"(?:no|non|not|never|without)[ -](?:an? |any |the )?(?:{{name}}){NOUN}|(?:{{name}}): no"
    rf"|(?:{{name}}){NOUN}:?(?: is| was| were)? (?:not|never) (?:chosen|considered|used)"
    rf"|(?:{{name}}) was (?:considered and )?(?:dropped|rejected)"
)
ARMS = {
    "holm": r"\bholms?\b",
    "dunnett": r"\bdunnett",
    "": r"(?<!\bholm[ -])\bbonferroni\b(?![ -]holm\b)|\b[sš]id[aá]k|\bhochberg|\bhommel|\btukey|\bscheff|\bbenjamini"
    r"|\bbonf\b|\bfdr\b|\bbh\b|\bsimes\b|\bkeuls\b|\bclosed test|\bgatekeep|\balpha ?/ ?\d|\buncorrected",
}


def rule_of(method: str) -> Named:
    """The rule for looks that a method names: "fixed" where none, "" where it is none of ours or cannot be told."""
    named, _, _ = _read(method, NAMES)
    ours = [name for name in RULE_NAMES if name in named]
    if doubt_of(method) or (named and not ours):
        return ""
    return ours[0] if ours else "fixed"


def doubt_of(method: str) -> str:
    """What keeps a method from telling its rule, in words that go on from "its method"; "" where nothing does."""
    named, denied, is_open = _read(method, NAMES)
    if len(named - {FAMILY, ANY_TIME, LOOKED}) > 1 or named - {LOOKED} == {"fixed", FAMILY}:
        return "names several rules for looks"
    if denied and not named and not is_open:
        return "says what it is not"
    may_stop = ANY_TIME in named and "confidence_sequence" not in named
    is_nameless = LOOKED in named and named <= {LOOKED, "fixed"}
    if is_nameless and not is_open:
        return NAMELESS
    if is_open or may_stop or named & denied:
        return "leaves open which rule for looks was used"
    return ""


def many_of(method: str) -> Many:
    """How a method holds several arms to one alpha, dunnett where it does not say; "" for none of ours, or in doubt."""
    named, denied, is_open = _read(method, ARMS)
    if is_open or named & denied or (denied and not named) or not named <= {"holm", "dunnett"} or len(named) > 1:
        return ""
    return "holm" if "holm" in named else "dunnett"


def is_named(pattern: str, method: str) -> bool:
    """Whether a method names what a pattern finds, and not only to say plainly that it is not that."""
    return bool(_read(method, {"it": rf"(?:{pattern})\w*"})[0])


def _read(method: str, names: dict[str, str]) -> tuple[set[str], set[str], bool]:
    """What a method names, what it plainly denies, and whether the words around leave that open."""
    named: set[str] = set()
    denied: set[str] = set()
    has_sign = has_no_looks = False
    clauses = _clauses(method)
    for clause in clauses:
        before, _, last = clause.rpartition(",")
        said = _denied(last.strip(), names)
        denied |= said
        rest = re.sub(HARMLESS, "", before if said else clause)
        has_no_looks |= bool(re.search(NO_LOOKS, rest))
        has_sign |= bool(re.search(SIGNS, re.sub(NO_LOOKS, "", rest)))
        named |= _found(re.sub(f"{FIXED_OTHERWISE}|{NO_LOOKS}", "", rest), names)
    whole = " ".join(clauses)
    is_broken = bool(_found(re.sub(FIXED_OTHERWISE, "", whole), names) - named - denied - {LOOKED})  # in two lines
    is_unfixed = "fixed" in names and bool(re.search(r"\bfixed\b(?! effects?)", whole))
    has_sign |= has_no_looks and bool(named - {"fixed"})
    return named, denied, is_broken or (has_sign and bool(named or denied or is_unfixed))


def _clauses(method: str) -> list[str]:
    """A method's clauses in small letters with single blanks, straight apostrophes and hyphens."""
    plain = unicodedata.normalize("NFKC", re.sub(r"[\n\r]+", ";", method)).casefold()
    plain = re.sub("[‘’ʼ´`]", "'", re.sub(r"[‐‑]|(?<=\w)[–—](?=\w)", "-", plain)).replace("_", " ")
    parts = re.split(r"[;.()\[\]–—]| -+ ", " ".join(plain.split()))
    return [part.strip(" ,") for part in parts if part.strip(" ,")]


def _denied(segment: str, names: dict[str, str]) -> set[str]:
    return {key for key, name in names.items() if key != LOOKED and re.fullmatch(DENIALS.format(name=name), segment)}


def _found(text: str, names: dict[str, str]) -> set[str]:
    return {key for key, name in names.items() if re.search(name, text)}
