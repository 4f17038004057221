"""Files, functions and parameter lists stay comfortable, and what measures them can see one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sizes import MEAN_FUNCTION_LINES, docstring_faults, mean_function_length, size_faults


def test_nothing_is_too_large() -> None:
    assert size_faults() == []


def test_functions_are_short_on_average() -> None:
    assert 0 < mean_function_length() <= MEAN_FUNCTION_LINES


def test_public_things_are_explained() -> None:
    assert docstring_faults() == []


LARGE = {
    "a long file": ("x = 1\n" * 351, "351 lines"),
    "a long function": ("def f():\n" + "    x = 1\n" * 60, "f has 61 lines"),
    "a long method": ("class A:\n    def f(self):\n" + "        x = 1\n" * 60, "A.f has 61 lines"),
    "many parameters": ("def f(a, *, b, c, d, e, f, g): ...", "takes 7 parameters"),
    "many by position": ("def f(a, b, c, d, e): ...", "5 parameters by position"),
    "options by position": ("def f(a, b, c=1): ...", "takes options by position"),
}


@pytest.mark.parametrize("case", LARGE)
def test_what_is_too_large_is_seen(case: str, tmp_path: Path) -> None:
    source, told = LARGE[case]
    assert [fault for fault in size_faults(package(tmp_path, source)) if told in fault]


FINE = [
    "def f(data, other, third, *, level=0.95, seed=0): ...",
    "def f(data, level=0.95): ...",
    "class A:\n    def f(self, a, b, c): ...",
    "def _private(a, b, c, d, e): ...",
    "def f():\n" + "    x = 1\n" * 59,
]


@pytest.mark.parametrize("source", FINE)
def test_what_fits_is_let_through(source: str, tmp_path: Path) -> None:
    assert size_faults(package(tmp_path, source)) == []


def test_the_mean_is_a_mean(tmp_path: Path) -> None:
    assert mean_function_length(package(tmp_path, "def f():\n    pass\ndef g():\n    x = 1\n    return x\n")) == 2.5


def test_a_missing_docstring_is_seen(tmp_path: Path) -> None:
    source = '"""A room."""\ndef f(): ...\ndef _g(): ...\nclass A:\n    """Said."""\n'
    assert docstring_faults(package(tmp_path, source)) == ["martech_lib/a.py: f is public and has no docstring"]


def package(root: Path, source: str) -> Path:
    (root / "martech_lib").mkdir()
    (root / "martech_lib" / "a.py").write_text(source, encoding="utf-8")
    return root
