"""What a deep link asks for: read by the types of the parameters cell, told when it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from martech_lib import Workspace
from martech_lib.workbook.notebook import _asked, _declared, _typed, begin
from martech_lib.workbook.parameters import Parameter, ParameterError

DECLARED = {
    name: Parameter(name, kind, default, "")
    for name, kind, default in (
        ("data", "str", ""),
        ("month", "str", ""),
        ("low_adoption", "float", 0.0),
        ("looks", "int", 4),
        ("sticky", "bool", False),
        ("channels", "list[str]", []),
    )
}


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("low_adoption=0.2", {"low_adoption": 0.2}),
        ("low_adoption=0", {"low_adoption": 0}),
        ("low_adoption=1&looks=3", {"low_adoption": 1, "looks": 3}),
        ("sticky=true", {"sticky": True}),
        ("sticky=False", {"sticky": False}),
        ("month=2026-10", {"month": "2026-10"}),
        ("month=caf%C3%A9+%26", {"month": "café &"}),
        ("channels=%5B%22paid%22%5D", {"channels": ["paid"]}),
        ("low_adoption=0.2&low_adoption=0.3", {"low_adoption": 0.3}),
        ("data=", {"data": ""}),
        ("&&=&=x", {}),
        ("token=abc&template=x&theme=dark", {}),
    ],
)
def test_a_link_is_read_by_type(monkeypatch: pytest.MonkeyPatch, query: str, values: dict[str, Any]) -> None:
    monkeypatch.setenv("QUERY_STRING", query)
    assert _asked(DECLARED) == (values, ())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("low_adoption=soon", "The link's low_adoption came as 'soon'; allowed is a number (float)."),
        ("low_adoption=", "The link's low_adoption came as ''; allowed is a number (float)."),
        ("low_adoption=NaN", "The link's low_adoption came as 'NaN'; allowed is a number (float)."),
        ("low_adoption=1e999", "The link's low_adoption came as '1e999'; allowed is a number (float)."),
        ("low_adoption=true", "The link's low_adoption came as 'true'; allowed is a number (float)."),
        ("looks=3.5", "The link's looks came as '3.5'; allowed is a whole number (int)."),
        ("sticky=1", "The link's sticky came as '1'; allowed is True or False (bool)."),
        ("data=duckdb%3A%2F%2Fx", "The link's data came as 'duckdb://x'; a link may only name a folder that is there."),
        ("data=%00", "The link's data came as ''; a link may only name a folder that is there."),
        (
            "low_adpotion=0.2",
            "The link names 'low_adpotion'; did you mean low_adoption? This page takes data, month, low_adoption, "
            "looks, sticky, channels.",
        ),
        (
            "zzz=1",
            "The link names 'zzz'. This page takes data, month, low_adoption, looks, sticky, channels.",
        ),
    ],
)
def test_what_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, query: str, words: str) -> None:
    monkeypatch.setenv("QUERY_STRING", f"month=2026-10&{query}")
    assert _asked(DECLARED) == ({"month": "2026-10"}, (words,))


@pytest.mark.parametrize("text", ["9" * 400, "[" * 50_000, "9" * 5_000])
def test_a_number_beyond_all_measure_is_told(text: str) -> None:
    with pytest.raises(ParameterError, match="allowed is a number"):
        _typed(DECLARED["low_adoption"], text)


def test_a_link_names_data_only_by_a_folder_that_is_there(tmp_path: Path) -> None:
    assert _typed(DECLARED["data"], str(tmp_path)) == str(tmp_path)
    for absent in (str(tmp_path / "absent"), "x" * 5_000, __file__):
        with pytest.raises(ParameterError, match="only name a folder that is there"):
            _typed(DECLARED["data"], absent)


def test_the_notebooks_own_cell_is_what_a_link_is_read_by() -> None:
    assert {"data", "low_adoption", "marketing_fte"} <= set(_declared("1-stack-audit"))


def test_a_page_asks_for_a_workspace_once_more_that_was_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backlog.csv").write_text("idea,surface\nA,web\n", encoding="utf-8")
    monkeypatch.setenv("MARTECH_MODE", "app")
    monkeypatch.setenv("QUERY_STRING", "")
    monkeypatch.delenv("VOILA_PREHEAT", raising=False)
    book = begin("3-experiment-planner", {"data": str(tmp_path)})
    assert book.link() == ({}, ())
    Workspace.open(tmp_path).append("backlog", {"idea": "B", "surface": "tv"})
    assert book.link() == ({"data": str(tmp_path)}, ())
    monkeypatch.setenv("QUERY_STRING", "name=Short+form")
    assert book.link().values == {"name": "Short form", "data": str(tmp_path)}


@pytest.mark.parametrize("name", ["new.csv", "plans/X-001.yaml"])
def test_a_workspace_knows_whether_it_was_written_to(tmp_path: Path, name: str) -> None:
    (tmp_path / "backlog.csv").write_text("idea,surface\nA,web\n", encoding="utf-8")
    ws = Workspace.open(tmp_path)
    assert not ws.has_changed
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x", encoding="utf-8")
    assert ws.has_changed and not Workspace.open(tmp_path).has_changed
    (tmp_path / name).unlink()
    assert not ws.has_changed
    (tmp_path / "backlog.csv").unlink()
    assert ws.has_changed
