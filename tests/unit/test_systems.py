"""The core works where there is no POSIX: no such module is imported, no such call is reached, at a plain start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from liftgate import process_groups
from liftgate.files import exclusively

ROOT = Path(__file__).parent.parent.parent
ELSEWHERE = """
import os, pkgutil, signal, sys, importlib
# Libraries choose by the system that they find; here only our own modules are to find another one.
for name in ("aiohttp", "asyncio", "jinja2", "jsonschema", "multiprocessing", "numpy", "orjson", "re2", "rensa",
             "scipy.stats", "stdnum", "tempfile", "tqdm", "unittest", "yaml"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
for name in ("fcntl", "resource", "termios", "tty", "pwd", "grp", "pty", "syslog"):
    sys.modules[name] = None
for name in ("killpg", "fork", "getuid", "geteuid", "getgid", "setsid", "uname", "mkfifo", "sched_getaffinity",
             "EX_OK"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGPIPE", "alarm", "setitimer"):
    if hasattr(signal, name):
        delattr(signal, name)
import liftgate
broken = []
for module in pkgutil.walk_packages(liftgate.__path__, "liftgate."):
    # Training on one's own machine is not the core; the process that runs somebody's function runs when imported.
    if module.name.startswith(("liftgate.training.tuning", "liftgate.training.trainers.local")):
        continue
    if module.name.endswith(("__main__", "_process")):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        if error.name in {"fcntl", "resource", "termios", "tty", "pwd", "grp", "pty", "syslog"}:
            broken.append(f"{module.name}: {error}")
    except AttributeError as error:
        broken.append(f"{module.name}: {error}")
from liftgate.cli import main
assert main(["validate", sys.argv[1], "--json"]) in (0, 10)
assert main(["doctor", "--offline", "--root", sys.argv[2]]) in (0, 10)
print(broken, file=sys.stderr)
"""


def test_no_module_of_the_core_needs_posix(tmp_path: Path) -> None:
    rows = ROOT / "datasets/support-intent/v1.0.0.validation.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE, str(rows), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.skipif(os.name != "posix", reason="looks at children by their groups")
def test_a_process_ends_with_all_that_it_started() -> None:
    grandchild = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", grandchild], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process_groups.kill(process)
    # The pipe ends when nobody holds it any more: the child's child does until it is gone, too.
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == -9


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    program = (
        "import sys; from pathlib import Path; from liftgate.files import exclusively\n"
        f"with exclusively(Path({str(path)!r})): print('held', flush=True)"
    )
    with exclusively(path):
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
    assert other.communicate(timeout=30)[0] == "held\n"
