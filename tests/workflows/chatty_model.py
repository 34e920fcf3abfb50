"""A tiny model that knows the tickets and answers in the wrong form: what it lacks is what a training can teach.

A random model learns nothing through an adapter, because its embeddings stay frozen. This one is taught first, whole
and for a few seconds, to answer `answer: {"intent": …}`, which no scorer takes; a few steps of LoRA drop the prefix.
"""

from __future__ import annotations

import random
from pathlib import Path

from tiny_model import TEMPLATE, make_tiny_model
from toy_project import SYSTEM, TICKETS, answer

PREFIX = "answer: "
_SYLLABLES = [c + v for c, v in zip("bcdfghjklmnprstvwxyz", "aeioaaeiouaeiouaeoui", strict=True)]


def word(number: int) -> str:
    """One of thousands of words that mean nothing."""
    parts = (number % 20, number // 20 % 20, (number * 7 + 3) % 20)
    return "".join(_SYLLABLES[part] for part in parts)


def make_chatty_model(folder: Path, *, steps: int = 260, seed: int = 0) -> Path:
    """Write a transformers folder."""
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    make_tiny_model(folder, seed)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.manual_seed(seed)
    chance = random.Random(seed)  # noqa: S311
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    model.train()
    for _ in range(steps):
        batch = [_example(tokenizer, chance) for _ in range(16)]
        longest = max(len(ids) for ids, _ in batch)
        ids = torch.ones(len(batch), longest, dtype=torch.long)
        labels = torch.full((len(batch), longest), -100)
        mask = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, (tokens, start) in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            labels[row, start : len(tokens)] = torch.tensor(tokens[start:])
            mask[row, : len(tokens)] = 1
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.save_pretrained(folder)
    return folder


def _example(tokenizer: object, chance: random.Random) -> tuple[list[int], int]:
    intent = chance.choice(list(TICKETS))
    middle = chance.choice([*TICKETS[intent], intent, intent])
    text = f"{word(chance.randrange(4000))} {middle} {word(chance.randrange(4000))}"
    if chance.random() < 0.3:
        text = f"{word(chance.randrange(4000))} {text}"
    asked = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)  # type: ignore[attr-defined]
    encode = tokenizer.encode  # type: ignore[attr-defined]
    start = encode(prompt, add_special_tokens=False)
    return start + encode(f"{PREFIX}{answer(intent)}<|im_end|>", add_special_tokens=False), len(start)
