"""What a cold and a warm start of the action cost: `python benchmarks/action_start.py`.

The action's own install script and its first `--help`, against `uv pip install` of the same lock into an environment
that is there. Cold starts with an empty cache of uv, warm with a full one. Whole processes, alternating, medians; the
ratio is what travels between machines. The tighter bounds are those of a hosted runner: 10 s cold, 5 s warm.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
EXTRAS = "github"
ROUNDS = 3
COLD_S, WARM_S = 10.0, 5.0


def wall_s(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def action_s(home: Path, cache: Path) -> tuple[float, float]:
    """Seconds of the install and of `liftgate --help` after it."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(home),
        "GITHUB_OUTPUT": str(home / "outputs"),
        "LIFTGATE_EXTRAS": EXTRAS,
        "LIFTGATE_PYTHON": "",
        "UV_CACHE_DIR": str(cache),
    }
    install = wall_s(["bash", str(ROOT / ".github" / "action" / "install.sh")], environment)
    lines = (home / "outputs").read_text().splitlines()
    installed = next(line.removeprefix("bin=") for line in lines if line.startswith("bin="))
    return install, wall_s([f"{installed}/liftgate", "--help"], environment)


def plain_s(home: Path, cache: Path) -> float:
    """Seconds of `uv pip install` alone."""
    environment = {**os.environ, "UV_CACHE_DIR": str(cache), "VIRTUAL_ENV": str(home / "venv")}
    subprocess.run([str(BIN / "uv"), "venv", "-q", str(home / "venv")], env=environment, check=True)
    words = ["pip", "install", "-q", "--require-hashes", "--no-deps", "-r"]
    return wall_s([str(BIN / "uv"), *words, str(ROOT / "requirements" / f"{EXTRAS}.txt")], environment)


def main() -> None:
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for kind in ("cold", "warm"):
                for what in ("plain", "action"):
                    home = Path(folder) / f"{what}-{kind}-{number}"
                    home.mkdir()
                    cache = Path(folder) / f"cache-{what}-{number}"
                    if what == "plain":
                        times.setdefault(f"plain {kind}", []).append(plain_s(home, cache))
                    else:
                        install, first_help = action_s(home, cache)
                        times.setdefault(f"action {kind}", []).append(install)
                        times.setdefault("help", []).append(first_help)
    median = {name: statistics.median(values) for name, values in times.items()}
    for kind, bound in (("cold", COLD_S), ("warm", WARM_S)):
        action, plain = median[f"action {kind}"] + median["help"], median[f"plain {kind}"]
        ratio = f"{action / plain:.2f}x  (goal on a runner {bound:.0f} s)"
        print(f"{kind}  uv pip install of requirements/{EXTRAS}.txt   {plain:5.2f} s")
        print(f"{kind}  the action's install and liftgate --help   {action:5.2f} s  {ratio}")
    print(f"      of it liftgate --help, first time          {median['help'] * 1000:5.0f} ms")


if __name__ == "__main__":
    main()
