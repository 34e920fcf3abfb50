"""What a model server is handed: whole files, names that never clash, command lines that start it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from liftgate.errors import InputError
from liftgate.training.adapters import Adapter, read_adapter, seal
from liftgate.training.base_model import Base
from liftgate.training.handoff import hand_off, handoff_of

COMMIT = "c" * 40
BASE = Base(f"org/model@{COMMIT}", Path("/models/base"), COMMIT, ())


def adapter_at(folder: Path, **changes: Any) -> Adapter:
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    record = {
        "kind": "adapter",
        "manifest": {"digest": "d" * 64, "hyperparameters": {"rank": 12}},
        "base": {"name": BASE.name, "base_sha256": "b" * 64},
        "serving": {"dtype": "float32", "quantisation": None},
        "evidence": {},
    }
    seal(folder, {**record, **changes}, BASE.name)
    return read_adapter(folder)


def test_an_adapter_of_a_hub_base_is_served_beside_it(tmp_path: Path) -> None:
    adapter = adapter_at(tmp_path / "a")
    name = f"toy-{adapter.sha256[:8]}"
    assert " ".join(handoff_of(adapter, BASE, "toy").vllm()) == (
        f"vllm serve org/model --revision {COMMIT} --tokenizer-revision {COMMIT} --served-model-name {name}-base "
        f"--enable-lora --lora-modules {name}=adapter --max-lora-rank 16"
    )
    assert " ".join(handoff_of(adapter, BASE, "toy").tgi()) == (
        f"text-generation-launcher --model-id org/model --revision {COMMIT} --lora-adapters {name}=adapter"
    )


def test_an_adapter_of_a_quantised_base_is_served_on_a_quantised_base(tmp_path: Path) -> None:
    adapter = adapter_at(tmp_path / "a", serving={"dtype": "float32", "quantisation": "nf4"})
    assert handoff_of(adapter, BASE, "toy").vllm()[-2:] == ["--quantization", "bitsandbytes"]
    assert handoff_of(adapter, BASE, "toy").tgi()[-2:] == ["--quantize", "bitsandbytes-nf4"]


def test_the_folder_is_whole_and_its_script_starts_the_server_from_anywhere(tmp_path: Path) -> None:
    adapter = adapter_at(tmp_path / "a")
    target = tmp_path / "served here"
    handed = hand_off(adapter, BASE, "toy", target)
    assert sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file()) == [
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "adapter/liftgate-adapter.json",
        "handoff.json",
        "serve-vllm.sh",
    ]
    record = json.loads((target / "handoff.json").read_bytes())
    assert record["vllm"] == handed.vllm()
    assert record["adapter_sha256"] == adapter.sha256
    assert read_adapter(target / "adapter").sha256 == adapter.sha256
    seen = tmp_path / "bin"
    seen.mkdir()
    (seen / "vllm").write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    (seen / "vllm").chmod(0o755)
    done = subprocess.run(
        [target / "serve-vllm.sh", "--port", "9"],
        env={"PATH": f"{seen}:/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(target), *handed.vllm()[1:], "--port", "9"]


def test_a_damaged_adapter_is_not_handed_on_and_nothing_is_overwritten(tmp_path: Path) -> None:
    adapter = adapter_at(tmp_path / "a")
    with pytest.raises(InputError, match="is there already"):
        hand_off(adapter, BASE, "toy", tmp_path)
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match=r"adapter_model\.safetensors changed"):
        hand_off(adapter, BASE, "toy", tmp_path / "served")
    assert not (tmp_path / "served").exists()
