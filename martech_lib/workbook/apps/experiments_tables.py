"""The planner's tables: rows of the library's records, written for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from martech_lib.core.spoken import day, money, number, percent
from martech_lib.experiments.conventions import conventions
from martech_lib.experiments.duration import by_week
from martech_lib.experiments.page import Planner
from martech_lib.experiments.rules import looks_of, rules_of
from martech_lib.experiments.verdict import in_words
from martech_lib.experiments.words import RULE_WORDS
from martech_lib.workbook import html
from martech_lib.workbook.html import Column

PLAN_TILES = ("experiments.sample_size", "experiments.total_units", "experiments.weeks", "experiments.gate")
RECORD_TILES = (
    "experiments.shipped_per_quarter", "experiments.winners_held", "experiments.winners_followed_up",
    "experiments.rule_breaks", "experiments.peeked", "experiments.winners_curse",
)  # fmt: skip
BACKLOG_TILES = (
    "experiments.backlog_fits", "experiments.backlog_value", "experiments.backlog_unpowered",
    "experiments.backlog_interactions",
)  # fmt: skip
STATES = {"fits": "has a place", "no room": "no room", "too long": "too long", "unknown": "not sized"}


def plan_tiles(page: Planner) -> str:
    """Users, weeks and the gate."""
    return _tiles(page, PLAN_TILES)


def record_tiles(page: Planner) -> str:
    """How tests are run."""
    return _tiles(page, RECORD_TILES)


def backlog_tiles(page: Planner) -> str:
    """What fits the quarter."""
    return _tiles(page, BACKLOG_TILES)


def weeks_table(page: Planner) -> str:
    """What each week sees."""
    found = by_week(page.plan)
    columns_of = [found[name].tolist() for name in ("week", "units", "mde_relative", "power")]
    rows = [
        {"week": week, "units": number(units), "seen": percent(abs(seen)), "power": percent(power, 0)}
        for week, units, seen, power in zip(*columns_of, strict=True)
    ]
    columns = [
        Column("week", "Week", str, True), Column("units", "Users in all", str, True),
        Column("seen", "Smallest change seen", str, True), Column("power", "Chance to see the plan's", str, True),
    ]  # fmt: skip
    return html.table(rows, columns, caption="What each week sees") if rows else ""


def rules_table(page: Planner) -> str:
    """The rules for looks side by side."""
    rows = [
        {
            "rule": RULE_WORDS[told.rule],
            "false": percent(told.false_alarms),
            "power": percent(told.power),
            "most": "no guarantee" if told.most_units is None else percent(told.most_units, 0),
            "mean": "no guarantee" if told.mean_units is None else percent(told.mean_units, 0),
            "over": f"x {number(told.overstates, 2)}",
        }
        for told in rules_of(page.plan)
    ]
    columns = [
        Column("rule", "Rule"), Column("false", "False alarms", str, True),
        Column("power", "Power with the users of one look", str, True),
        Column("most", "Users at most, for the planned power", str, True),
        Column("mean", "Users on average", str, True), Column("over", "A win overstates", str, True),
    ]  # fmt: skip
    return html.table(
        rows, columns, caption=f"Rules for {looks_of(page.plan)} looks; users as a share of those of one look"
    )


def conventions_table(page: Planner) -> str:
    """Published calculators on 20 % to 25 %."""
    del page
    rows = [{"name": c.name, "units": number(c.units), "power": percent(c.power), "why": c.why} for c in conventions()]
    columns = [
        Column("name", "Calculator"), Column("units", "Users an arm", str, True),
        Column("power", "Power it really has", str, True), Column("why", "How it counts"),
    ]  # fmt: skip
    return html.table(rows, columns, caption="From 20 % to 25 %, two-sided 5 %, power 80 %")


def gate_table(page: Planner) -> str:
    """The six rules."""
    rows = [
        {"rule": row.rule, "status": "passed" if row.passed else "missing", "missing": row.missing}
        for row in page.plan.gate.itertuples()
    ]
    columns = [Column("rule", "Rule"), Column("status", "Status"), Column("missing", "What is missing")]
    return html.table(rows, columns, caption="The six rules")


def readout_table(page: Planner) -> str:
    """Every metric of every arm beside the control."""
    if page.readout is None or not page.readout.lines:
        return ""
    arms = sorted({line.beside.arm for line in page.readout.lines})
    which = [Column("arm", "Arm")] if len(arms) > 1 else []
    columns = [
        Column("metric", "Metric"), Column("role", "Role"), *which, Column("control", "Control", str, True),
        Column("treated", "Arm's value" if which else arms[0].capitalize(), str, True),
        Column("lift", "Change", str, True), Column("range", "Interval", str, True), Column("p", "p", str, True),
        Column("note", "Note"),
    ]  # fmt: skip
    return html.table(_readout_rows(page), columns, caption="As declared, against the control")


def _readout_rows(page: Planner) -> Iterator[dict[str, Any]]:
    for line in page.readout.lines if page.readout else ():
        told, lift = line.beside, line.beside.lift
        yield {
            "metric": line.name,
            "role": line.role,
            "arm": told.arm,
            "control": in_words(told.metric, told.control.mean),
            "treated": in_words(told.metric, told.treated.mean),
            "lift": "refused" if lift is None else percent(lift.estimate),
            "range": "" if lift is None else f"{percent(lift.lower)} to {percent(lift.upper)}",
            "p": "" if line.p is None else "below 0.001" if line.p < 0.001 else number(line.p, 3),
            "note": told.reason or told.method,
        }


def arms_table(page: Planner) -> str:
    """Users by arm beside the planned shares."""
    if page.readout is None:
        return ""
    srm = page.readout.srm
    total = sum(srm.arms.values())
    rows = [
        {
            "arm": arm,
            "n": number(n),
            "share": percent(n / total if total else None),
            "planned": percent(srm.planned.get(arm)),
        }
        for arm, n in srm.arms.items()
    ]
    columns = [
        Column("arm", "Arm"), Column("n", "Users", str, True), Column("share", "Share", str, True),
        Column("planned", "Planned", str, True),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Users by arm")


def ideas_table(page: Planner) -> str:
    """The backlog, those with a place first."""
    columns = [
        Column("idea", "Idea"), Column("surface", "Surface"), Column("state", "State"), Column("when", "When"),
        Column("weeks", "Weeks", str, True), Column("ice", "ICE", str, True),
        Column("value", "Expected value", str, True), Column("reason", "Why not"),
    ]  # fmt: skip
    rows = [
        {
            "idea": idea.idea,
            "surface": idea.surface,
            "state": STATES[idea.state],
            "when": f"{day(idea.start)} to {day(idea.end)}" if idea.start and idea.end else "",
            "weeks": "" if idea.weeks is None else number(idea.weeks),
            "ice": "" if idea.ice is None else number(idea.ice, 1),
            "value": "" if idea.value is None else money(idea.value, page.backlog.currency),
            "reason": idea.reason,
        }
        for idea in page.backlog.ideas
    ]
    return html.table(rows, columns, caption="Ideas, those with a place first") if rows else ""


def pairs_table(page: Planner) -> str:
    """Tests that may disturb one another."""
    rows = [{"words": pair.words.removeprefix("may interact: ")} for pair in page.backlog.interactions]
    return html.table(rows, [Column("words", "May interact")], caption="Tests at one time") if rows else ""


def breaks_table(page: Planner) -> str:
    """Rules that experiments broke."""
    columns = [Column("subject", "Experiment"), Column("evidence", "What was seen"), Column("decision", "What to do")]
    rows = [found._asdict() for found in page.finding_records if found.severity != "low"]
    return html.table(rows, columns, caption="Rules broken, worst first") if rows else ""


def winners_table(page: Planner) -> str:
    """Shipped experiments and what was found of them later."""
    rows = [
        {
            "experiment": w.experiment,
            "name": w.name,
            "effect": percent(w.effect),
            "followup": "not measured" if w.followup is None else percent(w.followup),
            "words": w.words,
        }
        for w in page.record.winners
    ]
    columns = [
        Column("experiment", "Experiment"), Column("name", "Name"), Column("effect", "First effect", str, True),
        Column("followup", "Found again", str, True), Column("words", "Verdict"),
    ]  # fmt: skip
    return html.table(rows, columns, caption="Winners and what became of them") if rows else ""


def _tiles(page: Planner, metrics: tuple[str, ...]) -> str:
    found = {row.metric: row for row in page.reading_records if not row.segment}
    return html.tiles(found[metric] for metric in metrics if metric in found)
