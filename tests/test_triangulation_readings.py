"""Every number of the triangulation that is not there says why, under the status that the contract gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading
from martech_lib.attribution.triangulation import words
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.core.places import sample_dir


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AttributionReading]:
    """`opened(spend=change, ...)`: the page of the sample with some tables changed; None takes one out."""

    def read(question: attribution.Question | None = None, **changes: Any) -> AttributionReading:
        folder = copytree(sample_dir() / "fitness", tmp_path / "fitness", dirs_exist_ok=True)
        (folder / "truth.csv").unlink(missing_ok=True)
        for name, change in changes.items():
            file = next(folder.glob(f"{name}.*"))
            if change is None:
                file.unlink()
            elif file.suffix == ".parquet":
                change(pd.read_parquet(file)).to_parquet(file, index=False)
            else:
                change(pd.read_csv(file, comment="#")).to_csv(file, index=False)
        return attribution.read(Workspace.open(folder), question)

    return read


def lenses_of(reading: AttributionReading) -> TriangulationReading:
    assert reading.triangulated is not None
    return reading.triangulated


def half_blank(conversions: pd.DataFrame) -> pd.DataFrame:
    return conversions.assign(value=conversions["value"].where(conversions.index % 2 == 0))


@pytest.mark.parametrize("touches", [{}, {"touches": None}])
def test_a_blank_value_is_unknown_and_not_nothing(opened: Callable[..., AttributionReading], touches: Any) -> None:
    found = lenses_of(opened(conversions=half_blank, **touches))
    assert found.laid is not None
    october = pd.read_parquet(sample_dir() / "fitness" / "conversions.parquet")
    october = half_blank(october)[october["ts"].astype(str).str.startswith("2026-10")]
    assert found.value == pytest.approx(october["value"].mean(), rel=0.02)
    without = round(found.laid.total.conversions - found.laid.total.valued)
    told = f"{without} of {found.laid.conversions:,.0f} conversions have no value: a conversion's worth is the mean of the others."
    assert 0 < without < found.laid.conversions
    assert told in words.notes(found)


def test_where_every_conversion_has_a_value_nothing_is_said(opened: Callable[..., AttributionReading]) -> None:
    assert not any("no value" in note for note in words.notes(lenses_of(opened())))


def test_a_path_without_a_value_is_not_worth_nothing(tmp_path: Path) -> None:
    for name in ("channels", "profile"):
        (tmp_path / f"{name}.csv").write_bytes((sample_dir() / "fitness" / f"{name}.csv").read_bytes())
    (tmp_path / "paths.csv").write_text("path,conversions,value\nvideo > email,300,3000\nemail,100,\n")
    found = lenses_of(attribution.read(Workspace.open(tmp_path)))
    assert found.value == 10
    assert "100 of 400 conversions have no value: a conversion's worth is the mean of the others." in words.notes(found)
