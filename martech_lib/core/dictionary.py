"""docs/data-dictionary.md, rendered from the declarations.

Write it anew with `python -m martech_lib.core.dictionary > docs/data-dictionary.md`; a test holds it to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from martech_lib.core.tables import EXTRACTS, Column, Table, profile_facts, tables

INTRODUCTION = """\
# Data dictionary

Every input table of the workbook. No table is required: what is absent, or has a header and no rows, is *Not
measured*, and the page names the file that would switch it on. Most pages begin with `profile` and `inventory`.

A table is a file in the workspace folder (`inventory.csv`, `.xlsx` or `.parquet`) or a table of a database.
**Registers** are small and kept by people; a file of more than 50 MB is refused. **Logs** are written by systems,
have no limit and stay in their engine.

How cells are read:

| Kind | Written as |
|---|---|
| text | as it is |
| choice | one of the allowed values, capitals aside |
| list | items with `;` between them |
| number, integer | 1234.5, 1,234.5, 1.2M; in logs plain numbers only |
| money | 24000, 24,000, $24k, EUR 3; one currency, that of the profile; in logs plain numbers only |
| share | a fraction (0.14) or a percentage (14 %) |
| percent | 0 to 100, with or without the sign |
| date | 2026-03-31 |
| timestamp | 2026-03-31T14:05:00+02:00; without an offset it is read in the profile's time zone |
| boolean | yes, no, true, false, 1, 0 |

Blank means unknown, never zero or no. Lines that begin with `#` before the header are comments. Columns that are
not listed here may be there; they are kept and no rule reads them.
"""


def render() -> str:
    """The whole data dictionary as Markdown."""
    return "\n".join([INTRODUCTION, *_overview(), *(line for t in tables().values() for line in _section(t))])


def _overview() -> Iterator[str]:
    yield "## Tables\n"
    yield from _grid(
        ("No.", "Table", "Kept as", "Key", "Switches on"),
        ((t.number, _link(t), _kept(t), _codes(t.key), t.switches_on) for t in tables().values()),
    )


def _section(t: Table) -> Iterator[str]:
    yield f"## {_title(t)}\n"
    yield f"{t.meaning}\n"
    if t.grid:
        yield f"Every combination of {_codes(t.grid)} in the span must be present; a gap is an error that names it.\n"
    yield from _columns(t.columns)
    if t.name == "profile":
        yield "### Facts of the profile\n"
        yield from _columns(profile_facts().values())


def _columns(columns: Iterable[Column]) -> Iterator[str]:
    yield from _grid(
        ("Column", "Kind", "Required", "Unit", "Allowed", "Meaning", "Example"),
        ((f"`{c.name}`", c.kind, required(c), c.unit, allowed(c), c.meaning, c.example) for c in columns),
    )


def required(column: Column) -> str:
    """Whether a column must be there, in words."""
    if not column.required:
        return ""
    return "yes, may be blank" if column.blank_ok else "yes"


def allowed(column: Column) -> str:
    """What a column may hold, in words; "" when anything of its kind."""
    if column.allowed:
        return ", ".join(column.allowed)
    if column.low is not None and column.high is not None:
        return f"{column.low:g} to {column.high:g}"
    if column.low is not None:
        return f"{column.low:g} or more"
    return ""


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _title(t: Table) -> str:
    if t.name == EXTRACTS:
        return "extracts/&lt;system&gt;"
    return f"{t.form_of}, by day" if t.form_of else t.name


def _link(t: Table) -> str:
    anchor = {EXTRACTS: "extractssystem"}.get(t.name, _title(t).replace(",", "").replace(" ", "-"))
    return f"[{_title(t)}](#{anchor})"


def _kept(t: Table) -> str:
    return "log" if t.log else "register"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(render())
