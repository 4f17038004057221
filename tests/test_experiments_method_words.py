"""What a register's method says, in the words that teams write: a rule that holds, one that is denied, and doubt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from experiment_frames import a_plan, with_events, workspace_of, world
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib import experiments
from martech_lib.experiments.method_words import RULE_NAMES, doubt_of, is_named, rule_of
from martech_lib.experiments.register import method_of

N = 1094
EVENTS = {"conversion": 219, "paid": 100, "unsubscribe": 50, "support_ticket": 20}
SEVERAL, OPEN, NOT = "names several rules for looks", "leaves open which rule for looks was used", "says what it is not"

# "Fixed" beside a rule for looks, of something else than the rule
POCOCK_AND_FIXED = (
    "Pocock with fixed sample size", "Pocock, fixed n", "Pocock at fixed weekly looks", "Pocock (fixed number of looks)",
    "Pocock, boundaries fixed at registration", "Pocock, fixed-sequence testing of arms", "Pocock, fixed allocation 50/50",
    "Pocock with fixed test duration", "Pocock, looks fixed", "Pocock, sample size fixed", "Pocock, fixed in advance",
    "Pocock, fixed 4 weeks", "Pocock, fixed end date", "Pocock, 4 looks, fixed before start", "Pocock, 4 looks, all fixed",
    "Pocock with a fixed sample of 5,000 users", "Pocock with fixed, equally spaced looks", "Pocock, pre-fixed looks",
    "Pocock, a tracking bug fixed on day 3", "Pocock, Holm, CUPED, fixed seed", "Pocock; fixed 5 % alpha", "fixed period, Pocock",
    "Fixed sample size with Pocock", "Fixed 4 weeks, Pocock", "fixed Pocock boundaries", "Pocock with fixed duration",
    "Pocock with information fixed", "Pocock with fixed time points", "Pocock; n is fixed in advance",
)  # fmt: skip
ANYTIME_AND_FIXED = (
    "confidence sequence with a fixed maximum n", "always-valid, fixed maximum", "mSPRT with fixed tau",
    "mSPRT; fixed mixing variance", "anytime-valid, fixed truncation",
)  # fmt: skip
# "Fixed" as the name of a rule, beside another
BOTH = (
    "fixed horizon, Pocock", "Pocock, fixed horizon", "Pocock, fixed", "fixed; Pocock", "fixed and Pocock", "Pocock or fixed",
    "fixed/Pocock", "Pocock (fixed)", "fixed - Pocock", "Pocock fixed", "fixed-sample test, Pocock", "fixed-time test, Pocock",
    "fixed sample size test; Pocock", "fixed design, Pocock", "fixed two-sided z-test, Pocock", "changed from fixed to Pocock",
    "fixed for the primary, Pocock for guardrails", "fixed horizon (Pocock for guardrails)", "Pocock, later changed to fixed",
    "planned as fixed, run as Pocock", "started fixed, then Pocock", "was fixed, now Pocock", "Pocock until week 3, then fixed",
    "fixed; Pocock was not used for guardrails", "fixed; Pocock not used, except for guardrails", "fixed; Pocock, not used",
    "fixed; Pocock was rejected at first, then used", "fixed; Pocock planned but not used", "Pocock, switched to fixed after look 2",
    "Fixed horizon. We considered Pocock but did not use it.", "fixed horizon; Pocock no", "fixed horizon; Pocock not followed",
)  # fmt: skip
FIXED = (
    "fixed", "FIXED", "fixed sample size", "fixed n", "fixed duration", "fixed-horizon", "fixed_horizon", "fixed sample",
    "z-test, fixed", "fixed, two-sided", "fixed end date", "n fixed in advance", "two-sided z-test", "one look at the end",
    "z-test, no fixed effects", "fixed horizon; CUPED not used", "fixed horizon, not stopped early", "fixed time horizon",
    "fixed horizon not stopped early", "no peeking, fixed horizon", "no interim looks before the fixed horizon", "no looks; fixed",
    "fixed horizon test, not significant", "Two proportions. Fixed horizon. No interim looks.", "Holm, fixed horizon, CUPED",
    "no optional stopping", "nonsequential", "fixed duration no longer than 4 weeks", "fixed horizon no longer than 4 weeks",
    "non-sequential, outliers dropped", "Not a sequential test.",
)  # fmt: skip
POCOCK_DENIED = (
    "fixed horizon; Pocock was not considered", "fixed horizon; Pocock: not used", "fixed horizon; Pocock no longer used",
    "fixed; we decided against Pocock", "we decided against Pocock; fixed horizon", "fixed horizon, Pocock was not the plan",
    "fixed; Pocock isn't used", "fixed; didn't use Pocock", "we didn’t use Pocock; fixed", "fixed; Pocock (not used)",
    "fixed; Pocock - not used", "fixed; Pocock = no", "fixed; Pocock was discussed and rejected", "fixed; Pocock was finally not used",
    "fixed; Pocock has not been used", "fixed; Pocock was not part of the plan", "fixed; Pocock not used at all",
    "fixed horizon (Pocock was never considered)", "fixed; Pocock boundaries were not applied", "fixed horizon; no longer Pocock",
    "Fixed horizon. Pocock was considered but not used.", "fixed duration; Pocock rejected", "fixed sample size, no Pocock",
    "fixed horizon; team decided against using Pocock", "fixed horizon; Pocock will not be used", "fixed horizon; Pocock won't be used",
    "fixed horizon; Pocock doesn't apply", "fixed horizon; Pocock n/a", "fixed horizon — Pocock not considered",
    "fixed horizon instead of Pocock", "Pocock was not considered", "we decided against Pocock", "without looks or Pocock",
    "fixed; Pocock is not used for this test", "fixed; we ruled out Pocock", "no Pocock and no longer than 4 weeks",
)  # fmt: skip
OTHERS_DENIED = (
    "fixed horizon; sequential testing was not planned", "fixed; any-time monitoring not used", "fixed horizon (mSPRT was not used)",
    "fixed horizon; neither Pocock nor O'Brien-Fleming used", "fixed horizon, no group sequential design",
    "fixed horizon; sequential analysis was ruled out", "fixed horizon (decided against sequential testing)",
)  # fmt: skip
# A "not" that is of something else, or of another "not"
POCOCK = (
    "Pocock was not used for guardrails", "Pocock was not rejected", "Pocock was not ruled out", "no early stop without Pocock",
    "never stopped without crossing Pocock", "no stopping without a Pocock boundary crossed", "z held against Pocock boundaries",
    "tested against the Pocock boundary", "not only Pocock", "nothing but Pocock", "no rule other than Pocock", "not unlike Pocock",
    "not decided against Pocock", "we have not ruled out Pocock", "Pocock, no longer than 4 weeks",
    "Pocock boundary not crossed", "Pocock boundary never reached", "CUPED: no - Pocock",
    "no CUPED, Pocock", "Pocock, Holm not used", "Pocock, CUPED was considered and rejected", "Pocock was discussed and chosen",
    "Pocock was proposed by Ann and agreed", "not fixed; Pocock", "Pocock, not strictly fixed", "Pocock instead of fixed horizon",
    "Pocock; not run as a fixed horizon", "fixed horizon was discarded in favour of Pocock", "Pocock (not fixed)",
)  # fmt: skip
NOT_FIXED = (
    "not fixed", "Not  Fixed", "not a fixed horizon", "fixed horizon was rejected", "fixed horizon not used", "fixed horizon: no",
    "fixed horizon was not kept", "fixed horizon abandoned at week 2", "isn't fixed", "non-fixed", "no fixed horizon", "never fixed",
    "no fixed sample size", "without a fixed end", "sample size not fixed", "no longer fixed", "not run as a fixed horizon",
    "not strictly fixed", "neither fixed nor Pocock", "neither Pocock nor fixed", "no Pocock or fixed", "not fixed, not Pocock",
    "rather than fixed", "fixed sample size was rejected", "horizon was not fixed", "fixed horizon was not reached", "fixed: no",
    "fixed horizon did not hold", "anything but fixed", "instead of a fixed horizon", "Pocock no longer used", "Pocock dropped",
    "no longer Pocock", "Pocock not used any more",
)  # fmt: skip
LEFT_OPEN = (
    "Pocock?", "fixed?", "perhaps Pocock", "Pocock was discussed", "Pocock was considered", "Pocock, not used", "we rejected Pocock",
    "fixed sample size; Pocock was discussed", "fixed n, Pocock considered", "fixed horizon was discussed", "fixed horizon, dropped",
    "Pocock planned but not used", "Pocock not followed",
)  # fmt: skip
TABLE = {
    "pocock": (*POCOCK_AND_FIXED, *POCOCK),
    "confidence_sequence": ANYTIME_AND_FIXED,
    "fixed": (*FIXED, *POCOCK_DENIED, *OTHERS_DENIED),
    "": (*BOTH, *NOT_FIXED, *LEFT_OPEN),
}
WORDINGS = [(method, rule) for rule, methods in TABLE.items() for method in methods]


@pytest.mark.parametrize(("method", "rule"), WORDINGS)
def test_a_method_is_read_as_its_team_meant_it(method: str, rule: str) -> None:
    assert rule_of(method) == rule
    assert bool(doubt_of(method)) == (rule == "")


OF_POCOCK = [(method, rule) for method, rule in WORDINGS if "Pocock" in method and "O'Brien" not in method]
OTHER_NAMES = {
    "O'Brien-Fleming": "obrien_fleming",
    "OBF": "obrien_fleming",
    "mSPRT": "confidence_sequence",
    "Lan-DeMets": "",
}


@pytest.mark.parametrize("name", OTHER_NAMES)
@pytest.mark.parametrize(("method", "rule"), OF_POCOCK)
def test_every_rule_is_read_as_pocock_is(method: str, rule: str, name: str) -> None:
    assert rule_of(method.replace("Pocock", name)) == (OTHER_NAMES[name] if rule == "pocock" else rule)


@pytest.mark.parametrize(("methods", "doubt"), [(BOTH, SEVERAL), (NOT_FIXED, NOT), (LEFT_OPEN, OPEN)])
def test_what_is_in_doubt_is_told_apart(methods: tuple[str, ...], doubt: str) -> None:
    also = {"fixed; Pocock, not used": SEVERAL, "fixed; Pocock planned but not used": SEVERAL}
    assert {method: doubt_of(method) for method in methods} == {method: also.get(method, doubt) for method in methods}


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        ("two proportions\nPocock, 5 looks\nfixed sample size\n", "pocock"), ("fixed horizon;\r\nno Pocock", "fixed"),
        ("O'Brien-\nFleming", "obrien_fleming"), ("Pocock\nfixed", ""), ("fixed horizon: no\nPocock", ""),
        ("fixed horizon; CUPED: no\nPocock", ""), ("confidence\nsequence", ""), ("fixed\nhorizon", "fixed"),
        ("z-test,\nfixed\nsample size", "fixed"),
    ],
)  # fmt: skip
def test_lines_go_on_or_end(method: str, rule: str) -> None:
    assert rule_of(method) == rule


def test_a_long_cell_is_read_in_no_time() -> None:
    assert rule_of("fixed " * 5000) == "fixed" and rule_of("no x without " * 3000 + "; Pocock") == "pocock"


def blanks() -> st.SearchStrategy[str]:
    return st.text(" \t\u00a0", min_size=1, max_size=3)


@st.composite
def written_otherwise(draw: st.DrawFn) -> tuple[str, str]:
    """A wording, and itself in other capitals and blanks."""
    method, _ = draw(st.sampled_from(WORDINGS))
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


@settings(max_examples=200)
@given(
    wording=st.sampled_from(WORDINGS),
    name=st.sampled_from(NAMES),
    look=st.sampled_from(["{}", "3 looks by {}", "{}, 5 looks"]),
)
def test_a_rule_that_is_added_plainly_is_never_passed_over(wording: tuple[str, str], name: str, look: str) -> None:
    assert rule_of(f"{wording[0]}; {look.format(name)}") != "fixed"
    assert rule_of(f"{look.format(name)}; {wording[0]}") != "fixed"


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
    put, happened = world(with_events(EVENTS, {**EVENTS, "conversion": 280}))
    told = {"id": "T", "primary_metric": "conversion rate", "mde": 0.25, "planned_n": 2 * N, "method": method}
    ws = workspace_of(tmp_path, experiments=pd.DataFrame([told]), assignments=put, outcomes=happened)
    found = experiments.read_registered(ws, "T")
    assert found.decision == ("refused" if said else "ship") and said in found.sentence
