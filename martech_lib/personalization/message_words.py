"""Messages and templates in sentences: each number read out loud."""

from __future__ import annotations

from collections.abc import Iterator

from martech_lib.core.results import Reading
from martech_lib.core.spoken import count, fitting, listed, percent
from martech_lib.personalization.message_records import (
    BAD,
    CREEP,
    IN_LINKS,
    LITERAL,
    NAME_ONLY,
    NO_NAME,
    SHARE,
    UNFILLED,
)
from martech_lib.personalization.messages import MessageAudit
from martech_lib.personalization.sends import OTHERS


def message_words(audit: MessageAudit) -> str:
    """One paragraph, plain text: what was sent, what the templates lack, what they give away."""
    found = {reading.metric: reading for reading in audit.reading_records if not reading.segment}
    return " ".join([*_sent(audit, found), *_written(found), *_given_away(audit, found)])


def _sent(audit: MessageAudit, found: dict[str, Reading]) -> Iterator[str]:
    literal, share, links = found[LITERAL], found[SHARE], found[IN_LINKS]
    if literal.value is None:
        yield f"Whether tokens were sent unfilled is {literal.status}: {literal.reason}."
        return
    n = literal.n or 0
    if not literal.value:
        yield f"None of {count(n, 'message')} shows an unfilled token."
    else:
        hits, worst = int(literal.value), audit.sends[0]
        shown = next((hit.shown for hit in worst.hits if hit.kind != "in a link" and hit.shown != OTHERS), "a token")
        verb = fitting(hits, "shows", "show")
        by = f" of {worst.programs[0]}" if len(worst.programs) == 1 else ""
        yield (
            f"{hits:,} of {count(n, 'message')} ({percent(share.value)}) {verb} the reader an unfilled token. "
            f"Most come from '{worst.template or NO_NAME}'{by}: {worst.literal:,} of {worst.read:,}, such as {shown}."
        )
    if links.value:
        yield f"{count(int(links.value), 'message')} {fitting(links.value, 'has', 'have')} one in a web address."
    if literal.reason:
        yield f"{literal.reason[:1].upper()}{literal.reason[1:]}."


def _written(found: dict[str, Reading]) -> Iterator[str]:
    bare, bad, names = found[UNFILLED], found[BAD], found[NAME_ONLY]
    if bare.value is None:
        yield f"What stands in for a missing value is {bare.status}: {bare.reason}."
    elif bare.value:
        verb = fitting(bare.value, "has a token", "have a token")
        yield f"{count(int(bare.value), 'template')} of {bare.n:,} {verb} without a fallback: {bare.reason}."
    elif bare.n:
        having = fitting(bare.n, "The one template with tokens has", f"All {bare.n:,} templates with tokens have")
        yield f"{having} a fallback for each."
    if bad.value:
        verb = fitting(bad.value, "fallback does", "fallbacks do")
        yield f"{int(bad.value):,} {verb} not make a good sentence, {bad.reason}."
    elif bad.value is not None and bad.reason:
        yield f"No fallback breaks its sentence; {bad.reason}."
    if names.value:
        verb = fitting(names.value, "is", "are")
        yield f"{count(int(names.value), 'template')} {verb} personal by name alone: lipstick, not content."


def _given_away(audit: MessageAudit, found: dict[str, Reading]) -> Iterator[str]:
    score = found[CREEP]
    if score.value is None:
        if audit.templates:
            yield f"What the data used gives away is {score.status}: {score.reason}."
        return
    creeps = [one for one in audit.templates if one.creep]
    worst = max(creeps, key=lambda one: one.creep.score if one.creep else 0)
    asked = worst.creep.questions if worst.creep else ()
    above = [one.template for one in creeps if one.creep and one.creep.score == score.value]
    said = f"By the norm of {audit.norm} the highest creep score is {score.value:g} of 100"
    yield (
        f"{said} ({listed(above, 3)}), {score.target} is our line."
        if score.value
        else f"{said}: nothing beyond what it tolerates."
    )
    if asked:
        yield f"Ask of '{worst.template}': {asked[0]}"
