"""How much memory a training will hold at most, before a machine is rented for it. Pure.

The parts were measured on CPUs, where they come out within a quarter; on a GPU the same tensors are held, beside a
context and an allocator of its own. What a layer keeps for its backward pass is counted for the Llama family: norms,
projections, rotated queries and keys, attention's output, and the gated middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.training.model_shape import Linear, Shape

_FP32: Final = 4
_BF16: Final = 2
_ADAM: Final = 8
# Four bits a weight, and double quantised scales for each block of 64.
_NF4: Final = 0.516
_PROCESS_BYTES: Final = 620_000_000
"""Python with torch, transformers and peft imported; a GPU's context is of about the same size."""


@dataclass(frozen=True)
class Footprint:
    """Bytes by part, on one device."""

    parts: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Batch:
    """The widest batch: rows at once, tokens of its longest row, and tokens from the first target on."""

    rows: int
    width: int
    targets: int


def widest(lengths: Sequence[int], targets: Sequence[int], order: Sequence[int], at_once: int) -> Batch:
    """The batch of `order` with most tokens, as padded. `targets` count from the first target of a row to its end."""
    best = Batch(0, 0, 0)
    for start in range(0, len(order), at_once):
        rows = order[start : start + at_once]
        width = max(lengths[row] for row in rows)
        if len(rows) * width > best.rows * best.width:
            best = Batch(len(rows), width, max(targets[row] for row in rows))
    return best


def footprint(
    shape: Shape,
    method: str,
    settings: Mapping[str, Any],
    batch: Batch,
    *,
    precision: str,
    on_cpu: bool = False,
) -> Footprint:
    """What `method` holds at most with this batch. `settings` are the manifest's, `precision` fp32 or bf16."""
    size = _BF16 if precision == "bf16" else _FP32
    trained, first = _trained(shape, method, settings)
    parts = {
        "process": _PROCESS_BYTES,
        "base": _base(shape, method, size, on_cpu),
        "trained": trained * (0 if method == "full" else _FP32),
        "gradients": trained * _FP32,
        "optimizer": trained * _ADAM,
        "activations": _activations(shape, method, settings, batch, size, first),
        "logits": _logits(shape, method, batch),
    }
    return Footprint({name: int(value) for name, value in parts.items() if value})


def _base(shape: Shape, method: str, size: int, on_cpu: bool) -> float:
    if method == "full":
        return shape.parameters * _FP32
    if method != "qlora":
        return shape.parameters * size
    if on_cpu:
        # The file stays mapped for what is not quantised, and quantising leaves half of what it went through unused.
        return shape.parameters * size + shape.linear_weights * (_NF4 + size / 2)
    # One matrix at a time is written out to be multiplied with.
    largest = max((each.weights for each in shape.linears), default=0)
    return (shape.parameters - shape.linear_weights + largest) * size + shape.linear_weights * _NF4


def _trained(shape: Shape, method: str, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Number of weights that are trained, and the first layer that has some."""
    if method == "full":
        return shape.parameters, 0
    chosen = [each for each in shape.linears if _is_adapted(each, shape, settings)]
    first = min((each.layer for each in chosen), default=0)
    return sum((each.rows + each.columns) * int(settings["rank"]) for each in chosen), first


def _is_adapted(linear: Linear, shape: Shape, settings: Mapping[str, Any]) -> bool:
    targets, layers = settings["target_modules"], settings["layers"]
    if targets != "all-linear" and linear.name not in targets:
        return False
    if isinstance(layers, str):
        return layers == "all" or linear.layer >= shape.layers // 2
    return linear.layer in layers


def _activations(
    shape: Shape, method: str, settings: Mapping[str, Any], batch: Batch, size: int, first: int
) -> float:
    tokens = batch.rows * batch.width * (2 if method == "dpo" else 1)
    hidden, middle, values = shape.hidden, shape.intermediate, shape.key_values
    layer = (9 * hidden + 2 * values + 5 * middle) * size
    layers = shape.layers - first
    if settings.get("gradient_checkpointing"):
        return tokens * (layers * hidden * size + layer)
    return tokens * layers * layer


def _logits(shape: Shape, method: str, batch: Batch) -> float:
    """Of the targets, their normalised form and its gradient; preferences look at whole conversations, twice."""
    width = batch.width if method == "dpo" else batch.targets + 1
    rows = batch.rows * (2 if method == "dpo" else 1)
    return rows * width * shape.vocabulary * _FP32 * 3
