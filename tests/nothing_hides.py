"""Nothing may hide: under MARTECH_REQUIRE_ALL=1 a skipped test, or one expected to fail, is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

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
