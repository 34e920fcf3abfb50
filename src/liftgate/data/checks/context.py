"""What every rule reads: the dataset, the golden cases, and the columns that several rules share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from liftgate.data.answers import tool_names, trained_messages
from liftgate.data.asking import Asking
from liftgate.data.card import Card
from liftgate.data.dataset import Dataset, Message, Row, text_of
from liftgate.data.golden import Case, Cases
from liftgate.data.near import near_pairs
from liftgate.data.release import Releases
from liftgate.data.rendered import Rendering
from liftgate.data.resembling import Resembling, resembling
from liftgate.data.shape import shape_problems
from liftgate.data.skeleton import Template, template
from liftgate.data.targets import Target
from liftgate.data.taught import Taught, in_other_voices, taught_elsewhere
from liftgate.data.text import normal_print, shown, unmasked_bytes
from liftgate.findings import Finding, Severity
from liftgate.policy import DataPolicy
from liftgate.tokens import DEFAULT_ENCODING, count_conversations


@dataclass(frozen=True)
class Context:
    """Everything one validation knows. Columns are computed once, on first use, in the order of `rows`.

    `sibling` is the other half of the split; `history` holds every file of the card's other releases.
    """

    dataset: Dataset
    golden: tuple[Cases, ...] = ()
    card: Card | None = None
    sibling: Dataset | None = None
    history: tuple[Dataset, ...] = ()
    releases: Releases | None = None
    asking: tuple[Asking, ...] = ()
    task: str | None = None
    answer_schema: Mapping[str, Any] | None = None
    rendering: Rendering | None = None
    thresholds: DataPolicy = field(default_factory=DataPolicy)
    encoding: str = DEFAULT_ENCODING
    target: Target | None = None

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
        target = self.target.name if self.target else None
        found = ((row.line, shape_problems(row, target)) for row in self.dataset.rows)
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
        return [normal_print(prompt) for prompt in self.prompts]

    @property
    def near_texts(self) -> Sequence[bytes]:
        """Every row's prompt, then those `elsewhere`, in the form that near-duplicates are judged by."""
        return _NearTexts([*self.prompts, *(taught.prompt for taught in self.elsewhere)])

    @cached_property
    def first_asked(self) -> dict[bytes, int]:
        """Fingerprint of each prompt → index of the first row that has it."""
        first: dict[bytes, int] = {}
        for index, print_ in enumerate(self.prompt_prints):
            first.setdefault(print_, index)
        return first

    @cached_property
    def near_repeats(self) -> Sequence[tuple[int, int]]:
        """(earlier, later) row indices of prompts that nearly repeat one another, equal ones left out."""
        return self._near_repeats[0]

    @property
    def near_across(self) -> Sequence[tuple[int, Row]]:
        """(row index, row of the validation half) of prompts that nearly repeat one another; training half only."""
        return self._near_repeats[1]

    @cached_property
    def _near_repeats(self) -> tuple[Sequence[tuple[int, int]], Sequence[tuple[int, Row]]]:
        first = list(self.first_asked.values())
        other = (
            []
            if self.is_validation
            else [row for print_, row in self.sibling_asked.items() if print_ not in self.first_asked]
        )
        texts = [*(self.prompts[index] for index in first), *(row.prompt for row in other)]
        pairs = near_pairs(_NearTexts(texts), other_from=len(first))
        within = [(first[a], first[b]) for a, b in pairs if b < len(first)]
        return within, [(first[a], other[b - len(first)]) for a, b in pairs if b >= len(first)]

    @cached_property
    def sibling_asked(self) -> dict[bytes, Row]:
        """Fingerprint of each prompt in the other half of the split → the last row there that has it."""
        rows = self.sibling.rows if self.sibling else ()
        return {normal_print(row.prompt): row for row in rows}

    @cached_property
    def elsewhere(self) -> Sequence[Taught]:
        """What is taught besides the users' words of this file; other releases and examples with the training half.

        Prompts that stand in this file or in the other half are judged there.
        """
        if not self.asked_cases:
            return ()
        others = list(in_other_voices(self.dataset, self.rows))
        if self.is_validation:
            return others
        judged = self.first_asked.keys() | self.sibling_asked.keys()
        return [*others, *taught_elsewhere(self.history, self.asking, judged)]

    @cached_property
    def repeated_questions(self) -> Sequence[Sequence[int]]:
        """Indices of rows that ask the same, equal in all before the answer, in groups of two and more."""
        repeated: dict[bytes, list[int]] = {}
        for index, print_ in enumerate(self.prompt_prints):
            if (first := self.first_asked[print_]) != index:
                repeated.setdefault(print_, [first]).append(index)
        groups: dict[tuple[bytes, bytes], list[int]] = {}
        for print_, indices in repeated.items():
            for index in indices:
                groups.setdefault((print_, _frame(self.rows[index])), []).append(index)
        return [group for group in groups.values() if len(group) > 1]

    @cached_property
    def is_labelled(self) -> bool:
        """Some row names its class itself, as `metadata.label`."""
        return any("label" in row.metadata for row in self.rows)

    @cached_property
    def row_classes(self) -> Sequence[str | None]:
        """The class of every row: its label; when no row has one, short answers that repeat or tools called."""
        if self.is_labelled:
            return [row.label for row in self.rows]
        if self.task == "tools":
            return [_first_tool(row) for row in self.rows]
        answers = [row.answer for row in self.rows]
        if self.task in {"extraction", "style"} or len(set(answers)) * 5 > len(answers):
            return [None] * len(answers)
        short = all(len(answer) <= 64 and "\n" not in answer for answer in answers)
        return answers if short else [None] * len(answers)

    @cached_property
    def with_tools(self) -> Sequence[Row]:
        """The rows that offer tools."""
        return [row for row in self.rows if ("tools" in row.data or "input" in row.data) and row.tools]

    @cached_property
    def classes(self) -> Sequence[str]:
        """The classes of the rows that have one."""
        return [name for name in self.row_classes if name is not None]

    @property
    def is_validation(self) -> bool:
        """True for the validation half of a release: by the card, else by its name."""
        if self.releases and self.releases.current:
            return self.releases.is_validation
        return ".validation." in self.path

    @property
    def is_meant_for_training(self) -> bool:
        """A card or a target says that this file will be trained on, so its size matters."""
        return self.card is not None or self.target is not None

    @cached_property
    def row_tokens(self) -> Sequence[int]:
        """Training tokens of every parsed row, valid or not, in the order of `dataset.rows`."""
        return count_conversations(((row.charged, row.tools) for row in self.dataset.rows), self.encoding)

    @cached_property
    def asked_cases(self) -> Sequence[tuple[Cases, Case]]:
        """Every golden and safety case that has a prompt, with the file it stands in."""
        return [(cases, case) for cases in self.golden for case in cases if case.prompt.strip()]

    @cached_property
    def case_texts(self) -> Sequence[bytes]:
        """The prompt of each asked case in the form that near-duplicates are judged by."""
        return [unmasked_bytes(case.prompt) for _, case in self.asked_cases]

    @cached_property
    def case_templates(self) -> Sequence[Template | None]:
        """The template of each asked case, where it has entities."""
        return [template(case.prompt) for _, case in self.asked_cases]

    @cached_property
    def resembling_cases(self) -> Resembling:
        """Which of `near_texts` may resemble which asked case."""
        repeats = {
            index for index, print_ in enumerate(self.prompt_prints) if self.first_asked[print_] != index
        }
        repeats.update(later for _, later in self.near_repeats)
        return resembling(self.near_texts, self.case_texts, self.case_templates, repeats)

    @cached_property
    def golden_prints(self) -> frozenset[bytes]:
        """Fingerprints of the normalised prompts of all cases."""
        return frozenset(normal_print(case.prompt) for _, case in self.asked_cases)

    @staticmethod
    def name_of(cases: Cases, case: Case) -> str:
        """How a finding names a case: its id when that is a plain word, and its place."""
        return f"{shown(case.id, '')} ({cases.path}:{case.line})".lstrip()


class _NearTexts(Sequence[bytes]):
    """Prompts in their near form, made when asked for: a second copy of the dataset's text is too much."""

    def __init__(self, prompts: Sequence[str]) -> None:
        self.prompts = prompts

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _NearTexts(self.prompts[index])
        return unmasked_bytes(self.prompts[index])

    def __iter__(self) -> Iterator[bytes]:
        return map(unmasked_bytes, self.prompts)


def _frame(row: Row) -> bytes:
    """What surrounds the user's words before the answer: system prompt and earlier turns."""
    before = row.messages[:-1] if row.messages[-1]["role"] == "assistant" else row.messages
    return normal_print("\n".join(f"{m['role']} {_said(m)}" for m in before if m["role"] != "user"))


def _first_tool(row: Row) -> str | None:
    return next((name for message in trained_messages(row) for name in tool_names(message)), None)


def _said(message: Message) -> str:
    return text_of(message) or str(message.get("tool_calls", ""))
