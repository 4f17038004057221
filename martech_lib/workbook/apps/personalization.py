"""Personalization holdouts as their notebook shows them: each method is one view, drawn from the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from martech_lib.core.errors import UserError
from martech_lib.core.workspace import Workspace
from martech_lib.personalization import charts, words
from martech_lib.personalization.message_words import message_words
from martech_lib.personalization.page import Page
from martech_lib.workbook import html
from martech_lib.workbook.apps import personalization_controls as controls
from martech_lib.workbook.apps import personalization_tables as tables
from martech_lib.workbook.apps.personalization_state import PersonalizationState
from martech_lib.workbook.notebook import Book
from martech_lib.workbook.progress import Bar
from martech_lib.workbook.views import told

OF_ALL = ("programmes", "kinds", "clicks_and_conversions", "claims")
INSTEAD = {
    "clicks_and_conversions": "Nothing can be drawn: no programme has both clicks and conversions.",
    "claims": "Not measured: supply programs.csv with what the dashboards claim.",
    "lifts": "Nothing is read: see above.",
    "forest": "There are no segments to compare.",
    "by_week": "No week could be compared.",
    "by_look": "No look before the end is shown: the holdout has fewer than a hundred converters.",
    "policies": "Nothing is read: see above.",
}


class PersonalizationApp:
    """The views of the holdouts over one state; a view made twice follows the state twice.

    Args:
        book: The opened notebook. Its parameters and deep link are applied, and the result goes to its report.

    Raises:
        UserError: In a report, a table that cannot be read, or a parameter that is not allowed.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._broken: list[str] = []
        self._controls: list[controls.Controls] = []
        with Bar():
            self.state = PersonalizationState(book.workspace, book.values)
        if book.mode == "report" and self.state.faults:
            raise UserError("\n".join(self.state.faults))
        if self.state.page is not None:
            book.publish(self.state.page)

    def follow_link(self) -> None:
        """Apply the deep link of an app's page; the notebook's last call, see `Book.link`."""
        link = self.book.link()
        self._broken += link.faults
        if link.values or link.faults:
            source = link.values.get("data")
            try:
                workspace = Workspace.open(source) if source else self.book.workspace
                self.state.open(workspace, {**self.book.values, **link.values})
            except Exception as error:
                self._broken += told(error)
            self._follow()

    def faults(self) -> Any:
        """What is wrong with the input, the link or the last setting; empty when nothing is."""
        return self.book.screen.html(lambda: html.alert([*self._broken, *self.state.faults, *self._control_faults()]))

    def say(self, topic: str) -> Any:
        """A paragraph of `personalization.words` by its name: headline, split, revenue, segments, rollout, ..."""
        speak: Callable[[Any], str] = message_words if topic == "messages" else getattr(words, topic)
        return self.book.screen.html(lambda: self._said(topic, speak))

    def each(self) -> Any:
        """The verdict of every programme, a paragraph each."""
        return self._markup(lambda page: "".join(html.say(told) for told in words.each(page.programmes)))

    def tiles(self, name: str) -> Any:
        """Key readings by their name: total, reading."""
        return self._markup(getattr(tables, f"{name}_tiles"))

    def table(self, name: str) -> Any:
        """A table of `personalization_tables` by its name: programmes, arms, outcomes, segments, policies, sizes."""
        return self._markup(getattr(tables, f"{name}_table"))

    def chart(self, name: str) -> Any:
        """A chart of `personalization.charts` by its name: lifts, forest, by_week, by_look, policies, claims, ..."""
        draw: Callable[[Any], Any] = getattr(charts, name)

        def chart() -> Any:
            of = self._drawn(name)
            return None if of is None else draw(of)

        return self.book.screen.figure(chart, otherwise=INSTEAD[name])

    def choose(self) -> Any:
        """Programme, window and cost."""
        return None if self.book.mode == "report" else self._made().reading

    def calculator(self) -> Any:
        """How big a holdout: three numbers."""
        return None if self.book.mode == "report" else self._made().calculator

    def uploads(self) -> Any:
        """Assignments and outcomes as files."""
        return None if self.book.mode == "report" else controls.uploads(self.state, self._follow)

    def downloads(self) -> Any:
        """Readings and segments as files."""
        return None if self.book.mode == "report" else controls.downloads(self.state)

    def register(self) -> Any:
        """The next holdout into the experiment register."""
        return None if self.book.mode == "report" else controls.register(self.state, self._follow)

    def link(self) -> Any:
        """A link to this page as it stands."""
        if self.book.mode != "app":
            return None
        return self.book.screen.html(lambda: html.link(f"?{self.state.link()}", "Link to this reading"))

    def _made(self) -> controls.Controls:
        if not self._controls:
            self._controls.append(controls.Controls(self.state, self._follow))
        return self._controls[0]

    def _control_faults(self) -> list[str]:
        return [fault for made in self._controls for fault in made.faults]

    def _follow(self) -> None:
        """Bring everything in step."""
        for made in self._controls:
            made.follow()
        self.book.screen.refresh()

    def _said(self, topic: str, speak: Callable[[Any], str]) -> str:
        page = self.state.page
        if page is None:
            return ""
        if topic in OF_ALL:
            return html.say(speak(page.programmes))
        if topic == "messages":
            return html.say(speak(page.messages)) if page.messages else ""
        if topic == "holdout_size":
            return html.say(speak(page.sizes))
        if page.reading is None:
            return html.say(words.NOTHING if topic == "headline" else "")
        return html.say(speak(page.reading))

    def _drawn(self, name: str) -> Any:
        """What a chart is drawn of; None where there is nothing."""
        page = self.state.page
        if page is None:
            return None
        of = page.programmes if name in OF_ALL else page.reading
        return None if of is None or charts.ROWS[name](of).empty else of

    def _markup(self, render: Callable[[Page], str]) -> Any:
        return self.book.screen.html(lambda: render(self.state.page) if self.state.page else "")
