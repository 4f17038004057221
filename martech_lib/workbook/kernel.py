"""Kernels that run the Python which runs `martech`.

A machine may have a kernel named "python3" that belongs to another environment, and Jupyter prefers the one in the
user's folder. A report computed by that one would fail, or worse, use another version of the library.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

KERNEL_NAME = "python3"
ENCRYPTION = "auto" if zmq.has("curve") else "disabled"  # other users of the machine can reach a kernel's ports


class RunningPython(KernelSpecManager):
    """Knows one kernel: the running interpreter's own."""

    @default("kernel_dirs")
    def _no_kernel_dirs(self) -> list[str]:
        return []


class RunningPythonKernel(AsyncKernelManager):
    """Starts a kernel of the running interpreter, whatever kernels the machine has installed."""

    @default("kernel_spec_manager")
    def _running_python(self) -> KernelSpecManager:
        return RunningPython(parent=self)

    @default("transport_encryption")
    def _encrypted(self) -> str:
        return ENCRYPTION

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start it; what the process itself says (not its cells) goes into `kernel.log` of the run's folder."""
        folder = os.environ.get("MARTECH_RUN_DIR")
        with open(Path(folder, "kernel.log") if folder else os.devnull, "ab") as log:
            await super().start_kernel(**{"stdout": log, "stderr": log, **options})
