"""Attribution from a folder to the report: bad logs are told with their counts, and no id of a user leaves the data."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from workspaces import AS_OF, NAMED_IDS, PROFILE, write_journeys, write_table

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading, words
from martech_lib.core import places
from martech_lib.workbook import cli
from martech_lib.workbook.report import report

NOTEBOOK = "2-attribution-triangulation"
MANY = [f"channel {n:02d}" for n in range(58)] + ["Paid Search", "paid_search"]
TOUCHES = ("user_id", "ts", "channel", "touch_id")
CONVERSIONS = "user_id,ts,conversion_id,value\n1,2026-10-10T12:00:00,1,10\n2,2026-10-11T12:00:00,2,20\n"


def folder_of(folder: Path, touches: str, conversions: str = CONVERSIONS, **facts: str) -> Path:
    """A workspace of two users who convert on 10 and 11 October at noon, the touches as they are typed."""
    write_table(folder, "profile", [{"key": key, "value": value} for key, value in {**PROFILE, **facts}.items()])
    (folder / "touches.csv").write_text(touches and f"{','.join(TOUCHES)}\n{touches}", encoding="utf-8")
    (folder / "conversions.csv").write_text(conversions, encoding="utf-8")
    return folder


def read(folder: Path) -> AttributionReading:
    return attribution.read(Workspace.open(folder))


def check(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(["check", "--data", str(folder)])
    return code, capsys.readouterr().out


def credited(reading: AttributionReading, model: str) -> dict[str, float | None]:
    """Credit of the channels that have some."""
    return {channel: row.conversions for channel, row in reading.of(model).items() if row.conversions}


def rows_of(reading: AttributionReading) -> dict[str, int]:
    """Lines of the ledger that have rows."""
    lines = reading.ledger[reading.ledger["rows"] > 0]
    return {f"{table}: {what}": rows for table, what, rows in lines.itertuples(index=False)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 60 channels, one journey over 25 of them, touches after their conversion, repeated touch ids."""
    user = {"user_id": "user-7f3a-000001", "kind": "click"}
    long_journey = [
        {**user, "ts": f"2026-10-20T10:{n:02d}:00", "channel": MANY[n], "touch_id": f"touch-9c1e-9{n:05d}"}
        for n in range(25)
    ]
    late = {**user, "ts": "2026-10-27T09:00:00", "channel": "Paid Search", "touch_id": "touch-9c1e-900000"}
    root = tmp_path_factory.mktemp("attribution")
    data = write_journeys(root / "data", MANY, more=[*long_journey, late])
    return report(str(data), out=root / "reports", only=["0-home", NOTEBOOK])


@pytest.fixture(scope="module")
def page(made: Path) -> str:
    """The attribution page's text, its markup replaced by blanks."""
    body = (made / f"{NOTEBOOK}.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_no_id_of_a_user_touch_or_conversion_is_in_any_file_of_the_report(made: Path) -> None:
    files = [path for path in made.parent.rglob("*") if path.is_file()]
    assert {"index.html", f"{NOTEBOOK}.html", "metrics.json", "findings.csv"} <= {path.name for path in files}
    assert [path.name for path in files if NAMED_IDS.search(path.read_bytes())] == []
    data = made.parents[1] / "data"
    assert NAMED_IDS.search((data / "touches.csv").read_bytes()), "what is looked for is in the data"
    assert b"paid_search" in (made / f"{NOTEBOOK}.html").read_bytes(), "and the page is made of it"


def test_what_was_read_used_and_left_out_stands_in_the_page(page: str) -> None:
    touches, in_journeys = 1000 + 25 + 1, 600 + 25
    assert f"Of {touches:,} rows of touches, {touches:,} were used and 0 left out." in page
    assert "Of 200 rows of conversions, 200 were used and 0 left out." in page
    table = page[page.index("What was read, used and left out") :]
    assert f"touches read {touches:,} touches used: before a conversion {in_journeys} " in table
    assert f"touches used: in a journey that did not convert {touches - in_journeys} " in table
    assert "conversions read 200 conversions used: with a touch before them 200 " in table


def test_a_journey_of_more_than_20_channels_refuses_one_model_by_name_and_the_others_stand(
    made: Path, page: str
) -> None:
    assert re.search(r"Shapley, by rate is refused: 1 channel set .* more than 20 channels, up to 2\d", page)
    assert "Credited conversions of the 25 most credited of 60 channels by 4 models" in page
    readings = json.loads((made / "metrics.json").read_text(encoding="utf-8"))["readings"]
    credit = pd.DataFrame([r for r in readings if r["metric"] == "attribution.credit"])
    model = credit["segment"].str.split(":").str[0]
    refused = credit["status"] == "refused"
    assert set(model[refused]) == {"shapley_rate"} and refused.sum() == 60
    assert credit["value"][refused].isna().all()
    totals = credit[~refused].groupby(model)["value"].sum()
    assert totals.to_dict() == pytest.approx(dict.fromkeys(set(attribution.MODELS) - {"shapley_rate"}, 200.0))


def test_two_spellings_and_repeated_touch_ids_are_told_in_the_page(page: str) -> None:
    assert re.search(r"'Paid Search' \(\d+ touches\) and 'paid_search' \(\d+ touches\) look like one channel", page)
    assert re.search(r"1 row of touches repeats? a touch_id; each was counted\.", page)


def test_a_touch_after_its_conversion_is_counted_in_an_open_journey(tmp_path: Path) -> None:
    touches = "1,2026-10-09T12:00:00,search,1\n1,2026-10-12T12:00:00,email,2\n2,2026-10-11T12:00:00,video,3\n"
    reading = read(folder_of(tmp_path, touches))
    assert credited(reading, "last") == {"search": 1, "video": 1}, "a touch at the conversion's instant counts"
    assert rows_of(reading) == {
        "touches: read": 3,
        "touches: used: before a conversion": 2,
        "touches: used: in a journey that did not convert": 1,
        "conversions: read": 2,
        "conversions: used: with a touch before them": 2,
    }


def test_two_spellings_of_a_channel_are_suggested_and_not_merged(tmp_path: Path) -> None:
    touches = "1,2026-10-09T12:00:00,Paid Search,1\n1,2026-10-09T13:00:00,Paid Search,2\n2,2026-10-10T12:00:00,paid_search,3\n"
    reading = read(folder_of(tmp_path, touches))
    assert words.notes(reading) == [
        "'Paid Search' (2 touches) and 'paid_search' (1 touch) look like one channel; they were not merged."
    ]
    assert credited(reading, "last") == {"Paid Search": 1, "paid_search": 1}


def test_times_with_and_without_an_offset_stand_on_one_clock(tmp_path: Path) -> None:
    """An offset is taken at its word; a time without one is read in the profile's zone (in October Berlin is +02:00)."""
    touches = "1,2026-10-10T13:30:00+02:00,at 11:30 UTC,1\n1,2026-10-10T13:45:00,at 11:45 UTC,2\n1,2026-10-10T11:40:00Z,at 11:40 UTC,3\n"
    conversions = "user_id,ts,conversion_id\n1,2026-10-10T12:00:00Z,1\n"
    reading = read(folder_of(tmp_path, touches, conversions, timezone="Europe/Berlin"))
    assert reading.beside.walks is not None
    assert reading.beside.walks.top["path"].tolist() == ["at 11:30 UTC > at 11:40 UTC > at 11:45 UTC"]
    told = "touches, ts: 2 times with an offset and 1 without; those without were read in the time zone of the profile"
    assert told in reading.notes
    assert not any(note.startswith("conversions") for note in reading.notes)


def test_users_that_are_numbers_in_one_table_and_text_in_the_other_are_matched_and_told(tmp_path: Path) -> None:
    folder_of(tmp_path, "")
    for name in ("touches", "conversions"):
        (tmp_path / f"{name}.csv").unlink()
    times = pd.to_datetime(["2026-10-09T12:00:00", "2026-10-10T12:00:00"])
    touches = pd.DataFrame({"user_id": [1, 2], "ts": times, "channel": ["search", "email"]})
    touches.to_parquet(tmp_path / "touches.parquet")
    pd.DataFrame({"user_id": ["1", "2"], "ts": times}).to_parquet(tmp_path / "conversions.parquet")
    reading = read(tmp_path)
    assert credited(reading, "last") == {"search": 1, "email": 1}
    assert words.notes(reading)[0] == ("User_id is int64 in touches and string in conversions; both were read as text.")


def test_repeated_touch_ids_are_counted_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touches = "1,2026-10-09T12:00:00,search,7\n1,2026-10-10T11:00:00,email,7\n2,2026-10-10T12:00:00,email,7\n"
    folder = folder_of(tmp_path, touches)
    assert "2 rows repeat a touch_id that another row has" in check(folder, capsys)[1]
    reading = read(folder)
    assert words.notes(reading) == ["2 rows of touches repeat a touch_id; each was counted."]
    assert credited(reading, "linear") == {"email": 1.5, "search": 0.5}


def test_conversions_of_other_users_than_the_touches_are_told(tmp_path: Path) -> None:
    reading = read(folder_of(tmp_path, "u1,2026-10-09T12:00:00,search,1\nu2,2026-10-10T12:00:00,email,2\n"))
    assert words.notes(reading) == [
        "No conversion has a touch before it: do both tables call the users by the same ids?"
    ]
    assert words.headline(reading) == (
        "Test company's October 2026 had 2 conversions worth $30; 100.0 % of them had no touch before them that counts."
    )
    assert credited(reading, "markov") == {"(none)": 2}


@pytest.mark.parametrize("empty", ["touches", "conversions"])
def test_a_log_of_a_header_alone_is_not_measured(tmp_path: Path, empty: str) -> None:
    folder = folder_of(tmp_path, "1,2026-10-09T12:00:00,search,1\n")
    header = (folder / f"{empty}.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / f"{empty}.csv").write_text(f"{header}\n", encoding="utf-8")
    reading = read(folder)
    found = {r.metric: r for r in reading.reading_records}
    assert found["attribution.models_agreement_w"].reason == "needs touches.csv and conversions.csv, or paths.csv"
    # Conversions alone are counted, and enough for other lenses, which need the channels' roles.
    counted = {"attribution.conversions": 2.0, "attribution.value": 30.0} if empty == "touches" else {}
    assert {m: r.value for m, r in found.items() if r.value is not None} == counted
    assert {r.status for m, r in found.items() if m not in counted} == {"not measured"}
    lacks = (
        "needs channels.csv with the role of each channel"
        if empty == "touches"
        else "needs conversions.csv, or paths.csv, with conversions to hold the lenses against"
    )
    assert {found[m].reason for m in ("attribution.lenses", "attribution.budget_gain")} == {lacks}


@pytest.mark.parametrize(
    ("touches", "said"),
    [
        ("", "touches.csv: the file is empty (zero bytes)"),
        ("1,2026-10-09T12:00:00,,1\n", "touches.csv, row 2, column channel: is blank; a value is required"),
        (",2026-10-09T12:00:00,search,1\n", "touches.csv, row 2, column user_id: is blank"),
        ("1,yesterday,search,1\n", "touches.csv, row 2, column ts: 'yesterday' is not a time; write it like 2026-"),
    ],
)
def test_a_log_that_cannot_be_read_stops_check_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], touches: str, said: str
) -> None:
    folder = folder_of(tmp_path / "data", touches)
    code, out = check(folder, capsys)
    assert (code, said in out) == (1, True), out
    code = cli.main(["report", "--data", str(folder), "--out", str(tmp_path / "out"), "--only", NOTEBOOK])
    told = capsys.readouterr().err
    assert (code, said in told, "Traceback" in told) == (1, True, False), told
    assert not (tmp_path / "out").exists()


def test_of_many_bad_rows_the_first_are_told_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, "1,,search,1\n" * 30)
    assert cli.main(["check", "--data", str(folder), "--json"]) == 1
    tables = {table["table"]: table for table in json.loads(capsys.readouterr().out)["tables"]}
    messages = [problem["message"] for problem in tables["touches"]["problems"]]
    assert len(messages) == 21
    assert messages[-1] == "and 10 more rows where it is blank; a value is required (30 in all)"


def test_a_report_asked_for_a_lookback_of_zero_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copy(places.notebooks_dir() / f"{NOTEBOOK}.ipynb", notebooks)
    path = notebooks / f"{NOTEBOOK}.ipynb"
    written = path.read_text(encoding="utf-8")
    path.write_text(written.replace("lookback_days: float = 30.0", "lookback_days: float = 0.0"), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != written
    monkeypatch.setattr(places, "notebooks_dir", lambda: notebooks)
    folder = folder_of(tmp_path / "data", "1,2026-10-09T12:00:00,search,1\n")
    code = cli.main(["report", "--data", str(folder), "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err
    assert code == 1
    assert "lookback_days came as 0; allowed is more than 0 and up to 365 days." in told
    assert "Traceback" not in told
    assert not (tmp_path / "out" / AS_OF[:7]).exists()
