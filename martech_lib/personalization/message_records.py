"""The numbers and faults of messages and their templates, as Readings and Findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from martech_lib.core.limits import Limit, rule_rows
from martech_lib.core.rates import Count, wilson
from martech_lib.core.results import Finding, Reading, Severity, Status, not_measured
from martech_lib.core.spoken import count, fitting, listed, number, percent
from martech_lib.personalization.sends import PLACES, Hit, Sends
from martech_lib.personalization.templates import TemplateReading

LITERAL, SHARE = "personalization.literal_tokens", "personalization.literal_token_share"
IN_LINKS = "personalization.link_tokens"
TEMPLATES, UNFILLED = "personalization.templates", "personalization.templates_without_fallback"
BAD, NAME_ONLY, CREEP = (
    "personalization.bad_fallbacks",
    "personalization.name_only_templates",
    "personalization.creep_score",
)
MESSAGES, SCORE = "messages", "points"
NO_NAME = "(no template)"
LEVEL = 0.95
MOST_SEGMENTS = 100
UNITS = {SHARE: "share", CREEP: SCORE, LITERAL: MESSAGES, IN_LINKS: MESSAGES, BAD: "fallbacks"}


def send_readings(sends: Sequence[Sends], limits: Mapping[str, Limit]) -> Iterator[Reading]:
    """What was counted in the messages: sends with a literal token by kind, their share by template, links."""
    allowed = limits["PE02"].numbers[0]
    read, literal = sum(one.read for one in sends), sum(one.literal for one in sends)
    unread = sum(one.unread for one in sends)
    if not read:
        yield from unsent("needs the text of messages: subject and body are blank")
        return
    said = (
        f"{count(unread, 'message')} without subject and body {fitting(unread, 'was', 'were')} not read"
        if unread
        else ""
    )
    status: Status = "fail" if any(one.literal > allowed for one in sends) else "watch" if unread else "pass"
    target = _at_most(allowed)
    method = "messages whose subject or body shows a pattern of an unfilled token, style sheets and code left out"
    whole = Reading(LITERAL, float(literal), MESSAGES, n=read, target=target, status=status, method=method, reason=said)
    yield whole
    for kind in PLACES:
        hit = sum(one.by_kind.get(kind, 0) for one in sends)
        if hit and kind in set(PLACES) - {"in a link"}:
            yield whole._replace(value=float(hit), segment=kind, status="info", target="", reason="")
    yield _share(literal, read, status=status, reason=said, target=target)
    shown = sends[:MOST_SEGMENTS]
    for one in shown:
        if one.read:
            own: Status = "fail" if one.literal > allowed else "watch" if one.unread else "pass"
            yield _share(one.literal, one.read, segment=one.template or NO_NAME, status=own, target=target)
    links = sum(one.in_links for one in sends)
    yield whole._replace(metric=IN_LINKS, value=float(links), status="fail" if links else "watch" if unread else "pass",
                         target="0", method="messages with an unfilled token in a web address")  # fmt: skip


def unsent(needs: str) -> Iterator[Reading]:
    """The readings of messages where there are none that can be read."""
    for metric in (LITERAL, SHARE, IN_LINKS):
        yield not_measured(metric, needs=needs, unit=UNITS[metric], target="0")


def template_records(
    read: Sequence[TemplateReading], limits: Mapping[str, Limit], *, has_fallbacks: bool, needs_norm: str
) -> Iterator[Reading]:
    """What the templates say: tokens without a fallback, sentences that do not stand, names alone, creep."""
    having = [one for one in read if one.tokens]
    yield Reading(TEMPLATES, float(len(read)), "templates", n=len(read), method="rows")
    if has_fallbacks:
        yield from _fallback_readings(read, having, limits)
    else:
        for metric in (UNFILLED, BAD):
            yield not_measured(
                metric,
                needs="needs the column fallback in templates.csv",
                target="0",
                unit=UNITS.get(metric, "templates"),
            )
    yield _name_only(having, limits)
    yield from _creep_readings(read, limits, needs_norm)


def no_templates(needs: str) -> Iterator[Reading]:
    """The readings of templates where there are none."""
    for metric in (TEMPLATES, UNFILLED, BAD, NAME_ONLY, CREEP):
        yield not_measured(metric, needs=needs, unit=UNITS.get(metric, "templates"))


def send_findings(sends: Sequence[Sends], limits: Mapping[str, Limit]) -> Iterator[Finding]:
    """PE02 for each template whose messages show an unfilled token, PE07 where it stands in a web address."""
    for one in sends:
        name = one.template or NO_NAME
        if one.literal > limits["PE02"].numbers[0]:
            by = f" (programme {one.programs[0]})" if len(one.programs) == 1 else ""
            yield _finding("PE02", name, f"{_of(one.literal, one)} '{name}'{by} show {_hits(one, False)}", "messages")
        if one.in_links > limits["PE07"].numbers[0]:
            yield _finding("PE07", name, f"{_of(one.in_links, one)} '{name}' have {_hits(one, True)}", "messages")


def template_findings(
    read: Sequence[TemplateReading], limits: Mapping[str, Limit], *, has_fallbacks: bool
) -> Iterator[Finding]:
    """PE03 to PE06 for each template."""
    for one in read:
        if has_fallbacks and len(one.unfilled) > limits["PE03"].numbers[0]:
            reads = [f"without a value it reads '{shown}'" for shown in one.unfilled.values() if shown][:1]
            words = f"{listed(list(one.unfilled), 4)} {fitting(len(one.unfilled), 'has', 'have')} no fallback"
            yield _finding("PE03", one.template, "; ".join([words, *reads]), "templates")
        if has_fallbacks and len(one.faults or ()) > limits["PE04"].numbers[0]:
            yield _finding("PE04", one.template, _faults(one), "templates")
        if one.is_name_only:
            words = f"{listed(one.tokens, 4)} {fitting(len(one.tokens), 'is', 'are')} all that changes"
            yield _finding("PE05", one.template, words, "templates")
        if one.creep and one.creep.score > limits["PE06"].numbers[0]:
            why = "; ".join(f"{reason.points} for {reason.words}" for reason in one.creep.reasons)
            yield _finding("PE06", one.template, f"{one.creep.score} of 100 points: {why}", "templates")


def _fallback_readings(
    read: Sequence[TemplateReading], having: Sequence[TemplateReading], limits: Mapping[str, Limit]
) -> Iterator[Reading]:
    bare = [one.template for one in having if len(one.unfilled) > limits["PE03"].numbers[0]]
    method = "templates with a token, links and dates apart, for which nothing stands in"
    yield Reading(UNFILLED, float(len(bare)), "templates", n=len(having), target="0", method=method,
                  status="fail" if bare else "pass", reason=listed(bare))  # fmt: skip
    bad = [one.template for one in read if len(one.faults or ()) > limits["PE04"].numbers[0]]
    faults, unknown = sum(len(one.faults or ()) for one in read), sum(one.has_logic for one in read)
    judged = len(read) - unknown
    if not judged and not faults:
        yield not_measured(
            BAD,
            needs="needs a template without conditions: which text is sent is not known",
            unit="fallbacks",
            target="0",
        )
        return
    said = [f"in {listed(bad)}"] if bad else []
    said += (
        [f"{count(unknown, 'template')} with conditions {fitting(unknown, 'was', 'were')} not judged"]
        if unknown
        else []
    )
    yield Reading(BAD, float(faults), "fallbacks", n=judged, target="0", method="faults of the sentences",
                  status="fail" if bad else "watch" if unknown else "pass", reason="; ".join(said))  # fmt: skip


def _name_only(having: Sequence[TemplateReading], limits: Mapping[str, Limit]) -> Reading:
    if not having:
        return not_measured(NAME_ONLY, needs="no template has a token", unit="templates", target=_at_most(0))
    names = [one.template for one in having if one.is_name_only]
    status: Status = "watch" if len(names) > limits["PE05"].numbers[0] else "pass"
    method = "templates with tokens that are all names, of a person or a company"
    return Reading(NAME_ONLY, float(len(names)), "templates", n=len(having), target=_at_most(limits["PE05"].numbers[0]),
                   status=status, method=method, reason=listed(names))  # fmt: skip


def _creep_readings(read: Sequence[TemplateReading], limits: Mapping[str, Limit], needs: str) -> Iterator[Reading]:
    most = limits["PE06"].numbers[0]
    scored = sorted(
        (one for one in read if one.creep), key=lambda one: (-(one.creep.score if one.creep else 0), one.template)
    )
    if not scored:
        yield not_measured(CREEP, needs=needs, unit=SCORE, target=_at_most(most))
        return
    worst: Any = scored[0].creep
    unknown = sum(bool(one.creep and one.creep.unknown) for one in scored)
    status: Status = "fail" if worst.score > most else "watch" if unknown else "pass"
    said = f"the highest: {scored[0].template}; a weight of ours"
    said += (
        f"; {count(unknown, 'template')} {fitting(unknown, 'has', 'have')} data of no known class" if unknown else ""
    )
    method = f"data used beyond what {worst.norm} tolerates"
    whole = Reading(CREEP, float(worst.score), SCORE, n=len(scored), target=_at_most(most), method=method)
    yield whole._replace(status=status, reason=said)
    for one in scored[:MOST_SEGMENTS]:
        found: Any = one.creep
        own: Status = "fail" if found.score > most else "watch" if found.unknown else "pass"
        why = "; ".join(reason.words for reason in found.reasons)
        why += f"; not classified: {listed(found.unknown, 3)}" if found.unknown else ""
        yield whole._replace(
            value=float(found.score), n=None, segment=one.template, status=own, reason=why.lstrip("; ")
        )


def _share(hits: int, read: int, *, status: Status, target: str, segment: str = "", reason: str = "") -> Reading:
    lower, upper = wilson(Count(hits, read), level=LEVEL)
    method = "literal tokens by messages with text; Wilson interval, for where the messages are a sample"
    return Reading(
        SHARE, hits / read, "share", lower, upper, LEVEL, read, target, status, method, segment, reason=reason
    )


def _of(hits: int, one: Sends) -> str:
    return f"{hits:,} of {count(one.read, 'send')} ({percent(hits / max(one.read, 1))}) of"


def _hits(one: Sends, is_link: bool) -> str:
    """What was found, the most frequent first, with an example."""
    found = [hit for hit in one.hits if (hit.kind == "in a link") == is_link]
    named = list(dict.fromkeys(hit.shown for hit in found if hit.shown != "…")) or ["a token"]
    where = " in a web address" if is_link else ""
    return f"{listed(named, 3)}{where}{_such_as(found)}"


def _such_as(found: Sequence[Hit]) -> str:
    ids = list(dict.fromkeys(hit.example for hit in found if hit.example))
    return f" (such as {fitting(len(ids[:3]), 'message', 'messages')} {listed(ids[:3])})" if ids else ""


def _faults(one: TemplateReading) -> str:
    told = [
        f"{fault.token}: {fault.wrong}".lstrip(": ") + (f" in '{fault.shown}'" if fault.shown else "")
        for fault in one.faults or ()
    ]
    return "; ".join(told[:4]) + (f"; and {number(len(told) - 4)} more" if len(told) > 4 else "")


def _finding(rule: str, subject: str, words: str, source: str) -> Finding:
    row = _rules()[rule]
    return Finding(rule, subject, cast(Severity, row["severity"]), words, row["decision"], source=source)


def _rules() -> dict[str, dict[str, str]]:
    return {row["rule"]: row for row in rule_rows("personalization")}


def _at_most(limit: float) -> str:
    return f"at most {limit:g}" if limit else "0"
