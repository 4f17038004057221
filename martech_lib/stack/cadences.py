"""Reviews that come round: when each was last done, and which are overdue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from martech_lib.stack.evidence import Evidence

LARGE_PAID_SPEND = 10_000_000


class Cadence(NamedTuple):
    """One recurring review.

    Attributes:
        name: What is reviewed.
        every_days: How often, in days.
        last: When the oldest part was last reviewed; None when there is no date on record.
        status: on time, overdue, or not measured.
        reason: What is missing, or how many parts are overdue.
    """

    name: str
    every_days: int
    last: date | None
    status: str
    reason: str


def cadences(evidence: Evidence) -> tuple[Cadence, ...]:
    """The reviews of inventory, DPA, attribute map, consent scan, lift tests, media mix and AI on the audit date."""
    inventory = (
        [tool.last_reviewed for tool in evidence.tools] if "last_reviewed" in evidence.inventory.columns else None
    )
    return (
        _cadence(evidence, "Stack inventory", 92, inventory, "the column last_reviewed in inventory.csv"),
        _cadence(
            evidence, "DPA register", 92, _column(evidence, "vendors", "last_reviewed"), "last_reviewed in vendors.csv"
        ),
        _cadence(
            evidence,
            "Attribute map",
            183,
            _column(evidence, "attributes", "last_audited"),
            "last_audited in attributes.csv",
        ),
        _cadence(
            evidence, "Consent scan", 92, _newest(_column(evidence, "consent_scan", "scan_date")), "consent_scan.csv"
        ),
        _cadence(evidence, "Lift test per paid channel", 92, _last_tests(evidence), "lift_tests.csv"),
        _cadence(
            evidence,
            "Media-mix model",
            _media_mix_every(evidence),
            _last_model(evidence),
            "a media mix row in lenses.csv",
        ),
        _cadence(
            evidence,
            "AI use review",
            92,
            _column(evidence, "ai_checklist", "last_checked"),
            "last_checked in ai_checklist.csv",
        ),
    )


def _cadence(evidence: Evidence, name: str, every: int, dates: list[date | None] | None, needs: str) -> Cadence:
    if evidence.as_of is None:
        return Cadence(name, every, None, "not measured", "needs as_of_date in profile.csv")
    if not dates:
        return Cadence(name, every, None, "not measured", f"needs {needs}")
    late = [d for d in dates if d is None or (evidence.as_of - d).days > every]
    known = [d for d in dates if d is not None]
    reason = f"{len(late)} of {len(dates)} overdue" if late else ""
    return Cadence(name, every, min(known, default=None), "overdue" if late else "on time", reason)


def _column(evidence: Evidence, table: str, column: str) -> list[date | None] | None:
    dates = [row[column] for row in evidence.rows(table) if column in row]
    return dates or None


def _newest(dates: Iterable[date | None] | None) -> list[date | None] | None:
    known = [d for d in dates or () if d is not None]
    return [max(known)] if known else None


def _last_tests(evidence: Evidence) -> list[date | None] | None:
    """The end of the latest test of each channel that was ever tested."""
    latest: dict[str, Any] = {}
    for row in evidence.rows("lift_tests"):
        if evidence.as_of is None or row["end"] > evidence.as_of:
            continue
        latest[row["channel"]] = max(row["end"], latest.get(row["channel"], row["end"]))
    return list(latest.values()) or None


def _media_mix_every(evidence: Evidence) -> int:
    yearly = 12 * (evidence.profile.get("paid_spend_month") or 0)
    return 92 if yearly > LARGE_PAID_SPEND else 365


def _last_model(evidence: Evidence) -> list[date | None] | None:
    models = [row for row in evidence.rows("lenses") if row["lens"].lower() == "media mix"]
    return _newest([row.get("made_on") for row in models])
