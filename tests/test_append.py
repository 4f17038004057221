"""One more row in a register: what stands in the file stays, and the row reads back as it was written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from martech_lib import Workspace
from martech_lib.core.append import fill_row
from martech_lib.core.errors import UserError
from martech_lib.core.tables import table

ROW = {"idea": "Lift test of video", "surface": "video", "mde_relative": 0.125, "owner": None}


def backlog(folder: Path, data: bytes) -> Path:
    file = folder / "backlog.csv"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    "data",
    [
        b"idea,surface\nShorter page,web\n",
        b"idea,surface\nShorter page,web",
        b"\xef\xbb\xbfidea,surface\r\nShorter page,web\r\n",
        b"idea;surface\r\nShorter page;web\r\n",
        b"# ideas of the team\n\nIdea,Surface,mood\nShorter page,web,good\n",
        b'surface,idea\n"web, and\nmobile",Shorter page\n',
        b'"idea","surface"\n"Shorter ""page""","web"\n',
        "idea,surface\nKürzere Seite,web\n".encode("cp1252"),
    ],
)
def test_a_row_is_added_whatever_the_file_looks_like(tmp_path: Path, data: bytes) -> None:
    file = backlog(tmp_path, data)
    before = Workspace.open(tmp_path).register("backlog")
    ws = Workspace.open(tmp_path)
    told = ws.append("backlog", ROW)
    after = Workspace.open(tmp_path).register("backlog")
    assert len(after) == len(before) + 1 and after["idea"].iloc[-1] == ROW["idea"]
    assert after["mde_relative"].iloc[-1] == 0.125
    pd.testing.assert_frame_equal(after[list(before)].iloc[:-1], before)
    assert told == f"backlog.csv, row {len(file.read_bytes().splitlines())}"
    body = data.split(b"\n", 1)[1] if not data.startswith(b"#") else data.split(b"mood\n")[1]
    assert body.rstrip() in file.read_bytes()
    assert (b"\r\n" in data) == (b"\r\n" in file.read_bytes())
    assert ws.register("backlog")["idea"].iloc[-1] == ROW["idea"]


@pytest.mark.parametrize("data", [None, b"", b"\xef\xbb\xbf", b"idea,surface\n", b"idea,surface"])
def test_a_backlog_without_rows_or_none_at_all_gets_its_first(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        backlog(tmp_path, data)
    assert Workspace.open(tmp_path).append("backlog", ROW) == "backlog.csv, row 2"
    assert list(Workspace.open(tmp_path).register("backlog")["idea"]) == [ROW["idea"]]


def test_the_same_row_is_not_written_twice(tmp_path: Path) -> None:
    file = backlog(tmp_path, b"idea,surface\n LIFT test of Video ,tv\n")
    data = file.read_bytes()
    with pytest.raises(UserError, match="has 'Lift test of video' already, in row 2"):
        Workspace.open(tmp_path).append("backlog", ROW)
    assert file.read_bytes() == data


def test_what_cannot_be_written_says_so_and_leaves_the_file(tmp_path: Path) -> None:
    pd.DataFrame({"idea": ["x"], "surface": ["y"]}).to_parquet(tmp_path / "backlog.parquet")
    with pytest.raises(UserError, match=r"backlog\.parquet is no CSV file"):
        Workspace.open(tmp_path).append("backlog", ROW)
    (tmp_path / "backlog.parquet").unlink()
    file = backlog(tmp_path, b'idea,surface\n"open,web\n')
    with pytest.raises(UserError, match="a quote that opens here is never closed"):
        Workspace.open(tmp_path).append("backlog", ROW)
    assert file.read_bytes() == b'idea,surface\n"open,web\n'
    latin = "idea,surface\nKürzer,web\n".encode("cp1252")
    backlog(tmp_path, latin)
    with pytest.raises(UserError, match="save it as 'CSV UTF-8' first"):
        Workspace.open(tmp_path).append("backlog", {"idea": "測試", "surface": "tv"})
    assert file.read_bytes() == latin
    with pytest.raises(UserError, match="touches is a log"):
        Workspace.open(tmp_path).append("touches", {})


def test_a_file_that_the_disk_refuses_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = backlog(tmp_path, b"idea,surface\nShorter page,web\n")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match="cannot be written: Permission denied"):
        Workspace.open(tmp_path).append("backlog", ROW)
    assert file.read_bytes() == b"idea,surface\nShorter page,web\n"
    assert [path.name for path in tmp_path.iterdir()] == ["backlog.csv"]


def test_a_file_with_faults_or_another_way_of_numbers_is_left_alone(tmp_path: Path) -> None:
    for data, why in (
        (b"idea,surface\nA,web,0.5\n", "has a fault to be mended first"),
        (b"idea;surface;mde_relative;value_per_unit_lift\nA;web;0,105;1.234,50\n", "in another way than the row"),
    ):
        file = backlog(tmp_path, data)
        with pytest.raises(UserError, match=why):
            Workspace.open(tmp_path).append("backlog", {**ROW, "value_per_unit_lift": 1234.5})
        assert file.read_bytes() == data


def test_a_file_that_somebody_else_wrote_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backlog(tmp_path, b"idea,surface\nA,web\n")
    ws, copied = Workspace.open(tmp_path), shutil.copymode

    def meanwhile(*paths: Any) -> None:
        copied(*paths)
        file.write_bytes(b"idea,surface\nA,web\nB,tv\n")

    monkeypatch.setattr(shutil, "copymode", meanwhile)
    with pytest.raises(UserError, match="was changed meanwhile"):
        ws.append("backlog", ROW)
    assert file.read_bytes() == b"idea,surface\nA,web\nB,tv\n"
    assert [path.name for path in tmp_path.iterdir()] == ["backlog.csv"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    kept = backlog(real, b"idea,surface\nA,web\n")
    folder = tmp_path / "ws"
    folder.mkdir()
    (folder / "backlog.csv").symlink_to(kept)
    Workspace.open(folder).append("backlog", ROW)
    assert (folder / "backlog.csv").is_symlink() and b"Lift test of video" in kept.read_bytes()


def test_a_database_is_only_read(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("CREATE TABLE backlog AS SELECT 'x' AS idea, 'y' AS surface")
    with pytest.raises(UserError, match="is a database, which is only read"):
        Workspace.open(f"duckdb://{tmp_path / 'w.duckdb'}").append("backlog", ROW)


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cf")), min_size=1, max_size=12)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ideas=st.lists(TEXT, min_size=1, max_size=6, unique_by=str.casefold), mark=st.sampled_from(",;"))
def test_any_text_reads_back(tmp_path: Path, ideas: list[str], mark: str) -> None:
    backlog(tmp_path, f"idea{mark}surface\n".encode())
    for idea in ideas:
        Workspace.open(tmp_path).append("backlog", {"idea": idea, "surface": f"on {idea}"})
    found = Workspace.open(tmp_path)._register("backlog")
    assert not found.problems
    assert list(found.frame["idea"]) == ideas
    assert list(found.frame["surface"]) == [f"on {idea}" for idea in ideas]


# ---- blanks that are filled ----


@pytest.mark.parametrize(
    "data",
    [
        b"idea,surface,owner,mood\nA,web,Ana,good\nB,tv,,\nC,tv,Bo,bad\n",
        b"\xef\xbb\xbfidea;surface\r\nA;web\r\nB;tv\r\nC;tv",
        b'# ideas\n\nmood,Idea,surface,owner\n"two\nlines",A,web,Ana\n\n,b ,tv\nbad,C,tv,Bo\n',
        b'"idea","surface"\n"A","web"\n"B","tv"\n"=C","tv"\n',
    ],
)
def test_blanks_of_a_row_are_filled_and_all_else_stays(tmp_path: Path, data: bytes) -> None:
    file = backlog(tmp_path, data)
    before = Workspace.open(tmp_path).register("backlog")
    told = Workspace.open(tmp_path).fill("backlog", "B", {"owner": "Cid", "mde_relative": 0.125, "audience": None})
    after = Workspace.open(tmp_path).register("backlog")
    assert after["owner"].iloc[1] == "Cid" and after["mde_relative"].iloc[1] == 0.125
    others = [name for name in before if name != "mde_relative" or before[name].notna().any()]
    pd.testing.assert_frame_equal(after[others].drop(index=1), before[others].drop(index=1))
    assert b"Cid" in file.read_bytes().splitlines()[int(told.removeprefix("backlog.csv, row ")) - 1]
    kept = [one for one in data.splitlines() if b"dea" not in one and one.strip(b'",').lower()[:1] != b"b"]
    assert all(one in file.read_bytes() for one in kept)
    with pytest.raises(UserError, match="has owner 'Cid' in row"):
        Workspace.open(tmp_path).fill("backlog", "B", {"owner": "Dan"})
    with pytest.raises(UserError, match="has no row 'D'"):
        Workspace.open(tmp_path).fill("backlog", "D", {"owner": "Dan"})


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ideas=st.lists(TEXT, min_size=1, max_size=5, unique_by=str.casefold), at=st.integers(0, 4), said=TEXT)
def test_any_text_fills_a_blank(tmp_path: Path, ideas: list[str], at: int, said: str) -> None:
    backlog(tmp_path, b"idea,surface\n")
    for idea in ideas:
        Workspace.open(tmp_path).append("backlog", {"idea": idea, "surface": "web"})
    place = at % len(ideas)
    Workspace.open(tmp_path).fill("backlog", ideas[place], {"owner": said})
    found = Workspace.open(tmp_path).register("backlog")
    assert list(found["idea"]) == ideas
    assert [text if isinstance(text, str) else None for text in found["owner"]] == [
        said if one == place else None for one in range(len(ideas))
    ]


def test_cells_without_a_column_name_stay_in_a_filled_row(tmp_path: Path) -> None:
    file = backlog(tmp_path, b"idea,surface,,\nA,web,see wiki,ask Ana\n")
    Workspace.open(tmp_path).fill("backlog", "A", {"owner": "Bo"})
    assert file.read_bytes().splitlines()[1] == b"A,web,see wiki,ask Ana,Bo"


def test_the_row_of_the_very_key_is_filled(tmp_path: Path) -> None:
    file = tmp_path / "experiments.csv"
    file.write_bytes(b"id,name\ne-2,small\nE-2,large\n")
    Workspace.open(tmp_path).fill("experiments", "E-2", {"surface": "web"})
    assert file.read_bytes().splitlines()[1:] == [b"e-2,small", b"E-2,large,web"]


def test_what_stands_there_in_other_letters_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "experiments.csv"
    file.write_text('sep=,\nid,actual_n,decision,effect,looks\nX-1,"2,188",Ship,10 %,\n', encoding="utf-8")
    cells = {"actual_n": 2188, "decision": "ship", "effect": 0.1, "looks": 1}
    assert fill_row(file, table("experiments"), "X-1", cells) == 3
    assert file.read_text(encoding="utf-8").splitlines()[2] == 'X-1,"2,188",Ship,10 %,1'
    with pytest.raises(UserError, match="has actual_n '2188' in row 3 already"):
        fill_row(file, table("experiments"), "X-1", {"actual_n": 2189})


def test_a_number_that_would_read_otherwise_is_not_written(tmp_path: Path) -> None:
    file = backlog(tmp_path, b"idea;surface;mde_relative\nA;web;0,125\nB;tv;\n")
    data = file.read_bytes()
    with pytest.raises(UserError, match="another way"):
        Workspace.open(tmp_path).fill("backlog", "B", {"mde_relative": 1.234})
    assert file.read_bytes() == data
