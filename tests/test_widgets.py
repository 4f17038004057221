"""The three controls without a browser: what a page sends, what Python makes of it, what the page is told."""

from __future__ import annotations

from typing import Any

import pytest
from traitlets import TraitError

from martech_lib.core.errors import UserError
from martech_lib.workbook.widgets import Download, Grid, Upload
from martech_lib.workbook.widgets.grid import changed
from martech_lib.workbook.widgets.panel import Panel

COLUMNS = [
    {"name": "tool", "label": "Tool"},
    {"name": "cost", "kind": "money"},
    {"name": "key", "read_only": True},
]
TWO = [{"tool": "HubSpot", "cost": "56000", "key": "1"}, {"tool": "GA4", "cost": "", "key": "2"}]


def page_says(widget: Panel, content: dict[str, Any], *buffers: bytes) -> None:
    """What the comm does with a custom message of a page."""
    widget._handle_custom_msg(content, [memoryview(part) for part in buffers])


def edit(grid: Grid, row: int, column: str, value: str, **more: Any) -> None:
    stamp = {"client": "page", "seq": 1, "structure": grid.structure}
    page_says(grid, {"kind": "edit", "row": row, "column": column, "value": value, **stamp, **more})


def splice(grid: Grid, row: int, remove: int, *rows: dict[str, str]) -> None:
    stamp = {"client": "page", "seq": 1, "structure": grid.structure}
    page_says(grid, {"kind": "splice", "row": row, "remove": remove, "rows": list(rows), **stamp})


@pytest.fixture
def grid() -> Grid:
    return Grid(columns=COLUMNS, rows=TWO)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], list[bytes]]]:
    """Everything that goes to the page, as (data, buffers)."""
    messages: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(Panel, "_send", lambda _, msg, buffers=None: messages.append((msg, buffers or [])))
    return messages


def test_columns_are_completed(grid: Grid) -> None:
    cost = grid.columns[1]
    assert (cost["label"], cost["kind"], cost["choices"], cost["read_only"]) == ("cost", "money", [], False)


@pytest.mark.parametrize(
    ("columns", "rows", "words"),
    [
        ([{"label": "Tool"}], [], "has no name"),
        ([{"name": "tool", "kind": "colour"}], [], "kinds are text, choice, number, money, date, boolean"),
        ([{"name": "tool"}], [{"tool": 3}], "Row 0, column 'tool': 3 is not text"),
    ],
)
def test_wrong_columns_and_rows_are_refused(columns: list, rows: list, words: str) -> None:
    with pytest.raises(TraitError, match=words):
        Grid(columns=columns, rows=rows)


def test_an_edit_reaches_the_rows_and_the_callback(grid: Grid) -> None:
    heard: list[list[dict[str, str]]] = []
    grid.on_edit(heard.append)
    edit(grid, 1, "cost", "24,000")
    assert grid.rows[1] == {"tool": "GA4", "cost": "24,000", "key": "2"}
    assert heard == [grid.rows]
    assert TWO[1]["cost"] == ""


def test_an_edit_does_not_send_the_rows_back(grid: Grid, sent: list) -> None:
    edit(grid, 0, "tool", "Salesforce")
    states = [message["state"] for message, _ in sent if message["method"] == "update"]
    assert [set(state) for state in states] == [{"applied"}]
    assert states[0]["applied"]["change"]["value"] == "Salesforce"


def test_rows_come_and_go(grid: Grid) -> None:
    splice(grid, 2, 0, {"tool": "Segment"})
    assert grid.rows[2] == {"tool": "Segment", "cost": "", "key": ""}
    splice(grid, 0, 1)
    assert [row["tool"] for row in grid.rows] == ["GA4", "Segment"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "edit", "row": 2, "column": "tool", "value": "x"},
        {"kind": "edit", "row": -1, "column": "tool", "value": "x"},
        {"kind": "edit", "row": 0, "column": "key", "value": "x"},
        {"kind": "edit", "row": 0, "column": "tool", "value": 3},
        {"kind": "splice", "row": 1, "remove": 2, "rows": []},
        {"kind": "splice", "row": 3, "remove": 0, "rows": [{}]},
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(grid: Grid, change: dict) -> None:
    with pytest.raises(ValueError, match="is not"):
        changed(grid.rows, change, grid.columns)
    page_says(grid, {**change, "structure": grid.structure})
    assert grid.rows == TWO
    assert grid.message == "Something of ours broke: ValueError. Nothing was changed."


def test_a_refusing_callback_keeps_the_old_rows_and_says_why(grid: Grid) -> None:
    def refuse(_rows: list) -> None:
        raise UserError("A tool needs a name.\nSecond line.")

    grid.on_edit(refuse)
    edit(grid, 0, "tool", "")
    assert grid.rows == TWO
    assert (grid.message, grid.message_kind) == ("A tool needs a name.", "error")
    assert grid.messages == ["Second line."]
    assert grid.applied["change"] is None
    splice(grid, 0, 2)
    assert grid.rows == TWO


def test_our_own_fault_is_told_without_its_words(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    grid.on_edit(lambda rows: rows[7])
    edit(grid, 0, "tool", "x")
    assert grid.message == "Something of ours broke: IndexError. Nothing was changed."
    assert "IndexError" in caplog.text
    assert grid.rows == TWO


def test_an_edit_of_rows_that_were_replaced_is_refused(grid: Grid) -> None:
    old = grid.structure
    grid.rows = [{"tool": "New", "cost": "1", "key": "9"}]
    edit(grid, 0, "tool", "Wrong row", structure=old)
    assert grid.rows[0]["tool"] == "New"
    assert grid.message.startswith("The table was replaced meanwhile")


def test_a_callback_may_tidy_the_rows_and_later_edits_still_count(grid: Grid) -> None:
    def tidy(rows: list[dict[str, str]]) -> None:
        grid.rows = [{**row, "cost": row["cost"].replace(",", "")} for row in rows]

    grid.on_edit(tidy)
    before = grid.structure
    edit(grid, 1, "cost", "24,000")
    edit(grid, 0, "tool", "Sales Hub", structure=before)
    assert [(row["tool"], row["cost"]) for row in grid.rows] == [("Sales Hub", "56000"), ("GA4", "24000")]


def test_rows_of_a_fixed_table_stay(grid: Grid) -> None:
    grid.fixed = True
    splice(grid, 0, 1)
    assert (grid.rows, grid.message) == (TWO, "Rows cannot be added or removed in this table.")
    splice(grid, 0, 1, {"tool": "Pasted over"})
    assert grid.rows[0]["tool"] == "Pasted over"


def test_rows_replaced_by_the_same_tools_keep_their_places(grid: Grid) -> None:
    old = grid.structure
    grid.rows = [{**row, "cost": "1"} for row in grid.rows]
    edit(grid, 1, "cost", "2", structure=old)
    assert [row["cost"] for row in grid.rows] == ["1", "2"]


def test_an_upload_is_handed_over_with_its_bare_name() -> None:
    upload, heard = Upload(), []
    upload.on_file(lambda name, data: heard.append((name, data)))
    page_says(upload, {"kind": "file", "name": "C:\\fake\\in.csv"}, b"tool\n")
    page_says(upload, {"kind": "file", "name": "../in.csv"}, b"")
    assert heard == [("in.csv", b"tool\n"), ("in.csv", b"")]
    assert (upload.message, upload.answered) == ("in.csv was read.", 2)


def test_what_the_callback_says_is_kept() -> None:
    upload = Upload()
    upload.on_file(lambda name, data: upload.say("3 tools.", messages=[f"{name}: {len(data)} bytes"]))
    page_says(upload, {"kind": "file", "name": "in.csv"}, b"abc")
    assert (upload.message, upload.messages) == ("3 tools.", ["in.csv: 3 bytes"])


def test_an_upload_over_the_limit_is_refused_in_python_too() -> None:
    upload, heard = Upload(max_bytes=2), []
    upload.on_file(lambda *file: heard.append(file))
    page_says(upload, {"kind": "file", "name": "in.csv"}, b"abc")
    assert heard == []
    assert (upload.message, upload.message_kind) == ("in.csv has 3 bytes; the limit is 2.", "error")


def test_a_refused_upload_tells_every_problem() -> None:
    def refuse(_name: str, _data: bytes) -> None:
        raise UserError("2 problems.\nrow 2: …\nrow 9: …")

    upload = Upload()
    upload.on_file(refuse)
    page_says(upload, {"kind": "file", "name": "in.csv"}, b"")
    assert (upload.message, upload.messages) == ("2 problems.", ["row 2: …", "row 9: …"])
    assert upload.answered == 1


def test_a_download_is_made_at_the_click(sent: list) -> None:
    made = []
    download = Download(lambda: made.append(1) or b"a,b\r\n", filename="x.csv")
    assert made == []
    page_says(download, {"kind": "want", "asked": "q1"})
    message, buffers = sent[-1]
    assert message["content"] == {
        "kind": "content", "asked": "q1", "filename": "x.csv", "mime": "text/csv;charset=utf-8"
    }  # fmt: skip
    assert buffers == [b"a,b\r\n"]


@pytest.mark.parametrize(
    ("provide", "words"),
    [
        (lambda: "text", "Something of ours broke: TypeError"),
        (lambda: (_ for _ in ()).throw(UserError("No inventory.")), "No inventory."),
    ],
)
def test_a_download_that_fails_says_so(sent: list, provide: Any, words: str) -> None:
    download = Download(provide)
    page_says(download, {"kind": "want", "asked": "q1"})
    assert words in download.message
    assert sent[-1][0]["content"]["kind"] == "failed"


def test_scripts_and_style_are_read_from_the_package() -> None:
    for widget in (Grid, Upload, Download):
        assert "export default" in widget._esm
        assert ".mw-panel" in widget._css
        assert "innerHTML" not in widget._esm
