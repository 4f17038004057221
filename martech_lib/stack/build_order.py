"""The eight steps in which a stack is built, read for this company's profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from martech_lib.core.results import Finding
from martech_lib.core.spoken import listed, money, number
from martech_lib.stack.evidence import Evidence
from martech_lib.stack.inventory import Tool
from martech_lib.stack.taxonomy import categories_listing

StepStatus = Literal["Done", "Next", "Not yet", "Bought too early", "Gap", "Not measured"]
LOST_SERVER_SIDE = (0.15, 0.30)
SIZED = (7, 8)  # steps that pay from a certain size on
ATTRIBUTION = ("multi-touch attribution", "marketing-mix modeling", "incrementality")


@dataclass(frozen=True)
class Step:
    """A step of the build order.

    Attributes:
        number: 1 to 8.
        name: What it brings.
        categories: Categories of the inventory that fulfil it.
    """

    number: int
    name: str
    categories: tuple[str, ...]


class StepReading(NamedTuple):
    """How one step stands: its status, whether it is due (None: the profile does not say), the tools that fulfil
    it, why, and what companies like this one pick."""

    step: int
    name: str
    status: StepStatus
    due: bool | None
    tools: tuple[str, ...]
    reason: str
    pick: str


class _Need(NamedTuple):
    """Whether a step is due for this company: True, False, or None when the profile does not say."""

    due: bool | None
    reason: str


STEPS = (
    Step(1, "Warehouse", ("warehouse",)),
    Step(2, "CDP or reverse ETL", ("cdp", "reverse etl")),
    Step(3, "CRM", ("crm",)),
    Step(4, "Analytics", ("analytics",)),
    Step(5, "Lifecycle messaging", ("lifecycle messaging",)),
    Step(6, "Server-side ad tracking", ("ad platform server-side",)),
    Step(7, "Experimentation", ("experimentation",)),
    Step(8, "Attribution or media mix", ATTRIBUTION),
)


def build_order(evidence: Evidence) -> tuple[StepReading, ...]:
    """The eight steps with their status for this company."""
    present = {step.number: fulfilling(step, evidence) for step in STEPS}
    needs = {step.number: _need(step, evidence) for step in STEPS}
    missing = [n for n in present if not present[n] and needs[n].due]
    following = next((n for n in missing if not _later_present(n, present)), None)
    return tuple(
        StepReading(
            step=step.number,
            name=step.name,
            status=_status(step.number, present, needs, following),
            due=needs[step.number].due,
            tools=tuple(tool.tool for tool in present[step.number]),
            reason=_reason(step.number, present, needs, following),
            pick=_pick(step.number, evidence),
        )
        for step in STEPS
    )


def build_order_findings(evidence: Evidence, steps: Sequence[StepReading]) -> Iterator[Finding]:
    """BO01 to BO05, each about the stack as a whole."""
    if not evidence.tools:
        return
    for step in steps:
        if step.status == "Gap":
            yield _stack_finding(
                evidence, "BO01", f"step {step.step}, {step.name.lower()}, is missing while a later step is bought"
            )
    for rule_id, step in (("BO02", steps[6]), ("BO03", steps[7])):
        yield from _threshold_finding(evidence, rule_id, step)
    if not server_side_gap(evidence) and "paid" in _channels(evidence) and not fulfilling(STEPS[5], evidence):
        yield _no_server_side(evidence)
    warehouses = fulfilling(STEPS[0], evidence)
    if warehouses and not _feeds_back(evidence):
        named = listed([t.tool for t in warehouses])
        words = f"{named} collects the data and no reverse ETL or sync carries it back to the tools"
        yield _stack_finding(evidence, "BO05", words, amount=sum(t.annual_cost for t in warehouses))


def bought_too_early(steps: Sequence[StepReading]) -> dict[str, str]:
    """Tool -> why it came before its time; such a tool is to be re-evaluated."""
    early = (step for step in steps if step.status == "Bought too early")
    return {tool: step.reason for step in early for tool in step.tools}


def fulfilling(step: Step, evidence: Evidence) -> list[Tool]:
    """The active tools that fulfil a step."""
    if step.number == 6:
        return [t for t in evidence.tools if t.is_server_side or t.category in step.categories]
    return [t for t in evidence.tools if t.category in step.categories]


def server_side_gap(evidence: Evidence) -> str:
    """Why server-side tracking cannot be judged, in words; "" when it can."""
    if fulfilling(STEPS[5], evidence):
        return ""
    return evidence.lacks("profile.channels+inventory.is_server_side")


def _status(n: int, present: dict[int, list[Tool]], needs: dict[int, _Need], following: int | None) -> StepStatus:
    if present[n]:
        return "Bought too early" if needs[n].due is False and n in SIZED else "Done"
    if needs[n].due is None:
        return "Not measured"
    if not needs[n].due:
        return "Not yet"
    if n == following:
        return "Next"
    return "Gap" if n in SIZED or _later_present(n, present) else "Not yet"


def _reason(n: int, present: dict[int, list[Tool]], needs: dict[int, _Need], following: int | None) -> str:
    reason = needs[n].reason
    if not present[n] and needs[n].due and n not in (following, *SIZED) and not _later_present(n, present):
        return f"after step {following}" + (f"; {reason}" if reason else "")
    return reason


def _later_present(n: int, present: dict[int, list[Tool]]) -> bool:
    return any(tools for later, tools in present.items() if later > n)


def _need(step: Step, evidence: Evidence) -> _Need:
    if step.number == 3 and evidence.profile.get("business_model") == "B2C":
        return _Need(False, "a B2C company usually skips the CRM: the CDP is its system of record")
    if step.number == 6:
        return _server_side_need(evidence)
    if step.number == 7:
        return _size_need(evidence, "wau", "BO02", "weekly active users")
    if step.number == 8:
        return _size_need(evidence, "paid_spend_month", "BO03", "paid media a month")
    return _Need(True, "")


def _server_side_need(evidence: Evidence) -> _Need:
    gap = server_side_gap(evidence)
    if gap:
        return _Need(None, gap)
    if "channels" not in evidence.profile:
        return _Need(True, "")
    runs_paid = "paid" in _channels(evidence)
    return _Need(runs_paid, "paid media runs" if runs_paid else "no paid media among the channels")


def _size_need(evidence: Evidence, key: str, rule_id: str, what: str) -> _Need:
    size = evidence.profile.get(key)
    if size is None:
        return _Need(None, evidence.lacks(evidence.rules[rule_id].needs))
    limit = evidence.rules[rule_id].threshold[0]
    # "About 5,000 or more" includes the limit, "more than $100k" does not.
    reached = size >= limit if rule_id == "BO02" else size > limit
    spoken = (lambda v: money(v, evidence.currency)) if rule_id == "BO03" else number
    if reached:
        return _Need(True, f"{spoken(size)} {what}, from {spoken(limit)} on it pays")
    off = f"{spoken(limit - size)} short of {spoken(limit)}" if size < limit else f"has to be above {spoken(limit)}"
    return _Need(False, f"{spoken(size)} {what}: {off}")


def _threshold_finding(evidence: Evidence, rule_id: str, step: StepReading) -> Iterator[Finding]:
    if step.status == "Bought too early":
        cost = sum(tool.annual_cost for tool in evidence.tools if tool.tool in step.tools)
        words = f"{listed(list(step.tools))} came before its time: {step.reason}"
        yield _stack_finding(evidence, rule_id, words, amount=cost)
    elif step.due and not step.tools:
        words = f"nothing does {step.name.lower()} though it is due: {step.reason}"
        yield _stack_finding(evidence, rule_id, words, decision="Fix")


def _stack_finding(
    evidence: Evidence, rule_id: str, words: str, *, amount: float | None = None, decision: str = ""
) -> Finding:
    rule = evidence.rules[rule_id]
    unit = f"{evidence.currency}/year" if amount is not None else ""
    return Finding(rule_id, "stack", rule.severity, words, decision or rule.decision, amount, unit, source="inventory")


def _no_server_side(evidence: Evidence) -> Finding:
    """BO04; in money where the platforms' conversions have a value: the least that is lost, over a year."""
    words = "paid media runs and no tool reports conversions server-side; platforms then miss 15 to 30 % of them"
    reported = [row for row in evidence.rows("platform_reported") if row.get("value") is not None]
    if not reported:
        return _stack_finding(evidence, "BO04", words)
    latest = max(str(row["month"]) for row in reported)
    month = sum(float(row["value"]) for row in reported if str(row["month"]) == latest)
    low, high = (money(share * month * 12, evidence.currency) for share in LOST_SERVER_SIDE)
    words += f", worth {low} to {high} a year at the value reported for {latest[:7]}"
    return _stack_finding(evidence, "BO04", words, amount=LOST_SERVER_SIDE[0] * month * 12)


def _feeds_back(evidence: Evidence) -> bool:
    if evidence.has_syncs:
        return True
    return any(
        tool.category == "reverse etl" or any(c.name == "reverse etl" for c in categories_listing(tool.tool))
        for tool in evidence.tools
    )


def _channels(evidence: Evidence) -> tuple[str, ...]:
    return tuple(str(c).lower() for c in evidence.profile.get("channels") or ())


def _pick(n: int, evidence: Evidence) -> str:
    is_small = evidence.profile.get("segment") == "SMB"
    model = evidence.profile.get("business_model")
    if n == 1:
        return "Postgres will do at this size" if is_small else "Snowflake or BigQuery"
    if n == 2:
        return "warehouse with reverse ETL" if is_small else "a CDP, or Hightouch or Census on the warehouse"
    if n == 3:
        return "usually none" if model == "B2C" else "HubSpot" if is_small else "Salesforce"
    if n == 4:
        product = evidence.profile.get("has_app")
        return "Google Analytics 4 and a product analytics tool" if product else "Google Analytics 4"
    return {
        5: "Customer.io, Iterable, Braze, Klaviyo or Loops",
        6: "Meta CAPI, Google Enhanced Conversions",
        7: "Statsig, GrowthBook or Eppo",
        8: "in-warehouse attribution, then a media-mix model and lift tests",
    }[n]
