"""The HTML of pages and apps: sentences, tiles, tables, the stack map. All that comes from data is escaped here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from martech_lib.core.metrics import label
from martech_lib.core.results import Reading
from martech_lib.core.spoken import in_unit

GLYPHS = {"pass": "✓", "watch": "!", "fail": "✕", "info": "i", "not measured": "–", "refused": "–"}
LONGEST, LONGEST_CHIP = 2_000, 80
NARROW_COLUMNS = 4  # so many columns fit a phone
LONG_CELL = 80  # a sentence: beside two more columns there is no room for it on a phone
FIGURE = re.compile(r"([+-]?[$€£¥₹]\d(?:[\d,.]*\d)?[kMBT]?|[+-]?\d(?:[\d,.]*\d)? %)")


class Column(NamedTuple):
    """A column of a table: its key in a row, its heading, and how a value is written.

    Attributes:
        key: Key of the row's mapping.
        heading: What stands above it.
        write: Turns a value into text.
        is_number: Right-aligned when true.
    """

    key: str
    heading: str
    write: Callable[[Any], str] = str
    is_number: bool = False


def say(sentences: str) -> str:
    """A paragraph of text from the library, its figures in bold; empty text gives nothing."""
    if not sentences:
        return ""
    spoken = FIGURE.sub(r"<strong>\1</strong>", escape(sentences))
    return f'<p class="wb-say">{spoken}</p>'


def section(heading: str, text: str) -> str:
    """A heading with a paragraph below it, for a part of a page that is not always there."""
    return f"<h2>{escape(heading)}</h2><p>{escape(text)}</p>"


def note(text: str, *, is_spoken: bool = True) -> str:
    """A quiet line below a figure or table; not spoken where a screen reader has heard it from the figure."""
    hidden = "" if is_spoken else ' aria-hidden="true"'
    return f'<p class="wb-note"{hidden}>{escape(text)}</p>' if text else ""


def link(address: str, words: str) -> str:
    """A link that opens a page of its own."""
    return f'<p class="wb-note"><a href="{escape(address, quote=True)}" target="_blank">{escape(words)}</a></p>'


def alert(lines: Sequence[str]) -> str:
    """A message that something is wrong, read out by a screen reader; nothing when there are no lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div role="alert" class="wb-alert"><ul>{items}</ul></div>'


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], *, caption: str, most: int = 200) -> str:
    """A table that scrolls in its own box; beyond `most` rows it says how many more the download has.

    On a phone a row of a broad table, or of one with sentences in it, becomes a card, each cell beside its heading.
    """
    shown = list(rows)
    head = "".join(f'<th scope="col"{_aligned(c)}>{escape(c.heading)}</th>' for c in columns)
    body = "".join(f"<tr>{_cells(row, columns)}</tr>" for row in shown[:most])
    kind = "wb-table wb-broad" if _is_broad(shown[:most], columns) else "wb-table"
    more = note(f"{len(shown) - most:,} more rows are in the download.") if len(shown) > most else ""
    return (
        f'<div class="wb-scroll" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}">'
        f'<table class="{kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def _is_broad(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> bool:
    has_sentences = any(len(_written(row, column)) > LONG_CELL for row in rows for column in columns)
    return len(columns) > NARROW_COLUMNS or (len(columns) > 2 and has_sentences)


def tiles(readings: Iterable[Reading]) -> str:
    """Readings as tiles: label, value, status in a word and a glyph, target or reason."""
    return f'<div class="wb-tiles">{"".join(map(_tile, readings))}</div>'


def stack_map(layers: Mapping[str, Sequence[tuple[str, str, str]]], *, most: int) -> str:
    """The stack as a map: a column a layer in the order of the flow, a chip a tool (name, cost, decision)."""
    columns = "".join(_layer(i, name, chips, most) for i, (name, chips) in enumerate(layers.items(), start=1))
    return (
        f'<div class="wb-map" role="list" aria-label="Stack map: tools by layer">{columns}</div>'
        '<p class="wb-note">Data flows from left to right, from collection to measurement; what is measured feeds back '
        "into modeling, and AI and automation assist every layer.</p>"
    )


def cut(text: str, longest: int = LONGEST) -> str:
    """Text short enough for its place."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _layer(number: int, name: str, chips: Sequence[tuple[str, str, str]], most: int) -> str:
    tools = "".join(
        f'<li class="wb-chip wb-{decision.lower()}" title="{escape(tool, quote=True)}">'
        f"<b>{escape(cut(tool, LONGEST_CHIP))}</b>"
        f"<span>{escape(cost)} · {escape(decision)}</span></li>"
        for tool, cost, decision in chips[:most]
    )
    if len(chips) > most:
        tools += f'<li class="wb-chip wb-empty">and {len(chips) - most:,} more</li>'
    empty = '<li class="wb-chip wb-empty">no tool</li>'
    heading = f"<h3>{number}. {escape(name)}</h3>"
    return f'<section class="wb-layer" role="listitem">{heading}<ul>{tools or empty}</ul></section>'


def _tile(reading: Reading) -> str:
    kind = reading.status if reading.status in ("pass", "watch", "fail", "info") else "none"
    value = in_unit(reading.value, reading.unit) if reading.value is not None else reading.status.capitalize()
    below = (
        reading.reason if reading.value is None else f"target: {reading.target}" if reading.target else _ends(reading)
    )
    status = "" if reading.status == "info" or reading.value is None else (
        f'<p class="wb-tile-status"><span class="wb-glyph" aria-hidden="true">{GLYPHS[reading.status]}</span>'
        f"{reading.status}</p>"
    )  # fmt: skip
    return (
        f'<div class="wb-tile wb-{kind}"><p class="wb-tile-label">{escape(label(reading.metric))}</p>'
        f'<p class="wb-tile-value">{escape(value)}</p>{status}<p class="wb-tile-note">{escape(below)}</p></div>'
    )


def _ends(reading: Reading) -> str:
    """The interval of a value; "" where it has none."""
    if reading.lower is None and reading.upper is None:
        return ""
    ends = (end if end is None else in_unit(end, reading.unit) for end in (reading.lower, reading.upper))
    return " to ".join(end or "no end" for end in ends)


def _cells(row: Mapping[str, Any], columns: Sequence[Column]) -> str:
    """The cells of one row; the first one names it."""
    written = [f"{_aligned(c)}>{escape(cut(_written(row, c)))}" for c in columns]
    headings = [escape(c.heading, quote=True) for c in columns]
    first = f'<th scope="row"{written[0]}</th>'
    return first + "".join(f'<td data-label="{h}"{c}</td>' for h, c in zip(headings[1:], written[1:], strict=True))


def _written(row: Mapping[str, Any], column: Column) -> str:
    value = row.get(column.key)
    return "" if value is None else column.write(value)


def _aligned(column: Column) -> str:
    return ' class="wb-num"' if column.is_number else ""
