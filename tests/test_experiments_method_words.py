"""What a register's method says, in the words that teams write: a rule that holds, one that is denied, and doubt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pandas as pd
import pytest
from experiment_frames import a_plan, workspace_of, world
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib import experiments
from martech_lib.experiments.method_words import NAMELESS, RULE_NAMES, doubt_of, is_named, many_of, rule_of
from martech_lib.experiments.register import method_of

N = 1094
EVENTS = {"conversion": 219, "paid": 100, "unsubscribe": 50, "support_ticket": 20}
SEVERAL, OPEN, NOT = "names several rules for looks", "leaves open which rule for looks was used", "says what it is not"

POCOCK = (
    "Pocock", "Pocock, 5 looks", "Pocock, 4 interim analyses", "Pocock with fixed sample size",
    "Pocock at fixed weekly looks",
    "Pocock; n is fixed", "Pocock, fixed 4 weeks",
    "Pocock boundary not crossed", "Pocock, no longer than 4 weeks", "Pocock; no CUPED",
    "Pocock, not fixed", "alpha spending, Pocock", "Pocock; O'Brien-Fleming was not considered",
)  # fmt: skip
OTHERS = {
    "obrien_fleming": ("OBF, 3 looks", "OBF3", "Lan–DeMets, O'Brien–Fleming", "O'Brien-Fleming alpha spending, 4 looks", "O’Brien–Fleming", "OBrien-Fleming"),
    "confidence_sequence": ("mSPRT", "always-valid", "confidence sequence", "anytime-valid", "mixture SPRT",
                            "confidence sequence, read at any time", "mSPRT with fixed tau", "always-valid, fixed maximum"),
}  # fmt: skip
FIXED = (
    "", "fixed", "z-test, fixed; no looks",
    "two proportions, fixed horizon", "fixed time horizon",
    "z-test, no fixed effects", "fixed horizon, not stopped early", "Welch, fixed horizon, Holm sequential",
    "two proportions, Capetown", "Germany time zone", "z-test, Pocock-Simon minimisation", "Fleming-Harrington log-rank",
    "fixed horizon, no peeking, t-test", "fixed horizon, no CUPED, two-sided", "fixed horizon, nonsequential",
    "Two proportions. Fixed horizon. No interim looks.", "fixed; no Pocock", "fixed horizon, Pocock was not considered",
    "fixed horizon; Pocock: not used", "fixed; Pocock: no", "fixed (non-sequential)", "no optional stopping",
    "z-test vs control, fixed horizon", "fixed; Pocock was considered and rejected", "fixed horizon; without Pocock", "fixed; Pocock not chosen",
)  # fmt: skip
BOTH = (
    "Pocock, fixed", "Pocock (fixed)",
    "fixed-sample test, Pocock", "fixed-sample two-sided z-test, Pocock",
    "fixed horizon (Pocock for guardrails)", "fixed horizon, group sequential", "OBF, Haybittle-Peto",
    "started fixed, then Pocock", "fixed; Pocock was dropped, later restored", "Pocock rather than OBF",
    "Pocock vs fixed", "neither fixed nor Pocock", "no Pocock, OBF or Haybittle-Peto", "fixed or Pocock",
)  # fmt: skip
DENIED = (
    "no Pocock",
    "Pocock was rejected",
    "Not a sequential test.",
    "not fixed",
    "OBF: no",
)
LEFT_OPEN = (
    "Pocock test rejected, p = .01", "Pocock rejected, p = .02", "Pocock: rejected", "OBF (rejected)", "Pocock: none",
    "Pocock stopping was not needed", "OBF boundary not used so far", "Pocock not applied since look 2", "Pocock was not planned but used",
    "Pocock was rejected and then restored by the team", "Pocock was considered but not needed, so it is used",
    "never stopped early or Pocock changed", "not significant or Pocock crossed", "not by Pocock alone", "not Pocock alone",
    "Pocock looks not planned, event-driven", "Pocock not implemented", "Pocock skipped", "Pocock unused", "Pocock omitted",
    "Pocock vetoed", "Pocock waived", "in lieu of Pocock, z-test at the end", "intended Pocock", "Pocock wasn't run", "Pocock ignored", "Pocock not respected", "Pocock not in force", "Pocock, no",
    "Pocock replaced by one look at the end", "should have used Pocock", "one look; Pocock next time", "consider Pocock",
    "not yet Pocock", "no decision on Pocock", "Pocock if peeked", "Pocock?", "Pocock - none", "no\nPocock", "confidence\nsequence",
    "fixed horizon was not kept", "no fixed sample size", "users may opt out at any time",
    "fixed horizon, stopped any time", "Pocock; it was dropped",
    "3 OBF looks not used",
    "Pocock, no interim looks", "OBF; early stopping not used",
)  # fmt: skip
UNNAMED = (
    "looked at many times", "stopped at p < 0.05", "stop when significant", "daily peeking", "z-test, 5 interim looks",
    "optional stopping", "early stopping allowed", "continuous monitoring", "group-seq OF", "seq. testing", "read daily",
    "fixed horizon, monitored for guardrails",
)  # fmt: skip
NONE_OF_OURS = (
    "Optimizely stats engine", "OF boundaries, 3 looks",
    "Hwang-Shih-DeCani", "Wang-Tsiatis", "Kim-DeMets", "error spending", "beta spending", "maxSPRT", "e-values", "e-process",
    "triangular test", "sequentially monitored", "sequentially tested", "Whitehead", "stochastic curtailment", "GAVI", "Haybittle-Peto",
    "Lan-DeMets",
)  # fmt: skip
READ = {"pocock": POCOCK, **OTHERS, "fixed": FIXED}
IN_DOUBT = {SEVERAL: BOTH, NOT: DENIED, OPEN: LEFT_OPEN, NAMELESS: UNNAMED}
WORDINGS = [method for methods in (*READ.values(), *IN_DOUBT.values(), NONE_OF_OURS) for method in methods]


@pytest.mark.parametrize(("method", "rule"), [(method, rule) for rule, methods in READ.items() for method in methods])
def test_a_plain_method_is_read_as_its_team_meant_it(method: str, rule: str) -> None:
    assert (rule_of(method), doubt_of(method)) == (rule, "")


@pytest.mark.parametrize(
    ("method", "doubt"), [(method, why) for why, methods in IN_DOUBT.items() for method in methods]
)
def test_what_is_in_doubt_is_no_rule(method: str, doubt: str) -> None:
    assert (rule_of(method), doubt_of(method)) == ("", doubt)


@pytest.mark.parametrize("method", NONE_OF_OURS)
def test_a_rule_that_is_none_of_ours_is_none(method: str) -> None:
    assert (rule_of(method), doubt_of(method)) == ("", "")


@pytest.mark.parametrize(
    ("method", "many"),
    [
        ("two proportions, Holm, fixed horizon", "holm"), ("Holm-Bonferroni", "holm"), ("Dunnett, not Holm", "dunnett"),
        ("Dunnett; Holm was not used", "dunnett"), ("Stockholm", "dunnett"), ("two proportions", "dunnett"), ("no Holm", ""),
        ("Bonferroni", ""), ("Bonf.", ""), ("FDR", ""), ("Holm–Bonferroni", "holm"), ("Šidák", ""), ("Hochberg", ""), ("Tukey", ""), ("Holm or Dunnett", ""), ("Holm?", ""),
    ],
)  # fmt: skip
def test_how_several_arms_are_held_to_one_alpha(method: str, many: str) -> None:
    assert many_of(method) == many


def test_a_long_cell_is_read_in_no_time() -> None:
    cells = ("fixed " + "sample size " * 22 + "x", "fixed " * 5000, "no x without " * 3000 + "; Pocock", "pocock " + "was " * 9000,
             "fixed " + "sample size " * 3000 + "x", "o'brien " * 5000, "not a-b-c-" * 1000 + "or pocock", ", " * 20000)  # fmt: skip
    began = perf_counter()
    assert [rule_of(cell) for cell in cells[:3]] == ["fixed", "fixed", ""]
    assert all(rule_of(cell) in (*RULE_NAMES, "") for cell in cells[3:]) and perf_counter() - began < 5


def blanks() -> st.SearchStrategy[str]:
    return st.text(" \t\u00a0", min_size=1, max_size=3)


@st.composite
def written_otherwise(draw: st.DrawFn) -> tuple[str, str]:
    """A wording, and itself in other capitals and blanks."""
    method = draw(st.sampled_from(WORDINGS))
    capitals = "".join(one.upper() if draw(st.booleans()) else one.lower() for one in method)
    parts = iter(capitals.split(" "))
    return method, draw(st.sampled_from(["", " "])) + "".join(_joined(draw, parts)) + draw(st.sampled_from(["", " "]))


def _joined(draw: st.DrawFn, parts: Iterator[str]) -> Iterator[str]:
    yield next(parts)
    for part in parts:
        yield draw(blanks()) + part


@settings(max_examples=200)
@given(pair=written_otherwise())
def test_capitals_and_blanks_change_nothing(pair: tuple[str, str]) -> None:
    method, otherwise = pair
    assert (rule_of(otherwise), doubt_of(otherwise)) == (rule_of(method), doubt_of(method))


NAMES = ("Pocock", "O'Brien-Fleming", "OBF", "confidence sequence", "mSPRT", "group sequential", "alpha spending")
FORMS = ("{name}, fixed {noun}", "{name} with fixed {noun}", "fixed {noun}, {name}", "{name}; {noun} fixed", "{name} (fixed {noun})",
         "fixed-{noun}, {name}", "{name} at fixed {noun} looks")  # fmt: skip


@settings(max_examples=300)
@given(
    name=st.sampled_from(NAMES),
    form=st.sampled_from(FORMS),
    noun=st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9)
    | st.sampled_from(["horizon", "test", "n", "not", "no", "sample size"]),
)
def test_a_rule_beside_a_fixed_noun_is_never_fixed(name: str, form: str, noun: str) -> None:
    assert rule_of(form.format(name=name, noun=noun)) != "fixed"


@settings(max_examples=300)
@given(words=st.sampled_from(WORDINGS) | st.text(max_size=40), name=st.sampled_from(["OBF, 3 looks", *NAMES]))
def test_a_rule_that_is_added_plainly_is_never_passed_over(words: str, name: str) -> None:
    assert rule_of(f"{words}; {name}") != "fixed" and rule_of(f"{name}; {words}") != "fixed"


NEGATIONS = (
    "no", "not", "never", "non", "neither", "nor", "without", "none", "n/a", "unused", "rather than", "instead of", "against", "unlike",
    "replaced", "rejected", "dropped", "skipped", "ignored", "abandoned", "omitted", "considered", "discussed", "planned but", "should",
    "would", "might", "next time", "if", "or", "?", "wasn't", "won’t", "could", "until", "except", "only",
)  # fmt: skip
FILLERS = st.lists(
    st.sampled_from("we the team used by was in our test week 4 and z-test users alpha 5 then boundary ,".split()),
    max_size=4,
)


@settings(max_examples=400)
@given(
    name=st.sampled_from([*NAMES, "fixed horizon"]),
    negation=st.sampled_from(NEGATIONS),
    parts=st.tuples(FILLERS, FILLERS, FILLERS),
    is_behind=st.booleans(),
)
def test_a_rule_beside_a_negation_holds_in_no_case(
    name: str, negation: str, parts: tuple[list[str], ...], is_behind: bool
) -> None:
    first, last = (name, negation) if is_behind else (negation, name)
    method = " ".join([*parts[0], first, *parts[1], last, *parts[2]])
    assert rule_of(method) == "" and doubt_of(method)


@settings(max_examples=200)
@given(
    words=st.lists(
        st.sampled_from(
            "fixed horizon Pocock OBF sequential no not never was used rejected dropped - ; , ? ( ) or and".split()
        )
    )
)
def test_any_words_are_read_as_a_rule_or_with_a_reason(words: list[str]) -> None:
    method = " ".join(words)
    if rule_of(method) == "":
        assert doubt_of(method) or is_named("sequential", method), "what is none of ours is named"
    else:
        assert rule_of(method) in RULE_NAMES and not doubt_of(method)


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_what_a_plan_writes_is_read_as_its_rule(rule: str) -> None:
    plan = a_plan(rule=rule, looks=1 if rule == "fixed" else 3)
    assert (rule_of(method_of(plan)), doubt_of(method_of(plan))) == (rule, "")


ALLOWED = "fixed horizon, O'Brien-Fleming, Pocock and confidence sequence"


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("not fixed", f"its method says what it is not, 'not fixed': write the one rule alone that it was planned by, of {ALLOWED}"),
        ("Pocock?", f"its method leaves open which rule for looks was used, 'Pocock?': write the one rule alone that it was planned by, of {ALLOWED}"),
        ("Pocock, fixed", f"its method names several rules for looks, 'Pocock, fixed': write the one rule alone that it was planned by, of {ALLOWED}"),
        ("fixed; Pocock was not considered", ""),
    ],
)  # fmt: skip
def test_a_doubt_is_refused_with_its_reason(tmp_path: Path, method: str, said: str) -> None:
    found = _read_row(tmp_path, method=method)
    assert found.decision == ("refused" if said else "ship") and said in found.sentence


def _read_row(tmp_path: Path, arms: int = 2, **row: object) -> experiments.Readout:
    counts = dict.fromkeys(("control", "red", "blue")[:arms], (N, EVENTS))
    put, happened = world({**counts, "red": (N, {**EVENTS, "conversion": 280})})
    told = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": arms * N, **row}
    ws = workspace_of(tmp_path, experiments=pd.DataFrame([told]), assignments=put, outcomes=happened)
    return experiments.read_registered(ws, "T")


OF_LOOKS = "its looks are not those of its rule: "
DO = "write the rule that it was planned by and how many looks (looks_planned), or run it again"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"method": "two proportions", "looks": 14, "looks_planned": 1}, f"{OF_LOOKS}14 looks taken, 1 declared, with method 'two proportions': {DO}"),
        ({"method": "two proportions", "looks": 1, "looks_planned": 4}, f"{OF_LOOKS}1 look taken, 4 declared, with method 'two proportions'"),
        ({"method": "fixed", "looks_planned": 4}, f"{OF_LOOKS}looks blank, 4 declared, with method 'fixed'"),
        ({"method": "Pocock", "looks": 14, "looks_planned": 2}, f"{OF_LOOKS}14 looks taken, 2 declared, with method 'Pocock'"),
        ({"method": "OBF, 3 looks"}, f"{OF_LOOKS}looks blank, looks_planned blank, with method 'OBF, 3 looks'"),
        ({"method": "Pocock", "looks": 1, "looks_planned": 1}, f"{OF_LOOKS}1 look taken, 1 declared"),
        ({"method": None, "looks": 3}, f"{OF_LOOKS}3 looks taken, looks_planned blank, with method blank"),
        ({"method": "daily peeking"}, "its method speaks of looks and names no rule for them, 'daily peeking'"),
        ({"method": "Pocock", "looks": 3}, f"{OF_LOOKS}3 looks taken, looks_planned blank"),
        ({"method": "fixed", "looks": 14, "looks_planned": 1, "stop_reason": "peek"}, "it was stopped by a peek after 14 looks"),
        ({"method": "Pocock", "looks": 2, "looks_planned": 2}, ""),
        ({"method": "fixed", "looks": 1, "looks_planned": 1}, ""),
        ({"method": "mSPRT", "looks": 40, "looks_planned": 1}, ""),
    ],
)  # fmt: skip
def test_looks_that_are_not_the_rules_are_refused(tmp_path: Path, row: dict[str, object], said: str) -> None:
    found = _read_row(tmp_path, **row)
    assert (found.decision == "refused") == bool(said) and said in found.sentence


@pytest.mark.parametrize(
    ("method", "many"),
    [("Holm", "holm"), ("Dunnett, not Holm", "dunnett"), ("Stockholm", "dunnett"), ("Bonferroni", ""), ("no Holm", "")],
)
def test_several_arms_are_read_by_ours_alone(tmp_path: Path, method: str, many: str) -> None:
    found = _read_row(tmp_path, arms=3, method=method, split="34/33/33")
    assert (found.decision == "refused") == (not many)
    assert (
        found.plan.many == many
        if many
        else f"how 3 arms are held to one alpha, '{method}': write Dunnett" in found.sentence
    )
