"""What all tests share: nothing hides, nothing is timed, and the sample with some tables changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from martech_lib import Workspace, attribution
from martech_lib.attribution import AttributionReading
from martech_lib.core.places import sample_dir

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault
settings.load_profile("untimed")

pytest_plugins = ["nothing_hides"]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AttributionReading]:
    """`opened(lift_tests=change, ...)`: the page of the sample with some tables changed; None takes one out."""

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
