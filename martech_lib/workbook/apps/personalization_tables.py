"""The holdouts' tables: rows of the library's records, written for people."""

from __future__ import annotations

from typing import Any

from martech_lib.core.limits import limits
from martech_lib.core.spoken import money, number, percent
from martech_lib.core.stats import Difference
from martech_lib.personalization.charts import ENDPOINTS
from martech_lib.personalization.endpoints import Endpoint
from martech_lib.personalization.money import Range
from martech_lib.personalization.page import Page
from martech_lib.personalization.programmes import Programme, claims_in_words
from martech_lib.personalization.records import named
from martech_lib.personalization.segments import FEWEST
from martech_lib.personalization.templates import TemplateReading
from martech_lib.personalization.words import chance_in_words, kind_in_words
from martech_lib.workbook import html
from martech_lib.workbook.html import Column

TOTAL_TILES = (
    "personalization.programs_won", "personalization.programs_clicks", "personalization.programs_harm",
    "personalization.programs_unread", "personalization.claimed_conversions", "personalization.incremental_conversions",
)  # fmt: skip
MESSAGE_TILES = (
    "personalization.literal_tokens", "personalization.literal_token_share",
    "personalization.templates_without_fallback", "personalization.bad_fallbacks",
    "personalization.name_only_templates", "personalization.creep_score",
)  # fmt: skip
SHOWN = 5  # templates whose questions are asked
NO_BREAK = "\u2011"  # a hyphen at which no line ends
READING_TILES = ("lift_conversion", "incremental_conversions", "incremental_profit", "cost_per_incremental")


def total_tiles(page: Page) -> str:
    """All programmes in numbers."""
    return _tiles(page, TOTAL_TILES)


def reading_tiles(page: Page) -> str:
    """The programme that is read in numbers."""
    if page.chosen is None or page.reading is None or not page.reading.endpoints:
        return ""
    return _tiles(page, tuple(named(page.chosen.program, name) for name in READING_TILES))


def programmes_table(page: Page) -> str:
    """Every programme: its verdict beside what its dashboard claims."""
    rows = [_programme(row) for row in page.programmes.every]
    columns = [
        Column("program", "Programme"), Column("kind", "Kind"), Column("verdict", "Verdict"),
        Column("clicks", "Clicks", str, True), Column("conversions", "Conversions", str, True),
        Column("brought", "Conversions brought", str, True), Column("claims", "Its dashboard claims"),
    ]  # fmt: skip
    return html.table(rows, columns, caption="All programmes of the month") if rows else ""


def arms_table(page: Page) -> str:
    """Users by arm beside their planned share."""
    reading = page.reading
    if reading is None or not reading.srm.arms:
        return ""
    total = sum(reading.srm.arms.values())
    rows = [
        {
            "arm": arm,
            "users": number(n),
            "share": percent(n / total),
            "planned": percent(reading.srm.planned[arm]) if arm in reading.srm.planned else "not known",
        }
        for arm, n in reading.srm.arms.items()
    ]
    columns = [
        Column("arm", "Arm"), Column("users", "Users", str, True), Column("share", "Share", str, True),
        Column("planned", "Planned", str, True),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Users by arm")


def outcomes_table(page: Page) -> str:
    """Conversions, clicks and revenue, against the holdout."""
    reading = page.reading
    if reading is None or not reading.endpoints:
        return ""
    rows = [_outcome(of, reading.terms.currency) for of in reading.endpoints]
    columns = [
        Column("what", "Outcome"), Column("holdout", "Holdout", str, True),
        Column("treated", "Personalized", str, True), Column("difference", "Difference", str, True),
        Column("lift", "Lift", str, True), Column("p", "p", str, True), Column("note", "How"),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Outcomes by user, against the holdout")


def segments_table(page: Page) -> str:
    """Effects by segment."""
    if page.reading is None or not page.reading.by_segment.lines:
        return ""
    rows = [
        {
            "segment": line.segment,
            "users": number(line.holdout.n + line.treated.n),
            "holdout": percent(line.holdout.rate) if line.holdout.n >= FEWEST else "few",
            "treated": percent(line.treated.rate) if line.treated.n >= FEWEST else "few",
            "lift": _ranged(line.lift),
            "shrunk": _ranged(line.shrunk),
            "q": _p(line.q),
            "found": "evidence" if line.is_found else "",
            "note": line.reason,
        }
        for line in page.reading.by_segment.lines
    ]
    columns = [
        Column("segment", "Segment"), Column("users", "Users", str, True), Column("holdout", "Holdout", str, True),
        Column("treated", "Personalized", str, True), Column("lift", "Lift as measured", str, True),
        Column("shrunk", "Shrunken lift", str, True), Column("q", "q", str, True), Column("found", "Evidence"),
        Column("note", "Note"),
    ]  # fmt: skip
    if not any(row["note"] for row in rows):
        columns.pop()
    return html.table(rows, columns, caption="Segments; q is p held to one rate of false discoveries")


def policies_table(page: Page) -> str:
    """Ways to go on."""
    if page.reading is None or not page.reading.policies:
        return ""
    currency = page.reading.terms.currency
    rows = [
        {
            "who": one.policy.capitalize(),
            "which": ", ".join(one.segments),
            "users": number(one.users),
            "gain": f"{number(one.gain.estimate)} ({number(one.gain.lower)} to {number(one.gain.upper)})",
            "net": "not known" if one.net is None else _money_range(one.net, currency),
            "harm": chance_in_words(one.harm) if one.users else "",
        }
        for one in page.reading.policies
    ]
    columns = [
        Column("who", "Who is personalized"), Column("which", "Which"), Column("users", "Users", str, True),
        Column("gain", "Conversions more", str, True), Column("net", "Value less cost", str, True),
        Column("harm", "Probability of loss", str, True),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Over as many users and as much time as the holdout had")


def sizes_table(page: Page) -> str:
    """Holdouts of several shares."""
    rows = [
        {
            "share": percent(size.share, 0),
            "users": number(size.users),
            "held": number(size.held),
            "times": f"x {number(size.times, 2)}",
            "weeks": "not known" if size.weeks is None else number(size.weeks),
            "forgone": number(size.forgone),
        }
        for size in page.sizes
    ]
    columns = [
        Column("share", "Holdout", str, True), Column("users", "Users in all", str, True),
        Column("held", "Held out", str, True), Column("times", "Users, against half and half", str, True),
        Column("weeks", "Weeks to gather", str, True), Column("forgone", "Conversions done without", str, True),
    ]  # fmt: skip
    return html.table(rows, columns, caption="How big a holdout, for a power of 80 %") if rows else ""


def message_tiles(page: Page) -> str:
    """Messages and templates in numbers."""
    return _tiles(page, MESSAGE_TILES)


def faults_table(page: Page) -> str:
    """What is wrong with messages and templates."""
    if page.messages is None or not page.messages.finding_records:
        return ""
    rows = [
        {"subject": f.subject, "what": limits()[f.rule].title, "evidence": f.evidence, "decision": f.decision}
        for f in page.messages.finding_records
    ]
    columns = [
        Column("subject", "Template"), Column("what", "What"), Column("evidence", "Evidence"),
        Column("decision", "Suggested"),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Messages and templates, the gravest first")


def questions_table(page: Page) -> str:
    """What to ask of the templates that know most of their reader."""
    templates = page.messages.templates if page.messages else ()
    read = sorted((one for one in templates if one.creep and one.creep.score), key=lambda one: -_score(one))
    rows = [
        {
            "template": one.template,
            "score": number(_score(one)),
            "why": "; ".join(reason.words for reason in one.creep.reasons) if one.creep else "",
            "ask": " ".join(one.creep.questions[:2]) if one.creep else "",
        }
        for one in read[:SHOWN]
    ]
    columns = [
        Column("template", "Template"), Column("score", "Score", str, True), Column("why", "Why"),
        Column("ask", "Ask yourself"),
    ]  # fmt: skip
    caption = f"How much templates give away, of 100, by the norm of {page.messages.norm if page.messages else ''}"
    return html.table(rows, columns, caption=caption) if rows else ""


def _score(one: TemplateReading) -> float:
    return one.creep.score if one.creep else 0


def _programme(row: Programme) -> dict[str, Any]:
    clicks, conversions = (row.reading.endpoint(name) if row.reading else None for name in ("click", "conversion"))
    return {
        "program": row.program,
        "kind": kind_in_words(row.kind) or "not said",
        "verdict": row.verdict.replace("-", NO_BREAK),
        "clicks": _lift(clicks),
        "conversions": _lift(conversions),
        "brought": _range(row.brought),
        "claims": claims_in_words(row),
    }


def _outcome(of: Endpoint, currency: str) -> dict[str, Any]:
    def said(mean: float) -> str:
        return money(mean, currency) if of.name == "revenue" else percent(mean)

    return {
        "what": ENDPOINTS[of.name],
        "holdout": said(of.holdout.mean),
        "treated": said(of.treated.mean),
        "difference": "refused" if of.difference is None else said(of.difference.estimate),
        "lift": _ranged(of.lift),
        "p": "" if of.difference is None else _p(of.difference.p),
        "note": of.reason or of.method,
    }


def _lift(of: Endpoint | None) -> str:
    return "" if of is None or of.lift is None else f"{of.lift.estimate * 100:+.0f} %"


def _ranged(of: Difference | Range | None) -> str:
    if of is None:
        return "refused"
    return f"{percent(of.estimate)} ({percent(of.lower)} to {percent(of.upper)})"


def _range(of: Range | None) -> str:
    return "not read" if of is None else f"{number(of.estimate)} ({number(of.lower)} to {number(of.upper)})"


def _money_range(of: Range, currency: str) -> str:
    return f"{money(of.estimate, currency)} ({money(of.lower, currency)} to {money(of.upper, currency)})"


def _p(p: float) -> str:
    return "" if p != p else "below 0.001" if p < 0.001 else number(p, 3)


def _tiles(page: Page, names: tuple[str, ...]) -> str:
    whole = {row.metric: row for row in page.reading_records if not row.segment}
    return html.tiles(whole[name] for name in names if name in whole)
