"""A browser that is cut off from the network, and apps to point it at."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from martech_lib.core.places import notebooks_dir

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOCAL = ("http://127.0.0.1", "http://localhost", "ws://127.0.0.1", "data:", "blob:", "file:", "about:")
START_SECONDS = 60
PATIENCE = 90_000  # ms; a slow machine that also runs Spark is no fault of the page
ONE_APP = """
import sys
from pathlib import Path
from martech_lib.workbook import serve
serve.apps_from(Path(sys.argv[1]), sys.argv[2], port=int(sys.argv[3]), token="", say=print)
"""


def find_chromium() -> str:
    """The installed Chromium or Chrome, or ""."""
    named = os.environ.get("MARTECH_CHROMIUM", "")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((path for name in names if (path := shutil.which(name))), "")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one the test is skipped (and a skip fails under MARTECH_REQUIRE_ALL=1)."""
    path = find_chromium()
    if not path:
        pytest.skip("no Chromium or Chrome is installed")
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., SimpleNamespace]]:
    """`visit(width=1200)` -> `.page`, `.outside` (requests to elsewhere, all blocked), `.errors` (of the console)."""
    contexts = []

    def open_page(width: int = 1200, height: int = 1000) -> SimpleNamespace:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        seen = SimpleNamespace(page=context.new_page(), outside=[], errors=[])
        context.route("**/*", lambda route: _only_local(route, seen.outside))
        seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        seen.page.on("pageerror", lambda e: seen.errors.append(str(e)))
        return seen

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """A page of desktop width, see `visit`."""
    return visit()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """`with serve(data=...) as address:` runs `martech apps`, or the given command, on a free port."""
    return serving


@pytest.fixture(scope="session")
def serve_one(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`with serve_one(name, data=...) as address:` serves this notebook alone, so that no other kernel is kept warm."""

    def start(name: str, *, data: str | Path) -> Any:
        alone = tmp_path_factory.mktemp("alone")
        shutil.copy(notebooks_dir() / f"{name}.ipynb", alone)
        return serving(command=[sys.executable, "-c", ONE_APP, str(alone), str(data), "{port}"])

    return start


@contextmanager
def serving(*, data: str | Path = "", command: list[str] | None = None) -> Iterator[str]:
    """The address of a server that answers, stopped at the end; `{port}` in the command becomes a free port."""
    port = free_port()
    command = command or [
        sys.executable,
        "-m",
        "martech_lib.workbook.cli",
        "apps",
        "--port",
        "{port}",
        *(["--data", str(data)] if data else []),
    ]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([p.replace("{port}", str(port)) for p in command], stdout=said, stderr=said)
        try:
            _wait_until_it_answers(process, address, said)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, said: IO[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            pytest.fail(f"the server stopped: {said.read()}")
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not answer within {START_SECONDS} s")


def _only_local(route: Any, outside: list[str]) -> None:
    if route.request.url.startswith(LOCAL):
        route.continue_()
    else:
        outside.append(route.request.url)
        route.abort()
