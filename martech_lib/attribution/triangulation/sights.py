"""What the lenses see, brought to one scale: a frame of estimates -> arrays of logarithms with their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from martech_lib.attribution.triangulation.lens_rows import checked_channels, checked_lenses
from martech_lib.attribution.triangulation.priors import (
    ALL_SHARING,
    KINDS,
    LIFT_TEST,
    Base,
    Bias,
    base_of,
    bias_of,
    checked_priors,
    rows_by_lens,
)
from martech_lib.core.errors import UserError
from martech_lib.core.stats import Array, normal_quantile

Flags = npt.NDArray[np.bool_]
Kind = tuple[str, str, str]  # a channel's role, whether it is remembered, whether it is a walled garden

MATRICES = ("estimate", "error", "mean", "sd", "spread", "takes_base", "base_mean", "base_sd", "base_own")
READ = ("channel", "lens", "family", "estimate", "lower", "upper", "level", "scale")
SAYS_NOTHING = 5.0  # a standard error of the logarithm beyond which an estimate is none: a factor of 150 either way
UNBOUNDED = 0.5  # relative error of a test without an interval
TOO_WIDE, FOUND = 20.0, 2.0  # an error so many times what the others say, of less than so many errors: says nothing
SUREST = 1e-9  # conversions: no test is surer
SURE = 0.2  # a test with a smaller relative error is as well read on the logarithm


class OwnScale(NamedTuple):
    """A lift test that is read on its own scale: place of its channel, incremental conversions, standard error."""

    place: int
    estimate: float
    error: float


@dataclass(frozen=True)
class Sights:
    """Everything the lenses see of the channels: L lenses in order of their names, by J channels.

    Attributes:
        channels: Those that a lens speaks of, by how much is said of them.
        lenses: Their names.
        estimate: (L, J): logarithm of the conversions; NaN where a lens is silent.
        error: (L, J): standard error of that logarithm.
        mean: (L, J): believed bias.
        sd: (L, J): standard deviation of the bias that is common to a lens.
        spread: (L, J): standard deviation of the bias that is a channel's own.
        reads_touches: (L,): whether a lens reads the log of touches.
        takes_base: (L, J): whether a lens shares out all conversions.
        base_mean: (L, J): usual size of what lenses that share out conversions give alike, see `priors.Base`; 0 for
            the other lenses.
        base_sd: (L, J, R): standard deviation of the part of it that is common to a role, for each of R roles.
        base_own: (L, J): standard deviation of the part that is a channel's own.
        is_test: (L,): whether it is the lift tests.
        own_scale: Tests that found little, nothing or less.
    """

    channels: tuple[str, ...]
    lenses: tuple[str, ...]
    estimate: Array
    error: Array
    mean: Array
    sd: Array
    spread: Array
    reads_touches: Flags
    takes_base: Flags
    base_mean: Array
    base_sd: Array
    base_own: Array
    is_test: Flags
    own_scale: tuple[OwnScale, ...] = ()

    @property
    def tested(self) -> frozenset[str]:
        """Channels with a lift test."""
        on_log = ~np.isnan(self.estimate[self.is_test]).all(axis=0) if self.is_test.any() else np.array([], dtype=bool)
        places = {*np.flatnonzero(on_log).tolist(), *(test.place for test in self.own_scale)}
        return frozenset(self.channels[place] for place in places)

    @property
    def tests_alone(self) -> frozenset[str]:
        """Channels that nothing but lift tests speaks of."""
        others: Flags = np.asarray(~np.isnan(self.estimate[~self.is_test]).all(axis=0))
        heard = {name for name, is_heard in zip(self.channels, others, strict=True) if is_heard}
        return self.tested - heard

    def without(self, lens: str) -> Sights:
        """The same without one lens, and without the channels that nobody else speaks of."""
        kept = np.array([name != lens for name in self.lenses])
        cut = {name: getattr(self, name)[kept] for name in (*MATRICES, "reads_touches", "is_test")}
        own = () if lens == LIFT_TEST else self.own_scale
        rest = replace(self, lenses=tuple(name for name in self.lenses if name != lens), own_scale=own, **cut)
        return rest.only(rest._heard)

    def without_test_of(self, channel: str) -> Sights:
        """The same without the lift tests of one channel, nor of any on their own scale."""
        estimate = self.estimate.copy()
        estimate[self.is_test, self.channels.index(channel)] = np.nan
        rest = replace(self, estimate=estimate, own_scale=())
        return rest.only(rest._heard)

    def within(self, conversions: float) -> Sights:
        """The same without channels that tests alone speak of whose error is more than all conversions there were:
        such tests say nothing."""
        precision = np.zeros(len(self.channels))
        precision[self.on_log] = np.inf
        for test in self.own_scale:
            precision[test.place] += test.error**-2.0
        return self.only(np.flatnonzero(precision >= conversions**-2.0))

    @property
    def shared_out(self) -> frozenset[str]:
        """Channels of which every lens that speaks shares out what would have come anyway: nothing tells how much."""
        heard: Flags = ~np.isnan(self.estimate)
        of_all: Flags = np.asarray((self.takes_base | ~heard).all(axis=0) & heard.any(axis=0))
        tested = self.tested
        return frozenset(
            name for name, is_so in zip(self.channels, of_all, strict=True) if is_so and name not in tested
        )

    @property
    def is_unchecked(self) -> bool:
        """Whether nothing incremental speaks of any channel: no test, and no lens but those that share out."""
        takes_any = self.takes_base.any(axis=1)
        return not self.tested and bool((takes_any | self.reads_touches).all())

    @property
    def on_log(self) -> npt.NDArray[np.intp]:
        """Places of the channels that a lens speaks of on the scale of the logarithm."""
        return np.flatnonzero(~np.isnan(self.estimate).all(axis=0))

    @property
    def _heard(self) -> npt.NDArray[Any]:
        """Places of the channels that some lens speaks of."""
        spoken: Flags = np.asarray(~np.isnan(self.estimate).all(axis=0))
        spoken[[test.place for test in self.own_scale]] = True
        return np.flatnonzero(spoken)

    def only(self, places: npt.NDArray[Any]) -> Sights:
        """The same of some channels."""
        moved = {int(old): new for new, old in enumerate(places)}
        cut = {name: getattr(self, name)[:, places] for name in MATRICES}
        own = tuple(t._replace(place=moved[t.place]) for t in self.own_scale if t.place in moved)
        return replace(self, channels=tuple(self.channels[p] for p in places), own_scale=own, **cut)


def sights_of(lenses: pd.DataFrame, channels: pd.DataFrame, *, priors: pd.DataFrame | None = None) -> Sights:
    """Check estimates and bring them to one scale.

    Args:
        lenses: channel, lens, estimate, lower, upper, level; a vendor's name with its basis, in a column `basis` or in
            brackets after the name. Blank bounds: the usual error of such a lens.
        channels: channel, role, remembered, walled_garden, paid.
        priors: As `usual_priors` gives them; those when None.

    Raises:
        TableError: Rows that cannot be read, all at once.
        UserError: A column is missing, or priors make no sense.
    """
    kinds = checked_channels(channels)
    return arranged(scaled(checked_lenses(lenses, kinds)), kinds, checked_priors(priors))


def scaled(rows: pd.DataFrame) -> pd.DataFrame:
    """Checked rows with the `scale` on which each is read, without those that say nothing."""
    rows = rows.assign(scale=[_scale(row) for row in rows.itertuples()])
    rows.loc[_is_lost(rows), "scale"] = "nothing"
    # Tests of one channel are read on one scale, so that they can be taken together.
    with_own = rows.loc[rows["scale"] == "own", "channel"]
    beside_own = (rows["family"] == LIFT_TEST) & (rows["scale"] == "log") & rows["channel"].isin(with_own)
    half = UNBOUNDED * rows["estimate"] * normal_quantile(0.9)
    bare = beside_own & rows["lower"].isna()
    rows.loc[bare, "lower"], rows.loc[bare, "upper"], rows.loc[bare, "level"] = (
        (rows["estimate"] - half)[bare], (rows["estimate"] + half)[bare], 0.8,
    )  # fmt: skip
    rows.loc[beside_own, "scale"] = "own"
    return rows.loc[rows["scale"] != "nothing", list(READ)]


def _is_lost(rows: pd.DataFrame) -> pd.Series:
    """Tests on their own scale whose error is many times all that the other lenses say of the channel, and that are
    nowhere near sure of having found anything."""
    others = rows[rows["family"] != LIFT_TEST].groupby("channel")["estimate"].max()
    most = rows["channel"].map(others).astype("float64")
    errors = [_linear(row) if row.scale == "own" else 0.0 for row in rows.itertuples()]
    error = pd.Series(errors, index=rows.index)
    return (error > TOO_WIDE * most) & (most > 0) & (rows["estimate"].abs() < FOUND * error)


def arranged(rows: pd.DataFrame, kinds: pd.DataFrame, priors: pd.DataFrame) -> Sights:
    """Rows on their scale, channels and priors, all checked already, as arrays."""
    kind_of = _kinds_of(kinds)
    names, lenses = _in_order(rows, kind_of), tuple(sorted(rows["lens"].unique()))
    believed = rows_by_lens(priors)
    families = dict(zip(rows["lens"], rows["family"], strict=True))
    biases = _biases(lenses, families, {name: kind_of[name] for name in names}, believed)
    mean, sd, spread = np.array([bias[:3] for bias in biases.values()]).reshape(len(lenses), len(names), 3).T
    estimate, error = _seen(rows[rows["scale"] == "log"], (lenses, names), biases)
    bases = base_of(believed[ALL_SHARING])
    takes_base, base_mean, base_sd, base_own = _base(biases, [(name, kind_of[name][0]) for name in names], bases)
    own: list[Any] = [row for row in rows.itertuples() if row.scale == "own"]
    return Sights(
        channels=names,
        lenses=lenses,
        estimate=estimate,
        error=error,
        mean=mean.T,
        sd=sd.T,
        spread=spread.T,
        reads_touches=np.array(
            [any(biases[lens, name].reads_touches for name in names) for lens in lenses], dtype=bool
        ),
        takes_base=takes_base,
        base_mean=base_mean,
        base_sd=base_sd,
        base_own=base_own,
        is_test=np.array([families[lens] == LIFT_TEST for lens in lenses], dtype=bool),
        own_scale=tuple(sorted(OwnScale(names.index(r.channel), float(r.estimate), _linear(r)) for r in own)),
    )


def _in_order(rows: pd.DataFrame, kind_of: Mapping[str, Kind]) -> tuple[str, ...]:
    """Channels by what is said of them: points are dealt out in their order, which is not to hang on their names."""
    told: dict[str, list[tuple[float | str, ...]]] = {}
    said = rows[["channel", "estimate", "lens", "lower", "upper", "level"]].fillna(-np.inf)
    for name, *of_channel in said.itertuples(index=False, name=None):
        told.setdefault(str(name), []).append(tuple(of_channel))
    keys = {name: ([row[0] for row in sorted(its)], sorted(its), kind_of[name]) for name, its in told.items()}
    return tuple(sorted(keys, key=lambda name: (keys[name], name)))


def _kinds_of(kinds: pd.DataFrame) -> dict[str, Kind]:
    role, remembered, walled = (kinds[name].astype(str).tolist() for name in KINDS)
    return dict(zip(kinds.index.astype(str), zip(role, remembered, walled, strict=True), strict=True))


def _biases(
    lenses: tuple[str, ...],
    families: dict[str, str],
    kind_of: Mapping[str, Kind],
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[tuple[str, str], Bias]:
    """(lens, channel) -> what is believed of it. Raises UserError where the table has no row."""
    of_kind: dict[tuple[str, Kind], Bias | None] = {}
    found = {}
    for lens in lenses:
        for name, kind in kind_of.items():
            asked = families[lens], kind
            if asked not in of_kind:
                of_kind[asked] = bias_of(rows.get(asked[0], ()), asked[1])
            bias = of_kind[asked]
            if bias is None:
                raise UserError(f"priors have no row of the lens '{families[lens]}' that fits the channel '{name}'.")
            found[lens, name] = bias
    return found


def _base(
    biases: Mapping[tuple[str, str], Bias], roles: Sequence[tuple[str, str]], bases: Mapping[str, Base]
) -> tuple[Flags, Array, Array, Array]:
    """See `Sights.takes_base` and what follows it; roles of channels, in order."""
    lenses = list(dict.fromkeys(lens for lens, _ in biases))
    takes = np.array([[biases[lens, name].takes_base for name, _ in roles] for lens in lenses], dtype=bool)
    takes = takes.reshape(len(lenses), len(roles))
    mean, sd, own = np.array([bases[role] for _, role in roles]).reshape(-1, 3).T
    pooled = [role for role, base in bases.items() if base.sd]  # whose channels teach one another
    is_of_role = np.array([[role == other for other in pooled] for _, role in roles]).reshape(len(roles), len(pooled))
    return takes, takes * mean, takes[..., None] * is_of_role * sd[:, None], takes * own


def _seen(
    rows: pd.DataFrame, places: tuple[tuple[str, ...], tuple[str, ...]], biases: dict[tuple[str, str], Bias]
) -> tuple[Array, Array]:
    """(L, J) twice: logarithms and their errors, NaN where a lens is silent."""
    lenses, names = places
    told: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for row in rows.itertuples():
        lens, name = str(row.lens), str(row.channel)
        told.setdefault((lenses.index(lens), names.index(name)), []).append(_on_log(row, biases[lens, name].error))
    estimate, error = np.full((2, len(lenses), len(names)), np.nan)
    for place, several in told.items():
        estimate[place], error[place] = _combined(np.array(several))
    return estimate, error


def _scale(row: Any) -> str:
    """On which scale the error of a row is normal: log, own, or nothing where it says nothing.

    A test's interval tells by its shape: it lies evenly about the estimate or about its logarithm. One that reaches
    zero can only be read as it stands.
    """
    has_bounds = not pd.isna(row.lower)
    if row.family != LIFT_TEST:
        return "nothing" if has_bounds and _on_log(row, 0.0)[1] > SAYS_NOTHING else "log"
    if not has_bounds:
        return "log"
    if np.isinf(row.upper) or np.isinf(row.lower):
        return "nothing"
    if row.lower <= 0:
        return "own"
    if _linear(row) <= SURE * row.estimate:
        return "log"
    low, middle, high = np.log([row.lower, row.estimate, row.upper])
    by_log = abs(high + low - 2 * middle) / (high - low)
    by_number = abs(row.upper + row.lower - 2 * row.estimate) / (row.upper - row.lower)
    scale = "log" if by_log <= by_number else "own"
    return "nothing" if scale == "log" and _on_log(row, 0.0)[1] > SAYS_NOTHING else scale


def _on_log(row: Any, usual: float) -> tuple[float, float]:
    """Logarithm of an estimate and its standard error; none at all is half a conversion, give or take a factor of e."""
    estimate = row.estimate or 0.5
    if pd.isna(row.lower):
        return float(np.log(estimate)), usual if row.estimate else max(usual, 1.0)
    z = normal_quantile((1 + row.level) / 2)
    if row.lower > 0:
        error = (np.log(row.upper) - np.log(row.lower)) / (2 * z)
    else:  # an interval from zero is at least as wide as it is on its own scale
        error = max(np.log(row.upper / estimate) / z, (row.upper - row.lower) / (2 * z * estimate))
    return float(np.log(estimate)), float(error) if row.estimate else max(float(error), 1.0)


def _linear(row: Any) -> float:
    """Standard error of an estimate on its own scale."""
    return max(float((row.upper - row.lower) / (2 * normal_quantile((1 + row.level) / 2))), SUREST)


def _combined(seen: Array) -> tuple[float, float]:
    """Several tests of one channel as one, weighed by precision."""
    weights = 1 / np.maximum(seen[:, 1], 1e-6) ** 2
    return float((seen[:, 0] * weights).sum() / weights.sum()), float(weights.sum() ** -0.5)
