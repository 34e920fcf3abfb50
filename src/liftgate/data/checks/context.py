"""What every rule reads: the dataset, the golden cases, and the columns that several rules share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from liftgate.data.card import Card
from liftgate.data.dataset import Dataset, Row, text_of
from liftgate.data.golden import Case, Cases
from liftgate.data.shape import shape_problems
from liftgate.data.text import fingerprint, normalise
from liftgate.findings import Finding, Severity
from liftgate.policy import DataPolicy
from liftgate.tokens import DEFAULT_ENCODING, count_conversations


@dataclass(frozen=True)
class Context:
    """Everything one validation knows. Columns are computed once, on first use, in the order of `rows`."""

    dataset: Dataset
    golden: tuple[Cases, ...] = ()
    card: Card | None = None
    sibling: Dataset | None = None
    thresholds: DataPolicy = field(default_factory=DataPolicy)
    encoding: str = DEFAULT_ENCODING
    target: str | None = None

    @property
    def path(self) -> str:
        """The dataset's path as the user wrote it."""
        return self.dataset.path

    def finding(self, rule: str, message: str, row: Row | None = None, *, warn: bool = False) -> Finding:
        """A finding about one row, or about the whole file when no row is given."""
        severity = Severity.WARNING if warn else Severity.ERROR
        return Finding(rule, severity, message, self.path, row.line if row else None)

    @cached_property
    def broken(self) -> dict[int, list[str]]:
        """Line → schema problems, for the rows that have some."""
        found = ((row.line, shape_problems(row)) for row in self.dataset.rows)
        return {line: problems for line, problems in found if problems}

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows with a valid shape. Later rules look at these only, so one defect is reported once."""
        return [row for row in self.dataset.rows if row.line not in self.broken]

    @cached_property
    def prompts(self) -> Sequence[str]:
        """The user text of every row."""
        return [row.prompt for row in self.rows]

    @cached_property
    def prompt_prints(self) -> Sequence[bytes]:
        """Fingerprint of the normalised prompt of every row."""
        return [fingerprint(normalise(prompt)) for prompt in self.prompts]

    @cached_property
    def question_prints(self) -> Sequence[bytes]:
        """Fingerprint of everything before the answer: same question, same right answer."""
        return [
            print_ if _is_plain(row) else fingerprint(_question(row))
            for row, print_ in zip(self.rows, self.prompt_prints, strict=True)
        ]

    @cached_property
    def classes(self) -> Sequence[str]:
        """`metadata.label` of the rows that have one; short answers that repeat when no row has one."""
        labels = [row.label for row in self.rows if row.label is not None]
        if labels:
            return labels
        answers = [row.answer for row in self.rows]
        short = all(len(answer) <= 64 and "\n" not in answer for answer in answers)
        return answers if short and len(set(answers)) * 5 <= len(answers) else []

    @property
    def is_validation(self) -> bool:
        """True for the validation half of a release, known by its name."""
        return ".validation." in self.path

    @property
    def is_meant_for_training(self) -> bool:
        """A card or a target says that this file will be trained on, so its size matters."""
        return self.card is not None or self.target is not None

    @cached_property
    def row_tokens(self) -> Sequence[int]:
        """Training tokens of every parsed row, valid or not, in the order of `dataset.rows`."""
        return count_conversations(((row.messages, row.tools) for row in self.dataset.rows), self.encoding)

    def cases(self) -> Iterator[tuple[Cases, Case]]:
        """Every golden and safety case with the file it stands in."""
        for cases in self.golden:
            for case in cases:
                yield cases, case


def _is_plain(row: Row) -> bool:
    return len(row.messages) == 2 and row.messages[0]["role"] == "user"


def _question(row: Row) -> str:
    before = row.messages[:-1] if row.messages[-1]["role"] == "assistant" else row.messages
    return "\n".join(f"{message['role']} {normalise(text_of(message))}" for message in before)
