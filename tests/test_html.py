"""Markup that every page uses: which tables become cards on a phone, which figures stand out."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("sentence", "figures"),
    [
        ("It is $35.99.", ["$35.99"]),
        ("Between -€2.7k, and $1,248.", ["-€2.7k", "$1,248"]),
        ("A lift of +46 % (30.1 % to 1,063.7 %).", ["+46 %", "30.1 %", "1,063.7 %"]),
        ("5 of 8 users, 3 to 4", []),
    ],
)
def test_figures_of_a_sentence_stand_out_without_the_signs_around_them(sentence: str, figures: list[str]) -> None:
    assert re.findall("<strong>(.*?)</strong>", html.say(sentence)) == figures
