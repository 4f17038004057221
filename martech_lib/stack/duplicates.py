"""Duplicate function: one tool a category is kept, and the audit says which and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from martech_lib.core.results import Finding
from martech_lib.core.spoken import money, percent
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool, by_category
from martech_lib.stack.rules import about


def duplicate_findings(evidence: Evidence) -> Iterator[Finding]:
    """SA02: every active tool of a category but its keeper; an accepted overlap is neither."""
    rule = evidence.rules["SA02"]
    for tool, keeper in duplicates(evidence.tools):
        words = (
            f"{tool.category} is also done by {keeper.tool}, the one to keep: {_why(keeper, tool, evidence.currency)}"
        )
        yield about(tool, rule, evidence, words)


def duplicates(tools: Iterable[Tool]) -> Iterator[tuple[Tool, Tool]]:
    """(duplicate, keeper) for every tool that repeats the function of another of its category."""
    for group in by_category(tool for tool in tools if not tool.overlap_ok_reason).values():
        keeper = min(group, key=_rank)
        yield from ((tool, keeper) for tool in group if tool is not keeper)


def _rank(tool: Tool) -> tuple[bool, float, float, str]:
    """Preferred first, then higher known adoption, lower cost, name."""
    adoption = -1.0 if tool.adoption is None else tool.adoption
    return (not tool.preferred, -adoption, tool.annual_cost, tool.tool.lower())


def _why(keeper: Tool, other: Tool, currency: str) -> str:
    if keeper.preferred and not other.preferred:
        return "marked as preferred"
    mine, theirs = keeper.adoption, other.adoption
    if mine is not None and theirs is None:
        return f"{percent(mine, 0)} adoption, unknown for {other.tool}"
    if mine is not None and theirs is not None and mine > theirs:
        return f"{percent(mine, 0)} adoption against {percent(theirs, 0)}"
    if keeper.annual_cost < other.annual_cost:
        cheaper, dearer = money(keeper.annual_cost, currency), money(other.annual_cost, currency)
        return f"adoption does not tell them apart, and it costs {cheaper} against {dearer}"
    return "adoption and cost do not tell them apart; first by name"
