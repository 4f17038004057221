"""The planner's controls: three numbers for a marketer, everything else folded, files and links to take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from martech_lib.core.power import METHODS
from martech_lib.experiments import Plan
from martech_lib.experiments.words import RULE_WORDS
from martech_lib.workbook.apps import fields
from martech_lib.workbook.apps.experiments_state import ExperimentsState
from martech_lib.workbook.apps.files import UPLOAD_BYTES
from martech_lib.workbook.views import told
from martech_lib.workbook.widgets import Download, Press, Upload

CALCULATOR = ("baseline", "mde", "weekly_units")
FOLDS: Mapping[str, tuple[str, ...]] = {
    "Name, hypothesis and metrics": (
        "name", "hypothesis", "primary_metric", "downstream_metric", "guardrail_metrics", "variables_changed",
        "surface", "owner",
    ),
    "Errors, arms and the formula": (
        "alpha", "power", "tails", "one_sided_reason", "split", "many", "power_of", "relative", "method",
    ),
    "Looks before the end": ("rule", "looks"),
    "Traffic and the past": ("growth", "correlation", "sd", "skew"),
}  # fmt: skip
TEXTS = {
    "baseline": ("The metric today", "such as 5 %"),
    "mde": ("Change worth finding", "such as 10 %"),
    "weekly_units": ("Unique users a week", "such as 20,000"),
    "name": ("Name", "Shorter sign-up form"),
    "hypothesis": ("Hypothesis", "We believe … for … will … because …"),
    "primary_metric": ("Metric it is decided on", "trial start rate"),
    "downstream_metric": ("Later metric that must not suffer", "paid rate"),
    "guardrail_metrics": ("Guardrails, with ';' between", "unsubscribe rate"),
    "variables_changed": ("How many things differ", "1"),
    "surface": ("Where it runs", "sign-up page"),
    "owner": ("Who answers for it", ""),
    "one_sided_reason": ("Why only one direction matters", "needed for a one-sided test"),
    "split": ("Arms, control first", "50/50"),
    "looks": ("Looks, the end included", "1"),
    "sd": ("Standard deviation by user", "for means and ratios"),
    "skew": ("Skewness by user", "0"),
}
FOLLOW_UP = {
    "effect": ("Effect after launch", "such as 1.5 %"),
    "low": ("Lower end of its interval", "such as 0.2 %"),
    "high": ("Upper end of its interval", "such as 2.8 %"),
}
SLIDERS = {
    "alpha": ("False alarms allowed", 0.01, 0.2, 0.01, ".0%"),
    "power": ("Chance to see the change", 0.5, 0.99, 0.01, ".0%"),
    "growth": ("Unique users grow like days to the power of", 0.3, 1.0, 0.05, ".2f"),
    "correlation": ("Correlation with the past (CUPED)", 0.0, 0.95, 0.05, ".2f"),
}
CHOICES: Mapping[str, tuple[str, tuple[tuple[str, Any], ...]]] = {
    "tails": ("Direction", (("both (two-sided)", 2), ("one (one-sided)", 1))),
    "relative": ("The change is", (("relative to today", True), ("absolute", False))),
    "many": ("Several arms by", (("Dunnett", "dunnett"), ("Holm", "holm"))),
    "power_of": ("Power of finding", (("the best arm", "best"), ("every arm", "every"))),
    "rule": ("Rule for looks", tuple((RULE_WORDS[r], r) for r in RULE_WORDS if r != "peek")),
    "method": ("Formula", tuple((m.replace("_", " "), m) for m in METHODS)),
}

Changed = Callable[[], None]


class PlanControls:
    """Every field of the plan as a control; a refused one goes back when the page is brought in step.

    Attributes:
        calculator: The three numbers.
        folded: All others.
        faults: What is wrong with the last move, in words.
    """

    def __init__(self, state: ExperimentsState, changed: Changed) -> None:
        self._state, self._changed = state, changed
        self._following = False
        self.faults: list[str] = []
        self._controls = {**_texts(), **_sliders(), **_choices()}
        self.follow()
        for name, control in self._controls.items():
            control.observe(lambda change, name=name: self._ask(name, change["new"]), "value")
        self.calculator = widgets.HBox([self._controls[name] for name in CALCULATOR]).add_class("wb-calculator")
        self.folded = _folded(self._controls)

    def follow(self) -> None:
        """Show the plan as it stands."""
        self._following = True
        try:
            for name, control in self._controls.items():
                fields.show(control, _shown(self._state.plan, name))
        finally:
            self._following = False

    def _ask(self, name: str, value: Any) -> None:
        if self._following:
            return
        self.faults = self._state.change(**{name: value})
        self._changed()


class Choice:
    """One of several, done when it is chosen.

    Attributes:
        view: The control.
        faults: Why the last one could not be taken.
    """

    def __init__(self, words: str, options: Callable[[], list[str]], take: Callable[[str], Any], done: Changed) -> None:
        self._options, self._take, self._done = options, take, done
        self._following = False
        self.faults: list[str] = []
        self.view = fields.choice(words, ["", *options()])
        self.view.observe(self._chosen, "value")

    def follow(self, now: str) -> None:
        """Show what there is to choose from, and what is chosen."""
        self._following = True
        try:
            self.view.options = ["", *self._options()]
            self.view.value = now if now in self.view.options else ""
        finally:
            self._following = False

    def _chosen(self, change: Mapping[str, Any]) -> None:
        if self._following or not change["new"]:
            return
        self.faults = []
        try:
            self._take(change["new"])
        except Exception as error:
            self.faults = told(error)
        self._done()


def files(state: ExperimentsState, changed: Changed) -> widgets.Widget:
    """The card down and up, and the plan into the register."""

    start = fields.day("First day, where known")

    def registered() -> str:
        said = state.register(start.value)
        changed()
        return said

    def arrived(name: str, data: bytes) -> None:
        notes = state.upload_card(name, data)
        changed()
        card.say(f"{name} was read.", messages=notes)

    save = Download(state.card, label="Download the card", filename="plan.yaml", mime="application/yaml")
    write = Press(registered, label="Write it into the register")
    card = Upload(label="Upload a card (YAML)", accept=".yaml,.yml", max_bytes=min(UPLOAD_BYTES, 1_000_000))
    card.on_file(arrived)
    dated = widgets.VBox([start]).add_class("wb-controls")
    return widgets.VBox([dated, widgets.HBox([save, write]).add_class("wb-downloads"), card])


def results(state: ExperimentsState, changed: Changed) -> widgets.Widget:
    """What the experiment that is read came to, into the register: its decision, and later what was found again."""
    found = {name: fields.text(*words) for name, words in FOLLOW_UP.items()}

    def written(act: Callable[[], str]) -> Callable[[], str]:
        def done() -> str:
            said = act()
            changed()
            return said

        return done

    decide = Press(written(state.record_decision), label="Write the decision into the register")
    follow = Press(
        written(lambda: state.record_follow_up(**{name: box.value for name, box in found.items()})),
        label="Write the follow-up into the register",
    )
    after = widgets.VBox(
        [
            widgets.VBox(list(found.values())).add_class("wb-controls"),
            widgets.HBox([follow]).add_class("wb-downloads"),
        ]
    )
    folded = widgets.Accordion([after], titles=("Found again after launch",), selected_index=None)
    return widgets.VBox([widgets.HBox([decide]).add_class("wb-downloads"), folded.add_class("wb-folds")])


def _folded(controls: Mapping[str, widgets.Widget]) -> widgets.Accordion:
    boxes = [widgets.VBox([controls[name] for name in names]).add_class("wb-controls") for names in FOLDS.values()]
    return widgets.Accordion(boxes, titles=tuple(FOLDS), selected_index=None).add_class("wb-folds")


def _texts() -> dict[str, widgets.Widget]:
    return {name: fields.text(*words) for name, words in TEXTS.items()}


def _sliders() -> dict[str, widgets.Widget]:
    return {
        name: fields.slider(words, low, high, step, shown=shown)
        for name, (words, low, high, step, shown) in SLIDERS.items()
    }


def _choices() -> dict[str, widgets.Widget]:
    return {name: fields.choice(words, options) for name, (words, options) in CHOICES.items()}


def _shown(plan: Plan, name: str) -> Any:
    """A field of the plan as its control shows it."""
    value = getattr(plan, name)
    if name not in TEXTS:
        return value
    if name == "split":
        return "/".join(f"{100 * share:.4g}" for share in value)
    if name == "guardrail_metrics":
        return "; ".join(value)
    if name == "baseline" and plan.kind == "rate" or name == "mde" and (plan.relative or plan.kind == "rate"):
        return f"{value * 100:.6g} %"
    if isinstance(value, float):
        return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"
    return "" if value is None else str(value)
