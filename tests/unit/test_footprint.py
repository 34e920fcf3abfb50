"""How much memory a training will hold: read from headers, by method, and never silently nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from liftgate.training.footprint import Batch, footprint, widest
from liftgate.training.manifest import local_hyperparameters, settings_of
from liftgate.training.model_shape import Linear, Shape, read_shape

# Llama 3.1 8B, by its published config.
LLAMA_8B = Shape(
    parameters=8_030_261_248,
    hidden=4096,
    intermediate=14336,
    layers=32,
    key_values=1024,
    vocabulary=128256,
    linears=tuple(
        Linear(name, layer, rows, columns)
        for layer in range(32)
        for name, rows, columns in (
            ("q_proj", 4096, 4096),
            ("k_proj", 1024, 4096),
            ("v_proj", 1024, 4096),
            ("o_proj", 4096, 4096),
            ("gate_proj", 14336, 4096),
            ("up_proj", 14336, 4096),
            ("down_proj", 4096, 14336),
        )
    ),
)
BATCH = Batch(rows=4, width=512, targets=64)


def need(method: str, precision: str = "bf16", **written: Any) -> dict[str, int]:
    settings = settings_of(local_hyperparameters({"method": method, **written}))
    return dict(footprint(LLAMA_8B, method, settings, BATCH, precision=precision).parts)


def test_the_adapter_is_counted_as_peft_counts_it() -> None:
    # r 16 on the seven projections of every layer of Llama 3.1 8B: 41,943,040 weights.
    assert need("lora", layers="all")["trained"] == 41_943_040 * 4
    assert need("lora", layers="upper-half")["trained"] == 41_943_040 * 2
    assert need("lora", layers=[0], target_modules=["q_proj"])["trained"] == 16 * 8192 * 4


def test_each_method_holds_the_base_in_its_own_form() -> None:
    assert need("lora")["base"] == LLAMA_8B.parameters * 2
    assert need("lora", precision="fp32")["base"] == LLAMA_8B.parameters * 4
    assert 5.5e9 < need("qlora")["base"] < 6.5e9
    full = need("full")
    assert full["base"] + full["gradients"] + full["optimizer"] == LLAMA_8B.parameters * 16


def test_checkpointing_and_fewer_layers_hold_less() -> None:
    every = need("lora", layers="all")["activations"]
    assert need("lora", layers="upper-half")["activations"] == every // 2
    assert need("lora", layers="all", gradient_checkpointing=True)["activations"] < every / 10


def test_the_widest_batch_is_the_one_with_most_tokens_as_padded() -> None:
    assert widest([10, 10, 90, 5], [2, 3, 4, 5], [0, 1, 2, 3], 2) == Batch(2, 90, 5)
    assert widest([10], [4], [0], 8) == Batch(1, 10, 4)


def test_a_shape_is_read_from_headers_without_loading_a_weight(tiny_model: Path) -> None:
    shape = read_shape(tiny_model)
    assert shape is not None
    assert (shape.hidden, shape.intermediate, shape.layers, shape.key_values) == (64, 128, 2, 32)
    assert len(shape.linears) == 14
    import torch
    from safetensors.torch import load_file

    weights = load_file(tiny_model / "model.safetensors")
    assert shape.parameters == sum(torch.numel(each) for each in weights.values())


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_folder_that_says_too_little_predicts_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert read_shape(tmp_path) is None
    (tmp_path / "config.json").write_text('{"hidden_size": 0, "num_attention_heads": 0}')
    assert read_shape(tmp_path) is None
