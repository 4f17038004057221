"""How long `martech report` takes on the sample company, beside papermill running empty notebooks as often."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from timing import ROOT, Row, martech, median_beside_floor, publish, run

WORKERS = 2


def main() -> None:
    """Time the command and the floor as whole processes, and weigh the largest page."""
    notebooks = len(list((ROOT / "notebooks").glob("*.ipynb")))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        taken, floor = median_beside_floor(
            lambda: run(martech(), "report", "--out", out / "reports"),
            lambda: run(sys.executable, __file__, str(notebooks), folder),
        )
        largest, size = max(
            ((page.name, page.stat().st_size) for page in out.glob("reports/*/*.html")), key=lambda p: p[1]
        )
    floor_name = f"papermill, {notebooks} empty notebooks, {WORKERS} workers"
    rows = [
        Row("`martech report` on `saas`", taken, "s", 15, floor_name, floor),
        Row(f"Largest page of the report (`{largest}`)", size / 1e6, "MB", 1, statistic="as written"),
    ]
    publish("report", rows)


def run_empty(count: int, folder: Path) -> None:
    """The floor: as many notebooks with nothing in them, by papermill, two at a time."""
    import nbformat

    empty = folder / "empty.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")], metadata=metadata), empty)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as workers:
        list(workers.map(execute, [empty] * count, [folder / f"ran-{n}.ipynb" for n in range(count)]))


def execute(notebook: Path, ran: Path) -> None:
    """One empty notebook in one worker."""
    import papermill

    papermill.execute_notebook(notebook, ran, progress_bar=False)


if __name__ == "__main__":
    run_empty(int(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 1 else main()
