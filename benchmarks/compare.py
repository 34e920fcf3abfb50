"""What a verdict costs: `python -m benchmarks.compare`.

200 cases with 50 buckets and timings, and 100,000 cases × 5 metrics × 50 buckets, both from rows to bytes.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from typing import Any

import numpy as np

from liftgate import EvalRun, Policy, compare

DIMENSIONS = {"intent": 30, "locale": 15, "risk": 5}


def rows(n: int, metrics: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    scores = (rng.random((metrics, n)) < 0.8).astype(float).tolist()
    latency = np.exp(rng.normal(6, 0.5, n)).tolist()
    names = ["exact_match", *(f"metric_{i}" for i in range(1, metrics))]
    return [
        {
            "case_id": f"case-{case:06d}",
            "repeat": 0,
            "suite": "quality",
            "buckets": {dimension: f"{dimension}-{case % size}" for dimension, size in DIMENSIONS.items()},
            "scores": {name: scores[i][case] for i, name in enumerate(names)},
            "output": "{}",
            "latency_ms": latency[case],
            "input_tokens": 200,
            "output_tokens": 12,
            "cached": False,
            "error": None,
        }
        for case in range(n)
    ]


def seconds(n: int, metrics: int, times: int) -> tuple[float, float]:
    """Median processor time of reading the rows of both runs, and of comparing them; one thread does both."""
    given = [rows(n, metrics, seed) for seed in (1, 2)]
    reading, comparing = [], []
    for _ in range(times):
        started = time.process_time()
        base, candidate = (EvalRun.from_rows(each) for each in given)
        read = time.process_time()
        compare(base, candidate, Policy()).to_json()
        reading.append(read - started)
        comparing.append(time.process_time() - read)
    return statistics.median(reading), statistics.median(comparing)


def main() -> int:
    seconds(200, 1, 3)
    reading, comparing = seconds(200, 1, 31)
    print(f"200 cases: rows {1000 * reading:.1f} ms, compare {1000 * comparing:.1f} ms (limit 15 ms a call)")
    reading, comparing = seconds(100_000, 5, 3)
    for n in (25_000, 50_000):
        part = sum(seconds(n, 5, 3))
        print(f"{n:,} cases × 5 metrics × 50 buckets: {part:.2f} s, {1e6 * part / n:.0f} µs a case")
    print(
        f"100,000 cases × 5 metrics × 50 buckets: rows {reading:.2f} s, compare {comparing:.2f} s (limit 5 s)"
    )
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform == "linux" else 2**20
    )
    print(f"peak memory with the benchmark's own rows: {mebibytes:.0f} MiB (limit 1,024 MiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
