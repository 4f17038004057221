"""Errors that speak to the user: each says which file, row, column and value, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby

SHOWN_PER_TABLE = 20
SHOWN_CHARACTERS = 60


class UserError(Exception):
    """Something in the input is wrong; the message alone tells the user what to do."""


class WrongUsage(UserError):
    """A command was asked for something there is not: a month, a notebook, a table."""


class WorkspaceError(UserError):
    """The workspace itself cannot be opened."""


class MissingTable(UserError, ValueError):
    """A table was asked for that the workspace does not hold."""


class UnknownTable(UserError, KeyError):
    """A name that is none of the declared tables."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


@dataclass(frozen=True)
class Problem:
    """One thing in one file that must be put right.

    Attributes:
        table: Table it belongs to.
        file: File as the user knows it.
        row: Line of the file, the first line being 1; None when no line is to blame.
        column: Column, "" when none is to blame.
        value: What was found, shortened; "" when nothing was.
        message: What is allowed, or what to do.
    """

    table: str
    file: str
    row: int | None
    column: str
    value: str
    message: str

    def __str__(self) -> str:
        where = [self.file]
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.column:
            where.append(f"column {shown(self.column)}")
        found = f" '{self.value}'" if self.value else ""
        return f"{', '.join(where)}:{found} {self.message}".strip()


class TableError(UserError, ValueError):
    """One or more tables hold problems; the message lists the first of each table, then the count."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(listed(self.problems))


def listed(problems: Sequence[Problem], *, limit: int = SHOWN_PER_TABLE) -> str:
    """Problems as lines of text: the first `limit` of each table, then how many more there are."""
    lines: list[str] = []
    for table, members in groupby(sorted(problems, key=lambda p: p.table), key=lambda p: p.table):
        group = list(members)
        lines += [str(problem) for problem in group[:limit]]
        if len(group) > limit:
            lines.append(f"and {len(group) - limit:,} more in {table} ({len(group):,} in all)")
    return "\n".join(lines)


def shown(value: object) -> str:
    """A value as one short line of text, safe to print."""
    text = "".join(c if c.isprintable() else " " for c in str(value)).strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like this one, or "" when none does."""
    by_fold = {name.casefold(): name for name in known}
    folded = shown(word).casefold()
    close = get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    within = [name for name in by_fold if len(folded) > 2 and (name in folded or folded in name)]
    best = (*close, *within)
    return by_fold[best[0]] if best else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the nearest known word, or ""."""
    name = nearest(word, known)
    return f"; did you mean {name}?" if name else ""
