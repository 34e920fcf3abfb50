"""Ending a process with all that it started, on systems with process groups and on Windows, which has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process that leads a session of its own, and its children, to stop. Raises `OSError` when it is gone."""
    if sys.platform == "win32":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Stop them whatever they do. Raises `OSError` when the process is gone."""
    if sys.platform == "win32":
        # Children outlive their parent there, unless the system is told of the tree.
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
