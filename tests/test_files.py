"""Bytes -> cells: what is read without complaint, what is refused, and the lines that are told."""

from __future__ import annotations

import io
from datetime import date, datetime

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib.core.files import Unreadable, read_raw
from martech_lib.core.register import parse_register
from martech_lib.core.sheets import cell_text

EXPECTS = ("tool", "layer", "annual_cost", "alias")


def read(data, filename="inventory.csv"):
    return read_raw(data if isinstance(data, bytes) else data.encode(), filename=filename, expects=EXPECTS)


def workbook(*rows, sheets=("Sheet1",), formats=None):
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for extra in sheets[1:]:
        book.create_sheet(extra)
    target = book[sheets[-1]]
    for row in rows:
        target.append(row)
    for place, form in (formats or {}).items():
        target[place].number_format = form
    handle = io.BytesIO()
    book.save(handle)
    return handle.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"tool,layer\nSegment,Collection\n",
        b"\xef\xbb\xbftool,layer\nSegment,Collection\n",
        b"tool,layer\r\nSegment,Collection\r\n",
        b"tool,layer\rSegment,Collection\r",
        b"tool;layer\nSegment;Collection\n",
        b"# a comment, with a comma\n#\n\ntool,layer\nSegment,Collection\n",
        b'"# quoted by a spreadsheet, as it holds a comma",\ntool,layer\nSegment,Collection\n',
        b"Tool, LAYER \n Segment ,Collection\n\n,\n",
        b"tool,layer,,\nSegment,Collection,,\n",
        b"tool,layer\nSegment,Collection",
        b'"sep=;"\ntool;layer\nSegment;Collection\n',
        b"sep=;\r\ntool;layer\r\nSegment;Collection\r\n",
        b"\xef\xbb\xbfsep=,\ntool,layer\nSegment,Collection\n",
    ],
)
def test_what_people_save_is_read_as_it_is(data):
    assert read(data).cells == {"tool": ["Segment"], "layer": ["Collection"]}


def test_lines_are_those_of_the_file():
    raw = read('# note\n\ntool,layer\n"two\nlines",Storage\n\nHeap,Storage\n')
    assert raw.header_line == 3
    assert raw.lines == [4, 7]
    assert raw.cells["tool"] == ["two\nlines", "Heap"]


def test_latin_1_is_read_with_a_note():
    raw = read("tool,layer\nCafé,Storage\n".encode("latin-1"))
    assert raw.cells["tool"] == ["Café"]
    assert raw.notes == ("read as Latin-1, because line 2 is not UTF-8; save it as 'CSV UTF-8' to be sure of accents",)


def test_a_row_that_ends_early_is_blank_at_its_end():
    assert read("tool,layer,alias\nHeap,Storage\n").cells["alias"] == [""]


def test_a_row_with_too_many_cells_is_told_with_its_line():
    raw = read("tool,annual_cost\nHeap,24,000\nSegment,5\n")
    (fault,) = raw.faults
    assert (fault.row, fault.value) == (2, "000")
    assert fault.message == "this row has 3 cells, the header has 2: put quotes around a value that holds the separator"
    assert raw.cells["tool"] == ["Segment"]


def test_a_semicolon_inside_a_comma_file_is_a_list():
    assert read("tool,alias\nHeap,a;b\n").cells["alias"] == ["a;b"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"empty \(zero bytes\)"),
        (b"\n\n# only this\n", "no header row"),
        (b"\xef\xbb\xbf", "no header row"),
        (b"tool\tlayer\nHeap\tStorage\n", "separated by tabs"),
        (b"tool,layer;alias\n", "can be split at , and at ;"),
        (b"tool,layer,tool\nHeap,Storage,x\n", "column tool is in the header more than once"),
        (b'tool,layer\nHeap,"Storage\nSegment,Storage\n', "a quote that opens here is never closed"),
        (b'tool,layer\n"Heap" x,Storage\n', "text follows a closing quote"),
        ("tool,layer\n".encode("utf-16"), "is UTF-16; save it as 'CSV UTF-8'"),
        (b"tool\x00,layer\n", "not text"),
        (b"PK\x03\x04....", "an Excel workbook, its name ends in .csv"),
        (b"PAR1....", "Parquet, its name ends in .csv"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(data, said):
    with pytest.raises(Unreadable, match=said):
        read(data)


def test_a_quote_that_never_closes_is_told_with_the_line_it_opens_on():
    with pytest.raises(Unreadable) as told:
        read('tool,layer\nSegment,Storage\nHeap,"Storage\n\n\n')
    assert told.value.row == 3


@pytest.mark.parametrize("filename", ["inventory.xlsx", "inventory.parquet"])
def test_a_text_file_named_as_something_else(filename):
    with pytest.raises(Unreadable, match=r"cannot be read as an Excel workbook|not Parquet"):
        read(b"tool,layer\n", filename)


def test_a_file_of_another_kind():
    with pytest.raises(Unreadable, match=r"\.pdf is not read; save it as .csv, .xlsx or .parquet"):
        read(b"%PDF-1.4", "inventory.pdf")


def test_excel_cells_take_the_same_way():
    data = workbook(
        ["# an example"],
        ["tool", "annual_cost", "renewal_date", "usage_pct", "auto_renew", "seats_paid"],
        ["Segment", 24000.0, datetime(2026, 2, 1), 0.85, True, 12],
        ["Heap", 1.234, date(2026, 3, 1), 7, False, None],
        formats={"B3": '"€"#,##0', "D3": "0%"},
    )
    raw = read(data, "inventory.xlsx")
    assert raw.header_line == 2
    assert raw.lines == [3, 4]
    assert raw.cells["annual_cost"] == ["€ 24000", "1.2340"]
    assert raw.cells["renewal_date"] == ["2026-02-01", "2026-03-01"]
    assert raw.cells["usage_pct"] == ["85%", "7"]
    assert raw.cells["auto_renew"] == ["yes", "no"]
    assert raw.cells["seats_paid"] == ["12", ""]


def test_the_sheet_named_after_the_table_is_read_and_the_others_are_noted():
    raw = read(workbook(["tool"], ["Heap"], sheets=("Notes", "Inventory")), "inventory.xlsx")
    assert raw.cells == {"tool": ["Heap"]}
    assert raw.notes == ("read from the sheet 'Inventory'; the other sheets were not read",)


def test_parquet_cells_take_the_same_way():
    frame = pd.DataFrame({"tool": ["Heap", None], "annual_cost": [1234.5, float("nan")], "alias": [["a", "b"], []]})
    handle = io.BytesIO()
    frame.to_parquet(handle)
    raw = read(handle.getvalue(), "inventory.parquet")
    assert raw.cells == {"tool": ["Heap"], "annual_cost": ["1234.5"], "alias": ["a; b"]}
    assert raw.lines == [2]


@given(st.one_of(st.floats(allow_infinity=False), st.integers(-(10**12), 10**12)))
def test_a_typed_number_reads_back_as_itself(number):
    text = cell_text(number)
    assert text == "" if number != number else float(text) == number


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([".csv", ".xlsx", ".parquet", ".txt", ""]))
def test_no_bytes_raise_anything_but_problems(data, suffix):
    frame, problems, *_ = parse_register("inventory", data, f"inventory{suffix}")
    assert isinstance(frame, pd.DataFrame)
    assert all(len(p.value) <= 60 for p in problems)


CELLS = st.lists(st.text(max_size=8), max_size=6).map(",".join)


@settings(max_examples=60)
@given(st.lists(CELLS, max_size=6).map("\n".join))
def test_no_text_below_a_good_header_raises(body):
    header = "tool,layer,category,annual_cost,pays_back,renewal_date,alias,auto_renew,seats_paid,usage_pct\n"
    frame, problems, *_ = parse_register("inventory", (header + body).encode("utf-8", "replace"), "inventory.csv")
    assert isinstance(frame, pd.DataFrame)
    assert all(str(p) for p in problems)


@settings(max_examples=100)
@given(st.binary(max_size=60), st.integers(0, 5000), st.sampled_from(["xlsx", "parquet"]))
def test_a_damaged_workbook_or_parquet_file_is_a_problem(noise, place, kind):
    handle = io.BytesIO()
    if kind == "xlsx":
        handle.write(workbook(["tool", "layer"], ["Heap", "Storage"]))
    else:
        pd.DataFrame({"tool": ["Heap"]}).to_parquet(handle)
    data = handle.getvalue()
    place %= len(data)
    frame = parse_register("inventory", data[:place] + noise + data[place + len(noise) :], f"inventory.{kind}").frame
    assert isinstance(frame, pd.DataFrame)
