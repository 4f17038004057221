"""How long an audit of 5,000 tools takes, from the folder to findings, beside pandas reading the same file."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
from timing import ROOT, Row, median_beside_floor, publish

from martech_lib import Workspace, stack

TOOLS = 5_000
SAMPLE = ROOT / "data" / "sample" / "saas"


def main() -> None:
    """Grow the sample to 5,000 tools and audit that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "large"
        shutil.copytree(SAMPLE, folder)
        grow(folder / "inventory.csv")
        taken, floor = median_beside_floor(lambda: audited(folder), lambda: pd.read_csv(folder / "inventory.csv"))
    publish(
        "audit",
        [
            Row(
                f"`stack.audit` of {TOOLS:,} tools, folder to findings",
                taken,
                "s",
                2,
                "`pandas.read_csv` of that inventory",
                floor,
            ),
        ],
    )


def grow(inventory: Path) -> None:
    """Repeat the sample's rows under new names."""
    rows = pd.read_csv(inventory, dtype=str, keep_default_na=False, comment="#")
    many = rows.loc[rows.index.repeat(-(-TOOLS // len(rows)))].reset_index(drop=True).head(TOOLS)
    many["tool"] = many["tool"] + " " + many.index.astype(str)
    many.to_csv(inventory, index=False)


def audited(folder: Path) -> None:
    """One audit from scratch, everything that is computed on first use included."""
    audit = stack.audit(Workspace.open(folder))
    if len(audit.decisions) != TOOLS or audit.findings.empty:
        raise SystemExit(f"the audit saw {len(audit.decisions)} tools and {len(audit.findings)} findings")


if __name__ == "__main__":
    main()
