"""The libraries that train, imported late and quietly, and the number format that this machine is good at."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import Any

from liftgate.errors import InputError, MissingExtra
from liftgate.training.base_model import polite_threads
from liftgate.training.tuning.world import world


@dataclass(frozen=True)
class Libraries:
    """torch, transformers, peft and accelerate, ready to use."""

    torch: Any
    transformers: Any
    peft: Any
    accelerate: Any

    @property
    def versions(self) -> dict[str, str]:
        """What a training depends on beside its manifest."""
        return {
            "torch": self.torch.__version__,
            "transformers": self.transformers.__version__,
            "peft": self.peft.__version__,
            "accelerate": self.accelerate.__version__,
        }

    @property
    def device(self) -> str:
        """`cuda` or `cpu`."""
        return "cuda" if self.torch.cuda.is_available() else "cpu"

    def precision(self, asked: str) -> str:
        """`fp32` or `bf16`. Raises `InputError` for a bf16 that this machine would only emulate.

        `auto` stays at fp32 on a CPU even where it has bf16, so that a manifest trains the same weights on every one.
        """
        if asked == "fp32" or (asked == "auto" and self.device == "cpu"):
            return "fp32"
        if self._has_bf16():
            return "bf16"
        if asked == "auto":
            return "fp32"
        raise InputError(
            f"precision bf16: the {self.device} of this machine has no bf16 and would emulate it, many times slower",
            hint="write precision: fp32 or auto in the card's training section",
        )

    def _has_bf16(self) -> bool:
        if self.device == "cuda":
            return bool(self.torch.cuda.is_bf16_supported(including_emulation=False))
        mkldnn = self.torch.ops.mkldnn
        return bool(mkldnn._is_mkldnn_bf16_supported())


def libraries() -> Libraries:
    """Import what trains. Raises `MissingExtra` naming the first package that is not there."""
    # Deprecation notes of these libraries are for us, not for whoever reads a training log.
    warnings.filterwarnings("ignore", category=FutureWarning)
    polite_threads()
    try:
        import accelerate
        import peft
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("local", error.name or "torch") from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if torch.cuda.is_available():
        torch.cuda.set_device(world().local_rank)
    # A repository of ours has a folder `datasets/`. On the import path Python takes it for the package of that
    # name, and `Trainer` would look inside it; our rows are plain lists, which need no such package.
    transformers.trainer.is_datasets_available = lambda: False
    return Libraries(torch, transformers, peft, accelerate)


def need_quantiser() -> None:
    """Raise `MissingExtra` where bitsandbytes is not installed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtra("qlora", "bitsandbytes")


def preference_library() -> Any:
    """TRL. Raises `MissingExtra` where it is not installed."""
    try:
        import trl
    except ImportError as error:
        raise MissingExtra("dpo", error.name or "trl") from None
    return trl
