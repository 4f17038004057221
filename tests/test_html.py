"""Markup that every page uses: which tables become cards on a phone."""

from __future__ import annotations

import pytest

from martech_lib.workbook import html

SENTENCE = "It is there within hours and moves when something breaks; its level is wrong, its changes are not."


@pytest.mark.parametrize(
    ("columns", "text", "is_broad"),
    [(5, "short", True), (4, "short", False), (3, SENTENCE, True), (2, SENTENCE, False)],
)
def test_a_table_is_cards_on_a_phone_when_it_is_broad_or_holds_sentences(
    columns: int, text: str, is_broad: bool
) -> None:
    keys = [f"column {i}" for i in range(columns)]
    row = dict.fromkeys(keys, text)
    drawn = html.table([row], [html.Column(key, key) for key in keys], caption="A table")
    assert ("wb-broad" in drawn) == is_broad
