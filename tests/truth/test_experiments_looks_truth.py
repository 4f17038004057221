"""What is read at looks: p-values, guardrails that are watched, plans for a fall, and how wide intervals become.

Outcomes are drawn by numpy as counts, where a run stops is counted from the plan's boundaries by arithmetic of its own,
and the library reads each run where it stops. `make truth` draws 10,000 runs a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pytest

from martech_lib.core.arms import Arm, Sums
from martech_lib.experiments.lines import Line, lines_of, roles_of
from martech_lib.experiments.looks import look_of
from martech_lib.experiments.plan import Plan
from tests.experiment_worlds import IS_FULL, RATE, draw, error_of, rate_plan, read_look, z_of_counts

READ = 10_000 if IS_FULL else 240  # runs that the library reads where they stop
FEWER = 2_000 if IS_FULL else 150  # of cells that are held to a mean or are only shown
QUICK = 10_000 if IS_FULL else 1_200  # runs whose readings take no solving
COUNTED = 40_000 if IS_FULL else 10_000  # runs that numpy counts alone
WATCHED = 10_000 if IS_FULL else 300  # runs that the library reads at ten looks
BESIDE = 100 if IS_FULL else 10  # runs that are counted both ways
OF_P = (0.01, 0.05, 0.2)
LOOKED = [*product(("obrien_fleming", "pocock"), (3, 5), (1, 2))]
RULES = (("fixed", 1), ("obrien_fleming", 5), ("pocock", 5), ("confidence_sequence", 5))


def even_plan(**declared: Any) -> Plan:
    """A plan whose looks all come at whole numbers of users, so that its boundaries are those at the users read."""
    units = rate_plan(**declared).total_units
    return rate_plan(**declared, planned_units=units + -units % 30)


class Stops(NamedTuple):
    """Runs read where they stop, (runs,) each.

    Attributes:
        look: Where, from 0.
        p: The p-value that is told there.
        width: Width of the interval over that of the textbook's at the sample read.
        holds: Whether the interval holds the truth.
        plain: Whether the textbook's interval, of one look, holds it.
    """

    look: np.ndarray
    p: np.ndarray
    width: np.ndarray
    holds: np.ndarray
    plain: np.ndarray


def first_beyond(plan: Plan, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(runs,) each: the look at which a rule stops, the last where it sees nothing, and whether it sees an effect."""
    way = -1 if plan.effect < 0 else 1
    beyond = (np.abs(z) if plan.tails == 2 else way * z) > np.array(plan.boundaries)
    is_seen = np.asarray(beyond.any(axis=1))
    return np.where(is_seen, beyond.argmax(axis=1), z.shape[1] - 1), is_seen


def textbook_width(users: np.ndarray, hits: np.ndarray, level: float) -> float:
    """Of the difference of two shares, each with its own variance."""
    share = hits / users
    return float(2 * NormalDist().inv_cdf((1 + level) / 2) * np.sqrt((share * (1 - share) / users).sum()))


def read_stops(plan: Plan, effect: float, seed: int, runs: int) -> Stops:
    """Runs that are looked at as declared, each read by the library at the look that stops it."""
    users, hits = draw(plan, (plan.baseline, plan.baseline + effect), runs, seed)
    looks, is_seen = first_beyond(plan, z_of_counts(users, hits)[..., 0])
    found = []
    for run, look in enumerate(looks):
        (line,) = read_look(plan, users[look], hits[run, look])
        assert line.is_rejected == is_seen[run]
        told = line.beside.difference
        assert told is not None
        plain = textbook_width(users[look], hits[run, look], line.level)
        control, arm = hits[run, look] / users[look]
        is_plain = abs(arm - control - effect) <= plain / 2
        found.append((line.p, (told.upper - told.lower) / plain, told.lower <= effect <= told.upper, is_plain))
    return Stops(looks, *(np.array(part) for part in zip(*found, strict=True)))


def assert_p_values(p: np.ndarray, what: str) -> None:
    """p-values without effect are below each alpha at most so often."""
    shares = [float((p < alpha).mean()) for alpha in OF_P]
    errors = [error_of(alpha, len(p)) for alpha in OF_P]
    cells = [*zip(OF_P, shares, errors, strict=True)]
    told = ", ".join(f"{alpha:g}: {share:.4f} ({error:.4f})" for alpha, share, error in cells)
    print(f"p-values without effect below alpha, {what}: {told}")
    for alpha, share, error in cells:
        assert share <= alpha + 3 * error


def told_width(told: Stops, looks: int) -> str:
    by_look = [
        f"{told.width[told.look == look].mean():.3f}" if (told.look == look).any() else "-" for look in range(looks)
    ]
    width = f"{told.width.mean():.4f} ({told.width.std() / np.sqrt(len(told.width)):.4f}), by look {' '.join(by_look)}"
    return f"{width}; holds {told.holds.mean():.4f}, the textbook's {told.plain.mean():.4f}"


def assert_holds(told: Stops, plan: Plan) -> None:
    """Intervals hold the truth as often as they say: those of a one-sided plan leave its alpha out at each end."""
    level = 1 - 2 * plan.alpha / plan.tails
    assert told.holds.mean() >= level - 3 * error_of(level, len(told.holds))


WIDEST = 1.05


@pytest.mark.parametrize(("rule", "looks", "tails"), LOOKED)
def test_what_is_told_without_an_effect(rule: str, looks: int, tails: int) -> None:
    plan = even_plan(rule=rule, looks=looks, tails=tails)
    told = read_stops(plan, 0.0, seed=21, runs=READ)
    what = f"{rule}, {looks} looks, {tails}-sided"
    print(f"width over the textbook's, {what}, no effect: {told_width(told, looks)}")
    assert_p_values(told.p, what)
    assert told.width.mean() <= WIDEST
    assert_holds(told, plan)


@pytest.mark.parametrize(("rule", "looks", "tails"), LOOKED)
def test_width_where_the_planned_effect_is_true(rule: str, looks: int, tails: int) -> None:
    plan = even_plan(rule=rule, looks=looks, tails=tails)
    told = read_stops(plan, plan.effect, seed=22, runs=READ)
    what = f"{rule}, {looks} looks, {tails}-sided"
    print(f"width over the textbook's, {what}, planned effect: {told_width(told, looks)}")
    assert told.width.mean() <= WIDEST
    assert_holds(told, plan)


@pytest.mark.parametrize(("looks", "tails"), [*product((3, 5), (1, 2))])
def test_p_values_of_a_confidence_sequence(looks: int, tails: int) -> None:
    """Also the least of all that were read."""
    plan = even_plan(rule="confidence_sequence", looks=looks, tails=tails)
    users, hits = draw(plan, (0.1, 0.1), QUICK, 23)
    p = np.array(
        [[read_look(plan, users[look], hits[run, look])[0].p for look in range(looks)] for run in range(QUICK)]
    )
    stop, _ = first_beyond(plan, z_of_counts(users, hits)[..., 0])
    assert_p_values(p[np.arange(QUICK), stop], f"confidence sequence, {looks} looks, {tails}-sided")
    assert_p_values(p.min(axis=1), f"confidence sequence, {looks} looks, {tails}-sided, the least of all looks")


HARM = "unsubscribe rate"
GUARDED, TEN = 0.02, np.linspace(0.08, 0.89, 10)  # the guardrail's rate; where it is read before the end


def watched(plan: Plan, times: float, seed: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """(runs, looks + 1) each: whether the guardrail's line is rejected, and is a loss, at ten looks and at the end."""
    rng = np.random.default_rng([20261126, seed])
    users = np.rint(np.append(TEN, 1.0)[:, None] * np.array(plan.size.arms)).astype(np.int64)
    new = np.diff(users, axis=0, prepend=0)
    main, harm = (
        rng.binomial(new, rates, size=(runs, *new.shape)).cumsum(axis=1)
        for rates in ((0.1, 0.1), (GUARDED, GUARDED * times))
    )
    lines = [[guardrail(plan, users[k], main[run, k], harm[run, k]) for k in range(len(users))] for run in range(runs)]
    seen, lost = (
        np.array([[getattr(one, what) for one in row] for row in lines]) for what in ("is_rejected", "is_loss")
    )
    z = z_of_counts(users, harm)[..., 0]
    assert ((np.abs(z[:, -1]) > NormalDist().inv_cdf(1 - plan.alpha / 2)) == seen[:, -1]).all()
    return seen, lost


def guardrail(plan: Plan, users: np.ndarray, main: np.ndarray, harm: np.ndarray) -> Line:
    """Its line at the reading that so many users are."""
    arms = [
        Arm(name, int(n), {RATE: sums_of(hits), HARM: sums_of(bad)})
        for name, n, hits, bad in zip(("control", "t"), users, main, harm, strict=True)
    ]
    look = look_of(plan, int(users.sum()), None)
    (line,) = (line for line in lines_of(plan, look, arms, roles_of(plan, ())) if line.role == "guardrail")
    return line


def sums_of(hits: int) -> Sums:
    """Of users of whom so many have the event."""
    return Sums(*(float(hits),) * 3, 0, 0, 0, 0, 0, 0, 0, 0, int(hits))


@pytest.mark.parametrize(("rule", "looks"), [("fixed", 1), ("obrien_fleming", 5)])
def test_a_guardrail_that_is_watched_raises_few_false_alarms(rule: str, looks: int) -> None:
    plan = rate_plan(rule=rule, looks=looks, guardrail_metrics=(HARM,))
    seen, lost = watched(plan, 1.0, seed=24, runs=WATCHED)
    early, late = seen[:, :-1].any(axis=1).mean(), seen[:, -1].mean()
    of_loss, error = lost[:, :-1].any(axis=1).mean(), error_of(plan.alpha, WATCHED)
    print(
        f"guardrail without effect, {rule}: ever rejected before the end {early:.4f}, a loss {of_loss:.4f}; at the end "
        f"{late:.4f}, a loss {lost[:, -1].mean():.4f} ({error:.4f}); a loss at any time {lost.any(axis=1).mean():.4f}"
    )
    assert max(early, of_loss, late) <= plan.alpha + 3 * error


@pytest.mark.parametrize("times", [1.25, 1.5, 2.0])
def test_a_guardrail_that_is_watched_sees_harm(times: float) -> None:
    plan = rate_plan(guardrail_metrics=(HARM,))
    _, lost = watched(plan, times, seed=25, runs=FEWER)
    early, late = lost[:, :-1].any(axis=1).mean(), lost[:, -1].mean()
    when = np.append(TEN, 1.0)[np.where(lost.any(axis=1), lost.argmax(axis=1), len(TEN))].mean()
    print(
        f"guardrail whose rate of {GUARDED} becomes {times:g} times as high: seen before the end {early:.4f} "
        f"({error_of(early, FEWER):.4f}), at the end {late:.4f}; users needed {when:.3f} of the planned ones"
    )
    assert times < 2 or early >= 0.95  # measured .9995


def fall(rule: str, looks: int) -> Plan:
    """A one-sided plan that hopes for less."""
    return even_plan(mde=-0.15, rule=rule, looks=looks, tails=1)


@pytest.mark.parametrize(("rule", "looks"), RULES)
@pytest.mark.parametrize("times", [0.0, 1.0])
def test_false_alarms_and_power_of_a_plan_for_a_fall(rule: str, looks: int, times: float) -> None:
    plan = fall(rule, looks)
    users, hits = draw(plan, (0.1, 0.1 + times * plan.effect), COUNTED, 26)
    look, is_seen = first_beyond(plan, z_of_counts(users, hits)[..., 0])
    for run in range(BESIDE):
        (line,) = read_look(plan, users[look[run]], hits[run, look[run]])
        assert line.is_rejected == line.is_gain == is_seen[run]
    found = float(is_seen.mean())
    print(
        f"one-sided for a fall, {rule}, effect {times:g} of planned: seen {found:.4f} ({error_of(found, COUNTED):.4f})"
    )
    if times:
        assert abs(found - plan.power) <= 0.02
        return
    error = error_of(plan.alpha, COUNTED)
    assert found <= plan.alpha + 3 * error
    if rule != "confidence_sequence":
        assert found >= plan.alpha - 3 * error


MIRRORED = 200 if IS_FULL else 15


@pytest.mark.parametrize(("rule", "looks"), RULES)
@pytest.mark.parametrize("arms", [2, 3])
def test_a_fall_is_read_like_the_rise_of_what_is_left(rule: str, looks: int, arms: int) -> None:
    """Outcome y where a rise is hoped for, 1 - y where a fall is."""
    split, many = ((0.4, 0.6), "dunnett") if arms == 2 else ((0.4, 0.3, 0.3), "dunnett" if rule == "fixed" else "holm")
    told = {"relative": False, "rule": rule, "looks": looks, "tails": 1, "split": split, "many": many}
    rise, drop = rate_plan(baseline=0.1, mde=0.015, **told), rate_plan(baseline=0.9, mde=-0.015, **told)
    assert rise.size.arms == drop.size.arms
    users, hits = draw(rise, (0.1, *(0.108,) * (arms - 1)), MIRRORED, 27)
    for run, look in product(range(MIRRORED), range(looks)):
        there = read_look(rise, users[look], hits[run, look])
        back = read_look(drop, users[look], users[look] - hits[run, look])
        for one, other in zip(there, back, strict=True):
            assert_mirrored(one, other)


def assert_mirrored(one: Line, other: Line) -> None:
    there, back = one.beside.difference, other.beside.difference
    assert there is not None
    assert back is not None
    assert (one.is_rejected, one.is_gain, one.is_loss) == (other.is_rejected, other.is_gain, other.is_loss)
    assert other.p == pytest.approx(one.p, rel=1e-9, abs=1e-12)
    mirrored = [-there.estimate, -there.upper, -there.lower]
    assert [back.estimate, back.lower, back.upper] == pytest.approx(mirrored, abs=1e-9)


PATHS = 200_000 if IS_FULL else 40_000  # runs whose boundaries are read once
OFF = {"late": (0.24,), "early": (-0.24,), "by turns": (0.24, -0.24), "as planned": (0.0,)}  # of a step


@pytest.mark.parametrize("end", [0.91, 1.0, 1.09, 1.5])
@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize(("rule", "looks"), [*product(("obrien_fleming", "pocock"), (3, 5))])
def test_looks_that_come_early_or_late_hold_alpha(rule: str, looks: int, off: str, end: float) -> None:
    parts = OFF[off]
    units = [(k + 1 + parts[k % len(parts)]) / looks for k in range(looks - 1)]
    assert_alpha(rate_plan(rule=rule, looks=looks), np.array([*units, end]), f"looks {off}, end at {end:.0%}")


@pytest.mark.parametrize(("rule", "looks"), [*product(("obrien_fleming", "pocock"), (10, 12, 20, 60))])
def test_many_looks_hold_alpha(rule: str, looks: int) -> None:
    assert_alpha(rate_plan(rule=rule, looks=looks), (np.arange(looks) + 1) / looks, f"{looks} looks")


@pytest.mark.parametrize("rule", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("over", [0.35, 0.62, 0.85])
def test_weeks_that_are_over_hold_alpha(rule: str, over: float) -> None:
    plan = rate_plan(rule=rule, looks=5, weekly_units=5_000)
    units = np.array([*(share for share in (0.2, 0.4, 0.6, 0.8) if share < over), over])
    days = [1.0] * (len(units) - 1) + [plan.weeks * 7.0]
    assert_alpha(plan, units, f"over at {over:.0%}", days)


def assert_alpha(plan: Plan, shares: np.ndarray, what: str, days: Sequence[float | None] = ()) -> None:
    """A score that moves at random exceeds the boundaries of the looks, read at these shares, as often as is meant."""
    reached = np.rint(shares * plan.total_units).astype(int)
    looks = [look_of(plan, int(n), day) for n, day in zip(reached, days or [None] * len(reached), strict=True)]
    assert [look.number for look in looks[:-1]] == [k + 1 for k in range(len(looks) - 1)]
    assert [look.is_last for look in looks] == [False] * (len(looks) - 1) + [True]
    steps = np.sqrt(np.diff(reached, prepend=0))
    score = np.random.default_rng([20261126, 28]).standard_normal((PATHS, len(reached))) * steps
    z = score.cumsum(axis=1) / np.sqrt(reached)
    found = float((np.abs(z) > np.array([look.z for look in looks])).any(axis=1).mean())
    error = error_of(plan.alpha, PATHS)
    print(f"false alarms of {plan.rule}, {what}: {found:.4f} ({error:.4f})")
    assert found <= plan.alpha + 3 * error
    assert found >= 0.8 * plan.alpha
