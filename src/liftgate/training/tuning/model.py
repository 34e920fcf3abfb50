"""The base in memory as a method wants it: as it is, quantised, with an adapter, or with every weight free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liftgate.errors import InputError, ProviderError
from liftgate.training.base_model import Base
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.libraries import Libraries, need_quantiser


def load_weights(
    base: Base, libraries: Libraries, *, precision: str = "fp32", quantised: bool = False
) -> Any:
    """The base's own weights, safetensors only. Raises `InputError` when they need code or a format we refuse."""
    torch = libraries.torch
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    more: dict[str, Any] = {}
    if quantised:
        need_quantiser()
        more["quantization_config"] = libraries.transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        more["device_map"] = {"": libraries.device}
    try:
        return libraries.transformers.AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=base.remote_code,
            **more,
        )
    except (ValueError, OSError) as error:
        raise InputError(
            f"base model {base.name} cannot be loaded: {str(error).splitlines()[0][:200]}",
            hint="a base has safetensors weights and an architecture that transformers itself knows; a model that "
            "brings its own Python must stand under training.remote_code of evals/policy.yaml",
        ) from None


def trainable(job: Job, libraries: Libraries, precision: str) -> Any:
    """The model whose free weights are what will be trained; for dpo the bare base, which TRL adapts itself."""
    method = job.manifest.method
    libraries.torch.manual_seed(job.manifest.seed)
    # Weights that are all trained stay in fp32: small steps would be rounded away in bf16.
    held = "fp32" if method == "full" else precision
    model = load_weights(job.base, libraries, precision=held, quantised=method == "qlora")
    model.config.use_cache = False
    if method == "qlora":
        _keep_unpacked(model)
    if method in {"full", "dpo"}:
        return model
    try:
        return libraries.peft.get_peft_model(model, adapter_config(job, model, libraries))
    except ValueError as error:
        raise no_place(job, error) from None


def adapter_config(job: Job, model: Any, libraries: Libraries) -> Any:
    """Which modules of the model get an adapter of which size."""
    settings: Mapping[str, Any] = job.settings
    layers = model.config.num_hidden_layers
    asked, targets = settings["layers"], settings["target_modules"]
    named = {"all": None, "upper-half": list(range(layers // 2, layers))}
    chosen = named[asked] if isinstance(asked, str) else list(asked)
    return libraries.peft.LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=_linear_names(model, libraries) if targets == "all-linear" else list(targets),
        layers_to_transform=chosen,
        layers_pattern=None if chosen is None else "layers",
        task_type="CAUSAL_LM",
    )


def _linear_names(model: Any, libraries: Libraries) -> list[str]:
    """Every linear layer but the one that gives the logits. peft knows the word, but not together with layers."""
    head = model.get_output_embeddings()
    linear = libraries.torch.nn.Linear
    found = {
        path.rpartition(".")[2]
        for path, each in model.named_modules()
        if isinstance(each, linear) and each is not head
    }
    return sorted(found)


def no_place(job: Job, error: ValueError) -> InputError:
    """The refusal of peft in our words."""
    return InputError(
        f"no LoRA can be placed on {job.base.name}: {str(error).splitlines()[0]}",
        hint="check target_modules and layers in the card's training section",
    )


def adapted_modules(model: Any) -> int:
    """Number of modules that carry an adapter."""
    return sum(1 for name, _ in model.named_modules() if name.endswith("lora_A"))


def parameters(model: Any) -> tuple[int, int]:
    """Number of weights that are trained, and of all."""
    every = list(model.parameters())
    return sum(p.numel() for p in every if p.requires_grad), sum(p.numel() for p in every)


def _keep_unpacked(model: Any) -> None:
    """Hold the 4-bit layers in training mode, whatever `eval()` says.

    On a CPU bitsandbytes repacks a weight at its first forward pass in evaluation mode, and a repacked weight
    passes no gradient on: every later step would train nothing. The layers have no other use for the mode.
    """
    layers = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    if not layers:
        raise ProviderError(
            "the base was not quantised: no layer of it is held in four bits",
            hint="use method lora for a model as small as this",
        )
    for layer in layers:
        layer.training = True
        layer.train = _unchanged(layer)


def _unchanged(layer: Any) -> Any:
    return lambda mode=True: layer
