"""What the planner knows: the plan as asked for, the workspace's backlog and register, the experiment that is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from martech_lib import experiments
from martech_lib.core.errors import UserError, shown
from martech_lib.core.spreadsheet import to_csv
from martech_lib.core.workspace import Workspace
from martech_lib.experiments import Backlog, Plan, Readout, Record
from martech_lib.experiments.metrics import metric_of
from martech_lib.experiments.page import Planner, first_plan, planner
from martech_lib.experiments.registered import READS
from martech_lib.workbook.views import told

ASKED = (
    "name", "hypothesis", "primary_metric", "baseline", "mde", "relative", "weekly_units", "split", "looks", "rule",
    "tails", "alpha", "power", "downstream_metric", "guardrail_metrics", "variables_changed", "growth", "sd", "skew",
    "correlation", "many", "power_of", "method", "one_sided_reason", "surface", "owner", "window_days", "planned_units",
)  # fmt: skip
WHOLE = ("name", "primary_metric", "baseline", "mde")  # who gives these four has a plan of their own
HOW = (
    "split", "looks", "rule", "tails", "one_sided_reason", "alpha", "power", "many", "power_of", "method", "growth",
)  # fmt: skip
BLANK: tuple[Any, ...] = ("", 0, 0.0, None)
T = TypeVar("T")
NO_WORKSPACE = "The workspace cannot be read: run `martech check` and mend what it names first."


class ExperimentsState:
    """The state of the planner. What is refused is told and leaves the last good answer standing.

    Args:
        workspace: The data.
        asked: Fields of the plan by name, as a notebook's parameters hold them; blank ones are taken from the first
            idea of the backlog that fits, else from the textbook's example.
        experiment: Id of the experiment to be read; "" for the last one that can be.
    """

    def __init__(self, workspace: Workspace, asked: Mapping[str, Any], *, experiment: str = "") -> None:
        self._faults: dict[str, list[str]] = {}
        self.page: Planner | None = None
        self.open(workspace, asked, experiment=experiment)

    def open(self, workspace: Workspace, asked: Mapping[str, Any], *, experiment: str = "") -> None:
        """Begin anew with a workspace."""
        self._workspace = workspace
        self._backlog: Backlog | None = None
        self._record: Record | None = None
        self._readouts: dict[str, Readout] = {}
        self._readable: tuple[str, ...] = ()
        self._experiment = ""
        self._register_print = ""
        self._faults = {}
        self._attempt("workspace", self._gather)
        self._plan = first_plan(self._backlog or Backlog(reading_records=()))
        self._show()
        self._attempt("plan", lambda: self.ask(**asked))
        self._attempt("experiment", lambda: self.choose(experiment or self._last()))

    @property
    def plan(self) -> Plan:
        """The last plan that is allowed."""
        return self._plan

    @property
    def readable(self) -> tuple[str, ...]:
        """Ids of the experiments that can be read."""
        return self._readable

    @property
    def experiment(self) -> str:
        """The one that is read; "" for none."""
        return self._experiment

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words."""
        return [fault for faults in self._faults.values() for fault in faults]

    def ask(self, **asked: Any) -> None:
        """Change fields of the plan; blank ones stay, but for those of another plan where `WHOLE` is given.

        Raises UserError, and the plan stays as it was.
        """
        given = {name: value for name, value in asked.items() if name in ASKED and value not in BLANK}
        given.pop("relative", None)  # it says what mde is, and nothing of an mde that stands
        if "mde" in given:
            given["relative"] = asked.get("relative", True)
        if not given:
            return
        is_whole = all(name in given for name in WHOLE)
        self._take(experiments.plan_from(given if is_whole else {**self._plan.declared, **given}))

    def change(self, **asked: Any) -> list[str]:
        """`ask` for a control: what is wrong with it, in words; [] when nothing is. A blank clears the field."""
        given = {name: (None if value in ("", None) else value) for name, value in asked.items()}
        try:
            if given.get("primary_metric") and metric_of(str(given["primary_metric"])).kind == "rate":
                given = {"sd": None, "skew": None, **given}  # those of the metric it was before
            self._take(experiments.plan_from({**self._plan.declared, **given}))
        except UserError as error:
            return told(error)
        return []

    def choose(self, one: str) -> None:
        """Read another experiment. Raises UserError."""
        if not one:
            return
        if one not in self._readouts:
            self._readouts[one] = experiments.read_registered(self._workspace, one)
        self._experiment = one
        self._faults.pop("experiment", None)
        self._show()

    def take_idea(self, name: str) -> None:
        """Plan an idea of the backlog. Raises UserError where it lacks a figure."""
        ideas = {idea.idea: idea for idea in (self._backlog.ideas if self._backlog else ())}
        if name not in ideas:
            raise UserError(f"The backlog has no idea '{shown(name)}'.")
        idea = ideas[name]
        if idea.baseline is None or idea.mde_relative is None:
            raise UserError(f"{shown(name)} {idea.reason}; fill it in backlog.csv first.")
        how = {name: getattr(self._plan, name) for name in HOW}
        what = {
            "name": idea.idea, "primary_metric": idea.primary_metric or "conversion rate", "baseline": idea.baseline,
            "mde": idea.mde_relative, "relative": True, "weekly_units": idea.weekly_units, "surface": idea.surface,
            "owner": idea.owner,
        }  # fmt: skip
        self._take(experiments.plan_from({**how, **what}))

    def take_history(self, program: str) -> None:
        """Baseline, spread and traffic from the control arm of an experiment in the logs. Raises UserError."""
        found = experiments.history(self._workspace, self._plan.primary_metric, program=program)
        given = {
            "baseline": found.baseline, "sd": found.sd, "skew": found.skew, "correlation": found.correlation,
            "weekly_units": found.weekly_units, "growth": found.growth,
        }  # fmt: skip
        faults = self.change(**{name: value for name, value in given.items() if value is not None})
        if faults:
            raise UserError(" ".join(faults))

    def register(self, start: date | None = None) -> str:
        """Write the plan into the register; where it stands, in words. Raises UserError."""
        done = self._writing(lambda: experiments.register(self._workspace, self._plan, start=start))
        return f"Registered as {done.id}: {done.where}. Fingerprint {done.fingerprint[:12]}…"

    def record_decision(self) -> str:
        """Write what the readout decided into the register; where it stands, in words. Raises UserError."""
        readout = self._readout()
        read = {**readout.inputs, "experiments": self._register_print}
        if any(read[name] != self._print_of(name) for name in READS):
            raise UserError(
                "The register or its logs were written to since this page read them, and it would write down what they "
                "no longer say: load the page again and look at the experiment first."
            )
        where = self._writing(
            lambda: experiments.record_decision(self._workspace, self._experiment, readout, on=date.today())
        )
        return f"The decision of {self._experiment} was written down: {where}."

    def record_follow_up(self, effect: str, low: str, high: str) -> str:
        """Write what was found after launch into the register; where it stands, in words. Raises UserError."""
        self._readout()
        found = {"effect": effect, "low": low, "high": high}
        where = self._writing(lambda: experiments.record_follow_up(self._workspace, self._experiment, **found))
        return f"The follow-up of {self._experiment} was written down: {where}."

    def _writing(self, act: Callable[[], T]) -> T:
        """Write into the register and read it again; what others wrote meanwhile makes the readouts void."""
        is_as_read = self._print_of("experiments") == self._register_print
        done = act()
        self._attempt("workspace", self._gather)
        if not is_as_read:
            one, self._experiment, self._readouts = self._experiment, "", {}
            self._attempt("experiment", lambda: self.choose(one))
        self._show()
        return done

    def card(self) -> bytes:
        """The plan's card as a file: a draft, for only registering gives it an id."""
        return experiments.card_of(self._plan).encode()

    def upload_card(self, name: str, data: bytes) -> list[str]:
        """Take the plan of a card; what to know of it. Raises UserError."""
        card = experiments.read_card(data.decode("utf-8", errors="replace"))
        self._take(card.plan)
        return [] if card.is_as_registered else [f"{shown(name)} was changed after it was registered."]

    def readout_csv(self) -> bytes:
        """The readings of the experiment that is read. Raises UserError where none is."""
        return to_csv(self._readout().readings)

    def _readout(self) -> Readout:
        """The experiment that is read. Raises UserError where none is."""
        if self.page is None or self.page.readout is None:
            raise UserError("There is no experiment to be read.")
        return self.page.readout

    def link(self) -> str:
        """The plan as the query of a link."""
        given = {name: _written(getattr(self._plan, name)) for name in ASKED}
        return urlencode({name: text for name, text in given.items() if text})

    def _print_of(self, name: str) -> str:
        """Fingerprint of a table as it stands; "" where it is gone."""
        try:
            return self._workspace.fingerprint(name) if self._workspace.has(name) else ""
        except OSError:
            return ""

    def _gather(self) -> None:
        self._register_print = self._print_of("experiments")
        self._backlog = experiments.backlog(self._workspace)
        self._record = experiments.record(self._workspace)
        self._readable = experiments.readable(self._workspace)

    def _last(self) -> str:
        """The last experiment of the register that was decided and can be read, else the last that can be."""
        if not self._readable:
            return ""
        rows = self._workspace.register("experiments")
        decided = set(rows.loc[rows["decision"].notna(), "id"].astype(str)) if "decision" in rows else set()
        return next((one for one in reversed(self._readable) if one in decided), self._readable[-1])

    def _take(self, plan: Plan) -> None:
        """This is the plan now."""
        self._plan = plan
        self._faults.pop("plan", None)
        self._show()

    def _show(self) -> None:
        if self._backlog is None or self._record is None:
            return
        readouts = [self._readouts[self._experiment]] if self._experiment else []
        self.page = planner(
            self._plan, self._backlog, self._record, readouts=readouts, readable=self._readable
        )  # fmt: skip

    def _attempt(self, part: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except Exception as error:
            self._faults[part] = told(error)


def _written(value: Any) -> str:
    """A field as a link writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "/".join(map(repr, value)) if value and isinstance(value[0], float) else "; ".join(value)
    if isinstance(value, float):
        return repr(value)  # every digit: the linked plan has the same fingerprint
    return "" if value is None else str(value)
