"""The experiment planner as its notebook shows it: each method is one view, drawn from the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from martech_lib.core.errors import UserError
from martech_lib.core.workspace import Workspace
from martech_lib.experiments import charts, words
from martech_lib.experiments.page import Planner
from martech_lib.workbook import html
from martech_lib.workbook.apps import experiments_controls as controls
from martech_lib.workbook.apps import experiments_tables as tables
from martech_lib.workbook.apps.experiments_state import ExperimentsState
from martech_lib.workbook.notebook import Book
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Download

OF_PLAN = ("seen_by_week", "power_by_effect", "daily_peeks")
OF_PLAN_WORDS = ("headline", "advice", "waiting", "looking", "calculators", "gate", "arms")
NO_EXPERIMENT = (
    "Not measured: supply assignments and outcomes with users of an experiment that stands in experiments.csv."
)
INSTEAD = {
    "seen_by_week": "Nothing can be drawn: give the unique users of a week.",
    "lifts": "Nothing is read: see above.",
    "calendar": "Nothing has a place: supply backlog.csv with ideas, their baselines and their weekly users.",
    "matrix": "Not measured: supply experiments.csv, the register of experiments.",
    "throughput": "Not measured: supply experiments.csv, the register of experiments.",
}


class ExperimentsApp:
    """The views of the planner over one state; a view made twice follows the state twice.

    Args:
        book: The opened notebook. Its parameters and deep link are applied, and the result goes to its report.

    Raises:
        UserError: In a report, a table that cannot be read, or a parameter that is not allowed.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._broken: list[str] = []
        self._plans: list[controls.PlanControls] = []
        self._choices: list[tuple[controls.Choice, Callable[[], str]]] = []
        self.state = ExperimentsState(book.workspace, book.values, experiment=str(book.values.get("experiment", "")))
        if book.mode == "report" and self.state.faults:
            raise UserError("\n".join(self.state.faults))
        if self.state.page is not None:
            book.publish(self.state.page)

    def follow_link(self) -> None:
        """Apply the deep link of an app's page; the notebook's last call, see `Book.link`."""
        link = self.book.link()
        self._broken += link.faults
        try:
            if link.values.get("data"):
                self.state.open(Workspace.open(link.values["data"]), link.values)
            else:
                self.state.ask(**link.values)
            if link.values.get("experiment"):
                self.state.choose(str(link.values["experiment"]))
        except Exception as error:
            self._broken += told(error)
        if link.values or link.faults:
            self._follow()

    def faults(self) -> Any:
        """What is wrong with the input, the link or the last setting; empty when nothing is."""
        return self.book.screen.html(lambda: html.alert([*self._broken, *self.state.faults, *self._control_faults()]))

    def say(self, topic: str) -> Any:
        """A paragraph of `experiments.words` by its name: headline, waiting, looking, gate, reading, backlog, ..."""
        speak: Callable[[Any], str] = getattr(words, topic)
        return self.book.screen.html(lambda: self._said(topic, speak))

    def tiles(self, name: str) -> Any:
        """Key readings by their name: plan, backlog, record."""
        return self._markup(getattr(tables, f"{name}_tiles"))

    def table(self, name: str) -> Any:
        """A table of `experiments_tables` by its name: weeks, rules, conventions, gate, readout, arms, ideas, ..."""
        return self._markup(getattr(tables, f"{name}_table"))

    def chart(self, name: str) -> Any:
        """A chart of `experiments.charts` by its name: seen_by_week, power_by_effect, daily_peeks, lifts, ..."""
        draw: Callable[[Any], Any] = getattr(charts, name)

        def chart() -> Any:
            of = self._drawn(name)
            return None if of is None else draw(of)

        return self.book.screen.figure(chart, otherwise=INSTEAD.get(name, ""))

    def calculator(self) -> Any:
        """The three numbers."""
        return None if self.book.mode == "report" else self._controls().calculator

    def settings(self) -> Any:
        """All other fields of the plan, folded, and where they may be taken from."""
        if self.book.mode == "report":
            return None
        idea = self._choice("Take an idea of the backlog", self._ideas, self.state.take_idea, lambda: "")
        past = self._choice(
            "Take baseline and traffic from", lambda: list(self.state.readable), self.state.take_history, lambda: ""
        )
        taken = widgets.VBox([idea.view, past.view]).add_class("wb-controls")
        return widgets.VBox([taken, self._controls().folded])

    def files(self) -> Any:
        """The card down and up, and the plan into the register."""
        return None if self.book.mode == "report" else controls.files(self.state, self._follow)

    def link(self) -> Any:
        """A link to this page that carries the plan."""
        if self.book.mode != "app":
            return None
        return self.book.screen.html(lambda: html.link(f"?{self.state.link()}", "Link to this plan"))

    def choose(self) -> Any:
        """Which experiment is read, and its readings as a file."""
        if self.book.mode == "report":
            return None
        one = self._choice(
            "Experiment", lambda: list(self.state.readable), self.state.choose, lambda: self.state.experiment
        )
        save = Download(self.state.readout_csv, label="Download the readings", filename="readout.csv")
        which = widgets.VBox([one.view]).add_class("wb-controls")
        return widgets.VBox([which, widgets.HBox([save]).add_class("wb-downloads")])

    def results(self) -> Any:
        """What the experiment came to, into the register."""
        return None if self.book.mode == "report" else controls.results(self.state, self._follow)

    def _controls(self) -> controls.PlanControls:
        if not self._plans:
            self._plans.append(controls.PlanControls(self.state, self._follow))
        return self._plans[0]

    def _choice(
        self, label: str, options: Callable[[], list[str]], take: Callable[[str], Any], now: Callable[[], str]
    ) -> controls.Choice:
        made = controls.Choice(label, options, take, self._follow)
        made.follow(now())
        self._choices.append((made, now))
        return made

    def _ideas(self) -> list[str]:
        page = self.state.page
        return [] if page is None else [idea.idea for idea in page.backlog.ideas]

    def _control_faults(self) -> list[str]:
        parts = [*(plan.faults for plan in self._plans), *(choice.faults for choice, _ in self._choices)]
        return [fault for part in parts for fault in part]

    def _follow(self) -> None:
        """Bring everything in step."""
        for plan in self._plans:
            plan.follow()
        for choice, now in self._choices:
            choice.follow(now())
        self.book.screen.refresh()

    def _said(self, topic: str, speak: Callable[[Any], str]) -> str:
        if topic in OF_PLAN_WORDS:
            return html.say(speak(self.state.plan))
        page = self.state.page
        if page is None:
            return ""
        if topic == "reading":
            return html.say(speak(page.readout) if page.readout else NO_EXPERIMENT)
        return html.say(speak(page.backlog if topic == "backlog" else page.record))

    def _drawn(self, name: str) -> Any:
        """What a chart is drawn of; None where there is nothing."""
        page = self.state.page
        if name in OF_PLAN:
            return None if name == "seen_by_week" and self.state.plan.weeks is None else self.state.plan
        if page is None:
            return None
        if name == "lifts":
            return page.readout if page.readout and not charts.readout_rows(page.readout).empty else None
        if name == "calendar":
            return page.backlog if page.backlog.fitting else None
        return page.record if page.record.ids else None

    def _markup(self, render: Callable[[Planner], str]) -> Any:
        return self.book.screen.html(lambda: render(self.state.page) if self.state.page else "")
