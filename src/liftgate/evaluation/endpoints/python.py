"""A callable in the repository: a retrieval pipeline, an agent, anything that takes messages and gives an answer.

It runs in processes of its own, as `own_code` says, with nothing beside it but the files that the suite declares.
What is no answer is a named failure and never a score.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import orjson

from liftgate.errors import InputError, ProviderError
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, with_well_formed_text
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.own_code import Worker
from liftgate.evaluation.programs import Program
from liftgate.evaluation.streams import Report, outcomes

DEFAULT_CONCURRENCY: Final = 2
_KEYS: Final = frozenset({"text", "input_tokens", "output_tokens", "tool_calls"})
# Calls in a row that crashed, hung or raised, none answered between: the program is broken, not a case.
_HOPELESS: Final = 10
_MESSAGES: Final = {
    "timeout": "no answer within {seconds:g} s",
    "crashed": "the process ended without an answer",
    "not-an-answer": "the function must return text, or a dict with text, input_tokens, output_tokens, tool_calls",
    "too-large": "the answer is larger than 16 MB",
    "unexpected-tool-call": "the function called a tool although none was on offer",
}


def connect(settings: Settings) -> PythonEndpoint:
    """Take the program that the suite names; nothing runs yet."""
    if settings.program is None:
        raise InputError(
            "the python endpoint needs a suite that says which function answers",
            hint="under `endpoints`: {rag: {kind: python, file: agents/rag.py, function: answer}}",
        )
    own = settings.program.concurrency or DEFAULT_CONCURRENCY
    return PythonEndpoint(
        settings.program,
        min(own, settings.concurrency),
        settings.program.timeout_s or settings.timeout_s,
        limits=settings.limits,
    )


class PythonEndpoint:
    """Calls one function, in `concurrency` processes at once. Whether it always says the same stands in the suite."""

    kind = "python"

    def __init__(
        self,
        program: Program,
        concurrency: int = DEFAULT_CONCURRENCY,
        timeout_s: float = 60.0,
        *,
        limits: Limits | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.program, self.deterministic = program, program.deterministic
        self._concurrency, self._timeout_s = concurrency, timeout_s
        self._limits, self._now = limits or Limits(), now

    def identity(self) -> dict[str, Any]:
        """The function's name and the digest of its files."""
        return self.program.identity()

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Call the function for every wanted request. Raises `InputError` when it cannot be imported."""
        if not wanted:
            return
        environment = self._environment()
        at_once = min(self._concurrency, len(wanted))
        with tempfile.TemporaryDirectory(prefix="liftgate-") as folder:
            crew = _Crew(self.program, self.program.unpack(Path(folder)), Path(folder), environment)
            yield from outcomes(
                lambda report: self._call_all(crew, at_once, requests, wanted, report),
                remaining_s=self._limits.remaining_s,
            )

    def _environment(self) -> dict[str, str]:
        missing = [name for name in self.program.environment if name not in os.environ]
        if missing:
            raise InputError(
                f"{self.program.file} wants {' and '.join(missing)}, not set here",
                hint="export it, or take it out of the endpoint's `env`",
            )
        return {name: os.environ[name] for name in self.program.environment}

    async def _call_all(
        self, crew: _Crew, at_once: int, requests: Sequence[Request], wanted: Sequence[int], report: Report
    ) -> None:
        waiting, streak = iter(wanted), _Streak()
        pool = ThreadPoolExecutor(at_once)
        loop = asyncio.get_running_loop()

        async def work() -> None:
            worker: Worker | None = None
            for index in waiting:
                if worker is None:
                    worker = await loop.run_in_executor(pool, crew.hired)
                began = self._now()
                said = await loop.run_in_executor(pool, worker.ask, _asked(requests[index]), self._timeout_s)
                outcome = self._outcome(said, requests[index], (self._now() - began) * 1000)
                if isinstance(said, str):
                    crew.dismiss(worker)
                    worker = None
                if streak.broken(outcome):
                    raise ProviderError(
                        f"{self.program.file}: {_HOPELESS} calls in a row gave no answer, the last: "
                        f"{outcome.message if isinstance(outcome, Failure) else ''}",
                        hint="call the function by hand on one case",
                    )
                await report(index, outcome)

        tasks = [asyncio.create_task(work()) for _ in range(at_once)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            crew.dismiss_all()
            await asyncio.gather(*tasks, return_exceptions=True)
            pool.shutdown()

    def _outcome(self, said: Any, request: Request, latency_ms: float) -> Outcome:
        outcome = read_answer(said, latency_ms, tools=bool(request.tools), timeout_s=self._timeout_s)
        if isinstance(outcome, Failure):
            # The function may have paid a provider before it failed.
            self._limits.lost(request)
        return outcome


class _Crew:
    """The worker processes of one run. Once dismissed, none lives on, and threads that wait for one go on."""

    def __init__(self, program: Program, path: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._program, self._path, self._folder, self._environment = program, path, folder, environment
        self._alive: set[Worker] = set()
        self._closed = False
        self._lock = threading.Lock()

    def hired(self) -> Worker:
        worker = Worker(
            "answer",
            self._path,
            self._program.function,
            folder=self._folder,
            environment=self._environment,
            named=self._program.file,
        )
        with self._lock:
            self._alive.add(worker)
            if self._closed:
                worker.end()
        worker.start()
        return worker

    def dismiss(self, worker: Worker) -> None:
        worker.end()
        with self._lock:
            self._alive.discard(worker)

    def dismiss_all(self) -> None:
        with self._lock:
            self._closed = True
            for worker in self._alive:
                worker.end()


class _Streak:
    """Failures without an answer between them."""

    def __init__(self) -> None:
        self._failed = 0

    def broken(self, outcome: Outcome) -> bool:
        self._failed = self._failed + 1 if isinstance(outcome, Failure) else 0
        return self._failed >= _HOPELESS


def _asked(request: Request) -> dict[str, Any]:
    sampling = request.sampling.to_dict()
    if request.sampling.seed is not None:
        # Repeats of a seeded request get seeds of their own, or they would be copies.
        sampling["seed"] = request.sampling.seed + request.repeat
    tools = None if request.tools is None else [dict(tool) for tool in request.tools]
    return {"messages": [dict(message) for message in request.messages], "tools": tools, "sampling": sampling}


def read_answer(said: Any, latency_ms: float, *, tools: bool, timeout_s: float) -> Outcome:
    """What a worker's reply means. `said` is one of its words, or the object it sent."""
    if isinstance(said, str):
        return _failure(said, timeout_s)
    if not isinstance(said, dict):
        return _failure("not-an-answer", timeout_s)
    if "error" in said:
        where = f" at line {said['line']}" if isinstance(said.get("line"), int) else ""
        name = str(said["error"])
        return Failure(
            "exception", f"the function raised {name if name.isidentifier() else 'an error'}{where}"
        )
    if "refused" in said:
        return _failure(str(said["refused"]), timeout_s)
    answer = said.get("answer")
    calls = _calls(answer.get("tool_calls")) if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or calls is None or not answer.keys() <= _KEYS:
        return _failure("not-an-answer", timeout_s)
    if not isinstance(answer.get("text", ""), str) or not (calls or "text" in answer):
        return _failure("not-an-answer", timeout_s)
    counts = [answer.get("input_tokens"), answer.get("output_tokens")]
    if not all(n is None or (type(n) is int and 0 <= n < 2**53) for n in counts):
        return _failure("not-an-answer", timeout_s)
    if calls and not tools:
        return _failure("unexpected-tool-call", timeout_s)
    return with_well_formed_text(
        Completion(
            text=answer.get("text", ""),
            latency_ms=latency_ms,
            input_tokens=counts[0],
            output_tokens=counts[1],
            finish_reason="tool_calls" if calls else "stop",
            tool_calls=calls or None,
        )
    )


def _calls(value: Any) -> list[dict[str, str]] | None:
    """The calls as {"name", "arguments": text}; None when they are not calls."""
    if value is None:
        return []
    if not isinstance(value, list):
        return None
    calls = []
    for each in value:
        if not isinstance(each, dict):
            return None
        inner = each.get("function")
        call = inner if isinstance(inner, dict) else each
        name, arguments = call.get("name"), call.get("arguments")
        if not isinstance(name, str) or not isinstance(arguments, str | dict):
            return None
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        calls.append({"name": name, "arguments": text})
    return calls


def _failure(kind: str, timeout_s: float) -> Failure:
    kind = kind if kind in _MESSAGES else "crashed"
    return Failure(kind, _MESSAGES[kind].format(seconds=timeout_s))
