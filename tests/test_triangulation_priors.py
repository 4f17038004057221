"""The editable table of what is believed of lenses: what it changes, and what it refuses."""

from __future__ import annotations

import pandas as pd
import pytest

from martech_lib.attribution import usual_priors
from martech_lib.attribution.triangulation import triangulate
from martech_lib.attribution.triangulation.priors import ALL_SHARING
from martech_lib.core.errors import UserError

CHANNELS = pd.DataFrame(
    {"channel": ["a", "b"], "role": ["demand capture", "both"], "remembered": "yes", "walled_garden": "no"}
)
LENSES = pd.DataFrame(
    [("a", "last touch", 60.0), ("a", "survey", 40.0), ("b", "last touch", 30.0), ("b", "platform", 90.0)],
    columns=["channel", "lens", "estimate"],
).assign(lower=None, upper=None, level=None)


def ranges(priors: pd.DataFrame | None) -> pd.DataFrame:
    return triangulate(LENSES, channels=CHANNELS, conversions=1e6, priors=priors).to_frame().set_index("channel")


def changed(lens: str, /, **values: object) -> pd.DataFrame:
    table = usual_priors()
    rows = table["lens"] == lens
    for name, value in values.items():
        table[name] = table[name].astype(object).where(~rows, value)
    return table


def test_the_usual_table_given_back_changes_nothing() -> None:
    pd.testing.assert_frame_equal(ranges(usual_priors()), ranges(None))


def test_what_all_sharing_lenses_give_can_be_edited() -> None:
    usual, none = ranges(None), ranges(changed(ALL_SHARING, mean=0.0, sd=0.0, spread=0.0))
    ratio = usual.loc["a", "upper"] / usual.loc["a", "lower"]
    assert none.loc["a", "estimate"] > 1.3 * usual.loc["a", "estimate"]
    assert none.loc["a", "upper"] / none.loc["a", "lower"] < 0.8 * ratio


def test_a_table_without_what_all_sharing_lenses_give_has_the_usual() -> None:
    table = usual_priors()
    pd.testing.assert_frame_equal(ranges(table[table["lens"] != ALL_SHARING]), ranges(None))


def test_flags_of_kinds_may_be_true_or_false() -> None:
    table = usual_priors()
    meant = {"yes": True, "no": False}
    for name in ("remembered", "walled_garden"):
        table[name] = [meant.get(cell, cell) if isinstance(cell, str) else None for cell in table[name].astype(object)]
    pd.testing.assert_frame_equal(ranges(table), ranges(None))


def test_an_error_that_is_not_given_is_that_of_the_row_that_fits() -> None:
    bare = usual_priors().drop(columns=["error", "reads_touches", "takes_base", "why"])
    pd.testing.assert_frame_equal(ranges(bare), ranges(None))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            changed("survey", role="demand_creation"),
            "role: 'demand_creation' is not allowed; give one of demand capture",
        ),
        (changed("survey", remembered="perhaps"), "remembered: 'perhaps' is not allowed; give one of yes, no"),
        (changed("lift test", mean=0.2), "lift tests a bias; allowed is 0"),
        (changed("lift test", spread=0.1), "widen its interval in lift_tests"),
        (changed("lift test", takes_base="yes"), "no touches or base"),
        (changed(ALL_SHARING, role=None), "go by role alone"),
        (changed(ALL_SHARING, role=None).drop(columns=["error", "takes_base"]), "go by role alone"),
        (pd.concat([usual_priors(), usual_priors()[["sd"]]], axis=1), "the column sd twice"),
        (changed(ALL_SHARING, remembered="yes"), "go by role alone"),
        (changed("survey", sd=-1.0), "sd came as '-1.0'; give a number from 0 to 3"),
        (changed("survey", sd=None), "sd came blank; give a number"),
        (changed("survey", mean=5.0), "mean came as '5.0'"),
        (pd.concat([usual_priors()] * 2), "two rows of 'last touch' for the same channels"),
        (changed("survey", lens="sorvey"), "the lens 'sorvey', which is none; did you mean survey"),
        (usual_priors().drop(columns="sd"), "lack the column sd"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(table: pd.DataFrame, why: str) -> None:
    with pytest.raises(UserError) as error:
        ranges(table)
    assert why in str(error.value) and ".." not in str(error.value)


def test_an_edited_size_of_what_all_share_leaves_the_warning() -> None:
    edited = triangulate(LENSES, channels=CHANNELS, conversions=1e6, priors=changed(ALL_SHARING, spread=0.0))
    assert edited.sights.is_unchecked and edited.sights.shared_out == {"a", "b"}
