"""The wheel carries all it needs: notebooks, template, samples, tables; and the command works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built and unpacked: what lands in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("martech_workbook-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files(folder: Path, *endings: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in endings}


def test_it_holds_every_file_the_package_has(unpacked: Path) -> None:
    """Tables, styles, scripts and templates are as much the package as its modules."""
    package = ROOT / "martech_lib"
    tracked = {str(p.relative_to(package)) for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    held = {str(path.relative_to(unpacked / "martech_lib")) for path in (unpacked / "martech_lib").rglob("*")}
    assert tracked - held == set()
    assert files(unpacked, ".js") and files(unpacked, ".css") and files(unpacked, ".j2")


def test_it_holds_the_notebooks_and_the_samples(unpacked: Path) -> None:
    share = unpacked / "martech_lib" / "share"
    # JupyterLab leaves its checkpoints beside the notebooks; the wheel does not take them.
    notebooks = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert files(share / "notebooks", ".ipynb") == notebooks != set()
    assert files(share / "sample", ".csv", ".md") == files(ROOT / "data" / "sample", ".csv", ".md") != set()


def test_it_holds_nothing_else(unpacked: Path) -> None:
    assert {path.name.split("-")[0] for path in unpacked.iterdir()} == {"martech_lib", "martech_workbook"}


def martech(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty folder, with the unpacked wheel in front of the checkout."""
    env = {**os.environ, "PYTHONPATH": str(site)}
    asked = [sys.executable, "-m", "martech_lib.workbook.cli", *words]
    return subprocess.run(asked, cwd=folder, env=env, capture_output=True, text=True)


def test_the_command_works_from_another_folder(unpacked: Path, tmp_path: Path) -> None:
    helped = martech(unpacked, tmp_path, "--help")
    assert helped.returncode == 0, helped.stderr
    assert "report" in helped.stdout
    checked = martech(unpacked, tmp_path, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_its_own_notebooks_and_samples_are_used(unpacked: Path, tmp_path: Path) -> None:
    ask = "from martech_lib.core import places; print(places.notebooks_dir(), places.sample_dir(), sep='\\n')"
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    said = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert all(line.startswith(str(unpacked)) for line in said.stdout.split())


def test_a_report_is_made_from_the_wheel_alone(unpacked: Path, tmp_path: Path) -> None:
    done = martech(unpacked, tmp_path, "report", "--only", "1-stack-audit", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "out").glob("*/index.html"))
