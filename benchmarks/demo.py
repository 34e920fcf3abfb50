"""What `make demo` takes: `python benchmarks/demo.py [--again]`.

Runs the demo in a fresh folder (a real training), then again (everything found), and prints wall time, peak memory
and the ratio of both runs. Takes minutes; `--again` measures the second run of an existing `.liftgate` only.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def demo(out: Path) -> tuple[float, float]:
    """Wall seconds and the peak memory of all children so far, in GiB."""
    liftgate = str(Path(sys.executable).with_name("liftgate"))
    started = time.perf_counter()
    subprocess.run(
        [liftgate, "demo", "--root", str(ROOT), "--out", str(out)], check=True, stderr=subprocess.DEVNULL
    )
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return time.perf_counter() - started, peak_kib / 1024**2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = ROOT / ".liftgate" if "--again" in sys.argv else Path(folder)
        if "--again" not in sys.argv:
            first_s, first_gib = demo(out)
            print(
                f"first run   {first_s:6.0f} s (goal 480 on two idle cores)  peak {first_gib:.2f} GiB (goal 4)"
            )
        second_s, second_gib = demo(out)
        print(f"second run  {second_s:6.1f} s (goal 15)                      peak {second_gib:.2f} GiB")
        if "--again" not in sys.argv:
            print(f"second / first  {second_s / first_s:.3f}")


if __name__ == "__main__":
    main()
