"""The `martech` command.

Exit codes: 0 done; 1 the input is wrong (a message, no traceback); 2 wrong usage; 3 something of ours broke (a message,
and where the full trace lies); 130 interrupted. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from martech_lib import __version__
from martech_lib.core import places, spoken
from martech_lib.core.errors import TableError, UserError, WrongUsage, did_you_mean

DONE, WRONG_INPUT, WRONG_USAGE, OURS_BROKE, INTERRUPTED = 0, 1, 2, 3, 130
PROBLEMS_SHOWN = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (an option that is none exits with 2 by itself)."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except TableError as wrong:
        found = spoken.count(len(wrong.problems), "problem")
        return _stop(f"{found} in the data; nothing was started.\n{wrong}", WRONG_INPUT)
    except WrongUsage as wrong:
        return _stop(str(wrong), WRONG_USAGE)
    except UserError as wrong:
        return _stop(str(wrong), WRONG_INPUT)
    except KeyboardInterrupt:
        return _stop("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has seen enough
        return DONE
    except Exception as broken:
        data = str(getattr(arguments, "data", None) or "")
        where = "" if hasattr(broken, "kept") else f"\nThe full trace is in {_write_trace(data)}"
        return _stop(f"Something broke: {_masked(str(broken), data) or type(broken).__name__}{where}", OURS_BROKE)


def _stop(message: str, code: int) -> int:
    print(f"martech: {message}", file=sys.stderr)
    return code


def _write_trace(data: str) -> Path:
    """The traceback in a file of its own."""
    with tempfile.NamedTemporaryFile("w", prefix="martech-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(_masked(traceback.format_exc(), data))
    return Path(file.name)


def _masked(text: str, data: str) -> str:
    """The text without the secrets that a database URL may hold."""
    from martech_lib.core.database import masked

    return text.replace(data, masked(data)) if data else text


def _report(arguments: argparse.Namespace) -> int:
    from martech_lib.workbook.report import report

    folder = report(
        _data(arguments),
        month=arguments.month,
        out=arguments.out,
        only=arguments.only or (),
        pdf=arguments.pdf,
        jobs=arguments.jobs,
    )
    print(_near(folder / "index.html"))
    return DONE


def _apps(arguments: argparse.Namespace) -> int:
    from martech_lib.workbook.serve import apps

    apps(_data(arguments), port=arguments.port, token=arguments.token, say=_say)
    return DONE


def _lab(arguments: argparse.Namespace) -> int:
    from martech_lib.workbook.serve import lab

    lab(_data(arguments), say=_say)
    return DONE


def _check(arguments: argparse.Namespace) -> int:
    from martech_lib.core.workspace import Workspace

    workspace = Workspace.open(_data(arguments))
    statuses = workspace.status()
    if arguments.json:
        print(json.dumps({"tables": [_as_json(status) for status in statuses]}, indent=1, ensure_ascii=False))
    else:
        _print_statuses(workspace.source, statuses)
        for note in workspace.notes:
            print(f"\n  note: {note}")
    return WRONG_INPUT if any(status.status == "error" for status in statuses) else DONE


def _as_json(status: Any) -> dict[str, Any]:
    problems = [{"row": p.row, "column": p.column, "value": p.value, "message": p.message} for p in status.problems]
    return {"table": status.table, "status": status.status, "rows": status.rows, "problems": problems}


def _print_statuses(source: str, statuses: Sequence[Any]) -> None:
    present = [status for status in statuses if status.status != "missing"]
    missing = [status.table for status in statuses if status.status == "missing"]
    print(f"{source}\n")
    for status in present:
        rows = "" if status.rows is None else f"{status.rows:,} rows"
        print(f"  {status.table:<20} {status.status:<8} {rows}".rstrip())
        for note in status.notes:
            print(f"      note: {note}")
        for problem in status.problems[:PROBLEMS_SHOWN]:
            print(f"      {problem}")
        if len(status.problems) > PROBLEMS_SHOWN:
            print(f"      ... {len(status.problems):,} problems in all; the first {PROBLEMS_SHOWN} are shown")
    if missing:
        print(f"\n  missing: {', '.join(missing)}\n  (what a table holds: martech schema TABLE)")


def _new(arguments: argparse.Namespace) -> int:
    from martech_lib.core.blank import new_workspace

    new_workspace(arguments.dir, example=arguments.example)
    print(
        f"{arguments.dir} is ready. Fill in profile.csv and inventory.csv, then: martech check --data {arguments.dir}"
    )
    return DONE


def _simulate(arguments: argparse.Namespace) -> int:
    from martech_lib.core import simulate

    simulate.refuse_taken(arguments.dir)
    world = simulate.simulate(users=arguments.users, seed=arguments.seed)
    simulate.write(world, arguments.dir)
    touches, conversions = (len(world.tables[name]) for name in ("touches", "conversions"))
    print(
        f"{arguments.dir} holds a simulated world: {arguments.users:,} users, {touches:,} touches and {conversions:,} "
        f"conversions, and in truth.csv what caused them. Next: martech check --data {arguments.dir}"
    )
    return DONE


def _schema(arguments: argparse.Namespace) -> int:
    from martech_lib.core import tables

    if arguments.table:
        _print_table(_known_table(arguments.table))
        return DONE
    for name, table in tables.tables().items():
        print(f"{name:<20} {'log' if table.log else 'register':<9} {table.meaning}")
    return DONE


def _known_table(name: str) -> Any:
    from martech_lib.core import tables

    known = tables.tables()
    if name not in known:
        near = did_you_mean(name, known) or "."
        raise WrongUsage(f'There is no table "{name}"{near} There are: {", ".join(known)}.')
    return known[name]


def _print_table(table: Any) -> None:
    print(f"{table.name}: {table.meaning}")
    if table.key:
        print(f"One row per {', '.join(table.key)}.")
    print()
    for column in _columns(table):
        print(
            f"  {column.name:<28} {column.kind:<10} {'required' if column.required else 'optional':<9} {column.meaning}"
        )
        for detail in _details(column):
            print(f"  {'':<28} {detail}")


def _columns(table: Any) -> Sequence[Any]:
    """The columns of a table; of the profile, the facts it may hold."""
    from martech_lib.core import tables

    return tuple(tables.profile_facts().values()) if table.name == "profile" else table.columns


def _details(column: Any) -> list[str]:
    details = []
    if column.unit:
        details.append(f"unit: {column.unit}")
    if column.allowed:
        details.append(f"one of: {', '.join(column.allowed)}")
    bounds = [
        f"from {column.low:g}" if column.low is not None else "",
        f"to {column.high:g}" if column.high is not None else "",
    ]
    return [*details, " ".join(filter(None, bounds))] if any(bounds) else details


def _data(arguments: argparse.Namespace) -> str:
    if arguments.data == "":
        raise WrongUsage("--data came empty; give a folder or a database URL, or leave --data out for the sample.")
    return arguments.data or str(places.sample_dir() / "saas")


def _say(message: str) -> None:
    print(message, flush=True)


def _near(path: Path) -> Path:
    """The path as seen from here, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="martech",
        description="Audit a marketing stack: as a monthly report, as apps, or in JupyterLab.",
        epilog="Without --data a command reads the sample company. First steps: martech report; martech new my-company",
    )
    parser.add_argument("--version", action="version", version=f"martech {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_report(commands)
    _add_servers(commands)
    _add_data_commands(commands)
    return parser


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="make the report of a month: pages, index, metrics, CSV files, PDF")
    _add_data(report)
    report.add_argument("--month", default="", metavar="YYYY-MM", help="default: the month of the data's as_of_date")
    report.add_argument("--out", default="reports", help="where reports are kept (default: reports)")
    report.add_argument("--only", nargs="+", metavar="NOTEBOOK", help="the report holds these pages alone")
    report.add_argument("--pdf", action="store_true", help="also print report.pdf (needs Chromium or Chrome)")
    report.add_argument(
        "--jobs", type=_at_least_one, default=2, metavar="N", help="notebooks run at a time (default: 2)"
    )
    report.set_defaults(run=_report)


def _add_servers(commands: Any) -> None:
    apps = commands.add_parser("apps", help="serve the apps on this machine")
    _add_data(apps)
    apps.add_argument("--port", type=int, default=8866, help="default: 8866")
    apps.add_argument("--token", default="", help="ask for this token before a page opens")
    apps.set_defaults(run=_apps)
    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab")
    _add_data(lab)
    lab.set_defaults(run=_lab)


def _add_data_commands(commands: Any) -> None:
    check = commands.add_parser("check", help="say what is there, what is missing and what is wrong in the data")
    _add_data(check)
    check.add_argument("--json", action="store_true", help="as JSON")
    check.set_defaults(run=_check)
    new = commands.add_parser("new", help="start a folder for a company's own data")
    new.add_argument("dir", metavar="DIR", type=Path)
    new.add_argument("--example", action="store_true", help="begin from the sample inventory")
    new.set_defaults(run=_new)
    _add_simulate(commands)
    schema = commands.add_parser("schema", help="list the tables, or the columns of one")
    schema.add_argument("table", metavar="TABLE", nargs="?")
    schema.set_defaults(run=_schema)


def _add_simulate(commands: Any) -> None:
    simulate = commands.add_parser("simulate", help="write a made-up company whose true effects are known")
    simulate.add_argument("dir", metavar="DIR", type=Path)
    simulate.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, another world (default: 1)")
    simulate.add_argument("--users", type=int, default=20_000, metavar="N", help="default: 20000")
    simulate.set_defaults(run=_simulate)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR|URL", help="a folder of tables or a database URL (default: the sample)")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
