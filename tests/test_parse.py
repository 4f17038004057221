"""Cells -> typed columns: numbers, money, shares, dates, booleans, lists."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from martech_lib.core.numbers import read_number
from martech_lib.core.parse import parse_column, rows_named
from martech_lib.core.register import parse_register
from martech_lib.core.tables import Column, table

MONEY, NUMBER, WHOLE = Column("cost", "money"), Column("value", "number"), Column("seats", "integer")
SHARE, PERCENT = Column("level", "share"), Column("usage", "percent")
DAY, MONTH, FLAG = Column("start", "date"), Column("month", "date", unit="month"), Column("auto", "boolean")
LAYER = Column("layer", "choice", allowed=("Collection", "AI / automation"))


def values(column, *cells):
    parsed = parse_column(column, cells)
    assert parsed.faults == ()
    return parsed.values.tolist()


def fault(column, *cells):
    (found,) = parse_column(column, cells).faults
    return found.position, rows_named(found.message, lambda position: position + 2)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("24000", 24000), ("$24k", 24000), ("24,000", 24000), ("1.2M", 1_200_000), ("EUR 3", 3), ("3 €", 3),
        ("£1,234.50", 1234.5), ("1 234,50", 1234.5), ("1'234.50", 1234.5), ("-5", -5), ("(1,200)", -1200),
        ("-$5", -5), ("−7", -7), ("$ 24 K", 24000), ("US$ 9", 9), ("1.5e3", 1500), ("0", 0), ("2bn", 2e9),
        ("1,234,567", 1_234_567), ("24 000,5", 24000.5),
    ],
)  # fmt: skip
def test_money_as_people_write_it(text, amount):
    assert values(MONEY, text) == [amount]


@pytest.mark.parametrize(
    "text", ["abc", "n/a", "12 34", "1,20,000", "5-", "--5", "$", "1e999", "nan", "inf", "١٢", "$5€"]
)
def test_what_is_no_money_is_told(text):
    assert fault(MONEY, "1", text)[1] == "is not an amount of money; write it like 24000, 24,000 or $24k"


def test_blank_is_unknown():
    assert np.isnan(values(MONEY, "")[0])
    assert values(FLAG, "") == [None]
    assert values(Column("alias", "list"), "") == [()]
    assert pd.isna(values(DAY, "")[0])


def test_two_number_formats_in_one_column_name_both_readings_and_rows():
    position, said = fault(MONEY, "7", "1.234,50", "1,234.50")
    assert position == 2
    assert said == (
        "two number formats in one column: '1.234,50' is 1234.5 with a decimal comma, '1,234.50' is 1234.5 with a "
        "decimal point; write all of them like 1234.50 (the other is row 3)"
    )


def test_a_column_of_decimal_commas_is_read_as_such_with_a_note():
    parsed = parse_column(MONEY, ["1.234,50", "900,25", "1.234", "7"])
    assert parsed.values.tolist() == [1234.5, 900.25, 1234, 7]
    assert parsed.notes == ("cost was read with a decimal comma",)


def test_a_decimal_comma_beside_a_group_of_thousands_is_refused():
    assert (
        "'24,000' has two readings: 24000 with a decimal point, 24 with a decimal comma"
        in fault(MONEY, "12,5", "24,000")[1]
    )


def test_money_in_groups_by_points_without_a_witness_is_refused():
    assert (
        "'24.000' has two readings: 24 with a decimal point, 24000 with a decimal comma"
        in fault(MONEY, "24.000", "5")[1]
    )
    assert values(MONEY, "24.000", "5.5") == [24, 5.5]
    assert values(NUMBER, "1.234") == [1.234]


def test_a_second_currency_in_a_column_is_told_with_both():
    position, said = fault(MONEY, "$24k", "9", "€ 5")
    assert position == 2
    assert said == "is in EUR, '$24k' (row 2) is in USD; a column has one currency, that of profile.csv"
    assert parse_column(MONEY, ["$1", "USD 2", "3"]).currency == "USD"


def test_shares_and_percentages():
    assert values(SHARE, "14 %", "0.14", "14%") == [0.14, 0.14, 0.14]
    assert values(PERCENT, "14 %", "14", "0.5") == [14, 14, 0.5]
    assert fault(NUMBER, "14 %")[1] == "is not a number; write it like 1234.5, without a percent sign"
    assert fault(WHOLE, "$5")[1] == "is not a whole number; write it like 12, without a currency"
    assert fault(WHOLE, "1.5")[1] == "is not a whole number; write it like 12"


def test_dates():
    assert values(DAY, "2026-02-28", "2024-02-29T10:00:00Z") == [pd.Timestamp("2026-02-28"), pd.Timestamp("2024-02-29")]
    assert values(MONTH, "2026-03") == [pd.Timestamp("2026-03-01")]
    assert "is a day that does not exist" in fault(DAY, "2026-02-31")[1]
    for text in ("31/02/2026", "31.12.2026", "2026-3-1", "soon", "2026-03", "26-03-01"):
        assert fault(DAY, text)[1] == "is not a date; dates are written YYYY-MM-DD, like 2026-03-31"
    assert fault(MONTH, "March")[1] == "is not a date; months are written YYYY-MM, like 2026-03"


def test_the_day_number_of_a_spreadsheet_is_read_with_a_note():
    parsed = parse_column(DAY, ["46054", ""])
    assert parsed.values.tolist()[0] == pd.Timestamp("2026-02-01")
    assert parsed.notes == ("start: 46054 was read as Excel's day number, 2026-02-01",)


def test_booleans():
    assert values(FLAG, "yes", "TRUE", "1", "No", "false", "0") == [True] * 3 + [False] * 3
    assert fault(FLAG, "maybe")[1] == "is neither yes nor no; write yes, no, or leave it blank"


def test_choices_take_their_declared_spelling():
    assert values(LAYER, "collection", "ai  /  AUTOMATION", "Elsewhere") == [
        "Collection",
        "AI / automation",
        "Elsewhere",
    ]
    answer = Column("status", "choice", allowed=("yes", "partial", "no"))
    assert values(answer, "TRUE", "0", "Partial") == ["yes", "no", "partial"]


def test_lists_drop_blank_items():
    assert values(Column("alias", "list"), "CRM; ;Sales hub;") == [("CRM", "Sales hub")]


def test_the_types_of_a_typed_frame():
    columns = {kind: parse_column(Column("x", kind), []).values.dtype for kind in ("text", "choice", "money", "date")}
    assert {k: str(v) for k, v in columns.items()} == {
        "text": "str", "choice": "str", "money": "float64", "date": "datetime64[us]"
    }  # fmt: skip


AMOUNTS = st.integers(-(10**12), 10**12).map(lambda cents: cents / 100)
WRITERS = {
    "plain": lambda a: f"{a:.2f}",
    "grouped": lambda a: f"{a:,.2f}",
    "dollars": lambda a: f"{'-' if a < 0 else ''}${abs(a):,.2f}",
    "european": lambda a: f"{a:,.2f}".translate(str.maketrans(",.", ".,")),
    "spaced": lambda a: f"{a:,.2f} EUR".replace(",", "\u00a0"),
    "bracketed": lambda a: f"({abs(a):,.2f})" if a < 0 else f"{a:,.2f}",
}


@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.sampled_from(sorted(WRITERS)))
def test_money_reads_back_as_it_was_written(amounts, writer):
    assert values(MONEY, *(WRITERS[writer](a) for a in amounts)) == pytest.approx(amounts)


@given(st.integers(1, 999), st.sampled_from([("k", 1e3), ("M", 1e6), ("b", 1e9)]))
def test_scales_read_back(count, scale):
    assert values(MONEY, f"${count}{scale[0]}") == [count * scale[1]]


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2199, 12, 31)))
def test_dates_read_back(day):
    assert parse_column(DAY, [day.isoformat()]).values.dt.date.tolist() == [day]


@given(st.text(max_size=80))
def test_reading_a_number_never_raises(text):
    found = read_number(text)
    assert found is None or found.point is not None or found.comma is not None


ALPHABET = st.text("0123456789.,-+$€%kM eE()'/:TZabc;", max_size=12)


@given(st.sampled_from(table("inventory").columns + table("lift_tests").columns), st.lists(ALPHABET, max_size=8))
def test_a_column_of_anything_never_raises(column, cells):
    parsed = parse_column(column, [cell.strip() for cell in cells])
    assert len(parsed.values) == len(cells)
    assert all(0 <= f.position < len(cells) for f in parsed.faults)


def test_a_threshold_stays_text():
    frame, problems, *_ = parse_register(
        "thresholds", b"rule_id,threshold\nSA01,0.5\nBU02,0.1; 0.25\n", "thresholds.csv"
    )
    assert problems == ()
    assert frame["threshold"].tolist() == ["0.5", "0.1; 0.25"]
