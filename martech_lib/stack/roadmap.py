"""The twelve months ahead: the inventory's renewals and notice deadlines, decisions, and what was planned by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from martech_lib.stack.decisions import Decision
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.renewals import Renewal, renewal_of

REVIEW_DAYS = 92


class RoadmapItem(NamedTuple):
    """A bar or a point of the roadmap.

    Attributes:
        item: What happens.
        tool: Which tool it is about, "" for none.
        kind: renewal, contract end, notice deadline, or the decision or type of a planned row.
        start: First day.
        end: Last day; the start itself for a point in time.
        owner: Who does it, "" when nobody is named.
        contract: What the contract costs a year, for a renewal or notice deadline.
        change: By how much it changes the cost a year; negative is a saving.
        source: inventory, decisions or roadmap.
    """

    item: str
    tool: str
    kind: str
    start: date
    end: date
    owner: str
    contract: float | None
    change: float | None
    source: str


def roadmap(evidence: Evidence, decisions: Sequence[Decision]) -> tuple[RoadmapItem, ...]:
    """Everything that falls within the twelve months from the audit date, by start."""
    if evidence.as_of is None:
        return ()
    last = evidence.as_of + timedelta(days=365)
    items = [*_planned(evidence), *_from_contracts(evidence, decisions, evidence.as_of)]
    ahead = [item for item in items if item.end >= evidence.as_of and item.start <= last]
    return tuple(sorted(ahead, key=lambda item: (item.start, item.tool, item.kind)))


def _planned(evidence: Evidence) -> Iterator[RoadmapItem]:
    for row in evidence.rows("roadmap"):
        tool, owner = row.get("tool") or "", row.get("owner") or ""
        kind = row.get("type") or "planned"
        yield RoadmapItem(
            row["item"], tool, kind, row["start"], row["end"], owner, None, row.get("cost_delta"), "roadmap"
        )


def _from_contracts(evidence: Evidence, decisions: Sequence[Decision], as_of: date) -> Iterator[RoadmapItem]:
    for tool, decision in zip(evidence.tools, decisions, strict=True):
        renewal = renewal_of(tool, as_of)
        if renewal:
            yield from _turns(tool, renewal, as_of)
        if decision.decision not in ("Keep", "Re-evaluate"):
            # Without a renewal date, and for a fix, the next quarterly review is the day to be done by.
            leaves = renewal and decision.decision != "Fix"
            end = renewal.leaves if renewal and leaves else as_of + timedelta(days=REVIEW_DAYS)
            words, kind, change = f"{decision.decision} {tool.tool}", decision.decision.lower(), -decision.saving
            yield RoadmapItem(words, tool.tool, kind, as_of, end, tool.owner or "", None, change, "decisions")


def _turns(tool: Tool, renewal: Renewal, as_of: date) -> Iterator[RoadmapItem]:
    if renewal.ends:
        yield _point(tool, f"{tool.tool} ends", "contract end", renewal.renews)
        return
    yield _point(tool, f"{tool.tool} renews", "renewal", renewal.renews)
    if tool.notice_days and renewal.notice_by >= as_of:
        yield _point(tool, f"Notice for {tool.tool}", "notice deadline", renewal.notice_by)


def _point(tool: Tool, words: str, kind: str, when: date) -> RoadmapItem:
    return RoadmapItem(words, tool.tool, kind, when, when, tool.owner or "", tool.annual_cost, None, "inventory")
