"""Every metric the workbook can say, declared once: docs/readings.md and the labels on screen come from here."""

from __future__ import annotations

from collections.abc import Mapping
from csv import DictReader
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Metric(NamedTuple):
    """A metric's id, the label a reader sees, its unit, what would be good, and how it is computed."""

    id: str
    label: str
    unit: str
    target: str
    meaning: str


@cache
def metrics() -> Mapping[str, Metric]:
    """Metric id -> Metric, in reading order."""
    text = files("martech_lib.core").joinpath("metrics.csv").read_text(encoding="utf-8")
    return {row["metric"]: Metric(*row.values()) for row in DictReader(text.splitlines())}


def declared(metric: str) -> Metric | None:
    """The Metric of an id; that of a program's reading, `theme.program.name`, is declared once for all programs."""
    theme, *middle, name = metric.split(".")
    return metrics().get(f"{theme}.<program>.{name}" if middle else metric)


def label(metric: str) -> str:
    """The words for a metric on screen."""
    known = declared(metric)
    return known.label if known else metric.split(".")[-1].replace("_", " ").capitalize()


def readings_page() -> str:
    """docs/readings.md: the table of all metrics."""
    head = [
        "# Readings",
        "",
        "Generated from `martech_lib/core/metrics.csv` by `python -m martech_lib.core.metrics`; do not edit by hand.",
        "Money is in the currency of `profile.csv`; a share is a fraction in files and a percent on screen.",
        "",
        "| Metric | On screen | Unit | Target | Meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = [f"| `{m.id}` | {m.label} | {m.unit} | {m.target} | {m.meaning} |" for m in metrics().values()]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(readings_page())
