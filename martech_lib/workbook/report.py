"""The monthly report: every notebook run by papermill, each one page, published whole or not at all.

Everything that can be refused is refused before a kernel starts: a table that cannot be read, a month that is none, a
notebook that does not exist, a parameter that does not fit, a missing browser. A notebook that fails later leaves the
last good report standing; what it did is kept beside it.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from martech_lib.core import places
from martech_lib.core.database import is_url
from martech_lib.core.errors import UserError, WrongUsage, did_you_mean
from martech_lib.workbook import pages, pdf, publish
from martech_lib.workbook.parameters import check_parameters, parameters_of
from martech_lib.workbook.source import absolute, brief

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FILES = ("metrics.json", "findings.csv", "decisions.csv")
START_SECONDS = 120
CELL_SECONDS = 600


class ReportFailed(RuntimeError):
    """A notebook stopped. The message says which, where and why; `kept` is the folder with the whole trace."""

    def __init__(self, message: str, kept: Path) -> None:
        super().__init__(message)
        self.kept = kept


class NotebooksStopped(Exception):
    """One or more notebooks stopped; which and why, the whole `trace`, and whether each told of wrong input."""

    def __init__(self, ended: Sequence[Ended]) -> None:
        stopped = [e for e in ended if e.error]
        super().__init__("\n".join(f"{e.name} stopped: {e.error}" for e in stopped))
        self.trace = "\n\n".join(f"{e.name}: {e.error}\n\n{e.trace}" for e in stopped)
        self.wrong_input = all(e.wrong_input for e in stopped)


@dataclass(frozen=True)
class Order:
    """What to run: `notebooks` on `data`, for `month` (YYYY-MM), into `out`; `browser` prints a PDF when given."""

    data: str
    month: str
    out: Path
    notebooks: tuple[Path, ...]
    browser: Path | None
    jobs: int


@dataclass(frozen=True)
class Job:
    """One notebook for one worker."""

    notebook: Path
    parameters: dict[str, Any]
    run_dir: Path
    position: int

    @property
    def name(self) -> str:
        """The notebook's file name without .ipynb."""
        return self.notebook.stem


@dataclass(frozen=True)
class Ended:
    """How a job ended: the body of its page, or what stopped it (`error`, one line) and the whole `trace`."""

    name: str
    body: str
    seconds: float
    error: str = ""
    trace: str = ""
    wrong_input: bool = False


def report(
    data: str,
    *,
    month: str = "",
    out: str | Path = "reports",
    only: Sequence[str] = (),
    pdf: bool = False,
    jobs: int = 2,
) -> Path:
    """Make the report of a month and return its folder, OUT/YYYY-MM.

    Args:
        data: A folder of tables or a database URL.
        month: YYYY-MM; "" for that of the workspace's as_of_date.
        out: Where reports are kept.
        only: Names of notebooks (`1-stack-audit`); the report then holds these pages alone. () for all.
        pdf: Also print report.pdf, through an installed Chromium or Chrome.
        jobs: How many notebooks run at a time.

    Raises:
        UserError: the input is wrong; nothing was started. WrongUsage: so is the month or a notebook's name.
        ReportFailed: a notebook stopped; the last good report still stands.
    """
    notebooks = choose(places.notebooks_dir(), only)
    if month and not MONTH.fullmatch(month):
        raise WrongUsage(f'"{month}" is not a month; write YYYY-MM, for example 2026-10.')
    browser = _find_browser() if pdf else None
    workspace = _checked_workspace(data)
    chosen = month or _month_of(workspace)
    return _make(Order(absolute(data), chosen, Path(out).absolute(), notebooks, browser, max(1, jobs)), workspace)


def choose(folder: Path, only: Sequence[str]) -> tuple[Path, ...]:
    """The notebooks of a folder by name, or those named in `only`; a name that is none of them is refused."""
    found = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not found:
        raise UserError(f"There are no notebooks in {folder}.")
    wanted = [name.removesuffix(".ipynb") for name in only] or list(found)
    for name in wanted:
        if name not in found:
            near = did_you_mean(name, found) or "."
            raise WrongUsage(f'There is no notebook "{name}"{near} There are: {", ".join(found)}.')
    return tuple(path for name, path in found.items() if name in wanted)


def month_in_words(month: str) -> str:
    """2026-10 -> October 2026."""
    return f"{datetime.strptime(month, '%Y-%m'):%B %Y}"


def _find_browser() -> Path:
    return pdf.find_browser()


def _checked_workspace(data: str) -> Any:
    from martech_lib.core.workspace import TableError, Workspace

    workspace = Workspace.open(data)
    problems = workspace.check()
    if problems:
        raise TableError(problems)
    return workspace


def _month_of(workspace: Any) -> str:
    as_of = workspace.profile.get("as_of_date") or datetime.now()
    return f"{as_of:%Y-%m}"


def _make(order: Order, workspace: Any) -> Path:
    import nbformat

    place = order.out / order.month
    nodes = {path.stem: nbformat.read(path, as_version=4) for path in order.notebooks}
    parameters = _parameters(order)
    for name, node in nodes.items():
        check_parameters(parameters_of(node.cells, notebook=name), parameters, notebook=name)
    titles = {name: pages.title_of(node.cells, otherwise=name) for name, node in nodes.items()}
    staging = publish.staging_folder(order.out, order.month)
    try:
        _write(_finished(order, parameters, titles, staging), staging, order, workspace)
        publish.publish(staging, place)
    except Exception as stop:
        raise _failure(stop, staging, place, order, workspace) from stop
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return place


def _finished(
    order: Order, parameters: dict[str, Any], titles: Mapping[str, str], staging: Path
) -> tuple[pages.Page, ...]:
    """Run every notebook; the finished pages, or NotebooksStopped."""
    run_dir = publish.run_folder(staging)
    jobs = [Job(path, parameters, run_dir, position) for position, path in enumerate(order.notebooks)]
    ended = _run_all(jobs, order)
    if any(e.error for e in ended):
        raise NotebooksStopped(ended)
    return tuple(
        pages.Page(pages.Link(titles[e.name], f"{e.name}.html"), e.body, pages.sentences(e.body)) for e in ended
    )


def _failure(stop: Exception, staging: Path, place: Path, order: Order, workspace: Any) -> Exception:
    """Keep what a failed run left, with its trace; the error to raise, whose message says where it lies."""
    trace = stop.trace if isinstance(stop, NotebooksStopped) else traceback.format_exc()
    (staging / "trace.txt").write_text(trace + "\n", encoding="utf-8")
    if is_url(order.data):
        publish.replace_in_files(staging, order.data, workspace.source)
    kept = publish.keep_failed(staging, place)
    lines = [str(stop), f"What was run and the full trace: {kept / 'trace.txt'}"]
    if place.exists():
        lines.append(f"The last good report still stands: {place / 'index.html'}")
    message = "\n".join(lines).replace(order.data, workspace.source)
    if isinstance(stop, NotebooksStopped) and stop.wrong_input:
        return UserError(message)
    return ReportFailed(message, kept)


def _parameters(order: Order) -> dict[str, Any]:
    """What is injected. A database URL is not: it may hold a password, and an executed notebook keeps what it got."""
    given = {"month": order.month}
    return given if is_url(order.data) else {"data": order.data, **given}


def _write(finished: Sequence[pages.Page], staging: Path, order: Order, workspace: Any) -> None:
    """Pages, index, records and PDF into the staging folder, and the working files out of it."""
    run_dir = publish.run_folder(staging)
    records = publish.collect(run_dir, [path.stem for path in order.notebooks])
    cover = pages.Cover(
        company=str(workspace.profile.get("company") or ""),
        month=month_in_words(order.month),
        made=f"{datetime.now():%d %B %Y, %H:%M}",
        data=brief(order.data, masked=workspace.source),
        links=tuple(page.link for page in finished),
        inputs=records.inputs,
    )
    for page in finished:
        (staging / page.link.href).write_text(pages.page_html(page, cover), encoding="utf-8")
    publish.write_records(records, staging, month=order.month)
    files = list(FILES)
    if order.browser:
        sheets = run_dir / "print.html"
        sheets.write_text(pages.print_html(finished, cover, readings=records.readings), encoding="utf-8")
        pdf.print_pdf(sheets, staging / "report.pdf", browser=order.browser)
        files.append("report.pdf")
    index = pages.index_html(finished, cover, readings=records.readings, files=files)
    (staging / "index.html").write_text(index, encoding="utf-8")
    shutil.rmtree(run_dir)


def _run_all(jobs: Sequence[Job], order: Order) -> list[Ended]:
    """Run the jobs in worker processes, each with its progress bar; what ended, in the order of the jobs."""
    context = multiprocessing.get_context("spawn")
    environment = {"MARTECH_MODE": "report", "MARTECH_RUN_DIR": str(jobs[0].run_dir), "MARTECH_DATA": order.data}
    workers = min(order.jobs, len(jobs))
    ended: dict[str, Ended] = {}
    with ProcessPoolExecutor(workers, context, _prepare_worker, (environment, context.RLock())) as pool:
        running = {pool.submit(_run, job): job.name for job in jobs}
        try:
            for future in as_completed(running):
                ended[running[future]] = _result(future, running[future])
                _tell(ended[running[future]])
        except KeyboardInterrupt:
            for worker in multiprocessing.active_children():
                worker.terminate()  # its kernel notices and ends too
            raise
    return [ended[job.name] for job in jobs]


def _result(future: Any, name: str) -> Ended:
    """What a job returned; a worker that died (out of memory, killed) is a failure like any other."""
    try:
        return future.result()
    except Exception as died:
        return Ended(name, "", 0.0, f"its process died ({type(died).__name__}: {died})", traceback.format_exc())


def _tell(ended: Ended) -> None:
    """Where there is no terminal for progress bars: one plain line a notebook."""
    if not sys.stderr.isatty():
        outcome = f"stopped: {ended.error}" if ended.error else "done"
        sys.stderr.write(f"{ended.name}: {outcome} ({ended.seconds:.1f} s)\n")


def _prepare_worker(environment: dict[str, str], lock: Any) -> None:
    """In a worker: the environment its kernels inherit, and the lock by which progress bars share the terminal."""
    from tqdm import tqdm

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    os.environ.update(environment)
    os.environ.pop("VOILA_BASE_URL", None)
    tqdm.set_lock(lock)


def _run(job: Job) -> Ended:
    """In a worker: execute one notebook and turn it into the body of its page."""
    from papermill.exceptions import PapermillExecutionError

    started = time.monotonic()
    try:
        body = pages.body_of(_execute(job))
    except PapermillExecutionError as stop:
        error = f"{stop.ename}: {stop.evalue}".strip()
        trace = f"cell {stop.cell_index}:\n{stop.source}\n\n{_plain_text(stop.traceback)}"
        return Ended(job.name, "", time.monotonic() - started, error, trace, _is_input_error(stop.ename))
    except Exception as broken:
        error = f"{type(broken).__name__}: {broken}".splitlines()[0]
        return Ended(job.name, "", time.monotonic() - started, error, traceback.format_exc())
    return Ended(job.name, body, time.monotonic() - started)


def _is_input_error(name: str) -> bool:
    """Whether the exception that a kernel reported by its class name is one that tells a user what is wrong."""
    from martech_lib.core import workspace  # declares the errors of the tables

    known, more = {UserError}, [UserError]
    while more:
        more = [error for kind in more for error in kind.__subclasses__()]
        known |= set(more)
    return workspace is not None and name in {error.__name__ for error in known}


def _plain_text(lines: Sequence[str]) -> str:
    """A kernel's traceback without its colours."""
    return COLOURS.sub("", "\n".join(lines))


def _execute(job: Job) -> Any:
    import papermill

    from martech_lib.workbook.kernel import KERNEL_NAME, RunningPythonKernel

    return papermill.execute_notebook(
        job.notebook,
        job.run_dir / job.notebook.name,
        parameters=job.parameters,
        kernel_name=KERNEL_NAME,
        kernel_manager_class=RunningPythonKernel,
        cwd=job.notebook.parent,
        request_save_on_cell_execute=False,
        progress_bar={"desc": job.name, "position": job.position, "disable": not sys.stderr.isatty()},
        start_timeout=START_SECONDS,
        execution_timeout=CELL_SECONDS,
    )
