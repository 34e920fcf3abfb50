"""What a request log costs beside reading and parsing it, and what is found in it: `python benchmarks/watch.py`.

    python benchmarks/watch.py [--rows 2000000] [--clean 10]

A log with an incident of each kind is made once and read in a process of its own, against the least that any reader
pays: read and orjson, line by line. CPU ratios travel between machines; seconds are for the reader's own comparison.
Then ten clean logs, in which every finding is a false alarm, and the peak memory of a log and of one a tenth as long.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from log_world import INCIDENTS, MODELS, write
from watch_world import TODAY, make_watched

FLOOR = """
import sys, time, orjson
started = time.process_time()
lines = 0
with open(sys.argv[1], "rb") as log:
    for line in log:
        orjson.loads(line)
        lines += 1
print(time.process_time() - started, lines)
"""
OURS = """
import resource, sys, time
from pathlib import Path
from liftgate.commands.watching.log_files import parsed
from liftgate.commands.watching.looks import tally
from liftgate.project import Ruler
from liftgate.registry.models import read_models
from liftgate.watch.requests import request_findings
from liftgate.commands.watch import day
root = Path(sys.argv[2])
models, ruler = read_models((root / "models.yaml").read_bytes()), Ruler(root, None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.process_time()
tallies = tally(models, [Path(sys.argv[1])], day(sys.argv[3]), ruler)
found = request_findings(models, tallies, ruler.policy.watch)
seconds = time.process_time() - started
print(seconds, tallies.lines, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, before // 1024)
"""


def child(code: str, *words: str) -> list[float]:
    done = subprocess.run((sys.executable, "-c", code, *words), check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def findings(root: Path, log: Path) -> list[tuple[str, str]]:
    words = ("-m", "liftgate", "watch", "--root", str(root), "--today", TODAY, "--log", str(log), "--json")
    done = subprocess.run((sys.executable, *words), check=True, capture_output=True, text=True, cwd=root)
    subjects = json.loads(done.stdout)["subjects"]
    return [(subject, each["rule"]) for subject, found in sorted(subjects.items()) for each in found]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--clean", type=int, default=10, help="clean logs to look through")
    arguments = parser.parse_args()
    rows = arguments.rows
    with tempfile.TemporaryDirectory() as folder:
        root, log = make_watched(Path(folder) / "toy", MODELS), Path(folder) / "log.jsonl"
        write(log, rows // 10, 1)
        _, _, small, _ = child(OURS, str(log), str(root), TODAY)
        write(log, rows, 1)
        size = log.stat().st_size
        rounds = [(child(FLOOR, str(log)), child(OURS, str(log), str(root), TODAY)) for _ in range(3)]
        ratio = sorted(ours[0] / floor[0] for floor, ours in rounds)[1]
        seconds = sorted(ours[0] for _, ours in rounds)[1]
        large = rounds[0][1][2]
        print(
            f"{rows:,} lines, {size / 1e6:,.0f} MB: {ratio:.2f}x read + orjson, {rows / seconds:,.0f} lines per CPU "
            f"second, peak {large:.0f} MB ({small:.0f} MB for a tenth of the lines)"
        )
        for incident in INCIDENTS:
            found = findings(root, write(log, rows, 100, incident))
            print(
                f"{incident:14} {rows:>9,} lines: {', '.join(f'{rule} ({who})' for who, rule in found) or 'NOTHING'}"
            )
        false = {
            seed: said for seed in range(arguments.clean) if (said := findings(root, write(log, rows, seed)))
        }
        print(f"{arguments.clean} clean logs: {len(false)} with a false alarm {false or ''}")


if __name__ == "__main__":
    main()
