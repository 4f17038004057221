"""Everything the audit reads, gathered once from a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from martech_lib.core.limits import read_overrides
from martech_lib.core.rows import rows_of
from martech_lib.core.workspace import Workspace
from martech_lib.stack.consent_scan import ConsentScan, read_scan
from martech_lib.stack.inventory import Inventory, Tool, read_inventory
from martech_lib.stack.thresholds import Rule, rules_with

REGISTERS = (
    "attributes", "vendors", "consent_scan", "roadmap", "platform_reported", "lift_tests", "lenses", "ai_checklist",
)  # fmt: skip
READ = ("inventory", "inventory_previous", "profile", "thresholds", *REGISTERS)
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a workspace says about its stack.

    Attributes:
        inventory: The active tools; empty when there is no inventory.
        profile: The company's facts, typed; a blank one is absent.
        rules: The audit's rules with this workspace's thresholds.
        registers: The rows of the other tables that are there, by name; a blank is None.
        consent: The consent scan in numbers; no checks when there is none.
        previous: The inventory as it stood at the last audit; None when it is not there.
        has_syncs: Whether sync runs are on record.
        inputs: Table name -> SHA-256 of what was read.
    """

    inventory: Inventory
    profile: Mapping[str, Any]
    rules: Mapping[str, Rule]
    registers: Mapping[str, Sequence[Record]]
    consent: ConsentScan = ConsentScan()
    previous: Inventory | None = None
    has_syncs: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The active tools."""
        return self.inventory.tools

    @property
    def as_of(self) -> date | None:
        """The day the audit speaks of."""
        return self.profile.get("as_of_date")

    @property
    def currency(self) -> str:
        """Three letters; USD unless the profile says otherwise."""
        return str(self.profile.get("currency", "USD")).upper()

    def rows(self, table: str) -> Sequence[Record]:
        """A register's rows; none when the table is not there."""
        return self.registers.get(table, ())

    def with_thresholds(self, numbers: Mapping[str, Sequence[float]]) -> Evidence:
        """The same evidence under other thresholds: rule id -> numbers in the rule's unit. Raises UserError."""
        asked = {rule: (tuple(values), "set for this run") for rule, values in numbers.items()}
        own = {rule.id: (rule.threshold, rule.why) for rule in self.rules.values() if rule.why}
        return replace(self, rules=rules_with({**own, **asked}))

    def alone(self) -> Evidence:
        """The inventory, the profile and the rules, without any other table."""
        aside = {*self.registers, "inventory_previous"}
        inputs = {name: digest for name, digest in self.inputs.items() if name not in aside}
        return replace(self, registers={}, consent=ConsentScan(), previous=None, has_syncs=False, inputs=inputs)

    def lacks(self, needs: str) -> str:
        """What is missing for a rule, in words; "" when one of its ways (`|`) has all its parts (`+`)."""
        if "inventory" in needs and not self.tools:
            return self.no_tools
        gaps = [self._gaps(way.split("+")) for way in needs.split("|")]
        if any(not gap for gap in gaps):
            return ""
        return "needs " + " or ".join(dict.fromkeys(" and ".join(gap) for gap in gaps))

    @property
    def no_tools(self) -> str:
        """Why there is no active tool, where there is none."""
        if self.inventory.retired:
            return "no active tool: every row of inventory.csv is retired"
        return "no inventory: supply inventory.csv"

    def _gaps(self, parts: Sequence[str]) -> list[str]:
        return [self._described(part) for part in parts if not self._has(part)]

    def _has(self, part: str) -> bool:
        table, _, column = part.partition(".")
        if table == "inventory":
            return column in self.inventory.columns
        if table == "profile":
            return column in self.profile
        return table in self.registers and (not column or column in self.registers[table][0])

    def _described(self, part: str) -> str:
        table, _, column = part.partition(".")
        if not column or table not in ("inventory", "profile", *self.registers):
            return f"{table}.csv"
        return f"{column} in {table}.csv" if table == "profile" else f"the column {column} in {table}.csv"


def gather(ws: Workspace) -> Evidence:
    """Read a workspace's registers for the audit; any of them may be missing.

    Raises:
        TableError: A table is there and wrong; the message lists what and where.
        UserError: A threshold that makes no sense.
    """
    registers = {name: rows_of(ws.register(name)) for name in REGISTERS if ws.has(name)}
    return Evidence(
        inventory=read_inventory(ws.register("inventory")) if ws.has("inventory") else Inventory((), frozenset()),
        profile=ws.profile if ws.has("profile") else {},
        rules=rules_with(read_overrides(ws.register("thresholds")) if ws.has("thresholds") else {}),
        registers=registers,
        consent=read_scan(registers.get("consent_scan", ())),
        previous=read_inventory(ws.register("inventory_previous")) if ws.has("inventory_previous") else None,
        has_syncs=ws.has("sync_runs"),
        inputs={name: ws.fingerprint(name) for name in ws.tables if name in READ},
    )
