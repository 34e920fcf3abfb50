"""What it costs to start: `python benchmarks/startup.py`.

`liftgate --help` against an interpreter that imports argparse and json, and `validate` of the template's rows.
Whole processes, alternating, medians; the ratio is what travels between machines.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 7


def wall_s(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    liftgate = str(Path(sys.executable).with_name("liftgate"))
    floor = (sys.executable, "-c", "import argparse, json")
    dataset = "datasets/support-intent/v1.0.0.train.jsonl"
    validate = (liftgate, "validate", dataset, "--policy", "evals/policy.yaml")
    times: dict[str, list[float]] = {"floor": [], "help": [], "validate": []}
    for _ in range(ROUNDS):
        times["floor"].append(wall_s(*floor))
        times["help"].append(wall_s(liftgate, "--help"))
        times["validate"].append(wall_s(*validate))
    floor_s, help_s, validate_s = (statistics.median(times[name]) for name in ("floor", "help", "validate"))
    print(f"floor     python -c 'import argparse, json'      {floor_s * 1000:6.0f} ms")
    ratio = f"{help_s / floor_s:.2f}x floor (goal 3)"
    print(f"help      liftgate --help                        {help_s * 1000:6.0f} ms  {ratio}")
    print(
        f"validate  607 rows, with imports                 {validate_s:6.2f} s   (goal 1.5 s on an idle machine)"
    )


if __name__ == "__main__":
    main()
