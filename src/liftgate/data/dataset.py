"""Training rows as typed values, and what the loader could not read as findings with their line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liftgate.data import jsonl
from liftgate.findings import Finding, Severity

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One training example: the line it stands on and the object that was read, shape not yet trusted."""

    line: int
    data: Mapping[str, Any]

    @property
    def is_preference(self) -> bool:
        """True for a row that ranks two answers instead of giving one."""
        return "messages" not in self.data and isinstance(self.data.get("input"), dict)

    @property
    def messages(self) -> Sequence[Message]:
        """The conversation with its (preferred) answer."""
        if not self.is_preference:
            return _messages(self.data.get("messages"))
        given = self.data["input"].get("messages")
        return [*_messages(given), *_messages(self.data.get("preferred_output"))]

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Tool definitions the model may call."""
        holder = self.data["input"] if self.is_preference else self.data
        return _messages(holder.get("tools"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Our own notes about the row; never sent to a provider."""
        found = self.data.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def id(self) -> str | None:
        """`metadata.id`."""
        return _text(self.metadata.get("id"))

    @property
    def source(self) -> str | None:
        """`metadata.source`: human, synthetic or prod_sample."""
        return _text(self.metadata.get("source"))

    @property
    def reviewed(self) -> bool:
        """True when a person has looked at the row."""
        return self.metadata.get("reviewed") is True

    @property
    def label(self) -> str | None:
        """`metadata.label`, the class of a classification row."""
        found = self.metadata.get("label")
        return found if found is None or isinstance(found, str) else str(found)

    @property
    def locale(self) -> str | None:
        """`metadata.locale`."""
        return _text(self.metadata.get("locale"))

    @property
    def prompt(self) -> str:
        """What the user says, without system prompts: the text that leakage is judged by."""
        return prompt_of(self.messages)

    @property
    def answer(self) -> str:
        """The text of the last assistant message, or its tool calls when it has no text."""
        for message in reversed(self.messages):
            if message.get("role") == "assistant":
                return text_of(message) or str(message.get("tool_calls") or "")
        return ""


@dataclass(frozen=True)
class Dataset:
    """A dataset file: its readable rows, the number of lines that are not blank, the loader's findings."""

    path: str
    rows: tuple[Row, ...]
    line_count: int
    findings: tuple[Finding, ...] = ()


def read_rows(data: bytes, path: str) -> Dataset:
    """Read a JSONL dataset. What cannot be read becomes an `invalid-json` finding with its line."""
    rows: list[Row] = []
    findings: list[Finding] = []
    count = 0
    first_blank = None
    for line in jsonl.parse(data):
        count += 1
        if first_blank is None and line.number != count:
            first_blank = count
        if line.problem is not None:
            findings.append(Finding("invalid-json", Severity.ERROR, line.problem, path, line.number))
        elif isinstance(line.value, dict):
            rows.append(Row(line.number, line.value))
        else:
            kind = "an array" if isinstance(line.value, list) else "a bare value"
            message = f"expected an object, found {kind}; write one object a line"
            findings.append(Finding("invalid-json", Severity.ERROR, message, path, line.number))
    findings.extend(_layout_findings(data, path))
    if first_blank is not None:
        message = "blank lines between the rows; some trainers stop at the first one"
        findings.append(Finding("blank-line", Severity.WARNING, message, path, first_blank))
    return Dataset(path, tuple(rows), count, tuple(findings))


def prompt_of(messages: Sequence[Message]) -> str:
    """All user messages, joined by line ends."""
    return "\n".join(text_of(message) for message in messages if message.get("role") == "user")


def text_of(message: Message) -> str:
    """The text of a message; the text parts when its content is a list."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _layout_findings(data: bytes, path: str) -> list[Finding]:
    findings = []
    if data.startswith(jsonl.BYTE_ORDER_MARK):
        message = "the file starts with a byte order mark, which many readers refuse; save it as plain UTF-8"
        findings.append(Finding("byte-order-mark", Severity.WARNING, message, path, 1))
    endings = data.count(b"\r\n")
    if endings:
        first = data[: data.index(b"\r\n")].count(b"\n") + 1
        message = f"{endings} lines end in CR LF; save the file with LF line ends"
        findings.append(Finding("carriage-return", Severity.WARNING, message, path, first))
    if data and not data.endswith(b"\n"):
        message = "the last line has no line end, so it may be cut off"
        findings.append(Finding("no-final-newline", Severity.NOTICE, message, path, data.count(b"\n") + 1))
    return findings


def _messages(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
