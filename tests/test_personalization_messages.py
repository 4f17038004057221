"""Unfilled tokens in messages as sent, templates and their fallbacks, and what a message gives away."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workspaces import PROFILE, write_table

from martech_lib import Workspace
from martech_lib.core.errors import UserError
from martech_lib.core.metrics import metrics
from martech_lib.personalization import Sends, creep, literal_tokens, message_audit, template_readings
from martech_lib.personalization.creep import NORMS, data_classes
from martech_lib.personalization.message_words import message_words
from martech_lib.personalization.sends import IN_LINK

SHOWN = {
    "braces": [
        "Hi {first_name},", "{{ user.name | default: 'x' }} hey", "${name}!", "x {{#if a}}y{{/if}}", "{% if user %}",
        "{First Name}", "{!Contact.FirstName}", "{prénom}", "{{{name}}}", "{Hi|Hello}", "<p>{first_name}</p>",
    ],
    "percent signs": ["Hi %FNAME%,", "%%first_name%%", "%%=v(@x)=%%", "¡%NOMBRE%!", "%recipient.name%", "%ADDRESS%"],
    "stars": ["Hi *|FNAME|*,", "*|IF:FNAME|*", "*|DATE:F j, Y|*"],
    "brackets": ["[[name]]", "[First Name]", "[insert name here]", "[[ user.name ]]", "Hi [% user.name %]", "[%- name | html -%]", "[% IF user %]"],
    "angles": ["<%= name %>", "&lt;%= name %&gt;", "<first_name>"],
    "number or at signs": [
        "Hi @FirstName@,", "Hi ##FNAME##,", "@first_name@", "<b>##LAST_ORDER##</b>", "##FirstName####LastName##", "Hi.##First Name##",
    ],
    "nothing after a greeting": [
        "Hi ,", "Hi !", "Dear  ,", "x\nHello , y", "<p>Hi <b></b>,</p>", "Hi&nbsp;,", "Dear Mr. ,", "Welcome back, !",
        "Bonjour ,", "HELLO ,",
    ],
    "a word for nothing": [
        "Hi null,", "Hello None!", "Dear undefined", "Hi NULL NULL,", "Dear Mr. null,", "Hi Ana null,",
        "Hi <b>null</b>,", "Hi #N/A,", "Hi [Name],", "Dear «FirstName»,", "Hi %s,", "Hi {},", "You saved $NaN today",
        "null, your order", "[object Object]", "Welcome back, null!", "Hi nan,", "Hey null 👋", "undefined% off",
        "None, your order is on its way", "Your plan: null", "your next class is: null.", "Your plan: <b>null</b><br>",
    ],
}  # fmt: skip
HONEST = [
    "null and void", "None of these", "Hi None of the above", "a{color:red}", "no null, no undefined",
    "@media screen and (max-width:600px){.a{width:100% !important}}", '{"a": 1, "b": {"c": null}}', "100% of 50%",
    "https://x.com/a%20b%20c", "/%E2%80%99s", "x %E2%80%99", "Hi Nan,", "Your choice: none", "Your side effects: None.", "None, you say", "Bonjour !", "Hi :)", "Hello ;)", "Hi, Ana",
    "**Plan**|Price|**Note**", "[Read more](https://a.b)", "[1] [2]", "<b>Hi</b>, welcome", "{😀}", "Delhi , x",
    "font: Arial, !important", "GET /users/{id}", "style={{color:1}}", "say `{x}`", "<code>{first_name}</code>",
    "<style>a{b}</style>", "you get none.", "Any fees? None!", "Thank you, none needed", "Hello null and void",
    "Happy birthday Nan!", "50% off, 20% more", "}{", "*|", "Hi ...", "Dear Sir/Madam,", "## Plan ##", "##Overview##", "##SALE##", "@ana @bob",
    "me@firstname@x", "@yourname@mastodon.social", "a##first_name##d", "#été##noël##été#", "get_##name##_x", "Save [% off 20%]",
    "[%ABV 5%]", "[% change vs 2024: 5%]", "####", "", "   ", "\u00a0",
]  # fmt: skip


def sent(*bodies: str | None, subject: str | None = "News", template: str = "welcome") -> Sends:
    """What is counted in messages of one template."""
    rows = {"message_id": [f"m{n:03d}" for n in range(len(bodies))], "body": list(bodies)}
    (found,) = literal_tokens(pd.DataFrame(rows).assign(subject=subject, template=template))
    return found


def test_every_way_to_show_a_token_is_found_as_its_kind() -> None:
    for kind, texts in SHOWN.items():
        found = sent(*texts)
        assert (found.literal, dict(found.by_kind)) == (len(texts), {kind: len(texts)}), found.hits


def test_honest_text_is_not_a_token() -> None:
    found = sent(*HONEST)
    assert (found.literal, found.hits, found.in_links) == (0, (), 0)


def test_a_token_in_a_link_is_counted_apart() -> None:
    found = sent(
        "https://x.com/?q={email}",
        "see https://x.com/%7Bfirst_name%7D",
        "https://x.com/?u=*|UNIQID|*",
        "https://x.com/?q=##E_MAIL##",
    )
    assert (found.literal, found.in_links, found.by_kind[IN_LINK]) == (0, 4, 4)


def test_blank_messages_are_unread_and_no_part_of_the_share() -> None:
    found = sent(None, " \n", "Hi {name},", subject=None)
    assert (found.sends, found.unread, found.read, found.literal) == (3, 2, 1, 1)


def test_what_a_template_says_itself_is_not_missing() -> None:
    log = pd.DataFrame({"template": ["a", "b"], "body": ["Hello !", "Hello !"]})
    found = {one.template: one for one in literal_tokens(log, texts={"a": "Hello ! {x}", "b": "Hello {x}!"})}
    assert (found["a"].literal, found["a"].own_words, found["b"].literal) == (0, 1, 1)


def test_many_different_things_are_put_together_and_still_add_up() -> None:
    found = sent(*[f"Hi {{field_{n:03d}}}," for n in range(300)])
    assert found.literal == 300 == sum(hit.sends for hit in found.hits)
    assert len(found.hits) <= 21


@pytest.mark.parametrize("log", [pd.DataFrame({"message_id": [1]}), [1, 2], None])
def test_no_log_of_messages_is_told(log: object) -> None:
    with pytest.raises(UserError, match="messages"):
        literal_tokens(log)


def test_odd_columns_and_long_bodies_do_not_stop_it() -> None:
    log = pd.DataFrame({"message_id": [1, 2], "template": [3, None], "body": ["Hi " + " " * 200_000 + ",", 7]})
    assert sum(one.sends for one in literal_tokens(log)) == 2


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="{}%*|[]<>«»$€£#@\x00", exclude_categories=["Cs"]))))
def test_text_without_any_marker_and_greeting_has_no_token(texts: list[str]) -> None:
    bodies = [text for text in texts if "," not in text and "!" not in text] or ["x"]
    found = sent(*(f"x {text}" for text in bodies))
    kinds = {"braces", "percent signs", "stars", "brackets", "angles", "number or at signs", IN_LINK}
    assert not kinds & set(found.by_kind)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_counts_add_up_whatever_is_sent(texts: list[str]) -> None:
    found = sent(*texts, "Hi {name},")
    assert found.sends == len(texts) + 1
    assert 1 <= found.literal <= found.read <= found.sends
    assert max(found.by_kind.values()) <= found.sends


READS_BADLY = [
    ("Hi {first_name}, good", "first_name=", "a space before ','"),
    ("{first_name}, your plan", "first_name=there", "the sentence begins in lower case"),
    ("{first_name}, your plan", "first_name=", "the sentence begins with ','"),
    ("Try a ##USER_PLAN## today.", "USER_PLAN=our plan", "'a our'"),
    ("Hi @FirstName@!", "FirstName=Hi", "'hi hi'"),
    ("Your [% plan %] plan", "plan=free plan", "'plan plan'"),
    ("Try a {{ PLAN }} until {{ END DATE }}.", "PLAN=upgrade; END DATE=now", "'a upgrade'"),
    ("Try a {plan} today.", "plan=upgrade", "'a upgrade'"),
    ("Hi {first_name}!", "first_name=Hi", "'hi hi'"),
    ("Dear {first_name},", "first_name=there", "'dear there' is no greeting"),
    ("Made for {company}.", "company=", "nothing follows 'for'"),
    ("Your {plan} plan", "plan=", "two spaces"),
    ("Your {plan} plan", "plan=free plan", "'plan plan'"),
    ("Is it {name}'s?", "name=there", "'there' outside a greeting"),
    ("Hi {name},", "name={x}", "the fallback is a token itself"),
    ("Hi {name},", "name=null", "the fallback is 'null'"),
    ("Hi {name},", "name=Ana; plan=free", "the fallback names plan, which the text does not have"),
    ("Hi {name},", "there", "fallback 'there' names no token: write token=value"),
]


@pytest.mark.parametrize(("text", "fallback", "wrong"), READS_BADLY)
def test_a_fallback_that_does_not_read_well_is_told(text: str, fallback: str, wrong: str) -> None:
    (found,) = template_readings(pd.DataFrame({"template": ["t"], "text": [text], "fallback": [fallback]}))
    assert wrong in [fault.wrong for fault in found.faults or ()]


READS_WELL = [
    ("Hi {first_name}, good", "first_name=there"),
    ("<p>Hello *|FNAME|*,</p>", "FNAME=there"),
    ("Your {{ user.plan | default: 'new' }} plan is ready.", ""),
    ("Get an {x}!", "x=update"),
    ("Get a {x}.", "x=user guide"),
    ("Not a {x}.", "x=usual day"),
    ("It is an {x}.", "x=unimportant thing"),
    ("Good news, {x}!", "x=friend"),
    ("It took an {x}.", "x=hour"),
    ("{company} is ready.", "company=Your company"),
    ("Good to have you here{greeting}.", "greeting="),
    ("A long line that goes on and is wrapped for\n{x} and more", "x=your team"),
]


@pytest.mark.parametrize(("text", "fallback"), READS_WELL)
def test_a_fallback_that_reads_well_is_let_through(text: str, fallback: str) -> None:
    (found,) = template_readings(pd.DataFrame({"template": ["t"], "text": [text], "fallback": [fallback]}))
    assert (found.faults, dict(found.unfilled)) == ((), {})


def test_links_and_dates_need_no_fallback_and_conditions_are_not_judged() -> None:
    texts = ["<a href='{{unsubscribe_url}}'>x</a> {{ now | date }}", "{% if plan %}Hi {{name}}{% endif %}"]
    link, logic = template_readings(pd.DataFrame({"template": ["a", "b"], "text": texts}))
    assert (link.tokens, dict(link.unfilled)) == ((), {})
    assert (logic.has_logic, logic.faults, logic.is_name_only) == (True, None, False)


def test_names_alone_are_lipstick() -> None:
    texts = ["Hi {first_name} of {company}", "Hi {first_name}, your {plan} ends", "Hi"]
    found = template_readings(pd.DataFrame({"template": list("abc"), "text": texts}))
    assert [one.is_name_only for one in found] == [True, False, False]


@pytest.mark.parametrize("norm", NORMS)
def test_more_data_never_lowers_the_score_and_its_reasons_add_up(norm: str) -> None:
    before = 0
    for place in range(len(data_classes()) + 1):
        found = creep([one.id for one in data_classes()[:place]], norm)
        assert before <= found.score <= 100
        assert found.score == min(100, sum(reason.points for reason in found.reasons))
        before = found.score


def test_what_a_message_says_it_saw_counts_and_an_unknown_name_is_asked_about() -> None:
    found = creep(["first_name", "zorp"], "finance", text="<p>We saw you looked</p>")
    assert (found.score, found.unknown) == (45, ("zorp",))
    assert found.questions[0] == "Would the reader know how you know this?"
    assert creep(["first_name"], "B2B SaaS") == creep([], "B2B SaaS")
    with pytest.raises(UserError, match="allowed are B2B SaaS"):
        creep([], "b2b")


def folder(path: Path, **tables: list[dict[str, str]]) -> Workspace:
    write_table(path, "profile", [{"key": key, "value": value} for key, value in PROFILE.items()])
    for name, rows in tables.items():
        write_table(path, name, rows)
    return Workspace.open(path)


MESSAGES = [
    {"message_id": f"m{n}", "program": "p", "template": "welcome", "subject": "Welcome", "body": body}
    for n, body in enumerate(["Hi {first_name},", "Hi Ana,", "Hi Bo,", "Hi Cy,"])
]
TEMPLATES = [
    {"template": "welcome", "text": "Hi {first_name}, we saw you in {city}", "fallback": "first_name="},
    {"template": "news", "text": "Hi {name}", "fallback": "name=there"},
]


def test_the_audit_of_a_workspace(tmp_path: Path) -> None:
    audit = message_audit(folder(tmp_path, messages=MESSAGES, templates=TEMPLATES), norm="finance")
    assert {reading.metric for reading in audit.reading_records} <= set(metrics())
    assert audit.summary["personalization.literal_token_share"] == 0.25
    told = {finding.rule: finding.evidence for finding in audit.finding_records if finding.subject == "welcome"}
    assert told["PE02"].startswith("1 of 4 sends (25.0 %) of 'welcome' (programme p) show {first_name}")
    assert set(told) >= {"PE02", "PE03", "PE04"}
    assert set(audit.inputs) == {"messages", "templates", "profile"}
    assert "1 of 4 messages (25.0 %) shows the reader an unfilled token." in message_words(audit)


@pytest.mark.parametrize("name", ["messages", "templates"])
def test_a_missing_file_is_not_measured_and_named(tmp_path: Path, name: str) -> None:
    tables = {"messages": MESSAGES, "templates": TEMPLATES}
    audit = message_audit(folder(tmp_path, **{other: rows for other, rows in tables.items() if other != name}))
    unmeasured = [reading for reading in audit.reading_records if reading.status == "not measured"]
    assert unmeasured
    assert {reading.reason for reading in unmeasured} == {f"no {name}: supply {name}.csv"}
    assert f"{name}.csv" in message_words(audit)


def test_nothing_at_all_is_not_measured(tmp_path: Path) -> None:
    audit = message_audit(folder(tmp_path))
    assert {reading.status for reading in audit.reading_records} == {"not measured"}
    assert audit.finding_records == ()
    assert message_words(audit)


def test_names_of_readers_are_left_out_of_what_is_shown() -> None:
    found = sent("Dear Magdalena undefined,", "Hi Mr null Oyelaran,", "Hi null Kowalczyk,", "Dear Jan undefined,")
    shown = {hit.shown: hit.sends for hit in found.hits}
    assert found.literal == 4 and shown["Dear … undefined,"] == 2
    assert not any(name in one for one in shown for name in ("Magdalena", "Oyelaran", "Kowalczyk", "Jan"))
