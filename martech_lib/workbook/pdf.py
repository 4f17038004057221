"""A page of HTML -> PDF, through an installed Chromium or Chrome."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from martech_lib.core.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
OTHER_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
SECONDS = 120


class NoBrowser(UserError):
    """There is no Chromium or Chrome to print with."""


def find_browser() -> Path:
    """The browser to print with: the one MARTECH_CHROMIUM names, else the first that is installed.

    Raises:
        NoBrowser: says which names were searched and what to install.
    """
    named = os.environ.get("MARTECH_CHROMIUM", "")
    if named:
        found = shutil.which(named)
        if not found:
            raise NoBrowser(f"MARTECH_CHROMIUM names {named!r}, and there is no such program.")
        return Path(found).absolute()
    for name in (*NAMES, *OTHER_PLACES):
        if found := shutil.which(name):
            return Path(found).absolute()
    raise NoBrowser(
        f"A PDF needs Chromium or Chrome, and none was found (searched for {', '.join(NAMES)}). Install one (for "
        "example: sudo apt install chromium), or say where it is in the environment variable MARTECH_CHROMIUM, "
        "or leave out --pdf."
    )


def print_pdf(page: Path, pdf: Path, *, browser: Path) -> None:
    """Print the HTML file `page` into the file `pdf`.

    Raises:
        RuntimeError: the browser failed; it may exit with 0 and write nothing, so the file itself is looked for.
    """
    with tempfile.TemporaryDirectory(prefix="martech-pdf-", ignore_cleanup_errors=True) as profile:
        command = [
            str(browser),
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            *_sandbox(),
            f"--print-to-pdf={pdf.absolute()}",
            page.absolute().as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    if done.returncode != 0 or not pdf.is_file():
        raise RuntimeError(f"{browser} wrote no PDF (exit code {done.returncode}): {done.stderr[-800:]}")


def _sandbox() -> list[str]:
    """Chromium refuses to start as root with its sandbox on; anybody else keeps it."""
    root = sys.platform != "win32" and os.geteuid() == 0
    return ["--no-sandbox"] if root else []
