"""Prompt files: a system prompt and worked examples, rendered in front of a case's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate import config
from liftgate.data.golden import Case
from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.evaluation.completion import Message, well_formed
from liftgate.evaluation.retrieval import passages_in, shown

PASSAGES: Final = "{passages}"


@dataclass(frozen=True)
class Prompt:
    """What stands before the question. Without system and examples the cases' own messages stand alone.

    `context` is where retrieved passages go, in front of the last question; `answer_schema` asks a provider
    that can for an answer of that JSON Schema.
    """

    system: str | None = None
    examples: Sequence[tuple[str, str]] = ()
    """(user's turn, assistant's turn) pairs."""
    path: str | None = None
    context: str | None = None
    answer_schema: Mapping[str, Any] | None = None

    @property
    def sha256(self) -> str:
        """Digest of what the model sees: a comment or another file name does not change it."""
        seen: dict[str, Any] = {"system": self.system, "examples": [list(pair) for pair in self.examples]}
        if self.context is not None:
            seen["context"] = self.context
        if self.answer_schema is not None:
            seen["answer_schema"] = self.answer_schema
        return digest(seen)

    @classmethod
    def from_document(cls, document: config.Document) -> Prompt:
        """A prompt from a document that its schema accepts."""
        data: Mapping[str, Any] = document.data
        examples = [(example["input"], example["output"]) for example in data.get("examples") or []]
        system, context = data.get("system"), data.get("context")
        texts = [system or "", context or "", *(text for pair in examples for text in pair)]
        if any(well_formed(text) != text for text in texts):
            raise InputError(
                f"{document.path}: holds half a character (a lone surrogate), which no model can be sent"
            )
        if context is not None and context.count(PASSAGES) != 1:
            raise InputError(
                f"{document.place(('context',))}: must say once, as {PASSAGES}, where the passages go"
            )
        return cls(system, tuple(examples), document.path, context, data.get("answer_schema"))


def read_prompt(data: bytes, path: str) -> Prompt:
    """A prompt from the bytes of its file. Raises `InputError` with every problem."""
    return Prompt.from_document(config.load(data, path, "prompt"))


def render(prompt: Prompt, case: Case) -> list[Message]:
    """System prompt, example turns, then the case. A case that brings its own system message keeps it.

    Where the prompt has a place for passages, those in the case's context stand before its last question.
    """
    own = [message for message in case.messages if message.get("role") in {"system", "developer"}]
    rest = [message for message in case.messages if message.get("role") not in {"system", "developer"}]
    if prompt.context is not None:
        rest = _with_passages(rest, prompt.context.replace(PASSAGES, shown(passages_in(case.context))))
    messages: list[Message] = (
        [*own] if own or prompt.system is None else [{"role": "system", "content": prompt.system}]
    )
    for question, answer in prompt.examples:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return [*messages, *rest]


def _with_passages(messages: Sequence[Message], passages: str) -> list[Message]:
    last = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=None)
    if last is None:
        return [{"role": "user", "content": passages}, *messages]
    asked = messages[last].get("content")
    content: Any = f"{passages}\n\n{asked}"
    if isinstance(asked, list):
        content = [{"type": "text", "text": passages}, *asked]
    return [*messages[:last], {**messages[last], "content": content}, *messages[last + 1 :]]
