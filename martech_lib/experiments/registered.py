"""Experiments of the register read from the logs, by their card or, without one, by their row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from martech_lib.core.arms import counted
from martech_lib.core.errors import UserError, shown
from martech_lib.core.programs import planned_shares
from martech_lib.core.rows import Row
from martech_lib.core.spoken import count, listed
from martech_lib.core.stats import Sample
from martech_lib.core.workspace import Workspace
from martech_lib.experiments.gate import asked_for_direction, hope_for_worse
from martech_lib.experiments.lines import Roles
from martech_lib.experiments.measured import measures_of, sample_of
from martech_lib.experiments.method_words import RULE_NAMES, doubt_of, is_named, many_of, rule_of
from martech_lib.experiments.metrics import Metric, directed, names_in, split_names
from martech_lib.experiments.plan import Plan, plan_from
from martech_lib.experiments.readout import Readout, in_order, read, read_counted
from martech_lib.experiments.register import CARDS, as_registered, cards_of
from martech_lib.experiments.results import row_of_id
from martech_lib.experiments.rule_audit import is_bandit

OTHERS = r"\bbayes|\bposterior|\bcredible|\bthompson|\bbandit"  # tests that are read in another way
READS = ("experiments", "assignments", "outcomes")
NEEDS = "needs assignments and outcomes with rows of this experiment"
KEPT = ("alpha", "power", "tails", "hypothesis", "variables_changed", "downstream_metric", "surface")


def readable(ws: Workspace) -> tuple[str, ...]:
    """Ids of the register whose users stand in the assignments, in the register's order."""
    if not all(map(ws.has, READS)):
        return ()
    there = set(ws.log("assignments").select("program").distinct().execute()["program"].dropna().astype(str))
    return tuple(str(one) for one in ws.register("experiments")["id"] if str(one) in there)


def read_registered(ws: Workspace, one: str) -> Readout:
    """Read an experiment of the register from the workspace's logs.

    By its card where there is one, which must be as it was registered; else by the register's row, whose baseline is
    taken from the control arm.

    Raises:
        UserError: There is no such experiment, it is not in the logs, or its card was changed.
        TableError: A table is wrong.
    """
    row = row_of_id(ws, one)
    assignments, outcomes = ws.log("assignments"), ws.log("outcomes")
    plan = _plan_by_card(ws, row)
    inputs = {name: ws.fingerprint(name) for name in READS}
    if plan is not None:
        return replace(read(plan, assignments, outcomes, program=one), inputs=inputs)
    roles = _roles(row)
    metrics = [metric for part in roles.values() for metric in part]
    found = counted(assignments, outcomes, measures_of(metrics), program=one)
    if not found.arms:
        raise UserError(f"{one} cannot be read: it {NEEDS}.")
    control = sample_of(roles["primary"][0], in_order(found.arms)[0])
    plan = plan_of_row(row, control)
    shares = planned_shares(assignments, one)
    told = read_counted(
        plan, found, roles, shares=shares, fault=_unreadable(row, len(found.arms)), planned_days=_planned_days(row)
    )  # fmt: skip
    return replace(told, inputs=inputs, program=one)


def _planned_days(row: Row) -> float | None:
    """How many days a row was to run; None where it does not say."""
    start, end = row.get("start"), row.get("planned_end")
    return None if start is None or end is None or end < start else float((end - start).days + 1)


def _unreadable(row: Row, arms: int) -> str:
    """Why no plain reading of a row holds what it says; "" where one does."""
    if is_bandit(row):
        return "the register has it as a bandit, whose arms differ in when their users came"
    method = str(row.get("method") or "")
    if doubt := doubt_of(method):
        return (
            f"its method {doubt}, '{shown(method)}': write the one rule alone that it was planned by, "
            f"of {listed([*RULE_NAMES.values()])}"
        )
    if not rule_of(method) or is_named(OTHERS, method):
        return (
            f"its test and rule for looks are in the register as '{shown(method)}'; what is read are "
            f"{listed([*RULE_NAMES.values()])}"
        )
    if row.get("stop_reason") == "peek":
        looks = row.get("looks")
        after = f" after {count(int(looks), 'look')}" if looks else ""
        return f"it was stopped by a peek{after}, which no rule allowed for: run it again"
    if wrong := _looked_too_often(row):
        return wrong
    if arms > 2 and not many_of(method):
        return (
            f"its method does not say plainly how {arms} arms are held to one alpha, '{shown(method)}': write "
            "Dunnett or Holm, by which it was planned"
        )
    return ""


def _looked_too_often(row: Row) -> str:
    """Why a row's looks are none of its rule's; "" where they are, as are any of a confidence sequence's."""
    method, taken, declared = str(row.get("method") or ""), row.get("looks"), row.get("looks_planned")
    rule, most = rule_of(method), max(taken or 0, declared or 0)
    is_over = (taken or 0) > max(declared or 1, 1)
    is_bare = rule in ("obrien_fleming", "pocock") and (declared or 0) < 2
    if rule == "confidence_sequence" or not (is_over or is_bare or (rule == "fixed" and most > 1)):
        return ""
    told = f"{count(int(taken or 0), 'look')} taken" if taken is not None else "looks blank"
    told += f", {int(declared)} declared" if declared is not None else ", looks_planned blank"
    named = f"method '{shown(method)}'" if method else "method blank"
    return (
        f"its looks are not those of its rule: {told}, with {named}: write the rule that it was planned by and how "
        "many looks (looks_planned), or run it again"
    )


def _plan_by_card(ws: Workspace, row: Row) -> Plan | None:
    """The plan of a row's card; None where the row never had one. Raises UserError where the two do not fit."""
    one, written = str(row["id"]), row.get("fingerprint")
    cards, faults = cards_of(ws)
    if one not in cards:
        if written is None:
            return None
        told = f" ({'; '.join(faults)})" if faults else ""
        raise UserError(
            f"{one} was registered with a card, and {CARDS}/{one}.yaml is not there or cannot be read{told}."
        )
    if written is not None and cards[one].fingerprint != str(written):
        raise UserError(
            f"The card of {one} is not the one that was registered: its fingerprint is "
            f"{cards[one].fingerprint[:12]}…, the register has {str(written)[:12]}…."
        )
    return as_registered(cards[one])


def plan_of_row(row: Row, control: Sample) -> Plan:
    """The plan that a row of the register declares, with the control arm's values for what the row does not hold.

    Raises:
        UserError: The row lacks what a plan needs, or hopes for the worse.
    """
    metric = directed(str(row.get("primary_metric") or ""), names_in(row))
    size = row.get("mde")
    if size is None:
        raise UserError(f"{row['id']} has no mde, so that nothing says what it was planned for.")
    if not metric.better:
        raise UserError(f"{row['id']} cannot be read: {asked_for_direction(metric)} in primary_metric.")
    change = min(float(size), float(size) * metric.better)  # most registers leave the sign of a fall out
    if wrong := hope_for_worse(metric, change):
        raise UserError(f"{row['id']} cannot be read: {wrong}.")
    told: dict[str, Any] = {name: row.get(name) for name in KEPT}
    told |= {
        "name": str(row["id"]),
        "primary_metric": row["primary_metric"],
        "baseline": control.mean,
        "mde": change,
        "relative": True,
        "sd": None if metric.kind == "rate" else control.var**0.5,
        "guardrail_metrics": row.get("guardrail_metrics"),
        "planned_units": row.get("planned_n"),
        **_method(row),
    }
    return plan_from(told)


def _method(row: Row) -> Mapping[str, Any]:
    """Rule, looks, split and arms' test by the words of the register."""
    said = str(row.get("method") or "")
    rule = rule_of(said) or "fixed"  # one that is none of ours is not read, see `_unreadable`
    looks = row.get("looks_planned") if rule != "fixed" else 1
    many = "holm" if many_of(said) == "holm" else None
    return {"rule": rule, "looks": looks, "split": row.get("split"), "many": many}


def _roles(row: Row) -> Roles:
    among = names_in(row)

    def metrics(*names: str) -> tuple[Metric, ...]:
        return tuple(directed(name, among) for name in dict.fromkeys(names))

    return {
        "primary": metrics(str(row.get("primary_metric") or "")),
        "downstream": metrics(*split_names(row.get("downstream_metric"))),
        "guardrail": metrics(*split_names(row.get("guardrail_metrics"))),
        "exploratory": (),
    }
