"""Passages for a question: those that the case brings, or those that BM25 finds in a folder of documents.

Pure: the documents come as bytes. BM25 with the idf of Lucene (Robertson and Zaragoza 2009, The Probabilistic
Relevance Framework; Kamphuis et al. 2020, "Which BM25 do you mean?"): a passage's score is the sum over the
question's words of ln(1 + (N - n + 0.5) / (n + 0.5)) · f / (f + k1·(1 - b + b·length / mean length)).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from liftgate.data.golden import Case
from liftgate.digests import digest, sha256_bytes
from liftgate.errors import InputError, Problem
from liftgate.evaluation.quoting import marker, quoted

RETRIEVAL_VERSION: Final = 1
K1: Final = 1.5
B: Final = 0.75
SUFFIXES: Final = (".md", ".markdown", ".txt")
_PASSAGE_WORDS: Final = 120
_WORD: Final = re.compile(r"\w+")
_HEADING: Final = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")


@dataclass(frozen=True)
class Retrieval:
    """How an arm comes by its passages: `context` takes the case's own, `bm25` searches `documents`."""

    kind: Literal["bm25", "context"]
    documents: str | None = None
    passages: int = 4


@dataclass(frozen=True)
class Passage:
    """A piece of a document, with the document's name."""

    source: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """The form in a case's context."""
        return {"source": self.source, "text": self.text}


class Documents:
    """A folder of documents, cut into passages and indexed."""

    def __init__(self, files: Mapping[str, bytes], path: str) -> None:
        """Raises `InputError` naming every file that cannot be read as text, and for a folder without text."""
        self.path = path
        self.sha256 = digest({name: sha256_bytes(data) for name, data in files.items()})
        problems: list[Problem] = []
        self.passages: list[Passage] = []
        for name in sorted(files):
            try:
                self.passages += _cut(name, files[name].decode("utf-8-sig"))
            except UnicodeDecodeError:
                problems.append(Problem(f"{path}/{name}", "is not UTF-8 text"))
        if problems:
            raise InputError(f"{path} holds documents that cannot be read", problems=problems)
        if not self.passages:
            raise InputError(f"{path} holds no text to search", hint=f"put {', '.join(SUFFIXES)} files there")
        self._counts = [Counter(words(f"{passage.text}")) for passage in self.passages]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean_length = sum(self._lengths) / len(self._lengths) or 1.0
        self._holding = Counter(word for counts in self._counts for word in counts)

    def search(self, question: str, passages: int) -> list[Passage]:
        """The best passages for a question, best first; fewer when fewer share a word with it."""
        scores = self.scores(question)
        best = sorted(
            (index for index, score in enumerate(scores) if score > 0), key=lambda i: (-scores[i], i)
        )
        return [self.passages[index] for index in best[:passages]]

    def scores(self, question: str) -> list[float]:
        """The BM25 score of every passage, in their order."""
        wanted = [word for word in words(question) if word in self._holding]
        return [
            math.fsum(self._idf(word) * self._weight(counts[word], length) for word in wanted if counts[word])
            for counts, length in zip(self._counts, self._lengths, strict=True)
        ]

    def _idf(self, word: str) -> float:
        holding = self._holding[word]
        return math.log(1 + (len(self.passages) - holding + 0.5) / (holding + 0.5))

    def _weight(self, frequency: int, length: int) -> float:
        return frequency / (frequency + K1 * (1 - B + B * length / self._mean_length))


def words(text: str) -> list[str]:
    """Words as they are searched: compatibility forms folded, lower case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def passages_for(case: Case, retrieval: Retrieval, documents: Documents | None) -> list[Passage]:
    """What an arm is given for a case."""
    if retrieval.kind == "context" or documents is None:
        return passages_in(case.context)[: retrieval.passages]
    return documents.search(case.prompt, retrieval.passages)


def with_passages(case: Case, passages: Sequence[Passage]) -> Case:
    """The case as an arm with a retriever is asked it."""
    return replace(case, context=[passage.to_dict() for passage in passages])


def passages_in(context: Any) -> list[Passage]:
    """The passages that a case's `context` holds: a text, a list of them, or objects with `text` and `source`."""
    if context is None:
        return []
    items = context if isinstance(context, list) else [context]
    return [_passage(item) for item in items if item not in ("", None)]


def shown(passages: Sequence[Passage]) -> str:
    """The passages as a model sees them, each between markers that it cannot contain."""
    if not passages:
        return "(no passage was found)"
    mark = marker([text for passage in passages for text in (passage.source, passage.text)])
    return "\n".join(
        quoted("passage", f"{passage.source}\n\n{passage.text}" if passage.source else passage.text, mark)
        for passage in passages
    )


def _passage(item: Any) -> Passage:
    if isinstance(item, dict) and isinstance(item.get("text"), str):
        source = item.get("source")
        return Passage(source if isinstance(source, str) else "", item["text"])
    return Passage(
        "", item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, sort_keys=True)
    )


def _cut(name: str, text: str) -> Iterator[Passage]:
    """Passages of at most some 120 words, cut at blank lines, each under the headings it stands under."""
    above: list[str] = []
    held: list[str] = []

    def passage() -> Iterator[Passage]:
        if held:
            yield Passage(name, "\n\n".join([" > ".join(above), *held] if above else held))
        held.clear()

    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip("\n").split("\n")
        while lines and (heading := _HEADING.match(lines[0].strip())):
            yield from passage()
            above = [*above[: len(heading[1]) - 1], heading[2]]
            lines = lines[1:]
        for piece in _pieces("\n".join(lines).strip()):
            if held and len(" ".join([*held, piece]).split()) > _PASSAGE_WORDS:
                yield from passage()
            held.append(piece)
    yield from passage()


def _pieces(block: str) -> list[str]:
    said = block.split()
    if len(said) <= _PASSAGE_WORDS:
        return [block] if said else []
    starts = range(0, len(said), _PASSAGE_WORDS)
    return [" ".join(said[start : start + _PASSAGE_WORDS]) for start in starts]
