"""What validation costs beside its floor (read + orjson + exact token count), in one process.

    python benchmarks/validate.py [--rows 100000] [--file rows.jsonl]
    python benchmarks/validate.py --linear 10000 100000 1000000

Prints CPU ratios, which travel between machines; seconds are for the reader's own comparison only.
"""

from __future__ import annotations

import argparse
import gc
import io
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from liftgate.tokens import count_conversations, count_text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--file", type=Path, help="rows of your own instead of generated ones")
    parser.add_argument("--linear", type=int, nargs="+", metavar="N", help="CPU a row at these sizes")
    parser.add_argument("--rules", action="store_true", help="also the CPU of every single rule")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.linear:
            linear(Path(folder), arguments.linear)
            return
        path = arguments.file or generated(Path(folder) / "rows.jsonl", arguments.rows)
        golden = generated_golden(Path(folder) / "golden.jsonl")
        count_text("load the vocabulary")
        measure(path, golden, rules=arguments.rules)


def measure(path: Path, golden: Path, *, rules: bool) -> None:
    from liftgate.commands.validate import validate_files
    from liftgate.data.shape import is_valid_shape

    size = path.stat().st_size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    full, report = cpu(lambda: validate_files(path, golden=[golden]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    parse, rows = cpu(lambda: [orjson.loads(line) for line in io.BytesIO(path.read_bytes())])
    count, totals = cpu(lambda: count_conversations(((row["messages"], ()) for row in rows), "o200k_base"))
    shape, _ = cpu(lambda: [is_valid_shape(row) for row in rows])
    floor = parse + count
    assert sum(totals) == report["tokens"]
    print(f"{len(rows)} rows, {size / 1e6:.1f} MB, {sum(totals) / len(rows):.0f} tokens a row")
    print(f"findings              {len(report['findings'])}")
    print(f"floor                 {floor:.2f} s CPU (parse {parse:.2f}, count {count:.2f})")
    print(f"full / floor          {full / floor:.2f}   ({full:.2f} s CPU; goal 4, limit 6)")
    print(f"peak memory / file    {(peak - before) / size:.2f}   (limit 4)")
    print(f"schema / parse        {shape / parse:.2f}   (limit 0.4)")
    if seconds := tiktoken_cpu(rows):
        print(f"full / tiktoken alone {full / seconds:.2f}   (limit 1.5)")
    rows.clear()
    if rules:
        by_rule(path, golden, floor)


def linear(folder: Path, sizes: list[int]) -> None:
    """CPU a row as the file grows, each size in a process of its own, against the first size."""
    golden = generated_golden(folder / "golden.jsonl")
    first = None
    for size in sizes:
        path = generated(folder / "rows.jsonl", size)
        script = f"import benchmarks.validate as b; b.alone({str(path)!r}, {str(golden)!r})"
        root = Path(__file__).parent.parent
        said = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=True)
        seconds, peak = map(float, said.stdout.split())
        first = first or seconds / size
        print(
            f"{size:>9} rows  {seconds / size * 1e6:7.1f} µs CPU a row  {seconds / size / first:5.2f} of the first"
            f"   peak memory / file {peak / path.stat().st_size:.2f}"
        )


def alone(path: str, golden: str) -> None:
    """One validation in this process: its CPU seconds and the memory it added, for `linear`."""
    from liftgate.commands.validate import validate_files

    count_text("load the vocabulary")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, _ = cpu(lambda: validate_files(Path(path), golden=[Path(golden)]))
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def by_rule(path: Path, golden: Path, floor: float) -> None:
    from liftgate.data.checks import RULES
    from liftgate.data.checks.context import Context
    from liftgate.data.dataset import read_rows
    from liftgate.data.golden import read_cases

    read, dataset = cpu(lambda: read_rows(path.read_bytes(), str(path)))
    print(f"  {'read_rows':24} {read / floor:.2f}")
    context = Context(dataset, golden=(read_cases(golden.read_bytes(), str(golden)),))
    for rule, function in RULES.items():
        seconds, found = cpu(lambda function=function: len(list(function(context))))  # type: ignore[misc]
        print(f"  {rule:24} {seconds / floor:.2f}   {found} findings")


def tiktoken_cpu(rows: list[dict[str, Any]]) -> float | None:
    """Counting the contents with tiktoken; None without a TIKTOKEN_CACHE_DIR, since it would fetch its vocabulary."""
    if "TIKTOKEN_CACHE_DIR" not in os.environ:
        return None
    import tiktoken

    encoding = tiktoken.get_encoding("o200k_base")
    return cpu(
        lambda: [len(encoding.encode_ordinary(m["content"])) for row in rows for m in row["messages"]]
    )[0]


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    gc.disable()
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def generated(path: Path, count: int) -> Path:
    """Rows of about 270 tokens in a language of 20,000 invented words, 1% near and 0.5% exact repeats."""
    chance = random.Random(7)  # noqa: S311
    words = ["".join(chance.choice(SYLLABLES) for _ in range(chance.randint(1, 4))) for _ in range(20_000)]
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    with path.open("w") as out:
        said: list[str] = []
        for number in range(count):
            kind = chance.random()
            if said and kind < 0.005:
                prompt = chance.choice(said)
            elif said and kind < 0.015:
                tokens = chance.choice(said).split()
                tokens[chance.randrange(len(tokens))] = "otherwise"
                prompt = " ".join(tokens)
            else:
                prompt = sentence(chance, words, weights, 95)
                if len(said) < 2000:
                    said.append(prompt)
            answer = sentence(chance, words, weights, 40)
            out.write(
                json.dumps(row(number, prompt, answer, f"class-{number % 12}"), ensure_ascii=False) + "\n"
            )
    return path


SYLLABLES = [
    "ba",
    "co",
    "di",
    "fu",
    "ga",
    "he",
    "ij",
    "ka",
    "lo",
    "mu",
    "na",
    "or",
    "pe",
    "ra",
    "su",
    "ti",
    "um",
]


def sentence(chance: random.Random, words: list[str], weights: Sequence[float], length: int) -> str:
    chosen = chance.choices(words, cum_weights=weights, k=max(6, int(chance.gauss(length, length / 3))))
    for at in range(7, len(chosen), 9):
        chosen[at] = f"{chosen[at]}{chance.choice(',.;!?')}"
    return " ".join(chosen).capitalize() + "."


def row(number: int, prompt: str, answer: str, label: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "You answer a shop's support tickets. Be brief and correct."},
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": answer},
        ],
        "metadata": {
            "id": f"g-{number:07d}",
            "source": "human",
            "reviewed": True,
            "label": label,
            "locale": "en",
        },
    }


def generated_golden(path: Path) -> Path:
    chance = random.Random(11)  # noqa: S311
    words = ["".join(chance.choice(SYLLABLES) for _ in range(chance.randint(1, 4))) for _ in range(20_000)]
    weights = list(range(1, len(words) + 1))
    with path.open("w") as out:
        for number in range(300):
            out.write(
                json.dumps(
                    {"id": f"c{number}", "input": sentence(chance, words, weights, 60), "expected": "x"}
                )
                + "\n"
            )
    return path


if __name__ == "__main__":
    main()
