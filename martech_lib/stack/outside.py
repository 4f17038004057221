"""SA09: systems that other tables speak of and the inventory does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

from martech_lib.core.results import Finding
from martech_lib.core.spoken import listed
from martech_lib.stack.evidence import Evidence

EVERY_SYSTEM = re.compile(r"^all(\s+(systems?|tools?)\b.*)?$", re.IGNORECASE)
WITH_NAME = re.compile(r"^(?P<kind>[^()]+)\((?P<name>[^()]+)\)$")


def outside_findings(evidence: Evidence) -> Iterator[Finding]:
    """One finding a name: where it was mentioned, and that no inventory row or alias carries it."""
    rule = evidence.rules["SA09"]
    if evidence.lacks(rule.needs):
        return
    known = known_names(evidence)
    mentions: dict[str, list[tuple[str, str]]] = {}
    for name, place in _mentioned(evidence):
        if not EVERY_SYSTEM.match(name.strip()) and not _variants(name) & known:
            mentions.setdefault(name.strip().lower(), []).append((name.strip(), place))
    for found_in in mentions.values():
        name = found_in[0][0]
        tables = list(dict.fromkeys(place for _, place in found_in))
        yield Finding(
            rule=rule.id,
            subject=name,
            severity=rule.severity,
            evidence=f"named in {listed(tables)}, in no row of the inventory nor as an alias: "
            "its cost and owner are unknown",
            decision=rule.decision,
            source=tables[0].split(" ")[0].removesuffix(".csv"),
        )


def known_names(evidence: Evidence) -> set[str]:
    """Every name the inventory answers to, lower case: tools, aliases, vendors."""
    tools = (*evidence.tools, *evidence.inventory.retired)
    vendors = {tool.vendor.strip().lower() for tool in tools if tool.vendor}
    return vendors.union(*(tool.names for tool in tools))


def _mentioned(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for row in evidence.rows("attributes"):
        systems = (row.get("system_of_record"), *(row.get("synced_to") or ()), *(row.get("editable_in") or ()))
        yield from ((name, "attributes.csv (system)") for name in systems if name)
    known = known_names(evidence)
    for row in evidence.rows("vendors"):
        named_tools = row.get("tools") or ()
        if not named_tools and row["vendor"].strip().lower() not in known:
            yield row["vendor"], "vendors.csv (vendor)"
        yield from ((tool, "vendors.csv (tool)") for tool in named_tools)
    for row in evidence.rows("consent_scan"):
        if row.get("vendor"):
            yield row["vendor"], "consent_scan.csv (tracker)"
    for row in evidence.rows("roadmap"):
        # A new tool is not in the inventory yet: that is what its row says.
        if row.get("tool") and row.get("type") != "new":
            yield row["tool"], "roadmap.csv (tool)"


def _variants(name: str) -> set[str]:
    """ "CRM (HubSpot)" answers to the whole, to "crm" and to "hubspot"."""
    match = WITH_NAME.match(name.strip())
    parts = match.groups() if match else ()
    return {part.strip().lower() for part in (name, *parts)}
