"""Messages as sent, counted in their engine: how many of each template show an unfilled merge token, and which.

One query, whatever the size of the log: every message becomes a short row of what was found in it, and the rows are
counted there. What comes back is as long as there are templates and different things found in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import ibis
import pandas as pd

from martech_lib.core.errors import UserError, did_you_mean
from martech_lib.personalization.markers import (
    ADDRESS,
    IN_LINK,
    KINDS,
    LEFT_OUT,
    LINK,
    NO_PROSE,
    NOTHING,
    SUBJECT_END,
    TITLE,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

COLUMNS = ("message_id", "program", "template", "subject", "body")
PLACES: Mapping[str, str] = {**KINDS, IN_LINK: LINK}
VALUE_KIND = "a word for nothing"
KEPT = re.compile(f"{TITLE}|{NOTHING}|Your|Name|First|Last")  # words of a hit that name nobody
NOT_TOKENS = ("nothing after a greeting", VALUE_KIND)  # which a template may say in its own words
LONGEST = 80  # characters kept of what was found
MOST_DIFFERENT = 20  # things found that are told apart in one template
MOST_ROWS = 100_000
OTHERS = "…"  # stands for what is beyond the most different
PUNCTUATION = " \t\r\n\u00a0>\"'(<"


class Hit(NamedTuple):
    """One thing found in the messages of a template.

    Attributes:
        kind: Which pattern found it, one of `PLACES`.
        shown: What stands in the message; "…" for all beyond the first twenty of a template.
        sends: Messages in which it is the first of its kind.
        example: Id of one of them.
    """

    kind: str
    shown: str
    sends: int
    example: str


@dataclass(frozen=True)
class Sends:
    """The messages of one template.

    Attributes:
        template: Its name; "" for messages that name none.
        sends: How many there are.
        unread: Those of them without a word of subject or body.
        literal: Those that show the reader at least one unfilled token.
        in_links: Those with an unfilled token in a web address.
        by_kind: Kind -> messages; one that has two kinds counts in both.
        hits: What was found, the most frequent first.
        programs: The first and the last of the programmes that sent them, by the alphabet.
        own_words: Messages that show only what the template says itself ("Hello !"), which are not counted.
    """

    template: str
    sends: int = 0
    unread: int = 0
    literal: int = 0
    in_links: int = 0
    by_kind: Mapping[str, int] = field(default_factory=dict)
    hits: tuple[Hit, ...] = ()
    programs: tuple[str, ...] = ()
    own_words: int = 0

    @property
    def read(self) -> int:
        """Messages that could be read."""
        return self.sends - self.unread


def literal_tokens(messages: Any, *, texts: Mapping[str, str] | None = None) -> tuple[Sends, ...]:
    """Count unfilled merge tokens by template, the template with the most first.

    Args:
        messages: The log, an Ibis table of any engine or a frame: subject, body or both, and where there are
            message_id and template.
        texts: Template -> its text. A greeting that ends in nothing is not counted where the text says so itself.

    Raises:
        UserError: There is neither subject nor body, or more templates than can be told apart.
    """
    found = _found(_as_table(messages)).limit(MOST_ROWS + 1).to_pyarrow().to_pylist()
    if len(found) > MOST_ROWS:
        raise UserError(
            f"messages has more than {MOST_ROWS:,} combinations of template and what was found: give all messages "
            "that were made from one template the same name in column template."
        )
    by_template: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_template.setdefault(row["template"], []).append(row)
    counted = (_counted(name, rows, (texts or {}).get(name, "")) for name, rows in by_template.items())
    return tuple(sorted(counted, key=lambda one: (-one.literal, -one.in_links, -one.sends, one.template)))


def _as_table(given: Any) -> ir.Table:
    """The columns that are needed, as text; absent ones blank. Raises UserError."""
    if not isinstance(given, (ibis.Table, pd.DataFrame)):
        raise UserError(f"messages came as {type(given).__name__}; allowed is an Ibis table or a pandas frame.")
    known = [column for column in COLUMNS if column in given.columns]
    if not {"subject", "body"} & set(known):
        hint = did_you_mean("body", list(map(str, given.columns)))
        raise UserError(f"messages has neither subject nor body{hint or '.'}")
    if isinstance(given, pd.DataFrame):
        if len(set(given.columns)) < len(given.columns):
            raise UserError(f"messages has two columns of one name: {', '.join(map(str, given.columns))}.")
        given = ibis.memtable(pd.DataFrame({column: given[column].astype("string") for column in known}))
    absent = ibis.literal(None, type="string")
    return given.select(**{c: given[c].cast("string") if c in known else absent for c in COLUMNS})


def _found(messages: ir.Table) -> ir.Table:
    """One row for each template and combination of what was found in its messages, with sends and an example."""
    # Most messages are clean: they are gone through once, for all kinds together.
    subject = messages.subject.fill_null("")
    text: Any = subject + "\n" + messages.body.fill_null("")
    is_suspect = text.re_search("|".join(PLACES.values())) | subject.re_search(SUBJECT_END)
    seen = messages.select(
        template=messages.template.fill_null("").re_replace("^[ \t\r\n\u00a0]+|[ \t\r\n\u00a0]+$", ""),
        unread=(~text.re_search("[^ \t\r\n\u00a0]")).ifelse(1, 0),
        message_id=messages.message_id,
        program=messages.program,
        **{f"k{n}": is_suspect.ifelse(_shown(text, subject, kind), "") for n, kind in enumerate(PLACES)},
    )
    kinds = [f"k{n}" for n in range(len(PLACES))]
    each = seen.group_by(["template", "unread", *kinds]).aggregate(
        sends=seen.count(), example=seen.message_id.min(), first=seen.program.min(), last=seen.program.max()
    )
    return _with_few_apart(each, kinds)


def _shown(text: Any, subject: Any, kind: str) -> Any:
    """What was found of a kind, shortened; "" where nothing was. Only what is found anywhere is looked for in prose."""
    pattern = PLACES[kind]
    looked_in = text if kind == IN_LINK else text.re_replace(NO_PROSE, LEFT_OUT)
    first = text.re_search(pattern).ifelse(looked_in.re_extract(pattern, 1), "").fill_null("")
    if kind == VALUE_KIND:
        last = subject.re_search(SUBJECT_END).ifelse(subject.re_extract(SUBJECT_END, 1), "").fill_null("")
        first = (first == "").ifelse(last, first)
    return first.substr(0, LONGEST)


def _with_few_apart(each: ir.Table, kinds: list[str]) -> ir.Table:
    """The same, with all that is beyond the most frequent of a template put together."""
    order = [ibis.desc(each.sends), *(each[kind] for kind in kinds)]
    ranked = each.mutate(rank=ibis.row_number().over(ibis.window(group_by=each.template, order_by=order)))
    is_apart: Any = ranked["rank"] < MOST_DIFFERENT
    short = {kind: (is_apart | (ranked[kind] == "")).ifelse(ranked[kind], OTHERS) for kind in kinds}
    shortened = ranked.mutate(**short)
    return shortened.group_by(["template", "unread", *kinds]).aggregate(
        sends=shortened.sends.sum(),
        example=shortened.example.min(),
        first=shortened["first"].min(),
        last=shortened["last"].max(),
    )


def _counted(template: str, rows: list[dict[str, Any]], text: str) -> Sends:
    literal = in_links = own = 0
    by_kind: dict[str, int] = {}
    hits: dict[tuple[str, str], Hit] = {}
    for row in rows:
        sends, found = int(row["sends"]), list(_of_row(row))
        kept = [(kind, shown) for kind, shown in found if not _is_own(kind, shown, text)]
        own += sends if found and not kept else 0
        literal += sends if any(kind != IN_LINK for kind, _ in kept) else 0
        in_links += sends if any(kind == IN_LINK for kind, _ in kept) else 0
        for kind, shown in ((kind, _without_names(kind, shown)) for kind, shown in kept):
            by_kind[kind] = by_kind.get(kind, 0) + sends
            before = hits.get((kind, shown), Hit(kind, shown, 0, ""))
            example = min(filter(None, (before.example, row["example"])), default="")
            hits[kind, shown] = Hit(kind, shown, before.sends + sends, example)
    programs = {str(row[end]) for row in rows for end in ("first", "last") if row[end]}
    return Sends(
        template=template,
        programs=tuple(sorted({min(programs), max(programs)})) if programs else (),
        sends=sum(int(row["sends"]) for row in rows),
        unread=sum(int(row["sends"]) for row in rows if row["unread"]),
        literal=literal,
        in_links=in_links,
        by_kind={kind: by_kind[kind] for kind in PLACES if kind in by_kind},
        hits=tuple(sorted(hits.values(), key=lambda hit: (-hit.sends, list(PLACES).index(hit.kind), hit.shown))),
        own_words=own,
    )


def _of_row(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and what was found, without the punctuation that stood before it."""
    for n, kind in enumerate(PLACES):
        found = row[f"k{n}"]
        if found:
            yield kind, found.lstrip(PUNCTUATION).rstrip() if kind in NOT_TOKENS else found


def _without_names(kind: str, shown: str) -> str:
    """What was found, readers' names out of it: they are nobody's business."""
    if kind != VALUE_KIND:
        return shown
    head = re.match(f"(?:{ADDRESS})?", shown)
    start = head.end() if head else 0
    rest = re.sub("[A-Z][a-z]+", lambda m: m[0] if KEPT.fullmatch(m[0]) else "…", shown[start:])
    return shown[:start] + rest


def _is_own(kind: str, shown: str, text: str) -> bool:
    """Whether the template says it in its own words: then no token is missing."""
    return kind in NOT_TOKENS and shown != OTHERS and shown in text
