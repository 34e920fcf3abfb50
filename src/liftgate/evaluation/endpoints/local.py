"""Base, adapters on it and whole trained models, answering greedily, in batches.

A base and the adapters on it answer from one loaded model; an adapter of a quantised base from that base quantised.

Batches are formed over the whole arm in a fixed order, so a resumed run computes exactly what an undisturbed
one does. The tokens that all prompts share (system prompt, examples) go through the model once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError
from liftgate.evaluation.completion import Completion, Outcome, Request
from liftgate.evaluation.endpoints import Settings
from liftgate.training.adapters import MODEL, RECORD, Adapter, read_adapter
from liftgate.training.base_model import Base, model_in, resolve_base
from liftgate.training.rendering import Renderer, load_renderer
from liftgate.training.tuning.attaching import attach, check_attached
from liftgate.training.tuning.libraries import libraries
from liftgate.training.tuning.model import load_weights

BATCH_SIZE: Final = 64
# Keys and values are kept for every token of a batch: this bounds them (1.4 GB for the embedded model).
BATCH_TOKENS: Final = 32_000
DEFAULT_MAX_TOKENS: Final = 256
# A change here changes answers in the last digit of a logit, so it is part of the store's key.
ENGINE_VERSION: Final = 1


def connect(settings: Settings) -> LocalEndpoint:
    """`settings.model` is `embedded`, a base folder, `org/model@revision`, or a folder that a training left."""
    folder = Path(settings.model)
    if (folder / RECORD).is_file():
        adapter = read_adapter(folder)
        return LocalEndpoint(_base_of(adapter), adapter)
    if (folder / "adapter_config.json").is_file():
        raise InputError(
            f"{folder}: this adapter has no {RECORD}, so nobody can tell which base it belongs to",
            hint="train it with liftgate train",
        )
    return LocalEndpoint(resolve_base(settings.model))


def _base_of(adapter: Adapter) -> Base:
    """The adapter's own base, or the whole model. Raises `InputError` saying what is another one here."""
    if adapter.kind != MODEL:
        base = resolve_base(str(adapter.base["name"]))
        check_base(adapter, base)
        return base
    model = model_in(adapter.folder, f"{adapter.base['name']} trained", f"sha256:{adapter.sha256}")
    if model.tokenizer_sha256 != adapter.base["tokenizer_sha256"]:
        raise InputError(
            f"{adapter.folder}: the tokenizer beside the trained model is not the one it was trained with",
            hint="train it again",
        )
    return model


def check_base(adapter: Adapter, base: Base) -> None:
    """Refuse an adapter on any base but its own: it would answer garbage without a warning."""
    if differs := base.differs_from(adapter.base):
        raise InputError(
            f"adapter {adapter.folder} was trained on another base than {base.name} is here: "
            f"other {' and '.join(differs)}",
            hint=f"give the base it was trained on: {adapter.base['name']} {adapter.base['revision']}",
        )


class LocalEndpoint:
    """One base, with or without an adapter, or a whole trained model. Weights are loaded at the first request."""

    kind = "local"
    deterministic = True

    def __init__(self, base: Base, adapter: Adapter | None = None) -> None:
        self.base, self.adapter = base, adapter

    @property
    def attached(self) -> Adapter | None:
        """The adapter that is switched on for this endpoint's answers; None where the weights are the model's own."""
        return None if self.adapter is None or self.adapter.kind == MODEL else self.adapter

    def weights(self) -> _Loaded:
        """The model in memory, quantised where the adapter was trained so."""
        return loaded(self.base, quantisation=self.attached.quantisation if self.attached else None)

    def identity(self) -> dict[str, Any]:
        """Base and adapter by content, never by name or path."""
        from liftgate.training.rendering import RENDERING_VERSION

        quantisation = self.attached.quantisation if self.attached else None
        return {
            "model": f"{self.base.name}@{self.base.revision}",
            "base_sha256": self.base.base_sha256,
            "tokenizer_sha256": self.base.tokenizer_sha256,
            "adapter_sha256": self.adapter.sha256 if self.adapter else None,
            "dtype": "float32",
            **({"quantisation": quantisation} if quantisation else {}),
            "rendering_version": RENDERING_VERSION,
            "engine_version": ENGINE_VERSION,
        }

    def groups(self, requests: Sequence[Request]) -> list[int]:
        """The number of the batch in which each request is answered."""
        renderer = load_renderer(self.base.folder, self.base.tokenizer_sha256)
        numbers = [0] * len(requests)
        batches = batched([renderer.prompt_ids(r.messages, r.tools) for r in requests])
        for number, batch in enumerate(batches):
            for index in batch:
                numbers[index] = number
        return numbers

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Greedy answers, batch by batch. Raises `InputError` for a sampling it cannot honour."""
        for request in requests:
            if request.sampling.temperature not in (None, 0, 0.0):
                raise InputError(
                    "the local endpoint answers greedily",
                    hint="set temperature: 0 in the suite's sampling, or serve the model with vLLM",
                )
        missing = set(wanted)
        if not missing:
            return
        model = self.weights()
        ids = [model.renderer.prompt_ids(r.messages, r.tools) for r in requests]
        shared = shared_prefix(ids)
        batches = batched(ids)
        with model.speaking_as(self.attached):
            prefix = model.prefill(ids[batches[0][0]][:shared]) if shared else None
            for batch in batches:
                if missing.isdisjoint(batch):
                    continue
                limit = max(requests[i].sampling.max_tokens or DEFAULT_MAX_TOKENS for i in batch)
                answers = model.answer([ids[i] for i in batch], shared, prefix, limit)
                for index, answer in zip(batch, answers, strict=True):
                    if index in missing:
                        own = requests[index].sampling.max_tokens or DEFAULT_MAX_TOKENS
                        yield index, model.completion(answer[:own], len(ids[index]))


def batched(prompts: Sequence[list[int]]) -> list[list[int]]:
    """The prompts' indices in batches of like length: a function of the whole arm and nothing else."""
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), prompts[i], i))
    size = max(1, min(BATCH_SIZE, BATCH_TOKENS // max(map(len, prompts), default=1)))
    return [order[start : start + size] for start in range(0, len(order), size)]


def shared_prefix(prompts: Sequence[list[int]]) -> int:
    """Number of leading tokens that all prompts share, leaving at least one token of each."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    length = 0
    limit = min(len(p) for p in prompts) - 1
    while length < limit and first[length] == last[length]:
        length += 1
    return length


@dataclass
class _Loaded:
    """The weights of one base in memory, with the adapters attached so far."""

    base: Base
    renderer: Renderer
    model: Any
    torch: Any
    attached: dict[str, str]

    def speaking_as(self, adapter: Adapter | None) -> Any:
        """Context in which the model answers as the base (None) or through the adapter."""
        import contextlib

        if adapter is None:
            return self.model.disable_adapter() if self.attached else contextlib.nullcontext()
        check_base(adapter, self.base)
        if adapter.sha256 not in self.attached:
            self._attach(adapter)
        self.model.set_adapter(self.attached[adapter.sha256])
        return contextlib.nullcontext()

    def _attach(self, adapter: Adapter) -> None:
        name = f"adapter-{len(self.attached)}"
        self.model = attach(self.model, adapter.folder, name, whose=self.base.name)
        check_attached(
            self.model,
            name,
            adapter.evidence["adapted_modules"],
            self.renderer.prompt_ids([{"role": "user", "content": "probe"}]),
            folder=adapter.folder,
            whose=self.base.name,
        )
        self.attached[adapter.sha256] = name

    def _tensor(self, rows: Sequence[Sequence[int]]) -> Any:
        """Where the model is: a quantised one is on the GPU where there is one."""
        return self.torch.tensor(rows, device=self.model.device)

    def prefill(self, ids: Sequence[int]) -> Any:
        """Keys and values of the shared tokens, for one row."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self.model.config)
        with self.torch.inference_mode():
            self.model(self._tensor([list(ids)]), cache=cache, use_cache=True, logits_to_keep=1)
        return cache

    def answer(
        self, prompts: Sequence[Sequence[int]], shared: int, prefix: Any, limit: int
    ) -> list[list[int]]:
        """Greedy continuations, each without its end token's successors; `limit` new tokens at most."""
        torch = self.torch
        end = sorted(self.renderer.end_ids)
        tails = [list(p[shared:]) for p in prompts]
        width = max(len(t) for t in tails)
        head = list(prompts[0][:shared])
        ids = self._tensor([head + [end[0]] * (width - len(t)) + t for t in tails])
        mask = self._tensor([[1] * shared + [0] * (width - len(t)) + [1] * len(t) for t in tails])
        cache = None
        if prefix is not None:
            cache = copy.deepcopy(prefix)
            cache.batch_repeat_interleave(len(prompts))
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                cache=cache,
                max_new_tokens=limit,
                do_sample=False,
                num_beams=1,
                eos_token_id=end,
                pad_token_id=end[0],
            )
        return [self._until_end(row) for row in output[:, shared + width :].tolist()]

    def _until_end(self, ids: Sequence[int]) -> list[int]:
        for position, token in enumerate(ids):
            if token in self.renderer.end_ids:
                return list(ids[: position + 1])
        return list(ids)

    def completion(self, answer: Sequence[int], input_tokens: int) -> Completion:
        """Text and counts. No latency: a row of a batch has none of its own."""
        ended = bool(answer) and answer[-1] in self.renderer.end_ids
        text = self.renderer.decode(answer[:-1] if ended else answer)
        return Completion(
            text=text,
            latency_ms=None,
            input_tokens=input_tokens,
            output_tokens=len(answer),
            finish_reason="stop" if ended else "length",
        )


_LOADED: dict[tuple[str, str | None], _Loaded] = {}


def loaded(base: Base, *, quantisation: str | None = None) -> _Loaded:
    """The base in memory, loaded once a process; its files are hashed against their pins first."""
    if (base.base_sha256, quantisation) in _LOADED:
        return _LOADED[base.base_sha256, quantisation]
    libs = libraries()
    base.verify()
    model = load_weights(base, libs, quantised=quantisation is not None)
    model.eval()
    model.generation_config.temperature = None
    model.generation_config.top_p = None
    model.generation_config.top_k = None
    entry = _Loaded(base, load_renderer(base.folder, base.tokenizer_sha256), model, libs.torch, {})
    _LOADED[base.base_sha256, quantisation] = entry
    return entry
