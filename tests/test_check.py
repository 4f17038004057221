"""What is wrong with a table is told with file, row, column, value and what is allowed; all of it at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from martech_lib.core.errors import Problem, TableError, did_you_mean, nearest, shown
from martech_lib.core.register import parse_register
from martech_lib.core.tables import tables

HEADER = "tool,layer,category,annual_cost,pays_back"
GOOD = "Segment,Collection,cdp,24000,Yes"


def told(name, text, filename=None):
    problems = parse_register(name, text.encode(), filename or f"{name}.csv").problems
    return [str(p) for p in problems]


def inventory(*rows, header=HEADER):
    return told("inventory", "\n".join([header, *rows, ""]))


def test_a_good_inventory_has_no_problem():
    assert inventory(GOOD) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Heap,Colection,analytics,1,Yes",
         "inventory.csv, row 3, column layer: 'Colection' is not one of Collection, Storage, Modeling, Activation, "
         "Measurement, AI / automation; did you mean Collection?"),
        ("Heap,Storage,analytic,1,Yes", "column category: 'analytic' is not one of analytics, tag management,"),
        ("Heap,Storage,crm system,1,Yes", "did you mean crm?"),
        ("Heap,,cdp,1,Yes", "inventory.csv, row 3, column layer: is blank; a value is required"),
        ("Heap,Storage,cdp,-5,Yes", "row 3, column annual_cost: '-5' is not allowed; it must be 0 or more"),
        ("Heap,Storage,cdp,much,Yes", "row 3, column annual_cost: 'much' is not an amount of money"),
        ("Segment,Storage,cdp,1,Yes", "row 3, column tool: 'Segment' stands in row 2 already; tool must be unique"),
        (",Storage,cdp,1,Yes", "row 3, column tool: is blank; a value is required"),
        ("Heap,Storage,cdp,1,Sometimes", "column pays_back: 'Sometimes' is not one of Yes, Yes (compl.), Marginal"),
    ],
)  # fmt: skip
def test_a_faulty_row_is_told(row, said):
    (problem,) = inventory(GOOD, row)
    assert said in problem


def test_all_problems_of_a_table_come_at_once_in_the_order_of_its_rows():
    found = inventory("Heap,Colection,cdp,x,Yes", "Heap,Storage,cdp,-1,Yes", ",,,,")
    assert [line.split(":")[0] for line in found] == [
        "inventory.csv, row 2, column layer", "inventory.csv, row 2, column annual_cost",
        "inventory.csv, row 3, column tool", "inventory.csv, row 3, column annual_cost",
    ]  # fmt: skip


def test_a_missing_required_column_is_told_with_the_nearest_one():
    assert inventory("Heap,Storage,cdp,1,Yes", header="tool,layer,category,anual_cost,pays_back") == [
        "inventory.csv, row 1, column annual_cost: is missing; this column is required; "
        "the nearest column of the file is 'anual_cost'"
    ]


def test_a_misspelt_optional_column_is_noted():
    text = f"{HEADER},renewal_dat,colour\n{GOOD},2026-01-01,red\n"
    frame, problems, notes, _ = parse_register("inventory", text.encode(), "inventory.csv")
    assert problems == ()
    assert notes == ("column 'renewal_dat' is not known and was not used; did you mean renewal_date?",)
    assert list(frame.columns) == [*HEADER.split(","), "renewal_dat", "colour"]


def test_a_date_that_does_not_exist():
    assert inventory(f"{GOOD},2026-02-31", "Heap,Storage,cdp,1,Yes,31/02", header=HEADER + ",renewal_date") == [
        "inventory.csv, row 2, column renewal_date: '2026-02-31' is a day that does not exist; "
        "dates are written YYYY-MM-DD, like 2026-03-31",
        "inventory.csv, row 3, column renewal_date: '31/02' is not a date; dates are written "
        "YYYY-MM-DD, like 2026-03-31",
    ]


def test_a_range_is_told():
    text = "item,status\n9,done\n2,done\n"
    assert told("ai_checklist", text) == [
        "ai_checklist.csv, row 2, column item: '9' is not allowed; it must be from 1 to 8"
    ]


def test_a_share_above_one_is_told():
    text = "program,holdout_share\nA,14 %\nB,14\n"
    assert told("programs", text) == [
        "programs.csv, row 3, column holdout_share: '14' is not allowed; it must be from 0 to 1, or "
        "a percentage such as 14 %"
    ]


def test_a_key_of_several_columns():
    text = "month,channel,responses\n2026-09,tv,1\n2026-09,radio,2\n2026-09-01,tv,3\n"
    assert told("survey", text) == [
        "survey.csv, row 4, column month: '2026-09-01' stands in row 2 already; month and channel must be unique"
    ]


def test_a_key_whose_optional_part_is_absent_or_blank():
    text = "channel,lens,month,estimate\ntv,media mix,2026-09,1\ntv,media mix,2026-09,2\n"
    assert "channel and lens and month must be unique" in told("lenses", text)[0]
    text = "item,tool,start,end\nReview,,2026-01-01,2026-02-01\nReview,,2026-01-01,2026-02-01\n"
    assert "stands in row 2 already" in told("roadmap", text)[0]


def test_a_quarter_has_its_form():
    text = "use_case,category,tool,tier,customer_facing,human_review,data_in,period\n"
    text += "A,drafts,X,public,no,none,none,Q3 2026\n"
    assert told("ai_uses", text) == [
        "ai_uses.csv, row 2, column period: 'Q3 2026' is not a quarter; write it like 2026-Q3"
    ]


def test_a_row_with_a_stray_comma_is_told_once():
    assert inventory("Heap,Storage,cdp,24,000,Yes") == [
        "inventory.csv, row 2: 'Yes' this row has 6 cells, the header has 5: put quotes around a "
        "value that holds the separator"
    ]


PROFILE = "key,value\nbusiness_model,B2B\nmarketing_fte,8\nmarketing_budget_excl_labor,$2M\nas_of_date,2026-09-30\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "marketing_ftes,3",
            "row 6, column key: 'marketing_ftes' is not a fact of the profile; did you mean marketing_fte?",
        ),
        ("wau,many", "row 6, column value: 'many' given for wau is not a number; write it like 1234.5"),
        ("wau,-1", "row 6, column value: '-1' given for wau is not allowed; it must be 0 or more"),
        ("regions,EU; Mars", "'EU; Mars' given for regions 'Mars' is not one of EU, UK, US-CA"),
        ("timezone,Mars/North", "given for timezone is not the name of a time zone; write it like Europe/Berlin"),
        ("currency,dollars", "given for currency is not the code of a currency; write it like USD"),
        (
            "fiscal_year_start_month,13",
            "'13' given for fiscal_year_start_month is not allowed; it must be from 1 to 12",
        ),
        ("has_app,perhaps", "'perhaps' given for has_app is neither yes nor no"),
        ("marketing_fte,9", "column key: 'marketing_fte' stands in row 3 already; key must be unique"),
    ],
)
def test_a_fact_of_the_profile(row, said):
    (problem,) = told("profile", PROFILE + row + "\n")
    assert said in problem


def test_a_blank_or_missing_fact_that_is_required():
    assert told("profile", "key,value\nbusiness_model,B2B\nmarketing_fte,\nas_of_date,2026-09-30\n") == [
        "profile.csv, column key: marketing_budget_excl_labor is missing; a row with this key is required",
        "profile.csv, row 3, column value: marketing_fte is blank; a value is required",
    ]


def test_a_word_for_a_number_in_the_profile():
    assert told("profile", PROFILE.replace(",8", ",twelve")) == [
        "profile.csv, row 3, column value: 'twelve' given for marketing_fte is not a number; write it like 1234.5"
    ]


WEEKS = "week,channel,spend\n2026-01-05,tv,1\n2026-01-12,tv,1\n2026-01-26,tv,1\n2026-02-02,tv,1\n"


def test_a_gap_in_a_weekly_table_is_named():
    assert told("media_weekly", WEEKS) == [
        "media_weekly.csv, column week: there is no row of week 2026-01-19 for channel 'tv'; "
        "every week from 2026-01-05 to 2026-02-02 must be there"
    ]
    assert told("outcome_weekly", "week,outcome\n2026-01-05,1\n2026-01-26,1\n") == [
        "outcome_weekly.csv, column week: there is no row of weeks 2026-01-12 to 2026-01-19; "
        "every week from 2026-01-05 to 2026-01-26 must be there"
    ]


def test_every_channel_needs_every_week():
    whole = WEEKS + "2026-01-19,tv,0\n2026-01-05,radio,1\n2026-01-12,radio,1\n"
    assert told("media_weekly", whole) == [
        "media_weekly.csv, column week: there is no row of weeks 2026-01-19 to 2026-02-02 for channel 'radio'; "
        "every week from 2026-01-05 to 2026-02-02 must be there"
    ]


def test_a_week_out_of_step_is_told():
    found = told("controls_weekly", "week,control,value\n2026-01-05,price,1\n2026-01-13,price,1\n")
    assert found[-1].endswith(
        "row 3, column week: '2026-01-13' is not a whole number of weeks after the first, 2026-01-05"
    )


def test_a_missing_cell_of_a_panel_is_named():
    ohio = "2026-01-01,Ohio,1\n2026-01-02,Ohio,1\n2026-01-03,Ohio,1\n"
    text = f"date,geo,outcome\n{ohio}2026-01-01,Utah,1\n2026-01-03,Utah,1\n"
    assert told("geo_panel", text) == [
        "geo_panel.csv, column date: there is no row of date 2026-01-02 for geo 'Utah'; "
        "every date from 2026-01-01 to 2026-01-03 must be there"
    ]


def test_a_blank_optional_cell_of_a_grid_is_no_gap():
    assert told("geo_panel", "date,geo,outcome,spend\n2026-01-01,Ohio,1,\n2026-01-02,Ohio,1,\n") == []


def test_hostile_values_are_shown_short_and_as_text():
    (problem,) = inventory(f"<script>{'x' * 300},Storage,cdp,1,Maybe\x07{'y' * 300}")
    assert "'Maybe y" in problem
    assert "…" in problem
    assert len(shown("z" * 300)) == 60
    assert inventory('"=cmd()",Storage,cdp,1,Yes', "<script>alert(1)</script>,Storage,cdp,1,Yes") == []


def test_a_column_of_the_profile_may_be_missing():
    assert told("profile", "key\nmarketing_fte\n") == [
        "profile.csv, row 1, column value: is missing; this column is required"
    ]


def test_a_grid_of_which_no_row_can_be_used():
    (problem,) = told("outcome_weekly", "week,outcome\n2026-01-05,1.234,50\n")
    assert "this row has 3 cells, the header has 2" in problem


def test_the_error_lists_twenty_of_a_table_then_the_count():
    many = [Problem("inventory", "inventory.csv", n, "layer", "X", "is not allowed") for n in range(2, 37)]
    few = [Problem("vendors", "vendors.csv", None, "", "", "is odd")]
    lines = str(TableError([*many, *few])).splitlines()
    assert lines[0] == "inventory.csv, row 2, column layer: 'X' is not allowed"
    assert lines[19].startswith("inventory.csv, row 21,")
    assert lines[20:] == ["and 15 more in inventory (35 in all)", "vendors.csv: is odd"]


def test_nearest_words():
    assert nearest("Colection", ["Storage", "Collection"]) == "Collection"
    assert nearest("zzz", ["Storage"]) == ""
    assert did_you_mean("storag", ["Storage"]) == "; did you mean Storage?"


def test_thousands_of_problems_are_told_in_a_moment():
    rows = [f"T{n % 100},Colection{n},x{n},-{n},Yeah{n}" for n in range(3000)]
    assert len(inventory(*rows)) > 12_000


ODD = [
    "a",
    "é",
    '"x"',
    "1",
    "2026-01-01",
    "31/02",
    "$24k",
    '"1.234,50"',
    "1.234,50",
    "€",
    "=cmd()",
    "<script>",
    "{row:9}",
]
REGISTERS = [t for t in tables().values() if not t.log]


@settings(max_examples=60)
@given(st.sampled_from(REGISTERS), st.randoms(use_true_random=False), st.integers(0, 4))
def test_no_table_of_odd_cells_raises(declared, random, rows):
    header = random.sample(declared.names, random.randint(1, len(declared.names)))
    cells = [[random.choice([*ODD, declared.column(c).example.replace(",", "")]) for c in header] for _ in range(rows)]
    for line in told(declared.name, "\n".join(",".join(row) for row in [header, *cells])):
        assert line.startswith(f"{declared.name}.csv")
        assert line.isprintable()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heap", "'heap' stands in row 2 already, written 'Heap'"),
        ("HEAP ", "stands in row 2 already, written 'Heap'"),
        ("Stack", "'Stack' is how findings call the stack as a whole; give the tool another name"),
    ],
)
def test_a_name_that_would_make_two_tools_one_is_told(name: str, words: str) -> None:
    text = f"tool,layer,category,annual_cost,pays_back\nHeap,Storage,cdp,1,Yes\n{name},Storage,cdp,1,Yes\n"
    found = parse_register("inventory", text.encode(), "inventory.csv").problems
    assert [words in str(problem) for problem in found] == [True]


def test_money_beyond_belief_is_told() -> None:
    text = "tool,layer,category,annual_cost,pays_back\nHeap,Storage,cdp,1e308,Yes\n"
    (problem,) = parse_register("inventory", text.encode(), "inventory.csv").problems
    assert problem.message == "is more than money there is"


INTERVALS = "channel,lens,month,estimate,lower,upper,level\n"


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("video,media mix,2026-10,10,20,5,0.9", "lower", "is above upper, 5: the bounds stand the wrong way round"),
        ("video,media mix,2026-10,40,5,20,0.9", "estimate", "lies outside its own interval, 5 to 20"),
        ("video,media mix,2026-10,10,5,,0.9", "upper", "is blank beside the other bound; give both"),
        ("video,media mix,2026-10,10,5,20,", "level", "is blank; an interval needs its level, such as 0.9"),
        ("video,media mix,2026-10,10,5,many,0.9", "upper", "is not a number; write it like 1234.5"),
    ],
)
def test_an_interval_that_is_none_is_told_once(row: str, column: str, message: str) -> None:
    found = parse_register("lenses", f"{INTERVALS}{row}\nvideo,Acme,2026-10,10,,,\n".encode(), "lenses.csv")
    assert [(p.row, p.column, p.message) for p in found.problems] == [(2, column, message)]


def test_an_interval_in_a_file_without_levels_asks_for_the_column() -> None:
    found = parse_register("lenses", b"channel,lens,month,estimate,lower,upper\nvideo,Acme,2026-10,10,5,20\n", "l.csv")
    assert [(p.column, p.message) for p in found.problems] == [
        ("lower", "has no level beside it; add the column level, such as 0.9")
    ]
