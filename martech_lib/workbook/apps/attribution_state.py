"""What the attribution app knows: the evidence, the question as set, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from martech_lib import attribution
from martech_lib.attribution import AttributionReading, Evidence, Journeys, Question, Segment
from martech_lib.attribution.evidence import UNCUT
from martech_lib.attribution.segment import segment_of
from martech_lib.attribution.triangulation.backlog import backlog_row
from martech_lib.attribution.triangulation.elsewhere import left_out, names_of_lenses, refuse_foreign
from martech_lib.attribution.triangulation.laid import Asked
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.core.errors import TableError, UserError, shown
from martech_lib.core.files import read_raw
from martech_lib.core.register import parse_register
from martech_lib.core.spreadsheet import to_csv
from martech_lib.core.tables import table
from martech_lib.core.workspace import Workspace
from martech_lib.workbook.views import told

PLAIN = ("month", "whole_log", "lookback_days", "half_life_days", "direct", "model")
MOST_KEPT = 4  # cuts of the log whose journeys stay in the engine
NO_READING = "There is no credit yet to download: mend what the message above names, or upload a table of paths."
NO_LENSES = "Lenses are laid beside conversions: mend what the message above names, or supply conversions.csv first."
NO_MONTHS = (
    "A table of paths has no months, so that no lens of a month can be laid beside it: open logs of touches instead."
)


class AttributionState:
    """The state of the attribution app. What cannot be answered is told and leaves the last good answer standing.

    Attributes:
        question: What is asked.
        faults: What is wrong with the workspace or the last question, in words.
    """

    def __init__(self, workspace: Workspace, question: Question | None = None, *, asked: Asked | None = None) -> None:
        self.open(workspace, question=question, asked=asked)

    def open(self, workspace: Workspace, *, question: Question | None = None, asked: Asked | None = None) -> None:
        """Begin anew with a workspace. What is refused of the question is told beside the answer to the usual one."""
        self.question, self.asked = Question(), Asked()
        self.faults: list[str] = []
        self._workspace = workspace
        self._evidence, self._is_gathered = Evidence(), False
        self._journeys: dict[Question, Journeys] = {}
        self._reading: AttributionReading | None = None
        self._attempt(lambda: self._begin(question or Question(), asked or Asked()))

    def _begin(self, question: Question, asked: Asked) -> None:
        """Answer, the usual in place of what is refused. Raises UserError for all that was refused."""
        self._evidence, self._is_gathered = attribution.gather(self._workspace), True
        refused: dict[str, UserError] = {}
        for put, how in ((question, asked), (question, Asked()), (Question(), asked), (Question(), Asked())):
            try:
                self._take(self._evidence, put, asked=how)
                break
            except UserError as error:
                refused.setdefault(str(error), error)
        if len(refused) == 1:
            raise next(iter(refused.values()))
        if refused:
            raise UserError(" ".join(refused))

    @property
    def reading(self) -> AttributionReading | None:
        """The last good answer; None as long as there was none."""
        return self._reading

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel of the answer, and those set aside."""
        shown = self._reading.channels if self._reading else ()
        return tuple(sorted({*shown, *self.question.segment.without}))

    def ask(self, *, asked: Asked | None = None, **changes: Any) -> None:
        """Answer a question that differs in these fields, with the lenses laid together as they are or as asked."""
        if self._is_gathered:  # else what is wrong with the workspace stays told
            self._attempt(lambda: self._take(self._evidence, self.question._replace(**changes), asked=asked))

    def pool(self, **changes: Any) -> None:
        """Lay the lenses together in a way that differs in these fields; the credit stays as it is."""

        def change() -> None:
            asked = self.asked._replace(**changes)
            if self._reading is not None:
                found = attribution.triangulated(self._evidence, self._reading, asked=asked)
                self._refuse_new_limits(found, asked)
                self._reading = found
            self.asked = asked

        if self._is_gathered:
            self._attempt(change)

    def _refuse_new_limits(self, found: AttributionReading, asked: Asked) -> None:
        """Raise UserError for limits that the period's money does not allow, where there was a budget until now. Where
        there was none, the page goes on telling why, so that limits can be mended one after another."""
        after = found.triangulated.no_budget if found.triangulated else ""
        before = self._reading.triangulated if self._reading else None
        if after and asked.limits != self.asked.limits and not (before and before.no_budget):
            raise UserError(after)

    def upload_lenses(self, name: str, data: bytes) -> list[str]:
        """Take a table of lenses in place of the workspace's; what was assumed in reading it, in words.

        Raises:
            UserError: It cannot be read, or speaks of another period; the state stays as it was.
        """
        if self._reading is None or self._reading.triangulated is None:
            raise UserError(NO_LENSES)
        if self._evidence.reads_paths:
            raise UserError(NO_MONTHS)
        found = parse_register("lenses", data, name)
        lines = () if found.problems else read_raw(data, filename=name, expects=table("lenses").names).lines
        if not found.problems and not lines:
            raise UserError(f"{name} has no rows of lenses: a header and below it channel, lens, month, estimate.")
        if found.problems:
            raise TableError(found.problems)
        evidence = replace(self._evidence, registers={**self._evidence.registers, "lenses": found.frame})
        refuse_foreign(found.frame, evidence, self._reading.period, name=name, lines=lines)
        asked = _without_gone(self.asked, evidence)
        self._refuse_unpooled(evidence, asked)
        self._take(evidence, self.question, asked=asked, journeys=self._journeys)
        self.faults = []
        return [*found.notes, *left_out(evidence, self._reading.period)]

    def _refuse_unpooled(self, evidence: Evidence, asked: Asked) -> None:
        """Raise UserError where lenses that stood together no longer do."""
        assert self._reading is not None
        before = self._reading.triangulated
        after = attribution.triangulated(evidence, self._reading, asked=asked).triangulated
        if before is not None and after is not None and after.lacks and not before.lacks:
            raise UserError(after.lacks)

    def ranges_csv(self) -> bytes:
        """The ranges as a file. Raises UserError when there are none."""
        found = self._reading.triangulated if self._reading else None
        if found is None or found.triangulation is None:
            raise UserError("There are no ranges to download: see above what is missing.")
        return to_csv(found.triangulation.to_frame())

    def lenses_csv(self) -> bytes:
        """What every lens says of every channel, as a file. Raises UserError when there are no lenses."""
        found = self._reading.triangulated if self._reading else None
        if found is None or found.laid is None:
            raise UserError("There are no lenses to download: see above what is missing.")
        return to_csv(found.laid.supplied.to_frame())

    def next_test_csv(self) -> bytes:
        """The recommended test as a row of the backlog, as a file. Raises UserError when none is recommended."""
        row = backlog_row(self._pooled)
        return to_csv(pd.DataFrame([row], columns=list(table("backlog").names)))

    def write_next_test(self) -> str:
        """Write the recommended test into the workspace's backlog; what was written where.

        Raises:
            UserError: None is recommended, or the workspace cannot take it.
        """
        row = backlog_row(self._pooled)
        return f"'{row['idea']}' was written to {self._workspace.append('backlog', row)}."

    @property
    def _pooled(self) -> TriangulationReading:
        found = self._reading.triangulated if self._reading else None
        if found is None:
            raise UserError("There is no test to write down: see above what is missing.")
        if found.no_budget:
            raise UserError(f"There is no test to write down: {found.no_budget}")
        return found

    def upload(self, name: str, data: bytes) -> list[str]:
        """Take a table of paths in place of the logs; what was assumed in reading it, in words.

        Raises:
            UserError: It cannot be read; the state stays as it was.
        """
        with TemporaryDirectory() as folder:
            Path(folder, f"paths{Path(name).suffix.lower()}").write_bytes(data)
            uploaded = Workspace.open(folder)
            if not uploaded.has("paths"):
                raise UserError(f"{name} has no rows of paths: a header and below it path, conversions.")
            evidence = Evidence(profile=self._currency(), paths=uploaded.log("paths").to_pandas())
            notes = next(status.notes for status in uploaded.status() if status.table == "paths")
        asked = _without_gone(self.asked, evidence)
        self._take(evidence, self.question._replace(segment=Segment()), asked=asked)
        self.faults = []
        return list(notes)

    def credit_csv(self) -> bytes:
        """The credit of every model as a file. Raises UserError when there is none."""
        if self._reading is None or not self._reading.credit_records:
            raise UserError(NO_READING)
        return to_csv(self._reading.credit)

    def _currency(self) -> dict[str, Any]:
        return {key: value for key, value in self._evidence.profile.items() if key == "currency"}

    def _take(
        self,
        evidence: Evidence,
        question: Question,
        *,
        asked: Asked | None = None,
        journeys: dict[Question, Journeys] | None = None,
    ) -> None:
        """Answer, and only then hold what was answered. Raises UserError."""
        question.checked()
        kept = self._journeys if evidence is self._evidence else dict(journeys or {})
        answer, asked = self._answer(evidence, question, kept), asked or self.asked
        self._reading = attribution.triangulated(evidence, answer, asked=asked)
        self._evidence, self.question, self.asked, self._journeys = evidence, question, asked, kept
        self._is_gathered = True

    def _answer(self, evidence: Evidence, question: Question, kept: dict[Question, Journeys]) -> AttributionReading:
        if evidence.lacks:
            return attribution.unread(evidence, question)
        if evidence.touches is None and question.segment != Segment():
            raise UserError(UNCUT)
        whole_log = None
        if "truth" in evidence.registers:
            whole_log = _read(evidence, question.of_whole_log(), kept)
        return attribution.compare(evidence, question, _read(evidence, question, kept), whole_log=whole_log)

    def _attempt(self, change: Callable[[], None]) -> None:
        try:
            change()
            self.faults = []
        except Exception as error:
            self.faults = told(error)


def _without_gone(asked: Asked, evidence: Evidence) -> Asked:
    """The same where a lens that was switched off and is there no longer is no longer off either."""
    there = names_of_lenses(evidence)
    return asked._replace(without=tuple(name for name in asked.without if name in there))


def _read(evidence: Evidence, question: Question, kept: dict[Question, Journeys]) -> Journeys:
    """The journeys of a question, kept; weights and half-life need none read again."""
    usual = Question()
    asked = usual._replace(
        month="" if question.whole_log else question.month,
        whole_log=question.whole_log,
        lookback_days=question.lookback_days,
        kinds=tuple(question.kinds),
        segment=question.segment._replace(without=tuple(question.segment.without)),
    )
    found = kept.pop(asked, None) or evidence.journeys(asked)
    kept[asked] = found
    for oldest in [*kept][:-MOST_KEPT]:
        del kept[oldest]
    return found


def question_of(values: Mapping[str, Any], base: Question | None = None) -> Question:
    """The question that a notebook's parameters or a link ask; what they do not name stays. Raises UserError."""
    asked = base or Question()
    segment = _segment(values, asked.segment)
    plain: dict[str, Any] = {name: values[name] for name in PLAIN if name in values}
    lists: dict[str, Any] = {name: _names(values[name]) for name in ("kinds", "shown") if name in values}
    position = _position(values, asked.position)
    return asked._replace(position=position, segment=segment, **plain, **lists).checked()


def _segment(values: Mapping[str, Any], base: Segment) -> Segment:
    changes: dict[str, Any] = {}
    if "customers" in values:
        changes["customers"] = values["customers"].strip().lower()
    if "only" in values:
        column, sign, value = (part.strip() for part in values["only"].partition("="))
        if bool(column) != bool(sign):
            told = f"only came as '{shown(values['only'])}'"
            raise UserError(f"{told}; allowed is a column, an equals sign and a value, such as campaign=spring.")
        changes |= {"column": column, "value": value}
    if "without" in values:
        changes["without"] = _names(values["without"])
    return segment_of(base._replace(**changes))


def _position(values: Mapping[str, Any], base: tuple[float, float, float]) -> tuple[float, float, float]:
    """Weights of first, middle and last touch; the middle has what the ends leave."""
    first, last = float(values.get("position_first", base[0])), float(values.get("position_last", base[2]))
    if first < 0 or last < 0 or first + last > 1 + 1e-9:
        told = f"position_first and position_last came as {first:g} and {last:g}"
        raise UserError(f"{told}; allowed are numbers from 0 on that make at most 1 together.")
    return first, max(0.0, 1 - first - last), last


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())
