"""What the holdouts' page knows: all programmes, the one that is read and how, uploaded logs, the calculator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlencode

from martech_lib import experiments, personalization
from martech_lib.core.errors import TableError, UserError, shown
from martech_lib.core.spreadsheet import to_csv
from martech_lib.core.workspace import Workspace
from martech_lib.personalization.page import Page, page_of
from martech_lib.personalization.programmes import WON, Programme, Programmes
from martech_lib.personalization.reading import HoldoutReading
from martech_lib.workbook.views import told

LOGS = ("assignments", "outcomes")
NO_READING = "There is no holdout to download: choose a programme that can be read, or upload assignments and outcomes."


class Asked(NamedTuple):
    """How the programme is read.

    Attributes:
        window_days: Days that count; None for the register's, or all.
        cost: What it cost; None for the register's.
        cost_per_send: In place of it: what one send cost, times the impressions of the personalized.
    """

    window_days: float | None = None
    cost: float | None = None
    cost_per_send: float | None = None


class Question(NamedTuple):
    """What the calculator is asked.

    Attributes:
        baseline: Conversion rate without personalization.
        lift: Relative lift to be seen.
        weekly_users: New users in a week; None where they are not known.
    """

    baseline: float = 0.05
    lift: float = 0.1
    weekly_users: float | None = None


class PersonalizationState:
    """The state of the page. What is refused is told and leaves the last good answer standing.

    Args:
        workspace: The data.
        asked: The notebook's parameters; blank ones are taken from the register, or from the programme that is read.
    """

    def __init__(self, workspace: Workspace, asked: Mapping[str, Any]) -> None:
        self._faults: dict[str, list[str]] = {}
        self._uploads: dict[str, tuple[str, bytes]] = {}
        self._folder: TemporaryDirectory[str] | None = None
        self._home = workspace
        self.page: Page | None = None
        self.open(workspace, asked)

    def open(self, workspace: Workspace, asked: Mapping[str, Any]) -> None:
        """Begin anew with a workspace."""
        self._workspace = workspace
        self._faults = {}
        self._found: Programmes | None = None
        self._messages: personalization.MessageAudit | None = None
        self._readings: dict[tuple[str, float | None], HoldoutReading] = {}
        self._chosen = ""
        self._norm = str(asked.get("norm") or "")
        self._level, self._seed = float(asked.get("level") or 0.95), int(asked.get("seed") or 0)
        self.asked, self.question = Asked(), Question()
        self._attempt("workspace", self._gather)
        self._attempt("messages", lambda: self._audit(self._norm))
        self._attempt("program", lambda: self.choose(str(asked.get("program") or "") or self._first()))
        self._attempt("asked", lambda: self.ask(**_asked_of(asked)))
        self._attempt("calculator", lambda: self.calculate(**_question_of(asked)))

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words."""
        return [fault for faults in self._faults.values() for fault in faults]

    @property
    def programs(self) -> list[str]:
        """What can be chosen."""
        return [row.program for row in self._found.every] if self._found else []

    @property
    def chosen(self) -> str:
        """The programme that is read; "" for none."""
        return self._chosen

    @property
    def reading(self) -> HoldoutReading | None:
        """Its holdout as it is shown."""
        return self.page.reading if self.page else None

    def choose(self, program: str) -> None:
        """Read another programme. Raises UserError where there is none of this name."""
        if not program:
            return
        if program not in self.programs:
            raise UserError(
                f"There is no programme '{shown(program)}'; there are {', '.join(self.programs) or 'none'}."
            )
        self._take(program, self.asked, self.question)
        self.question = self._usual(self.question)
        self._take(program, self.asked, self.question)

    def ask(self, **values: Any) -> None:
        """Change window or cost; None is the register's. Raises UserError, and the page stays as it was."""
        asked = self.asked._replace(**values)
        for name, value in asked._asdict().items():
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(f"{name} came as {value}; allowed are numbers from 0 up.")
        self._take(self._chosen, asked, self.question)

    def calculate(self, **values: Any) -> None:
        """Change the question of the calculator. Raises UserError, and the page stays as it was."""
        blank = [name for name, value in values.items() if value is None and name in ("baseline", "lift")]
        if blank:
            raise UserError(f"{blank[0]} is blank; allowed is a number.")
        self._take(self._chosen, self.asked, self.question._replace(**values))

    def change(self, act: Callable[[], None]) -> list[str]:
        """Do something of a control; what is wrong with it, in words."""
        try:
            act()
        except Exception as error:
            return told(error)
        return []

    def upload(self, table: str, name: str, data: bytes) -> list[str]:
        """Take assignments or outcomes from a file; once both are there they stand in place of the workspace's.

        Raises:
            UserError: They cannot be read; the page stays as it was.
        """
        uploads = {**self._uploads, table: (name, data)}
        lacking = [log for log in LOGS if log not in uploads]
        if lacking:
            self._uploads = uploads
            return [f"Now upload {lacking[0]}, too: both together are read."]
        folder = TemporaryDirectory(prefix="holdout-")
        for log, (file, content) in uploads.items():
            Path(folder.name, f"{log}{Path(file).suffix.lower()}").write_bytes(content)
        uploaded = Workspace.open(folder.name)
        if problems := uploaded.check():
            raise TableError(problems)
        notes = [note for status in uploaded.status() for note in status.notes]
        fresh = PersonalizationState(uploaded, {"level": self._level, "seed": self._seed, "norm": self._norm})
        if fresh.page is None or not fresh.programs:
            reason = "The files hold no programme: the assignments need program, user_id and arm."
            raise UserError(" ".join(fresh.faults) or reason)
        self._workspace, self._folder, self._uploads = uploaded, folder, {}
        self._found, self._messages, self._readings = fresh._found, fresh._messages, fresh._readings
        self._chosen, self.asked, self.question = fresh.chosen, fresh.asked, fresh.question
        self.page, self._faults = fresh.page, fresh._faults
        return notes

    def readings_csv(self) -> bytes:
        """The readings of the programme that is read. Raises UserError where none is."""
        return to_csv(self._read().readings)

    def segments_csv(self) -> bytes:
        """Its segments. Raises UserError where none is read."""
        return to_csv(self._read().segments)

    def register(self) -> str:
        """Write the next holdout into the experiment register; where it stands, in words. Raises UserError."""
        plan = self.plan()
        done = experiments.register(self._home, plan)
        return f"Registered as {done.id}: {done.where}. Fingerprint {done.fingerprint[:12]}…"

    def plan(self) -> experiments.Plan:
        """The next holdout as an experiment, by the calculator. Raises UserError where it asks for none."""
        share = self._share()
        return experiments.plan(
            name=f"Holdout of {self._chosen or 'a programme'}",
            hypothesis=(
                f"We believe personalization by {self._chosen or 'the programme'} for its users will raise conversions "
                f"because its last holdout {self._said()}."
            ),
            primary_metric="conversion rate", baseline=self.question.baseline, mde=self.question.lift, relative=True,
            weekly_units=self.question.weekly_users, split=(share, 1 - share), variables_changed=1,
            downstream_metric="revenue per user", guardrail_metrics="unsubscribe rate", alpha=1 - self._level,
        )  # fmt: skip

    def _said(self) -> str:
        verdict = self.reading.headline.verdict if self.reading else ""
        if verdict == "harm":
            return "found fewer, which what is changed is to mend"
        return "found more" if verdict in WON else "left it open"

    def link(self) -> str:
        """The page as the query of a link."""
        given = {"program": self._chosen, **self.asked._asdict(), **self.question._asdict()}
        return urlencode({name: value for name, value in given.items() if value not in (None, "")})

    def _share(self) -> float:
        """The holdout's share of users as it is."""
        reading = self.reading
        if reading is None or not reading.endpoints:
            return 0.1
        held, treated = reading.endpoints[0].holdout.n, reading.endpoints[0].treated.n
        return round(held / (held + treated), 2) or 0.01

    def _gather(self) -> None:
        self._found = personalization.programmes(self._workspace, level=self._level, seed=self._seed)

    def _audit(self, norm: str) -> None:
        self._messages = personalization.message_audit(self._workspace, norm=norm)

    def _first(self) -> str:
        """The first programme whose holdout is a verdict, else the first."""
        rows = self._found.every if self._found else ()
        read = [row.program for row in rows if row.verdict not in ("refused", "no holdout")]
        return next(iter([*read, *(row.program for row in rows)]), "")

    def _usual(self, question: Question) -> Question:
        """The calculator's question by what the programme showed."""
        reading = self.reading
        if reading is None or not reading.endpoints or not 0 < reading.endpoints[0].holdout.mean < 1:
            return question
        first, last = reading.cells.first, reading.cells.last
        days = (last - first).days + 1 if first and last else 0
        n = reading.endpoints[0].holdout.n + reading.endpoints[0].treated.n
        weekly = float(round(7 * n / days)) if days >= 7 else None
        return Question(round(reading.endpoints[0].holdout.mean, 4), question.lift, weekly or question.weekly_users)

    def _take(self, program: str, asked: Asked, question: Question) -> None:
        """Answer, and only then hold what was answered."""
        if self._found is None:
            return
        sizes = personalization.holdout_sizes(
            baseline=question.baseline, lift=question.lift, weekly_users=question.weekly_users, level=self._level
        )
        row = next((row for row in self._found.every if row.program == program), None)
        reading = None if row is None else self._priced(row, asked)
        self.page = page_of(self._found, self._messages, chosen=row, reading=reading, sizes=sizes)
        self._chosen, self.asked, self.question = program, asked, question

    def _priced(self, row: Programme, asked: Asked) -> HoldoutReading | None:
        reading = self._windowed(row, asked.window_days)
        if reading is None or not reading.endpoints:
            return reading
        cost = row.cost if asked.cost is None else asked.cost
        if asked.cost_per_send is not None:
            cost = asked.cost_per_send * personalization.sends_of(reading)
        return personalization.priced(reading, cost=cost)

    def _windowed(self, row: Programme, window_days: float | None) -> HoldoutReading | None:
        """The reading with this window; each is read once."""
        if window_days is None or window_days == row.window_days or row.reading is None:
            return row.reading
        key = row.program, window_days
        if key not in self._readings:
            self._readings[key] = personalization.read_holdout(
                self._workspace.log("assignments"), self._workspace.log("outcomes"), program=row.program,
                window_days=window_days, cost=row.cost, level=self._level, seed=self._seed, terms=row.terms,
            )  # fmt: skip
        return self._readings[key]

    def _read(self) -> HoldoutReading:
        if self.reading is None:
            raise UserError(NO_READING)
        return self.reading

    def _attempt(self, part: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:
            self._faults[part] = told(error)


def _asked_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the reading that are not blank."""
    return {name: float(given[name]) for name in Asked._fields if given.get(name)}


def _question_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the calculator that are not blank."""
    return {name: float(given[name]) for name in Question._fields if given.get(name)}
