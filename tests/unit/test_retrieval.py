"""Passages: BM25 against the bm25s package, cutting, quoting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.data.golden import Case
from liftgate.errors import InputError
from liftgate.evaluation.prompts import Prompt, render
from liftgate.evaluation.retrieval import Documents, Passage, Retrieval, passages_for, passages_in, shown

FILES = {
    "a.md": b"refund takes five days",
    "b.md": b"order ships in two days days",
    "c.md": b"refund refund order",
    "d.txt": b"cats sleep",
}


def case(question: str, context: object = None) -> Case:
    return Case("c", [{"role": "user", "content": question}], "x", {}, 1, context=context)


def test_scores_are_those_of_lucenes_bm25() -> None:
    # bm25s 0.3.16, BM25(method="lucene", k1=1.5, b=0.75), which counts in 32 bits
    documents = Documents(FILES, "documents")
    assert documents.scores("Refund, days?") == pytest.approx(
        [0.5383667349815369, 0.3320465683937073, 0.4232959747314453, 0.0], abs=1e-7
    )
    assert documents.scores("order") == pytest.approx(
        [0.0, 0.218314066529274, 0.30468007922172546, 0.0], abs=1e-7
    )


def test_the_best_passages_come_first_and_those_without_a_word_in_common_never() -> None:
    documents = Documents(FILES, "documents")
    assert [passage.source for passage in documents.search("refund days", 2)] == ["a.md", "c.md"]
    assert [passage.source for passage in documents.search("refund days", 9)] == ["a.md", "c.md", "b.md"]
    assert documents.search("zebra", 3) == []


def test_documents_are_cut_at_blank_lines_under_their_headings() -> None:
    text = "# Refunds\n\nWe pay back.\n\n## Time\nFive days.\n\n" + "word " * 130 + "\n\n# Other\n\nlast"
    found = Documents({"r.md": text.encode()}, "documents").passages
    headings = [passage.text.split("\n\n")[0] for passage in found]
    assert headings == ["Refunds", "Refunds > Time", "Refunds > Time", "Refunds > Time", "Other"]
    assert max(len(passage.text.split()) for passage in found) == 123
    assert found[0] == Passage("r.md", "Refunds\n\nWe pay back.")
    assert found[1] == Passage("r.md", "Refunds > Time\n\nFive days.")
    assert found[-1] == Passage("r.md", "Other\n\nlast")


def test_the_digest_is_that_of_names_and_bytes() -> None:
    one = Documents(FILES, "documents").sha256
    assert Documents(dict(reversed(FILES.items())), "elsewhere").sha256 == one
    assert Documents({**FILES, "a.md": b"refund takes six days"}, "documents").sha256 != one


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.md": b"\xff"}, "documents/a.md: is not UTF-8 text"),
        ({"a.md": b" \n\n"}, "documents holds no text to search"),
        ({}, "documents holds no text to search"),
    ],
)
def test_documents_that_cannot_be_searched_are_refused(files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        Documents(files, "documents")


def test_a_case_may_bring_its_passages() -> None:
    assert passages_in("one") == [Passage("", "one")]
    assert passages_in(["one", {"text": "two", "source": "s"}]) == [Passage("", "one"), Passage("s", "two")]
    assert passages_in(None) == passages_in([]) == passages_in("") == []
    found = passages_for(case("q", ["one", "two", "three"]), Retrieval("context", None, 2), None)
    assert [passage.text for passage in found] == ["one", "two"]


@given(texts=st.lists(st.text(), min_size=1, max_size=3))
def test_no_passage_can_end_its_own_quotation(texts: list[str]) -> None:
    block = shown([Passage("", text) for text in texts])
    mark = re.match(r"<passage ([0-9a-f]{24})>\n", block)
    assert mark is not None
    assert block.count(f"</passage {mark[1]}>") == len(texts)


def test_passages_stand_before_the_last_question() -> None:
    prompt = Prompt(system="Answer.", context="Use only:\n{passages}")
    turns = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "ok"}]
    messages = render(
        prompt, Case("c", [*turns, {"role": "user", "content": "when?"}], "x", {}, 1, context="{passages}")
    )
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["content"] == "first"
    assert re.fullmatch(
        r"Use only:\n<passage (\w+)>\n\{passages\}\n</passage \1>\n\nwhen\?", messages[-1]["content"]
    )
    assert render(prompt, case("when?"))[-1]["content"] == "Use only:\n(no passage was found)\n\nwhen?"
