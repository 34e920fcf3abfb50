"""An adapter that another tool wrote, looked at before anything of it is believed: files, base, weights, effect."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liftgate.errors import ProviderError
from liftgate.training.adapters import PUBLISHED
from liftgate.training.base_model import HUB_NAME, Base
from liftgate.training.tuning.attaching import attach, check_attached
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.model import load_weights

_PROBE: Final = [{"role": "user", "content": "probe"}]


@dataclass(frozen=True)
class Foreign:
    """An adapter whose files are sound: how many modules it says it is for, and of how many weights."""

    folder: Path
    modules: int
    parameters: int

    def copy_into(self, target: Path) -> None:
        """Its two files and no other."""
        for name in PUBLISHED:
            shutil.copyfile(self.folder / name, target / name)


def check_foreign(folder: Path, base: Base) -> Foreign:
    """Read what can be read without running anything. Raises `ProviderError` saying what is wrong."""
    if (folder / "adapter_model.bin").exists():
        raise _refused(
            "its weights are a pickle, which runs code when it is read", "save them as safetensors"
        )
    missing = [name for name in PUBLISHED if not (folder / name).is_file()]
    if missing:
        raise _refused(
            f"{' and '.join(missing)} missing in {folder}", "write the adapter where the job file says"
        )
    try:
        config = json.loads((folder / "adapter_config.json").read_bytes())
    except ValueError:
        raise _refused("adapter_config.json is not JSON", "write it with save_pretrained") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refused("it is no LoRA by its adapter_config.json", "train a LoRA")
    named = config.get("base_model_name_or_path")
    if not _is_base(named, base):
        raise _refused(
            f"it says it was trained on another base than {base.name}", "train on the folder of the job file"
        )
    return _weighed(folder)


def take(adapter: Foreign, job: Job, libraries: Libraries) -> Any:
    """The base with the adapter on it. Raises `ProviderError` when it does not attach or changes nothing."""
    model = load_weights(job.base, libraries)
    model = attach(model, adapter.folder, "candidate", whose=job.base.name)
    probe = job.renderer.prompt_ids(_PROBE)
    check_attached(model, "candidate", adapter.modules, probe, folder=adapter.folder, whose=job.base.name)
    return model


def _weighed(folder: Path) -> Foreign:
    """Count modules and weights in the file itself. Raises `ProviderError` when every B is zero."""
    from safetensors import SafetensorError, safe_open

    modules = parameters = 0
    moved = False
    try:
        with safe_open(str(folder / "adapter_model.safetensors"), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping, it has keys() and no iteration
                tensor = file.get_tensor(name)
                parameters += tensor.numel()
                modules += ".lora_A." in name
                moved = moved or (".lora_B." in name and bool(tensor.count_nonzero()))
    except SafetensorError:
        raise _refused("adapter_model.safetensors cannot be read", "write it again") from None
    if not modules or not moved:
        raise _refused(
            "it has not moved: its B is zero everywhere", "check the tool's settings and its output"
        )
    return Foreign(folder, modules, parameters)


def _is_base(named: Any, base: Base) -> bool:
    of_hub = HUB_NAME.fullmatch(base.name)
    names = {base.name, str(base.folder), *([of_hub[1]] if of_hub else [])}
    if not isinstance(named, str):
        return False
    return named in names or Path(named).resolve() == base.folder.resolve()


def _refused(why: str, hint: str) -> ProviderError:
    return ProviderError(f"the adapter that came back is refused: {why}", hint=hint)
