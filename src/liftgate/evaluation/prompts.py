"""Prompt files: a system prompt and worked examples, rendered in front of a case's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liftgate import config
from liftgate.data.golden import Case
from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.evaluation.completion import Message, well_formed


@dataclass(frozen=True)
class Prompt:
    """What stands before the question. Without system and examples the cases' own messages stand alone."""

    system: str | None = None
    examples: Sequence[tuple[str, str]] = ()
    """(user's turn, assistant's turn) pairs."""
    path: str | None = None

    @property
    def sha256(self) -> str:
        """Digest of what the model sees: a comment or another file name does not change it."""
        return digest({"system": self.system, "examples": [list(pair) for pair in self.examples]})

    @classmethod
    def from_document(cls, document: config.Document) -> Prompt:
        """A prompt from a document that its schema accepts."""
        data: Mapping[str, Any] = document.data
        examples = [(example["input"], example["output"]) for example in data.get("examples") or []]
        texts = [data.get("system") or "", *(text for pair in examples for text in pair)]
        if any(well_formed(text) != text for text in texts):
            raise InputError(
                f"{document.path}: holds half a character (a lone surrogate), which no model can be sent"
            )
        return cls(data.get("system"), tuple(examples), document.path)


def read_prompt(data: bytes, path: str) -> Prompt:
    """A prompt from the bytes of its file. Raises `InputError` with every problem."""
    return Prompt.from_document(config.load(data, path, "prompt"))


def render(prompt: Prompt, case: Case) -> list[Message]:
    """System prompt, example turns, then the case. A case that brings its own system message keeps it."""
    own = [message for message in case.messages if message.get("role") in {"system", "developer"}]
    rest = [message for message in case.messages if message.get("role") not in {"system", "developer"}]
    messages: list[Message] = (
        [*own] if own or prompt.system is None else [{"role": "system", "content": prompt.system}]
    )
    for question, answer in prompt.examples:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return [*messages, *rest]
