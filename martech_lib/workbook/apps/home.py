"""The home notebook: the scorecard of all Readings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from martech_lib import attribution, stack
from martech_lib.core.errors import UserError
from martech_lib.core.metrics import label
from martech_lib.core.results import Reading, Result
from martech_lib.core.spoken import count, fitting, in_unit, listed, mid_sentence
from martech_lib.core.workspace import Workspace
from martech_lib.experiments.page import theme as experiments
from martech_lib.personalization.page import theme as personalization
from martech_lib.workbook import html
from martech_lib.workbook.html import Column
from martech_lib.workbook.notebook import Book

THEMES: tuple[Callable[[Workspace], Result], ...] = (stack.audit, attribution.read, experiments, personalization)
JUDGED = ("pass", "watch", "fail")
ALL_MEASURED = "Nothing is missing: every reading is measured."
RANK = {"fail": 0, "watch": 1, "pass": 2, "info": 3, "refused": 4, "not measured": 5}


class HomeApp:
    """Every reading of every theme on one page.

    Args:
        book: The opened notebook.

    Raises:
        UserError: In a report, a table that cannot be read.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._faults: list[str] = []
        self._results: list[Result] = []
        self._read(book.workspace)
        if book.mode == "report" and self._faults:
            raise UserError("\n".join(self._faults))

    def follow_link(self) -> None:
        """Apply the deep link of an app's page; the notebook's last call, see `Book.link`."""
        link = self.book.link()
        if link.values.get("data"):
            self._read(Workspace.open(link.values["data"]))
        self._faults += link.faults
        if link.values or link.faults:
            self.book.screen.refresh()

    def faults(self) -> Any:
        """What is wrong with the input; empty when nothing is."""
        return self.book.screen.html(lambda: html.alert(self._faults))

    def headline(self) -> Any:
        """How many readings are where they should be, in a sentence."""
        return self.book.screen.html(lambda: html.say("" if self._faults else _headline(self._totals())))

    def tiles(self) -> Any:
        """The readings that have a target, those that miss it first."""
        return self.book.screen.html(lambda: html.tiles(r for r in self._ranked() if r.status in JUDGED))

    def scorecard(self) -> Any:
        """All readings of the whole, those that miss their target first."""
        columns = [
            Column("what", "Reading"),
            Column("value", "Value", str, True),
            Column("status", "Status"),
            Column("target", "Target"),
            Column("note", "How it was read"),
        ]
        caption = "All readings, those that miss their target first"
        return self.book.screen.html(lambda: html.table(map(_row, self._ranked()), columns, caption=caption))

    def not_measured(self) -> Any:
        """What would switch on the parts that are not measured."""
        columns = [Column("what", "Not measured"), Column("needs", "What it needs")]
        caption = "What further data would show"

        def shown() -> str:
            gaps = self._gaps()
            if gaps:
                return html.table(gaps, columns, caption=caption)
            return "" if self._faults else html.note(ALL_MEASURED)

        return self.book.screen.html(shown)

    def _read(self, workspace: Workspace) -> None:
        self._results, self._faults = [], []
        for read in THEMES:
            try:
                self._results.append(read(workspace))
            except UserError as error:
                self._faults += [line for line in str(error).splitlines() if line not in self._faults]

    def _ranked(self) -> list[Reading]:
        return sorted(self._totals(), key=lambda r: RANK[r.status])

    def _gaps(self) -> list[dict[str, str]]:
        records = (r for result in self._results for r in result.reading_records)
        readings = (r for r in records if r.status == "not measured")
        return [{"what": _subject(r), "needs": r.reason} for r in readings]

    def _totals(self) -> list[Reading]:
        return [r for result in self._results for r in result.reading_records if not r.segment]


def _headline(readings: Sequence[Reading]) -> str:
    judged = [r for r in readings if r.status in JUDGED]
    if not judged:
        return "Nothing can be judged yet: supply profile.csv and inventory.csv to begin."
    missed = [mid_sentence(label(r.metric)) for r in judged if r.status == "fail"]
    watched = [mid_sentence(label(r.metric)) for r in judged if r.status == "watch"]
    n, met = len(judged), sum(r.status == "pass" for r in judged)
    words = f"{count(n, 'reading')} {fitting(n, 'has', 'have')} a target; {met} {fitting(met, 'meets', 'meet')} it."
    words += f" Off target: {listed(missed)}." if missed else ""
    return words + (f" To watch: {listed(watched)}." if watched else "")


def _row(reading: Reading) -> dict[str, str]:
    value = reading.status.capitalize() if reading.value is None else in_unit(reading.value, reading.unit)
    note = reading.reason or reading.method
    return {
        "what": label(reading.metric),
        "value": value,
        "status": reading.status,
        "target": reading.target,
        "note": note,
    }


def _subject(reading: Reading) -> str:
    if not reading.segment:
        return label(reading.metric)
    rule = stack.rule_title(reading.segment)
    return f"{label(reading.metric)}: {rule or reading.segment}"
