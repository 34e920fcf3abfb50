"""Golden and safety cases: the frozen questions, refused as a whole when one of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from liftgate.data import jsonl
from liftgate.data.dataset import Message, prompt_of
from liftgate.data.text import is_identifier, shown
from liftgate.errors import InputError, Problem
from liftgate.findings import Finding

Suite = Literal["quality", "safety"]
_KNOWN = (
    "id",
    "input",
    "messages",
    "tools",
    "expected",
    "buckets",
    "tags",
    "context",
    "scorers",
    "cluster_id",
)
_CHAT_ROW = {"messages", "tools", "metadata", "parallel_tool_calls"}
_HINT = 'a case is {"id", "input" or "messages", "expected", "buckets"}; see docs/files.md'


@dataclass(frozen=True)
class Case:
    """One golden question. `messages` never hold the expected answer."""

    id: str
    messages: Sequence[Message]
    expected: Any
    buckets: Mapping[str, str]
    line: int
    suite: Suite = "quality"
    scorers: Sequence[Any] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    context: Any = None
    cluster_id: str | None = None

    @property
    def prompt(self) -> str:
        """What the user says, without system prompts."""
        return prompt_of(self.messages)


@dataclass(frozen=True)
class Cases:
    """All cases of one file, in the file's order. Without data behind the file: no cases, and a finding."""

    path: str
    cases: tuple[Case, ...]
    suite: Suite = "quality"
    by_id: Mapping[str, Case] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


def read_cases(data: bytes, path: str, suite: Suite = "quality") -> Cases:
    """Read cases, or chat rows whose last assistant message is the expectation.

    Raises `InputError` naming every line that cannot be used: broken JSON, a case without id, question or
    expectation, an id that stands twice, a file without cases.
    """
    cases: list[Case] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line in jsonl.parse(data):
        place = f"{path}:{line.number}"
        found = [line.problem] if line.problem is not None else list(_problems(line.value))
        if found:
            problems.extend(Problem(place, sentence) for sentence in found)
            continue
        case = _case(line.value, line.number, suite)
        if (first := seen.setdefault(case.id, line.number)) != line.number:
            problems.append(Problem(place, f"{shown(case.id, 'this id')} already stands on line {first}"))
        cases.append(case)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise InputError(f"{path} has {count}", problems=problems, hint=_HINT)
    if not cases:
        raise InputError(f"{path} holds no cases", hint=_HINT)
    return Cases(path, tuple(cases), suite, {case.id: case for case in cases})


def _problems(value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield "expected an object; write one case a line"
        return
    if _is_chat_row(value):
        if not _valid_messages(value["messages"]):
            yield "messages need a role each"
        elif _expectation(value) is None:
            yield "the chat row has no assistant message at its end to expect"
        return
    for key in value.keys() - set(_KNOWN):
        yield _unknown_key(key)
    if not isinstance(value.get("id"), str) or not value["id"]:
        yield "the case has no id"
    if "expected" not in value or value["expected"] is None:
        yield "the case has no expectation (key 'expected')"
    yield from _question_problems(value)
    if not _text_values(value.get("buckets", {})):
        yield "buckets must map a dimension to a name, both text"
    tags = value.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag for tag in tags):
        yield "tags must be a list of words"


def _question_problems(value: Mapping[str, Any]) -> Iterator[str]:
    if ("input" in value) == ("messages" in value):
        yield "the case needs either 'input' or 'messages'"
    elif "input" in value and (not isinstance(value["input"], str) or not value["input"].strip()):
        yield "input must be text that is not empty"
    elif "messages" in value and not _valid_messages(value["messages"]):
        yield "messages must be a list of objects with a role, at least one"


def _unknown_key(key: str) -> str:
    from liftgate.config import did_you_mean

    suggestion = did_you_mean(key, list(_KNOWN)) if is_identifier(key) else ""
    return f"{shown(key, 'a key')} is not a key of a case{suggestion}"


def _case(value: Mapping[str, Any], line: int, suite: Suite) -> Case:
    if _is_chat_row(value):
        metadata = value["metadata"] if isinstance(value.get("metadata"), dict) else {}
        buckets = {dimension: str(metadata[key]) for key, dimension in _METADATA_BUCKETS if metadata.get(key)}
        identity = str(metadata.get("id") or f"line-{line}")
        messages = value["messages"][:-1]
        return Case(
            identity, messages, _expectation(value), buckets, line, suite, tools=value.get("tools") or ()
        )
    buckets = dict(value.get("buckets") or {})
    for tag in value.get("tags") or ():
        dimension, _, name = tag.partition(":")
        buckets.setdefault(dimension if name else f"tag:{tag}", name or tag)
    messages = value["messages"] if "messages" in value else [{"role": "user", "content": value["input"]}]
    return Case(
        value["id"],
        messages,
        value["expected"],
        buckets,
        line,
        suite,
        scorers=value.get("scorers") or (),
        tools=value.get("tools") or (),
        context=value.get("context"),
        cluster_id=value.get("cluster_id"),
    )


_METADATA_BUCKETS = (("label", "intent"), ("locale", "locale"), ("risk", "risk"))


def _is_chat_row(value: Mapping[str, Any]) -> bool:
    return "messages" in value and "expected" not in value and "id" not in value and value.keys() <= _CHAT_ROW


def _expectation(value: Mapping[str, Any]) -> Any:
    last = value["messages"][-1]
    if last.get("role") != "assistant" or len(value["messages"]) < 2:
        return None
    return last.get("content") or last.get("tool_calls")


def _valid_messages(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in value)
    )


def _text_values(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) and name for name in value.values())
