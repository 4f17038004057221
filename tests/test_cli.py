"""The `martech` command: its words, its exit codes, and that it starts at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from workspaces import PROFILE, tool, write_table

from martech_lib.core import places
from martech_lib.core.errors import UserError
from martech_lib.workbook import cli, report, serve


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    write_table(folder, "profile", [{"key": key, "value": value} for key, value in PROFILE.items()])
    write_table(folder, "inventory", [tool(), tool("HubSpot", layer="Storage", category="CRM")])
    return folder


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    folder = tmp_path / "bad"
    write_table(folder, "profile", [{"key": key, "value": value} for key, value in PROFILE.items()])
    write_table(folder, "inventory", [tool(f"Tool {i}", annual_cost="-5") for i in range(25)])
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom martech_lib.workbook import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'ibis', 'duckdb', 'altair', 'ipywidgets', 'papermill', 'nbconvert', 'voila'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    for command in ("report", "apps", "lab", "check", "new", "simulate", "schema"):
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["report", "--jobs", "0"], ["report", "--nope"], ["apps", "--port", "x"]]
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage: martech" in capsys.readouterr().err


def test_check_says_what_is_there_and_what_is_missing(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "--data", str(good))
    assert (code, err) == (0, "")
    assert "inventory            ok       2 rows" in out
    assert "missing: " in out
    assert "touches" in out


def test_check_tells_the_first_problems_and_the_count(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--data", str(bad))
    assert code == 1
    assert "inventory            error    25 rows" in out
    assert "inventory.csv, row 2, column annual_cost: '-5'" in out
    assert out.count("column annual_cost") == 20
    assert "25 problems in all; the first 20 are shown" in out


def test_check_as_json_keeps_to_the_contract(bad: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--data", str(bad), "--json")
    tables = {table["table"]: table for table in json.loads(out)["tables"]}
    assert code == 1
    assert set(tables["inventory"]) == {"table", "status", "rows", "problems"}
    assert set(tables["inventory"]["problems"][0]) == {"row", "column", "value", "message"}
    assert (tables["inventory"]["status"], len(tables["inventory"]["problems"])) == ("error", 25)
    assert (tables["profile"]["status"], tables["touches"]["status"]) == ("ok", "missing")
    assert run(capsys, "check", "--data", str(good), "--json")[0] == 0


@pytest.mark.parametrize("command", ["report", "check", "apps", "lab"])
def test_a_folder_that_is_not_there_is_1(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, command, "--data", "no/such/folder")
    assert (code, out) == (1, "")
    assert err.startswith("martech: ")
    assert "no/such/folder" in err
    assert "Traceback" not in err


def test_a_report_of_wrong_data_is_1_and_writes_nothing(
    bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "report", "--data", str(bad), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "25 problems in the data; nothing was started" in err
    assert "inventory.csv, row 2, column annual_cost" in err
    assert not (tmp_path / "out").exists()


def test_what_breaks_in_ours_is_3_and_leaves_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(data: str, **_: Any) -> Path:
        raise ValueError(f"cannot digest {data}")

    monkeypatch.setattr(report, "report", broken)
    code, _, err = run(capsys, "report", "--data", "postgres://jane:secret@db/x")
    assert code == 3
    assert "martech: Something broke: cannot digest" in err
    assert "Traceback" not in err
    assert "secret" not in err
    trace = Path(err.split("The full trace is in ")[1].strip())
    text = trace.read_text(encoding="utf-8")
    trace.unlink()
    assert "Traceback" in text
    assert "in broken" in text
    assert "secret" not in text


def test_a_notebook_that_stops_is_3_and_says_where_its_trace_lies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any, **__: Any) -> Path:
        raise report.ReportFailed("1-x stopped: KeyError: 'a'\nThe full trace: r.failed/trace.txt", Path("r.failed"))

    monkeypatch.setattr(report, "report", stopped)
    code, _, err = run(capsys, "report")
    assert code == 3
    assert "r.failed/trace.txt" in err
    assert "The full trace is in" not in err


def test_an_interrupt_is_clean(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "report", interrupted)
    assert run(capsys, "report") == (130, "", "martech: Stopped.\n")


def test_report_passes_its_options_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {}

    def noted(data: str, **options: Any) -> Path:
        given.update(options, data=data)
        return tmp_path / "2026-10"

    monkeypatch.setattr(report, "report", noted)
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, *"report --data d --month 2026-10 --out o --only a b --pdf --jobs 3".split())
    assert (code, out) == (0, f"{Path('2026-10', 'index.html')}\n")
    assert given == {"data": "d", "month": "2026-10", "out": "o", "only": ["a", "b"], "pdf": True, "jobs": 3}
    run(capsys, "report")
    assert given["data"] == str(places.sample_dir() / "saas")
    assert (given["month"], given["out"], given["only"], given["pdf"], given["jobs"]) == ("", "reports", (), False, 2)


def test_new_starts_a_folder_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    code, out, _ = run(capsys, "new", str(folder))
    assert code == 0
    assert f"martech check --data {folder}" in out
    assert (folder / "inventory.csv").is_file()
    code, _, err = run(capsys, "new", str(folder))
    assert code == 1
    assert "already" in err


def test_schema_lists_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "schema")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()][:2] == [["profile", "register"], ["inventory", "register"]]
    assert "touches              log" in out


def test_schema_of_a_table_tells_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "schema", "inventory")
    assert code == 0
    assert "annual_cost" in out
    assert "one of: Collection, Storage, Modeling" in out
    assert "required" in out
    assert "optional" in out


def test_schema_of_profile_tells_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert "marketing_fte" in run(capsys, "schema", "profile")[1]


def test_an_unknown_table_gets_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "schema", "inventry")
    assert code == 2
    assert 'There is no table "inventry"; did you mean inventory?' in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--month", "2026-13"), '"2026-13" is not a month; write YYYY-MM'),
        (("--only", "1-stack-audits"), "did you mean 1-stack-audit?"),
        (("--data", ""), "--data came empty"),
    ],
)
def test_a_report_asked_for_in_the_wrong_way_is_wrong_usage(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "report", *arguments)
    assert code == 2
    assert words in err


def test_a_busy_port_is_told(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run(capsys, "apps", "--data", str(good), "--port", str(port))
    assert code == 1
    assert f"Port {port} is in use" in err
    assert f"--port {port + 1}" in err


def test_a_number_that_is_no_port_is_told(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "apps", "--data", str(good), "--port", "99999")
    assert code == 2
    assert "99999 is not a port" in err


def test_lab_opens_a_checkout_in_place(monkeypatch: pytest.MonkeyPatch, good: Path, capsys: Any) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("jupyterlab.labapp.LabApp.launch_instance", started.append)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    code, out, _ = run(capsys, "lab", "--data", str(good))
    assert code == 0
    assert str(places.notebooks_dir()) in out
    assert f"--ServerApp.root_dir={places.notebooks_dir()}" in started[0]
    assert os.environ["MARTECH_DATA"] == str(good)


def test_lab_of_an_installed_wheel_copies_the_notebooks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "share" / "notebooks"
    installed.mkdir(parents=True)
    (installed / "0-home.ipynb").write_text("theirs")
    monkeypatch.setattr(places, "SHARED_IN_WHEEL", tmp_path / "share")
    monkeypatch.setattr(places, "notebooks_dir", lambda: installed)
    copies = serve.writable_notebooks(tmp_path)
    assert copies == tmp_path / "notebooks"
    (copies / "0-home.ipynb").write_text("changed by an analyst")
    serve.writable_notebooks(tmp_path)
    assert (copies / "0-home.ipynb").read_text() == "changed by an analyst"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be copied to"):
        serve.writable_notebooks(tmp_path / "file")
