"""Training rows as typed values, and what the loader could not read as findings with their line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from liftgate.data import jsonl, native
from liftgate.data.native import Message, dicts
from liftgate.findings import Finding, Severity

__all__ = ["Dataset", "Message", "Row", "prompt_of", "read_rows", "text_of"]


class Row:
    """One training example: the line it stands on and the object that was read, shape not yet trusted.

    `messages` is the conversation in our form whatever the row's own `shape` is, the preferred answer last.
    A plain class with slots: a million rows are held at once, and every rule reads `messages`.
    """

    __slots__ = ("data", "line", "messages", "metadata", "shape")

    def __init__(self, line: int, data: Mapping[str, Any]) -> None:
        self.line = line
        self.data = data
        metadata = data.get("metadata")
        self.metadata: Mapping[str, Any] = metadata if isinstance(metadata, dict) else {}
        self.shape = shape = native.shape_of(data)
        self.messages: Sequence[Message] = (
            dicts(data["messages"]) if shape == native.CHAT else native.messages_of(data, shape)
        )

    @property
    def is_preference(self) -> bool:
        """True for a row that ranks two answers instead of giving one."""
        return self.shape in native.COMPARED

    @property
    def owner(self) -> str | None:
        """The target whose own files hold rows of this shape; None for our shapes and unknown ones."""
        return native.OWNERS.get(self.shape or "")

    @property
    def rejected(self) -> Sequence[Message]:
        """The worse answer of a preference row; nothing for other rows."""
        return native.rejected(self.data) if self.is_preference else ()

    @property
    def charged(self) -> Sequence[Message]:
        """Every message that is paid for: a preference row trains on both of its answers."""
        return [*self.messages, *self.rejected] if self.is_preference else self.messages

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Tool definitions the model may call."""
        holder = self.data["input"] if self.shape == native.PREFERENCE else self.data
        return dicts(holder.get("tools"))

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
    """A dataset file: its readable rows, the number of lines that are not blank, the loader's findings.

    `absent` is true when there is no data at all to judge; a finding then says why.
    """

    path: str
    rows: tuple[Row, ...]
    line_count: int
    findings: tuple[Finding, ...] = ()
    size_bytes: int = 0
    absent: bool = False


def absent(path: str, rule: str, message: str) -> Dataset:
    """What stands for a file whose data cannot be had."""
    return Dataset(path, (), 0, (Finding(rule, Severity.ERROR, message, path, 1),), absent=True)


def read_rows(data: bytes | BinaryIO, path: str) -> Dataset:
    """Read a JSONL dataset from bytes or a seekable stream.

    What cannot be read becomes an `invalid-json` finding with its line.
    """
    rows: list[Row] = []
    findings: list[Finding] = []
    count = 0
    layout = jsonl.Layout()
    for line in jsonl.parse(data, layout):
        if line.problem == jsonl.LFS_POINTER:
            return absent(path, "lfs-pointer", line.problem)
        count += 1
        if line.problem is not None:
            findings.append(Finding("invalid-json", Severity.ERROR, line.problem, path, line.number))
        elif isinstance(line.value, dict):
            rows.append(Row(line.number, line.value))
        else:
            kind = "an array" if isinstance(line.value, list) else "a bare value"
            message = f"expected an object, found {kind}; write one object a line"
            findings.append(Finding("invalid-json", Severity.ERROR, message, path, line.number))
    findings.extend(_layout_findings(layout, path))
    size = len(data) if isinstance(data, bytes) else data.tell()
    return Dataset(path, tuple(rows), count, tuple(findings), size)


def prompt_of(messages: Sequence[Message]) -> str:
    """All user messages, joined by line ends."""
    found = [text_of(message) for message in messages if message.get("role") == "user"]
    return found[0] if len(found) == 1 else "\n".join(found)


def text_of(message: Message) -> str:
    """The text of a message; the text parts when its content is a list."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _layout_findings(layout: jsonl.Layout, path: str) -> Iterator[Finding]:
    if layout.byte_order_mark:
        message = "the file starts with a byte order mark, which many readers refuse; save it as plain UTF-8"
        yield Finding("byte-order-mark", Severity.WARNING, message, path, 1)
    if layout.first_crlf is not None:
        lines = f"{layout.crlf_lines:,} lines end" if layout.crlf_lines > 1 else "1 line ends"
        message = f"{lines} in CR LF; save the file with LF line ends"
        yield Finding("carriage-return", Severity.WARNING, message, path, layout.first_crlf)
    if layout.first_blank is not None:
        message = "a blank line; some trainers stop at the first one"
        yield Finding("blank-line", Severity.WARNING, message, path, layout.first_blank)
    if layout.unended_line is not None:
        message = "the last line has no line end, so it may be cut off"
        yield Finding("no-final-newline", Severity.NOTICE, message, path, layout.unended_line)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
