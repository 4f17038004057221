"""The six layers and their categories, with the tools commonly found in each; shipped as data."""

from __future__ import annotations

from collections.abc import Mapping
from csv import DictReader
from functools import cache
from importlib.resources import files
from typing import NamedTuple

LAYERS = ("Collection", "Storage", "Modeling", "Activation", "Measurement", "AI / automation")


class Category(NamedTuple):
    """A kind of tool: the layers it may sit in, and tools known to do that job (a tool may be in several)."""

    name: str
    layers: tuple[str, ...]
    tools: tuple[str, ...]


@cache
def categories() -> Mapping[str, Category]:
    """Category name -> Category, in the order of the layers."""
    text = files("martech_lib.core").joinpath("taxonomy.csv").read_text(encoding="utf-8")
    rows = DictReader(text.splitlines())
    found = (Category(row["category"], _split(row["layers"]), _split(row["tools"])) for row in rows)
    return {category.name: category for category in found}


def layers_of(tool: str, category: str) -> frozenset[str]:
    """Every layer the taxonomy gives a tool: those of its row's category and of each category that lists it."""
    named = categories_listing(tool)
    own = categories().get(category)
    return frozenset(layer for entry in (*named, *([own] if own else [])) for layer in entry.layers)


def categories_listing(tool: str) -> tuple[Category, ...]:
    """The categories that name this tool, whatever its row says."""
    return _by_tool().get(tool.strip().lower(), ())


@cache
def _by_tool() -> Mapping[str, tuple[Category, ...]]:
    index: dict[str, tuple[Category, ...]] = {}
    for category in categories().values():
        for tool in category.tools:
            index[tool.lower()] = (*index.get(tool.lower(), ()), category)
    return index


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())
