"""What changed since the last audit: the inventory against `inventory_previous`."""

from __future__ import annotations

from typing import NamedTuple

from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool


class Change(NamedTuple):
    """One tool that came, went, or changed in cost or owner; `cost_delta` is money a year.

    `before` and `after` are money for a cost, the name for an owner, the category for a tool that came or went.
    """

    tool: str
    change: str
    before: str | float
    after: str | float
    cost_delta: float


def changes(evidence: Evidence) -> tuple[Change, ...] | None:
    """Every change by tool name, the largest move of money first; None without a previous inventory."""
    if evidence.previous is None:
        return None
    before = {tool.tool.lower(): tool for tool in evidence.previous.tools}
    after = {tool.tool.lower(): tool for tool in evidence.tools}
    came = [Change(t.tool, "new", "", t.category, t.annual_cost) for k, t in after.items() if k not in before]
    went = [Change(t.tool, "gone", t.category, "", -t.annual_cost) for k, t in before.items() if k not in after]
    stayed = [change for key, tool in after.items() if key in before for change in _moved(before[key], tool)]
    return tuple(sorted([*came, *went, *stayed], key=lambda c: (-abs(c.cost_delta), c.tool.lower())))


def _moved(before: Tool, after: Tool) -> list[Change]:
    moved = []
    if before.annual_cost != after.annual_cost:
        delta = after.annual_cost - before.annual_cost
        moved.append(Change(after.tool, "cost", before.annual_cost, after.annual_cost, delta))
    if (before.owner or "") != (after.owner or ""):
        moved.append(Change(after.tool, "owner", before.owner or "", after.owner or "", 0.0))
    return moved
