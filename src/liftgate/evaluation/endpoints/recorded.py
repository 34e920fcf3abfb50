"""Answers from a file or a recording: a run without a key, a server or a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from liftgate.digests import sha256_bytes
from liftgate.errors import InputError, Problem
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request, with_well_formed_text
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.recording import read_recording, request_key
from liftgate.files import read_bytes

_FORMS: Final = (
    'a line is {"case_id": ..., "output": ...}, {"key": ..., "output": ...}, or one of results.jsonl'
)
_Key = tuple[str, int]


def connect(settings: Settings) -> RecordedEndpoint:
    """Read the file that `--recorded` names."""
    if settings.recorded is None:
        raise InputError(
            "the recorded endpoint needs the file with the answers", hint="--recorded FILE.jsonl"
        )
    if settings.recorded.is_dir():
        data = read_recording(settings.recorded)
    else:
        data = read_bytes(settings.recorded, "file of recorded answers")
    return RecordedEndpoint(settings.model, data, str(settings.recorded))


class RecordedEndpoint:
    """Looks answers up by case id and repeat, or by `request_key`; a line with both must fit both."""

    kind = "recorded"

    def __init__(self, model: str, data: bytes, path: str) -> None:
        self._model, self._sha256 = model, sha256_bytes(data)
        self._pinned: dict[_Key, str] = {}
        self._by_case, self._by_key = _read(data, path, self._pinned)
        self._keyed = bool(self._by_key)
        self.deterministic = all(repeat == 0 for _, repeat in self._by_case)

    def identity(self) -> dict[str, Any]:
        """The name given to the model, and the digest of the file."""
        return {"model": self._model, "recorded_sha256": self._sha256}

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Yield what is recorded; a case that is not is a failure, never an empty answer."""
        for index in wanted:
            request = requests[index]
            repeat = 0 if self.deterministic else request.repeat
            found = self._by_case.get((request.case_id, repeat))
            if found is None and self._keyed:
                found = self._by_key.get(request_key(request))
            pinned = self._pinned.get((request.case_id, repeat))
            if pinned is not None and pinned != request_key(request):
                found = Failure(
                    "recorded-otherwise", "the answer recorded for this case is to another request"
                )
            yield index, found or Failure("not-recorded", "no answer is recorded for this case and repeat")


def _read(data: bytes, path: str, pinned: dict[_Key, str]) -> tuple[dict[_Key, Outcome], dict[str, Outcome]]:
    by_case: dict[_Key, Outcome] = {}
    by_key: dict[str, Outcome] = {}
    problems: list[Problem] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problems.append(Problem(place, f"not valid JSON: {error.msg}"))
            continue
        outcome = _outcome(row) if isinstance(row, dict) else None
        if outcome is None:
            problems.append(Problem(place, _FORMS))
        elif isinstance(row.get("case_id"), str):
            repeat = row.get("repeat", 0)
            if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 0:
                problems.append(Problem(place, "`repeat` must be a whole number, 0 or more"))
            elif by_case.setdefault((row["case_id"], repeat), outcome) is not outcome:
                problems.append(Problem(place, "this case and repeat stand in the file twice"))
            elif isinstance(row.get("key"), str):
                pinned[row["case_id"], repeat] = row["key"]
        else:
            by_key[row["key"]] = outcome
    if problems:
        raise InputError(
            f"{path} has {len(problems)} problem{'s' if len(problems) != 1 else ''}", problems=problems
        )
    if not by_case and not by_key:
        raise InputError(f"{path} holds no answers", hint=_FORMS)
    return by_case, by_key


def _outcome(row: Mapping[str, Any]) -> Outcome | None:
    if not isinstance(row.get("case_id"), str) and not isinstance(row.get("key"), str):
        return None
    error, output = row.get("error"), row.get("output")
    if isinstance(error, dict):
        return Failure(
            str(error.get("kind") or "error"), str(error.get("message") or "the recorded run failed here")
        )
    if output is None and "output" in row:
        return Failure("not-recorded", "the recorded answer is null")
    if not isinstance(output, str):
        return None
    calls = _calls(row.get("tool_calls"))
    return with_well_formed_text(
        Completion(
            # Calls without a text beside them were written as the output, too.
            "" if calls and output == orjson.dumps(calls).decode() else output,
            latency_ms=_number(row.get("latency_ms")),
            input_tokens=_whole(row.get("input_tokens")),
            output_tokens=_whole(row.get("output_tokens")),
            finish_reason="tool_calls" if calls else "stop",
            tool_calls=calls,
        )
    )


def _calls(value: Any) -> list[dict[str, Any]] | None:
    if not isinstance(value, list) or not all(isinstance(call, dict) and "name" in call for call in value):
        return None
    return [dict(call) for call in value] or None


def _number(value: Any) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        else None
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
