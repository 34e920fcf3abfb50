"""What must be true of a training that trained: gradients at its first step, moved weights at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liftgate.errors import ProviderError
from liftgate.training.tuning.libraries import Libraries

Fingerprint = Mapping[str, tuple[float, float]]


@dataclass
class Watch:
    """What the callbacks see: whether to stop, and whether gradients flow.

    `late` says that it was the clock that asked, `saving` that a checkpoint is being written.
    """

    stop: bool = False
    late: bool = False
    saving: bool = False
    checked: bool = False
    dead: list[str] = field(default_factory=list)

    def look_at_gradients(self, model: Any, libraries: Libraries) -> None:
        """Raise `ProviderError` when a tensor that is to be trained got no gradient at the first step."""
        if self.checked:
            return
        self.checked = True
        free = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.dead = [name for name, p in free if p.grad is None]
        if self.dead:
            raise ProviderError(
                f"{len(self.dead)} trainable tensors got no gradient, the first is {self.dead[0]}",
                hint="check target_modules and layers in the card's training section",
            )
        if not any(_has_value(p.grad, libraries) for _, p in free):
            raise ProviderError(
                "every gradient of the first step is zero, so nothing would be trained",
                hint="check the rows: an answer that the model already gives with certainty teaches nothing",
            )


def fingerprint(model: Any) -> Fingerprint:
    """Sum and length of each tensor that is to be trained: enough to see that it moved."""
    return {
        name: (float(held.double().sum()), float(held.double().norm()))
        for name, p in model.named_parameters()
        if p.requires_grad
        for held in [_whole(p.detach())]
    }


def _whole(tensor: Any) -> Any:
    """The tensor itself, gathered where several processes hold a part of it each."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _has_value(tensor: Any, libraries: Libraries) -> bool:
    return bool(libraries.torch.count_nonzero(_whole(tensor)))


def check_moved(model: Any, before: Fingerprint, losses: Sequence[Any], libraries: Libraries) -> None:
    """Raise `ProviderError` when the training ended where it began.

    An adapter starts with a zero B, so a B of zeros is an adapter that does nothing; other weights are held
    against `before`.
    """
    free = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    grown = [p for name, p in free if "lora_B" in name]
    grew = any(_has_value(p.detach(), libraries) for p in grown)
    moved = grew if grown else fingerprint(model) != before
    if not losses or not moved:
        raise ProviderError(
            "the training ended without changing the adapter" if grown else "the training changed no weight",
            hint="check learning_rate, epochs and the number of rows",
        )
