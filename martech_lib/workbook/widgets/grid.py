"""An editable table of real page cells, worked by keyboard, for a few rows or some thousands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traitlets import Bool, Dict, Int, List, TraitError, Unicode, observe, validate

from martech_lib.core.errors import UserError
from martech_lib.workbook.widgets.panel import Panel, script, style

Row = dict[str, str]
KINDS = ("text", "choice", "number", "money", "date", "boolean")


class Grid(Panel):
    """An editable table; `rows` always holds what the page shows.

    Attributes:
        label: What the table is, for screen readers.
        columns: One mapping a column: name (required), label, kind (one of KINDS), choices (list of text),
            width (px), help, read_only.
        rows: One mapping of text a row, column name -> value; "" is blank. Names without a column stay too.
        problems: Mappings row (index from 0), column, message: marked at the cell and listed under the table;
            without a row or a column only listed.
        fixed: Whether the rows are given: then none can be added or removed in the page.
        height: The most the table takes, in px; beyond it scrolls inside its own box.

    A callback of `on_edit` that raises undoes the edit; one that sets `problems` keeps it and marks it.
    Setting `rows` shows the new rows.
    """

    _esm = script("dom.js", "grid_store.js", "grid_editor.js", "grid_drawing.js", "grid.js")
    _css = style()

    label = Unicode("Editable table").tag(sync=True)
    columns = List(Dict()).tag(sync=True)
    rows = List(Dict()).tag(sync=True)
    problems = List(Dict()).tag(sync=True)
    fixed = Bool(False).tag(sync=True)
    height = Int(420).tag(sync=True)
    # What keeps page and kernel in step: how often all rows were sent, how often that moved
    # them, and a page's last change that was dealt with: {client, seq, change}; none if refused or in the rows.
    revision = Int(0).tag(sync=True)
    structure = Int(0).tag(sync=True)
    applied = Dict().tag(sync=True)

    def __init__(self, *, columns: Sequence[Mapping[str, Any]], **traits: Any) -> None:
        self._callbacks: list[Callable[[list[Row]], object]] = []
        self._applying = False
        super().__init__(columns=list(columns), **traits)

    def on_edit(self, callback: Callable[[list[Row]], object]) -> None:
        """Call `callback(rows)` after each change made in the page: an edit, a paste, a row more or less."""
        self._callbacks.append(callback)

    @validate("columns")
    def _complete_columns(self, proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [_complete(column) for column in proposal["value"]]

    @validate("rows")
    def _text_rows(self, proposal: Mapping[str, Any]) -> list[Row]:
        return [_text_row(number, row) for number, row in enumerate(proposal["value"])]

    @observe("rows")
    def _rows_replaced(self, change: Mapping[str, Any]) -> None:
        with self.hold_sync():
            if not self._same_places(change["old"] or [], change["new"]):
                self.structure += 1
            self.revision += 1

    def _same_places(self, old: list[Row], new: list[Row]) -> bool:
        """Whether row 7 is still the same thing: by the first column, which a callback may tidy though."""
        first = self.columns[0]["name"] if self.columns else ""
        same = self._applying or [row.get(first) for row in old] == [row.get(first) for row in new]
        return same and len(old) == len(new)

    def _on_message(self, _widget: object, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        if content.get("kind") not in ("edit", "splice"):
            return
        before, revision = list(self.rows), self.revision
        with self.hold_sync():
            kept = self.attempt(lambda: self._apply(content))
            if not kept:
                self._restore(before)
            news = dict(content) if kept and self.revision == revision else None
            self.applied = {"client": content.get("client"), "seq": content.get("seq"), "change": news}

    def _apply(self, change: Mapping[str, Any]) -> None:
        if change.get("structure") != self.structure:
            raise UserError("The table was replaced meanwhile: your last change was not kept, make it again.")
        after = changed(self.rows, change, self.columns)
        if self.fixed and len(after) != len(self.rows):
            raise UserError("Rows cannot be added or removed in this table.")
        # In place, for assigning would send every row back to the page that has just made this one change.
        self.rows[:] = after
        self.say("")
        self._applying = True
        try:
            for callback in self._callbacks:
                callback(list(self.rows))
        finally:
            self._applying = False

    def _restore(self, rows: list[Row]) -> None:
        self._applying = True
        try:
            self.rows = rows
        finally:
            self._applying = False


def changed(rows: list[Row], change: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows after one change; `rows` and its mappings stay as they were.

    `change` is {kind: "edit", row, column, value} or {kind: "splice", row, remove, rows}: from `row` on,
    `remove` rows go and `rows` come in their place. Raises ValueError for one that does not fit the table.
    """
    at = _place(change.get("row"), len(rows) if change["kind"] == "splice" else len(rows) - 1)
    if change["kind"] == "edit":
        name, value = change.get("column"), change.get("value")
        if not isinstance(value, str) or name not in {c["name"] for c in columns if not c["read_only"]}:
            raise ValueError(f"no editable column {name!r}, or its value is not text")
        return [*rows[:at], {**rows[at], name: value}, *rows[at + 1 :]]
    remove = _place(change.get("remove"), len(rows) - at)
    blank = {column["name"]: "" for column in columns}
    added = [_text_row(at + i, {**blank, **row}) for i, row in enumerate(change.get("rows") or ())]
    return [*rows[:at], *added, *rows[at + remove :]]


def _place(number: object, highest: int) -> int:
    if not isinstance(number, int) or not 0 <= number <= highest:
        raise ValueError(f"{number!r} is not a whole number from 0 to {highest}")
    return number


def _complete(column: Mapping[str, Any]) -> dict[str, Any]:
    name, kind = column.get("name"), column.get("kind", "text")
    if not isinstance(name, str) or not name:
        raise TraitError(f"A column of the table has no name: {dict(column)!r}")
    if kind not in KINDS:
        raise TraitError(f"Column {name!r} is of kind {kind!r}; kinds are {', '.join(KINDS)}")
    spare: dict[str, Any] = {"label": name, "choices": [], "width": None, "help": "", "read_only": False}
    return {**spare, **column, "kind": kind, "choices": list(column.get("choices") or ())}


def _text_row(number: int, row: Mapping[str, Any]) -> Row:
    for name, value in row.items():
        if not isinstance(value, str):
            raise TraitError(f"Row {number}, column {name!r}: {value!r} is not text; blank is ''")
    return dict(row)
