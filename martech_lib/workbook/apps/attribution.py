"""Attribution as its notebook shows it: each method is one view, drawn from the state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import ipywidgets as widgets

from martech_lib.attribution import AttributionReading, charts, words
from martech_lib.attribution.triangulation import charts as lens_charts
from martech_lib.attribution.triangulation import words as lens_words
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.core.errors import UserError
from martech_lib.core.workspace import Workspace
from martech_lib.workbook import html
from martech_lib.workbook.apps import attribution_controls as controls
from martech_lib.workbook.apps import attribution_tables as tables
from martech_lib.workbook.apps import triangulation_tables as lens_tables
from martech_lib.workbook.apps.attribution_state import AttributionState, question_of
from martech_lib.workbook.apps.files import upload
from martech_lib.workbook.apps.triangulation_controls import PoolingControls, asked_of
from martech_lib.workbook.notebook import Book
from martech_lib.workbook.progress import Bar
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Download, Press

TRUTH = (
    "Against the truth",
    "In a simulated world it is known what each channel caused. It is laid beside every model, for the whole log, to "
    "show what attribution can and cannot see.",
)
LENS_TRUTH = (
    "Ranges against the truth",
    "A simulated world knows what each channel caused in the whole log. It is laid beside the ranges of the whole log.",
)
TOLD_AS_LACKING = ("headline", "pulls", "overcounts", "next_test", "budget")  # one a part of the page
OF_EVERYBODY = ("cost_per_conversion", "claims")
INSTEAD = {
    "days_to_convert": "A table of paths has no times.",
    "cost_per_conversion": "Not measured: needs spend.csv with amounts in the period.",
    "claims": "Not measured: needs platform_reported.csv with the months of the period.",
    "against_truth": "",
}
OF_MODELS = ("credit_by_model", "cost_per_conversion")
NO_MODEL = "There is nothing to draw: tick a model among those drawn."


class AttributionApp:
    """The views of attribution over one state; a view made twice follows the state twice.

    Args:
        book: The opened notebook. Its parameters and deep link are applied, and the result goes to its report.

    Raises:
        UserError: In a report, logs that cannot be read, or a parameter that is not allowed.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._broken: list[str] = []
        self._settings: list[controls.Settings] = []
        self._pooling: list[PoolingControls] = []
        with Bar() if book.mode != "report" else nullcontext():
            self.state = AttributionState(book.workspace, self._asked(book.values), asked=self._pooled(book.values))
        if book.mode == "report" and (self.state.faults or self._broken):
            raise UserError("\n".join([*self.state.faults, *self._broken]))
        if self.state.reading is not None:
            book.publish(self.state.reading)

    def follow_link(self) -> None:
        """Apply the deep link of an app's page; the notebook's last call, see `Book.link`."""
        link = self.book.link()
        self._broken += link.faults
        try:
            question = question_of(link.values, self.state.question)
            asked = asked_of(link.values, self.state.asked)
            if link.values.get("data"):
                self.state.open(Workspace.open(link.values["data"]), question=question, asked=asked)
            elif link.values:
                self.state.ask(asked=asked, **question._asdict())
        except Exception as error:
            self._broken += told(error)
        if link.values or link.faults:
            self._follow()

    def faults(self) -> Any:
        """What is wrong with the input, the link or the last setting; empty when nothing is."""
        return self.book.screen.html(lambda: html.alert([*self._broken, *self.state.faults, *self._control_faults()]))

    def say(self, topic: str) -> Any:
        """A paragraph of `attribution.words` by its name: headline, agreement, walk, cost, claimed, truth, ..."""
        speak: Callable[[AttributionReading], str] = getattr(words, topic)
        return self._markup(lambda reading: html.say(speak(reading)), always=True)

    def truth_head(self) -> Any:
        """The heading of what only a simulated world has."""
        return self._markup(lambda reading: html.section(*TRUTH) if reading.beside.gaps else "", always=True)

    def notes(self) -> Any:
        """What was assumed in reading."""
        return self._markup(lambda reading: "".join(html.note(line) for line in words.notes(reading)))

    def tiles(self) -> Any:
        """The key readings."""
        return self._markup(tables.key_tiles, always=True)

    def table(self, name: str) -> Any:
        """A table of `attribution_tables` by its name: credit, intervals, paths, costs, claims, truth, ledger, ..."""
        render: Callable[[AttributionReading], str] = getattr(tables, f"{name}_table")
        return self._markup(render, always=name == "lenses")

    def chart(self, name: str) -> Any:
        """A chart of `attribution.charts` by its name: credit_by_model, model_pairs, assists, path_lengths, ..."""
        draw: Callable[[AttributionReading], Any] = getattr(charts, name)
        has_marks: Callable[[AttributionReading], bool] = HAS_MARKS[name]

        def chart() -> Any:
            reading = self.state.reading
            return draw(reading) if reading is not None and not reading.lacks and has_marks(reading) else None

        return self.book.screen.figure(chart, otherwise=lambda: self._instead(name))

    def lens_say(self, topic: str, *, whole: bool = False) -> Any:
        """A paragraph of `triangulation.words` by its name: headline, verdicts, pulls, next_test, budget, ..."""
        speak: Callable[[TriangulationReading], str] = getattr(lens_words, topic)

        def said() -> str:
            reading, page = self._lenses(whole=whole), self.state.reading
            if reading is not None:
                return html.say(speak(reading))
            return html.say(f"Not measured: {page.lacks}.") if page is not None and topic in TOLD_AS_LACKING else ""

        return self.book.screen.html(said)

    def lens_truth_head(self) -> Any:
        """The heading of the ranges beside the truth, which only a simulated world has."""
        return self._lens_markup(lambda reading: html.section(*LENS_TRUTH) if reading.truth else "", whole=True)

    def lens_tiles(self) -> Any:
        """The key readings of all lenses together."""
        return self._lens_markup(lens_tables.key_tiles)

    def lens_table(self, name: str) -> Any:
        """A table of `triangulation_tables` by its name: ranges, lens_values, how, overcounts, tests, budget."""
        return self._lens_markup(getattr(lens_tables, f"{name}_table"))

    def lens_notes(self) -> Any:
        """What the lenses' reading assumed."""
        return self._lens_markup(lambda reading: "".join(html.note(line) for line in lens_words.notes(reading)))

    def lens_chart(self, name: str) -> Any:
        """A chart of `triangulation.charts` by its name: ranges, budget, against_truth (of the whole log)."""
        draw: Callable[[TriangulationReading], Any] = getattr(lens_charts, name)
        whole = name == "against_truth"

        def chart() -> Any:
            reading = self._lenses(whole=whole)
            is_there = reading is not None and reading.ranges and (name != "budget" or reading.budget)
            return draw(reading) if reading is not None and is_there else None

        return self.book.screen.figure(chart, otherwise=lambda: self._instead_of_lenses(name))

    def lens_settings(self) -> Any:
        """Lenses on and off, what a budget may do, and the priors, as controls."""
        if self.book.mode == "report":
            return None
        self._pooling.append(PoolingControls(self.state, self._follow))
        return self._pooling[-1].view

    def next_test(self) -> Any:
        """The recommended test into the backlog, in one step, or as a file."""
        if self.book.mode == "report":
            return None
        write = Press(self.state.write_next_test, label="Write this test into the backlog")
        save = Download(self.state.next_test_csv, label="Download it as a row", filename="backlog.csv")
        return widgets.HBox([write, save]).add_class("wb-downloads")

    def _lenses(self, *, whole: bool = False) -> TriangulationReading | None:
        reading = self.state.reading
        if reading is None:
            return None
        return reading.triangulated_whole if whole else reading.triangulated

    def _lens_markup(self, render: Callable[[TriangulationReading], str], *, whole: bool = False) -> Any:
        def shown() -> str:
            reading = self._lenses(whole=whole)
            return "" if reading is None else render(reading)

        return self.book.screen.html(shown)

    def settings(self) -> Any:
        """The question as controls."""
        return None if self.book.mode == "report" else self._make_settings()

    def files(self) -> Any:
        """Upload and download."""
        if self.book.mode == "report":
            return None
        return widgets.VBox(
            [upload(self.state.upload, self._follow, what="a table of paths"), controls.downloads(self.state)]
        )

    def _control_faults(self) -> list[str]:
        asked, pooled = (
            [fault for part in parts for fault in part.faults] for parts in (self._settings, self._pooling)
        )
        return [*asked, *pooled]

    def _pooled(self, values: Any) -> Asked | None:
        """How the notebook's parameters pool the lenses; the usual way where they make no sense, which is told."""
        try:
            return asked_of(values)
        except UserError as error:
            self._broken += told(error)
            return None

    def _make_settings(self) -> Any:
        self._settings.append(controls.Settings(self.state, self._follow))
        return self._settings[-1].view

    def _asked(self, values: Any) -> Any:
        """The question of the notebook's parameters; the usual one where they make no sense, which is told."""
        try:
            return question_of(values)
        except UserError as error:
            self._broken += told(error)
            return None

    def _follow(self) -> None:
        """Bring everything in step."""
        for settings in self._settings:
            settings.follow()
        for pooling in self._pooling:
            pooling.follow()
        self.book.screen.refresh()

    def _instead(self, name: str) -> str:
        reading = self.state.reading
        if reading is not None and reading.lacks:
            return f"Not measured: {reading.lacks}."
        if reading is not None and name in OF_MODELS and not reading.question.shown:
            return NO_MODEL
        if reading is not None and reading.question.part and name in OF_EVERYBODY:
            return f"Refused for {reading.question.part} alone: the figures speak of everybody."
        return INSTEAD.get(name, "There is nothing to draw: no conversion with a touch before it.")

    def _instead_of_lenses(self, name: str) -> str:
        page = self.state.reading
        if page is None or page.triangulated is None or name == "against_truth":
            return self._instead("against_truth")
        return lens_words.no_budget(page.triangulated)

    def _markup(self, render: Callable[[AttributionReading], str], *, always: bool = False) -> Any:
        def shown() -> str:
            reading = self.state.reading
            if reading is None or (reading.lacks and not always):
                return ""
            return render(reading)

        return self.book.screen.html(shown)


HAS_MARKS: dict[str, Callable[[AttributionReading], bool]] = {
    "credit_by_model": lambda r: bool(charts.credit_rows(r)["conversions"].any()),
    "model_pairs": lambda r: not charts.pair_rows(r).empty,
    "assists": lambda r: bool(r.beside.assists) and any(a.last or a.assisted for a in r.beside.assists),
    "path_lengths": lambda r: r.beside.walks is not None and not r.beside.walks.lengths.empty,
    "days_to_convert": lambda r: (
        r.beside.walks is not None and r.beside.walks.days is not None and not r.beside.walks.days.empty
    ),
    "cost_per_conversion": lambda r: not charts.cost_rows(r).empty,
    "claims": lambda r: not charts.claim_rows(r).empty,
    "against_truth": lambda r: not charts.truth_rows(r).empty,
}
