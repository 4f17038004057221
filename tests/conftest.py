"""Nothing may hide: under MARTECH_REQUIRE_ALL=1 a skipped test, or one expected to fail, is a failure. And the sample with
some tables changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading
from martech_lib.core.places import sample_dir

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")

REQUIRE_ALL = os.environ.get("MARTECH_REQUIRE_ALL", "") not in ("", "0")


def _refuse_hiding(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip, an expected failure or an unexpected pass into a plain failure that says so."""
    expected_to_fail = hasattr(report, "wasxfail")
    if not (report.skipped or expected_to_fail):
        return
    why = report.wasxfail if expected_to_fail else report.longrepr[2] if report.longrepr else ""
    if expected_to_fail:
        del report.wasxfail
    report.outcome = "failed"
    report.longrepr = f"MARTECH_REQUIRE_ALL=1: every test has to run, and {report.nodeid} did not: {why}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRE_ALL:
        _refuse_hiding(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, Any]:
    report = yield
    if REQUIRE_ALL:
        _refuse_hiding(report)
    return report


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AttributionReading]:
    """`opened(lift_tests=change, ...)`: the page of the sample with some tables changed; None takes one out."""

    def read(question: attribution.Question | None = None, **changes: Any) -> AttributionReading:
        folder = copytree(sample_dir() / "fitness", tmp_path / "fitness", dirs_exist_ok=True)
        (folder / "truth.csv").unlink(missing_ok=True)
        for name, change in changes.items():
            file = next(folder.glob(f"{name}.*"))
            if change is None:
                file.unlink()
            elif file.suffix == ".parquet":
                change(pd.read_parquet(file)).to_parquet(file, index=False)
            else:
                change(pd.read_csv(file, comment="#")).to_csv(file, index=False)
        return attribution.read(Workspace.open(folder), question)

    return read
