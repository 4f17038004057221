"""What a message template says of itself: its tokens, what stands in for them, and what it gives away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from martech_lib.core.errors import UserError, did_you_mean
from martech_lib.core.rows import rows_of
from martech_lib.personalization.creep import Creep, creep, is_name, is_own
from martech_lib.personalization.sentences import faults_of, without
from martech_lib.personalization.tokens import fallback_for, fallbacks_of, is_same, tokens_of


class Fault(NamedTuple):
    """One thing wrong with what stands in for a token.

    Attributes:
        token: As it is written in the text; "" for a piece of the fallbacks that belongs to none.
        wrong: What is wrong, in words.
        shown: The sentence as it would be sent; "" where there is none.
    """

    token: str
    wrong: str
    shown: str = ""


class TemplateReading(NamedTuple):
    """What one template says.

    Attributes:
        template: Its name.
        tokens: Its tokens that stand for a value of the reader, as written, each once.
        unfilled: Token without a fallback -> the sentence as it is sent without a value.
        faults: Fallbacks that do not make a good sentence; None where that cannot be judged.
        has_logic: It has conditions or loops: which text is sent is not known, so sentences are not judged.
        is_name_only: All its tokens are names, and nothing else changes from reader to reader.
        creep: What it gives away; None without a norm.
    """

    template: str
    tokens: tuple[str, ...]
    unfilled: Mapping[str, str]
    faults: tuple[Fault, ...] | None
    has_logic: bool
    is_name_only: bool
    creep: Creep | None = None


def template_readings(
    templates: pd.DataFrame, *, norm: str = "", is_health: bool = False
) -> tuple[TemplateReading, ...]:
    """Read every template of a register.

    Args:
        templates: Frame with template, text and, where there is one, fallback. Without that column a token counts as
            unfilled unless it says itself what stands in.
        norm: Whose norm what it gives away is held against; "" leaves that out.
        is_health: The company handles health data.

    Raises:
        UserError: A column is missing, or the norm is unknown.
    """
    for column in ("template", "text"):
        if column not in templates.columns:
            raise UserError(
                f"templates has no column {column}{did_you_mean(column, list(map(str, templates.columns)))}"
            )
    return tuple(_reading(row, norm, is_health) for row in rows_of(templates))


def _reading(row: Mapping[str, Any], norm: str, is_health: bool) -> TemplateReading:
    text, (given, strange) = str(row["text"] or ""), fallbacks_of(str(row.get("fallback") or ""))
    found = tokens_of(text)
    values = [token for token in found if not token.is_logic and not is_own(token.name)]
    has_logic = any(token.is_logic for token in found)
    bare = {token.written: token for token in reversed(values) if fallback_for(token, given) is None}
    names = [name for name in given if not any(is_same(token.name, name) for token in found)]
    faults = [
        *(Fault("", f"fallback '{piece}' names no token: write token=value") for piece in strange),
        *(Fault("", f"the fallback names {name}, which the text does not have") for name in names),
    ]
    if not has_logic:
        faults += [Fault(*fault) for fault in faults_of(text, given)]
    used = dict.fromkeys(token.name for token in values)
    return TemplateReading(
        template=str(row["template"]),
        tokens=tuple(dict.fromkeys(token.written for token in values)),
        unfilled={written: "" if has_logic else without(text, token) for written, token in reversed(bare.items())},
        faults=tuple(faults) if not has_logic or faults else None,
        has_logic=has_logic,
        is_name_only=bool(values) and not has_logic and all(map(is_name, used)),
        creep=creep(list(used), norm, text=text, is_health=is_health) if norm else None,
    )
