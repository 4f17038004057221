"""DuckDB, PostgreSQL and Spark find the same unfilled tokens in the same messages."""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from martech_lib.personalization import Sends, literal_tokens

BODIES = [
    "Hi {first_name},", "{{ user.name | default: 'x' }} hey", "${name}!", "{% if user %}", "{First Name}", "{prénom}",
    "{Hi|Hello}", "Hi %FNAME%,", "%%first_name%%", "¡%NOMBRE%!", "Hi *|FNAME|*,", "*|DATE:F j, Y|*", "[[name]]",
    "[First Name]", "<%= name %>", "&lt;%= name %&gt;", "Hi ,", "x\nHello , y", "<p>Hi <b></b>,</p>", "Hi&nbsp;,",
    "Hi\u00a0,", "Dear Mr. ,", "Welcome back, !", "Hi null,", "Dear undefined", "Hi NULL NULL,", "Hi <b>null</b>,",
    "Dear «FirstName»,", "Hi %s,", "$NaN off", "Hey null 👋", "[object Object]", "https://x.com/?q={email}",
    "https://x.com/%7Bfirst_name%7D", "null and void", "a{color:red}", "100% of 50%", "https://x.com/a%20b%20c",
    "x %E2%80%99", "Bonjour !", "Hi :)", "**Plan**|Price|**Note**", "GET /users/{id}", "say `{x}`", "{😀}", "  ", None,
    "<code>{first_name}</code>", "<style>a{b}</style>", "it's \\ {first_name} \"x\"", "[% user.name %]", "[% IF user %]", "Save [% off 20%]", "Hi @FirstName@,", "@yourname@mastodon.social", "##FNAME##",
    "##First Name####LAST_NAME##", "## Plan ##", "#été##noël##été#", "https://x.com/?q=##E_MAIL##", "Hi " + " " * 20_000 + ",",
]  # fmt: skip
LOG = pd.DataFrame(
    {
        "message_id": [f"m{n:03d}" for n in range(len(BODIES))],
        "template": [("welcome", " news ", None)[n % 3] for n in range(len(BODIES))],
        "subject": [("News", None, "Your report, null")[n % 3] for n in range(len(BODIES))],
        "body": BODIES,
    }
)


def put(engine: str, request: pytest.FixtureRequest) -> Any:
    """The log as a table of an engine."""
    table = pa.Table.from_pandas(LOG, preserve_index=False)
    if engine == "spark":
        session = request.getfixturevalue("spark")
        session.createDataFrame(LOG.astype(object).where(LOG.notna(), None)).createOrReplaceTempView("sent")
        return ibis.pyspark.connect(session).table("sent")
    connection = ibis.connect(request.getfixturevalue("postgres").url())
    return connection.create_table("sent", table, overwrite=True)


def by_template(found: tuple[Sends, ...]) -> dict[str, Sends]:
    return {one.template: one for one in found}


@pytest.mark.parametrize("engine", ["postgres", "spark"])
def test_the_same_tokens_are_found_in_every_engine(engine: str, request: pytest.FixtureRequest) -> None:
    assert by_template(literal_tokens(put(engine, request))) == by_template(literal_tokens(LOG))
