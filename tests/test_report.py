"""The report: self-contained pages, records that every reader can read, published whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from small_notebooks import write_notebook
from workspaces import PROFILE, tool, write_table

from martech_lib.core import places
from martech_lib.core.errors import TableError, UserError
from martech_lib.workbook import pdf, publish, report
from martech_lib.workbook.pages import body_of, sentences, title_of
from martech_lib.workbook.report import ReportFailed
from martech_lib.workbook.source import absolute, brief

NASTY = "<script>document.title='hit'</script>"
SHOW = f"""
import html, json, os, sys, warnings
from IPython.display import HTML, Image, display
warnings.warn("noise on the error stream")
display(HTML("<p class='x'>" + html.escape({NASTY!r}) + "</p>"))
display(HTML('<p class="wb-say">It costs <strong>$520k</strong> &amp; more.</p>'))
print(month, sys.executable, os.path.isdir(data), {NASTY!r})
"""
WIDGET = "import ipywidgets\nipywidgets.IntSlider(description='secret slider')"
PUBLISH = """
from pathlib import Path
def put(kind, records):
    Path(os.environ["MARTECH_RUN_DIR"], f"{name}.{kind}.json").write_text(json.dumps(records))
shared = {"metric": "stack.annual_cost", "value": 520000.0, "unit": "USD/year", "status": "info", "segment": ""}
put("readings", [shared, {"metric": f"x.{name}", "value": float("nan"), "status": "not measured"}])
put("findings", [{"rule": "SA01", "subject": "=cmd()", "severity": "high", "evidence": "-5 of 9", "decision": "Drop",
                  "amount": -24000.0, "unit": "USD"}] if name == "1-one" else [])
put("decisions", [{"tool": "@SUM(A1)", "decision": "Keep", "saving": 0.0}] if name == "1-one" else [])
put("inputs", {"inventory": "ab" * 32})
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path]]:
    """Notebooks, data, and where reports go; the machine has a kernel named python3 that does not start."""
    root = tmp_path_factory.mktemp("report")
    for name in ("1-one", "2-two"):
        cells = [SHOW, ("app-only", "print('for the app alone')"), WIDGET, f"name = {name!r}\n{PUBLISH}"]
        write_notebook(root / "notebooks", name, cells)
    write_table(root / "data", "profile", [{"key": key, "value": value} for key, value in PROFILE.items()])
    write_table(root / "data", "inventory", [tool()])
    spec = root / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        json.dumps({"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "python"})
    )
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(root / "jupyter")
    yield root / "notebooks", root / "data", root / "reports"
    del os.environ["JUPYTER_PATH"]
    if before is not None:
        os.environ["JUPYTER_PATH"] = before


def make(folders: tuple[Path, Path, Path], **changes: Any) -> Path:
    notebooks, data, out = folders
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "notebooks_dir", lambda: notebooks)
        return report.report(str(data), **{"out": out, **changes})


@pytest.fixture(scope="module")
def made(folders: tuple[Path, Path, Path]) -> Path:
    return make(folders)


def test_it_lands_under_the_month_of_the_data(made: Path, folders: tuple[Path, Path, Path]) -> None:
    assert made == folders[2] / "2026-10"
    assert sorted(path.name for path in made.iterdir()) == [
        "1-one.html", "2-two.html", "decisions.csv", "findings.csv", "index.html", "metrics.json",
    ]  # fmt: skip
    assert sorted(path.name for path in folders[2].iterdir()) == ["2026-10"], "nothing else is left beside it"


def test_a_page_asks_for_nothing_and_runs_nothing(made: Path) -> None:
    for page in made.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r"""(src|href)=["']?(https?:|//)""", text)
        assert "default-src 'none'" in text


def test_a_page_can_be_read_by_everybody(made: Path) -> None:
    text = (made / "1-one.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert "<title>One · Test company · October 2026</title>" in text
    assert 'name="viewport"' in text
    assert 'href="#content">Skip to the content' in text
    assert '<a href="1-one.html" aria-current="page">One</a>' in text
    assert '<a href="2-two.html">Two</a>' in text


def test_a_page_shows_results_alone(made: Path) -> None:
    text = (made / "1-one.html").read_text(encoding="utf-8")
    assert "What this page is about." in text
    for hidden in (
        "noise on the error stream",
        "for the app alone",
        "IntSlider",
        "secret slider",
        "import html",
        "In [",
    ):
        assert hidden not in text


def test_markup_in_data_comes_out_as_text(made: Path) -> None:
    text = (made / "1-one.html").read_text(encoding="utf-8")
    assert text.count("&lt;script&gt;document.title=") == 2


def test_the_kernel_is_the_running_python(made: Path) -> None:
    """It gets month and data too, although the machine's own kernel named python3 does not start."""
    assert f"2026-10 {sys.executable} True" in (made / "1-one.html").read_text(encoding="utf-8")


def test_the_index_tells_the_story(made: Path) -> None:
    text = (made / "index.html").read_text(encoding="utf-8")
    assert "<h1>Test company · October 2026</h1>" in text
    assert '<h2><a href="1-one.html">One</a></h2>' in text
    assert "<p>It costs $520k &amp; more.</p>" in text
    assert "$520k</p>" in text, "the scorecard"
    for name in ("metrics.json", "findings.csv", "decisions.csv"):
        assert f'<a href="{name}">' in text
    assert "ab" * 32 in text
    assert "Made " in text
    assert str(made.parents[1]) not in text, "a folder of this machine is nobody's business"


def test_metrics_are_strict_json(made: Path) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    metrics = json.loads((made / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert list(metrics) == ["month", "inputs", "readings", "findings"]
    assert metrics["month"] == "2026-10"
    assert metrics["inputs"] == {"inventory": "ab" * 32}
    assert [r["metric"] for r in metrics["readings"]] == ["stack.annual_cost", "x.1-one", "x.2-two"], "shared ones once"
    assert metrics["readings"][1]["value"] is None
    assert metrics["findings"][0]["amount"] == -24000.0


def test_a_spreadsheet_runs_nothing(made: Path) -> None:
    with (made / "findings.csv").open(newline="", encoding="utf-8") as file:
        (finding,) = csv.DictReader(file)
    assert (finding["subject"], finding["evidence"], finding["amount"]) == ("'=cmd()", "'-5 of 9", "-24000")
    with (made / "decisions.csv").open(newline="", encoding="utf-8") as file:
        (decision,) = csv.DictReader(file)
    assert decision["tool"] == "'@SUM(A1)"
    assert list(decision) == ["tool", "decision", "suggested", "decided_by", "reason", "annual_cost", "saving"]


def test_a_failed_run_leaves_the_last_good_report(made: Path, folders: tuple[Path, Path, Path]) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    broken = write_notebook(folders[0], "3-broken", ["wages = 1\n1 / 0"])
    with pytest.raises(ReportFailed) as stopped:
        make(folders)
    kept = folders[2] / "2026-10.failed"
    assert str(stopped.value).startswith("3-broken stopped: ZeroDivisionError: division by zero")
    assert f"full trace: {kept / 'trace.txt'}" in str(stopped.value)
    assert "The last good report still stands" in str(stopped.value)
    assert stopped.value.kept == kept
    assert "wages = 1" in (kept / "trace.txt").read_text(encoding="utf-8")
    executed = nbformat.read(kept / "run" / "3-broken.ipynb", as_version=4)
    assert any(output.output_type == "error" for cell in executed.cells for output in cell.get("outputs", []))
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert not (kept / "index.html").exists()
    broken.unlink()
    make(folders, only=["1-one"])
    assert not kept.exists(), "a good run clears what the failed one left"
    assert sorted(path.name for path in made.glob("*.html")) == ["1-one.html", "index.html"]


def test_an_input_error_in_a_notebook_is_told_as_one(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    stop = "from martech_lib.core.errors import MissingTable\nraise MissingTable('touches.csv is missing')"
    write_notebook(tmp_path / "notebooks", "4-input", [stop])
    with pytest.raises(UserError, match="4-input stopped: MissingTable: touches.csv is missing"):
        make((tmp_path / "notebooks", folders[1], tmp_path / "out"))


def test_a_table_error_stops_it_before_anything_starts(tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks", "1-one", ["1"])
    write_table(tmp_path / "data", "inventory", [tool(annual_cost="-5"), tool(name="B", renewal_date="2026-02-31")])
    with pytest.raises(TableError) as refused:
        make((tmp_path / "notebooks", tmp_path / "data", tmp_path / "out"))
    assert "inventory.csv, row 2, column annual_cost" in str(refused.value)
    assert "inventory.csv, row 3, column renewal_date" in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"month": "2026-13"}, '"2026-13" is not a month; write YYYY-MM'),
        ({"month": "October"}, '"October" is not a month'),
        ({"only": ["1-won"]}, 'There is no notebook "1-won"; did you mean 1-one?'),
    ],
)
def test_what_is_no_month_or_notebook_is_refused(
    folders: tuple[Path, Path, Path], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        make(folders, **changes)


def test_parameters_are_checked_before_a_kernel_starts(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks", "1-one", ["1"], parameters='data: str = ""\nmonths: str = ""')
    with pytest.raises(UserError, match='1-one: there is no parameter "month"; did you mean months?'):
        make((tmp_path / "notebooks", folders[1], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_written_is_told(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="The report cannot be written to .*file"):
        make((folders[0], folders[1], tmp_path / "file"))


def test_without_a_browser_no_pdf_and_no_kernel(
    folders: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MARTECH_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "OTHER_PLACES", ())
    with pytest.raises(pdf.NoBrowser) as refused:
        make((folders[0], folders[1], tmp_path / "out"), pdf=True)
    for word in ("chromium, chromium-browser, google-chrome", "Install one", "MARTECH_CHROMIUM"):
        assert word in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_named_browser_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARTECH_CHROMIUM", "/opt/no/chrome")
    with pytest.raises(pdf.NoBrowser, match="MARTECH_CHROMIUM names '/opt/no/chrome', and there is no such program"):
        pdf.find_browser()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a browser is a shell script")
def test_a_browser_that_writes_nothing_is_noticed(tmp_path: Path) -> None:
    stub = tmp_path / "browser"
    stub.write_text("#!/bin/sh\necho no display >&2\nexit 0\n")
    stub.chmod(0o755)
    (tmp_path / "page.html").write_text("x")
    with pytest.raises(RuntimeError, match=r"wrote no PDF \(exit code 0\): no display"):
        pdf.print_pdf(tmp_path / "page.html", tmp_path / "report.pdf", browser=stub)


def test_a_swap_that_fails_puts_the_old_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, staging = tmp_path / "2026-10", tmp_path / ".2026-10.run-1"
    for folder, text in ((place, "old"), (staging, "new")):
        folder.mkdir()
        (folder / "index.html").write_text(text)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self == staging:
            raise OSError("the disk is full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="disk is full"):
        publish.publish(staging, place)
    assert (place / "index.html").read_text() == "old"
    monkeypatch.undo()
    publish.publish(staging, place)
    assert (place / "index.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["2026-10"]


def test_a_database_url_is_not_injected(tmp_path: Path) -> None:
    """An executed notebook keeps its parameters, and a URL may hold a password."""
    order = report.Order("postgres://jane:secret@db/x", "2026-10", tmp_path, (), None, 1)
    assert report._parameters(order) == {"month": "2026-10"}
    (tmp_path / "run.ipynb").write_text("... postgres://jane:secret@db/x ...")
    publish.replace_in_files(tmp_path, order.data, "postgres://jane:***@db/x")
    assert "secret" not in (tmp_path / "run.ipynb").read_text()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (float("nan"), ""), (24000.0, "24000"), (0.14, "0.14"), (True, "true"), (("a", "b"), "a; b"),
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-cmd", "'-cmd"), ("@x", "'@x"), ("\tx", "'\tx"), ("\r=x", "'\r=x"),
        ("-12.5", "-12.5"), ("+3", "+3"), (-3.5, "-3.5"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run_are_defused(value: object, cell: str) -> None:
    assert publish.safe_cell(value) == cell


def test_csv_without_records_still_has_its_header() -> None:
    assert publish.csv_text([], ("tool", "decision")) == "tool,decision\n"
    assert publish.csv_text([{"tool": "a", "more": 1}], ("tool",)) == "tool,more\na,1\n"


def test_paths_are_absolute_for_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("data") == str(tmp_path / "data")
    assert absolute("duckdb://a/b.db?read_only=1") == f"duckdb://{tmp_path}/a/b.db?read_only=1"
    assert absolute("duckdb://") == "duckdb://"
    assert absolute("postgres://u:p@h/d") == "postgres://u:p@h/d"
    assert brief(str(tmp_path / "data" / "mine"), masked="") == "data/mine"
    assert brief("/elsewhere/mine", masked="") == "mine"
    assert brief("postgres://u:p@h/d", masked="postgres://u:***@h/d") == "postgres://u:***@h/d"


def test_a_title_and_the_first_sentence() -> None:
    assert title_of([{"cell_type": "markdown", "source": "text\n# Stack audit\n"}], otherwise="x") == "Stack audit"
    assert title_of([{"cell_type": "code", "source": "# not this"}], otherwise="1-x") == "1-x"
    assert sentences('<p class="wb-say"> </p><p class="wb-say wide">A <b>b</b> &lt; c.</p><p>d</p>') == ("A b < c.",)


def test_every_kind_of_output_is_inlined() -> None:
    outputs = [
        nbformat.v4.new_output("display_data", {"image/png": "aGk="}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg></svg>", "text/plain": "obj"}),
        nbformat.v4.new_output("display_data", {"text/markdown": "**bold**"}),
        nbformat.v4.new_output("execute_result", {"text/plain": "<Figure>"}),
        nbformat.v4.new_output("display_data", {"application/javascript": "alert(1)"}),
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("secret", outputs=outputs)])
    body = body_of(notebook)
    for shown in ("data:image/png;base64,aGk=", "<svg></svg>", "<strong>bold</strong>", "&lt;Figure&gt;"):
        assert shown in body
    for hidden in ("alert", "secret", "obj"):
        assert hidden not in body
