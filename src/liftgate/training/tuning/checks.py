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
    """What the callbacks see: whether a person asked to stop, and whether gradients flow."""

    stop: bool = False
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
        if not any(bool(libraries.torch.count_nonzero(p.grad)) for _, p in free):
            raise ProviderError(
                "every gradient of the first step is zero, so nothing would be trained",
                hint="check the rows: an answer that the model already gives with certainty teaches nothing",
            )


def fingerprint(model: Any) -> Fingerprint:
    """Sum and length of each tensor that is to be trained: enough to see that it moved."""
    return {
        name: (float(p.detach().double().sum()), float(p.detach().double().norm()))
        for name, p in model.named_parameters()
        if p.requires_grad
    }


def check_moved(model: Any, before: Fingerprint, losses: Sequence[Any], libraries: Libraries) -> None:
    """Raise `ProviderError` when the training ended where it began.

    An adapter starts with a zero B, so a B of zeros is an adapter that does nothing; other weights are held
    against `before`.
    """
    free = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    grown = [p for name, p in free if "lora_B" in name]
    grew = any(bool(libraries.torch.count_nonzero(p)) for p in grown)
    moved = grew if grown else fingerprint(model) != before
    if not losses or not moved:
        raise ProviderError(
            "the training ended without changing the adapter" if grown else "the training changed no weight",
            hint="check learning_rate, epochs and the number of rows",
        )
