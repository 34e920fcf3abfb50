"""What the registry costs on the path of a request: `python benchmarks/resolve.py`.

A call against the least that deterministic sticky bucketing can cost: one sha256 over a salted key and one look into
a dictionary. The two alternate in one run, medians of rounds; the ratio is what travels between machines. Then what
`from liftgate import Registry` adds to the start of a process that has PyYAML already.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from liftgate import Registry

CALLS, ROUNDS = 20_000, 9
ENTRY = """\
      {name}:
        model_id: ft:gpt-5.6-luna:acme:support:{name}
        provider: openai
        dataset: {{version: {version}}}
        flag: support-{name}
        rollout_percent: {percent}
        shadow_percent: {shadow}
"""
HEAD = """\
version: 1
models:
  support-intent:
    default: {model_id: gpt-5.6-luna, provider: openai}
    variants:
"""
SCENES = {
    "one variant at 25%": [("v1.0.0", 25, 0)],
    "three variants": [("v1.0.0", 50, 0), ("v1.1.0", 25, 0), ("v1.2.0", 5, 0)],
    "25%, and a shadow": [("v1.0.0", 25, 0), ("v1.1.0", 0, 10)],
    "100%": [("v1.0.0", 100, 0)],
}


def registry(folder: Path, variants: list[tuple[str, int, int]]) -> Registry:
    entries = (
        ENTRY.format(name=name, version=name[1:], percent=percent, shadow=shadow)
        for name, percent, shadow in variants
    )
    path = folder / "models.yaml"
    path.write_text(HEAD + "".join(entries), "utf-8")
    return Registry.load(path)


def per_call_us(call: Callable[[str], object], keys: list[str]) -> float:
    started = time.perf_counter()
    for key in keys:
        call(key)
    return (time.perf_counter() - started) / len(keys) * 1e6


def start_ms(code: str) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run((sys.executable, "-c", code), check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    keys = [f"user-{number}" for number in range(CALLS)]
    known = {"support-intent": b"liftgate:1:rollout:support-intent:v1.0.0:"}

    def floor(key: str) -> object:
        return sha256(known["support-intent"] + key.encode()).digest()

    print(f"{'':24}{'a call':>10}{'floor':>10}{'ratio':>8}   (goal: below 5 us)")
    with tempfile.TemporaryDirectory() as folder:
        for name, variants in SCENES.items():
            served = registry(Path(folder), variants)

            def call(key: str, served: Registry = served) -> object:
                return served.resolve("support-intent", key=key)

            rounds = [(per_call_us(call, keys), per_call_us(floor, keys)) for _ in range(ROUNDS)]
            ours, least = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{name:24}{ours:>7.2f} us{least:>7.2f} us{ours / least:>7.1f}x")
    bare, with_registry = start_ms("import yaml"), start_ms("from liftgate import Registry")
    print(f"from liftgate import Registry: {with_registry - bare:+.0f} ms over `import yaml` ({bare:.0f} ms)")


if __name__ == "__main__":
    main()
