"""The audit of the register: which rules each experiment kept, what peeking cost, whether winners held, throughput."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from martech_lib.core.limits import Limit, limits_of, rule_rows
from martech_lib.core.results import SEVERITIES, Finding, Reading, Result, Severity, Status, not_measured
from martech_lib.core.rows import Row, rows_of
from martech_lib.core.spoken import listed
from martech_lib.core.workspace import Workspace
from martech_lib.experiments import gate
from martech_lib.experiments.backlog_readings import band_words
from martech_lib.experiments.register import edited
from martech_lib.experiments.rule_audit import LOOKS, RULE_IDS, Peek, Verdict, is_over, peek_of, verdicts_of
from martech_lib.experiments.throughput import METRIC, UNIT, Clock, throughput_readings
from martech_lib.experiments.winners import Winner, winner_readings, winners_of

READ = ("experiments", "profile", "thresholds")
NEEDS = "no register: supply experiments.csv"
DECLARATIONS = {"EX01": "hypothesis", "EX02": "planned_n", "EX06": "downstream_metric"}


@dataclass(frozen=True, kw_only=True)
class Record(Result):
    """What the register says of how experiments are run.

    Attributes:
        verdicts: Experiment by experiment, the six rules in their order.
        peeks: Experiments that were looked at otherwise than declared, and what that cost.
        winners: Shipped experiments and what was found of them after launch.
        ids: Experiment ids in the register's order.
        band: Decisions in a quarter that a healthy programme makes, by the thresholds.
        edited: What does not fit between plans, cards and rows, in words: what was changed after it was registered.
    """

    verdicts: tuple[Verdict, ...] = ()
    peeks: tuple[Peek, ...] = ()
    winners: tuple[Winner, ...] = ()
    ids: tuple[str, ...] = ()
    band: tuple[float, float]
    edited: tuple[str, ...] = ()

    @property
    def matrix(self) -> pd.DataFrame:
        """One row an experiment and rule: experiment, name, rule, verdict, why."""
        return pd.DataFrame.from_records(list(self.verdicts), columns=list(Verdict._fields))

    @property
    def quarters(self) -> pd.DataFrame:
        """Decisions by quarter: the readings of `experiments.shipped_per_quarter` with a segment."""
        found = self.readings
        return found[(found["metric"] == METRIC) & (found["segment"] != "")].reset_index(drop=True)


def record(ws: Workspace) -> Record:
    """Audit a workspace's register of experiments; without one every reading is "not measured".

    Raises:
        TableError: A table is there and wrong; the message lists what and where.
        UserError: A threshold makes no sense.
    """
    limits = limits_of(ws)
    low, high = limits["HM05"].numbers
    profile, inputs = ws.profile, {name: ws.fingerprint(name) for name in ws.tables if name in READ}
    clock = Clock(profile.get("as_of_date"), int(profile.get("fiscal_year_start_month") or 1), (low, high))
    if not ws.has("experiments"):
        return Record(reading_records=_missing(clock), inputs=inputs, band=clock.band)
    found = _audited(rows_of(ws.register("experiments")), clock, limits, inputs)
    return replace(found, edited=edited(ws))


def _audited(rows: Sequence[Row], clock: Clock, limits: Mapping[str, Limit], inputs: Mapping[str, str]) -> Record:
    by_id = {str(row["id"]): row for row in rows}
    verdicts = tuple(v for row in rows for v in verdicts_of(row, limits["EX02"].numbers[0]))
    peeks = tuple(peek_of(by_id[v.experiment]) for v in verdicts if v.rule == LOOKS and v.verdict == "fail")
    winners = winners_of(rows)
    numbers = (
        *throughput_readings(rows, clock),
        *winner_readings(winners),
        *_breaks(verdicts),
        *_peeked(verdicts, peeks),
    )
    found = sorted(_findings(verdicts, peeks, by_id), key=lambda f: (SEVERITIES.index(f.severity), f.rule))
    until = clock.as_of.isoformat() if clock.as_of else ""
    return Record(
        reading_records=tuple(r._replace(source="experiments", period=r.period or until) for r in numbers),
        finding_records=tuple(found),
        inputs=inputs,
        verdicts=verdicts,
        peeks=peeks,
        winners=winners,
        ids=tuple(by_id),
        band=clock.band,
    )


def _missing(clock: Clock) -> tuple[Reading, ...]:
    metrics = (
        ("winners_followed_up", "share", "100 %"), ("winners_held", "share", ""), ("winners_curse", "ratio", ""),
        ("rule_breaks", "share", "0 %"), ("peeked", UNIT, "0"),
    )  # fmt: skip
    others = (not_measured(f"experiments.{name}", needs=NEEDS, unit=unit, target=t) for name, unit, t in metrics)
    return (not_measured(METRIC, needs=NEEDS, unit=UNIT, target=band_words(clock.band)), *others)


def _breaks(verdicts: Sequence[Verdict]) -> Iterator[Reading]:
    """Share of experiments that break a rule, of those that could be judged: any rule, then each."""
    yield _share(verdicts, "", "experiments that break at least one of the six rules, of those judged by any")
    for rule in gate.RULES:
        found = [verdict for verdict in verdicts if verdict.rule == rule]
        yield _share(found, rule, "experiments that break the rule, of those judged")


def _share(verdicts: Sequence[Verdict], segment: str, method: str) -> Reading:
    judged = {v.experiment for v in verdicts if v.verdict in ("pass", "fail")}
    broken = {v.experiment for v in verdicts if v.verdict == "fail"}
    unknown = {v.experiment for v in verdicts if v.verdict == "unknown"}
    metric, why = "experiments.rule_breaks", listed(sorted({v.why for v in verdicts if v.verdict == "unknown"}), most=3)
    if not judged:
        needs = f"no experiment could be judged: {why}" if why else "no experiment that the rule applies to"
        return not_measured(metric, needs=needs, unit="share", segment=segment, target="0 %")
    found = Reading(metric, len(broken) / len(judged), "share", n=len(judged), target="0 %", segment=segment)
    # Nothing is green while an input is blank.
    status: Status = "fail" if broken else "watch" if unknown else "pass"
    words = f"{len(unknown):,} with a blank that leaves {'a rule' if not segment else 'it'} unknown" if unknown else ""
    return found._replace(status=status, method=method, reason=words)


def _peeked(verdicts: Sequence[Verdict], peeks: Sequence[Peek]) -> Iterator[Reading]:
    looks = [verdict for verdict in verdicts if verdict.rule == LOOKS]
    judged, unknown = (sum(v.verdict in kinds for v in looks) for kinds in (("pass", "fail"), ("unknown",)))
    if not judged:
        needs = "needs looks, looks_planned, stop_reason and method in experiments.csv"
        yield not_measured("experiments.peeked", needs=needs, unit=UNIT, target="0")
        return
    whole = Reading("experiments.peeked", float(len(peeks)), UNIT, n=judged, target="0")
    method = "stopped by a peek, looked at more often than declared, or repeatedly without a rule for looks"
    reason = f"{unknown:,} with a blank that leaves it unknown" if unknown else ""
    yield whole._replace(status="fail" if peeks else "watch" if unknown else "pass", method=method, reason=reason)
    for peek in peeks:
        yield _false_alarms(peek)


def _false_alarms(peek: Peek) -> Reading:
    target, method = (
        f"at most {peek.alpha:.1%}".replace("%", " %"),
        "evenly spaced looks, stopped at the first p < alpha",
    )
    found = Reading("experiments.false_alarms", peek.inflated, "share", n=peek.looks, target=target, method=method)
    status: Status = "refused" if peek.inflated is None else "fail" if peek.inflated > peek.alpha else "pass"
    return found._replace(status=status, segment=peek.experiment, reason=peek.words)


def _findings(verdicts: Sequence[Verdict], peeks: Sequence[Peek], rows: Mapping[str, Row]) -> Iterator[Finding]:
    """A finding for each broken rule, and a low one where what an experiment declares first is left blank."""
    rules = {row["rule"]: row for row in rule_rows("experiments")}
    cost = {peek.experiment: peek.words for peek in peeks}
    for verdict in verdicts:
        rule, row = RULE_IDS[verdict.rule], rows[verdict.experiment]
        words = f"{verdict.name}: {verdict.why}" if verdict.name else verdict.why
        if verdict.verdict == "fail":
            told = f"{words}; {cost[verdict.experiment]}" if verdict.rule == LOOKS else words
            severity = _severity(rules[rule]["severity"], row)
            yield Finding(rule, verdict.experiment, severity, told, rules[rule]["decision"], source="experiments")
        elif verdict.verdict == "unknown" and _is_left_blank(rule, row):
            decision = f"Fill in {DECLARATIONS[rule]}: nobody can tell whether the rule was kept"
            yield Finding(rule, verdict.experiment, "low", words, decision, source="experiments")


def _is_left_blank(rule: str, row: Row) -> bool:
    """Whether a declaration is blank (its column being there) of an experiment that began."""
    column = DECLARATIONS.get(rule, "")
    has_begun = row.get("start") is not None or is_over(row)
    return column in row and row[column] is None and has_begun


def _severity(declared: str, row: Row) -> Severity:
    """As declared where something was built on it: medium at most where it was not shipped."""
    of_rule = next(severity for severity in SEVERITIES if severity == declared)
    return "medium" if of_rule == "high" and row.get("decision") != "ship" else of_rule
