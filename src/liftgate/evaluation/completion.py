"""What an endpoint is asked, and the two things that can come back: an answer or a failure.

A failure is never an answer: it is not stored, and it never becomes a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

Message = Mapping[str, Any]
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. None leaves the choice to the provider; temperature 0 is greedy."""

    temperature: float | None = 0.0
    max_tokens: int | None = None
    top_p: float | None = None
    seed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Every field, with None where the provider chooses: part of the store's key."""
        return dict(vars(self))


@dataclass(frozen=True)
class Request:
    """One question: rendered messages, tools on offer, sampling, and which repeat this is (0-based).

    `case_id` serves endpoints that look answers up (`recorded`); it is no part of the store's key, so two
    cases with one prompt share one answer. `answer_schema` asks for structured output.
    """

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] | None
    sampling: Sampling
    repeat: int = 0
    case_id: str = ""
    answer_schema: Mapping[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        """What the answer may depend on, as JSON values."""
        # A key of its own only where there is a schema: answers kept before there was one stay found.
        schema = {} if self.answer_schema is None else {"answer_schema": dict(self.answer_schema)}
        return {
            "messages": [dict(message) for message in self.messages],
            "tools": None if self.tools is None else [dict(tool) for tool in self.tools],
            "sampling": self.sampling.to_dict(),
            "repeat": self.repeat,
            **schema,
        }


@dataclass(frozen=True)
class Completion:
    """One answer. `latency_ms` is the time of the attempt that answered, without waiting and retries.

    `finish_reason` is "stop", "length" (cut at the token limit) or "tool_calls". `input_tokens` and
    `output_tokens` are None when the provider does not count. `tool_calls` keeps the provider's order as
    `{"name": str, "arguments": str}`.
    """

    text: str
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str = "stop"
    tool_calls: Sequence[Mapping[str, Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form in which the store keeps an answer."""
        calls = self.tool_calls
        return {**vars(self), "tool_calls": None if calls is None else [dict(call) for call in calls]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Completion:
        """Inverse of `to_dict`."""
        return cls(**data)


@dataclass(frozen=True)
class Failure:
    """Why there is no answer. `kind` is a short kebab-case word; `message` never holds a prompt's text."""

    kind: str
    message: str


Outcome = Completion | Failure


def well_formed(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, so that it can be written as UTF-8.

    Byte-level tokenizers and servers that escape half a pair produce them; everything else, NUL, control
    and bidi characters included, stays as the model wrote it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        # Through UTF-16 first, which joins a surrogate pair that arrived as two halves.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def with_well_formed_text(completion: Completion) -> Completion:
    """The completion as it may be stored and written."""
    calls = completion.tool_calls
    if calls is not None:
        calls = [
            {
                well_formed(name): well_formed(value) if isinstance(value, str) else value
                for name, value in call.items()
            }
            for call in calls
        ]
    text = well_formed(completion.text)
    if text is completion.text and calls == completion.tool_calls:
        return completion
    return replace(completion, text=text, tool_calls=calls)
