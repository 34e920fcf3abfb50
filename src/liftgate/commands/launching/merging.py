"""`liftgate train --merge DIR`: the trained adapter inside its base's weights, for servers that take no adapters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.project import Subject
    from liftgate.training.adapters import Adapter
    from liftgate.training.base_model import Base


def merge_into(
    target: Path, adapter: Adapter, subject: Subject, base: Base, say: Callable[[str], None]
) -> int:
    """Merge and compare; 0 with the folder written, 10 without it when the answers are not the adapter's."""
    from liftgate.commands.launching.bill import tokenized
    from liftgate.training.rendering import load_renderer
    from liftgate.training.tuning.merging import merge

    rows = tokenized(subject, base)
    renderer = load_renderer(base.folder, base.tokenizer_sha256)
    held = merge(adapter, base, renderer, rows.validation or rows.train, target)
    if held.same:
        say(f"merged into {target}: all {held.prompts} answers are the adapter's")
        return ExitCode.PASS
    why = "it was trained on the quantised base" if adapter.quantisation else "merging rounds"
    say(
        f"not merged: {held.prompts - held.identical} of {held.prompts} answers are not the adapter's, and logits move "
        f"by {held.max_logit_difference:.2%} ({why}); the golden set was answered by the adapter [merged-differs]\n"
        "  hint: serve base and adapter as they were evaluated, or train by lora"
    )
    return ExitCode.BLOCKED
