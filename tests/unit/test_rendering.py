"""A training row is the very prompt of evaluation followed by the completion; loss falls on the completion alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.training.batching import length_grouped_order
from liftgate.training.rendering import IGNORE, Renderer, UnrenderableRow, load_renderer

END = 0


def written(messages: Any, tools: Any, open_turn: bool) -> str:
    text = "".join(f"<{m['role']}>{m['content']}\x00\n" for m in messages)
    return text + ("<assistant>" if open_turn else "")


def renderer(write: Any = written) -> Renderer:
    return Renderer(write, lambda text: [ord(c) for c in text], [END], {"chat_template_sha256": "x"})


def shown(ids: list[int]) -> str:
    return "".join(chr(i) for i in ids)


CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "q1"},
    {"role": "assistant", "content": "a1"},
    {"role": "user", "content": "q2"},
    {"role": "assistant", "content": "a2"},
]


def test_a_row_begins_with_the_prompt_the_model_will_be_asked() -> None:
    row = renderer().row(CONVERSATION[:3])
    prompt = renderer().prompt_ids(CONVERSATION[:2])
    assert row.input_ids[: len(prompt)] == prompt
    assert set(row.labels[: len(prompt)]) == {IGNORE}


def test_loss_falls_on_completions_and_their_end_token_only() -> None:
    row = renderer().row(CONVERSATION)
    trained = [i for i, label in zip(row.input_ids, row.labels, strict=True) if label != IGNORE]
    assert shown(trained) == "a1\x00a2\x00"


def test_a_message_of_weight_zero_is_shown_but_not_trained() -> None:
    messages = [*CONVERSATION[:2], {**CONVERSATION[2], "weight": 0}, *CONVERSATION[3:]]
    row = renderer().row(messages)
    assert shown(row.input_ids) == written(CONVERSATION, None, False)
    assert shown([label for label in row.labels if label != IGNORE]) == "a2\x00"


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(UnrenderableRow, match="no token is left"):
        renderer().row(CONVERSATION[:2])
    with pytest.raises(UnrenderableRow, match="no token is left"):
        renderer().row([*CONVERSATION[:2], {**CONVERSATION[2], "weight": 0}])


def test_a_template_without_an_end_token_is_refused() -> None:
    with pytest.raises(UnrenderableRow, match="no end token"):
        renderer(lambda m, t, o: written(m, t, o).replace("\x00", "")).row(CONVERSATION[:3])


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    def rewriting(messages: Any, tools: Any, open_turn: bool) -> str:
        return f"{len(messages)}" + written(messages, tools, open_turn)

    with pytest.raises(UnrenderableRow, match="rewrites earlier turns"):
        renderer(rewriting).row(CONVERSATION)


def test_the_real_renderer_agrees_with_the_library(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    library = AutoTokenizer.from_pretrained(tiny_model)
    ours = load_renderer(tiny_model, "x")
    expected = library.apply_chat_template(CONVERSATION[:2], add_generation_prompt=True, return_dict=False)
    assert ours.prompt_ids(CONVERSATION[:2]) == list(expected)
    assert ours.end_ids == {1}


def test_the_digest_follows_template_and_tokenizer(tiny_model: Path, tmp_path: Path) -> None:
    before = load_renderer(tiny_model, "x").sha256
    assert load_renderer(tiny_model, "y").sha256 != before
    template = tiny_model / "chat_template.jinja"
    kept = template.read_text()
    try:
        template.write_text(kept.replace("\n", " \n", 1))
        assert load_renderer(tiny_model, "x").sha256 != before
    finally:
        template.write_text(kept)


@given(
    lengths=st.lists(st.integers(1, 500), max_size=300),
    batch=st.integers(1, 16),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
def test_every_row_is_trained_once_an_epoch(lengths: list[int], batch: int, seed: int, epoch: int) -> None:
    order = length_grouped_order(lengths, batch, seed, epoch)
    assert sorted(order) == list(range(len(lengths)))
    assert order == length_grouped_order(lengths, batch, seed, epoch)


def test_batches_hold_rows_of_similar_length_and_epochs_differ() -> None:
    lengths = [(i * 37) % 200 + 1 for i in range(400)]
    order = length_grouped_order(lengths, 8, 0, 0)
    batches = [[lengths[i] for i in order[k : k + 8]] for k in range(0, 400, 8)]
    waste = sum(max(b) * len(b) - sum(b) for b in batches) / sum(max(b) * len(b) for b in batches)
    assert waste < 0.1
    assert order != length_grouped_order(lengths, 8, 0, 1)


def dropped(messages: list[dict[str, Any]], write: Any = written) -> int:
    one = Renderer(
        write,
        lambda text: [ord(c) for c in text],
        [END],
        {"chat_template_sha256": "x"},
        lambda ids: "".join(map(chr, ids)),
    )
    return one.dropped(messages, one.row(messages))


def test_every_trained_answer_stands_in_the_tokens_of_the_loss() -> None:
    assert dropped(CONVERSATION) == 0
    assert dropped([*CONVERSATION[:2], {"role": "assistant", "content": " two\n words "}]) == 0


def test_what_a_template_leaves_out_is_counted() -> None:
    def stripping(messages: Any, tools: Any, open_turn: bool) -> str:
        return written(
            [{**m, "content": m["content"].replace("why", "")} for m in messages], tools, open_turn
        )

    reasoned = {"role": "assistant", "content": "why a1"}
    assert dropped([*CONVERSATION[:2], reasoned, *CONVERSATION[3:]], stripping) == 1
    assert dropped([*CONVERSATION[:2], {**reasoned, "weight": 0}, *CONVERSATION[3:]], stripping) == 0
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "find_order"}}]}
    assert dropped([*CONVERSATION[:2], call]) == 1


def test_a_template_that_refuses_a_conversation_says_so_without_its_text(
    tiny_model: Path, tmp_path: Path
) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('never ' + messages[0]['content']) }}")
    with pytest.raises(UnrenderableRow) as refused:
        load_renderer(tmp_path, "x").row([{"role": "user", "content": "heron"}, CONVERSATION[2]])
    assert str(refused.value) == "the chat template refuses this conversation"
