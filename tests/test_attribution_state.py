"""The attribution app's state: what is asked is answered, what cannot be is told and changes nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_attribution_reading import tiny

from martech_lib import Workspace
from martech_lib.attribution import Question
from martech_lib.core.errors import UserError
from martech_lib.core.places import sample_dir
from martech_lib.workbook.apps.attribution_state import AttributionState, question_of

PATHS = b"path,conversions,value,nulls\nsearch > email,3,30,1\nemail,1,10,5\n"


@pytest.fixture
def state(tmp_path: Path) -> AttributionState:
    return AttributionState(tiny(tmp_path))


def credited(state: AttributionState, model: str) -> dict[str, float | None]:
    assert state.reading is not None
    return {channel: row.conversions for channel, row in state.reading.of(model).items()}


def test_a_question_is_answered(state: AttributionState) -> None:
    assert credited(state, "last") == {"a": 0, "b": 3, "c": 0, "(none)": 1}
    state.ask(position=(1.0, 0.0, 0.0))
    assert credited(state, "position") == {"a": 2, "b": 1, "c": 0, "(none)": 1}
    state.ask(lookback_days=2.5)
    assert credited(state, "first") == {"a": 0, "b": 1, "c": 0, "(none)": 3}
    state.ask(segment=state.question.segment._replace(without=("b",)))
    assert state.channels == ("a", "b", "c")
    assert state.faults == []


def test_only_what_cuts_journeys_anew_reads_them_again(state: AttributionState, monkeypatch: Any) -> None:
    state.ask(whole_log=True)
    monkeypatch.setattr(type(state._evidence), "journeys", lambda *_: pytest.fail("the log was read again"))
    state.ask(half_life_days=3.0, position=(0.5, 0.0, 0.5), model="linear", shown=("last",))
    state.ask(whole_log=False)
    assert state.reading is not None and state.reading.question.model == "linear"


def test_what_cannot_be_answered_is_told_and_changes_nothing(state: AttributionState) -> None:
    before = state.reading
    state.ask(month="October")
    assert state.faults == ["month came as 'October'; allowed is a month such as 2026-10."]
    assert state.reading is before and state.question == Question()
    state.ask(lookback_days=20.0)
    assert state.faults == []


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_paths_take_the_place_of_the_logs(state: AttributionState, ending: str) -> None:
    frame = pd.read_csv(io.BytesIO(PATHS))
    data = io.BytesIO()
    if ending == "csv":
        data.write(PATHS)
    else:
        frame.to_excel(data, index=False) if ending == "xlsx" else frame.to_parquet(data)
    assert state.upload(f"my paths.{ending}", data.getvalue()) == []
    assert credited(state, "linear") == {"email": 2.5, "search": 1.5}
    assert state.reading is not None and state.reading.period.words == "the whole table of paths"
    downloaded = pd.read_csv(io.BytesIO(state.credit_csv()))
    assert downloaded.query("model == 'linear'")["conversions"].tolist() == [2.5, 1.5]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("paths.csv", b"", "zero bytes"),
        ("paths.csv", b"path,conversions\n", "no rows"),
        ("paths.csv", b"way,conversions\na,1\n", "path"),
        ("paths.csv", b"path,conversions\na >  > b,1\n", "blank step"),
        ("paths.csv", b"path,conversions\na,-1\n", "-1"),
        ("paths.xlsx", b"no workbook", "cannot be read"),
        ("paths.pdf", b"%PDF", "paths.pdf"),
    ],
)
def test_an_upload_that_cannot_be_read_is_told_and_changes_nothing(
    state: AttributionState, name: str, data: bytes, said: str
) -> None:
    before = state.reading
    with pytest.raises(UserError) as told:
        state.upload(name, data)
    assert said in str(told.value)
    assert state.reading is before


def test_a_channel_named_like_a_formula_is_no_formula_in_the_download(state: AttributionState) -> None:
    state.upload("paths.csv", b"path,conversions\n=cmd(),1\n")
    assert b"\n=cmd()" not in state.credit_csv()


def test_parameters_become_a_question() -> None:
    values = {
        "position_first": 0.5,
        "position_last": 0.3,
        "only": "country = DE",
        "customers": "New",
        "without": "a; b",
    }
    asked = question_of({**values, "kinds": "click", "shown": "last;markov", "lookback_days": 14})
    assert asked.position == pytest.approx((0.5, 0.2, 0.3))
    assert asked.segment[:4] == ("new", "country", "DE", ("a", "b"))
    assert (asked.kinds, asked.shown, asked.lookback_days) == (("click",), ("last", "markov"), 14)
    for wrong, said in (
        ({"position_first": 0.8, "position_last": 0.8}, "at most 1 together"),
        ({"customers": "old"}, "allowed are new, returning"),
        ({"only": "new"}, "only came as 'new'; allowed is a column, an equals sign and a value"),
        ({"direct": "x", "model": "x"}, "A model came as 'x'"),
    ):
        with pytest.raises(UserError, match=said):
            question_of(wrong)


def test_a_part_of_the_question_leaves_the_others_as_they_were() -> None:
    base = question_of({"customers": "new", "only": "campaign=spring", "without": "a; b", "lookback_days": 14.0})
    for changes, segment in (
        ({"customers": "returning"}, ("returning", "campaign", "spring", ("a", "b"))),
        ({"only": "kind=signup"}, ("new", "kind", "signup", ("a", "b"))),
        ({"only": ""}, ("new", "", "", ("a", "b"))),
        ({"without": ""}, ("new", "campaign", "spring", ())),
        ({"model": "linear"}, ("new", "campaign", "spring", ("a", "b"))),
    ):
        asked = question_of(changes, base)
        assert (asked.segment[:4], asked.lookback_days) == (segment, 14.0)


def test_a_table_of_paths_is_read_whole(state: AttributionState) -> None:
    state.upload("paths.csv", PATHS)
    before = state.reading
    state.ask(segment=state.question.segment._replace(without=("email",)))
    assert "read whole: customers, rows and channels cannot be set aside" in state.faults[0]
    assert state.reading is before


def test_without_an_answer_there_is_nothing_to_download() -> None:
    state = AttributionState(Workspace.open(sample_dir() / "starter"))
    assert state.reading is not None and state.reading.lacks
    with pytest.raises(UserError, match="There is no credit yet to download"):
        state.credit_csv()
