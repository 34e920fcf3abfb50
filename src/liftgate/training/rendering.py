"""From messages to token ids, once, for training and evaluation alike.

The model's own chat template writes the text. A prompt is tokenised up to and including the template's
opening of the assistant's turn; a training row is that very prompt followed by the completion, so the model
is trained on exactly the boundary it meets when it answers. Loss falls on the completion and its end token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.data.answers import tool_names
from liftgate.data.dataset import text_of
from liftgate.errors import InputError, MissingExtra
from liftgate.files import digest, read_bytes, sha256_bytes
from liftgate.training.base_model import chat_template

RENDERING_VERSION: Final = 1
IGNORE: Final = -100
Messages = Sequence[Mapping[str, Any]]


class UnrenderableRow(ValueError):
    """The template cannot show this conversation in a form that can be trained on."""


@dataclass(frozen=True)
class TokenizedRow:
    """`input_ids` and `labels` have one length; labels are -100 wherever the loss must not fall.

    `line` is the row's place in its file, 0 where it has none.
    """

    input_ids: list[int]
    labels: list[int]
    line: int = 0

    @property
    def tokens(self) -> int:
        """Number of tokens that the model reads."""
        return len(self.input_ids)

    @property
    def target_tokens(self) -> int:
        """Number of tokens the loss falls on."""
        return sum(label != IGNORE for label in self.labels)

    @property
    def answers(self) -> tuple[TokenizedRow, ...]:
        """The conversations that are read: this one."""
        return (self,)


@dataclass(frozen=True)
class PairedRow:
    """One prompt with the better and the worse answer to it; the loss compares the two."""

    preferred: TokenizedRow
    rejected: TokenizedRow
    line: int = 0

    @property
    def tokens(self) -> int:
        """Number of tokens that the model reads, in both conversations."""
        return self.preferred.tokens + self.rejected.tokens

    @property
    def target_tokens(self) -> int:
        """Number of tokens of both answers."""
        return self.preferred.target_tokens + self.rejected.target_tokens

    @property
    def answers(self) -> tuple[TokenizedRow, ...]:
        """The better conversation, then the worse."""
        return (self.preferred, self.rejected)


TrainedRow = TokenizedRow | PairedRow


class Renderer:
    """Chat template + tokenizer of one base model.

    `write(messages, tools, open_turn)` gives the template's text; `encode(text)` its ids without added
    specials; `end_ids` are the tokens that end an assistant's turn.
    """

    def __init__(
        self,
        write: Callable[[Messages, Any, bool], str],
        encode: Callable[[str], list[int]],
        end_ids: Sequence[int],
        identity: Mapping[str, Any],
        decode: Callable[[Sequence[int]], str] = str,
    ) -> None:
        self.decode = decode
        self._write, self.encode, self.end_ids = write, encode, frozenset(end_ids)
        self.identity = dict(identity)

    @property
    def sha256(self) -> str:
        """Digest of everything that decides how messages become ids; equal in training and evaluation or refused."""
        return digest({**self.identity, "rendering_version": RENDERING_VERSION})

    @property
    def chat_template_sha256(self) -> str:
        """sha256 of the chat template's text."""
        return str(self.identity["chat_template_sha256"])

    def prompt_ids(self, messages: Messages, tools: Any = None) -> list[int]:
        """Ids up to and including the opening of the assistant's turn."""
        ids: list[int] = []
        for text, _ in self._segments(messages, tools):
            ids += self.encode(text)
        return ids

    def row(self, messages: Messages, tools: Any = None) -> TokenizedRow:
        """Ids and labels of a training conversation.

        An assistant message with `weight` 0 is shown but not trained on. Raises `UnrenderableRow` when a
        completion has no end token or nothing is left to train on.
        """
        ids: list[int] = []
        labels: list[int] = []
        for text, trained in self._segments(messages, tools, complete=True):
            piece = self.encode(text)
            ids += piece
            if not trained:
                labels += [IGNORE] * len(piece)
                continue
            end = max((i for i, token in enumerate(piece) if token in self.end_ids), default=None)
            if end is None:
                raise UnrenderableRow("the chat template writes no end token after an assistant message")
            labels += piece[: end + 1] + [IGNORE] * (len(piece) - end - 1)
        row = TokenizedRow(ids, labels)
        if row.target_tokens == 0:
            raise UnrenderableRow("no token is left to train on")
        return row

    def dropped(self, messages: Messages, row: TokenizedRow) -> int:
        """How many trained messages have words, or call tools, that the tokens of the loss do not spell."""
        target = _squeezed(self.decode([label for label in row.labels if label != IGNORE]))
        count = 0
        for message in messages:
            if message.get("role") == "assistant" and message.get("weight", 1) != 0:
                said = [text_of(message), *tool_names(message)]
                # Through the tokenizer and back: what it folds away is no fault of the template.
                count += any(_squeezed(self.decode(self.encode(text))) not in target for text in said if text)
        return count

    def _segments(self, messages: Messages, tools: Any, *, complete: bool = False) -> list[tuple[str, bool]]:
        """The rendered text cut at the borders of assistant turns: (text, loss falls here)."""
        segments: list[tuple[str, bool]] = []
        written = ""
        for index, message in enumerate(messages):
            if message.get("role") != "assistant":
                continue
            opened = self._continue(written, messages[:index], tools, True)
            closed = self._continue(written + opened, messages[: index + 1], tools, False)
            segments += [(opened, False), (closed, message.get("weight", 1) != 0)]
            written += opened + closed
        if not complete:
            segments.append((self._continue(written, messages, tools, True), False))
        return segments

    def _continue(self, written: str, messages: Messages, tools: Any, open_turn: bool) -> str:
        whole = self._write(messages, tools, open_turn)
        if not whole.startswith(written):
            raise UnrenderableRow(
                "the chat template rewrites earlier turns, so their tokens cannot be masked"
            )
        return whole[len(written) :]


def _squeezed(text: str) -> str:
    """Without white space, which templates trim as they like."""
    return "".join(text.split())


def load_renderer(folder: Path, tokenizer_sha256: str) -> Renderer:
    """The renderer of a base model's folder. Raises `InputError` when it has no chat template."""
    try:
        from jinja2 import TemplateError
        from tokenizers import Tokenizer
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError as error:
        raise MissingExtra("local", error.name or "transformers") from None
    config = json.loads(read_bytes(folder / "tokenizer_config.json"))
    template = chat_template(folder)
    if template is None:
        raise InputError(f"{folder} has no chat template", hint="use an instruction-tuned base model")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    specials = {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in config.items()
        if name.endswith("_token") and isinstance(value, str | dict)
    }

    def write(messages: Messages, tools: Any, open_turn: bool) -> str:
        try:
            texts, _ = render_jinja_template(
                [[{k: v for k, v in m.items() if k != "weight"} for m in messages]],
                tools=tools,
                chat_template=template,
                add_generation_prompt=open_turn,
                **specials,
            )
        except (TemplateError, TypeError, KeyError) as error:
            # The template's own words may quote the conversation.
            raise UnrenderableRow("the chat template refuses this conversation") from error
        return str(texts[0])

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return Renderer(
        write,
        encode,
        _end_ids(folder, tokenizer, specials),
        {"chat_template_sha256": sha256_bytes(template.encode()), "tokenizer_sha256": tokenizer_sha256},
        lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=False)),
    )


def _end_ids(folder: Path, tokenizer: Any, specials: Mapping[str, str]) -> list[int]:
    ids: list[int] = []
    generation = folder / "generation_config.json"
    if generation.is_file():
        listed = json.loads(generation.read_bytes()).get("eos_token_id")
        ids += listed if isinstance(listed, list) else [listed] if isinstance(listed, int) else []
    if (eos := specials.get("eos_token")) and (eos_id := tokenizer.token_to_id(eos)) is not None:
        ids.append(eos_id)
    return sorted(set(ids))
