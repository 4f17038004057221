"""What a readout comes to: a decision, and the one sentence a marketer is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from martech_lib.core.spoken import listed, number, percent
from martech_lib.experiments.lines import Line
from martech_lib.experiments.looks import Look
from martech_lib.experiments.metrics import Metric

Decision = Literal["ship", "do not ship", "inconclusive", "keep running", "refused"]


class Verdict(NamedTuple):
    """A decision and its sentence."""

    decision: Decision
    sentence: str


def refused(reason: str) -> Verdict:
    """Nothing is read."""
    return Verdict("refused", f"Not read: {reason}.")


def verdict(look: Look, lines: Sequence[Line], *, mde: float, curse: float) -> Verdict:
    """The decision.

    Args:
        look: Where the reading stands in its plan.
        lines: Every metric of every arm; the primary metric's first.
        mde: The relative effect that was worth finding.
        curse: How much a win by the rule overstates the planned effect.
    """
    primary = [line for line in lines if line.role == "primary"]
    known = [line for line in primary if line.p is not None]
    if not known:
        return refused(primary[0].beside.reason)
    if not look.number:
        return Verdict("keep running", f"Keep it running: {look.reason}.")
    best = min(known, key=lambda line: (not line.is_gain, line.p or 0.0, line.beside.arm))
    harmed = [line for line in lines if line.role in ("downstream", "guardrail") and line.is_loss]
    of_best = [line for line in harmed if line.beside.arm == best.beside.arm]
    if best.is_gain and of_best:
        return Verdict("do not ship", f"{_moved(best)}, but {_harm(of_best)}: that is a regression, do not ship it.")
    if best.is_gain:
        return Verdict("ship", f"Ship {best.beside.arm}: {_moved(best)}.{_overstated(curse)}{_unread(lines)}")
    if of_best and not look.is_last:
        return Verdict("do not ship", f"Stop it: {_harm(of_best)}.")
    if all(line.is_loss for line in known):
        return Verdict("do not ship", f"Do not ship it: {_moved(best)}.")
    if not look.is_last:
        return Verdict("keep running", f"Keep it running: {_open(best)}, and the plan's boundary is not reached.")
    if of_best:
        return Verdict("do not ship", f"Do not ship it: {_open(best)}, and {_harm(of_best)}.")
    return Verdict("inconclusive", f"Inconclusive: {_open(best)}.{_ruled_out(best, mde)}")


def _moved(line: Line) -> str:
    """ "trial start rate rose from 5.0 % to 5.6 %, by 12.0 % (3.1 % to 21.7 %)"."""
    told = line.beside
    assert told.difference is not None
    verb = "rose" if told.difference.estimate > 0 else "fell"
    values = f"from {in_words(told.metric, told.control.mean)} to {in_words(told.metric, told.treated.mean)}"
    return f"{line.name} {verb} {values}{_by(line)}"


def _by(line: Line) -> str:
    """The lift; where the looks have moved it away from what the two values give, that is said."""
    told = line.beside.lift
    if told is None:
        return ""
    plain = line.beside.treated.mean / line.beside.control.mean - 1
    allowing = " allowing for its looks" if abs(told.estimate - plain) > 0.0005 else ""
    return f", by {percent(abs(told.estimate))} ({percent(told.lower)} to {percent(told.upper)}){allowing}"


def _open(line: Line) -> str:
    """What an interval that holds no effect still allows."""
    told = line.beside
    if told.lift is not None:
        return f"the change of {line.name} lies between {percent(told.lift.lower)} and {percent(told.lift.upper)}"
    assert told.difference is not None
    ends = (in_words(told.metric, end) for end in (told.difference.lower, told.difference.upper))
    return f"the change of {line.name} lies between {' and '.join(ends)}"


def _harm(lines: Sequence[Line]) -> str:
    said = []
    for line in lines:
        verb = "lowers" if line.better > 0 else "raises"
        lift = line.beside.lift
        said.append(f"it {verb} {line.name}" + (f" by {percent(abs(lift.estimate))}" if lift else ""))
    return listed(said, most=3)


def _overstated(curse: float) -> str:
    return f" Expect less: where the planned effect is true, a win shows {number(curse, 2)} times it on average."


def _unread(lines: Sequence[Line]) -> str:
    names = [line.name for line in lines if line.role in ("downstream", "guardrail") and line.p is None]
    if not names:
        return ""
    return f" Before that look at {listed(sorted(set(names)))}, which was declared and could not be read."


def _ruled_out(line: Line, mde: float) -> str:
    lift = line.beside.lift
    if lift is None:
        return ""
    if lift.lower <= mde <= lift.upper:
        return " The effect it was planned for can neither be seen nor ruled out."
    return f" An effect of {percent(mde)}, for which it was planned, is ruled out."


def in_words(metric: Metric, value: float) -> str:
    """A metric's value: a rate as percent, else a number."""
    return percent(value) if metric.kind == "rate" else number(value, 2)
