"""How large a base is, read from its config and the headers of its safetensors files: no weight is loaded."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_LAYER: Final = re.compile(r"\blayers?\.(\d+)\.")
_MOST_HEADER_BYTES: Final = 100_000_000


@dataclass(frozen=True)
class Linear:
    """One matrix inside a layer: `name` is its last word, `layer` its number."""

    name: str
    layer: int
    rows: int
    columns: int

    @property
    def weights(self) -> int:
        """Number of its weights."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Shape:
    """What memory depends on. `parameters` counts every stored weight once, tied ones too."""

    parameters: int
    hidden: int
    intermediate: int
    layers: int
    key_values: int
    vocabulary: int
    linears: tuple[Linear, ...]

    @property
    def linear_weights(self) -> int:
        """Weights of the matrices inside layers: those that quantising makes small."""
        return sum(each.weights for each in self.linears)


def read_shape(folder: Path) -> Shape | None:
    """The shape of a model folder; None for one whose config or headers say too little to predict anything."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        tensors = dict(_tensors(sorted(folder.glob("*.safetensors"))))
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        width = int(config.get("head_dim") or hidden // heads)
        return Shape(
            parameters=sum(math.prod(shape) for shape in tensors.values()),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            key_values=int(config.get("num_key_value_heads") or heads) * width,
            vocabulary=int(config["vocab_size"]),
            linears=tuple(_linears(tensors)),
        )
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, struct.error):
        return None


def _tensors(files: Iterable[Path]) -> Iterable[tuple[str, list[int]]]:
    for path in files:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER_BYTES:
                raise ValueError
            header: Mapping[str, Any] = json.loads(file.read(length))
        yield from ((name, each["shape"]) for name, each in header.items() if name != "__metadata__")


def _linears(tensors: Mapping[str, list[int]]) -> Iterable[Linear]:
    for path, shape in tensors.items():
        found = _LAYER.search(path)
        if found and len(shape) == 2 and path.endswith(".weight"):
            yield Linear(path.split(".")[-2], int(found[1]), shape[0], shape[1])
