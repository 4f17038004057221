"""A consent scan in numbers: how many checks were made, which of them failed, and on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

ESSENTIAL = ("Necessary", "Security")
OPT_OUT_SCENARIO = "gpc_optout"
OPT_IN_SCENARIOS = ("before_choice", "after_reject")

Check = tuple[str, str, str]


class ConsentScan(NamedTuple):
    """A consent scan in numbers.

    Attributes:
        checks: Checks made; one check is a page in a region under a scenario that forbids what is not essential.
        failed: The failed ones as (page, scenario, region).
        items: Names of the non-essential items seen in failed checks, in order of first sight.
        fires: How many such items were seen in all.
    """

    checks: int = 0
    failed: tuple[Check, ...] = ()
    items: tuple[str, ...] = ()
    fires: int = 0

    @property
    def pass_rate(self) -> float | None:
        """Share of checks without a non-essential item; None without any check."""
        return (self.checks - len(self.failed)) / self.checks if self.checks else None


def read_scan(scanned: Sequence[Mapping[str, Any]]) -> ConsentScan:
    """Count the checks in the rows of `consent_scan`: opt-in regions before the choice and after a rejection, US states
    after an opt-out. Of a check that was made several times the newest scan counts."""
    rows = [row for row in scanned if _forbids(row["scenario"], row["region"])]
    newest: dict[Check, Any] = {}
    for row in rows:
        newest[_check(row)] = max(row["scan_date"], newest.get(_check(row), row["scan_date"]))
    checks: dict[Check, list[str]] = {check: [] for check in newest}
    for row in rows:
        if row["scan_date"] == newest[_check(row)] and _is_non_essential(row):
            checks[_check(row)].append(row["name"])
    names = [name for fired in checks.values() for name in fired]
    failed = tuple(check for check, fired in checks.items() if fired)
    return ConsentScan(len(checks), failed, tuple(dict.fromkeys(names)), len(names))


def _check(row: Mapping[str, Any]) -> Check:
    return row["page"], row["scenario"], row["region"]


def _forbids(scenario: str, region: str) -> bool:
    return scenario == OPT_OUT_SCENARIO if region.upper().startswith("US") else scenario in OPT_IN_SCENARIOS


def _is_non_essential(row: Mapping[str, Any]) -> bool:
    return row.get("category") not in ESSENTIAL and not row.get("essential_override")
