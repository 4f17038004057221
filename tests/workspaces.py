"""Small workspaces for tests: what is not said is a clean, unremarkable tool of an unremarkable company."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from martech_lib import Workspace, stack
from martech_lib.stack import StackAudit

AS_OF = "2026-10-31"
NAMED_IDS = re.compile(rb"user-7f3a-\d|touch-9c1e-\d|order-55d2-\d")  # the ids of `write_journeys`
PROFILE = {
    "company": "Test company",
    "business_model": "B2B",
    "marketing_fte": "10",
    "marketing_budget_excl_labor": "1000000",
    "as_of_date": AS_OF,
}
CLEAN = {
    "tool": "Mixpanel",
    "layer": "Measurement",
    "category": "analytics",
    "job": "product analytics",
    "owner": "Ana",
    "annual_cost": "10000",
    "pricing": "seat",
    "seats_paid": "10",
    "seats_active_90d": "9",
    "usage_pct": "",
    "outcome_metric": "questions answered",
    "pays_back": "Yes",
    "decision": "",
    "replacement_option": "",
    "replacement_cost": "",
    "one_off_cost": "",
    "contract_start": "2024-01-01",
    "renewal_date": "2027-09-30",
    "notice_days": "30",
    "auto_renew": "yes",
    "overlap_ok_reason": "",
    "alias": "",
    "preferred": "",
    "is_server_side": "no",
    "status": "active",
    "last_reviewed": "2026-10-01",
}


def tool(name: str = "Mixpanel", **changes: str) -> dict[str, str]:
    """One inventory row; `changes` are columns as they would be typed."""
    return {**CLEAN, "tool": name, **changes}


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
    """A CSV with the rows' keys as header."""
    path = folder / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_workspace(
    folder: Path, tools: Sequence[Mapping[str, str]], profile: Mapping[str, str] | None = None, **tables: Any
) -> Path:
    """A folder with profile, inventory and the other tables; a profile value of "" leaves the key out."""
    facts = {**PROFILE, **(profile or {})}
    write_table(folder, "profile", [{"key": k, "value": v} for k, v in facts.items() if v])
    write_table(folder, "inventory", tools)
    for name, rows in tables.items():
        write_table(folder, name, rows)
    return folder


def write_journeys(
    folder: Path, channels: Sequence[str], *, users: int = 400, more: Sequence[Mapping[str, str]] = ()
) -> Path:
    """A folder with a log of October 2026: every second user converts; all ids are texts that `NAMED_IDS` finds.

    Args:
        folder: Where it is written.
        channels: All of them are touched.
        users: How many there are.
        more: Touches beside those of the users' one to four channels.
    """
    touches, conversions = list(more), []
    for n in range(users):
        user = f"user-7f3a-{n:06d}"
        for step in range(n % 4 + 1):
            day, channel = 1 + n % 20 + step, channels[(n * 7 + step) % len(channels)]
            touch = {"user_id": user, "ts": f"2026-10-{day:02d}T09:00:00", "channel": channel, "kind": "click"}
            touches.append({**touch, "touch_id": f"touch-9c1e-{n:06d}-{step}"})
        if n % 2:
            ids = {"user_id": user, "conversion_id": f"order-55d2-{n:06d}"}
            conversions.append({**ids, "ts": "2026-10-26T12:00:00", "value": "20"})
    write_table(folder, "profile", [{"key": k, "value": v} for k, v in PROFILE.items()])
    write_table(folder, "touches", touches)
    write_table(folder, "conversions", conversions)
    return folder


def audit_of(
    folder: Path, tools: Sequence[Mapping[str, str]], profile: Mapping[str, str] | None = None, **tables: Any
) -> StackAudit:
    """The audit of such a workspace."""
    return stack.audit(Workspace.open(write_workspace(folder, tools, profile, **tables)))


def rules_on(audit: StackAudit, subject: str) -> set[str]:
    """Ids of the rules that fired on a subject."""
    return {f.rule for f in audit.finding_records if f.subject == subject}
