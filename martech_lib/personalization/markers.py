r"""Patterns of what gives an unfilled merge token away in a message as sent: one regular expression a kind.

They are read alike by RE2 (DuckDB), PostgreSQL and Java (Spark), and by Python: no look-around, no `\b`, `\s` or `\d`,
no lazy repetition, no flags, and repeated groups are bounded. What an engine may read otherwise stands in brackets.
"""

from __future__ import annotations

from collections.abc import Mapping

BLANK = "[ \t\u00a0]"
LETTER = "A-Za-z_À-\u1fff\u3040-\ud7ff"
NAME = f"[{LETTER}][{LETTER}0-9.-]{{0,60}}[{LETTER}0-9]"  # first_name, user.name, prénom
NO_LETTER = "(?:^|[^A-Za-z0-9_])"


def any_case(words: str) -> str:
    """A pattern for words in small or large letters: "hi|dear" -> "[hH][iI]|[dD]..."; blanks and `|` stay."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else "[ ]" if c == " " else c for c in words)


# Names of fields that people write with a blank, and that are no ordinary words in brackets
FIELD = (
    f"(?:{any_case('first|last|full|given|family|customer|company|recipient|contact|client|your')})[ _-]?"
    f"{any_case('name')}|{any_case('fname|lname')}"
)
CORE = any_case("hi|hello|hey|hiya|dear")
ENGLISH = f"{CORE}|{any_case('welcome back|good morning|good afternoon|good evening')}"
GREETING = f"{ENGLISH}|{any_case('bonjour|bonsoir|hola|hallo|ciao|olá|salut|guten tag|liebe|lieber|cher|chère')}"
ADDRESS = f"{GREETING}|{any_case('welcome|thanks|thank you|congratulations|congrats|happy birthday')}"
TITLE = "(?:Mr|Mrs|Ms|Dr)[.]?"
TAG = "<[^<>]*>"
SPACE = f"(?:{BLANK}|&nbsp;)"
LOOSE = f"(?:{SPACE}|{TAG})"
GAP = f"(?:{TAG}){{0,3}}{SPACE}{LOOSE}{{0,8}}"  # what the reader sees as a blank, markup in it or not
AT_AN_END = f"{LOOSE}{{0,4}}(?:[,!.?:;<\r\n]|[ ][-–—\u2600-\u27bf\U0001f300-\U0001faff]|$)"

# What stands where a value should: of a programme ("null"), of a spreadsheet ("#N/A"), of a format string ("%s")
NOTHING = f"{any_case('null|undefined')}|None|NONE|NaN|nan|nil|[Nn]/[Aa]|#N/A|#REF!|#VALUE!|#NAME[?]"
NOTHING += "|[(]null[)]|<nil>|&lt;nil&gt;|<no value>|&lt;no value&gt;|[%]s|[%]1[$]s|[{][0-9]?[}]"
STRICT = "null|NULL|undefined|NaN"
WORD = "[A-Z][a-z]{1,30}[ ]"

# What stands in [% %], and ## ##: words in capitals or between signs are headings and decoration, too
DIRECTIVE = "IF|UNLESS|ELSIF|ELSE|END|FOREACH|FOR|WHILE|SWITCH|CASE|SET|DEFAULT|INCLUDE|PROCESS|BLOCK|WRAPPER|FILTER"
TAGGED = f"[ ]{{1,2}}(?:{NAME}(?:[ ]?[|][^%\n]{{1,80}})?|(?:{DIRECTIVE})[ ][^%\n]{{1,80}})[ ]{{1,2}}"
HASHED = f"(?:{FIELD}|[A-Za-z][A-Za-z0-9]{{0,30}}[_.][A-Za-z0-9_.]{{1,40}})"
HASHES = f"[#][#]{HASHED}[#][#]"

BRACES = (
    r"(?:^|[^{$#@%=/\\])("
    f"[{{][{{][{{]?[ ]?[#/>^&!~*-]?[ ]?[{LETTER}$@][^{{}}\n]*[}}][}}]"
    "|[{][%]-?[ ]?[a-z]+[^{}\n]*[%][}]"
    f"|[$#@][{{][ ]?[{LETTER}][^{{}}\n:;]*[}}]"
    f"|[{{][ ]?[!$]?(?:{NAME}|{FIELD})(?:[ ]?[|][^{{}}\n]*)?[ ]?[}}])"
)
PERCENT = (
    "(?:^|[^A-Za-z0-9_%=/&?+~])("
    rf"[%][%](?:[{LETTER}]|=|\[)[^%\n]*[%][%]"
    f"|[%](?:[{LETTER}][{LETTER}0-9.-]{{1,60}}[{LETTER}0-9]|{FIELD})[%])"
)
STARS = "(?:^|[^*])([*][|][A-Za-z][A-Za-z0-9_]{0,40}(?:[:=][^|\n]{0,80})?[|][*])(?:[^*]|$)"
BRACKETS = (
    rf"(\[\[[ ]?(?:{NAME}|{FIELD})[ ]?\]\]|\[[%]-?{TAGGED}-?[%]\]"
    rf"|\[(?:{FIELD}|{any_case('insert')}[ ][A-Za-z ]{{2,40}})\])(?:[^(]|$)"
)
ANGLES = (
    f"(<[%][=-]?[ ]?[{LETTER}@][^<>\n]*[%]>|&lt;[%][=-]?[ ]?[{LETTER}@][^<>&\n]*[%]&gt;"
    f"|<(?:{FIELD})>|&lt;(?:{FIELD})&gt;)"
)
SIGNS = f"(?:^|[^A-Za-z0-9_])({HASHES}|[@](?:{FIELD})[@])(?:[^A-Za-z0-9_]|$)"
EMPTY = (
    f"({NO_LETTER}(?:{GREETING}){GAP}[,]"
    f"|{NO_LETTER}(?:{ENGLISH}){GAP}(?:[!]|[.:](?:[ \r\n<]|$))"
    f"|{NO_LETTER}(?:{CORE}){GAP}{TITLE}[ ]?[,!:]"
    f"|[a-z]{{1,30}}[,]{BLANK}{{0,4}}[!](?:[^A-Za-z=]|$))"
)
VALUE = (
    f"({NO_LETTER}(?:{ADDRESS})[,]?{GAP}(?:{TITLE}[ ]|{WORD})?(?:{NOTHING})"
    f"(?:[ ](?:{NOTHING})|[ ][A-Z][a-z]+)?{AT_AN_END}"
    f"|{NO_LETTER}(?:{CORE}){GAP}(?:none|\\[[A-Za-z][A-Za-z _-]{{1,30}}\\]|«[^«»<>\n]{{1,40}}»){LOOSE}{{0,4}}[,!:]"
    f"|[$€£][ ]?(?:NaN|undefined)(?:[^A-Za-z0-9_]|$)|[€£][ ]?null(?:[^A-Za-z0-9_]|$)"
    f"|{NO_LETTER}(?:NaN|undefined)[ ]?[%]"
    f"|(?:^|[\n>])[ ]?(?:{STRICT}),[ ](?:you|we|it|this|here|get|don|come|thank|is |are )"
    f"|(?:^|[\n>])[ ]?None,[ ]your[ ]"
    f"|{NO_LETTER}[yY]our[ ](?:[a-z]{{1,20}}[ ]){{0,3}}[a-z]{{1,20}}:{LOOSE}{{1,4}}(?:{STRICT})(?:[.!?,;<\r\n]|$)"
    f"|[a-z],[ ](?:{STRICT}|None)[ ]?[!?]"
    r"|\[object Object\])"
)
SUBJECT_END = f"([,][ ](?:{STRICT}|None)[ ]?)$"
LINK = (
    "(?:https?://|www[.]|mailto:)[^ \t\r\n<>\"']*"
    f"([{{][{{]?[ ]?{NAME}[ ]?[}}]|{HASHES}|\\[[%][ ]{NAME}[ ][%]\\]"
    f"|[*][|][A-Za-z0-9_]{{1,40}}[|][*]|[%][%]{NAME}[%][%]|[%]7[Bb](?:[%]7[Bb])?{NAME}[%]7[Dd])"
)

KINDS: Mapping[str, str] = {
    "braces": BRACES,
    "percent signs": PERCENT,
    "stars": STARS,
    "brackets": BRACKETS,
    "angles": ANGLES,
    "number or at signs": SIGNS,
    "nothing after a greeting": EMPTY,
    "a word for nothing": VALUE,
}
IN_LINK = "in a link"

# What is no prose: style sheets, scripts, samples of code, web addresses. Looked into for links alone
CODE = "|".join(
    f"<{any_case(tag)}(?:[ \t\r\n][^<>]*)?>[^<]*</{any_case(tag)}>" for tag in "style script code pre samp kbd".split()
)
NO_PROSE = f"{CODE}|(?:^|[^A-Za-z0-9`])[`][^`\n]{{1,100}}[`]|https?://[^ \t\r\n<>\"']+"
LEFT_OUT = "~"  # stands where no prose was; no pattern begins or ends with it
