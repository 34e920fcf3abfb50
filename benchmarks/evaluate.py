"""Time of `liftgate evaluate` over the ideal, against a mock server that takes 100 ms for each answer.

    python benchmarks/evaluate.py [--cases 1000] [--rescored 100000]

Ideal is cases × 0.1 s / concurrency. The control is a bare aiohttp loop in the same run: what stands above
it is ours. `whole` is the command from start to exit, imports included, beyond the ideal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from liftgate.data.golden import read_cases
from liftgate.evaluation.completion import Completion, Sampling
from liftgate.evaluation.endpoints.openai import OpenAIEndpoint, chat_url
from liftgate.evaluation.prompts import Prompt
from liftgate.evaluation.responses import ResponseStore
from liftgate.evaluation.runner import Asking, _requests, run_arm
from liftgate.evaluation.scorers import metric
from liftgate.evaluation.suite import Question, questions

LATENCY_S = 0.1
SERVER = Path(__file__).parents[1] / "tests" / "openai_server.py"


@contextmanager
def mock_server() -> Iterator[str]:
    command = [sys.executable, str(SERVER), "--latency-ms", str(LATENCY_S * 1000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def golden(count: int) -> list[dict[str, str]]:
    return [
        {"id": f"c{n}", "input": f"ticket number {n}", "expected": f"ticket number {n}"} for n in range(count)
    ]


def asked(count: int) -> list[Question]:
    data = "\n".join(json.dumps(case) for case in golden(count)).encode()
    return questions(read_cases(data, "golden.jsonl"), [metric("exact_match"), metric("json_valid")])


async def control(url: str, count: int, concurrency: int) -> None:
    numbers = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for n in numbers:
                body = {"model": "m", "messages": [{"role": "user", "content": f"ticket number {n}"}]}
                async with session.post(url, json=body) as response:
                    await response.json()

        await asyncio.gather(*(work() for _ in range(concurrency)))


def measured(base_url: str, count: int, concurrency: int, folder: Path) -> None:
    ideal_s, url = count * LATENCY_S / concurrency, chat_url(base_url)
    started = time.perf_counter()
    asyncio.run(control(url, count, concurrency))
    control_s = time.perf_counter() - started

    endpoint = OpenAIEndpoint("m", url, concurrency=concurrency)
    listed = asked(count)
    with ResponseStore(folder / f"{concurrency}.sqlite") as store:
        cpu, started = time.process_time(), time.perf_counter()
        answers = run_arm(listed, prompt=Prompt(), endpoint=endpoint, sampling=Sampling(), store=store)
        spent_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    assert answers.usage.errors == 0

    cases = folder / "golden.jsonl"
    cases.write_text("".join(json.dumps(case) + "\n" for case in golden(count)))
    command = [sys.executable, "-m", "liftgate", "evaluate", "--cases", str(cases), "--scorer", "exact_match"]
    command += ["--model", "m", "--endpoint", "openai", "--base-url", base_url, "--no-store"]
    command += ["--concurrency", str(concurrency), "--out", str(folder / "out")]
    started = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    whole_s = time.perf_counter() - started
    print(
        f"C={concurrency:<4} ideal {ideal_s:5.2f} s | liftgate {spent_s / ideal_s:5.2f}× | raw aiohttp "
        f"{control_s / ideal_s:5.2f}× | liftgate over raw {spent_s / control_s:5.2f}× | CPU {cpu_s:4.2f} s | "
        f"whole ideal + {whole_s - ideal_s:4.2f} s, CPU {used.ru_utime + used.ru_stime:4.2f} s, "
        f"{used.ru_maxrss / 1024:.0f} MB"
    )


def rescored(count: int, folder: Path) -> None:
    endpoint = OpenAIEndpoint("m", "http://127.0.0.1:1/v1/chat/completions")
    listed = asked(count)
    requests, _ = _requests(Asking(listed, Prompt(), endpoint, Sampling()))
    with ResponseStore(folder / "stored.sqlite") as store:
        started = time.perf_counter()
        for key, request in requests.items():
            store.put(key, Completion(str(request.messages[-1]["content"]), 100.0, 3, 3))
        put_s = time.perf_counter() - started
        started = time.perf_counter()
        answers = run_arm(listed, prompt=Prompt(), endpoint=endpoint, sampling=Sampling(), store=store)
        spent_s = time.perf_counter() - started
    assert answers.usage.requested == 0
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:,} stored answers re-scored in {spent_s:.2f} s ({peak_mb:.0f} MB), stored in {put_s:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--rescored", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[32, 128])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        with mock_server() as base_url:
            for concurrency in arguments.concurrency:
                measured(base_url, arguments.cases, concurrency, Path(name))
        rescored(arguments.rescored, Path(name))


if __name__ == "__main__":
    main()
