"""The audit of the register: every verdict by hand, what peeking cost, winners that held, decisions by quarter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workspaces import write_table

from martech_lib import Workspace, experiments
from martech_lib.core.quarters import quarter_of, quarters_between
from martech_lib.core.rates import Count, wilson
from martech_lib.core.results import Reading
from martech_lib.core.sequential import peeked
from martech_lib.experiments.gate import RULES
from martech_lib.experiments.record import Record

CLEAN = {
    "id": "X-1",
    "name": "Short form",
    "surface": "sign-up page",
    "hypothesis": "We believe fewer fields for new visitors will raise sign-ups because typing is work",
    "primary_metric": "sign-up rate",
    "downstream_metric": "trial-to-paid rate",
    "variables_changed": "1",
    "tails": "2",
    "alpha": "0.05",
    "method": "two proportions",
    "looks_planned": "1",
    "guardrail_metrics": "unsubscribe rate",
    "allocation": "fixed",
    "planned_n": "1000",
    "actual_n": "1010",
    "start": "2026-07-01",
    "stopped": "2026-07-28",
    "stop_reason": "planned",
    "looks": "1",
    "effect": "0.02",
    "downstream_effect": "0.003",
    "decision": "no ship",
    "decided_on": "2026-08-03",
    "followup_effect": "",
    "followup_ci_low": "",
    "followup_ci_high": "",
    "is_holdout": "no",
}


def an_experiment(key: str = "X-1", **changes: str) -> dict[str, str]:
    return {**CLEAN, "id": key, **changes}


def audited(tmp_path: Path, *rows: dict[str, str], facts: dict[str, str] | None = None, **tables: Any) -> Record:
    told = {"business_model": "B2B", "marketing_fte": "10", "marketing_budget_excl_labor": "1000000",
            "as_of_date": "2026-10-31", **(facts or {})}  # fmt: skip
    write_table(tmp_path, "profile", [{"key": key, "value": value} for key, value in told.items()])
    if rows:
        write_table(tmp_path, "experiments", rows)
    for name, others in tables.items():
        write_table(tmp_path, name, others)
    return experiments.record(Workspace.open(tmp_path))


def reading(found: Record, name: str, segment: str = "") -> Reading:
    return next(r for r in found.reading_records if (r.metric, r.segment) == (f"experiments.{name}", segment))


def verdict(found: Record, rule: str) -> tuple[str, str]:
    told = next(v for v in found.verdicts if v.rule == rule)
    return told.verdict, told.why


def test_a_clean_experiment_keeps_all_rules(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment())
    assert found.matrix["rule"].tolist() == list(RULES)
    assert set(found.matrix["verdict"]) == {"pass"}
    assert found.finding_records == () and found.peeks == ()
    assert reading(found, "rule_breaks")[1] == 0.0 and reading(found, "rule_breaks").status == "pass"
    assert (reading(found, "peeked").value, reading(found, "peeked").status) == (0.0, "pass")


HYPOTHESIS, SIZE, VARIABLE, LOOKS, TAILS, DOWNSTREAM = RULES


@pytest.mark.parametrize(
    ("rule", "changes", "told", "why"),
    [
        (HYPOTHESIS, {"hypothesis": "Fewer fields will work"}, "fail", "the hypothesis lacks We believe, for (whom) and because (why)"),
        (HYPOTHESIS, {"hypothesis": ""}, "unknown", "hypothesis is blank"),
        (SIZE, {"planned_n": ""}, "unknown", "planned_n is blank"),
        (SIZE, {"planned_n": "0"}, "fail", "0 units were planned"),
        (SIZE, {"actual_n": ""}, "unknown", "actual_n is blank; 1,000 units were planned"),
        (SIZE, {"actual_n": "950"}, "pass", "950 of 1,000 planned units (95.0 %)"),
        (SIZE, {"actual_n": "949"}, "fail", "949 of 1,000 planned units (94.9 %), and no rule for looks in method allows that"),
        (SIZE, {"actual_n": "500", "stop_reason": "guardrail"}, "pass", "500 of 1,000 planned units (50.0 %), stopped by a guardrail"),
        (SIZE, {"actual_n": "500", "stop_reason": "peek"}, "fail", "500 of 1,000 planned units (50.0 %), stopped by a peek"),
        (SIZE, {"actual_n": "500", "stop_reason": ""}, "unknown", "500 of 1,000 planned units (50.0 %), and stop_reason is blank"),
        (SIZE, {"actual_n": "500", "method": "O'Brien-Fleming", "looks_planned": "4", "looks": "2"}, "pass", "500 of 1,000 planned units (50.0 %), stopped at look 2 of 4 by O'Brien-Fleming"),
        (SIZE, {"actual_n": "500", "method": "Pocock", "looks_planned": "4", "looks": "5"}, "fail", "500 of 1,000 planned units (50.0 %), by Pocock at look 5, of 4 declared"),
        (SIZE, {"actual_n": "500", "method": "Pocock", "looks_planned": "4", "looks": ""}, "unknown", "500 of 1,000 planned units (50.0 %), by Pocock, and looks is blank"),
        (SIZE, {"actual_n": "500", "method": "not fixed", "looks_planned": "4", "looks": "2"}, "unknown", "500 of 1,000 planned units (50.0 %), and method says what it is not (not fixed)"),
        (SIZE, {"actual_n": "500", "method": "", "looks_planned": "4"}, "unknown", "500 of 1,000 planned units (50.0 %), and method is blank: a rule for looks may have stopped it"),
        (SIZE, {"actual_n": "", "stopped": "", "stop_reason": "", "decision": "", "decided_on": ""}, "pass", "1,000 units are planned"),
        (VARIABLE, {"variables_changed": "3"}, "fail", "3 variables changed at once"),
        (VARIABLE, {"variables_changed": "0"}, "fail", "0 variables changed: nothing differs between the arms"),
        (VARIABLE, {"variables_changed": ""}, "unknown", "variables_changed is blank"),
        (VARIABLE, {"variables_changed": "9", "is_holdout": "yes"}, "not applicable", "a holdout withholds a whole programme"),
        (LOOKS, {"looks": "14"}, "fail", "14 looks taken, 1 declared"),
        (LOOKS, {"stop_reason": "peek"}, "fail", "stopped by a peek after 1 look, 1 declared"),
        (LOOKS, {"stop_reason": "peek", "looks": "", "looks_planned": ""}, "fail", "stopped by a peek"),
        (LOOKS, {"looks": "3", "looks_planned": "4"}, "fail", "4 looks, and no rule for looks in method (two proportions)"),
        (LOOKS, {"looks": "3", "looks_planned": "4", "method": "OBrien-Fleming"}, "pass", "3 looks taken, 4 declared"),
        (LOOKS, {"looks": "3", "looks_planned": "4", "method": "Pocock, fixed n"}, "pass", "3 looks taken, 4 declared"),
        (LOOKS, {"looks": "3", "looks_planned": "4", "method": "fixed or Pocock"}, "unknown", "4 looks, and method names several rules for looks (fixed or Pocock)"),
        (LOOKS, {"looks": "5", "looks_planned": "4", "method": "fixed or Pocock"}, "fail", "5 looks taken, 4 declared"),
        (LOOKS, {"looks": "3", "looks_planned": "4", "method": ""}, "unknown", "method is blank"),
        (LOOKS, {"looks": "", "looks_planned": ""}, "unknown", "looks and looks_planned are blank"),
        (LOOKS, {"stop_reason": ""}, "unknown", "stop_reason is blank"),
        (LOOKS, {"looks": "0"}, "unknown", "it is over, and no look is on record"),
        (LOOKS, {"looks": "40", "looks_planned": "", "method": "confidence sequence"}, "pass", "a confidence sequence may be looked at and stopped at any time"),
        (LOOKS, {"looks": "40", "looks_planned": "", "method": "mSPRT", "stop_reason": "peek"}, "fail", "stopped by a peek after 40 looks"),
        (SIZE, {"actual_n": "500", "method": "mSPRT", "stop_reason": "peek"}, "fail", "500 of 1,000 planned units (50.0 %), stopped by a peek"),
        (LOOKS, {"looks": "14", "looks_planned": "14", "method": "looked at any time"}, "unknown", "14 looks, and method leaves open which rule for looks was used (looked at any time)"),
        (LOOKS, {"looks": "14", "looks_planned": "14", "method": "looked at many times"}, "fail", "14 looks, and no rule for looks in method (looked at many times)"),
        (LOOKS, {"allocation": "bandit", "looks": "400"}, "not applicable", "a bandit looks all the time; the guardrail is its safety net"),
        (LOOKS, {"allocation": "bandit", "stop_reason": "peek", "looks": ""}, "fail", "stopped by a peek, 1 declared"),
        (TAILS, {"tails": "1"}, "fail", "one tail: a loss of the same size would not count"),
        (TAILS, {"tails": ""}, "unknown", "tails is blank"),
        (DOWNSTREAM, {"downstream_metric": "", "guardrail_metrics": ""}, "unknown", "downstream_metric and guardrail_metrics are blank"),
        (DOWNSTREAM, {"guardrail_metrics": ""}, "unknown", "guardrail_metrics is blank"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012"}, "fail", "shipped while trial-to-paid rate fell by 1.2 % (no interval is on record)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "churn rate"}, "pass", "churn rate and unsubscribe rate are declared"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "0.012", "downstream_metric": "churn rate"}, "fail", "shipped while churn rate rose by 1.2 % (no interval is on record)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_ci_low": "-0.02", "downstream_ci_high": "-0.004"}, "fail", "shipped while trial-to-paid rate fell by 1.2 % (-2.0 % to -0.4 %)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "0.012", "downstream_ci_low": "0.004", "downstream_ci_high": "0.02", "downstream_metric": "churn rate"}, "fail", "shipped while churn rate rose by 1.2 % (0.4 % to 2.0 %)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_ci_low": "-0.03", "downstream_ci_high": "0.006"}, "pass", "trial-to-paid rate and unsubscribe rate are declared; trial-to-paid rate fell by 1.2 % (-3.0 % to 0.6 %), which chance may have done"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "crash-free rate"}, "unknown", "which way of crash-free rate is better is not clear"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "crash-free rate", "guardrail_metrics": "crash-free rate (higher is better)"}, "fail", "shipped while crash-free rate fell by 1.2 % (no interval is on record)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "guardrail_metrics": "unsubscribe rate; (lower is better)"}, "fail", "shipped while trial-to-paid rate fell by 1.2 % (no interval is on record)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "trial-to-paid rate; activation rate"}, "fail", "shipped while trial-to-paid rate; activation rate fell by 1.2 % (no interval is on record)"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "(lower is better)"}, "unknown", "which way of (lower is better) is better is not clear"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": "-0.012", "downstream_metric": "crash-free rate", "guardrail_metrics": "crash-free rate (higher is better); crash-free (lower is better)"}, "unknown", "which way of crash-free rate is better is not clear"),
        (DOWNSTREAM, {"decision": "ship", "downstream_effect": ""}, "unknown", "downstream_effect is blank"),
        (DOWNSTREAM, {"decision": "ship", "stop_reason": "guardrail"}, "fail", "a guardrail stopped it, and it was shipped all the same"),
    ],
)  # fmt: skip
def test_each_verdict(tmp_path: Path, rule: str, changes: dict[str, str], told: str, why: str) -> None:
    found = audited(tmp_path, an_experiment(**changes))
    assert verdict(found, rule) == (told, why)
    ids = [f.rule for f in found.finding_records if f.severity != "low"]
    assert (f"EX{list(RULES).index(rule) + 1:02d}" in ids) == (told == "fail")


def test_absent_columns_are_unknown_and_no_findings(tmp_path: Path) -> None:
    found = audited(tmp_path, {"id": "X-1"})
    assert set(found.matrix["verdict"]) == {"unknown"}
    assert found.finding_records == ()
    assert reading(found, "rule_breaks").status == "not measured"
    assert reading(found, "rule_breaks", SIZE).reason == "no experiment could be judged: planned_n is blank"
    assert reading(found, "peeked").status == "not measured"
    assert reading(found, "shipped_per_quarter").reason == "needs decided_on in experiments.csv"


def test_a_blank_declaration_of_what_began_is_a_low_finding(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment(hypothesis=""))
    assert [(f.rule, f.severity, f.evidence) for f in found.finding_records] == [
        ("EX01", "low", "Short form: hypothesis is blank")
    ]
    assert reading(found, "rule_breaks").status == "watch"  # nothing broken, and not all is known
    drafted = {"hypothesis": "", "start": "", "stopped": "", "stop_reason": "", "decision": "", "decided_on": ""}
    assert audited(tmp_path, an_experiment(**drafted)).finding_records == ()


def test_a_peek_is_told_with_what_it_cost(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment(looks="14", stop_reason="peek", decision="ship", actual_n="400"))
    assert [peek.words for peek in found.peeks] == ["14 looks raise 5.0 % false alarms to 22.0 %"]
    assert found.peeks[0].inflated == peeked(14, alpha=0.05)
    told = {f.rule: f for f in found.finding_records}
    assert told["EX04"].severity == "high"
    assert told["EX04"].evidence == (
        "Short form: stopped by a peek after 14 looks, 1 declared; 14 looks raise 5.0 % false alarms to 22.0 %"
    )
    alarms = reading(found, "false_alarms", "X-1")
    assert (alarms.value, alarms.target, alarms.status) == (found.peeks[0].inflated, "at most 5.0 %", "fail")
    assert (reading(found, "peeked").value, reading(found, "peeked").n) == (1.0, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"looks": "", "stop_reason": "peek"}, "how often it was looked at is not on record, so that the false alarms cannot be told"),
        ({"looks": "14", "alpha": ""}, "14 looks raise 5.0 % false alarms to 22.0 % (alpha is blank; 5 % is usual)"),
        ({"looks": "5", "looks_planned": "4", "method": "Pocock"}, "5 looks by a rule for fewer: the false alarms are above 5.0 % by an unknown part"),
        ({"looks": "5", "looks_planned": "4", "method": "Pocock?"}, "5 looks, and method leaves open which rule for looks was used (Pocock?), so that the false alarms cannot be told"),
        ({"looks": "100000"}, "100,000 looks at 5.0 %: false alarms are told for up to 365 looks, below 50 %"),
        ({"looks": "14", "alpha": "0"}, "14 looks at 0.0 %: false alarms are told for up to 365 looks, below 50 %"),
    ],
)  # fmt: skip
def test_what_a_peek_cost_in_words(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    found = audited(tmp_path, an_experiment(**changes))
    assert found.peeks[0].words == words
    assert (reading(found, "false_alarms", "X-1").status == "refused") == (found.peeks[0].inflated is None)


def test_one_tail_peeked_at_by_two_looks() -> None:
    # Z at half and at the end correlate by sqrt(1/2): P(either > 1.645) by the bivariate normal.
    from scipy.stats import multivariate_normal

    both = multivariate_normal([0, 0], [[1, 0.5**0.5], [0.5**0.5, 1]]).cdf([1.6448536] * 2)
    assert peeked(2, alpha=0.05, tails=1) == pytest.approx(1 - both, abs=1e-6)


def test_breaks_are_counted_by_experiment_and_rule(tmp_path: Path) -> None:
    rows = (an_experiment("A", tails="1", variables_changed="2"), an_experiment("B", tails=""), an_experiment("C"))
    found = audited(tmp_path, *rows)
    whole, tails = reading(found, "rule_breaks"), reading(found, "rule_breaks", TAILS)
    assert (whole.value, whole.n, whole.status) == (pytest.approx(1 / 3), 3, "fail")
    assert (tails.value, tails.n) == (0.5, 2)
    assert tails.reason == "1 with a blank that leaves it unknown"


def test_the_share_of_planned_units_is_a_rule_that_a_workspace_may_set(tmp_path: Path) -> None:
    loose = [{"rule_id": "EX02", "threshold": "80 %", "why": "seasonal"}]
    found = audited(tmp_path, an_experiment(actual_n="800"), thresholds=loose)
    assert verdict(found, SIZE)[0] == "pass"


def shipped(key: str, first: float, after: tuple[str, str, str], **more: str) -> dict[str, str]:
    low, middle, high = after
    return an_experiment(key, decision="ship", effect=str(first), followup_effect=middle, followup_ci_low=low,
                         followup_ci_high=high, **more)  # fmt: skip


def test_winners_that_held_by_hand(tmp_path: Path) -> None:
    found = audited(
        tmp_path,
        shipped("held", 0.03, ("0.005", "0.02", "0.035")),
        shipped("fell", -0.04, ("-0.03", "-0.02", "-0.01")),
        shipped("holds zero", 0.03, ("-0.005", "0.005", "0.015")),
        shipped("turned", 0.03, ("-0.03", "-0.02", "-0.01")),
        shipped("not followed", 0.03, ("", "", "")),
        an_experiment("no winner", followup_ci_low="0.1", followup_ci_high="0.2"),
    )
    held = reading(found, "winners_held")
    # Wilson, 2 of 4 at 95 %: (2 + 1.9208) / (4 + 3.8415) -+ 1.96 sqrt(4 x .25 + .9604) / 7.8415.
    assert (held.value, held.n, held.level) == (0.5, 4, 0.95)
    assert (held.lower, held.upper) == (pytest.approx(0.1500, abs=1e-4), pytest.approx(0.8500, abs=1e-4))
    assert [w.held for w in found.winners] == [True, True, False, False, None]
    followed = reading(found, "winners_followed_up")
    assert (followed.value, followed.n, followed.status) == (0.8, 5, "watch")
    # Ratios 1.5, 2, 6 and infinity: the middle of 2 and 6.
    curse = reading(found, "winners_curse")
    assert (curse.value, curse.n) == (pytest.approx(4.0), 4)


def test_winners_without_follow_up_are_refused(tmp_path: Path) -> None:
    found = audited(tmp_path, shipped("A", 0.03, ("", "", "")))
    held, followed = reading(found, "winners_held"), reading(found, "winners_followed_up")
    assert (held.value, held.status, held.reason) == (None, "refused", "no shipped winner was followed up")
    assert (followed.value, followed.status) == (0.0, "fail")
    assert reading(found, "winners_curse").status == "refused"


def test_no_winner_at_all(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment())
    assert reading(found, "winners_held").reason == "no experiment was shipped yet"
    assert reading(found, "winners_followed_up").status == "not measured"


def test_effects_that_vanished_leave_no_ratio(tmp_path: Path) -> None:
    found = audited(tmp_path, shipped("A", 0.03, ("-0.02", "0", "0.02")))
    curse = reading(found, "winners_curse")
    assert (curse.value, curse.status) == (None, "refused")
    assert curse.reason == "1 of 1 effect vanished or turned after launch"


def test_a_follow_up_that_says_too_little(tmp_path: Path) -> None:
    found = audited(
        tmp_path, shipped("A", 0.03, ("", "0.02", "")), an_experiment("B", decision="ship", effect="", followup_ci_low="0.1", followup_ci_high="0.2")
    )  # fmt: skip
    assert [w.held for w in found.winners] == [None, None]
    assert found.winners[0].words == "followed up without an interval"
    assert "blank or 0" in found.winners[1].words
    assert reading(found, "winners_curse").value == pytest.approx(1.5)


def test_a_bandit_is_told_and_gives_no_ratio(tmp_path: Path) -> None:
    found = audited(tmp_path, shipped("B-1", 0.03, ("0.01", "0.02", "0.03"), allocation="bandit"))
    assert found.winners[0].words.endswith("; a bandit, whose interval in the register assumes fixed shares")
    assert found.winners[0].ratio is None and found.winners[0].held is True


def test_wilson_at_the_ends() -> None:
    assert wilson(Count(0, 10), level=0.95) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(Count(10, 10), level=0.95) == (pytest.approx(0.7225, abs=1e-4), pytest.approx(1.0))


def decided(*days: str) -> list[dict[str, str]]:
    return [an_experiment(f"X-{n}", decided_on=day) for n, day in enumerate(days)]


def test_decisions_by_quarter_across_years(tmp_path: Path) -> None:
    rows = decided("2025-12-31", "2026-07-01", "2026-09-30", "2026-10-01", "2026-11-05")
    found = audited(tmp_path, *rows)
    by = {r.segment: r for r in found.reading_records if r.metric.endswith("shipped_per_quarter")}
    assert {key: r.value for key, r in by.items()} == {
        "": 2.0, "2025-Q4": 1.0, "2026-Q1": 0.0, "2026-Q2": 0.0, "2026-Q3": 2.0, "2026-Q4": 1.0,
    }  # fmt: skip
    assert (by[""].period, by[""].status, by[""].target) == ("2026-Q3", "watch", "8 to 15")
    assert by[""].method == "experiments that reached a decision in 2026-Q3, the last complete quarter on 31 Oct 2026"
    assert by[""].reason == "1 dated after the audit date"
    assert (by["2026-Q4"].status, by["2026-Q4"].reason) == ("info", "not over: 61 days to go")
    assert by["2026-Q1"].status == "fail"
    assert found.quarters["segment"].tolist() == list(by)[1:]


def test_eight_decisions_are_a_healthy_quarter(tmp_path: Path) -> None:
    found = audited(tmp_path, *decided(*["2026-08-01"] * 8))
    assert (reading(found, "shipped_per_quarter").value, reading(found, "shipped_per_quarter").status) == (8.0, "pass")


def test_fiscal_quarters_and_a_quarter_that_ends_on_the_audit_date(tmp_path: Path) -> None:
    facts = {"fiscal_year_start_month": "2", "as_of_date": "2026-10-31"}
    found = audited(tmp_path, *decided("2026-08-01", "2026-10-31", "2026-07-31"), facts=facts)
    assert reading(found, "shipped_per_quarter").period == "FY2027-Q3"  # August to October
    assert reading(found, "shipped_per_quarter").value == 2.0
    assert reading(found, "shipped_per_quarter", "FY2027-Q2").value == 1.0


def test_a_register_that_begins_in_the_running_quarter(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment(start="2026-10-02", decided_on="2026-10-20"))
    whole = reading(found, "shipped_per_quarter")
    assert (whole.value, whole.status) == (None, "not measured")
    assert whole.reason == "needs a quarter that is over: the register begins on 2 Oct 2026, after 2026-Q3"
    assert reading(found, "shipped_per_quarter", "2026-Q4").value == 1.0


def test_decisions_without_a_date_or_a_profile(tmp_path: Path) -> None:
    found = audited(tmp_path, an_experiment(decided_on=""))
    assert (
        reading(found, "shipped_per_quarter").reason == "needs decided_on in experiments.csv: 1 decided without a date"
    )
    (tmp_path / "profile.csv").unlink()
    write_table(tmp_path, "experiments", [an_experiment()])
    alone = experiments.record(Workspace.open(tmp_path))
    assert reading(alone, "shipped_per_quarter").status == "not measured"
    assert reading(alone, "shipped_per_quarter", "2026-Q3").status == "info"


@pytest.mark.parametrize("has_header", [True, False])
def test_without_a_register_nothing_is_measured(tmp_path: Path, has_header: bool) -> None:
    if has_header:
        (tmp_path / "experiments.csv").write_text("id,name\n", encoding="utf-8")
    found = audited(tmp_path)
    assert {(r.status, r.reason) for r in found.reading_records} == {
        ("not measured", "no register: supply experiments.csv")
    }
    assert {"experiments.shipped_per_quarter", "experiments.winners_held"} <= set(found.summary)
    assert found.matrix.empty and found.quarters.empty and found.finding_records == ()


def test_quarters_are_three_months() -> None:
    from datetime import date

    assert [q.id for q in quarters_between(date(2025, 11, 3), date(2026, 4, 1))] == ["2025-Q4", "2026-Q1", "2026-Q2"]
    assert quarters_between(date(2026, 4, 1), date(2026, 3, 31)) == []
    crossing = quarter_of(date(2027, 1, 15), first_month=2)
    assert (crossing.start, crossing.stop, crossing.id) == (date(2026, 11, 1), date(2027, 2, 1), "FY2027-Q4")
