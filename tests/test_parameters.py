"""A notebook's parameters cell is its schema: what it declares, and what is refused, in words."""

from __future__ import annotations

from typing import Any

import pytest

from martech_lib.workbook.parameters import ParameterError, check_parameters, parameters_of

SOURCE = """\
# The first two are those of every notebook.
data: str = ""  # a folder or a database URL
month: str = ""  # YYYY-MM
alpha: float = 0.05  # two-sided error rate
looks: int = 4
sticky: bool = False  # keep '#' in mind
channels: list[str] = ["paid", "email"]  # in order
"""


def cells(source: str = SOURCE) -> list[dict[str, Any]]:
    return [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source},
    ]


@pytest.fixture
def declared() -> Any:
    return parameters_of(cells(), notebook="1-stack-audit")


def test_a_line_becomes_name_type_default_and_help(declared: Any) -> None:
    assert list(declared) == ["data", "month", "alpha", "looks", "sticky", "channels"]
    alpha = declared["alpha"]
    assert (alpha.name, alpha.kind, alpha.default, alpha.help) == ("alpha", "float", 0.05, "two-sided error rate")
    assert declared["looks"].help == ""
    assert declared["channels"].kind == "list[str]"
    assert declared["channels"].default == ["paid", "email"]


def test_source_kept_as_a_list_of_lines_reads_the_same(declared: Any) -> None:
    split = cells()
    split[1]["source"] = SOURCE.splitlines(keepends=True)
    assert parameters_of(split, notebook="1-stack-audit") == declared


@pytest.mark.parametrize(
    "given",
    [{"month": "2026-10"}, {"alpha": 0.1}, {"alpha": 1}, {"looks": 2, "sticky": True}, {"channels": ["a"]}, {}],
)
def test_what_fits_is_let_through(declared: Any, given: dict[str, Any]) -> None:
    check_parameters(declared, given, notebook="1-stack-audit")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"monht": "2026-10"},
            ["1-stack-audit", 'no parameter "monht"', "did you mean month?", "It takes data, month"],
        ),
        ({"zzz": 1}, ['no parameter "zzz".', "It takes data, month, alpha"]),
        (
            {"alpha": "0.1"},
            ['"alpha"', "two-sided error rate", "got '0.1'", "text (str)", "allowed is a number (float)"],
        ),
        ({"looks": 2.5}, ["got 2.5", "a number (float)", "allowed is a whole number (int)"]),
        ({"looks": True}, ["got True", "True or False (bool)", "a whole number (int)"]),
        ({"sticky": "yes"}, ["allowed is True or False (bool)"]),
        ({"month": None}, ["got None", "allowed is text (str)"]),
    ],
)
def test_what_does_not_fit_is_told(declared: Any, given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ParameterError) as refused:
        check_parameters(declared, given, notebook="1-stack-audit")
    for word in words:
        assert word in str(refused.value)


def test_all_faults_are_told_at_once(declared: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        check_parameters(declared, {"dta": "x", "looks": "x"}, notebook="n")
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("data = ''", "line 1 of the parameters cell is not of the form name: type = value"),
        ("data: str", "not of the form"),
        ("data: str = open('x')", "the default of data in the parameters cell is no plain value"),
        ("data: str = (", "the parameters cell is no Python"),
    ],
)
def test_a_cell_that_is_no_schema_is_refused(source: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words.replace("(", r"\(")):
        parameters_of(cells(source), notebook="n")


def test_a_notebook_without_the_cell_is_refused() -> None:
    with pytest.raises(ParameterError, match="has no cell tagged parameters"):
        parameters_of(cells()[:1], notebook="n")
