"""An adapter folded into its base's weights: one model folder, written only if it answers as the adapter does.

Merging rounds, and an adapter that was trained on a quantised base never met the weights that it is merged into; the
golden set was answered without either. So both answer the same held-out prompts, and must give the same answers.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import InputError
from liftgate.files import sha256_file, write_json
from liftgate.training.adapters import MODEL, Adapter
from liftgate.training.base_model import Base
from liftgate.training.rendering import IGNORE, Renderer, TrainedRow
from liftgate.training.tuning.attaching import attach, check_attached
from liftgate.training.tuning.libraries import Libraries, libraries
from liftgate.training.tuning.model import load_weights
from liftgate.training.tuning.publish import copy_beside

RECORD: Final = "liftgate-merged.json"
MOST_PROMPTS: Final = 32
MOST_TOKENS: Final = 64
# Merging in fp32 moves a logit by about a millionth; answers to so few prompts can be the same by chance.
ROUNDING: Final = 1e-3


@dataclass(frozen=True)
class Held:
    """What came of holding the merged model against the adapter: greedy answers and logits after each prompt.

    `max_logit_difference` is a share of the largest logit.
    """

    prompts: int
    identical: int
    max_logit_difference: float

    @property
    def same(self) -> bool:
        """Every answer was the same one, and no logit moved by more than rounding."""
        return self.identical == self.prompts > 0 and self.max_logit_difference <= ROUNDING


def merge(adapter: Adapter, base: Base, renderer: Renderer, rows: Sequence[TrainedRow], target: Path) -> Held:
    """Write the merged model to `target`, which must not exist, if its answers are the adapter's.

    `rows` give the prompts. Raises `InputError` when there is nothing to merge or nothing to compare.
    """
    if adapter.kind == MODEL:
        raise InputError(f"{adapter.folder} is a whole model; there is no adapter to merge")
    if target.exists():
        raise InputError(f"{target} exists already", hint="name a folder that does not exist yet")
    prompts = [_prompt(row) for row in rows[:MOST_PROMPTS]]
    if not prompts:
        raise InputError("there is no row whose prompt could be asked", hint="add validation rows")
    libs = libraries()
    served = _with_adapter(adapter, base, renderer, libs, quantised=adapter.quantisation is not None)
    before = _answers(served, prompts, renderer, libs)
    model = served
    if adapter.quantisation is not None:
        del served, model
        gc.collect()
        model = _with_adapter(adapter, base, renderer, libs, quantised=False)
    merged = model.merge_and_unload()
    held = _held(before, _answers(merged, prompts, renderer, libs))
    if held.same:
        _write(merged, adapter, base, held, target)
    return held


def _prompt(row: TrainedRow) -> list[int]:
    answer = row.answers[0]
    first = next(index for index, label in enumerate(answer.labels) if label != IGNORE)
    return answer.input_ids[:first]


def _with_adapter(
    adapter: Adapter, base: Base, renderer: Renderer, libs: Libraries, *, quantised: bool
) -> Any:
    model = attach(load_weights(base, libs, quantised=quantised), adapter.folder, "merged", whose=base.name)
    probe = renderer.prompt_ids([{"role": "user", "content": "probe"}])
    modules = adapter.evidence["adapted_modules"]
    check_attached(model, "merged", modules, probe, folder=adapter.folder, whose=base.name)
    return model


def _answers(
    model: Any, prompts: Sequence[Sequence[int]], renderer: Renderer, libs: Libraries
) -> list[tuple[list[int], Any]]:
    torch, end = libs.torch, sorted(renderer.end_ids)
    model.eval()
    found = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([list(prompt)], device=model.device)
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=MOST_TOKENS,
                do_sample=False,
                num_beams=1,
                eos_token_id=end,
                pad_token_id=end[0],
            )
            logits = model(ids, logits_to_keep=1).logits[0, -1].float()
            found.append((output[0, len(prompt) :].tolist(), logits))
    return found


def _held(before: Sequence[tuple[list[int], Any]], after: Sequence[tuple[list[int], Any]]) -> Held:
    pairs = list(zip(before, after, strict=True))
    return Held(
        prompts=len(pairs),
        identical=sum(old[0] == new[0] for old, new in pairs),
        max_logit_difference=max(
            float((old[1] - new[1]).abs().max() / old[1].abs().max()) for old, new in pairs
        ),
    )


def _write(model: Any, adapter: Adapter, base: Base, held: Held, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".merge-") as temporary:
            fresh = Path(temporary, "model")
            model.save_pretrained(fresh, safe_serialization=True)
            copy_beside(base, fresh)
            files = [
                {"path": file.name, "size": file.stat().st_size, "sha256": sha256_file(file)}
                for file in sorted(fresh.iterdir())
            ]
            write_json(
                fresh / RECORD,
                {
                    "schema_version": 1,
                    "adapter_sha256": adapter.sha256,
                    "manifest_digest": adapter.manifest_digest,
                    "base": base.pin(),
                    "dtype": "float32",
                    "held_against_adapter": asdict(held),
                    "files": files,
                },
            )
            shutil.move(fresh, target)
    except OSError as error:
        raise InputError(f"{target}: the model cannot be written: {error.strerror}") from None
