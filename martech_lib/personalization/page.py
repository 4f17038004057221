"""The holdouts' page in one frozen result: all programmes, the one that is read, the size of a holdout, messages."""

from __future__ import annotations

from dataclasses import dataclass

from martech_lib.core.results import Result
from martech_lib.core.workspace import Workspace
from martech_lib.personalization.messages import MessageAudit, message_audit
from martech_lib.personalization.programmes import Programme, Programmes, programmes
from martech_lib.personalization.reading import HoldoutReading
from martech_lib.personalization.rollout import Size


@dataclass(frozen=True, kw_only=True)
class Page(Result):
    """Everything the page shows.

    Attributes:
        programmes: All of them.
        chosen: The one that is read; None where none is.
        reading: Its holdout, at the cost that was asked for; None where it has none.
        sizes: Holdouts of several shares for the question of the calculator.
        messages: What was sent, and the templates it was made from; None where they cannot be read.
    """

    programmes: Programmes
    chosen: Programme | None = None
    reading: HoldoutReading | None = None
    sizes: tuple[Size, ...] = ()
    messages: MessageAudit | None = None


def page_of(
    found: Programmes,
    messages: MessageAudit | None,
    *,
    chosen: Programme | None,
    reading: HoldoutReading | None,
    sizes: tuple[Size, ...] = (),
) -> Page:
    """The page with one programme read; its own numbers stand in place of those of the register's cost."""
    told = found.reading_records
    if chosen is not None and chosen.reading is not None and reading is not None:
        own = {id(row) for row in chosen.reading.reading_records}
        told = (*(row for row in told if id(row) not in own), *reading.reading_records)
    sent = messages or Result(())
    return Page(
        reading_records=(*told, *sent.reading_records), inputs={**found.inputs, **sent.inputs},
        finding_records=(*found.finding_records, *sent.finding_records), programmes=found, chosen=chosen,
        reading=reading, sizes=sizes, messages=messages,
    )  # fmt: skip


def theme(ws: Workspace) -> Result:
    """What the home page shows of personalization: the totals.

    Raises:
        TableError: A table is there and wrong.
    """
    found, sent = programmes(ws), message_audit(ws)
    rows = (*found.reading_records, *sent.reading_records)
    totals = tuple(row for row in rows if row.metric.count(".") == 1)
    return Result(totals, (*found.finding_records, *sent.finding_records), {**found.inputs, **sent.inputs})
