"""Under MARTECH_REQUIRE_ALL=1 whatever does not run fails, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .code import ROOT

HIDDEN = {
    "a skip": "def test_a(): pytest.skip('no browser')",
    "a skip mark": "@pytest.mark.skip(reason='no browser')\ndef test_a(): ...",
    "a skipped module": "pytest.skip('no browser', allow_module_level=True)",
    "an import that may be missing": "pytest.importorskip('no_such_module', reason='no browser')",
    "an expected failure": "@pytest.mark.xfail(reason='no browser')\ndef test_a(): assert False",
    "an unexpected pass": "@pytest.mark.xfail(reason='no browser', strict=False)\ndef test_a(): ...",
    "a skipping fixture": "@pytest.fixture\ndef f(): pytest.skip('no browser')\ndef test_a(f): ...",
}


def run(folder: Path, source: str, *, require_all: bool) -> subprocess.CompletedProcess[str]:
    """Run a one-file suite beside a copy of what our conftest calls in."""
    shutil.copy(ROOT / "tests" / "nothing_hides.py", folder / "conftest.py")
    (folder / "test_it.py").write_text(f"import pytest\n{source}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    env = {**os.environ, "MARTECH_REQUIRE_ALL": "1" if require_all else ""}
    off = [part for name in ("cacheprovider", "hypothesispytest", "xdist") for part in ("-p", f"no:{name}")]
    asked = [sys.executable, "-m", "pytest", "-q", *off, "--rootdir", str(folder), str(folder)]
    return subprocess.run(asked, capture_output=True, text=True, env=env, cwd=folder)


@pytest.mark.parametrize("case", HIDDEN)
def test_what_hides_fails_and_says_why(case: str, tmp_path: Path) -> None:
    done = run(tmp_path, HIDDEN[case], require_all=True)
    assert done.returncode in (1, 2), done.stdout
    assert "every test has to run" in done.stdout
    assert "no browser" in done.stdout


def test_our_own_suite_is_run_so(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.has_plugin("nothing_hides")


def test_without_the_variable_a_skip_is_a_skip(tmp_path: Path) -> None:
    assert "1 skipped" in run(tmp_path, HIDDEN["a skip"], require_all=False).stdout


def test_an_honest_suite_passes(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_a(): ...", require_all=True).returncode == 0
