"""Run every benchmark and write the README's table from what they kept: `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys

from timing import RESULTS, ROOT, markdown

SCRIPTS = ("startup", "audit", "attribution", "triangulation", "planner", "readout", "holdout", "report", "app")
START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def main() -> None:
    """Run the scripts named, or all, and refresh the README."""
    for name in sys.argv[1:] or SCRIPTS:
        subprocess.run([sys.executable, ROOT / "benchmarks" / f"{name}.py"], check=True)
    readme = ROOT / "README.md"
    readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")


def refreshed(text: str) -> str:
    """The README with the kept figures between its markers; a README without them stops here."""
    if START not in text or END not in text:
        sys.exit(f"README.md has no {START} and {END} to write the table between")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{figures()}\n{END}{after}"


def figures() -> str:
    """The table of all kept results, and the machine they were taken on."""
    kept = [json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in SCRIPTS]
    rows = [row for result in kept for row in result["rows"]]
    machines = {(m["cores"], m["memory_gb"], m["python"]) for m in (result["machine"] for result in kept)}
    taken = "; ".join(f"{cores} cores, {memory} GB, Python {python}" for cores, memory, python in sorted(machines))
    return f"{markdown(rows)}\n\nTaken on {taken}, by `make bench`."


if __name__ == "__main__":
    main()
