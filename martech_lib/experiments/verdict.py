"""What a readout comes to: a decision, and the one sentence a marketer is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from martech_lib.core.spoken import listed, number, percent
from martech_lib.experiments.lines import Line
from martech_lib.experiments.looks import Look
from martech_lib.experiments.metrics import Metric

Decision = Literal["ship", "do not ship", "inconclusive", "keep running", "refused"]
StopReason = Literal["", "planned", "guardrail", "other"]

TELLING = 0.005  # of a factor, below which two digits do not show it
SEEN = 0.0005  # of a change, below which a percent's digit does not show it
Harm = Mapping[str, Sequence[Line]]  # arm -> what it harms


class Verdict(NamedTuple):
    """What a readout comes to.

    Attributes:
        decision: What is to be done.
        sentence: What a marketer is told.
        arm: The arm that it is about; "" where nothing is read.
        stop_reason: planned where the plan's own rule or its end decides, guardrail where harm stops it before, other
            where a loss does that a one-sided plan does not look for; "" where it goes on.
    """

    decision: Decision
    sentence: str
    arm: str = ""
    stop_reason: StopReason = ""


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
    harm = _harm_by_arm(lines)
    if not known:
        return _unreadable(look, primary, harm)
    best = min(known, key=lambda line: _rank(line, harm, is_last=look.is_last))
    after = _overstated(curse) + _may_harm(lines, best.beside.arm) + _unread(lines)
    told = _of_best(look, best, known, harm=harm, mde=mde, after=after)
    sentence = told.sentence + _of_others(look, best, known, harm) + _of_end(look)
    return told._replace(sentence=sentence, arm=best.beside.arm)


def has_harm(lines: Sequence[Line]) -> bool:
    """Whether a downstream or guardrail metric of any arm is seen to be harmed."""
    return bool(_harm_by_arm(lines))


def _unreadable(look: Look, primary: Sequence[Line], harm: Harm) -> Verdict:
    """Where no arm's primary metric can be read: harm ends the test all the same."""
    stop = "Do not ship" if look.is_last else "Stop"
    told = [f"{stop} {arm}: {_harm(of_arm)}." for arm, of_arm in harm.items()]
    reason = primary[0].beside.reason if look.number or not harm else look.reason
    if len(harm) == len(primary):
        why: StopReason = "planned" if look.is_last else "guardrail"
        sentence = f"{' '.join(told)} {primary[0].name} is not read: {reason}.{_of_end(look)}"
        return Verdict("do not ship", sentence, [*harm][0], why)
    if harm and not look.number:
        return Verdict("keep running", " ".join([f"Keep it running: {reason}.", *told]))
    return Verdict("refused", " ".join([f"Not read: {reason}.", *told]))


def _harm_by_arm(lines: Sequence[Line]) -> Harm:
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.role in ("downstream", "guardrail") and line.is_loss:
            found.setdefault(line.beside.arm, []).append(line)
    return found


def _rank(line: Line, harm: Harm, *, is_last: bool) -> tuple[bool, bool, bool, float, str]:
    """A gain without harm first; then, at the end, a gain, and before it what may still become one without harm."""
    arm = line.beside.arm
    is_harmed = arm in harm
    order = (not line.is_gain, is_harmed) if is_last else (is_harmed, not line.is_gain)
    return (*order, line.is_loss, line.p or 0.0, arm)


def _of_best(look: Look, best: Line, known: Sequence[Line], *, harm: Harm, mde: float, after: str) -> Verdict:
    of_best = harm.get(best.beside.arm, [])
    is_stopped = best.is_rejected or look.is_last
    if of_best and not is_stopped:
        return Verdict("do not ship", f"Stop {_it(best, known)}: {_harm(of_best)}.", stop_reason="guardrail")
    if not look.number:
        return Verdict("keep running", f"Keep it running: {look.reason}.")
    if best.is_loss and not is_stopped:
        return Verdict("do not ship", f"Do not ship {_it(best, known)}: {_moved(best)}.", stop_reason="other")
    if not is_stopped:
        still = _open(best, known)
        return Verdict("keep running", f"Keep it running: {still}, and the plan's boundary is not reached.")
    return _at_stop(best, known, of_best, mde=mde, after=after)._replace(stop_reason="planned")


def _at_stop(best: Line, known: Sequence[Line], harm: Sequence[Line], *, mde: float, after: str) -> Verdict:
    """Where the plan's rule stops it, or its end has come."""
    it = _it(best, known)
    if best.is_gain and harm:
        return Verdict("do not ship", f"{_moved(best)}, but {_harm(harm)}: that is a regression, do not ship {it}.")
    if best.is_gain:
        return Verdict("ship", f"Ship {best.beside.arm}: {_moved(best)}.{after}")
    if best.is_loss:
        also = f", and {_harm(harm)}" if harm else ""
        return Verdict("do not ship", f"Do not ship {it}: {_moved(best)}{also}.")
    if harm:
        return Verdict("do not ship", f"Do not ship {it}: {_open(best, known)}, and {_harm(harm)}.")
    return Verdict("inconclusive", f"Inconclusive: {_open(best, known)}.{_ruled_out(known, mde)}")


def _it(line: Line, known: Sequence[Line]) -> str:
    return "it" if len(known) == 1 else line.beside.arm


def _of_others(look: Look, best: Line, known: Sequence[Line], harm: Harm) -> str:
    """The arms beside the best one that lose or do harm."""
    said = []
    for line in known:
        arm, of_arm = line.beside.arm, harm.get(line.beside.arm, [])
        if arm == best.beside.arm or not (of_arm or (line.is_loss and look.number)):
            continue
        why = _harm(of_arm) if of_arm else _moved(line)
        said.append(f" {'Do not ship' if look.is_last else 'Stop'} {arm}: {why}.")
    return "".join(said)


def _of_end(look: Look) -> str:
    """That the end came early or late, where it did."""
    return f" {look.reason[:1].upper()}{look.reason[1:]}." if look.is_last and look.reason else ""


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
    # Holm's later steps are less strict than an interval that holds for all arms together.
    together = "; for all arms together, wider than Holm's test of this one"
    ends = f"{percent(told.lower)} to {percent(told.upper)}{together if _is_by_holm_alone(line) else ''}"
    return f", by {percent(abs(told.estimate))} ({ends}){allowing}"


def _is_by_holm_alone(line: Line) -> bool:
    """Whether the test sees an effect where the interval still holds none."""
    told = line.beside.lift
    return line.is_rejected and told is not None and told.lower <= 0 <= told.upper


def _open(line: Line, known: Sequence[Line]) -> str:
    """What an interval that holds no effect still allows; of which arm, where there are several."""
    told = line.beside
    name = line.name if len(known) == 1 else f"{line.name} in {told.arm}"
    if told.lift is not None:
        return f"the change of {name} lies between {percent(told.lift.lower)} and {percent(told.lift.upper)}"
    assert told.difference is not None
    ends = (in_words(told.metric, end) for end in (told.difference.lower, told.difference.upper))
    return f"the change of {name} lies between {' and '.join(ends)}"


def _harm(lines: Sequence[Line]) -> str:
    said = []
    for line in lines:
        verb = "lowers" if line.better > 0 else "raises"
        lift = line.beside.lift
        said.append(f"it {verb} {line.name}" + (f" by {percent(abs(lift.estimate))}" if lift else ""))
    return listed(said, most=3)


def _may_harm(lines: Sequence[Line], arm: str) -> str:
    """How far what else was declared may have gone the wrong way in a winning arm, by the harmful end."""
    said = []
    for line in lines:
        told = line.beside.lift or line.beside.difference
        is_beside = line.role in ("downstream", "guardrail") and line.beside.arm == arm
        if not is_beside or not line.better or told is None:
            continue
        end = -told.lower if line.better > 0 else told.upper
        if end >= SEEN:
            way = "lower" if line.better > 0 else "higher"
            said.append(f"{line.name} {way} by up to {_size(line, end)}")
    return f" Not ruled out: {listed(said, most=3)}." if said else ""


def _size(line: Line, change: float) -> str:
    """A change: relative where the line has a lift, else in the metric's unit."""
    if line.beside.lift is not None:
        return percent(change)
    is_rate = line.beside.metric.kind == "rate"
    return f"{number(100 * change, 2)} points" if is_rate else number(change, 2)


def _overstated(curse: float) -> str:
    if curse < 1 + TELLING:
        return ""
    return f" Expect less: where the planned effect is true, a win shows {number(curse, 2)} times it on average."


def _unread(lines: Sequence[Line]) -> str:
    beside = [line for line in lines if line.role in ("downstream", "guardrail")]
    unread = sorted({line.name for line in beside if line.p is None})
    unclear = sorted({line.name for line in beside if not line.better} - {*unread})
    said = f" Before that look at {listed(unread)}, which was declared and could not be read." if unread else ""
    if unclear:
        said += f" Before that look at {listed(unclear)}, whose name leaves open which way is better."
    return said


def _ruled_out(known: Sequence[Line], mde: float) -> str:
    lifts = [line.beside.lift for line in known if line.beside.lift is not None]
    if len(lifts) < len(known):
        return ""
    if any(lift.lower <= mde <= lift.upper for lift in lifts):
        return " The effect it was planned for can neither be seen nor ruled out."
    return f" An effect of {percent(mde)}, for which it was planned, is ruled out."


def in_words(metric: Metric, value: float) -> str:
    """A metric's value: a rate as percent, else a number."""
    return percent(value) if metric.kind == "rate" else number(value, 2)
