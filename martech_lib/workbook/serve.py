"""The notebooks as apps (Voilà, stand-alone) and in JupyterLab, with safe defaults.

Stand-alone Voilà refuses to execute code that a browser sends; as a server extension it would run it. It listens on
loopback, serves no file but the notebooks' pages, strips their source, and asks nothing of the network.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from martech_lib.core import places
from martech_lib.core.errors import UserError, WrongUsage
from martech_lib.workbook.source import absolute

HOST = "127.0.0.1"
UPLOAD_BYTES = 60_000_000
IDLE_SECONDS = 300
CULL_EVERY_SECONDS = 30
REFILL_SECONDS = 3.0
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget"]
TEMPLATES = places.template_dir() / "voila" / "templates" / "martech"
CELL_STOPPED = (
    "This page could not be computed. Run `martech check` on the data folder to see what is wrong with it; "
    "if it finds nothing, the window that runs `martech apps` shows the whole error."
)


def apps(data: str, *, port: int = 8866, token: str = "", say: Callable[[str], None] = lambda _: None) -> None:
    """Serve the notebooks as apps on this machine until interrupted.

    Args:
        data: A folder of tables or a database URL; it must be there.
        port: The port on 127.0.0.1.
        token: When given, a page asks for `?token=` once per browser.
        say: Is told the address, once the server listens.

    Raises:
        UserError: the data is not there, or the port is taken.
    """
    apps_from(places.notebooks_dir(), data, port=port, token=token, say=say)


def apps_from(folder: Path, data: str, *, port: int, token: str, say: Callable[[str], None]) -> None:
    """`apps`, of the notebooks in this folder."""
    _open(data)
    _claim(port)
    os.environ.update(_environment(data, mode="app"))
    from tornado.ioloop import IOLoop

    titles = _titles(folder)
    server = _voila(titles)(config=_voila_config(folder, port=port, token=token, titles=titles))
    server.initialize([])
    gate = f"?token={token}" if token else ""
    IOLoop.current().add_callback(say, f"The apps are at http://{HOST}:{port}/{gate} (stop with Ctrl-C)")
    server.start()


def lab(data: str, *, say: Callable[[str], None] = lambda _: None, options: Sequence[str] = ()) -> None:
    """Open the notebooks in JupyterLab on this machine until interrupted.

    Args:
        data: A folder of tables or a database URL; it must be there.
        say: Is told which folder is served.
        options: Further options for JupyterLab.

    Raises:
        UserError: the data is not there.
    """
    from jupyterlab.labapp import LabApp

    from martech_lib.workbook.kernel import ENCRYPTION

    _open(data)
    folder = writable_notebooks(Path.cwd())
    say(f"The notebooks are in {folder}")
    os.environ.update(_environment(data, mode="lab"))
    settings = {
        "ServerApp.root_dir": folder,
        "ServerApp.kernel_spec_manager_class": "martech_lib.workbook.kernel.RunningPython",
        "ServerApp.tornado_settings": {"websocket_max_message_size": UPLOAD_BYTES},
        "KernelManager.transport_encryption": ENCRYPTION,
    }
    root = ["--allow-root"] if sys.platform != "win32" and os.geteuid() == 0 else []
    LabApp.launch_instance([*(f"--{name}={value}" for name, value in settings.items()), *root, *options])


def writable_notebooks(here: Path) -> Path:
    """The notebooks where a user may change them: a checkout's own, or copies in `here`/notebooks.

    An installed wheel's notebooks are left alone: an update would overwrite them. A copy that is there already stays.
    """
    home = places.notebooks_dir()
    if not home.is_relative_to(places.SHARED_IN_WHEEL):
        return home
    copies = here / "notebooks"
    try:
        copies.mkdir(exist_ok=True)
        for notebook in home.glob("*.ipynb"):
            if not (copies / notebook.name).exists():
                shutil.copyfile(notebook, copies / notebook.name)
    except OSError as refused:
        raise UserError(
            f"The notebooks cannot be copied to {copies}: {refused.strerror}. "
            "Change to a folder of your own and run martech lab again."
        ) from None
    return copies


def _open(data: str) -> None:
    """Refuse data that is not there before a server starts; what is wrong inside, the pages say."""
    from martech_lib.core.workspace import Workspace

    Workspace.open(data)


def _claim(port: int) -> None:
    """Refuse a port that cannot be had, in words."""
    if not 0 < port < 65536:
        raise WrongUsage(f"{port} is not a port; choose one from 1024 to 65535.")
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(
                f"Port {port} is in use (perhaps the apps are running already: http://{HOST}:{port}/) or not allowed. "
                f"Choose another: martech apps --port {port + 1}"
            ) from None


def _environment(data: str, *, mode: str) -> dict[str, str]:
    """What kernels and Jupyter are told: the data, our templates, and that this machine is reached without a proxy.

    JupyterLab is also told not to ask whether it may fetch news.
    """
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY", ""), HOST, "localhost")))
    ours = {"JUPYTER_PATH": places.template_dir(), "JUPYTER_CONFIG_PATH": places.template_dir() / "lab"}
    paths = {name: os.pathsep.join(filter(None, (str(own), os.environ.get(name, "")))) for name, own in ours.items()}
    return {
        "MARTECH_DATA": absolute(data),
        "MARTECH_MODE": mode,
        **paths,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _titles(folder: Path) -> list[dict[str, str]]:
    """File and title of every notebook, in order."""
    import nbformat

    from martech_lib.workbook.pages import title_of

    return [
        {"name": path.stem, "title": title_of(nbformat.read(path, as_version=4).cells, otherwise=path.stem)}
        for path in sorted(folder.glob("*.ipynb"))
    ]


def _voila(titles: list[dict[str, str]]) -> Any:
    """Voilà, whose landing and error pages know our pages and our stylesheet."""
    from jinja2 import ChoiceLoader, FileSystemLoader
    from jupyter_server.base.handlers import Template404
    from voila.app import Voila

    class Apps(Voila):
        def init_settings(self) -> dict[str, Any]:
            settings: dict[str, Any] = super().init_settings()
            pages, server = settings["voila_jinja2_env"], settings["jinja2_env"]
            server.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), server.loader])
            for environment in (pages, server):
                environment.globals.update(workbook_pages=titles, workbook_css=_stylesheet())
            return {**settings, "default_handler_class": Template404}

    return Apps


def _stylesheet() -> Any:
    from markupsafe import Markup

    return Markup((places.template_dir() / "workbook.css").read_text(encoding="utf-8"))


def _voila_config(folder: Path, *, port: int, token: str, titles: list[dict[str, str]]) -> Any:
    from traitlets.config import Config

    from martech_lib.workbook.kernel import ENCRYPTION

    return Config(
        {
            "Voila": {
                "ip": HOST,
                "port": port,
                "port_retries": 0,
                "token": token,
                "root_dir": str(folder),
                "open_browser": False,
                "log_level": "ERROR",
                "config_file_paths": [],
                "tornado_settings": {
                    "websocket_max_message_size": UPLOAD_BYTES,
                    "allow_remote_access": False,
                    "local_hostnames": ["localhost", HOST],
                },
            },
            "VoilaConfiguration": {
                "template": "martech",
                "classic_tree": True,
                "theme": "light",
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "strip_sources": True,
                "show_tracebacks": False,
                "file_allowlist": [],
                "preheat_kernel": True,
                "default_pool_size": 1,
                "extension_allowlist": EXTENSIONS,
                "kernel_spec_manager_class": "martech_lib.workbook.kernel.RunningPython",
                "resources": {"workbook_pages": titles, "workbook_css": str(_stylesheet()), "language_code": "en"},
            },
            # The next kernel warms up once the page just opened is there, so that the two do not compete.
            "VoilaKernelManager": {"fill_delay": REFILL_SECONDS},
            "VoilaExecutor": {"cell_error_instruction": CELL_STOPPED},
            "KernelManager": {"transport_encryption": ENCRYPTION},
            "MappingKernelManager": {
                "cull_idle_timeout": IDLE_SECONDS,
                "cull_interval": CULL_EVERY_SECONDS,
                "cull_connected": False,
            },
        }
    )
