"""An experiment as it is declared before it starts, and what follows from that: size, weeks, boundaries, gate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from martech_lib.experiments.declared import allowed
from martech_lib.experiments.metrics import Kind, Metric, metric_of

if TYPE_CHECKING:
    import pandas as pd

    from martech_lib.experiments.sizes import Size

Rule = Literal["fixed", "obrien_fleming", "pocock", "confidence_sequence"]
NOT_IN_FINGERPRINT = ("surface", "owner")  # who runs it and where it stands, not what is tested


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A declared experiment. Made by `plan`, which checks it.

    Attributes:
        name: As the register and the logs call it.
        hypothesis: "We believe ... for ... will ... because ...".
        primary_metric: The metric it is decided on, see `metrics.GRAMMAR`.
        baseline: Its value today: a fraction for a rate, else in its own unit.
        mde: The smallest change worth finding, in the metric's unit, or relative to the baseline. Negative for a fall.
        relative: Whether mde is relative.
        weekly_units: Unique users who come in a week; None where unknown.
        split: Shares of the arms, control first.
        looks: How often it is read, the end included.
        rule: When a look may stop it, one of `core.sequential.RULES`.
        tails: 2, or 1 with `one_sided_reason`.
        alpha: Chance of a false alarm, over all looks and arms.
        power: Chance to see an effect of the size mde.
        downstream_metric: The later metric that must not suffer.
        guardrail_metrics: Metrics that stop it.
        variables_changed: How many things differ between the arms; None where not said.
        growth: Unique users grow like days ** growth: 1 where all are new, about .7 where many return.
        method: How a rate's size is counted, one of `core.power.METHODS`.
        sd: Standard deviation by user of a mean or ratio; of no use for a rate, like `skew`.
        skew: Skewness by user of a mean; 0 where unknown.
        correlation: Of the metric with its own past by user, which takes variance out (CUPED); 0 for none.
        many: How several arms are held to one alpha, dunnett or holm.
        power_of: Whose power it is with several arms: `best`, the one arm that has the effect, or `every` arm at once.
        planned_units: Units of all arms where the size was settled elsewhere; None to have it counted.
        window_days: Days after assignment whose outcomes count; None for all.
        one_sided_reason: Why only one direction matters.
        surface: Where it runs.
        owner: Who answers for it.
    """

    name: str
    hypothesis: str = ""
    primary_metric: str
    baseline: float
    mde: float
    relative: bool = False
    weekly_units: float | None = None
    split: tuple[float, ...] = (0.5, 0.5)
    looks: int = 1
    rule: Rule = "fixed"
    tails: int = 2
    alpha: float = 0.05
    power: float = 0.8
    downstream_metric: str = ""
    guardrail_metrics: tuple[str, ...] = ()
    variables_changed: int | None = None
    growth: float = 1.0
    method: str = "pooled"
    sd: float | None = None
    skew: float = 0.0
    correlation: float = 0.0
    many: Literal["dunnett", "holm"] = "dunnett"
    power_of: Literal["best", "every"] = "best"
    planned_units: int | None = None
    window_days: float | None = None
    one_sided_reason: str = ""
    surface: str = ""
    owner: str = ""

    @property
    def metric(self) -> Metric:
        """What its primary metric measures."""
        return metric_of(self.primary_metric)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Every metric it declares, the primary one first."""
        downstream = (self.downstream_metric,) if self.downstream_metric else ()
        return (self.primary_metric, *downstream, *self.guardrail_metrics)

    @property
    def kind(self) -> Kind:
        """rate, mean or ratio."""
        return self.metric.kind

    @property
    def spread(self) -> float | None:
        """Standard deviation by user; None for a rate, whose spread follows from its baseline."""
        return None if self.kind == "rate" else self.sd

    @property
    def effect(self) -> float:
        """The change worth finding in the metric's own unit."""
        return self.mde * self.baseline if self.relative else self.mde

    @property
    def relative_effect(self) -> float:
        """The change worth finding as a share of the baseline."""
        return self.effect / self.baseline

    @cached_property
    def size(self) -> Size:
        """Units, arms, looks and boundaries together."""
        from martech_lib.experiments.sizes import size_of

        return size_of(self)

    @property
    def sample_size(self) -> int:
        """Units of the control arm at the last look."""
        return self.size.control

    @property
    def total_units(self) -> int:
        """Units of all arms at the last look."""
        return sum(self.size.arms)

    @property
    def boundaries(self) -> tuple[float, ...]:
        """|Z| beyond which each look stops (Z where one-sided); infinity where it does not."""
        return self.size.boundaries

    @cached_property
    def weeks(self) -> int | None:
        """Whole weeks until all units have come; None where the traffic is unknown."""
        from martech_lib.experiments.duration import weeks_until

        return None if self.weekly_units is None else weeks_until(self.total_units, self)

    @property
    def gate(self) -> pd.DataFrame:
        """The six rules: rule, passed, missing (what is missing, in words; "" where it passes)."""
        from martech_lib.experiments.gate import gate_of

        return gate_of(self)

    @property
    def passes(self) -> bool:
        """Whether it passes all six rules."""
        return bool(self.gate["passed"].all())

    @property
    def declared(self) -> dict[str, Any]:
        """What was declared, as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what was declared: one word changed, and it is another."""
        told = {name: value for name, value in self.declared.items() if name not in NOT_IN_FINGERPRINT}
        text = json.dumps(told, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def plan(*, name: str, primary_metric: str, baseline: float, mde: float, **declared: Any) -> Plan:
    """Declare an experiment.

    Args:
        name: As the register and the logs call it.
        primary_metric: The metric it is decided on, see `metrics.GRAMMAR`.
        baseline: Its value today: a fraction for a rate.
        mde: The smallest change worth finding.
        declared: The other fields of `Plan`, which says what each is: hypothesis, relative, weekly_units, split, looks,
            rule, tails, alpha, power, downstream_metric, guardrail_metrics, variables_changed, growth, ...

    Raises:
        UserError: A value is not allowed; the message says what came, what is allowed and what to do.
    """
    return plan_from({"name": name, "primary_metric": primary_metric, "baseline": baseline, "mde": mde, **declared})


def plan_from(given: Mapping[str, Any]) -> Plan:
    """A plan from its fields by name, as a card, a link or a form holds them. Raises UserError."""
    made = Plan(**allowed(given, {field.name: field.default for field in fields(Plan)}))
    _ = made.size  # refuses what no finite test finds
    return made
