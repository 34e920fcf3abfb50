"""An adapter on a model: put there, counted, and seen to change what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from liftgate.errors import ProviderError


def attach(model: Any, folder: Path, name: str, *, whose: str) -> Any:
    """The model with the adapter of a folder beside those that it has. Raises `ProviderError` when it does not fit.

    `whose` is the base's name. The weights come from safetensors; peft would take a pickle where there are none, so
    the caller makes sure that there are some.
    """
    import peft

    try:
        if isinstance(model, peft.PeftModel):
            model.load_adapter(str(folder), adapter_name=name)
        else:
            model = peft.PeftModel.from_pretrained(model, str(folder), adapter_name=name)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ProviderError(
            f"adapter {folder} cannot be attached to {whose}: {type(error).__name__}",
            hint="the adapter's files do not fit this model; train it again",
        ) from None
    model.eval()
    return model


def check_attached(
    model: Any, name: str, expected: int, probe: Sequence[int], *, folder: Path, whose: str
) -> None:
    """Raise `ProviderError` when the adapter sits on another number of modules, or changes nothing on a probe."""
    attached = sum(
        1
        for path, module in model.named_modules()
        if path.endswith("lora_A") and name in dict(module.named_children())
    )
    if attached != expected or not changes_answers(model, name, probe):
        raise ProviderError(
            f"adapter not applied: {attached} of {expected} modules attached, or no effect on a probe",
            hint=f"the adapter in {folder} does not belong to {whose}",
        )


def changes_answers(model: Any, name: str, probe: Sequence[int]) -> bool:
    """Whether any logit after the probe's tokens is another one with the adapter than without."""
    import torch

    ids = torch.tensor([list(probe)], device=model.device)
    with torch.inference_mode():
        model.set_adapter(name)
        tuned = model(ids, logits_to_keep=1).logits
        with model.disable_adapter():
            plain = model(ids, logits_to_keep=1).logits
    return bool((tuned - plain).abs().max() > 0)
