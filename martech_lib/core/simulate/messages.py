"""A sample of the messages that the programs sent, made from templates; the faults of the templates are in them.

A first name that is not known is replaced by the template's fallback, which may be empty. Where the template has none,
its token goes out as it stands: `Hi {first_name},`.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.settings import Settings

SAMPLE = 5_000  # messages, however many were sent
TOKEN = re.compile(r"\{(\w+)\}")
NAME = "first_name"  # the one token that may have no value


class Template(NamedTuple):
    """A template of one arm of a program.

    Attributes:
        program: The program.
        arm: Whom it goes to: control or treatment.
        template: Its name.
        subject: Subject with its tokens.
        text: Text with its tokens.
        fallback: What stands in for a token without a value, `token=value` with `;` between.
    """

    program: str
    arm: str
    template: str
    subject: str
    text: str
    fallback: str

    def filled(self, values: dict[str, str]) -> tuple[str, str]:
        """Subject and body for these values of tokens; a token without value or fallback stays as it is."""
        instead = dict(part.split("=", 1) for part in self.fallback.split("; ") if part) | values
        subject, body = (TOKEN.sub(lambda m: instead.get(m[1], m[0]), t) for t in (self.subject, self.text))
        return subject, body


def templates() -> tuple[Template, ...]:
    """The templates of messages.csv."""
    return tuple(Template(**row) for row in _rows("messages.csv"))


def templates_frame(of: Settings) -> pd.DataFrame:
    """The table templates: those of the programs there are."""
    there = {program.name for program in of.programs}
    columns = ["template", "text", "fallback"]
    return pd.DataFrame([t for t in templates() if t.program in there], columns=Template._fields)[columns]


def messages_frame(of: Settings, impressions: pd.DataFrame) -> pd.DataFrame:
    """The table messages: some of the impressions, drawn at random, as they were sent.

    Args:
        of: The settings.
        impressions: In order of time, with program and treated.
    """
    rng = of.stream("messages")
    sent = impressions[impressions["program"].isin({t.program for t in templates()})]
    chosen = sent.iloc[np.sort(rng.choice(len(sent), min(SAMPLE, len(sent)), replace=False))]
    unfilled = chosen["program"].map({program.name: program.unfilled for program in of.programs})
    nameless = rng.random(len(chosen)) < unfilled.to_numpy()
    chances = rng.random((len(chosen), 1 + len(_tokens())))
    rows = []
    for program, treated, no_name, chance in zip(chosen["program"], chosen["treated"], nameless, chances, strict=True):
        template = _at(_of_arm(program, "treatment" if treated else "control"), chance[0])
        values = {token: _at(among, at) for (token, among), at in zip(_tokens().items(), chance[1:], strict=True)}
        known = {token: value for token, value in values.items() if token != NAME or not no_name}
        rows.append((program, template.template, *template.filled(known)))
    frame = pd.DataFrame(rows, columns=["program", "template", "subject", "body"])
    frame.insert(0, "message_id", np.arange(1, len(frame) + 1))
    return frame


def _at(among: tuple[Any, ...], chance: float) -> Any:
    return among[int(chance * len(among))]


@cache
def _of_arm(program: str, arm: str) -> tuple[Template, ...]:
    return tuple(t for t in templates() if (t.program, t.arm) == (program, arm))


@cache
def _tokens() -> dict[str, tuple[str, ...]]:
    return {row["token"]: tuple(row["values"].split(";")) for row in _rows("tokens.csv")}


@cache
def _rows(file: str) -> tuple[dict[str, str], ...]:
    with (Path(__file__).parent / file).open(encoding="utf-8", newline="") as handle:
        return tuple(csv.DictReader(handle))
