"""The stack audit as its notebook shows it: each method is one view, drawn from the state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from martech_lib.core.errors import UserError
from martech_lib.core.workspace import Workspace
from martech_lib.stack import StackAudit, charts, words
from martech_lib.workbook import html
from martech_lib.workbook.apps import stack_controls as controls
from martech_lib.workbook.apps import stack_tables as tables
from martech_lib.workbook.apps.files import upload
from martech_lib.workbook.apps.stack_state import StackState
from martech_lib.workbook.notebook import Book
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Grid
from martech_lib.workbook.widgets.grid import Row

NO_INVENTORY = "Not measured: supply inventory.csv."
NO_DATE = "Not measured: needs as_of_date in profile.csv."
NO_ROADMAP = "Not measured: needs as_of_date in profile.csv and renewal_date in inventory.csv, or roadmap.csv."


class StackApp:
    """The views of the stack audit over one state; a view made twice follows the state twice.

    Args:
        book: The opened notebook. Its parameters and deep link are applied, and the audit goes to its report.

    Raises:
        UserError: In a report, an inventory that cannot be audited, or a parameter that is not allowed.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.state = StackState(book.workspace)
        self._link_faults: list[str] = []
        self._broken: list[str] = []
        self._settings: list[controls.Settings] = []
        self._grids: list[tuple[Grid, Callable[[StackState], list[Row]]]] = []
        self._inventories: list[Grid] = []
        self._refuse_in_report(self.state.faults)
        self._link_faults = controls.apply_link(self.state, book.values)
        self._refuse_in_report(self._link_faults)
        if self.state.audit is not None:
            book.publish(self.state.audit)

    def follow_link(self) -> None:
        """Apply the deep link of an app's page; the notebook's last call, see `Book.link`."""
        link = self.book.link()
        self._link_faults = [*link.faults]
        try:
            if link.values.get("data"):
                self.state.open(Workspace.open(link.values["data"]))
            self._link_faults += controls.apply_link(self.state, link.values, explicit=True)
        except Exception as error:
            self._link_faults += told(error)
        if link.values or link.faults:
            self._changed()

    def faults(self) -> Any:
        """What is wrong with the input or the link; empty when nothing is."""
        return self.book.screen.html(lambda: html.alert([*self._link_faults, *self.state.faults, *self._broken]))

    def say(self, topic: str) -> Any:
        """A paragraph of `stack.words` by its name: headline, spending, worth, findings, decisions, saving, ..."""
        speak: Callable[[StackAudit], str] = getattr(words, topic)
        return self._markup(lambda audit: html.say(speak(audit)), needs_tools=False)

    def tiles(self) -> Any:
        """The key readings."""
        return self._markup(tables.key_tiles, needs_tools=False)

    def stack_map(self) -> Any:
        """Tools by layer."""
        return self._markup(tables.stack_map)

    def table(self, name: str) -> Any:
        """A table of `stack_tables` by its name: findings, decisions, before_and_after, build_order, reviews, ..."""
        render: Callable[[StackAudit], str] = getattr(tables, f"{name}_table")
        return self._markup(render, needs_tools=name not in ("findings", "unmeasured"))

    def cost_chart(self) -> Any:
        """Cost by layer and tool."""
        return self._figure(charts.cost_by_layer, lambda a: any(t.annual_cost for t in a.tools), "Every tool is free.")

    def findings_chart(self) -> Any:
        """Findings by severity and money."""
        return self._figure(
            charts.findings_by_money, lambda a: bool(a.finding_records), "No rule found a fault.", needs_tools=False
        )

    def waterfall(self) -> Any:
        """From today's cost to the cost after."""
        return self._figure(charts.before_and_after, lambda _: True, NO_INVENTORY)

    def quarters_chart(self) -> Any:
        """The saving of each quarter ahead."""
        return self._figure(charts.saving_by_quarter, lambda a: bool(a.savings.quarters), NO_DATE)

    def roadmap_chart(self) -> Any:
        """The twelve months ahead."""
        return self._figure(charts.roadmap_gantt, lambda a: bool(a.roadmap), NO_ROADMAP)

    def settings(self) -> Any:
        """Thresholds, team and budget."""
        return self._live(self._make_settings)

    def files(self) -> Any:
        """Upload and downloads."""
        return self._live(
            lambda: widgets.VBox(
                [upload(self.state.upload, self._changed, what="an inventory"), controls.downloads(self.state)]
            )
        )

    def edit_inventory(self) -> Any:
        """The inventory as an editable table."""
        return self._live(self._make_inventory)

    def choose_decisions(self) -> Any:
        """The decisions, to be chosen tool by tool."""
        return self._live(lambda: self._grid(controls.decision_grid, controls.decision_rows))

    def _live(self, make: Callable[[], Any]) -> Any:
        """A control: there is nobody to use it in a report."""
        return None if self.book.mode == "report" else make()

    def _make_settings(self) -> Any:
        self._settings.append(controls.Settings(self.state, self._changed))
        return self._settings[-1].view

    def _make_inventory(self) -> Any:
        grid = self._grid(controls.inventory_grid, lambda state: state.rows)
        self._inventories.append(grid)
        return grid

    def _grid(self, make: Callable[..., Grid], rows: Callable[[StackState], list[Row]]) -> Grid:
        grid: Grid = make(self.state, lambda: self._changed(grid))
        self._grids.append((grid, rows))
        return grid

    def _changed(self, source: Grid | None = None) -> None:
        """Bring everything in step; the grid a change came from already shows it.

        A part that fails is told in the page and keeps no other from following.
        """
        self._broken = []
        steps: list[Callable[[], None]] = [settings.follow for settings in self._settings]
        steps += [self.book.screen.refresh]
        steps += [partial(self._follow_rows, grid, rows) for grid, rows in self._grids if grid is not source]
        for step in [*steps, self._mark]:
            try:
                step()
            except Exception as error:
                self._broken += told(error)
        if self._broken:
            self.book.screen.refresh()

    def _follow_rows(self, grid: Grid, rows: Callable[[StackState], list[Row]]) -> None:
        now = rows(self.state)
        if grid.rows != now:
            grid.rows = now

    def _mark(self) -> None:
        for grid in self._inventories:
            grid.problems = self.state.problems

    def _refuse_in_report(self, faults: list[str]) -> None:
        if self.book.mode == "report" and faults:
            raise UserError("\n".join(faults))

    def _markup(self, render: Callable[[StackAudit], str], *, needs_tools: bool = True) -> Any:
        def shown() -> str:
            audit = self.state.audit
            if audit is None:
                return ""
            return html.note(_no_tools(audit)) if needs_tools and not audit.tools else render(audit)

        return self.book.screen.html(shown)

    def _figure(
        self,
        draw: Callable[[StackAudit], Any],
        has_marks: Callable[[StackAudit], bool],
        otherwise: str,
        *,
        needs_tools: bool = True,
    ) -> Any:
        def chart() -> Any:
            audit = self.state.audit
            can_draw = audit is not None and (bool(audit.tools) or not needs_tools) and has_marks(audit)
            return draw(audit) if audit and can_draw else None

        def instead() -> str:
            audit = self.state.audit
            return otherwise if audit and audit.tools else _no_tools(audit)

        return self.book.screen.figure(chart, otherwise=instead)


def _no_tools(audit: StackAudit | None) -> str:
    """Why there is nothing to show."""
    return f"Not measured: {audit.no_tools}." if audit and audit.no_tools else NO_INVENTORY
