"""Model ids: whether one has the form of its provider, and whether anybody made it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from liftgate.findings import Finding, Severity
from liftgate.registry.evidence import Candidate
from liftgate.registry.models import Models, Variant

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_FORMS: Final = {
    "openai": (
        re.compile(rf"ft:{_NAME}:[A-Za-z0-9_-]*:[A-Za-z0-9_.-]*:[A-Za-z0-9]+(:ckpt-step-[0-9]+)?"),
        "ft:<base>:<organisation>:<name>:<id>",
    ),
    "azure": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}"), "the name of a deployment"),
    "bedrock": (
        re.compile(
            r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]+):[0-9]{12}:"
            r"(?P<kind>custom-model-deployment|custom-model|provisioned-model|imported-model|"
            r"(application-)?inference-profile)/[A-Za-z0-9._:/-]+"
        ),
        "arn:aws:bedrock:<region>:<account>:custom-model-deployment/<id>",
    ),
    "together": (re.compile(rf"{_NAME}/{_NAME}"), "<organisation>/<model>"),
    "fireworks": (
        re.compile(rf"accounts/{_NAME}/(models|deployedModels|deployments)/{_NAME}(#{_NAME}(/{_NAME})*)?"),
        "accounts/<account>/models/<id>",
    ),
    "local": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"), "a word without spaces"),
}
_TOLD_BY_JOBS: Final = frozenset({"fireworks", "openai", "together"})
"""Providers whose job tells the very id that callers send; elsewhere a deployment stands between."""


def model_id_form(models: Models, alias: str, variant: Variant) -> Iterator[Finding]:
    """Whether the id of a variant has the form that its provider gives tuned models."""
    model = variant.model
    form, example = _FORMS[model.provider]
    key = ("models", alias, "variants", variant.name)
    match = form.fullmatch(model.model_id)
    # Hosts that speak OpenAI's protocol name their models as they like.
    theirs = model.provider == "openai" and model.base_url is not None
    if match is None and not (theirs and re.fullmatch(r"[!-~]+", model.model_id)):
        yield Finding(
            "model-id-form",
            Severity.ERROR,
            f"{alias} {variant.name}: model_id is not in the form of a tuned model at {model.provider}: {example}",
            models.path,
            models.document.line((*key, "model_id")),
        )
    region = match.groupdict().get("region") if match else None
    if region and model.region is not None and model.region != region:
        yield Finding(
            "model-id-form",
            Severity.ERROR,
            f"{alias} {variant.name}: the ARN is of {region}, region says {model.region}; correct one of them",
            models.path,
            models.document.line((*key, "region")),
        )


def unknown_model(candidate: Candidate) -> Iterator[Finding]:
    """Whether a finished job of the ledger made the model of a variant."""
    model = candidate.variant.model
    match = _FORMS["bedrock"][0].fullmatch(model.model_id) if model.provider == "bedrock" else None
    told = match["kind"] == "custom-model" if match else model.provider in _TOLD_BY_JOBS
    if told and model.model_id not in candidate.evidence.model_ids:
        why = "no finished job of the ledger made this model"
        if not candidate.evidence.ledger:
            why = "no ledger was read, so nothing says that this model was trained (--ledger names one)"
        yield candidate.refuse(
            "unknown-model", f"{why}; correct model_id, or let the job be recorded", "model_id"
        )
